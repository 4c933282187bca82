"""The look at a camera before it is guarded."""

import threading
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.core.errors import Code
from custom_components.timelapser.core.models import FetchStrategy, Verdict
from custom_components.timelapser.probe import async_probe_camera
from tests.conftest import ScriptedCamera, good_picture
from tests.ledger import BLACK


@pytest.mark.parametrize(
    ("answer", "verdict"), [(good_picture(1), Verdict.GOOD), (BLACK, Verdict.BAD)], ids=["good", "bad"]
)
async def test_a_picture_is_scored(
    hass: HomeAssistant, camera: ScriptedCamera, answer: bytes, verdict: Verdict
) -> None:
    camera.answer = answer
    probe = await async_probe_camera(hass, "camera.garden")
    assert probe.evaluation is not None
    assert probe.evaluation.verdict is verdict
    assert (probe.data, probe.code, probe.strategy) == (answer, None, FetchStrategy.SNAPSHOT)
    assert not probe.battery


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (None, Code.CAMERA_EMPTY),
        (OSError("rtsp://admin:c4n4ry@10.0.0.9/live"), Code.CAMERA_RAISED),
        (b"<html>login</html>", Code.NOT_AN_IMAGE),
    ],
)
async def test_a_failure_is_part_of_the_answer(
    hass: HomeAssistant, camera: ScriptedCamera, answer: Any, code: Code
) -> None:
    camera.answer = answer
    probe = await async_probe_camera(hass, "camera.garden")
    assert (probe.evaluation, probe.data, probe.code) == (None, None, code)
    assert "c4n4ry" not in probe.text
    assert probe.text


async def test_no_such_camera(hass: HomeAssistant, camera: ScriptedCamera) -> None:
    assert (await async_probe_camera(hass, "camera.nowhere")).code is Code.CAMERA_MISSING


async def test_a_camera_that_is_off(hass: HomeAssistant, camera: ScriptedCamera) -> None:
    camera._attr_is_on = False
    assert (await async_probe_camera(hass, "camera.garden")).code is Code.CAMERA_OFF
    assert camera.calls == 0


@pytest.mark.parametrize("battery", [True, False])
async def test_a_battery_of_the_same_device(hass: HomeAssistant, camera: ScriptedCamera, battery: bool) -> None:
    other = MockConfigEntry(domain="cam")
    other.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(config_entry_id=other.entry_id, identifiers={("cam", "1")})
    registry = er.async_get(hass)
    registry.async_update_entity("camera.garden", device_id=device.id)
    registry.async_get_or_create(
        "sensor", "cam", "level", device_id=device.id, original_device_class="battery" if battery else "temperature"
    )
    assert (await async_probe_camera(hass, "camera.garden")).battery is battery


async def test_it_leaves_no_thread(hass: HomeAssistant, camera: ScriptedCamera) -> None:
    await async_probe_camera(hass, "camera.garden")
    assert not [thread for thread in threading.enumerate() if "timelapser" in thread.name]
