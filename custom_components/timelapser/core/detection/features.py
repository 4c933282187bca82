"""What is measured on a decoded picture: named numbers, each with one meaning, and a small copy for comparison."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .decode import Planes

ANALYSIS_WIDTH: Final = 480
"""Pixels. Every picture is shrunk by the whole number that comes nearest to this width (360..600 results), so that
sharpness and noise do not depend on the resolution; the Laplacian of one scene differs eightfold between sizes."""
NARROWED_FROM: Final = 576
"""Pixels of width from which a picture too small to be shrunk by a whole number is shrunk to three quarters: of 640 of
them 480 are left, as of larger pictures. Single pixels have twice the noise of means, which hides blur and slant."""
LEAST_HEIGHT: Final = 64
"""Pixels of height that the analysis picture keeps, however wide the picture is."""
CELL: Final = 8
"""Analysis pixels on a side of one cell: 80 cells on the width."""
HISTOGRAM_STEP: Final = 4
"""Every so many-th row of the analysis picture is counted."""
PRINT_SIZE: Final = (160, 90)
"""Width and height of the small copy that the next picture is compared with."""
OSD_SHARE: Final = 0.15
"""Share of the height at the top and at the bottom where cameras burn in clock and name."""
BLACK_LEVEL: Final = 16
"""Luma that a black picture does not exceed: 0 in full range, 16 in video range."""
CLIPPED_LEVEL: Final = 250
"""Luma that counts as clipped."""
MID_GREY: Final = (126, 132)
"""Luma of what a decoder never wrote: 128, which video range turns to 130."""
NEUTRAL: Final = 3
"""Sum of the distances of Cb and Cr from 128 without colour: one step of JPEG quantisation each."""
FLAT_RANGE: Final = 2
"""Levels within a flat cell: the ringing of an edge nearby, but no texture and no sensor noise."""
TAIL_MEAN: Final = 0.3
"""Mean difference, in levels, of rows that repeat. Rows of walls and poles that a low bitrate flattened differ more."""
TAIL_PEAK: Final = 4
"""Largest difference, in levels, of rows that repeat."""
TAIL_LEAST: Final = 0.01
"""Share of the height, and at least 8 rows, that repeated rows take up: half a row of macroblocks of 480p."""
CONCEALED_ROW: Final = 0.94
"""Share of the height of the second row that may be repeated: what a decoder makes up of a lost part of an H.264
picture repeats one row nearly to the bottom, but for a row of macroblocks."""
TAIL_COLUMNS: Final = 240
"""Columns looked at for repeated rows by the fast measurement."""
TAIL_CONTEXT: Final = 32
"""Rows above repeated rows that show how abruptly they begin: two rows of macroblocks, the first may be half good."""
COLOUR_LUMA: Final = 40
"""Luma under which colour is noise times the white balance's gain."""
STRONG_COLOUR: Final = 100
"""Levels between the channels of the green and the magenta that decoders leave; meadows have under 80."""
GREEN_FLOOR: Final = 30
"""Level that red and blue stay under in the green of zero planes, (0, 135, 0)."""
COLOUR_SAMPLES: Final = 2
"""Samples of the colour planes along each side of a cell, whose mean is its colour: a single one shows the noise, the
more of it the larger the picture is."""
SUMMED: Final = 6
"""Pixels whose sum stands for a cell in which single ones show too much of the noise and of the quantisation."""
CAST_LEVEL: Final = (4, 12)
"""Distance of both colour differences above 128 in a cell: with less there is no pink cast, with more it counts in
full. Between them it counts in part, as quantisation, which is coarser in small pictures, moves whole areas by 2."""
GREENEST: Final = 0.9
"""Quantile of the cells' green against red and blue: every scene has some grey or green in it."""
GREEN_BASE: Final = 4
"""Levels added to both, so that the noise of a dark picture has no colour."""
CALM_QUANTILE: Final = 0.2
"""Quantile of the cells that noise is measured in: the calmest fifth has no texture in nearly every scene."""
LAPLACIAN_GAIN: Final = 20
"""Mean squared response of the Laplacian (4, -1, -1, -1, -1) to white noise of variance 1."""
LEAST_ENERGY: Final = 1e-3
"""Levels squared of detail that count as none."""
COARSEST: Final = -0.5
"""Octaves by which an analysis picture may be narrower than ANALYSIS_WIDTH for what is finer to be guessed: the
narrowest of those that were shrunk is so by 0.42."""
IMMERKAER: Final = 1.2533 / 6
"""sqrt(pi / 2) / 6: from the mean absolute residual to the standard deviation of noise (Immerkaer 1996)."""

FEATURES: Final[Mapping[str, str]] = {
    "luma_mean": "mean luma, 0..255",
    "luma_spread": "95th minus 5th percentile of luma, 0..255",
    "peak": "highest luma outside the clock's bands, 0..255",
    "lowest": "1st percentile of luma, 0..255",
    "clipped_share": "share of pixels of luma 250 and over, 0..1",
    "mode_level": "most common luma, 0..255",
    "mode_share": "share of pixels within 1 of the most common luma, 0..1",
    "structure": "standard deviation of the cells' means outside the clock's bands, levels; in pictures under 720 "
    "pixels of width, where a cell is little more than a block of a JPEG and has its rounding, that of 2 x 2 cells",
    "speckle": "standard deviation of single pixels outside the clock's bands, levels: structure and noise",
    "grey_share": "share of cells that are flat, neutral and mid-grey, 0..1",
    "green_share": "share of cells of the green of zero planes, 0..1",
    "pink_share": "share of cells of strong magenta, 0..1",
    "cast_share": "share of cells that are lit and whose Cb and Cr are both above neutral: by 12 levels in full, "
    "by 4 not at all, 0..1",
    "green_left": "green over the lesser of red and blue, 4 levels added to each, that 90 % of the cells do not exceed",
    "saturation": "mean |Cb-128| + |Cr-128| of lit cells, 0..256",
    "tail_share": "share of the height, from the bottom, in which one row (the last, or that at 94 %) repeats, 0..1",
    "tail_level": "mean luma of that row, 0..255",
    "tail_range": "highest minus lowest luma of that row, 0..255",
    "tail_activity": "mean step between neighbouring columns of that row, levels",
    "tail_step": "mean difference between the repeated rows and the 32 above them, levels",
    "tail_colour": "largest distance of Cb and Cr from 128 in that row, 0..128",
    "tail_green": "1 where that row has the green of zero planes, else 0",
    "end_grey": "share of the width, from the right, in which the last block row is exactly 128; else 0",
    "fine": "mean squared Laplacian, less that of the noise, at a width of 480 pixels (on a straight line between the "
    "octaves that there are, in logarithms), levels squared",
    "middle": "the same at a width of 240 pixels, levels squared",
    "coarse": "the same at a width of 120 pixels, levels squared",
    "broad": "the same at a width of 60 pixels, levels squared",
    "sharpness": "fine / coarse",
    "crispness": "middle / broad",
    "noise": "standard deviation of noise in the calmest fifth, analysis levels (Immerkaer 1996)",
}
"""The measurements of every picture: formula, range and unit."""


_NO_TAIL: Final = {name: 0.0 for name in FEATURES if name.startswith("tail_")}
_ALL_LEVELS: Final = np.arange(256)
_CELLS: Final = CELL.bit_length() - 2
"""How many times a half of the analysis picture is halved until a pixel of it is the mean of a cell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """The features by name, the analysis picture (uint8 luma), and the picture's print: uint8 luma (90, 160).

    ``quarter`` is the analysis picture at a quarter of its size, ``octaves`` are its absolute Laplacians at a half, a
    quarter, an eighth and a sixteenth. ``details`` are those that a camera's map is made of: where the picture was
    narrowed, they are of the picture as it came, as a creeping focus takes the finest detail first. The print is
    sampled and not averaged. That keeps the sensor's noise, which a mean over 12 x 12 pixels would lose: it tells a
    still scene from a frozen picture.
    """

    features: dict[str, float]
    analysis: NDArray[np.uint8]
    sample: NDArray[np.uint8]
    quarter: NDArray[np.float32]
    octaves: tuple[NDArray[np.float32], ...]
    details: tuple[NDArray[np.float32], ...]


def measure(planes: Planes) -> Measured:
    """Measure a picture; every key of FEATURES is in the result."""
    height, width = planes.luma.shape
    factor = max(1, min(16, round(width / ANALYSIS_WIDTH), height // LEAST_HEIGHT))
    narrowed = factor == 1 and width >= NARROWED_FROM
    analysis = kernels.three_quarters(planes.luma) if narrowed else kernels.shrink(planes.luma, factor)
    levels = _halved(analysis)
    means = levels[_CELLS]
    sample = sampled(planes.luma, PRINT_SIZE)
    counts = kernels.histogram(np.ascontiguousarray(analysis[::HISTOGRAM_STEP]))
    features = _levels(counts, analysis)
    features["structure"] = _deviation(_inner(means if factor > 1 else levels[_CELLS + 1]))
    features["speckle"] = _deviation(_inner(sample).astype(np.float32))
    features |= _colours(analysis, means, planes)
    features |= _tail(planes, max(1, width // TAIL_COLUMNS))
    features["end_grey"] = 0.0 if planes.watched else _end_grey(planes.luma)
    octaves = tuple(kernels.laplacian(level) for level in levels)
    features |= _texture(analysis, octaves)
    return Measured(
        features=features,
        analysis=analysis,
        sample=sample,
        quarter=levels[1],
        octaves=octaves,
        details=tuple(kernels.laplacian(level) for level in _halved(planes.luma)) if narrowed else octaves,
    )


@lru_cache(maxsize=64)
def _centres(length: int, count: int) -> NDArray[np.intp]:
    """Return the centres of ``count`` equal parts of a length in pixels."""
    return ((np.arange(count) + 0.5) * length / count).astype(np.intp)


def sampled(plane: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the plane at the centres of a grid of ``size`` (width, height)."""
    rows = plane[_centres(plane.shape[0], size[1])]
    return rows.take(_centres(plane.shape[1], size[0]), axis=1)


def summed(plane: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint16]:
    """Return the sums of SUMMED pixels, 2 x 3 at equal distances, in cells of a grid of ``size`` (width, height)."""
    rows = plane[_centres(plane.shape[0], size[1] * 3)]
    sums = rows[0::3].astype(np.uint16)
    sums += rows[1::3]
    sums += rows[2::3]
    columns = _centres(plane.shape[1], size[0] * 2)
    return sums.take(columns[0::2], axis=1) + sums.take(columns[1::2], axis=1)


def _cell_colours(plane: NDArray[np.uint8], grid: tuple[int, int]) -> NDArray[np.float32]:
    """Return a colour difference, less 128, in each cell of a grid (width, height)."""
    samples = sampled(plane, (grid[0] * COLOUR_SAMPLES, grid[1] * COLOUR_SAMPLES))
    return kernels.cell_means(samples, COLOUR_SAMPLES) - np.float32(128)


def _halved(analysis: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
    """Return the picture at a half, a quarter, an eighth and a sixteenth of its size."""
    half = kernels.halve_bytes(analysis)
    quarter = kernels.halve(half)
    eighth = kernels.halve(quarter)
    return half, quarter, eighth, kernels.halve(eighth)


def _share(mask: NDArray[np.bool_]) -> float:
    """Return the share of cells that are true, 0..1."""
    return int(np.count_nonzero(mask)) / mask.size


def _inner[T: np.generic](plane: NDArray[T]) -> NDArray[T]:
    """Return the rows outside the bands of the clock."""
    band = int(plane.shape[0] * OSD_SHARE)
    return plane[band : plane.shape[0] - band]


def _deviation(plane: NDArray[np.float32]) -> float:
    """Return the standard deviation, as ``ndarray.std`` does in twice the time."""
    strayed = plane - np.add.reduce(plane, axis=None) / np.float32(plane.size)
    return math.sqrt(float(np.vdot(strayed, strayed)) / plane.size)


def _levels(counts: NDArray[np.int64], analysis: NDArray[np.uint8]) -> dict[str, float]:
    """Measure the distribution of luma."""
    below: list[int] = np.add.accumulate(counts).tolist()
    total = below[-1]
    mode = int(counts.argmax())
    low, five, high = (bisect_left(below, share * total) for share in (0.01, 0.05, 0.95))
    return {
        "luma_mean": float(counts @ _ALL_LEVELS) / total,
        "luma_spread": float(high - five),
        "lowest": float(low),
        "peak": float(_inner(analysis).max()),
        "clipped_share": (total - below[CLIPPED_LEVEL - 1]) / total,
        "mode_level": float(mode),
        "mode_share": float(counts[max(0, mode - 1) : mode + 2].sum()) / total,
    }


def _colours(analysis: NDArray[np.uint8], means: NDArray[np.float32], planes: Planes) -> dict[str, float]:
    """Measure the colours that decoders leave behind, cell by cell (ITU-R BT.601, full range)."""
    grey = (means >= MID_GREY[0] - 1) & (means <= MID_GREY[1] + 1)
    if planes.blue is None or planes.red is None:
        none = dict.fromkeys(("green_share", "pink_share", "cast_share", "saturation"), 0.0)
        return none | {"grey_share": _unwritten(analysis, grey) / grey.size, "green_left": 1.0}
    grid = means.shape[1], means.shape[0]
    blue, red = _cell_colours(planes.blue, grid), _cell_colours(planes.red, grid)
    red_level = means + 1.402 * red
    blue_level = means + 1.772 * blue
    green_level = means - 0.344 * blue - 0.714 * red
    weaker = np.maximum(red_level, blue_level)
    lesser = np.minimum(red_level, blue_level)
    left = ((green_level + GREEN_BASE) / (np.maximum(lesser, 0) + GREEN_BASE)).ravel()
    rank = int(GREENEST * (left.size - 1))
    colour = np.abs(blue) + np.abs(red)
    lit = means > COLOUR_LUMA
    cast = np.clip((np.minimum(blue, red) - CAST_LEVEL[0]) / (CAST_LEVEL[1] - CAST_LEVEL[0]), 0, 1)
    grey &= colour <= NEUTRAL
    return {
        "grey_share": _unwritten(analysis, grey) / grey.size,
        "green_share": _share((weaker < GREEN_FLOOR) & (green_level - weaker >= STRONG_COLOUR)),
        "pink_share": _share(lesser - green_level >= STRONG_COLOUR),
        "cast_share": float(np.vdot(cast, lit)) / cast.size,
        "green_left": float(np.partition(left, rank)[rank]),
        "saturation": float(np.vdot(colour, lit)) / max(1, int(np.count_nonzero(lit))),
    }


def _unwritten(analysis: NDArray[np.uint8], grey: NDArray[np.bool_]) -> int:
    """Return how many of the cells that are mid-grey in the mean are flat and so all over."""
    height, width = grey.shape
    rows, columns = np.nonzero(grey)
    cells = analysis[: height * CELL, : width * CELL].reshape(height, CELL, width, CELL)[rows, :, columns]
    low, high = (extreme.reduce(cells, axis=(1, 2)) for extreme in (np.minimum, np.maximum))
    flat = (high - low <= FLAT_RANGE) & (low >= MID_GREY[0] - 1) & (high <= MID_GREY[1] + 1)
    return int(np.count_nonzero(flat))


def _distance(rows: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the absolute difference of every row from another."""
    rows, others = np.ascontiguousarray(rows), np.ascontiguousarray(others)
    distance: NDArray[np.uint8] = np.maximum(rows, others) - np.minimum(rows, others)
    return distance


def _repeats(rows: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which rows repeat another, or each its own of as many others."""
    delta = _distance(rows, others)
    equal: NDArray[np.bool_] = delta.max(axis=1) <= TAIL_PEAK
    if equal.any():
        equal &= delta.mean(axis=1, dtype=np.float32) <= TAIL_MEAN
    return equal


def _tail(planes: Planes, step: int) -> dict[str, float]:
    """Measure the rows at the bottom that a decoder made up, on every ``step``-th column.

    They equal the last row; or, where it conceals, each row near the bottom equals the next but for a slow drift.
    """
    luma = planes.luma[:, ::step]
    height = luma.shape[0]
    least = max(8, int(height * TAIL_LEAST))
    if _repeats(luma[-least][None], luma[-1])[0]:
        return _tail_of(planes, luma, height - 1, _repeats(luma, luma[-1]))
    row = int(height * CONCEALED_ROW)
    near = luma[row - least : row + 1]
    if int(np.ptp(luma[row])) > FLAT_RANGE and _repeats(near[:-1], near[1:]).all():
        drifting = _repeats(luma[:row], luma[1 : row + 1])
        return _tail_of(planes, luma, row, np.append(drifting, True))
    return _NO_TAIL


def _tail_of(planes: Planes, luma: NDArray[np.uint8], row: int, equal: NDArray[np.bool_]) -> dict[str, float]:
    """Measure a tail by one of its rows; ``equal`` tells for it and all above which repeat."""
    height = luma.shape[0]
    last = luma[row]
    top = 0 if equal.all() else row + 1 - int(np.argmin(equal[::-1]))
    above = _distance(luma[max(0, top - TAIL_CONTEXT) : top], luma[top])
    colour, green = 0.0, 0.0
    if planes.blue is not None and planes.red is not None:
        at = row * planes.blue.shape[0] // height
        blue, red = planes.blue[at].astype(np.float32) - 128, planes.red[at].astype(np.float32) - 128
        colour = float(max(np.abs(blue).max(), np.abs(red).max()))
        mean = float(last.mean())
        weaker = max(mean + 1.402 * float(red.mean()), mean + 1.772 * float(blue.mean()))
        strong = mean - 0.344 * float(blue.mean()) - 0.714 * float(red.mean()) - weaker
        green = float(weaker < GREEN_FLOOR and strong >= STRONG_COLOUR)
    return {
        "tail_share": (height - top) / height,
        "tail_level": float(last.mean()),
        "tail_range": float(last.max()) - float(last.min()),
        "tail_activity": float(np.abs(np.diff(last.astype(np.int16))).mean()),
        "tail_step": float(above.mean()) if above.size else 0.0,
        "tail_colour": colour,
        "tail_green": green,
    }


def _end_grey(luma: NDArray[np.uint8]) -> float:
    """Return the share of the width, from the right, in which the last row of blocks was never written."""
    block = luma[-(luma.shape[0] % 8 or 8) :]
    written = np.flatnonzero((block != 128).any(axis=0))
    return 1 - (int(written[-1]) + 1) / block.shape[1] if written.size else 1.0


def _between(levels: Sequence[float], place: float) -> float:
    """Return what lies at a place between two levels, or before the first, on a straight line through two."""
    below = min(max(0, math.floor(place)), len(levels) - 2)
    return levels[below] + (levels[below + 1] - levels[below]) * (place - below)


def _texture(analysis: NDArray[np.uint8], octaves: tuple[NDArray[np.float32], ...]) -> dict[str, float]:
    """Measure detail by size, and the noise where there is least of it."""
    finest, residual = kernels.detail(analysis)
    calm = kernels.cell_means(residual, CELL).ravel()
    rank = int(calm.size * CALM_QUANTILE)
    noise = float(np.partition(calm, rank)[rank]) * IMMERKAER
    energies = [finest, *map(kernels.energy, octaves)]
    levels = [
        math.log2(max(LEAST_ENERGY, energy - LAPLACIAN_GAIN * noise**2 / 4**octave))
        for octave, energy in enumerate(energies)
    ]
    finer = max(COARSEST, math.log2(analysis.shape[1] / ANALYSIS_WIDTH))
    fine, middle, coarse, broad = (2 ** _between(levels, octave + finer) for octave in range(4))
    return {
        "fine": fine,
        "middle": middle,
        "coarse": coarse,
        "broad": broad,
        "sharpness": fine / (coarse + 1e-3),
        "crispness": middle / (broad + 1e-3),
        "noise": noise,
    }
