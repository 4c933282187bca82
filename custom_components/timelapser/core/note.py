"""What a stored still says of itself: enough to make its catalogue row again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from .models import Fault, FaultKind, Freshness, Light, Verdict
from .ulid import from_millis, to_millis


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameNote:
    """The content of the comment in a file; ``sequence`` counts the stills of the camera, both sizes are pixels."""

    camera_id: str
    run_ids: tuple[str, ...]
    captured_at: datetime
    slot_at: datetime
    sequence: int
    score: float | None
    verdict: Verdict
    freshness: Freshness
    light: Light | None = None
    faults: tuple[Fault, ...] = ()
    size: tuple[int, int] | None = None
    fetched_sha256: bytes

    def to_comment(self) -> dict[str, str | int | float | None]:
        """Return the note as the flat mapping that ``stamp`` writes."""
        return {
            "camera": self.camera_id,
            "runs": ",".join(self.run_ids),
            "utc": self.captured_at.isoformat(timespec="milliseconds"),
            "slot": to_millis(self.slot_at),
            "seq": self.sequence,
            "score": self.score,
            "verdict": self.verdict,
            "freshness": self.freshness,
            "light": self.light,
            "faults": ",".join(f"{fault.kind}:{fault.severity:.3g}" for fault in self.faults),
            "size": "x".join(map(str, self.size)) if self.size else None,
            "sha256": self.fetched_sha256.hex(),
        }

    @classmethod
    def from_comment(cls, comment: Mapping[str, str | int | float | None]) -> FrameNote:
        """Return the note in a comment (of faults the kind and severity alone); ValueError when it is none."""
        try:
            score, light = comment["score"], comment["light"]
            return cls(
                camera_id=_text(comment, "camera"),
                run_ids=tuple(run for run in _text(comment, "runs").split(",") if run),
                captured_at=datetime.fromisoformat(_text(comment, "utc")),
                slot_at=from_millis(int(comment["slot"] or 0)),
                sequence=int(comment["seq"] or 0),
                score=None if score is None else float(score),
                verdict=Verdict(_text(comment, "verdict")),
                freshness=Freshness(_text(comment, "freshness")),
                light=None if light is None else Light(_text(comment, "light")),
                faults=_faults(_text(comment, "faults")),
                size=_size(comment["size"]),
                fetched_sha256=bytes.fromhex(_text(comment, "sha256")),
            )
        except (KeyError, TypeError, OverflowError) as err:
            raise ValueError("not the note of a frame") from err


def _text(comment: Mapping[str, str | int | float | None], key: str) -> str:
    value = comment[key]
    if not isinstance(value, str):
        raise TypeError(key)
    return value


def _faults(text: str) -> tuple[Fault, ...]:
    pairs = (item.split(":") for item in text.split(",") if item)
    return tuple(Fault(FaultKind(kind), float(severity)) for kind, severity in pairs)


def _size(value: str | float | None) -> tuple[int, int] | None:
    if not isinstance(value, str):
        return None
    width, height = value.split("x")
    return int(width), int(height)
