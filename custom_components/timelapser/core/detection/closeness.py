"""How near a picture is to being bad, long before a fault is named: what a forecast follows from day to day."""

from collections.abc import Mapping
from typing import Final

from ..models import FaultKind, Light, QualityPolicy
from . import history
from .departures import Departure
from .ramps import HARD

REJECTED: Final = (1 - QualityPolicy().reject_below / 100) / HARD
"""Place on a fault's ramp at which it rejects a picture by itself, at medium sensitivity."""


def _bad_at(limits: tuple[float, float]) -> float:
    """Return the measurement at which a fault with these limits rejects a picture."""
    return limits[0] + (limits[1] - limits[0]) * REJECTED


_BLUR: Final = _bad_at(history.BLURRED)
_BLUR_BY_NIGHT: Final = _bad_at(history.BLURRED_BY_NIGHT)
_LOST: Final = _bad_at(history.LOST)
_GONE: Final = _bad_at(history.GONE)
_CAST: Final = _bad_at(history.CAST)
_DARKER: Final = _bad_at(history.DARKER)
_NOISIER: Final = _bad_at(history.NOISIER)
_NOISIER_BY_NIGHT: Final = _bad_at(history.NOISIER_BY_NIGHT)

FOLLOWED: Final = (
    FaultKind.BLUR,
    FaultKind.DIRT,
    FaultKind.FILM,
    FaultKind.DARK,
    FaultKind.CAST,
    FaultKind.NOISE,
)
"""Kinds that may grow slowly: the lens, what lies on it, the lamps, the infrared filter and the sensor."""


def closeness_of(departure: Departure, light: Light) -> Mapping[FaultKind, float]:
    """Return for each of FOLLOWED the departure as a part of that which makes a picture bad: 0 as usual, 1 bad.

    It is below 0 where a picture is better than usual, so that what comes by chance is 0 in the mean.
    """
    by_day = light is Light.DAY
    return {
        FaultKind.BLUR: departure.blur / (_BLUR if by_day else _BLUR_BY_NIGHT),
        FaultKind.DIRT: departure.gone / _GONE,
        FaultKind.FILM: departure.loss / _LOST,
        FaultKind.DARK: -departure.brighter / _DARKER,
        FaultKind.CAST: departure.cast / _CAST,
        FaultKind.NOISE: departure.noisier / (_NOISIER if by_day else _NOISIER_BY_NIGHT),
    }
