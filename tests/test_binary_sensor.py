"""The binary sensors, through Home Assistant."""

from typing import Any

from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.surface import show, state


@pytest.mark.parametrize(
    ("key", "changes", "expected"),
    [
        ("degraded", {"degraded": False}, STATE_OFF),
        ("degraded", {"degraded": True}, STATE_ON),
        ("degraded", {"degraded": True, "connected": False}, STATE_ON),
        ("connectivity", {"connected": None}, STATE_UNKNOWN),
        ("connectivity", {"connected": True}, STATE_ON),
        ("connectivity", {"connected": False}, STATE_OFF),
    ],
)
async def test_shows_its_field(
    hass: HomeAssistant, camera_entry: MockConfigEntry, key: str, changes: dict[str, Any], expected: str
) -> None:
    await show(hass, camera_entry, **changes)
    assert state(hass, camera_entry, "binary_sensor", key).state == expected


@pytest.mark.parametrize(("key", "device_class"), [("degraded", "problem"), ("connectivity", "connectivity")])
async def test_device_class(hass: HomeAssistant, camera_entry: MockConfigEntry, key: str, device_class: str) -> None:
    assert state(hass, camera_entry, "binary_sensor", key).attributes["device_class"] == device_class
