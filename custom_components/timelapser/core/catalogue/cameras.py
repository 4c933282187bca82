"""Cameras, their timelapses and the runs of those."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, or_, select, update

from ..errors import CatalogueError, Code
from ..models import RunState
from ..ulid import new_ulid
from .records import CameraRow, RunRow, TimelapseRow
from .schema import cameras, meta, runs, timelapses

_UNDER_WAY = (RunState.RUNNING, RunState.PAUSED)
_CAMERA_COLUMNS = [cameras.c[name] for name in CameraRow.__dataclass_fields__]


def get_meta(conn: Connection, key: str) -> str | None:
    """Return a value that the catalogue keeps for the whole system."""
    return conn.execute(select(meta.c.value).where(meta.c.key == key)).scalar()


def set_meta(conn: Connection, key: str, value: str) -> None:
    """Keep a value for the whole system."""
    if not conn.execute(update(meta).where(meta.c.key == key).values(value=value)).rowcount:
        conn.execute(insert(meta).values(key=key, value=value))


def ensure_camera(
    conn: Connection, camera_id: str, source_key: str, name: str, folder: str, now: datetime
) -> CameraRow:
    """Return the camera, made if need be; an archived one of the same source comes back under the new id.

    A camera keeps the folder that it was first given: the row's is the one to write to.
    """
    known = select(cameras.c.seq).where(cameras.c.id == camera_id)
    archived = (
        select(cameras.c.seq)
        .where(cameras.c.source_key == source_key, cameras.c.removed_at.is_not(None))
        .order_by(cameras.c.removed_at.desc(), cameras.c.seq.desc())
        .limit(1)
    )
    seq = conn.execute(known).scalar() or conn.execute(archived).scalar()
    values = {"id": camera_id, "source_key": source_key, "name": name, "removed_at": None}
    if seq is None:
        conn.execute(insert(cameras).values(**values, folder=folder, created_at=now))
    else:
        conn.execute(update(cameras).where(cameras.c.seq == seq).values(**values))
    return camera_state(conn, camera_id)


def camera_state(conn: Connection, camera_id: str) -> CameraRow:
    """Return what is known of a camera; NOT_FOUND when there is none."""
    row = conn.execute(select(*_CAMERA_COLUMNS).where(cameras.c.id == camera_id)).one_or_none()
    if row is None:
        raise CatalogueError(Code.NOT_FOUND, "no such camera")
    return CameraRow(**row._mapping)  # noqa: SLF001


def camera_key(conn: Connection, camera_id: str) -> int:
    """Return the camera's key inside the catalogue; NOT_FOUND when there is none."""
    seq: int | None = conn.execute(select(cameras.c.seq).where(cameras.c.id == camera_id)).scalar()
    if seq is None:
        raise CatalogueError(Code.NOT_FOUND, "no such camera")
    return seq


def save_health(conn: Connection, camera_id: str, health: str) -> None:
    """Keep the state of the camera's health machines."""
    conn.execute(update(cameras).where(cameras.c.seq == camera_key(conn, camera_id)).values(health=health))


def add_missed(conn: Connection, camera_id: str, count: int, until: datetime) -> int:
    """Count slots that passed without an attempt, all up to an instant; return the camera's sum.

    The camera's timelapses have no open slot before that instant any more: no restart counts it again.
    """
    seq = camera_key(conn, camera_id)
    conn.execute(update(cameras).where(cameras.c.seq == seq).values(missed=cameras.c.missed + count))
    earlier = or_(timelapses.c.last_slot_at.is_(None), timelapses.c.last_slot_at < until)
    conn.execute(update(timelapses).where(timelapses.c.camera_seq == seq, earlier).values(last_slot_at=until))
    return int(conn.execute(select(cameras.c.missed).where(cameras.c.seq == seq)).scalar_one())


def storage_bytes(conn: Connection) -> int:
    """Return the bytes of all stills, from the counters that every change keeps."""
    return int(conn.execute(select(func.coalesce(func.sum(cameras.c.byte_count), 0))).scalar_one())


def mark_camera_removed(conn: Connection, camera_id: str, now: datetime) -> None:
    """Put a camera with all its timelapses into the archive; their runs are completed."""
    seq = camera_key(conn, camera_id)
    conn.execute(update(cameras).where(cameras.c.seq == seq).values(removed_at=now))
    active = select(timelapses.c.id).where(timelapses.c.camera_seq == seq, timelapses.c.removed_at.is_(None))
    for timelapse_id in conn.execute(active).scalars().all():
        mark_timelapse_removed(conn, timelapse_id, now)


def ensure_timelapse(conn: Connection, timelapse_id: str, camera_id: str, name: str, now: datetime) -> TimelapseRow:
    """Return the timelapse of a camera, made if need be and taken out of the archive."""
    values = {"name": name, "camera_seq": camera_key(conn, camera_id), "removed_at": None}
    if not conn.execute(update(timelapses).where(timelapses.c.id == timelapse_id).values(**values)).rowcount:
        conn.execute(insert(timelapses).values(id=timelapse_id, created_at=now, **values))
    return _timelapse(conn, conn.execute(_timelapse_rows().where(timelapses.c.id == timelapse_id)).one())


def timelapse_states(conn: Connection, camera_id: str) -> list[TimelapseRow]:
    """Return the timelapses of a camera that are not archived, the oldest first."""
    rows = _timelapse_rows().where(cameras.c.id == camera_id, timelapses.c.removed_at.is_(None))
    return [_timelapse(conn, row) for row in conn.execute(rows.order_by(timelapses.c.seq)).all()]


def set_paused(conn: Connection, timelapse_id: str, paused: bool, now: datetime) -> RunRow | None:
    """Pause or resume a timelapse and the run that is under way, which is returned; missed slots count from now on."""
    seq = _timelapse_key(conn, timelapse_id)
    conn.execute(update(timelapses).where(timelapses.c.seq == seq).values(paused=paused, last_slot_at=now))
    under_way = (runs.c.timelapse_seq == seq) & runs.c.state.in_(_UNDER_WAY)
    conn.execute(update(runs).where(under_way).values(state=_state(paused=paused)))
    return current_run(conn, timelapse_id)


def mark_timelapse_removed(conn: Connection, timelapse_id: str, now: datetime) -> None:
    """Put a timelapse into the archive; its run is completed."""
    seq = _timelapse_key(conn, timelapse_id)
    conn.execute(update(timelapses).where(timelapses.c.seq == seq).values(removed_at=now))
    under_way = (runs.c.timelapse_seq == seq) & runs.c.state.in_(_UNDER_WAY)
    conn.execute(update(runs).where(under_way).values(state=RunState.COMPLETED, ended_at=now))


def current_run(conn: Connection, timelapse_id: str) -> RunRow | None:
    """Return the run of a timelapse that is running or paused."""
    row = conn.execute(
        _run_rows()
        .where(timelapses.c.id == timelapse_id, runs.c.state.in_(_UNDER_WAY))
        .order_by(runs.c.seq.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _run(row)


def ensure_run(conn: Connection, timelapse_id: str, now: datetime) -> RunRow:
    """Return the run under way, begun if there is none; it is paused while its timelapse is."""
    if (run := current_run(conn, timelapse_id)) is not None:
        return run
    seq = _timelapse_key(conn, timelapse_id)
    paused = conn.execute(select(timelapses.c.paused).where(timelapses.c.seq == seq)).scalar_one()
    run_id = new_ulid(now)
    conn.execute(insert(runs).values(id=run_id, timelapse_seq=seq, state=_state(paused=paused), started_at=now))
    return _run(conn.execute(_run_rows().where(runs.c.id == run_id)).one())


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


def _timelapse_key(conn: Connection, timelapse_id: str) -> int:
    seq: int | None = conn.execute(select(timelapses.c.seq).where(timelapses.c.id == timelapse_id)).scalar()
    if seq is None:
        raise CatalogueError(Code.NOT_FOUND, "no such timelapse")
    return seq


def _timelapse_rows() -> Select[Any]:
    return select(
        timelapses.c.id,
        cameras.c.id.label("camera_id"),
        timelapses.c.name,
        timelapses.c.paused,
        timelapses.c.created_at,
        timelapses.c.removed_at,
        timelapses.c.last_slot_at,
    ).join(cameras, cameras.c.seq == timelapses.c.camera_seq)


def _timelapse(conn: Connection, row: Row[Any]) -> TimelapseRow:
    return TimelapseRow(**row._mapping, run=current_run(conn, row.id))  # noqa: SLF001


def _run_rows() -> Select[Any]:
    return select(
        runs.c.id,
        timelapses.c.id.label("timelapse_id"),
        runs.c.name,
        runs.c.state,
        runs.c.started_at,
        runs.c.ended_at,
        runs.c.image_count,
        runs.c.starred,
    ).join(timelapses, timelapses.c.seq == runs.c.timelapse_seq)


def _run(row: Row[Any]) -> RunRow:
    return RunRow(**row._mapping)  # noqa: SLF001
