"""The rounds, through Home Assistant."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
import time

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.core.storage import MARKER
from tests.conftest import Events, ScriptedCamera, make_entry, set_up, timelapse_data
from tests.ledger import BLACK, consistent, files, table
from tests.surface import entity_id, state, timelapse_id

type NextSlot = Callable[..., Awaitable[None]]

DAY = 86400


async def pause(entry: MockConfigEntry) -> None:
    """Let no further frame come, and none be the reference, which would stay."""
    for action in ("pause_run", "relearn"):
        target = {"entity_id": "camera.garden"}
        await entry.runtime_data.hass.services.async_call(DOMAIN, action, target, blocking=True)


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
    short = timelapse_data("Short", 60, keep_days=2, purge_current=True)
    ever = timelapse_data("Ever", 120, keep_days=0, purge_current=True)
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


async def test_the_run_under_way_stays_unless_its_timelapse_says_otherwise(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, media_root: Path, next_slot: NextSlot
) -> None:
    """A run's frames go once it is completed."""
    entry = await set_up(hass, make_entry(hass, timelapse_data(keep_days=2, keep_count=1, keep_gb=0.000_001)))
    for _ in range(3):
        await next_slot()
    await pause(entry)
    await next_slot(3 * DAY)
    assert len(files(media_root)) == 3
    await hass.services.async_call(
        DOMAIN, "complete_run", {"entity_id": entity_id(hass, entry, "switch", "recording")}, blocking=True
    )
    await next_slot(DAY)
    assert not files(media_root)
    assert consistent(hass, media_root)
    assert state(hass, entry, "sensor", "image_count").state == "0"
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("recipe", "options", "left"),
    [
        ({"keep_count": 2, "purge_current": True}, {}, (2, 3)),
        ({"keep_count": 2}, {}, (3, 3)),
        ({"keep_gb": 0.000_001, "purge_current": True}, {}, (0, 3)),
        ({}, {"quarantine_count": 1}, (3, 1)),
        ({}, {"quarantine_gb": 0.000_001}, (3, 0)),
        ({}, {}, (3, 3)),
    ],
)
async def test_number_and_size_are_looked_at_every_hour(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    media_root: Path,
    next_slot: NextSlot,
    recipe: dict[str, float],
    options: dict[str, float],
    left: tuple[int, int],
) -> None:
    entry = await set_up(hass, make_entry(hass, timelapse_data(**recipe), **options))
    for _ in range(3):
        await next_slot()
    camera.answer = BLACK
    for _ in range(3):
        await next_slot()
    await pause(entry)
    await next_slot(3600)
    assert (len(files(media_root, "frames")), len(files(media_root, "quarantine"))) == left
    assert consistent(hass, media_root)
    assert state(hass, entry, "sensor", "image_count").state == str(left[0])
    rejected = state(hass, entry, "image", "last_rejected").state
    assert (rejected == "unknown") is (left[1] == 0)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_round_tells_what_it_removed(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events
) -> None:
    """And says nothing when that is nothing."""
    camera.answer = BLACK
    await next_slot()
    await next_slot()
    rows = table(hass, "frames")
    await pause(camera_entry)
    await next_slot(13 * DAY)
    assert not events.named("purge_completed")
    await next_slot(2 * DAY)
    (event,) = events.named("purge_completed")
    assert event.data["by"] == "schedule"
    assert event.data["entry_id"] == camera_entry.entry_id
    assert event.data["correlation_id"] == event.context.id
    removed = event.data["quarantine"]
    assert (removed["count"], removed["bytes"]) == (2, sum(row["byte_count"] for row in rows))
    assert removed["oldest"] < removed["newest"]
    assert event.data["frames"] == {"count": 0, "bytes": 0, "oldest": None, "newest": None}
    assert (event.data["released"], event.data["pending"]) == (0, 0)


async def test_the_clock_has_to_be_borne_out_before_age_counts(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    media_root: Path,
    next_slot: NextSlot,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Said once, and over once as much time has been recorded."""
    camera.answer = BLACK
    await next_slot()
    await next_slot(40_000 * DAY)
    await next_slot(DAY)
    assert caplog.text.count("the age limits wait") == 1
    assert len(files(media_root)) == 3
    assert len(table(hass, "attempts")) == 3
    for _ in range(3):
        await next_slot(5 * DAY)
    assert caplog.text.count("the age limits wait") == 1
    kept = {row["captured_at"] for row in table(hass, "frames")}
    assert len(files(media_root)) == len(kept) == 3
    assert min(kept) > freezer().timestamp() * 1000 - 15 * DAY * 1000


async def test_a_round_does_not_undo_the_count_of_an_attempt(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, media_root: Path, next_slot: NextSlot
) -> None:
    """A round that ends while a picture is on its way waits for it."""
    entry = await set_up(hass, make_entry(hass, timelapse_data(keep_count=2, purge_current=True)))
    for _ in range(5):
        await next_slot()
    on_its_way, arrived = asyncio.Event(), asyncio.Event()
    good = camera.answer

    async def slow() -> bytes:
        on_its_way.set()
        await arrived.wait()
        return good if isinstance(good, bytes) else good()

    camera.answer = slow
    capture = hass.async_create_task(entry.runtime_data.async_capture_now())
    await on_its_way.wait()
    purge = hass.async_create_task(
        hass.services.async_call(
            DOMAIN, "purge", {"entity_id": "camera.garden", "dry_run": False}, blocking=True, return_response=True
        )
    )
    while len(files(media_root)) > 2:
        await hass.async_add_executor_job(time.sleep, 0.01)
    assert not purge.done()
    arrived.set()
    await capture
    await purge
    assert state(hass, entry, "sensor", "image_count").state == "3"
    assert len(files(media_root)) == 3
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_round_ends_with_its_camera_and_is_taken_up_again(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    media_root: Path,
    next_slot: NextSlot,
    freezer: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("custom_components.timelapser.core.retention.BATCH", 1)
    camera.answer = BLACK
    for _ in range(4):
        await next_slot()
    await pause(camera_entry)
    freezer.tick(timedelta(days=20))
    async_fire_time_changed(hass)
    while len(files(media_root)) == 4:
        await hass.async_add_executor_job(time.sleep, 0.001)
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert 0 < len(files(media_root)) < 4
    assert consistent(hass, media_root)
    assert "old stills could not be removed" not in caplog.text
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert await hass.config_entries.async_setup(camera_entry.entry_id)
    await hass.async_block_till_done()
    await next_slot(660)
    assert not files(media_root)


async def test_what_an_open_issue_shows_stays(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, media_root: Path, next_slot: NextSlot
) -> None:
    """The last rejected picture of a degraded camera is kept for as long as it is degraded."""
    camera.answer = BLACK
    for _ in range(6):
        await next_slot()
    assert state(hass, camera_entry, "binary_sensor", "degraded").state == "on"
    await pause(camera_entry)
    await next_slot(20 * DAY)
    assert len(files(media_root)) == 1
    await hass.services.async_call(DOMAIN, "reset_degraded", {"entity_id": "camera.garden"}, blocking=True)
    await next_slot(DAY)
    assert not files(media_root)


async def test_the_reference_stays(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, media_root: Path, next_slot: NextSlot
) -> None:
    """Of the frames of a camera that takes no others any more, until it is to learn anew what is normal."""
    entry = await set_up(hass, make_entry(hass, timelapse_data(keep_days=3, purge_current=True)))
    for _ in range(3):
        await next_slot()
    reference = files(media_root)[0]
    target = {"entity_id": "camera.garden"}
    await hass.services.async_call(DOMAIN, "pause_run", target, blocking=True)
    await next_slot(4 * DAY)
    assert files(media_root) == [reference]
    assert state(hass, entry, "sensor", "image_count").state == "1"
    await hass.services.async_call(DOMAIN, "relearn", target, blocking=True)
    await next_slot(DAY)
    assert not files(media_root)
    assert consistent(hass, media_root)
    assert await hass.config_entries.async_unload(entry.entry_id)


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
    await next_slot(3600)
    told = [record for record in caplog.records if "old stills could not be removed: TL-FS-007" in record.message]
    assert [record.levelname for record in told if record.levelname != "DEBUG"] == ["WARNING"]
    assert len(table(hass, "frames")) == 1
    marker.write_bytes(kept)
    await next_slot(DAY)
    assert not table(hass, "frames")
    assert not files(media_root)
