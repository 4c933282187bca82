"""A storage that stops answering, as a share does whose server is gone: a fault that cannot be made, so it is faked.

Each call that meets it waits until the storage is back. What is not of the files goes on meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
import os
from pathlib import Path
import threading
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser import engine
from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.core.errors import Code
from custom_components.timelapser.core.readiness import StorageState
from custom_components.timelapser.core.storage import MARKER
from tests.conftest import Events, ScriptedCamera, make_entry, set_up
from tests.ledger import attempts, consistent, files, table
from tests.surface import state

type NextSlot = Callable[..., Awaitable[None]]

ISSUE = "storage_not_writable_system"
PATIENCE_S = 0.3


class Share:
    """A network share that can go away; it knows how many threads it holds."""

    def __init__(self) -> None:
        self._there = threading.Event()
        self._there.set()
        self._lock = threading.Lock()
        self.held = 0

    def ask(self) -> None:
        """Wait for an answer; a minute is for ever."""
        with self._lock:
            self.held += 1
        self._there.wait(60)
        with self._lock:
            self.held -= 1

    def go(self) -> None:
        """Answer no more."""
        self._there.clear()

    def come_back(self) -> None:
        """Answer all who wait."""
        self._there.set()


@pytest.fixture
def share(monkeypatch: pytest.MonkeyPatch) -> Iterator[Share]:
    """Put the storage on a share: each of its operations begins with a look at its marker."""
    share = Share()
    real = os.stat

    def stat(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        if path == MARKER:
            share.ask()
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", stat)
    monkeypatch.setattr(engine, "STORE_TIMEOUT_S", PATIENCE_S)
    yield share
    share.come_back()


def file_threads() -> list[threading.Thread]:
    """Return the threads for files."""
    return [thread for thread in threading.enumerate() if thread.name.startswith(f"{DOMAIN}-files")]


def trouble(hass: HomeAssistant) -> list[tuple[str, Any]]:
    """Return the issues and the codes that they name."""
    found = [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]
    return [(issue.issue_id, (issue.translation_placeholders or {}).get("code")) for issue in found]


async def back(share: Share, entry: MockConfigEntry) -> None:
    """Let the storage answer, and wait until all that waited for it is done."""
    share.come_back()
    for _ in range(1000):
        if await entry.runtime_data.engine.async_storage_state() is StorageState.OK:
            break
        await asyncio.sleep(0.01)


async def test_it_holds_a_few_threads_and_nothing_else(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
    share: Share,
) -> None:
    """However many slots of however many cameras come by; and all of it is over with its cause."""
    others = [await set_up(hass, make_entry(hass, title=f"Camera {number}")) for number in range(6)]
    await next_slot()
    assert state(hass, camera_entry, "sensor", "images_captured").state == "1"
    share.go()
    for _ in range(6):
        await next_slot()
        assert 0 < share.held <= engine.STORE_THREADS
        assert trouble(hass) == [(ISSUE, Code.STORAGE_UNREACHABLE)]
    assert state(hass, camera_entry, "sensor", "state").state == "storage_unavailable"
    assert state(hass, camera_entry, "sensor", "health").state == "online"
    assert (await camera_entry.runtime_data.async_evaluate())["verdict"] == "good"
    assert len(events.named("image_captured")) == 7
    await back(share, camera_entry)
    await next_slot()
    assert trouble(hass) == []
    assert state(hass, camera_entry, "sensor", "images_captured").state != "1"
    assert consistent(hass, media_root)
    for entry in others:
        assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_picture_that_is_being_written(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
    share: Share,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The attempt has failed, and what the disk writes of it in the end goes again."""
    real = os.fsync
    written = threading.Event()

    def fsync(descriptor: int) -> None:
        if camera.calls:
            share.go()
            share.ask()
            written.set()
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    await next_slot()
    assert [event.data["code"] for event in events.named("capture_failed")] == [Code.STORAGE_UNREACHABLE]
    assert [row.code for row in await attempts(camera_entry)] == [Code.STORAGE_UNREACHABLE]
    assert trouble(hass) == [(ISSUE, Code.STORAGE_UNREACHABLE)]
    with pytest.raises(HomeAssistantError) as raised:
        await camera_entry.runtime_data.async_capture_now()
    assert raised.value.translation_key == "code_tl_fs_005"
    monkeypatch.setattr(os, "fsync", real)
    await back(share, camera_entry)
    assert written.is_set()
    await next_slot()
    assert trouble(hass) == []
    assert len(files(media_root)) == len(table(hass, "frames")) == len(events.named("image_captured")) > 0
    assert consistent(hass, media_root)


async def test_loading_anew_sends_no_more_threads_after_it(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot, share: Share
) -> None:
    await next_slot()
    share.go()
    await next_slot()
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    held = share.held
    assert 0 < held <= len(file_threads()) <= engine.STORE_THREADS
    for _ in range(3):
        await hass.config_entries.async_setup(camera_entry.entry_id)
        await hass.async_block_till_done()
        assert camera_entry.state is ConfigEntryState.SETUP_RETRY
        assert camera_entry.error_reason_translation_placeholders == {"code": Code.STORAGE_UNREACHABLE}
        assert trouble(hass) == [(ISSUE, Code.STORAGE_UNREACHABLE)]
        assert await hass.config_entries.async_unload(camera_entry.entry_id)
    assert share.held == held
    share.come_back()
    for thread in file_threads():
        await hass.async_add_executor_job(thread.join, 5)
    await set_up(hass, camera_entry)
    await next_slot()
    assert len(table(hass, "frames")) == 2
    assert trouble(hass) == []


async def test_a_storage_that_is_gone_from_the_start(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, share: Share
) -> None:
    """Set-up ends, and what opens too late lets go of the storage again."""
    entry = make_entry(hass)
    share.go()
    for _ in range(2):
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        assert entry.state is ConfigEntryState.SETUP_RETRY
        assert entry.error_reason_translation_placeholders == {"code": Code.STORAGE_UNREACHABLE}
        assert share.held == 1
        assert await hass.config_entries.async_unload(entry.entry_id)
    share.come_back()
    for thread in file_threads():
        await hass.async_add_executor_job(thread.join, 5)
    await set_up(hass, entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert not file_threads()


async def test_a_picture_that_is_asked_for(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot, share: Share
) -> None:
    """There is none, instead of a page that loads for ever."""
    await next_slot()
    loaded = camera_entry.runtime_data.engine
    frame = camera_entry.runtime_data.state.latest_frame
    assert await loaded.async_read_still(frame) is not None
    share.go()
    assert await loaded.async_read_still(frame) is None
    await back(share, camera_entry)
    assert await loaded.async_read_still(frame) is not None
