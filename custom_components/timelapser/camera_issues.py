"""The issues of one camera: it is gone, its pictures are bad, or they are about to be."""

from datetime import datetime, timedelta
from typing import Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from .bus import describe_forecast
from .camera_state import CameraState
from .core.forecast import Forecast
from .fetch import SourceCamera
from .issues import FORECAST_ISSUES, IssueKey, async_clear_issue, async_show_issue, async_shown
from .words import local_date, local_time

REMOVED_AFTER: Final = timedelta(minutes=10)
"""How long a camera has to be gone: an integration that is reloaded or updated has its entities back sooner."""


class CameraIssues:
    """Keeps the issues of a camera in step with what is known of it."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, source: SourceCamera, state: CameraState) -> None:
        """Begin with none; nothing happens until ``follow``."""
        self._hass = hass
        self._entry = entry
        self._source = source
        self._state = state
        self._gone: CALLBACK_TYPE | None = None
        self._foretold: Forecast | None = None

    @callback
    def stop(self) -> None:
        """Wait for nothing any more."""
        if self._gone:
            self._gone()
            self._gone = None

    @callback
    def follow(self, grace: timedelta = timedelta()) -> None:
        """Show or clear what the present calls for; ``grace`` is how long cameras may still be loading."""
        owner = self._entry.entry_id
        degradation = self._state.degradation
        if degradation is None:
            async_clear_issue(self._hass, IssueKey.CAMERA_DEGRADED, owner)
        elif not async_shown(self._hass, IssueKey.CAMERA_DEGRADED, owner):
            self._show(IssueKey.CAMERA_DEGRADED, since=local_time(degradation.first_bad_at or degradation.since))
        self._follow_forecast(owner)
        if self._source.present:
            self.stop()
            async_clear_issue(self._hass, IssueKey.CAMERA_REMOVED, owner)
        elif self._gone is None and not async_shown(self._hass, IssueKey.CAMERA_REMOVED, owner):
            self._gone = async_call_later(self._hass, grace + REMOVED_AFTER, self._async_gone)

    def _follow_forecast(self, owner: str) -> None:
        """Warn of what is foretold, and of nothing else."""
        forecast, before = self._state.forecast, self._foretold
        self._foretold = forecast
        for kind, key in FORECAST_ISSUES.items():
            if forecast is None or kind is not forecast.kind:
                async_clear_issue(self._hass, key, owner)
            elif forecast != before or not async_shown(self._hass, key, owner):
                told = describe_forecast(forecast)
                dates = {name: local_date(getattr(forecast, name)) for name in ("earliest", "likely", "latest")}
                self._show(key, progress=str(told["progress"]), per_week=str(told["per_week"]), **dates)

    @callback
    def _async_gone(self, _now: datetime) -> None:
        self._gone = None
        if not self._source.present:
            self._show(IssueKey.CAMERA_REMOVED)

    @callback
    def _show(self, key: IssueKey, **more: str) -> None:
        async_show_issue(self._hass, key, self._entry.entry_id, {"name": self._entry.title, **more})
