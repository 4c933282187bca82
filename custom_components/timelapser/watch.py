"""What happens to the wrapped camera entity, under whatever name it has."""

from collections.abc import Callable

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers.entity_registry import EventEntityRegistryUpdatedData
from homeassistant.helpers.event import async_track_entity_registry_updated_event, async_track_state_change_event

from .fetch import SourceCamera

_DOWN = (STATE_UNAVAILABLE, STATE_UNKNOWN)


class SourceWatch:
    """Tells when the camera changes, and whether it has come back; follows it when it is renamed."""

    def __init__(self, hass: HomeAssistant, source: SourceCamera, changed: Callable[[bool], None]) -> None:
        """Watch from now on; ``changed`` is called with whether the entity has just become available."""
        self._hass = hass
        self._source = source
        self._changed = changed
        self._entity_id: str | None = None
        self._unsubs: list[CALLBACK_TYPE] = []
        self._follow()

    @callback
    def stop(self) -> None:
        """Stop watching."""
        for unsub in self._unsubs:
            unsub()
        self._unsubs = []

    @callback
    def _follow(self) -> None:
        """Watch the camera under its present name; a removed one under its last, should it be made again."""
        entity_id = self._source.entity_id
        if entity_id is None or entity_id == self._entity_id:
            return
        self.stop()
        self._entity_id = entity_id
        self._unsubs = [
            async_track_state_change_event(self._hass, entity_id, self._async_state_changed),
            async_track_entity_registry_updated_event(self._hass, entity_id, self._async_registry_updated),
        ]

    @callback
    def _async_registry_updated(self, _event: Event[EventEntityRegistryUpdatedData]) -> None:
        self._follow()
        self._changed(False)

    @callback
    def _async_state_changed(self, event: Event[EventStateChangedData]) -> None:
        old, new = event.data["old_state"], event.data["new_state"]
        up = new is not None and new.state not in _DOWN
        self._changed(up and (old is None or old.state in _DOWN))
