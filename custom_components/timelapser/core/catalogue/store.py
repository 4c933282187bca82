"""The catalogue's connections: one writer on its own thread, readers on any."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
import sqlite3
import threading

from sqlalchemy import Connection, Engine, exc

from ..crash import crash_point
from ..errors import CatalogueError, Code
from ..lock import FolderLock
from . import sqlite

LOCK_SUFFIX = ".lock"
THREAD_NAME = "timelapser-catalogue"
IDLE_CHECK = 2.0
"""Seconds between looks at whether the program is ending: a thread that is no daemon would hold it up for ever."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenReport:
    """How the catalogue was found.

    ``rebuilt``: it was damaged, set aside under the names ``set_aside``, and is empty now. ``created``: there was
    none. ``migrated_from``: the version before a migration. ``unclean``: whoever had it last did not close it.
    """

    rebuilt: bool
    created: bool
    migrated_from: int | None
    set_aside: tuple[str, ...]
    unclean: bool


class Catalogue:
    """The database at a path; every error of it is a CatalogueError."""

    def __init__(self, path: Path, on_damage: Callable[[], None] | None = None) -> None:
        """Remember the path; nothing is touched before ``open``.

        ``on_damage`` is called once, on any thread, when damage is met after ``open``: ``close`` will then set the
        database aside, so that the next ``open`` makes a new one.
        """
        self._path = path
        self._on_damage = on_damage
        self._damaged = False
        self._owner = FolderLock(path.with_name(path.name + LOCK_SUFFIX))
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._engine: Engine | None = None
        self._writer: Connection | None = None
        self._readers: Engine | None = None

    def open(self) -> OpenReport:
        """Open, make, migrate or replace the database; blocks, and has to be followed by ``close`` if it returns.

        STORAGE_IN_USE, as a StorageError, while another has it open.
        """
        with self._lock:
            if self._thread is not None:
                raise CatalogueError(Code.CATALOGUE_OPEN, "open already")
            self._thread = threading.Thread(target=self._work, name=THREAD_NAME, daemon=False)
            self._thread.start()
        try:
            report = self._enqueue(self._open).result()
        except BaseException:
            self._stop()
            raise
        self._readers = sqlite.reader_engine(self._path)
        return report

    def close(self) -> None:
        """Finish what was submitted, checkpoint, and end the thread; harmless when it is closed.

        A database in which damage was met is set aside.
        """
        if self._readers is not None:
            self._readers.dispose()
            self._readers = None
        self._stop()

    def submit[T](self, fn: Callable[[Connection], T]) -> Future[T]:
        """Run ``fn`` in one transaction on the writer's thread, in order; an exception rolls it back.

        The future holds its result once that is durable, a CatalogueError for an error of the database, or what
        ``fn`` raised. CATALOGUE_OPEN is raised here when the catalogue is closed.
        """
        return self._enqueue(lambda: self._transact(fn))

    def read[T](self, fn: Callable[[Connection], T]) -> T:
        """Run ``fn`` on a read-only connection in this thread, on one consistent state of the database."""
        readers = self._readers
        if readers is None:
            raise CatalogueError(Code.CATALOGUE_OPEN, "closed")
        try:
            with readers.begin() as conn:
                return fn(conn)
        except sqlite.FAULTS as err:
            raise self._error(err) from err
        except CatalogueError as err:
            self._heed(err)
            raise

    def check(self, ended: Callable[[], bool]) -> bool:
        """Read the whole database and return whether it is sound; blocks, until ``ended`` says so at the latest."""
        if sound := sqlite.whole(self._path, ended):
            return sound
        self._note_damage()
        return False

    @property
    def queued(self) -> int:
        """Return about how many transactions wait for the writer."""
        return self._jobs.qsize()

    def _error(self, err: exc.DBAPIError | sqlite3.Error | UnicodeDecodeError) -> CatalogueError:
        error = sqlite.catalogue_error(err)
        self._heed(error)
        return error

    def _heed(self, error: CatalogueError) -> None:
        if error.code is Code.CATALOGUE_CORRUPT:
            self._note_damage()

    def _note_damage(self) -> None:
        with self._lock:
            told, self._damaged = self._damaged, True
        if not told and self._on_damage is not None:
            self._on_damage()

    def _enqueue[T](self, job: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def _run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(job())
                except BaseException as err:  # noqa: BLE001
                    # The one who waits gets it, whatever it is; the thread serves on.
                    future.set_exception(err)

        with self._lock:
            if self._thread is None:
                raise CatalogueError(Code.CATALOGUE_OPEN, "closed")
            self._jobs.put(_run)
        return future

    def _work(self) -> None:
        while (job := self._next_job()) is not None:
            job()
        if self._writer is not None:
            with suppress(sqlite3.Error):
                sqlite.checkpoint(self._writer)
        self._disconnect()
        if self._damaged:
            with suppress(CatalogueError):
                sqlite.set_aside(self._path)
        self._damaged = False
        self._owner.release()

    def _next_job(self) -> Callable[[], None] | None:
        """Wait for a job; None when there will be none, because of ``close`` or because the program ends without it."""
        while threading.main_thread().is_alive():
            with suppress(Empty):
                return self._jobs.get(timeout=IDLE_CHECK)
        return None

    def _stop(self) -> None:
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._jobs.put(None)
        if thread is not None:
            thread.join()

    def _transact[T](self, fn: Callable[[Connection], T]) -> T:
        if self._writer is None:
            raise CatalogueError(Code.CATALOGUE_OPEN, "closed")
        try:
            with self._writer.begin():
                result = fn(self._writer)
                crash_point("before_commit")
        except (exc.DBAPIError, UnicodeDecodeError) as err:
            with suppress(exc.DBAPIError, sqlite3.Error):
                sqlite.reset(self._writer)
            raise self._error(err) from err
        except CatalogueError as err:
            self._heed(err)
            raise
        crash_point("after_commit")
        return result

    def _open(self) -> OpenReport:
        sqlite.examine(self._path)
        # What is not ours is not even locked; what is may have changed before the lock was taken.
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise sqlite.catalogue_error(err) from err
        self._owner.acquire()
        aside: tuple[str, ...] = ()
        unclean = sqlite.unclean(self._path)
        state = sqlite.examine(self._path)
        if state is sqlite.FileState.DAMAGED:
            aside = sqlite.set_aside(self._path)
        if state is not sqlite.FileState.OURS:
            sqlite.create(self._path)
        try:
            found = self._connect()
        except CatalogueError as err:
            if err.code is not Code.CATALOGUE_CORRUPT or aside:
                raise
            aside = sqlite.set_aside(self._path)
            sqlite.create(self._path)
            found = self._connect()
        version = found or None
        newest = sqlite.newest_version()
        return OpenReport(
            rebuilt=bool(aside),
            created=not found and not aside,
            migrated_from=version if version != newest else None,
            set_aside=aside,
            unclean=unclean,
        )

    def _connect(self) -> int:
        """Connect the writer and return the schema version that was found; nothing stays open on an error."""
        try:
            self._engine = sqlite.writer_engine(self._path)
            found = sqlite.prepare(self._engine, self._path)
            self._writer = self._engine.connect()
            with self._writer.begin():
                sqlite.probe(self._writer)
        except sqlite.FAULTS as err:
            self._disconnect()
            raise sqlite.catalogue_error(err) from err
        except CatalogueError:
            self._disconnect()
            raise
        return found

    def _disconnect(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
