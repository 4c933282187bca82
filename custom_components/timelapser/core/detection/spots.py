"""Round, soft spots that are lighter or darker than all that is around them: dirt on the glass is out of focus."""

from collections.abc import Iterator, Mapping
import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .features import Measured
from .ramps import ramp

WIDTH: Final = 107
"""Pixels of width of the picture in which spots are looked for: a quarter of the analysis picture of 1280 pixels."""
SAME: Final = 0.02
"""Part of WIDTH by which the width may differ without being changed."""
REACHES: Final = (4, 6, 9)
"""Pixels from a spot's middle to what is around it, for small, middling and large spots: 4 to 8 % of the width."""
NEAR: Final = 0.6
"""Part of the reach at which the rim is: there too all is on the spot's other side, and nothing is sharp."""
AROUND: Final = tuple((math.sin(turn), math.cos(turn)) for turn in np.linspace(0, 2 * math.pi, 8, endpoint=False))
"""The eight directions (down, right) in which a spot is compared."""
EVERY: Final = 3
"""Places within a reach at which a spot may have its middle."""
LEAST_STEP: Final = 2.0
"""Levels by which a spot differs from its surroundings in every direction."""
MOST_STEP: Final = 80.0
"""The same at most: lamps and windows differ more, and dirt is lit by the scene's own light."""
EVEN: Final = (0.25, 0.8)
"""Least step over the largest: from the first on a spot counts, from the second in full. A stain lies before the scene,
where what belongs to the scene has something beside it."""
SOFT_CORE: Final = 0.15
"""Detail (levels, octave 1) over the step, within a spot. Bricks, leaves and stones have texture of their own."""
SOFT_RIM: Final = 0.4
"""The same at its rim over the largest step: a plate or a window ends at an edge."""
STEP_FLOOR: Final = 2.0
"""Levels added to a step that something is divided by, so that noise is no spot."""
DETAIL_FLOOR: Final = 0.6
"""Levels added to detail before its logarithm: what sensor noise of half a level leaves there."""
APART: Final = 0.45
"""Distance of two spots over the sum of their reaches, from which they are not one."""
MOST_SPOTS: Final = 25
"""Spots that are looked at: with more a picture is no dirtier."""

SPOT_FEATURES: Final[Mapping[str, str]] = {
    "spots": "round spots with a soft rim that are lighter or darker than all around them; each counts by the least "
    "step to what is around it over the largest, from 0.25 to 0.8, 0..25",
}
"""The measurement of dirt."""


class _Found(NamedTuple):
    """Places that may be spots: how even each is, its row, its column and its reach."""

    even: NDArray[np.float32]
    row: NDArray[np.intp]
    column: NDArray[np.intp]
    reach: NDArray[np.intp]


def measure_spots(measured: Measured) -> dict[str, float]:
    """Measure a picture further; every key of SPOT_FEATURES is in the result."""
    luma = kernels.halve(kernels.halve(measured.analysis.astype(np.float32)))
    finest, next_finest = (np.pad(response, 1, mode="edge") for response in measured.octaves[:2])
    detail = np.log2(kernels.halve(finest) + np.float32(DETAIL_FLOOR))
    scale = luma.shape[1] / WIDTH
    if scale > 1:
        # What lies between the two octaves is what a picture of WIDTH has in its finest.
        detail += (np.log2(next_finest + np.float32(DETAIL_FLOOR)) - detail) * np.float32(math.log2(scale))
    if abs(scale - 1) > SAME:
        size = max(1, round(luma.shape[0] / scale)), WIDTH
        luma, detail = (_resized(plane, size) for plane in (luma, detail))
    luma, detail = _smoothed(luma), _smoothed(detail)
    found = [_of_reach(luma, detail, reach) for reach in REACHES if 3 * reach <= min(luma.shape)]
    if not found:
        return {"spots": 0.0}
    return {"spots": _counted(_Found(*(np.concatenate(parts) for parts in zip(*found, strict=True))))}


def _resized(plane: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return a plane in another height and width, on straight lines between its pixels."""
    for axis, count in enumerate(size):
        last = plane.shape[axis] - 1
        if count == last + 1:
            continue
        place = np.clip((np.arange(count, dtype=np.float32) + 0.5) * (last + 1) / count - 0.5, 0, last)
        before = np.minimum(place.astype(np.intp), max(0, last - 1))
        part = (place - before).astype(np.float32)[:, None] if axis == 0 else (place - before).astype(np.float32)
        first = plane.take(before, axis)
        plane = first + (plane.take(np.minimum(before + 1, last), axis) - first) * part
    return plane


def _smoothed(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the means of 3 x 3 pixels."""
    wide = np.pad(plane, 1, mode="edge")
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    total: NDArray[np.float32] = rows[:, :-2] + rows[:, 1:-1]
    total += rows[:, 2:]
    total *= np.float32(1 / 9)
    return total


def _of_reach(luma: NDArray[np.float32], detail: NDArray[np.float32], reach: int) -> _Found:
    """Return the places of spots of one size."""
    height, width = luma.shape
    every = max(1, reach // EVERY)
    wide = np.pad(luma, reach, mode="reflect")
    level = luma[::every, ::every]
    least = most = level
    for number, (down, right) in enumerate(_steps(reach)):
        seen = wide[reach + down : reach + down + height : every, reach + right : reach + right + width : every]
        least = np.minimum(least, seen) if number else seen
        most = np.maximum(most, seen) if number else seen
    inner = np.maximum(level - most, least - level)
    row, column = np.nonzero(inner >= LEAST_STEP)
    level, least, most, inner = (plane[row, column] for plane in (level, least, most, inner))
    lighter = level > most
    outer = np.where(lighter, level - least, most - level)
    even = inner / (outer + 1)
    row, column = row * every, column * every
    core = np.exp2(detail[row, column])
    is_spot = (outer <= MOST_STEP) & (even >= EVEN[0]) & (core <= SOFT_CORE * ((inner + outer) / 2 + STEP_FLOOR))
    row, column, level, lighter, outer, even = (
        values[is_spot] for values in (row, column, level, lighter, outer, even)
    )
    rim, sharp = wide, np.pad(detail, reach, mode="reflect")
    is_spot = np.ones(row.size, np.bool_)
    for down, right in _steps(max(1, round(NEAR * reach))):
        at = reach + row + down, reach + column + right
        is_spot &= (level > rim[at]) == lighter
        is_spot &= np.exp2(sharp[at]) <= SOFT_RIM * (outer + STEP_FLOOR)
    return _Found(even[is_spot], row[is_spot], column[is_spot], np.full(int(is_spot.sum()), reach))


def _steps(reach: int) -> Iterator[tuple[int, int]]:
    """Yield the steps (down, right) to what is so far away."""
    for down, right in AROUND:
        yield round(down * reach), round(right * reach)


def _counted(found: _Found) -> float:
    """Return what spots count that do not overlap, the most even ones first."""
    order = np.argsort(-found.even, kind="stable")
    spots: list[float] = []
    while order.size and len(spots) < MOST_SPOTS:
        best = order[0]
        spots.append(ramp(float(found.even[best]), EVEN))
        distance = (found.row[order] - found.row[best]) ** 2 + (found.column[order] - found.column[best]) ** 2
        order = order[distance > (APART * (found.reach[order] + found.reach[best])) ** 2]
    return sum(spots)
