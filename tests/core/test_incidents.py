"""The incidents of a camera: opened, followed and closed with its attempts."""

from datetime import timedelta
import json
import random

import pytest
from timelapser_core.catalogue import queries, rebuild
from timelapser_core.catalogue.incidents import INCIDENTS_KEPT
from timelapser_core.degradation import Degradation
from timelapser_core.errors import Code
from timelapser_core.health import HealthState, Transition, bad_share, evidence_of, observe
from timelapser_core.models import FaultKind, IncidentEnd, IncidentKind, Outcome, QualityPolicy, RunState

from .archive import CAMERA, NOW, attempt, open_catalogue

STEP = timedelta(seconds=10)
SECOND = timedelta(milliseconds=321)
"""How long an attempt of the archive takes."""
POLICY = QualityPolicy()


class Guarded:
    """A camera whose attempts are committed as the coordinator does."""

    def __init__(self, catalogue):
        """Begin with nothing known."""
        self.catalogue = catalogue
        self.health = HealthState()
        self.number = 0

    def attempt(self, outcome, code=None, cause=None, **more):
        """Commit the next attempt; return it."""
        self.number += 1
        when = NOW + self.number * STEP + SECOND
        before = self.health
        self.health, transition = observe(before, evidence_of(outcome, code), when, POLICY)
        degradation = None
        if transition is Transition.DEGRADED:
            bad, pictures, in_a_row = bad_share(before)
            degradation = Degradation(since=when, bad=bad, pictures=pictures, in_a_row=in_a_row, code=code)
        values = {"transition": transition, "degradation": degradation, "health": json.dumps(self.health.to_dict())}
        record = attempt(self.number, outcome=outcome, code=code, cause=cause, **values, **more)
        self.catalogue.submit(lambda conn: queries.commit_attempt(conn, record)).result()
        return record

    def good(self, **more):
        return self.attempt(Outcome.CAPTURED, **more)

    def bad(self, cause=FaultKind.BLUR, **more):
        return self.attempt(Outcome.REJECTED, Code.BELOW_THRESHOLD, cause, **more)

    def silent(self, **more):
        return self.attempt(Outcome.FAILED, Code.CAMERA_TIMEOUT, **more)

    def says(self, letters):
        """Commit an attempt for each letter; return the last."""
        ways = {"g": self.good, "b": self.bad, "u": self.silent}
        return [ways[letter]() for letter in letters][-1]

    def listed(self, **more):
        return self.catalogue.read(lambda conn: queries.list_incidents(conn, CAMERA, **{"limit": 100, **more}))

    @property
    def row(self):
        return self.catalogue.read(lambda conn: queries.camera_state(conn, CAMERA))


@pytest.fixture
def camera(tmp_path):
    """Return a guarded camera."""
    catalogue, _run = open_catalogue(tmp_path)
    yield Guarded(catalogue)
    catalogue.close()


def at(number):
    return NOW + number * STEP


def test_a_camera_that_is_well_has_none(camera):
    camera.says("gggbgbggu")
    assert camera.listed() == []
    assert camera.row.resolved == 0


def test_an_incident_tells_what_led_to_it_and_what_it_cost(camera):
    camera.says("ggg")
    camera.bad(FaultKind.DIRT)
    camera.says("bbb")
    alarm = camera.bad()
    (incident,) = camera.listed()
    assert (incident.id, incident.kind) == (alarm.id, IncidentKind.DEGRADED)
    assert (incident.first_bad_at, incident.started_at) == (at(4), at(8) + SECOND)
    assert (incident.ended_at, incident.end) == (None, None)
    assert (incident.bad, incident.lost, incident.missed) == (5, 5, 0)
    assert incident.causes == {"dirt": 1, "blur": 4}
    assert incident.cause == "blur"

    camera.bad(FaultKind.DIRT)
    camera.good()
    camera.bad(FaultKind.DIRT, probe=True)
    (incident,) = camera.listed()
    assert (incident.bad, incident.lost) == (7, 6), "a probe loses no frame"
    assert incident.causes == {"dirt": 3, "blur": 4}

    camera.says("g" * 60)
    (incident,) = camera.listed()
    assert incident.end is IncidentEnd.RECOVERED
    assert incident.ended_at > incident.started_at
    assert camera.row.resolved == 1


def test_with_a_share_only_the_pictures_of_the_share_count(camera):
    camera.says("b" + "g" * 30)
    begun = camera.number
    camera.says("bg" * 9 + "b")
    (incident,) = camera.listed()
    assert (incident.first_bad_at, incident.bad) == (at(begun + 1), 10)


def test_unanswered_attempts_are_an_incident_of_their_own(camera):
    camera.says("gub")
    alarm = camera.says("uuuuu")
    (incident,) = camera.listed()
    assert (incident.id, incident.kind, incident.first_bad_at) == (alarm.id, IncidentKind.OFFLINE, at(4))
    assert (incident.bad, incident.lost, incident.cause) == (5, 5, Code.CAMERA_TIMEOUT)
    camera.silent(probe=True, missed=(7, at(9)))
    camera.good(probe=True, missed=(2, at(10)))
    (incident,) = camera.listed()
    assert (incident.bad, incident.lost, incident.missed) == (6, 5, 9), "what was missed until it answered"
    assert incident.end is IncidentEnd.RECOVERED
    assert (camera.row.missed, camera.row.resolved) == (9, 1)
    camera.good(missed=(1, at(12)))
    assert camera.listed()[0].missed == 9
    assert camera.row.missed == 10


def test_a_degraded_camera_may_be_offline_too(camera):
    camera.says("bbbbb" + "uuuuu")
    offline, degraded = camera.listed()
    assert (offline.kind, degraded.kind) == (IncidentKind.OFFLINE, IncidentKind.DEGRADED)
    camera.silent(missed=(3, at(11)))
    camera.bad(missed=(4, at(12)))
    offline, degraded = camera.listed()
    assert (offline.missed, degraded.missed) == (7, 0), "it missed them because it was offline"
    assert (offline.bad, degraded.bad) == (6, 6)
    assert offline.ended_at is not None
    assert degraded.ended_at is None
    camera.bad(missed=(5, at(13)))
    assert [incident.missed for incident in camera.listed()] == [7, 5]


@pytest.mark.parametrize("end", [IncidentEnd.RESET, IncidentEnd.RELEARNED])
def test_a_user_ends_the_bad_pictures_and_not_the_outage(camera, end):
    camera.says("bbbbb" + "uuuuu")
    camera.catalogue.submit(lambda conn: queries.end_degraded(conn, CAMERA, "{}", end, at(99))).result()
    offline, degraded = camera.listed()
    assert (degraded.end, degraded.ended_at) == (end, at(99))
    assert offline.end is None
    assert camera.row.resolved == 0, "not by itself"


def test_what_is_removed_has_no_incident_under_way(camera):
    camera.says("bbbbb" + "uuuuu")
    camera.catalogue.submit(lambda conn: queries.mark_camera_removed(conn, CAMERA, at(99))).result()
    assert [incident.end for incident in camera.listed()] == [IncidentEnd.REMOVED] * 2
    assert camera.row.resolved == 0


def test_an_attempt_that_is_rolled_back_leaves_no_incident(camera):
    camera.says("bbbb")
    with pytest.raises(Exception, match="no such run"):
        camera.bad(run_ids=["01K0RVN0000000000000000001"])
    assert camera.listed() == []
    camera.health = HealthState.from_dict(json.loads(camera.row.health))
    camera.bad()
    assert len(camera.listed()) == 1


def test_the_newest_are_kept(camera, monkeypatch):
    monkeypatch.setattr("timelapser_core.catalogue.incidents.INCIDENTS_KEPT", 5)
    for _ in range(8):
        camera.says("bbbbb" + "g" * 30)
    assert INCIDENTS_KEPT > 5
    found = camera.listed()
    assert len(found) == 5
    assert [one.started_at for one in found] == sorted((one.started_at for one in found), reverse=True)
    assert camera.row.resolved == 8, "the count goes on"
    assert [one.id for one in camera.listed(limit=2)] == [one.id for one in found[:2]]
    third = found[2]
    assert camera.listed(since=third.ended_at) == found[:3]
    assert camera.listed(since=third.ended_at + STEP) == found[:2]
    camera.says("bbbbb")
    assert len(camera.listed(since=at(10**6))) == 1, "one that is under way had not ended by then"


def test_what_is_paused_for_an_incident_goes_on_after_a_lost_catalogue(camera):
    (before,) = camera.catalogue.read(rebuild.indexes)
    camera.says("bbbb")
    camera.bad(hold=True)
    (row,) = camera.catalogue.read(lambda conn: queries.timelapse_states(conn, CAMERA))
    assert (row.held, row.paused, row.run.state) == (True, True, RunState.PAUSED)
    (index,) = camera.catalogue.read(rebuild.indexes)
    assert index == before
    camera.catalogue.submit(lambda conn: queries.set_paused(conn, row.id, True, at(99))).result()
    (index,) = camera.catalogue.read(rebuild.indexes)
    assert index.timelapses[0].paused, "what a person paused stays so"
    assert index.timelapses[0].runs[0].state is RunState.PAUSED


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_incidents_and_health_agree(camera, seed):
    rng = random.Random(seed)
    alarms = 0
    for _ in range(30):
        for letter in rng.choice("gbu") * rng.randint(1, 12):
            before = camera.health
            camera.says(letter)
            began = not before.quality.degraded and camera.health.quality.degraded
            went = not before.connectivity.breaker_open and camera.health.connectivity.breaker_open
            alarms += began + went
            open_kinds = {one.kind for one in camera.listed(limit=1000) if one.ended_at is None}
            assert (IncidentKind.DEGRADED in open_kinds) is camera.health.quality.degraded
            assert (IncidentKind.OFFLINE in open_kinds) is camera.health.connectivity.breaker_open
    found = camera.listed(limit=1000)
    assert len(found) == alarms > 0
    assert camera.row.resolved == sum(one.end is IncidentEnd.RECOVERED for one in found)
    assert all(one.bad == sum(one.causes.values()) >= 5 for one in found)
