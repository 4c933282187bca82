"""Cameras and their timelapses."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, func, insert, or_, select, update

from ..errors import CatalogueError, Code
from ..models import IncidentEnd, IncidentKind, Light
from .hold import release
from .incidents import add_missed as add_missed_to_incident, close
from .records import CameraRow, RunRow, TimelapseRow
from .runs import end_runs, latest_run, timelapse_key
from .schema import cameras, frames, meta, timelapses
from .trends import forget_trend

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

    A camera keeps the folder that it was first given: the row's is the one to write to. Another source in its place
    has no trend yet.
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
        if conn.execute(select(cameras.c.source_key).where(cameras.c.seq == seq)).scalar() != source_key:
            forget_trend(conn, seq)
        conn.execute(update(cameras).where(cameras.c.seq == seq).values(**values))
    return camera_state(conn, camera_id)


def camera_state(conn: Connection, camera_id: str) -> CameraRow:
    """Return what is known of a camera; NOT_FOUND when there is none."""
    row = conn.execute(select(*_CAMERA_COLUMNS).where(cameras.c.id == camera_id)).one_or_none()
    if row is None:
        raise CatalogueError(Code.NOT_FOUND, "no such camera")
    return CameraRow(**{**row._mapping, "resolved": row.resolved or 0})  # noqa: SLF001


def camera_key(conn: Connection, camera_id: str) -> int:
    """Return the camera's key inside the catalogue; NOT_FOUND when there is none."""
    seq: int | None = conn.execute(select(cameras.c.seq).where(cameras.c.id == camera_id)).scalar()
    if seq is None:
        raise CatalogueError(Code.NOT_FOUND, "no such camera")
    return seq


def end_degraded(conn: Connection, camera_id: str, health: str, end: IncidentEnd, now: datetime) -> tuple[RunRow, ...]:
    """Keep a state of health that is not degraded and that no picture brought about; what showed the former goes.

    So does the trend that led there. What was paused for it goes on, and is returned. With another camera an outage of
    the former one ends as well, and whether that one let itself be streamed is forgotten.
    """
    seq = camera_key(conn, camera_id)
    if conn.execute(select(cameras.c.evidence).where(cameras.c.seq == seq)).scalar() is not None:
        forget_trend(conn, seq)
    conn.execute(update(cameras).where(cameras.c.seq == seq).values(health=health, evidence=None))
    if end is IncidentEnd.REPLACED:
        conn.execute(update(cameras).where(cameras.c.seq == seq).values(strategy_note=None))
        close(conn, seq, [IncidentKind.OFFLINE], end, now)
    close(conn, seq, [IncidentKind.DEGRADED], end, now)
    return release(conn, seq, now)


def release_held(conn: Connection, camera_id: str, now: datetime) -> tuple[RunRow, ...]:
    """Go on with what is paused because a camera is degraded, although it still is; return it."""
    return release(conn, camera_key(conn, camera_id), now)


def save_forecast(conn: Connection, camera_id: str, forecast: str | None) -> None:
    """Keep the forecast (JSON) that stands; when none does any more, its trend is over too."""
    seq = camera_key(conn, camera_id)
    if forecast is None:
        forget_trend(conn, seq)
    conn.execute(update(cameras).where(cameras.c.seq == seq).values(forecast=forecast))


def relearn(conn: Connection, camera_id: str, baseline: bytes, normal: bytes, light: Light | None) -> None:
    """Replace what is learned of a camera by what is left of it; a light mode's or all reference and trend go too."""
    seq = camera_key(conn, camera_id)
    forget_trend(conn, seq, light)
    conn.execute(update(cameras).where(cameras.c.seq == seq).values(baseline=baseline, normal=normal))
    forgotten = update(cameras).where(cameras.c.seq == seq).values(reference=None)
    if light is not None:
        of_light = select(frames.c.seq).where(frames.c.id == cameras.c.reference, frames.c.light == light)
        forgotten = forgotten.where(exists(of_light))
    conn.execute(forgotten)


def add_missed(conn: Connection, camera_id: str, count: int, until: datetime) -> int:
    """Count slots that passed without an attempt, all up to an instant; return the camera's sum.

    The camera's timelapses have no open slot before that instant any more: no restart counts it again.
    """
    seq = camera_key(conn, camera_id)
    conn.execute(update(cameras).where(cameras.c.seq == seq).values(missed=cameras.c.missed + count))
    add_missed_to_incident(conn, seq, count)
    earlier = or_(timelapses.c.last_slot_at.is_(None), timelapses.c.last_slot_at < until)
    conn.execute(update(timelapses).where(timelapses.c.camera_seq == seq, earlier).values(last_slot_at=until))
    return int(conn.execute(select(cameras.c.missed).where(cameras.c.seq == seq)).scalar_one())


def storage_bytes(conn: Connection) -> int:
    """Return the bytes of all stills, from the counters that every change keeps."""
    return int(conn.execute(select(func.coalesce(func.sum(cameras.c.byte_count), 0))).scalar_one())


def mark_camera_removed(conn: Connection, camera_id: str, now: datetime) -> None:
    """Put a camera with all its timelapses into the archive; their runs are completed."""
    seq = camera_key(conn, camera_id)
    conn.execute(
        update(cameras).where(cameras.c.seq == seq).values(removed_at=now, evidence=None, reference=None, forecast=None)
    )
    close(conn, seq, IncidentKind, IncidentEnd.REMOVED, now)
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


def mark_timelapse_removed(conn: Connection, timelapse_id: str, now: datetime) -> None:
    """Put a timelapse into the archive; its run is completed."""
    seq = timelapse_key(conn, timelapse_id)
    conn.execute(update(timelapses).where(timelapses.c.seq == seq).values(removed_at=now))
    end_runs(conn, seq, now)


def _timelapse_rows() -> Select[Any]:
    return select(
        timelapses.c.id,
        cameras.c.id.label("camera_id"),
        timelapses.c.name,
        timelapses.c.paused,
        timelapses.c.created_at,
        timelapses.c.removed_at,
        timelapses.c.last_slot_at,
        func.coalesce(timelapses.c.held, False).label("held"),
    ).join(cameras, cameras.c.seq == timelapses.c.camera_seq)


def _timelapse(conn: Connection, row: Row[Any]) -> TimelapseRow:
    return TimelapseRow(**row._mapping, run=latest_run(conn, row.id))  # noqa: SLF001
