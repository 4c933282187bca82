"""Looks ahead for one camera at the end of each hour, and tells when what is foretold changes."""

import logging

from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from .announcer import Announcer
from .attempt import Attempt
from .camera_state import CameraState
from .core.errors import TimelapserError

_LOGGER = logging.getLogger(__name__)


class Foresight:
    """Keeps the forecast of a camera."""

    def __init__(self, state: CameraState, announcer: Announcer) -> None:
        """Begin with what stood when the camera was loaded: nobody is told that again."""
        self._state = state
        self._announcer = announcer
        self._told = state.forecast

    async def async_follow(self, attempt: Attempt) -> None:
        """Look ahead when an attempt has closed an hour; a degraded camera is where it was said to go."""
        hour = attempt.request.gathering.at
        closed = attempt.committed is not None and hour is not None and attempt.gathering.at != hour
        if not closed or self._state.health.quality.degraded:
            return
        try:
            await self._state.async_look_ahead(dt_util.utcnow())
        except TimelapserError as err:
            _LOGGER.debug("The forecast waits for another hour: %s", err)

    @callback
    def tell(self) -> None:
        """Tell of a forecast that is not the one that was told."""
        before, self._told = self._told, self._state.forecast
        if before != self._told:
            self._announcer.forecast(before, self._told)
