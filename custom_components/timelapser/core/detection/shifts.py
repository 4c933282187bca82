"""Parts of a picture that lie beside where they belong: tearing, shear, and colour beside its shapes."""

from collections.abc import Mapping
import math
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .decode import Planes
from .features import SUMMED, summed
from .kernels import RUN
from .rows import unit_of

type Row = NDArray[np.float32]
type Rows = NDArray[np.float32]

LARGEST_JUMP: Final = 48
"""Levels that one run's jump counts for at most."""
JUMP_PART: Final = 4
"""One part in so many must a torn run's jump exceed those between rows nearby. Those of a small picture are large, and
by a half few runs exceed them."""
JUMP_EXCESS: Final = 1
"""And by so many levels."""
TORN_LEAST: Final = 0.2
TORN_WIDTH: Final = 0.5
"""Shares of the width that jump: under the first a row is not looked at, from the second on its tear counts in full."""
CANDIDATES: Final = 4
"""Rows looked at more closely."""
ALIKE: Final = 8
"""Times the energy of the steps along the rows on one side of a tear that those on the other may have: both show one
scene, while the rows beyond the rim of a mask or a bar have next to none."""
LEAST_TEAR: Final = 0.03
"""Gain in correlation under which nobody need look how well the rows on each side fit among themselves."""
SEAM_NOISE: Final = 0.25
"""Levels squared added to the energy of a row, so that what has no structure correlates with nothing."""
NEAR: Final = 2
"""Analysis columns of a shift that perspective and slanted edges make between two rows."""
FAR: Final = 4
"""Analysis columns from which a shift is one."""
FARTHEST: Final = 0.4
"""Share of the width up to which rows are shifted; further away, texture fits by chance."""
CHANCE: Final = 2.0
"""Standard deviations of the correlation over all shifts by which the rows on each side must fit among themselves
better than by chance: foliage below a horizon is not its own continuation from row to row, and fits anywhere a little,
at another shift in each size of the picture."""
SPIKE: Final = 6
"""Times the spread of a row's steps that a single one counts for at most."""

STEEPEST: Final = 3.0
"""Columns per row up to which slant is looked for."""
SLOPE_STEP: Final = 1 / 16
SLANT_ROWS: Final = 4
"""Every so many-th analysis row is used, and the shift over 1, 2 and 3 of those."""
LARGEST_STEP: Final = 24
"""Levels that a step between two columns counts for at most."""
RIM_MEETS: Final = 0.1
"""Correlation by which the rims must fit better than columns far apart for the slant to be worth its cost."""
RIM_NEAR: Final = 0.65
"""How alike the rims must be, where neighbouring columns have 1 and those half a width apart 0."""
RIM_STEPS: Final = 1.8
RIM_LEVEL: Final = 0.5
"""Times the difference of neighbouring columns, after so many levels are added to it, that the rims may differ by."""
SLANT_GAIN: Final = 10
"""What the fit of shifted rows counts for beside that of the rims: texture correlates little over some rows."""
RIM_STEP: Final = 30
"""Levels that a step along the rim counts for at most."""
RIM_NOISE: Final = 1.0
"""Levels squared of rim without structure."""

COLOUR_SIZE: Final = 240
"""Steps between the columns at which luma and colour are sampled for their comparison: a size that transforms fast."""
COLOUR_STEP: Final = 32
"""Levels that an edge counts for at most."""
COLOUR_LEAST: Final = 0.02
"""Mean levels of colour edges without which there is nothing to compare: under 0.1 they are few, as of a red sign on
grey, and what is faint all over is less than COLOUR_NOISE."""
COLOUR_NOISE: Final = 0.5
"""Levels squared added to the energy of edges: what has next to no colour fits at one place or another by chance."""

SHIFT_FEATURES: Final[Mapping[str, str]] = {
    "tear": "how much better the rows below a break fit when shifted, in correlation, at most that of the rows on each "
    "side of it among themselves less 2 standard deviations of chance, less where not half of the width jumps, less "
    "that of the next best break, 0..1",
    "tear_shift": "that shift, share of the width, -0.4..0.4",
    "tear_top": "where the break lies, share of the height, 0..1",
    "slant": "columns per row by which all rows are shifted; looked for where the rims meet, else 0",
    "slant_sure": "how much better the rims fit each other than columns far apart, and 10 x how much better rows fit "
    "when shifted so, in correlation; 0 without a slant",
    "chroma_gap": "how much better colour fits shapes elsewhere than at its own place, correlation -1..1",
    "chroma_shift": "the distance of that place, share of the width, -0.25..0.25",
}
"""The measurements of shifts."""

_NO_TEAR: Final = {name: 0.0 for name in SHIFT_FEATURES if name.startswith("tear")}
_NO_GAP: Final = {name: 0.0 for name in SHIFT_FEATURES if name.startswith("chroma_")}


def measure_shifts(
    planes: Planes, analysis: NDArray[np.uint8], runs: NDArray[np.int16], flat: NDArray[np.bool_]
) -> dict[str, float]:
    """Measure shifts on the full picture, its analysis picture, its runs and which of them are flat.

    Every key of SHIFT_FEATURES is in the result.
    """
    factor = max(1, round(planes.luma.shape[1] / analysis.shape[1]))
    return (
        _tear(planes.luma, runs, flat, factor)
        | _shear(analysis, _rim(planes.luma, analysis, factor))
        | _colour(analysis, planes)
    )


class _Seams(NamedTuple):
    """Rows that are laid beside each other: their number of columns, their spectra and their energies."""

    columns: int
    spectra: NDArray[np.complexfloating]
    energies: NDArray[np.float32]

    @classmethod
    def of(cls, rows: Rows) -> Self:
        """Return what is needed of rows to see how well they fit."""
        return cls(rows.shape[1], np.fft.rfft(rows, axis=1), np.vecdot(rows, rows))

    def fits(self, ones: NDArray[np.intp], others: NDArray[np.intp]) -> Rows:
        """Return how well each of some rows fits another at every cyclic shift, in correlation."""
        spectra = self.spectra[others] * np.conj(self.spectra[ones])
        fits: Rows = np.fft.irfft(spectra, n=self.columns, axis=1).astype(np.float32, copy=False)
        powers = np.sqrt(self.energies[ones] * self.energies[others]) + np.float32(SEAM_NOISE * self.columns)
        fits /= powers[:, None]
        return fits


def _tear(luma: NDArray[np.uint8], runs: NDArray[np.int16], flat: NDArray[np.bool_], factor: int) -> dict[str, float]:
    """Measure the break across the picture below which everything is shifted, if there is one."""
    height = luma.shape[0]
    unit = unit_of(height)
    depth = max(2, factor)
    margin = max(4 * unit, 2 * depth + unit) + 1
    if height <= 3 * margin or luma.shape[1] // factor <= 4 * FAR:
        return _NO_TEAR
    rows, widths = _torn(runs, flat, unit, margin)
    if not rows.size:
        return _NO_TEAR
    last, first = rows - depth + 1, rows + unit
    tops = np.concatenate((last, first, last - depth - unit + 1, first + unit + depth - 1))
    seams = _Seams.of(_rows(luma, tops, depth, factor))
    above, below, higher, lower = np.arange(tops.size).reshape(4, -1)
    across = seams.fits(above, below)
    shifts = [_best(fits, FAR, int(FARTHEST * fits.size)) for fits in across]
    gains = across[np.arange(rows.size), shifts].astype(np.float64) - _in_place(across)
    energies = seams.energies.tolist()
    apart = [
        at for at, gain in enumerate(gains) if gain >= LEAST_TEAR and _alike(energies[above[at]], energies[below[at]])
    ]
    if not apart:
        return _NO_TEAR
    beside = seams.fits(np.concatenate((higher[apart], below[apart])), np.concatenate((above[apart], lower[apart])))
    whole = np.minimum(*_in_place(beside).reshape(2, -1)) - CHANCE * across[apart].std(axis=1)
    found = [(0.0, 0.0, 0)]
    for at, most in zip(apart, whole.tolist(), strict=True):
        tear = min(float(gains[at]), most) * min(1.0, float(widths[at]) / TORN_WIDTH)
        found.append((tear, shifts[at] / across.shape[1], int(rows[at])))
    tear, shift, row = max(found)
    elsewhere = max((other for other, _, place in found if abs(place - row) > margin), default=0.0)
    if tear <= elsewhere:
        return _NO_TEAR
    return {"tear": tear - max(0.0, elsewhere), "tear_shift": shift, "tear_top": (row + 1) / height}


def _torn(
    runs: NDArray[np.int16], flat: NDArray[np.bool_], unit: int, margin: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the rows at which most of the width jumps, CANDIDATES at most, and which share of it does."""
    jumps = np.clip(np.abs(runs[unit:] - runs[:-unit]), 0, LARGEST_JUMP * RUN)
    count = jumps.shape[0] - 2 * margin

    def beside[T: np.generic](rows: NDArray[T], by: int) -> NDArray[T]:
        return rows[margin + by * unit :][:count]

    around = np.maximum(beside(jumps, -2), beside(jumps, -3))
    np.maximum(around, np.maximum(beside(jumps, 2), beside(jumps, 3)), out=around)
    around += around // JUMP_PART + JUMP_EXCESS * RUN
    torn = beside(jumps, 0) > around
    torn &= ~(beside(flat, 0) | beside(flat, 1))
    widths = kernels.counts(torn) / jumps.shape[1]
    rows = np.flatnonzero(widths >= TORN_LEAST)
    rows = rows[np.argsort(widths[rows], kind="stable")[-CANDIDATES:]]
    return rows + margin, widths[rows]


def _alike(one: float, other: float) -> bool:
    """Return whether rows of such energies may both show one scene."""
    return max(one, other) <= ALIKE * min(one, other)


def _rows(luma: NDArray[np.uint8], tops: NDArray[np.intp], depth: int, factor: int) -> Rows:
    """Return the steps along the mean of some rows from each top on.

    They are at analysis width and once around, without spikes, and of mean 0.
    """
    width = luma.shape[1] // factor * factor
    taken = luma[np.add.outer(tops, np.arange(depth)), :width]
    sums = taken[:, 0].astype(np.uint16)
    for row in range(1, depth):
        sums += taken[:, row]
    means = kernels.sums_across(sums, factor) / np.float32(depth * factor)
    steps: Rows = np.empty_like(means)
    np.subtract(means[:, 1:], means[:, :-1], out=steps[:, :-1])
    np.subtract(means[:, 0], means[:, -1], out=steps[:, -1])
    limits = SPIKE * np.sqrt(np.vecdot(steps, steps) / np.float32(steps.shape[1]))[:, None]
    np.clip(steps, -limits, limits, out=steps)
    steps -= np.add.reduce(steps, axis=1, keepdims=True) / np.float32(steps.shape[1])
    return steps


def _in_place(fits: Rows) -> NDArray[np.float64]:
    """Return how well rows fit without a shift, or with one that perspective makes."""
    near: NDArray[np.float64] = np.maximum(fits[:, : NEAR + 1].max(axis=1), fits[:, -NEAR:].max(axis=1)).astype(
        np.float64
    )
    return near


def _best(fits: NDArray[np.floating], least: int, most: int) -> int:
    """Return the cyclic shift of a size between two limits, either way, that fits best."""
    right = int(fits[least : most + 1].argmax()) + least
    left = int(fits[-most : 1 - least].argmax()) - most
    return right if fits[right] >= fits[left] else left


def _rim(luma: NDArray[np.uint8], analysis: NDArray[np.uint8], factor: int) -> Rows:
    """Return the last two analysis columns of the whole picture, of one that was shrunk by blocks up to its own end."""
    if factor == 1 or luma.shape[1] == analysis.shape[1] * factor:
        return analysis[:, -2:].astype(np.float32)
    blocks = luma[: analysis.shape[0] * factor, -2 * factor :].reshape(-1, factor, 2, factor)
    columns: Rows = blocks.mean(axis=(1, 3), dtype=np.float32)
    return columns


def _shear(analysis: NDArray[np.uint8], rim: Rows) -> dict[str, float]:
    """Measure whether rows of a wrong length run on from one rim into the other, and the slant that this makes.

    ``rim`` are the last two columns, up to the picture's own end.
    """
    width = analysis.shape[1]
    half, quarter = width // 2, width // 4
    places = [0, 1, quarter, quarter + half, quarter // 2, quarter // 2 + half]
    left, inner_left, *others = np.ascontiguousarray(analysis[:, places].T).astype(np.float32)
    inner_right, right = np.ascontiguousarray(rim.T)
    none = {"slant": 0.0, "slant_sure": 0.0}
    beside = float(np.abs(left - inner_left).mean() + np.abs(right - inner_right).mean()) / 2
    across = float(np.abs(left - right).mean())
    if across > RIM_STEPS * (beside + RIM_LEVEL):
        return none
    pairs = (others[0], others[1]), (others[2], others[3]), (left, others[1])
    meets = _along(left, right) - sorted(abs(_along(*pair)) for pair in pairs)[1]
    if meets < RIM_MEETS:
        return none
    apart = float(np.abs(analysis[:, :half].astype(np.int16) - analysis[:, half : 2 * half]).mean())
    near = (apart - across) / (apart - beside + 1) if apart > beside else 0.0
    if near < RIM_NEAR:
        return none
    slant, gain = _slant(analysis)
    return {"slant": slant, "slant_sure": meets + SLANT_GAIN * gain if slant else 0.0}


def _along(one: Row, other: Row) -> float:
    """Return the correlation of what two columns do along the picture."""
    first, second = (np.clip(column[2:] - column[:-2], -RIM_STEP, RIM_STEP) for column in (one, other))
    energy = float(np.sqrt(np.vdot(first, first) * np.vdot(second, second))) + RIM_NOISE * first.size
    return float(np.vdot(first, second)) / energy


def _slant(analysis: NDArray[np.uint8]) -> tuple[float, float]:
    """Return the shift per row, in columns, at which rows fit those below best, and how much better than in place."""
    rows = analysis[::SLANT_ROWS].astype(np.float32)
    steps = np.clip(rows[:, 1:] - rows[:, :-1], -LARGEST_STEP, LARGEST_STEP)
    steps -= steps.mean(axis=1, keepdims=True)
    size = steps.shape[1]
    spectra = np.fft.rfft(steps, axis=1)
    slopes = np.arange(-STEEPEST, STEEPEST + SLOPE_STEP / 2, SLOPE_STEP)
    fit = np.zeros(slopes.size)
    for apart in (1, 2, 3):
        fits = np.fft.irfft((spectra[apart:] * np.conj(spectra[:-apart])).sum(axis=0), n=size)
        shifts = slopes * (apart * SLANT_ROWS)
        whole = np.floor(shifts).astype(np.intp)
        part = shifts - whole
        fit += fits[whole % size] * (1 - part) + fits[(whole + 1) % size] * part
    fit /= 3 * (float(np.vdot(steps, steps)) + SEAM_NOISE * steps.size)
    best = int(fit.argmax())
    return float(slopes[best]), float(fit[best] - fit[np.abs(slopes) <= SLOPE_STEP].max())


def _colour(analysis: NDArray[np.uint8], planes: Planes) -> dict[str, float]:
    """Measure whether colour edges lie beside those of luma, all by the same distance."""
    if planes.blue is None or planes.red is None:
        return _NO_GAP
    grid = COLOUR_SIZE + 1, max(8, round(COLOUR_SIZE * analysis.shape[0] / analysis.shape[1]) // 2)
    colours = _edges(_steps(planes.blue, grid) + _steps(planes.red, grid))
    mean = colours.mean()
    if mean < COLOUR_LEAST:
        return _NO_GAP
    colours -= mean
    shapes = _edges(_steps(analysis, grid))
    shapes -= shapes.mean()
    size = shapes.shape[1]
    cross = (np.fft.rfft(colours, axis=1) * np.conj(np.fft.rfft(shapes, axis=1))).sum(axis=0)
    energies = (float(np.vdot(edges, edges)) + COLOUR_NOISE * edges.size for edges in (shapes, colours))
    fits = np.fft.irfft(cross, n=size) / math.sqrt(math.prod(energies))
    near = max(0.0, float(fits[0]), float(fits[1]), float(fits[-1]))
    shift = _best(fits, 2, size // 4)
    return {"chroma_gap": float(fits[shift]) - near, "chroma_shift": shift / size}


def _steps(plane: NDArray[np.uint8], grid: tuple[int, int]) -> NDArray[np.int16]:
    """Return the absolute steps between sums of SUMMED pixels, along the rows of a grid (width, height)."""
    sums = summed(plane, grid).view(np.int16)
    steps: NDArray[np.int16] = np.abs(sums[:, 1:] - sums[:, :-1])
    return steps


def _edges(steps: NDArray[np.int16]) -> Rows:
    """Return steps in levels, COLOUR_STEP at most."""
    return np.minimum(steps, COLOUR_STEP * SUMMED).astype(np.float32) / np.float32(SUMMED)
