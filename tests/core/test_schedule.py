"""Slots and windows, held against wall clocks, brute force and the calendar."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st
import pytest
from timelapser_core.localtime import day_of, day_start, instant
from timelapser_core.models import Reason, Schedule, Window, WindowKind
from timelapser_core.schedule import (
    HORIZON,
    MAX_INTERVAL,
    MAX_SUN_OFFSET,
    MIN_INTERVAL,
    ScheduleError,
    SunDay,
    count_slots,
    next_slot,
    validate,
    window_state,
)

BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
KOLKATA = ZoneInfo("Asia/Kolkata")
APIA = ZoneInfo("Pacific/Apia")
HAVANA = ZoneInfo("America/Havana")
ST_JOHNS = ZoneInfo("America/St_Johns")
OSLO = ZoneInfo("Europe/Oslo")
ZONES = (BERLIN, LORD_HOWE, KOLKATA, APIA, HAVANA, ST_JOHNS)

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICK = timedelta.resolution


def no_sun(day):
    """Fail when the sun is asked for a window that has nothing to do with it."""
    raise AssertionError(f"the sun was asked for {day}")


def clock(start, end):
    """Return a window by the clock from two HH:MM texts."""
    return Window(kind=WindowKind.TIME, start=time.fromisoformat(start), end=time.fromisoformat(end))


def utc(text):
    """Return an instant in UTC from a text without an offset."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text, tz, fold=0):
    """Return the instant in UTC of a local wall-clock text."""
    return datetime.fromisoformat(text).replace(tzinfo=tz, fold=fold).astimezone(UTC)


def slots_between(schedule, start, end, tz, sun=no_sun):
    """Walk through the slots in (start, end] with next_slot."""
    found = []
    slot = next_slot(schedule, start, tz, sun)
    while slot is not None and slot.at <= end:
        found.append(slot.at)
        slot = next_slot(schedule, slot.at, tz, sun)
    return found


def day_count(schedule, day, tz, sun=no_sun):
    """Count the slots of a local date, its midnight included."""
    return count_slots(schedule, day_start(day, tz) - TICK, day_start(day + DAY, tz) - TICK, tz, sun)


# The days of clock changes


@pytest.mark.parametrize(
    ("tz", "day", "expected"),
    [
        (BERLIN, date(2026, 3, 29), 1380),
        (BERLIN, date(2026, 10, 25), 1500),
        (LORD_HOWE, date(2026, 10, 4), 1410),
        (LORD_HOWE, date(2026, 4, 5), 1470),
        (KOLKATA, date(2026, 3, 29), 1440),
        (KOLKATA, date(2026, 10, 25), 1440),
        (KOLKATA, date(2026, 10, 4), 1440),
        (KOLKATA, date(2026, 4, 5), 1440),
        (APIA, date(2011, 12, 29), 1440),
        (APIA, date(2011, 12, 30), 0),
        (APIA, date(2011, 12, 31), 1440),
        (APIA, date(2026, 3, 29), 1440),
    ],
)
def test_a_minute_interval_has_a_slot_for_every_minute_of_the_day(tz, day, expected):
    schedule = Schedule(interval=MINUTE)
    assert day_count(schedule, day, tz) == expected
    walked = slots_between(schedule, day_start(day, tz) - TICK, day_start(day + DAY, tz) - TICK, tz)
    assert len(walked) == expected
    assert all(later - earlier == MINUTE for earlier, later in pairwise(walked))


@pytest.mark.parametrize(
    ("tz", "middle"),
    [
        (BERLIN, date(2026, 3, 29)),
        (BERLIN, date(2026, 10, 25)),
        (LORD_HOWE, date(2026, 10, 4)),
        (LORD_HOWE, date(2026, 4, 5)),
        (KOLKATA, date(2026, 3, 29)),
        (APIA, date(2011, 12, 30)),
        (HAVANA, date(2026, 3, 8)),
        (HAVANA, date(2026, 11, 1)),
        (ST_JOHNS, date(2010, 11, 7)),
    ],
)
@pytest.mark.parametrize(
    "window",
    [Window(), clock("02:30", "02:40"), clock("00:00", "00:10"), clock("01:45", "05:00"), clock("23:00", "02:15")],
)
def test_a_daily_capture_happens_exactly_once_on_every_existing_date(tz, middle, window):
    schedule = Schedule(interval=DAY, window=window)
    first = middle - 5 * DAY
    start, end = day_start(first, tz) - TICK, day_start(middle + 5 * DAY, tz) - TICK
    existing = [day for day in (first + n * DAY for n in range(10)) if day_start(day, tz) < day_start(day + DAY, tz)]
    slots = slots_between(schedule, start, end, tz)
    assert [day_of(slot, tz) for slot in slots] == existing
    assert count_slots(schedule, start, end, tz, no_sun) == len(existing)
    assert all(window_state(window, slot, tz, no_sun).open for slot in slots)


def test_every_midnight_is_a_slot_and_the_grid_is_anew_on_it():
    schedule = Schedule(interval=6 * HOUR)
    found = slots_between(schedule, wall("2026-03-28T23:00", BERLIN), wall("2026-03-30T01:00", BERLIN), BERLIN)
    assert [f"{slot.astimezone(BERLIN):%d %H:%M}" for slot in found] == [
        "29 00:00",
        "29 07:00",
        "29 13:00",
        "29 19:00",
        "30 00:00",
    ]


def test_an_uneven_interval_keeps_its_pace_over_midnight_and_clock_changes():
    schedule = Schedule(interval=timedelta(seconds=420.5))
    found = slots_between(schedule, utc("2026-03-28T20:00"), utc("2026-03-29T20:00"), BERLIN)
    assert len(found) in (205, 206)
    assert all(later - earlier == schedule.interval for earlier, later in pairwise(found))
    assert (found[0] - utc("1970-01-01T00:00")) % schedule.interval == timedelta()


# Windows by the clock


@pytest.mark.parametrize(
    ("window", "opens", "closes"),
    [
        (clock("08:00", "17:00"), "2026-06-10T08:00", "2026-06-10T17:00"),
        (clock("22:00", "06:00"), "2026-06-10T22:00", "2026-06-11T06:00"),
        (clock("12:00", "00:00"), "2026-06-10T12:00", "2026-06-11T00:00"),
        (clock("00:00", "12:00"), "2026-06-10T00:00", "2026-06-10T12:00"),
    ],
)
def test_the_start_of_a_window_is_inside_and_its_end_is_not(window, opens, closes):
    opening, closing = wall(opens, BERLIN), wall(closes, BERLIN)
    before = window_state(window, opening - TICK, BERLIN, no_sun)
    assert (before.open, before.reason, before.changes_at) == (False, Reason.OUTSIDE_WINDOW, opening)
    for inside in (opening, closing - TICK):
        state = window_state(window, inside, BERLIN, no_sun)
        assert (state.open, state.reason, state.changes_at) == (True, Reason.READY, closing)
    assert not window_state(window, closing, BERLIN, no_sun).open
    hourly = Schedule(interval=HOUR, window=window)
    assert next_slot(hourly, opening - TICK, BERLIN, no_sun).at == opening
    assert next_slot(hourly, closing - HOUR, BERLIN, no_sun).at == opening + DAY


def test_a_window_that_never_closes_never_changes():
    state = window_state(Window(), utc("2026-06-10T08:00"), BERLIN, no_sun)
    assert (state.open, state.reason, state.changes_at) == (True, Reason.READY, None)


def test_a_window_whose_ends_are_skipped_by_the_clock_moves_behind_the_gap():
    gap_end = utc("2026-03-29T01:00")
    starts_in_gap = window_state(clock("02:30", "05:00"), gap_end, BERLIN, no_sun)
    assert (starts_in_gap.open, starts_in_gap.changes_at) == (True, wall("2026-03-29T05:00", BERLIN))
    assert not window_state(clock("02:30", "05:00"), gap_end - TICK, BERLIN, no_sun).open
    ends_in_gap = window_state(clock("00:30", "02:30"), gap_end - TICK, BERLIN, no_sun)
    assert (ends_in_gap.open, ends_in_gap.changes_at) == (True, gap_end)
    swallowed = window_state(clock("02:10", "02:40"), gap_end, BERLIN, no_sun)
    assert (swallowed.open, swallowed.changes_at) == (True, gap_end + 30 * MINUTE)


def test_a_window_around_a_repeated_hour_holds_both_of_its_passes():
    first, second = wall("2026-10-25T02:30", BERLIN), wall("2026-10-25T02:30", BERLIN, fold=1)
    assert second - first == HOUR
    ends = window_state(clock("00:30", "02:30"), first, BERLIN, no_sun)
    assert (ends.open, ends.changes_at) == (True, second)
    starts = window_state(clock("02:30", "05:00"), first - TICK, BERLIN, no_sun)
    assert (starts.open, starts.changes_at) == (False, first)
    assert window_state(clock("02:30", "05:00"), second - 45 * MINUTE, BERLIN, no_sun).open


def test_windows_of_two_days_that_overlap_in_a_repeated_hour_give_each_slot_once():
    schedule = Schedule(interval=5 * MINUTE, window=clock("02:30", "02:15"))
    start, end = wall("2026-10-24T12:00", BERLIN), wall("2026-10-25T12:00", BERLIN)
    found = slots_between(schedule, start, end, BERLIN)
    assert found == sorted(set(found))
    assert len(found) == count_slots(schedule, start, end, BERLIN, no_sun) == 25 * 12


def test_an_overnight_window_runs_across_the_date_that_apia_skipped():
    window = clock("22:00", "06:00")
    opening, closing = wall("2011-12-29T22:00", APIA), wall("2011-12-31T06:00", APIA)
    assert closing - opening == 8 * HOUR
    state = window_state(window, opening, APIA, no_sun)
    assert (state.open, state.changes_at) == (True, closing)
    assert count_slots(Schedule(interval=HOUR, window=window), opening - TICK, closing, APIA, no_sun) == 8


def test_a_date_that_apia_skipped_has_no_window():
    window = clock("10:00", "12:00")
    state = window_state(window, wall("2011-12-29T12:00", APIA), APIA, no_sun)
    assert (state.open, state.changes_at) == (False, wall("2011-12-31T10:00", APIA))
    assert state.changes_at - wall("2011-12-29T12:00", APIA) == 22 * HOUR


def test_a_rare_interval_with_a_short_window_captures_at_the_opening():
    schedule = Schedule(interval=6 * HOUR, window=clock("13:15", "13:45"))
    found = slots_between(schedule, wall("2026-06-10T00:00", BERLIN), wall("2026-06-13T00:00", BERLIN), BERLIN)
    assert [f"{slot.astimezone(BERLIN):%d %H:%M}" for slot in found] == ["10 13:15", "11 13:15", "12 13:15"]


def test_a_window_with_an_aligned_slot_gets_none_at_its_opening():
    schedule = Schedule(interval=6 * HOUR, window=clock("11:15", "13:45"))
    found = slots_between(schedule, wall("2026-06-10T00:00", BERLIN), wall("2026-06-11T00:00", BERLIN), BERLIN)
    assert [f"{slot.astimezone(BERLIN):%d %H:%M}" for slot in found] == ["10 12:00"]


def test_an_interval_of_a_day_and_a_half_does_not_starve_beside_its_window():
    schedule = Schedule(interval=36 * HOUR, window=clock("15:00", "16:00"))
    start, end = utc("2026-06-01T00:00"), utc("2026-07-01T00:00")
    found = slots_between(schedule, start, end, UTC)
    assert len(found) == count_slots(schedule, start, end, UTC, no_sun) == 20
    assert {later - earlier for earlier, later in pairwise(found)} == {DAY, 2 * DAY}


# Whole days


@pytest.mark.parametrize("days", [1, 2, 3, 7])
def test_whole_day_intervals_keep_their_step_over_leap_days_and_years(days):
    schedule = Schedule(interval=timedelta(days=days), window=clock("12:00", "13:00"))
    start = wall("2028-02-20T00:00", BERLIN)
    found = [slot.astimezone(BERLIN) for slot in slots_between(schedule, start, start + 30 * DAY, BERLIN)]
    assert {slot.time() for slot in found} == {time(12)}
    assert {(later.date() - earlier.date()).days for earlier, later in pairwise(found)} == {days}
    assert (date(2028, 2, 29) in {slot.date() for slot in found}) == (date(2028, 2, 29).toordinal() % days == 0)


def test_an_interval_of_whole_days_without_a_window_falls_on_local_midnight():
    schedule = Schedule(interval=2 * DAY)
    found = slots_between(schedule, utc("2026-03-20T00:00"), utc("2026-04-05T00:00"), BERLIN)
    assert len(found) == 8
    assert {slot.astimezone(BERLIN).time() for slot in found} == {time(0)}


# Jumps of the clock


@pytest.mark.parametrize("jump", [HOUR, -HOUR, DAY, -DAY, -20_000 * DAY, 400 * DAY])
def test_a_jump_of_the_clock_lands_on_the_same_grid(jump):
    schedule = Schedule(interval=10 * MINUTE, window=clock("08:00", "20:00"))
    now = wall("2026-06-10T12:03", BERLIN)
    slot = next_slot(schedule, now + jump, BERLIN, no_sun).at
    assert slot > now + jump
    assert slot - (now + jump) <= 13 * HOUR
    assert slot in slots_between(schedule, slot - DAY, slot + DAY, BERLIN)


def test_going_back_over_a_slot_gives_the_very_same_instant_again():
    schedule = Schedule(interval=timedelta(seconds=7))
    slot = next_slot(schedule, utc("2026-06-10T12:00"), BERLIN, no_sun)
    assert next_slot(schedule, slot.at - TICK, BERLIN, no_sun) == slot


def test_a_clock_that_runs_backwards_counts_no_slots():
    schedule = Schedule(interval=MINUTE)
    assert count_slots(schedule, utc("2026-06-10T12:00"), utc("2026-06-10T11:00"), BERLIN, no_sun) == 0
    assert count_slots(schedule, utc("2026-06-10T12:00"), utc("2026-06-10T12:00"), BERLIN, no_sun) == 0


def test_counting_includes_the_end_and_not_the_start():
    schedule = Schedule(interval=HOUR)
    assert count_slots(schedule, utc("2026-06-10T12:00"), utc("2026-06-10T14:00"), UTC, no_sun) == 2
    assert next_slot(schedule, utc("2026-06-10T12:00"), UTC, no_sun).at == utc("2026-06-10T13:00")


def test_a_year_of_the_shortest_interval_is_counted_by_days_not_by_slots():
    asked = []

    def sun(day):
        asked.append(day)
        return SunDay(day_start(day, BERLIN) + 6 * HOUR, day_start(day, BERLIN) + 18 * HOUR)

    start, end = wall("2026-01-01T00:00", BERLIN), wall("2027-01-01T00:00", BERLIN)
    assert count_slots(Schedule(interval=MIN_INTERVAL), start, end, BERLIN, no_sun) == 365 * 17_280
    window = Window(kind=WindowKind.SUN)
    assert count_slots(Schedule(interval=MIN_INTERVAL, window=window), start, end, BERLIN, sun) == 365 * 8_640
    assert len(asked) < 400


def test_the_slot_after_the_next_bounds_the_attempt():
    schedule = Schedule(interval=30 * MINUTE, window=clock("08:00", "09:00"))
    slot = next_slot(schedule, wall("2026-06-10T08:10", BERLIN), BERLIN, no_sun)
    assert (slot.at, slot.following) == (wall("2026-06-10T08:30", BERLIN), wall("2026-06-11T08:00", BERLIN))


def test_instants_of_another_zone_are_taken_as_the_instants_they_are():
    schedule = Schedule(interval=HOUR, window=clock("08:00", "12:00"))
    after = wall("2026-03-29T00:30", BERLIN)
    local = next_slot(schedule, after.astimezone(BERLIN), BERLIN, no_sun)
    assert local == next_slot(schedule, after, BERLIN, no_sun)
    assert local.at.tzinfo is UTC


# The sun


def sun_table(entries, default):
    """Return SunTimes of a table of (sunrise, sunset) in HH:MM UTC, "up" or "down" by date."""

    def sun(day):
        entry = entries.get(day, default)
        if entry in ("up", "down"):
            return SunDay(None, None, up_all_day=entry == "up")
        return SunDay(
            *(entry_time and datetime.combine(day, time.fromisoformat(entry_time), UTC) for entry_time in entry)
        )

    return sun


SUN = Window(kind=WindowKind.SUN)


def test_a_window_by_the_sun_moves_with_its_offsets():
    window = Window(kind=WindowKind.SUN, sunrise_offset=-HOUR, sunset_offset=30 * MINUTE)
    sun = sun_table({}, ("05:00", "19:00"))
    state = window_state(window, utc("2026-06-10T03:59"), UTC, sun)
    assert (state.open, state.reason, state.changes_at) == (False, Reason.OUTSIDE_WINDOW, utc("2026-06-10T04:00"))
    assert window_state(window, utc("2026-06-10T04:00"), UTC, sun).changes_at == utc("2026-06-10T19:30")


def test_offsets_that_leave_nothing_of_a_short_day_keep_the_window_closed():
    window = Window(kind=WindowKind.SUN, sunrise_offset=2 * HOUR, sunset_offset=-2 * HOUR)
    sun = sun_table({date(2026, 12, 22): ("07:00", "13:00")}, ("10:00", "13:00"))
    state = window_state(window, utc("2026-12-21T11:30"), UTC, sun)
    assert (state.open, state.reason, state.changes_at) == (False, Reason.OUTSIDE_WINDOW, utc("2026-12-22T09:00"))


def test_offsets_that_overlap_the_next_day_leave_the_window_open():
    window = Window(kind=WindowKind.SUN, sunrise_offset=-6 * HOUR, sunset_offset=6 * HOUR)
    schedule = Schedule(interval=HOUR, window=window)
    sun = sun_table({}, ("05:00", "19:00"))
    assert window_state(window, utc("2026-06-10T00:00"), UTC, sun).changes_at is None
    found = slots_between(schedule, utc("2026-06-10T00:00"), utc("2026-06-12T00:00"), UTC, sun)
    assert len(found) == count_slots(schedule, utc("2026-06-10T00:00"), utc("2026-06-12T00:00"), UTC, sun) == 48


def test_offsets_that_meet_in_one_instant_leave_no_slot():
    window = Window(kind=WindowKind.SUN, sunrise_offset=6 * HOUR, sunset_offset=-6 * HOUR)
    sun = sun_table({date(2026, 6, 12): ("05:00", "18:00")}, ("06:00", "18:00"))
    for interval in (MINUTE, DAY):
        slot = next_slot(Schedule(interval=interval, window=window), utc("2026-06-10T00:00"), UTC, sun)
        assert slot.at == utc("2026-06-12T11:00")


def test_a_window_that_opens_before_its_own_midnight_is_counted_from_there():
    window = Window(kind=WindowKind.SUN, sunrise_offset=-6 * HOUR)
    schedule = Schedule(interval=10 * MINUTE, window=window)
    sun = sun_table({}, ("05:00", "19:00"))
    assert count_slots(schedule, utc("2026-06-10T20:00"), utc("2026-06-10T23:30"), UTC, sun) == 4


def test_a_window_that_goes_on_over_midnight_is_no_new_opening():
    schedule = Schedule(interval=7 * HOUR, window=SUN)
    for length in range(1, 8):
        last = date(2026, 6, 1) + length * DAY
        sun = sun_table({date(2026, 6, 1) + n * DAY: "up" for n in range(length)} | {last: (None, "02:00")}, "down")
        found = slots_between(schedule, utc("2026-06-01T00:00"), utc("2026-07-01T00:00"), UTC, sun)
        assert {(slot - utc("1970-01-01T00:00")) % schedule.interval for slot in found} == {timedelta()}


def test_the_next_slot_does_not_depend_on_when_it_is_asked_for():
    schedule = Schedule(interval=150 * HOUR, window=SUN)
    for dark in range(7):
        first = date(2026, 6, 3) + dark * DAY
        sun = sun_table({first + n * DAY: "down" for n in range(4)}, ("05:00", "19:00"))
        walked = slots_between(schedule, utc("2026-06-01T00:00"), utc("2026-07-01T00:00"), UTC, sun)
        for hours in range(0, 20 * 24, 7):
            after = utc("2026-06-01T00:00") + hours * HOUR
            assert next_slot(schedule, after, UTC, sun).at == next(slot for slot in walked if slot > after)


def test_the_polar_night_is_closed_with_its_own_reason_until_the_sun_returns():
    night = {date(2026, 11, 27) + n * DAY: "down" for n in range(50)}
    sun = sun_table(night, ("10:30", "11:30"))
    state = window_state(SUN, utc("2026-12-21T12:00"), OSLO, sun)
    back = utc("2027-01-16T10:30")
    assert (state.open, state.reason, state.changes_at) == (False, Reason.NO_SUN_EVENT, back)
    assert next_slot(Schedule(interval=DAY, window=SUN), utc("2026-12-01T12:00"), OSLO, sun).at == back
    assert next_slot(Schedule(interval=23 * HOUR, window=SUN), utc("2026-12-01T12:00"), OSLO, sun).at == back
    assert count_slots(Schedule(interval=MINUTE, window=SUN), utc("2026-12-01T00:00"), back, OSLO, sun) == 1


def test_a_sun_that_never_rises_gives_no_slot_at_all():
    sun = sun_table({}, "down")
    assert next_slot(Schedule(interval=HOUR, window=SUN), utc("2026-12-01T12:00"), OSLO, sun) is None
    assert window_state(SUN, utc("2026-12-01T12:00"), OSLO, sun).changes_at is None


def test_the_polar_day_is_open_all_day_without_a_break():
    summer = {date(2026, 5, 20) + n * DAY: "up" for n in range(60)}
    sun = sun_table(summer, ("01:00", "21:00"))
    state = window_state(SUN, utc("2026-06-10T22:30"), OSLO, sun)
    end = day_start(date(2026, 7, 19), OSLO)
    assert (state.open, state.reason, state.changes_at) == (True, Reason.READY, end)
    schedule = Schedule(interval=MINUTE, window=SUN)
    assert day_count(schedule, date(2026, 6, 10), OSLO, sun) == 1440
    assert day_count(Schedule(interval=DAY, window=SUN), date(2026, 6, 10), OSLO, sun) == 1
    assert day_count(Schedule(interval=2 * DAY, window=SUN), date(2026, 6, 10), OSLO, sun) in (0, 1)


def test_a_sunset_after_midnight_ends_the_day_before():
    sun = sun_table(
        {
            date(2026, 5, 13): ("00:30", "23:50"),
            date(2026, 5, 14): ("00:20", None),
            date(2026, 5, 15): ("00:15", "00:05"),
            date(2026, 5, 16): (None, "00:08"),
        },
        "up",
    )
    schedule = Schedule(interval=MINUTE, window=SUN)
    assert window_state(SUN, utc("2026-05-13T12:00"), UTC, sun).changes_at == utc("2026-05-13T23:50")
    assert window_state(SUN, utc("2026-05-14T12:00"), UTC, sun).changes_at == utc("2026-05-15T00:05")
    assert not window_state(SUN, utc("2026-05-15T00:10"), UTC, sun).open
    assert window_state(SUN, utc("2026-05-15T12:00"), UTC, sun).changes_at == utc("2026-05-16T00:08")
    assert day_count(schedule, date(2026, 5, 15), UTC, sun) == 5 + 24 * 60 - 15


def test_a_sunset_that_is_missing_altogether_ends_the_window_at_midnight():
    sun = sun_table({date(2026, 5, 14): ("00:20", None), date(2026, 5, 15): ("03:00", "20:00")}, "down")
    assert window_state(SUN, utc("2026-05-14T12:00"), UTC, sun).changes_at == utc("2026-05-15T00:00")


@pytest.mark.parametrize(
    ("place", "tz", "polar"), [((69.65, 18.96), OSLO, True), ((-33.87, 151.21), ZoneInfo("Australia/Sydney"), False)]
)
def test_a_year_of_the_real_sun_has_no_overlap_and_no_day_is_lost(place, tz, polar):
    astral = pytest.importorskip("astral")
    from astral import sun as astral_sun

    observer = astral.Observer(*place)

    def elevation(when):
        return astral_sun.elevation(observer, when, with_refraction=False)

    def event(name, day):
        try:
            return getattr(astral_sun, name)(observer, day, tzinfo=tz)
        except ValueError:
            return None

    @cache
    def sun(day):
        noon = datetime.combine(day, time(12), tz)
        culminations = elevation(noon) + elevation(noon + 12 * HOUR)
        return SunDay(event("sunrise", day), event("sunset", day), up_all_day=culminations > 0)

    start, end = wall("2026-01-01T00:00", tz), wall("2027-01-01T00:00", tz)
    schedule = Schedule(interval=30 * MINUTE, window=SUN)
    found = slots_between(schedule, start, end, tz, sun)
    assert len(found) == count_slots(schedule, start, end, tz, sun)
    tried = (start + n * 30 * MINUTE for n in range(1, 365 * 48 + 1))
    lit = sum(elevation(when) > -0.833 for when in tried)
    assert len(found) == pytest.approx(lit, rel=0.01)
    closed_in_winter = window_state(SUN, wall("2026-12-21T12:00", tz), tz, sun)
    assert closed_in_winter.open is not polar
    assert (closed_in_winter.reason is Reason.NO_SUN_EVENT) is polar


# Validation


@pytest.mark.parametrize(
    ("schedule", "key"),
    [
        (Schedule(interval=MIN_INTERVAL - TICK), "interval_out_of_range"),
        (Schedule(interval=MAX_INTERVAL + TICK), "interval_out_of_range"),
        (Schedule(interval=timedelta()), "interval_out_of_range"),
        (Schedule(interval=HOUR, window=clock("08:00", "08:00")), "window_empty"),
        (Schedule(interval=HOUR, window=Window(kind=WindowKind.TIME, start=time(8))), "window_incomplete"),
        (Schedule(interval=HOUR, window=Window(kind=WindowKind.TIME, end=time(8))), "window_incomplete"),
        (
            Schedule(interval=HOUR, window=Window(kind=WindowKind.SUN, sunrise_offset=-MAX_SUN_OFFSET - TICK)),
            "sun_offset_out_of_range",
        ),
        (
            Schedule(interval=HOUR, window=Window(kind=WindowKind.SUN, sunset_offset=MAX_SUN_OFFSET + TICK)),
            "sun_offset_out_of_range",
        ),
    ],
)
def test_a_schedule_that_cannot_work_is_refused_with_a_key(schedule, key):
    with pytest.raises(ScheduleError) as refused:
        validate(schedule)
    assert refused.value.key == key


@pytest.mark.parametrize("interval", [MIN_INTERVAL, MAX_INTERVAL])
@pytest.mark.parametrize(
    "window",
    [
        Window(),
        clock("22:00", "06:00"),
        Window(kind=WindowKind.SUN, sunrise_offset=-MAX_SUN_OFFSET, sunset_offset=MAX_SUN_OFFSET),
    ],
)
def test_a_schedule_at_the_limits_is_accepted_and_has_slots(interval, window):
    schedule = Schedule(interval=interval, window=window)
    validate(schedule)
    assert next_slot(schedule, utc("2026-06-10T12:00"), BERLIN, sun_table({}, ("05:00", "19:00"))) is not None


# Local time


@pytest.mark.parametrize(
    ("tz", "day", "expected"),
    [
        (HAVANA, date(2026, 3, 8), "2026-03-08T05:00"),  # 00:00 is skipped: the day starts at 01:00
        (HAVANA, date(2026, 11, 1), "2026-11-01T04:00"),  # 00:00 comes twice: the day starts at the first
        (APIA, date(2011, 12, 30), "2011-12-30T10:00"),  # the day is skipped: it starts where the next one does
        (APIA, date(2011, 12, 31), "2011-12-30T10:00"),
        (ST_JOHNS, date(2010, 11, 7), "2010-11-07T02:30"),  # one minute later the clock goes back to the day before
    ],
)
def test_a_day_starts_at_its_first_instant(tz, day, expected):
    assert day_start(day, tz) == utc(expected)


def test_the_end_of_a_gap_is_found_to_the_second():
    assert instant(date(2026, 3, 29), time(2, 59, 59, 999_999), BERLIN) == utc("2026-03-29T01:00")
    assert instant(date(1910, 5, 1), time(0, 0, 0), ZoneInfo("Europe/Amsterdam")).second == 28


def moments(days):
    """Return the instants of a day, by its distance from 1970."""
    return st.timedeltas(timedelta(), DAY).map(lambda part: datetime(1970, 1, 1, tzinfo=UTC) + days * DAY + part)


@given(when=st.integers(-20 * 365, 90 * 365).flatmap(moments), tz=st.sampled_from(ZONES))
@settings(max_examples=300, deadline=None)
def test_every_instant_belongs_to_exactly_one_day(when, tz):
    day = day_of(when, tz)
    assert day_start(day, tz) <= when < day_start(day + DAY, tz)


# Properties

TRANSITIONS = [
    (BERLIN, utc("2026-03-29T01:00")),
    (BERLIN, utc("2026-10-25T01:00")),
    (LORD_HOWE, utc("2026-04-04T15:00")),
    (LORD_HOWE, utc("2026-10-03T15:30")),
    (KOLKATA, utc("2028-02-28T18:30")),
    (APIA, utc("2011-12-30T10:00")),
    (HAVANA, utc("2026-11-01T05:00")),
    (ST_JOHNS, utc("2010-11-07T02:31")),
]
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 10, 15, 30, 59]), st.sampled_from([0, 0, 7]))
windows = st.one_of(
    st.just(Window()),
    st.builds(lambda start, end: Window(kind=WindowKind.TIME, start=start, end=end), times, times).filter(
        lambda window: window.start != window.end
    ),
    st.builds(
        lambda rise, fall: Window(kind=WindowKind.SUN, sunrise_offset=rise, sunset_offset=fall),
        st.timedeltas(-12 * HOUR, 12 * HOUR),
        st.timedeltas(-12 * HOUR, 12 * HOUR),
    ),
)
intervals = st.one_of(
    st.sampled_from([timedelta(minutes=m) for m in (5, 7, 10, 15, 30, 60, 90, 360, 420, 720, 1380)]),
    st.sampled_from([DAY, 2 * DAY, 3 * DAY, 7 * DAY, 36 * HOUR, 100 * HOUR]),
    st.timedeltas(10 * MINUTE, 7 * DAY),
)
seasons = st.lists(
    st.sampled_from(["up", "down", ("04:10", "18:20"), ("16:30", "08:00"), ("01:00", None), (None, "20:00")])
)


@given(
    where=st.sampled_from(TRANSITIONS),
    before=st.timedeltas(timedelta(), 40 * HOUR),
    length=st.timedeltas(timedelta(), 4 * DAY),
    interval=intervals,
    window=windows,
    season=seasons,
)
@settings(max_examples=250, deadline=None)
def test_slots_rise_lie_in_open_windows_and_are_counted_as_walked(where, before, length, interval, window, season):
    tz, change = where
    sun = sun_table({(change - 3 * DAY).date() + n * DAY: kind for n, kind in enumerate(season)}, ("05:00", "19:00"))
    start = change - before
    schedule = Schedule(interval=interval, window=window)
    found = slots_between(schedule, start, start + length, tz, sun)
    assert all(earlier < later for earlier, later in pairwise([start, *found]))
    assert all(window_state(window, slot, tz, sun).open for slot in found)
    assert count_slots(schedule, start, start + length, tz, sun) == len(found)
    middle = start + length / 2
    parts = (count_slots(schedule, *part, tz, sun) for part in ((start, middle), (middle, start + length)))
    assert sum(parts) == len(found)


@given(
    where=st.sampled_from([where for where in TRANSITIONS if where[0] is not ST_JOHNS]),
    before=st.integers(0, 30 * 60),
    minutes=st.sampled_from([1, 2, 5, 10, 15, 20, 30, 60]),
    window=st.sampled_from([Window(), clock("05:00", "21:00"), clock("21:00", "05:00"), clock("13:37", "18:01")]),
)
@settings(max_examples=60, deadline=None)
def test_no_slot_is_skipped_when_every_minute_is_tried(where, before, minutes, window):
    tz, change = where
    start = change - before * MINUTE
    schedule = Schedule(interval=minutes * MINUTE, window=window)

    def inside(shown):
        if window.kind is WindowKind.ALWAYS:
            return True
        if window.start < window.end:
            return window.start <= shown < window.end
        return shown >= window.start or shown < window.end

    expected = []
    midnight = None
    for before_when, when in pairwise(start + n * MINUTE for n in range(-26 * 60, 26 * 60)):
        shown = when.astimezone(tz)
        if before_when.astimezone(tz).date() != shown.date():
            midnight = when
        if when > start and inside(shown.time()) and (when - midnight) % schedule.interval == timedelta():
            expected.append(when)
    assert slots_between(schedule, start, start + (26 * 60 - 1) * MINUTE, tz) == expected


@given(
    where=st.sampled_from(TRANSITIONS),
    before=st.timedeltas(-30 * HOUR, 30 * HOUR),
    window=windows.filter(lambda window: window.kind is not WindowKind.ALWAYS),
    season=seasons,
)
@settings(max_examples=150, deadline=None)
def test_a_window_changes_exactly_when_it_says(where, before, window, season):
    tz, change = where
    sun = sun_table({(change - 3 * DAY).date() + n * DAY: kind for n, kind in enumerate(season)}, ("05:00", "19:00"))
    when = change - before
    state = window_state(window, when, tz, sun)
    if state.changes_at is None:
        assert window_state(window, when + HORIZON / 2, tz, sun).open == state.open
        return
    assert state.changes_at > when
    assert window_state(window, state.changes_at - TICK, tz, sun).open == state.open
    assert window_state(window, when + (state.changes_at - when) / 2, tz, sun).open == state.open
    assert window_state(window, state.changes_at, tz, sun).open != state.open
