"""Why a camera is degraded: what is shown of it for as long as it is."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
import json
from typing import Self

from .errors import Code
from .models import FaultKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Degradation:
    """What degraded a camera, and the stills that show it.

    ``since`` is aware. ``bad`` of the last ``pictures`` were bad, ``in_a_row`` of them at the end; all three are 0
    when nothing but the state is known. ``faults`` are those of the last one, worst first; ``code`` is its error.
    ``reference`` and ``rejected`` are frame ids, None when there is no such still.
    """

    since: datetime
    bad: int = 0
    pictures: int = 0
    in_a_row: int = 0
    code: Code | None = None
    faults: tuple[FaultKind, ...] = ()
    reference: str | None = None
    rejected: str | None = None

    def showing(self, *, reference: str | None, rejected: str | None) -> Self:
        """Return the same with its stills."""
        return replace(self, reference=reference, rejected=rejected)

    def to_json(self) -> str:
        """Return it as the text that the catalogue keeps."""
        return json.dumps({**asdict(self), "since": self.since.isoformat()}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what ``to_json`` gave."""
        data = json.loads(text)
        return cls(
            **data
            | {
                "since": datetime.fromisoformat(data["since"]),
                "code": Code(data["code"]) if data["code"] else None,
                "faults": tuple(FaultKind(kind) for kind in data["faults"]),
            }
        )
