"""Blocks that do not fit their neighbours: lost slices, wrong DC levels, shifted blocks."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .kernels import RUN, RUNS, counts

GRID: Final = 8
"""Rows between two boundaries of transform blocks; macroblocks and MCUs are one or two of them high."""
OFF_GRID: Final = (2, 3, 5, 6)
"""Rows of the grid that no codec has a boundary at. The same measurement there tells what the scene has by itself."""
FLAT_RUN: Final = 2
"""Sum of levels, over a run, within which neighbouring runs are one flat area: privacy masks and letterbox bars end
in perfect steps, and often on the grid."""
NEIGHBOURS: Final = 3
"""So many times the steps one row further up and down must a broken step exceed: lenses, and all that makes a picture
smaller, spread an edge over rows, and leave those a third of the step at least."""
LEAST_STEP: Final = 2.5
"""Levels that a broken step exceeds on top of what compression and texture do. An error in the DC level of a JPEG is
a multiple of its quantiser, 2 and more at any quality of cameras."""
COMPRESSION_GAIN: Final = 1.5
"""So many times the step that 15 % of the runs on the grid exceed: coarse compression raises all of them."""
COMMON: Final = 0.85
"""Quantile of that step."""
SPREAD_GAIN: Final = 3
"""Loss breaks a few lines along most of their width, coarse compression a little of every line."""

USUAL_GAIN: Final = 0.5
"""Part of what the same measurement finds off the grid that is taken off: the edges that a scene has by itself lie on
the grid as often as on any other row."""
BAR: Final = 0.05
"""Share of the height, from the top, in which columns that never change are a bar that a camera burnt in: such bars end
on the grid as often as not. A decoder makes up single blocks, or repeats rows of the scene."""
BAR_STEP: Final = 4
"""Part of the step at its end by which a bar's rows may differ: a low bitrate leaves a bar of 48 and 224 levels up to
20 levels of unrest."""
BAR_WIDTH: Final = 0.5
"""Share of the width along which a bar must be seen to end, for the rest of that line to be its end as well."""
CHANCE: Final = 1.0
"""Standard deviations of a share by which that of few runs is uncertain: noise breaks runs one by one. Pictures of 960
columns have RUNS of them; what fewer scatter beyond that is taken off."""
SECTIONS: Final = 8
"""Parts of the width; the one in which most is broken counts for no more than the mean of the others. Slices are lost
over the width, a burnt-in text or a window is in one place."""
FEW: Final = 4
"""Rows off the grid, of those with most broken, whose spread is looked at."""
TEXTURE_SAMPLE: Final = 4
"""Every so many-th run is looked at for the texture."""

BLOCK_FEATURES: Final[Mapping[str, str]] = {
    "loss_line": "largest share of the width along which two boundaries, 16 rows apart, are broken, 0..1",
    "loss_share": "share of all runs on the grid that are broken, less that off the grid, -1..1",
    "loss_excess": "the largest sum, over two boundaries 16 rows apart, of the share of the width that is broken less "
    "the largest such share off the grid within the same 8 rows, less what it scatters more than in a picture of 120 "
    "runs, times what is left of 1 without the worst eighth of the width, less half of the largest such sum off the "
    "grid, less 3 x loss_share, -6..2",
    "loss_top": "where the upper of these boundaries lies, share of the height, 0..1",
    "blockiness": "the step that 15 % of the runs on the grid exceed, levels: what coarse compression leaves",
}
"""The measurements of lost blocks."""

_OFF_GRID: Final = np.array(OFF_GRID)


def measure_blocks(runs: NDArray[np.int16], flat: NDArray[np.bool_]) -> dict[str, float]:
    """Measure steps between rows of runs (``kernels.runs``) that are not flat (``flat_runs``).

    Every key of BLOCK_FEATURES is in the result.
    """
    height = runs.shape[0]
    groups = height // GRID - 1
    if groups < 3:
        return dict.fromkeys(BLOCK_FEATURES, 0.0)
    # From here on, row 0 is the first boundary, between rows 7 and 8 of the picture. Behind its last row nothing steps.
    rows = runs[GRID - 2 : (groups + 1) * GRID + 1]
    if len(rows) < groups * GRID + 3:
        rows = np.concatenate((rows, rows[-1:]))
    steps = np.abs(rows[1:] - rows[:-1])
    sharp = steps[1:-1] - NEIGHBOURS * np.maximum(steps[:-2], steps[2:])
    flat = flat[GRID - 1 : (groups + 1) * GRID]
    usable = ~(flat[1:] | flat[:-1])
    bar = max(GRID, round(BAR * height))
    usable[: bar - GRID + 1] &= ~_unchanged(runs[:bar], steps[1:])
    on_grid = sharp[::GRID][usable[::GRID]]
    common = 0.0
    if on_grid.size:
        rank = int(COMMON * (on_grid.size - 1))
        common = max(0.0, float(np.partition(on_grid, rank)[rank]))
    between = steps[1:-1].reshape(groups, GRID, -1)[:, _OFF_GRID, ::TEXTURE_SAMPLE].ravel()
    texture = float(np.partition(between, between.size // 2)[between.size // 2])
    limit = np.int16(RUN * LEAST_STEP + COMPRESSION_GAIN * common + texture)
    broken = (sharp > limit) & usable
    shares = (counts(broken) / broken.shape[1]).reshape(groups, GRID)
    lines, others = shares[:, 0], shares[:, _OFF_GRID]
    share = (float(np.add.reduce(lines)) - float(np.add.reduce(others, axis=None)) / len(OFF_GRID)) / groups
    excess = lines - others.max(axis=1)
    lined = broken.reshape(groups, GRID, -1)
    chance = _scatter(broken.shape[1]) * np.sqrt(lines[:-2] + lines[2:])
    usual = (others[:-2] + others[2:]).ravel()
    most = np.argpartition(usual, -FEW)[-FEW:]
    groups_of, off_grid = most // len(OFF_GRID), _OFF_GRID[most % len(OFF_GRID)]
    spread = _spread(
        np.concatenate((lined[:-2, 0], lined[groups_of, off_grid])),
        np.concatenate((lined[2:, 0], lined[groups_of + 2, off_grid])),
    )
    pairs = (excess[:-2] + excess[2:] - chance) * spread[:-FEW]
    usually = usual[most] * spread[-FEW:]
    worst = int(pairs.argmax())
    upper = worst if excess[worst] >= excess[worst + 2] / 2 else worst + 2
    return {
        "loss_line": min(1.0, float(lines[worst] + lines[worst + 2])),
        "loss_share": share,
        "loss_excess": float(pairs[worst]) - USUAL_GAIN * float(usually.max()) - SPREAD_GAIN * max(0.0, share),
        "loss_top": (upper + 1) * GRID / height,
        "blockiness": common / RUN,
    }


def _unchanged(runs: NDArray[np.int16], steps: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Return, for each of the first boundaries, which of its columns have not changed since the first row.

    ``steps`` are those at the boundaries, the first of which is below row GRID - 1.
    """
    changes = np.maximum.accumulate(np.abs(runs - runs[0]), axis=0)[GRID - 1 :]
    unchanged: NDArray[np.bool_] = changes <= np.maximum(RUN, steps[: len(changes)] // BAR_STEP)
    unchanged[counts(unchanged) >= BAR_WIDTH * unchanged.shape[1]] = True
    return unchanged


def _scatter(count: int) -> float:
    """Return by how many square roots of a share that of so many runs scatters more than that of RUNS."""
    return float(CHANCE * max(0.0, count**-0.5 - RUNS**-0.5))


def _spread(upper: NDArray[np.bool_], lower: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return how far what is broken along two rows each is spread over the width, 0..1."""
    part = upper.shape[1] // SECTIONS
    both = upper[:, : part * SECTIONS].view(np.uint8) + lower[:, : part * SECTIONS].view(np.uint8)
    sections = np.add.reduce(both.reshape(-1, part), axis=1, dtype=np.uint8).astype(np.float32).reshape(-1, SECTIONS)
    total = sections.sum(axis=1)
    lesser = (total - sections.max(axis=1)) * np.float32(SECTIONS / (SECTIONS - 1))
    spread: NDArray[np.float32] = np.minimum(1, lesser / np.maximum(1, total))
    return spread


def flat_runs(runs: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Return which runs are of the same level as those beside them."""
    line = runs.ravel()  # quicker than row by row
    even = np.ones(runs.shape, dtype=np.bool_)
    np.less_equal(np.abs(line[1:] - line[:-1]), FLAT_RUN, out=even.ravel()[:-1])
    even[:, -1] = True
    flat = even.copy()
    flat.ravel()[1:] &= even.ravel()[:-1]
    return flat
