"""Binary sensors: whether a camera answers, and whether its pictures are good."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.binary_sensor import BinarySensorEntity, BinarySensorEntityDescription
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .bus import describe_degradation
from .coordinator import TimelapserConfigEntry
from .entity import TimelapserEntity
from .snapshot import CameraSnapshot

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class CameraBinarySensorDescription(BinarySensorEntityDescription):
    """A binary sensor of a camera."""

    value_fn: Callable[[CameraSnapshot], bool | None]


DEGRADED = CameraBinarySensorDescription(
    key="degraded",
    device_class=BinarySensorDeviceClass.PROBLEM,
    value_fn=lambda snapshot: snapshot.degraded,
)

CAMERA_BINARY_SENSORS: tuple[CameraBinarySensorDescription, ...] = (
    CameraBinarySensorDescription(
        key="connectivity",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda snapshot: snapshot.connected,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: TimelapserConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the binary sensors of a camera."""
    coordinator = entry.runtime_data
    async_add_entities(CameraBinarySensor(coordinator, description) for description in CAMERA_BINARY_SENSORS)
    async_add_entities([DegradedBinarySensor(coordinator, DEGRADED)])


class CameraBinarySensor(TimelapserEntity, BinarySensorEntity):
    """One yes or no of a camera."""

    entity_description: CameraBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return the value in the present snapshot; None while it is not known."""
        return self.entity_description.value_fn(self.coordinator.data)


class DegradedBinarySensor(CameraBinarySensor):
    """Whether a camera's pictures are bad, and why they became so."""

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Return what is known of the alarm; it stays as it was then, so that no frame is a row of the recorder."""
        why = self.coordinator.data.degradation
        return {} if why is None or not why.bad else describe_degradation(why)
