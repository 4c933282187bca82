"""What captures cost Home Assistant's recorder."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from homeassistant.components.recorder import Recorder, get_instance
from homeassistant.components.recorder.util import session_scope
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done
from sqlalchemy import text

from tests.conftest import ScriptedCamera, make_entry, set_up, timelapse_data
from tests.core import pictures
from tests.ledger import BLACK
from tests.surface import entity_id

type NextSlot = Callable[..., Awaitable[None]]

STATES = "SELECT states_meta.entity_id FROM states JOIN states_meta USING (metadata_id)"
EVENTS = (
    "SELECT event_types.event_type FROM events JOIN event_types USING (event_type_id)"
    " WHERE event_types.event_type LIKE 'timelapser_%' ORDER BY event_id"
)


@pytest.fixture(autouse=True)
def config_dir(recorder_mock: Recorder, hass: HomeAssistant, tmp_path: Path) -> None:
    """Do what the shared fixture does, after the recorder, which has to come before Home Assistant."""
    hass.config.config_dir = str(tmp_path)


@pytest.fixture(autouse=True)
def steady_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not change the access token of images, every five minutes of Home Assistant's own accord, at each tick."""
    monkeypatch.setattr("homeassistant.components.image.TOKEN_CHANGE_INTERVAL", timedelta(days=365))


async def recorded(hass: HomeAssistant, entry: MockConfigEntry) -> tuple[dict[str, int], list[str]]:
    """Return the number of state rows by entity of a camera, and our recorded events."""
    await async_wait_recording_done(hass)

    def read() -> tuple[list[str], list[str]]:
        with session_scope(hass=hass, read_only=True) as session:
            return [[row[0] for row in session.execute(text(query))] for query in (STATES, EVENTS)]

    states, events = await get_instance(hass).async_add_executor_job(read)
    ours = [found.entity_id for found in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)]
    return {entity_id: states.count(entity_id) for entity_id in ours}, events


@pytest.mark.parametrize("interval", [60, 300])
async def test_a_good_capture_is_five_rows_and_an_event(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    next_slot: NextSlot,
    interval: int,
) -> None:
    entry = await set_up(hass, make_entry(hass, timelapse_data(interval=interval)))
    for _ in range(2):
        await next_slot(interval)
    states, events = await recorded(hass, entry)
    for _ in range(4):
        await next_slot(interval)
    later_states, later_events = await recorded(hass, entry)
    rows = {entity_id: later_states[entity_id] - count for entity_id, count in states.items()}
    assert 4 <= sum(rows.values()) <= 4 * 5
    assert max(rows.values()) <= 4
    assert later_events[len(events) :] == ["timelapser_image_captured"] * 4
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_fault_that_is_always_there_costs_nothing(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    """Its severity is never quite the same, and the explanation is not recorded."""
    scene = pictures.blurred(pictures.scene("day", 640, 360), 9)

    def soft() -> bytes:
        camera.number += 1
        return pictures.jpeg(pictures.noisy(scene, 1 + camera.number / 10, camera.number))

    camera.answer = soft
    entry = await set_up(hass, make_entry(hass, timelapse_data()))
    fault = entity_id(hass, entry, "sensor", "last_fault")
    await next_slot()
    await next_slot()
    shown = hass.states.get(fault)
    assert shown.state == "blur"
    assert shown.attributes["explanation"]
    states, _ = await recorded(hass, entry)
    for _ in range(4):
        await next_slot()
    later, _ = await recorded(hass, entry)
    assert sum(later.values()) - sum(states.values()) <= 4 * 5
    assert later[fault] == states[fault]

    def read() -> list[str]:
        with session_scope(hass=hass, read_only=True) as session:
            return [row[0] for row in session.execute(text("SELECT shared_attrs FROM state_attributes"))]

    attributes = await get_instance(hass).async_add_executor_job(read)
    assert any("friendly_name" in shared for shared in attributes)
    assert not any("explanation" in shared or "severity" in shared for shared in attributes)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_short_interval_writes_once_a_minute(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    next_slot: NextSlot,
) -> None:
    entry = await set_up(hass, make_entry(hass, timelapse_data(interval=10)))
    await next_slot(60)
    states, events = await recorded(hass, entry)
    for _ in range(18):
        await next_slot(10)
    later_states, later_events = await recorded(hass, entry)
    rows = {entity_id: later_states[entity_id] - count for entity_id, count in states.items()}
    assert 2 <= max(rows.values()) <= 4
    assert sum(rows.values()) <= 4 * 5
    assert later_events[len(events) :] == ["timelapser_image_captured"] * 18
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_what_matters_is_written_at_once(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    next_slot: NextSlot,
) -> None:
    """A rejection does not wait for its minute, and is one row of the event entity."""
    entry = await set_up(hass, make_entry(hass, timelapse_data(interval=10)))
    await next_slot(60)
    states, _ = await recorded(hass, entry)
    camera.answer = BLACK
    await next_slot(10)
    later, events = await recorded(hass, entry)
    rows = {entity_id.split("garden_")[-1]: later[entity_id] - count for entity_id, count in states.items()}
    assert events[-1] == "timelapser_image_rejected"
    assert rows["images_rejected"] == rows["last_fault"] == 1
    assert sum(rows.values()) <= 8
    assert await hass.config_entries.async_unload(entry.entry_id)
