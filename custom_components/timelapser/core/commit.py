"""A still and its row as one unit: the file first, the row last, and on any error neither."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
import hashlib

from .catalogue import AttemptRecord, Catalogue, CommitResult, FrameRecord, queries
from .errors import StorageError
from .layout import EXTENSIONS
from .note import FrameNote
from .stamp import stamp
from .storage import Storage


def write_still(
    storage: Storage, folder: str, ulid: str, content_type: str, data: bytes, note: FrameNote
) -> FrameRecord:
    """Stamp a picture as fetched, without touching its scan, and write it; return what its row is to hold.

    It goes to the frames when the verdict of the note keeps it, else to the quarantine. StorageError, with nothing
    written, when that fails.
    """
    stamped = stamp(data, content_type, note.to_comment())
    kind = note.verdict.kind
    path = storage.write(folder, kind, note.captured_at, ulid, EXTENSIONS[content_type], stamped)
    return record_of(path, stamped, note)


def record_of(path: str, data: bytes, note: FrameNote) -> FrameRecord:
    """Return the row of a still: its relative path, the bytes of its file and the note in them."""
    width, height = note.size or (None, None)
    return FrameRecord(
        path=path,
        byte_count=len(data),
        width=width,
        height=height,
        score=note.score,
        verdict=note.verdict,
        freshness=note.freshness,
        light=note.light,
        faults=note.faults,
        fetched_sha256=note.fetched_sha256,
        file_sha256=hashlib.sha256(data).digest(),
    )


def enter(
    storage: Storage, catalogue: Catalogue, still: FrameRecord | None, describe: Callable[[], AttemptRecord]
) -> CommitResult:
    """Write all rows of an attempt in one transaction, after its still; on any error the still goes too. Blocks.

    A kill in between leaves a whole file without a row, which the next start adopts, and never a row without a file.
    """
    try:
        return catalogue.submit(partial(queries.commit_attempt, attempt=describe())).result()
    except BaseException:
        if still is not None:
            with suppress(StorageError):
                storage.unlink(still.path)
        raise
