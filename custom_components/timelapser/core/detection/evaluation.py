"""What the detector says of one picture."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..models import Fault, FaultKind, Freshness, Light, Verdict
from .baseline import Baseline


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """The result of looking at one picture.

    ``score`` is 0..100 (100 is perfect) or None when the picture could not be scored. ``features`` are the
    measurements by name; ``timings`` are milliseconds by stage. ``baseline`` is the updated memory of the camera:
    the caller keeps it only when it commits the attempt. ``sha256`` is that of the bytes as given. While ``learning``,
    it is not known yet how the camera's pictures look in this light: soft faults are suspect at most. ``closeness`` is
    how near each slow fault is to making the picture bad (0 as usual, 1 bad), empty while there is nothing to compare.
    """

    score: float | None
    verdict: Verdict
    faults: tuple[Fault, ...]
    features: Mapping[str, float]
    light: Light | None
    freshness: Freshness
    size: tuple[int, int] | None
    content_type: str
    sha256: bytes
    timings: Mapping[str, float]
    baseline: Baseline
    learning: bool
    closeness: Mapping[FaultKind, float] = field(default_factory=dict)
