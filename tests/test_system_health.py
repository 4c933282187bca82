"""What the page *System information* says."""

from collections.abc import Awaitable, Callable
from pathlib import Path
import sqlite3
from typing import Any

from homeassistant.components.system_health import get_info
from homeassistant.core import HomeAssistant
from homeassistant.helpers import translation
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN
from tests.conftest import ScriptedCamera
from tests.ledger import BLACK

type NextSlot = Callable[..., Awaitable[None]]


async def told(hass: HomeAssistant) -> dict[str, Any]:
    """Return our part of the page."""
    assert await async_setup_component(hass, "system_health", {})
    await hass.async_block_till_done()
    return (await get_info(hass))[DOMAIN]


async def test_a_healthy_camera(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, media_root: Path
) -> None:
    await next_slot()
    info = await told(hass)
    assert info["cameras"] == info["cameras_loaded"] == 1
    assert info["cameras_degraded"] == info["cameras_offline"] == 0
    assert info["storage"] == "ok"
    assert float(info["storage_free"].removesuffix(" GB")) > 0
    assert info["storage_used"] == "0.0 GB"
    assert 0 < float(info["catalogue_size"].removesuffix(" MB")) < 10
    assert info["queue"] == 0
    assert info["sqlite"] == sqlite3.sqlite_version
    assert isinstance(info["opencv"], bool)
    assert isinstance(info["turbojpeg"], bool)


@pytest.mark.parametrize(("answer", "key"), [(BLACK, "cameras_degraded"), (TimeoutError(), "cameras_offline")])
async def test_a_camera_in_trouble(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    answer: Any,
    key: str,
) -> None:
    camera.answer = answer
    for _ in range(5):
        await next_slot()
    info = await told(hass)
    assert {name: info[name] for name in ("cameras_degraded", "cameras_offline")} == {
        "cameras_degraded": 0,
        "cameras_offline": 0,
        key: 1,
    }


async def test_no_camera_is_loaded(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    assert await told(hass) == {"cameras": 1, "cameras_loaded": 0, "cameras_degraded": 0, "cameras_offline": 0}


async def test_the_storage_is_gone(hass: HomeAssistant, camera_entry: MockConfigEntry, media_root: Path) -> None:
    (media_root / "timelapser").rename(media_root / "elsewhere")
    info = await told(hass)
    assert info["storage"] == "unavailable"
    assert info["storage_free"] is None


@pytest.mark.parametrize("language", ["en", "de"])
async def test_everything_has_a_name(hass: HomeAssistant, camera_entry: MockConfigEntry, language: str) -> None:
    texts = await translation.async_get_translations(hass, language, "system_health", [DOMAIN])
    prefix = f"component.{DOMAIN}.system_health.info."
    assert {key.removeprefix(prefix) for key in texts} == set(await told(hass))
