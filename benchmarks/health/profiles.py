"""What befalls the simulated cameras, and when: good ones, bad ones, and those that fall ill."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
import itertools
from typing import Final

from benchmarks.corpus.sequences import BEGIN

from .ailments import (
    Ailment,
    Moment,
    Taken,
    broken,
    defocus,
    dirt,
    frozen,
    healthy,
    lasting,
    silent,
    stuck_infrared,
)
from .site import Site

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Life:
    """The life of one camera: how many days, and how often it is to take a picture."""

    site: Site
    days: int
    interval: timedelta

    def day(self, share: float) -> datetime:
        """Return the midnight after which so large a share of the life is over."""
        return BEGIN + round(share * self.days) * DAY

    @property
    def begin(self) -> datetime:
        """Return when it begins."""
        return BEGIN

    @property
    def end(self) -> datetime:
        """Return when it ends."""
        return BEGIN + self.days * DAY


@dataclass(frozen=True, slots=True)
class Course:
    """What befalls a camera: from ``begin`` on it answers an attempt as ``at`` says; before, as a good one."""

    begin: datetime
    at: Callable[[datetime], Ailment]


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of camera: what befalls it, and how often it looks.

    ``sick`` are those that must be found. Nothing changes in the life of one that lives ``days`` at most.
    """

    name: str
    course: Callable[[Life], Course]
    every: timedelta
    sick: bool = False
    days: int = 30

    def life(self, of: Life) -> Life:
        """Return the life of a camera of this kind at the place of another."""
        return replace(of, interval=self.every, days=min(of.days, self.days))


@dataclass(frozen=True, slots=True)
class Illness:
    """Something that is wrong for a while."""

    begin: datetime
    end: datetime
    ailment: Ailment


def ill_during(illnesses: list[Illness]) -> Course:
    """Return the course of a camera that is healthy but for some illnesses."""

    def at(when: datetime) -> Ailment:
        return next((each.ailment for each in illnesses if each.begin <= when < each.end), healthy)

    return Course(min(each.begin for each in illnesses), at)


def _share(bad: float, life: Life) -> Course:
    """Return the course of a camera of whose attempts so large a share is bad, from its first day on."""

    def at(when: datetime) -> Ailment:
        drawn = life.site.chance(f"share {bad}", when.isoformat()).uniform()
        return broken if drawn < bad else healthy

    return Course(BEGIN, at)


def _flapping(_life: Life) -> Course:
    """Return the course of a camera that is good for an hour and bad for an hour."""
    return Course(BEGIN, lambda when: broken if (when - BEGIN) // HOUR % 2 else healthy)


ONSETS: Final = (0.25, 0.75)
"""Shares of its life after which something befalls a camera: the first comes when it knows its days and nights."""


def _onsets(life: Life, name: str, hours: tuple[int, int] = (0, 24)) -> list[datetime]:
    """Draw the instants at which something befalls a camera: full hours, at which every camera is due."""
    rng = life.site.chance(name, "onsets")
    return [life.day(share) + int(rng.integers(*hours)) * HOUR for share in ONSETS]


def _sudden(name: str, ailment: Callable[[datetime], Ailment], hours: int, life: Life) -> Course:
    """Return the course of a camera that something befalls twice, for so many hours."""
    return ill_during([Illness(begin, begin + hours * HOUR, ailment(begin)) for begin in _onsets(life, name)])


def _stuck_infrared(life: Life) -> Course:
    """Return the same of a filter that sticks for a day, from a morning on."""
    onsets = _onsets(life, "stuck infrared", (6, 9))
    return ill_during([Illness(begin, begin + 9 * HOUR, stuck_infrared(begin)) for begin in onsets])


SETTLED: Final = 12 * HOUR
"""Time after which the view of a turned camera is no illness any more, but where it looks now."""


def _moved(life: Life) -> Course:
    """Return the course of a camera that is turned twice, each time to stay."""
    onsets = [*_onsets(life, "moved"), life.end]

    def settling(begin: datetime) -> Ailment:
        turned = lasting("moved", begin)

        def taken(moment: Moment) -> Taken:
            found = turned(moment)
            return found if moment.when < begin + SETTLED else replace(found, severe=False)

        return taken

    return ill_during([Illness(begin, end, settling(begin)) for begin, end in itertools.pairwise(onsets)])


def _frozen(life: Life) -> Course:
    """Return the course of a camera that hangs twice for a third of a day, in different ways."""
    ways = ("encoded", "clock") if life.site.world.clock else ("bytes", "encoded")
    return ill_during(
        [
            Illness(begin, begin + 8 * HOUR, frozen(life.site, begin - life.interval, how))
            for begin, how in zip(_onsets(life, "frozen"), ways, strict=True)
        ]
    )


GROWS_FROM, GROWN, CLEANED = 0.3, (0.5, 0.6), 0.7
"""Shares of the life after which a decay begins, has come to its worst, and is mended."""


def _gradual(name: str, ailment: Callable[[float], Ailment], life: Life) -> Course:
    """Return the course of a camera that gets worse from day to day."""
    begin, cleaned = life.day(GROWS_FROM), life.day(CLEANED) + 10 * HOUR
    worst = life.day(life.site.chance(name, "grown").uniform(*GROWN))

    def at(when: datetime) -> Ailment:
        return ailment(min(1.0, (when - begin) / (worst - begin))) if begin < when < cleaned else healthy

    return Course(begin, at)


_HALF_HOURLY, _HOURLY, _SELDOM = HOUR / 2, HOUR, 2 * HOUR

PROFILES: Final[Mapping[str, Profile]] = {
    profile.name: profile
    for profile in (
        Profile("good", lambda life: Course(life.end, lambda _when: healthy), _HOURLY),
        Profile("5 % bad", partial(_share, 0.05), _HOURLY),
        Profile("30 % bad", partial(_share, 0.3), _HOURLY, days=6),
        Profile("100 % bad", partial(_share, 1.0), _HOURLY, days=1),
        Profile("flapping", _flapping, _HALF_HOURLY, days=3),
        Profile("gradual dirt", partial(_gradual, "dirt", dirt), _SELDOM, sick=True),
        Profile("gradual defocus", partial(_gradual, "defocus", defocus), _SELDOM, sick=True),
        Profile("sudden cover", partial(_sudden, "covered", partial(lasting, "covered"), 6), _HOURLY, sick=True),
        Profile("moved", _moved, _HOURLY, sick=True),
        Profile("stuck infrared", _stuck_infrared, _HOURLY, sick=True),
        Profile("frozen", _frozen, _HOURLY, sick=True),
        Profile("offline", partial(_sudden, "offline", lambda _since: silent, 6), _HOURLY, sick=True),
    )
}
"""All of them; bad pictures come by attempt, and a retry within one meets the same trouble."""
