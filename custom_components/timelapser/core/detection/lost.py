"""The costly look at full resolution: stripes of blocks that a decoder never wrote."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .decode import Planes
from .features import GREEN_FLOOR, MID_GREY, NEUTRAL, STRONG_COLOUR, sampled

BLOCK: Final = 16
"""Pixels on a side of a macroblock (H.264) and of an MCU (JPEG 4:2:0)."""
UNWRITTEN_RANGE: Final = 1
"""Levels within a block that was never written, after one more JPEG compression."""
STRIPE_SHARE: Final = 0.5
"""Share of the width that unwritten blocks of one row take up: slices are lost by rows, masks are boxes."""
GREEN_LUMA: Final = (55, 105)
"""Luma of the green of zero planes, after one more JPEG compression."""
WHOLE_SHARE: Final = 0.95
"""Share of the width that they take up in one of the rows at least."""

LOST_FEATURES: Final[Mapping[str, str]] = {
    "lost_share": "share of the height in which at least half of the blocks were never written, 0..1",
    "lost_top": "where the first such row begins, share of the height, 0..1",
    "lost_green": "1 where most of those blocks are green and not grey, else 0",
    "lost_step": "mean difference between the blocks of such rows and of the rows next to them, in luma or in that "
    "colour difference in which it is largest, levels",
}
"""The measurements of the heavy checks."""


def measure_lost(planes: Planes) -> dict[str, float]:
    """Measure the stripes of unwritten blocks; every key of LOST_FEATURES is in the result."""
    if not _may_have_stripes(planes.luma):
        return dict.fromkeys(LOST_FEATURES, 0.0)
    low, high = kernels.cell_extremes(planes.luma, BLOCK)
    flat = high - low <= UNWRITTEN_RANGE
    level = low.astype(np.float32)
    shown = [level]
    grey = flat & (low >= MID_GREY[0]) & (high <= MID_GREY[1])
    green = np.zeros_like(grey)
    if planes.blue is not None and planes.red is not None:
        grid = level.shape[1], level.shape[0]
        blue = sampled(planes.blue, grid).astype(np.float32) - 128
        red = sampled(planes.red, grid).astype(np.float32) - 128
        shown += [blue, red]
        grey &= np.abs(blue) + np.abs(red) <= NEUTRAL
        weaker = level + np.maximum(1.402 * red, 1.772 * blue)
        green = flat & (weaker < GREEN_FLOOR) & (level - 0.344 * blue - 0.714 * red - weaker >= STRONG_COLOUR)
    widths = (grey | green).mean(axis=1)
    stripes = widths >= STRIPE_SHARE
    if widths.max() < WHOLE_SHARE:
        return dict.fromkeys(LOST_FEATURES, 0.0)
    edges = np.flatnonzero(stripes[1:] != stripes[:-1])
    step = max(float(np.abs(one[edges + 1] - one[edges]).mean()) for one in shown) if edges.size else 0.0
    return {
        "lost_share": float(stripes.mean()),
        "lost_top": float(stripes.argmax()) / stripes.size,
        "lost_green": float(green[stripes].sum() > grey[stripes].sum()),
        "lost_step": step,
    }


def _may_have_stripes(luma: NDArray[np.uint8]) -> bool:
    """Return whether the middle of any row of blocks is even but for the steps between them, and of such a level."""
    rows = np.ascontiguousarray(luma[BLOCK // 2 :: BLOCK])
    left, right = rows[:, :-1], rows[:, 1:]
    even = np.maximum(left, right) - np.minimum(left, right) <= UNWRITTEN_RANGE
    # Bytes that are too low wrap around.
    even &= (left - np.uint8(MID_GREY[0]) <= MID_GREY[1] - MID_GREY[0]) | (
        left - np.uint8(GREEN_LUMA[0]) <= GREEN_LUMA[1] - GREEN_LUMA[0]
    )
    most = int(kernels.counts(even).max(initial=0))
    return bool(most >= WHOLE_SHARE * (BLOCK - 1) / BLOCK * left.shape[1])
