"""Whether the weather took the detail: fog takes more from what is far, and blurs nothing; a film does neither."""

from typing import Final

import numpy as np

from .departures import BROAD, DARKEST, MIDDLE, TEXTURED
from .scene import DETAIL, DETAIL_FLOOR, LUMA, Map

LEAST_CELLS: Final = 20
"""Cells with structure in the finest and the coarsest octave, without which fog cannot be told."""
CALMEST: Final = 0.05
"""Quantile of the cells whose detail is what noise leaves, which is taken off all of them."""
NEAREST: Final = 0.25
"""Share of these cells, from the bottom of the view and from its top, that count as near and as far."""
NEARER: Final = 1.15
"""So many times as much detail do near parts keep as far ones (Koschmieder's law, 1924: contrast falls with the
distance). 98 % of the fogs on the tuning scenes; a severe film 0.6..1.4."""
NEAR_LEFT: Final = 0.2
"""Part of its detail that what is near keeps. A severe film leaves 0.05..0.2, fog 0.2..0.7."""
FAR_LEFT: Final = 0.45
"""Part that what is far has left at most: with more there is no fog that would explain anything."""
SOFTER: Final = 0.4
"""Octaves that fine detail loses beyond coarse: fog under 0.26, a medium film 0.1..1.1, a lens out of focus 0.5..2.7.
"""
DARKER: Final = -16.0
"""Levels of luma: fog scatters light into the view, what covers it takes 30 and more."""
DIMMER: Final = -0.5
"""The same in octaves, for nights, which have few levels to lose: fog on the tuning scenes over -0.1 and clouds over
-0.37, a cover by night -0.7 and less."""


def may_be_fog(seen: Map, usual: Map) -> bool:
    """Return whether fog explains that a picture (a map) has lost detail against what is usual."""
    textured = (usual[DETAIL][MIDDLE] > TEXTURED[MIDDLE]) & (usual[DETAIL][BROAD] > TEXTURED[BROAD])
    count = int(np.count_nonzero(textured))
    if count < LEAST_CELLS or _is_darker(float(seen[LUMA].mean()), float(usual[LUMA].mean())):
        return False
    fine, once_fine = _strength(seen, MIDDLE)[textured], _strength(usual, MIDDLE)[textured]
    broad, once_broad = _strength(seen, BROAD)[textured], _strength(usual, BROAD)[textured]
    if broad.sum() * once_fine.sum() > 2**SOFTER * fine.sum() * once_broad.sum():
        return False
    left = broad / np.maximum(once_broad, DETAIL_FLOOR[BROAD])
    part = max(1, int(NEAREST * count))
    far, near = float(np.median(left[:part])), float(np.median(left[-part:]))
    return near >= max(NEAR_LEFT, NEARER * far) and far <= FAR_LEFT


def _is_darker(luma: float, usual: float) -> bool:
    """Return whether a view has less light than fog leaves."""
    return luma - usual < DARKER or luma + DARKEST < 2**DIMMER * (usual + DARKEST)


def _strength(view: Map, octave: int) -> Map:
    """Return an octave's detail in levels, without what noise adds to it."""
    levels = np.maximum(0, 2 ** view[DETAIL][octave] - np.float32(DETAIL_FLOOR[octave]))
    noise = np.quantile(levels, CALMEST)
    strength: Map = np.sqrt(np.maximum(0, levels**2 - noise**2))
    return strength
