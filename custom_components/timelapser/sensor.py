"""Sensors: what a camera delivers and how far its timelapses are."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfTime
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType

from .bus import describe_forecast
from .const import SUBENTRY_TIMELAPSE
from .coordinator import CameraCoordinator, TimelapserConfigEntry
from .core.detection.report import describe_fault
from .core.models import FaultKind, Health, PaceReason, Reason
from .entity import TimelapseEntity, TimelapserEntity
from .snapshot import CameraSnapshot, TimelapseSnapshot

PARALLEL_UPDATES = 0

FAULT_STEP = 0.1
"""Change of the worst fault's severity from which a kept frame's faults are told anew: a difference of 10 points. What
is measured of one fault changes a little with every frame, and each change would be a row of the recorder."""

NO_FAULT = "none"
"""State of the last fault when the last scored picture was clean."""

SCORE_DIGITS = 1
"""Decimals of a score that are kept as state: a tenth of a point is far below what any verdict turns on."""


@dataclass(frozen=True, kw_only=True)
class CameraSensorDescription(SensorEntityDescription):
    """A sensor of a camera."""

    value_fn: Callable[[CameraSnapshot], StateType | datetime]


@dataclass(frozen=True, kw_only=True)
class TimelapseSensorDescription(SensorEntityDescription):
    """A sensor of a timelapse."""

    value_fn: Callable[[TimelapseSnapshot], StateType | datetime]


def _score(snapshot: CameraSnapshot) -> float | None:
    """Return the score of the last scored picture; None while there is none."""
    return None if snapshot.quality_score is None else round(snapshot.quality_score, SCORE_DIGITS)


def _worst_fault(snapshot: CameraSnapshot) -> str | None:
    """Return the kind of the worst fault; None before the first picture was looked at."""
    if snapshot.faults:
        return snapshot.faults[0].kind
    return None if snapshot.quality_score is None else NO_FAULT


CAMERA_SENSORS: tuple[CameraSensorDescription, ...] = (
    CameraSensorDescription(
        key="quality_score",
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=_score,
    ),
    CameraSensorDescription(
        key="health",
        device_class=SensorDeviceClass.ENUM,
        options=[health.value for health in Health if health is not Health.UNKNOWN],
        value_fn=lambda snapshot: None if snapshot.health is Health.UNKNOWN else snapshot.health,
    ),
    CameraSensorDescription(
        key="images_captured",
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda snapshot: snapshot.captured,
    ),
    CameraSensorDescription(
        key="images_rejected",
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda snapshot: snapshot.rejected,
    ),
    CameraSensorDescription(
        key="images_failed",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda snapshot: snapshot.failed,
    ),
    CameraSensorDescription(
        key="acceptance_rate",
        entity_registry_enabled_default=False,
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=lambda snapshot: None if snapshot.acceptance is None else round(snapshot.acceptance, 1),
    ),
    CameraSensorDescription(
        key="incidents_resolved",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        state_class=SensorStateClass.TOTAL_INCREASING,
        value_fn=lambda snapshot: snapshot.resolved,
    ),
    CameraSensorDescription(
        key="last_capture",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_registry_enabled_default=False,
        value_fn=lambda snapshot: snapshot.last_capture,
    ),
)

LAST_FAULT = CameraSensorDescription(
    key="last_fault",
    device_class=SensorDeviceClass.ENUM,
    options=[NO_FAULT, *(kind.value for kind in FaultKind)],
    value_fn=_worst_fault,
)

FORECAST = CameraSensorDescription(
    key="forecast",
    device_class=SensorDeviceClass.TIMESTAMP,
    entity_registry_enabled_default=False,
    value_fn=lambda snapshot: snapshot.forecast.likely if snapshot.forecast else None,
)

TIMELAPSE_SENSORS: tuple[TimelapseSensorDescription, ...] = (
    # A level, not a meter: it starts again at 0 with each run and falls when retention deletes, which a total
    # would book as images lost. Images per day are the statistics of the camera's images_captured.
    TimelapseSensorDescription(
        key="image_count",
        state_class=SensorStateClass.MEASUREMENT,
        value_fn=lambda timelapse: timelapse.image_count,
    ),
    TimelapseSensorDescription(
        key="state",
        device_class=SensorDeviceClass.ENUM,
        options=[reason.value for reason in Reason],
        value_fn=lambda timelapse: timelapse.state,
    ),
    TimelapseSensorDescription(
        key="next_capture",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda timelapse: timelapse.next_capture,
    ),
)

EFFECTIVE_INTERVAL = TimelapseSensorDescription(
    key="effective_interval",
    device_class=SensorDeviceClass.DURATION,
    entity_category=EntityCategory.DIAGNOSTIC,
    native_unit_of_measurement=UnitOfTime.SECONDS,
    value_fn=lambda timelapse: timelapse.interval.total_seconds(),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: TimelapserConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of a camera and of its timelapses."""
    coordinator = entry.runtime_data
    async_add_entities(CameraSensor(coordinator, description) for description in CAMERA_SENSORS)
    async_add_entities([LastFaultSensor(coordinator, LAST_FAULT), ForecastSensor(coordinator, FORECAST)])
    for subentry in entry.get_subentries_of_type(SUBENTRY_TIMELAPSE):
        async_add_entities(
            [
                *(TimelapseSensor(coordinator, description, subentry) for description in TIMELAPSE_SENSORS),
                EffectiveIntervalSensor(coordinator, EFFECTIVE_INTERVAL, subentry),
            ],
            config_subentry_id=subentry.subentry_id,
        )


class CameraSensor(TimelapserEntity, SensorEntity):
    """One value of a camera."""

    entity_description: CameraSensorDescription

    @property
    @override
    def native_value(self) -> StateType | datetime:
        """Return the value in the present snapshot."""
        return self.entity_description.value_fn(self.coordinator.data)


class LastFaultSensor(CameraSensor):
    """The worst fault of the last picture, and in its attributes what was found and where."""

    _unrecorded_attributes = frozenset({"explanation", "faults", "severity", "where"})

    def __init__(self, coordinator: CameraCoordinator, description: CameraSensorDescription) -> None:
        """Tell of the picture that the coordinator knows now."""
        super().__init__(coordinator, description)
        self._told = coordinator.data
        self._tell()

    def _tell(self) -> None:
        """Show the faults of a snapshot."""
        self._attr_extra_state_attributes = {}
        if faults := self._told.faults:
            worst = describe_fault(faults[0])
            self._attr_extra_state_attributes = {
                "explanation": worst["words"],
                "where": worst["where"],
                "severity": worst["severity"],
                "faults": [describe_fault(fault) for fault in faults],
            }

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Follow the new snapshot, but not every small change of the same faults."""
        if _differs(self._told, self.coordinator.data):
            self._told = self.coordinator.data
            self._tell()
        super()._handle_coordinator_update()


class ForecastSensor(CameraSensor):
    """When the pictures are likely to be bad, and why, and what can be done; unknown without evidence."""

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """Return what is foretold beside the instant, which is the state."""
        forecast = self.coordinator.data.forecast
        told = {} if forecast is None else describe_forecast(forecast)
        return {key: value for key, value in told.items() if key != "likely"}


def _differs(told: CameraSnapshot, now: CameraSnapshot) -> bool:
    """Return whether the faults are to be told anew: others, of a rejected picture, or much more or less severe."""
    if [fault.kind for fault in told.faults] != [fault.kind for fault in now.faults] or told.rejected != now.rejected:
        return True
    return bool(now.faults) and abs(told.faults[0].severity - now.faults[0].severity) >= FAULT_STEP


class TimelapseSensor(TimelapseEntity, SensorEntity):
    """One value of a timelapse."""

    entity_description: TimelapseSensorDescription

    @property
    @override
    def native_value(self) -> StateType | datetime:
        """Return the value in the present snapshot."""
        return self.entity_description.value_fn(self.timelapse)


class EffectiveIntervalSensor(TimelapseSensor):
    """How long it takes to the next slot, and in its attribute why."""

    @property
    @override
    def extra_state_attributes(self) -> dict[str, PaceReason]:
        """Return the reason."""
        return {"reason": self.timelapse.pace}
