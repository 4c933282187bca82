"""What retention asks of the catalogue: which stills there are in its reach, which go first, and taking them out."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, exists, func, select, update

from ..models import FrameKind, RunState
from .cameras import camera_key
from .evidence import evidence_frames, reference_frames
from .frames import BATCH, delete_frames
from .records import Deleted
from .runs import image_counts
from .schema import attempts, cameras, frames, run_frames, runs, timelapses


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """The stills of one camera and kind that a limit is for.

    With a ``timelapse_id``, only those of its runs. With ``loose``, only those of no run. Frames of runs under way
    are left out unless ``under_way``; quarantined stills are no images of a run, and are never left out.
    """

    camera_id: str
    kind: FrameKind = FrameKind.FRAME
    timelapse_id: str | None = None
    loose: bool = False
    under_way: bool = False


@dataclass(frozen=True, slots=True)
class Victim:
    """A still that is to go: altogether, or only out of some runs (``run_seqs``), when others may keep it."""

    seq: int
    kind: FrameKind
    captured_at: datetime
    byte_count: int
    run_seqs: tuple[int, ...] | None = None
    gone: bool = True
    """Whether its row and file go; not so when a run that keeps it remains."""


def bounds(conn: Connection, scope: Scope) -> tuple[int | None, int]:
    """Return what a scope cannot exceed, in stills (None: unknown) and bytes, from counters alone."""
    size = conn.execute(select(cameras.c.byte_count).where(cameras.c.id == scope.camera_id)).scalar_one()
    if scope.timelapse_id is None:
        return None, size
    counted = (
        select(func.coalesce(func.sum(runs.c.image_count), 0))
        .join(timelapses, timelapses.c.seq == runs.c.timelapse_seq)
        .where(timelapses.c.id == scope.timelapse_id)
    )
    return int(conn.execute(_completed(counted, scope)).scalar_one()), size


def totals(conn: Connection, scope: Scope) -> tuple[int, int]:
    """Return how many stills a scope has, and their bytes; looks at each of them."""
    count, size = conn.execute(_reach(scope, func.count(), func.coalesce(func.sum(frames.c.byte_count), 0))).one()
    return count, int(size)


def oldest(
    conn: Connection,
    scope: Scope,
    limit: int,
    *,
    before: datetime | None = None,
    since: datetime | None = None,
    up_to: int | None = None,
) -> list[Victim]:
    """Return the stills of a scope that were taken first, without those that nothing may remove.

    First in the order in which they came, which no clock can change; only with ``before``, by the time that the clock
    gave them. ``before`` and ``since`` bound ``captured_at``; ``up_to`` is the last sequence number.
    """
    member = run_frames.c.run_seq if scope.timelapse_id is not None else None
    columns: list[Any] = [frames.c.seq, frames.c.kind, frames.c.captured_at, frames.c.byte_count]
    rows = _reach(scope, *columns, *([] if member is None else [member])).where(*_removable(conn))
    if before is not None:
        rows = rows.where(frames.c.captured_at < before)
    if since is not None:
        rows = rows.where(frames.c.captured_at >= since)
    if up_to is not None:
        rows = rows.where(frames.c.seq <= up_to)
    order = [frames.c.seq] if before is None else [frames.c.captured_at, frames.c.seq]
    return [
        Victim(row.seq, row.kind, row.captured_at, row.byte_count, None if member is None else (row.run_seq,))
        for row in conn.execute(rows.order_by(*order).limit(limit))
    ]


def beyond_newest(conn: Connection, scope: Scope, keep: int) -> int | None:
    """Return the sequence number of the last still that is not among the newest ``keep``; None when all are."""
    nth = _reach(scope, frames.c.seq).order_by(frames.c.seq.desc()).offset(keep).limit(1)
    seq: int | None = conn.execute(nth).scalar()
    return seq


def kept_elsewhere(conn: Connection, victims: Iterable[Victim]) -> set[int]:
    """Return which of these stills would remain in a run when they are taken out of those named with them."""
    left: set[int] = set()
    for some in batched((victim for victim in victims if victim.run_seqs is not None), BATCH, strict=False):
        named = {victim.seq: victim.run_seqs or () for victim in some}
        rows = conn.execute(
            select(run_frames.c.frame_seq, run_frames.c.run_seq).where(run_frames.c.frame_seq.in_(named))
        )
        left |= {row.frame_seq for row in rows if row.run_seq not in named[row.frame_seq]}
    return left


def take_out(conn: Connection, victims: Sequence[Victim]) -> Deleted:
    """Take stills out of their runs and delete those that no run keeps; their files wait to be unlinked.

    What has been protected or reviewed since it was chosen stays.
    """
    wanted = {victim.seq: victim for victim in victims}
    present = select(frames.c.seq, frames.c.kind).where(frames.c.seq.in_(wanted), *_removable(conn))
    alive = {row.seq: wanted[row.seq] for row in conn.execute(present) if row.kind is wanted[row.seq].kind}
    of_run: dict[int, list[int]] = defaultdict(list)
    for victim in alive.values():
        for run_seq in victim.run_seqs or ():
            of_run[run_seq].append(victim.seq)
    for run_seq, seqs in of_run.items():
        members = (run_frames.c.run_seq == run_seq) & run_frames.c.frame_seq.in_(seqs)
        lost = conn.execute(delete(run_frames).where(members)).rowcount
        conn.execute(update(runs).where(runs.c.seq == run_seq).values(image_count=runs.c.image_count - lost))
    partly = [victim.seq for victim in alive.values() if victim.run_seqs is not None]
    kept = set(conn.execute(select(run_frames.c.frame_seq).where(run_frames.c.frame_seq.in_(partly))).scalars())
    deleted = delete_frames(conn, sorted(alive.keys() - kept))
    return Deleted(deleted.files, {**image_counts(conn, of_run), **deleted.image_counts}, len(alive))


def time_passed(conn: Connection, camera_id: str, now: datetime, age: timedelta) -> bool:
    """Return whether the stills of a camera bear out that so much time has passed as the clock says.

    They do not when the newest is from the future, or when nothing was taken for more than twice ``age`` around the
    instant before which stills are too old: the clock may have leapt.
    """
    seq = camera_key(conn, camera_id)
    parts = [
        (frames.c.camera_seq == seq, frames.c.kind == kind, frames.c.protected.is_(protected))
        for kind in FrameKind
        for protected in (False, True)
    ]
    return _no_leap(conn, frames.c.captured_at, frames.c.seq, parts, now, age)


def attempts_time_passed(conn: Connection, now: datetime, age: timedelta) -> bool:
    """Return the same of the attempts of all cameras."""
    return _no_leap(conn, attempts.c.started_at, attempts.c.seq, [()], now, age)


def _no_leap(
    conn: Connection,
    moment: ColumnElement[datetime],
    order: ColumnElement[int],
    parts: Sequence[tuple[ColumnElement[bool], ...]],
    now: datetime,
    age: timedelta,
) -> bool:
    """Return whether the newest row is not from the future, and the gap around ``age`` ago is an everyday one.

    The rows are given in parts in each of which an index answers at once.
    """
    newest = (select(order, moment).where(*part).order_by(order.desc()).limit(1) for part in parts)
    found = [tuple(row) for query in newest if (row := conn.execute(query).first()) is not None]
    if not found or max(found)[1] > now:
        return not found
    last = _each(conn, func.max(moment), parts, moment < now - age)
    following = _each(conn, func.min(moment), parts, moment >= now - age, moment <= now)
    return not last or min(following, default=now) - max(last) <= 2 * age


def _each(
    conn: Connection,
    value: ColumnElement[datetime],
    parts: Sequence[tuple[ColumnElement[bool], ...]],
    *where: ColumnElement[bool],
) -> list[datetime]:
    values = [conn.execute(select(value).where(*part, *where)).scalar() for part in parts]
    return [value for value in values if value is not None]


def _removable(conn: Connection) -> list[ColumnElement[bool]]:
    """Return the conditions under which a still may be removed: not protected, no evidence of a fault, no reference."""
    conditions: list[ColumnElement[bool]] = [frames.c.protected.is_(False)]
    if shown := evidence_frames(conn) | reference_frames(conn):
        conditions.append(frames.c.id.not_in(shown))
    return conditions


def _reach(scope: Scope, *columns: Any) -> Select[Any]:
    """Select columns of the stills of a scope; of a timelapse, those of each membership."""
    camera_seq = select(cameras.c.seq).where(cameras.c.id == scope.camera_id).scalar_subquery()
    rows = select(*columns).select_from(frames)
    if scope.timelapse_id is not None:
        rows = (
            rows.join(run_frames, run_frames.c.frame_seq == frames.c.seq)
            .join(runs, runs.c.seq == run_frames.c.run_seq)
            .join(timelapses, timelapses.c.seq == runs.c.timelapse_seq)
            .where(timelapses.c.id == scope.timelapse_id)
        )
        rows = _completed(rows, scope)
    elif scope.loose:
        rows = rows.where(~exists().where(run_frames.c.frame_seq == frames.c.seq))
    elif scope.kind is FrameKind.FRAME and not scope.under_way:
        current = (run_frames.c.frame_seq == frames.c.seq) & (run_frames.c.run_seq == runs.c.seq)
        rows = rows.where(~exists().where(current, runs.c.state != RunState.COMPLETED))
    return rows.where(frames.c.camera_seq == camera_seq, frames.c.kind == scope.kind)


def _completed(rows: Select[Any], scope: Scope) -> Select[Any]:
    return rows if scope.under_way else rows.where(runs.c.state == RunState.COMPLETED)
