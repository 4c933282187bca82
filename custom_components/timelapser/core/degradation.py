"""Why a camera is degraded: what is shown of it for as long as it is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
import json
from typing import Final, Self

from .errors import Code
from .models import FaultKind

_ARE: Final[Mapping[str, str]] = {
    FaultKind.UNDECODABLE: "undecodable",
    FaultKind.TRUNCATED: "cut off",
    FaultKind.NO_END_MARKER: "incomplete at the end",
    FaultKind.TOO_SMALL: "too small",
    FaultKind.BLACK: "black",
    FaultKind.WHITE: "white",
    FaultKind.UNIFORM: "of one colour",
    FaultKind.GREY: "grey",
    FaultKind.GREEN: "green",
    FaultKind.PINK: "pink",
    FaultKind.FROZEN: "frozen",
    FaultKind.STALE: "stale",
    FaultKind.BLUR: "blurred",
    FaultKind.NOISE: "noisy",
    FaultKind.STREAM_DAMAGE: "damaged in the stream",
    FaultKind.BLOCK_LOSS: "short of blocks",
    FaultKind.BANDS: "crossed by bands",
    FaultKind.TEARING: "torn",
    FaultKind.SHEAR: "slanted",
    FaultKind.CHROMA_SHIFT: "of shifted colours",
    FaultKind.COVERED: "covered",
    FaultKind.DIRT: "dirty",
    FaultKind.FILM: "misted",
    FaultKind.MOVED: "of another view",
    FaultKind.CAST: "of wrong colours",
    FaultKind.DARK: "too dark",
    FaultKind.BRIGHT: "too bright",
}
"""What pictures are that have a fault."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Degradation:
    """What degraded a camera, and the stills that show it.

    ``since`` is aware, and so is ``first_bad_at``, when the first of the bad pictures was taken. ``bad`` of the last
    ``pictures`` were bad, ``in_a_row`` of them at the end; all three are 0 when nothing but the state is known.
    ``causes`` says how many of the bad ones had which worst fault, or error code. ``faults`` are those of the last one,
    worst first; ``code`` is its error.
    ``reference`` and ``rejected`` are frame ids, None when there is no such still.
    """

    since: datetime
    first_bad_at: datetime | None = None
    bad: int = 0
    pictures: int = 0
    in_a_row: int = 0
    causes: Mapping[str, int] = field(default_factory=dict)
    code: Code | None = None
    faults: tuple[FaultKind, ...] = ()
    reference: str | None = None
    rejected: str | None = None

    @property
    def cause(self) -> str | None:
        """Return the most frequent cause."""
        return main_cause(self.causes)

    def summary(self, since: str) -> str | None:
        """Return in a few words how many pictures are bad and why; None when that is not known.

        ``since`` is when the first of them was taken, as the caller's clock shows it.
        """
        if not self.bad:
            return None
        common = sorted(self.causes.items(), key=lambda item: -item[1])
        if [count for _, count in common] == [self.bad] and common[0][0] in _ARE:
            return f"{self.bad} of {self.pictures} frames {_ARE[common[0][0]]} since {since}"
        parts = ", ".join(f"{count} {_ARE.get(cause, cause)}" for cause, count in common)
        return f"{self.bad} of {self.pictures} frames bad since {since}" + (f": {parts}" if parts else "")

    def counting(self, first_bad_at: datetime, causes: Mapping[str, int]) -> Self:
        """Return the same with what is known of its pictures."""
        return replace(self, first_bad_at=first_bad_at, causes=dict(causes))

    def showing(self, *, reference: str | None, rejected: str | None) -> Self:
        """Return the same with its stills."""
        return replace(self, reference=reference, rejected=rejected)

    def to_json(self) -> str:
        """Return it as the text that the catalogue keeps."""
        first = self.first_bad_at.isoformat() if self.first_bad_at else None
        times = {"since": self.since.isoformat(), "first_bad_at": first}
        return json.dumps({**asdict(self), **times}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what ``to_json`` gave."""
        data = json.loads(text)
        return cls(
            **data
            | {
                "since": datetime.fromisoformat(data["since"]),
                "first_bad_at": datetime.fromisoformat(first) if (first := data.get("first_bad_at")) else None,
                "code": Code(data["code"]) if data["code"] else None,
                "faults": tuple(FaultKind(kind) for kind in data["faults"]),
            }
        )


def main_cause(causes: Mapping[str, int]) -> str | None:
    """Return the most frequent of causes, a fault before any error code: a code says less of a picture."""
    faults = [cause for cause in causes if cause in FaultKind]
    return max(faults or causes, key=lambda cause: causes[cause], default=None)
