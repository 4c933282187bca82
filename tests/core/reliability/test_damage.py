"""Whatever happens to the catalogue: it opens again, and every still whose file can be read is in it."""

from contextlib import closing
from functools import partial
import os
from pathlib import Path
import random
import sqlite3

import pytest
from timelapser_core.catalogue import Catalogue, queries
from timelapser_core.catalogue.rebuild import last_report
from timelapser_core.catalogue.sqlite import KEEP_ASIDE
from timelapser_core.errors import CatalogueError, Code, StorageError
from timelapser_core.models import FrameKind
from timelapser_core.recovery import readopt, restore
from timelapser_core.storage import Storage
from timelapser_core.ulid import new_ulid

from ..archive import CAMERA, FOLDER, NOW, TIMELAPSE
from .check import NOTHING, ids
from .test_kill import fill, findings, recover
from .writer import capture, catalogue_path, start, stop

STILLS = 60
PAGE = 4096
ROUNDS = 2
LONG_ROUNDS = 14
"""Times that each recipe is made, each time in another place: about 20 damages, or 200."""


def cut(path, chance):
    """Keep only the first pages."""
    pages = path.stat().st_size // PAGE
    os.truncate(path, PAGE * chance.randrange(1, pages))


def zero_page(path, chance):
    """Lose one page."""
    data = bytearray(path.read_bytes())
    begin = PAGE * chance.randrange(len(data) // PAGE)
    data[begin : begin + PAGE] = bytes(PAGE)
    path.write_bytes(data)


def header(path, chance):
    """Write over the header."""
    data = bytearray(path.read_bytes())
    data[: chance.randrange(16, 100)] = b"\xff" * 16
    path.write_bytes(data)


def text(path, chance):
    """Write a text into the first page, as Home Assistant's own tests do."""
    data = bytearray(path.read_bytes())
    data[200:] = b"I am a corrupt db" * chance.randrange(1, 9) + bytes(data[400:])
    path.write_bytes(data)


def empty(path, _chance):
    """Leave nothing in the file."""
    path.write_bytes(b"")


def noise(path, chance):
    """Put something else in its place."""
    path.write_bytes(chance.randbytes(chance.randrange(1, 40_000)))


def gone(path, _chance):
    """Take it away."""
    path.unlink()


def folder(path, _chance):
    """Put a folder in its place."""
    path.unlink()
    path.mkdir()


DAMAGES = (cut, zero_page, header, text, empty, noise, gone, folder)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_catalogue_comes_back(tmp_path, request, damage):
    acks = fill(tmp_path, STILLS)
    path = catalogue_path(tmp_path)
    before = ids(path)
    pristine = path.read_bytes()
    for number in range(LONG_ROUNDS if request.config.getoption("--long") else ROUNDS):
        if path.is_dir():
            path.rmdir()
        path.write_bytes(pristine)
        damage(path, random.Random(number))
        look(tmp_path)
        assert findings(tmp_path, acks) == NOTHING
        assert ids(path) == before
        aside = set(tmp_path.glob("*.corrupt.*"))
        assert recover(tmp_path) is None
        assert set(tmp_path.glob("*.corrupt.*")) == aside
    assert len({file.name.rpartition(".corrupt.")[2] for file in aside if file.is_file()}) <= KEEP_ASIDE
    runs = runs_of(path)
    assert [(run["name"], run["state"], run["image_count"]) for run in runs] == [(None, 0, STILLS * 4 // 5)]


def look(folder):
    """Start, check the whole catalogue as the engine does soon after, and start anew when damage is met, as it does."""
    try:
        catalogue, storage, _, _ = start(folder)
    except CatalogueError as err:
        if err.code is not Code.CATALOGUE_CORRUPT:
            raise
        recover(folder)
        return
    sound = catalogue.check(lambda: False)
    stop(catalogue, storage)
    if not sound:
        recover(folder)


def runs_of(path):
    """Return the rows of all runs."""
    with closing(sqlite3.connect(path)) as conn:
        conn.row_factory = sqlite3.Row
        return conn.execute("SELECT * FROM runs ORDER BY seq").fetchall()


def test_a_schema_that_sqlite_quotes_as_no_text_is_rebuilt(tmp_path):
    acks = fill(tmp_path, STILLS)
    path = catalogue_path(tmp_path)
    sound = path.read_bytes()
    assert sound.count(b"CREATE TABLE incidents (") == 1
    path.write_bytes(sound.replace(b"CREATE TABLE incidents (", b"CREATE TABLE incidents \xe1"))
    with pytest.raises(UnicodeDecodeError), closing(sqlite3.connect(path)) as control:
        control.execute("SELECT 1 FROM cameras")
    look(tmp_path)
    assert list(path.parent.glob(f"{path.name}.corrupt.*"))
    assert findings(tmp_path, acks) == NOTHING


def test_a_flipped_bit_costs_at_most_what_it_was_in(tmp_path, request):
    """Most flips change a value that no check can know; whatever happens, it opens, and one row differs at most."""
    acks = fill(tmp_path, STILLS)
    path = catalogue_path(tmp_path)
    pristine = path.read_bytes()
    chance = random.Random(1)
    for _ in range(200 if request.config.getoption("--long") else 12):
        data = bytearray(pristine)
        data[chance.randrange(100, len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        look(tmp_path)
        found = findings(tmp_path, acks)
        assert found.lost <= 1
        assert found.dangling + found.mismatched <= 1
        assert not found.broken


# The write-ahead log


def crash(folder, count):
    """Capture and leave the catalogue as a kill does: with a log; return the acknowledged stills."""
    catalogue, storage, run, _ = start(folder)
    row = catalogue.read(partial(queries.camera_state, camera_id=CAMERA))
    first = row.captured + row.rejected
    stills = [capture(catalogue, storage, run, number) for number in range(first, first + count)]
    kept = {name: (folder / name).read_bytes() for name in ("catalogue.db", "catalogue.db-wal")}
    stop(catalogue, storage)
    for name, data in kept.items():
        (folder / name).write_bytes(data)
    return {still.path.rpartition("Z-")[2][:26]: still.file_sha256.hex() for still in stills}


@pytest.mark.parametrize("closed", [True, False], ids=["in an old catalogue", "in a new catalogue"])
def test_a_lost_log(tmp_path, closed):
    """What was only in the log comes back from the files."""
    acks = fill(tmp_path, 5) if closed else {}
    acks |= crash(tmp_path, 20)
    (tmp_path / "catalogue.db-wal").unlink()
    look(tmp_path)
    assert findings(tmp_path, acks) == NOTHING


def test_the_log_of_another_catalogue(tmp_path):
    """SQLite takes it for the catalogue's own; the storage that it belongs to is not this one."""
    other = tmp_path / "other"
    other.mkdir()
    crash(other, 7)
    acks = crash(tmp_path, 40)
    before = sorted((tmp_path / "media").rglob("*"))
    (tmp_path / "catalogue.db-wal").write_bytes((other / "catalogue.db-wal").read_bytes())
    with pytest.raises(StorageError, match=Code.STORAGE_MARKER):
        start(tmp_path)
    assert sorted((tmp_path / "media").rglob("*")) == before
    for path in tmp_path.glob("catalogue.db*"):
        path.unlink()
    recover(tmp_path)
    assert findings(tmp_path, acks) == NOTHING


def test_the_log_of_another_application(tmp_path):
    acks = crash(tmp_path, 40)
    with closing(sqlite3.connect(tmp_path / "theirs.db", isolation_level=None)) as conn:
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("CREATE TABLE theirs (x)")
        (tmp_path / "catalogue.db-wal").write_bytes((tmp_path / "theirs.db-wal").read_bytes())
    look(tmp_path)
    assert findings(tmp_path, acks) == NOTHING
    assert len(list(tmp_path.glob("catalogue.db.corrupt.*"))) == 1


def test_a_log_that_grew_large_is_brought_in(tmp_path):
    acks = crash(tmp_path, 30)
    assert (tmp_path / "catalogue.db-wal").stat().st_size > 0
    recover(tmp_path)
    assert not (tmp_path / "catalogue.db-wal").exists()
    assert findings(tmp_path, acks) == NOTHING


# What the index beside the pictures is for


def test_names_states_and_the_archive_come_back(tmp_path):
    catalogue, storage, run, _ = start(tmp_path)
    later = new_ulid(NOW)

    def change(conn):
        queries.rename_run(conn, run.id, "Winter")
        queries.star_run(conn, run.id, True)
        queries.complete_run(conn, TIMELAPSE, NOW)
        queries.start_run(conn, TIMELAPSE, None, NOW)
        queries.set_paused(conn, TIMELAPSE, True, NOW)
        queries.ensure_timelapse(conn, later, CAMERA, "Gone", NOW)
        queries.start_run(conn, later, None, NOW)
        queries.mark_timelapse_removed(conn, later, NOW)

    catalogue.submit(change).result()
    stop(catalogue, storage)
    recover(tmp_path)
    kept = ("id", "name", "state", "started_at", "ended_at", "starred")
    before = [[row[name] for name in kept] for row in runs_of(catalogue_path(tmp_path))]
    assert len(before) == 3
    catalogue_path(tmp_path).unlink()
    recover(tmp_path)
    assert [[row[name] for name in kept] for row in runs_of(catalogue_path(tmp_path))] == before
    with closing(sqlite3.connect(catalogue_path(tmp_path))) as conn:
        rows = conn.execute("SELECT id, paused, removed_at IS NULL FROM timelapses ORDER BY seq").fetchall()
    assert rows == [(TIMELAPSE, 1, 1), (later, 0, 0)]


@pytest.mark.parametrize("content", [None, b"", b"{}", b"[]", b"\xff" * 99, b'{"version": 2}'])
def test_without_an_index_the_stills_say_whose_they_are(tmp_path, content):
    """Their runs come back in a timelapse of the archive; the camera's entry finds its counts and folder again."""
    acks = fill(tmp_path, 10)
    (run,) = runs_of(catalogue_path(tmp_path))
    index = tmp_path / "media" / "timelapser" / FOLDER / "index.json"
    index.unlink()
    if content is not None:
        index.write_bytes(content)
    catalogue_path(tmp_path).write_bytes(b"damaged")
    report = recover(tmp_path)
    assert (report.cameras, report.runs, report.frames, report.quarantined) == (1, 1, 8, 2)
    assert findings(tmp_path, acks) == NOTHING
    found, begun = runs_of(catalogue_path(tmp_path))
    assert (found["id"], found["image_count"], found["state"]) == (run["id"], 8, 2)
    assert (begun["image_count"], begun["state"]) == (0, 0)
    with closing(sqlite3.connect(catalogue_path(tmp_path))) as conn:
        assert conn.execute("SELECT id, folder, name, removed_at FROM cameras").fetchall() == [
            (CAMERA, FOLDER, "Garage", None)
        ]


def test_the_report_says_what_came_back_and_what_did_not(tmp_path):
    fill(tmp_path, 10)
    day = next((tmp_path / "media").rglob("*.jpg")).parent
    (day / "IMG_1.jpg").write_bytes(b"foreign")
    (day / "link.jpg").symlink_to(day / "IMG_1.jpg")
    catalogue_path(tmp_path).unlink()
    report = recover(tmp_path)
    assert (report.cameras, report.runs, report.frames, report.quarantined, report.odd) == (1, 1, 8, 2, 2)
    assert (day / "IMG_1.jpg").read_bytes() == b"foreign"
    assert (day / "link.jpg").is_symlink()
    catalogue = Catalogue(catalogue_path(tmp_path))
    catalogue.open()
    assert catalogue.read(last_report) == report
    assert catalogue.read(partial(queries.list_recent_attempts, camera_id=CAMERA, limit=9)) == []
    catalogue.close()


def test_captures_go_on_while_it_is_rebuilt(tmp_path):
    """A still that is written meanwhile is entered once, by its writer, and is the latest."""
    acks = fill(tmp_path, STILLS)
    catalogue_path(tmp_path).unlink()
    catalogue = Catalogue(catalogue_path(tmp_path))
    catalogue.open()
    storage = Storage(tmp_path / "media")
    storage.open()
    storage.track()
    restore(storage, catalogue, NOW)
    run = catalogue.read(partial(queries.current_run, timelapse_id=TIMELAPSE))
    new = []

    def meanwhile():
        new.append(capture(catalogue, storage, run, STILLS + len(new)))
        return False

    report = readopt(storage, catalogue, NOW, meanwhile)
    assert report.frames + report.quarantined == STILLS
    assert len(new) == 2
    stop(catalogue, storage)
    acks |= {still.path.rpartition("Z-")[2][:26]: still.file_sha256.hex() for still in new}
    assert findings(tmp_path, acks) == NOTHING
    order = ids(catalogue_path(tmp_path))
    assert order[-2:] == [still.path.rpartition("Z-")[2][:26] for still in new]
    assert order[:-2] == sorted(order[:-2])


# What must not be touched, and what is met while it is in use


def test_a_storage_that_is_not_there_is_waited_for(tmp_path):
    """A catalogue that is damaged while the disk is away is rebuilt when it is back, not begun in the mount point."""
    acks = fill(tmp_path, 5)
    catalogue_path(tmp_path).write_bytes(b"damaged")
    away = tmp_path / "away"
    (tmp_path / "media").rename(away)
    (tmp_path / "media").mkdir()
    for _ in range(2):
        with pytest.raises(StorageError, match=Code.STORAGE_MARKER):
            start(tmp_path)
        assert list((tmp_path / "media").iterdir()) == []
    (tmp_path / "media").rmdir()
    away.rename(tmp_path / "media")
    recover(tmp_path)
    assert findings(tmp_path, acks) == NOTHING


def test_damage_met_in_use_is_told_once_and_set_aside_at_the_end(tmp_path):
    acks = fill(tmp_path, STILLS)
    path = catalogue_path(tmp_path)
    told = []
    catalogue = Catalogue(path, lambda: told.append(1))
    catalogue.open()
    data = bytearray(path.read_bytes())
    data[8 * PAGE :] = b"\xff" * (len(data) - 8 * PAGE)
    path.write_bytes(data)
    for _ in range(3):
        with pytest.raises(CatalogueError, match=Code.CATALOGUE_CORRUPT):
            catalogue.read(lambda conn: conn.exec_driver_sql("SELECT * FROM frames").all())
    assert told == [1]
    catalogue.close()
    assert not path.exists()
    assert len(list(tmp_path.glob("catalogue.db.corrupt.*"))) == 1
    recover(tmp_path)
    assert findings(tmp_path, acks) == NOTHING


@pytest.mark.parametrize(
    ("column", "value"),
    [("verdict", 99), ("captured_at", 1 << 62), ("id", b"\xff" * 40)],
)
def test_a_value_that_was_never_written_is_damage(tmp_path, column, value):
    fill(tmp_path, 3)
    with closing(sqlite3.connect(catalogue_path(tmp_path))) as conn:
        conn.execute(
            f"UPDATE frames SET {column} = ? WHERE seq = (SELECT MAX(seq) FROM frames WHERE kind = 0)", (value,)
        )
        conn.commit()
    told = []
    catalogue = Catalogue(catalogue_path(tmp_path), lambda: told.append(1))
    catalogue.open()
    with pytest.raises(CatalogueError, match=Code.CATALOGUE_CORRUPT):
        catalogue.read(partial(queries.latest_frame, camera_id=CAMERA, kind=FrameKind.FRAME))
    assert told == [1]
    catalogue.close()


def test_a_check_that_is_ended_finds_nothing(tmp_path):
    fill(tmp_path, 3)
    path = Path(catalogue_path(tmp_path))
    told = []
    catalogue = Catalogue(path, lambda: told.append(1))
    catalogue.open()
    assert catalogue.check(lambda: False)
    assert catalogue.check(lambda: True)
    catalogue.close()
    assert told == []
    assert path.exists()
