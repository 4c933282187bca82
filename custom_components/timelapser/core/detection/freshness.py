"""Whether a picture shows the present: by its bytes, and by what of it changes."""

from dataclasses import replace
from datetime import datetime, timedelta
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..models import FetchEvidence, FetchStrategy, Freshness
from . import kernels
from .baseline import Baseline, Change, lasted

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
CRUSHED: Final = (20, 240)
"""Luma outside of which a sensor's noise is cut off, so that a live tile may stay the same."""
MIN_ACTIVE: Final = 4
"""Tiles between those levels that are needed to tell still from frozen."""
CALM_QUANTILE: Final = 0.1
"""Quantile of the tiles that stands for the scene's noise: wind and people leave a tenth of the picture alone."""
MOTION_LEVEL: Final = 40
"""Grey levels by which a point changes only when something moves: a clock's change, carried on by the encoder into the
picture, stays under 20, and noise under 10."""
STILL: Final = 0.0002
"""Share of such points, 2 of all, up to which nothing moves."""
FIRST_CHANGE: Final = 0.3
"""Share of changed tiles up to which a picture repeats the one before, where the scene is not known yet.

A tile is changed when one of its 100 points is. A picture that is encoded again is mostly the same to the last
level (JPEG 0; H.264 as much as a changing clock carries into its neighbours, 0..0.5). Sensor noise of 0.3 levels and
more changes some point nearly everywhere (0.81..1 of the tiles, and under 0.95 only at bitrates that leave nothing of
a plain wall), though it may leave most points as they are."""
USUAL_SHARE: Final = 0.5
"""The same share where the scene is known, as a part of what usually changes there."""
LEAST_USUAL: Final = 0.2
"""Usually changed share of tiles under which a scene is too still for its pictures to be told from a frozen one."""
NOISE_PART: Final = 0.4
"""Part of the usual difference in the calm tiles under which the noise is not new: the encoder wrote the same picture
with another quantiser (measured: 0..0.35 of it; 0.7 and more where the bitrate starves and nothing can be told)."""
LEAST_CALM: Final = 0.25
"""Usual difference in the calm tiles, grey levels, under which no noise is left to judge by."""
NOISE_KEPT: Final = 0.8
"""Part of the usual noise inside the picture that must still be there: at dawn both grow less, in a frozen camera only
the difference does."""


def change_of(baseline: Baseline, sample: NDArray[np.uint8], size: tuple[int, int], noise: float) -> Change | None:
    """Return how the picture differs from the remembered one; ``noise`` is that inside the picture.

    The rows of the clock and tiles too dark or bright to show a sensor's noise are left out. None where there is no
    picture of this size to compare with, or too little of it can be judged.
    """
    if baseline.sample is None or baseline.size != size:
        return None
    rows = slice(CLOCK_ROWS * TILE, sample.shape[0] - CLOCK_ROWS * TILE)
    level = kernels.cell_means(sample[rows], TILE)
    active = (level > CRUSHED[0]) & (level < CRUSHED[1])
    count = int(active.sum())
    if count < MIN_ACTIVE:
        return None
    delta = sample[rows].astype(np.int32) - baseline.sample[rows]
    power = kernels.cell_means(delta * delta, TILE)[active]
    spread = np.sort(power - kernels.cell_means(delta, TILE)[active] ** 2)
    return Change(
        share=float((power > 0).mean()),
        calm=math.sqrt(max(0.0, float(spread[int((count - 1) * CALM_QUANTILE)]))),
        noise=noise,
        motion=int(np.count_nonzero(np.abs(delta) > MOTION_LEVEL)) / delta.size,
    )


def is_same(change: Change | None, usual: Change | None) -> bool:
    """Return whether a picture repeats the one before; ``usual`` is how the scene usually changes, if known."""
    if change is None or change.motion > STILL:
        return False
    if usual is None:
        return change.share <= FIRST_CHANGE
    if usual.share >= LEAST_USUAL and change.share <= USUAL_SHARE * usual.share:
        return True
    kept = change.noise >= NOISE_KEPT * usual.noise
    return usual.calm >= LEAST_CALM and kept and change.calm <= NOISE_PART * usual.calm


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
