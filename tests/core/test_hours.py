"""What is kept of each hour's pictures, in memory and in the catalogue."""

from dataclasses import replace
from datetime import timedelta

import pytest
from timelapser_core.catalogue import queries
from timelapser_core.forecast import Forecast
from timelapser_core.health import Transition
from timelapser_core.hours import KEPT, SPACING, Gathering, Hour
from timelapser_core.models import FaultKind, Light
from timelapser_core.ulid import new_ulid

from .archive import CAMERA, FOLDER, NOW, attempt, open_catalogue

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def gathered(shown):
    """Return what is gathered of (minute, light, blur, score), and the hours that were closed."""
    gathering, closed = Gathering(), []
    for minute, light, blur, score in shown:
        closeness = {} if blur is None else {FaultKind.BLUR: blur}
        gathering, hours = gathering.after(NOW + minute * MINUTE, light, closeness, score)
        closed += hours
    return gathering, closed


def test_an_hour_is_closed_by_the_next_picture_and_keeps_medians():
    day = [(minute, Light.DAY, blur, score) for minute, blur, score in ((0, 0.1, 90), (20, 0.2, 80), (59, 0.9, 10))]
    assert gathered(day)[1] == []
    assert gathered([*day, (60, Light.DAY, 0.5, 50)])[1] == [
        Hour(at=NOW, light=Light.DAY, count=3, closeness={FaultKind.BLUR: 0.2}, score=80)
    ]


def test_each_light_has_a_record_of_its_own():
    shown = [(0, Light.DAY, 0.1, 90), (30, Light.TWILIGHT, 0.3, None), (40, Light.TWILIGHT, None, None)]
    closed = gathered([*shown, (200, Light.NIGHT, 0.0, 99)])[1]
    assert sorted((hour.light, hour.count, hour.closeness.get(FaultKind.BLUR), hour.score) for hour in closed) == [
        (Light.DAY, 1, 0.1, 90),
        (Light.TWILIGHT, 2, 0.3, None),
    ]


def test_a_picture_that_cannot_be_read_closes_nothing():
    shown = [(0, Light.DAY, 0.1, 90), (70, None, None, None), (80, None, None, None)]
    assert gathered(shown)[1] == []
    assert len(gathered([*shown, (90, Light.DAY, 0.1, 90)])[1]) == 1


def test_a_fast_camera_keeps_no_more_than_one_in_ten_seconds():
    gathering = Gathering()
    for second in range(3000):
        gathering, _ = gathering.after(NOW + timedelta(seconds=second), Light.DAY, {}, 90.0)
    assert len(gathering.shown) == 3000 / SPACING.total_seconds()


def test_forgetting_a_light_leaves_the_others():
    gathering, _ = gathered([(0, Light.DAY, 0.1, 90), (1, Light.NIGHT, 0.4, 90)])
    _, hours = gathering.forgetting(Light.DAY).after(NOW + HOUR, Light.DAY, {}, 90.0)
    assert [hour.light for hour in hours] == [Light.NIGHT]
    assert gathering.forgetting(None).after(NOW + HOUR, Light.DAY, {}, 90.0)[1] == ()


@pytest.fixture
def catalogue(tmp_path):
    """Return an open catalogue with a camera."""
    opened, _run = open_catalogue(tmp_path)
    yield opened
    opened.close()


def hour(number, light=Light.DAY, blur=0.25):
    closeness = {FaultKind.BLUR: blur, FaultKind.DIRT: -0.125}
    return Hour(at=NOW + number * HOUR, light=light, count=4, closeness=closeness, score=88.5)


def commit(catalogue, *hours):
    record = replace(attempt(ulid=new_ulid()), hours=hours)
    catalogue.submit(lambda conn: queries.commit_attempt(conn, record)).result()


def kept(catalogue):
    return catalogue.read(lambda conn: queries.hours_of(conn, CAMERA))


def do(catalogue, query, *arguments):
    return catalogue.submit(lambda conn: query(conn, *arguments)).result()


def test_hours_come_back_as_they_were_committed(catalogue):
    hours = [hour(0), hour(1, Light.NIGHT), replace(hour(1), closeness={}, score=None)]
    commit(catalogue, *hours[:1])
    commit(catalogue)
    commit(catalogue, *hours[1:])
    assert sorted(kept(catalogue), key=repr) == sorted(hours, key=repr)


def test_an_hour_that_comes_twice_is_the_newer_one(catalogue):
    """A clock that is set back lives through an hour again."""
    commit(catalogue, hour(0))
    commit(catalogue, hour(0, blur=0.75))
    assert kept(catalogue) == [hour(0, blur=0.75)]


def test_what_is_too_old_goes_with_the_next_one(catalogue):
    days = KEPT.days
    for number in range(0, (days + 5) * 24, 12):
        commit(catalogue, hour(number))
    assert len(kept(catalogue)) == days * 2 + 1
    assert kept(catalogue)[-1].at - kept(catalogue)[0].at == KEPT


@pytest.mark.parametrize(
    ("light", "left"), [(None, []), (Light.DAY, [Light.NIGHT]), (Light.TWILIGHT, ["day", "night"])]
)
def test_relearning_forgets_the_trend_of_that_light_and_its_forecast(catalogue, light, left):
    begin = hour(0).at
    text = Forecast(
        kind=FaultKind.BLUR, light=Light.DAY, closeness=0.5, slope=0.1, earliest=begin, likely=begin, latest=begin
    ).to_json()
    commit(catalogue, hour(0), hour(0, Light.NIGHT))
    do(catalogue, queries.save_forecast, CAMERA, text)
    do(catalogue, queries.relearn, CAMERA, b"", b"", light)
    assert sorted(hour.light for hour in kept(catalogue)) == left
    kept_forecast = text if light is Light.TWILIGHT else None
    assert catalogue.read(lambda conn: queries.camera_state(conn, CAMERA)).forecast == kept_forecast


@pytest.mark.parametrize(("how", "left"), [({}, 1), ({"transition": Transition.RECOVERED}, 0)])
def test_what_was_before_a_recovery_is_no_measure(catalogue, how, left):
    commit(catalogue, hour(0))
    record = replace(attempt(ulid=new_ulid()), **how)
    catalogue.submit(lambda conn: queries.commit_attempt(conn, record)).result()
    assert len(kept(catalogue)) == left


@pytest.mark.parametrize(("text", "left"), [("{}", 1), (None, 0)])
def test_the_trend_ends_with_the_forecast(catalogue, text, left):
    commit(catalogue, hour(0))
    do(catalogue, queries.save_forecast, CAMERA, text)
    assert len(kept(catalogue)) == left


@pytest.mark.parametrize(("source_key", "hours"), [("registry-1", 1), ("registry-2", 0)])
def test_another_camera_in_its_place_begins_anew(catalogue, source_key, hours):
    commit(catalogue, hour(0))
    do(catalogue, queries.save_forecast, CAMERA, "{}")
    row = do(catalogue, queries.ensure_camera, CAMERA, source_key, "Garage", FOLDER, NOW)
    assert len(kept(catalogue)) == hours
    assert (row.forecast is None) is (hours == 0)
