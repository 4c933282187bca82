"""The images, through Home Assistant."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from homeassistant.components.image import async_get_image
from homeassistant.const import STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity import Entity
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from tests.conftest import ScriptedCamera
from tests.core import pictures
from tests.ledger import files
from tests.surface import entity_id, frame, show, state, stored

type NextSlot = Callable[..., Awaitable[None]]


async def test_the_latest_frame_is_what_was_stored(
    hass: HomeAssistant, camera_entry: MockConfigEntry, media_root: Path, next_slot: NextSlot
) -> None:
    await next_slot()
    latest = camera_entry.runtime_data.data.latest_frame
    image = await async_get_image(hass, entity_id(hass, camera_entry, "image", "latest_frame"))
    assert state(hass, camera_entry, "image", "latest_frame").state == latest.captured_at.isoformat()
    assert image.content_type == "image/jpeg"
    assert image.content in [path.read_bytes() for path in stored(media_root)]
    assert state(hass, camera_entry, "image", "last_rejected").state == STATE_UNKNOWN


async def test_nothing_asks_for_a_picture_that_is_not_there(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    """A browser that was refused a picture does not ask for it again when it is there."""
    assert "entity_picture" not in state(hass, camera_entry, "image", "latest_frame").attributes
    await next_slot()
    latest = entity_id(hass, camera_entry, "image", "latest_frame")
    assert (
        state(hass, camera_entry, "image", "latest_frame")
        .attributes["entity_picture"]
        .startswith(f"/api/image_proxy/{latest}?token=")
    )
    assert "entity_picture" not in state(hass, camera_entry, "image", "last_rejected").attributes


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause, which a stopped clock would make endless."""
    monkeypatch.setattr("custom_components.timelapser.capture.RETRY_DELAY_S", 0.0)


async def test_a_rejected_frame_leaves_the_latest_alone(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    await next_slot()
    before = state(hass, camera_entry, "image", "latest_frame").state
    camera.answer = pictures.jpeg(pictures.flat((0, 0, 0), 640, 360))
    await next_slot()
    rejected = camera_entry.runtime_data.data.last_rejected
    image = await async_get_image(hass, entity_id(hass, camera_entry, "image", "last_rejected"))
    assert state(hass, camera_entry, "image", "latest_frame").state == before
    assert state(hass, camera_entry, "image", "last_rejected").state == rejected.captured_at.isoformat()
    assert image.content[:2] == b"\xff\xd8"


async def test_is_served_to_who_may_see_it(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    await next_slot()
    path = f"/api/image_proxy/{entity_id(hass, camera_entry, 'image', 'latest_frame')}"
    answer = await (await hass_client()).get(path)
    assert answer.status == 200
    assert answer.content_type == "image/jpeg"
    assert (await answer.read())[:2] == b"\xff\xd8"
    assert (await (await hass_client_no_auth()).get(path)).status == 403


async def reference(hass: HomeAssistant, entry: MockConfigEntry) -> tuple[str, bytes | None]:
    """Return the state of the reference image and its bytes."""
    shown = state(hass, entry, "image", "reference").state
    if shown == STATE_UNKNOWN:
        return shown, None
    return shown, (await async_get_image(hass, entity_id(hass, entry, "image", "reference"))).content


@pytest.fixture
def enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enable what is disabled by default."""
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", True)


@pytest.mark.usefixtures("enabled")
async def test_the_reference_is_a_good_frame_of_the_day(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, media_root: Path, next_slot: NextSlot
) -> None:
    assert await reference(hass, camera_entry) == (STATE_UNKNOWN, None)
    camera.answer = pictures.jpeg(pictures.flat((0, 0, 0), 640, 360))
    await next_slot()
    camera.answer = pictures.jpeg(pictures.blurred(pictures.scene("day", 640, 360), 9))
    await next_slot()
    assert await reference(hass, camera_entry) == (STATE_UNKNOWN, None)
    camera.answer = camera.good
    await next_slot()
    first = await reference(hass, camera_entry)
    assert first[1] == files(media_root, "frames")[-1].read_bytes()
    await next_slot()
    assert await reference(hass, camera_entry) == first
    assert await hass.config_entries.async_reload(camera_entry.entry_id)
    await hass.async_block_till_done()
    assert await reference(hass, camera_entry) == first
    await next_slot(86400)
    assert await reference(hass, camera_entry) != first


@pytest.mark.usefixtures("enabled")
async def test_a_reference_whose_file_is_gone_is_followed_by_the_next(
    hass: HomeAssistant, camera_entry: MockConfigEntry, media_root: Path, next_slot: NextSlot
) -> None:
    await next_slot()
    first = await reference(hass, camera_entry)
    for path in stored(media_root):
        path.unlink()
    with pytest.raises(HomeAssistantError):
        await reference(hass, camera_entry)
    await next_slot()
    assert (await reference(hass, camera_entry))[0] not in (first[0], STATE_UNKNOWN)


@pytest.mark.parametrize("key", ["latest_frame", "last_rejected"])
async def test_follows_the_frame_and_nothing_else(hass: HomeAssistant, camera_entry: MockConfigEntry, key: str) -> None:
    assert state(hass, camera_entry, "image", key).state == STATE_UNKNOWN
    await show(hass, camera_entry, **{key: frame(1)})
    first = state(hass, camera_entry, "image", key)
    assert first.state == frame(1).captured_at.isoformat()
    await show(hass, camera_entry, captured=99)
    assert state(hass, camera_entry, "image", key).last_updated == first.last_updated
    await show(hass, camera_entry, **{key: frame(2, content_type="image/png")})
    assert state(hass, camera_entry, "image", key).state == frame(2).captured_at.isoformat()


async def test_without_a_file_there_is_no_image(
    hass: HomeAssistant, camera_entry: MockConfigEntry, media_root: Path, next_slot: NextSlot
) -> None:
    latest = entity_id(hass, camera_entry, "image", "latest_frame")
    with pytest.raises(HomeAssistantError):
        await async_get_image(hass, latest)
    await next_slot()
    assert (await async_get_image(hass, latest)).content
    for path in stored(media_root):
        path.unlink()
    with pytest.raises(HomeAssistantError):
        await async_get_image(hass, latest)


async def test_tells_the_type_of_the_frame(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    camera.answer = pictures.encoded(pictures.noisy(pictures.scene("day", 640, 360), 1.5, 1), "PNG")
    await next_slot()
    image = await async_get_image(hass, entity_id(hass, camera_entry, "image", "latest_frame"))
    assert image.content_type == "image/png"
    assert image.content.startswith(b"\x89PNG")
