"""The event entity of a camera: rejections, failures and changes of its health."""

from enum import StrEnum
from typing import Any, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import TimelapserConfigEntry
from .entity import TimelapserEntity

PARALLEL_UPDATES = 0


class CameraEvent(StrEnum):
    """What the event entity of a camera reports. A good frame is not among it: that would be a row per capture."""

    IMAGE_REJECTED = "image_rejected"
    CAPTURE_FAILED = "capture_failed"
    DEGRADED = "degraded"
    RECOVERED = "recovered"
    OFFLINE = "offline"
    ONLINE = "online"
    FORECAST_CHANGED = "forecast_changed"


ATTR_CAUSE = "cause"
ATTR_CHANGE = "change"
ATTR_CODE = "code"
ATTR_CORRELATION_ID = "correlation_id"
ATTR_FAULTS = "faults"
ATTR_FRAME_ID = "frame_id"
ATTR_INCIDENT_ID = "incident_id"
ATTR_LIKELY = "likely"
ATTR_REMEDY = "remedy"
ATTR_SCORE = "score"

EVENT_ATTRIBUTES = (
    ATTR_CODE,
    ATTR_SCORE,
    ATTR_FAULTS,
    ATTR_FRAME_ID,
    ATTR_CHANGE,
    ATTR_CAUSE,
    ATTR_REMEDY,
    ATTR_LIKELY,
    ATTR_CORRELATION_ID,
    ATTR_INCIDENT_ID,
)
"""What is passed on of a bus event; its other fields are of no use in a state."""

CAMERA_EVENTS = EventEntityDescription(key="camera_events", event_types=[event.value for event in CameraEvent])


async def async_setup_entry(
    hass: HomeAssistant, entry: TimelapserConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the event entity of a camera."""
    async_add_entities([CameraEvents(entry.runtime_data, CAMERA_EVENTS)])


class CameraEvents(TimelapserEntity, EventEntity):
    """The noteworthy events of a camera, with the little that an automation needs of each."""

    # Different at every event, so the recorder would store a set of attributes for each; the bus event has them too.
    _unrecorded_attributes = frozenset({ATTR_CORRELATION_ID, ATTR_FRAME_ID, ATTR_INCIDENT_ID})

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the coordinator."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.announcer.async_add_listener(self._async_handle_event))

    @callback
    def _async_handle_event(self, event_type: str, data: dict[str, Any]) -> None:
        """Show one event, if it is one of those that the entity is for."""
        if event_type not in self.event_types:
            return
        self._trigger_event(event_type, {key: data[key] for key in EVENT_ATTRIBUTES if key in data})
        self.async_write_ha_state()
