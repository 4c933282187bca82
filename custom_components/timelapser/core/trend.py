"""Whether a signal rises from day to day, how fast, and how surely: a robust trend, or none.

Only like hours are compared: the step between two days is the median of the steps between their common hours, so that
neither the sun's way nor a gap makes a trend (after the seasonal Kendall test, Hirsch and Slack 1984). The slope is the
median of those of all pairs of days, its interval that of their ranks (Theil 1950, Sen 1968).
"""

from dataclasses import dataclass
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

type Days = NDArray[np.float64]
"""(days, 24): a signal by day, the newest last, and hour of the day; NaN where it is not known."""
type Levels = NDArray[np.float64]
"""(days,): a signal by day as if each had all hours."""

HOURS: Final = 24
WINDOWS: Final = (4, 5, 8, 14, 28)
"""Days over which a trend is looked for: a lens that works loose in a week, and dirt that takes a month."""
FULL: Final = 0.8
"""Part of a window's days that must be known, and of their pairs that can be compared."""
LIKE: Final = 3
"""Hours that two days must have in common to be compared: a day of one or two pictures is what the weather was."""
BEFORE: Final = (3, 0.5)
"""Days before a window that must be known, to tell what is usual: so many, and this part of the window."""
CERTAIN: Final = 1.6
"""Standard deviations of Kendall's S from which a rise is hardly chance: each of four days above the one before."""
Z95: Final = 1.96
"""Standard deviations of Kendall's S at the ends of a 95 % interval."""
NORMAL: Final = 1.4826
"""Standard deviation of a normal distribution in median absolute deviations."""
NOTICEABLE: Final = 0.25
"""Signal (1 is bad) that the newest day must have reached: what is below is often weather."""
BEYOND: Final = 0.2
"""By how much the newest day must be above all those before the window: weather that was there before is none."""
BEYOND_BEFORE: Final = 0.04
"""The same of the day before: one foggy day is no rise."""
NEWEST: Final = 3
"""Newest days by themselves, half a window at most, over which it must still rise: a step, such as snow, does not."""
STEADY: Final = 0.35
"""Part of the whole slope that they must have."""
STEP: Final = 0.8
"""Part of a window's rise that the step from one day to the next may be: weather comes in one."""
SPREAD: Final = 0.5
"""Part of a window's rise that its slope must make: what came in two or three days is no trend of two weeks."""
FASTER: Final = 1.5
"""Times the newest days' slope that must be reckoned with: what a focus costs goes with the square of its error."""

BEST: Final = 0.25
"""Quantile of a day's hours: its better pictures. What lies on the glass is in all of them, weather and who passes by
are not."""
LASTED: Final = 3
"""Days on end that even these must show it: of 85 good tuning cameras two did."""
SHOWN: Final = 0.1
"""Signal that they show then; on days before it is none."""
RISEN: Final = 0.2
"""Signal of the newest day's better pictures."""
RISING: Final = 0.03
"""Slope (a day) that it must have at least, in the newest days and in all since it shows: snow that stays has none."""
NEW: Final = 0.5
"""Part of it that the days before may have shown at most."""
SLOWER: Final = 3.0
"""Times that it may be slower than it looks: what is normal follows what stays."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A rise: the signal's level now and what it may be off by, its slope (a day) and both ends of that.

    The ends are those of 95 % intervals.
    """

    level: float
    off: float
    slope: float
    lower: float
    upper: float

    def days_to(self, level: float) -> tuple[float, float, float]:
        """Return in how many days it will have reached a level: at the earliest, likely, at the latest."""
        left = level - self.level
        early, late = max(0.0, left - self.off), max(0.0, left + self.off)
        return early / self.upper, max(0.0, left) / self.slope, late / self.lower


def levels_of(days: Days) -> Levels:
    """Return the level of each day: the median of its hours, each less what is usual then, and what is usual at all."""
    usual = _median(days, axis=0)
    levels: Levels = _median(days - usual, axis=1) + _median(usual[None], axis=1)
    return levels


def rises(days: Days, least: int = 0) -> list[Trend]:
    """Return the trends beyond doubt, one at most for each window of at least so many days."""
    levels = levels_of(days)
    if not levels[-1] >= NOTICEABLE:
        return []
    found = (_rise(days[-window:], levels, window) for window in WINDOWS if window >= least)
    return [trend for trend in found if trend is not None]


def _rise(days: Days, levels: Levels, window: int) -> Trend | None:
    """Return the trend of the newest days if it is one beyond doubt: certain, not over, and above all that was."""
    own, before = levels[-window:], levels[:-window]
    before = before[np.isfinite(before)]
    at = np.flatnonzero(np.isfinite(own))
    if before.size < max(BEFORE[0], BEFORE[1] * window) or at.size < math.ceil(FULL * window):
        return None
    slopes = _slopes(days[at], at)
    if slopes.size < FULL * at.size * (at.size - 1) / 2:
        return None
    deviation = math.sqrt(at.size * (at.size - 1) * (2 * at.size + 5) / 18)
    cut = max(0, math.floor((slopes.size - Z95 * deviation) / 2))
    lower, slope, upper = float(slopes[cut]), float(np.median(slopes)), float(slopes[slopes.size - 1 - cut])
    if float(np.sign(slopes).sum()) - 1 < CERTAIN * deviation or lower <= 0:
        return None
    newest = at[at >= window - min(NEWEST, window // 2)]
    late = _slopes(days[newest], newest)
    if not late.size or (steady := float(np.median(late))) < STEADY * slope:
        return None
    now = (own + slope * np.arange(window - 1, -1, -1))[at]
    level = float(np.median(now[-newest.size :]))
    off = Z95 * NORMAL * float(np.median(np.abs(now - np.median(now)))) / math.sqrt(newest.size)
    above = own[at[-2:]] - before.max()
    rise = float(own[at[-1]] - own[at].min())
    if float(np.diff(own[at]).max()) > STEP * rise or slope * (at[-1] - at[0]) < SPREAD * rise:
        return None
    if level < NOTICEABLE or above[1] < BEYOND or above[0] < BEYOND_BEFORE:
        return None
    return Trend(level, off, slope, lower, max(upper, FASTER * steady))


def lasts(days: Days) -> Trend | None:
    """Return the rise of what good pictures do not have at all, from the last day without it on; None without one."""
    known = np.count_nonzero(np.isfinite(days), axis=1) >= LIKE
    best = np.array([np.nanquantile(day, BEST) if enough else np.nan for day, enough in zip(days, known, strict=True)])
    newest = best[-LASTED:]
    if newest.size < LASTED or not newest.min() >= SHOWN or newest[-1] < RISEN:
        return None
    without = np.flatnonzero(best < SHOWN)
    if not without.size:
        return None
    before = best[: without[-1] + 1]
    before = before[np.isfinite(before)]
    if before.size < BEFORE[0] or before.max() > NEW * newest[-1]:
        return None
    at = np.flatnonzero(np.isfinite(best[without[-1] :]))
    own = best[without[-1] :][at]
    slopes, since, late = _pairs(own, at), _pairs(own[1:], at[1:]), _pairs(newest, np.arange(LASTED))
    slope = float(np.median(slopes))
    if min(slope, float(np.median(since))) < RISING or float(np.median(late)) < max(RISING, STEADY * slope):
        return None
    now = own[-LASTED:] + slope * (at[-1] - at[-LASTED:])
    level = float(np.median(now))
    off = Z95 * NORMAL * float(np.median(np.abs(now - level))) / math.sqrt(now.size)
    return Trend(level, off, slope, slope / SLOWER, max(float(slopes[-1]), slope))


def _pairs(values: Levels, at: NDArray[np.intp]) -> Levels:
    """Return the slopes between all pairs of values, sorted; ``at`` is when the days were."""
    early, late = np.triu_indices(len(values), 1)
    slopes: Levels = np.sort((values[late] - values[early]) / (at[late] - at[early]))
    return slopes


def _slopes(days: Days, at: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the slopes between all pairs of days that can be compared, sorted; ``at`` is when the days were."""
    early, late = np.triu_indices(len(days), 1)
    steps = days[late] - days[early]
    like = np.count_nonzero(np.isfinite(steps), axis=1) >= LIKE
    return np.sort(_median(steps[like], axis=1) / (at[late] - at[early])[like])


def _median(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the medians of what is known, NaN where nothing is."""
    ordered = np.sort(values, axis=axis)
    counts = np.expand_dims(np.count_nonzero(np.isfinite(ordered), axis=axis), axis)
    low, high = np.maximum(counts - 1, 0) // 2, np.minimum(counts // 2, ordered.shape[axis] - 1)
    pair: NDArray[np.float64] = np.take_along_axis(ordered, low, axis) + np.take_along_axis(ordered, high, axis)
    return np.where(counts == 0, np.nan, pair / 2).squeeze(axis)
