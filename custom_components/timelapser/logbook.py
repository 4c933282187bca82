"""What the logbook says of Timelapser's events; Home Assistant shows its lines in English only."""

from collections.abc import Callable, Mapping
from typing import Any

from homeassistant.components.logbook import async_log_entry
from homeassistant.components.logbook.const import LOGBOOK_ENTRY_ENTITY_ID, LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.translation import async_get_cached_translations

from .const import (
    DOMAIN,
    EVENT_CAMERA_DEGRADED,
    EVENT_CAMERA_OFFLINE,
    EVENT_CAMERA_ONLINE,
    EVENT_CAMERA_RECOVERED,
    EVENT_CAPTURE_FAILED,
    EVENT_FORECAST_CHANGED,
    EVENT_IMAGE_REJECTED,
    EVENT_PURGE_COMPLETED,
    EVENT_RUN_COMPLETED,
    EVENT_RUN_PAUSED,
    EVENT_RUN_RESUMED,
    EVENT_RUN_STARTED,
)
from .coordinator import TimelapserConfigEntry
from .core.errors import Code
from .core.models import Health, IncidentEnd
from .exceptions import translation_key

MESSAGES: Mapping[str, str] = {
    EVENT_CAMERA_DEGRADED: "degraded{reason}",
    EVENT_CAMERA_RECOVERED: "recovered{by_hand}",
    EVENT_CAMERA_OFFLINE: "went offline{reason}",
    EVENT_CAMERA_ONLINE: "is online again{by_hand}{still_degraded}",
    EVENT_FORECAST_CHANGED: "{foretold}",
    EVENT_RUN_STARTED: "began to record {timelapse}",
    EVENT_RUN_PAUSED: "paused {timelapse}",
    EVENT_RUN_RESUMED: "resumed {timelapse}",
    EVENT_RUN_COMPLETED: "completed a run of {timelapse}",
    EVENT_PURGE_COMPLETED: "had {removed} pictures removed",
}
"""What is said of a camera after its name. A good picture has no line: that would be one a minute."""

SLOT_MESSAGES: Mapping[str, str] = {
    EVENT_IMAGE_REJECTED: "gave a bad picture{reason}",
    EVENT_CAPTURE_FAILED: "gave no picture{reason}",
}
"""What is said of a single slot while the camera is well; after its alarm, that would be one a minute, too."""

_BY_HAND: Mapping[str, str] = {
    IncidentEnd.RESET: " (reset by hand)",
    IncidentEnd.RELEARNED: " (learned anew)",
    IncidentEnd.REPLACED: " (another camera)",
}


@callback
def async_describe_events(
    hass: HomeAssistant, async_describe_event: Callable[[str, str, Callable[[Event], dict[str, str]]], None]
) -> None:
    """Teach the logbook the events; a line is on the page of the camera's device and opens one of its entities.

    What it was taught always has a line, so the events of slots, which are to have none at times, are entered by hand.
    """

    @callback
    def describe(event: Event) -> dict[str, str]:
        line = {LOGBOOK_ENTRY_NAME: _name(event), LOGBOOK_ENTRY_MESSAGE: _message(hass, MESSAGES, event)}
        if (entity_id := _entity_id(hass, event.data)) is not None:
            line[LOGBOOK_ENTRY_ENTITY_ID] = entity_id
        return line

    @callback
    def enter(event: Event) -> None:
        if _well(hass, event.data):
            message = _message(hass, SLOT_MESSAGES, event)
            async_log_entry(hass, _name(event), message, DOMAIN, _entity_id(hass, event.data), event.context)

    for event_type in MESSAGES:
        async_describe_event(DOMAIN, event_type, describe)
    for event_type in SLOT_MESSAGES:
        hass.bus.async_listen(event_type, enter)


def _well(hass: HomeAssistant, data: Mapping[str, Any]) -> bool:
    """Return whether the camera of an event is neither degraded nor offline, with what the event tells of."""
    entry: TimelapserConfigEntry | None = hass.config_entries.async_get_entry(str(data.get("entry_id")))
    if entry is None or entry.state is not ConfigEntryState.LOADED:
        return False
    return entry.runtime_data.state.health.health not in (Health.DEGRADED, Health.OFFLINE)


def _name(event: Event) -> str:
    return str(event.data.get("name", "Timelapser"))


def _message(hass: HomeAssistant, messages: Mapping[str, str], event: Event) -> str:
    return messages[str(event.event_type)].format_map(_words(hass, event.data))


def _words(hass: HomeAssistant, data: Mapping[str, Any]) -> dict[str, str]:
    """Return what the messages have gaps for; an event of an older release may lack any of it."""
    name = data.get("timelapse")
    removed = sum(data.get(kind, {}).get("count", 0) for kind in ("frames", "quarantine"))
    return {
        "reason": _reason(hass, data),
        "by_hand": _BY_HAND.get(str(data.get("by")), ""),
        "still_degraded": ", still degraded" if data.get("health") == Health.DEGRADED else "",
        "foretold": _foretold(data),
        "timelapse": f"“{name}”" if name else "a timelapse",
        "removed": str(removed),
    }


def _foretold(data: Mapping[str, Any]) -> str:
    """Return what an event says is to be expected, and from which day on."""
    cause, day = data.get("cause", "something"), str(data.get("likely", ""))[:10]
    if data.get("change") == "withdrawn":
        return f"is no longer expected to give bad pictures ({cause})"
    return f"is expected to give bad pictures ({cause}) from about {day}"


def _reason(hass: HomeAssistant, data: Mapping[str, Any]) -> str:
    """Return why, as the end of a line: what was seen in the picture, else what the code means."""
    if explanation := data.get("explanation"):
        return f": {explanation}"
    return f": {_meaning(hass, code)}" if (code := data.get("code")) else ""


def _meaning(hass: HomeAssistant, code: str) -> str:
    """Return what a code means, without the reference that its message ends with; of an unknown one, the code.

    The logbook asks in a thread of the recorder, so what needs the event loop's own Home Assistant cannot be used.
    """
    if code not in Code:
        return code
    texts = async_get_cached_translations(hass, "en", "exceptions", DOMAIN)
    message = texts.get(f"component.{DOMAIN}.exceptions.{translation_key(Code(code))}.message", "")
    return message.rpartition(". ")[0] or code


def _entity_id(hass: HomeAssistant, data: Mapping[str, Any]) -> str | None:
    """Return the entity that says most about an event: the timelapse's state, or the camera's health."""
    entry_id, timelapse_id = data.get("entry_id"), data.get("timelapse_id")
    key = f"{entry_id}_{timelapse_id}_state" if timelapse_id else f"{entry_id}_health"
    return er.async_get(hass).async_get_entity_id("sensor", DOMAIN, key)
