"""One transaction for everything of an attempt; the right code for every trouble of the database."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import os
import sqlite3
import threading

import pytest
from sqlalchemy import Column, Connection, Integer, Table, create_engine, func, insert, select, text
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import CreateTable
from timelapser_core.catalogue import Catalogue, OpenReport, migrations, queries, schema, sqlite
from timelapser_core.catalogue.retention import Scope
from timelapser_core.catalogue.store import THREAD_NAME
from timelapser_core.errors import CatalogueError, Code
from timelapser_core.layout import FramePath
from timelapser_core.models import FetchStrategy, FrameKind, IncidentEnd, Outcome, Phase, RunState, Verdict
from timelapser_core.ulid import new_ulid

from .archive import CAMERA, FAULT, FOLDER, NOW, TIMELAPSE, attempt, open_catalogue, run_script, set_up

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def opened(tmp_path):
    catalogue, run = open_catalogue(tmp_path)
    yield catalogue, run
    catalogue.close()


@pytest.fixture
def catalogue(opened):
    return opened[0]


@pytest.fixture
def run(opened):
    return opened[1]


def path(number=0, kind=FrameKind.FRAME):
    at = NOW + timedelta(seconds=10 * number)
    return str(FramePath.make(FOLDER, kind, at, new_ulid(at), "jpg"))


def do(catalogue, query, *arguments, **options):
    return catalogue.submit(lambda conn: query(conn, *arguments, **options)).result()


def ask(catalogue, query, *arguments, **options):
    return catalogue.read(lambda conn: query(conn, *arguments, **options))


def code_of(call, *arguments, **options):
    with pytest.raises(CatalogueError) as caught:
        call(*arguments, **options)
    return caught.value.code


def counts(catalogue):
    return catalogue.read(
        lambda conn: {
            table.name: conn.execute(select(func.count()).select_from(table)).scalar_one()
            for table in schema.metadata.sorted_tables
        }
    )


def test_one_commit_writes_everything(catalogue, run):
    slot = NOW + timedelta(seconds=10)
    record = attempt(
        1, path=path(1), run_ids=[run.id], health='{"quality":"ok"}', baseline=b"\0\1", strategy_note="stream refused"
    )
    result = do(catalogue, queries.commit_attempt, record)
    assert (result.captured, result.rejected, result.failed, result.byte_count) == (1, 0, 0, 1000)
    assert result.image_counts == {run.id: 1}
    camera = ask(catalogue, queries.camera_state, CAMERA)
    assert (camera.captured, camera.byte_count, camera.last_slot_at) == (1, 1000, slot)
    assert (camera.health, camera.baseline, camera.strategy_note) == ('{"quality":"ok"}', b"\0\1", "stream refused")
    (timelapse,) = ask(catalogue, queries.timelapse_states, CAMERA)
    assert timelapse.last_slot_at == slot
    assert timelapse.run == replace(run, image_count=1)
    frame = ask(catalogue, queries.latest_frame, CAMERA, FrameKind.FRAME)
    assert (frame.id, frame.path, frame.camera_id) == (record.id, record.frame.path, CAMERA)
    assert (frame.captured_at, frame.slot_at, frame.content_type) == (slot, slot, "image/jpeg")
    assert (frame.score, frame.verdict, frame.faults) == (91.5, Verdict.GOOD, (FAULT,))
    (row,) = ask(catalogue, queries.list_recent_attempts, CAMERA, 10)
    assert (row.id, row.outcome, row.strategy, row.has_frame) == (
        record.id,
        Outcome.CAPTURED,
        FetchStrategy.STREAM,
        True,
    )
    assert (row.duration_ms, row.phases, row.code) == (321, {"fetch": 300.0, "store": 21.0}, None)


def test_what_is_not_given_is_left_as_it_was(catalogue, run):
    do(catalogue, queries.commit_attempt, attempt(1, run_ids=[run.id], health="h", baseline=b"b", strategy_note="n"))
    do(catalogue, queries.commit_attempt, attempt(2, run_ids=[run.id]))
    camera = ask(catalogue, queries.camera_state, CAMERA)
    assert (camera.health, camera.baseline, camera.strategy_note) == ("h", b"b", "n")


def test_each_outcome_has_its_counter_and_only_kept_frames_count_as_images(catalogue, run):
    do(catalogue, queries.commit_attempt, attempt(0, path=path(0), run_ids=[run.id]))
    quarantined = attempt(1, path=path(1, FrameKind.QUARANTINE), run_ids=[run.id], outcome=Outcome.REJECTED)
    do(catalogue, queries.commit_attempt, quarantined)
    failed = attempt(2, outcome=Outcome.FAILED, run_ids=[run.id], code=Code.CAMERA_TIMEOUT, phase=Phase.FETCH)
    result = do(catalogue, queries.commit_attempt, failed)
    assert (result.captured, result.rejected, result.failed) == (1, 1, 1)
    assert result.image_counts == {run.id: 1}
    assert ask(catalogue, queries.latest_frame, CAMERA, FrameKind.QUARANTINE).path == quarantined.frame.path
    newest = ask(catalogue, queries.list_recent_attempts, CAMERA, 1)[0]
    assert (newest.code, newest.phase, newest.has_frame) == (Code.CAMERA_TIMEOUT, Phase.FETCH, False)
    assert do(catalogue, queries.add_missed, CAMERA, 3, NOW) == 3
    assert do(catalogue, queries.add_missed, CAMERA, 2, NOW) == 5


def test_one_frame_counts_in_every_run_that_it_belongs_to(catalogue, run):
    do(catalogue, queries.ensure_timelapse, "other", CAMERA, "Other", NOW)
    second = do(catalogue, queries.ensure_run, "other", NOW)
    result = do(catalogue, queries.commit_attempt, attempt(0, path=path(0), run_ids=[run.id, second.id]))
    assert result.image_counts == {run.id: 1, second.id: 1}
    assert counts(catalogue)["frames"] == 1


def broken_attempts(run):
    good = attempt(7, path=path(7), run_ids=[run.id], health="new", baseline=b"new")
    return {
        "unknown run": replace(good, run_ids=(run.id, new_ulid(NOW))),
        "unknown camera": replace(good, camera_id="nobody"),
        "other folder": replace(good, frame=replace(good.frame, path=good.frame.path.replace("garage", "cellar"))),
        "other id": replace(good, id=new_ulid(NOW)),
        "no digest": replace(good, frame=replace(good.frame, fetched_sha256=None)),
        "health that is no text": replace(good, health=object()),
        "phases that are no numbers": replace(good, phases={"fetch": "slow"}),
    }


@pytest.mark.parametrize("part", broken_attempts(attempt(path=path())).keys())
def test_a_commit_of_which_one_part_fails_leaves_nothing(catalogue, run, part):
    do(catalogue, queries.commit_attempt, attempt(1, path=path(1), run_ids=[run.id]))
    before = (
        counts(catalogue),
        ask(catalogue, queries.camera_state, CAMERA),
        ask(catalogue, queries.current_run, TIMELAPSE),
    )
    with pytest.raises((CatalogueError, ValueError, TypeError)):
        do(catalogue, queries.commit_attempt, broken_attempts(run)[part])
    after = (
        counts(catalogue),
        ask(catalogue, queries.camera_state, CAMERA),
        ask(catalogue, queries.current_run, TIMELAPSE),
    )
    assert after == before
    assert do(catalogue, queries.commit_attempt, attempt(2, path=path(2), run_ids=[run.id])).captured == 2


def test_the_same_attempt_is_not_written_twice(catalogue, run):
    record = attempt(1, path=path(1), run_ids=[run.id])
    do(catalogue, queries.commit_attempt, record)
    assert code_of(do, catalogue, queries.commit_attempt, record) is Code.UNEXPECTED
    assert ask(catalogue, queries.camera_state, CAMERA).captured == 1


def test_everything_survives_reopening(tmp_path):
    catalogue, run = open_catalogue(tmp_path)
    for number in range(5):
        do(catalogue, queries.commit_attempt, attempt(number, path=path(number), run_ids=[run.id]))
    do(catalogue, queries.add_missed, CAMERA, 4, NOW)
    do(catalogue, queries.end_degraded, CAMERA, '{"bad":2}', IncidentEnd.RESET, NOW)
    do(catalogue, queries.set_meta, "storage", "uuid-1")
    do(catalogue, queries.set_meta, "storage", "uuid-2")
    before = ask(catalogue, queries.camera_state, CAMERA), ask(catalogue, queries.timelapse_states, CAMERA)
    catalogue.close()
    assert not (tmp_path / "catalogue.db-wal").exists()
    again = Catalogue(tmp_path / "catalogue.db")
    assert again.open() == OpenReport(rebuilt=False, created=False, migrated_from=None, set_aside=(), unclean=False)
    do(again, set_up)
    assert (ask(again, queries.camera_state, CAMERA), ask(again, queries.timelapse_states, CAMERA)) == before
    assert before[0].captured == 5
    assert before[0].health == '{"bad":2}'
    assert ask(again, queries.storage_bytes) == 5000
    assert ask(again, queries.get_meta, "storage") == "uuid-2"
    assert ask(again, queries.get_meta, "nothing") is None
    again.close()


def test_pausing_shows_in_the_run_and_lasts(catalogue, run):
    assert do(catalogue, queries.set_paused, TIMELAPSE, True, NOW).state is RunState.PAUSED
    assert ask(catalogue, queries.timelapse_states, CAMERA)[0].paused
    assert do(catalogue, queries.ensure_run, TIMELAPSE, NOW) == replace(run, state=RunState.PAUSED)
    assert do(catalogue, queries.set_paused, TIMELAPSE, False, LATER) == run
    assert ask(catalogue, queries.timelapse_states, CAMERA)[0].last_slot_at == LATER


def test_a_probe_is_kept_and_counts_for_nothing_but_health(catalogue, run):
    do(catalogue, queries.commit_attempt, attempt(0, run_ids=[run.id], health="before"))
    result = do(catalogue, queries.commit_attempt, attempt(1, probe=True, outcome=Outcome.REJECTED, health="after"))
    assert (result.captured, result.rejected, result.failed) == (1, 0, 0)
    do(catalogue, queries.commit_attempt, attempt(2, probe=True, outcome=Outcome.FAILED, evidence="<html>"))
    camera = ask(catalogue, queries.camera_state, CAMERA)
    assert (camera.health, camera.last_slot_at, camera.failed) == ("after", NOW, 0)
    assert ask(catalogue, queries.timelapse_states, CAMERA)[0].last_slot_at == NOW
    kept = catalogue.read(lambda conn: conn.execute(select(schema.attempts.c.probe, schema.attempts.c.evidence)).all())
    assert [tuple(row) for row in kept] == [(False, None), (True, None), (True, "<html>")]


def test_a_run_begun_while_paused_is_paused(catalogue):
    do(catalogue, queries.ensure_timelapse, "other", CAMERA, "Other", NOW)
    assert do(catalogue, queries.set_paused, "other", True, NOW) is None
    assert do(catalogue, queries.ensure_run, "other", NOW).state is RunState.PAUSED


def test_a_removed_timelapse_completes_its_run_and_begins_another_when_it_returns(catalogue, run):
    do(catalogue, queries.mark_timelapse_removed, TIMELAPSE, NOW + timedelta(hours=1))
    assert ask(catalogue, queries.current_run, TIMELAPSE) is None
    assert ask(catalogue, queries.timelapse_states, CAMERA) == []
    ended = catalogue.read(lambda conn: conn.execute(select(schema.runs.c.state, schema.runs.c.ended_at)).one())
    assert tuple(ended) == (RunState.COMPLETED, NOW + timedelta(hours=1))
    do(catalogue, queries.ensure_timelapse, TIMELAPSE, CAMERA, "Build", NOW)
    assert do(catalogue, queries.ensure_run, TIMELAPSE, NOW).id != run.id


def test_the_archive_returns_when_the_same_camera_is_added_again(catalogue, run):
    do(catalogue, queries.commit_attempt, attempt(1, path=path(1), run_ids=[run.id]))
    do(catalogue, queries.mark_camera_removed, CAMERA, NOW)
    assert ask(catalogue, queries.current_run, TIMELAPSE) is None
    returned = do(catalogue, queries.ensure_camera, "new-entry", "registry-1", "Garage 2", "garage-2-newentry", NOW)
    assert (returned.id, returned.folder, returned.name) == ("new-entry", FOLDER, "Garage 2")
    assert (returned.captured, returned.removed_at, returned.created_at) == (1, None, NOW)
    assert code_of(ask, catalogue, queries.camera_state, CAMERA) is Code.NOT_FOUND
    assert ask(catalogue, queries.latest_frame, "new-entry", FrameKind.FRAME).camera_id == "new-entry"


def test_another_camera_does_not_take_over_the_archive(catalogue):
    do(catalogue, queries.mark_camera_removed, CAMERA, NOW)
    other = do(catalogue, queries.ensure_camera, "other", "registry-2", "Garage", "garage-other", NOW)
    assert (other.folder, other.captured) == ("garage-other", 0)
    assert ask(catalogue, queries.camera_state, CAMERA).removed_at == NOW


def test_a_camera_in_use_is_not_taken_over(catalogue):
    second = do(catalogue, queries.ensure_camera, "second", "registry-1", "Garage", "garage-second", NOW)
    assert second.folder == "garage-second"
    assert ask(catalogue, queries.camera_state, CAMERA).folder == FOLDER


@pytest.mark.parametrize(
    ("query", "arguments"),
    [(queries.camera_state, ()), (queries.end_degraded, ("x", IncidentEnd.RESET, NOW)),
     (queries.add_missed, (1, NOW)),
     (queries.mark_camera_removed, (NOW,)), (queries.set_paused, (True, NOW)), (queries.mark_timelapse_removed, (NOW,)),
     (queries.ensure_run, (NOW,)), (queries.list_recent_attempts, (5,))],
)  # fmt: skip
def test_what_does_not_exist_has_its_code(catalogue, query, arguments):
    assert code_of(do, catalogue, query, "nobody", *arguments) is Code.NOT_FOUND


def test_the_latest_frame_is_the_last_captured_whatever_the_clock_said(catalogue, run):
    for number in (5, 1_000_000, 2):
        do(catalogue, queries.commit_attempt, attempt(number, path=path(number), run_ids=[run.id]))
    assert ask(catalogue, queries.latest_frame, CAMERA, FrameKind.FRAME).slot_at == NOW + timedelta(seconds=20)
    assert ask(catalogue, queries.latest_frame, CAMERA, FrameKind.QUARANTINE) is None


def test_deleting_frames_takes_memberships_counts_and_bytes_but_nothing_protected(catalogue, run):
    for number in range(6):
        do(catalogue, queries.commit_attempt, attempt(number, path=path(number), run_ids=[run.id]))
    catalogue.submit(
        lambda conn: conn.execute(schema.frames.update().where(schema.frames.c.seq == 2).values(protected=True))
    ).result()
    deleted = do(catalogue, queries.delete_frames, [1, 2, 3])
    assert [file.seq for file in deleted.files] == [1, 3]
    assert deleted.image_counts == {run.id: 4}
    assert ask(catalogue, queries.current_run, TIMELAPSE).image_count == 4
    assert ask(catalogue, queries.storage_bytes) == 4000
    assert counts(catalogue)["run_frames"] == counts(catalogue)["frames"] == 4
    assert ask(catalogue, queries.awaiting_unlink) == [file.path for file in deleted.files]
    assert ask(catalogue, queries.frames_known, [deleted.files[0].path, path(9)]) == {deleted.files[0].path}
    do(catalogue, queries.unlinked, [file.path for file in deleted.files])
    assert ask(catalogue, queries.awaiting_unlink) == []
    assert do(catalogue, queries.delete_frames, []).files == ()


def test_attempts_are_pruned_by_age_and_by_number(catalogue):
    for number in range(10):
        do(catalogue, queries.commit_attempt, attempt(number))
    assert do(catalogue, queries.prune_attempts, NOW + timedelta(seconds=25), 100, 2) == 2
    assert do(catalogue, queries.prune_attempts, NOW + timedelta(seconds=25), 100) == 1
    assert do(catalogue, queries.prune_attempts, NOW, 4) == 3
    assert do(catalogue, queries.prune_attempts, NOW, 4) == 0
    left = ask(catalogue, queries.list_recent_attempts, CAMERA, 100)
    assert [row.slot_at for row in left] == [NOW + timedelta(seconds=10 * number) for number in (9, 8, 7, 6)]


def test_readers_see_whole_commits_while_the_writer_writes(catalogue, run):
    done = threading.Event()

    def _look():
        seen = []
        while not done.is_set() or not seen:
            seen.append(
                catalogue.read(
                    lambda conn: (
                        queries.camera_state(conn, CAMERA).captured,
                        queries.current_run(conn, TIMELAPSE).image_count,
                        conn.execute(select(func.count()).select_from(schema.frames)).scalar_one(),
                    )
                )
            )
        return seen

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(_look) for _ in range(3)]
        writes = [
            catalogue.submit(
                lambda conn, n=number: queries.commit_attempt(conn, attempt(n, path=path(n), run_ids=[run.id]))
            )
            for number in range(60)
        ]
        for write in writes:
            write.result()
        done.set()
        for reader in readers:
            seen = reader.result()
            assert all(len(set(state)) == 1 for state in seen)
            assert seen == sorted(seen)


def test_readers_cannot_write(catalogue):
    assert code_of(ask, catalogue, queries.add_missed, CAMERA, 1, NOW) is Code.CATALOGUE_WRITE


def test_every_write_runs_on_the_one_thread_in_order(catalogue):
    names = [catalogue.submit(lambda conn: threading.current_thread()) for _ in range(3)]
    assert {future.result().name for future in names} == {THREAD_NAME}
    assert not names[0].result().daemon
    order = []
    for number in range(50):
        catalogue.submit(lambda conn, n=number: order.append(n))
    catalogue.submit(lambda conn: None).result()
    assert order == list(range(50))


def test_an_error_of_the_caller_is_handed_back_and_the_thread_serves_on(catalogue):
    with pytest.raises(ZeroDivisionError):
        catalogue.submit(lambda conn: 1 // 0).result()
    assert catalogue.submit(lambda conn: 7).result() == 7


def test_a_closed_catalogue_says_so(tmp_path):
    catalogue, _ = open_catalogue(tmp_path)
    last = catalogue.submit(lambda conn: queries.add_missed(conn, CAMERA, 1, NOW))
    assert code_of(catalogue.open) is Code.CATALOGUE_OPEN
    catalogue.close()
    catalogue.close()
    assert last.result() == 1
    assert THREAD_NAME not in [thread.name for thread in threading.enumerate()]
    assert code_of(catalogue.submit, lambda conn: None) is Code.CATALOGUE_OPEN
    assert code_of(catalogue.read, lambda conn: None) is Code.CATALOGUE_OPEN


def test_a_program_that_forgets_to_close_still_ends(tmp_path):
    ended = run_script("open_catalogue(sys.argv[1])", tmp_path)
    assert ended.returncode == 0, ended.stderr


def test_a_lock_of_another_process_has_its_code_and_readers_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.2)
    catalogue, run = open_catalogue(tmp_path)
    holder = sqlite3.connect(tmp_path / "catalogue.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert code_of(do, catalogue, queries.add_missed, CAMERA, 1, NOW) is Code.CATALOGUE_LOCKED
    assert ask(catalogue, queries.current_run, TIMELAPSE) == run
    holder.execute("ROLLBACK")
    holder.close()
    assert do(catalogue, queries.add_missed, CAMERA, 1, NOW) == 1
    catalogue.close()


def test_a_lock_at_the_start_has_its_code(tmp_path, monkeypatch):
    open_catalogue(tmp_path)[0].close()
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 0.2)
    holder = sqlite3.connect(tmp_path / "catalogue.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert code_of(Catalogue(tmp_path / "catalogue.db").open) is Code.CATALOGUE_LOCKED
    holder.close()
    assert THREAD_NAME not in [thread.name for thread in threading.enumerate()]


def test_the_file_is_set_up_as_promised(catalogue, tmp_path):
    def _pragma(name):
        return catalogue.submit(lambda conn: conn.exec_driver_sql(f"PRAGMA {name}").scalar_one()).result()

    assert _pragma("journal_mode") == "wal"
    assert _pragma("synchronous") == 2
    assert _pragma("foreign_keys") == 1
    assert _pragma("busy_timeout") == 30_000
    assert _pragma("auto_vacuum") == 2
    assert _pragma("application_id") == sqlite.APPLICATION_ID
    assert _pragma("user_version") == len(migrations.STEPS)
    orphan = insert(schema.run_frames).values(run_seq=99, frame_seq=99)
    assert code_of(do, catalogue, Connection.execute, orphan) is Code.UNEXPECTED


def make_foreign(file, application_id=0):
    conn = sqlite3.connect(file)
    conn.execute(f"PRAGMA application_id = {application_id}")
    conn.execute("CREATE TABLE states (x)")
    conn.commit()
    conn.close()


@pytest.mark.parametrize("application_id", [0, 7])
def test_the_database_of_another_application_is_never_touched(tmp_path, application_id):
    file = tmp_path / "catalogue.db"
    make_foreign(file, application_id)
    before = file.read_bytes(), file.stat().st_mtime_ns
    assert code_of(Catalogue(file).open) is Code.CATALOGUE_FOREIGN
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["catalogue.db"]


def test_a_newer_catalogue_is_refused_and_left_as_it_is(tmp_path):
    file = tmp_path / "catalogue.db"
    open_catalogue(tmp_path)[0].close()
    conn = sqlite3.connect(file)
    conn.execute("PRAGMA user_version = 99")
    conn.close()
    before = file.read_bytes()
    assert code_of(Catalogue(file).open) is Code.CATALOGUE_NEWER
    assert file.read_bytes() == before


def test_a_newer_version_that_is_still_in_the_log_is_refused(tmp_path):
    open_catalogue(tmp_path)[0].close()
    conn = sqlite3.connect(tmp_path / "catalogue.db", isolation_level=None)
    conn.execute("PRAGMA wal_autocheckpoint = 0")
    conn.execute("PRAGMA user_version = 99")
    assert code_of(Catalogue(tmp_path / "catalogue.db").open) is Code.CATALOGUE_NEWER
    conn.close()


def filled(tmp_path, rows=300):
    catalogue, run = open_catalogue(tmp_path)
    catalogue.submit(
        lambda conn: [
            queries.commit_attempt(conn, attempt(number, path=path(number), run_ids=[run.id])) for number in range(rows)
        ]
    ).result()
    catalogue.close()
    return tmp_path / "catalogue.db"


DAMAGES = {
    "text": lambda data: b"not a database at all" * 40,
    "short": lambda data: data[:60],
    "cut": lambda data: data[: len(data) // 2],
    "one page": lambda data: data[:4096],
    "schema page": lambda data: data[:100] + b"\xff" * 4000 + data[4100:],
    "magic": lambda data: b"X" + data[1:],
    "no version": lambda data: data[:60] + bytes(4) + data[64:],
    "random": lambda data: os.urandom(len(data)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_catalogue_is_set_aside_and_a_new_one_made(tmp_path, damage):
    file = filled(tmp_path)
    damaged = damage(file.read_bytes())
    file.write_bytes(damaged)
    catalogue = Catalogue(file)
    report = catalogue.open()
    assert report.rebuilt
    assert not report.created
    assert report.set_aside[0].startswith("catalogue.db.corrupt.20")
    assert len((tmp_path / report.set_aside[0]).read_bytes()) == len(damaged)
    assert counts(catalogue)["frames"] == 0
    do(catalogue, set_up)
    catalogue.close()
    again = Catalogue(file)
    assert not again.open().rebuilt
    again.close()
    assert len(list(tmp_path.glob("*.corrupt.*"))) == len(report.set_aside)


def test_a_log_without_its_database_is_set_aside(tmp_path):
    (tmp_path / "catalogue.db-wal").write_bytes(b"left behind")
    catalogue = Catalogue(tmp_path / "catalogue.db")
    report = catalogue.open()
    assert report.rebuilt
    assert [name.partition(".corrupt.")[0] for name in report.set_aside] == ["catalogue.db-wal"]
    catalogue.close()


def test_damage_met_later_has_its_code(tmp_path):
    file = filled(tmp_path)
    catalogue = Catalogue(file)
    catalogue.open()
    data = bytearray(file.read_bytes())
    data[8 * 4096 :] = b"\xff" * (len(data) - 8 * 4096)
    file.write_bytes(data)
    assert code_of(counts, catalogue) is Code.CATALOGUE_CORRUPT
    catalogue.close()


def test_an_empty_file_becomes_a_catalogue(tmp_path):
    (tmp_path / "catalogue.db").touch()
    catalogue = Catalogue(tmp_path / "catalogue.db")
    assert catalogue.open().created
    catalogue.close()


@pytest.mark.parametrize("state", ["pipe", "file as parent"])
def test_a_place_where_no_catalogue_can_be_has_its_code(tmp_path, state):
    file = tmp_path / "x" / "catalogue.db"
    if state == "pipe":
        file.parent.mkdir()
        os.mkfifo(file)
    else:
        (tmp_path / "x").write_text("a file")
    assert code_of(Catalogue(file).open) is Code.CATALOGUE_OPEN


@pytest.mark.parametrize(
    ("name", "code"),
    [("SQLITE_BUSY", Code.CATALOGUE_LOCKED), ("SQLITE_BUSY_SNAPSHOT", Code.CATALOGUE_LOCKED),
     ("SQLITE_LOCKED", Code.CATALOGUE_LOCKED), ("SQLITE_FULL", Code.CATALOGUE_WRITE),
     ("SQLITE_READONLY_DBMOVED", Code.CATALOGUE_WRITE), ("SQLITE_IOERR_FSYNC", Code.CATALOGUE_WRITE),
     ("SQLITE_CORRUPT_VTAB", Code.CATALOGUE_CORRUPT), ("SQLITE_NOTADB", Code.CATALOGUE_CORRUPT),
     ("SQLITE_CANTOPEN_ISDIR", Code.CATALOGUE_OPEN), ("SQLITE_ERROR", Code.UNEXPECTED)],
)  # fmt: skip
def test_errors_of_sqlite_have_their_codes(catalogue, name, code):
    def _fail(conn):
        err = sqlite3.OperationalError("unable to open /secret/place")
        err.sqlite_errorname = name
        raise sqlite.exc.OperationalError("SELECT 1", {}, err)

    with pytest.raises(CatalogueError) as caught:
        catalogue.submit(_fail).result()
    assert caught.value.code is code
    assert "secret" not in str(caught.value)


def test_a_full_disk_rolls_back_and_the_next_commit_works(catalogue, run):
    pages = catalogue.submit(lambda conn: conn.exec_driver_sql("PRAGMA page_count").scalar_one()).result()
    catalogue.submit(lambda conn: conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}")).result()
    big = attempt(1, path=path(1), run_ids=[run.id], baseline=bytes(100_000))
    assert code_of(do, catalogue, queries.commit_attempt, big) is Code.CATALOGUE_WRITE
    assert counts(catalogue)["attempts"] == 0
    catalogue.submit(lambda conn: conn.exec_driver_sql("PRAGMA max_page_count = 100000")).result()
    assert do(catalogue, queries.commit_attempt, big).captured == 1


def _further_step(conn):
    Table("later", schema.MetaData(), Column("seq", Integer, primary_key=True)).create(conn)


def test_a_migration_copies_first_and_keeps_everything(tmp_path, monkeypatch):
    file = filled(tmp_path, rows=5)
    known = len(migrations.STEPS)
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, _further_step))
    catalogue = Catalogue(file)
    assert catalogue.open() == OpenReport(
        rebuilt=False, created=False, migrated_from=known, set_aside=(), unclean=False
    )
    assert counts(catalogue)["frames"] == 5
    assert catalogue.read(lambda conn: conn.execute(text("SELECT count(*) FROM later")).scalar_one()) == 0
    catalogue.close()
    copy = sqlite3.connect(tmp_path / f"catalogue.db.v{known}")
    assert copy.execute("SELECT count(*) FROM frames").fetchone() == (5,)
    assert copy.execute("PRAGMA user_version").fetchone() == (known,)
    assert copy.execute("PRAGMA application_id").fetchone() == (sqlite.APPLICATION_ID,)
    copy.close()


ADDED = {
    7: ("ALTER TABLE timelapses DROP COLUMN held",),
    6: ("ALTER TABLE cameras DROP COLUMN acceptance",),
    5: (
        "DROP TABLE incidents",
        "ALTER TABLE cameras DROP COLUMN resolved",
        "ALTER TABLE attempts DROP COLUMN cause",
    ),
    4: ("DROP TABLE trends", "ALTER TABLE cameras DROP COLUMN forecast"),
    3: (
        "DROP INDEX ix_frames_review",
        "ALTER TABLE cameras DROP COLUMN reference",
        "ALTER TABLE frames DROP reviewed_at",
    ),
    2: ("ALTER TABLE cameras DROP COLUMN evidence", "ALTER TABLE frames DROP COLUMN review"),
}
"""What takes out what a version added."""


def set_back(file, version):
    """Make a catalogue one of a former version."""
    old = sqlite3.connect(file)
    for number, statements in ADDED.items():
        for statement in statements if number > version else ():
            old.execute(statement)
    old.execute(f"PRAGMA user_version = {version}")
    old.commit()
    old.close()


def schema_of(file):
    """Return the columns of each table, and the indexes."""
    with closing(sqlite3.connect(file)) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {name: {row[1:3] for row in database.execute(f"PRAGMA table_info({name})")} for name in tables}
        return columns, {row[0] for row in database.execute("SELECT sql FROM sqlite_master WHERE type = 'index'")}


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6])
def test_an_old_version_becomes_the_present_one(tmp_path, version):
    file = filled(tmp_path, rows=5)
    present = schema_of(file)
    set_back(file, version)
    assert schema_of(file) != present
    catalogue = Catalogue(file)
    assert catalogue.open().migrated_from == version
    assert len(catalogue.read(lambda conn: queries.list_recent_attempts(conn, CAMERA, 9))) == 5
    catalogue.close()
    assert schema_of(file) == present


def test_a_review_of_version_2_has_the_time_of_its_still(tmp_path):
    file = filled(tmp_path, rows=5)
    set_back(file, 2)
    with closing(sqlite3.connect(file)) as database:
        database.execute("UPDATE frames SET review = 1 WHERE seq = 2")
        database.commit()
    catalogue = Catalogue(file)
    catalogue.open()
    (review,) = catalogue.read(lambda conn: queries.reviews_of(conn, CAMERA))
    (taken,) = catalogue.read(
        lambda conn: conn.execute(select(schema.frames.c.captured_at).where(schema.frames.c.seq == 2)).scalars().all()
    )
    catalogue.close()
    assert (review.good, review.at) == (False, taken)


def test_version_1_gets_evidence_and_reviews(tmp_path):
    file = filled(tmp_path, rows=5)
    set_back(file, 1)
    catalogue = Catalogue(file)
    assert catalogue.open().migrated_from == 1
    reviews = catalogue.read(lambda conn: conn.execute(select(schema.frames.c.review)).scalars().all())
    evidence = catalogue.read(lambda conn: conn.execute(select(schema.cameras.c.evidence)).scalars().all())
    catalogue.close()
    assert reviews == [None] * 5
    assert set(evidence) == {None}


def test_a_migration_that_fails_changes_nothing(tmp_path, monkeypatch):
    def _fail(conn):
        _further_step(conn)
        conn.execute(text("SELECT nonsense"))

    file = filled(tmp_path, rows=5)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", (*migrations.STEPS, _fail))
        assert code_of(Catalogue(file).open) is Code.UNEXPECTED
    catalogue = Catalogue(file)
    assert catalogue.open().migrated_from is None
    assert counts(catalogue)["frames"] == 5
    assert "later" not in catalogue.read(lambda conn: sqlite.inspect(conn).get_table_names())
    catalogue.close()


@pytest.mark.parametrize("point", ["before_commit", "after_commit"])
def test_a_kill_around_the_commit_loses_all_of_it_or_nothing(tmp_path, point):
    script = """
catalogue, run = open_catalogue(sys.argv[1])
storage = open_storage(sys.argv[1])
record = attempt(0, path=store(storage, 0, run_ids=[run.id]), run_ids=[run.id])
catalogue.submit(lambda conn: queries.commit_attempt(conn, record)).result()
"""
    ended = run_script(script, tmp_path, crash_at=f"{point}:2")
    assert ended.returncode == 137, ended.stderr
    catalogue = Catalogue(tmp_path / "catalogue.db")
    assert not catalogue.open().rebuilt
    expected = 0 if point == "before_commit" else 1
    assert [counts(catalogue)[table] for table in ("attempts", "frames", "run_frames")] == [expected] * 3
    assert ask(catalogue, queries.camera_state, CAMERA).captured == expected
    catalogue.close()


def test_a_frame_takes_less_than_400_bytes_with_its_indices(tmp_path, record_property):
    file = filled(tmp_path, rows=1000)
    conn = sqlite3.connect(file)
    sizes = dict(
        conn.execute("SELECT tbl_name, sum(pgsize) FROM dbstat JOIN sqlite_schema USING (name) GROUP BY tbl_name")
    )
    conn.close()
    per_frame = (sizes["frames"] + sizes["run_frames"]) / 1000
    record_property("bytes_per_frame", per_frame)
    assert per_frame < 400


def test_no_question_at_the_start_looks_at_every_frame(catalogue, run):
    do(catalogue, queries.commit_attempt, attempt(0, path=path(0), run_ids=[run.id]))
    statements = []
    engine = catalogue._readers
    sqlite.event.listen(engine, "before_cursor_execute", lambda *event: statements.append(event[2:4]))
    ask(catalogue, queries.camera_state, CAMERA)
    ask(catalogue, queries.timelapse_states, CAMERA)
    ask(catalogue, queries.storage_bytes)
    ask(catalogue, queries.latest_frame, CAMERA, FrameKind.FRAME)
    ask(catalogue, queries.oldest, Scope(camera_id=CAMERA, kind=FrameKind.QUARANTINE), 10, before=NOW)
    ask(catalogue, queries.frames_known, [path(0)])
    with engine.connect() as conn:
        plans = [
            " ".join(row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters))
            for statement, parameters in statements
            if statement.startswith("SELECT")
        ]
    assert len(plans) >= 7
    about_frames = [plan for plan in plans if "frames" in plan]
    assert len(about_frames) >= 3
    assert not [plan for plan in about_frames if "SCAN" in plan or "TEMP B-TREE" in plan]


@pytest.mark.parametrize("dialect", [postgresql.dialect(), mysql.dialect()], ids=["postgresql", "mysql"])
def test_the_tables_can_be_made_on_other_databases(dialect):
    made = "\n".join(str(CreateTable(table).compile(dialect=dialect)) for table in schema.metadata.sorted_tables)
    assert made.count("CREATE TABLE") == len(schema.metadata.tables)
    assert ("BINARY(16)" in made) == (dialect.name == "mysql")
    assert "WITHOUT ROWID" not in made


def test_instants_are_whole_milliseconds_of_utc():
    moment = datetime(2026, 11, 21, 8, 19, 0, 123456, tzinfo=UTC)
    column = schema.Millis()
    dialect = create_engine("sqlite://").dialect
    assert column.process_bind_param(moment, dialect) == 1795249140123
    assert column.process_result_value(1795249140123, dialect) == moment.replace(microsecond=123000)
    with pytest.raises(ValueError, match="naive"):
        column.process_bind_param(moment.replace(tzinfo=None), dialect)
