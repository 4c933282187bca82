"""When a camera is looked at outside of its slots."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from timelapser_core.health import BREAKER_FAILURES, Evidence, HealthState, Transition, observe
from timelapser_core.models import QualityPolicy
from timelapser_core.probes import ALARM_WITHIN, CONFIRM_WITHIN, RECOVERY_EVERY, confirming_waits, look_again

START = datetime(2026, 6, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
POLICY = QualityPolicy()
ATTEMPT = timedelta(seconds=12)
"""How long an attempt takes at worst."""


def watch(says, interval, *, policy=POLICY, until=48 * HOUR, paused=False):
    """Run a camera with a slot each interval, the first one bad; return its attempts and its transitions."""
    state, now, attempts, transitions = HealthState(), START, [], []
    slot = START
    while now <= START + until:
        evidence = says(len(attempts))
        attempts.append(now)
        state, transition = observe(state, evidence, now + ATTEMPT, policy)
        if transition is not None:
            transitions.append((now - START, transition))
            if transition in (Transition.RECOVERED, Transition.OFFLINE):
                break
        while slot <= now:
            slot += interval
        again = look_again(state, evidence, now, interval, policy, paused=paused)
        now = max(min(slot, again or slot), now + ATTEMPT)
    return attempts, transitions


def always(evidence):
    return lambda _number: evidence


def first(*evidence):
    """Say these things, then the last one for ever."""
    return lambda number: evidence[min(number, len(evidence) - 1)]


def test_with_five_that_are_needed_the_waits_are_one_two_four_and_four_minutes():
    assert [wait / MINUTE for wait in confirming_waits(5)] == [1, 2, 4, 4]


@pytest.mark.parametrize("needed", range(1, 51))
def test_the_waits_are_as_many_as_are_needed_and_never_too_long(needed):
    waits = confirming_waits(needed)
    assert len(waits) == needed - 1
    assert sum(waits, timedelta()) <= CONFIRM_WITHIN + MINUTE / 1000
    assert waits == sorted(waits)


@pytest.mark.parametrize("seconds", [10, 60, 200, 225, 226, 240, 300, 301, 600, 900, 1800, 3600, 86_400])
@pytest.mark.parametrize(("evidence", "alarm"), [("bad", "degraded"), ("unreachable", "offline")])
def test_the_alarm_comes_in_time_at_any_interval(seconds, evidence, alarm):
    _, transitions = watch(always(Evidence(evidence)), timedelta(seconds=seconds), until=HOUR)
    assert transitions[0][1] == alarm
    assert transitions[0][0] <= ALARM_WITHIN


@pytest.mark.parametrize("needed", [1, 2, 3, 10, 20, 50])
@pytest.mark.parametrize("interval", [MINUTE, 5 * MINUTE, HOUR])
def test_and_whatever_number_is_needed(needed, interval):
    policy = QualityPolicy(degraded_after=needed, degraded_share=100.0, persistent_share=100.0)
    _, transitions = watch(always(Evidence.BAD), interval, policy=policy)
    assert transitions[0] == (transitions[0][0], Transition.DEGRADED)
    assert transitions[0][0] <= ALARM_WITHIN


def test_where_slots_come_often_enough_there_is_no_look_between_them():
    attempts, _ = watch(always(Evidence.BAD), 3 * MINUTE, until=HOUR)
    assert attempts == [START + 3 * number * MINUTE for number in range(21)]


@pytest.mark.parametrize(("calm", "looks"), [(Evidence.GOOD, [0, 1, 3, 4]), (Evidence.NEUTRAL, [0, 1, 3])])
def test_two_good_pictures_or_trouble_of_ours_end_it(calm, looks):
    attempts, transitions = watch(first(Evidence.BAD, Evidence.BAD, calm), HOUR, until=3 * HOUR)
    assert [(at - START) / MINUTE for at in attempts] == [*looks, 60, 120, 180]
    assert transitions == []


@pytest.mark.parametrize("interval", [5 * MINUTE, HOUR])
@pytest.mark.parametrize("passed", [1, 2, 3])
def test_a_bad_picture_that_passed_for_good_does_not_delay_the_alarm(interval, passed):
    _, transitions = watch(first(*[Evidence.BAD] * passed, Evidence.GOOD, Evidence.BAD), interval, until=HOUR)
    assert transitions[0][1] is Transition.DEGRADED
    assert transitions[0][0] <= ALARM_WITHIN


def test_whatever_comes_and_goes_is_looked_at_each_minute_until_it_is_certain():
    attempts, transitions = watch(lambda number: [Evidence.BAD, Evidence.GOOD][number % 2], HOUR, until=HOUR)
    assert [(at - START) / MINUTE for at in attempts[:11]] == list(range(11))
    assert transitions == [(10 * MINUTE, Transition.DEGRADED)]


def test_with_a_long_run_that_is_asked_for_haste_is_no_slower():
    policy = QualityPolicy(degraded_after=50, degraded_share=100.0, persistent_share=100.0)
    attempts, _ = watch(first(Evidence.BAD, Evidence.GOOD, Evidence.BAD), HOUR, policy=policy, until=HOUR)
    longest = max(ATTEMPT, confirming_waits(50)[-1])
    assert max(later - earlier for earlier, later in pairwise(attempts[:20])) <= longest < MINUTE


def test_a_degraded_camera_is_looked_at_each_quarter_of_an_hour():
    bad = [Evidence.BAD] * 20
    attempts, transitions = watch(first(*bad, Evidence.GOOD), 6 * HOUR)
    assert transitions[-1][1] is Transition.RECOVERED
    assert transitions[-1][0] == attempts[19] - START + 5 * RECOVERY_EVERY
    assert attempts[8] - attempts[7] == RECOVERY_EVERY


@pytest.mark.parametrize("interval", [MINUTE, 4 * MINUTE, 15 * MINUTE])
def test_slots_that_come_as_often_are_enough(interval):
    attempts, _ = watch(always(Evidence.BAD), interval, until=3 * HOUR)
    regular = {START + number * interval for number in range(200)}
    assert set(attempts[5:]) <= regular


@pytest.mark.parametrize(("interval", "wait"), [(timedelta(seconds=10), 1), (MINUTE, 1), (7 * MINUTE, 7), (HOUR, 15)])
def test_a_camera_that_is_paused_for_it_is_looked_at_no_more_often_than_it_was_captured(interval, wait):
    state, _ = observe(HealthState(), Evidence.BAD, START, QualityPolicy(degraded_after=1))
    assert state.quality.degraded
    assert look_again(state, Evidence.BAD, START, interval, POLICY, paused=True) == START + wait * MINUTE


@pytest.mark.parametrize("evidence", Evidence)
@pytest.mark.parametrize("interval", [MINUTE, HOUR])
def test_whatever_such_a_look_says_another_one_follows(evidence, interval):
    state, _ = observe(HealthState(), Evidence.BAD, START, QualityPolicy(degraded_after=1))
    state, _ = observe(state, evidence, START, POLICY)
    assert state.quality.degraded
    again = look_again(state, evidence, START, interval, POLICY, paused=True)
    assert START < again <= START + RECOVERY_EVERY


def test_an_open_breaker_has_its_own_probes():
    state = HealthState()
    for _ in range(BREAKER_FAILURES):
        assert not state.connectivity.breaker_open
        state, _ = observe(state, Evidence.UNREACHABLE, START, POLICY)
    assert look_again(state, Evidence.UNREACHABLE, START, HOUR, POLICY) is None


def test_a_degraded_camera_that_stops_answering_is_found_offline_in_time():
    says = first(*[Evidence.BAD] * 6, Evidence.UNREACHABLE)
    attempts, transitions = watch(says, HOUR)
    assert [name for _, name in transitions] == [Transition.DEGRADED, Transition.OFFLINE]
    assert transitions[1][0] - (attempts[6] - START) <= ALARM_WITHIN
