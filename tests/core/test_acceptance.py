"""How many of the last day's captures gave a frame."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings, strategies as st
import pytest
from timelapser_core.acceptance import HOURS, Acceptance

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def counted(*captures):
    """Return what is counted of captures, each (hours ago, kept)."""
    known = Acceptance()
    for ago, kept in sorted(captures, reverse=True):
        known = known.after(NOW - ago * HOUR, kept=kept)
    return known


def test_without_a_capture_there_is_no_share():
    assert Acceptance().share(NOW) is None
    assert counted((30, True)).share(NOW) is None


@pytest.mark.parametrize(
    ("captures", "share"),
    [
        ([(0, True)], 100.0),
        ([(0, False)], 0.0),
        ([(0, True), (0, True), (1, False), (5, True)], 75.0),
        ([(23, False), (0, True)], 50.0),
        ([(24, False), (0, True)], 100.0),
    ],
)
def test_the_share_of_a_day(captures, share):
    assert counted(*captures).share(NOW) == share


def test_it_ages_without_captures():
    known = counted((3, False), (1, True))
    assert known.share(NOW) == 50.0
    assert known.share(NOW + 21 * HOUR) == 100.0
    assert known.share(NOW + 23 * HOUR) is None


def test_hours_of_a_clock_that_ran_ahead_do_not_count():
    known = Acceptance().after(NOW + 400 * 24 * HOUR, kept=False).after(NOW, kept=True)
    assert known.share(NOW) == 100.0
    assert len(known.hours) == 1


@given(captures=st.lists(st.tuples(st.integers(0, 100), st.booleans()), max_size=80))
@settings(max_examples=60, deadline=None)
def test_it_agrees_with_counting_and_stays_small(captures):
    known = counted(*captures)
    day = [kept for ago, kept in captures if ago < HOURS]
    assert known.share(NOW) == (100.0 * sum(day) / len(day) if day else None)
    assert len(known.hours) <= HOURS
    assert Acceptance.from_json(known.to_json()) == known
    assert len(known.to_json()) <= 1000
