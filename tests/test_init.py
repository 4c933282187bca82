"""Set-up and the life of many captures, through Home Assistant."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
import threading
from unittest.mock import patch

from homeassistant import block_async_io
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import SYSTEM_UNIQUE_ID
from tests.conftest import Events, ScriptedCamera, make_entry, set_up
from tests.ledger import BLACK, attempts, consistent, files, table
from tests.surface import state, timelapse_id

type NextSlot = Callable[..., Awaitable[None]]


async def test_a_slot_is_filled(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
) -> None:
    await next_slot()
    (event,) = events.named("image_captured")
    (path,) = files(media_root)
    assert event.data["frame_id"] in path.name
    assert event.data["image_counts"] == {table_run(camera_entry): 1}
    assert state(hass, camera_entry, "sensor", "images_captured").state == "1"
    assert consistent(hass, media_root)


def table_run(entry: MockConfigEntry) -> str:
    """Return the id of the run of the first timelapse."""
    return entry.runtime_data.data.timelapses[timelapse_id(entry)].run_id


async def test_editing_a_camera_reloads_it(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    camera.answer = BLACK
    hass.config_entries.async_update_entry(camera_entry, options={"retries": 0})
    await hass.async_block_till_done()
    await next_slot()
    assert [row.tries for row in await attempts(camera_entry)] == [1]


async def test_a_removed_timelapse_leaves_its_frames(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot, media_root: Path
) -> None:
    await next_slot()
    hass.config_entries.async_remove_subentry(camera_entry, timelapse_id(camera_entry))
    await hass.async_block_till_done()
    await next_slot()
    assert camera.calls == len(files(media_root)) == 1
    (row,) = table(hass, "timelapses")
    assert row["removed_at"] is not None
    assert table(hass, "runs")[0]["image_count"] == 1
    assert state_of_no_timelapse(hass) == []


def state_of_no_timelapse(hass: HomeAssistant) -> list[str]:
    """Return the entities of timelapses that are left."""
    return [found.entity_id for found in hass.states.async_all() if "image_count" in found.entity_id]


async def test_a_camera_without_timelapses(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry
) -> None:
    hass.config_entries.async_remove_subentry(camera_entry, timelapse_id(camera_entry))
    await hass.async_block_till_done()
    answer = await camera_entry.runtime_data.async_capture_now()
    assert answer["outcome"] == "captured"


async def test_devices(hass: HomeAssistant, camera_entry: MockConfigEntry, system_entry: MockConfigEntry) -> None:
    registry = dr.async_get(hass)
    by_key = {
        next(iter(device.identifiers))[1]: device
        for entry in (camera_entry, system_entry)
        for device in dr.async_entries_for_config_entry(registry, entry.entry_id)
    }
    assert len(by_key) == 3
    guarded = by_key[camera_entry.entry_id]
    timelapse = by_key[f"{camera_entry.entry_id}_{timelapse_id(camera_entry)}"]
    assert guarded.via_device_id == by_key[SYSTEM_UNIQUE_ID].id
    assert timelapse.via_device_id == guarded.id


async def test_nothing_blocks_the_loop(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Set-up, good and bad captures, a look, a reload and a removal, watched by Home Assistant's own detector."""
    monkeypatch.setattr(block_async_io, "_IN_TESTS", False)
    monkeypatch.setattr("custom_components.timelapser.coordinator.MANUAL_GAP", timedelta())
    block_async_io.enable()
    try:
        open(__file__).close()  # noqa: ASYNC230, PTH123 - the detector has to see something
        assert "blocking call to open" in caplog.text
        caplog.clear()
        entry = await set_up(hass, make_entry(hass))
        for answer in (camera.good, BLACK, camera.good):
            camera.answer = answer
            await entry.runtime_data.async_capture_now()
        await entry.runtime_data.async_evaluate()
        assert await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done()
        await hass.config_entries.async_remove(entry.entry_id)
        await hass.async_block_till_done()
    finally:
        for call in block_async_io._BLOCKED_CALLS.calls:
            setattr(call.object, call.function, call.original_func)
        block_async_io._BLOCKED_CALLS.calls.clear()
    assert "blocking call" not in caplog.text


async def test_a_platform_that_breaks_leaves_no_engine_behind(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry
) -> None:
    entry = make_entry(hass)
    broken = RuntimeError("a platform broke")
    with patch.object(hass.config_entries, "async_forward_entry_setups", side_effect=broken):
        assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("timelapser")]
