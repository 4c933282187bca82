"""Holds back what is not worth a row in the recorder yet."""

from collections.abc import Callable
from datetime import datetime, timedelta

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_track_point_in_utc_time

from .snapshot import CameraSnapshot

PUBLISH_GAP = timedelta(seconds=60)
"""Slow entities change at most this often, so that a short interval does not flood the recorder."""


class Publisher:
    """Pushes the snapshots of one camera: at once, or the newest of a minute together."""

    def __init__(
        self, hass: HomeAssistant, push: Callable[[CameraSnapshot], None], push_late: Callable[[], None]
    ) -> None:
        """Push with ``push``; ``push_late`` is called for what was held back, and publishes what is true by then."""
        self._hass = hass
        self._push = push
        self._push_late = push_late
        self._timer: CALLBACK_TYPE | None = None
        self._published_at: datetime | None = None
        self._changed_at: datetime | None = None
        self._stopped = False

    @callback
    def publish(self, snapshot: CameraSnapshot, now: datetime, *, at_once: bool) -> None:
        """Push a snapshot: at once when it has to be, or when the last push or change is a minute old; else later."""
        gaps = [abs(now - when) if when else PUBLISH_GAP for when in (self._published_at, self._changed_at)]
        self._changed_at = now
        if at_once or self._published_at is None or max(gaps) >= PUBLISH_GAP:
            self._cancel()
            self._published_at = now
            self._push(snapshot)
        elif self._timer is None and not self._stopped:
            self._timer = async_track_point_in_utc_time(self._hass, self._async_late, self._published_at + PUBLISH_GAP)

    @callback
    def stop(self) -> None:
        """Hold nothing back any more, and push nothing late."""
        self._stopped = True
        self._cancel()

    @callback
    def _cancel(self) -> None:
        if self._timer:
            self._timer()
            self._timer = None

    @callback
    def _async_late(self, _now: datetime) -> None:
        self._timer = None
        self._push_late()
