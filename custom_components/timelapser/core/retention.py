"""The purge of what has grown too old."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from sqlalchemy import Connection

from .catalogue import Catalogue, Deleted, queries
from .catalogue.frames import BATCH
from .errors import Code, StorageError
from .models import FrameKind
from .storage import Storage


class _Deletion(Protocol):
    """Deletes up to ``wanted`` stills."""

    def __call__(self, conn: Connection, wanted: int) -> Deleted: ...


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge did: stills taken out, the bytes of their files, and files that could not be unlinked yet."""

    count: int
    byte_count: int
    left: int


def expire(
    storage: Storage,
    catalogue: Catalogue,
    camera_id: str,
    kind: FrameKind,
    before: datetime,
    limit: int,
    *,
    loose: bool = False,
) -> Purged:
    """Remove at most ``limit`` unprotected stills of a kind that were captured before an instant.

    With ``loose`` only those that belong to no run.

    The rows go first and durably, then the files: a kill in between leaves a file that the next purge or start
    removes, never a row without its file. Blocks. StorageError, with nothing changed, when the storage is not there.
    """

    def oldest(conn: Connection, wanted: int) -> Deleted:
        files = queries.expired(conn, camera_id, kind, before, wanted, loose=loose)
        return queries.delete_frames(conn, [file.seq for file in files])

    return _purge(storage, catalogue, oldest, limit)


def expire_timelapse(storage: Storage, catalogue: Catalogue, timelapse_id: str, before: datetime, limit: int) -> Purged:
    """Take at most ``limit`` unprotected stills from before an instant out of a timelapse's runs.

    Those that no run of another timelapse has are removed as ``expire`` does; the others stay for that one.
    """
    return _purge(storage, catalogue, lambda conn, wanted: queries.release(conn, timelapse_id, before, wanted), limit)


def _purge(storage: Storage, catalogue: Catalogue, delete: _Deletion, limit: int) -> Purged:
    """Delete rows in batches, each with its files after it."""
    storage.check()
    count = size = released = 0
    left = finish_unlinks(storage, catalogue)
    while released < limit:
        wanted = min(BATCH, limit - released)
        deleted = catalogue.submit(partial(delete, wanted=wanted)).result()
        if not deleted.released:
            break
        released += deleted.released
        count += len(deleted.files)
        size += sum(file.byte_count for file in deleted.files)
        left += _unlink(storage, catalogue, [file.path for file in deleted.files])
    return Purged(count, size, left)


def finish_unlinks(storage: Storage, catalogue: Catalogue) -> int:
    """Unlink one batch of files whose rows an interrupted purge took out; return how many are still there."""
    paths = catalogue.read(queries.awaiting_unlink)
    return _unlink(storage, catalogue, paths) if paths else 0


def _unlink(storage: Storage, catalogue: Catalogue, paths: list[str]) -> int:
    done = []
    for path in paths:
        try:
            storage.unlink(path)
        except StorageError as err:
            if err.code is not Code.STORAGE_ODD_FILE:
                continue
        done.append(path)
    catalogue.submit(lambda conn: queries.unlinked(conn, done)).result()
    return len(paths) - len(done)
