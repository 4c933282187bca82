"""Base classes of the entities: one for a camera, one for a timelapse of it."""

from typing import override

from homeassistant.config_entries import ConfigSubentry
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import CameraCoordinator
from .snapshot import TimelapseSnapshot


class TimelapserEntity(CoordinatorEntity[CameraCoordinator]):
    """An entity of a camera; the description's key is its translation key and the end of its unique id."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: CameraCoordinator, description: EntityDescription) -> None:
        """Place the entity on the device of the camera, which set-up has registered."""
        super().__init__(coordinator)
        entry_id = coordinator.config_entry.entry_id
        self.entity_description = description
        self._attr_translation_key = description.key
        self._attr_unique_id = f"{entry_id}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, entry_id)})

    @property
    @override
    def available(self) -> bool:
        """Return True: a camera that is down is data, and its health and counters are what one looks at then."""
        return True


class TimelapseEntity(TimelapserEntity):
    """An entity of a timelapse."""

    def __init__(
        self, coordinator: CameraCoordinator, description: EntityDescription, subentry: ConfigSubentry
    ) -> None:
        """Place the entity on the device of the timelapse, which set-up has registered."""
        super().__init__(coordinator, description)
        timelapse = f"{coordinator.config_entry.entry_id}_{subentry.subentry_id}"
        self._subentry_id = subentry.subentry_id
        self._attr_unique_id = f"{timelapse}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, timelapse)})

    @property
    def timelapse(self) -> TimelapseSnapshot:
        """Return the timelapse as it is now; only while the entity is available."""
        return self.coordinator.data.timelapses[self._subentry_id]

    @property
    @override
    def available(self) -> bool:
        """Return whether the timelapse is still one of its camera."""
        return self._subentry_id in self.coordinator.data.timelapses
