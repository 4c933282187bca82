"""The daily round, through Home Assistant."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.core.storage import MARKER
from tests.conftest import ScriptedCamera, make_entry, set_up, timelapse_data
from tests.ledger import BLACK, consistent, files, table
from tests.surface import state, timelapse_id

type NextSlot = Callable[..., Awaitable[None]]

DAY = 86400


async def pause(entry: MockConfigEntry) -> None:
    """Let no further frame come."""
    for timelapse in list(entry.runtime_data.data.timelapses):
        await entry.runtime_data.async_set_recording(timelapse, recording=False)


@pytest.mark.parametrize(("options", "days", "left"), [({}, 13, 1), ({}, 16, 0), ({"quarantine_days": 30}, 16, 1)])
async def test_rejected_frames_go(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    media_root: Path,
    next_slot: NextSlot,
    options: dict[str, int],
    days: int,
    left: int,
) -> None:
    entry = await set_up(hass, make_entry(hass, **options))
    await next_slot()
    camera.answer = BLACK
    await next_slot()
    await pause(entry)
    assert (len(files(media_root, "frames")), len(files(media_root, "quarantine"))) == (1, 1)
    await next_slot(days * DAY)
    assert (len(files(media_root, "frames")), len(files(media_root, "quarantine"))) == (1, left)
    assert consistent(hass, media_root)
    assert state(hass, entry, "sensor", "images_rejected").state == "1"
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_frames_go_with_the_limit_of_their_timelapse(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, media_root: Path, next_slot: NextSlot
) -> None:
    """A frame stays while any timelapse wants it; the counts follow what is left."""
    short, ever = timelapse_data("Short", 60, keep_days=2), timelapse_data("Ever", 120, keep_days=0)
    entry = await set_up(hass, make_entry(hass, short, ever))
    for _ in range(4):
        await next_slot()
    await pause(entry)
    first = timelapse_id(entry)
    assert {item.image_count for item in entry.runtime_data.data.timelapses.values()} == {4, 2}
    await next_slot(3 * DAY)
    await hass.async_block_till_done()
    counts = {key: item.image_count for key, item in entry.runtime_data.data.timelapses.items()}
    assert counts.pop(first) == 0
    assert list(counts.values()) == [2]
    assert len(files(media_root)) == 2
    assert consistent(hass, media_root)
    assert state(hass, entry, "sensor", "images_captured").state == "4"
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_the_first_round_comes_soon_after_the_start(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    media_root: Path,
    next_slot: NextSlot,
    freezer: FrozenDateTimeFactory,
) -> None:
    """A machine that never runs a whole day is looked after as well."""
    camera.answer = BLACK
    await next_slot()
    await pause(camera_entry)
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    freezer.tick(timedelta(days=20))
    assert await hass.config_entries.async_setup(camera_entry.entry_id)
    await hass.async_block_till_done()
    assert len(files(media_root)) == 1
    await next_slot(660)
    assert not files(media_root)


async def test_attempts_are_forgotten(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    await next_slot()
    await pause(camera_entry)
    await next_slot(29 * DAY)
    assert len(table(hass, "attempts")) == 1
    await next_slot(2 * DAY)
    assert not table(hass, "attempts")
    assert len(table(hass, "frames")) == 1


async def test_a_storage_that_is_away_is_left_alone(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    media_root: Path,
    next_slot: NextSlot,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not even a row goes: the files are somewhere else."""
    camera.answer = BLACK
    await next_slot()
    await pause(camera_entry)
    marker = media_root / "timelapser" / MARKER
    kept = marker.read_bytes()
    marker.unlink()
    await next_slot(20 * DAY)
    assert "old stills could not be removed: TL-FS-007" in caplog.text
    assert len(table(hass, "frames")) == 1
    marker.write_bytes(kept)
    await next_slot(DAY)
    assert not table(hass, "frames")
    assert not files(media_root)
