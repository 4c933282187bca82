"""Servers that are half dead, in every way at once: each attempt ends by its time limit with one code, and lets go.

The servers are real ones and the waits are, too; only the limits are shorter than in use.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import repeat
import socket
import struct
import time

from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    setup_test_component_platform,
)

from custom_components.timelapser import fetch, planner
from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.core import keyframe
from custom_components.timelapser.core.errors import Code
from tests.burden import Burden, added, weigh
from tests.conftest import Events, ScriptedCamera, good_picture, make_entry, set_up
from tests.ledger import attempts

type NextSlot = Callable[..., Awaitable[None]]
type Serve = Callable[["Line"], Awaitable[None]]

LIMITS_S = {
    (fetch, "SNAPSHOT_TIMEOUT_S"): 1.0,
    (keyframe, "OPEN_TIMEOUT_S"): 1.5,
    (keyframe, "SILENCE_TIMEOUT_S"): 1.0,
    (planner, "MIN_BUDGET_S"): 3.0,
    (planner, "MAX_BUDGET_S"): 3.0,
}
PATIENCE_S = 30.0
"""Real seconds after which an attempt does not end."""
BASE_LINE_S = 35.0
"""Seconds within which threads and sockets are what they were (RELIABILITY P17)."""
BAD_SLOTS = 2
HELD = ("tasks", "threads", "files")
"""What an attempt holds that has not ended."""
FETCH_THREAD = f"{DOMAIN}-fetch_#"
SDP = (
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=live\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    b"a=rtpmap:96 H264/90000\r\na=control:track1\r\n"
)


class Line:
    """One connection of a server, and the answer that a healthy one would give."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, picture: bytes) -> None:
        self.reader, self.writer, self.picture = reader, writer, picture

    async def ask(self) -> bytes:
        """Return the next request."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def send(self, *pieces: bytes) -> None:
        """Send, and wait until the network has taken it."""
        self.writer.write(b"".join(pieces))
        await self.writer.drain()

    async def ignore(self) -> None:
        """Say nothing until the other side has closed the connection."""
        while await self.reader.read(65536):
            pass

    def head(self, length: int | None) -> bytes:
        """Return how an answer begins that says how long it is, or does not."""
        size = "" if length is None else f"Content-Length: {length}\r\n"
        return f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nConnection: close\r\n{size}\r\n".encode()

    @property
    def half(self) -> bytes:
        """Return the first half of the picture."""
        return self.picture[: len(self.picture) // 2]

    def reset(self) -> None:
        """Close at once, without a farewell."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


async def healthy(line: Line) -> None:
    """Answer."""
    await line.ask()
    await line.send(line.head(len(line.picture)), line.picture)


async def blackhole(line: Line) -> None:
    """Accept, and say nothing."""
    await line.ask()
    await line.ignore()


async def stall(line: Line) -> None:
    """Say nothing more in the middle."""
    await line.ask()
    await line.send(line.head(len(line.picture)), line.half)
    await line.ignore()


async def reset(line: Line) -> None:
    """Break the connection in the middle."""
    await line.ask()
    await line.send(line.head(len(line.picture)), line.half)
    line.reset()


async def trickle(line: Line) -> None:
    """Send a byte a second."""
    await line.ask()
    await line.send(line.head(len(line.picture)))
    for place in range(len(line.picture)):
        await line.send(line.picture[place : place + 1])
        await asyncio.sleep(1)


async def endless(line: Line) -> None:
    """Send a picture that has no end, a few megabytes in a second."""
    await line.ask()
    await line.send(line.head(None), line.half)
    for noise in repeat(bytes(range(1, 255)) * 100):
        await line.send(noise)
        await asyncio.sleep(0.005)


async def too_long(line: Line) -> None:
    """Promise the whole picture, and end in its middle."""
    await line.ask()
    await line.send(line.head(len(line.picture)), line.half)


async def too_short(line: Line) -> None:
    """Promise half of the picture, and send all of it."""
    await line.ask()
    await line.send(line.head(len(line.half)), line.picture)


async def refuse(_line: Line) -> None:
    """Stand for a port that nobody listens on."""


async def rtsp_dies(line: Line) -> None:
    """Describe the stream, and die."""
    await _describe(line)
    await line.ask()
    line.reset()


async def rtsp_stall(line: Line) -> None:
    """Describe the stream, and never begin it."""
    await _describe(line)
    await line.ignore()


async def rtsp_mute(line: Line) -> None:
    """Begin the stream, and never send a picture."""
    await _describe(line)
    await _agree(line, b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n")
    await _agree(line, b"Session: 1\r\n")
    await line.ignore()


async def rtsp_trickle(line: Line) -> None:
    """Begin the stream, and send a byte of it a second."""
    await _describe(line)
    await _agree(line, b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n")
    await _agree(line, b"Session: 1\r\n")
    while True:
        await line.send(b"$")
        await asyncio.sleep(1)


async def _describe(line: Line) -> None:
    await _agree(line, b"Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n")
    await _agree(line, b"Content-Type: application/sdp\r\nContent-Length: %d\r\n" % len(SDP), SDP)


async def _agree(line: Line, head: bytes, body: bytes = b"") -> None:
    request = await line.ask()
    number = request.partition(b"CSeq: ")[2].partition(b"\r\n")[0]
    await line.send(b"RTSP/1.0 200 OK\r\nCSeq: " + number + b"\r\n" + head + b"\r\n" + body)


TIMEOUT, RAISED, TRUNCATED = Code.CAMERA_TIMEOUT, Code.CAMERA_RAISED, Code.TRUNCATED
STILLS: dict[Serve, set[Code]] = {
    refuse: {RAISED},
    blackhole: {TIMEOUT},
    stall: {TIMEOUT},
    reset: {RAISED},
    trickle: {TIMEOUT},
    endless: {TIMEOUT},
    too_long: {RAISED},
    # What comes after its end breaks the connection, unless the still was taken before.
    too_short: {TRUNCATED, RAISED},
}
"""What is made of it when it is asked for a still."""
STREAMS: dict[Serve, set[Code]] = STILLS | {
    too_short: {TRUNCATED},
}
"""What is made of it when it is opened as a stream."""
BY_RTSP: dict[Serve, set[Code]] = {
    blackhole: {TIMEOUT},
    rtsp_dies: {RAISED},
    rtsp_stall: {TIMEOUT},
    rtsp_mute: {TIMEOUT},
    rtsp_trickle: {TIMEOUT},
}


class Server:
    """A camera's server, which can be half dead; it knows how many connections it has."""

    def __init__(self, bad: Serve, scheme: str) -> None:
        self.bad, self.serve = bad, healthy
        self.scheme = scheme
        self.answered = self.port = 0
        self._lines: set[Line] = set()
        self._server: asyncio.Server | None = None

    @property
    def open(self) -> int:
        """Return how many connections there are."""
        return len(self._lines)

    @property
    def address(self) -> str:
        """Return where the camera is; RTSP is only for what it cannot do."""
        return f"{'http' if self.serve is healthy else self.scheme}://127.0.0.1:{self.port}/live.jpg"

    async def become(self, serve: Serve) -> None:
        """Serve in this way from now on."""
        self.serve = serve
        self.close()
        if serve is not refuse:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def let_go(self) -> None:
        """Break all connections."""
        for line in self._lines:
            line.reset()

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side has had enough."""
        self.answered += 1
        line = Line(reader, writer, good_picture(self.answered % 20))
        self._lines.add(line)
        serving = asyncio.ensure_future(self.serve(line))
        leaving = asyncio.ensure_future(_left(line))
        await asyncio.wait((serving, leaving), return_when=asyncio.FIRST_COMPLETED)
        for task in (serving, leaving):
            task.cancel()
        await asyncio.gather(serving, leaving, return_exceptions=True)
        writer.close()
        self._lines.remove(line)


async def _left(line: Line) -> None:
    """Wait until the other side has closed the connection; the reader is whoever serves'."""
    while not (line.reader.at_eof() or line.writer.is_closing()):  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.02)


class Networked(ScriptedCamera):
    """A camera on the network; the integration has no time limit of its own."""

    def __init__(self, name: str, server: Server) -> None:
        super().__init__()
        self._attr_name = name
        self._attr_unique_id = name.lower()
        self.server = server

    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        """Ask by Home Assistant's own session, as most integrations do."""
        async with async_get_clientsession(self.hass).get(self.server.address, timeout=None) as response:
            response.raise_for_status()
            return await response.read()

    async def stream_source(self) -> str | None:
        """Return the same address."""
        return self.server.address


class Street:
    """Guarded cameras, each with a server that will be half dead in its own way."""

    def __init__(self, hass: HomeAssistant, events: Events, next_slot: NextSlot) -> None:
        self.hass, self.events, self.next_slot = hass, events, next_slot
        self.servers: dict[str, Server] = {}
        self.entries: dict[str, MockConfigEntry] = {}
        self.before: Burden = {}

    async def fill(self, servers: dict[str, Server], **options: str | int) -> None:
        """Set up the cameras, and weigh what there is once each of them was captured."""
        self.servers = servers
        for server in servers.values():
            await server.become(healthy)
        cameras = [Networked(name, server) for name, server in servers.items()]
        setup_test_component_platform(self.hass, "camera", cameras)
        assert await async_setup_component(self.hass, "camera", {"camera": {"platform": "test"}})
        await self.hass.async_block_till_done()
        for name in servers:
            entry = make_entry(self.hass, entity_id=f"camera.{name.lower()}", title=name, **options)
            self.entries[name] = await set_up(self.hass, entry)
        for _ in range(2):
            await self.slot()
        assert {outcome for outcome, _code in (await self.ends()).values()} == {"captured"}
        self.before = await weigh(self.hass)

    async def become_bad(self) -> None:
        """Let each server be half dead."""
        for server in self.servers.values():
            await server.become(server.bad)

    async def become_healthy(self) -> None:
        """Let each server answer."""
        for server in self.servers.values():
            await server.become(healthy)

    async def slot(self) -> None:
        """Let the next slot of all cameras come and see its attempts end."""
        before = len(self.events)
        slot = asyncio.ensure_future(self.next_slot())
        # The clock of the event loop jumps with the wall clock, and only then.
        await asyncio.sleep(0)
        await asyncio.wait_for(slot, PATIENCE_S)
        ids = [event.data["entry_id"] for event in self.events[before:] if "correlation_id" in event.data]
        assert {*ids} >= {entry.entry_id for entry in self.entries.values()}

    async def ends(self) -> dict[str, tuple[str, str | None]]:
        """Return how the last attempt of each camera ended; there is one for each slot, be it good or bad."""
        rows = {name: await attempts(entry) for name, entry in self.entries.items()}
        assert len({len(found) for found in rows.values()}) == 1
        assert all((row.outcome == "captured") is (row.code is None) for found in rows.values() for row in found)
        return {name: (found[-1].outcome, found[-1].code) for name, found in rows.items()}

    async def left(self) -> dict[str, dict[str, int]]:
        """Return what there is more of than before the servers were half dead, once it is nothing or time is up."""
        end = time.perf_counter() + BASE_LINE_S
        while True:
            more = added(self.before, await weigh(self.hass))
            held = {kind: more[kind] for kind in HELD if kind in more}
            if held.get("threads", {}).keys() == {FETCH_THREAD} and self.pool_is_idle():
                del held["threads"]
            if not held or time.perf_counter() > end:
                return held
            await asyncio.sleep(0.2)

    def pool_is_idle(self) -> bool:
        """Return whether all threads of the fetch pool, which stay, wait for work."""
        pool = next(iter(self.entries.values())).runtime_data.engine.fetch
        return bool(pool._idle_semaphore._value >= len(pool._threads))

    async def leave(self) -> None:
        """Unload, and close the servers."""
        for entry in self.entries.values():
            await self.hass.config_entries.async_unload(entry.entry_id)
        for server in self.servers.values():
            server.close()
            server.let_go()
        while any(server.open for server in self.servers.values()):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.02)


@pytest.fixture
async def street(
    hass: HomeAssistant,
    system_entry: MockConfigEntry,
    events: Events,
    next_slot: NextSlot,
    socket_enabled: None,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Street]:
    """Return a street without cameras; time limits are short."""
    for (module, name), seconds in LIMITS_S.items():
        monkeypatch.setattr(module, name, seconds)
    street = Street(hass, events, next_slot)
    yield street
    await street.leave()


async def see_bad_slots(street: Street, expected: dict[str, set[Code]]) -> None:
    """Let the servers be half dead for a few slots, then healthy: each slot ends, and nothing is left of it."""
    await street.become_bad()
    for _ in range(BAD_SLOTS):
        await street.slot()
        ends = await street.ends()
        assert {name: code for name, (_outcome, code) in ends.items() if code not in expected[name]} == {}
    assert await street.left() == {}
    assert {name: server.open for name, server in street.servers.items() if server.open} == {}
    await street.become_healthy()
    await street.slot()
    assert {outcome for outcome, _code in (await street.ends()).values()} == {"captured"}
    assert await street.left() == {}


def servers(scheme: str, *ways: Serve) -> dict[str, Server]:
    """Return a server for each way to be half dead."""
    return {f"{scheme}_{serve.__name__}": Server(serve, scheme) for serve in ways}


def codes(scheme: str, expected: dict[Serve, set[Code]]) -> dict[str, set[Code]]:
    """Return what is expected, by the name of the camera."""
    return {f"{scheme}_{serve.__name__}": found for serve, found in expected.items()}


async def test_stills(street: Street) -> None:
    await street.fill(servers("http", *STILLS), strategy="snapshot", retries=0)
    await see_bad_slots(street, codes("http", STILLS))


async def test_streams(street: Street) -> None:
    await street.fill(servers("http", *STREAMS) | servers("rtsp", *BY_RTSP), strategy="stream", retries=0)
    await see_bad_slots(street, codes("http", STREAMS) | codes("rtsp", BY_RTSP))


async def test_both_in_turn(street: Street) -> None:
    """With retries, which take the other way, the attempt as a whole has a limit as well."""
    await street.fill(servers("http", *STILLS))
    await see_bad_slots(
        street, {name: found | codes("http", STREAMS)[name] for name, found in codes("http", STILLS).items()}
    )


async def test_without_limits_it_would_not_end(
    street: Street, events: Events, hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control arm: the servers keep for ever what asks them, and what they keep is seen."""
    forever = servers("http", blackhole, trickle)
    await street.fill(forever, strategy="snapshot", retries=0)
    monkeypatch.setattr(fetch, "SNAPSHOT_TIMEOUT_S", 3600.0)
    await street.become_bad()
    slot = asyncio.ensure_future(street.slot())
    for _ in range(3):
        await asyncio.sleep(0)
    await asyncio.sleep(2 * (LIMITS_S[fetch, "SNAPSHOT_TIMEOUT_S"] + 1))
    assert not slot.done()
    assert [server.open for server in forever.values()] == [1, 1]
    assert events.named("capture_failed") == []
    # The session asks once more where a connection breaks.
    while not slot.done():
        for server in forever.values():
            server.let_go()
        await asyncio.sleep(0.1)
    await slot
