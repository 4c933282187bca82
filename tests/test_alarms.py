"""One alarm for one incident, on every channel, however long it lasts and however many cameras have it."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
import logging

from homeassistant.components.camera import Camera
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, setup_test_component_platform

from custom_components.timelapser.const import DOMAIN
from tests.conftest import Events, ScriptedCamera, make_entry, set_up
from tests.ledger import BLACK
from tests.surface import state
from tests.test_issues import degrade, issues, recover

type NextSlot = Callable[..., Awaitable[None]]

CAMERAS = 32
OUTAGE, OUTAGE_LONG = 12, 30
"""Minutes of a dead network: the breaker opens in the fifth, and lets hardly a slot through after that."""
WITHIN = 10
"""Slots of an outage that are tried at most."""
PAIRS = {"camera_degraded": "camera_recovered", "camera_offline": "camera_online"}


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause."""
    monkeypatch.setattr("custom_components.timelapser.capture.RETRY_DELAY_S", 0.0)


@pytest.fixture
def raised(hass: HomeAssistant) -> list[str]:
    """Return the issues of ours that were made, one entry each time."""
    made: list[str] = []

    @callback
    def note(event: object) -> None:
        data = event.data  # type: ignore[attr-defined]
        if data["domain"] == DOMAIN and data["action"] == "create":
            made.append(data["issue_id"])

    hass.bus.async_listen(ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED, note)
    return made


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """Return what our code has logged from INFO on about health."""
    return [
        (record.levelno, record.getMessage())
        for record in caplog.records
        if record.name.startswith("custom_components.timelapser") and record.levelno >= logging.INFO
        if " is " in record.getMessage()
    ]


def transitions(events: Events) -> list[str]:
    """Return the changes of health that were told, in order."""
    names = {*PAIRS, *PAIRS.values()}
    return [name for event in events if (name := event.event_type.removeprefix(f"{DOMAIN}_")) in names]


async def test_an_incident_is_told_once_each_way(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    events: Events,
    raised: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    await degrade(camera, next_slot)
    for _ in range(20):
        await next_slot()
    assert transitions(events) == ["camera_degraded"]
    assert raised == [f"camera_degraded_{camera_entry.entry_id}"]
    await recover(camera, next_slot)
    for _ in range(20):
        await next_slot()
    assert transitions(events) == ["camera_degraded", "camera_recovered"]
    assert len(raised) == 1
    assert issues(hass) == {}
    assert [level for level, _ in told(caplog)] == [logging.WARNING, logging.INFO]


async def test_a_camera_that_is_now_good_now_bad_is_no_storm(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    events: Events,
    raised: list[str],
    caplog: pytest.LogCaptureFixture,
    pytestconfig: pytest.Config,
) -> None:
    """Two good, two bad, for an hour: one alarm, and no end that the next minute takes back."""
    await next_slot()
    for number in range(120 if pytestconfig.getoption("--long") else 60):
        camera.answer = BLACK if number // 2 % 2 else camera.good
        await next_slot()
    assert transitions(events) == ["camera_degraded"]
    assert len(raised) == 1
    assert len(told(caplog)) == 1


async def test_the_end_of_an_incident_names_it(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events
) -> None:
    """Also when the camera was loaded anew in between, and when one lies within the other."""
    await degrade(camera, next_slot)
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    await set_up(hass, camera_entry)
    camera.answer = b""
    for _ in range(5):
        await next_slot()
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    await set_up(hass, camera_entry)
    camera.answer = camera.good
    await next_slot(900)
    for _ in range(8):
        await next_slot()
    found = {event.event_type.removeprefix(f"{DOMAIN}_"): event.data for event in events}
    assert transitions(events) == ["camera_degraded", "camera_offline", "camera_online", "camera_recovered"]
    for begin, end in PAIRS.items():
        assert found[begin]["incident_id"] == found[begin]["correlation_id"]
        assert found[end]["incident_id"] == found[begin]["incident_id"]
        assert found[end]["correlation_id"] != found[begin]["correlation_id"]


@pytest.mark.parametrize("action", ["reset_degraded", "relearn"])
async def test_an_end_by_hand_names_it_too(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    events: Events,
    action: str,
) -> None:
    await degrade(camera, next_slot)
    (begin,) = events.named("camera_degraded")
    await hass.services.async_call(DOMAIN, action, target={"entity_id": "camera.garden"}, blocking=True)
    if action == "relearn":
        await hass.services.async_call(DOMAIN, "reset_degraded", target={"entity_id": "camera.garden"}, blocking=True)
    (end,) = events.named("camera_recovered")
    assert end.data["incident_id"] == begin.data["incident_id"]


async def test_the_event_entity_names_it(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events
) -> None:
    await degrade(camera, next_slot)
    attributes = state(hass, camera_entry, "event", "camera_events").attributes
    assert attributes["event_type"] == "degraded"
    assert attributes["incident_id"] == events.named("camera_degraded")[0].data["incident_id"]


class DeadCamera(Camera):
    """A camera on a network that is dead at times."""

    _attr_has_entity_name = False

    def __init__(self, number: int, network: dict[str, bool], source: ScriptedCamera) -> None:
        super().__init__()
        self._attr_name = f"Yard {number}"
        self._attr_unique_id = f"yard{number}"
        self._network = network
        self._source = source

    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        return self._source.good() if self._network["up"] else b""


@pytest.fixture
async def yard(
    hass: HomeAssistant, system_entry: MockConfigEntry
) -> AsyncIterator[tuple[dict[str, bool], list[MockConfigEntry]]]:
    """Guard many cameras on one network."""
    network = {"up": True}
    source = ScriptedCamera()
    cameras = [DeadCamera(number, network, source) for number in range(CAMERAS)]
    setup_test_component_platform(hass, "camera", cameras)
    assert await async_setup_component(hass, "camera", {"camera": {"platform": "test"}})
    await hass.async_block_till_done()
    entries = [make_entry(hass, entity_id=f"camera.yard_{number}", title=f"Yard {number}") for number in range(CAMERAS)]
    for entry in entries:
        if entry.state is not ConfigEntryState.LOADED:
            await set_up(hass, entry)
    yield network, entries
    for entry in entries:
        await hass.config_entries.async_unload(entry.entry_id)


async def test_a_dead_network_is_told_once_for_each_camera(
    hass: HomeAssistant,
    yard: tuple[dict[str, bool], list[MockConfigEntry]],
    next_slot: NextSlot,
    events: Events,
    raised: list[str],
    caplog: pytest.LogCaptureFixture,
    pytestconfig: pytest.Config,
) -> None:
    network, entries = yard
    await next_slot()
    assert len(events.named("image_captured")) == CAMERAS
    caplog.clear()
    network["up"] = False
    for _ in range(OUTAGE_LONG if pytestconfig.getoption("--long") else OUTAGE):
        await next_slot()
    names = {entry.title for entry in entries}
    assert Counter(event.data["name"] for event in events.named("camera_offline")) == Counter(names)
    # The breaker is open after five failures, and lets hardly a slot through after that.
    assert 5 * CAMERAS <= len(events.named("capture_failed")) <= WITHIN * CAMERAS
    # asyncio's own are of a slow machine.
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING and record.name != "asyncio"]
    assert Counter(record.getMessage().partition(" is ")[0] for record in warnings) == Counter(names)
    assert raised == []
    network["up"] = True
    # No wait for a probe is longer.
    await next_slot(900)
    await next_slot()
    assert Counter(event.data["name"] for event in events.named("camera_online")) == Counter(names)
    assert transitions(events) == ["camera_offline"] * CAMERAS + ["camera_online"] * CAMERAS
    assert Counter(message.partition(" is ")[0] for _, message in told(caplog)) == Counter([*names, *names])
    for entry in entries:
        assert state(hass, entry, "binary_sensor", "connectivity").state == "on"
