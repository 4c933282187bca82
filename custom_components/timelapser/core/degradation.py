"""Why a camera is degraded: what is shown of it for as long as it is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
import json
from typing import Self

from .errors import Code
from .models import FaultKind


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
