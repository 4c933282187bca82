"""The actions, through Home Assistant."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized, UnknownUser
from homeassistant.helpers import area_registry as ar, device_registry as dr, label_registry as lr
from homeassistant.helpers.json import json_bytes
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN, SYSTEM_UNIQUE_ID
from custom_components.timelapser.services import CAMERA_ACTIONS, TimelapserService
from tests.conftest import ScriptedCamera, make_entry, set_up
from tests.core import pictures
from tests.surface import entity_id, state, stored, timelapse_id

type NextSlot = Callable[..., Awaitable[None]]

BLACK = pictures.jpeg(pictures.flat((0, 0, 0), 640, 360))


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause, which a stopped clock would make endless."""
    monkeypatch.setattr("custom_components.timelapser.capture.RETRY_DELAY_S", 0.0)


async def act(
    hass: HomeAssistant, action: str, target: dict[str, Any], *, response: bool = True, user: str | None = None
) -> dict[str, Any]:
    """Call an action and return its cameras."""
    answer = await hass.services.async_call(
        DOMAIN, action, target, blocking=True, return_response=response, context=Context(user_id=user)
    )
    await hass.async_block_till_done()
    return answer["cameras"] if response else {}


def device_id(hass: HomeAssistant, entry: MockConfigEntry, identifier: str) -> str:
    """Return the id of a device of an entry."""
    return dr.async_get_device_id_by_identifier(hass, (DOMAIN, identifier), config_entry_id=entry.entry_id)


def by_camera_entity(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    return {"entity_id": entity_id(hass, entry, "sensor", "health")}


def by_timelapse_entity(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    return {"entity_id": [entity_id(hass, entry, "switch", "recording")]}


def by_guarded_camera(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    return {"entity_id": "camera.garden"}


def by_camera_device(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    return {"device_id": device_id(hass, entry, entry.entry_id)}


def by_timelapse_device(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    return {"device_id": [device_id(hass, entry, f"{entry.entry_id}_{timelapse_id(entry)}")]}


def by_area(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    area = ar.async_get(hass).async_create("Outside")
    dr.async_get(hass).async_update_device(device_id(hass, entry, entry.entry_id), area_id=area.id)
    return {"area_id": area.id}


def by_label(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    label = lr.async_get(hass).async_create("Watched")
    dr.async_get(hass).async_update_device(device_id(hass, entry, entry.entry_id), labels={label.label_id})
    return {"label_id": label.label_id}


@pytest.mark.parametrize(
    "target",
    [
        by_camera_entity,
        by_timelapse_entity,
        by_guarded_camera,
        by_camera_device,
        by_timelapse_device,
        by_area,
        by_label,
    ],
)
async def test_every_way_to_mean_a_camera(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    target: Callable[[HomeAssistant, MockConfigEntry], dict[str, Any]],
) -> None:
    answer = await act(hass, "reset_degraded", target(hass, camera_entry))
    assert list(answer) == [camera_entry.entry_id]
    assert answer[camera_entry.entry_id]["name"] == "Garden"


@pytest.mark.parametrize("action", CAMERA_ACTIONS)
@pytest.mark.parametrize(
    "target", [{}, {"entity_id": "light.kitchen"}, {"device_id": "nowhere"}, {"area_id": "none"}, {"entity_id": "all"}]
)
async def test_no_camera_is_meant(
    hass: HomeAssistant, camera_entry: MockConfigEntry, action: TimelapserService, target: dict[str, Any]
) -> None:
    with pytest.raises(ServiceValidationError) as raised:
        await act(hass, action, target)
    assert raised.value.translation_key == "camera_not_targeted"
    assert raised.value.translation_domain == DOMAIN


async def test_the_system_is_no_camera(
    hass: HomeAssistant, camera_entry: MockConfigEntry, system_entry: MockConfigEntry
) -> None:
    with pytest.raises(ServiceValidationError) as raised:
        await act(hass, "capture_now", {"device_id": device_id(hass, system_entry, SYSTEM_UNIQUE_ID)})
    assert raised.value.translation_key == "camera_not_targeted"


async def test_capture_now_captures(hass: HomeAssistant, camera_entry: MockConfigEntry, media_root: Path) -> None:
    answer = (await act(hass, "capture_now", {"entity_id": "camera.garden"}))[camera_entry.entry_id]
    assert answer["outcome"] == "captured"
    assert answer["score"] > 50
    assert answer["frame_id"] == camera_entry.runtime_data.data.latest_frame.id
    assert answer["correlation_id"]
    assert len(stored(media_root)) == 1
    assert state(hass, camera_entry, "sensor", "images_captured").state == "1"
    assert json_bytes(answer)


async def test_capture_now_without_an_answer(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    await act(hass, "capture_now", {"entity_id": "camera.garden"}, response=False)
    assert state(hass, camera_entry, "sensor", "images_captured").state == "1"


@pytest.mark.usefixtures("freezer")
async def test_capture_now_is_limited(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    await act(hass, "capture_now", {"entity_id": "camera.garden"})
    with pytest.raises(ServiceValidationError) as raised:
        await act(hass, "capture_now", {"entity_id": "camera.garden"})
    assert raised.value.translation_key == "rate_limited"
    assert state(hass, camera_entry, "sensor", "images_captured").state == "1"


async def test_capture_now_of_a_camera_that_gives_nothing(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry
) -> None:
    camera.answer = None
    with pytest.raises(HomeAssistantError) as raised:
        await act(hass, "capture_now", {"entity_id": "camera.garden"})
    assert raised.value.translation_key == "code_tl_cam_003"


@pytest.mark.parametrize(("picture", "verdict"), [(None, "good"), (BLACK, "bad")])
async def test_evaluate_keeps_nothing(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    media_root: Path,
    picture: bytes | None,
    verdict: str,
) -> None:
    before = camera_entry.runtime_data.data
    if picture is not None:
        camera.answer = picture
    answer = (await act(hass, "evaluate_camera", {"entity_id": "camera.garden"}))[camera_entry.entry_id]
    assert answer["verdict"] == verdict
    assert "frame_id" not in answer
    assert not stored(media_root)
    assert camera_entry.runtime_data.data == before
    assert json_bytes(answer)


async def test_reset_degraded(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    camera.answer = BLACK
    for _ in range(5):
        await next_slot()
    assert state(hass, camera_entry, "binary_sensor", "degraded").state == "on"
    answer = (await act(hass, "reset_degraded", {"entity_id": "camera.garden"}))[camera_entry.entry_id]
    assert answer == {"name": "Garden", "changed": True, "health": "online"}
    assert state(hass, camera_entry, "binary_sensor", "degraded").state == "off"
    answer = (await act(hass, "reset_degraded", {"entity_id": "camera.garden"}))[camera_entry.entry_id]
    assert answer["changed"] is False


async def test_a_camera_that_is_not_loaded(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    target = by_camera_device(hass, camera_entry)
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    with pytest.raises(ServiceValidationError) as raised:
        await act(hass, "capture_now", target)
    assert raised.value.translation_key == "entry_not_loaded"
    assert raised.value.translation_placeholders == {"name": "Garden"}


async def test_one_of_two_cameras_fails(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    """The other one is asked all the same; who wants no answer gets the error."""
    shed = make_entry(hass, entity_id="camera.shed", title="Shed")
    both = {"entity_id": ["camera.garden", "camera.shed"]}
    answer = await act(hass, "capture_now", both)
    assert answer[camera_entry.entry_id]["outcome"] == "captured"
    assert answer[shed.entry_id].pop("message").startswith("Shed is not loaded")
    assert answer[shed.entry_id] == {"name": "Shed", "error": "entry_not_loaded"}
    with pytest.raises(ServiceValidationError) as raised:
        await act(hass, "reset_degraded", both, response=False)
    assert raised.value.translation_key == "entry_not_loaded"


async def test_two_cameras_answer(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    shed = await set_up(hass, make_entry(hass, entity_id="camera.shed", title="Shed"))
    answer = await act(hass, "reset_degraded", {"entity_id": ["camera.garden", "camera.shed"]})
    assert {entry_id: camera["name"] for entry_id, camera in answer.items()} == {
        camera_entry.entry_id: "Garden",
        shed.entry_id: "Shed",
    }
    assert await hass.config_entries.async_unload(shed.entry_id)


async def test_a_bug_is_not_hidden(
    hass: HomeAssistant, camera_entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> dict[str, Any]:
        raise RuntimeError("a bug")

    monkeypatch.setattr(camera_entry.runtime_data, "async_evaluate", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        await act(hass, "evaluate_camera", {"entity_id": "camera.garden"})


@pytest.mark.parametrize("action", CAMERA_ACTIONS)
async def test_who_may_only_read_is_refused(
    hass: HomeAssistant, camera_entry: MockConfigEntry, hass_read_only_user: User, action: TimelapserService
) -> None:
    with pytest.raises(Unauthorized):
        await act(hass, action, {"entity_id": "camera.garden"}, user=hass_read_only_user.id)
    assert state(hass, camera_entry, "sensor", "images_captured").state == "0"


async def test_an_administrator_may(hass: HomeAssistant, camera_entry: MockConfigEntry, hass_admin_user: User) -> None:
    answer = await act(hass, "capture_now", {"entity_id": "camera.garden"}, user=hass_admin_user.id)
    assert answer[camera_entry.entry_id]["outcome"] == "captured"


async def test_a_user_that_is_gone_is_refused(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    with pytest.raises(UnknownUser):
        await act(hass, "capture_now", {"entity_id": "camera.garden"}, user="nobody")
