"""A degraded camera: what is told of it, and what it does."""

from collections.abc import Awaitable, Callable
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN
from tests.calls import call
from tests.conftest import Events, ScriptedCamera, SetUp, make_entry, timelapse_data
from tests.ledger import BLACK, table
from tests.surface import entity_id, state

type NextSlot = Callable[..., Awaitable[None]]


@pytest.fixture
def guarded(hass: HomeAssistant, guarded: SetUp, freezer: FrozenDateTimeFactory) -> SetUp:
    """Return what sets up an entry of a picture a minute, to be unloaded at the end."""

    async def guard(*timelapses: ConfigSubentryData, enabled: str | None = None, **options: Any) -> MockConfigEntry:
        entry = make_entry(hass, *timelapses, retries=0, **options)
        if enabled is not None:
            er.async_get(hass).async_get_or_create(
                "sensor", DOMAIN, f"{entry.entry_id}_{enabled}", config_entry=entry, suggested_object_id=enabled
            )
        return await guarded(entry=entry)

    return guard


async def fill(next_slot: NextSlot, slots: int) -> None:
    for _ in range(slots):
        await next_slot()


# What is told


async def test_the_alarm_says_what_is_wrong(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, events: Events, next_slot: NextSlot
) -> None:
    entry = await guarded()
    await fill(next_slot, 3)
    assert "summary" not in state(hass, entry, "binary_sensor", "degraded").attributes
    camera.answer = BLACK
    await fill(next_slot, 5)
    rejected = events.named("image_rejected")
    (alarm,) = events.named("camera_degraded")
    since = rejected[0].time_fired
    expected = {
        "summary": f"5 of 8 frames black since {dt_util.as_local(since):%Y-%m-%d %H:%M}",
        "since": since.isoformat(),
        "bad": 5,
        "pictures": 8,
        "causes": {"black": 5},
    }
    assert {key: alarm.data[key] for key in expected} == expected
    assert alarm.data["frame_id"] == rejected[-1].data["frame_id"]
    shown = state(hass, entry, "binary_sensor", "degraded")
    assert {key: shown.attributes[key] for key in expected} == expected
    issue = ir.async_get(hass).issues[(DOMAIN, f"camera_degraded_{entry.entry_id}")]
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["since"] == f"{dt_util.as_local(since):%Y-%m-%d %H:%M}"


async def test_what_is_told_stays_as_it_was_until_it_is_over(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded()
    camera.answer = BLACK
    await fill(next_slot, 5)
    told = state(hass, entry, "binary_sensor", "degraded")
    await fill(next_slot, 4)
    assert state(hass, entry, "binary_sensor", "degraded").last_updated == told.last_updated
    camera.answer = None
    await fill(next_slot, 6)
    assert state(hass, entry, "sensor", "health").state == "offline"
    assert state(hass, entry, "binary_sensor", "connectivity").state == "off"
    during = state(hass, entry, "binary_sensor", "degraded")
    assert (during.state, during.last_updated) == ("on", told.last_updated), "an outage says nothing of the pictures"
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    after = state(hass, entry, "binary_sensor", "degraded")
    assert after.state == "on"
    assert after.attributes == told.attributes
    camera.answer = camera.good
    await fill(next_slot, 20)
    over = state(hass, entry, "binary_sensor", "degraded")
    assert over.state == "off"
    assert not {"summary", "since", "causes"} & over.attributes.keys()


async def test_an_alarm_between_the_slots_shows_the_last_bad_picture(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, events: Events, next_slot: NextSlot
) -> None:
    entry = await guarded(timelapse_data(interval=3600))
    camera.answer = BLACK
    await next_slot(3600 - dt_util.utcnow().timestamp() % 3600)
    await fill(next_slot, 11)
    (rejected,) = events.named("image_rejected")
    (alarm,) = events.named("camera_degraded")
    assert alarm.data["frame_id"] == rejected.data["frame_id"]
    assert alarm.data["image"] == entity_id(hass, entry, "image", "last_rejected")
    assert alarm.data["causes"] == {"black": 5}


# The share that was kept


async def test_the_acceptance_rate(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    guarded: SetUp,
    next_slot: NextSlot,
    freezer: FrozenDateTimeFactory,
) -> None:
    entry = await guarded(enabled="acceptance_rate")

    def share() -> str:
        return state(hass, entry, "sensor", "acceptance_rate").state

    assert share() == "unknown"
    await fill(next_slot, 3)
    assert share() == "100.0"
    camera.answer = BLACK
    await next_slot()
    assert share() == "75.0"
    camera.answer = None
    await next_slot()
    assert share() == "60.0"
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert share() == "60.0"
    camera.answer = camera.good
    await next_slot(26 * 3600)
    assert share() == "100.0"
    assert state(hass, entry, "sensor", "acceptance_rate").attributes["unit_of_measurement"] == "%"


async def test_looks_between_the_slots_do_not_count_for_it(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded(timelapse_data(interval=3600), enabled="acceptance_rate")
    await next_slot(3600 - dt_util.utcnow().timestamp() % 3600)
    camera.answer = BLACK
    await next_slot(3600)
    await fill(next_slot, 11)
    assert state(hass, entry, "binary_sensor", "degraded").state == "on"
    assert state(hass, entry, "sensor", "acceptance_rate").state == "50.0"


@pytest.mark.parametrize("key", ["acceptance_rate", "incidents_resolved"])
async def test_it_is_disabled_at_first(hass: HomeAssistant, guarded: SetUp, key: str) -> None:
    entry = await guarded()
    registered = er.async_get(hass).async_get(entity_id(hass, entry, "sensor", key))
    assert registered is not None
    assert registered.disabled_by is er.RegistryEntryDisabler.INTEGRATION


# Paused while degraded


def runs(events: Events) -> list[tuple[str, str | None]]:
    """Return what was told of runs, and by what."""
    return [
        (event.event_type.removeprefix("timelapser_run_"), event.data.get("by"))
        for event in events
        if event.event_type.startswith("timelapser_run_") and event.event_type != "timelapser_run_started"
    ]


async def use_switch(hass: HomeAssistant, entry: MockConfigEntry, action: str) -> None:
    switch = {"entity_id": entity_id(hass, entry, "switch", "recording")}
    await hass.services.async_call("switch", action, switch, blocking=True)
    await hass.async_block_till_done()


def recording(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    return state(hass, entry, "switch", "recording").state


async def test_by_default_a_degraded_camera_is_captured(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, events: Events, next_slot: NextSlot
) -> None:
    entry = await guarded()
    camera.answer = BLACK
    await fill(next_slot, 7)
    assert recording(hass, entry) == "on"
    assert len(events.named("image_rejected")) == 7
    assert runs(events) == []


async def test_it_pauses_and_goes_on_by_itself(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, events: Events, next_slot: NextSlot
) -> None:
    entry = await guarded(pause_when_degraded=True)
    await fill(next_slot, 2)
    camera.answer = BLACK
    await fill(next_slot, 5)
    assert recording(hass, entry) == "off"
    assert state(hass, entry, "sensor", "state").state == "paused"
    (alarm,) = events.named("camera_degraded")
    assert runs(events) == [("paused", "degraded")]
    assert events.named("run_paused")[0].data["correlation_id"] == alarm.data["correlation_id"]
    calls = camera.calls
    await fill(next_slot, 6)
    assert camera.calls > calls + 3, "somebody has to see it recover"
    assert len(events.named("image_rejected")) == 5, "and keeps nothing"
    camera.answer = camera.good
    await fill(next_slot, 5)
    assert len(events.named("camera_recovered")) == 1
    assert recording(hass, entry) == "on"
    assert runs(events) == [("paused", "degraded"), ("resumed", "recovered")]
    assert len(events.named("image_captured")) == 2
    await next_slot()
    assert len(events.named("image_captured")) == 3
    assert state(hass, entry, "sensor", "image_count").state == "3"
    assert [row["missed"] for row in table(hass, "cameras")] == [0], "what is paused misses nothing"


async def test_a_restart_in_between_changes_nothing(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded(pause_when_degraded=True)
    camera.answer = BLACK
    await fill(next_slot, 5)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert recording(hass, entry) == "off"
    camera.answer = camera.good
    await fill(next_slot, 7)
    assert recording(hass, entry) == "on"


async def test_an_outage_meanwhile_is_seen_and_ends(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded(pause_when_degraded=True)
    camera.answer = BLACK
    await fill(next_slot, 5)
    camera.answer = None
    await fill(next_slot, 6)
    assert state(hass, entry, "sensor", "health").state == "offline"
    camera.answer = camera.good
    await fill(next_slot, 25)
    assert state(hass, entry, "sensor", "health").state == "online"
    assert recording(hass, entry) == "on"


async def test_what_the_user_paused_stays_paused(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, events: Events, next_slot: NextSlot
) -> None:
    entry = await guarded(timelapse_data("Year"), timelapse_data("Day"), pause_when_degraded=True)
    await use_switch(hass, entry, "turn_off")
    camera.answer = BLACK
    await fill(next_slot, 5)
    camera.answer = camera.good
    await fill(next_slot, 7)
    assert state(hass, entry, "binary_sensor", "degraded").state == "off"
    assert recording(hass, entry) == "off"
    assert runs(events) == [("paused", None), ("paused", "degraded"), ("resumed", "recovered")]
    assert events.named("run_resumed")[0].data["timelapse"] == "Day"


@pytest.mark.parametrize("option", [True, False])
async def test_what_the_user_resumes_goes_on_at_once(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, events: Events, next_slot: NextSlot, option: bool
) -> None:
    entry = await guarded(pause_when_degraded=True)
    camera.answer = BLACK
    await fill(next_slot, 5)
    if option:
        await use_switch(hass, entry, "turn_on")
    else:
        hass.config_entries.async_update_entry(entry, options={"retries": 0})
        await hass.async_block_till_done()
    assert recording(hass, entry) == "on"
    assert state(hass, entry, "binary_sensor", "degraded").state == "on"
    await fill(next_slot, 2)
    assert len(events.named("image_rejected")) == 7
    camera.answer = camera.good
    await fill(next_slot, 6)
    assert recording(hass, entry) == "on"
    assert len(runs(events)) == 2


async def test_what_the_user_pauses_meanwhile_does_not_go_on(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded(pause_when_degraded=True)
    camera.answer = BLACK
    await fill(next_slot, 5)
    await call(hass, "pause_run", entity_id=entity_id(hass, entry, "switch", "recording"))
    calls = camera.calls
    camera.answer = camera.good
    await fill(next_slot, 8)
    assert recording(hass, entry) == "off"
    assert camera.calls == calls, "nothing waits for its recovery"


async def test_a_reset_lets_it_go_on(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, events: Events, next_slot: NextSlot
) -> None:
    entry = await guarded(pause_when_degraded=True)
    camera.answer = BLACK
    await fill(next_slot, 5)
    await call(hass, "reset_degraded", entity_id="camera.garden")
    assert recording(hass, entry) == "on"
    assert runs(events) == [("paused", "degraded"), ("resumed", "recovered")]
    await next_slot()
    assert len(events.named("image_rejected")) == 6


async def test_a_new_run_records_whatever_the_camera_is(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, events: Events, next_slot: NextSlot
) -> None:
    entry = await guarded(pause_when_degraded=True)
    camera.answer = BLACK
    await fill(next_slot, 5)
    await call(hass, "start_run", entity_id=entity_id(hass, entry, "switch", "recording"))
    assert recording(hass, entry) == "on"
    await next_slot()
    assert len(events.named("image_rejected")) == 6
