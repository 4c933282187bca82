"""The costly look at full resolution for damage that one frame shows."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .blocks import BLOCK_FEATURES, flat_runs, measure_blocks
from .decode import Planes
from .grain import GRAIN_FEATURES, measure_grain
from .rows import ROW_FEATURES, measure_rows
from .shifts import SHIFT_FEATURES, measure_shifts

DAMAGE_FEATURES: Final[Mapping[str, str]] = {**BLOCK_FEATURES, **ROW_FEATURES, **SHIFT_FEATURES, **GRAIN_FEATURES}
"""All measurements of damage: formula, range and unit."""


def measure_damage(planes: Planes, analysis: NDArray[np.uint8]) -> dict[str, float]:
    """Measure a picture and its analysis picture (uint8 luma); every key of DAMAGE_FEATURES is in the result."""
    runs = kernels.runs(planes.luma)
    if runs.shape[1] < kernels.LEAST_RUNS:
        return dict.fromkeys(DAMAGE_FEATURES, 0.0)
    flat = flat_runs(runs)
    return (
        measure_blocks(runs, flat)
        | measure_rows(planes.luma, runs)
        | measure_shifts(planes, analysis, runs, flat)
        | measure_grain(planes.luma)
    )
