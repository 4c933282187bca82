"""Cameras that get worse from day to day until they are degraded, and good ones, through a month of hard weather."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks.corpus.light import randomness
from benchmarks.corpus.sequences import BEGIN
from benchmarks.corpus.sources import Place, Scene

from .ailments import MOST_SOILED, MOST_UNSHARP, Ailment, defocus, dirt, healthy
from .profiles import DAY, HOUR, PROFILES, Course, Life
from .run import lived
from .site import Site, Spell

if TYPE_CHECKING:
    from .simulate import Memory, Step

EVERY: Final = 2 * HOUR
"""Interval of these cameras: half of what an hour's median would be made of is missing."""
GROWS_FROM: Final = 0.3
"""Share of the life after which something grows."""
BLOTCHES: Final = (0.8, 2.0)
"""Blotches that a day leaves on the glass, drawn for each camera: bad within one to three weeks."""
CREEP: Final = (0.12, 0.35)
"""Pixels of a 1280 wide picture by which the focus creeps a day: bad within one to two weeks."""
NEAR: Final = 12 * HOUR
"""Time around a degraded state of the good camera in which that of another is the weather's."""
DRY: Final = (2.0, 72.0)
"""Hours between two spells of weather."""
SHORT, LONG, LONG_SHARE = (1.0, 6.0), (6.0, 72.0), 0.4
"""Hours that a spell lasts, and the share of long ones: days of fog, snow that stays."""
KINDS: Final = ("rain", "fog", "snow")


@dataclass(frozen=True, slots=True)
class Sight:
    """What counts of one picture for a forecast."""

    at: datetime
    light: str | None
    closeness: Mapping[str, float] = field(default_factory=dict)
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """A camera until its end, or until it was degraded by what began to grow at ``begin`` (None: nothing)."""

    profile: str
    camera: str
    begin: datetime | None
    degraded: datetime | None
    sights: tuple[Sight, ...]


def _growing(ailment: Callable[[float], Ailment], a_day: float, begin: datetime) -> Callable[[datetime], Ailment]:
    return lambda when: ailment(min(1.0, (when - begin) / DAY * a_day)) if when > begin else healthy


def _slow(
    name: str, ailment: Callable[[float], Ailment], rates: tuple[float, float], most: float, life: Life
) -> Course:
    """Return the course of a camera of which something grows evenly, each at its own pace."""
    begin = life.day(GROWS_FROM)
    a_day = float(life.site.chance(name, "pace").uniform(*rates)) / most
    return Course(begin, _growing(ailment, a_day, begin))


GOOD: Final = "good"
COURSES: Final[Mapping[str, Callable[[Life], Course]]] = {
    GOOD: PROFILES["good"].course,
    "dirt in weeks": partial(_slow, "slow dirt", dirt, BLOTCHES, MOST_SOILED),
    "defocus in weeks": partial(_slow, "slow defocus", defocus, CREEP, MOST_UNSHARP),
    "dirt in days": PROFILES["gradual dirt"].course,
    "defocus in days": PROFILES["gradual defocus"].course,
}
"""The last two are those of the measure of health, which come within two or three days."""


def weathered(site: Site, days: int) -> Site:
    """Return a site with weather that also lasts for days, which comes and stays and goes as decay does not."""
    if site.world.scene.place is not Place.OUTDOOR:
        return site
    rng = randomness(site.name, "hard weather")
    at, spells = BEGIN, []
    while at < BEGIN + days * DAY:
        at += timedelta(hours=float(rng.uniform(*DRY)))
        end = at + timedelta(hours=float(rng.uniform(*(LONG if rng.uniform() < LONG_SHARE else SHORT))))
        spells.append(Spell(at, end, str(rng.choice(KINDS))))
        at = end
    return replace(site, spells=tuple(spells))


def lives(scene: Scene, seed: int, days: int) -> list[Past]:
    """Let all cameras of a site live; what grows begins after the same good days."""
    from .simulate import Memory  # noqa: PLC0415 - the product is loaded without OpenCV, after all that draws

    life = Life(weathered(Site.of(scene, seed), days), days, EVERY)
    courses = {name: course(life) for name, course in COURSES.items()}
    waiting = sorted({course.begin for name, course in courses.items() if name != GOOD})
    sights, last = [], Memory()
    known: dict[datetime, Memory] = {}
    weather: set[datetime] = set()
    for step in lived(life, courses[GOOD], last):
        while waiting and waiting[0] <= step.at:
            known[waiting.pop(0)] = last
        sights.append(_sight(step))
        last = step.memory
        if last.health.quality.degraded:
            weather.add(step.at)
    good = Past(GOOD, life.site.name, None, None, tuple(sights))
    bad = (
        until_degraded(name, lived(life, course, known[course.begin]), course, good, weather)
        for name, course in courses.items()
        if name != GOOD
    )
    return [good, *bad]


def until_degraded(name: str, steps: Iterator[Step], course: Course, good: Past, weather: Collection[datetime]) -> Past:
    """Return the past of a camera of which something grows, up to the attempt that degraded it.

    What degrades the good camera too at that time is weather.
    """
    sights = [sight for sight in good.sights if sight.at < course.begin]
    degraded = None
    for step in steps:
        if step.memory.health.quality.degraded and not any(abs(step.at - each) <= NEAR for each in weather):
            degraded = step.at
            break
        sights.append(_sight(step))
    return Past(name, good.camera, course.begin, degraded, tuple(sights))


def _sight(step: Step) -> Sight:
    found = step.attempt.evaluation
    if found is None:
        return Sight(step.at, None)
    closeness = {str(kind): value for kind, value in found.closeness.items()}
    return Sight(step.at, None if found.light is None else str(found.light), closeness, found.score)
