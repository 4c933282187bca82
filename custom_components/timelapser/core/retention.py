"""The purge of what has grown too old."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from .catalogue import Catalogue, Deleted, queries
from .catalogue.frames import BATCH
from .errors import Code, StorageError
from .models import FrameKind
from .storage import Storage


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge did: stills taken out, the bytes of their files, and files that could not be unlinked yet."""

    count: int
    byte_count: int
    left: int


def expire(
    storage: Storage, catalogue: Catalogue, camera_id: str, kind: FrameKind, before: datetime, limit: int
) -> Purged:
    """Remove at most ``limit`` unprotected stills of a kind that were captured before an instant.

    The rows go first and durably, then the files: a kill in between leaves a file that the next purge or start
    removes, never a row without its file. Blocks. StorageError, with nothing changed, when the storage is not there.
    """
    storage.check()
    count = size = 0
    left = finish_unlinks(storage, catalogue)
    while count < limit:
        wanted = min(BATCH, limit - count)
        deleted = catalogue.submit(_deletion(camera_id, kind, before, wanted)).result()
        if not deleted.files:
            break
        count += len(deleted.files)
        size += sum(file.byte_count for file in deleted.files)
        left += _unlink(storage, catalogue, [file.path for file in deleted.files])
    return Purged(count, size, left)


def finish_unlinks(storage: Storage, catalogue: Catalogue) -> int:
    """Unlink one batch of files whose rows an interrupted purge took out; return how many are still there."""
    paths = catalogue.read(queries.awaiting_unlink)
    return _unlink(storage, catalogue, paths) if paths else 0


def _deletion(camera_id: str, kind: FrameKind, before: datetime, limit: int) -> Callable[[Connection], Deleted]:
    def _delete(conn: Connection) -> Deleted:
        files = queries.expired(conn, camera_id, kind, before, limit)
        return queries.delete_frames(conn, [file.seq for file in files])

    return _delete


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
