"""Whole files or none; nothing overwritten; nothing outside; every error with its code."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
import errno
import json
import os
import time
from uuid import UUID

from hypothesis import given, strategies as st
import pytest
from timelapser_core import parts
from timelapser_core.errors import Code, StorageError
from timelapser_core.layout import FramePath, camera_folder, slug
from timelapser_core.models import FrameKind
from timelapser_core.storage import FOLDER, MARKER, Storage
from timelapser_core.ulid import new_ulid

from .archive import FOLDER as CAMERA_FOLDER, NOW, all_files, open_storage, run_script

ULID = new_ulid(NOW)
AT = datetime(2026, 3, 9, 23, 59, 58, 7999, tzinfo=UTC)
PATH = f"{CAMERA_FOLDER}/frames/2026/03/09/20260309T235958007Z-{ULID}.jpg"
DAY = PATH.rpartition("/")[0]


@pytest.fixture
def storage(tmp_path):
    return open_storage(tmp_path)


def write(storage, data=b"picture", kind=FrameKind.FRAME, ulid=ULID):
    return storage.write(CAMERA_FOLDER, kind, AT, ulid, "jpg", data)


def code_of(call, *arguments, **options):
    with pytest.raises(StorageError) as caught:
        call(*arguments, **options)
    assert str(caught.value).count("/") == 0
    return caught.value.code


def test_a_still_lies_in_the_folder_of_its_utc_day(storage):
    assert write(storage) == PATH
    assert write(storage, kind=FrameKind.QUARANTINE) == PATH.replace("frames", "quarantine")
    assert storage.read(PATH) == b"picture"
    assert (storage.base / PATH).read_bytes() == b"picture"


def test_the_instant_is_that_of_utc(storage):
    local = AT.astimezone(datetime(2026, 1, 1, tzinfo=UTC).astimezone().tzinfo) + timedelta()
    assert storage.write(CAMERA_FOLDER, FrameKind.FRAME, local, ULID, "jpg", b"x") == PATH


def test_a_taken_name_is_never_overwritten(storage):
    assert write(storage, b"first") == PATH
    second = write(storage, b"second")
    assert second == PATH.replace(".jpg", "-1.jpg")
    assert (storage.read(PATH), storage.read(second)) == (b"first", b"second")


def test_two_writers_of_one_name_both_keep_their_bytes(storage):
    contents = [f"{number}".encode() * 50_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda data: write(storage, data), contents))
    assert len(set(paths)) == 8
    assert [storage.read(path) for path in paths] == contents
    assert len(all_files(storage.base)) == 8


def test_a_file_system_without_hard_links_still_never_overwrites(storage, monkeypatch):
    def _refuse(*_arguments, **_options):
        raise OSError(errno.EOPNOTSUPP, "no links")

    monkeypatch.setattr(os, "link", _refuse)
    paths = [write(storage, data) for data in (b"first", b"second")]
    assert [storage.read(path) for path in paths] == [b"first", b"second"]
    assert all_files(storage.base) == sorted(paths)


ERRORS = {
    errno.ENOSPC: Code.STORAGE_FULL,
    errno.EDQUOT: Code.STORAGE_FULL,
    errno.EACCES: Code.STORAGE_PERMISSION,
    errno.EROFS: Code.STORAGE_READ_ONLY,
    errno.EIO: Code.STORAGE_IO,
    errno.EMFILE: Code.TOO_MANY_FILES,
    errno.ESTALE: Code.STORAGE_UNREACHABLE,
}
STEPS = ("open", "mkdir", "write", "fsync", "link")


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("step", STEPS)
def test_any_error_at_any_step_leaves_nothing(tmp_path, monkeypatch, step, number):
    real = getattr(os, step)
    failing_call = 1
    while True:
        storage = open_storage(tmp_path / f"{failing_call}")
        calls = 0

        def _fail(*arguments, failing_call=failing_call, **options):
            nonlocal calls
            calls += 1
            if calls == failing_call:
                raise OSError(number, os.strerror(number), "/secret/place")
            return real(*arguments, **options)

        error = None
        with monkeypatch.context() as patch:
            patch.setattr(os, step, _fail)
            try:
                write(storage)
            except StorageError as err:
                error = err
        if error is None:
            break
        assert error.code is ERRORS[number]
        assert "secret" not in str(error)
        assert all_files(storage.base) == []
        assert write(storage) == PATH
        assert storage.read(PATH) == b"picture"
        failing_call += 1
    assert failing_call > 1
    assert calls == failing_call - 1


def test_a_write_cut_short_by_the_system_goes_on(storage, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:3]))
    assert storage.read(write(storage)) == b"picture"


def test_the_file_is_synced_before_it_gets_its_name_and_its_folder_after(storage, monkeypatch):
    write(storage, ulid=new_ulid(NOW))
    order = []
    real_sync, real_link = os.fsync, os.link

    def _fsync(descriptor):
        order.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")  # noqa: PTH112
        real_sync(descriptor)

    def _link(*arguments, **options):
        order.append("name")
        real_link(*arguments, **options)

    monkeypatch.setattr(os, "fsync", _fsync)
    monkeypatch.setattr(os, "link", _link)
    write(storage)
    assert order == ["file", "name", "folder"]


def test_a_day_folder_that_the_purge_takes_away_is_made_again(storage, monkeypatch):
    real, raced = os.open, []

    def _open(path, flags, *arguments, **options):
        if flags & os.O_CREAT and not raced:
            raced.append(path)
            (storage.base / DAY).rmdir()
        return real(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", _open)
    assert write(storage) == PATH
    assert raced


@pytest.mark.parametrize("depth", range(1, 6))
def test_a_link_in_the_way_is_refused(storage, tmp_path, depth):
    outside = tmp_path / "outside"
    outside.mkdir()
    link = storage.base.joinpath(*PATH.split("/")[:depth])
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside)
    assert code_of(write, storage) is Code.STORAGE_ODD_FILE
    assert code_of(storage.read, PATH) is Code.STORAGE_ODD_FILE
    assert code_of(storage.unlink, PATH) is Code.STORAGE_ODD_FILE
    assert list(outside.iterdir()) == []


def test_a_link_in_place_of_the_storage_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / FOLDER).symlink_to(tmp_path / "elsewhere")
    assert code_of(Storage(tmp_path).open) is Code.STORAGE_ODD_FILE
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "", "a//b", "a/./b", "a/b\0c", "..", "frames/.."])
def test_a_path_out_of_the_storage_is_refused(storage, path):
    assert code_of(storage.read, path) is Code.STORAGE_ODD_FILE
    assert code_of(storage.unlink, path) is Code.STORAGE_ODD_FILE


@pytest.mark.parametrize("make", ["link", "dangling", "fifo", "folder"])
def test_what_is_no_regular_file_is_neither_read_nor_removed(storage, make):
    target = storage.base / PATH
    target.parent.mkdir(parents=True)
    if make == "fifo":
        os.mkfifo(target)
    elif make == "folder":
        target.mkdir()
    else:
        target.symlink_to("/etc/passwd" if make == "link" else "/nowhere")
    assert code_of(storage.read, PATH) is Code.STORAGE_ODD_FILE
    assert code_of(storage.unlink, PATH) is Code.STORAGE_ODD_FILE
    assert target.is_symlink() or target.exists()


def test_a_file_that_is_not_there(storage):
    assert code_of(storage.read, PATH) is Code.NOT_FOUND
    assert storage.unlink(PATH) is False


def test_removing_the_last_still_of_a_month_removes_its_folders(storage):
    write(storage)
    other = new_ulid(NOW)
    kept = storage.write(CAMERA_FOLDER, FrameKind.FRAME, AT + timedelta(days=60), other, "jpg", b"x")
    assert storage.unlink(PATH) is True
    assert not (storage.base / CAMERA_FOLDER / "frames/2026/03").exists()
    assert storage.unlink(kept)
    assert not (storage.base / CAMERA_FOLDER / "frames/2026").exists()
    assert (storage.base / CAMERA_FOLDER / "frames").is_dir()


def test_the_marker_is_made_once(tmp_path):
    uuid = Storage(tmp_path / "media").open()
    assert UUID(uuid)
    assert Storage(tmp_path / "media").open() == uuid
    assert Storage(tmp_path / "media").open(expected_uuid=uuid) == uuid


@pytest.mark.parametrize("state", ["no folder", "no marker", "other marker", "damaged marker"])
def test_a_storage_that_is_not_the_expected_one_is_left_alone(tmp_path, state):
    base = tmp_path / FOLDER
    if state != "no folder":
        base.mkdir()
    if state == "other marker":
        (base / MARKER).write_text(json.dumps({"uuid": "00000000-0000-4000-8000-000000000000"}))
    if state == "damaged marker":
        (base / MARKER).write_text('{"uuid": 7')
    before = sorted(tmp_path.rglob("*"))
    expected = "11111111-1111-4111-8111-111111111111"
    assert code_of(Storage(tmp_path).open, expected_uuid=expected) is Code.STORAGE_MARKER
    assert sorted(tmp_path.rglob("*")) == before


def test_a_damaged_marker_is_not_replaced(tmp_path):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / MARKER).write_text("[]")
    assert code_of(Storage(tmp_path).open) is Code.STORAGE_MARKER
    assert (tmp_path / FOLDER / MARKER).read_text() == "[]"


@pytest.mark.parametrize("lost", ["marker", "folder"])
def test_nothing_is_written_where_the_disk_is_not_mounted(storage, lost):
    (storage.base / MARKER).unlink()
    if lost == "folder":
        storage.base.rmdir()
    for call in (lambda: write(storage), lambda: storage.read(PATH), storage.check, storage.free_bytes):
        assert code_of(call) is Code.STORAGE_MARKER
    assert code_of(storage.probe) is Code.STORAGE_MARKER
    assert all_files(storage.base.parent) == []


def test_space_and_writability(storage, monkeypatch):
    assert 0 < storage.free_bytes() <= storage.total_bytes()
    storage.probe()
    assert all_files(storage.base) == []
    real = os.open

    def _full(path, flags, *arguments, **options):
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, "read-only")
        return real(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", _full)
    assert code_of(storage.probe) is Code.STORAGE_READ_ONLY


NAMES = [
    "💩",
    "",
    "../../etc",
    "كاميرا الحديقة",
    "Garage",
    "GARAGE",
    "a\0b",
    "-",
    ".",
    "x" * 300,
    "Küche/Süd",
    "cafe\u0301",
]


def test_every_name_gives_a_safe_folder_of_its_own(storage):
    folders = [camera_folder(name, new_ulid()) for name in NAMES]
    assert len(set(folders)) == len(NAMES)
    for folder in folders:
        assert len(folder) <= 64
        path = storage.write(folder, FrameKind.FRAME, AT, ULID, "jpg", b"x")
        assert path.split("/")[0] == folder
        assert FramePath.parse(path).folder == folder
    assert sorted(p.name for p in storage.base.iterdir() if p.is_dir()) == sorted(folders)
    assert slug("Küche/Süd") == "kuche-sud"


@given(st.text(), st.text())
def test_no_text_leaves_the_alphabet_of_folders(name, camera_id):
    assert set(camera_folder(name, camera_id)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize(
    ("folder", "ulid", "ext"), [("../x", ULID, "jpg"), (CAMERA_FOLDER, "../../x", "jpg"), (CAMERA_FOLDER, ULID, "php")]
)
def test_parts_that_are_not_ours_are_a_mistake_of_the_caller(storage, folder, ulid, ext):
    with pytest.raises(ValueError, match="path"):
        storage.write(folder, FrameKind.FRAME, AT, ulid, ext, b"x")


@pytest.mark.parametrize(
    "path",
    [PATH.replace("/09/", "/10/"), PATH.replace("frames", "videos"), PATH + "x", PATH.replace(".jpg", "-0.jpg"),
     "x/" + PATH, PATH.replace("20260309T", "20260231T"), PATH.replace(".jpg", ".gif"), ULID, ""],
)  # fmt: skip
def test_a_path_that_is_not_one_of_ours_is_not_parsed(path):
    with pytest.raises(ValueError):  # noqa: PT011
        FramePath.parse(path)


def test_a_day_is_listed_without_touching_what_is_foreign(storage):
    write(storage)
    day = storage.base / DAY
    (day / "IMG_1.jpg").write_bytes(b"holiday")
    (day / ".DS_Store").write_bytes(b"")
    (day / "folder").mkdir()
    (day / PATH.replace(ULID, new_ulid(NOW)).rpartition("/")[2]).symlink_to("/etc/passwd")
    (day / ".x.part").write_bytes(b"another program's")
    os.close(os.open(os.fsencode(day) + b"/\xff.jpg", os.O_CREAT | os.O_WRONLY))
    listing = storage.list_day(CAMERA_FOLDER, FrameKind.FRAME, AT.date())
    assert listing.stills == (PATH,)
    assert listing.parts == ()
    assert listing.odd == 6


def test_the_newest_days_come_first_and_are_bounded(storage):
    for days in (0, 1, 40, 400):
        storage.write(CAMERA_FOLDER, FrameKind.FRAME, AT - timedelta(days=days), new_ulid(NOW), "jpg", b"x")
    for odd in ("99", "2026/3", "2026/02/31", "latest"):
        (storage.base / CAMERA_FOLDER / "frames" / odd).mkdir(parents=True)
    find = storage.days
    assert find(CAMERA_FOLDER, FrameKind.FRAME, None, 9) == [
        date(2026, 3, 9), date(2026, 3, 8), date(2026, 1, 28), date(2025, 2, 2),
    ]  # fmt: skip
    assert find(CAMERA_FOLDER, FrameKind.FRAME, date(2026, 1, 28), 9)[-1] == date(2026, 1, 28)
    assert len(find(CAMERA_FOLDER, FrameKind.FRAME, None, 2)) == 2
    assert find(CAMERA_FOLDER, FrameKind.QUARANTINE, None, 9) == []


def sweep(storage):
    listing = storage.list_day(CAMERA_FOLDER, FrameKind.FRAME, AT.date())
    return storage.sweep_parts(CAMERA_FOLDER, FrameKind.FRAME, AT.date(), listing.parts)


def leave_part(storage, process, boot=None, age=0.0, thread=7):
    name = f".{ULID}.jpg.{process}-{boot or parts.boot_id()}.{thread}.part"
    file = storage.base / DAY / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"half")
    os.utime(file, (time.time() - age, time.time() - age))
    return file


def test_parts_of_dead_writers_go_and_those_of_living_ones_stay(storage):
    dead = run_script("print(__import__('os').getpid())")
    gone = [
        leave_part(storage, dead.stdout.strip()),
        leave_part(storage, os.getppid(), age=parts.DEAD_AGE + 60, thread=8),
        leave_part(storage, os.getppid(), boot="0badb007"),
        leave_part(storage, os.getpid()),
    ]
    living = leave_part(storage, os.getppid())
    assert sweep(storage) == len(gone)
    assert living.exists()
    assert not any(file.exists() for file in gone)


def test_a_part_that_this_process_is_writing_stays(storage, monkeypatch):
    real, swept = os.fsync, []

    def _fsync(descriptor):
        if not os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112
            swept.append(sweep(storage))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", _fsync)
    assert write(storage) == PATH
    assert swept == [0]


@pytest.mark.parametrize("point", ["after_write", "after_fsync", "after_rename"])
def test_a_kill_leaves_a_whole_file_or_a_part(tmp_path, point):
    # The marker is written and synced in the same way before.
    crash_at = "after_write:2" if point == "after_write" else point
    ended = run_script("store(open_storage(sys.argv[1]))", tmp_path, crash_at=crash_at)
    assert ended.returncode == 137, ended.stderr
    storage = open_storage(tmp_path)
    (file,) = all_files(storage.base)
    listing = storage.list_day(CAMERA_FOLDER, FrameKind.FRAME, NOW.date())
    if point == "after_rename":
        assert listing.stills == (file,)
    else:
        assert storage.sweep_parts(CAMERA_FOLDER, FrameKind.FRAME, NOW.date(), listing.parts) == 1
        assert all_files(storage.base) == []
