"""A camera over time: slots, pauses, outages and restarts, through Home Assistant."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
import logging
from pathlib import Path
import threading
import time
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.loader import DATA_CUSTOM_COMPONENTS
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    async_test_home_assistant,
    setup_test_component_platform,
)

from custom_components.timelapser.const import DOMAIN, SUBENTRY_TIMELAPSE, SYSTEM_UNIQUE_ID
from custom_components.timelapser.core.errors import Code
from custom_components.timelapser.core.models import Outcome
from custom_components.timelapser.core.storage import Storage
from custom_components.timelapser.recording import async_rest
from tests.conftest import Events, ScriptedCamera, SetUp, make_entry, set_up, timelapse_data
from tests.ledger import BLACK, attempts, consistent, files, table
from tests.surface import entity_id, state, timelapse_id

type NextSlot = Callable[..., Awaitable[None]]

HOUR = 3600


async def switch(hass: HomeAssistant, entry: MockConfigEntry, on: bool) -> None:
    """Use the recording switch of the first timelapse."""
    await hass.services.async_call(
        "switch",
        "turn_on" if on else "turn_off",
        {"entity_id": entity_id(hass, entry, "switch", "recording")},
        blocking=True,
    )


async def reload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Reload an entry."""
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()


async def move(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """Do in another Home Assistant what ``next_slot`` does."""
    freezer.tick(timedelta(seconds=60))
    async_fire_time_changed(hass)
    await hass.async_block_till_done(wait_background_tasks=True)


def missed(hass: HomeAssistant) -> int:
    """Return the missed slots that the catalogue knows of."""
    return sum(row["missed"] for row in table(hass, "cameras"))


def states_of(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, str]:
    """Return the states of a camera's entities that a restart must not change."""
    keys = ("images_captured", "images_rejected", "image_count", "health", "next_capture", "quality_score")
    shown = {key: state(hass, entry, "sensor", key).state for key in keys}
    return shown | {"degraded": state(hass, entry, "binary_sensor", "degraded").state}


# Quality


async def test_degraded_and_recovered(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    next_slot: NextSlot,
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[tuple[str, str]] = []
    await next_slot()
    for answer, count in ((BLACK, 6), (camera.good, 6)):
        camera.answer = answer
        for _ in range(count):
            await next_slot()
            seen.append(
                (
                    state(hass, camera_entry, "binary_sensor", "degraded").state,
                    state(hass, camera_entry, "sensor", "health").state,
                )
            )
    assert seen == [("off", "online")] * 4 + [("on", "degraded")] * 6 + [("off", "online")] * 2
    (degraded,), (recovered,) = events.named("camera_degraded"), events.named("camera_recovered")
    rejected, captured = events.named("image_rejected"), events.named("image_captured")
    assert degraded.data["correlation_id"] == rejected[4].data["correlation_id"]
    assert recovered.data["correlation_id"] == captured[5].data["correlation_id"]
    assert "black" in degraded.data["faults"]
    assert len(events) == 15
    told = [record for record in caplog.records if record.name == "custom_components.timelapser.announcer"]
    assert [(record.levelno, record.args[1]) for record in told if record.levelno >= logging.INFO] == [
        (logging.WARNING, "degraded"),
        (logging.INFO, "recovered"),
    ]


async def test_degraded_still_captures(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded(degraded_after=2, recover_after=3, retries=0)
    camera.answer = BLACK
    for _ in range(4):
        await next_slot()
    assert camera.calls == 4
    assert state(hass, entry, "sensor", "state").state == "ready"
    assert state(hass, entry, "sensor", "images_rejected").state == "4"


# Connectivity


async def test_offline_and_probes(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    guarded: SetUp,
    events: Events,
    next_slot: NextSlot,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Five failures open the breaker; probes come after 30 s and then ever later, up to 15 min."""
    entry = await guarded(timelapse_data(interval=HOUR), retries=0)
    camera.answer = None
    for _ in range(4):
        await next_slot(HOUR)
    assert state(hass, entry, "binary_sensor", "connectivity").state != "off"
    await next_slot(HOUR)
    assert state(hass, entry, "sensor", "health").state == "offline"
    assert state(hass, entry, "binary_sensor", "connectivity").state == "off"
    assert state(hass, entry, "sensor", "state").state == "backoff"
    assert camera.calls == 5
    for number, wait in enumerate((30, 60, 120, 240, 480), 1):
        await next_slot(wait - 2)
        assert camera.calls == 4 + number
        await next_slot(2)
        assert camera.calls == 5 + number
    assert len(events.named("capture_failed")) == 5
    assert len(events.named("camera_offline")) == 1
    camera.answer = camera.good
    await next_slot(900)
    assert state(hass, entry, "sensor", "health").state == "online"
    assert state(hass, entry, "sensor", "state").state == "ready"
    assert state(hass, entry, "binary_sensor", "connectivity").state == "on"
    assert len(events.named("camera_online")) == 1
    assert not files(Path(hass.config.config_dir) / "media")
    told = [record for record in caplog.records if record.name == "custom_components.timelapser.announcer"]
    assert len([record for record in told if record.levelno >= logging.INFO]) == 2


async def test_an_outage_of_a_day_is_cheap(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    guarded: SetUp,
    events: Events,
    next_slot: NextSlot,
    media_root: Path,
) -> None:
    """Slots that the breaker skips are counted, and no restart counts them again."""
    entry = await guarded(retries=0)
    camera.answer = OSError("gone")
    for _ in range(5):
        await next_slot()
    for _ in range(120):
        await next_slot()
    assert camera.calls <= 5 + 5 + 120 // 15
    done = await attempts(entry)
    slots = 125
    filled = sum(not row.has_frame and row.slot_at.second == 0 and row.slot_at.microsecond == 0 for row in done)
    await reload(hass, entry)
    assert missed(hass) == slots - filled
    await reload(hass, entry)
    assert missed(hass) == slots - filled
    assert len(events.named("camera_offline")) == 1
    assert not files(media_root)


async def test_a_battery_is_spared(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    """An unreachable camera on a battery is tried at its slots alone."""
    entry = make_entry(hass, timelapse_data(interval=HOUR), retries=0)
    hass.config_entries.async_update_entry(entry, data={**entry.data, "battery": True})
    await set_up(hass, entry)
    camera.answer = None
    await next_slot(HOUR + 1 - dt_util.utcnow().timestamp() % HOUR)
    for _ in range(4):
        await next_slot(HOUR)
    assert state(hass, entry, "sensor", "health").state == "offline"
    for _ in range(11):
        await next_slot(300)
    assert camera.calls == 5
    camera.answer = camera.good
    await next_slot(300)
    assert state(hass, entry, "sensor", "health").state == "online"
    assert state(hass, entry, "sensor", "image_count").state == "1"
    assert await hass.config_entries.async_unload(entry.entry_id)


def set_available(camera: ScriptedCamera, available: bool) -> None:
    """Let the camera's integration lose or find it."""
    camera._attr_available = available
    camera.async_write_ha_state()


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait on the real clock."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("renamed", [False, True])
async def test_the_entity_comes_back(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    guarded: SetUp,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
    renamed: bool,
) -> None:
    """No probe is waited for, whatever the entity is called by then."""
    monkeypatch.setattr("custom_components.timelapser.coordinator.MANUAL_GAP", timedelta())
    entry = await guarded(timelapse_data(interval=86400), retries=0)
    if renamed:
        er.async_get(hass).async_update_entity("camera.garden", new_entity_id="camera.yard")
        await hass.async_block_till_done()
    set_available(camera, False)
    for _ in range(5):
        with pytest.raises(HomeAssistantError):
            await entry.runtime_data.async_capture_now()
    assert state(hass, entry, "sensor", "health").state == "offline"
    assert camera.calls == 0
    set_available(camera, True)
    await until(lambda: bool(events.named("camera_online")))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert camera.calls == 1
    assert state(hass, entry, "sensor", "health").state == "online"
    assert events[-1].data["camera"] == ("camera.yard" if renamed else "camera.garden")


async def test_an_unavailable_camera_is_a_failure(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, events: Events, next_slot: NextSlot
) -> None:
    set_available(camera, False)
    await next_slot()
    assert [event.data["code"] for event in events] == [Code.CAMERA_TIMEOUT]
    assert camera.calls == 0


# The camera itself


async def test_a_camera_that_is_switched_off(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, events: Events, next_slot: NextSlot
) -> None:
    camera._attr_is_on = False
    camera.async_write_ha_state()
    await next_slot()
    assert state(hass, camera_entry, "sensor", "state").state == "camera_off"
    assert not events
    with pytest.raises(HomeAssistantError) as raised:
        await camera_entry.runtime_data.async_capture_now()
    assert raised.value.translation_key == "code_tl_cam_001"
    assert camera_entry.runtime_data.state.health.connectivity.failures == 0
    camera._attr_is_on = True
    hass.states.async_set("camera.garden", "streaming")
    await hass.async_block_till_done()
    assert state(hass, camera_entry, "sensor", "state").state == "ready"
    await next_slot()
    assert missed(hass) == 1
    assert state(hass, camera_entry, "sensor", "images_captured").state == "1"


async def test_a_camera_that_is_removed(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
) -> None:
    for _ in range(3):
        await next_slot()
    er.async_get(hass).async_remove("camera.garden")
    await hass.async_block_till_done()
    assert state(hass, camera_entry, "sensor", "state").state == "camera_removed"
    assert state(hass, camera_entry, "sensor", "next_capture").state == "unknown"
    await next_slot()
    assert len(events) == len(files(media_root)) == 3
    with pytest.raises(HomeAssistantError) as raised:
        await camera_entry.runtime_data.async_capture_now()
    assert raised.value.translation_key == "code_tl_cam_002"
    assert camera_entry.runtime_data.state.health.connectivity.failures == 0


async def test_a_camera_that_is_renamed(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, events: Events, next_slot: NextSlot
) -> None:
    er.async_get(hass).async_update_entity("camera.garden", new_entity_id="camera.yard")
    await hass.async_block_till_done()
    await next_slot()
    assert [(event.event_type, event.data["camera"]) for event in events] == [
        ("timelapser_image_captured", "camera.yard")
    ]


async def test_a_camera_without_a_registry_id(
    hass: HomeAssistant, system_entry: MockConfigEntry, events: Events, next_slot: NextSlot
) -> None:
    """It is known by its entity_id, and gone with its state."""
    entity = ScriptedCamera()
    entity._attr_unique_id = None
    setup_test_component_platform(hass, "camera", [entity])
    assert await async_setup_component(hass, "camera", {"camera": {"platform": "test"}})
    await hass.async_block_till_done()
    entry = await set_up(hass, make_entry(hass))
    assert entry.data["camera"] == "camera.garden"
    for _ in range(3):
        await next_slot()
    assert len(events.named("image_captured")) == 3
    await entity.async_remove()
    await hass.async_block_till_done()
    assert state(hass, entry, "sensor", "state").state == "camera_removed"
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_camera_that_loads_late(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, events: Events, next_slot: NextSlot
) -> None:
    """For two minutes an absent entity is no failure; its slots are missed ones. Then it is one."""
    await camera.async_remove()
    await next_slot()
    assert not events
    await next_slot(90)
    await next_slot()
    assert {event.data["code"] for event in events} == {Code.CAMERA_TIMEOUT}
    assert missed(hass) >= 1


async def test_capturing_needs_no_entity(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, events: Events, next_slot: NextSlot
) -> None:
    registry = er.async_get(hass)
    for found in er.async_entries_for_config_entry(registry, camera_entry.entry_id):
        registry.async_update_entity(found.entity_id, disabled_by=er.RegistryEntryDisabler.USER)
    await reload(hass, camera_entry)
    assert not [found for found in hass.states.async_all() if found.entity_id.startswith("sensor.garden")]
    await next_slot()
    assert len(events.named("image_captured")) == 1
    assert table(hass, "cameras")[0]["captured"] == 1


# The schedule


async def test_timelapses_share_an_attempt(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    guarded: SetUp,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
) -> None:
    entry = await guarded(timelapse_data("Fast", 60), timelapse_data("Slow", 120))
    for _ in range(4):
        await next_slot()
    captured = events.named("image_captured")
    assert sorted(len(event.data["timelapse_ids"]) for event in captured) == [1, 1, 2, 2]
    assert camera.calls == len(files(media_root)) == len(table(hass, "frames")) == 4
    assert len(table(hass, "run_frames")) == 6
    counts = {timelapse.image_count for timelapse in entry.runtime_data.data.timelapses.values()}
    assert counts == {4, 2}


async def test_overlapping_timelapses_lose_no_slot(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    guarded: SetUp,
    next_slot: NextSlot,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Attempts of eight seconds for slots of ten and fifteen: what is due together is filled together."""

    def slow() -> bytes:
        freezer.tick(timedelta(seconds=8))
        return camera.good()

    entry = await guarded(timelapse_data("Ten", 10), timelapse_data("Fifteen", 15))
    await next_slot(10 - time.time() % 10)
    camera.answer = slow
    start = dt_util.utcnow()
    while dt_util.utcnow() < start + timedelta(seconds=180):
        await next_slot(1)
    elapsed = (dt_util.utcnow() - start).total_seconds()
    assert missed(hass) == 0
    assert entry.runtime_data.planner.missed == 0
    ten, fifteen = (row["image_count"] for row in table(hass, "runs"))
    assert ten >= elapsed // 10 - 1
    assert fifteen >= elapsed // 15 - 1
    slots = [row.slot_at for row in await attempts(entry)]
    assert len(slots) == len(set(slots))


async def test_a_long_sleep_is_no_burst(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, events: Events, next_slot: NextSlot
) -> None:
    """The machine was suspended for three days: one attempt, and the gap is counted."""
    await next_slot()
    await next_slot(3 * 86400)
    assert camera.calls == 2
    assert len(events) == 2
    assert missed(hass) == 3 * 1440 - 1
    await next_slot()
    assert camera.calls == 3


async def test_days_of_downtime(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    next_slot: NextSlot,
    freezer: FrozenDateTimeFactory,
) -> None:
    """At the start nothing is made up for; the slots that passed are counted once, however often it starts."""
    await next_slot()
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    freezer.tick(timedelta(days=3))
    assert await hass.config_entries.async_setup(camera_entry.entry_id)
    await hass.async_block_till_done()
    assert camera.calls == 1
    assert missed(hass) == 3 * 1440
    await reload(hass, camera_entry)
    await reload(hass, camera_entry)
    assert missed(hass) == 3 * 1440
    await next_slot()
    assert camera.calls == len(events) == 2


async def test_pausing(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    next_slot: NextSlot,
) -> None:
    await next_slot()
    await switch(hass, camera_entry, on=False)
    assert state(hass, camera_entry, "sensor", "state").state == "paused"
    for _ in range(3):
        await next_slot()
    await reload(hass, camera_entry)
    assert state(hass, camera_entry, "switch", "recording").state == "off"
    await next_slot()
    await switch(hass, camera_entry, on=True)
    await reload(hass, camera_entry)
    await next_slot()
    run_id = camera_entry.runtime_data.data.timelapses[timelapse_id(camera_entry)].run_id
    told = [event for event in events if "run_" in event.event_type]
    assert [(event.event_type, event.data["run_id"], event.data["timelapse_id"]) for event in told] == [
        (f"timelapser_run_{name}", run_id, timelapse_id(camera_entry)) for name in ("paused", "resumed")
    ]
    assert all(event.context.id == event.data["correlation_id"] for event in told)
    assert camera.calls == 2
    assert missed(hass) == 0
    assert state(hass, camera_entry, "sensor", "image_count").state == "2"


async def test_only_the_paused_timelapse_rests(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded(timelapse_data("One"), timelapse_data("Two"))
    first, second = (item.subentry_id for item in entry.get_subentries_of_type(SUBENTRY_TIMELAPSE))
    await async_rest(entry.runtime_data, first)
    await next_slot()
    timelapses = entry.runtime_data.data.timelapses
    assert (timelapses[first].image_count, timelapses[second].image_count) == (0, 1)


async def test_a_daily_window(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    guarded: SetUp,
    next_slot: NextSlot,
    freezer: FrozenDateTimeFactory,
) -> None:
    await hass.config.async_set_time_zone("UTC")
    freezer.move_to("2027-06-10 07:58:30+00:00")
    entry = await guarded(timelapse_data(window="time", start="08:00", end="08:03"))
    assert state(hass, entry, "sensor", "state").state == "outside_window"
    assert state(hass, entry, "sensor", "next_capture").state == "2027-06-10T08:00:00+00:00"
    await next_slot()
    assert camera.calls == 0
    await next_slot()
    assert state(hass, entry, "sensor", "state").state == "ready"
    for _ in range(5):
        await next_slot()
    assert camera.calls == 3
    assert state(hass, entry, "sensor", "state").state == "outside_window"
    assert state(hass, entry, "sensor", "next_capture").state == "2027-06-11T08:00:00+00:00"
    assert missed(hass) == 0


async def test_a_window_of_daylight(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    guarded: SetUp,
    next_slot: NextSlot,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Sunset in Berlin is at 21:28 in the middle of June; a home that moves takes its windows along."""
    await hass.config.async_update(latitude=52.52, longitude=13.4, elevation=34, time_zone="Europe/Berlin")
    freezer.move_to("2027-06-10 19:00:00+00:00")
    entry = await guarded(timelapse_data(window="sun", interval=600, sunrise_offset=0, sunset_offset=0))
    assert state(hass, entry, "sensor", "state").state == "ready"
    for _ in range(6):
        await next_slot(600)
    assert camera.calls == 2
    assert state(hass, entry, "sensor", "state").state == "outside_window"
    await hass.config.async_update(latitude=40.71, longitude=-74.0, time_zone="America/New_York")
    await hass.async_block_till_done()
    assert state(hass, entry, "sensor", "state").state == "ready"
    await hass.config.async_update(latitude=69.65, longitude=18.96, time_zone="Europe/Oslo")
    await hass.async_block_till_done()
    assert state(hass, entry, "sensor", "state").state == "ready"
    freezer.move_to("2027-12-20 12:00:00+00:00")
    await next_slot(1)
    assert state(hass, entry, "sensor", "state").state == "no_sun_event"
    await hass.config.async_set_time_zone("UTC")


# Restarts


@pytest.mark.parametrize("bad", [False, True])
async def test_a_reload_keeps_everything(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot, bad: bool
) -> None:
    for answer, count in ((camera.good, 2), (BLACK, 6 if bad else 1)):
        camera.answer = answer
        for _ in range(count):
            await next_slot()
    before, run = states_of(hass, camera_entry), camera_entry.runtime_data.data.timelapses
    await reload(hass, camera_entry)
    assert states_of(hass, camera_entry) == before
    assert before["degraded"] == ("on" if bad else "off")
    assert camera_entry.runtime_data.data.timelapses == run


@pytest.mark.parametrize("expected_lingering_timers", [True])
async def test_another_process_goes_on(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    media_root: Path,
    next_slot: NextSlot,
    freezer: FrozenDateTimeFactory,
) -> None:
    """Home Assistant starts anew over the same files: counts, run, health and schedule are those of before."""
    await next_slot()
    camera.answer = BLACK
    await next_slot()
    before, timelapses = states_of(hass, camera_entry), camera_entry.runtime_data.data.timelapses
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    async with async_test_home_assistant(config_dir=hass.config.config_dir) as second:
        second.data.pop(DATA_CUSTOM_COMPONENTS)
        entity = ScriptedCamera()
        setup_test_component_platform(second, "camera", [entity])
        assert await async_setup_component(second, "camera", {"camera": {"platform": "test"}})
        await second.async_block_till_done()
        system = MockConfigEntry(domain=DOMAIN, unique_id=SYSTEM_UNIQUE_ID, data={"media_root": str(media_root)})
        system.add_to_hass(second)
        entry = MockConfigEntry(
            domain=DOMAIN,
            entry_id=camera_entry.entry_id,
            title=camera_entry.title,
            data={"camera": er.async_get(second).async_get("camera.garden").id},
            subentries_data=[item.as_dict() for item in camera_entry.subentries.values()],
        )
        entry.add_to_hass(second)
        await set_up(second, entry)
        assert states_of(second, entry) == before
        assert entry.runtime_data.data.timelapses == timelapses
        await move(second, freezer)
        assert state(second, entry, "sensor", "images_captured").state == "2"
        await second.async_stop(force=True)


# Actions and attempts at the same time


async def test_a_slot_that_comes_while_capturing_by_hand(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, events: Events
) -> None:
    """It waits its turn and is filled once."""
    entry = await guarded(timelapse_data(interval=2))
    gate = asyncio.Event()

    async def slow() -> bytes:
        await gate.wait()
        return camera.good()

    await asyncio.sleep(2 - time.time() % 2 + 0.1)
    await hass.async_block_till_done(wait_background_tasks=True)
    events.clear()
    camera.calls = 0
    before = table(hass, "runs")[0]["image_count"]
    camera.answer = slow
    by_hand = hass.async_create_task(entry.runtime_data.async_capture_now())
    await asyncio.sleep(2)
    assert camera.calls == 1
    gate.set()
    answer = await by_hand
    await asyncio.sleep(0.5)
    assert answer["outcome"] == "captured"
    first, second = events.named("image_captured")
    assert first.data["correlation_id"] == answer["correlation_id"]
    assert second.data["slot_at"] > first.data["slot_at"]
    assert camera.calls == 2
    assert table(hass, "runs")[0]["image_count"] == before + 2


async def test_unloading_in_the_middle_of_a_capture(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, events: Events, media_root: Path
) -> None:
    """It is over at once; who waits for the attempt, or for the next one, is told why there is none."""
    entry = await guarded()
    camera.answer = lambda: asyncio.sleep(30)
    coordinator = entry.runtime_data
    waiting = [
        hass.async_create_task(work)
        for work in (coordinator.async_capture_now(), coordinator.async_evaluate(), coordinator.async_reset_degraded())
    ]
    await asyncio.sleep(0.05)
    started = time.monotonic()
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert time.monotonic() - started < 4
    for task in waiting:
        with pytest.raises(ServiceValidationError) as raised:
            await task
        assert raised.value.translation_key == "entry_not_loaded"
    assert not [event for event in events if "run_" not in event.event_type]
    assert not files(media_root)
    assert not table(hass, "attempts")
    assert camera.calls == 1


@pytest.mark.parametrize("alone", [True, False])
async def test_unloading_in_the_middle_of_a_commit(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    guarded: SetUp,
    media_root: Path,
    monkeypatch: pytest.MonkeyPatch,
    alone: bool,
) -> None:
    """The commit is finished before anything else happens to the camera: no file without a row, nor the reverse."""
    writing = threading.Event()
    real = Storage.write

    def slow(*args: Any) -> str:
        path = real(*args)
        writing.set()
        time.sleep(0.5)
        return path

    if not alone:
        await guarded(entity_id="camera.shed", title="Shed")
    entry = await guarded()
    monkeypatch.setattr(Storage, "write", slow)
    task = hass.async_create_task(entry.runtime_data.async_capture_now())
    await until(writing.is_set)
    await reload(hass, entry)
    with pytest.raises(ServiceValidationError):
        await task
    assert len(files(media_root)) == 1
    assert consistent(hass, media_root)
    assert state(hass, entry, "sensor", "images_captured").state == "1"
    assert state(hass, entry, "sensor", "image_count").state == "1"


@pytest.mark.parametrize("hung", [False, True])
async def test_stopping_home_assistant_in_the_middle_of_a_capture(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    media_root: Path,
    caplog: pytest.LogCaptureFixture,
    hung: bool,
) -> None:
    """Entries are not unloaded then; all the same no thread, timer or half-done frame remains."""
    entry = await set_up(hass, make_entry(hass))
    camera.answer = (lambda: asyncio.sleep(30)) if hung else camera.good
    task = hass.async_create_task(entry.runtime_data.async_capture_now())
    await asyncio.sleep(0.05)
    started = time.monotonic()
    await hass.async_stop(force=True)
    assert time.monotonic() - started < 5
    with pytest.raises(HomeAssistantError) if hung else suppress(HomeAssistantError):
        await task
    assert not [thread for thread in threading.enumerate() if "timelapser" in thread.name]
    assert consistent(hass, media_root)
    assert "still running" not in caplog.text


# Storage


@pytest.mark.parametrize("cause", ["budget", "floor"])
async def test_no_room(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    system_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
    monkeypatch: pytest.MonkeyPatch,
    cause: str,
) -> None:
    await next_slot()
    if cause == "floor":
        monkeypatch.setattr(Storage, "free_bytes", lambda storage: 10**8)
    else:
        hass.config_entries.async_update_entry(system_entry, data={**system_entry.data, "byte_budget": 1e-6})
        await hass.async_block_till_done()
        assert camera_entry.state is ConfigEntryState.LOADED
    await next_slot()
    await next_slot()
    assert state(hass, camera_entry, "sensor", "state").state == "storage_full"
    with pytest.raises(HomeAssistantError) as raised:
        await camera_entry.runtime_data.async_capture_now()
    assert raised.value.translation_key == "code_tl_fs_001"
    assert len(files(media_root)) == len(events.named("image_captured")) == 1
    if cause == "floor":
        monkeypatch.undo()
    else:
        hass.config_entries.async_update_entry(system_entry, data={**system_entry.data, "byte_budget": 1.0})
        await hass.async_block_till_done()
    await next_slot()
    assert state(hass, camera_entry, "sensor", "state").state == "ready"
    assert len(files(media_root)) == 2
    assert missed(hass) == 2


async def test_a_catalogue_that_fails_in_a_slot(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is not an attempt's own trouble ends the slot, not the schedule."""
    from custom_components.timelapser.core.errors import CatalogueError
    from custom_components.timelapser.engine import Engine

    def broken(engine: Engine) -> Any:
        raise CatalogueError(Code.CATALOGUE_LOCKED, "locked")

    with monkeypatch.context() as patched:
        patched.setattr(Engine, "storage_state", broken)
        await next_slot()
    assert "the slot could not be handled: TL-DB-002" in caplog.text
    await next_slot()
    assert [row.outcome for row in await attempts(camera_entry)] == [Outcome.CAPTURED]
