"""Runs that are paused because their camera is degraded, and go on when it has recovered."""

from datetime import datetime

from sqlalchemy import Connection, select, update

from ..models import RunState
from .records import RunRow
from .runs import latest_run
from .schema import runs, timelapses


def hold(conn: Connection, camera_seq: int, now: datetime) -> tuple[RunRow, ...]:
    """Pause what a camera (by its key) records, and return it; what is paused already is left alone.

    Missed slots count from now on.
    """
    recording = (
        select(timelapses.c.id)
        .join(runs, runs.c.timelapse_seq == timelapses.c.seq)
        .where(timelapses.c.camera_seq == camera_seq, timelapses.c.removed_at.is_(None))
        .where(runs.c.state == RunState.RUNNING)
    )
    return _set(conn, list(conn.execute(recording).scalars()), now, held=True)


def release(conn: Connection, camera_seq: int, now: datetime) -> tuple[RunRow, ...]:
    """Go on with what ``hold`` paused, unless somebody decided otherwise since, and return it."""
    held = select(timelapses.c.id).where(timelapses.c.camera_seq == camera_seq, timelapses.c.held.is_(True))
    return _set(conn, list(conn.execute(held).scalars()), now, held=False)


def _set(conn: Connection, timelapse_ids: list[str], now: datetime, *, held: bool) -> tuple[RunRow, ...]:
    before, after = (RunState.RUNNING, RunState.PAUSED) if held else (RunState.PAUSED, RunState.RUNNING)
    those = timelapses.c.id.in_(timelapse_ids)
    conn.execute(update(timelapses).where(those).values(paused=held, held=held, last_slot_at=now))
    seqs = select(timelapses.c.seq).where(those)
    conn.execute(update(runs).where(runs.c.timelapse_seq.in_(seqs), runs.c.state == before).values(state=after))
    return tuple(run for one in timelapse_ids if (run := latest_run(conn, one)) is not None and run.state is after)
