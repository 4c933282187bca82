"""The conditions of automations: a camera is degraded, is offline, is healthy."""

from typing import ClassVar, Final, override

from homeassistant.const import STATE_OFF, STATE_ON
from homeassistant.core import HomeAssistant
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.condition import Condition, EntityStateConditionBase

from .core.models import Health
from .targets import camera_entities

BINARY_SENSORS: Final = {"binary_sensor": DomainSpec()}
SENSORS: Final = {"sensor": DomainSpec()}
ON: Final[set[str | bool]] = {STATE_ON}
OFF: Final[set[str | bool]] = {STATE_OFF}
HEALTHY: Final[set[str | bool]] = {Health.ONLINE.value}


class _CameraCondition(EntityStateConditionBase):
    """A condition on one entity of each camera that it is aimed at."""

    _key: ClassVar[str]
    """Of the entity; the end of its unique id."""
    # The connectivity sensor is of the diagnostic category, and nevertheless meant by who chooses the camera's device.
    _primary_entities_only = False

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Leave only the entities that the condition looks at."""
        return camera_entities(self._hass, super().entity_filter(entities), self._key)


class CameraIsDegradedCondition(_CameraCondition):
    """The pictures of a camera are bad; an outage in the meantime changes nothing of that."""

    _domain_specs = BINARY_SENSORS
    _key = "degraded"
    _states = ON


class CameraIsOfflineCondition(_CameraCondition):
    """A camera does not answer."""

    _domain_specs = BINARY_SENSORS
    _key = "connectivity"
    _states = OFF


class CameraIsHealthyCondition(_CameraCondition):
    """A camera answers, and its pictures are good."""

    _domain_specs = SENSORS
    _key = "health"
    _states = HEALTHY


CONDITIONS: Final[dict[str, type[Condition]]] = {
    "is_degraded": CameraIsDegradedCondition,
    "is_offline": CameraIsOfflineCondition,
    "is_healthy": CameraIsHealthyCondition,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions."""
    return CONDITIONS
