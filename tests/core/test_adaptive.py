"""The adaptive interval: its bounds, its grid, and what makes a timelapse slow or quick."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, strategies as st
import numpy as np
import pytest
from timelapser_core.adaptive import (
    CALM,
    DARK_CALM,
    FAST_CAPTURES,
    FASTEST,
    SLOWEST,
    Bounds,
    Course,
    Pace,
    changed_share,
    is_glanced,
    is_used,
    pace_of,
)
from timelapser_core.detection.features import PRINT_SIZE
from timelapser_core.localtime import day_start
from timelapser_core.models import Light, PaceReason, Schedule, Window, WindowKind
from timelapser_core.schedule import slots

BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
TICK = timedelta.resolution
NOON, DUSK, MIDNIGHT = 40.0, 2.0, -30.0
"""Degrees of the sun."""
WIDTH, HEIGHT = PRINT_SIZE

bounds = st.builds(Bounds, slowest=st.sampled_from(SLOWEST), fastest=st.sampled_from(FASTEST))
courses = st.builds(
    Course, dark=st.booleans(), calm=st.integers(0, 1000), stirred=st.integers(0, FAST_CAPTURES), sound=st.booleans()
)


def sample(seed=0, noise=1.5, level=90):
    """Return a sample of the same textured wall, with noise of its own."""
    wall = np.random.default_rng(1).uniform(-30, 30, (HEIGHT, WIDTH)) + level
    return np.clip(wall + np.random.default_rng(seed).normal(0, noise, wall.shape), 0, 255).astype(np.uint8)


def with_visitor(seed=0):
    """Return the wall with somebody before it."""
    shown = sample(seed)
    shown[40:62, 70:79] = 20
    return shown


def calm_course(count, light=Light.DAY):
    """Return the course of a timelapse that saw a first picture, and so many more that showed no change."""
    course = Course()
    for number in range(count + 1):
        course = course.seeing(sample(number), light)
    return course


def used(grid, start, end, pace, tz=UTC, window=None):
    """Return the slots of a finest grid in (start, end] that a pace uses."""
    found, since = [], start
    for at in slots(Schedule(interval=grid, window=window or Window()), start, tz, lambda day: None):
        if at > end:
            return found
        if is_used(grid, at, pace, since=since, tz=tz):
            found.append(at)
            since = at
    return found


# What is seen


@pytest.mark.parametrize("noise", [0.0, 0.5, 1.5, 4.0, 9.0])
def test_noise_is_no_change(noise):
    assert changed_share(sample(1, noise), sample(2, noise)) == 0


@pytest.mark.parametrize("noise", [0.0, 1.5, 4.0])
def test_a_passer_by_is_a_small_change(noise):
    shown = sample(2, noise)
    shown[40:62, 70:79] = 20
    assert 0 < changed_share(sample(1, noise), shown) < 0.1


def test_a_lamp_is_a_large_change():
    assert changed_share(sample(1), sample(2, level=120)) == 1


def test_a_clock_is_no_change():
    before, now = sample(1), sample(2)
    for shown, gap in ((before, 4), (now, 5)):
        shown[2:6, 2:60:gap] = shown[-6:-2, 2:60:gap] = 255
    assert changed_share(before, now) == 0
    before, now = sample(1), sample(2)
    before[43:47, 2:60:4] = now[43:47, 2:60:5] = 255
    assert changed_share(before, now) > 0, "elsewhere it is one"


def test_somebody_at_the_rim_is_a_change():
    shown = sample(2)
    shown[82:90, 70:80] = 40
    assert 0 < changed_share(sample(1), shown) < 0.1


def test_what_lies_between_tiles_is_a_change():
    shown = sample(2).astype(np.int16)
    shown[46:54, 76:84] += 7
    assert changed_share(sample(1), shown.astype(np.uint8)) > 0
    apart = sample(2).astype(np.int16)
    for top, left in ((46, 36), (46, 56), (66, 76), (66, 96)):
        apart[top : top + 4, left : left + 4] += 7
    assert changed_share(sample(1), apart.astype(np.uint8)) == 0


# Bounds


@given(bounds, courses, st.booleans(), st.floats(-90, 90))
def test_a_pace_is_within_its_bounds(allowed, course, degraded, sun):
    steps = pace_of(allowed, course, degraded=degraded, sun_elevation=sun).steps
    assert 1 <= steps <= allowed.slowest * allowed.fastest
    assert steps & (steps - 1) == 0


@given(courses, st.booleans(), st.floats(-90, 90))
def test_nothing_is_adapted_without_room(course, degraded, sun):
    assert pace_of(Bounds(slowest=1, fastest=1), course, degraded=degraded, sun_elevation=sun).steps == 1


# Reasons


def pace(course, sun=NOON, *, degraded=False, slowest=16, fastest=2):
    return pace_of(Bounds(slowest=slowest, fastest=fastest), course, degraded=degraded, sun_elevation=sun)


def test_it_begins_at_the_interval():
    assert pace(Course()) == Pace(2, PaceReason.NORMAL)
    assert pace(calm_course(0)) == Pace(2, PaceReason.NORMAL)


@pytest.mark.parametrize(
    ("calm", "steps"), [(CALM - 1, 2), (CALM, 4), (2 * CALM - 1, 4), (2 * CALM, 8), (4 * CALM, 32), (99 * CALM, 32)]
)
def test_it_slows_down_step_by_step_while_nothing_changes(calm, steps):
    assert pace(Course(calm=calm)).steps == steps


def test_a_dark_scene_is_left_alone_once_it_is_calm():
    assert pace(calm_course(DARK_CALM - 1, Light.NIGHT), MIDNIGHT) == Pace(2, PaceReason.NORMAL)
    assert pace(calm_course(DARK_CALM, Light.NIGHT), MIDNIGHT) == Pace(32, PaceReason.DARK)
    assert pace(calm_course(DARK_CALM, Light.DAY), MIDNIGHT) == Pace(2, PaceReason.NORMAL)


@pytest.mark.parametrize("light", [Light.DAY, Light.NIGHT])
def test_a_change_brings_it_back_at_once(light):
    course = calm_course(50, light)
    assert pace(course, MIDNIGHT).steps == 32
    course = course.seeing(with_visitor(99), light)
    assert pace(course, MIDNIGHT) == Pace(2, PaceReason.NORMAL)


def test_a_fast_change_makes_it_quick_for_some_captures():
    course = calm_course(50).seeing(sample(99, level=130), Light.DAY)
    reasons = []
    for number in range(FAST_CAPTURES + 1):
        reasons.append(pace(course))
        course = course.seeing(sample(number, level=130), Light.DAY)
    assert reasons == [Pace(1, PaceReason.CHANGING)] * FAST_CAPTURES + [Pace(2, PaceReason.NORMAL)]


def test_a_low_sun_waits_for_no_picture():
    assert pace(calm_course(50, Light.NIGHT), DUSK) == Pace(1, PaceReason.LOW_SUN)
    assert pace(calm_course(50, Light.NIGHT), DUSK, fastest=1) == Pace(1, PaceReason.LOW_SUN)


def test_a_bad_picture_is_followed_up_at_the_interval():
    course = calm_course(50, Light.NIGHT).after(kept=False)
    assert pace(course, MIDNIGHT) == Pace(2, PaceReason.NORMAL)


def test_a_degraded_camera_is_left_alone_until_its_first_good_picture():
    course = calm_course(0).after(kept=False)
    assert pace(course, degraded=True) == Pace(32, PaceReason.DEGRADED)
    assert pace(course, DUSK, degraded=True) == Pace(32, PaceReason.DEGRADED)
    for number in range(10):
        course = course.after(kept=True).seeing(sample(number), Light.DAY)
        assert pace(course, degraded=True) == Pace(2, PaceReason.NORMAL)


def test_a_good_probe_ends_the_pause_of_a_degraded_camera():
    course = calm_course(0).after(kept=False).after(kept=True)
    assert pace(course, degraded=True) == Pace(2, PaceReason.NORMAL)


def test_a_good_picture_of_another_timelapse_is_no_sign_of_change():
    course = calm_course(50).after(kept=True)
    assert pace(course) == Pace(32, PaceReason.UNCHANGED)


def test_a_change_is_measured_over_bad_pictures():
    course = calm_course(0).after(kept=False)
    assert course.seeing(sample(5), Light.DAY).calm == 1
    assert course.seeing(with_visitor(5), Light.DAY).calm == 0


# Glances


@pytest.mark.parametrize("light", [Light.DAY, Light.NIGHT])
def test_a_picture_without_a_change_leaves_the_course_as_it_is(light):
    course = calm_course(6, light)
    assert not course.is_change(sample(99))
    after = course.after(kept=True)
    assert (after.sample is course.sample, after.calm, after.sound) == (True, 6, True)
    assert course.is_change(with_visitor(99))


def test_slow_drift_adds_up_against_the_last_kept_picture():
    course = calm_course(6)
    levels = range(90, 110)
    assert not any(changed_share(sample(level, level=level), sample(7, level=level + 1)) for level in levels)
    first = next(level for level in levels if course.is_change(sample(level, level=level)))
    assert 92 < first < 100


def test_the_first_picture_is_a_change():
    assert Course().is_change(sample(1))


def glanced(allowed, reason=PaceReason.UNCHANGED, steps=16, hours=1, grid=MINUTE):
    """Return the minutes of slots that are looked at, though a slow pace passes them over."""
    start = datetime(2026, 5, 4, 12, tzinfo=UTC)
    minutes = [start + number * grid for number in range(1, int(hours * 60))]
    pace = Pace(steps, reason)
    passed = [at for at in minutes if not is_used(grid, at, pace, since=at - grid, tz=UTC)]
    return [at.minute for at in passed if is_glanced(allowed, grid, at, pace, UTC)]


def test_what_is_passed_over_is_looked_at():
    assert glanced(Bounds(slowest=16)) == [minute for minute in range(1, 60) if minute % 16]
    assert glanced(Bounds(slowest=4), steps=1) == []
    assert glanced(Bounds(slowest=16, glance=False)) == []


def test_only_slots_of_the_interval_are_looked_at():
    assert glanced(Bounds(slowest=4, fastest=4), PaceReason.DARK) == [
        minute for minute in range(4, 60, 4) if minute % 16
    ]


def test_a_degraded_camera_is_not_looked_at():
    assert glanced(Bounds(slowest=4), PaceReason.DEGRADED, steps=4) == []
    assert glanced(Bounds(slowest=4), PaceReason.DARK, steps=4) != []


# The grid


@pytest.mark.parametrize(
    ("tz", "day"),
    [
        (UTC, date(2026, 3, 29)),
        (BERLIN, date(2026, 3, 29)),
        (BERLIN, date(2026, 10, 25)),
        (LORD_HOWE, date(2026, 10, 4)),
        (LORD_HOWE, date(2026, 4, 5)),
    ],
)
@pytest.mark.parametrize("interval", [MINUTE, 5 * MINUTE, 15 * MINUTE, 7 * MINUTE, 36 * MINUTE])
def test_a_slow_pace_uses_slots_of_every_faster_one(tz, day, interval):
    start, end = day_start(day - DAY, tz) - TICK, day_start(day + 2 * DAY, tz) - TICK
    finer = set(used(interval, start, end, Pace(1, PaceReason.NORMAL), tz))
    assert len(finer) == pytest.approx((end - start) / interval, abs=3)
    for steps in (2, 4, 8, 16):
        slow = used(interval, start, end, Pace(steps, PaceReason.DARK), tz)
        assert finer >= set(slow)
        assert all(later - earlier <= steps * interval for earlier, later in pairwise(slow))
        assert len(slow) == pytest.approx((end - start) / interval / steps, abs=4)
        if not DAY % interval:
            assert {day_start(day, tz), day_start(day + DAY, tz)} <= set(slow)
        finer = set(slow)


def test_slots_are_those_of_the_wall_clock():
    start = datetime(2026, 5, 4, 12, 3, tzinfo=UTC)
    found = used(5 * MINUTE, start, start + timedelta(hours=1), Pace(4, PaceReason.DARK))
    assert [f"{at:%H:%M}" for at in found] == ["12:20", "12:40", "13:00"]


def test_a_window_begins_with_its_first_slot():
    window = Window(kind=WindowKind.TIME, start=time(8, 10), end=time(9, 10))
    start = datetime(2026, 5, 4, 9, 5, tzinfo=UTC)
    found = used(10 * MINUTE, start, start + DAY, Pace(4, PaceReason.DARK), window=window)
    assert [f"{at:%H:%M}" for at in found] == ["08:10", "08:40"]


def test_the_one_slot_of_a_short_window_is_used():
    window = Window(kind=WindowKind.TIME, start=time(9, 10), end=time(9, 20))
    start = datetime(2026, 5, 4, 9, tzinfo=UTC)
    found = used(timedelta(hours=1), start, start + 3 * DAY, Pace(4, PaceReason.DARK), window=window)
    assert [f"{at:%d %H:%M}" for at in found] == ["04 09:10", "05 09:10", "06 09:10"]


@given(st.sampled_from((1, 2, 4, 8, 16)), st.sampled_from((1, 2, 4, 8, 16)), st.integers(0, 2000))
def test_a_quicker_pace_uses_the_next_of_its_slots(before, after, minutes):
    """Whatever was used last, nothing of the quicker pace's grid is passed over."""
    since = datetime(2026, 5, 4, tzinfo=UTC) + minutes * MINUTE * before
    [first, *_] = used(MINUTE, since, since + 40 * MINUTE, Pace(after, PaceReason.NORMAL))
    assert first - since <= after * MINUTE
