"""What *Download diagnostics* gives: values that are known to be safe, and nothing else.

Nothing is copied as a whole: each value is named here. No name, address, place or picture is among them.
"""

from dataclasses import asdict
from datetime import datetime
import platform
from typing import Any, Final

import av
from homeassistant.components.diagnostics import async_redact_data
from homeassistant.config_entries import ConfigEntryState, ConfigSubentry
from homeassistant.const import (
    CONF_HOST,
    CONF_LATITUDE,
    CONF_LONGITUDE,
    CONF_NAME,
    CONF_PASSWORD,
    CONF_PATH,
    CONF_TOKEN,
    CONF_URL,
    CONF_USERNAME,
    __version__,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import AnyDeviceEntry
from homeassistant.loader import async_get_integration
import numpy as np
import PIL
import sqlalchemy
from sqlalchemy import Connection

from .bus import describe_forecast
from .const import (
    CONF_BATTERY,
    CONF_CAMERA,
    CONF_INTERVAL,
    CONF_KEEP_COUNT,
    CONF_KEEP_DAYS,
    CONF_KEEP_GB,
    CONF_MEDIA_ROOT,
    CONF_PURGE_CURRENT,
    CONF_SUNRISE_OFFSET,
    CONF_SUNSET_OFFSET,
    CONF_WINDOW,
    CONF_WINDOW_END,
    CONF_WINDOW_START,
    DOMAIN,
    SUBENTRY_TIMELAPSE,
    SYSTEM_UNIQUE_ID,
)
from .coordinator import CameraCoordinator, TimelapserConfigEntry
from .core.catalogue import queries
from .core.catalogue.records import AttemptRow, IncidentRow
from .core.catalogue.summary import RunTotals
from .core.detection import Baseline
from .core.errors import TimelapserError
from .core.models import Light
from .engine import DATA_ENGINE
from .fetch import SourceCamera
from .flow_schema import option_defaults
from .incident_actions import describe_incident
from .settings import default_media_root, system_settings
from .vitals import async_vitals

ATTEMPTS: Final = 50
"""The newest attempts that are listed: some ten incidents with what came before and after."""
INCIDENTS: Final = 20
"""The newest incidents that are listed: who asks for help has had the trouble lately."""

TIMELAPSE_FIELDS: Final = (
    CONF_INTERVAL,
    CONF_WINDOW,
    CONF_WINDOW_START,
    CONF_WINDOW_END,
    CONF_SUNRISE_OFFSET,
    CONF_SUNSET_OFFSET,
    CONF_KEEP_DAYS,
    CONF_KEEP_COUNT,
    CONF_KEEP_GB,
    CONF_PURGE_CURRENT,
)
"""What is told of a timelapse's settings."""

TO_REDACT: Final = frozenset(
    {
        CONF_CAMERA,
        CONF_HOST,
        CONF_LATITUDE,
        CONF_LONGITUDE,
        CONF_MEDIA_ROOT,
        CONF_NAME,
        CONF_PASSWORD,
        CONF_PATH,
        CONF_TOKEN,
        CONF_URL,
        CONF_USERNAME,
        "folder",
        "source_key",
        "title",
    }
)
"""Keys whose values would be hidden if ever one came in: the second net."""


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: TimelapserConfigEntry) -> dict[str, Any]:
    """Return the diagnostics of a camera with its timelapses, or of the system with its cameras."""
    return await _async_told(hass, entry, list(entry.get_subentries_of_type(SUBENTRY_TIMELAPSE)))


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: TimelapserConfigEntry, device: AnyDeviceEntry
) -> dict[str, Any]:
    """Return the diagnostics of the device's entry; of a timelapse's device, without the other timelapses."""
    timelapses = entry.get_subentries_of_type(SUBENTRY_TIMELAPSE)
    own = [item for item in timelapses if (DOMAIN, f"{entry.entry_id}_{item.subentry_id}") in device.identifiers]
    return await _async_told(hass, entry, own or list(timelapses))


async def _async_told(
    hass: HomeAssistant, entry: TimelapserConfigEntry, timelapses: list[ConfigSubentry]
) -> dict[str, Any]:
    """Return all that is told of an entry, through the second net."""
    told: dict[str, Any] = {
        "versions": await _async_versions(hass),
        "entry": {
            "entry_id": entry.entry_id,
            "state": entry.state.value,
            "error": entry.error_reason_translation_key,
            "version": f"{entry.version}.{entry.minor_version}",
        },
        "system": await _async_system(hass),
    }
    if entry.unique_id == SYSTEM_UNIQUE_ID:
        told["cameras"] = [
            _camera_line(other)
            for other in hass.config_entries.async_entries(DOMAIN)
            if other.unique_id != SYSTEM_UNIQUE_ID
        ]
    else:
        told["guarded_camera"] = _camera(hass, entry)
        told["timelapses"] = {item.subentry_id: _recipe(item) for item in timelapses}
        if entry.state is ConfigEntryState.LOADED:
            coordinator = entry.runtime_data
            told["guarded_camera"] |= _condition(coordinator)
            for item in timelapses:
                told["timelapses"][item.subentry_id] |= _progress(coordinator, item.subentry_id)
            await _async_add_history(coordinator, told)
    return async_redact_data(told, TO_REDACT)


async def _async_versions(hass: HomeAssistant) -> dict[str, str]:
    """Return the versions of what is at work."""
    integration = await async_get_integration(hass, DOMAIN)
    return {
        "timelapser": str(integration.version),
        "home_assistant": __version__,
        "python": platform.python_version(),
        "av": av.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "sqlalchemy": sqlalchemy.__version__,
    }


async def _async_system(hass: HomeAssistant) -> dict[str, Any]:
    """Return the shared settings, and what the engine says while it is open."""
    settings = system_settings(hass)
    root = settings.media_root
    place = "elsewhere"
    if root == default_media_root(hass):
        place = "default"
    elif any(root.is_relative_to(folder) for folder in hass.config.media_dirs.values()):
        place = "media"
    system: dict[str, Any] = {"storage_place": place, "byte_budget": settings.byte_budget, "open": False}
    if (engine := hass.data.get(DATA_ENGINE)) is None:
        return system
    return {**system, "open": True, **asdict(await async_vitals(engine))}


def _camera_line(entry: TimelapserConfigEntry) -> dict[str, Any]:
    """Return one camera among all."""
    line: dict[str, Any] = {"entry_id": entry.entry_id, "state": entry.state.value}
    if entry.state is ConfigEntryState.LOADED:
        data = entry.runtime_data.data
        line |= {
            "health": data.health,
            "captured": data.captured,
            "rejected": data.rejected,
            "failed": data.failed,
            "missed": data.missed,
            "timelapses": [timelapse.state for timelapse in data.timelapses.values()],
        }
    return line


def _camera(hass: HomeAssistant, entry: TimelapserConfigEntry) -> dict[str, Any]:
    """Return what the guarded camera is, and the options that hold."""
    source = SourceCamera(hass, entry.data[CONF_CAMERA])
    entity = source.entity
    return {
        "integration": entity.platform.platform_name if entity else None,
        "registered": "." not in source.source_key,
        "present": source.present,
        "available": source.available,
        "on": source.on,
        "stills_from_stream": entity.use_stream_for_stills if entity else None,
        "battery": bool(entry.data.get(CONF_BATTERY)),
        "options": {key: entry.options.get(key, default) for key, default in option_defaults().items()},
    }


def _condition(coordinator: CameraCoordinator) -> dict[str, Any]:
    """Return how the camera is: what users see, the machines beneath, and what was learned."""
    data, state = coordinator.data, coordinator.state
    return {
        "health": data.health,
        "machines": state.health.to_dict(),
        "score": data.quality_score,
        "faults": [{"kind": fault.kind, "severity": round(fault.severity, 3)} for fault in data.faults],
        "counts": {
            "captured": data.captured,
            "rejected": data.rejected,
            "failed": data.failed,
            "missed": data.missed,
        },
        "refuses_stream": state.refuses_stream,
        "forecast": describe_forecast(data.forecast) if data.forecast else None,
        "last_capture": _iso(data.last_capture),
        "baseline": _baseline(state.baseline),
    }


def _baseline(baseline: Baseline) -> dict[str, Any]:
    """Return a learned normal without its picture, and what reviews taught."""
    return {
        "size": baseline.first.size if baseline.first else None,
        "repeats": baseline.repeats,
        "run": baseline.run,
        "accepted": {light.value: count for light, count in baseline.accepted.items()},
        "usual_change": {
            light.value: usual._asdict() for light in Light if (usual := baseline.usual_change(light)) is not None
        },
        "looks": {light.value: [look.count for look in looks] for light, looks in baseline.normal.looks.items()},
        "lessons": baseline.lessons.to_dict(),
    }


def _recipe(subentry: ConfigSubentry) -> dict[str, Any]:
    """Return the settings of a timelapse."""
    return {"settings": {key: subentry.data[key] for key in TIMELAPSE_FIELDS if key in subentry.data}}


def _progress(coordinator: CameraCoordinator, timelapse_id: str) -> dict[str, Any]:
    """Return how far a timelapse is."""
    if (timelapse := coordinator.data.timelapses.get(timelapse_id)) is None:
        return {}
    return {
        "state": timelapse.state,
        "recording": timelapse.recording,
        "images": timelapse.image_count,
        "next_capture": _iso(timelapse.next_capture),
        "run_id": timelapse.run_id,
    }


async def _async_add_history(coordinator: CameraCoordinator, told: dict[str, Any]) -> None:
    """Add what the catalogue remembers: the newest attempts and incidents, the codes of all attempts, and the runs."""
    camera_id = coordinator.config_entry.entry_id

    def read(
        conn: Connection,
    ) -> tuple[int, list[AttemptRow], list[IncidentRow], dict[str, int], dict[str, RunTotals]]:
        return (
            queries.camera_state(conn, camera_id).byte_count,
            queries.list_recent_attempts(conn, camera_id, ATTEMPTS),
            queries.list_incidents(conn, camera_id, limit=INCIDENTS),
            queries.attempt_codes(conn, camera_id),
            queries.run_totals(conn, camera_id),
        )

    try:
        byte_count, attempts, incidents, codes, runs = await coordinator.engine.async_read(read)
    except TimelapserError as err:
        told["history_error"] = err.code
        return
    told["guarded_camera"]["bytes"] = byte_count
    told["attempts"] = [_attempt(row) for row in attempts]
    told["incidents"] = [describe_incident(row) for row in incidents]
    told["codes"] = codes
    told["runs"] = {
        timelapse_id: {"by_state": totals.by_state, "images": totals.images} for timelapse_id, totals in runs.items()
    }


def _attempt(row: AttemptRow) -> dict[str, Any]:
    """Return one attempt; of a picture only that it is there."""
    return {
        "id": row.id,
        "slot_at": _iso(row.slot_at),
        "started_at": _iso(row.started_at),
        "outcome": row.outcome,
        "code": row.code,
        "phase": row.phase,
        "strategy": row.strategy,
        "tries": row.tries,
        "score": row.score,
        "duration_ms": row.duration_ms,
        "phase_ms": dict(row.phases),
        "has_frame": row.has_frame,
    }


def _iso(instant: datetime | None) -> str | None:
    """Return an instant as text."""
    return None if instant is None else instant.isoformat()
