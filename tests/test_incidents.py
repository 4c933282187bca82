"""When cameras were degraded or offline, as the action tells it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.json import json_bytes
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.learning import async_begin_anew
from tests.calls import call
from tests.conftest import Events, ScriptedCamera, make_entry, set_up, timelapse_data
from tests.ledger import BLACK, table

type NextSlot = Callable[..., Awaitable[None]]
type Listed = Callable[..., Awaitable[list[dict[str, Any]]]]


@pytest.fixture
async def entry(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> AsyncIterator[MockConfigEntry]:
    """Set up a camera of a picture a minute and no retries."""
    guarded = await set_up(hass, make_entry(hass, retries=0))
    yield guarded
    if guarded.state is ConfigEntryState.LOADED:
        await hass.config_entries.async_unload(guarded.entry_id)


@pytest.fixture
def listed(hass: HomeAssistant, entry: MockConfigEntry) -> Listed:
    """Return what calls the action for the camera and returns its incidents."""

    async def list_incidents(**fields: Any) -> list[dict[str, Any]]:
        answer = await call(hass, "list_incidents", entity_id="camera.garden", **fields)
        assert json_bytes(answer)
        assert answer["cameras"].keys() == {entry.entry_id}
        found: list[dict[str, Any]] = answer["cameras"][entry.entry_id]["incidents"]
        return found

    return list_incidents


async def fill(next_slot: NextSlot, slots: int) -> None:
    for _ in range(slots):
        await next_slot()


async def test_a_degraded_camera(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    entry: MockConfigEntry,
    events: Events,
    next_slot: NextSlot,
    listed: Listed,
) -> None:
    await fill(next_slot, 2)
    assert await listed() == []
    camera.answer = BLACK
    await fill(next_slot, 7)
    (incident,) = await listed()
    first, alarm = events.named("image_rejected")[0], events.named("camera_degraded")[0]
    assert incident["correlation_id"] == alarm.data["correlation_id"]
    assert (incident["kind"], incident["cause"], incident["causes"]) == ("degraded", "black", {"black": 7})
    assert (incident["attempts"], incident["missed"], incident["frames_lost"]) == (7, 0, 7)
    assert (incident["ended_at"], incident["end"], incident["duration"]) == (None, None, 120)
    started = dt_util.parse_datetime(incident["started_at"])
    begun = dt_util.parse_datetime(incident["first_bad_at"])
    assert started is not None
    assert begun is not None
    assert timedelta() <= started - alarm.time_fired <= timedelta(seconds=2)
    assert begun == first.time_fired

    camera.answer = camera.good
    await fill(next_slot, 5)
    (incident,) = await listed()
    assert (incident["end"], incident["duration"], incident["frames_lost"]) == ("recovered", 420, 7)


async def test_an_outage_with_the_slots_it_cost(
    hass: HomeAssistant, camera: ScriptedCamera, entry: MockConfigEntry, next_slot: NextSlot, listed: Listed
) -> None:
    await next_slot()
    camera.answer = None
    await fill(next_slot, 40)
    camera.answer = camera.good
    await fill(next_slot, 15)
    (incident,) = await listed()
    (row,) = table(hass, "cameras")
    assert (incident["kind"], incident["cause"], incident["end"]) == ("offline", "TL-CAM-003", "recovered")
    assert incident["missed"] == row["missed"] > 30
    assert incident["frames_lost"] == row["missed"] + row["failed"]
    assert 5 <= row["failed"] < incident["attempts"], "probes lose no frame"


@pytest.mark.parametrize(("answer", "kind"), [(BLACK, "degraded"), (None, "offline")])
async def test_days_without_home_assistant_end_nothing(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    entry: MockConfigEntry,
    next_slot: NextSlot,
    listed: Listed,
    freezer: FrozenDateTimeFactory,
    answer: Any,
    kind: str,
) -> None:
    camera.answer = answer
    await fill(next_slot, 5)
    (before,) = await listed()
    assert await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(timedelta(days=3))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    (after,) = await listed()
    changed = {"duration", "missed", "frames_lost"}
    assert {key: after[key] for key in after.keys() - changed} == {key: before[key] for key in before.keys() - changed}
    assert after["missed"] == 3 * 1440
    assert after["ended_at"] is None
    camera.answer = camera.good
    await fill(next_slot, 6)
    (incident,) = await listed()
    assert (incident["kind"], incident["end"]) == (kind, "recovered")
    assert 3 * 86_400 < incident["duration"] < 3 * 86_400 + 3600


@pytest.mark.parametrize("end", ["reset", "relearned"])
async def test_a_user_ends_it(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    entry: MockConfigEntry,
    events: Events,
    next_slot: NextSlot,
    listed: Listed,
    end: str,
) -> None:
    camera.answer = BLACK
    await fill(next_slot, 5)
    if end == "reset":
        await call(hass, "reset_degraded", entity_id="camera.garden")
    else:
        await async_begin_anew(entry.runtime_data)
    (incident,) = await listed()
    assert (incident["end"], incident["frames_lost"]) == (end, 5)
    assert len(events.named("camera_recovered")) == 1
    await fill(next_slot, 4)
    assert len(await listed()) == 1
    await next_slot()
    assert [one["end"] for one in await listed()] == [None, end]


async def test_the_archive_has_no_incident_under_way(
    hass: HomeAssistant, camera: ScriptedCamera, entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    camera.answer = BLACK
    await fill(next_slot, 5)
    assert [row["end"] for row in table(hass, "incidents")] == [None]
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    (row,) = table(hass, "incidents")
    assert row["ended_at"] is not None


async def test_limit_and_since(
    hass: HomeAssistant, camera: ScriptedCamera, entry: MockConfigEntry, next_slot: NextSlot, listed: Listed
) -> None:
    middle = None
    for _ in range(2):
        camera.answer = BLACK
        await fill(next_slot, 5)
        await call(hass, "reset_degraded", entity_id="camera.garden")
        await next_slot()
        middle = middle or dt_util.utcnow()
    newest, oldest = await listed()
    assert newest["started_at"] > oldest["started_at"]
    assert await listed(limit=1) == [newest]
    assert await listed(since=middle) == [newest]
    assert await listed(since=dt_util.as_local(middle).replace(tzinfo=None) if middle else None) == [newest]
    assert await listed(since=dt_util.parse_datetime(oldest["ended_at"])) == [newest, oldest]
    for wrong in ({"limit": 0}, {"limit": 501}, {"since": "some time"}):
        with pytest.raises(vol.Invalid):
            await listed(**wrong)


async def test_the_sensor_counts_what_passed_by_itself(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    guarded = make_entry(hass, timelapse_data(), retries=0)
    registered = er.async_get(hass).async_get_or_create(
        "sensor", DOMAIN, f"{guarded.entry_id}_incidents_resolved", config_entry=guarded
    )
    await set_up(hass, guarded)

    def resolved() -> str:
        found = hass.states.get(registered.entity_id)
        assert found is not None
        return found.state

    assert resolved() == "0"
    camera.answer = BLACK
    await fill(next_slot, 5)
    await call(hass, "reset_degraded", entity_id="camera.garden")
    assert resolved() == "0"
    await fill(next_slot, 5)
    camera.answer = camera.good
    await fill(next_slot, 12)
    assert resolved() == "1"
    camera.answer = None
    await fill(next_slot, 5)
    camera.answer = camera.good
    await fill(next_slot, 2)
    assert resolved() == "2"
    assert await hass.config_entries.async_reload(guarded.entry_id)
    await hass.async_block_till_done()
    assert resolved() == "2"
    assert await hass.config_entries.async_unload(guarded.entry_id)


async def test_it_is_disabled_at_first(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    registry = er.async_get(hass)
    found = registry.async_get_entity_id("sensor", DOMAIN, f"{entry.entry_id}_incidents_resolved")
    assert found is not None
    registered = registry.async_get(found)
    assert registered is not None
    assert registered.disabled_by is er.RegistryEntryDisabler.INTEGRATION


async def test_a_camera_that_is_not_loaded_is_refused(
    hass: HomeAssistant, entry: MockConfigEntry, listed: Listed
) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(ServiceValidationError):
        await listed()
