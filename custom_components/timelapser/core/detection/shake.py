"""How much fine detail there is along each direction: a camera that shook has drawn it out along one."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from .features import ANALYSIS_WIDTH, OSD_SHARE, Measured

SHARP: Final = 0.5
"""Sharpness from which nothing was shaken, so that it is not measured."""
NEAR: Final = 2
FAR: Final = 8
"""Analysis pixels, of ANALYSIS_WIDTH, between two that are compared: a detail, and what lies beyond what a shake draws
out. How neighbours differ tells as much of the grain and of the encoder, and is another thing in each size."""
MARGIN: Final = 2
"""Times the far distance that is left out at the rim, where lenses are soft."""
LEAST_ENERGY: Final = 20.0
"""Mean squared difference of far pixels, levels squared, without which there is nothing to draw out: plain walls have 2
to 20."""
LEAST_NEAR: Final = 0.01
"""The same of near pixels, under which it is rounding."""
ONE_WAY: Final = 0.3
"""Octaves by which there must be more across than along: a glow or a lens out of focus is soft all round."""
AXES: Final = ((0, 1), (1, 0))
DIAGONALS: Final = ((1, 1), (1, -1))

SHAKE_FEATURES: Final[Mapping[str, str]] = {
    "along_axis": "mean squared difference of pixels 2/480 of the width apart over that of pixels 8/480 apart, less "
    "noise, across or down, whichever is less, octaves; 0 where both are alike, where there is nothing to tell it by "
    "and where the picture is sharp",
    "along_diagonal": "the same along the diagonals, octaves",
}
"""The measurements of a shaken camera."""


def measure_shake(measured: Measured) -> dict[str, float]:
    """Measure a picture further; every key of SHAKE_FEATURES is in the result."""
    if measured.features["sharpness"] >= SHARP:
        return dict.fromkeys(SHAKE_FEATURES, 0.0)
    analysis, noise = measured.analysis, measured.features["noise"]
    clock = int(analysis.shape[0] * OSD_SHARE)
    view = analysis[clock : analysis.shape[0] - clock].astype(np.int16)
    height, width = view.shape
    scale = width / ANALYSIS_WIDTH
    far = max(2 * NEAR, round(FAR * scale))
    margin = MARGIN * far
    if height <= 2 * margin or width <= 2 * margin:
        return dict.fromkeys(SHAKE_FEATURES, 0.0)

    line = view.ravel()
    here = line[margin * width : -margin * width]
    moved = np.empty((height - 2 * margin, width), np.int16)
    steps = np.empty((height - 2 * margin, width - 2 * margin), np.float32)

    def energy(down: int, across: int, reach: int) -> float:
        first = margin * width + reach * (down * width + across)
        np.subtract(line[first : first + here.size], here, out=moved.ravel())
        steps[:] = moved[:, margin : width - margin]
        return float(np.vdot(steps, steps)) / steps.size - 2 * noise**2

    def near(down: int, across: int) -> float:
        """Return the octaves of the near energy; where it lies between whole pixels, what lies between theirs."""
        reach = max(1.0, NEAR * scale)
        whole = int(reach)
        level = float(np.log2(max(LEAST_NEAR, energy(down, across, whole))))
        if reach == whole:
            return level
        following = float(np.log2(max(LEAST_NEAR, energy(down, across, whole + 1))))
        return level + (following - level) * float(np.log2(reach / whole) / np.log2((whole + 1) / whole))

    def least(directions: tuple[tuple[int, int], ...]) -> float:
        energies = [energy(*direction, far) for direction in directions]
        if min(energies) < LEAST_ENERGY:
            return 0.0
        found = [
            near(*direction) - float(np.log2(beyond)) for direction, beyond in zip(directions, energies, strict=True)
        ]
        return min(found) if max(found) - min(found) >= ONE_WAY else 0.0

    return {"along_axis": least(AXES), "along_diagonal": least(DIAGONALS)}
