"""ULIDs sort by time, and within a millisecond by the order in which they were made."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st
import pytest
from timelapser_core.ulid import (
    from_millis,
    is_ulid,
    new_ulid,
    to_millis,
    ulid_from_bytes,
    ulid_time,
    ulid_to_bytes,
)

NOW = datetime(2026, 11, 21, 8, 19, 0, 123000, tzinfo=UTC)
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_one_millisecond_gives_ascending_ids():
    made = [new_ulid(NOW) for _ in range(1000)]
    assert made == sorted(set(made))
    assert {ulid_time(ulid) for ulid in made} == {NOW}


def test_threads_never_get_the_same_id():
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_ulid(NOW), range(4000)))
    assert len(set(made)) == 4000


@given(INSTANTS)
def test_the_time_comes_back_to_the_millisecond(moment):
    ulid = new_ulid(moment)
    assert timedelta() <= moment - ulid_time(ulid) < timedelta(milliseconds=1)
    assert is_ulid(ulid)
    assert ulid_from_bytes(ulid_to_bytes(ulid)) == ulid


@given(INSTANTS, INSTANTS)
def test_bytes_and_text_sort_like_the_time(first, second):
    one, two = new_ulid(first), new_ulid(second)
    if to_millis(first) != to_millis(second):
        assert (one < two) == (first < second)
    assert (one < two) == (ulid_to_bytes(one) < ulid_to_bytes(two))


def test_known_value_of_the_specification():
    assert ulid_time("01ARZ3NDEKTSV4RRFFQ69G5FAV") == datetime(2016, 7, 30, 23, 54, 10, 259000, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "01ARZ3NDEKTSV4RRFFQ69G5FA", "81ARZ3NDEKTSV4RRFFQ69G5FAV", "01arz3ndektsv4rrffq69g5fav",
     "01ARZ3NDEKTSV4RRFFQ69G5FAI", "0٣ARZ3NDEKTSV4RRFFQ69G5FAV"],
)  # fmt: skip
def test_what_is_no_ulid_is_refused(text):
    assert not is_ulid(text)
    with pytest.raises(ValueError, match="ULID"):
        ulid_time(text)


def test_a_clock_before_1970_does_not_break_capture():
    assert ulid_time(new_ulid(NOW - timedelta(days=365 * 80))) == from_millis(0)


def test_a_naive_datetime_is_refused():
    with pytest.raises(ValueError, match="naive"):
        new_ulid(NOW.replace(tzinfo=None))
