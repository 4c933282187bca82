"""A timelapse with an adaptive interval, through Home Assistant."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import numpy as np
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.core.models import Outcome
from tests.conftest import Events, ScriptedCamera, SetUp, make_entry, timelapse_data
from tests.core import pictures
from tests.ledger import BLACK, attempts, consistent, files, table
from tests.surface import entity_id, state, timelapse_id

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


def minutes_of(hass: HomeAssistant, *, looks: bool = False) -> list[int]:
    """Return the minutes of the hour of the slots that were tried, or of those that were only looked at."""
    rows = [row for row in table(hass, "attempts") if bool(row["probe"]) is looks]
    return [datetime.fromtimestamp(row["slot_at"] / 1000, UTC).minute for row in rows]


def kept_of(hass: HomeAssistant) -> list[int]:
    """Return the minutes of the hour of the slots of all stills."""
    return sorted(datetime.fromtimestamp(row["slot_at"] / 1000, UTC).minute for row in table(hass, "frames"))


def images(hass: HomeAssistant) -> dict[str, int]:
    """Return how many images each timelapse has, by its name."""
    names = {row["seq"]: row["name"] for row in table(hass, "timelapses")}
    return {names[row["timelapse_seq"]]: row["image_count"] for row in table(hass, "runs")}


async def pass_minutes(next_slot: NextSlot, count: int) -> None:
    """Let minutes pass one by one."""
    for _ in range(count):
        await next_slot()


def brighter(percent: float) -> bytes:
    """Return the yard in a little more light."""
    shown = pictures.noisy(pictures.scene("day", 640, 360), 1.5, round(900 + 10 * percent)) * (1 + percent / 100)
    return pictures.jpeg(np.clip(shown, 0, 255).astype(np.uint8))


def visited() -> bytes:
    """Return the yard with somebody in it."""
    shown = pictures.noisy(pictures.scene("day", 640, 360), 1.5, 4711).copy()
    shown[150:250, 260:310] = 10
    return pictures.jpeg(shown)


async def test_a_fixed_interval_is_shown_as_it_is(hass: HomeAssistant, guarded: SetUp, next_slot: NextSlot) -> None:
    entry = await guarded(timelapse_data(interval=60))
    await pass_minutes(next_slot, 10)
    assert pace(hass, entry) == ("60.0", "fixed")
    assert minutes_of(hass) == list(range(1, 11))


async def test_an_unchanged_scene_is_captured_less_often(
    hass: HomeAssistant, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded(timelapse_data(interval=60, adaptive=True))
    assert pace(hass, entry) == ("60.0", "normal")
    await pass_minutes(next_slot, 5)
    assert pace(hass, entry) == ("120.0", "unchanged")
    await pass_minutes(next_slot, 23)
    assert minutes_of(hass) == [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 28]
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
    assert minutes_of(hass)[-5:] == [16, 17, 18, 19, 20]
    assert table(hass, "cameras")[0]["missed"] == 0


async def test_what_is_passed_over_is_looked_at(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot, events: Events, media_root: Path
) -> None:
    """Nothing is kept of a picture that shows no change, and nothing is counted but the camera's health."""
    entry = await guarded(timelapse_data(interval=60, adaptive=True))
    await pass_minutes(next_slot, 12)
    stored, captured, shown = files(media_root), minutes_of(hass), next_capture(hass, entry)
    await pass_minutes(next_slot, 3)
    assert minutes_of(hass, looks=True) == [7, 9, 11, 13, 14, 15]
    assert camera.calls == 15
    assert minutes_of(hass) == kept_of(hass) == captured == [1, 2, 3, 4, 5, 6, 8, 10, 12]
    assert files(media_root) == stored
    assert len(events) == 1 + len(events.named("image_captured")) == 1 + len(captured)
    assert images(hass) == {"Garden": 9}
    assert pace(hass, entry) == ("240.0", "unchanged")
    assert shown == timedelta(minutes=3, seconds=30)
    assert next_capture(hass, entry) == timedelta(seconds=30)
    assert state(hass, entry, "sensor", "images_captured").state == "9"
    assert table(hass, "cameras")[0]["missed"] == 0


async def test_a_change_that_is_seen_in_between_is_kept(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot, events: Events, media_root: Path
) -> None:
    entry = await guarded(timelapse_data(interval=60, adaptive=True))
    await pass_minutes(next_slot, 12)
    sent = visited()
    camera.answer = sent
    events.clear()
    await pass_minutes(next_slot, 1)
    assert camera.calls == 13
    assert minutes_of(hass)[-2:] == kept_of(hass)[-2:] == [12, 13]
    assert minutes_of(hass, looks=True) == [7, 9, 11]
    [told] = events
    assert told.event_type == f"{DOMAIN}_image_captured"
    assert told.data["timelapse_ids"] == [timelapse_id(entry)]
    assert told.data["slot_at"].endswith(":13:00+00:00")
    assert consistent(hass, media_root)
    [written] = [path for path in files(media_root, "frames") if told.data["frame_id"] in path.name]
    scan = sent[sent.index(b"\xff\xda") :]
    assert written.read_bytes().endswith(scan)
    assert pace(hass, entry) == ("60.0", "normal")
    assert next_capture(hass, entry) == timedelta(seconds=30)
    assert state(hass, entry, "sensor", "images_captured").state == "10"
    camera.answer = camera.good
    await pass_minutes(next_slot, 2)
    assert minutes_of(hass)[-3:] == [13, 14, 15], "the pace follows"
    assert table(hass, "cameras")[0]["missed"] == 0


async def test_slow_drift_adds_up_until_it_shows(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    """Each picture is compared with the last kept one, not with the last one."""
    await guarded(timelapse_data(interval=60, adaptive=True, slowest=16))
    await pass_minutes(next_slot, 32)
    assert kept_of(hass)[-2:] == [28, 32]
    for percent in (1, 2, 3, 4):
        camera.answer = brighter(percent)
        await next_slot()
    assert minutes_of(hass, looks=True)[-2:] == [33, 34]
    assert kept_of(hass)[-1] == 36


@pytest.mark.parametrize(
    ("options", "battery", "looks"),
    [({}, False, [7, 9, 11, 13]), ({"glance": False}, False, []), ({}, True, [])],
    ids=["on", "off", "battery"],
)
async def test_fetches_are_saved_where_that_is_wanted(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    guarded: SetUp,
    next_slot: NextSlot,
    options: dict[str, bool],
    battery: bool,
    looks: list[int],
) -> None:
    """Without looks in between, what begins in a pause shows in the next picture."""
    entry = make_entry(hass, timelapse_data(interval=60, adaptive=True, **options))
    hass.config_entries.async_update_entry(entry, data={**entry.data, "battery": battery})
    await guarded(entry=entry)
    await pass_minutes(next_slot, 13)
    assert minutes_of(hass) == [1, 2, 3, 4, 5, 6, 8, 10, 12]
    assert minutes_of(hass, looks=True) == looks
    assert camera.calls == 9 + len(looks)
    camera.answer = visited
    await pass_minutes(next_slot, 3)
    assert kept_of(hass)[-2:] == ([15, 16] if looks else [12, 16])


@pytest.mark.parametrize("answer", [BLACK, None], ids=["bad", "failed"])
async def test_a_bad_look_brings_the_interval_back_and_keeps_nothing(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    guarded: SetUp,
    next_slot: NextSlot,
    events: Events,
    media_root: Path,
    answer: bytes | None,
) -> None:
    entry = await guarded(timelapse_data(interval=60, adaptive=True), retries=0)
    await pass_minutes(next_slot, 12)
    stored = files(media_root)
    events.clear()
    camera.answer = answer
    await next_slot()
    assert minutes_of(hass, looks=True) == [7, 9, 11, 13]
    assert not events
    assert files(media_root) == stored
    assert pace(hass, entry) == ("60.0", "normal")
    await next_slot()
    assert minutes_of(hass)[-1] == 14
    assert [event.event_type for event in events] == [
        f"{DOMAIN}_{'image_rejected' if answer else 'capture_failed'}",
    ], "a slot tells of it"
    assert (len(files(media_root)) > len(stored)) is (answer is not None)


async def test_two_timelapses_share_a_look(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot, events: Events
) -> None:
    """Who captures gets the frame, and who only looks gets it if it shows a change from the last that it kept."""
    entry = await guarded(
        timelapse_data("Often", 60, adaptive=True), timelapse_data("Seldom", 60, adaptive=True, slowest=16)
    )
    ids = {subentry.title: key for key, subentry in entry.subentries.items()}
    await pass_minutes(next_slot, 32)
    assert images(hass) == {"Often": 14, "Seldom": 14}
    events.clear()
    await pass_minutes(next_slot, 3)
    assert not events, "nobody keeps anything"
    camera.answer = brighter(2)
    await next_slot()
    assert images(hass) == {"Often": 15, "Seldom": 14}
    camera.answer = brighter(3.5)
    await next_slot()
    assert images(hass) == {"Often": 15, "Seldom": 15}
    camera.answer = visited
    await next_slot()
    assert images(hass) == {"Often": 16, "Seldom": 16}
    assert [event.data["timelapse_ids"] for event in events.named("image_captured")] == [
        [ids["Often"]],
        [ids["Seldom"]],
        sorted(ids.values()),
    ]
    assert camera.calls == 38


async def test_a_bad_picture_of_a_slot_is_not_that_of_a_look(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot, events: Events
) -> None:
    entry = await guarded(
        timelapse_data("Seldom", 60, adaptive=True, slowest=4), timelapse_data("Steady", 60), retries=0
    )
    await pass_minutes(next_slot, 12)
    camera.answer = BLACK
    await next_slot()
    [told] = events.named("image_rejected")
    [steady] = [key for key, subentry in entry.subentries.items() if subentry.title == "Steady"]
    assert told.data["timelapse_ids"] == [steady]


async def test_only_slots_of_the_interval_are_looked_at(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    await guarded(timelapse_data(interval=120, adaptive=True, slowest=16, fastest=4))
    for _ in range(4 * 60):
        await next_slot(30)
    looked = minutes_of(hass, looks=True)
    assert looked
    assert all(minute % 2 == 0 for minute in looked)
    assert camera.calls == 60


async def test_what_is_not_ready_is_not_looked_at(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    await guarded(timelapse_data(interval=60, adaptive=True, slowest=16))
    await pass_minutes(next_slot, 33)
    camera._attr_is_on = False
    camera.async_write_ha_state()
    await pass_minutes(next_slot, 2)
    assert camera.calls == 33
    camera._attr_is_on = True
    camera.async_write_ha_state()
    await pass_minutes(next_slot, 1)
    assert minutes_of(hass, looks=True)[-2:] == [33, 36]
    assert camera.calls == 34
    assert table(hass, "cameras")[0]["missed"] == 0


async def test_a_look_that_is_late_is_left_out(
    hass: HomeAssistant, camera: ScriptedCamera, guarded: SetUp, next_slot: NextSlot
) -> None:
    await guarded(timelapse_data(interval=60, adaptive=True))
    await pass_minutes(next_slot, 12)
    await next_slot(2 * 60)
    assert minutes_of(hass, looks=True)[-1] == 11
    await pass_minutes(next_slot, 2)
    assert minutes_of(hass, looks=True)[-1] == 15
    assert minutes_of(hass)[-1] == 16
    assert camera.calls == 14
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
    assert minutes_of(hass)[-1] == 13


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
        (minute, Outcome.REJECTED) for minute in (9, 10, 11, 12, 13)
    ]
    assert minutes_of(hass, looks=True) == [7, 9], "it degrades no later, and then nobody looks in between"
    assert state(hass, entry, "binary_sensor", "degraded").state == "on"
    assert pace(hass, entry) == ("240.0", "degraded")
    camera.answer = camera.good
    await pass_minutes(next_slot, 8)
    assert minutes_of(hass)[-6:] == [16, 17, 18, 19, 20, 22]
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
    assert minutes_of(hass)[-1] == 6


async def test_a_restart_begins_at_the_interval_and_misses_nothing(
    hass: HomeAssistant, guarded: SetUp, next_slot: NextSlot, freezer: FrozenDateTimeFactory
) -> None:
    entry = await guarded(timelapse_data(interval=60, adaptive=True))
    await pass_minutes(next_slot, 13)
    assert minutes_of(hass)[-1] == 12
    await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(timedelta(minutes=1))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert pace(hass, entry) == ("60.0", "normal")
    await next_slot()
    assert minutes_of(hass)[-1] == 15
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
    assert minutes_of(hass)[-1] == 17
    await next_slot(11 * 60)
    assert minutes_of(hass)[-1] == 28
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
    await guarded(timelapse_data(interval=60, adaptive=True), retries=0)
    await pass_minutes(next_slot, 15)
    camera.answer = None
    await pass_minutes(next_slot, 2)
    assert minutes_of(hass)[-2:] == [16, 17]


async def test_a_window_begins_with_its_first_slot_whatever_else_goes_on(
    hass: HomeAssistant, guarded: SetUp, next_slot: NextSlot
) -> None:
    opens = dt_util.now() + timedelta(minutes=5)
    window = {"window": "time", "start": f"{opens:%H:%M}:00", "end": f"{opens + timedelta(minutes=25):%H:%M}:00"}
    await guarded(timelapse_data("Often", 60), timelapse_data("Seldom", 60, adaptive=True, **window))
    await pass_minutes(next_slot, 30)
    before = images(hass)["Seldom"]
    assert before < 25
    await next_slot(24 * 3600 - 27 * 60)
    await pass_minutes(next_slot, 1)
    assert images(hass)["Seldom"] == before
    await pass_minutes(next_slot, 1)
    assert images(hass)["Seldom"] == before + 1


async def test_only_the_adaptive_timelapse_slows_down(hass: HomeAssistant, guarded: SetUp, next_slot: NextSlot) -> None:
    await guarded(timelapse_data("Often", 60), timelapse_data("Seldom", 60, adaptive=True))
    await pass_minutes(next_slot, 16)
    assert minutes_of(hass) == list(range(1, 17))
    assert sorted(run["image_count"] for run in table(hass, "runs")) == [10, 16]
