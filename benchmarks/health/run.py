"""Lets cameras live in several processes: one for each site, in which all profiles share what they have in common."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import multiprocessing
import os
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Final

from benchmarks.corpus.sources import SCENES, Scene
from benchmarks.corpus.where import FILES

from .looks import Look, Series
from .measures import Month

if TYPE_CHECKING:
    from .profiles import Course, Life
    from .simulate import Memory, Pace, Step

PACES: Final = {timedelta(minutes=1): 12, timedelta(minutes=5): 12, timedelta(minutes=30): 12, timedelta(hours=6): 5}
"""Intervals at which the way to the alarm is timed, and how many slots its illness lasts."""
CLOSE: Final = (4, 5, 18, 19)
"""Hours of the day in which a good camera looks once a minute: the sun comes up, and goes down."""
CLOSELY: Final = 3
"""Days that it lives."""
BEFORE, AFTER = 3, 8
"""Slots of such a camera before and after its illness; a degraded camera is looked at more often than every 6 hours."""
BUSY: Final = 4
"""Sites whose camera also lives a day at the shortest intervals, flapping and with 30 % bad."""
QUICK_DAYS: Final = 6
"""Days of a life in a quick run."""


class MissingScenesError(Exception):
    """There is nothing to look at."""


@dataclass(frozen=True, slots=True)
class Job:
    """A site: its scene and seed, and how long its cameras live."""

    scene: Scene
    seed: int
    days: int
    busy: bool


def jobs(split: str, seeds: int, days: int) -> list[Job]:
    """Return the sites of a split: the scenes in turn, each seed another one; raises MissingScenesError."""
    scenes = [scene for scene in SCENES if scene.split == split and (FILES / scene.path).exists()]
    if not scenes:
        raise MissingScenesError(f"There are no scenes for {split} in {FILES}: fetch them with scripts/corpus first.")
    return [Job(scenes[seed * len(scenes) // seeds % len(scenes)], seed, days, seed < BUSY) for seed in range(seeds)]


def prepare() -> None:
    """Prepare a process: the pictures are drawn with OpenCV, and judged without, as most installations have to."""
    os.nice(5)
    import cv2  # noqa: PLC0415 - not in the process that only hands out work

    from . import profiles  # noqa: F401, PLC0415 - all that draws keeps its OpenCV

    cv2.setNumThreads(1)
    sys.modules["cv2"] = None  # type: ignore[assignment]


def _site(job: Job) -> tuple[list[Series], list[Series]]:
    """Let the cameras of a site live."""
    from .profiles import PROFILES, Life  # noqa: PLC0415 - as above
    from .site import Site  # noqa: PLC0415

    life = Life(Site.of(job.scene, job.seed), job.days, PROFILES["good"].every)
    lives = {name: profile.life(life) for name, profile in PROFILES.items()}
    courses = {name: profile.course(lives[name]) for name, profile in PROFILES.items()}
    noon = life.day(0.2) + timedelta(hours=12)
    good, known = healthy(life, courses["good"], {noon, *(course.begin for course in courses.values())})
    found = [Series("good", life.site.name, life.interval, tuple(good))]
    for name, course in courses.items():
        if name == "good":
            continue
        before = tuple(look for look in good if look.at < course.begin)
        looks = (*before, *(look_of(step) for step in lived(lives[name], course, known[course.begin])))
        found.append(Series(name, life.site.name, lives[name].interval, looks))
    return found, [*_paced(life, noon, known[noon], busy=job.busy), closely(life)]


def healthy(life: Life, course: Course, forks: set[datetime]) -> tuple[list[Look], dict[datetime, Memory]]:
    """Let the good camera live; return its attempts, and what was known of it at some instants."""
    from .simulate import Memory  # noqa: PLC0415 - as above

    looks: list[Look] = []
    known, last = {}, Memory()
    waiting = sorted(forks)
    for step in lived(life, course, last):
        while waiting and waiting[0] <= step.at:
            known[waiting.pop(0)] = last
        looks.append(look_of(step))
        last = step.memory
    return looks, known | dict.fromkeys(waiting, last)


def closely(life: Life) -> Series:
    """Return a good camera that looks often at dawn and dusk, and seldom in between, from its birth on."""
    from .profiles import PROFILES  # noqa: PLC0415 - as above
    from .simulate import Memory  # noqa: PLC0415

    often, short = min(PACES), replace(life, days=CLOSELY)
    course = PROFILES["good"].course(short)
    steps = lived(short, course, Memory(), lambda step: often if step.at.hour in CLOSE else life.interval)
    return Series("good", life.site.name, often, tuple(look_of(step) for step in steps))


def lived(life: Life, course: Course, memory: Memory, pace: Pace | None = None) -> Iterator[Step]:
    """Yield the attempts of a camera from the begin of its course on."""
    from .simulate import Desk, live  # noqa: PLC0415 - as above

    begin = min(course.begin, life.end) if memory.taken else life.begin
    with Desk.light() as desk:
        yield from live(desk, life, course, memory=memory, begin=begin, pace=pace)


def _paced(life: Life, noon: datetime, known: Memory, *, busy: bool) -> Iterator[Series]:
    """Yield cameras that look more often or more seldom, from a noon on at which they were good."""
    from .ailments import broken, frozen, lasting  # noqa: PLC0415 - as above
    from .profiles import HOUR, PROFILES, Illness, ill_during  # noqa: PLC0415

    for pace, slots in PACES.items():
        begin = noon + BEFORE * pace
        end = begin + slots * pace
        kinds = {
            "100 % bad": broken,
            "frozen": frozen(life.site, begin - pace, "bytes"),
            "sudden cover": lasting("covered", begin),
        }
        for name, ailment in kinds.items():
            course = replace(ill_during([Illness(begin, end, ailment)]), begin=noon)
            yield _until(life, name, course, pace, end + AFTER * pace, known)
        if busy and pace < HOUR / 2:
            for name in ("flapping", "30 % bad"):
                course = replace(PROFILES[name].course(life), begin=noon)
                yield _until(life, name, course, pace, noon + 12 * HOUR, known)


def _until(life: Life, name: str, course: Course, pace: timedelta, end: datetime, known: Memory) -> Series:
    """Return the attempts of a camera at an interval until an instant."""
    looks = []
    for step in lived(replace(life, interval=pace, days=life.days + 30), course, known):
        if step.at >= end:
            break
        looks.append(look_of(step))
    return Series(name, life.site.name, pace, tuple(looks))


def look_of(step: Step) -> Look:
    """Return what counts of an attempt."""
    from custom_components.timelapser.core.health import evidence_of  # noqa: PLC0415 - as above

    attempt = step.attempt
    known = attempt.evaluation
    worst = max(known.faults, key=lambda fault: fault.severity, default=None) if known else None
    return Look(
        at=step.at,
        slot=step.slot,
        severe=step.severe,
        well=step.well,
        evidence=str(evidence_of(attempt.outcome, attempt.code)),
        transition=None if attempt.transition is None else str(attempt.transition),
        fault=str(worst.kind) if worst else attempt.code and str(attempt.code),
    )


def measure(work: Sequence[Job], processes: int) -> Month:
    """Let all cameras live; what is done is told on the way."""
    from .profiles import PROFILES  # noqa: PLC0415 - as above

    begin = perf_counter()
    series: list[Series] = []
    paced: list[Series] = []
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"), initializer=prepare) as pool:
        for job, (own, at_paces) in zip(work, pool.map(_site, work), strict=True):
            series += own
            paced += at_paces
            said = f"{job.scene.name}: {len(series)} cameras ({perf_counter() - begin:.0f} s)"
            print(said, file=sys.stderr, flush=True)
    return Month(tuple(series), tuple(paced), tuple(name for name, profile in PROFILES.items() if profile.sick))
