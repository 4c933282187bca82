"""Shared fixtures: a scripted camera, a catalogue and storage in a temporary folder, and entries on top of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
import logging
from pathlib import Path
import sys
import time
from typing import Any

import freezegun
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.camera import Camera
from homeassistant.config_entries import ConfigEntryState, ConfigSubentryData
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util.async_ import get_scheduled_timer_handles
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    setup_test_component_platform,
)

import custom_components  # noqa: F401 - before Home Assistant does, else the harness' own folder wins
from custom_components.timelapser.const import (
    CONF_CAMERA,
    CONF_INTERVAL,
    CONF_MEDIA_ROOT,
    CONF_WINDOW,
    DOMAIN,
    SUBENTRY_TIMELAPSE,
    SYSTEM_UNIQUE_ID,
)

from .canary import canary, pytest_pyfunc_call  # noqa: F401 - a fixture and a hook of every test
from .core import pictures

type SetUp = Callable[..., Awaitable[MockConfigEntry]]

collect_ignore = ["e2e"]
"""These have a Home Assistant of their own; ``scripts/test`` runs them."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switches of the suite."""
    parser.addoption("--without-opencv", action="store_true", help="run as on a machine where OpenCV cannot be had")
    parser.addoption("--long", action="store_true", help="run the long forms of loops")


def pytest_configure(config: pytest.Config) -> None:
    """Let the monotonic clocks live while the wall clock is frozen, for every module and at any depth of the stack."""
    # The text of every statement of every test takes longer than the statements; none looks at it.
    logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)
    # The event loop's debug mode notes where each callback was made: by one line instead of ten, which takes a tenth.
    asyncio.constants.DEBUG_STACK_DEPTH = 1
    freezegun.api.call_stack_inspection_limit = 0
    freezegun.api.fake_monotonic = monotonic.seconds
    freezegun.api.fake_monotonic_ns = monotonic.nanoseconds
    freezegun.api.fake_perf_counter = freezegun.api.real_perf_counter
    freezegun.api.fake_perf_counter_ns = freezegun.api.real_perf_counter_ns


class Monotonic:
    """The monotonic clock beside a frozen wall clock: it runs on, and makes each of that one's jumps forward."""

    def __init__(self) -> None:
        self._jumped = 0.0

    def follow(self, frozen: FrozenDateTimeFactory) -> None:
        """Jump with a wall clock from now on; not back with it, as no monotonic clock does."""
        tick = frozen.tick

        def jump(delta: Any = timedelta(seconds=1)) -> datetime:
            before = frozen()
            after = tick(delta)
            self._jumped += max(0.0, (after - before).total_seconds())
            return after

        frozen.tick = jump

    def seconds(self) -> float:
        """Stand in for ``time.monotonic``."""
        return float(freezegun.api.real_monotonic()) + self._jumped

    def nanoseconds(self) -> int:
        """Stand in for ``time.monotonic_ns``."""
        return int(self.seconds() * 1e9)


monotonic = Monotonic()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Freeze time before anything is set up, not in the middle."""
    for item in items:
        names = getattr(item, "fixturenames", [])
        if "freezer" in names:
            names.remove("freezer")
            names.insert(0, "freezer")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a whole run with OpenCV in which its kernels were never called, and one without in which they were."""
    whole = session.testscollected > WHOLE_RUN and not session.config.getoption("collectonly")
    calls = [
        module.opencv_calls
        for name, module in sys.modules.items()
        if name.endswith("detection.kernels") and hasattr(module, "opencv_calls")
    ]
    hidden = session.config.getoption("--without-opencv")
    if whole and session.exitstatus == pytest.ExitCode.OK and bool(sum(calls)) is hidden:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        sys.stderr.write(f"\nOpenCV's kernels were called {sum(calls)} times; hidden: {hidden}\n")


WHOLE_RUN = 500
"""Tests from which a run counts as the whole suite."""


@pytest.fixture(autouse=True)
def custom_integrations(request: pytest.FixtureRequest) -> None:
    """Let Home Assistant load this integration; core tests need no Home Assistant."""
    if "tests/core" in request.node.nodeid:
        return
    if "recorder_mock" in request.fixturenames:
        request.getfixturevalue("recorder_mock")
    request.getfixturevalue("enable_custom_integrations")


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Shorten the real waits within an attempt; their number and order stay."""
    if "hass" in request.fixturenames:
        monkeypatch.setattr("custom_components.timelapser.capture.RETRY_DELAY_S", 0.01)
        monkeypatch.setattr("custom_components.timelapser.fetch.FRESH_POLL_S", 0.01)


@cache
def good_picture(number: int) -> bytes:
    """Return one picture of a living scene: the same yard with its own sensor noise."""
    return pictures.jpeg(pictures.noisy(_yard(), 1.5, number))


@cache
def _yard() -> pictures.Rgb:
    return pictures.scene("day", 640, 360)


class ScriptedCamera(Camera):
    """A camera that answers what a test says."""

    _attr_has_entity_name = False
    _attr_name = "Garden"
    _attr_unique_id = "garden"

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.answer: Callable[[], Any] | Any = self.good
        self.source: str | None = None
        self.stills_from_stream = False
        self.calls = 0

    def good(self) -> bytes:
        """Return a new picture of the same living scene."""
        self.number += 1
        return good_picture(self.number)

    @property
    def use_stream_for_stills(self) -> bool:
        return self.stills_from_stream

    async def stream_source(self) -> str | None:
        return self.source

    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        assert width is None
        assert height is None
        self.calls += 1
        answer = self.answer() if callable(self.answer) else self.answer
        if asyncio.iscoroutine(answer):
            answer = await answer
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
async def camera(hass: HomeAssistant) -> ScriptedCamera:
    """Set up the scripted camera as ``camera.garden``."""
    entity = ScriptedCamera()
    setup_test_component_platform(hass, "camera", [entity])
    assert await async_setup_component(hass, "camera", {"camera": {"platform": "test"}})
    await hass.async_block_till_done()
    assert hass.states.get("camera.garden") is not None
    return entity


@pytest.fixture
def media_root(tmp_path: Path) -> Path:
    """Return an empty folder for the storage."""
    root = tmp_path / "media"
    root.mkdir()
    return root


@pytest.fixture(autouse=True)
def config_dir(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Keep the catalogue out of the harness' shared configuration folder."""
    if "hass" in request.fixturenames:
        request.getfixturevalue("hass").config.config_dir = str(tmp_path)


@pytest.fixture
def system_entry(hass: HomeAssistant, media_root: Path) -> MockConfigEntry:
    """Return the system entry, not set up yet."""
    entry = MockConfigEntry(
        domain=DOMAIN, title="Timelapser", unique_id=SYSTEM_UNIQUE_ID, data={CONF_MEDIA_ROOT: str(media_root)}
    )
    entry.add_to_hass(hass)
    return entry


def timelapse_data(name: str = "Garden", interval: float = 60, **more: Any) -> ConfigSubentryData:
    """Return a timelapse subentry."""
    return ConfigSubentryData(
        data={CONF_INTERVAL: interval, CONF_WINDOW: "always", **more},
        subentry_type=SUBENTRY_TIMELAPSE,
        title=name,
        unique_id=None,
    )


def make_entry(
    hass: HomeAssistant,
    *timelapses: ConfigSubentryData,
    entity_id: str = "camera.garden",
    title: str = "Garden",
    **options: Any,
) -> MockConfigEntry:
    """Return a camera entry that is known to Home Assistant and not set up yet."""
    registered = er.async_get(hass).async_get(entity_id)
    entry = MockConfigEntry(
        domain=DOMAIN,
        title=title,
        data={CONF_CAMERA: registered.id if registered else entity_id},
        options=options,
        subentries_data=timelapses or (timelapse_data(),),
    )
    entry.add_to_hass(hass)
    return entry


SLOT_IS_NEAR = 3.0
"""Seconds before a full minute; tests that capture by hand take less."""


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Set up an entry and see it loaded; while the clock runs, not so near a slot that it comes in a test."""
    if not freezegun.api.freeze_factories and (left := 60 - time.time() % 60) < SLOT_IS_NEAR:
        await asyncio.sleep(left)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    return entry


@pytest.fixture
async def guarded(hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry) -> AsyncIterator[SetUp]:
    """Return what sets up entries, to be unloaded at the end: one that is given, or one of timelapses and options."""
    entries: list[MockConfigEntry] = []

    async def guard(
        *timelapses: ConfigSubentryData, entry: MockConfigEntry | None = None, **options: Any
    ) -> MockConfigEntry:
        entries.append(await set_up(hass, entry or make_entry(hass, *timelapses, **options)))
        return entries[-1]

    yield guard
    for entry in entries:
        if entry.state is ConfigEntryState.LOADED:
            await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
async def camera_entry(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry
) -> AsyncIterator[MockConfigEntry]:
    """Set up the scripted camera with one timelapse of a minute."""
    entry = await set_up(hass, make_entry(hass))
    yield entry
    if entry.state is ConfigEntryState.LOADED:
        await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
def events(hass: HomeAssistant) -> Events:
    """Collect everything that Timelapser fires."""
    return Events(hass)


class Events(list[Event]):
    """The bus events of this integration, in order."""

    def __init__(self, hass: HomeAssistant) -> None:
        super().__init__()
        hass.bus.async_listen("*", self._async_note)

    @callback
    def _async_note(self, event: Event) -> None:
        if event.event_type.startswith(f"{DOMAIN}_"):
            self.append(event)

    def named(self, name: str) -> list[Event]:
        """Return the events of one name, given without the domain."""
        return [event for event in self if event.event_type == f"{DOMAIN}_{name}"]


@pytest.fixture
def freezer() -> Iterator[FrozenDateTimeFactory]:
    """Stop the wall clock at half a minute past six, tomorrow evening: no slot comes by itself, at any time of day."""
    start = (datetime.now(UTC) + timedelta(days=1)).replace(hour=18, minute=0, second=30, microsecond=0)
    with freezegun.freeze_time(start) as frozen:
        monotonic.follow(frozen)
        yield frozen


@pytest.fixture
def next_slot(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> Callable[..., Awaitable[None]]:
    """Return what moves time past the next slot and waits until the attempt is over."""

    async def move(seconds: float = 60) -> None:
        freezer.tick(timedelta(seconds=seconds))
        async_fire_time_changed(hass)
        await settle(hass)

    return move


async def settle(hass: HomeAssistant) -> None:
    """Wait until nothing runs and no timer is overdue: an attempt that outlasts a slot leaves one."""
    await hass.async_block_till_done(wait_background_tasks=True)
    while any(
        not handle.cancelled() and handle.when() <= hass.loop.time()
        for handle in get_scheduled_timer_handles(hass.loop)
    ):
        await asyncio.sleep(0)
        await hass.async_block_till_done(wait_background_tasks=True)
