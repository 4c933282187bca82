"""Looks between the slots: they settle an alarm soon, see a recovery, and keep nothing."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import CONF_WINDOW, CONF_WINDOW_END, CONF_WINDOW_START
from tests.conftest import Events, ScriptedCamera, SetUp, make_entry, timelapse_data
from tests.ledger import BLACK, attempts, files, table
from tests.surface import entity_id, state

type NextSlot = Callable[..., Awaitable[None]]
type Pass = Callable[[float], Awaitable[None]]

MINUTE = 60
HOUR = 3600


@pytest.fixture
def guarded(hass: HomeAssistant, guarded: SetUp, freezer: FrozenDateTimeFactory) -> SetUp:
    """Return what sets up an entry at half a minute past the hour, to be unloaded at the end."""

    async def guard(*timelapses: ConfigSubentryData, battery: bool = False, **options: Any) -> MockConfigEntry:
        entry = make_entry(hass, *(timelapses or [timelapse_data(interval=HOUR)]), retries=0, **options)
        hass.config_entries.async_update_entry(entry, data={**entry.data, "battery": battery})
        return await guarded(entry=entry)

    return guard


@pytest.fixture
def minutes(next_slot: NextSlot) -> Pass:
    """Return what lets minutes pass, each by itself."""

    async def pass_by(count: float) -> None:
        for _ in range(int(count)):
            await next_slot(MINUTE)

    return pass_by


async def at_the_slot(next_slot: NextSlot) -> None:
    """Wait for the full hour."""
    await next_slot(HOUR - dt_util.utcnow().timestamp() % HOUR)


async def since_the_first(entry: MockConfigEntry) -> list[int]:
    """Return the minutes of the attempts since the first one."""
    done = await attempts(entry)
    return [round((row.started_at - done[0].started_at) / timedelta(minutes=1)) for row in done]


async def test_a_bad_picture_is_confirmed_within_a_quarter_of_an_hour(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    guarded: SetUp,
    events: Events,
    next_slot: NextSlot,
    minutes: Pass,
    media_root: Path,
) -> None:
    entry = await guarded()
    camera.answer = BLACK
    await at_the_slot(next_slot)
    await minutes(10)
    assert state(hass, entry, "binary_sensor", "degraded").state == "off"
    await minutes(1)
    assert state(hass, entry, "binary_sensor", "degraded").state == "on"
    assert await since_the_first(entry) == [0, 1, 3, 7, 11]
    assert [event.event_type for event in events] == [
        "timelapser_run_started",
        "timelapser_image_rejected",
        "timelapser_camera_degraded",
    ]
    assert len(files(media_root, "quarantine")) == 1, "of the slot alone"
    assert not files(media_root, "frames")
    assert state(hass, entry, "sensor", "images_rejected").state == "1"
    (row,) = table(hass, "incidents")
    assert (row["bad"], row["lost"]) == (5, 1)


async def test_a_missing_answer_is_confirmed_too(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, events: Events, next_slot: NextSlot, minutes: Pass
) -> None:
    entry = await guarded()
    camera.answer = None
    await at_the_slot(next_slot)
    await minutes(11)
    assert state(hass, entry, "sensor", "health").state == "offline"
    assert len(events.named("capture_failed")) == 1
    assert len(events.named("camera_offline")) == 1
    assert (await since_the_first(entry))[:5] == [0, 1, 3, 7, 11]


async def test_two_good_pictures_settle_it(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot, minutes: Pass, media_root: Path
) -> None:
    entry = await guarded()
    camera.answer = BLACK
    await at_the_slot(next_slot)
    await minutes(1)
    camera.answer = camera.good
    await minutes(58)
    assert await since_the_first(entry) == [0, 1, 3, 4]
    await minutes(1)
    assert await since_the_first(entry) == [0, 1, 3, 4, 60]
    assert len(files(media_root, "frames")) == 1


@pytest.mark.parametrize("interval", [MINUTE, 3 * MINUTE])
async def test_short_intervals_need_no_looks(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    guarded: SetUp,
    next_slot: NextSlot,
    minutes: Pass,
    interval: int,
) -> None:
    entry = await guarded(timelapse_data(interval=interval))
    camera.answer = BLACK
    await at_the_slot(next_slot)
    await minutes(18)
    assert await since_the_first(entry) == list(range(0, 19, interval // MINUTE))
    assert all(not row["probe"] for row in table(hass, "attempts"))


async def test_five_minutes_are_too_long_to_wait_for_five_slots(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot, minutes: Pass
) -> None:
    entry = await guarded(timelapse_data(interval=5 * MINUTE))
    camera.answer = BLACK
    await at_the_slot(next_slot)
    await minutes(9)
    assert state(hass, entry, "binary_sensor", "degraded").state == "on"
    assert await since_the_first(entry) == [0, 1, 3, 5, 9]


async def test_a_degraded_camera_is_seen_to_recover(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, events: Events, next_slot: NextSlot, minutes: Pass
) -> None:
    entry = await guarded(timelapse_data(interval=12 * HOUR))
    camera.answer = BLACK
    await next_slot(12 * HOUR - (dt_util.now() - dt_util.start_of_local_day()).total_seconds() % (12 * HOUR))
    await minutes(11 + 15)
    assert await since_the_first(entry) == [0, 1, 3, 7, 11, 26]
    camera.answer = camera.good
    await minutes(4 * 15)
    assert state(hass, entry, "binary_sensor", "degraded").state == "on"
    await minutes(15)
    assert state(hass, entry, "binary_sensor", "degraded").state == "off"
    assert len(events.named("camera_recovered")) == 1
    assert not events.named("image_captured")
    await minutes(60)
    assert len(await attempts(entry)) == 11, "and then its slots are enough again"


async def test_a_battery_is_spared(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot, minutes: Pass
) -> None:
    entry = await guarded(battery=True)
    camera.answer = BLACK
    await at_the_slot(next_slot)
    await minutes(59)
    assert len(await attempts(entry)) == 1


async def test_a_paused_timelapse_asks_for_no_look(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot, minutes: Pass
) -> None:
    entry = await guarded()
    camera.answer = BLACK
    await at_the_slot(next_slot)
    switch = {"entity_id": entity_id(hass, entry, "switch", "recording")}
    await hass.services.async_call("switch", "turn_off", switch, blocking=True)
    await minutes(30)
    assert len(await attempts(entry)) == 1


async def test_nor_does_one_whose_window_is_closed(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot, minutes: Pass
) -> None:
    zone = dt_util.get_default_time_zone()
    end = (dt_util.utcnow() + timedelta(hours=1, minutes=5)).astimezone(zone)
    start = end - timedelta(hours=2)
    window = {CONF_WINDOW: "time", CONF_WINDOW_START: f"{start:%H:%M}:00", CONF_WINDOW_END: f"{end:%H:%M}:00"}
    entry = await guarded(timelapse_data(interval=HOUR, **window))
    camera.answer = BLACK
    await at_the_slot(next_slot)
    await minutes(59)
    assert await since_the_first(entry) == [0, 1, 3]


async def test_unloading_in_between_leaves_no_timer(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot, minutes: Pass
) -> None:
    entry = await guarded()
    camera.answer = BLACK
    await at_the_slot(next_slot)
    assert camera.calls == 1
    assert await hass.config_entries.async_unload(entry.entry_id)
    await minutes(20)
    assert camera.calls == 1
