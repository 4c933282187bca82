"""What goes and what stays: limits of age, number and size, for runs, for the quarantine and for what is asked."""

from datetime import timedelta

import pytest
from timelapser_core.catalogue import queries, schema
from timelapser_core.catalogue.retention import Scope
from timelapser_core.degradation import Degradation
from timelapser_core.models import FrameKind
from timelapser_core.retention import Limits, Purged, Rule, Tally

from .archive import CAMERA, NOW, TIMELAPSE, Archive, all_files, attempt, store

OTHER = "01K0TIMELAPSE0000000000002"
LATER = NOW + timedelta(seconds=100)
"""When the ten slots from 0 to 9 are over."""


@pytest.fixture
def archive(tmp_path):
    archive = Archive(tmp_path)
    yield archive
    assert len(archive.files()) == archive.rows()
    archive.catalogue.close()


def of_timelapse(timelapse_id=TIMELAPSE, *, under_way=False, **limits):
    return Rule(scope=Scope(camera_id=CAMERA, timelapse_id=timelapse_id, under_way=under_way), limits=Limits(**limits))


def rejected(**limits):
    return Rule(scope=Scope(camera_id=CAMERA, kind=FrameKind.QUARANTINE), limits=Limits(**limits))


def asked(kind=FrameKind.FRAME, *, under_way=False, **limits):
    return Rule(scope=Scope(camera_id=CAMERA, kind=kind, under_way=under_way), limits=Limits(**limits), all_of=True)


ANY_LIMIT = [
    ({"age": timedelta(seconds=65)}, [4, 5, 6, 7, 8, 9]),
    ({"count": 3}, [7, 8, 9]),
    ({"count": 10}, list(range(10))),
    ({"byte_count": 4999}, [6, 7, 8, 9]),
    ({"byte_count": 5000}, [5, 6, 7, 8, 9]),
    ({"byte_count": 0}, []),
    ({"age": timedelta(seconds=65), "count": 8, "byte_count": 9000}, [4, 5, 6, 7, 8, 9]),
    ({"age": timedelta(seconds=95), "count": 8, "byte_count": 3000}, [7, 8, 9]),
    ({"age": timedelta(seconds=95), "count": 2, "byte_count": 3000}, [8, 9]),
    ({}, list(range(10))),
]


@pytest.mark.parametrize(("limits", "left"), ANY_LIMIT)
def test_what_exceeds_any_limit_of_a_timelapse_goes_the_oldest_first(archive, limits, left):
    for number in range(10):
        archive.capture(number)
    archive.complete()
    archive.purge(of_timelapse(**limits), now=LATER)
    assert archive.numbers() == left
    assert archive.counts()[archive.run.id] == len(left)
    assert archive.camera().byte_count == 1000 * len(left)


@pytest.mark.parametrize(("limits", "left"), ANY_LIMIT)
def test_the_quarantine_has_limits_of_its_own_whatever_run_it_is_of(archive, limits, left):
    for number in range(10):
        archive.capture(number, FrameKind.QUARANTINE)
        archive.capture(number)
    archive.purge(rejected(**limits), of_timelapse(count=0), now=LATER)
    assert archive.numbers(FrameKind.QUARANTINE) == left
    assert archive.numbers() == list(range(10))
    assert archive.counts()[archive.run.id] == 10


def test_the_run_under_way_is_touched_only_when_told(archive):
    archive.capture(0)
    second = archive.complete()
    archive.capture(1, runs=[second])
    archive.purge(of_timelapse(count=0, byte_count=0, age=timedelta(seconds=1)), now=NOW + timedelta(seconds=12))
    assert archive.numbers() == [1]
    archive.purge(of_timelapse(count=0, under_way=True), now=LATER)
    assert archive.numbers() == []
    assert archive.counts() == {archive.run.id: 0, second.id: 0}


def test_only_completed_runs_count_for_the_limits_unless_told(archive):
    for number in range(4):
        archive.capture(number)
    second = archive.complete()
    for number in range(4, 9):
        archive.capture(number, runs=[second])
    archive.purge(of_timelapse(count=4, byte_count=4000))
    assert archive.numbers() == list(range(9))
    archive.purge(of_timelapse(count=4, under_way=True))
    assert archive.numbers() == [5, 6, 7, 8]


def test_a_frame_of_two_timelapses_goes_with_the_last_that_keeps_it(archive):
    other = archive.timelapse(OTHER)
    for number in range(4):
        archive.capture(number, runs=[archive.run, other] if number % 2 else [archive.run])
    archive.complete()
    assert archive.purge(of_timelapse(count=0)) == Purged(Tally(2, 2000, NOW, NOW + timedelta(seconds=20)), released=2)
    assert archive.numbers() == [1, 3]
    assert archive.counts()[archive.run.id] == 0
    assert archive.counts()[other.id] == 2
    archive.complete(OTHER)
    assert archive.purge(of_timelapse(count=0), of_timelapse(OTHER, count=1)).frames.count == 1
    assert archive.numbers() == [3]


def test_rules_of_two_timelapses_together_remove_what_both_let_go(archive):
    other = archive.timelapse(OTHER)
    for number in range(4):
        archive.capture(number, runs=[archive.run, other])
    archive.complete()
    archive.complete(OTHER)
    rules = [of_timelapse(count=1), of_timelapse(OTHER, count=2)]
    expected = archive.plan(*rules).expected
    assert expected == Purged(Tally(2, 2000, NOW, NOW + timedelta(seconds=10)), released=1)
    assert archive.purge(*rules) == expected
    assert archive.numbers() == [2, 3]
    assert archive.counts()[archive.run.id] == 1
    assert archive.counts()[other.id] == 2


def test_only_frames_of_no_run_are_loose(archive):
    archive.capture(0)
    archive.capture(1, runs=[])
    archive.capture(2, runs=[])
    loose = Rule(scope=Scope(camera_id=CAMERA, loose=True), limits=Limits(age=timedelta(seconds=85)))
    archive.purge(loose, now=LATER)
    assert archive.numbers() == [0, 2]


def test_protected_stills_count_and_stay(archive):
    for number in range(6):
        archive.capture(number)
    archive.protect(0, 3)
    archive.complete()
    archive.purge(of_timelapse(count=3))
    assert archive.numbers() == [0, 3, 5]
    archive.purge(of_timelapse(count=0, byte_count=0, age=timedelta(0)), asked(count=0, under_way=True), now=LATER)
    assert archive.numbers() == [0, 3]


def test_what_shows_a_fault_of_the_camera_stays_as_long_as_it_does(archive):
    paths = [archive.capture(number) for number in range(3)]
    bad = archive.capture(3, FrameKind.QUARANTINE)
    reference, shown = (path.rpartition("Z-")[2][:26] for path in (paths[1], bad))
    evidence = Degradation(since=NOW).showing(reference=reference, rejected=shown).to_json()
    cameras = schema.cameras
    archive.do(lambda conn: conn.execute(cameras.update().values(evidence=evidence)))
    rules = [rejected(count=0), of_timelapse(count=0, under_way=True)]
    archive.purge(*rules)
    assert (archive.numbers(), archive.numbers(FrameKind.QUARANTINE)) == ([1], [3])
    archive.do(lambda conn: conn.execute(cameras.update().values(evidence=None)))
    archive.purge(*rules)
    assert archive.rows() == 0


@pytest.mark.parametrize("change", ["protected", "restored"])
def test_what_changes_after_the_plan_was_made_is_heeded(archive, change):
    archive.capture(0, FrameKind.QUARANTINE)
    archive.capture(1, FrameKind.QUARANTINE)
    planned = archive.plan(rejected(count=0))
    assert planned.expected.quarantine.count == 2
    values = {"protected": True} if change == "protected" else {"kind": FrameKind.FRAME}
    changed = schema.frames.update().where(schema.frames.c.seq == 1).values(**values)
    archive.do(lambda conn: conn.execute(changed))
    deleted = archive.do(queries.take_out, planned.victims)
    assert [file.seq for file in deleted.files] == [2]
    for file in deleted.files:
        archive.storage.unlink(file.path)


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({"age": timedelta(seconds=85)}, [4, 5, 6, 7, 8, 9]),
        ({"count": 3}, [7, 8, 9]),
        ({"count": 0}, []),
        ({"count": 20}, list(range(10))),
        ({"age": timedelta(seconds=85), "count": 3}, [4, 5, 6, 7, 8, 9]),
        ({"age": timedelta(seconds=85), "count": 8}, [2, 3, 4, 5, 6, 7, 8, 9]),
    ],
)
def test_what_is_asked_for_removes_only_what_exceeds_all_that_is_said(archive, limits, left):
    for number in range(10):
        archive.capture(number)
    second = archive.complete()
    archive.capture(10, runs=[second])
    archive.capture(11, FrameKind.QUARANTINE)
    archive.purge(asked(**limits), now=NOW + timedelta(seconds=120))
    assert archive.numbers() == [*left, 10]
    archive.purge(asked(count=0, under_way=True))
    assert archive.numbers() == []
    assert archive.numbers(FrameKind.QUARANTINE) == [11]


def test_stills_of_a_rebuilt_catalogue_are_as_old_as_their_place_says(archive):
    """They are entered after newer ones, with numbers below 0."""
    for number in range(5, 10):
        archive.capture(number)
    for number in range(4, -1, -1):
        path = store(archive.storage, number, run_ids=[archive.run.id])
        frame = attempt(number, path=path).frame
        slot = NOW + timedelta(seconds=10 * number)
        archive.do(queries.adopt_frame, CAMERA, frame, slot, [archive.run.id], seq=number - 5)
    archive.complete()
    assert archive.numbers() == list(range(10))
    archive.purge(asked(count=20))
    assert archive.numbers() == list(range(10))
    archive.purge(asked(count=9))
    archive.purge(of_timelapse(count=7))
    assert archive.numbers() == list(range(3, 10))


def test_number_and_size_go_by_the_order_in_which_stills_came_whatever_the_clock_said(archive):
    """Two frames of a clock that had not been set are not the oldest."""
    for number in (5000, 5001, 0, 1, 5002):
        archive.capture(number)
    archive.complete()
    archive.purge(of_timelapse(count=4))
    assert archive.numbers() == [5001, 0, 1, 5002]
    archive.purge(of_timelapse(byte_count=3999))
    assert archive.numbers() == [0, 1, 5002]


AGE = timedelta(seconds=20)
AT = {"the last still": 9, "soon after": 9 + 3, "long after": 9 + 5, "before the last still": 8, "1970": -(10**9) // 10}


@pytest.mark.parametrize(
    ("when", "left"),
    [
        ("the last still", [7, 8, 9]),
        ("soon after", []),
        ("long after", list(range(10))),
        ("before the last still", list(range(10))),
        ("1970", list(range(10))),
    ],
)
def test_no_still_goes_by_age_when_the_clock_is_not_to_be_believed(archive, when, left):
    for number in range(10):
        archive.capture(number)
    archive.capture(9, FrameKind.QUARANTINE)
    archive.complete()
    now = NOW + timedelta(seconds=10 * AT[when])
    planned = archive.plan(of_timelapse(age=AGE), now=now)
    archive.purge(of_timelapse(age=AGE), now=now)
    assert archive.numbers() == left
    assert planned.held is (when in ("long after", "before the last still"))
    archive.purge(of_timelapse(age=AGE, count=2), now=NOW + timedelta(days=40_000))
    assert archive.numbers() == left[-2:]


def test_a_leap_of_the_clock_is_noticed_also_when_stills_were_taken_after_it(archive):
    for number in (0, 1, 2, 1000, 1001):
        archive.capture(number)
    archive.complete()
    rule = of_timelapse(age=AGE)
    planned = archive.plan(rule, now=NOW + timedelta(seconds=10_010))
    assert (planned.victims, planned.held) == ((), True)
    for number in (1002, 1003, 1004):
        archive.capture(number, runs=[])
    archive.purge(rule, now=NOW + timedelta(seconds=10_040))
    assert archive.numbers() == [1002, 1003, 1004]


def test_a_plan_is_bounded_and_says_so(archive):
    for number in range(5):
        archive.capture(number)
    archive.complete()
    assert archive.plan(of_timelapse(count=0), limit=3).more
    archive.purge(of_timelapse(count=0), limit=3)
    assert archive.numbers() == [3, 4]
    assert not archive.plan(of_timelapse(count=0), limit=3).more


def test_a_plan_changes_nothing_and_says_exactly_what_happens(archive):
    other = archive.timelapse(OTHER)
    for number in range(12):
        archive.capture(number, runs=[[archive.run], [other], [archive.run, other], []][number % 4], size=100 + number)
        archive.capture(number, FrameKind.QUARANTINE, size=10 + number)
    archive.protect(5)
    archive.complete()
    rules = [
        rejected(count=9, age=timedelta(seconds=110)),
        of_timelapse(byte_count=300),
        of_timelapse(OTHER, under_way=True, age=timedelta(seconds=75)),
        Rule(scope=Scope(camera_id=CAMERA, loose=True), limits=Limits(age=timedelta(seconds=75))),
    ]
    now = NOW + timedelta(seconds=120)
    before = (all_files(archive.storage.base), archive.counts(), archive.camera())
    planned = archive.plan(*rules, now=now)
    assert (all_files(archive.storage.base), archive.counts(), archive.camera()) == before
    assert planned.expected.count > 4
    assert planned.expected.released > 0
    assert archive.purge(*rules, now=now) == planned.expected
    assert archive.purge(*rules, now=now) == Purged()
