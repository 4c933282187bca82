"""Whether a picture shows the present: by its bytes, and by what of it changes."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..models import FetchEvidence, FetchStrategy, Freshness
from . import kernels
from .baseline import Baseline, lasted

SLOTS: Final = 5
"""Pictures in a row, the first included, that are the same before a camera is called stale or frozen."""
KEY_FRAME_INTERVAL: Final = timedelta(seconds=10)
"""Longest usual time between key frames (go2rtc counts 0.15..10 s): a healthy camera may repeat itself for so long."""
PATIENCE: Final = 2 * KEY_FRAME_INTERVAL
"""Time before which no repetition counts."""
TILE: Final = 10
"""Sample points on a side of one tile: 16 x 9 tiles."""
CLOCK_ROWS: Final = 1
"""Rows of tiles at the top and at the bottom that a burnt-in clock may change: 11 % of the height each."""
CRUSHED: Final = (20, 250)
"""Luma outside of which a sensor's noise is cut off, so that a live tile may stay the same."""
MIN_ACTIVE: Final = 4
"""Tiles between those levels that are needed to tell still from frozen."""
CHANGED_QUANTILE: Final = 0.9
"""Quantile of the tiles' differences that must vanish: re-encoding lets a few tiles near the clock change."""
CALM_QUANTILE: Final = 0.25
"""Quantile that stands for the scene's noise: the calmer tiles have no motion in them."""
IDENTICAL: Final = 0.02
"""Mean difference of a tile, grey levels, that counts as none where the scene's noise is unknown. Sensor noise of
0.7 levels leaves 0.2 and more after JPEG of quality 85 or H.264 at 300 kbit/s; the same picture re-encoded leaves 0."""
NOISE_SHARE: Final = 0.25
"""Share of the scene's usual difference under which a picture counts as the same."""
LEAST_NOISE: Final = 4 * IDENTICAL
"""Usual difference, grey levels, under which a scene is too still for its pictures to be told from a frozen one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Motion:
    """How a picture differs from the one before, in grey levels.

    ``most`` is what 90 % of the judged tiles stay within, ``calm`` what 25 % do. ``judged`` is False where too few
    tiles can show a sensor's noise.
    """

    most: float
    calm: float
    judged: bool


def motion(baseline: Baseline, sample: NDArray[np.uint8], size: tuple[int, int]) -> Motion | None:
    """Return how the picture differs from the remembered one, or None where there is none of its size."""
    if baseline.sample is None or baseline.size != size:
        return None
    rows = slice(CLOCK_ROWS * TILE, sample.shape[0] - CLOCK_ROWS * TILE)
    inner = sample[rows]
    tiles = kernels.cell_means(kernels.difference(inner, baseline.sample[rows]), TILE)
    level = kernels.cell_means(inner, TILE)
    active = np.sort(tiles[(level > CRUSHED[0]) & (level < CRUSHED[1])])
    if active.size < MIN_ACTIVE:
        return Motion(most=float(tiles.max()), calm=float(np.quantile(tiles, CALM_QUANTILE)), judged=False)
    return Motion(
        most=float(active[int((active.size - 1) * CHANGED_QUANTILE)]),
        calm=float(active[int((active.size - 1) * CALM_QUANTILE)]),
        judged=True,
    )


def is_same(moved: Motion | None, usual: float | None) -> bool:
    """Return whether a picture repeats the one before; ``usual`` is the scene's usual difference, if known."""
    if moved is None or not moved.judged:
        return False
    if usual is None:
        return moved.most <= IDENTICAL
    return usual >= LEAST_NOISE and moved.most <= max(IDENTICAL, NOISE_SHARE * usual)


def judge(baseline: Baseline, evidence: FetchEvidence | None, when: datetime) -> Freshness:
    """Return the freshness of the picture that ``baseline`` was last given by ``with_bytes``.

    A stream's is proven. Otherwise bytes that repeat are unproven, and stale once 5 pictures in a row had them for
    at least two key-frame intervals; bytes that do not are what the capture layer says.
    """
    if evidence is not None and evidence.freshness is Freshness.STALE:
        return Freshness.STALE
    if evidence is not None and evidence.strategy is FetchStrategy.STREAM:
        return Freshness.PROVEN
    if baseline.repeats >= SLOTS and lasted(baseline.first_seen, when) >= PATIENCE:
        return Freshness.STALE
    if baseline.repeats > 1 or evidence is None:
        return Freshness.UNPROVEN
    return evidence.freshness


def is_frozen(baseline: Baseline, when: datetime) -> bool:
    """Return whether the last pictures repeat for so many frames and so long that the camera is frozen."""
    return baseline.run >= SLOTS and lasted(baseline.run_since, when) >= PATIENCE


def with_bytes(baseline: Baseline, sha256: bytes, when: datetime) -> Baseline:
    """Return the baseline after one more picture of these bytes."""
    if sha256 == baseline.sha256:
        return replace(baseline, repeats=baseline.repeats + 1)
    return replace(baseline, sha256=sha256, first_seen=when, repeats=1)


def with_sample(
    baseline: Baseline, sample: NDArray[np.uint8], size: tuple[int, int], when: datetime, *, same: bool
) -> Baseline:
    """Return the baseline after one more picture; a run keeps its first picture, so that slow change ends it."""
    if same:
        return replace(baseline, run=baseline.run + 1)
    return replace(baseline, sample=sample, size=size, run=1, run_since=when)
