"""Why a camera is degraded: what is counted, what is kept, and which stills show it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from timelapser_core.catalogue import queries
from timelapser_core.catalogue.evidence import REFERENCE_LOOKBACK, evidence_frames
from timelapser_core.degradation import Degradation, main_cause
from timelapser_core.errors import Code
from timelapser_core.health import HealthState, QualityState, Transition, bad_share
from timelapser_core.hysteresis import PERSISTENT_WINDOW, SHARE_WINDOW
from timelapser_core.layout import FramePath
from timelapser_core.models import FaultKind, FrameKind, IncidentEnd, Outcome, Verdict
from timelapser_core.ulid import new_ulid

from .archive import CAMERA, NOW, attempt, open_catalogue

WHY = Degradation(since=NOW, bad=5, pictures=20, in_a_row=5, code=Code.CAMERA_STALE, faults=(FaultKind.FROZEN,))


@pytest.fixture
def catalogue(tmp_path):
    """Return an open catalogue with a camera."""
    opened, _run = open_catalogue(tmp_path)
    yield opened
    opened.close()


def path(number, kind=FrameKind.FRAME):
    """Return the path of the still of a slot, whose file is not needed."""
    slot = attempt(number).slot_at
    return str(FramePath.make("garage-0000ab12", kind, slot, new_ulid(slot), "jpg"))


def commit(catalogue, number, *, verdict=Verdict.GOOD, kind=FrameKind.FRAME, **more):
    """Commit an attempt with a still; return its id."""
    outcome = Outcome.CAPTURED if kind is FrameKind.FRAME else Outcome.REJECTED
    record = attempt(number, path=path(number, kind), outcome=outcome, **more)
    record = replace(record, frame=replace(record.frame, verdict=verdict))
    committed = catalogue.submit(lambda conn: queries.commit_attempt(conn, record)).result()
    return record.id, committed


def reject(catalogue, number, **more):
    """Commit a rejected still."""
    return commit(catalogue, number, verdict=Verdict.BAD, kind=FrameKind.QUARANTINE, **more)


@pytest.mark.parametrize(
    ("recent", "in_a_row", "expected"),
    [
        ("", 0, (1, 1, 1)),
        ("bbbb", 4, (5, 5, 5)),
        ("g" * 95 + "bbbb", 4, (5, SHARE_WINDOW, 5)),
        ("gb" * 9 + "g", 0, (10, SHARE_WINDOW, 1)),
        ("b" * 24 + "g" * 75, 0, (25, PERSISTENT_WINDOW, 1)),
    ],
)
def test_the_share_that_says_most_is_told(recent, in_a_row, expected):
    before = HealthState(quality=QualityState(recent=recent, consecutive_bad=in_a_row))
    assert bad_share(before) == expected


@pytest.mark.parametrize(
    "why",
    [
        WHY,
        Degradation(since=NOW),
        WHY.counting(NOW, {"blur": 3, "TL-IMG-001": 1}),
        replace(WHY, reference=new_ulid(), rejected=new_ulid()),
    ],
)
def test_it_survives_as_text(why):
    assert Degradation.from_json(why.to_json()) == why


def test_the_attempt_that_degrades_a_camera_keeps_its_stills(catalogue):
    good, _ = commit(catalogue, 1)
    commit(catalogue, 2, verdict=Verdict.SUSPECT)
    reject(catalogue, 3, code=Code.BELOW_THRESHOLD)
    rejected, committed = reject(
        catalogue, 4, code=Code.BELOW_THRESHOLD, transition=Transition.DEGRADED, degradation=WHY
    )
    expected = WHY.showing(reference=good, rejected=rejected)
    expected = expected.counting(NOW + timedelta(seconds=30), {Code.BELOW_THRESHOLD: 2})
    assert Degradation.from_json(committed.evidence) == expected
    assert Degradation.from_json(catalogue.read(lambda conn: queries.camera_state(conn, CAMERA)).evidence) == expected
    assert catalogue.read(evidence_frames) == {good, rejected}


def test_further_attempts_leave_them(catalogue):
    good, _ = commit(catalogue, 1)
    rejected, _ = reject(catalogue, 2, transition=Transition.DEGRADED, degradation=WHY)
    commit(catalogue, 3)
    reject(catalogue, 4)
    assert catalogue.read(evidence_frames) == {good, rejected}


@pytest.mark.parametrize("end", ["recovered", "reset", "removed"])
def test_they_are_let_go(catalogue, end):
    commit(catalogue, 1)
    reject(catalogue, 2, transition=Transition.DEGRADED, degradation=WHY)
    assert len(catalogue.read(evidence_frames)) == 2
    if end == "recovered":
        commit(catalogue, 3, transition=Transition.RECOVERED)
    elif end == "reset":
        catalogue.submit(lambda conn: queries.end_degraded(conn, CAMERA, "{}", IncidentEnd.RESET, NOW)).result()
    else:
        catalogue.submit(lambda conn: queries.mark_camera_removed(conn, CAMERA, NOW)).result()
    assert catalogue.read(evidence_frames) == set()
    assert catalogue.read(lambda conn: queries.camera_state(conn, CAMERA)).evidence is None


def test_without_a_good_still_the_newest_kept_one_is_the_reference(catalogue):
    commit(catalogue, 1, verdict=Verdict.SUSPECT)
    newest, _ = commit(catalogue, 2, verdict=Verdict.SUSPECT)
    rejected, _ = reject(catalogue, 3, transition=Transition.DEGRADED, degradation=WHY)
    assert catalogue.read(evidence_frames) == {newest, rejected}


def test_a_good_still_is_looked_for_so_far_and_no_further(catalogue):
    commit(catalogue, 0)
    near, _ = commit(catalogue, 1)
    for number in range(2, REFERENCE_LOOKBACK + 1):
        newest, _ = commit(catalogue, number, verdict=Verdict.SUSPECT)
    assert near in catalogue.read(_after(catalogue, REFERENCE_LOOKBACK + 1))
    commit(catalogue, REFERENCE_LOOKBACK + 2, transition=Transition.RECOVERED, verdict=Verdict.SUSPECT)
    newest, _ = commit(catalogue, REFERENCE_LOOKBACK + 3, verdict=Verdict.SUSPECT)
    assert newest in catalogue.read(_after(catalogue, REFERENCE_LOOKBACK + 4))


def _after(catalogue, number):
    reject(catalogue, number, transition=Transition.DEGRADED, degradation=WHY)
    return evidence_frames


def test_without_any_still_there_is_none(catalogue):
    record = attempt(1, outcome=Outcome.FAILED, transition=Transition.DEGRADED, degradation=WHY)
    catalogue.submit(lambda conn: queries.commit_attempt(conn, record)).result()
    assert catalogue.read(evidence_frames) == set()
    assert catalogue.read(lambda conn: queries.camera_state(conn, CAMERA)).evidence is not None


def test_an_attempt_that_is_rolled_back_keeps_nothing(catalogue):
    commit(catalogue, 1)
    with pytest.raises(Exception, match="no such run"):
        reject(catalogue, 2, transition=Transition.DEGRADED, degradation=WHY, run_ids=[new_ulid()])
    assert catalogue.read(evidence_frames) == set()


def test_a_still_is_found_by_its_id(catalogue):
    still, _ = commit(catalogue, 1)
    found, source_key = catalogue.read(lambda conn: queries.find_frame(conn, still))
    assert (found.id, found.camera_id, source_key) == (still, CAMERA, "registry-1")
    assert catalogue.read(lambda conn: queries.find_frame(conn, new_ulid())) is None


@pytest.mark.parametrize(
    ("causes", "cause"),
    [
        ({}, None),
        ({"TL-IMG-001": 2, "TL-CAM-004": 1}, "TL-IMG-001"),
        ({"blur": 1, "dirt": 2}, "dirt"),
        ({"TL-IMG-007": 9, "blur": 1}, "blur"),
    ],
)
def test_the_most_frequent_fault_is_the_cause(causes, cause):
    assert main_cause(causes) == cause
    assert WHY.counting(NOW, causes).cause == cause


@pytest.mark.parametrize(
    ("bad", "pictures", "causes", "words"),
    [
        (0, 0, {}, None),
        (5, 5, {"black": 5}, "5 of 5 frames black since 03:10"),
        (14, 20, {"dirt": 2, "blur": 12}, "14 of 20 frames bad since 03:10: 12 blurred, 2 dirty"),
        (5, 5, {"TL-IMG-001": 5}, "5 of 5 frames bad since 03:10: 5 TL-IMG-001"),
        (5, 20, {"blur": 4}, "5 of 20 frames bad since 03:10: 4 blurred"),
        (5, 20, {}, "5 of 20 frames bad since 03:10"),
    ],
)
def test_it_is_told_in_a_few_words(bad, pictures, causes, words):
    assert replace(WHY, bad=bad, pictures=pictures, causes=causes).summary("03:10") == words


@pytest.mark.parametrize("kind", FaultKind)
def test_there_is_a_word_for_each_fault(kind):
    words = replace(WHY, causes={kind: WHY.bad}).summary("03:10")
    assert words.startswith("5 of 20 frames ")
    assert "bad" not in words
