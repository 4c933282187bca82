"""The two health machines: rules, breaker, memory."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
import json
import random
import statistics

from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
import pytest
from timelapser_core.errors import CODES, Code
from timelapser_core.health import (
    BREAKER_FAILURES,
    PROBE_FIRST,
    PROBE_MAX,
    ConnectivityState,
    Evidence,
    HealthState,
    QualityState,
    Transition,
    entity_available,
    evidence_of,
    observe,
    reset_quality,
)
from timelapser_core.hysteresis import PERSISTENT_MINIMUM, PERSISTENT_WINDOW, SPELL_MEMORY
from timelapser_core.models import Health, Outcome, QualityPolicy, Schedule
from timelapser_core.schedule import SunDay, next_slot

START = datetime(2026, 6, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POLICY = QualityPolicy()
EVIDENCE = {"g": Evidence.GOOD, "b": Evidence.BAD, "u": Evidence.UNREACHABLE, "n": Evidence.NEUTRAL}


def run(letters, state=None, policy=POLICY, start=START, step=MINUTE):
    """Feed evidence by its letters, a minute apart; return the state and the transitions by position (from 1)."""
    state = state or HealthState()
    transitions = {}
    for position, letter in enumerate(letters, 1):
        state, transition = observe(state, EVIDENCE[letter], start + position * step, policy)
        if transition is not None:
            transitions[position] = transition
    return state, transitions


# Quality


@pytest.mark.parametrize(
    ("letters", "transitions"),
    [
        ("ggggg", {}),
        ("bbbb", {}),
        ("bbbbb", {5: Transition.DEGRADED}),
        ("bbbbgbbbb", {}),
        ("bbbbbbbbbb", {5: Transition.DEGRADED}),
        ("bbbbbgggg", {5: Transition.DEGRADED}),
        ("bbbbbggggg", {5: Transition.DEGRADED, 10: Transition.RECOVERED}),
        ("bbbbbggggbggggg", {5: Transition.DEGRADED}),
        ("bbbbbggggbgggggggggggg", {5: Transition.DEGRADED, 22: Transition.RECOVERED}),
        ("b" * 60 + "gbggggg", {5: Transition.DEGRADED, 67: Transition.RECOVERED}),
        ("bbbbbgggggbbbb", {5: Transition.DEGRADED, 10: Transition.RECOVERED}),
        ("bbbbbgggggbbbbb", {5: Transition.DEGRADED, 10: Transition.RECOVERED, 15: Transition.DEGRADED}),
        ("bgbgbgbgb", {}),
        ("bgbgbgbgbg", {}),
        ("bgbgbgbgbgb", {11: Transition.DEGRADED}),
        ("gbgbgbgbgbg", {10: Transition.DEGRADED}),
        ("ggggggggggbbgbbgbbgbbg", {}),
        ("ggggggggggbbgbbgbbgbbgbbg", {24: Transition.DEGRADED}),
        ("bbgg" * 2, {}),
        ("bbggg" * 3, {12: Transition.DEGRADED}),
        ("gggbb" * 6, {}),
        ("bnbnbnbnb", {9: Transition.DEGRADED}),
        ("bbubub", {}),
        ("bbububb", {7: Transition.DEGRADED}),
        ("uuuuubbbbb", {5: Transition.OFFLINE, 6: Transition.ONLINE, 10: Transition.DEGRADED}),
    ],
)
def test_quality_rules(letters, transitions):
    assert run(letters)[1] == transitions


def test_unreachable_attempts_never_count_as_bad_pictures():
    state, transitions = run("g" + "u" * 200)
    assert set(transitions.values()) == {Transition.OFFLINE}
    assert state.quality == QualityState(consecutive_good=1, recent="g")


def test_the_policy_sets_the_thresholds():
    policy = QualityPolicy(degraded_after=3, degraded_share=90.0, recover_after=2)
    assert run("bbbgg", policy=policy)[1] == {3: Transition.DEGRADED, 5: Transition.RECOVERED}
    assert run("bg" * 40, policy=replace(policy, persistent_share=60.0))[1] == {}
    assert run("bg" * 40, policy=policy)[1] == {61: Transition.DEGRADED}


def test_a_share_that_persists_degrades_from_the_sixtieth_picture_on():
    assert run("bggg" * 25)[1] == {PERSISTENT_MINIMUM + 1: Transition.DEGRADED}
    assert run("g" * 100 + "bggg" * 25)[1] == {153: Transition.DEGRADED}, "the good ones before it do not dilute it"
    assert run("bgggg" * 40)[1] == {}
    assert run("bgggg" * 40, policy=QualityPolicy(persistent_share=20.0))[1] == {61: Transition.DEGRADED}


def test_a_camera_with_three_bad_pictures_of_ten_is_degraded_within_a_hundred_and_stays_so():
    state, transitions = run("bgggbggbgg" * 1000)
    assert transitions == {PERSISTENT_MINIMUM + 1: Transition.DEGRADED}
    assert state.health is Health.DEGRADED


def test_a_transition_settles_the_pictures_before_it():
    state, _ = run("g" * 30 + "b" * 5)
    assert (state.quality.consecutive_bad, state.quality.fresh) == (0, "")
    assert (state.quality.degraded, state.quality.since) == (True, START + 35 * MINUTE)
    state, _ = run("g" * 5, state)
    assert (state.quality.consecutive_good, state.quality.fresh) == (0, "")
    assert (state.quality.degraded, state.quality.since) == (False, START + 5 * MINUTE)
    assert run("gb" * 5, state)[1] == {10: Transition.DEGRADED}
    assert run("gb" * 4 + "b", state)[1] == {}, "only what came since degrades it"


def test_settled_pictures_are_pushed_out_by_new_ones():
    state, _ = run("b" * 5 + "g" * 5)
    for count in (1, PERSISTENT_WINDOW - 10, PERSISTENT_WINDOW, 3 * PERSISTENT_WINDOW):
        later, _ = run("g" * count, state)
        assert len(later.quality.fresh) == min(count, PERSISTENT_WINDOW)


# Leaving


def random_pictures(seed, share, count):
    """Return pictures of which each is bad by chance."""
    rng = random.Random(seed)
    return "".join("b" if rng.random() < share else "g" for _ in range(count))


def to_recover(state, limit=200):
    """Return how many good pictures in a row it takes."""
    return next(iter(run("g" * limit, state)[1]), None)


@pytest.mark.parametrize("before", ["", "g" * 100, "ggbgggggggg" * 9])
@pytest.mark.parametrize("length", [5, 6, 20, 100, 1000])
def test_a_camera_whose_pictures_were_all_bad_has_to_be_good_five_times(before, length):
    state, transitions = run(before + "b" * length)
    assert list(transitions.values()) == [Transition.DEGRADED]
    assert to_recover(state) == POLICY.recover_after


@pytest.mark.parametrize(("share", "least", "most"), [(0.95, 5, 5), (0.85, 5, 7), (0.5, 12, 20), (0.3, 22, 42)])
def test_the_more_good_ones_were_among_the_bad_ones_the_longer_it_has_to_be_good(share, least, most):
    needed = []
    for seed in range(40):
        state, _ = run(random_pictures(seed, share, 150) + "b")
        if state.quality.degraded:
            needed.append(to_recover(state))
    assert len(needed) >= 38
    assert least <= statistics.median(needed) <= most


def test_after_a_change_for_the_worse_only_the_worse_time_counts():
    state, _ = run(random_pictures(1, 0.3, 300) + "b" * 100)
    assert to_recover(state) == POLICY.recover_after


def test_a_camera_that_falls_back_again_and_again_has_to_be_good_for_longer():
    once, _ = run("b" * 20)
    back, transitions = run("ggggg" + "bbbbb", once)
    assert list(transitions.values()) == [Transition.RECOVERED, Transition.DEGRADED]
    again, transitions = run("ggggg" + "bbbbb", back)
    assert list(transitions.values()) == [Transition.RECOVERED, Transition.DEGRADED]
    assert to_recover(once) == to_recover(back) == 5
    assert to_recover(again) > 5
    assert to_recover(run("g" * SPELL_MEMORY + "bbbbb", back)[0]) == 5, "not one that falls back later"


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_a_camera_that_is_bad_now_and_then_stays_degraded(share):
    changes = 0
    for seed in range(6):
        _, transitions = run(random_pictures(seed, share, 7 * 1440))
        changes += len(transitions) - 1
    assert changes <= 7 * 6, "on average half of two a day, at a picture a minute"


def test_three_in_ten_bad_is_found_within_a_hundred_pictures():
    late = sum(min(run(random_pictures(seed, 0.3, 100))[1], default=101) > 100 for seed in range(400))
    assert late <= 0.03 * 400


@pytest.mark.parametrize("policy", [POLICY, QualityPolicy(recover_after=9), QualityPolicy(recover_after=1)])
@given(letters=st.text(alphabet="gb", max_size=300))
@settings(max_examples=60, deadline=None)
def test_whatever_came_before_it_ends_after_enough_good_ones(policy, letters):
    state, _ = run(letters + "b" * policy.degraded_after, policy=policy)
    assert state.quality.degraded
    ((needed, transition),) = run("g" * 200, state, policy=policy)[1].items()
    assert transition is Transition.RECOVERED
    assert policy.recover_after <= needed <= 60


def test_degraded_mode_lasts_at_least_as_long_as_it_has_to():
    policy = QualityPolicy(minimum_dwell=30.0)
    assert run("bbbbb" + "g" * 60, policy=policy)[1] == {5: Transition.DEGRADED, 35: Transition.RECOVERED}
    assert run("bbbbb" + "g" * 60)[1] == {5: Transition.DEGRADED, 10: Transition.RECOVERED}
    state, _ = run("bbbbb", policy=policy, start=START + timedelta(days=1))
    assert list(run("ggggg", state, policy=policy)[1].values()) == [Transition.RECOVERED], "the clock jumped back"


def test_no_more_pictures_are_remembered_than_the_longest_rule_needs():
    state, _ = run("bggggggggg" * 30)
    assert state.quality.recent == "bggggggggg" * 10
    assert len(state.quality.recent) == PERSISTENT_WINDOW


def test_an_hour_good_and_an_hour_bad_is_one_change_an_hour():
    _, transitions = run(("g" * 60 + "b" * 60) * 12)
    assert len(transitions) == 23
    positions = list(transitions)
    assert min(later - earlier for earlier, later in pairwise(positions)) == 60


def test_random_faults_of_five_percent_practically_never_degrade():
    entries = 0
    for seed in range(8):
        rng = random.Random(seed)
        _, transitions = run("".join("b" if rng.random() < 0.05 else "g" for _ in range(10_000)))
        entries += list(transitions.values()).count(Transition.DEGRADED)
    assert entries == 0


def test_random_faults_of_nine_in_ten_degrade_within_ten_attempts():
    entered = 0
    for seed in range(500):
        rng = random.Random(seed)
        entered += (
            Transition.DEGRADED in run("".join("b" if rng.random() < 0.9 else "g" for _ in range(10)))[1].values()
        )
    assert entered >= 0.95 * 500


def test_a_reset_forgets_quality_and_keeps_connectivity():
    state, _ = run("gbbbbbuuuuu")
    reset = reset_quality(state)
    assert reset.quality == QualityState()
    assert reset.connectivity == state.connectivity
    assert run("g", reset)[0].health is Health.ONLINE


# Connectivity


@pytest.mark.parametrize(
    ("letters", "transitions", "health"),
    [
        ("", {}, Health.UNKNOWN),
        ("n", {}, Health.UNKNOWN),
        ("uuuu", {}, Health.UNKNOWN),
        ("uuuuu", {5: Transition.OFFLINE}, Health.OFFLINE),
        ("uuuuuuuu", {5: Transition.OFFLINE}, Health.OFFLINE),
        ("g", {}, Health.ONLINE),
        ("b", {}, Health.ONLINE),
        ("guuuu", {}, Health.ONLINE),
        ("guuuugu", {}, Health.ONLINE),
        ("guuuunnu", {8: Transition.OFFLINE}, Health.OFFLINE),
        ("guuuubuuuu", {}, Health.ONLINE),
        ("uuuuug", {5: Transition.OFFLINE, 6: Transition.ONLINE}, Health.ONLINE),
        ("uuuuub", {5: Transition.OFFLINE, 6: Transition.ONLINE}, Health.ONLINE),
        ("uuuuubuuuu", {5: Transition.OFFLINE, 6: Transition.ONLINE}, Health.ONLINE),
        ("gbbbbbuuuuu", {6: Transition.DEGRADED, 11: Transition.OFFLINE}, Health.OFFLINE),
        ("gbbbbbuuuuug", {6: Transition.DEGRADED, 11: Transition.OFFLINE, 12: Transition.ONLINE}, Health.DEGRADED),
    ],
)
def test_connectivity_rules(letters, transitions, health):
    state, seen = run(letters)
    assert seen == transitions
    assert state.health is health


def test_the_picture_that_ends_an_outage_is_counted_and_decides_nothing_about_quality():
    degraded, _ = run("bbbbb" + "gggg" + "uuuuu")
    state, transitions = run("gg", degraded)
    assert transitions == {1: Transition.ONLINE, 2: Transition.RECOVERED}
    assert run("gb", degraded)[1] == {1: Transition.ONLINE}
    almost, _ = run("gbbbb" + "uuuuu")
    assert run("bb", almost)[1] == {1: Transition.ONLINE, 2: Transition.DEGRADED}
    assert state.health is Health.ONLINE


def test_probes_grow_from_half_a_minute_to_a_quarter_of_an_hour():
    state, _ = run("uuuuu")
    when = START
    waits = []
    for _ in range(8):
        wait = (
            state.connectivity.next_probe_at - when if waits else state.connectivity.next_probe_at - START - 5 * MINUTE
        )
        waits.append(wait.total_seconds())
        when = state.connectivity.next_probe_at
        state, transition = observe(state, Evidence.UNREACHABLE, when, POLICY)
        assert transition is None
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]


def test_a_success_forgets_the_backoff():
    state, _ = run("guuuuuuuuug")
    assert state.connectivity == ConnectivityState(since=START + 11 * MINUTE, ever_succeeded=True)
    again, _ = run("uuuuu", state)
    assert again.connectivity.next_probe_at == START + 5 * MINUTE + PROBE_FIRST


def test_the_time_of_a_state_is_that_of_its_beginning():
    online, _ = run("ugggg")
    assert online.connectivity.since == START + 2 * MINUTE
    offline, _ = run("uuuuuuu", online)
    assert offline.connectivity.since == START + 5 * MINUTE


def test_an_entity_that_comes_back_is_tried_at_once_and_anew():
    state, _ = run("g" + "u" * 20)
    back = START + 25 * MINUTE
    assert state.connectivity.backoff_until(back) is not None
    probing = entity_available(state, back)
    assert probing.connectivity.backoff_until(back) is None
    failed, _ = observe(probing, Evidence.UNREACHABLE, back, POLICY)
    assert failed.connectivity.next_probe_at == back + PROBE_FIRST
    assert observe(probing, Evidence.GOOD, back, POLICY)[1] is Transition.ONLINE


def test_an_entity_that_comes_back_changes_nothing_while_the_breaker_is_closed():
    state, _ = run("guuu")
    assert entity_available(state, START) == state


@pytest.mark.parametrize(("letters", "blocked"), [("guuuu", False), ("guuuuu", True), ("guuuuug", False)])
def test_only_an_open_breaker_holds_attempts_back(letters, blocked):
    state, _ = run(letters)
    now = START + len(letters) * MINUTE
    assert (state.connectivity.backoff_until(now) is not None) is blocked


def test_a_probe_is_due_from_its_instant_on_and_after_a_jump_back_of_the_clock():
    connectivity = run("uuuuu")[0].connectivity
    probe = connectivity.next_probe_at
    assert connectivity.backoff_until(probe - timedelta.resolution) == probe
    assert connectivity.backoff_until(probe) is None
    assert connectivity.backoff_until(probe + timedelta(days=1)) is None
    assert connectivity.backoff_until(probe - PROBE_MAX) == probe
    assert connectivity.backoff_until(probe - timedelta(days=1)) is None


@pytest.mark.parametrize("duration", [timedelta(), timedelta(seconds=10), timedelta(seconds=25)])
@pytest.mark.parametrize("lag", [timedelta(), timedelta(milliseconds=20)])
def test_a_day_of_outage_costs_a_hundred_attempts_and_one_notice(duration, lag):
    schedule = Schedule(interval=MINUTE)
    state, _ = run("g")
    now, attempts, transitions = START, [], []
    while now < START + timedelta(days=1):
        now = next_slot(schedule, now, UTC, lambda _day: SunDay(None, None)).at + lag
        if state.connectivity.backoff_until(now) is not None:
            continue
        attempts.append(now)
        state, transition = observe(state, Evidence.UNREACHABLE, now + duration, POLICY)
        transitions.append(transition)
    assert 90 <= len(attempts) <= 105
    assert [transition for transition in transitions if transition] == [Transition.OFFLINE]
    assert max(later - earlier for earlier, later in pairwise(attempts)) <= PROBE_MAX + MINUTE


class Breaker(RuleBasedStateMachine):
    """A camera that answers or not, with a clock that only goes forward, held against a plain model."""

    def __init__(self):
        """Start with nothing known."""
        super().__init__()
        self.state = HealthState()
        self.now = START
        self.failed = 0
        self.offline = False
        self.answered = False
        self.last_wait = timedelta()

    def attempt(self, evidence):
        before = self.state.connectivity
        self.state, transition = observe(self.state, evidence, self.now, POLICY)
        assert (
            self.state.connectivity.next_probe_at is None
            or before.next_probe_at is None
            or (self.state.connectivity.next_probe_at >= before.next_probe_at)
        )
        return transition

    @rule(seconds=st.integers(0, 2000))
    def wait(self, seconds):
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.state.connectivity.backoff_until(self.now) is None)
    @rule()
    def fail(self):
        transition = self.attempt(Evidence.UNREACHABLE)
        self.failed += 1
        opens = self.failed >= BREAKER_FAILURES and not self.offline
        assert transition is (Transition.OFFLINE if opens else None)
        self.offline = self.offline or opens
        if self.offline:
            wait = self.state.connectivity.next_probe_at - self.now
            assert max(PROBE_FIRST, self.last_wait) <= wait <= PROBE_MAX
            self.last_wait = wait

    @rule(evidence=st.sampled_from([Evidence.GOOD, Evidence.BAD]))
    def answer(self, evidence):
        transition = self.attempt(evidence)
        assert (transition is Transition.ONLINE) is self.offline
        self.failed, self.offline, self.answered, self.last_wait = 0, False, True, timedelta()

    @rule()
    def trouble_of_ours(self):
        before = self.state
        assert self.attempt(Evidence.NEUTRAL) is None
        assert self.state == before

    @precondition(lambda self: self.offline)
    @rule()
    def entity_back(self):
        self.state = entity_available(self.state, self.now)
        self.last_wait = timedelta()
        assert self.state.connectivity.backoff_until(self.now) is None

    @rule()
    def restart(self):
        self.state = HealthState.from_dict(json.loads(json.dumps(self.state.to_dict())))

    @invariant()
    def the_next_probe_is_never_far(self):
        connectivity = self.state.connectivity
        assert connectivity.failures == self.failed
        assert connectivity.breaker_open is self.offline
        assert (connectivity.next_probe_at is not None) is self.offline
        if self.offline:
            assert connectivity.next_probe_at - self.now <= PROBE_MAX

    @invariant()
    def health_follows(self):
        health = self.state.health
        assert (health is Health.OFFLINE) is self.offline
        assert (health is Health.UNKNOWN) is (not self.offline and not self.answered)


Breaker.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestBreaker = Breaker.TestCase


# Evidence


@pytest.mark.parametrize(
    ("outcome", "code", "evidence"),
    [
        (Outcome.CAPTURED, None, Evidence.GOOD),
        (Outcome.REJECTED, None, Evidence.BAD),
        (Outcome.REJECTED, Code.CAMERA_STALE, Evidence.BAD),
        (Outcome.FAILED, Code.CAMERA_TIMEOUT, Evidence.UNREACHABLE),
        (Outcome.FAILED, Code.CAMERA_RAISED, Evidence.UNREACHABLE),
        (Outcome.FAILED, Code.CAMERA_EMPTY, Evidence.UNREACHABLE),
        (Outcome.FAILED, Code.NOT_AN_IMAGE, Evidence.BAD),
        (Outcome.FAILED, Code.TOO_LARGE, Evidence.BAD),
        (Outcome.FAILED, Code.STORAGE_FULL, Evidence.NEUTRAL),
        (Outcome.FAILED, Code.CATALOGUE_LOCKED, Evidence.NEUTRAL),
        (Outcome.FAILED, Code.UNEXPECTED, Evidence.NEUTRAL),
        (Outcome.FAILED, None, Evidence.NEUTRAL),
    ],
)
def test_what_an_attempt_says_about_its_camera(outcome, code, evidence):
    assert evidence_of(outcome, code) is evidence


def test_every_code_of_a_failure_is_evidence_for_the_side_of_the_table():
    sides = {Evidence.UNREACHABLE: "connectivity", Evidence.BAD: "quality", Evidence.NEUTRAL: "none"}
    assert {code: sides[evidence_of(Outcome.FAILED, code)] for code in Code} == {
        code: info.side for code, info in CODES.items()
    }


# Memory


@given(letters=st.text(alphabet="gbun", max_size=150))
@settings(max_examples=100, deadline=None)
def test_a_restart_between_any_two_attempts_changes_nothing(letters):
    middle = len(letters) // 2
    whole, transitions = run(letters)
    half, first = run(letters[:middle])
    restored = HealthState.from_dict(json.loads(json.dumps(half.to_dict())))
    assert restored == half
    rest, second = run(letters[middle:], restored, start=START + middle * MINUTE)
    assert rest == whole
    assert first | {position + middle: transition for position, transition in second.items()} == transitions


@pytest.mark.parametrize(
    "data", [{}, {"quality": {}}, {"connectivity": {}}, {"quality": {}, "connectivity": {}, "more": 1}]
)
def test_missing_memory_is_the_initial_state(data):
    assert HealthState.from_dict(data) == HealthState()


def test_memory_that_lacks_single_keys_keeps_the_others():
    state, _ = run("gbbbbb" + "uuuuuuu")
    data = state.to_dict()
    for machine, values in data.items():
        for key in values:
            partial = HealthState.from_dict(
                data | {machine: {name: value for name, value in values.items() if name != key}}
            ).to_dict()
            assert partial[machine][key] == HealthState().to_dict()[machine][key]
            assert {**partial[machine], key: values[key]} == values


@given(letters=st.text(alphabet="gbun", max_size=300))
@settings(max_examples=100, deadline=None)
def test_transitions_come_in_pairs(letters):
    _, transitions = run(letters)
    for pair in ((Transition.DEGRADED, Transition.RECOVERED), (Transition.OFFLINE, Transition.ONLINE)):
        seen = [transition for transition in transitions.values() if transition in pair]
        assert seen == [pair[index % 2] for index in range(len(seen))]
