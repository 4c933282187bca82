"""Reviews of stills: file and row move together, whatever interrupts them."""

from datetime import timedelta
import errno
import os

import pytest
from sqlalchemy import event
from timelapser_core.catalogue import Catalogue, queries, schema
from timelapser_core.catalogue.stills import StillCursor, StillQuery
from timelapser_core.errors import Code
from timelapser_core.layout import FramePath
from timelapser_core.models import FrameKind, Outcome, Review
from timelapser_core.recovery import adopt_orphans
from timelapser_core.review import review_stills, settle_moves
from timelapser_core.storage import Storage

from .archive import CAMERA, FOLDER, NOW, all_files, attempt, open_catalogue, open_storage, run_script, store

REVIEW = """
from timelapser_core.models import Review
from timelapser_core.review import review_stills
catalogue = Catalogue(Path(sys.argv[1]) / "catalogue.db")
catalogue.open()
review_stills(open_storage(sys.argv[1]), catalogue, sys.argv[2].split(","), Review.GOOD)
catalogue.close()
"""
"""Restores stills, with a commit for the announcement, one for each still, and two at the end."""

STEPS = [f"{point}:{number}" for point in ("before_commit", "after_commit") for number in range(1, 6)]
STEPS += [f"{point}:{number}" for point in ("after_write", "after_fsync", "after_rename") for number in (1, 2)]


class House:
    """A catalogue and a storage with one frame and two quarantined stills of a run."""

    def __init__(self, root):
        self.root = root
        self.catalogue, self.run = open_catalogue(root)
        self.storage = open_storage(root)
        self.paths = []
        for number, kind in enumerate((FrameKind.FRAME, FrameKind.QUARANTINE, FrameKind.QUARANTINE)):
            path = store(self.storage, number, kind=kind, run_ids=[self.run.id])
            outcome = Outcome.CAPTURED if kind is FrameKind.FRAME else Outcome.REJECTED
            record = attempt(number, path=path, run_ids=[self.run.id], outcome=outcome)
            self.catalogue.submit(lambda conn, record=record: queries.commit_attempt(conn, record)).result()
            self.paths.append(path)
        self.ids = [FramePath.parse(path).id for path in self.paths]
        self.bytes = {FramePath.parse(path).id: self.storage.read(path) for path in self.paths}

    def close(self):
        self.catalogue.close()
        self.storage.close()

    def reopen(self):
        self.catalogue = Catalogue(self.root / "catalogue.db")
        self.catalogue.open()
        self.storage = Storage(self.root)
        self.storage.open()

    def review(self, review, *numbers):
        return review_stills(self.storage, self.catalogue, [self.ids[number] for number in numbers], review)

    def stills(self):
        found = self.catalogue.read(lambda conn: queries.find_stills(conn, self.ids))
        return [found[one] for one in self.ids]

    def kinds(self):
        return "".join(still.kind[0] for still in self.stills())

    def image_count(self):
        return self.catalogue.read(lambda conn: queries.find_run(conn, self.run.id)).image_count

    def flaws(self):
        """Return what is wrong with files, rows, counts, and what moves leave behind."""
        stills = self.stills()
        files = [name for name in all_files(self.root / "timelapser") if FOLDER in name and not name.endswith(".json")]
        flaws = [f"stray {name}" for name in set(files) - {still.path for still in stills}]
        flaws += [f"no file for {still.path}" for still in stills if still.path not in files]
        flaws += [still.path for still in stills if self.storage.read(still.path) != self.bytes[still.id]]
        if self.image_count() != self.kinds().count("f"):
            flaws.append("image count")
        if self.catalogue.read(queries.announced_moves) or self.catalogue.read(queries.awaiting_unlink):
            flaws.append("left over")
        return flaws


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    yield house
    house.close()


def test_there_and_back(house):
    assert house.review(Review.GOOD, 1, 2) == {}
    assert (house.kinds(), house.flaws()) == ("fff", [])
    assert [still.review for still in house.stills()] == [None, Review.GOOD, Review.GOOD]
    assert house.review(Review.BAD, 0, 1) == {}
    assert (house.kinds(), house.flaws()) == ("qqf", [])
    assert house.review(Review.BAD, 0) == {}
    assert (house.kinds(), house.flaws()) == ("qqf", [])


def test_taking_it_back(house):
    for review in (Review.GOOD, Review.BAD):
        house.review(review, 0, 1)
        assert house.review(None, 0, 1) == {}
        assert (house.kinds(), house.flaws()) == ("fqq", [])
        assert [still.review for still in house.stills()] == [None] * 3
    assert house.catalogue.read(lambda conn: queries.reviews_of(conn, CAMERA)) == []


def test_reviews_are_told_the_last_one_first_and_by_an_index(house):
    house.review(Review.BAD, 2)
    house.review(Review.GOOD, 0)
    plans = []

    def explain(conn):
        @event.listens_for(conn, "before_cursor_execute")
        def note(_conn, cursor, statement, parameters, *_rest):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append([row[3] for row in cursor.fetchall()])

        return queries.reviews_of(conn, CAMERA), queries.reviews_of(conn, CAMERA, 1)

    reviews, newest = house.catalogue.read(explain)
    assert [review.good for review in reviews] == [True, False]
    assert newest == reviews[:1]
    assert reviews[0].at > reviews[1].at
    assert [fault.kind for fault in reviews[0].faults] == ["blur"]
    assert all(any("ix_frames_review" in step for step in plan) for plan in plans), plans
    assert not any("TEMP B-TREE" in step for plan in plans for step in plan), plans


def test_no_name_is_used_twice(house):
    """A name that waits to be unlinked must never be that of a row again."""
    seen = {house.stills()[1].path}
    for review in (Review.GOOD, Review.BAD) * 3:
        house.review(review, 1)
        path = house.stills()[1].path
        assert path not in seen
        seen.add(path)


def test_the_numbers_of_names_begin_anew(house):
    path = FramePath.parse(house.paths[1])
    last = f"{house.paths[1].removesuffix('.jpg')}-9000.jpg"
    (house.root / "timelapser" / last).write_bytes(house.bytes[path.id])
    (house.root / "timelapser" / house.paths[1]).unlink()
    house.catalogue.submit(
        lambda conn: conn.execute(schema.frames.update().where(schema.frames.c.id == path.id).values(copy=9000))
    ).result()
    assert house.review(Review.GOOD, 1) == {}
    assert FramePath.parse(house.stills()[1].path).copy == 1
    assert house.flaws() == []


@pytest.mark.parametrize("crash_at", STEPS)
def test_a_kill_leaves_each_still_in_one_place(house, crash_at):
    house.close()
    ended = run_script(REVIEW, house.root, ",".join(house.ids[1:]), crash_at=crash_at)
    assert ended.returncode == 137, ended.stderr
    house.reopen()
    settle_moves(house.storage, house.catalogue)
    adopt_orphans(house.storage, house.catalogue, CAMERA, FOLDER, None)
    assert house.flaws() == []
    assert house.review(Review.GOOD, 1, 2) == {}
    assert (house.kinds(), house.flaws()) == ("fff", [])


def test_a_kill_that_nobody_settles_is_noticed(house):
    """The control arm: without the step at the start a stray file remains."""
    house.close()
    assert run_script(REVIEW, house.root, house.ids[1], crash_at="before_commit:2").returncode == 137
    house.reopen()
    adopt_orphans(house.storage, house.catalogue, CAMERA, FOLDER, None)
    assert [flaw[:12] for flaw in house.flaws()] == ["stray " + FOLDER[:6], "left over"]


def test_a_review_that_is_under_way_is_not_settled(house, monkeypatch):
    """A camera that is loaded meanwhile leaves the announcement of another thread alone."""
    seen = []
    put = house.storage.put

    def put_and_look(path, data):
        settle_moves(house.storage, house.catalogue)
        seen.append(house.catalogue.read(queries.announced_moves))
        return put(path, data)

    monkeypatch.setattr(house.storage, "put", put_and_look)
    assert house.review(Review.GOOD, 1) == {}
    assert [list(moves.values()) for moves in seen] == [[[house.ids[1]]]]
    assert house.flaws() == []


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, Code.STORAGE_FULL),
        (errno.EROFS, Code.STORAGE_READ_ONLY),
        (errno.EACCES, Code.STORAGE_PERMISSION),
        (errno.EIO, Code.STORAGE_IO),
    ],
)
def test_a_disk_that_refuses_leaves_everything(house, monkeypatch, number, code):
    write = os.write

    def refuse(descriptor, data):
        if bytes(data[:2]) == b"\xff\xd8":
            raise OSError(number, os.strerror(number))
        return write(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        assert house.review(Review.GOOD, 1, 2) == {house.ids[1]: code, house.ids[2]: code}
    assert (house.kinds(), house.flaws()) == ("fqq", [])
    assert [still.review for still in house.stills()] == [None] * 3


def test_a_file_that_cannot_be_unlinked_goes_later(house, monkeypatch):
    real = os.unlink

    def deny(name, *, dir_fd=None):
        if str(name).endswith(".jpg"):
            raise PermissionError(errno.EACCES, "no")
        real(name, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", deny)
        assert house.review(Review.GOOD, 1) == {}
    assert house.kinds() == "ffq"
    assert "left over" in house.flaws()
    adopt_orphans(house.storage, house.catalogue, CAMERA, FOLDER, None)
    assert house.flaws() == []


def test_a_still_that_was_deleted_meanwhile(house):
    house.catalogue.submit(lambda conn: queries.delete_frames(conn, [2])).result()
    assert house.review(Review.GOOD, 1, 2) == {house.ids[1]: Code.NOT_FOUND}


def test_pages_of_stills_of_the_same_instant(house):
    """The order is whole: of one instant, the one that came later is newer."""
    house.catalogue.submit(lambda conn: conn.execute(schema.frames.update().values(captured_at=NOW))).result()

    def page(before):
        query = StillQuery(camera_id=CAMERA, before=before, limit=1)
        return house.catalogue.read(lambda conn: queries.list_stills(conn, query))

    seen, cursor = [], None
    for _ in range(3):
        stills, cursor = page(cursor)
        seen += [still.id for still in stills]
        cursor = cursor and StillCursor.parse(str(cursor))
    assert seen == house.ids[::-1]
    assert cursor is None


def test_a_page_is_read_by_the_index(house):
    """Neither a camera's history nor that of others is sorted or looked through for a page."""
    query = StillQuery(camera_id=CAMERA, start=NOW, end=NOW + timedelta(days=1), before=StillCursor(NOW, 5))
    plans = []

    def explain(conn):
        @event.listens_for(conn, "before_cursor_execute")
        def note(_conn, cursor, statement, parameters, *_rest):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append([row[3] for row in cursor.fetchall()])

        return queries.list_stills(conn, query)

    house.catalogue.read(explain)
    assert all(any("ix_frames_age" in step for step in plan) for plan in plans[:4]), plans
    assert not any("TEMP B-TREE" in step for plan in plans[:4] for step in plan), plans
