"""Noise of single pixels, at full resolution."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .features import CALM_QUANTILE, IMMERKAER

TRIPLES: Final = 24
"""Groups of three neighbouring rows looked at, about."""
LEAST_STEP: Final = 12
"""Rows between two groups, at least."""
CELL: Final = 16
"""Pixels of a row over which the residual is averaged."""
IMPULSE: Final = 30
"""Levels by which a pixel exceeds all eight around it, or falls short of them: dead and hot ones do."""
PARTS: Final = 8
"""Parts of the width in which impulses are counted; the second least counts, as rain and leaves are not everywhere."""

GRAIN_FEATURES: Final[Mapping[str, str]] = {
    "grain": "standard deviation of noise in the calmest fifth at full resolution, levels (Immerkaer 1996)",
    "impulses": "share of isolated pixels in the second least of 8 parts of the width, 0..1",
}
"""The measurements of single pixels."""


def measure_grain(luma: NDArray[np.uint8]) -> dict[str, float]:
    """Measure noise on groups of three rows; every key of GRAIN_FEATURES is in the result."""
    height, width = luma.shape
    rows = np.arange(0, height - 2, max(LEAST_STEP, height // TRIPLES))
    if rows.size == 0 or width < PARTS * CELL:
        return dict.fromkeys(GRAIN_FEATURES, 0.0)
    above, middle, below = luma[rows], luma[rows + 1], luma[rows + 2]
    bends = above.astype(np.int16) + below
    bends -= middle
    bends -= middle
    residual = bends[:, 2:] + bends[:, :-2]
    residual -= bends[:, 1:-1]
    residual -= bends[:, 1:-1]
    np.abs(residual, out=residual)
    whole = np.ascontiguousarray(residual[:, : residual.shape[1] // CELL * CELL])
    cells = kernels.sums_across(whole.view(np.uint16), CELL).ravel()
    rank = int(cells.size * CALM_QUANTILE)
    highest = np.maximum(above, below)
    lowest = np.minimum(above, below)
    high = np.maximum(np.maximum(highest[:, 2:], highest[:, :-2]), highest[:, 1:-1])
    low = np.minimum(np.minimum(lowest[:, 2:], lowest[:, :-2]), lowest[:, 1:-1])
    high = np.maximum(high, np.maximum(middle[:, 2:], middle[:, :-2]))
    low = np.minimum(low, np.minimum(middle[:, 2:], middle[:, :-2]))
    centre = middle[:, 1:-1]
    # Bytes cannot be negative: what is not over the highest is 0 above it.
    over = np.maximum(centre, high) - high
    under = low - np.minimum(centre, low)
    isolated = np.maximum(over, under) > IMPULSE
    part = isolated.shape[1] // PARTS
    columns = np.add.reduce(isolated[:, : part * PARTS].view(np.uint8), axis=0, dtype=np.uint8)
    parts = columns.reshape(PARTS, part).sum(axis=1)
    return {
        "grain": float(np.partition(cells, rank)[rank]) / CELL * IMMERKAER,
        "impulses": int(np.partition(parts, 1)[1]) / (part * rows.size),
    }
