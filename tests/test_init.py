"""Set-up and unloading, through Home Assistant."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from .conftest import Events


async def test_a_slot_is_filled(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: Callable[..., Awaitable[None]],
) -> None:
    await next_slot()
    (event,) = events.named("image_captured")
    files = list((media_root / "timelapser").rglob("*.jpg"))
    assert len(files) == 1
    assert event.data["frame_id"] in files[0].name
    assert hass.states.get("sensor.garden_images_captured").state == "1"


async def test_unloading_leaves_nothing(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    assert camera_entry.state is ConfigEntryState.NOT_LOADED
