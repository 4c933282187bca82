"""A timelapse with an adaptive interval, through Home Assistant."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.core.models import Outcome
from tests.conftest import ScriptedCamera, SetUp, timelapse_data
from tests.core import pictures
from tests.ledger import BLACK, attempts, table
from tests.surface import entity_id, state

type NextSlot = Callable[..., Awaitable[None]]


def pace(hass: HomeAssistant, entry: MockConfigEntry) -> tuple[str, str]:
    """Return the interval that is shown, and why it is that."""
    shown = state(hass, entry, "sensor", "effective_interval")
    return shown.state, shown.attributes["reason"]


def next_capture(hass: HomeAssistant, entry: MockConfigEntry) -> timedelta:
    """Return how long it is to the next capture that is shown."""
    at = dt_util.parse_datetime(state(hass, entry, "sensor", "next_capture").state)
    assert at is not None
    return at - dt_util.utcnow()


async def minutes_of(entry: MockConfigEntry) -> list[int]:
    """Return the minutes of the hour of the slots that were tried."""
    return [attempt.slot_at.minute for attempt in await attempts(entry)]


async def pass_minutes(next_slot: NextSlot, count: int) -> None:
    """Let minutes pass one by one."""
    for _ in range(count):
        await next_slot()


def visited() -> bytes:
    """Return the yard with somebody in it."""
    shown = pictures.noisy(pictures.scene("day", 640, 360), 1.5, 4711).copy()
    shown[150:250, 260:310] = 10
    return pictures.jpeg(shown)


async def test_a_fixed_interval_is_shown_as_it_is(hass: HomeAssistant, guarded: SetUp, next_slot: NextSlot) -> None:
    entry = await guarded(timelapse_data(interval=60))
    await pass_minutes(next_slot, 10)
    assert pace(hass, entry) == ("60.0", "fixed")
    assert await minutes_of(entry) == list(range(1, 11))


async def test_an_unchanged_scene_is_captured_less_often(
    hass: HomeAssistant, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded(timelapse_data(interval=60, adaptive=True))
    assert pace(hass, entry) == ("60.0", "normal")
    await pass_minutes(next_slot, 5)
    assert pace(hass, entry) == ("120.0", "unchanged")
    await pass_minutes(next_slot, 23)
    assert await minutes_of(entry) == [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 28]
    assert pace(hass, entry) == ("240.0", "unchanged")
    assert next_capture(hass, entry) == timedelta(minutes=3, seconds=30)
    assert table(hass, "cameras")[0]["missed"] == 0
    assert state(hass, entry, "sensor", "images_captured").state == "13"


async def test_a_change_brings_the_interval_back_at_once(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded(timelapse_data(interval=60, adaptive=True))
    await pass_minutes(next_slot, 12)
    camera.answer = visited
    await pass_minutes(next_slot, 4)
    assert pace(hass, entry) == ("60.0", "normal")
    camera.answer = camera.good
    await pass_minutes(next_slot, 4)
    assert (await minutes_of(entry))[-5:] == [16, 17, 18, 19, 20]
    assert table(hass, "cameras")[0]["missed"] == 0


async def test_a_capture_by_hand_sees_a_change_too(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded(timelapse_data(interval=60, adaptive=True))
    await pass_minutes(next_slot, 12)
    assert next_capture(hass, entry) == timedelta(minutes=3, seconds=30)
    camera.answer = visited
    await hass.services.async_call(
        DOMAIN, "capture_now", {"entity_id": entity_id(hass, entry, "sensor", "health")}, blocking=True
    )
    assert pace(hass, entry) == ("60.0", "normal")
    assert next_capture(hass, entry) == timedelta(seconds=30)
    await pass_minutes(next_slot, 1)
    assert (await minutes_of(entry))[-1] == 13


async def test_much_change_uses_the_finer_grid(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded(timelapse_data(interval=60, adaptive=True, fastest=2))
    bright = pictures.jpeg(pictures.noisy(pictures.scene("day", 640, 360), 1.5, 9) // 2 + 90)
    await pass_minutes(next_slot, 2)
    camera.answer = bright
    await next_slot()
    assert pace(hass, entry) == ("30.0", "changing")
    assert next_capture(hass, entry) == timedelta(0)


async def test_a_degraded_camera_is_left_alone_until_it_recovers(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded(timelapse_data(interval=60, adaptive=True), retries=0)
    await pass_minutes(next_slot, 8)
    camera.answer = BLACK
    await pass_minutes(next_slot, 7)
    tried = await attempts(entry)
    assert [(attempt.slot_at.minute, attempt.outcome) for attempt in tried[-5:]] == [
        (minute, Outcome.REJECTED) for minute in (10, 11, 12, 13, 14)
    ]
    assert state(hass, entry, "binary_sensor", "degraded").state == "on"
    assert pace(hass, entry) == ("240.0", "degraded")
    camera.answer = camera.good
    await pass_minutes(next_slot, 8)
    assert (await minutes_of(entry))[-6:] == [16, 17, 18, 19, 20, 22]
    assert state(hass, entry, "binary_sensor", "degraded").state == "off"


async def test_resetting_a_degraded_camera_ends_the_pause(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded(timelapse_data(interval=60, adaptive=True), retries=0)
    camera.answer = BLACK
    await pass_minutes(next_slot, 5)
    assert pace(hass, entry) == ("240.0", "degraded")
    assert next_capture(hass, entry) == timedelta(minutes=2, seconds=30)
    await hass.services.async_call(
        DOMAIN, "reset_degraded", {"entity_id": entity_id(hass, entry, "sensor", "health")}, blocking=True
    )
    assert next_capture(hass, entry) == timedelta(seconds=30)
    await next_slot()
    assert (await minutes_of(entry))[-1] == 6


async def test_a_restart_begins_at_the_interval_and_misses_nothing(
    hass: HomeAssistant, guarded: SetUp, next_slot: NextSlot, freezer: FrozenDateTimeFactory
) -> None:
    entry = await guarded(timelapse_data(interval=60, adaptive=True))
    await pass_minutes(next_slot, 13)
    assert (await minutes_of(entry))[-1] == 12
    await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(timedelta(minutes=1))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert pace(hass, entry) == ("60.0", "normal")
    await next_slot()
    assert (await minutes_of(entry))[-1] == 15
    assert table(hass, "cameras")[0]["missed"] == 0


async def test_an_outage_counts_but_for_what_may_have_been_passed_over(
    hass: HomeAssistant, guarded: SetUp, next_slot: NextSlot, freezer: FrozenDateTimeFactory
) -> None:
    entry = await guarded(timelapse_data(interval=60, adaptive=True))
    await pass_minutes(next_slot, 4)
    await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(timedelta(hours=1))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await next_slot()
    assert table(hass, "cameras")[0]["missed"] == 60 - 3


async def test_a_sleep_counts_by_the_pace(hass: HomeAssistant, guarded: SetUp, next_slot: NextSlot) -> None:
    entry = await guarded(timelapse_data(interval=60, adaptive=True))
    await pass_minutes(next_slot, 12)
    assert next_capture(hass, entry) == timedelta(minutes=3, seconds=30)
    await next_slot(5 * 60)
    assert (await minutes_of(entry))[-1] == 17
    await next_slot(11 * 60)
    assert (await minutes_of(entry))[-1] == 28
    await next_slot()
    assert table(hass, "cameras")[0]["missed"] == 2
    assert pace(hass, entry) == ("240.0", "unchanged")


async def test_a_bad_picture_for_another_timelapse_counts_too(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded(timelapse_data("Seldom", 60, adaptive=True), timelapse_data("Often", 60), retries=0)
    await pass_minutes(next_slot, 12)
    assert pace(hass, entry) == ("240.0", "unchanged")
    camera.answer = BLACK
    await next_slot()
    assert pace(hass, entry) == ("60.0", "normal")
    assert next_capture(hass, entry) == timedelta(seconds=30)


async def test_a_picture_that_does_not_come_brings_the_interval_back(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded(timelapse_data(interval=60, adaptive=True), retries=0)
    await pass_minutes(next_slot, 15)
    camera.answer = None
    await pass_minutes(next_slot, 2)
    assert (await minutes_of(entry))[-2:] == [16, 17]


async def test_only_the_adaptive_timelapse_slows_down(hass: HomeAssistant, guarded: SetUp, next_slot: NextSlot) -> None:
    entry = await guarded(timelapse_data("Often", 60), timelapse_data("Seldom", 60, adaptive=True))
    await pass_minutes(next_slot, 16)
    assert await minutes_of(entry) == list(range(1, 17))
    assert sorted(run["image_count"] for run in table(hass, "runs")) == [10, 16]
