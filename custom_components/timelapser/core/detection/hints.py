"""Signs too weak for a fault: none is named for them, but of two good pictures the one without them is the better."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .ramps import ramp
from .shake import SHARP

MOST_POINTS: Final = 4.9
"""Points that hints take off together: fewer than the least fault that is named, and too few for any verdict."""


@dataclass(frozen=True, slots=True)
class Hint:
    """Something that pictures with faults have more often than others; all of its signs must be there at once.

    ``points`` are those of all signs in full: what its presence says about a fault, in a logistic regression over the
    tuning scenes whose scores were 95 and more, 1.6 points for one unit of it. Each sign is a feature and the values
    between which it grows.
    """

    points: float
    signs: tuple[tuple[str, tuple[float, float]], ...]

    def of(self, features: Mapping[str, float]) -> float:
        """Return the points that it takes off a picture."""
        points = self.points
        for name, limits in self.signs:
            points *= ramp(features[name], limits)
        return points


_FINE: Final = ("blockiness", (3.2, 2.2))
"""Compression that is not so coarse that it looks like damage (levels)."""
_LIT: Final = (("smooth_luma", (10.0, 30.0)), ("smooth_luma", (130.0, 110.0)))
"""As dark as cloth and leaves, but not as the night (levels)."""

HINTS: Final = (
    # Too much light: a picture that is light all over, and where a twentieth of it is white.
    Hint(4.0, (("luma_mean", (140.0, 190.0)), ("clipped_share", (0.005, 0.05)))),
    # Blocks that may not fit: up to where block loss is named.
    Hint(2.5, (("loss_excess", (0.02, 0.05)),)),
    Hint(0.6, (("loss_excess", (0.012, 0.045)), ("loss_share", (0.0, 0.02)), _FINE)),
    Hint(1.3, (("streak_share", (0.0, 0.015)), _FINE)),
    # What may lie beside where it belongs: up to where a shift is named.
    Hint(2.2, (("chroma_gap", (0.01, 0.05)),)),
    Hint(2.0, (("slant_sure", (0.05, 0.25)),)),
    Hint(0.7, (("tear", (0.02, 0.06)), _FINE)),
    # A dark part that shows nothing: something may sit before the lens.
    Hint(1.7, (("smooth_darker", (4.0, 24.0)), ("smooth_share", (0.01, 0.05)), *_LIT)),
    # Light parts that show nothing, without anything white: mist.
    Hint(1.0, (("smooth_share", (0.2, 0.6)), ("lowest", (10.0, 40.0)), ("peak", (250.0, 220.0)))),
    # A touch of pink, which nine in ten clean pictures have nowhere.
    Hint(1.4, (("cast_share", (0.0, 0.01)),)),
    # A few soft spots.
    Hint(1.6, (("spots", (0.4, 1.0)),)),
    # Less fine detail than nine in ten clean pictures have, in general and along a diagonal.
    Hint(0.6, (("crispness", (0.19, 0.1)), ("broad", (20.0, 40.0)))),
    Hint(0.5, (("sharpness", (0.13, 0.06)), ("coarse", (20.0, 40.0)))),
    Hint(0.3, (("along_diagonal", (-1.7, -2.4)), ("sharpness", (SHARP, 0.3)))),
    # Too little light.
    Hint(0.3, (("peak", (160.0, 60.0)),)),
)


def points(features: Mapping[str, float]) -> float:
    """Return the points that hints take off a picture of which everything was measured, 0 to MOST_POINTS."""
    return min(MOST_POINTS, sum(hint.of(features) for hint in HINTS))
