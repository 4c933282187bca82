"""Round, soft spots that are lighter or darker than all that is around them: dirt on the glass is out of focus."""

from collections.abc import Mapping
from functools import lru_cache
import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .features import Measured

WIDTH: Final = 107
"""Pixels of width of the picture in which spots are looked for: a quarter of the analysis picture of 1280 pixels."""
SAME: Final = 0.02
"""Part of WIDTH by which the width may differ without being changed."""
REACHES: Final = (4, 6, 9)
"""Pixels from a spot's middle to what is around it, for small, middling and large spots: 4 to 8 % of the width."""
NEAR: Final = 0.6
"""Part of the reach at which the rim is: there too all is on the spot's other side, and nothing is sharp."""
RIMS: Final = tuple(max(1, round(NEAR * reach)) for reach in REACHES)
"""Pixels from a spot's middle to its rim."""
RIM: Final = max(REACHES)
"""Pixels around the picture, those within it mirrored: what the largest spots at its border are compared with."""
AROUND: Final = tuple((math.sin(turn), math.cos(turn)) for turn in np.linspace(0, 2 * math.pi, 8, endpoint=False))
"""The eight directions (down, right) in which a spot is compared."""
EVERY: Final = 4
"""Places within a reach at which a spot may have its middle."""
STEP: Final = (1.0, 8.0)
"""Levels by which a spot differs from its surroundings in every direction."""
MOST_STEP: Final = (90.0, 50.0)
"""The same at most: lamps and windows differ more, and dirt is lit by the scene's own light."""
EVEN: Final = (0.15, 0.5)
"""Least step over the largest: from the first on a spot counts, from the second in full. A stain lies before the scene,
where what belongs to the scene has something beside it."""
SOFT_CORE: Final = (0.17, 0.05)
"""Detail (levels, octave 1) over the step, within a spot. Bricks, leaves and stones have texture of their own."""
SOFT_RIM: Final = (0.5, 0.1)
"""The same at its rim over the largest step: a plate or a window ends at an edge."""
LEAST: Final = 0.02
"""What a spot counts at least, so that few are compared with each other."""
MOST: Final = 0.5
"""What it counts at most: a house may have three windows that look like spots, dirt is not in three places only."""
STEP_FLOOR: Final = 2.0
"""Levels added to a step that something is divided by, so that noise is no spot."""
DETAIL_FLOOR: Final = 0.6
"""Levels added to detail before its logarithm: what sensor noise of half a level leaves there."""
APART: Final = 0.45
"""Distance of two spots over the sum of their reaches, from which they are not one."""
MOST_SPOTS: Final = 25
"""Spots that are looked at: with more a picture is no dirtier."""

SPOT_FEATURES: Final[Mapping[str, str]] = {
    "spots": "round spots with a soft rim that are lighter or darker than all around them; each counts by how even, "
    "how soft within and at its rim, and how different from what is around it it is, one times the other, 0..12.5",
}
"""The measurement of dirt."""


_REACHES: Final = np.array(REACHES)


class _Found(NamedTuple):
    """Places that may be spots.

    ``at`` is where each is in a padded plane as one long line, ``reach`` the index of its reach; ``level`` is its own
    luma, ``least`` and ``most`` are those around it.
    """

    at: NDArray[np.intp]
    reach: NDArray[np.intp]
    level: NDArray[np.float32]
    least: NDArray[np.float32]
    most: NDArray[np.float32]


def measure_spots(measured: Measured) -> dict[str, float]:
    """Measure a picture further; every key of SPOT_FEATURES is in the result."""
    planes = _planes(measured)
    size = planes.shape[1:]
    reaches = [number for number, reach in enumerate(REACHES) if 3 * reach <= min(size)]
    if not reaches:
        return {"spots": 0.0}
    planes = _mirrored(planes)
    wide = planes.shape[2]
    luma, detail = planes.reshape(2, -1)
    parts = [_of_reach(luma, size, number) for number in reaches]
    found = _Found(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    return {"spots": _counted(*_soft(luma, detail, wide, found), wide)}


def _planes(measured: Measured) -> NDArray[np.float32]:
    """Return luma and detail (log2) of the picture at WIDTH, smoothed: (2, height, width)."""
    finest, next_finest = (_rimmed(response) for response in measured.octaves[:2])
    planes = np.empty((2, *measured.quarter.shape), np.float32)
    luma, detail = planes
    luma[:] = measured.quarter
    np.log2(kernels.halve(finest) + np.float32(DETAIL_FLOOR), out=detail)
    scale = luma.shape[1] / WIDTH
    if scale > 1:
        # What lies between the two octaves is what a picture of WIDTH has in its finest.
        detail += (np.log2(next_finest + np.float32(DETAIL_FLOOR)) - detail) * np.float32(math.log2(scale))
    if abs(scale - 1) > SAME:
        planes = _resized(planes, (max(1, round(luma.shape[0] / scale)), WIDTH))
    return _smoothed(planes)


@lru_cache(maxsize=64)
def _between(length: int, count: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return between which two pixels of a length each of ``count`` lies, and how far from the first of them, 0..1."""
    last = length - 1
    place = np.clip((np.arange(count, dtype=np.float32) + 0.5) * length / count - 0.5, 0, last)
    before = np.minimum(place.astype(np.intp), max(0, last - 1))
    return before, np.minimum(before + 1, last), (place - before).astype(np.float32)


def _resized(planes: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return planes in another height and width, on straight lines between their pixels."""
    for axis, count in enumerate(size, 1):
        if count == planes.shape[axis]:
            continue
        before, after, part = _between(planes.shape[axis], count)
        first, second = planes.take(before, axis), planes.take(after, axis)
        second -= first
        second *= part[:, None] if axis == 1 else part
        planes = first + second
    return planes


def _smoothed(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means of 3 x 3 pixels."""
    wide = _rimmed(planes)
    rows = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    total: NDArray[np.float32] = rows[:, :, :-2] + rows[:, :, 1:-1]
    total += rows[:, :, 2:]
    total *= np.float32(1 / 9)
    return total


def _rimmed(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return planes with their outermost pixels once more around them (np.pad takes longer than all that follows)."""
    *number, height, width = planes.shape
    wide = np.empty((*number, height + 2, width + 2), np.float32)
    inner = wide[..., 1:-1, :]
    inner[..., 1:-1] = planes
    inner[..., 0], inner[..., -1] = planes[..., 0], planes[..., -1]
    wide[..., 0, :], wide[..., -1, :] = wide[..., 1, :], wide[..., -2, :]
    return wide


def _mirrored(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return planes with so much around them as the largest spots reach, mirrored at the outermost pixels."""
    number, height, width = planes.shape
    wide = np.empty((number, height + 2 * RIM, width + 2 * RIM), np.float32)
    inner = wide[:, RIM:-RIM]
    inner[:, :, RIM:-RIM] = planes
    inner[:, :, :RIM], inner[:, :, -RIM:] = planes[:, :, RIM:0:-1], planes[:, :, -2 : -RIM - 2 : -1]
    wide[:, :RIM], wide[:, -RIM:] = wide[:, 2 * RIM : RIM : -1], wide[:, -RIM - 2 : -2 * RIM - 2 : -1]
    return wide


@lru_cache(maxsize=64)
def _steps(reaches: tuple[int, ...], width: int) -> NDArray[np.intp]:
    """Return the steps in the eight directions, along rows of a width as one long line: (reaches, 8)."""
    return np.array(
        [[round(down * reach) * width + round(right * reach) for down, right in AROUND] for reach in reaches]
    )


def _of_reach(luma: NDArray[np.float32], size: tuple[int, ...], number: int) -> _Found:
    """Return the places that differ from all that is so far away; ``size`` is that of the picture without its rim."""
    height, width = size
    wide = width + 2 * RIM
    first, count = RIM * wide + RIM, height * wide - 2 * RIM
    # All pixels along one long line are compared more quickly than every so many-th.
    level = luma[first : first + count]
    least = most = level
    for nth, step in enumerate(_steps(REACHES, wide)[number].tolist()):
        seen = luma[first + step : first + step + count]
        least = np.minimum(least, seen) if nth else seen
        most = np.maximum(most, seen) if nth else seen
    apart = np.empty((height, wide), np.float32)
    np.maximum(level - most, least - level, out=apart.ravel()[:count])
    every = max(1, REACHES[number] // EVERY)
    row, column = np.nonzero(apart[::every, :width:every] > STEP[0])
    at = (row * wide + column) * every
    return _Found(first + at, np.full(at.size, number), level[at], least[at], most[at])


def _ramp(values: NDArray[np.float32], limits: tuple[float, float]) -> NDArray[np.float32]:
    """Return for each value what ``ramp`` does."""
    part = (values - np.float32(limits[0])) * np.float32(1 / (limits[1] - limits[0]))
    result: NDArray[np.float32] = np.minimum(np.maximum(part, 0), 1)
    return result


def _soft(
    luma: NDArray[np.float32], detail: NDArray[np.float32], wide: int, found: _Found
) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.intp]]:
    """Return what those places count that are soft and end softly, where they are, and the index of their reach.

    Each sign counts in part: noise would take a whole spot away from one picture of a scene and not from another.
    """
    at, reach, level, least, most = found
    lighter = level > most
    inner = np.where(lighter, level - most, least - level)
    outer = np.where(lighter, level - least, most - level)
    counts = _ramp(inner / (outer + 1), EVEN) * _ramp(inner, STEP) * _ramp(outer, MOST_STEP)
    counts *= _ramp(np.exp2(detail[at]) / ((inner + outer) / 2 + np.float32(STEP_FLOOR)), SOFT_CORE)
    is_spot = counts >= LEAST
    at, reach, level, lighter = at[is_spot], reach[is_spot], level[is_spot], lighter[is_spot]
    outer, counts = outer[is_spot], counts[is_spot]
    rim = at + _steps(RIMS, wide).T[:, reach]
    counts *= ((level > luma[rim]) == lighter).all(axis=0)
    counts *= _ramp(np.exp2(detail[rim].max(axis=0)) / (outer + np.float32(STEP_FLOOR)), SOFT_RIM)
    is_spot = counts >= LEAST
    return counts[is_spot], at[is_spot], reach[is_spot]


def _counted(counts: NDArray[np.float32], at: NDArray[np.intp], reach: NDArray[np.intp], wide: int) -> float:
    """Return what spots count that do not overlap, those that count most first."""
    row, column = np.divmod(at, wide)
    reaches = _REACHES[reach]
    order = np.argsort(-counts, kind="stable")
    spots: list[float] = []
    while order.size and len(spots) < MOST_SPOTS:
        best = order[0]
        spots.append(min(MOST, float(counts[best])))
        distance = (row[order] - row[best]) ** 2 + (column[order] - column[best]) ** 2
        order = order[distance > (APART * (reaches[order] + reaches[best])) ** 2]
    return sum(spots)
