"""Readiness: one reason, in a fixed order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from timelapser_core.models import Reason, RunState
from timelapser_core.readiness import Facts, StorageState, decide
from timelapser_core.schedule import WindowState

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
OPEN = WindowState(True, Reason.READY, None)
READY = Facts(
    run_state=RunState.RUNNING,
    recording=True,
    camera_present=True,
    camera_on=True,
    window=OPEN,
    storage=StorageState.OK,
    breaker_open_until=None,
    now=NOW,
)

OBSTACLES = [
    (Reason.COMPLETED, {"run_state": RunState.COMPLETED}),
    (Reason.PAUSED, {"recording": False}),
    (Reason.CAMERA_REMOVED, {"camera_present": False}),
    (Reason.STORAGE_UNAVAILABLE, {"storage": StorageState.UNAVAILABLE}),
    (Reason.STORAGE_FULL, {"storage": StorageState.FULL}),
    (Reason.OUTSIDE_WINDOW, {"window": WindowState(False, Reason.OUTSIDE_WINDOW, NOW + timedelta(hours=1))}),
    (Reason.NO_SUN_EVENT, {"window": WindowState(False, Reason.NO_SUN_EVENT, None)}),
    (Reason.CAMERA_OFF, {"camera_on": False}),
    (Reason.BACKOFF, {"breaker_open_until": NOW + timedelta(seconds=1)}),
]
PAIRS = [(first, second) for first, second in combinations(OBSTACLES, 2) if first[1].keys() != second[1].keys()]


def test_nothing_against_it_is_ready():
    assert decide(READY) is Reason.READY


@pytest.mark.parametrize(("reason", "change"), OBSTACLES)
def test_each_obstacle_alone_is_the_reason(reason, change):
    assert decide(replace(READY, **change)) is reason


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_of_two_obstacles_the_earlier_is_the_reason(first, second):
    assert decide(replace(READY, **second[1], **first[1])) is first[0]


def test_a_paused_run_is_paused_whatever_its_switch_says():
    assert decide(replace(READY, run_state=RunState.PAUSED)) is Reason.PAUSED


@pytest.mark.parametrize(
    ("until", "reason"),
    [
        (NOW + timedelta(minutes=15), Reason.BACKOFF),
        (NOW + timedelta.resolution, Reason.BACKOFF),
        (NOW, Reason.READY),
        (NOW - timedelta(minutes=1), Reason.READY),
    ],
)
def test_a_probe_is_ready_from_its_very_instant(until, reason):
    assert decide(replace(READY, breaker_open_until=until)) is reason


def test_every_reason_of_the_vocabulary_can_be_the_answer():
    answers = {decide(READY), *(decide(replace(READY, **change)) for _, change in OBSTACLES)}
    assert answers == set(Reason)
