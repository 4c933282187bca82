"""Attempts and the stills that came of them."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import batched
import json
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    RowMapping,
    Select,
    Table,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from ..acceptance import Acceptance
from ..errors import CatalogueError, Code
from ..health import Transition
from ..layout import FramePath
from ..models import Fault, FaultKind, FetchStrategy, FrameKind, FrameRef, Outcome, Phase
from .cameras import add_missed, camera_key
from .evidence import offer_reference, set_evidence
from .hold import hold, release
from .incidents import follow
from .records import AttemptRecord, AttemptRow, CommitResult, Deleted, FrameRecord, RunRow, StoredFile
from .runs import image_counts, run_keys
from .schema import attempts, cameras, doomed, frames, run_frames, runs, timelapses
from .trends import forget_trend, keep_hours

BATCH = 500
"""Rows in one statement or deletion: a write-ahead log of 256 KiB holds as many deletions on a full disk (measured)."""

_COUNTERS: Mapping[Outcome, str] = {
    Outcome.CAPTURED: "captured",
    Outcome.REJECTED: "rejected",
    Outcome.FAILED: "failed",
}
_VOCABULARIES: Mapping[str, type[StrEnum]] = {
    "outcome": Outcome,
    "code": Code,
    "phase": Phase,
    "strategy": FetchStrategy,
}
_PATH_COLUMNS = (
    cameras.c.folder,
    frames.c.kind,
    frames.c.captured_at,
    frames.c.id,
    frames.c.ext,
    frames.c.copy,
)


def commit_attempt(conn: Connection, attempt: AttemptRecord) -> CommitResult:
    """Write an attempt and all that follows from it; NOT_FOUND for a camera or run that does not exist."""
    camera_seq = camera_key(conn, attempt.camera_id)
    keys = run_keys(conn, attempt.run_ids)
    if len(keys) != len(set(attempt.run_ids)):
        raise CatalogueError(Code.NOT_FOUND, "no such run")
    conn.execute(
        insert(attempts).values(
            id=attempt.id,
            camera_seq=camera_seq,
            slot_at=attempt.slot_at,
            started_at=attempt.started_at,
            duration_ms=attempt.duration_ms,
            outcome=attempt.outcome,
            code=attempt.code,
            phase=attempt.phase,
            strategy=attempt.strategy,
            tries=attempt.tries,
            score=attempt.score,
            probe=attempt.probe,
            evidence=attempt.evidence,
            cause=attempt.cause,
            phases=_json({phase: round(duration, 1) for phase, duration in attempt.phases.items()}),
        )
    )
    if attempt.frame is not None:
        _insert_frame(conn, camera_seq, attempt.id, attempt.frame, attempt.slot_at, keys)
        offer_reference(conn, camera_seq, attempt.frame)
    given = {
        "health": attempt.health,
        "baseline": attempt.baseline,
        "normal": attempt.normal,
        "strategy_note": attempt.strategy_note,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if not attempt.probe:
        changes |= {**_counted(attempt.outcome, attempt.frame), "last_slot_at": attempt.slot_at}
        known = conn.execute(select(cameras.c.acceptance).where(cameras.c.seq == camera_seq)).scalar()
        day = Acceptance.from_json(known).after(attempt.started_at, kept=attempt.outcome is Outcome.CAPTURED)
        changes["acceptance"] = day.to_json()
    if attempt.degradation is not None:
        changes["forecast"] = None
    if changes:
        conn.execute(update(cameras).where(cameras.c.seq == camera_seq).values(**changes))
    if attempt.transition is Transition.RECOVERED:
        forget_trend(conn, camera_seq)
    keep_hours(conn, camera_seq, attempt.hours)
    if attempt.missed is not None:
        add_missed(conn, attempt.camera_id, *attempt.missed)
    opened = follow(conn, camera_seq, attempt)
    if attempt.degradation is not None and opened is not None:
        set_evidence(conn, camera_seq, attempt.degradation.counting(opened.first_bad_at, opened.causes))
    elif attempt.transition is Transition.RECOVERED:
        set_evidence(conn, camera_seq, None)
    conn.execute(
        update(timelapses).where(timelapses.c.seq.in_(set(keys.values()))).values(last_slot_at=attempt.slot_at)
    )
    held: tuple[RunRow, ...] = ()
    if attempt.transition is Transition.DEGRADED and attempt.hold:
        held = hold(conn, camera_seq, attempt.slot_at)
    elif attempt.transition is Transition.RECOVERED:
        held = release(conn, camera_seq, attempt.slot_at)
    told = [cameras.c[name] for name in CommitResult.__dataclass_fields__ if name in cameras.c]
    counts = conn.execute(select(*told).where(cameras.c.seq == camera_seq)).one()
    values = {**counts._mapping, "resolved": counts.resolved or 0}  # noqa: SLF001
    return CommitResult(**values, image_counts=image_counts(conn, keys), held=held)


def adopt_frame(
    conn: Connection,
    camera_id: str,
    frame: FrameRecord,
    slot_at: datetime,
    run_ids: Collection[str],
    *,
    seq: int | None = None,
) -> None:
    """Enter a still whose attempt was lost; runs that no longer exist are passed over.

    ``seq`` is its place among all stills; without one it is the last.
    """
    camera_seq = camera_key(conn, camera_id)
    keys = run_keys(conn, run_ids)
    path = FramePath.parse(frame.path)
    _insert_frame(conn, camera_seq, path.id, frame, slot_at, keys, seq)
    outcome = Outcome.CAPTURED if path.kind is FrameKind.FRAME else Outcome.REJECTED
    conn.execute(update(cameras).where(cameras.c.seq == camera_seq).values(**_counted(outcome, frame)))
    for table, seqs in ((cameras, [camera_seq]), (timelapses, list(keys.values()))):
        _advance_slot(conn, table, seqs, slot_at)


def latest_frame(conn: Connection, camera_id: str, kind: FrameKind) -> FrameRef | None:
    """Return the still of a kind that was captured last and whose file is there."""
    row = conn.execute(
        _refs()
        .where(cameras.c.id == camera_id, frames.c.kind == kind, frames.c.missing.is_(False))
        .order_by(frames.c.seq.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _ref(row)


def reference_frame(conn: Connection, camera_id: str) -> FrameRef | None:
    """Return the frame that shows what a camera normally looks like; None while there is none, or its file is gone."""
    row = conn.execute(
        _refs().where(
            cameras.c.id == camera_id,
            frames.c.id == cameras.c.reference,
            frames.c.kind == FrameKind.FRAME,
            frames.c.missing.is_(False),
        )
    ).one_or_none()
    return None if row is None else _ref(row)


def find_frame(conn: Connection, frame_id: str) -> tuple[FrameRef, str] | None:
    """Return a still and the source key of its camera; None for an unknown id; StatementError for what is no ULID."""
    row = conn.execute(_refs().add_columns(cameras.c.source_key).where(frames.c.id == frame_id)).one_or_none()
    return None if row is None else (_ref(row), row.source_key)


def _refs() -> Select[Any]:
    return (
        select(*_PATH_COLUMNS, cameras.c.id.label("camera_id"), frames.c.slot_at, frames.c.score)
        .add_columns(frames.c.verdict, frames.c.faults, frames.c.missing)
        .join(cameras, cameras.c.seq == frames.c.camera_seq)
    )


def _ref(row: Row[Any]) -> FrameRef:
    path = _path(row)
    return FrameRef(
        id=path.id,
        camera_id=row.camera_id,
        path=str(path),
        content_type=path.content_type,
        captured_at=row.captured_at,
        slot_at=row.slot_at,
        score=row.score,
        verdict=row.verdict,
        faults=faults_from(row.faults),
        missing=row.missing,
    )


def frames_known(conn: Connection, paths: Iterable[str]) -> set[str]:
    """Return which of these paths need no adoption: their id has a row, or they wait to be unlinked."""
    known: set[str] = set()
    for some in batched(paths, BATCH, strict=False):
        by_id = {path: FramePath.parse(path).id for path in some}
        ids = set(conn.execute(select(frames.c.id).where(frames.c.id.in_(set(by_id.values())))).scalars())
        known |= {path for path, frame_id in by_id.items() if frame_id in ids}
        known |= set(conn.execute(select(doomed.c.path).where(doomed.c.path.in_(some))).scalars())
    return known


def delete_frames(conn: Connection, seqs: Sequence[int]) -> Deleted:
    """Take stills out, but never protected ones; their paths wait in the catalogue until ``unlinked``."""
    files: list[StoredFile] = []
    lost: Counter[int] = Counter()
    freed: Counter[int] = Counter()
    for some in batched(seqs, BATCH, strict=False):
        rows = conn.execute(
            _files()
            .add_columns(frames.c.camera_seq)
            .where(frames.c.seq.in_(some), frames.c.protected.is_(False))
            .order_by(frames.c.seq)
        ).all()
        keys = [row.seq for row in rows]
        if not keys:
            continue
        counted = (
            select(run_frames.c.run_seq, func.count().label("stills"))
            .join(frames, frames.c.seq == run_frames.c.frame_seq)
            .where(run_frames.c.frame_seq.in_(keys), frames.c.kind == FrameKind.FRAME)
            .group_by(run_frames.c.run_seq)
        )
        lost.update({row.run_seq: row.stills for row in conn.execute(counted)})
        batch = [_file(row) for row in rows]
        for row in rows:
            freed[row.camera_seq] += row.byte_count
        conn.execute(insert(doomed), [{"path": file.path} for file in batch])
        conn.execute(delete(run_frames).where(run_frames.c.frame_seq.in_(keys)))
        conn.execute(delete(frames).where(frames.c.seq.in_(keys)))
        files += batch
    for run_seq, count in lost.items():
        conn.execute(update(runs).where(runs.c.seq == run_seq).values(image_count=runs.c.image_count - count))
    for camera_seq, size in freed.items():
        conn.execute(update(cameras).where(cameras.c.seq == camera_seq).values(byte_count=cameras.c.byte_count - size))
    return Deleted(tuple(files), image_counts(conn, lost), len(files))


def awaiting_unlink(conn: Connection, limit: int = BATCH) -> list[str]:
    """Return paths of files whose rows are gone but which may still be there."""
    return list(conn.execute(select(doomed.c.path).order_by(doomed.c.seq).limit(limit)).scalars())


def unlinked(conn: Connection, paths: Iterable[str]) -> None:
    """Forget paths that need no unlinking any more."""
    for some in batched(paths, BATCH, strict=False):
        conn.execute(delete(doomed).where(doomed.c.path.in_(some)))


def list_recent_attempts(conn: Connection, camera_id: str, limit: int) -> list[AttemptRow]:
    """Return the last attempts of a camera, the newest first."""
    names = [name for name in AttemptRow.__dataclass_fields__ if name != "has_frame"]
    rows = conn.execute(
        select(*(attempts.c[name] for name in names), frames.c.seq.is_not(None).label("has_frame"))
        .outerjoin(frames, frames.c.id == attempts.c.id)
        .where(attempts.c.camera_seq == camera_key(conn, camera_id))
        .order_by(attempts.c.seq.desc())
        .limit(limit)
    )
    return [_attempt(row._mapping) for row in rows]  # noqa: SLF001


def prune_attempts(conn: Connection, before: datetime | None, keep: int, limit: int = BATCH) -> int:
    """Delete attempts from before an instant and beyond the newest ``keep``; at most ``limit``; return how many."""
    newest = conn.execute(select(func.max(attempts.c.seq))).scalar() or 0
    too_many = attempts.c.seq <= newest - keep
    old = select(attempts.c.seq).where(too_many if before is None else or_(attempts.c.started_at < before, too_many))
    seqs = list(conn.execute(old.limit(limit)).scalars())
    conn.execute(delete(attempts).where(attempts.c.seq.in_(seqs)))
    return len(seqs)


def _insert_frame(
    conn: Connection,
    camera_seq: int,
    frame_id: str,
    frame: FrameRecord,
    slot_at: datetime,
    run_seqs: Collection[int],
    seq: int | None = None,
) -> None:
    path = FramePath.parse(frame.path)
    folder = conn.execute(select(cameras.c.folder).where(cameras.c.seq == camera_seq)).scalar_one()
    if path.id != frame_id or path.folder != folder:
        raise ValueError("the file belongs to another attempt")
    inserted = conn.execute(
        insert(frames).values(
            id=frame_id,
            camera_seq=camera_seq,
            kind=path.kind,
            captured_at=path.captured_at,
            slot_at=slot_at,
            ext=path.ext,
            copy=path.copy,
            byte_count=frame.byte_count,
            width=frame.width,
            height=frame.height,
            score=frame.score,
            verdict=frame.verdict,
            freshness=frame.freshness,
            light=frame.light,
            faults=_faults_to(frame.faults),
            fetched_sha256=frame.fetched_sha256,
            file_sha256=frame.file_sha256,
            **({} if seq is None else {"seq": seq}),
        )
    )
    (frame_seq,) = inserted.inserted_primary_key or (None,)
    if not run_seqs:
        return
    conn.execute(insert(run_frames), [{"run_seq": run_seq, "frame_seq": frame_seq} for run_seq in run_seqs])
    if path.kind is FrameKind.FRAME:
        conn.execute(update(runs).where(runs.c.seq.in_(run_seqs)).values(image_count=runs.c.image_count + 1))


def _counted(outcome: Outcome, frame: FrameRecord | None) -> dict[str, Any]:
    """Return the changes of the camera's counters."""
    name = _COUNTERS[outcome]
    size = 0 if frame is None else frame.byte_count
    return {name: cameras.c[name] + 1, "byte_count": cameras.c.byte_count + size}


def _advance_slot(conn: Connection, table: Table, seqs: Collection[int], slot_at: datetime) -> None:
    earlier = or_(table.c.last_slot_at.is_(None), table.c.last_slot_at < slot_at)
    conn.execute(update(table).where(table.c.seq.in_(seqs), earlier).values(last_slot_at=slot_at))


def _files() -> Select[Any]:
    return select(frames.c.seq, frames.c.byte_count, *_PATH_COLUMNS).join(cameras, cameras.c.seq == frames.c.camera_seq)


def _file(row: Row[Any]) -> StoredFile:
    return StoredFile(row.seq, str(_path(row)), row.byte_count)


def _path(row: Row[Any]) -> FramePath:
    return FramePath(row.folder, row.kind, row.captured_at, row.id, row.ext, row.copy)


def _attempt(values: RowMapping) -> AttemptRow:
    words = {name: None if values[name] is None else word(values[name]) for name, word in _VOCABULARIES.items()}
    return AttemptRow(**{**values, **words, "phases": json.loads(values["phases"])})


def _faults_to(faults: Sequence[Fault]) -> str | None:
    """Return faults as compact JSON, the parts in the order of the class; None for none."""
    if not faults:
        return None
    return _json([_fault_to(fault) for fault in faults])


def _fault_to(fault: Fault) -> list[Any]:
    parts = [fault.kind, round(fault.severity, 3), fault.where, fault.words]
    return parts if fault.measured is None else [*parts, round(fault.measured, 3)]


def faults_from(text: str | None) -> tuple[Fault, ...]:
    """Return the faults of a row."""
    return tuple(Fault(FaultKind(kind), *rest) for kind, *rest in json.loads(text or "[]"))


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
