"""The back-test of the forecast: made-up pasts give the right figures, and weather is no decay."""

from dataclasses import replace
from datetime import datetime, timedelta
import itertools
import json
import math
from types import SimpleNamespace
from typing import Any, cast

import pytest

pytest.importorskip("cv2")

from benchmarks import forecast as program
from benchmarks.corpus.sequences import BEGIN, elevation
from benchmarks.corpus.sources import Place, Scene, Split
from benchmarks.health.ailments import Moment, healthy
from benchmarks.health.decays import (
    EVERY,
    GOOD,
    LASTS,
    NEAR,
    SHORT,
    SLOW,
    Past,
    Sight,
    course_of,
    until_degraded,
    weathered,
)
from benchmarks.health.forecast import OURS, RULES, Said, Told, heard, targets, to_json
from benchmarks.health.profiles import DAY, HOUR, PROFILES, Course, Life
from benchmarks.health.run import lived
from benchmarks.health.simulate import Memory
from benchmarks.health.site import Site
from custom_components.timelapser.core.detection import Detector
from custom_components.timelapser.core.models import SceneContext
from tests.core import pictures

ONSET = BEGIN + 9 * DAY


def site_of(place: Place) -> Site:
    return Site.make(Scene("yard", "drawn", Split.TUNE, place), pictures.scene("day", 320, 176), 1)


def past(profile: str, a_day: float, *, fog: tuple[float, float] = (0, 0), days: float = 30) -> Past:
    """Return the past of a camera of which something grows; fog takes 0.8 for some days."""
    sights = []
    for number in range(round(days * 12)):
        at = BEGIN + number * EVERY
        day = number / 12
        grown = max(0.0, (at - ONSET) / DAY * a_day)
        if grown >= 1:
            return Past(profile, "yard", ONSET, at, tuple(sights))
        value = grown + 0.05 * math.sin(number) + (0.8 if fog[0] <= day < fog[1] else 0.0)
        kind = "dirt" if profile.startswith("dirt") else "blur"
        sights.append(Sight(at, "day", {kind: value}, 100 - 50 * value))
    return Past(profile, "yard", None if profile == GOOD else ONSET, None, tuple(sights))


@pytest.mark.parametrize("profile", ["dirt", "defocus"])
def test_what_grows_is_told_in_time_by_its_cause(profile: str) -> None:
    (told,) = heard([past(profile, 0.06)])[OURS]
    assert told.in_time is not None
    assert told.right
    assert told.covers
    assert not told.ever
    (wrong,) = heard([replace(past("dirt", 0.06), profile="defocus")])[OURS]
    assert wrong.in_time is not None
    assert not wrong.right


def test_a_straight_line_cries_wolf_where_the_forecast_is_silent() -> None:
    told = heard([past(GOOD, 0.0, fog=(14, 16.5))])
    assert {rule: each[0].ever for rule, each in told.items()} == {rule: rule != OURS for rule in RULES}


def test_what_stood_a_day_before_counts_and_what_was_withdrawn_does_not() -> None:
    bad = past("dirt", 0.1)
    assert bad.degraded is not None
    soon = Said(bad.degraded - 2 * DAY, "dirt", bad.degraded - DAY, bad.degraded, bad.degraded + DAY)
    assert Told(bad, (soon,)).in_time == soon
    assert Told(bad, (soon,)).covers
    assert Told(bad, (replace(soon, at=bad.degraded - DAY + HOUR),)).in_time is None
    assert Told(bad, (soon, Said(bad.degraded - 1.5 * DAY))).in_time is None
    assert not Told(bad, (replace(soon, latest=bad.degraded - HOUR),)).covers
    assert Told(bad, (replace(soon, at=ONSET - HOUR),)).ever
    assert not Told(bad, (soon,)).ever


def test_the_figures_are_those_of_degraded_cameras_of_such_as_should_be_and_of_good_ones() -> None:
    slow = replace(past("dirt", 0.001), due=ONSET + 10 * DAY)
    pasts = [past("dirt", 0.06), slow, past("dirt", 0.001), past("defocus", 0.9), past(GOOD, 0.0)]
    told = heard(pasts)
    lines = {line.words: line for line in targets(told[OURS])}
    assert lines["of these, dirt"].value == 1.0
    assert "n=1" in lines["of these, dirt"].detail
    assert lines["of these, defocus"].value == 0.0
    assert lines["told a day before degraded"].value == 0.5
    missed = lines["never degraded: told a day before they should have been"]
    assert missed.value == 0.0
    assert "n=1" in missed.detail
    assert lines["good cameras ever told of"].met
    assert json.loads(json.dumps(to_json(told)))["targets"].keys() == RULES.keys()


def test_the_table_has_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    program.show(heard([past("dirt", 0.06), past(GOOD, 0.0)]))
    shown = capsys.readouterr().out
    assert all(rule in shown for rule in RULES)
    assert "NOT MET" in shown


def test_weather_lasts_for_days_out_of_doors_alone() -> None:
    outdoors = site_of(Place.OUTDOOR)
    spells = weathered(outdoors, 30).spells
    assert spells != outdoors.spells
    assert max(spell.end - spell.begin for spell in spells) > timedelta(hours=2 * SHORT[1])
    assert all(one.end < other.begin for one, other in itertools.pairwise(spells))
    assert weathered(site_of(Place.INDOOR), 30).spells == ()


@pytest.mark.parametrize("name", SLOW)
def test_what_grows_is_due_within_days_of_the_begin(name: str) -> None:
    """A clear noon's picture is rejected then, and not a quarter of the time before, beside what was normal."""
    life = Life(site_of(Place.OUTDOOR), 18, EVERY)
    known = Memory()
    for step in lived(life, PROFILES["good"].course(life), known):
        if step.at >= ONSET:
            break
        known = step.memory
    course, due = course_of(name, life, known)
    assert course.begin == ONSET
    assert due is not None
    assert LASTS[0] <= (due - ONSET) / DAY <= LASTS[1]
    assert course.at(ONSET) is healthy
    noon = ONSET + DAY / 2
    clear = Moment(replace(life.site, spells=(), _good={}, _seen={}), noon)

    def kept(when: datetime) -> bool:
        data = course.at(when)(clear).data
        assert data is not None
        context = SceneContext(sun_elevation=elevation(noon), expected_size=known.size)
        return Detector().evaluate(data, when=noon, baseline=known.baseline, context=context).verdict.kept

    assert not kept(due + HOUR)
    assert kept(ONSET + (due - ONSET) * 0.75)


def steps(degraded: set[datetime]) -> Any:
    """Yield attempts after the onset, degraded at some instants."""
    for number in range(48):
        at = ONSET + number * HOUR
        health = SimpleNamespace(quality=SimpleNamespace(degraded=at in degraded))
        yield SimpleNamespace(at=at, memory=SimpleNamespace(health=health), attempt=SimpleNamespace(evaluation=None))


def test_what_the_weather_degrades_is_not_what_grows() -> None:
    course = cast("Course", SimpleNamespace(begin=ONSET))
    good = past(GOOD, 0.0)
    early, late = ONSET + 3 * HOUR, ONSET + 40 * HOUR

    def found(weather: set[datetime]) -> datetime | None:
        return until_degraded("dirt", steps({early, late}), course, good, weather).degraded

    assert found(set()) == early
    assert found({early}) == late
    assert found({early + NEAR, late - NEAR}) is None
