"""Stills as people deal with them: listed, reviewed, and taken out with their run."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice, product
import json
import re
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, exists, insert, or_, select, update

from ..layout import FramePath
from ..models import FrameKind, Review, Reviewed, Verdict
from ..ulid import from_millis, is_ulid, to_millis
from .evidence import evidence_frames
from .frames import BATCH, delete_frames, faults_from
from .records import Deleted, StillRow
from .runs import run_ids_of
from .schema import cameras, doomed, frames, meta, run_frames, runs, timelapses

_CURSOR = re.compile(r"(\d{1,15})-(\d{1,18})", re.ASCII)
REVIEWS = 500
"""Reviews of a camera that are listened to: more than anybody gives in a season, and read in a few milliseconds."""
_INTENT = "moving:"
"""Start of the keys under which the catalogue keeps which stills are about to get another place."""


@dataclass(frozen=True, slots=True)
class StillCursor:
    """The place of a still in the order of a list: its instant, then its key."""

    captured_at: datetime
    seq: int

    def __str__(self) -> str:
        """Return the place as text."""
        return f"{to_millis(self.captured_at)}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> StillCursor:
        """Return the place of a text; ValueError when it is none."""
        if (match := _CURSOR.fullmatch(text)) is None:
            raise ValueError("not a cursor")
        try:
            return cls(from_millis(int(match[1])), int(match[2]))
        except OverflowError as err:
            raise ValueError("not a cursor") from err


@dataclass(frozen=True, kw_only=True, slots=True)
class StillQuery:
    """Which stills of a camera are wanted, the newest first.

    ``start`` (included) and ``end`` (not included) bound the instant of capture. ``timelapse_ids`` and ``run_id`` ask
    for members of those. ``before`` is where the page before ended.
    """

    camera_id: str
    kinds: Collection[FrameKind] = tuple(FrameKind)
    verdicts: Collection[Verdict] = tuple(Verdict)
    timelapse_ids: Collection[str] | None = None
    run_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    before: StillCursor | None = None
    limit: int = 100


def list_stills(conn: Connection, query: StillQuery) -> tuple[list[StillRow], StillCursor | None]:
    """Return a page of stills, the newest first, and where the next page begins; None when there is none."""
    parts = [
        conn.execute(_matching(query).where(frames.c.kind == kind, frames.c.protected.is_(protected))).all()
        for kind, protected in product(query.kinds, (False, True))
    ]
    # An index gives each part in order; together they would have to be sorted as a whole.
    ordered = merge(*parts, key=lambda row: (row.captured_at, row.seq), reverse=True)
    rows = list(islice(ordered, query.limit + 1))
    page = _stills(conn, rows[: query.limit])
    more = len(rows) > query.limit
    return page, StillCursor(page[-1].captured_at, page[-1].seq) if more else None


def find_stills(conn: Connection, frame_ids: Collection[str]) -> dict[str, StillRow]:
    """Return those of the stills that exist, by id."""
    wanted = [frame_id for frame_id in frame_ids if is_ulid(frame_id)]
    return {still.id: still for still in _stills(conn, conn.execute(_rows().where(frames.c.id.in_(wanted))).all())}


def set_protected(conn: Connection, frame_ids: Collection[str], protected: bool) -> None:
    """Protect stills from every purge, or not any more."""
    conn.execute(update(frames).where(frames.c.id.in_(frame_ids)).values(protected=protected))


def set_missing(conn: Connection, frame_id: str, missing: bool) -> None:
    """Note that the file of a still is gone, or there again; one that is gone is not listed."""
    conn.execute(update(frames).where(frames.c.id == frame_id).values(missing=missing))


def set_review(conn: Connection, frame_id: str, review: Review | None, now: datetime) -> None:
    """Keep what a person said of a still, and when; None takes it back."""
    values = {"review": review, "reviewed_at": None if review is None else now}
    conn.execute(update(frames).where(frames.c.id == frame_id).values(**values))


def reviews_of(conn: Connection, camera_id: str, limit: int = REVIEWS) -> list[Reviewed]:
    """Return what people said of a camera's stills, the last said first."""
    camera_seq = select(cameras.c.seq).where(cameras.c.id == camera_id).scalar_subquery()
    rows = conn.execute(
        select(frames.c.light, frames.c.faults, frames.c.review, frames.c.reviewed_at, frames.c.captured_at)
        .where(frames.c.camera_seq == camera_seq, frames.c.review.is_not(None))
        .order_by(frames.c.reviewed_at.desc())
        .limit(limit)
    )
    return [
        Reviewed(
            light=row.light,
            faults=faults_from(row.faults),
            good=row.review is Review.GOOD,
            at=row.reviewed_at or row.captured_at,
        )
        for row in rows
    ]


def move_still(conn: Connection, still: StillRow, path: str) -> None:
    """Let a still's row follow its file to a new path of the other kind; the runs' image counts follow.

    The old path waits to be unlinked.
    """
    target = FramePath.parse(path)
    gained = 1 if target.kind is FrameKind.FRAME else -1
    conn.execute(update(frames).where(frames.c.seq == still.seq).values(kind=target.kind, copy=target.copy))
    member_of = select(run_frames.c.run_seq).where(run_frames.c.frame_seq == still.seq)
    conn.execute(update(runs).where(runs.c.seq.in_(member_of)).values(image_count=runs.c.image_count + gained))
    conn.execute(insert(doomed).values(path=still.path))


def announce_move(conn: Connection, token: str, frame_ids: Collection[str]) -> None:
    """Keep that the files of stills are about to get a second place, until ``forget_move``."""
    conn.execute(insert(meta).values(key=_INTENT + token, value=json.dumps(list(frame_ids))))


def forget_move(conn: Connection, token: str) -> None:
    """Forget what ``announce_move`` kept."""
    conn.execute(delete(meta).where(meta.c.key == _INTENT + token))


def announced_moves(conn: Connection) -> dict[str, list[str]]:
    """Return the ids of stills that were about to be moved, by token."""
    rows = conn.execute(select(meta.c.key, meta.c.value).where(meta.c.key.startswith(_INTENT, autoescape=True)))
    return {row.key.removeprefix(_INTENT): json.loads(row.value) for row in rows}


def empty_run(conn: Connection, run_id: str, limit: int = BATCH) -> Deleted:
    """Take stills out of a run and delete those that nothing keeps: no other run, no protection, no open issue."""
    rows = (
        select(run_frames.c.run_seq, run_frames.c.frame_seq, frames.c.kind, frames.c.id)
        .join(runs, runs.c.seq == run_frames.c.run_seq)
        .join(frames, frames.c.seq == run_frames.c.frame_seq)
        .where(runs.c.id == run_id)
        .order_by(run_frames.c.frame_seq)
        .limit(min(limit, BATCH))
    )
    found = conn.execute(rows).all()
    if not found:
        return Deleted((), {}, 0)
    run_seq = found[0].run_seq
    seqs = [row.frame_seq for row in found]
    lost = sum(row.kind is FrameKind.FRAME for row in found)
    conn.execute(delete(run_frames).where(run_frames.c.run_seq == run_seq, run_frames.c.frame_seq.in_(seqs)))
    conn.execute(update(runs).where(runs.c.seq == run_seq).values(image_count=runs.c.image_count - lost))
    shared = set(conn.execute(select(run_frames.c.frame_seq).where(run_frames.c.frame_seq.in_(seqs))).scalars())
    shown = evidence_frames(conn)
    deleted = delete_frames(
        conn, [row.frame_seq for row in found if row.frame_seq not in shared and row.id not in shown]
    )
    return Deleted(deleted.files, deleted.image_counts, len(found))


def _matching(query: StillQuery) -> Select[Any]:
    camera_seq = select(cameras.c.seq).where(cameras.c.id == query.camera_id).scalar_subquery()
    rows = _rows().where(frames.c.camera_seq == camera_seq, frames.c.missing.is_(False))
    if set(query.verdicts) != set(Verdict):
        rows = rows.where(frames.c.verdict.in_(query.verdicts))
    if query.start is not None:
        rows = rows.where(frames.c.captured_at >= query.start)
    if query.end is not None:
        rows = rows.where(frames.c.captured_at < query.end)
    if (before := query.before) is not None:
        same = and_(frames.c.captured_at == before.captured_at, frames.c.seq < before.seq)
        rows = rows.where(frames.c.captured_at <= before.captured_at)
        rows = rows.where(or_(frames.c.captured_at < before.captured_at, same))
    if query.timelapse_ids is not None or query.run_id is not None:
        member = (
            select(run_frames.c.frame_seq)
            .join(runs, runs.c.seq == run_frames.c.run_seq)
            .join(timelapses, timelapses.c.seq == runs.c.timelapse_seq)
            .where(run_frames.c.frame_seq == frames.c.seq)
        )
        if query.run_id is not None:
            member = member.where(runs.c.id == query.run_id)
            run_seq = select(runs.c.seq).where(runs.c.id == query.run_id).scalar_subquery()
            ends = select(run_frames.c.frame_seq).where(run_frames.c.run_seq == run_seq).limit(1)
            first = ends.order_by(run_frames.c.frame_seq).scalar_subquery()
            last = ends.order_by(run_frames.c.frame_seq.desc()).scalar_subquery()
            # The index by time has the key, too: what is not of the run's time need not be looked up. The sum keeps
            # SQLite from going by the key instead, and sorting.
            rows = rows.where((frames.c.seq + 0).between(first, last))
        if query.timelapse_ids is not None:
            member = member.where(timelapses.c.id.in_(query.timelapse_ids))
        rows = rows.where(exists(member))
    return rows.order_by(frames.c.captured_at.desc(), frames.c.seq.desc()).limit(query.limit + 1)


def _rows() -> Select[Any]:
    return select(frames, cameras.c.id.label("camera_id"), cameras.c.source_key, cameras.c.folder).join(
        cameras, cameras.c.seq == frames.c.camera_seq
    )


def _stills(conn: Connection, rows: Sequence[Row[Any]]) -> list[StillRow]:
    run_ids = run_ids_of(conn, [row.seq for row in rows])
    return [
        StillRow(
            seq=row.seq,
            id=row.id,
            camera_id=row.camera_id,
            source_key=row.source_key,
            path=str(FramePath(row.folder, row.kind, row.captured_at, row.id, row.ext, row.copy)),
            kind=row.kind,
            captured_at=row.captured_at,
            slot_at=row.slot_at,
            byte_count=row.byte_count,
            size=(row.width, row.height) if row.width and row.height else None,
            score=row.score,
            verdict=row.verdict,
            light=row.light,
            faults=faults_from(row.faults),
            protected=row.protected,
            review=row.review,
            run_ids=tuple(run_ids[row.seq]),
        )
        for row in rows
    ]
