"""How much fine detail there is along each direction: a camera that shook has drawn it out along one."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .features import OSD_SHARE

NEAR: Final = 1
FAR: Final = 8
"""Analysis pixels between two that are compared: a detail, and what lies beyond what a shake draws out."""
MARGIN: Final = 2 * FAR
"""Analysis pixels at the rim that are left out, where lenses are soft."""
LEAST_ENERGY: Final = 4.0
"""Mean squared difference of far pixels, levels squared, without which there is nothing to draw out."""
ONE_WAY: Final = 0.4
"""Octaves by which there must be more across than along: a glow or a lens out of focus is soft all round."""
AXES: Final = ((0, 1), (1, 0))
DIAGONALS: Final = ((1, 1), (1, -1))

SHAKE_FEATURES: Final[Mapping[str, str]] = {
    "along_axis": "mean squared difference of pixels 1 apart over that of pixels 8 apart, less noise, across or down, "
    "whichever is less, octaves; 0 where both are alike",
    "along_diagonal": "the same along the diagonals, octaves",
}
"""The measurements of a shaken camera."""


def measure_shake(analysis: NDArray[np.uint8], noise: float) -> dict[str, float]:
    """Measure an analysis picture whose noise (levels) is known; every key of SHAKE_FEATURES is in the result."""
    clock = int(analysis.shape[0] * OSD_SHARE)
    view = analysis[clock : analysis.shape[0] - clock].astype(np.float32)
    height, width = view.shape
    if height <= 2 * MARGIN or width <= 2 * MARGIN:
        return dict.fromkeys(SHAKE_FEATURES, 0.0)

    def energy(down: int, across: int) -> float:
        moved = view[MARGIN + down : height - MARGIN + down, MARGIN + across : width - MARGIN + across]
        steps = moved - view[MARGIN : height - MARGIN, MARGIN : width - MARGIN]
        return float(np.vdot(steps, steps)) / steps.size - 2 * noise**2

    def least(directions: tuple[tuple[int, int], ...]) -> float:
        found = []
        for down, across in directions:
            near, far = (energy(down * reach, across * reach) for reach in (NEAR, FAR))
            found.append(float(np.log2(max(near, 1e-2) / far)) if far >= LEAST_ENERGY else 0.0)
        return min(found) if max(found) - min(found) >= ONE_WAY else 0.0

    return {"along_axis": least(AXES), "along_diagonal": least(DIAGONALS)}
