"""The triggers of automations: a camera degrades, recovers, goes offline, is online again, or gives a bad picture.

They follow the entities of the camera, as Home Assistant's own triggers do: nothing fires because something was
reloaded or restarted, and ``for`` and ``behavior`` work. The data of the bus event comes with them.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar, Final, override

from homeassistant.const import ATTR_ENTITY_ID, STATE_OFF, STATE_ON, STATE_UNAVAILABLE
from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.trigger import (
    EntityTargetStateTriggerBase,
    EntityTriggerBase,
    NotTriggeredReasonReporter,
    StatelessEntityTriggerBase,
    Trigger,
    TriggerActionRunner,
    TriggerNotTriggeredReporter,
)

from .event import CameraEvent
from .targets import camera_entities, loaded_camera

BINARY_SENSORS: Final = {"binary_sensor": DomainSpec()}
EVENTS: Final = {"event": DomainSpec()}
ON: Final = {STATE_ON}
OFF: Final = {STATE_OFF}

ATTR_EVENT_DATA: Final = "event_data"
"""What an automation finds the data of the bus event under, beside ``from_state`` and ``to_state``."""


class _CameraTrigger(EntityTriggerBase):
    """A trigger that follows one entity of each camera that it is aimed at."""

    _key: ClassVar[str]
    """Of the entity; the end of its unique id."""
    _event: ClassVar[CameraEvent]
    # The connectivity sensor is of the diagnostic category, and nevertheless meant by who chooses the camera's device.
    _primary_entities_only = False

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Leave only the entities that the trigger follows."""
        return camera_entities(self._hass, super().entity_filter(entities), self._key)

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Attach the trigger, and pass on what the bus event said."""

        def run(
            extra_trigger_payload: dict[str, Any], description: str, context: Context | None = None
        ) -> asyncio.Task[Any]:
            data = self._event_data(extra_trigger_payload[ATTR_ENTITY_ID])
            return run_action({**extra_trigger_payload, ATTR_EVENT_DATA: data}, description, context)

        return await super().async_attach_runner(run, did_not_trigger)

    def _event_data(self, entity_id: str) -> Mapping[str, Any]:
        """Return the data of the event that made the entity change; it is told before the entity shows it."""
        entry = er.async_get(self._hass).async_get(entity_id)
        if entry is None or entry.config_entry_id is None:
            return {}
        coordinator = loaded_camera(self._hass, entry.config_entry_id)
        return {} if coordinator is None else coordinator.announcer.told.get(self._event, {})


class CameraDegradedTrigger(_CameraTrigger, EntityTargetStateTriggerBase):
    """Trigger when the pictures of a camera have become bad."""

    _domain_specs = BINARY_SENSORS
    _key = "degraded"
    _event = CameraEvent.DEGRADED
    _to_states = ON


class CameraRecoveredTrigger(CameraDegradedTrigger):
    """Trigger when the pictures of a camera are good again, or somebody says so."""

    _event = CameraEvent.RECOVERED
    _to_states = OFF


class CameraOfflineTrigger(_CameraTrigger, EntityTargetStateTriggerBase):
    """Trigger when a camera does not answer any more, or has never done."""

    _domain_specs = BINARY_SENSORS
    _key = "connectivity"
    _event = CameraEvent.OFFLINE
    _to_states = OFF
    # Unknown is a camera that has not been tried yet; when it turns out to be away, that is news.
    _excluded_from_states = frozenset({STATE_UNAVAILABLE})


class CameraOnlineTrigger(_CameraTrigger, EntityTargetStateTriggerBase):
    """Trigger when a camera answers again."""

    _domain_specs = BINARY_SENSORS
    _key = "connectivity"
    _event = CameraEvent.ONLINE
    _to_states = ON


class ImageRejectedTrigger(_CameraTrigger, StatelessEntityTriggerBase):
    """Trigger at every picture that is rejected."""

    _domain_specs = EVENTS
    _key = "camera_events"
    _event = CameraEvent.IMAGE_REJECTED

    @override
    def is_valid_state(self, state: State, report_not_triggered: NotTriggeredReasonReporter) -> bool:
        """Return whether the event is a rejection."""
        return state.attributes.get("event_type") == self._event


TRIGGERS: Final[dict[str, type[Trigger]]] = {
    "camera_degraded": CameraDegradedTrigger,
    "camera_recovered": CameraRecoveredTrigger,
    "camera_offline": CameraOfflineTrigger,
    "camera_online": CameraOnlineTrigger,
    "image_rejected": ImageRejectedTrigger,
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers."""
    return TRIGGERS
