"""From measurements of damage to faults: hard ones, which one frame alone may show."""

from collections.abc import Iterator, Mapping
from typing import Final

from ..models import Fault, FaultKind
from .ramps import CUT, HARD, SOFT_LIMIT, ramp

LOSS: Final = (0.055, 0.1)
"""Excess of broken lines; twice that where compression is so coarse that it says nothing else (COARSE). 99.7 % of
clean pictures have less than 0.055, noisy ones of a small video mostly up to 0.06, but 0.08 where two slices of it
meet; damage of a fifth of the picture has 0.1 and more."""
STREAKS: Final = (0.0, 0.04)
"""Share of the height with streaks: 99.7 % of clean pictures have less than 0.02, a row of macroblocks 0.02 to 0.06."""
COARSE: Final = (2.2, 3.2)
"""Levels of blockiness from which compression is so coarse that lost blocks are doubtful, and streaks and tears are
looked for less; beyond the second not at all. Common qualities leave 0 to 0.9, MJPEG streams 2, a JPEG of quality 14 to
33 leaves 3 to 6."""
FEW_BANDS: Final = 1
"""Bands that may also be a wire or a burnt-in line; none of the clean pictures has one."""
TEAR: Final = (0.07, 0.09)
"""Gain in correlation below a break: 99.9 % of clean pictures under 0.07, torn ones 0.08 to 0.7. What lies between is
one in some sizes and the other in others: the less of it the better."""
SHORT_TEAR: Final = (0.13, 0.24)
SHORT_SHIFT: Final = 0.04
"""The same for shifts of less than so much of the width, by which roofs and other slanted edges fit too: up to 0.13."""
LEAST_SLANT: Final = 0.1
"""Columns per row; a camera that hangs askew by 5 degrees has 0.09."""
SLANT_SURE: Final = (0.24, 0.36)
"""Correlations in favour of a slant: 99.9 % of clean pictures under 0.2, rows of a wrong length 0.45 and more."""
SLANT_WEIGHT: Final = 0.15
"""What a column of slant per row adds to the severity: 2 have each row begin half a picture beside its own place."""
CHROMA: Final = (0.04, 0.08)
"""Gain in correlation of shifted colour: clean pictures under 0.042, colour beside its shapes 0.075 to 0.6."""
GRAIN: Final = (9.0, 18.0)
"""Levels of noise at full resolution: gravel and foliage in sharp, small pictures reach 3.6, gain by night 3, a sensor
noise of 22 levels 6 to 15, of 70 levels 24 and more."""
COARSE_GRAIN: Final = (7.5, 12.5)
"""Levels of noise on the analysis picture, for pictures that somebody enlarged: foliage reaches 7.4, noise of 70 levels
8 and more."""
IMPULSES: Final = (0.005, 0.013)
"""Share of isolated pixels everywhere: foliage and rain 0.001, small pictures of leaves in too much light 0.007, one
dead pixel in twenty 0.019 and more."""
EXCHANGED: Final = 0.8
EXCHANGED_AT: Final = 0.02
"""Gain of exchanged colours, and share of the height within which lost blocks are nothing but that: what red and blue
add to luma is not the same, and where colours change places at a multiple of 8 rows, that is a step on the grid."""


NAMED: Final = 0.2
"""Least severity of damage that is named: chance alone reaches 0.1, and from 0.25 on a picture is suspect."""


def of_damage(features: Mapping[str, float]) -> Iterator[Fault]:
    """Yield the faults that DAMAGE_FEATURES tell of; severities are 0..1 and rise with the extent."""
    return (fault for fault in _suspected(features) if fault.severity >= NAMED)


def _suspected(features: Mapping[str, float]) -> Iterator[Fault]:
    """Yield all faults that there are signs of."""
    clear = 1 - ramp(features["blockiness"], COARSE)
    yield from _losses(features, clear)
    count, share = features["band_count"], features["band_share"]
    if count:
        where = third(features["band_top"])
        severity = SOFT_LIMIT if count <= FEW_BANDS else min(1.0, CUT + 2 * share)
        yield Fault(FaultKind.BANDS, severity, where, f"{count:.0f} bands of noise, the first in the {where}")
    yield from _shifts(features, clear)
    grain, coarse = ramp(features["grain"], GRAIN), ramp(features["noise"], COARSE_GRAIN)
    severity = HARD * max(grain, coarse, ramp(features["impulses"], IMPULSES))
    if severity > SOFT_LIMIT:
        yield Fault(FaultKind.NOISE, severity, words=f"noise of {features['grain']:.0f} levels all over the picture")


def third(top: float) -> str:
    """Return in which third of the height something lies that begins at a share of it."""
    return ("upper third", "middle third", "lower third")[min(2, int(top * 3))]


def _losses(features: Mapping[str, float], clear: float) -> Iterator[Fault]:
    """Yield blocks that do not belong where they are, and rows that a decoder made up of others.

    ``clear`` is how far coarse compression can be ruled out, 0..1: it makes every edge on the grid a perfect step, and
    leaves streaks.
    """
    where = third(features["loss_top"])
    sure = SOFT_LIMIT + (CUT - SOFT_LIMIT) * clear
    excess = features["loss_excess"] / (2 - clear)
    loss = ramp(excess, LOSS) * (sure + clear * max(0.0, features["loss_share"]))
    if _is_exchange(features):
        loss = 0.0
    words = f"blocks do not fit over {features['loss_line'] * 100:.0f} % of the width in the {where}"
    yield Fault(FaultKind.BLOCK_LOSS, min(1.0, loss), where, words)
    where = third(features["streak_top"])
    share = features["streak_share"] * clear
    words = f"streaks over {share * 100:.0f} % of the height from the {where} on"
    yield Fault(FaultKind.BLOCK_LOSS, min(1.0, ramp(share, STREAKS) * (CUT + share)), where, words)


def _is_exchange(features: Mapping[str, float]) -> bool:
    """Return whether blocks end where red and blue change places."""
    if features.get("exchange", 0.0) < EXCHANGED:
        return False
    return abs(features["exchange_top"] - features["loss_top"]) <= EXCHANGED_AT


def _shifts(features: Mapping[str, float], clear: float) -> Iterator[Fault]:
    """Yield what lies beside where it belongs; for ``clear`` see ``_losses``."""
    shift = abs(features["tear_shift"])
    tear = ramp(features["tear"], SHORT_TEAR if shift < SHORT_SHIFT else TEAR) * clear
    where = f"at {features['tear_top'] * 100:.0f} % of the height"
    words = f"torn {where}, shifted by {shift * 100:.0f} % of the width"
    yield Fault(FaultKind.TEARING, tear * (CUT + shift), where, words)
    slant = abs(features["slant"])
    shear = ramp(features["slant_sure"], SLANT_SURE) if slant > LEAST_SLANT else 0.0
    words = f"each row begins {slant:.2f} columns beside the one before"
    yield Fault(FaultKind.SHEAR, min(1.0, shear * (CUT + SLANT_WEIGHT * slant)), words=words)
    shift = abs(features["chroma_shift"])
    colour = ramp(features["chroma_gap"], CHROMA)
    words = f"colour lies {shift * 100:.1f} % of the width beside its shapes"
    yield Fault(FaultKind.CHROMA_SHIFT, colour * (CUT + shift), words=words)
