"""Runs: begun, paused, completed, named, starred, and taken out."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, exists, insert, select, update

from ..errors import CatalogueError, Code
from ..models import RunState
from ..ulid import is_ulid, new_ulid
from .records import CameraRuns, RunRow
from .schema import cameras, run_frames, runs, timelapses

_UNDER_WAY = (RunState.RUNNING, RunState.PAUSED)


def timelapse_key(conn: Connection, timelapse_id: str) -> int:
    """Return the timelapse's key inside the catalogue; NOT_FOUND when there is none."""
    seq: int | None = conn.execute(select(timelapses.c.seq).where(timelapses.c.id == timelapse_id)).scalar()
    if seq is None:
        raise CatalogueError(Code.NOT_FOUND, "no such timelapse")
    return seq


def latest_run(conn: Connection, timelapse_id: str) -> RunRow | None:
    """Return the run of a timelapse that is under way, or else the one that was completed last."""
    row = conn.execute(
        _run_rows().where(timelapses.c.id == timelapse_id).order_by(runs.c.seq.desc()).limit(1)
    ).one_or_none()
    return None if row is None else _run(row)


def current_run(conn: Connection, timelapse_id: str) -> RunRow | None:
    """Return the run of a timelapse that is running or paused."""
    run = latest_run(conn, timelapse_id)
    return run if run is not None and run.under_way else None


def find_run(conn: Connection, run_id: str) -> RunRow:
    """Return a run; NOT_FOUND when there is none, or when the id is none."""
    row = conn.execute(_run_rows().where(runs.c.id == run_id)).one_or_none() if is_ulid(run_id) else None
    if row is None:
        raise CatalogueError(Code.NOT_FOUND, "no such run")
    return _run(row)


def ensure_run(conn: Connection, timelapse_id: str, now: datetime) -> RunRow:
    """Return the run under way, begun if there is none; it is paused while its timelapse is."""
    if (run := current_run(conn, timelapse_id)) is not None:
        return run
    seq = timelapse_key(conn, timelapse_id)
    paused = conn.execute(select(timelapses.c.paused).where(timelapses.c.seq == seq)).scalar_one()
    run_id = new_ulid(now)
    conn.execute(insert(runs).values(id=run_id, timelapse_seq=seq, state=_state(paused=paused), started_at=now))
    return find_run(conn, run_id)


def start_run(conn: Connection, timelapse_id: str, name: str | None, now: datetime) -> tuple[RunRow | None, RunRow]:
    """Complete the run under way and begin one that records; return both, the first None if there was none.

    Missed slots count from now on.
    """
    completed = complete_run(conn, timelapse_id, now)
    run = ensure_run(conn, timelapse_id, now)
    conn.execute(update(timelapses).where(timelapses.c.id == timelapse_id).values(last_slot_at=now))
    if name is not None:
        run = rename_run(conn, run.id, name)
    return completed, run


def set_paused(conn: Connection, timelapse_id: str, paused: bool, now: datetime) -> RunRow | None:
    """Pause or resume a timelapse and the run that is under way, which is returned; missed slots count from now on."""
    seq = timelapse_key(conn, timelapse_id)
    conn.execute(update(timelapses).where(timelapses.c.seq == seq).values(paused=paused, held=False, last_slot_at=now))
    conn.execute(update(runs).where(_under_way(seq)).values(state=_state(paused=paused)))
    return current_run(conn, timelapse_id)


def complete_run(conn: Connection, timelapse_id: str, now: datetime) -> RunRow | None:
    """End the run under way, which is returned, and any pause of the timelapse; None when none is under way."""
    seq = timelapse_key(conn, timelapse_id)
    if (run := current_run(conn, timelapse_id)) is None:
        return None
    conn.execute(update(timelapses).where(timelapses.c.seq == seq).values(paused=False, held=False))
    end_runs(conn, seq, now)
    return find_run(conn, run.id)


def end_runs(conn: Connection, timelapse_seq: int, now: datetime) -> None:
    """Complete what is under way of a timelapse given by key."""
    conn.execute(update(runs).where(_under_way(timelapse_seq)).values(state=RunState.COMPLETED, ended_at=now))


def rename_run(conn: Connection, run_id: str, name: str) -> RunRow:
    """Give a run a name, at most NAME_LENGTH characters, and return it; NOT_FOUND when there is none."""
    run = find_run(conn, run_id)
    conn.execute(update(runs).where(runs.c.id == run.id).values(name=name))
    return find_run(conn, run_id)


def star_run(conn: Connection, run_id: str, starred: bool) -> RunRow:
    """Mark a run as a favourite, or not any more, and return it; NOT_FOUND when there is none."""
    run = find_run(conn, run_id)
    conn.execute(update(runs).where(runs.c.id == run.id).values(starred=starred))
    return find_run(conn, run_id)


def drop_run(conn: Connection, run_id: str) -> None:
    """Take out a completed run that has no stills any more; NOT_FOUND when there is none such."""
    run = find_run(conn, run_id)
    seq = conn.execute(select(runs.c.seq).where(runs.c.id == run.id)).scalar_one()
    filled = conn.execute(select(exists().where(run_frames.c.run_seq == seq))).scalar_one()
    if filled or run.under_way:
        raise CatalogueError(Code.NOT_FOUND, "not an empty, completed run")
    conn.execute(delete(runs).where(runs.c.seq == seq))


def list_runs(
    conn: Connection,
    camera_ids: Collection[str] | None,
    *,
    timelapse_ids: Collection[str] | None = None,
    before: int | None = None,
    limit: int,
) -> list[CameraRuns]:
    """Return cameras with their runs, archived ones too, the newest first; with None those of all cameras.

    ``timelapse_ids`` are the only ones that are wanted. At most ``limit`` runs of each camera come, and where there
    are more, ``cursor`` is the ``before`` of the next page.
    """
    known = select(cameras.c.seq, cameras.c.id, cameras.c.name, cameras.c.source_key, cameras.c.removed_at)
    if camera_ids is not None:
        known = known.where(cameras.c.id.in_(camera_ids))
    found = []
    for camera in conn.execute(known.order_by(cameras.c.seq)).all():
        rows = _run_rows().add_columns(runs.c.seq).where(timelapses.c.camera_seq == camera.seq)
        if timelapse_ids is not None:
            rows = rows.where(timelapses.c.id.in_(timelapse_ids))
        if before is not None:
            rows = rows.where(runs.c.seq < before)
        page = conn.execute(rows.order_by(runs.c.seq.desc()).limit(limit + 1)).all()
        found.append(
            CameraRuns(
                camera_id=camera.id,
                name=camera.name,
                source_key=camera.source_key,
                removed_at=camera.removed_at,
                runs=tuple(_run(row) for row in page[:limit]),
                cursor=page[limit - 1].seq if len(page) > limit else None,
            )
        )
    return found


def run_ids_of(conn: Connection, frame_seqs: Collection[int]) -> dict[int, list[str]]:
    """Return the ids of the runs that each of these stills belongs to."""
    rows = (
        select(run_frames.c.frame_seq, runs.c.id)
        .join(runs, runs.c.seq == run_frames.c.run_seq)
        .where(run_frames.c.frame_seq.in_(frame_seqs))
        .order_by(runs.c.seq)
    )
    found: dict[int, list[str]] = {seq: [] for seq in frame_seqs}
    for row in conn.execute(rows):
        found[row.frame_seq].append(row.id)
    return found


def run_keys(conn: Connection, run_ids: Collection[str]) -> dict[int, int]:
    """Return the keys of those runs that exist, each with the key of its timelapse."""
    rows = conn.execute(select(runs.c.seq, runs.c.timelapse_seq).where(runs.c.id.in_(run_ids)))
    return {row.seq: row.timelapse_seq for row in rows}


def image_counts(conn: Connection, keys: Collection[int]) -> dict[str, int]:
    """Return the image counts by run id of runs given by key."""
    rows = conn.execute(select(runs.c.id, runs.c.image_count).where(runs.c.seq.in_(keys)))
    return {row.id: row.image_count for row in rows}


def _state(*, paused: bool) -> RunState:
    return RunState.PAUSED if paused else RunState.RUNNING


def _under_way(timelapse_seq: int) -> Any:
    return (runs.c.timelapse_seq == timelapse_seq) & runs.c.state.in_(_UNDER_WAY)


def _run_rows() -> Select[Any]:
    return (
        select(
            runs.c.id,
            timelapses.c.id.label("timelapse_id"),
            cameras.c.id.label("camera_id"),
            timelapses.c.name.label("timelapse_name"),
            runs.c.name,
            runs.c.state,
            runs.c.started_at,
            runs.c.ended_at,
            runs.c.image_count,
            runs.c.starred,
        )
        .join(timelapses, timelapses.c.seq == runs.c.timelapse_seq)
        .join(cameras, cameras.c.seq == timelapses.c.camera_seq)
    )


def _run(row: Row[Any]) -> RunRow:
    return RunRow(**{name: getattr(row, name) for name in RunRow.__dataclass_fields__})
