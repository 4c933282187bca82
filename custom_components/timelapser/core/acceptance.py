"""How many of the last day's captures gave a frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
import json
from typing import Final, Self

HOURS: Final = 24
"""Hours that are counted, with the one under way: the share is that of the last 23 to 24 hours."""
_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What came of the captures of each hour, the oldest first: (hours since 1970 UTC, captures, frames kept)."""

    hours: Sequence[tuple[int, int, int]] = ()

    def after(self, when: datetime, *, kept: bool) -> Self:
        """Return the same with one more capture, at an aware ``when``, and without hours that are not of its day."""
        hour = _hour(when)
        day = {number: (tried, good) for number, tried, good in self._day(hour)}
        tried, good = day.get(hour, (0, 0))
        day[hour] = (tried + 1, good + kept)
        return type(self)(tuple((number, *counts) for number, counts in sorted(day.items())))

    def share(self, now: datetime) -> float | None:
        """Return the percentage of captures that gave a frame in the last day; None without any capture."""
        day = self._day(_hour(now))
        tried = sum(tried for _, tried, _ in day)
        return 100.0 * sum(good for _, _, good in day) / tried if tried else None

    def to_json(self) -> str:
        """Return it as the text that the catalogue keeps."""
        return json.dumps(self.hours, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | None) -> Self:
        """Return what ``to_json`` gave; nothing counted for None."""
        return cls(tuple((hour, tried, good) for hour, tried, good in json.loads(text or "[]")))

    def _day(self, hour: int) -> list[tuple[int, int, int]]:
        return [entry for entry in self.hours if 0 <= hour - entry[0] < HOURS]


def _hour(when: datetime) -> int:
    return int(when.timestamp() // _SECONDS)
