"""What a kill or a lost catalogue leaves behind, put right: whole files get their rows, unfinished ones go."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, MutableMapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
import hashlib
from itertools import batched, islice
import sys

from sqlalchemy import Connection

from .catalogue import Catalogue, FrameRecord, queries
from .catalogue.rebuild import (
    Orphan,
    RebuildReport,
    adopt_older,
    await_stills,
    awaiting,
    begun,
    enter_index,
    finish,
    indexes,
)
from .commit import record_of
from .crash import crash_point
from .errors import Code, StorageError
from .index import CameraIndex
from .layout import FramePath
from .models import FrameKind, Freshness, Verdict
from .note import FrameNote
from .retention import finish_unlinks
from .stamp import read_stamp
from .storage import Storage
from .ulid import is_ulid

MAX_DAYS = 31
"""Newest dated folders looked through: a kill leaves its files in the last of them."""
MAX_ADOPTED = 1000
"""Files adopted at one start; more is not the work of a kill."""
BATCH = 50
"""Stills adopted in one transaction of a rebuild: a capture that waits for it waits some milliseconds."""
GUESSES = 100
"""Newest stills that are asked whose folder it is when no index says so."""


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
    counts: Counter[str] = Counter(removed=storage.sweep_folder(folder))
    for kind in FrameKind:
        for day in reversed(storage.days(folder, kind, first, MAX_DAYS)):
            for path in _unknown(storage, catalogue, folder, (kind,), day, counts):
                fate = "left" if counts["adopted"] >= MAX_ADOPTED else _settle(storage, catalogue, camera_id, path)
                counts[fate] += 1
    return Recovered(**counts)


def restore(storage: Storage, catalogue: Catalogue, now: datetime) -> None:
    """Enter what the storage knows of its cameras into a catalogue that is new; their stills are for ``readopt``.

    A folder without a whole index is that of the camera that its newest still names; the camera goes into the
    archive, from which its entry takes it. Blocks; to be begun again after an interruption.
    """
    found: list[CameraIndex] = []
    guessed: list[str] = []
    for folder in storage.folders():
        try:
            found.append(CameraIndex.from_json(storage.read_index(folder) or b"", folder))
        except ValueError:
            guessed.append(folder)
            if (guess := _guess(storage, folder, now)) is not None:
                found.append(guess)

    def enter(conn: Connection) -> None:
        for index in found:
            enter_index(conn, index)
        if found or guessed or begun(conn):
            await_stills(conn, guessed)

    catalogue.submit(enter).result()


def readopt(storage: Storage, catalogue: Catalogue, now: datetime, ended: Callable[[], bool]) -> RebuildReport | None:
    """Enter every still that has no row, camera by camera and the newest first; None when there is nothing to do.

    Also None when ``ended`` says so before all is done.

    Captures may go on: what they write meanwhile, tracked by the storage, is theirs. To be begun again after an
    interruption. Files that cannot be read are passed over. Blocks. StorageError when the storage goes away.
    """
    guessed = catalogue.read(awaiting)
    if guessed is None:
        return None
    counts: Counter[str] = Counter()
    for folder in storage.folders():
        storage.sweep_folder(folder)
        for some in batched(_orphans(storage, catalogue, folder, counts), BATCH, strict=False):
            if ended():
                return None
            entered = catalogue.submit(
                partial(adopt_older, folder=folder, orphans=some, make_runs=folder in guessed, now=now)
            ).result()
            crash_point("in_rebuild")
            counts.update(FramePath.parse(frame.path).kind for frame in entered)
    stills = {"frames": counts[FrameKind.FRAME], "quarantined": counts[FrameKind.QUARANTINE], "odd": counts["odd"]}
    return catalogue.submit(partial(finish, at=now, counts=stills)).result()


def write_indexes(
    storage: Storage, catalogue: Catalogue, written: MutableMapping[str, bytes], camera_id: str | None = None
) -> None:
    """Bring the indexes of all cameras, or that of one, in step with the catalogue; those ``written`` already stay.

    Blocks. StorageError when one cannot be written.
    """
    for index in catalogue.read(partial(indexes, camera_id=camera_id)):
        data = index.to_json()
        if (written.get(index.folder) or storage.read_index(index.folder)) != data:
            storage.write_index(index.folder, data)
        written[index.folder] = data


def _unknown(
    storage: Storage,
    catalogue: Catalogue,
    folder: str,
    kinds: Collection[FrameKind],
    day: date,
    counts: Counter[str],
) -> list[str]:
    """Return the stills of one day that have no row and that nobody is writing, the oldest first; sweep its parts."""
    stills: list[str] = []
    for kind in kinds:
        try:
            listing = storage.list_day(folder, kind, day)
        except StorageError as err:
            if err.code is Code.STORAGE_ODD_FILE:
                counts["odd"] += 1
            elif err.code is not Code.NOT_FOUND:
                raise
            continue
        counts["odd"] += listing.odd
        counts["removed"] += storage.sweep_parts(folder, kind, day, listing.parts)
        stills += listing.stills
    known = catalogue.read(partial(queries.frames_known, paths=stills))
    found = (path for path in stills if path not in known and not storage.tracked(path))
    return sorted(found, key=lambda path: path.rpartition("/")[2])


def _orphans(storage: Storage, catalogue: Catalogue, folder: str, counts: Counter[str]) -> Iterator[Orphan]:
    """Give every still of a folder that has no row, the newest first."""
    days = {day for kind in FrameKind for day in storage.days(folder, kind, None, sys.maxsize)}
    for day in sorted(days, reverse=True):
        for path in reversed(_unknown(storage, catalogue, folder, tuple(FrameKind), day, counts)):
            try:
                data = storage.read(path)
            except StorageError as err:
                if err.code not in (Code.NOT_FOUND, Code.STORAGE_IO, Code.STORAGE_PERMISSION, Code.STORAGE_ODD_FILE):
                    raise
                counts["odd"] += 1
                continue
            if (orphan := _describe(path, data)) is None:
                counts["odd"] += 1
            else:
                yield orphan


def _guess(storage: Storage, folder: str, now: datetime) -> CameraIndex | None:
    """Return the camera that the newest still of a folder names."""
    for note in islice(_notes(storage, folder), GUESSES):
        if note is not None:
            return CameraIndex(
                id=note.camera_id,
                source_key=note.camera_id,
                name=folder,
                folder=folder,
                created_at=note.captured_at,
                removed_at=now,
            )
    return None


def _notes(storage: Storage, folder: str) -> Iterator[FrameNote | None]:
    for kind in FrameKind:
        for day in storage.days(folder, kind, None, MAX_DAYS):
            for path in reversed(storage.list_day(folder, kind, day).stills):
                try:
                    yield FrameNote.from_comment(read_stamp(storage.read(path)) or {})
                except ValueError, StorageError:
                    yield None


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
    catalogue.submit(
        lambda conn: queries.adopt_frame(conn, camera_id, found.frame, found.slot_at, found.run_ids)
    ).result()
    return "adopted"


def _describe(path: str, data: bytes) -> Orphan | None:
    """Return the row of a file; None for one that does not say what it is.

    A quarantined file may be too damaged to carry a comment: it is entered as unreadable.
    """
    name = FramePath.parse(path)
    try:
        note = FrameNote.from_comment(read_stamp(data) or {})
    except ValueError:
        if name.kind is FrameKind.FRAME or not data:
            return None
        digest = hashlib.sha256(data).digest()
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
        return Orphan(frame=unreadable, slot_at=name.captured_at, run_ids=())
    run_ids = tuple(run_id for run_id in note.run_ids if is_ulid(run_id))
    return Orphan(frame=record_of(path, data, note), slot_at=note.slot_at, run_ids=run_ids)
