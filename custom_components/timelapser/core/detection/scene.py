"""A picture as a coarse map: how light, how detailed and of what colour each part of it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..models import Light
from . import kernels
from .decode import Planes
from .features import ANALYSIS_WIDTH, Measured, sampled

type Map = NDArray[np.float32]
"""(6, 18, 32): luma, detail of three octaves (log2), Cb and Cr less 128."""

GRID: Final = (32, 18)
"""Columns and rows of the map, whatever the size of the picture: a cell is 15 analysis pixels wide, small enough for a
blotch on the lens and large enough for its detail to be a mean and no accident."""
LUMA: Final = 0
DETAIL: Final = slice(1, 4)
BLUE: Final = 4
RED: Final = 5
PLANES: Final = 6

DETAIL_FLOOR: Final = (1.0, 0.6, 0.5)
"""Levels added to the mean absolute Laplacian of an octave before its logarithm: what sensor noise of half a level
leaves there, so that flat parts do not jump."""
NOISE_FLOOR: Final = 0.25
"""Analysis levels of noise that a JPEG of a flat wall may have or not."""
COLOUR_SAMPLES: Final = 4
"""Samples of the colour planes along each side of a cell."""


_FEW_PIXELS: Final = 16_000
"""Pixels of a plane up to which numpy sums its rows more quickly in one call than band by band."""

FAINT_QUANTILE: Final = 0.75
"""Place among the cells' detail that tells whether a picture has any."""
SMOOTH: Final = 1.3
"""Detail (log2 of levels, octave 1 of ANALYSIS_WIDTH) under which a cell shows nothing: what sensor noise alone
leaves."""

SCENE_FEATURES: Final[Mapping[str, str]] = {
    "detail": "detail (log2 of levels, octave 1; of wider analysis pictures at a width of 480) that three quarters of "
    "the parts of the view do not exceed",
    "smooth_share": "share of the parts of the view whose detail is under 1.3, 0..1",
    "smooth_luma": "their mean luma; 0 without any",
    "smooth_darker": "levels by which they are darker than all others; 0 where there are none of the one or the other",
}
"""The measurements of a map."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What of a picture is compared and learnt: its map, its noise (log2 of analysis levels), its light and its time.

    ``size`` is that of the picture in pixels, ``sun`` the sun's elevation in degrees where it is known.
    """

    map: Map
    noise: float
    light: Light
    size: tuple[int, int]
    when: datetime
    sun: float | None


def noise_of(noise: float) -> float:
    """Return noise in analysis levels as octaves; what quantisation leaves is added, so that none is not infinite."""
    return math.log2(noise + NOISE_FLOOR)


def map_of(planes: Planes, measured: Measured) -> Map:
    """Return the map of a picture and of what was measured on it.

    Detail of octave n, from 1 on, is log2 of the mean absolute Laplacian (4-neighbour), in levels, of the analysis
    picture (before it was narrowed) shrunk by 2**n, plus DETAIL_FLOOR; in the analysis picture itself there is more
    noise than detail. Without colour both colour planes are 0.
    """
    result = np.zeros((PLANES, GRID[1], GRID[0]), np.float32)
    result[LUMA] = _grid_means(measured.analysis.astype(np.float32))
    for octave, (response, floor) in enumerate(zip(measured.details, DETAIL_FLOOR, strict=False)):
        result[1 + octave] = np.log2(_grid_means(response) + np.float32(floor))
    if planes.blue is not None and planes.red is not None:
        points = GRID[0] * COLOUR_SAMPLES, GRID[1] * COLOUR_SAMPLES
        for index, plane in ((BLUE, planes.blue), (RED, planes.red)):
            result[index] = kernels.cell_means(sampled(plane, points), COLOUR_SAMPLES) - 128
    return result


@lru_cache(maxsize=64)
def _bounds(length: int, count: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return where ``count`` parts of a length begin, and their lengths."""
    starts = np.arange(count) * length // count
    return starts.astype(np.intp), np.diff(np.append(starts, length)).astype(np.float32)


@lru_cache(maxsize=64)
def _picks(length: int, count: int) -> NDArray[np.intp]:
    """Return for each of ``count`` cells the pixel of a shorter length that it shows."""
    return (np.arange(count) * length // count).astype(np.intp)


def _grid_means(plane: NDArray[np.float32]) -> Map:
    """Return the means of the cells of GRID; of a plane that has fewer pixels than that, the pixels."""
    if plane.shape[0] < GRID[1] or plane.shape[1] < GRID[0]:
        return plane[_picks(plane.shape[0], GRID[1])][:, _picks(plane.shape[1], GRID[0])]
    rows, heights = _bounds(plane.shape[0], GRID[1])
    columns, widths = _bounds(plane.shape[1], GRID[0])
    if plane.size <= _FEW_PIXELS:
        bands = np.add.reduceat(plane, rows, axis=0)
    elif len(plane) % GRID[1]:
        bands = np.empty((GRID[1], plane.shape[1]), np.float32)
        for band, first, height in zip(bands, rows.tolist(), heights.tolist(), strict=True):
            np.add.reduce(plane[first : first + int(height)], axis=0, out=band)
    else:
        bands = np.add.reduce(plane.reshape(GRID[1], -1, plane.shape[1]), axis=1)
    means: Map = np.add.reduceat(bands, columns, axis=1)
    means /= heights[:, None] * widths
    return means


def measure_scene(seen: Map, width: int) -> dict[str, float]:
    """Measure a map whose first octave is of so many pixels' width; every key of SCENE_FEATURES is in the result."""
    detail, luma = seen[DETAIL][0], seen[LUMA]
    if 2 * width > ANALYSIS_WIDTH:
        # What lies between the octaves is what a picture of ANALYSIS_WIDTH has in its first.
        detail = detail + (seen[DETAIL][1] - detail) * np.float32(math.log2(2 * width / ANALYSIS_WIDTH))
    smooth = detail < SMOOTH
    share = int(np.count_nonzero(smooth)) / smooth.size
    level = float(luma[smooth].mean()) if share else 0.0
    rank = int(FAINT_QUANTILE * (detail.size - 1))
    return {
        "detail": float(np.partition(detail, rank, axis=None)[rank]),
        "smooth_share": share,
        "smooth_luma": level,
        "smooth_darker": float(luma[~smooth].mean()) - level if 0 < share < 1 else 0.0,
    }
