"""The sun at the home's location, as the schedule and the detector ask for it."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import lru_cache

import astral.sun  # type: ignore[import-untyped]
from homeassistant.core import HomeAssistant
from homeassistant.helpers.sun import get_astral_observer
from homeassistant.util import dt as dt_util

from .core.schedule import SunDay, SunTimes

_NOON_AND_MIDNIGHT = (timedelta(), timedelta(hours=12))

_REMEMBERED_DAYS = 64
"""Days of sun events kept: looking for the next slot asks for the same few days again and again."""


def sun_times(hass: HomeAssistant) -> SunTimes:
    """Return what gives sunrise and sunset of a local date at the home's present location."""
    zone = dt_util.get_default_time_zone()
    observer = get_astral_observer(hass)

    def event(find: Callable[..., datetime], day: date) -> datetime | None:
        try:
            return find(observer, day, tzinfo=zone)
        except ValueError:
            return None

    @lru_cache(_REMEMBERED_DAYS)
    def of_day(day: date) -> SunDay:
        sunrise, sunset = event(astral.sun.sunrise, day), event(astral.sun.sunset, day)
        noon = datetime.combine(day, time(12), zone)
        if sunrise is not None or sunset is not None:
            return SunDay(sunrise, sunset)
        # The mean of noon and midnight follows the declination; noon alone is lifted over the horizon by refraction.
        heights = (astral.sun.elevation(observer, noon + half, with_refraction=False) for half in _NOON_AND_MIDNIGHT)
        return SunDay(None, None, up_all_day=sum(heights) > 0)

    return of_day


def sun_elevation(hass: HomeAssistant, when: datetime) -> float:
    """Return the sun's elevation in degrees at an aware instant."""
    return float(astral.sun.elevation(get_astral_observer(hass), when))
