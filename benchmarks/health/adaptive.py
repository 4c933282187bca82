"""Measures the adaptive interval: two days of pictures through the real detector, and what that saves and loses."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final, override

import cv2
import numpy as np

from benchmarks.corpus.light import Plane, Rng, figure, picture, placed, randomness
from benchmarks.corpus.sequences import BEGIN, SPELL, STEP, World, elevation
from benchmarks.corpus.sources import SCENES, Place, Scene, load
from benchmarks.corpus.where import FILES
from custom_components.timelapser.core.adaptive import Bounds, Course, is_glanced, is_used, pace_of
from custom_components.timelapser.core.detection import Baseline, Detector
from custom_components.timelapser.core.detection.light import CIVIL_DUSK, HIGH_SUN
from custom_components.timelapser.core.models import PaceReason, SceneContext

WIDTH: Final = 640
"""Pixels that a view is wide; nothing that is looked for is smaller."""
DAYS: Final = 2
INTERVAL: Final = timedelta(minutes=5)
SLOTS: Final = DAYS * timedelta(days=1) // INTERVAL
VISITS: Final = {"day visits": (5, 13, 3, (6, 24)), "night visits": (21, 6, 2, (4, 12))}
"""When somebody comes: from which hour on (UTC), in how many hours, how often, and for how many slots (from, below)."""
BLOCKS: Final = (40, 23)
"""Parts of a picture in which a change is looked for: 16 pixels wide, so that noise is none."""
SEEN: Final = 8.0
"""Levels by which one of them has to differ before anybody would miss it."""
BOUNDS: Final = Bounds()
"""The limits that the form offers."""
FIXED, SUN, BLIND, ADAPTIVE = "fixed", "by the sun", "no looks in between", "adaptive"
"""The rules; the one by the sun takes every fourth slot while it is over 6 degrees below the horizon, and the third is
the adaptive interval that passes slots over unseen."""


@dataclass(frozen=True, slots=True)
class Street(World):
    """A scene with its sun and weather, in which somebody is or nobody."""

    busy: bool = False

    @override
    def _passing(self, values: Plane, rng: Rng) -> Plane:
        """Return the scene with somebody in it while it is busy, and never otherwise."""
        if not self.busy:
            return values
        height, width = values.shape[:2]
        body = figure(max(8, int(height * rng.uniform(0.15, 0.35))), rng, 0.8)
        top = int(rng.integers(height // 3, height - body.shape[0]))
        return placed(values, body, int(rng.integers(0, width - body.shape[1])), top)


@dataclass(frozen=True, slots=True)
class Period:
    """Slots in a row in which something of a kind goes on."""

    kind: str
    slots: tuple[int, ...]


@dataclass(slots=True)
class Lost:
    """Slots of the changing periods of one kind, and how many of them were not captured.

    Those ``at_onset`` lie before the first capture of their period, which nobody could know of; the others are
    ``later``. ``longest`` is the most in a row.
    """

    slots: int = 0
    at_onset: int = 0
    later: int = 0
    longest: int = 0

    def __add__(self, other: Lost) -> Lost:
        """Return both together."""
        return Lost(
            self.slots + other.slots,
            self.at_onset + other.at_onset,
            self.later + other.later,
            max(self.longest, other.longest),
        )


@dataclass(slots=True)
class Result:
    """What a rule did over the days of one scene, or of several."""

    rule: str
    slots: int = 0
    captured: int = 0
    fetched: int = 0
    lost: dict[str, Lost] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def saved(self) -> float:
        """Return the share of the slots that were not captured."""
        return 1 - self.captured / self.slots

    def add(self, other: Result) -> None:
        """Take in what it did on another scene."""
        self.slots += other.slots
        self.captured += other.captured
        self.fetched += other.fetched
        self.reasons += other.reasons
        for kind, lost in other.lost.items():
            self.lost[kind] = self.lost.get(kind, Lost()) + lost


def moment(slot: int) -> datetime:
    """Return when a slot is."""
    return BEGIN + slot * INTERVAL


def periods_of(world: World) -> list[Period]:
    """Return when the scene changes: visits, dawn and dusk, weather, and lamps of rooms that are switched."""
    rng = randomness(world.scene.name, "visits")
    per_hour = timedelta(hours=1) // INTERVAL
    found = []
    for day in range(DAYS):
        for kind, (hour, reach, count, length) in VISITS.items():
            for _ in range(count):
                begin = int((day * 24 + hour + rng.uniform(0, reach)) * per_hour)
                found.append(_period(kind, begin, begin + int(rng.integers(*length))))
    if world.scene.place is Place.OUTDOOR:
        low = [CIVIL_DUSK <= elevation(moment(slot)) < HIGH_SUN for slot in range(SLOTS)]
        found += _runs("dawn and dusk", low)
        if world.weather in ("rain", "snow"):
            found.append(_period("weather", world.spell * STEP // INTERVAL, (world.spell + SPELL) * STEP // INTERVAL))
    else:
        lit = [6 <= moment(slot).hour < 23 for slot in range(SLOTS)]
        found += [_period("lamp", slot, slot + 1) for slot in range(1, SLOTS) if lit[slot] != lit[slot - 1]]
    return found


def _period(kind: str, begin: int, end: int) -> Period:
    """Return a period within the two days."""
    return Period(kind, tuple(range(max(0, begin), min(end, SLOTS))))


def _runs(kind: str, flags: Sequence[bool]) -> Iterator[Period]:
    """Yield the runs of slots for which a flag is up."""
    begin = 0
    for up, run in groupby(flags):
        end = begin + len(list(run))
        if up:
            yield _period(kind, begin, end)
        begin = end


class Film:
    """What the camera of a scene would show in every slot, and in which of them it changes."""

    def __init__(self, scene: Scene) -> None:
        """Draw the scene's two days."""
        view = load(FILES, scene)
        wide = min(WIDTH, view.shape[1])
        small = np.asarray(cv2.resize(view, (wide, wide * 9 // 16), interpolation=cv2.INTER_AREA), np.uint8)
        world = Street.make(scene, small)
        assert isinstance(world, Street), "made by its own class"  # noqa: S101
        self.world = world
        self.scene = scene
        self.periods = [
            Period(each.kind, tuple(slot for slot in each.slots if self._shows(each, slot)))
            for each in periods_of(self.world)
        ]
        self._busy = {slot for each in self.periods if each.kind in VISITS for slot in each.slots}

    def picture(self, slot: int) -> bytes:
        """Return the file of a slot."""
        return self.world.encoded(self._seen(slot, busy=slot in self._busy), slot * INTERVAL / STEP)  # type: ignore[arg-type]

    def _seen(self, slot: int, *, busy: bool, weather: bool = True, again: str = "") -> Plane:
        world = replace(self.world, busy=busy, weather=self.world.weather if weather else "dry")
        rng = randomness(self.scene.name, "adaptive", str(slot), again)
        return world.seen(slot * INTERVAL / STEP, rng)  # type: ignore[arg-type]

    def _shows(self, period: Period, slot: int) -> bool:
        """Return whether what goes on can be seen: nobody sees a coat in the dark, or rain without a lamp."""
        if period.kind in VISITS:
            with_it, without = self._seen(slot, busy=True), self._seen(slot, busy=False)
        elif period.kind == "weather":
            with_it, without = self._seen(slot, busy=False), self._seen(slot, busy=False, again="again")
        else:
            return True
        apart = cv2.resize(picture(with_it), BLOCKS, interpolation=cv2.INTER_AREA).astype(np.float32)
        apart -= cv2.resize(picture(without), BLOCKS, interpolation=cv2.INTER_AREA)
        return float(np.abs(apart).mean(axis=2).max()) > SEEN


def by_the_sun(slot: int) -> bool:
    """Capture at the interval, and at night at the slowest."""
    return elevation(moment(slot)) >= CIVIL_DUSK or slot % BOUNDS.slowest == 0


@dataclass(slots=True)
class Watch:
    """What the adaptive interval did: why it came to the slots that it captured, and how many pictures it fetched."""

    captured: dict[int, PaceReason] = field(default_factory=dict)
    fetched: int = 0


def watched(film: Film, bounds: Bounds) -> Watch:
    """Let the adaptive interval go through a film, by the product's own decisions."""
    detector, baseline, course = Detector(), Baseline.empty(), Course()
    watch = Watch()
    since = moment(-1)
    for slot in range(SLOTS):
        at = moment(slot)
        sun = elevation(at)
        grid = INTERVAL / bounds.fastest
        pace = pace_of(bounds, course, degraded=False, sun_elevation=sun)
        glance = not is_used(grid, at, pace, since=since, tz=UTC)
        if glance and not is_glanced(bounds, grid, at, pace, UTC):
            continue
        watch.fetched += 1
        found = detector.evaluate(
            film.picture(slot), when=at, baseline=baseline, context=SceneContext(sun_elevation=sun)
        )
        baseline = found.baseline
        first = baseline.first if found.verdict.kept else None
        course = course.after(kept=first is not None)
        if glance and (first is None or not course.is_change(first.sample)):
            continue
        watch.captured[slot] = pace.reason
        since = at
        if first is not None:
            course = course.seeing(first.sample, found.light)
    return watch


def judged(film: Film, rule: str, captured: set[int]) -> Result:
    """Return what a rule saved and lost; a slot in which several things go on counts for each."""
    result = Result(rule, SLOTS, len(captured), len(captured))
    for period in film.periods:
        missing = [slot not in captured for slot in period.slots]
        onset = missing.index(False) if False in missing else len(missing)
        longest = max((len(list(run)) for gone, run in groupby(missing) if gone), default=0)
        lost = Lost(len(missing), onset, sum(missing) - onset, longest)
        result.lost[period.kind] = result.lost.get(period.kind, Lost()) + lost
    return result


def measure(split: str, count: int) -> list[Result]:
    """Let the rules go through some scenes of a split, and return what each did in all."""
    scenes = [scene for scene in SCENES if scene.split == split and scene.place is not Place.DARK]
    scenes = [scene for scene in scenes if (FILES / scene.path).exists()]
    count = min(count, len(scenes))
    totals = {rule: Result(rule) for rule in (FIXED, SUN, BLIND, ADAPTIVE)}
    for number in range(count):
        film = Film(scenes[number * len(scenes) // count])
        totals[FIXED].add(judged(film, FIXED, set(range(SLOTS))))
        totals[SUN].add(judged(film, SUN, {slot for slot in range(SLOTS) if by_the_sun(slot)}))
        for rule, bounds in ((BLIND, replace(BOUNDS, glance=False)), (ADAPTIVE, BOUNDS)):
            watch = watched(film, bounds)
            told = judged(film, rule, set(watch.captured))
            totals[rule].add(replace(told, fetched=watch.fetched, reasons=Counter(watch.captured.values())))
    return list(totals.values()) if count else []


def show(results: Sequence[Result]) -> None:
    """Print what each rule saved, and what it lost of the slots in which something changed."""
    for result in results:
        saved = f"{result.captured} of {result.slots} slots captured, {100 * result.saved:.1f} % saved"
        print(f"{result.rule:20} {saved}, {result.fetched} pictures fetched")
        for kind, lost in result.lost.items():
            gone = f"{lost.at_onset:4} lost at the onset, {lost.later:4} later, at most {lost.longest} in a row"
            print(f"  {kind:14} {gone}, of {lost.slots}")
        if result.reasons:
            print("  why:", ", ".join(f"{reason} {number}" for reason, number in result.reasons.most_common()))


def to_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return everything for a file."""
    return [{**asdict(result), "reasons": dict(result.reasons), "saved": result.saved} for result in results]
