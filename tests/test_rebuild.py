"""A lost or damaged catalogue, through Home Assistant: everything comes back while captures go on."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path
import sqlite3
import threading
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.timelapser import care
from custom_components.timelapser.const import DOMAIN, SYSTEM_UNIQUE_ID
from custom_components.timelapser.core import recovery
from custom_components.timelapser.core.errors import CatalogueError, Code
from custom_components.timelapser.core.lock import FolderLock
from custom_components.timelapser.core.storage import LOCK
from tests.conftest import ScriptedCamera, make_entry, set_up, timelapse_data
from tests.ledger import BLACK, consistent, files, table
from tests.surface import entity_id, state

PAGE = 4096


def catalogue(hass: HomeAssistant) -> Path:
    """Return the path of the catalogue."""
    return Path(hass.config.config_dir) / DOMAIN / "catalogue.db"


def aside(hass: HomeAssistant) -> list[Path]:
    """Return the catalogues that were set aside."""
    return sorted(catalogue(hass).parent.glob("catalogue.db.corrupt.*"))


async def capture(entry: MockConfigEntry, count: int = 1) -> None:
    """Capture so often."""
    for _ in range(count):
        entry.runtime_data._manual_at = None
        await entry.runtime_data.async_capture_now()


async def settle(hass: HomeAssistant) -> None:
    """Wait for what goes on in the background."""
    await hass.async_block_till_done(wait_background_tasks=True)


async def unload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Unload an entry and see that it is."""
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED


async def start_anew(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Set up an entry with a lost catalogue, and wait until it is rebuilt and all is loaded anew."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert entry.state is ConfigEntryState.LOADED
    return entry


def issue(hass: HomeAssistant) -> ir.IssueEntry | None:
    """Return the issue that tells of a rebuild."""
    return ir.async_get(hass).async_get_issue(DOMAIN, f"catalogue_rebuilt_{SYSTEM_UNIQUE_ID}")


def shown(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, str]:
    """Return what the camera's sensors show."""
    keys = ("images_captured", "images_rejected", "image_count", "quality_score")
    return {key: state(hass, entry, "sensor", key).state for key in keys}


async def archive(hass: HomeAssistant, camera: ScriptedCamera) -> MockConfigEntry:
    """Make a camera with two stills and a rejected one, and unload it."""
    entry = await set_up(hass, make_entry(hass))
    await capture(entry, 2)
    camera.answer = BLACK
    await capture(entry)
    camera.answer = camera.good
    return entry


@pytest.mark.parametrize("damage", ["text", "empty", "gone", "folder"])
async def test_everything_comes_back(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    media_root: Path,
    caplog: pytest.LogCaptureFixture,
    damage: str,
) -> None:
    """Counts, runs, scores, and a paused timelapse that stays so; a second start changes nothing."""
    entry = await archive(hass, camera)
    recording = {"entity_id": entity_id(hass, entry, "switch", "recording")}
    await hass.services.async_call("switch", "turn_off", recording, blocking=True)
    before, runs = shown(hass, entry), table(hass, "runs")
    await unload(hass, entry)
    path = catalogue(hass)
    if damage == "text":
        path.write_bytes(b"no database at all" * 1000)
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
        if damage == "folder":
            path.mkdir()
    await start_anew(hass, entry)
    assert shown(hass, entry) == before
    assert [(run["id"], run["state"], run["image_count"]) for run in table(hass, "runs")] == [
        (run["id"], run["state"], run["image_count"]) for run in runs
    ]
    assert consistent(hass, media_root)
    assert len(aside(hass)) == (damage in ("text", "folder"))
    assert "protection, reviews, attempts, health" in caplog.text
    found = issue(hass)
    assert found is not None
    assert found.translation_placeholders == {"frames": "2", "quarantined": "1"}
    assert not found.is_fixable
    await capture(entry)
    assert shown(hass, entry)["images_captured"] == "3"
    assert consistent(hass, media_root)

    kept = aside(hass)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert aside(hass) == kept
    assert consistent(hass, media_root)
    assert issue(hass) is not None
    await hass.config_entries.async_remove(entry.entry_id)
    await settle(hass)
    assert issue(hass) is None


@pytest.mark.parametrize(("lost", "left"), [(True, 1), (False, 0)])
async def test_nothing_is_removed_for_a_week_after_it(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    media_root: Path,
    freezer: FrozenDateTimeFactory,
    lost: bool,
    left: int,
) -> None:
    """It does not know any more what was protected; without a loss the limit holds at once."""
    entry = await set_up(hass, make_entry(hass, quarantine_days=1))
    camera.answer = BLACK
    await capture(entry)
    camera.answer = camera.good
    await unload(hass, entry)
    if lost:
        catalogue(hass).unlink()
    freezer.tick(timedelta(days=2))
    await start_anew(hass, entry)
    await capture(entry)

    async def rounds(span: timedelta) -> int:
        freezer.tick(span)
        async_fire_time_changed(hass)
        await settle(hass)
        return len(files(media_root, "quarantine"))

    assert await rounds(timedelta(minutes=11)) == left
    assert await rounds(timedelta(days=6)) == left
    await capture(entry)
    assert await rounds(timedelta(days=2)) == 0
    await unload(hass, entry)


async def test_captures_go_on_while_it_is_rebuilt(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    media_root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Set-up does not wait for the files, and a restart in the middle goes on with them."""
    entry = await archive(hass, camera)
    await unload(hass, entry)
    catalogue(hass).write_bytes(b"damaged")
    held, reached = threading.Event(), threading.Event()

    def patient(storage: Any, known: Any, now: Any, ended: Any) -> Any:
        reached.set()
        while not held.wait(0.01):
            if ended():
                return None
        return recovery.readopt(storage, known, now, ended)

    monkeypatch.setattr(care, "readopt", patient)
    await set_up(hass, entry)
    assert await hass.async_add_executor_job(reached.wait, 20)
    assert len(table(hass, "frames")) == 0
    assert state(hass, entry, "sensor", "images_captured").state == "0"
    await capture(entry, 2)
    assert len(table(hass, "frames")) == 2
    assert issue(hass) is None

    assert await hass.config_entries.async_reload(entry.entry_id)
    await capture(entry)
    assert len(files(media_root)) == 6
    held.set()
    await settle(hass)
    assert consistent(hass, media_root)
    assert state(hass, entry, "sensor", "images_captured").state == "5"
    assert state(hass, entry, "sensor", "image_count").state == "5"
    found = issue(hass)
    assert found is not None
    assert found.translation_placeholders == {"frames": "2", "quarantined": "1"}
    await unload(hass, entry)


async def test_damage_met_in_use_needs_no_restart(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, media_root: Path
) -> None:
    """The capture that meets it fails with its code and leaves nothing; all cameras go on with a new catalogue."""
    shed = await set_up(hass, make_entry(hass, entity_id="camera.shed", title="Shed"))
    entry = await archive(hass, camera)
    before = shown(hass, entry)

    def damage() -> None:
        with closing(sqlite3.connect(catalogue(hass))) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        data = bytearray(catalogue(hass).read_bytes())
        data[PAGE:] = b"\xff" * (len(data) - PAGE)
        catalogue(hass).write_bytes(data)

    await hass.async_add_executor_job(damage)
    with pytest.raises(CatalogueError) as raised:
        await entry.runtime_data.engine.async_read(lambda conn: conn.exec_driver_sql("SELECT * FROM frames").all())
    assert raised.value.code is Code.CATALOGUE_CORRUPT
    await settle(hass)
    assert (entry.state, shed.state) == (ConfigEntryState.LOADED, ConfigEntryState.LOADED)
    assert len({path.name.rpartition(".corrupt.")[2] for path in aside(hass)}) == 1
    assert shown(hass, entry) == before
    assert issue(hass) is not None
    await capture(entry)
    assert consistent(hass, media_root)
    await unload(hass, shed)
    await unload(hass, entry)


async def test_a_damaged_page_is_found_within_a_day(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    media_root: Path,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Nothing asks for the page; the check does. A whole catalogue passes it."""
    entry = await archive(hass, camera)

    async def wait() -> None:
        freezer.tick(care.CHECK_EVERY)
        async_fire_time_changed(hass)
        await settle(hass)

    await wait()
    assert not aside(hass)
    before = shown(hass, entry)["images_captured"]

    def damage() -> None:
        with closing(sqlite3.connect(catalogue(hass))) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            query = "SELECT rootpage FROM sqlite_schema WHERE name = 'ix_attempts_camera'"
            (root,) = connection.execute(query).fetchone()
        data = bytearray(catalogue(hass).read_bytes())
        data[PAGE * (root - 1) : PAGE * root] = bytes(PAGE)
        catalogue(hass).write_bytes(data)

    await hass.async_add_executor_job(damage)
    await wait()
    assert len({path.name.rpartition(".corrupt.")[2] for path in aside(hass)}) == 1
    assert entry.state is ConfigEntryState.LOADED
    assert int(shown(hass, entry)["images_captured"]) >= int(before)
    assert consistent(hass, media_root)
    await unload(hass, entry)


async def test_a_second_instance_is_told_why_and_goes_on_when_the_first_ends(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, media_root: Path
) -> None:
    entry = await archive(hass, camera)
    await unload(hass, entry)
    before = files(media_root)
    other = FolderLock(media_root / DOMAIN / LOCK)
    other.acquire()
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "storage_in_use"
    assert entry.error_reason_translation_placeholders == {"code": Code.STORAGE_IN_USE}
    assert files(media_root) == before
    assert not [thread for thread in threading.enumerate() if DOMAIN in thread.name]
    other.release()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert entry.state is ConfigEntryState.LOADED
    await unload(hass, entry)


async def test_the_index_follows_the_entries(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, media_root: Path
) -> None:
    """A camera that was removed, and whose catalogue was lost then, is found in the archive when it is added again."""
    entry = await set_up(hass, make_entry(hass, timelapse_data("Build"), timelapse_data("Garden")))
    await capture(entry)
    await hass.config_entries.async_remove(entry.entry_id)
    await settle(hass)
    catalogue(hass).unlink()
    MockConfigEntry(domain=DOMAIN, unique_id=SYSTEM_UNIQUE_ID, data=dict(system_entry.data)).add_to_hass(hass)
    again = await start_anew(hass, make_entry(hass))
    assert state(hass, again, "sensor", "images_captured").state == "1"
    assert [row["name"] for row in table(hass, "timelapses")] == ["Build", "Garden", "Garden"]
    assert [run["image_count"] for run in table(hass, "runs")] == [1, 1, 0]
    assert consistent(hass, media_root)
    await unload(hass, again)
