"""What a person decides about stills: back to the frames, or into quarantine; file and row move together."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection

from .catalogue import Catalogue, queries
from .catalogue.records import StillRow
from .errors import CatalogueError, Code, StorageError
from .layout import FramePath
from .models import FrameKind, Review
from .storage import Storage
from .ulid import new_ulid

KINDS: Mapping[Review, FrameKind] = {Review.GOOD: FrameKind.FRAME, Review.BAD: FrameKind.QUARANTINE}
"""Where a still belongs that a person called so; else its verdict says."""
LAST_COPY = 9_000
"""Number in a name after which the numbers begin anew; names have four digits."""

_active: set[str] = set()
"""Tokens of the moves that this process is busy with: they are not left over."""


def review_stills(
    storage: Storage, catalogue: Catalogue, frame_ids: Collection[str], review: Review | None
) -> dict[str, Code]:
    """Let stills be frames (``GOOD``) or quarantined (``BAD``), and keep that a person said so.

    None takes back what was said, and each goes where its verdict put it.

    Returns the codes of those that could not be moved, by id; they are as they were. NOT_FOUND is an unknown still, or
    one whose file is gone. Blocks. CatalogueError, after which some may have been moved.

    The file gets its second name first, then the row changes, then the old name goes. A kill in between leaves two
    names, of which ``settle_moves`` keeps the one that the row has. No name is ever used twice: a name that waits
    to be unlinked must never become that of a row.
    """
    token = new_ulid()
    now = datetime.now(UTC)
    failed: dict[str, Code] = {}
    _active.add(token)
    try:
        catalogue.submit(lambda conn: queries.announce_move(conn, token, frame_ids)).result()
        old: list[str] = []
        for frame_id in frame_ids:
            try:
                move = partial(_move, storage=storage, frame_id=frame_id, review=review, now=now)
                if (path := catalogue.submit(move).result()) is None:
                    continue
            except (StorageError, CatalogueError) as err:
                failed[frame_id] = err.code
                continue
            with suppress(StorageError):
                storage.unlink(path)
                old.append(path)
        catalogue.submit(lambda conn: queries.unlinked(conn, old)).result()
        catalogue.submit(lambda conn: _settle(conn, storage, token, failed)).result()
    finally:
        _active.discard(token)
    return failed


def settle_moves(storage: Storage, catalogue: Catalogue) -> None:
    """Finish what a kill interrupted. Blocks."""
    for token, frame_ids in catalogue.read(queries.announced_moves).items():
        if token not in _active:
            catalogue.submit(partial(_settle, storage=storage, token=token, frame_ids=frame_ids)).result()


def _move(conn: Connection, storage: Storage, frame_id: str, review: Review | None, now: datetime) -> str | None:
    """Move one still, inside the catalogue's transaction; return the path that it had, None when it stays there."""
    still = _find(conn, frame_id)
    queries.set_review(conn, frame_id, review, now)
    kind = KINDS[review] if review is not None else still.verdict.kind
    if still.kind is kind:
        return None
    path = FramePath.parse(still.path)
    target = FramePath(path.folder, kind, path.captured_at, path.id, path.ext, path.copy % LAST_COPY + 1)
    queries.move_still(conn, still, storage.put(target, storage.read(still.path)))
    return still.path


def _settle(conn: Connection, storage: Storage, token: str, frame_ids: Collection[str]) -> None:
    """Remove the names that interrupted moves gave to stills, and forget those moves.

    Inside the catalogue's transaction, where no move is half done.
    """
    for still in queries.find_stills(conn, frame_ids).values():
        path = FramePath.parse(still.path)
        (other,) = set(FrameKind) - {path.kind}
        try:
            listing = storage.list_day(path.folder, other, path.captured_at.date())
        except StorageError as err:
            if err.code not in (Code.NOT_FOUND, Code.STORAGE_ODD_FILE):
                raise
            continue
        for name in listing.stills:
            if FramePath.parse(name).id == still.id:
                storage.unlink(name)
    queries.forget_move(conn, token)


def _find(conn: Connection, frame_id: str) -> StillRow:
    still = queries.find_stills(conn, [frame_id]).get(frame_id)
    if still is None:
        raise CatalogueError(Code.NOT_FOUND, "no such still")
    return still
