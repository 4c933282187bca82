"""States of disk and catalogue that are not as they should be: each has its code, and nothing is left half done."""

import errno
import json
import os
from pathlib import Path
import signal
import sqlite3
import subprocess
import sys

import pytest
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from timelapser_core.catalogue import Catalogue, queries
from timelapser_core.catalogue.sqlite import KEEP_ASIDE
from timelapser_core.errors import CatalogueError, Code, StorageError
from timelapser_core.layout import FramePath
from timelapser_core.models import FrameKind
from timelapser_core.storage import LOCK, Storage

from ..archive import CAMERA, FOLDER, all_files
from .check import NOTHING, ids
from .test_kill import ROOT, fill, findings, recover
from .writer import capture, catalogue_path, start, stop

STORE_ERRORS = {
    errno.EIO: Code.STORAGE_IO,
    errno.ENOSPC: Code.STORAGE_FULL,
    errno.EDQUOT: Code.STORAGE_FULL,
    errno.EACCES: Code.STORAGE_PERMISSION,
    errno.EROFS: Code.STORAGE_READ_ONLY,
    errno.EMFILE: Code.TOO_MANY_FILES,
    errno.ESTALE: Code.STORAGE_UNREACHABLE,
    errno.EHOSTDOWN: Code.STORAGE_UNREACHABLE,
}
CATALOGUE_ERRORS = {
    "SQLITE_IOERR": Code.CATALOGUE_WRITE,
    "SQLITE_FULL": Code.CATALOGUE_WRITE,
    "SQLITE_READONLY": Code.CATALOGUE_WRITE,
    "SQLITE_BUSY": Code.CATALOGUE_LOCKED,
    "SQLITE_CANTOPEN": Code.CATALOGUE_OPEN,
}


@pytest.fixture
def archive(tmp_path):
    """Give an open catalogue, storage and run with two stills in it."""
    acks = fill(tmp_path, 2)
    catalogue, storage, run, _ = start(tmp_path)
    yield catalogue, storage, run, acks
    stop(catalogue, storage)


def sqlite_error(name):
    """Return an error as SQLite's driver raises it."""
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode, error.sqlite_errorname = getattr(sqlite3, name), name
    return error


# Every step of a capture times every error


@pytest.mark.parametrize("number", STORE_ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("step", ["open", "write", "fsync of the file", "link", "fsync of the folder"])
def test_an_error_of_the_disk_leaves_nothing(archive, tmp_path, monkeypatch, step, number):
    catalogue, storage, run, _ = archive
    before = all_files(storage.base)
    name, occurrence = {"fsync of the file": ("fsync", 1), "fsync of the folder": ("fsync", 2)}.get(step, (step, 1))
    real = getattr(os, name)
    calls = 0

    def fail(*arguments, **options):
        nonlocal calls
        if name != "open" or arguments[1] & os.O_CREAT:
            calls += 1
            if calls == occurrence:
                raise OSError(number, os.strerror(number), "/secret/place")
        return real(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, name, fail)
        with pytest.raises(StorageError) as caught:
            capture(catalogue, storage, run, 2)
    assert calls >= occurrence
    assert caught.value.code is STORE_ERRORS[number]
    assert "secret" not in str(caught.value)
    after(archive, tmp_path, before)


@pytest.mark.parametrize("name", CATALOGUE_ERRORS)
@pytest.mark.parametrize("step", ["INSERT", "COMMIT"])
def test_an_error_of_the_catalogue_leaves_nothing(archive, tmp_path, monkeypatch, step, name):
    catalogue, storage, run, _ = archive
    before = all_files(storage.base)
    method = {"INSERT": "do_execute", "COMMIT": "do_commit"}[step]
    real = getattr(SQLiteDialect_pysqlite, method)
    calls = []

    def fail(self, target, *arguments):
        if step == "COMMIT" or arguments[0].startswith("INSERT INTO frames"):
            calls.append(step)
            raise sqlite_error(name)
        return real(self, target, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(SQLiteDialect_pysqlite, method, fail)
        with pytest.raises(CatalogueError) as caught:
            capture(catalogue, storage, run, 2)
    assert calls == [step]
    assert caught.value.code is CATALOGUE_ERRORS[name]
    after(archive, tmp_path, before)


def after(archive, folder, before):
    """See that nothing of a failed capture is left, and that the next one works."""
    catalogue, storage, run, acks = archive
    assert all_files(storage.base) == before
    assert findings(folder, acks) == NOTHING
    still = capture(catalogue, storage, run, 2)
    assert findings(folder, {**acks, FramePath.parse(still.path).id: still.file_sha256.hex()}) == NOTHING


# Two instances on one folder


HOLD = (
    "from tests.core.reliability.writer import start, say; start({folder!r}); say('READY'); import time; time.sleep(60)"
)


def hold(folder):
    """Start a process that has the archive open, and return it once it has."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(folder=str(folder))], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "READY\n"
    return process


def kill(process):
    """Kill it and wait."""
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("shared", ["configuration", "storage"])
def test_a_second_instance_is_refused_until_the_first_is_dead(tmp_path, shared):
    """Also one with a configuration of its own; a killed one leaves no lock behind."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    if shared == "storage":
        second.mkdir()
        (first / "media").mkdir()
        (second / "media").symlink_to(first / "media")
    else:
        second.symlink_to(first)
    process = hold(first)
    before = all_files(first / "media")
    try:
        with pytest.raises(StorageError) as caught:
            start(second)
        assert caught.value.code is Code.STORAGE_IN_USE
        assert all_files(first / "media") == before
        owner = json.loads((first / "media" / "timelapser" / LOCK).read_text())
        assert owner["process"] == process.pid
    finally:
        kill(process)
    catalogue, storage, run, _ = start(second)
    capture(catalogue, storage, run, 0)
    stop(catalogue, storage)


def test_the_same_process_can_have_it_twice_in_turn_but_not_at_once(tmp_path):
    fill(tmp_path, 1)
    catalogue, storage, _, _ = start(tmp_path)
    with pytest.raises(StorageError, match=Code.STORAGE_IN_USE):
        Catalogue(catalogue_path(tmp_path)).open()
    with pytest.raises(StorageError, match=Code.STORAGE_IN_USE):
        Storage(tmp_path / "media").claim()
    storage.claim()
    stop(catalogue, storage)
    fill(tmp_path, 1)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_nothing_can_be_locked_nothing_is(tmp_path, monkeypatch, number):
    def refuse(*_arguments):
        raise OSError(number, "no locks")

    monkeypatch.setattr("timelapser_core.lock.fcntl.flock", refuse)
    assert len(fill(tmp_path, 2)) == 2


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path):
    fill(tmp_path, 1)
    lock = tmp_path / "media" / "timelapser" / LOCK
    lock.unlink()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    lock.symlink_to(victim)
    fill(tmp_path, 1)
    assert victim.read_text() == "precious"


# A catalogue that cannot be read although it is whole


def test_a_catalogue_without_the_right_to_read_it_is_left_alone(tmp_path, monkeypatch):
    """It is whole: setting it aside would lose what only it knows. The right is given back, and it goes on."""
    acks = fill(tmp_path, 3)
    path = catalogue_path(tmp_path)
    real = Path.open

    def refuse(self, *arguments, **options):
        if self == path:
            raise PermissionError(errno.EACCES, "no right", str(self))
        return real(self, *arguments, **options)

    with monkeypatch.context() as patched:
        if os.geteuid():
            path.chmod(0)
        else:
            # Root may read everything.
            patched.setattr(Path, "open", refuse)
        with pytest.raises(CatalogueError) as caught:
            start(tmp_path)
    assert caught.value.code is Code.CATALOGUE_OPEN
    assert str(tmp_path) not in str(caught.value)
    path.chmod(0o644)
    recover(tmp_path)
    assert findings(tmp_path, acks) == NOTHING
    assert not list(tmp_path.glob("*.corrupt.*"))


# Files that are in the way


def test_a_final_name_that_is_taken_gets_a_number_also_after_a_rebuild(tmp_path):
    """The still whose name was taken keeps its own bytes; of two files of one id, one is entered."""
    acks = fill(tmp_path, 1)
    (path,) = (tmp_path / "media").rglob("*.jpg")
    copy = path.with_name(path.name.replace(".jpg", "-1.jpg"))
    copy.write_bytes(path.read_bytes())
    catalogue_path(tmp_path).unlink()
    report = recover(tmp_path)
    assert report.frames == 1
    assert list(ids(catalogue_path(tmp_path))) == list(acks)


def test_times_that_go_back_or_lie_in_the_future_are_kept_in_order(tmp_path):
    """What was captured under a wrong clock stays where its sequence puts it."""
    catalogue, storage, run, _ = start(tmp_path)
    stills = [capture(catalogue, storage, run, number) for number in (0, 10_000_000, 1)]
    newest = catalogue.read(lambda conn: queries.latest_frame(conn, CAMERA, FrameKind.FRAME))
    stop(catalogue, storage)
    assert newest.path == stills[-1].path
    acks = {FramePath.parse(still.path).id: still.file_sha256.hex() for still in stills}
    assert findings(tmp_path, acks) == NOTHING
    catalogue_path(tmp_path).unlink()
    recover(tmp_path)
    assert findings(tmp_path, acks) == NOTHING


def test_an_index_follows_every_change_and_leaves_no_part(tmp_path, monkeypatch):
    """An error while it is written leaves the one before whole; a kill's part goes at the next start."""
    fill(tmp_path, 1)
    index = tmp_path / "media" / "timelapser" / FOLDER / "index.json"
    before = index.read_bytes()
    storage = Storage(tmp_path / "media")

    def refuse(*_arguments, **_options):
        raise OSError(errno.ENOSPC, "full")

    for step in ("write", "fsync", "rename"):
        with monkeypatch.context() as patched:
            patched.setattr(os, step, refuse)
            with pytest.raises(StorageError, match=Code.STORAGE_FULL):
                storage.write_index(FOLDER, b"{}")
        assert index.read_bytes() == before
        assert not list(index.parent.glob(".*"))
    (index.parent / f".{index.name}.1-00000000.1.part").write_bytes(b"half")
    recover(tmp_path)
    assert not list(index.parent.glob(".*"))
    catalogue, storage, run, _ = start(tmp_path)
    catalogue.submit(lambda conn: queries.rename_run(conn, run.id, "Spring")).result()
    stop(catalogue, storage)
    recover(tmp_path)
    assert json.loads(index.read_bytes())["timelapses"][0]["runs"][0]["name"] == "Spring"


@pytest.mark.parametrize("folder", ["../garage", "a/b", "", ".", "UPPER"])
def test_an_index_is_only_written_in_a_cameras_folder(tmp_path, folder):
    fill(tmp_path, 1)
    before = all_files(tmp_path)
    with pytest.raises(ValueError, match="not a camera's folder"):
        Storage(tmp_path / "media").write_index(folder, b"{}")
    assert all_files(tmp_path) == before


def test_only_the_newest_damaged_catalogues_are_kept(tmp_path):
    acks, count = fill(tmp_path, 2), KEEP_ASIDE + 2
    for number in range(count):
        catalogue_path(tmp_path).write_bytes(b"damaged %d" % number)
        recover(tmp_path)
    kept = sorted(tmp_path.glob("catalogue.db.corrupt.*"))
    assert [path.read_bytes() for path in kept] == [b"damaged %d" % number for number in range(2, count)]
    assert findings(tmp_path, acks) == NOTHING
