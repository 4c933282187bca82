"""Which still shows what a camera normally looks like."""

from dataclasses import replace

import pytest
from timelapser_core.catalogue import queries
from timelapser_core.catalogue.evidence import evidence_frames, reference_frames
from timelapser_core.catalogue.retention import Scope
from timelapser_core.layout import FramePath
from timelapser_core.models import Fault, FaultKind, FrameKind, Light, Outcome, Review, Verdict
from timelapser_core.ulid import new_ulid

from .archive import CAMERA, FOLDER, NOW, attempt, open_catalogue

DAY = 24 * 360
"""Slots of ten seconds in a day."""


@pytest.fixture
def catalogue(tmp_path):
    """Return an open catalogue with a camera."""
    opened, _run = open_catalogue(tmp_path)
    yield opened
    opened.close()


def commit(catalogue, number, *, light=Light.DAY, score=97.0, severity=None, verdict=Verdict.GOOD):
    """Commit a still; return its id and which one is the reference then."""
    kind, slot = verdict.kind, attempt(number).slot_at
    path = str(FramePath.make(FOLDER, kind, slot, new_ulid(slot), "jpg"))
    record = attempt(number, path=path, outcome=Outcome.CAPTURED if verdict.kept else Outcome.REJECTED)
    faults = () if severity is None else (Fault(FaultKind.BLUR, severity),)
    frame = replace(record.frame, light=light, score=score, verdict=verdict, faults=faults)
    record = replace(record, frame=frame)
    committed = catalogue.submit(lambda conn: queries.commit_attempt(conn, record)).result()
    assert committed.reference == catalogue.read(lambda conn: queries.camera_state(conn, CAMERA)).reference
    return record.id, committed.reference


def shown(catalogue):
    """Return the id of the frame that is shown as the reference."""
    frame = catalogue.read(lambda conn: queries.reference_frame(conn, CAMERA))
    return None if frame is None else frame.id


def do(catalogue, query, *arguments):
    return catalogue.submit(lambda conn: query(conn, *arguments)).result()


def test_the_first_good_frame_is_it_and_stays_for_a_day(catalogue):
    first, reference = commit(catalogue, 0)
    assert reference == first
    assert commit(catalogue, DAY - 1)[1] == first
    later, reference = commit(catalogue, DAY)
    assert reference == later
    assert shown(catalogue) == later


@pytest.mark.parametrize(
    "unfit",
    [
        {"score": 94.9},
        {"score": None, "verdict": Verdict.UNREADABLE},
        {"severity": 0.11},
        {"verdict": Verdict.SUSPECT},
        {"verdict": Verdict.BAD},
        {"light": None},
    ],
    ids=str,
)
def test_what_is_not_fit(catalogue, unfit):
    assert commit(catalogue, 0, **unfit)[1] is None
    still, reference = commit(catalogue, 1, severity=0.1, score=95.0)
    assert reference == still
    assert commit(catalogue, 1 + DAY, **unfit)[1] == still


def test_day_before_twilight_before_night(catalogue):
    for number, light in enumerate((Light.NIGHT, Light.TWILIGHT, Light.DAY)):
        still, reference = commit(catalogue, number, light=light)
        assert reference == still
    for number, light in enumerate((Light.TWILIGHT, Light.NIGHT), 2 * DAY):
        assert commit(catalogue, number, light=light)[1] == still


def test_a_clock_that_is_set_back_does_not_keep_it_for_ever(catalogue):
    commit(catalogue, 400 * DAY)
    still, reference = commit(catalogue, 0)
    assert reference == still


@pytest.mark.parametrize("how", ["deleted", "missing", "rejected"])
def test_the_next_one_takes_the_place_of_one_that_is_gone(catalogue, how):
    first, _ = commit(catalogue, 0)
    if how == "deleted":
        do(catalogue, queries.delete_frames, [1])
    elif how == "missing":
        do(catalogue, queries.set_missing, first, True)
    else:
        (still,) = catalogue.read(lambda conn: queries.find_stills(conn, [first])).values()
        do(catalogue, queries.set_review, first, Review.BAD, NOW)
        path = FramePath.parse(still.path)
        do(catalogue, queries.move_still, still, str(replace(path, kind=FrameKind.QUARANTINE)))
    assert shown(catalogue) is None
    second, reference = commit(catalogue, 1)
    assert reference == shown(catalogue) == second


def test_limits_spare_it_while_it_is_one(catalogue):
    first, _ = commit(catalogue, 0)
    assert catalogue.read(reference_frames) == {first}
    second, _ = commit(catalogue, DAY)
    assert catalogue.read(reference_frames) == {second}
    assert catalogue.read(evidence_frames) == set()
    scope = Scope(camera_id=CAMERA, under_way=True)
    assert [victim.seq for victim in catalogue.read(lambda conn: queries.oldest(conn, scope, 9))] == [1]
    do(catalogue, queries.mark_camera_removed, CAMERA, NOW)
    assert catalogue.read(reference_frames) == set()
    assert [victim.seq for victim in catalogue.read(lambda conn: queries.oldest(conn, scope, 9))] == [1, 2]


@pytest.mark.parametrize(
    ("light", "left"), [(None, False), (Light.TWILIGHT, False), (Light.DAY, True), (Light.NIGHT, True)]
)
def test_relearning_lets_go_of_the_one_of_that_light(catalogue, light, left):
    still, _ = commit(catalogue, 0, light=Light.TWILIGHT)
    do(catalogue, queries.relearn, CAMERA, b"learned", b"normal", light)
    row = catalogue.read(lambda conn: queries.camera_state(conn, CAMERA))
    assert (row.baseline, row.normal, row.reference) == (b"learned", b"normal", still if left else None)


def test_relearning_without_one(catalogue):
    do(catalogue, queries.relearn, CAMERA, b"learned", b"normal", Light.DAY)
    assert catalogue.read(lambda conn: queries.camera_state(conn, CAMERA)).baseline == b"learned"
