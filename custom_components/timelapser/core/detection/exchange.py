"""Where red and blue change places from one row on: no scene's colours are each other's mirror image there."""

from collections.abc import Mapping
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .decode import Planes
from .features import sampled
from .ramps import ramp

GRID: Final = (160, 90)
"""Columns and rows at which colour and luma are sampled."""
JOINED: Final = 4
"""Samples of a row whose mean is compared, so that noise is not."""
GAP: Final = 2
"""Rows between those that are compared: the row between them may have some of both."""
MARGIN: Final = 4
"""Rows at the top and at the bottom that are left out: frames and clocks end there."""
BLUE_SCALE: Final = np.float32(1 / 0.564)
RED_SCALE: Final = np.float32(1 / 0.713)
"""From Cb to blue less luma, and from Cr to red less luma (ITU-R BT.601)."""
LUMA_SHIFT: Final = np.float32(0.185)
"""Weight of red in luma less that of blue: what exchanging them adds to luma, of blue less red."""
FLOOR: Final = 1.5
"""Levels added to what a difference is divided by, so that grey has no colours to exchange."""
CHANGE: Final = (3.0, 6.0)
"""Mean change of red and blue there, levels: under the first it is a step of the quantisation of what is nearly grey,
from the second on it counts in full. Colours that changed places have 11 and more."""
LIKE: Final = 0.3
"""Correlation along the row of red with what was blue, and the reverse, at least: a horizon is one step all along."""
LIKE_FLOOR: Final = 20.0
"""Sum of squares added to either side of it."""
STEP: Final = 2.5
"""Mean step in luma over the usual one at most, but for what exchanged colours add: a horizon has one, too."""
STEP_FLOOR: Final = 2.0
"""Levels added to the usual step."""

EXCHANGE_FEATURES: Final[Mapping[str, str]] = {
    "exchange": "how much better the colours of a row fit those above it with red and blue exchanged than as they are, "
    "over what colours differ by from row to row; 0 where they do not, luma breaks too or all is nearly grey, 0..",
    "exchange_top": "where that is, share of the height; 0 where it is nowhere",
}
"""The measurements of colours that changed places."""


def measure_exchange(planes: Planes) -> dict[str, float]:
    """Measure a picture; every key of EXCHANGE_FEATURES is in the result."""
    none = dict.fromkeys(EXCHANGE_FEATURES, 0.0)
    if planes.blue is None or planes.red is None:
        return none
    blue = (_joined(planes.blue) - 128) * BLUE_SCALE
    red = (_joined(planes.red) - 128) * RED_SCALE
    turned = LUMA_SHIFT * (blue - red)[:-GAP]
    as_it_is = _row_means(np.abs(blue[GAP:] - blue[:-GAP]) + np.abs(red[GAP:] - red[:-GAP]))
    exchanged = _row_means(np.abs(blue[GAP:] - red[:-GAP] + turned) + np.abs(red[GAP:] - blue[:-GAP] + turned))
    gain = (as_it_is - exchanged) / (exchanged + (_median(as_it_is) + FLOOR))
    row = MARGIN + int(gain[MARGIN:-MARGIN].argmax())
    if gain[row] <= 0 or _likeness(blue, red, row) < LIKE:
        return none
    luma = _joined(planes.luma)
    step = _row_means(np.abs(luma[GAP:] - luma[:-GAP]))
    left = float(np.abs(luma[row + GAP] - luma[row] - turned[row]).mean())
    if left > STEP * (_median(step) + STEP_FLOOR):
        return none
    found = float(gain[row]) * ramp(float(as_it_is[row]), CHANGE)
    return {"exchange": found, "exchange_top": (row + GAP / 2) / GRID[1]}


def _joined(plane: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a plane on the grid, some samples of a row joined: (90, 40)."""
    sums = kernels.sums_across(sampled(plane, GRID).astype(np.uint16), JOINED)
    return sums * np.float32(1 / JOINED)


def _row_means(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of each row."""
    means: NDArray[np.float32] = np.add.reduce(plane, axis=1) / np.float32(plane.shape[1])
    return means


def _median(values: NDArray[np.float32]) -> float:
    """Return the median; np.median takes longer than all else here."""
    ordered = np.sort(values)
    return float((ordered[(values.size - 1) // 2] + ordered[values.size // 2]) / 2)


def _likeness(blue: NDArray[np.float32], red: NDArray[np.float32], row: int) -> float:
    """Return how alike blue and red of a row are to red and blue of that below it, -1..1."""
    above = np.concatenate([blue[row] - blue[row].mean(), red[row] - red[row].mean()])
    under = row + GAP
    below = np.concatenate([red[under] - red[under].mean(), blue[under] - blue[under].mean()])
    strength = (float(above @ above) + LIKE_FLOOR) * (float(below @ below) + LIKE_FLOOR)
    return float(above @ below) / math.sqrt(strength)
