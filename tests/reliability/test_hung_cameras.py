"""32 cameras of which half hang: the others lose no slot and none is late, by either strategy.

A simulated minute is made of steps in which every time limit of an attempt runs out; nothing waits for a hung camera.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
import socket
import threading
import time
from typing import Any

import av
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.camera import Camera
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    setup_test_component_platform,
)

from custom_components.timelapser import engine, fetch
from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.core.models import Outcome
from tests.conftest import Events, ScriptedCamera, make_entry, set_up
from tests.core import pictures
from tests.ledger import attempts, table

HALF = 16
HOUR = 60
"""Minutes of the whole form; the short one ends when the circuit breakers have opened and probes were made."""
SHORT = 7
EXECUTOR_THREADS = 64
"""Home Assistant's own pool (``runner.py``), which tests have as well."""
STEPS_S = (11.5, 11.5, 11.5, 11.5, 14.0)
"""How a minute passes: a call may take 11 s, and an attempt of a minute 54."""
PATIENCE_S = 30.0
"""Real seconds after which a capture does not come: it waits for what does not come back."""
IMPATIENCE_S = 1.5
"""The same where none is to come."""
SIZE = (320, 180)


def still(number: int) -> bytes:
    """Return a small picture of a living scene."""
    return pictures.jpeg(pictures.noisy(pictures.scene("day", *SIZE), 1.5, number))


STILLS = [still(number) for number in range(7)]


class Member(ScriptedCamera):
    """One of many cameras; it is asked on the event loop."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._attr_name = name
        self._attr_unique_id = name.lower()
        self.streams: list[str] = []

    async def stream_source(self) -> str | None:
        """Return the address of a stream, of another one each time."""
        self.number += 1
        return self.streams[self.number % len(self.streams)] if self.streams else None

    def good(self) -> bytes:
        """Return a picture that differs from the last one."""
        self.number += 1
        return STILLS[self.number % len(STILLS)]


class Blocking(Camera):
    """One of many cameras; it is asked in Home Assistant's pool, and may keep the thread."""

    _attr_has_entity_name = False

    def __init__(self, name: str, hang: Callable[[], None] | None = None) -> None:
        super().__init__()
        self._attr_name = name
        self._attr_unique_id = name.lower()
        self.number = 0
        self._hang = hang

    def camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        """Answer, or not."""
        if self._hang is not None:
            self._hang()
        self.number += 1
        return STILLS[self.number % len(STILLS)]


class Hang:
    """What the hung cameras wait for; those that hang for half a minute come back in the middle of each."""

    def __init__(self) -> None:
        self._over, self._half_minute = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self.held = 0

    def for_ever(self) -> None:
        """Keep the thread."""
        self._wait(self._over)

    def half_a_minute(self) -> None:
        """Keep the thread for 30 s of simulated time."""
        self._wait(self._half_minute)

    def _wait(self, end: threading.Event) -> None:
        with self._lock:
            self.held += 1
        end.wait()
        with self._lock:
            self.held -= 1

    def pass_half_a_minute(self) -> None:
        """Let go of those that hang for half a minute."""
        passed = self._half_minute
        if not self._over.is_set():
            self._half_minute = threading.Event()
        passed.set()

    def end(self) -> None:
        """Let go of all, also of those that are still to come."""
        self._over.set()
        self.pass_half_a_minute()


async def stubborn(over: asyncio.Event) -> None:
    """Not be cancelled, however often one tries."""
    while not over.is_set():
        with suppress(asyncio.CancelledError):
            await over.wait()


@pytest.fixture
def hang() -> Iterator[Hang]:
    """Return what the hung cameras wait for, and end it."""
    hang = Hang()
    yield hang
    hang.end()


@pytest.fixture
def silent(socket_enabled: None) -> Iterator[str]:
    """Return the address of a stream whose server accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"rtsp://127.0.0.1:{server.getsockname()[1]}/live"


@pytest.fixture
def films(tmp_path: Path) -> list[str]:
    """Return the addresses of streams of one key frame each, of a living scene."""
    return [str(_film(tmp_path / f"{number}.ts", number)) for number in range(7)]


def _film(path: Path, number: int) -> Path:
    picture = pictures.noisy(pictures.scene("day", *SIZE), 1.5, number)
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "veryfast", "bf": "0", "qp": "20"}
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


class House:
    """Home Assistant with 32 guarded cameras, the first half of which hangs, and a clock that is moved by hand."""

    def __init__(self, hass: HomeAssistant, freezer: FrozenDateTimeFactory, events: Events, hang: Hang) -> None:
        self.hass, self.freezer, self.events, self.hang = hass, freezer, events, hang
        self.hung: list[MockConfigEntry] = []
        self.well: list[MockConfigEntry] = []
        self.over = asyncio.Event()
        self.most: Counter[str] = Counter()
        self.waits: list[float] = []

    async def fill(self, hung: list[Camera], well: list[Camera], **options: Any) -> None:
        """Set up the cameras and guard them."""
        setup_test_component_platform(self.hass, "camera", [*hung, *well])
        assert await async_setup_component(self.hass, "camera", {"camera": {"platform": "test"}})
        await self.hass.async_block_till_done()
        for members, entries in ((hung, self.hung), (well, self.well)):
            for member in members:
                name = str(member._attr_name)
                entry = make_entry(self.hass, entity_id=f"camera.{name.lower()}", title=name, **options)
                entries.append(await set_up(self.hass, entry))
        self.freezer.tick(timedelta(seconds=29))

    def captured(self) -> int:
        """Return how many stills the healthy cameras have given."""
        ids = {entry.entry_id for entry in self.well}
        return sum(event.data["entry_id"] in ids for event in self.events.named("image_captured"))

    async def minute(self, patience_s: float = PATIENCE_S) -> int:
        """Let a minute pass from one slot to the next; return how many captures came while the hung ones hung."""
        before, started = self.captured(), time.perf_counter()
        self.step(1)
        with suppress(TimeoutError):
            await self.until(lambda: self.captured() >= before + HALF, patience_s)
        self.waits.append(time.perf_counter() - started)
        came = self.captured() - before
        for number, seconds in enumerate(STEPS_S):
            self.step(seconds - (number == 0))
            if number == 2:
                self.hang.pass_half_a_minute()
            await self.quiet()
        return came

    def step(self, seconds: float) -> None:
        """Move the clock and do what is due."""
        self.freezer.tick(timedelta(seconds=seconds))
        async_fire_time_changed(self.hass)

    async def until(self, condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Wait on the real clock, and raise TimeoutError."""
        end = time.perf_counter() + patience_s
        while not condition():
            self.count_threads()
            if time.perf_counter() > end:
                raise TimeoutError
            await asyncio.sleep(0.005)

    async def quiet(self) -> None:
        """Wait until nothing happens but hanging."""
        seen = -1
        while seen != (seen := len(self.events)):
            self.count_threads()
            await asyncio.sleep(0.02)

    def count_threads(self) -> None:
        """Note the most threads that there ever were, by pool."""
        counts = Counter(thread.name.rpartition("_")[0] for thread in threading.enumerate())
        self.most |= counts

    async def leave(self) -> None:
        """Let go of everything and unload."""
        self.hang.end()
        self.over.set()
        await self.until(lambda: not self.hang.held)
        await asyncio.gather(
            *(self.hass.config_entries.async_unload(entry.entry_id) for entry in self.hung + self.well)
        )
        await self.hass.async_block_till_done(wait_background_tasks=True)


@pytest.fixture
async def house(
    hass: HomeAssistant,
    system_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    events: Events,
    hang: Hang,
) -> AsyncIterator[House]:
    """Return a house without cameras."""
    house = House(hass, freezer, events, hang)
    yield house
    await house.leave()


async def fill_for_snapshots(house: House) -> None:
    """Ask for stills: half of the hung and half of the healthy cameras are asked in Home Assistant's pool."""
    hung: list[Camera] = [
        *(Blocking(f"Stuck{number}", house.hang.for_ever) for number in range(6)),
        *(Blocking(f"Slow{number}", house.hang.half_a_minute) for number in range(4)),
        *(Member(f"Mute{number}") for number in range(3)),
        *(Member(f"Stubborn{number}") for number in range(3)),
    ]
    for camera in hung:
        if isinstance(camera, Member):
            mute = str(camera._attr_name).startswith("Mute")
            camera.answer = (lambda: asyncio.Event().wait()) if mute else (lambda: stubborn(house.over))
    well: list[Camera] = [Blocking(f"Well{number}") for number in range(HALF // 2)]
    well += [Member(f"Fine{number}") for number in range(HALF // 2)]
    await house.fill(hung, well, strategy="snapshot")


async def fill_for_streams(house: House, silent: str, films: list[str]) -> None:
    """Open streams, and nothing else."""
    hung, well = ([Member(f"{name}{number}") for number in range(HALF)] for name in ("Hung", "Well"))
    for members, streams in ((hung, [silent]), (well, films)):
        for member in members:
            member.streams = streams
    await house.fill([*hung], [*well], strategy="stream")


@pytest.mark.parametrize("strategy", ["snapshot", "stream"])
async def test_half_of_the_cameras_hang(
    house: House,
    silent: str,
    films: list[str],
    strategy: str,
    record_property: Callable[[str, object], None],
    pytestconfig: pytest.Config,
) -> None:
    minutes = HOUR if pytestconfig.getoption("--long") else SHORT
    if strategy == "snapshot":
        await fill_for_snapshots(house)
    else:
        await fill_for_streams(house, silent, films)
    assert [await house.minute() for _ in range(minutes)] == [HALF] * minutes
    record_property("real seconds until all healthy cameras have captured", sorted(house.waits))

    late: list[float] = []
    for entry in house.well:
        rows = await attempts(entry)
        assert [row.outcome for row in rows] == [Outcome.CAPTURED] * minutes
        late += [(row.started_at - row.slot_at).total_seconds() for row in rows]
    assert max(late) < 1
    skipped = {row["id"]: row["missed"] for row in table(house.hass, "cameras")}
    for entry in house.hung:
        tried = {row.slot_at for row in await attempts(entry) if not row.slot_at.timestamp() % 60}
        dropped = skipped[entry.entry_id] + entry.runtime_data.planner.missed
        # The last one is still under way.
        assert minutes - 1 <= len(tried) + dropped <= minutes
        assert dropped > 0
    assert house.most[f"{DOMAIN}-fetch"] <= engine.FETCH_THREADS
    assert house.most[f"{DOMAIN}-compute"] <= engine.COMPUTE_THREADS
    # Of those that are asked in the pool of Home Assistant, each keeps at most its own thread.
    assert strategy == "stream" or house.most["SyncWorker"] < EXECUTOR_THREADS


async def test_a_camera_that_is_asked_while_its_thread_hangs_takes_them_all(
    house: House, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control arm: without a held slot the pool of Home Assistant is used up, and so are the healthy cameras."""
    monkeypatch.setattr(fetch, "_blocks", lambda camera: False)
    await fill_for_snapshots(house)
    came = HALF
    for _ in range(SHORT):
        if (came := await house.minute(IMPATIENCE_S)) < HALF:
            break
    assert HALF // 2 <= came < HALF
    assert house.most["SyncWorker"] == EXECUTOR_THREADS
    house.hang.end()
    await house.quiet()
    assert await house.minute() == HALF


async def test_a_pool_that_is_smaller_than_the_hung_cameras_starves_the_others(
    house: House, silent: str, films: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other control arm: 16 hung reads in a pool of 8."""
    monkeypatch.setattr(engine, "FETCH_THREADS", HALF // 2)
    await fill_for_streams(house, silent, films)
    assert await house.minute(IMPATIENCE_S) < HALF
    assert house.most[f"{DOMAIN}-fetch"] == HALF // 2
