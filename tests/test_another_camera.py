"""Another camera takes the place of one that does not answer: it is not made to wait for what the former one did."""

from collections.abc import AsyncIterator, Awaitable, Callable

from homeassistant.config_entries import SOURCE_RECONFIGURE
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, setup_test_component_platform

from custom_components.timelapser.const import DOMAIN
from tests.conftest import Events, ScriptedCamera, make_entry, set_up
from tests.ledger import table
from tests.surface import state

type NextSlot = Callable[..., Awaitable[None]]

OUTAGE = 15
"""Minutes after which an open breaker waits for six more until its next probe."""


@pytest.fixture
async def cameras(hass: HomeAssistant) -> dict[str, ScriptedCamera]:
    """Set up two cameras, the first of which does not answer."""
    found = {name: ScriptedCamera() for name in ("garden", "shed")}
    for name, camera in found.items():
        camera._attr_name, camera._attr_unique_id = name.capitalize(), name
    found["garden"].answer = b""
    setup_test_component_platform(hass, "camera", found.values())
    assert await async_setup_component(hass, "camera", {"camera": {"platform": "test"}})
    await hass.async_block_till_done()
    return found


@pytest.fixture
async def offline(
    hass: HomeAssistant,
    cameras: dict[str, ScriptedCamera],
    system_entry: MockConfigEntry,
    next_slot: NextSlot,
    events: Events,
) -> AsyncIterator[MockConfigEntry]:
    """Guard the first camera until its breaker has been open for a while, and waits for minutes."""
    entry = await set_up(hass, make_entry(hass))
    for _ in range(OUTAGE):
        await next_slot()
    assert state(hass, entry, "sensor", "state").state == "backoff"
    yield entry
    assert await hass.config_entries.async_unload(entry.entry_id)


async def choose(hass: HomeAssistant, entry: MockConfigEntry, entity_id: str) -> None:
    """Choose a camera in the form that every way leads to."""
    flow = hass.config_entries.flow
    result = await flow.async_init(DOMAIN, context={"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id})
    result = await flow.async_configure(result["flow_id"], {"camera": entity_id})
    assert result["step_id"] == "preview"
    result = await flow.async_configure(result["flow_id"], {})
    assert result["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()


async def test_it_is_captured_at_the_next_slot(
    hass: HomeAssistant, offline: MockConfigEntry, next_slot: NextSlot, events: Events
) -> None:
    await choose(hass, offline, "camera.shed")
    assert state(hass, offline, "sensor", "state").state == "ready"
    await next_slot()
    assert len(events.named("image_captured")) == 1
    (begin,) = events.named("camera_offline")
    (end,) = events.named("camera_online")
    assert (end.data["by"], end.data["health"]) == ("replaced", "unknown")
    assert end.data["incident_id"] == begin.data["incident_id"]
    answer = await hass.services.async_call(
        DOMAIN, "list_incidents", {"entity_id": "camera.shed"}, blocking=True, return_response=True
    )
    told = answer["cameras"][offline.entry_id]
    assert [(item["kind"], item["end"]) for item in told["incidents"]] == [("offline", "replaced")]
    assert told["resolved"] == 0
    assert state(hass, offline, "sensor", "health").state == "online"


async def test_the_same_one_chosen_again_waits_for_its_probe(
    hass: HomeAssistant,
    cameras: dict[str, ScriptedCamera],
    offline: MockConfigEntry,
    next_slot: NextSlot,
    events: Events,
) -> None:
    """The control."""
    cameras["garden"].answer = cameras["garden"].good
    await choose(hass, offline, "camera.garden")
    await next_slot()
    assert events.named("image_captured") == events.named("camera_online") == []
    assert state(hass, offline, "sensor", "state").state == "backoff"


async def test_whether_it_can_be_streamed_is_found_out_anew(
    hass: HomeAssistant, cameras: dict[str, ScriptedCamera], offline: MockConfigEntry
) -> None:
    cameras["garden"].answer = cameras["garden"].good
    offline.runtime_data.engine.catalogue.submit(
        lambda conn: conn.exec_driver_sql("UPDATE cameras SET strategy_note = 'refuses_stream'")
    ).result()
    await choose(hass, offline, "camera.garden")
    assert table(hass, "cameras")[0]["strategy_note"] == "refuses_stream"
    await choose(hass, offline, "camera.shed")
    assert table(hass, "cameras")[0]["strategy_note"] is None
