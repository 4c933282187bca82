"""The switch that pauses and resumes a timelapse."""

from typing import Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import SUBENTRY_TIMELAPSE
from .coordinator import TimelapserConfigEntry
from .entity import TimelapseEntity
from .recording import async_record, async_rest

# Off and on in quick succession must reach the catalogue in that order.
PARALLEL_UPDATES = 1

RECORDING = SwitchEntityDescription(key="recording")


async def async_setup_entry(
    hass: HomeAssistant, entry: TimelapserConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the switch of each timelapse of a camera."""
    for subentry in entry.get_subentries_of_type(SUBENTRY_TIMELAPSE):
        async_add_entities(
            [RecordingSwitch(entry.runtime_data, RECORDING, subentry)], config_subentry_id=subentry.subentry_id
        )


class RecordingSwitch(TimelapseEntity, SwitchEntity):
    """Whether a timelapse records or is paused."""

    @property
    @override
    def is_on(self) -> bool:
        """Return whether it records."""
        return self.timelapse.recording

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Resume the timelapse, or begin a new run when the last one is completed."""
        await async_record(self.coordinator, self._subentry_id, self._context)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Pause the timelapse."""
        await async_rest(self.coordinator, self._subentry_id, self._context)
