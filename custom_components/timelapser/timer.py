"""The timer of one camera: it wakes at an instant of the wall clock, and notices when that was set."""

from collections.abc import Callable
from datetime import datetime, timedelta

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

CLOCK_LOOK = timedelta(minutes=1)
"""Longest sleep: no timer notices that the clock was set; one without a battery is years off when a machine starts."""


class Timer:
    """Calls back once for the instant that it was last set to."""

    def __init__(self, hass: HomeAssistant, wake: Callable[[], None], set_back: Callable[[], None]) -> None:
        """Call ``wake`` when it is time, or ``set_back`` when it has to be set anew, as the clock was set back."""
        self._hass = hass
        self._wake = wake
        self._set_back = set_back
        self._sleep: CALLBACK_TYPE | None = None
        self._asleep_since = self._wake_at = dt_util.utcnow()

    @callback
    def set(self, wake_at: datetime | None) -> None:
        """Wake at an instant, or not at all."""
        self.stop()
        if wake_at is not None:
            self._asleep_since, self._wake_at = dt_util.utcnow(), wake_at
            delay = min(max(timedelta(), wake_at - self._asleep_since), CLOCK_LOOK)
            self._sleep = async_call_later(self._hass, delay, self._async_look)

    @callback
    def stop(self) -> None:
        """Wake no more."""
        if self._sleep is not None:
            self._sleep()
            self._sleep = None

    @callback
    def _async_look(self, _now: datetime) -> None:
        self._sleep = None
        now = dt_util.utcnow()
        if now < self._asleep_since:
            self._set_back()
        elif now < self._wake_at:
            self.set(self._wake_at)
        else:
            self._wake()
