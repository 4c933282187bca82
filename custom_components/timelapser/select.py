"""How strictly a camera's pictures are judged."""

from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import TimelapserConfigEntry
from .core.models import Sensitivity
from .entity import TimelapserEntity
from .settings import with_sensitivity

# A choice is one write to the entry; the last one counts.
PARALLEL_UPDATES = 0

SENSITIVITY = SelectEntityDescription(
    key="sensitivity",
    entity_category=EntityCategory.CONFIG,
    options=[sensitivity.value for sensitivity in Sensitivity],
)


async def async_setup_entry(
    hass: HomeAssistant, entry: TimelapserConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the choice of a camera."""
    async_add_entities([SensitivitySelect(entry.runtime_data, SENSITIVITY)])


class SensitivitySelect(TimelapserEntity, SelectEntity):
    """The same option as in the camera's form; changing it here needs no reload."""

    @property
    @override
    def current_option(self) -> str:
        """Return the sensitivity that pictures are judged by."""
        return self.coordinator.policy.sensitivity

    @override
    async def async_select_option(self, option: str) -> None:
        """Keep the choice with the entry, which the coordinator follows."""
        entry = self.coordinator.config_entry
        options = with_sensitivity(entry.options, Sensitivity(option))
        self.hass.config_entries.async_update_entry(entry, options=options)
