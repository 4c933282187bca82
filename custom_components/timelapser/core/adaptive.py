"""The adaptive interval: seldom while there is nothing to see, and at once as often as ever when there is.

What a timelapse has seen lately decides which slots of its finest grid are used: every one, every second, fourth ...
As all paces are powers of two on one grid, a slot of a slow pace is a slot of every faster one, too. At the slots of
the interval that are passed over it may glance: look, and keep the picture only if that shows a change.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Final, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .detection.freshness import CLOCK_ROWS, TILE
from .detection.light import CIVIL_DUSK, HIGH_SUN
from .models import Light, PaceReason
from .schedule import number_on_grid

SLOWEST: Final = (1, 2, 4, 8, 16)
"""How many intervals may lie between two captures."""
FASTEST: Final = (1, 2, 4)
"""Into how many parts an interval may be divided."""
MAX_PAUSE: Final = timedelta(hours=12)
"""Longest time between two captures at the slowest: a day has two at least, and whole days are another kind of grid."""

VISIBLE: Final = 5.0
"""Levels by which the mean of a tile changes before a film jumps there: clouds and the sun's way stay under it."""
LOCAL: Final = 2.0
"""The same beside what the light did to the whole picture: somebody in the dark is hardly brighter than it."""
NOISE_TIMES: Final = 8.0
"""The same in standard deviations of what noise and leaves do to a tile's mean: they are uneven, and do 7 somewhere."""
DEVIATION: Final = 1.4826 / TILE
"""Standard deviation of a tile's mean for a median distance of one level between its points."""
HALF: Final = TILE // 2
"""Sample points from one tile to the next."""
FAST: Final = 0.2
"""Share of the tiles whose change is fast: weather, a lamp, a crowd, and not one passer-by."""
FAST_CAPTURES: Final = 3
"""Captures that a fast change is good for, so that the pace does not change with each of them."""
DARK_CALM: Final = 3
"""Captures in a row without a change after which a dark scene is left alone."""
CALM: Final = 4
"""The same for each doubling of the interval while it is light: what pauses for so long may be over."""

type Sample = NDArray[np.uint8]
"""Single pixels of a picture's luma (90 x 160), as its print has them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What the user allows: how many times the interval at most, and into how many parts it may be divided.

    ``glance`` tells whether the slots of the interval that are passed over are looked at.
    """

    slowest: int = 4
    fastest: int = 1
    glance: bool = True


@dataclass(frozen=True, slots=True)
class Pace:
    """How many slots of the finest grid there are from one capture to the next, and why."""

    steps: int
    reason: PaceReason


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """What a timelapse has seen lately.

    ``sample`` is of the last kept picture, ``dark`` whether that was of the night. ``calm`` counts kept pictures in a
    row that showed no change, ``stirred`` for how many more a fast change is good. ``sound`` tells that the
    camera's last attempt, for whichever timelapse, gave a picture that was kept.
    """

    sample: Sample | None = None
    dark: bool = False
    calm: int = 0
    stirred: int = 0
    sound: bool = True

    def seeing(self, sample: Sample, light: Light | None) -> Self:
        """Return the course after one more kept picture."""
        share = 1.0 if self.sample is None else changed_share(self.sample, sample)
        stirred = max(0, self.stirred - 1)
        if share >= FAST and self.sample is not None:
            stirred = FAST_CAPTURES
        return replace(
            self,
            sample=sample,
            dark=light is Light.NIGHT,
            calm=0 if share else self.calm + 1,
            stirred=stirred,
        )

    def is_change(self, sample: Sample) -> bool:
        """Return whether a picture looks different from the last kept one, however little by little it came to that."""
        return self.sample is None or changed_share(self.sample, sample) > 0

    def after(self, *, kept: bool) -> Self:
        """Return the course after any attempt of the camera; without a picture to keep it is to be looked at soon."""
        return replace(self, sound=kept, calm=self.calm if kept else 0)


def pace_of(bounds: Bounds, course: Course, *, degraded: bool, sun_elevation: float) -> Pace:
    """Return the pace of a timelapse under a sun (degrees).

    A degraded camera is left alone only for as long as its pictures are bad: the first good one is followed up at the
    interval, so that its recovery shows soon. A low sun is foreseen and waits for no picture.
    """
    slow = bounds.slowest * bounds.fastest
    if degraded and not course.sound:
        return Pace(slow, PaceReason.DEGRADED)
    if CIVIL_DUSK <= sun_elevation < HIGH_SUN:
        return Pace(1, PaceReason.LOW_SUN)
    if course.stirred:
        return Pace(1, PaceReason.CHANGING)
    if degraded:
        return Pace(bounds.fastest, PaceReason.NORMAL)
    if course.dark and course.calm >= DARK_CALM:
        return Pace(slow, PaceReason.DARK)
    if course.calm >= CALM:
        doublings = min(course.calm // CALM, bounds.slowest.bit_length() - 1)
        return Pace(bounds.fastest << doublings, PaceReason.UNCHANGED)
    return Pace(bounds.fastest, PaceReason.NORMAL)


def is_used(grid: timedelta, at: datetime, pace: Pace, *, since: datetime, tz: tzinfo) -> bool:
    """Return whether a pace uses a slot of the finest grid, whose interval is ``grid``; all instants are aware.

    It uses every n-th of the grid, what is beside it (the one slot of a short window), and the first slot after a
    pause as long as its own, as where a window opens.
    """
    number = number_on_grid(grid, at, tz)
    return number is None or number % pace.steps == 0 or at - since >= pace.steps * grid


def is_glanced(bounds: Bounds, grid: timedelta, at: datetime, pace: Pace, tz: tzinfo) -> bool:
    """Return whether a slot of the finest grid that a pace passes over is looked at: it is one of the interval's.

    A camera whose pictures are bad has its probes for that.
    """
    number = number_on_grid(grid, at, tz)
    at_interval = number is not None and number % bounds.fastest == 0
    return bounds.glance and at_interval and pace.reason is not PaceReason.DEGRADED


def changed_share(before: Sample, now: Sample) -> float:
    """Return the share of the tiles (0..1) that look different in the second of two pictures.

    Tiles overlap by half, so that nothing is small for lying between them. The yardstick is the median distance of the
    points, each from how its tile changed: noise, leaves and water, which a film does not miss. Where a burnt-in clock
    may be, the median of a tile's points stands for their mean: letters do not move it.
    """
    old, new = _tiles(before), _tiles(now)
    apart = new - old
    moved, level = apart.mean(axis=2), old.mean(axis=2)
    noise = NOISE_TIMES * DEVIATION * float(np.median(np.abs(apart - moved[..., None])[::2, ::2]))
    light = float(np.median((moved + level + 1) / (level + 1)))
    rows = CLOCK_ROWS * TILE // HALF
    for rim in (slice(rows), slice(-rows, None)):
        moved[rim] = np.median(apart[rim], axis=2)
    beside = np.abs(moved - (light - 1) * level)
    return float(np.mean((np.abs(moved) > max(VISIBLE, noise)) | (beside > max(LOCAL, noise))))


def _tiles(sample: Sample) -> NDArray[np.float32]:
    """Return the points of each tile, by row and column."""
    tiles = sliding_window_view(sample.astype(np.float32), (TILE, TILE))[::HALF, ::HALF]
    return tiles.reshape(*tiles.shape[:2], TILE * TILE)
