"""Back-tests the forecast: what it, and a straight line beside it, would have said of a camera's past, hour by hour."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.figures import Rate
from benchmarks.detection.tables import Target

from .decays import GOOD, SLOW, Past, Sight

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
IN_TIME: Final = DAY
"""Before a camera is degraded, at least."""
LINE: Final = 7 * DAY
"""Past through which a straight line is laid, as one would by hand."""
LEAST: Final = 24
"""Points that it needs."""
SURE: Final = 2.0
"""Standard errors that its slope must have."""
HORIZON: Final = 30 * DAY
"""How far ahead it is believed."""
REJECTED: Final = 50.0
"""Score under which a picture is rejected."""
CAUSES: Final[Mapping[str, tuple[str, ...]]] = {"dirt": ("dirt", "film", "covered"), "defocus": ("blur",)}
"""What is right to say, by the profile: a lens full of blotches may be called filmy."""


@dataclass(frozen=True, slots=True)
class Said:
    """What stood from an instant on: a cause, and when pictures would be bad; no cause: nothing."""

    at: datetime
    cause: str | None = None
    earliest: datetime | None = None
    likely: datetime | None = None
    latest: datetime | None = None


type Rule = Callable[[Sequence[Sight]], Iterator[Said]]
"""(a camera's pictures in order) to what stood, whenever that changed."""


def ours(sights: Sequence[Sight]) -> Iterator[Said]:
    """Say what the product says: it gathers hours and looks ahead at the end of each."""
    from custom_components.timelapser.core.forecast import foresee  # noqa: PLC0415 - loaded after all that draws
    from custom_components.timelapser.core.hours import Gathering, Hour  # noqa: PLC0415
    from custom_components.timelapser.core.models import FaultKind, Light  # noqa: PLC0415

    gathering, hours, standing = Gathering(), list[Hour](), None
    for sight in sights:
        light = None if sight.light is None else Light(sight.light)
        closeness = {FaultKind(kind): value for kind, value in sight.closeness.items()}
        gathering, closed = gathering.after(sight.at, light, closeness, sight.score)
        hours += closed
        if closed and (found := foresee(hours, sight.at, standing)) is not standing:
            standing = found
            yield (
                Said(sight.at)
                if found is None
                else Said(sight.at, str(found.kind), found.earliest, found.likely, found.latest)
            )


def by_score(sights: Sequence[Sight]) -> Iterator[Said]:
    """Lay a line through the scores of a week; it knows no cause."""
    points = [
        (sight.at, {"score": 1 - (sight.score - REJECTED) / REJECTED}) for sight in sights if sight.score is not None
    ]
    yield from _by_lines(points)


def by_signal(sights: Sequence[Sight]) -> Iterator[Said]:
    """Lay a line through each closeness in each light of a week: the same measurements as ours."""
    points = [
        (sight.at, {f"{kind} {sight.light}": value for kind, value in sight.closeness.items()}) for sight in sights
    ]
    yield from _by_lines(points)


def _by_lines(points: Sequence[tuple[datetime, Mapping[str, float]]]) -> Iterator[Said]:
    """Say where lines through signals reach 1, the soonest first; least squares, once for each picture."""
    names = list(dict.fromkeys(name for _, values in points for name in values))
    begin = points[0][0]
    when = np.array([(at - begin) / DAY for at, _ in points])
    table = {name: np.array([values.get(name, np.nan) for _, values in points]) for name in names}
    standing: str | None = None
    for number, (at, _) in enumerate(points):
        first = int(np.searchsorted(when, when[number] - LINE / DAY))
        window = slice(first, number + 1)
        found = {
            name: days
            for name, values in table.items()
            if (days := _days_left(when[window], values[window])) is not None
        }
        soonest = min(found, key=lambda name: found[name], default=None)
        if soonest != standing:
            standing = soonest
            yield Said(at) if soonest is None else Said(at, soonest.split()[0], likely=at + found[soonest] * DAY)


def _days_left(when: NDArray[np.float64], values: NDArray[np.float64]) -> float | None:
    """Return in how many days a line reaches 1, None if it does not rise for sure or not soon."""
    known = np.isfinite(values)
    count = int(np.count_nonzero(known))
    if count < LEAST:
        return None
    x, y = when[known], values[known]
    away = x - x.mean()
    spread = float(away @ away)
    slope = float(away @ y) / spread if spread else 0.0
    left = y - y.mean() - slope * away
    error = math.sqrt(float(left @ left) / (count - 2) / spread) if spread else math.inf
    level = float(y.mean() + slope * (when[-1] - x.mean()))
    if slope <= SURE * error or level >= 1:
        return None if slope <= SURE * error else 0.0
    days = (1 - level) / slope
    return days if days <= HORIZON / DAY else None


OURS: Final = "Timelapser"
RULES: Final[Mapping[str, Rule]] = {
    OURS: ours,
    "line through the signals": by_signal,
    "line through the score": by_score,
}


@dataclass(frozen=True, slots=True)
class Told:
    """A camera, and what one rule said of it."""

    past: Past
    said: tuple[Said, ...]

    def standing(self, at: datetime) -> Said | None:
        """Return what stood at an instant, None if that was nothing."""
        before = [each for each in self.said if each.at <= at]
        return before[-1] if before and before[-1].cause is not None else None

    @property
    def in_time(self) -> Said | None:
        """Return what stood a day before the camera was degraded, or should have been."""
        assert self.past.bad is not None  # noqa: S101 - asked of bad cameras alone
        return self.standing(self.past.bad - IN_TIME)

    @property
    def right(self) -> bool:
        """Return whether the cause was right a day before."""
        said = self.in_time
        return said is not None and said.cause in CAUSES[self.past.profile]

    @property
    def covers(self) -> bool:
        """Return whether the interval of a day before had the instant in it."""
        said = self.in_time
        if said is None or said.earliest is None or said.latest is None or self.past.bad is None:
            return False
        return said.earliest <= self.past.bad <= said.latest

    @property
    def ever(self) -> bool:
        """Return whether anything was said while nothing grew."""
        begin = self.past.begin
        return any(each.cause is not None and (begin is None or each.at < begin) for each in self.said)


def heard(pasts: Sequence[Past]) -> dict[str, list[Told]]:
    """Return what each rule says of cameras."""
    return {name: [Told(past, tuple(rule(past.sights))) for past in pasts] for name, rule in RULES.items()}


def targets(told: Sequence[Told]) -> list[Target]:
    """Return what was asked for, of one rule."""

    def rate(words: str, answers: Sequence[bool], limit: float, *, at_least: bool = True) -> Target:
        found = Rate.of(answers)
        return Target(words, found.share if found.total else None, limit, at_least, str(found).strip())

    bad = [each for each in told if each.past.degraded is not None]
    missed = [each for each in told if each.past.degraded is None and each.past.due is not None]
    lines = [rate("told a day before degraded", [each.in_time is not None for each in bad], 0.8)]
    for kind in SLOW:
        own = [each.in_time is not None for each in bad if each.past.profile == kind]
        lines.append(rate(f"of these, {kind}", own, 0.8))
    lines.append(
        rate(
            "never degraded: told a day before they should have been",
            [each.in_time is not None for each in missed],
            0.8,
        )
    )
    known = [each for each in (*bad, *missed) if each.in_time is not None]
    lines.append(rate("the cause is right", [each.right for each in known], 0.8))
    degraded = [each.covers for each in bad if each.in_time is not None]
    lines.append(rate("the interval has the instant", degraded, 0.8))
    good = [each for each in told if each.past.profile == GOOD]
    lines.append(rate("good cameras ever told of", [each.ever for each in good], 0.05, at_least=False))
    growing = [each for each in told if each.past.profile != GOOD]
    lines.append(rate("cameras told of before anything grew", [each.ever for each in growing], 0.05, at_least=False))
    return lines


def to_json(told: Mapping[str, Sequence[Told]]) -> dict[str, Any]:
    """Return everything for a file."""
    return {
        "targets": {rule: [line.to_json() for line in targets(each)] for rule, each in told.items()},
        "cameras": [
            {
                "profile": each.past.profile,
                "camera": each.past.camera,
                "begin": each.past.begin and each.past.begin.isoformat(),
                "degraded": each.past.degraded and each.past.degraded.isoformat(),
                "due": each.past.due and each.past.due.isoformat(),
                "rule": rule,
                "said": [
                    (said.at.isoformat(), said.cause, said.likely and said.likely.isoformat()) for said in each.said
                ],
            }
            for rule, some in told.items()
            for each in some
        ],
    }
