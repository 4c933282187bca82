"""A fifth of the packets are lost: nearly all captures succeed within seconds. Needs root, ``ip`` and ``nft``.

The server is in a network namespace of its own behind a pair of virtual devices, whose packets are of the size of
Ethernet's; the firewall loses those that arrive.
"""

from collections.abc import Awaitable, Callable, Iterator
import os
from pathlib import Path
import shutil
import subprocess
import sys
import time

from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, setup_test_component_platform
import pytest_socket

from custom_components.timelapser import fetch
from custom_components.timelapser.core.errors import Code
from tests.conftest import ScriptedCamera, make_entry, set_up
from tests.core import pictures
from tests.ledger import attempts

type NextSlot = Callable[..., Awaitable[None]]

LOST_PERCENT = 20
WITHIN_S = 10.0
"""Seconds in which a capture has to succeed (RELIABILITY P17)."""
SHARE = 0.95
START_S = 20.0
CAMERAS, SLOTS = 10, 4
PICTURE_BYTES = 200_000
NAME = f"tl{os.getpid() % 1_000_000}"
HERE, THERE, PORT = "10.231.77.1", "10.231.77.2", 8000

pytestmark = [
    pytest.mark.skipif(
        os.geteuid() != 0 or not (shutil.which("nft") and shutil.which("ip")), reason="needs root, nft and ip"
    ),
    pytest.mark.usefixtures("socket_enabled"),
]


def run(command: str, *, check: bool = True) -> str:
    """Run a program, return what it says."""
    done = subprocess.run(command.split(), check=check, capture_output=True, text=True, timeout=20)
    return done.stdout


class Link:
    """The way to the server, on which packets can be lost."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: subprocess.Popen[bytes] | None = None

    def lay(self) -> None:
        """Make the devices, the firewall and the server; skip where the kernel does not let us."""
        try:
            for command in (
                f"ip netns add {NAME}",
                f"ip link add {NAME}a type veth peer name {NAME}b netns {NAME}",
                f"ip addr add {HERE}/30 dev {NAME}a",
                f"ip link set {NAME}a up",
                f"ip -n {NAME} addr add {THERE}/30 dev {NAME}b",
                f"ip -n {NAME} link set {NAME}b gso_max_segs 1 up",
                f"nft add table inet {NAME}",
                f"nft add chain inet {NAME} in {{ type filter hook input priority 0 ; }}",
            ):
                run(command)
            self.lose(0)
        except subprocess.CalledProcessError as err:
            pytest.skip(f"no network of our own: {err.stderr}")
        server = ("-m", "http.server", str(PORT), "--bind", THERE, "--directory", str(self._folder))
        self._server = subprocess.Popen(
            ["ip", "netns", "exec", NAME, sys.executable, *server],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait(self) -> None:
        """Wait until the server listens."""
        end = time.monotonic() + START_S
        while f":{PORT:04X} " not in run(f"ip netns exec {NAME} cat /proc/net/tcp"):
            assert time.monotonic() < end
            time.sleep(0.05)

    def lose(self, percent: int) -> None:
        """Lose so many of a hundred packets from now on; the counters begin anew."""
        run(f"nft flush chain inet {NAME} in")
        some = f"numgen random mod 100 < {percent}" if percent < 100 else ""
        run(f"nft add rule inet {NAME} in iifname {NAME}a counter {some} counter drop")

    def lost(self) -> float:
        """Return the share of the packets that were lost."""
        words = run(f"nft list chain inet {NAME} in").split()
        came, dropped = (int(words[place + 1]) for place, word in enumerate(words) if word == "packets")
        return dropped / came

    def remove(self) -> None:
        """Leave nothing of it."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
        run(f"nft delete table inet {NAME}", check=False)
        run(f"ip link del {NAME}a", check=False)
        run(f"ip netns del {NAME}", check=False)


class Distant(ScriptedCamera):
    """A camera at the other end of the link."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._attr_name = f"Distant{number}"
        self._attr_unique_id = f"distant{number}"

    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        """Ask for the next picture."""
        self.number += 1
        address = f"http://{THERE}:{PORT}/{self.number % 3}.jpg"
        async with async_get_clientsession(self.hass).get(address, timeout=None) as response:
            response.raise_for_status()
            return await response.read()


@pytest.fixture
def link(tmp_path: Path) -> Iterator[Link]:
    """Return the way to a server of pictures, which loses nothing yet."""
    folder = tmp_path / "served"
    folder.mkdir()
    for number in range(3):
        picture = pictures.jpeg(pictures.noisy(pictures.scene("day", 640, 360), 1.5, number))
        # A note after the picture's head, as long as it takes.
        note = b"".join(
            b"\xff\xfe\xea\x60" + bytes(60_000 - 2) for _ in range(1 + (PICTURE_BYTES - len(picture)) // 60_000)
        )
        (folder / f"{number}.jpg").write_bytes(picture[:2] + note + picture[2:])
    link = Link(folder)
    pytest_socket.socket_allow_hosts(["127.0.0.1", THERE])
    try:
        link.lay()
        link.wait()
        yield link
    finally:
        link.remove()


async def test_a_fifth_of_the_packets_is_lost(
    hass: HomeAssistant,
    system_entry: MockConfigEntry,
    next_slot: NextSlot,
    link: Link,
    record_property: Callable[[str, object], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Then all of them, as the control arm: each capture ends by its limit."""
    setup_test_component_platform(hass, "camera", [Distant(number) for number in range(CAMERAS)])
    assert await async_setup_component(hass, "camera", {"camera": {"platform": "test"}})
    await hass.async_block_till_done()
    entries = [
        await set_up(hass, make_entry(hass, entity_id=f"camera.distant{number}", title=f"Distant{number}"))
        for number in range(CAMERAS)
    ]
    link.lose(LOST_PERCENT)
    for _ in range(SLOTS):
        await next_slot()
    rows = [row for entry in entries for row in await attempts(entry)]
    seconds = sorted(row.duration_ms / 1000 for row in rows)
    good = [row for row in rows if row.outcome == "captured" and row.duration_ms <= WITHIN_S * 1000]
    lost = link.lost()
    record_property("seconds of the captures", seconds)
    record_property("lost packets", lost)
    assert len(rows) == CAMERAS * SLOTS
    assert len(good) >= SHARE * len(rows), seconds
    assert 0.1 < lost < 0.3

    monkeypatch.setattr(fetch, "SNAPSHOT_TIMEOUT_S", 1)
    link.lose(100)
    await next_slot()
    assert {(await attempts(entry))[-1].code for entry in entries} == {Code.CAMERA_TIMEOUT}
    assert link.lost() == 1
    link.lose(0)
    await next_slot()
    assert {(await attempts(entry))[-1].outcome for entry in entries} == {"captured"}
    for entry in entries:
        assert await hass.config_entries.async_unload(entry.entry_id)
