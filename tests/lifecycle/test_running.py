"""Loading, reloading, unloading and stopping, in the middle of anything: nothing is left over."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
import logging
import os
from pathlib import Path
import socket
import threading
import time
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_call_later, async_track_state_change_event
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.core.storage import Storage
from tests.burden import Burden, added, resident_kib, slope, sockets, weigh
from tests.conftest import ScriptedCamera, make_entry, set_up
from tests.ledger import BLACK, consistent, files, table
from tests.surface import state

type NextSlot = Callable[..., Awaitable[None]]

STOP_LIMIT_S = 5.0
"""What stopping may take of us (RELIABILITY P20)."""
SLOPE_LIMIT_KIB = 50.0
"""Memory that a reload may cost."""


async def unload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Unload an entry."""
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED


@pytest.fixture
def silent(socket_enabled: None) -> Iterator[str]:
    """Return the address of a stream whose server accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield f"rtsp://127.0.0.1:{server.getsockname()[1]}/live"


async def test_everything_that_could_be_left_is_counted(hass: HomeAssistant, empty: Burden) -> None:
    """The control arm of this module: one of each is left, and each is seen."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="forgotten-thread")
    reader, writer = os.pipe()
    task = asyncio.get_running_loop().create_task(asyncio.Event().wait(), name="forgotten task")
    unsubs = [
        hass.bus.async_listen("forgotten_event", lambda _event: None),
        async_track_state_change_event(hass, "camera.garden", lambda _event: None),
        async_dispatcher_connect(hass, "forgotten_signal", lambda: None),
        async_call_later(hass, 1000, lambda _now: None),
    ]
    thread.start()
    left = added(empty, await weigh(hass))
    end.set()
    thread.join()
    task.cancel()
    os.close(reader)
    os.close(writer)
    for unsub in unsubs:
        unsub()
    assert left["tasks"] == {"forgotten task": 1}
    assert left["threads"] == {"forgotten-thread": 1}
    assert left["files"] == {"pipe:[#]": 2}
    assert left["listeners"]["forgotten_event"] == 1
    assert left["signals"] == {"forgotten_signal": 1}
    assert [sum(left[kind].values()) for kind in ("timers", "trackers")] == [1, 1]
    assert added(empty, await weigh(hass)) == {}


async def test_unloading_leaves_nothing(
    hass: HomeAssistant, camera: ScriptedCamera, empty: Burden, media_root: Path, next_slot: NextSlot
) -> None:
    entry = await set_up(hass, make_entry(hass))
    await next_slot()
    assert added(empty, await weigh(hass)) != {}
    await unload(hass, entry)
    assert added(empty, await weigh(hass)) == {}
    calls = camera.calls
    await next_slot()
    assert camera.calls == calls
    assert consistent(hass, media_root)


async def test_reloads_add_nothing(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    empty: Burden,
    media_root: Path,
    next_slot: NextSlot,
    pytestconfig: pytest.Config,
) -> None:
    """With a good and a bad capture each time, so that every pool and connection is in use."""
    rounds = 100 if pytestconfig.getoption("--long") else 10
    entry = await set_up(hass, make_entry(hass))
    before = None
    for _ in range(1 + rounds):
        for answer in (camera.good, BLACK):
            camera.answer = answer
            await next_slot()
        assert await hass.config_entries.async_reload(entry.entry_id)
        assert entry.state is ConfigEntryState.LOADED
        before = before or await weigh(hass)
    assert added(before, await weigh(hass)) == {}
    assert state(hass, entry, "sensor", "images_captured").state == str(1 + rounds)
    assert len(files(media_root, "frames")) == 1 + rounds + 2
    assert consistent(hass, media_root)
    assert {row["state"] for row in table(hass, "runs")} == {0}
    await unload(hass, entry)
    assert added(empty, await weigh(hass)) == {}


@pytest.mark.parametrize("leak_kib", [0, 200], ids=["as it is", "control"])
async def test_reloads_take_no_memory(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    empty: Burden,
    next_slot: NextSlot,
    pytestconfig: pytest.Config,
    leak_kib: int,
) -> None:
    """Slowly growing memory shows in the slope over many reloads; a leak made on purpose shows too."""
    if not pytestconfig.getoption("--long"):
        pytest.skip("takes minutes; --long")
    entry = await set_up(hass, make_entry(hass))
    leaked: list[bytes] = []
    memory: list[float] = []
    logging.disable(logging.CRITICAL)
    try:
        for number in range(120):
            await next_slot()
            assert await hass.config_entries.async_reload(entry.entry_id)
            leaked.append(os.urandom(leak_kib << 10))
            if number >= 20:
                await hass.async_block_till_done()
                memory.append(resident_kib())
    finally:
        logging.disable(logging.NOTSET)
    found = slope(memory)
    assert (found < SLOPE_LIMIT_KIB) is (leak_kib == 0), f"{found:.1f} KiB a reload"
    await unload(hass, entry)


# In the middle of a capture


class Hang:
    """Ways in which a capture takes its time."""

    def __init__(self, hass: HomeAssistant, camera: ScriptedCamera, silent: str, patch: pytest.MonkeyPatch) -> None:
        self.hass, self.camera, self.silent, self.patch = hass, camera, silent, patch
        self.options: dict[str, Any] = {}
        self._under_way: Callable[[], bool]

    def snapshot(self) -> None:
        """Let the camera never answer."""
        self.camera.answer = lambda: asyncio.sleep(1000)
        calls = self.camera.calls
        self._under_way = lambda: self.camera.calls > calls

    def stream(self) -> None:
        """Let the server of its stream say nothing."""
        self.camera.source = self.silent
        self.options = {"strategy": "stream"}
        self._under_way = lambda: any(thread.name.startswith(f"{DOMAIN}-fetch") for thread in threading.enumerate())

    def commit(self) -> None:
        """Let the disk be slow; the file is there, and its row is not."""
        writing = threading.Event()
        real = Storage.write

        def slow(*args: Any) -> Any:
            path = real(*args)
            writing.set()
            time.sleep(1)
            return path

        self.patch.setattr(Storage, "write", slow)
        self._under_way = writing.is_set

    async def until_under_way(self) -> None:
        """Wait until the capture is where it hangs."""
        await until(self._under_way)


async def until(condition: Callable[[], bool]) -> None:
    """Wait on the real clock."""
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


@pytest.fixture
def hang(hass: HomeAssistant, camera: ScriptedCamera, silent: str, monkeypatch: pytest.MonkeyPatch) -> Hang:
    """Return the ways to hang."""
    return Hang(hass, camera, silent, monkeypatch)


KEPT = {"snapshot": 0, "stream": 0, "commit": 1}
"""Frames that a capture which is cut short leaves, whole: what has begun to be stored is stored."""


@pytest.mark.parametrize("where", KEPT)
async def test_reloading_in_the_middle_of_a_capture(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    hang: Hang,
    empty: Burden,
    media_root: Path,
    next_slot: NextSlot,
    where: str,
) -> None:
    before = len(files(media_root, "frames"))
    getattr(hang, where)()
    entry = await set_up(hass, make_entry(hass, **hang.options))
    capture = hass.async_create_task(entry.runtime_data.async_capture_now())
    await hang.until_under_way()
    started = time.monotonic()
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert time.monotonic() - started < STOP_LIMIT_S
    assert await hass.config_entries.async_setup(entry.entry_id)
    with pytest.raises(HomeAssistantError):
        await capture
    assert len(files(media_root, "frames")) == before + KEPT[where]
    assert consistent(hass, media_root)
    camera.answer, camera.source = camera.good, None
    if where == "stream":
        hass.config_entries.async_update_entry(entry, options={})
        await hass.async_block_till_done()
    await next_slot()
    assert len(files(media_root, "frames")) == before + KEPT[where] + 1
    assert state(hass, entry, "sensor", "images_captured").state == str(KEPT[where] + 1)
    assert state(hass, entry, "sensor", "state").state == "ready"
    await unload(hass, entry)
    assert consistent(hass, media_root)
    assert added(empty, await weigh(hass)) == {}


@pytest.mark.parametrize("where", KEPT)
async def test_stopping_home_assistant_in_the_middle_of_a_capture(
    hass: HomeAssistant,
    system_entry: MockConfigEntry,
    hang: Hang,
    media_root: Path,
    caplog: pytest.LogCaptureFixture,
    where: str,
) -> None:
    """Entries are not unloaded then; all the same no thread, timer or half-done frame remains."""
    getattr(hang, where)()
    entry = await set_up(hass, make_entry(hass, **hang.options))
    capture = hass.async_create_task(entry.runtime_data.async_capture_now())
    await hang.until_under_way()
    started = time.monotonic()
    await hass.async_stop(force=True)
    assert time.monotonic() - started < STOP_LIMIT_S
    with ExitStack() if capture.done() and not capture.exception() else pytest.raises(HomeAssistantError):
        await capture
    assert not [thread for thread in threading.enumerate() if DOMAIN in thread.name]
    assert len(files(media_root)) == KEPT[where]
    assert consistent(hass, media_root)
    assert "still running" not in caplog.text


async def test_a_stream_that_hangs_holds_nothing_up_for_ever(
    hass: HomeAssistant, system_entry: MockConfigEntry, hang: Hang, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that does not come back in time is left to itself; it is back later."""
    monkeypatch.setattr("custom_components.timelapser.coordinator.STOP_WAIT_S", 0.2)
    monkeypatch.setattr("custom_components.timelapser.engine.FETCH_WAIT_S", 0.2)
    hang.stream()
    entry = await set_up(hass, make_entry(hass, **hang.options))
    capture = hass.async_create_task(entry.runtime_data.async_capture_now())
    await hang.until_under_way()
    started = time.monotonic()
    await unload(hass, entry)
    assert time.monotonic() - started < 2
    (thread,) = (thread for thread in threading.enumerate() if DOMAIN in thread.name)
    await hass.async_add_executor_job(thread.join, 10)
    assert not thread.is_alive()
    with pytest.raises(HomeAssistantError):
        await capture


async def test_a_read_is_back_before_its_camera_is_loaded_anew(hass: HomeAssistant, hang: Hang, empty: Burden) -> None:
    """Also while the engine lives on for another camera: there are never two sessions with one."""
    other = await set_up(hass, make_entry(hass, entity_id="camera.shed", title="Shed"))
    before = sockets()
    hang.stream()
    entry = await set_up(hass, make_entry(hass, **hang.options))
    capture = hass.async_create_task(entry.runtime_data.async_capture_now())
    await hang.until_under_way()
    await until(lambda: sockets() == before + 1)
    await unload(hass, entry)
    assert sockets() == before
    with pytest.raises(HomeAssistantError):
        await capture
    await unload(hass, other)
    assert added(empty, await weigh(hass)) == {}
