"""Cameras that get worse from day to day until they are degraded, and good ones, through a month of hard weather."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from benchmarks.corpus.light import randomness
from benchmarks.corpus.sequences import BEGIN, elevation
from benchmarks.corpus.sources import Place, Scene

from .ailments import Ailment, Moment, defocus, dirt, healthy
from .profiles import DAY, HOUR, PROFILES, Course, Life
from .run import lived
from .site import Site, Spell

if TYPE_CHECKING:
    from .simulate import Memory, Step

EVERY: Final = 2 * HOUR
"""Interval of these cameras: half of what an hour's median would be made of is missing."""
GROWS_FROM: Final = 0.5
"""Share of the life after which something grows: what is normal has settled. After a week of good days it is still a
mean of few pictures, which follows what grows slowly."""
LASTS: Final = (5.0, 18.0)
"""Days, drawn for each camera, after which a clear noon's picture is rejected: dust, pollen and a lens that creeps take
weeks, and half of a life of forty days has room for no more."""
STEPS: Final = 60
"""Parts of the worst in which it is tried how much of it that takes: one blotch may cover all that a bare scene has."""
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
    """A camera until its end, or until it was degraded by what began to grow at ``begin`` (None: nothing).

    ``due`` is when a clear noon's picture would be rejected beside what was normal at ``begin`` (None: never): what is
    normal may follow what grows, so that the camera is never degraded.
    """

    profile: str
    camera: str
    begin: datetime | None
    degraded: datetime | None
    sights: tuple[Sight, ...]
    due: datetime | None = None

    @property
    def bad(self) -> datetime | None:
        """Return when it was, or should have been, degraded."""
        return self.degraded or self.due


GOOD: Final = "good"
SLOW: Final[Mapping[str, Callable[[float], Ailment]]] = {"dirt": dirt, "defocus": defocus}
"""What grows, by the name of the profile."""


def course_of(name: str, life: Life, known: Memory) -> tuple[Course, datetime | None]:
    """Return the course of a camera of which something grows evenly, and when it is due.

    ``known`` is what it had learnt by the begin.
    """
    begin, ailment = life.day(GROWS_FROM), SLOW[name]
    lasts = float(life.site.chance(name, "pace").uniform(*LASTS))
    rejected = _rejected_at(ailment, life.site, begin + DAY / 2, known)
    a_day = (rejected or 1.0) / lasts

    def at(when: datetime) -> Ailment:
        return ailment(min(1.0, (when - begin) / DAY * a_day)) if when > begin else healthy

    return Course(begin, at), None if rejected is None else begin + lasts * DAY


def _rejected_at(ailment: Callable[[float], Ailment], site: Site, noon: datetime, known: Memory) -> float | None:
    """Return how far something has grown (0..1) when a clear noon's picture is rejected; None if none is."""
    from custom_components.timelapser.core.detection import Detector  # noqa: PLC0415 - as in ``lives``
    from custom_components.timelapser.core.models import SceneContext  # noqa: PLC0415

    moment = Moment(replace(site, spells=(), _good={}, _seen={}), noon)
    context = SceneContext(sun_elevation=elevation(noon), expected_size=known.size)
    for step in range(1, STEPS):
        data = ailment(step / STEPS)(moment).data
        assert data is not None  # noqa: S101 - glass never keeps a camera from answering
        found = Detector().evaluate(data, when=noon, baseline=known.baseline, context=context)
        if not found.verdict.kept:
            return step / STEPS
    return None


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
    begin = life.day(GROWS_FROM)
    sights, last = [], Memory()
    known: Memory | None = None
    weather: set[datetime] = set()
    for step in lived(life, PROFILES["good"].course(life), last):
        if known is None and step.at >= begin:
            known = last
        sights.append(_sight(step))
        last = step.memory
        if last.health.quality.degraded:
            weather.add(step.at)
    good = Past(GOOD, life.site.name, None, None, tuple(sights))
    known = known or last
    bad = []
    for name in SLOW:
        course, due = course_of(name, life, known)
        past = until_degraded(name, lived(life, course, known), course, good, weather)
        bad.append(replace(past, due=due))
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
