"""Tells of one camera: on the bus, to its event entity, and in the log when its health changes."""

from collections.abc import Callable, Mapping
import logging
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er

from .attempt import Attempt
from .bus import TRANSITION_EVENTS, attempt_events, degradation_of, forecast_event
from .camera_state import CameraState
from .const import (
    DOMAIN,
    EVENT_FORECAST_CHANGED,
    EVENT_PURGE_COMPLETED,
    EVENT_RUN_PAUSED,
    EVENT_RUN_RESUMED,
)
from .core.catalogue.records import RunRow
from .core.forecast import Forecast
from .core.health import HealthState, Transition
from .core.models import IncidentEnd, IncidentKind, RunState
from .core.ulid import new_ulid
from .fetch import SourceCamera

_LOGGER = logging.getLogger(__name__)

_INCIDENTS: Final[Mapping[Transition, tuple[bool, IncidentKind]]] = {
    Transition.DEGRADED: (True, IncidentKind.DEGRADED),
    Transition.RECOVERED: (False, IncidentKind.DEGRADED),
    Transition.OFFLINE: (True, IncidentKind.OFFLINE),
    Transition.ONLINE: (False, IncidentKind.OFFLINE),
}
"""Whether a transition begins an incident, and of which kind."""

type EventListener = Callable[[str, dict[str, Any]], None]


class Announcer:
    """Fires the events of a camera; each has the camera's names and a correlation id, which is its context's id."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, source: SourceCamera, state: CameraState) -> None:
        """Speak for the camera of an entry."""
        self._hass = hass
        self._entry = entry
        self._source = source
        self._state = state
        self._listeners: list[EventListener] = []
        self.told: dict[str, dict[str, Any]] = {}
        """The data of the last event of each name since the start."""

    @callback
    def async_add_listener(self, listener: EventListener) -> CALLBACK_TYPE:
        """Call a listener with each event, its name without domain and camera; returns how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @callback
    def attempt(self, attempt: Attempt, parent: Context | None) -> None:
        """Tell what an attempt came to; the log is told once for each change of health."""
        more = self._image(attempt)
        for event_type, data in attempt_events(attempt):
            if attempt.transition is not None and event_type == TRANSITION_EVENTS[attempt.transition]:
                more["incident_id"] = self._incident(attempt.transition, attempt.request.cid)
            self._fire(event_type, {**data, **more}, attempt.request.cid, parent)
        if attempt.transition is not None:
            level = logging.WARNING if attempt.transition in (Transition.DEGRADED, Transition.OFFLINE) else logging.INFO
            _LOGGER.log(level, "%s is %s (%s)", self._entry.title, attempt.transition, attempt.code or attempt.outcome)

    @callback
    def ended(self, before: HealthState, now: HealthState, by: IncidentEnd, parent: Context | None) -> bool:
        """Tell what the user has ended, and by what; return whether that was anything."""
        ended = {
            Transition.ONLINE: before.connectivity.breaker_open and not now.connectivity.breaker_open,
            Transition.RECOVERED: before.quality.degraded and not now.quality.degraded,
        }
        for transition, told in ended.items():
            if told:
                cid = new_ulid()
                data = {"health": now.health, "by": by, "incident_id": self._incident(transition, cid)}
                self._fire(TRANSITION_EVENTS[transition], data, cid, parent)
        return any(ended.values())

    @callback
    def forecast(self, before: Forecast | None, now: Forecast | None) -> None:
        """Tell that something is foretold of the pictures, something else than before, or nothing any more."""
        self._fire(EVENT_FORECAST_CHANGED, forecast_event(before, now), new_ulid(), None)

    @callback
    def run(self, event_type: str, run: RunRow, cid: str | None = None, parent: Context | None = None) -> None:
        """Tell that a run was started, paused, resumed or completed; several of one request have its ``cid``."""
        self._fire(event_type, _describe(run), cid or new_ulid(), parent)

    @callback
    def held(self, run: RunRow, cid: str | None = None, parent: Context | None = None) -> None:
        """Tell that a run was paused because the camera is degraded, or goes on as it is no more."""
        paused = run.state is RunState.PAUSED
        data = {**_describe(run), "by": Transition.DEGRADED if paused else Transition.RECOVERED}
        self._fire(EVENT_RUN_PAUSED if paused else EVENT_RUN_RESUMED, data, cid or new_ulid(), parent)

    @callback
    def purged(self, data: dict[str, Any], cid: str, parent: Context | None) -> None:
        """Tell what a purge removed."""
        self._fire(EVENT_PURGE_COMPLETED, data, cid, parent)

    def _incident(self, transition: Transition, cid: str) -> str | None:
        """Return the incident that a transition begins or ends; it has the id of what began it."""
        begins, kind = _INCIDENTS[transition]
        if begins:
            self._state.incidents[kind] = cid
            return cid
        return self._state.incidents.pop(kind, None)

    def _image(self, attempt: Attempt) -> dict[str, Any]:
        """Return the entity that is about to show the still of an attempt, or shows the last bad one of an alarm."""
        degradation = degradation_of(attempt)
        if attempt.frame is None and (degradation is None or degradation.rejected is None):
            return {}
        key = "latest_frame" if attempt.frame is not None and attempt.frame.verdict.kept else "last_rejected"
        image = er.async_get(self._hass).async_get_entity_id("image", DOMAIN, f"{self._entry.entry_id}_{key}")
        return {"image": image}

    @callback
    def _fire(self, event_type: str, data: dict[str, Any], cid: str, parent: Context | None) -> None:
        entry = self._entry
        device = dr.async_get(self._hass).async_get_device_by_identifier((DOMAIN, entry.entry_id), entry.entry_id)
        who = {
            "entry_id": entry.entry_id,
            ATTR_DEVICE_ID: device.id if device else None,
            "name": entry.title,
            "camera": self._source.entity_id,
        }
        data = {**who, "correlation_id": cid, **data}
        self._hass.bus.async_fire(event_type, data, context=Context(id=cid, parent_id=parent.id if parent else None))
        short = event_type.removeprefix(f"{DOMAIN}_").removeprefix("camera_")
        self.told[short] = data
        for listener in list(self._listeners):
            listener(short, data)


def _describe(run: RunRow) -> dict[str, Any]:
    """Return a run as its events tell of it."""
    return {
        "timelapse_id": run.timelapse_id,
        "timelapse": run.timelapse_name,
        "run_id": run.id,
        "run_name": run.name,
        "image_count": run.image_count,
    }
