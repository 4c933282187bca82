"""The lines in the logbook, read as the page of a device reads them."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from homeassistant.components.recorder import Recorder
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.logbook import MESSAGES, SLOT_MESSAGES
from tests.conftest import ScriptedCamera
from tests.ledger import BLACK
from tests.surface import entity_id

type NextSlot = Callable[..., Awaitable[None]]


@pytest.fixture(autouse=True)
def config_dir(recorder_mock: Recorder, hass: HomeAssistant, tmp_path: Path) -> None:
    """Do what the shared fixture does, after the recorder, which has to come before Home Assistant."""
    hass.config.config_dir = str(tmp_path)


@pytest.fixture(autouse=True)
async def logbook(hass: HomeAssistant, config_dir: None) -> None:
    """Set the logbook up before anything happens."""
    assert await async_setup_component(hass, "logbook", {})


@pytest.fixture
def lines(
    hass: HomeAssistant, camera_entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    """Return what gives the lines of our own on the page of the camera's device, which asks for its entities too."""

    async def read() -> list[dict[str, Any]]:
        await async_wait_recording_done(hass)
        device = dr.async_get(hass).async_get_device_by_identifier(
            (DOMAIN, camera_entry.entry_id), camera_entry.entry_id
        )
        assert device is not None
        client = await hass_ws_client()
        await client.send_json_auto_id(
            {
                "type": "logbook/get_events",
                "start_time": (dt_util.utcnow() - timedelta(days=1)).isoformat(),
                "end_time": (dt_util.utcnow() + timedelta(hours=1)).isoformat(),
                "device_ids": [device.id],
                "entity_ids": [entity_id(hass, camera_entry, "sensor", "health")],
            }
        )
        answer = await client.receive_json()
        assert answer["success"], answer
        return [line for line in answer["result"] if line.get("domain") == DOMAIN]

    return read


async def test_a_camera_that_degrades_and_recovers(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    lines: Callable[[], Awaitable[list[dict[str, Any]]]],
) -> None:
    """One line for each bad picture until the alarm is told, and none between that and its end."""
    camera.answer = BLACK
    for _ in range(7):
        await next_slot()
    camera.answer = TimeoutError()
    await next_slot()
    camera.answer = camera.good
    for _ in range(5):
        await next_slot()
    camera.answer = BLACK
    await next_slot()
    found = await lines()
    assert {line["name"] for line in found} == {"Garden"}
    bad, degraded = found[1]["message"], found[5]["message"]
    assert found[0]["message"].startswith("began to record")
    assert bad.startswith("gave a bad picture: ")
    assert "nothing brighter" in bad
    assert all(line["message"].startswith(bad) for line in found[2:5])
    assert degraded.startswith(bad.replace("gave a bad picture", "degraded"))
    assert found[6]["message"] == "recovered"
    assert found[7]["message"].startswith(bad)
    assert len(found) == 8
    assert found[0]["entity_id"] == entity_id(hass, camera_entry, "sensor", "state")
    assert {line["entity_id"] for line in found[1:]} == {entity_id(hass, camera_entry, "sensor", "health")}


async def test_a_camera_that_goes_and_comes_back(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    lines: Callable[[], Awaitable[list[dict[str, Any]]]],
) -> None:
    camera.answer = TimeoutError()
    for _ in range(5):
        await next_slot()
    camera.answer = camera.good
    await next_slot(120)
    messages = [line["message"] for line in await lines()]
    reason = "The camera answered without a picture"
    assert messages[1:] == [*[f"gave no picture: {reason}"] * 4, f"went offline: {reason}", "is online again"]


async def test_the_switch(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    lines: Callable[[], Awaitable[list[dict[str, Any]]]],
) -> None:
    target = {"entity_id": entity_id(hass, camera_entry, "switch", "recording")}
    for action in ("turn_off", "turn_on"):
        await hass.services.async_call("switch", action, target, blocking=True)
    messages = [line["message"] for line in await lines()]
    assert [message.split()[0] for message in messages] == ["began", "paused", "resumed"]


@pytest.mark.parametrize(
    ("event", "data", "message"),
    [
        ("camera_recovered", {"by": "reset"}, "recovered (reset by hand)"),
        ("camera_recovered", {"by": "relearned"}, "recovered (learned anew)"),
        ("camera_online", {"by": "replaced"}, "is online again (another camera)"),
        ("camera_online", {"health": "degraded"}, "is online again, still degraded"),
        ("run_completed", {"timelapse": "Tomatoes"}, "completed a run of “Tomatoes”"),
        ("purge_completed", {"frames": {"count": 5}, "quarantine": {"count": 2}}, "had 7 pictures removed"),
        ("capture_failed", {"code": "TL-NEW-001"}, "gave no picture: TL-NEW-001"),
        ("camera_degraded", {}, "degraded"),
        (
            "forecast_changed",
            {"change": "changed", "cause": "dirt", "likely": "2026-12-24T10:00:00+00:00"},
            "is expected to give bad pictures (dirt) from about 2026-12-24",
        ),
        (
            "forecast_changed",
            {"change": "withdrawn", "cause": "dirt", "likely": "2026-12-24T10:00:00+00:00"},
            "is no longer expected to give bad pictures (dirt)",
        ),
    ],
)
async def test_other_events(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    lines: Callable[[], Awaitable[list[dict[str, Any]]]],
    event: str,
    data: dict[str, Any],
    message: str,
) -> None:
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, camera_entry.entry_id), camera_entry.entry_id)
    assert device is not None
    who = {"entry_id": camera_entry.entry_id, "device_id": device.id, "name": "Garden"}
    hass.bus.async_fire(f"{DOMAIN}_{event}", {**who, **data})
    assert (await lines())[-1]["message"] == message


async def test_another_device_has_none_of_it(
    hass: HomeAssistant, camera_entry: MockConfigEntry, lines: Callable[[], Awaitable[list[dict[str, Any]]]]
) -> None:
    hass.bus.async_fire(f"{DOMAIN}_camera_degraded", {"name": "Other", "device_id": "another"})
    assert [line["name"] for line in await lines()] == ["Garden"]


def test_a_good_picture_has_no_line() -> None:
    assert f"{DOMAIN}_image_captured" not in MESSAGES
    assert f"{DOMAIN}_image_captured" not in SLOT_MESSAGES
    assert (len(MESSAGES), len(SLOT_MESSAGES)) == (10, 2)
