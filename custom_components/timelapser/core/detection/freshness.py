"""Whether a picture shows the present: by its bytes, and by what of it changes."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import numpy as np

from ..models import FetchEvidence, FetchStrategy, Freshness, Light
from . import kernels
from .baseline import Baseline, Change, Run, lasted
from .encoded import CRUSHED, Evidence, contradictions
from .prints import Print

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
TEXTURE: Final = 1.0
"""Mean second difference along the rows, in levels, from which a tile has texture: an encoder writes it anew, and
differently, as soon as anything in it changed. It may leave a plain sky as it was."""
MIN_TEXTURED: Final = 12
"""Tiles with texture that are needed to judge by them alone: an eighth of fewer may be one that chance left alone."""
MIN_LIT: Final = 4
"""Tiles between the levels that a sensor's noise is cut off at, which are needed to judge by them."""
MOTION_LEVEL: Final = 40
"""Grey levels by which a point changes only when something moves: a clock's change, carried on by the encoder into the
picture, stays under 20, and noise under 10."""
STILL: Final = 0.0002
"""Share of such points, 2 of all, up to which nothing moves."""
FIRST_CHANGE: Final = 0.3
"""Share of changed tiles up to which a picture repeats the one before, where the scene is not known yet: more of it may
be a drawing that lies over the picture.

A tile is changed when one of its 100 points is. A picture that is encoded again by the same steps is partly the same to
the last level (JPEG all of it; H.264 but for what a changing clock carries into its neighbours, 0..0.86). Sensor noise
of 0.15 levels and more changes some point nearly everywhere (0.97..1 of the tiles with texture, in JPEG of quality 50
and in H.264 at quantiser 36, too; 0.64 there of those without)."""
LEAST_USUAL: Final = 0.2
"""Usually changed share of tiles under which a scene is too still for its pictures to be told from a frozen one."""
DARK_USUAL: Final = 0.8
"""The same where it is dark: the sensor's noise must be known to show."""
NOISE_KEPT: Final = 0.8
"""Part of the usual noise inside the picture that must still be there where it is dark: a camera that sets all darkness
to black loses it, a frozen one does not."""
DRIFT: Final = 1.0
"""Median change of the tiles' means, in levels, over which the light changed: new steps move them by 0..0.5."""


EARLIER: Final = 3
"""Runs before the present one that a picture may come back to. An encoder of video spends fewer bits on a frozen
picture, or begins anew with every viewer, and so shows it in two to five ways, by turns."""
RETURNED: Final = 0.66
"""Changed share of tiles, as a part of what usually changes, up to which a picture comes back to an earlier run: a
frozen picture in H.264 at a bitrate does so with 0..0.65 within seven key frames, live ones stay at 0.97 to 1."""
RETURN_USUAL: Final = 0.8
"""Usually changed share of tiles from which coming back says that nothing is live; less of it comes back by chance."""
RETURN_POINTS: Final = 0.75
"""Changed share of single points from which no closer look is taken, which costs time: a frozen picture has up to 0.64,
live ones mostly over 0.8."""


LEAST_EXPECTED: Final = 0.3
"""Contradictions that live noise would bring about on average, under which a picture says nothing."""
CONTRADICTED: Final = 0.15
"""Part of these, after the first, up to which a run is of one picture. Measured on 20 scenes by day and night: encoded
again at quality 72..95 0..0.13; live at one quality with noise of 0.3 levels 0.5 and more, with 0.6 levels 0.98 and
more, in H.264 3 and more; live at quality 60 after 90 0.28 and more, encoded again 0..0.37."""
OWN_CONTRADICTED: Final = 0.5
"""The same for one picture of the run, so that a long run does not take in what is live."""
ENOUGH: Final = 10.0
"""Contradictions expected over a run before it counts: with 13 on average, which noise of 0.6 levels makes of them, two
or fewer happen once in 5,000 times."""


class Ground(StrEnum):
    """What still is told from frozen by: tiles with texture; if there are too few, all that are lit; else all."""

    TEXTURED = "textured"
    PLAIN = "plain"
    DARK = "dark"


USUAL_SHARE: Final = {Ground.TEXTURED: 0.88, Ground.PLAIN: 0.5, Ground.DARK: 0.5}
"""FIRST_CHANGE where the scene is known, as a part of what usually changes there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How a picture differs from the first one of the run.

    ``drift`` is the median change of the tiles' means (levels), ``motion`` the share of points that changed by more
    than noise and encoders do (0..1).
    """

    change: Change
    ground: Ground
    drift: float
    motion: float


def difference_of(first: Print | Run | None, shown: Print, noise: float) -> Difference | None:
    """Return how the picture differs from the remembered one; ``noise`` is that inside the picture.

    The rows of the clock are left out. None where there is no picture of this size to compare with.
    """
    if first is None or first.size != shown.size:
        return None
    rows = slice(CLOCK_ROWS * TILE, shown.sample.shape[0] - CLOCK_ROWS * TILE)
    sample, before = (one.sample[rows].astype(np.int16) for one in (shown, first))
    bend = np.zeros_like(sample)
    bend[:, 1:-1] = np.abs(sample[:, 2:] - 2 * sample[:, 1:-1] + sample[:, :-2])
    apart = np.abs(sample - before)
    # All at once, as each call costs more than its tiles.
    means = kernels.cell_means(np.concatenate((sample, before, bend, apart)), TILE)
    level, level_before, texture, changes = means.reshape(4, -1, means.shape[1])
    lit = (level > CRUSHED[0]) & (level < CRUSHED[1])
    textured = lit & (texture >= TEXTURE)
    if np.count_nonzero(textured) >= MIN_TEXTURED:
        tiles, ground = textured, Ground.TEXTURED
    elif np.count_nonzero(lit) >= MIN_LIT:
        tiles, ground = lit, Ground.PLAIN
    else:
        tiles, ground = np.ones_like(lit), Ground.DARK
    count = int(np.count_nonzero(tiles))
    drifts = np.sort(np.abs(level - level_before)[tiles])
    return Difference(
        change=Change(share=int(np.count_nonzero(changes[tiles])) / count, noise=noise),
        ground=ground,
        drift=float((drifts[(count - 1) // 2] + drifts[count // 2]) / 2),
        motion=int(np.count_nonzero(apart > MOTION_LEVEL)) / apart.size,
    )


def evidence_of(baseline: Baseline, shown: Print, found: Difference | None, light: Light) -> Evidence | None:
    """Return the evidence that a picture repeats the first one of the run, or None if it does not.

    ``found`` is how it differs from that.
    """
    if found is None or baseline.first is None or found.motion > STILL:
        return None
    usual = baseline.usual_change(light)
    dark = usual is not None and usual.share >= DARK_USUAL and found.change.noise >= NOISE_KEPT * usual.noise
    if (found.ground is Ground.DARK and not dark) or (usual is not None and usual.share < LEAST_USUAL):
        return None
    limit = FIRST_CHANGE if usual is None else USUAL_SHARE[found.ground] * usual.share
    if found.change.share <= limit:
        return Evidence(ENOUGH, 0)
    if found.drift > DRIFT:
        return None
    own = contradictions(baseline.first, shown, dark=dark)
    if own.expected < LEAST_EXPECTED or own.found > OWN_CONTRADICTED * own.expected + 1:
        return None
    total = baseline.contradictions + own.found
    return own if total <= CONTRADICTED * (baseline.evidence + own.expected) + 1 else None


def return_of(baseline: Baseline, shown: Print, found: Difference | None, light: Light) -> int | None:
    """Return to which of the earlier runs a picture comes back, as an index, or None if it shows something new.

    ``found`` is how it differs from the first of the present run, which it does not repeat. Sensor noise never shows
    twice: whatever came since such a run began is the same picture, however differently it was encoded.
    """
    usual = baseline.usual_change(light)
    if found is None or usual is None or usual.share < RETURN_USUAL:
        return None
    if found.motion > STILL or found.drift > DRIFT or found.ground is Ground.DARK:
        return None
    for index, run in enumerate(baseline.earlier):
        if run.size != shown.size or np.count_nonzero(run.sample != shown.sample) > RETURN_POINTS * shown.sample.size:
            continue
        apart = difference_of(run, shown, found.change.noise)
        if apart is not None and apart.motion <= STILL and apart.change.share <= RETURNED * usual.share:
            return index
    return None


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
    enough = baseline.run >= SLOTS and baseline.evidence >= ENOUGH
    return enough and lasted(baseline.run_since, when) >= PATIENCE


def with_bytes(baseline: Baseline, sha256: bytes, when: datetime) -> Baseline:
    """Return the baseline after one more picture of these bytes."""
    if sha256 == baseline.sha256:
        return replace(baseline, repeats=baseline.repeats + 1)
    return replace(baseline, sha256=sha256, first_seen=when, repeats=1)


def with_print(
    baseline: Baseline,
    shown: Print,
    when: datetime,
    evidence: Evidence | None,
    returned: int | None = None,
    found: Difference | None = None,
) -> Baseline:
    """Return the baseline after one more picture, which repeats the first one of the run if there is evidence.

    A run keeps its first picture, so that slow change ends it. ``returned`` says which of the earlier runs it comes
    back to instead; all since then become one run. ``found`` is how it differs from the first one.
    """
    if evidence is not None:
        return replace(
            baseline,
            run=baseline.run + 1,
            evidence=baseline.evidence + evidence.expected,
            contradictions=baseline.contradictions + evidence.found,
            doubted=False,
        )
    first, earlier = baseline.first, baseline.earlier
    doubted = returned is None and _may_go_on(baseline, found, when)
    if returned is None and not doubted:
        ended = [] if first is None else [Run(first.size, first.sample, baseline.run, baseline.run_since)]
        earlier = (*ended, *earlier)[:EARLIER]
        return replace(
            baseline,
            first=shown,
            run=1,
            run_since=when,
            evidence=0.0,
            contradictions=0,
            earlier=earlier,
            doubted=False,
        )
    end = 0 if returned is None else returned + 1
    since = baseline.run_since if returned is None else earlier[returned].since
    length = baseline.run + sum(run.length for run in earlier[:end])
    # Their pictures are counted now; what they look like is kept, for the next one may be like any of them.
    counted = [run._replace(length=0, since=since) for run in earlier[: max(0, end - 1)]]
    if first is not None:
        counted.insert(0, Run(first.size, first.sample, 0, since))
    return replace(
        baseline,
        first=shown,
        run=length + 1,
        run_since=since,
        evidence=ENOUGH,
        contradictions=0,
        earlier=(*counted, *earlier[end:])[:EARLIER],
        doubted=doubted,
    )


def _may_go_on(baseline: Baseline, found: Difference | None, when: datetime) -> bool:
    """Return whether a picture that repeats none may yet be of the run: encoded in one more way, and nothing moved.

    So it is once where a camera is frozen already and its encoder was seen to show it in several ways.
    """
    varied = any(run.since == baseline.run_since and not run.length for run in baseline.earlier)
    still = found is not None and found.motion <= STILL and found.drift <= DRIFT
    return varied and still and not baseline.doubted and is_frozen(baseline, when)
