"""Old stills go, rows first; what a kill leaves behind is put right at the next start."""

from datetime import timedelta
import errno
import os

import pytest
from timelapser_core import recovery, retention
from timelapser_core.catalogue import schema
from timelapser_core.errors import Code, StorageError
from timelapser_core.models import Fault, FaultKind, FrameKind, Verdict
from timelapser_core.recovery import Recovered
from timelapser_core.retention import Purged, Tally
from timelapser_core.storage import MARKER
from timelapser_core.ulid import new_ulid

from .archive import FOLDER, NOW, Archive, run_script, store


@pytest.fixture
def archive(tmp_path):
    archive = Archive(tmp_path)
    yield archive
    archive.catalogue.close()


def test_what_is_too_old_goes_and_the_rest_stays(archive):
    paths = [archive.capture(number) for number in range(6)]
    rejected = archive.capture(0, FrameKind.QUARANTINE)
    removed = archive.expire(25)
    assert removed == Purged(Tally(3, 3000, NOW, NOW + timedelta(seconds=20)))
    assert archive.files() == sorted([*paths[3:], rejected])
    assert (archive.rows(), archive.images(), archive.camera().byte_count) == (4, 3, 4000)
    assert archive.expire(25) == Purged()
    assert archive.expire(25, kind=FrameKind.QUARANTINE).quarantine == Tally(1, 1000, NOW, NOW)
    assert archive.camera().captured == 6


def test_protected_stills_never_go(archive):
    paths = [archive.capture(number) for number in range(3)]
    archive.catalogue.submit(
        lambda conn: conn.execute(schema.frames.update().where(schema.frames.c.seq == 1).values(protected=True))
    ).result()
    assert archive.expire(500).count == 2
    assert archive.files() == [paths[0]]


def test_the_limit_holds_over_batches(archive, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    for number in range(7):
        archive.capture(number)
    assert archive.expire(500, limit=5).count == 5
    assert len(archive.files()) == archive.rows() == 2


def test_a_storage_that_is_not_there_costs_no_row(archive):
    archive.capture(0)
    (archive.storage.base / MARKER).unlink()
    with pytest.raises(StorageError) as caught:
        archive.expire(500)
    assert caught.value.code is Code.STORAGE_MARKER
    assert archive.rows() == 1


def test_a_file_that_cannot_be_removed_now_is_removed_next_time(archive, monkeypatch):
    archive.capture(0)
    real = os.unlink

    def _fail(*arguments, **options):
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", _fail)
        assert archive.expire(500) == Purged(Tally(1, 1000, NOW, NOW), pending=1)
    assert os.unlink is real
    assert (archive.rows(), len(archive.files())) == (0, 1)
    assert archive.adopt().adopted == 0
    assert archive.files() == []
    assert archive.expire(500) == Purged()


def test_a_link_in_place_of_a_still_is_left_and_forgotten(archive):
    path = archive.capture(0)
    file = archive.storage.base / path
    file.unlink()
    file.symlink_to("/etc/passwd")
    assert archive.expire(500) == Purged(Tally(1, 1000, NOW, NOW))
    assert file.is_symlink()
    assert archive.expire(500).pending == 0


def test_a_kill_between_rows_and_files_converges(tmp_path):
    archive = Archive(tmp_path)
    for number in range(4):
        archive.capture(number)
    archive.catalogue.close()
    script = """
from timelapser_core.catalogue.retention import Scope
from timelapser_core.retention import Limits, Rule, plan, remove
storage = open_storage(sys.argv[1])
catalogue = Catalogue(Path(sys.argv[1]) / "catalogue.db")
catalogue.open()
rule = Rule(scope=Scope(camera_id=CAMERA, under_way=True), limits=Limits(age=timedelta(seconds=985)))
planned = catalogue.read(lambda conn: plan(conn, [rule], NOW + timedelta(seconds=1000), 10))
remove(storage, catalogue, planned.victims)
"""
    ended = run_script(script, tmp_path, crash_at="after_commit")
    assert ended.returncode == 137, ended.stderr
    archive = Archive(tmp_path)
    assert (archive.rows(), len(archive.files())) == (2, 4)
    assert archive.expire(15) == Purged()
    assert len(archive.files()) == 2
    archive.catalogue.close()


CAPTURE = """
storage = open_storage(sys.argv[1])
catalogue, run = open_catalogue(sys.argv[1])
path = store(storage, 1, run_ids=[run.id])
catalogue.submit(lambda conn: queries.commit_attempt(conn, attempt(1, path=path, run_ids=[run.id]))).result()
"""


@pytest.mark.parametrize(
    ("point", "recovered"),
    [
        ("after_write:2", Recovered(removed=1)),
        ("after_fsync", Recovered(removed=1)),
        ("after_rename", Recovered(adopted=1)),
        ("before_commit:3", Recovered(adopted=1)),
        ("after_commit:3", Recovered()),
    ],
)
def test_a_kill_anywhere_in_a_capture_leaves_row_and_file_or_neither(tmp_path, point, recovered):
    before = Archive(tmp_path)
    before.capture(0)
    before.catalogue.close()
    crash_at = point if "write" not in point else "after_write"
    crash_at = crash_at.replace(":3", ":2")
    ended = run_script(CAPTURE, tmp_path, crash_at=crash_at)
    assert ended.returncode == 137, ended.stderr
    archive = Archive(tmp_path)
    assert archive.adopt(archive.camera().last_slot_at) == recovered
    whole = 2 if recovered.removed == 0 else 1
    assert (archive.rows(), len(archive.files()), archive.images(), archive.camera().captured) == (whole,) * 4
    assert archive.latest().path in archive.files()
    assert archive.adopt() == Recovered()
    archive.catalogue.close()


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP"])
def test_an_adopted_still_has_everything_that_its_file_says(archive, fmt):
    path = store(archive.storage, 3, run_ids=[archive.run.id, new_ulid(NOW)], fmt=fmt)
    assert archive.adopt() == Recovered(adopted=1)
    frame = archive.latest()
    assert (frame.path, frame.score, frame.verdict) == (path, 91.5, Verdict.GOOD)
    assert frame.faults == (Fault(FaultKind.BLUR, 0.25),)
    assert frame.slot_at == frame.captured_at == NOW + timedelta(seconds=30)
    assert archive.images() == 1
    camera = archive.camera()
    assert (camera.captured, camera.last_slot_at) == (1, frame.slot_at)
    assert camera.byte_count == len(archive.storage.read(path))


def test_an_adopted_rejected_still_counts_as_rejected_and_as_no_image(archive):
    store(archive.storage, 1, kind=FrameKind.QUARANTINE, run_ids=[archive.run.id])
    assert archive.adopt() == Recovered(adopted=1)
    assert archive.latest(FrameKind.QUARANTINE).verdict is Verdict.BAD
    assert (archive.camera().rejected, archive.images()) == (1, 0)


def test_a_rejected_file_too_damaged_for_a_comment_is_adopted_as_unreadable(archive):
    path = archive.storage.write(FOLDER, FrameKind.QUARANTINE, NOW, new_ulid(NOW), "jpg", b"\xff\xd8 cut")
    assert archive.adopt() == Recovered(adopted=1)
    frame = archive.latest(FrameKind.QUARANTINE)
    assert (frame.path, frame.verdict, frame.score) == (path, Verdict.UNREADABLE, None)


def test_adopting_does_not_set_the_last_slot_back(archive):
    archive.capture(9)
    store(archive.storage, 2, run_ids=[archive.run.id])
    assert archive.adopt() == Recovered(adopted=1)
    assert archive.camera().last_slot_at == NOW + timedelta(seconds=90)


def test_foreign_files_and_links_are_counted_and_untouched(archive):
    kept = archive.capture(0)
    day = (archive.storage.base / kept).parent
    (day / "IMG_1.jpg").write_bytes(b"holiday")
    (day / kept.rpartition("/")[2].replace("Z-", "Z-").replace(".jpg", ".png")).symlink_to("/etc/passwd")
    unsigned = archive.storage.write(FOLDER, FrameKind.FRAME, NOW, new_ulid(NOW), "jpg", b"\xff\xd8 no comment")
    tomorrow = day.parent / "22"
    tomorrow.symlink_to("/etc")
    assert archive.adopt() == Recovered(odd=4)
    assert archive.rows() == 1
    assert (archive.storage.base / unsigned).exists()
    assert tomorrow.is_symlink()
    assert (day / "IMG_1.jpg").read_bytes() == b"holiday"


def test_a_copy_of_a_known_still_is_no_orphan(archive):
    path = archive.capture(0)
    copy = (archive.storage.base / path).with_name(path.rpartition("/")[2].replace(".jpg", "-1.jpg"))
    copy.write_bytes(archive.storage.read(path))
    assert archive.adopt() == Recovered()
    assert (archive.rows(), len(archive.files())) == (1, 2)


def test_a_reserved_name_without_content_is_removed(archive):
    archive.storage.write(FOLDER, FrameKind.FRAME, NOW, new_ulid(NOW), "jpg", b"")
    assert archive.adopt() == Recovered(removed=1)
    assert archive.files() == []


def test_only_the_days_that_can_hold_an_orphan_are_looked_at(archive):
    store(archive.storage, 0, run_ids=[archive.run.id])
    assert archive.adopt(NOW + timedelta(days=2)) == Recovered()
    assert archive.adopt(NOW + timedelta(days=1)) == Recovered(adopted=1)


def test_a_camera_without_a_slot_is_looked_through_from_its_newest_day(archive, monkeypatch):
    monkeypatch.setattr(recovery, "MAX_DAYS", 2)
    for number in (0, 8640, 17280):
        store(archive.storage, number)
    assert archive.adopt(None) == Recovered(adopted=2)
    assert archive.latest().captured_at == NOW + timedelta(days=2)


def test_more_files_than_a_kill_leaves_are_left_to_a_rebuilding(archive, monkeypatch):
    monkeypatch.setattr(recovery, "MAX_ADOPTED", 2)
    for number in range(5):
        store(archive.storage, number)
    assert archive.adopt() == Recovered(adopted=2, left=3)
    assert archive.rows() == 2
