"""Catalogue, storage and settings that all cameras share, through Home Assistant."""

import asyncio
from contextlib import closing
from functools import partial
import os
from pathlib import Path
import sqlite3
import subprocess
import sys
import threading
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN, SYSTEM_UNIQUE_ID
from custom_components.timelapser.core.catalogue import queries
from custom_components.timelapser.core.catalogue.store import Catalogue, OpenReport
from custom_components.timelapser.core.errors import CatalogueError, Code, StorageError
from custom_components.timelapser.core.storage import MARKER, Storage
from tests.conftest import Events, ScriptedCamera, make_entry, set_up
from tests.ledger import BLACK, consistent, files, table
from tests.surface import state


def catalogue(hass: HomeAssistant) -> Path:
    """Return the path of the catalogue."""
    return Path(hass.config.config_dir) / DOMAIN / "catalogue.db"


def contents(folder: Path) -> list[Path]:
    """Return what is in a folder."""
    return list(folder.iterdir())


def our_threads() -> list[str]:
    """Return the names of Timelapser's threads."""
    return [thread.name for thread in threading.enumerate() if DOMAIN in thread.name]


def system(hass: HomeAssistant) -> Any:
    """Return the system entry, if there is one."""
    return hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, SYSTEM_UNIQUE_ID)


def swap(full: Path, empty: Path) -> None:
    """Give a folder another name and leave an empty one, as a lost mount does."""
    if empty.exists():
        empty.rmdir()
    full.rename(empty)
    full.mkdir()


async def capture(entry: MockConfigEntry, count: int = 1) -> None:
    """Capture so often."""
    for _ in range(count):
        entry.runtime_data._manual_at = None
        await entry.runtime_data.async_capture_now()


async def unload(hass: HomeAssistant, *entries: MockConfigEntry) -> None:
    """Unload entries and see that they are."""
    for entry in entries:
        assert await hass.config_entries.async_unload(entry.entry_id)
        assert entry.state is ConfigEntryState.NOT_LOADED


async def fails(hass: HomeAssistant, entry: MockConfigEntry, state: ConfigEntryState, code: Code) -> None:
    """See set-up end in a state, with a code, and with nothing left running."""
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is state
    assert entry.error_reason_translation_placeholders == {"code": code}
    assert not our_threads()


async def test_the_last_camera_closes_it(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry
) -> None:
    garden = await set_up(hass, make_entry(hass))
    shed = await set_up(hass, make_entry(hass, entity_id="camera.shed", title="Shed"))
    await capture(garden)
    await unload(hass, shed)
    await capture(garden)
    await unload(hass, garden)
    assert not our_threads()
    assert not catalogue(hass).with_name("catalogue.db-wal").exists()
    with closing(sqlite3.connect(catalogue(hass))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_two_first_cameras_at_once(hass: HomeAssistant, camera: ScriptedCamera, tmp_path: Path) -> None:
    """One engine and one system entry come of it, with the defaults."""
    entries = [make_entry(hass), make_entry(hass, entity_id="camera.shed", title="Shed")]
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()
    assert [entry.state for entry in entries] == [ConfigEntryState.LOADED] * 2
    assert entries[0].runtime_data.engine is entries[1].runtime_data.engine
    assert len([entry for entry in hass.config_entries.async_entries(DOMAIN) if entry.unique_id]) == 1
    assert system(hass).state is ConfigEntryState.LOADED
    assert Path(system(hass).data["media_root"]) == tmp_path / DOMAIN / "media"
    assert our_threads().count("timelapser-catalogue") == 1
    await unload(hass, *entries)


async def test_a_deleted_system_entry_comes_back(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, system_entry: MockConfigEntry
) -> None:
    """With the last settings, which the catalogue keeps, at the next start."""
    hass.config_entries.async_update_entry(system_entry, data={**system_entry.data, "byte_budget": 5.0})
    await hass.async_block_till_done()
    await capture(camera_entry)
    settings = dict(system_entry.data)
    await hass.config_entries.async_remove(system_entry.entry_id)
    await hass.async_block_till_done()
    assert camera_entry.state is ConfigEntryState.LOADED
    await capture(camera_entry)
    assert await hass.config_entries.async_reload(camera_entry.entry_id)
    await hass.async_block_till_done()
    assert dict(system(hass).data) == settings
    assert state(hass, camera_entry, "sensor", "images_captured").state == "2"


async def test_new_settings_reload_the_cameras(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    system_entry: MockConfigEntry,
    media_root: Path,
    tmp_path: Path,
) -> None:
    """Frames go to the new root from then on."""
    shed = await set_up(hass, make_entry(hass, entity_id="camera.shed", title="Shed"))
    await capture(camera_entry)
    other = tmp_path / "other"
    other.mkdir()
    hass.config_entries.async_update_entry(system_entry, data={"media_root": str(other)})
    await hass.async_block_till_done()
    assert (camera_entry.state, shed.state) == (ConfigEntryState.LOADED, ConfigEntryState.LOADED)
    await capture(camera_entry)
    assert (len(files(media_root)), len(files(other))) == (1, 1)
    await unload(hass, shed)


async def test_a_removed_camera_is_archived_and_comes_back(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, media_root: Path
) -> None:
    """Its frames stay; the system entry goes with the last camera; counts return when it is added again."""
    entry = await set_up(hass, make_entry(hass))
    await capture(entry, 2)
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert not hass.config_entries.async_entries(DOMAIN)
    assert not our_threads()
    assert len(files(media_root)) == 2
    (row,) = table(hass, "cameras")
    assert row["removed_at"] is not None
    assert {run["state"] for run in table(hass, "runs")} == {2}

    again = await set_up(hass, make_entry(hass))
    assert Path(system(hass).data["media_root"]) == media_root
    assert state(hass, again, "sensor", "images_captured").state == "2"
    assert state(hass, again, "sensor", "image_count").state == "0"
    await capture(again)
    assert state(hass, again, "sensor", "images_captured").state == "3"
    assert len(files(media_root)) == 3
    assert len({path.relative_to(media_root).parts[1] for path in files(media_root)}) == 1
    assert table(hass, "cameras")[0]["removed_at"] is None
    await unload(hass, again)


async def test_removing_one_of_two(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, system_entry: MockConfigEntry
) -> None:
    shed = await set_up(hass, make_entry(hass, entity_id="camera.shed", title="Shed"))
    await hass.config_entries.async_remove(shed.entry_id)
    await hass.async_block_till_done()
    assert system(hass) is system_entry
    await capture(camera_entry)
    assert [row["removed_at"] is not None for row in table(hass, "cameras")] == [False, True]


@pytest.mark.parametrize("trouble", ["catalogue", "never loaded"])
async def test_removing_a_camera_always_works(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    trouble: str,
) -> None:
    entry = make_entry(hass)
    if trouble == "catalogue":
        catalogue(hass).parent.mkdir()
        with closing(sqlite3.connect(catalogue(hass))) as connection:
            connection.execute("CREATE TABLE theirs (x)")
            connection.commit()
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert not hass.config_entries.async_entries(DOMAIN)
    assert not our_threads()
    assert ("could not be put into the archive" in caplog.text) is (trouble == "catalogue")


@pytest.mark.timeout(600)
async def test_a_catalogue_with_a_huge_log(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """It takes its time to open; Home Assistant goes on meanwhile."""
    catalogue(hass).parent.mkdir()
    size = 2**31 if request.config.getoption("--long") else 20_000_000
    command = [sys.executable, "-m", "tests.core.reliability.bloater", str(catalogue(hass)), str(size)]
    await hass.async_add_executor_job(partial(subprocess.run, command, cwd=Path(__file__).parents[1], check=False))
    assert catalogue(hass).with_name("catalogue.db-wal").stat().st_size >= size
    real = Catalogue.open
    turns = 0
    seen: list[int] = []

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    def opened(self: Catalogue) -> OpenReport:
        seen.append(turns)
        try:
            return real(self)
        finally:
            seen.append(turns)

    monkeypatch.setattr(Catalogue, "open", opened)
    turning = hass.async_create_background_task(turn(), "turning")
    entry = await set_up(hass, make_entry(hass))
    turning.cancel()
    assert seen[1] - seen[0] > 3
    await capture(entry)
    assert state(hass, entry, "sensor", "images_captured").state == "1"
    await unload(hass, entry)


# What set-up refuses


async def test_the_storage_is_not_there(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, media_root: Path
) -> None:
    """Nothing is made in a mount point; it is tried again, and works when the storage is back."""
    entry = await set_up(hass, make_entry(hass))
    await capture(entry)
    await unload(hass, entry)
    swap(media_root, media_root.with_name("away"))
    await fails(hass, entry, ConfigEntryState.SETUP_RETRY, Code.STORAGE_MARKER)
    assert entry.error_reason_translation_key == "storage_unusable"
    assert not contents(media_root)
    await unload(hass, entry)
    swap(media_root.with_name("away"), media_root)
    await set_up(hass, entry)
    assert state(hass, entry, "sensor", "images_captured").state == "1"
    await unload(hass, entry)


async def test_another_storage_is_there(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, media_root: Path
) -> None:
    entry = await set_up(hass, make_entry(hass))
    await unload(hass, entry)
    marker = media_root / DOMAIN / MARKER
    marker.write_text('{"uuid": "00000000-0000-4000-8000-000000000000"}')
    await fails(hass, entry, ConfigEntryState.SETUP_RETRY, Code.STORAGE_MARKER)
    await unload(hass, entry)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("CREATE TABLE theirs (x)", Code.CATALOGUE_FOREIGN),
        ("PRAGMA user_version = 999", Code.CATALOGUE_NEWER),
    ],
)
async def test_a_catalogue_that_is_not_ours_to_use(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, statement: str, code: Code
) -> None:
    """It is left as it is: only the user can say what to do."""
    entry = make_entry(hass)
    if code is Code.CATALOGUE_NEWER:
        await set_up(hass, entry)
        await unload(hass, entry)
    catalogue(hass).parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(catalogue(hass))) as connection:
        connection.execute(statement)
        connection.commit()
    before = catalogue(hass).read_bytes()
    await fails(hass, entry, ConfigEntryState.SETUP_ERROR, code)
    assert entry.error_reason_translation_key == "catalogue_unusable"
    assert catalogue(hass).read_bytes() == before


async def test_a_catalogue_that_cannot_be_opened(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry
) -> None:
    catalogue(hass).parent.mkdir()
    os.mkfifo(catalogue(hass))
    entry = make_entry(hass)
    await fails(hass, entry, ConfigEntryState.SETUP_RETRY, Code.CATALOGUE_OPEN)
    await unload(hass, entry)


@pytest.mark.parametrize("error", [CatalogueError(Code.CATALOGUE_LOCKED), RuntimeError("a bug")])
async def test_a_set_up_that_fails_half_way(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    """The engine is given back, and the next set-up works."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise error

    entry = make_entry(hass)
    with monkeypatch.context() as patched:
        patched.setattr(queries, "ensure_camera", broken)
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
    assert entry.state is (
        ConfigEntryState.SETUP_RETRY if isinstance(error, CatalogueError) else ConfigEntryState.SETUP_ERROR
    )
    assert not our_threads()
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    await unload(hass, entry)


async def test_what_a_kill_leaves_is_adopted(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    media_root: Path,
) -> None:
    """A file whose row was never written has one after the next start."""
    entry = await set_up(hass, make_entry(hass))
    await capture(entry)

    def killed(*args: Any, **kwargs: Any) -> Any:
        raise StorageError(Code.STORAGE_IO, "killed")

    with monkeypatch.context() as patched:
        patched.setattr(Storage, "unlink", killed)
        patched.setattr(queries, "commit_attempt", killed)
        with pytest.raises(HomeAssistantError) as raised:
            await capture(entry)
    assert raised.value.translation_key == "code_tl_fs_004"
    assert not consistent(hass, media_root)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert consistent(hass, media_root)
    assert len(files(media_root)) == 2
    assert state(hass, entry, "sensor", "image_count").state == "2"
    await unload(hass, entry)


async def test_what_was_seen_last_is_seen_after_a_restart(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, events: Events
) -> None:
    """The score and the fault of the last picture, rejected or not."""
    await capture(camera_entry)
    camera.answer = BLACK
    await capture(camera_entry)
    for _ in range(2):
        assert state(hass, camera_entry, "sensor", "last_fault").state == "black"
        assert state(hass, camera_entry, "sensor", "quality_score").state == "0.0"
        assert await hass.config_entries.async_reload(camera_entry.entry_id)
        await hass.async_block_till_done()
