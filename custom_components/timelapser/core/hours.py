"""What the pictures of each hour showed: gathered in memory, and kept as one small record for each light."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final, Self

from .models import FaultKind, Light

SPACING: Final = timedelta(seconds=10)
"""Between two pictures of an hour that count: 360 are enough for a median, and no camera keeps more in memory."""
KEPT: Final = timedelta(days=42)
"""How far back hours are of use: the longest trend that is looked for, and what was usual before it. At most 24 records
a day, seldom in two lights: under 1500."""
DIGITS: Final = 3
"""Decimals of a closeness that are kept: a hundredth of what weather does to it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hour:
    """What the pictures of one light mode in one hour showed: their number, and medians.

    ``at`` is when the hour begins (UTC). ``closeness`` is as in ``Evaluation``; ``score`` is 0..100, None where no
    picture could be scored.
    """

    at: datetime
    light: Light
    count: int
    closeness: Mapping[FaultKind, float] = field(default_factory=dict)
    score: float | None = None


@dataclass(frozen=True, slots=True)
class _Shown:
    light: Light
    closeness: Mapping[FaultKind, float]
    score: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathering:
    """The pictures of the hour that is under way; a value, replaced and never changed.

    A picture of another hour closes it. What is open is lost with the process: at most an hour.
    """

    at: datetime | None = None
    last: datetime | None = None
    shown: tuple[_Shown, ...] = ()

    def after(
        self, when: datetime, light: Light | None, closeness: Mapping[FaultKind, float], score: float | None
    ) -> tuple[Self, tuple[Hour, ...]]:
        """Return it with one more picture (closeness and score as in ``Evaluation``), and the records that this closes.

        ``when`` is aware. A picture without a light could not be read, and says nothing.
        """
        if light is None:
            return self, ()
        shown = _Shown(light, closeness, score)
        at = when.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        if at != self.at:
            return replace(self, at=at, last=when, shown=(shown,)), self._records()
        if self.last is not None and timedelta() <= when - self.last < SPACING:
            return self, ()
        return replace(self, last=when, shown=(*self.shown, shown)), ()

    def _records(self) -> tuple[Hour, ...]:
        """Return what is kept of the hour, a record for each light."""
        if self.at is None:
            return ()
        lights = sorted({shown.light for shown in self.shown})
        return tuple(_hour(self.at, light, [one for one in self.shown if one.light is light]) for light in lights)

    def forgetting(self, light: Light | None) -> Self:
        """Return it without the pictures of a light mode, or without any."""
        return replace(self, shown=tuple(one for one in self.shown if light is not None and one.light is not light))


def _hour(at: datetime, light: Light, shown: list[_Shown]) -> Hour:
    kinds = [kind for kind in FaultKind if any(kind in one.closeness for one in shown)]
    scores = [one.score for one in shown if one.score is not None]
    return Hour(
        at=at,
        light=light,
        count=len(shown),
        closeness={
            kind: round(median(one.closeness[kind] for one in shown if kind in one.closeness), DIGITS) for kind in kinds
        },
        score=round(median(scores), 1) if scores else None,
    )
