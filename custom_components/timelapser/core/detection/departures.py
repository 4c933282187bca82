"""How far a picture departs from a look of its camera: one number for each way in which lenses and sensors go wrong."""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .normal import FREE_LOSS, SPREAD_PLANES, Look
from .scene import BLUE, DETAIL, LUMA, RED, Map

MIDDLE, COARSE, BROAD = 0, 1, 2
"""The octaves 1, 2 and 3 of detail."""
TEXTURED: Final = (2.0, 1.85, 1.8)
"""Detail (log2 of levels) from which a cell of an octave has structure that can be lost: three levels, which noise of
the night's gain stays under."""
LEAST_CELLS: Final = 20
"""Textured cells, of 576, without which detail is not judged: sky, fog, plain walls."""
NEAR_ROWS: Final = 12
"""Rows of cells above what is near: fog leaves it its detail, and a misted lens does not."""
LEAST_NEAR: Final = 10
"""Textured cells there that have a say."""
LIKELY_CELLS: Final = 40
"""Textured cells over which the loss is spread at least, so that two cells of a bare scene are no disaster."""
ROW_REACH: Final = 1
"""Rows of cells above and below that tell what the light or the fog does at a height."""
ROW_QUANTILE: Final = 0.75
"""Place among those of the cells that speak for the light: dirt takes up less than three quarters of a row."""
ROW_LEAST: Final = 10
"""Textured cells which such a row needs to have a say."""
MOST_GAIN: Final = 0.2
"""Octaves of contrast gained for which the light makes up; more is something new, such as noise."""
FREE_SPREADS: Final = 2.0
"""Usual strayings of its detail that a cell may lose beyond FREE_LOSS."""
MOST_LOSS: Final = 2.0
"""Octaves of loss that a cell counts with at most: it is gone."""
NEW_GAIN: Final = 1.2
"""Octaves of detail gained from which something is where nothing was."""
NEW_SPREADS: Final = 4.0
"""The same in usual strayings of the cell."""
NEW_DETAIL: Final = 2.3
"""Detail (log2) that it has at least: five levels."""
LIT: Final = (40, 245)
"""Luma between which colour is judged: below it is noise times gain, above it is clipped."""
LEAST_LIT: Final = 0.1
"""Share of the cells that must be lit so."""
MOST_SATURATION: Final = 1.25
"""Times the usual colour: sun after rain. Less colour, down to none, is weather."""
YOUNG_SATURATION: Final = 10.0
"""The same beside a look that is young: it may have been learnt in fog, which leaves a tenth of the colour and its
hue."""
WHITE: Final = 225
"""Luma over which a cell is nearly white; fog and overcast skies are grey beside it."""
DARKEST: Final = 4.0
"""Levels added to luma before it is divided."""


class Departure(NamedTuple):
    """How a picture departs from a look.

    ``blur``: octaves by which fine detail is weaker against coarse than usual; ``loss``: octaves of detail lost in
    the median cell, or in that of the lower third if that is less; ``gone``: mean octaves lost, since the glass was
    clean, beyond what is usual and what the light takes from the whole row, 0..2; ``gone_share``: share of the cells
    with texture then that lost so; ``gained``: cells that gained as much, as a part of them;
    ``compact``: how much they are one spot, 0 scattered to 1; ``new``: share of all cells with detail where there was
    none; ``likeness``: correlation of the detail's places, -1..1; ``cast``: mean distance of colours from the usual
    ones, paler ones left out, levels of Cb and Cr; ``brighter``: octaves; ``lighter``: levels; ``white``: share of the
    cells more that are nearly white; ``noisier``: octaves; ``structure``: cells with structure as a part of the usual.
    """

    blur: float
    loss: float
    gone: float
    gone_share: float
    gained: float
    compact: float
    new: float
    likeness: float
    cast: float
    brighter: float
    lighter: float
    white: float
    noisier: float
    structure: float


def compare(seen: Map, noise: float, look: Look) -> Departure:
    """Return how a picture's map and noise (log2 of analysis levels) depart from a known look."""
    detail, usual = seen[DETAIL], look.mean[DETAIL]
    step = detail - usual
    textured = usual[MIDDLE] > TEXTURED[MIDDLE]
    count = int(np.count_nonzero(textured))
    gone = gone_share = gained = compact = loss = blur = 0.0
    structure = 1.0
    if count >= LEAST_CELLS:
        loss = -float(np.median(step[MIDDLE][textured]))
        near = textured[NEAR_ROWS:]
        if int(np.count_nonzero(near)) >= LEAST_NEAR:
            loss = min(loss, -float(np.median(step[MIDDLE][NEAR_ROWS:][near])))
        spread = look.spread[SPREAD_PLANES.index(1 + MIDDLE)]
        fell = detail[MIDDLE] - look.clean
        once = look.clean > TEXTURED[MIDDLE]
        light = _light_gain(fell, once)
        lost = -(fell - light) - (FREE_LOSS + FREE_SPREADS * spread)
        lost = np.clip(lost, 0, MOST_LOSS) * once
        likely = max(LIKELY_CELLS, int(np.count_nonzero(once)))
        gone = float(lost.sum()) / likely
        gone_share = int(np.count_nonzero(lost)) / likely
        rose = step[MIDDLE] - np.maximum(light, 0) > FREE_LOSS + FREE_SPREADS * spread
        gained = int(np.count_nonzero(rose & (detail[MIDDLE] > NEW_DETAIL))) / likely
        compact = _compactness(lost)
        structure = int(np.count_nonzero(detail[MIDDLE] > TEXTURED[MIDDLE])) / count
        both = textured & (usual[BROAD] > TEXTURED[BROAD])
        if int(np.count_nonzero(both)) >= LEAST_CELLS:
            blur = -float(np.median((step[MIDDLE] - step[BROAD])[both]))
    spread = look.spread[SPREAD_PLANES.index(1 + COARSE)]
    appeared = (step[COARSE] > np.maximum(NEW_GAIN, NEW_SPREADS * spread)) & (detail[COARSE] > NEW_DETAIL)
    luma, usual_luma = float(seen[LUMA].mean()), float(look.mean[LUMA].mean())
    return Departure(
        blur=blur,
        loss=loss,
        gone=gone,
        gone_share=gone_share,
        gained=gained,
        compact=compact,
        new=float(appeared.mean()),
        likeness=_correlation(detail[COARSE], usual[COARSE]),
        cast=_cast(seen, look.mean, YOUNG_SATURATION if look.young else MOST_SATURATION),
        brighter=float(np.log2((luma + DARKEST) / (usual_luma + DARKEST))),
        lighter=luma - usual_luma,
        white=float((seen[LUMA] > WHITE).mean() - (look.mean[LUMA] > WHITE).mean()),
        noisier=noise - look.noise,
        structure=structure,
    )


def shows_scene(look: Look) -> bool:
    """Return whether a look has structure enough to be told from darkness, a cap or a wall."""
    return int(np.count_nonzero(look.mean[DETAIL][MIDDLE] > TEXTURED[MIDDLE])) >= LEAST_CELLS


def _light_gain(step: Map, textured: NDArray[np.bool_]) -> Map:
    """Return for each row of cells what the light or the weather did to the detail at that height, octaves."""
    height, width = step.shape
    padded = np.full((height + 2 * ROW_REACH, width), -np.inf, np.float32)
    padded[ROW_REACH:-ROW_REACH] = np.where(textured, step, -np.inf)
    rows = np.concatenate([padded[at : at + height] for at in range(2 * ROW_REACH + 1)], axis=1)
    rows.sort(axis=1)
    counts = np.count_nonzero(np.isfinite(rows), axis=1)
    at = rows.shape[1] - 1 - ((1 - ROW_QUANTILE) * counts).astype(np.intp)
    gains = rows[np.arange(height), at]
    known = np.sort(step[textured])
    overall = known[int(ROW_QUANTILE * (known.size - 1))]
    gains = np.where(counts >= ROW_LEAST, gains, overall)
    limited: Map = np.minimum(gains, np.float32(MOST_GAIN))[:, None]
    return limited


def _compactness(lost: Map) -> float:
    """Return the number of lost cells as a part of the ellipse that has their covariance; an even spot has 1.

    An ellipse with half axes a and b covers pi a b, and its covariance has the determinant a**2 b**2 / 16.
    """
    total = float(lost.sum())
    if not total:
        return 0.0
    rows, columns = np.mgrid[: lost.shape[0], : lost.shape[1]]
    down, across = rows - float((lost * rows).sum()) / total, columns - float((lost * columns).sum()) / total
    # A cell has a variance of its own of 1/12.
    tall, wide = (float((lost * side**2).sum()) / total + 1 / 12 for side in (down, across))
    slant = float((lost * down * across).sum()) / total
    ellipse = 4 * math.pi * math.sqrt(max(1 / 144, tall * wide - slant**2))
    return min(1.0, int(np.count_nonzero(lost)) / ellipse)


def _correlation(one: Map, other: Map) -> float:
    """Return the correlation of two planes; 1 where one of them is flat."""
    first, second = one - one.mean(), other - other.mean()
    power = float(np.vdot(first, first)) * float(np.vdot(second, second))
    return float(np.vdot(first, second)) / power**0.5 if power > 1e-6 else 1.0


def _cast(seen: Map, usual: Map, most: float) -> float:
    """Return the mean distance of the colours from the line between grey and the usual colour, levels."""
    lit = (seen[LUMA] > LIT[0]) & (seen[LUMA] < LIT[1])
    if float(lit.mean()) < LEAST_LIT:
        return 0.0
    blue, red, usual_blue, usual_red = (plane[lit] for plane in (seen[BLUE], seen[RED], usual[BLUE], usual[RED]))
    along = (blue * usual_blue + red * usual_red) / (usual_blue**2 + usual_red**2 + np.float32(1e-3))
    along = np.clip(along, 0, most)
    return float(np.hypot(blue - along * usual_blue, red - along * usual_red).mean())
