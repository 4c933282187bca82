"""What a kill leaves behind, put right at start-up: whole files get their rows, unfinished ones go."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
import hashlib

from .catalogue import Catalogue, FrameRecord, queries
from .errors import Code, StorageError
from .layout import FramePath
from .models import FrameKind, Freshness, Verdict
from .note import FrameNote
from .retention import finish_unlinks
from .stamp import read_stamp
from .storage import Storage

MAX_DAYS = 31
"""Newest dated folders looked through: a kill leaves its files in the last of them."""
MAX_ADOPTED = 1000
"""Files adopted at one start; more is not the work of a kill but a lost catalogue."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recovered:
    """What was put right: rows made, parts and empty files removed; and what was left: odd names, files too many."""

    adopted: int = 0
    removed: int = 0
    odd: int = 0
    left: int = 0


def adopt_orphans(
    storage: Storage, catalogue: Catalogue, camera_id: str, folder: str, since: datetime | None
) -> Recovered:
    """Give whole files without a row their row, and remove unfinished ones, in one camera's latest folders.

    ``since`` is the last slot that the catalogue knows of. Links, foreign names and files that do not say what
    they are stay as they are. To be called before the camera's first capture: a file of a capture under way
    would be taken for an orphan. Blocks.
    """
    finish_unlinks(storage, catalogue)
    first = None if since is None else since.date() - timedelta(days=1)
    counts: Counter[str] = Counter()
    for kind in FrameKind:
        for day in reversed(storage.days(folder, kind, first, MAX_DAYS)):
            try:
                listing = storage.list_day(folder, kind, day)
            except StorageError as err:
                if err.code is not Code.STORAGE_ODD_FILE:
                    raise
                counts["odd"] += 1
                continue
            counts["odd"] += listing.odd
            counts["removed"] += storage.sweep_parts(folder, kind, day, listing.parts)
            known = catalogue.read(partial(queries.frames_known, paths=listing.stills))
            for path in listing.stills:
                if path not in known:
                    fate = "left" if counts["adopted"] >= MAX_ADOPTED else _settle(storage, catalogue, camera_id, path)
                    counts[fate] += 1
    return Recovered(**counts)


def _settle(storage: Storage, catalogue: Catalogue, camera_id: str, path: str) -> str:
    """Adopt or remove one file without a row, or leave it; return which count it belongs to."""
    data = storage.read(path)
    if not data:
        # A name that was reserved on a file system without hard links.
        storage.unlink(path)
        return "removed"
    found = _describe(path, data)
    if found is None:
        return "odd"
    frame, slot_at, run_ids = found
    catalogue.submit(lambda conn: queries.adopt_frame(conn, camera_id, frame, slot_at, run_ids)).result()
    return "adopted"


def _describe(path: str, data: bytes) -> tuple[FrameRecord, datetime, tuple[str, ...]] | None:
    """Return the row of a file, its slot and runs; None for one that does not say what it is.

    A quarantined file may be too damaged to carry a comment: it is entered as unreadable.
    """
    digest = hashlib.sha256(data).digest()
    name = FramePath.parse(path)
    try:
        note = FrameNote.from_comment(read_stamp(data) or {})
    except ValueError:
        if name.kind is FrameKind.FRAME:
            return None
        unreadable = FrameRecord(
            path=path,
            byte_count=len(data),
            width=None,
            height=None,
            score=None,
            verdict=Verdict.UNREADABLE,
            freshness=Freshness.UNPROVEN,
            light=None,
            fetched_sha256=digest,
            file_sha256=digest,
        )
        return unreadable, name.captured_at, ()
    width, height = note.size or (None, None)
    frame = FrameRecord(
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
        file_sha256=digest,
    )
    return frame, note.slot_at, note.run_ids
