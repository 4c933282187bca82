"""What the catalogue needs of SQLite itself: the file, its marks, its connections and its errors."""

from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
import sqlite3
import stat

from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event, exc, inspect, select
from sqlalchemy.engine.interfaces import DBAPIConnection

from ..crash import crash_point
from ..errors import CatalogueError, Code
from ..models import Phase
from . import migrations
from .schema import metadata

APPLICATION_ID = 0x544C4150
"""``TLAP`` in the header of our files; any other number is somebody else's database."""
BUSY_TIMEOUT = 30.0
"""Seconds to wait for a lock: Home Assistant's own backup holds the recorder's for at most as long."""
WAL_LIMIT = 16 * 1024 * 1024
"""Bytes that the write-ahead log keeps on disk after a checkpoint."""
READERS = 4
"""Connections kept for readers; more come and go."""

ASIDE = ".corrupt."
"""What is put after the name of a damaged catalogue, before the UTC time."""
KEEP_ASIDE = 3
"""Damaged catalogues that are kept: enough to look into what happened, and a bad disk fills nothing up with them."""

_MAGIC = b"SQLite format 3\0"
_HEADER_SIZE = 100
_USER_VERSION = slice(60, 64)
_APPLICATION_ID = slice(68, 72)
"""Places in the header (sqlite.org/fileformat2.html, 1.3)."""
_WRITER_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    f"journal_size_limit = {WAL_LIMIT:d}",
)
_SIDE_FILES = ("", "-wal", "-shm")
_PROGRESS = 10_000
"""SQLite's steps between looks at whether a check is to end: some milliseconds."""

_CODES = {
    "SQLITE_BUSY": Code.CATALOGUE_LOCKED,
    "SQLITE_LOCKED": Code.CATALOGUE_LOCKED,
    "SQLITE_FULL": Code.CATALOGUE_WRITE,
    "SQLITE_READONLY": Code.CATALOGUE_WRITE,
    "SQLITE_IOERR": Code.CATALOGUE_WRITE,
    "SQLITE_CORRUPT": Code.CATALOGUE_CORRUPT,
    "SQLITE_NOTADB": Code.CATALOGUE_CORRUPT,
    "SQLITE_CANTOPEN": Code.CATALOGUE_OPEN,
    "SQLITE_PERM": Code.CATALOGUE_OPEN,
    "SQLITE_AUTH": Code.CATALOGUE_OPEN,
}


FAULTS = (exc.DBAPIError, sqlite3.Error, UnicodeDecodeError)
"""What the driver raises; the last when SQLite's own words quote a damaged file, as no text that can be read."""


class FileState(Enum):
    """What is found where the catalogue should be."""

    NEW = auto()
    OURS = auto()
    DAMAGED = auto()


def catalogue_error(err: exc.SQLAlchemyError | sqlite3.Error | UnicodeDecodeError | OSError) -> CatalogueError:
    """Return the error with the code of its cause; its text names the cause and never a path."""
    if isinstance(err, OSError):
        return CatalogueError(Code.CATALOGUE_OPEN, type(err).__name__, phase=Phase.STARTUP)
    if isinstance(err, UnicodeDecodeError):
        return CatalogueError(Code.CATALOGUE_CORRUPT, type(err).__name__)
    cause = err.orig if isinstance(err, exc.DBAPIError) else err
    name = getattr(cause, "sqlite_errorname", "") or type(cause).__name__
    primary = "_".join(name.split("_")[:2])
    return CatalogueError(_CODES.get(primary, Code.UNEXPECTED), name, sqlite=name)


def examine(path: Path) -> FileState:
    """Look at the file without SQLite; CATALOGUE_FOREIGN or CATALOGUE_NEWER for one that is not to be touched."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return FileState.DAMAGED
        if not stat.S_ISREG(mode):
            raise CatalogueError(Code.CATALOGUE_OPEN, "not a regular file", phase=Phase.STARTUP)
        with path.open("rb") as file:
            header = file.read(_HEADER_SIZE)
    except FileNotFoundError:
        header = b""
    except OSError as err:
        raise catalogue_error(err) from err
    if not header:
        return FileState.DAMAGED if _side_file(path, "-wal").exists() else FileState.NEW
    if len(header) < _HEADER_SIZE or not header.startswith(_MAGIC):
        return FileState.DAMAGED
    if int.from_bytes(header[_APPLICATION_ID]) != APPLICATION_ID:
        raise CatalogueError(Code.CATALOGUE_FOREIGN, "the database of another application", phase=Phase.STARTUP)
    refuse_newer(int.from_bytes(header[_USER_VERSION]))
    return FileState.OURS


def unclean(path: Path) -> bool:
    """Return whether a write-ahead log with content was left: a close empties it."""
    try:
        return _side_file(path, "-wal").stat().st_size > 0
    except OSError:
        return False


def refuse_newer(version: int) -> None:
    """Raise CATALOGUE_NEWER for a version that a later release made."""
    if version > newest_version():
        raise CatalogueError(Code.CATALOGUE_NEWER, f"version {version}", phase=Phase.STARTUP, version=version)


def create(path: Path) -> None:
    """Make an empty file that is marked as ours; CATALOGUE_OPEN or CATALOGUE_WRITE when it cannot be made.

    SQLite writes the marks one after the other: a kill in between would leave a file that is nobody's, so it gets
    its name last.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        with closing(_connection(part, "rwc", own_thread=True)) as connection:
            for pragma in (
                "journal_mode = MEMORY",
                "auto_vacuum = INCREMENTAL",
                f"application_id = {APPLICATION_ID:d}",
            ):
                connection.execute(f"PRAGMA {pragma}")
                crash_point("in_create")
        part.replace(path)
    except (sqlite3.Error, OSError) as err:
        raise catalogue_error(err) from err


def set_aside(path: Path) -> tuple[str, ...]:
    """Rename the database and its side files to ``<name>.corrupt.<UTC>``; return the new names.

    Of those that were renamed before, the oldest go.
    """
    suffix = f"{ASIDE}{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
    renamed = []
    try:
        for side in _SIDE_FILES:
            file = _side_file(path, side)
            if file.exists():
                renamed.append(file.rename(file.with_name(file.name + suffix)).name)
                crash_point("in_set_aside")
    except OSError as err:
        raise catalogue_error(err) from err
    _forget_aside(path)
    return tuple(renamed)


def _forget_aside(path: Path) -> None:
    """Remove the oldest of the catalogues that were set aside; folders, which are not ours, stay."""
    found = [file for file in path.parent.glob(f"{path.name}*{ASIDE}*") if file.is_file()]
    moments = sorted({file.name.rpartition(ASIDE)[2] for file in found})
    for file in found:
        if file.name.rpartition(ASIDE)[2] not in moments[-KEEP_ASIDE:]:
            with suppress(OSError):
                file.unlink()


def whole(path: Path, ended: Callable[[], bool]) -> bool:
    """Return whether SQLite finds no damage in the whole database; True when it is ended before it found any.

    Reads all of it, on a connection of its own that cannot write. CatalogueError when it cannot be read.
    """
    connection = _connection(path, "ro", own_thread=True)
    try:
        connection.set_progress_handler(ended, _PROGRESS)
        (answer,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except (sqlite3.Error, UnicodeDecodeError) as err:
        if ended():
            return True
        error = catalogue_error(err)
        if error.code is not Code.CATALOGUE_CORRUPT:
            raise error from err
        return False
    finally:
        connection.close()
    return bool(answer == "ok")


def writer_engine(path: Path) -> Engine:
    """Return the engine of the one writer: each transaction takes the write lock when it begins."""
    return _engine(path, "rwc", writer=True)


def reader_engine(path: Path) -> Engine:
    """Return the engine of the readers, usable from any thread; it cannot write."""
    return _engine(path, "ro", writer=False)


def newest_version() -> int:
    """Return the schema version of this release."""
    return len(migrations.STEPS)


def checkpoint(conn: Connection) -> None:
    """Bring the write-ahead log into the database, outside any transaction."""
    _raw(conn).execute("PRAGMA wal_checkpoint(TRUNCATE)")


def reset(conn: Connection) -> None:
    """End a transaction that a failed commit left open: nothing could begin after it."""
    raw = _raw(conn)
    if raw.in_transaction:
        raw.rollback()


def user_version(conn: Connection) -> int:
    """Return the schema version in the file; 0 for a new one."""
    return int(conn.exec_driver_sql("PRAGMA user_version").scalar_one())


def prepare(engine: Engine, path: Path) -> int:
    """Make or migrate the tables; return the version that was found.

    An existing file is copied to ``<name>.v<version>`` before it changes; the change is one transaction.
    """
    with engine.connect() as conn:
        found = user_version(conn)
        refuse_newer(found)
        if not found and inspect(conn).get_table_names():
            raise CatalogueError(Code.CATALOGUE_CORRUPT, "no version", phase=Phase.STARTUP)
        conn.rollback()
        if 0 < found < newest_version():
            _copy(conn, path.with_name(f"{path.name}.v{found}"))
        if found < newest_version():
            with conn.begin():
                version = migrations.climb(conn, found)
                conn.exec_driver_sql(f"PRAGMA user_version = {version:d}")
    return found


def probe(conn: Connection) -> None:
    """Raise CATALOGUE_CORRUPT when a table is missing; look at one row of each, however many there are."""
    if missing := set(metadata.tables) - set(inspect(conn).get_table_names()):
        raise CatalogueError(Code.CATALOGUE_CORRUPT, f"{len(missing)} tables are missing", phase=Phase.STARTUP)
    for table in metadata.sorted_tables:
        conn.execute(select(table).order_by(*table.primary_key.columns).limit(1)).all()


def _engine(path: Path, mode: str, *, writer: bool) -> Engine:
    def _connect() -> sqlite3.Connection:
        return _connection(path, mode, own_thread=writer)

    pool = {"poolclass": NullPool} if writer else {"poolclass": QueuePool, "pool_size": READERS, "max_overflow": -1}
    engine = create_engine("sqlite+pysqlite://", creator=_connect, **pool)

    @event.listens_for(engine, "connect")
    def _set_up(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in _WRITER_PRAGMAS if writer else ("query_only = ON",):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine


def _connection(path: Path, mode: str, *, own_thread: bool) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=own_thread,
        cached_statements=256,
    )


def _copy(conn: Connection, target: Path) -> None:
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    _raw(conn).execute("VACUUM INTO ?", (str(part),))
    part.replace(target)


def _raw(conn: Connection) -> sqlite3.Connection:
    """Return SQLite's own connection, for what cannot run in a transaction."""
    raw = conn.connection.driver_connection
    if not isinstance(raw, sqlite3.Connection):
        raise CatalogueError(Code.CATALOGUE_OPEN, "no connection")
    return raw


def _side_file(path: Path, side: str) -> Path:
    return path.with_name(path.name + side)
