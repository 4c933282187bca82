"""What makes a lost catalogue again: the cameras and runs of their indexes, and stills older than every other."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
import json
from typing import Any

from sqlalchemy import Connection, func, insert, select

from ..index import CameraIndex, RunIndex, TimelapseIndex
from ..layout import FramePath
from ..models import RunState
from ..ulid import ulid_time
from .cameras import get_meta, set_meta
from .frames import adopt_frame, frames_known
from .records import FrameRecord
from .schema import NAME_LENGTH, cameras, frames, runs, timelapses

_CAMERA = ("id", "source_key", "name", "folder", "created_at", "removed_at")
_TIMELAPSE = ("id", "name", "paused", "created_at", "removed_at")
_RUN = ("id", "name", "state", "started_at", "ended_at", "starred")


_STATE = "rebuild"
_REPORT = "rebuilt"
"""Keys among what the catalogue keeps for the whole system."""
_BEGUN = "begun"
_DONE = "done"


@dataclass(frozen=True, kw_only=True, slots=True)
class RebuildReport:
    """What a rebuild brought back, and when; ``odd`` are files that do not say what they are."""

    at: datetime
    cameras: int
    runs: int
    frames: int
    quarantined: int
    odd: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Orphan:
    """A still without a row, as its file describes it."""

    frame: FrameRecord
    slot_at: datetime
    run_ids: tuple[str, ...]


def begin(conn: Connection) -> None:
    """Note that the catalogue before this one was damaged."""
    set_meta(conn, _STATE, _BEGUN)


def begun(conn: Connection) -> bool:
    """Return whether the storage of a damaged catalogue was not seen since."""
    return get_meta(conn, _STATE) == _BEGUN


def await_stills(conn: Connection, guessed: Sequence[str]) -> None:
    """Note that the stills are still to be entered; ``guessed`` are the folders that had no index."""
    set_meta(conn, _STATE, json.dumps(guessed))


def awaiting(conn: Connection) -> list[str] | None:
    """Return the folders that had no index while stills are still to be entered, else None."""
    state = get_meta(conn, _STATE)
    return None if state in (None, _BEGUN, _DONE) else list(json.loads(state or "[]"))


def finish(conn: Connection, at: datetime, counts: Mapping[str, int]) -> RebuildReport:
    """Note that every still is entered, keep the report and return it; ``counts`` are those of the stills."""
    rows = {table.name: conn.execute(select(func.count()).select_from(table)).scalar_one() for table in (cameras, runs)}
    report = RebuildReport(at=at, **rows, **counts)
    set_meta(conn, _STATE, _DONE)
    set_meta(conn, _REPORT, json.dumps({**asdict(report), "at": at.isoformat()}))
    return report


def last_report(conn: Connection) -> RebuildReport | None:
    """Return the report of the rebuild that made this catalogue, if one did."""
    text = get_meta(conn, _REPORT)
    if text is None:
        return None
    values = json.loads(text)
    return RebuildReport(**{**values, "at": datetime.fromisoformat(values["at"])})


def indexes(conn: Connection, camera_id: str | None = None) -> list[CameraIndex]:
    """Return the indexes of all cameras, or that of one, as they should be now."""
    wanted = select(cameras.c.seq, *(cameras.c[name] for name in _CAMERA)).order_by(cameras.c.seq)
    if camera_id is not None:
        wanted = wanted.where(cameras.c.id == camera_id)
    found = []
    for camera in conn.execute(wanted).mappings().all():
        of_camera = select(timelapses.c.seq, timelapses.c.held, *(timelapses.c[name] for name in _TIMELAPSE))
        rows = conn.execute(of_camera.where(timelapses.c.camera_seq == camera["seq"]).order_by(timelapses.c.seq))
        items = [
            _unheld(
                TimelapseIndex(**{name: row[name] for name in _TIMELAPSE}, runs=_runs(conn, row["seq"])), row["held"]
            )
            for row in rows.mappings().all()
        ]
        found.append(CameraIndex(**{name: camera[name] for name in _CAMERA}, timelapses=tuple(items)))
    return found


def enter_index(conn: Connection, index: CameraIndex) -> None:
    """Make a camera with its timelapses and runs; whatever is known already stays as it is."""
    if _key(conn, cameras, id=index.id) is not None or _key(conn, cameras, folder=index.folder) is not None:
        return
    camera_seq = _insert(conn, cameras, **{name: getattr(index, name) for name in _CAMERA})
    for timelapse in index.timelapses:
        if _key(conn, timelapses, id=timelapse.id) is not None:
            continue
        values = {name: getattr(timelapse, name) for name in _TIMELAPSE}
        timelapse_seq = _insert(conn, timelapses, **values, camera_seq=camera_seq)
        for run in timelapse.runs:
            if _key(conn, runs, id=run.id) is None:
                _insert(conn, runs, **{name: getattr(run, name) for name in _RUN}, timelapse_seq=timelapse_seq)


def camera_of(conn: Connection, folder: str) -> str | None:
    """Return the id of the camera whose folder it is."""
    found: str | None = conn.execute(select(cameras.c.id).where(cameras.c.folder == folder)).scalar()
    return found


def adopt_older(
    conn: Connection, folder: str, orphans: Sequence[Orphan], *, make_runs: bool, now: datetime
) -> list[FrameRecord]:
    """Enter stills of a folder, given from the newest to the oldest, as older than all that have a row.

    Return those entered: not one whose id has a row, and none while the folder is no camera's. ``make_runs`` makes
    the runs that nothing else tells of: completed, in a timelapse of the archive that is named like the folder.
    """
    camera_id = camera_of(conn, folder)
    if camera_id is None:
        return []
    known = frames_known(conn, [orphan.frame.path for orphan in orphans])
    lowest = conn.execute(select(func.min(frames.c.seq))).scalar()
    seq = min(0, 0 if lowest is None else lowest)
    entered: dict[str, FrameRecord] = {}
    for orphan in orphans:
        frame_id = FramePath.parse(orphan.frame.path).id
        if orphan.frame.path in known or frame_id in entered:
            continue
        if make_runs:
            _make_runs(conn, camera_id, orphan, now)
        seq -= 1
        adopt_frame(conn, camera_id, orphan.frame, orphan.slot_at, orphan.run_ids, seq=seq)
        entered[frame_id] = orphan.frame
    return list(entered.values())


def _make_runs(conn: Connection, camera_id: str, orphan: Orphan, now: datetime) -> None:
    camera = conn.execute(select(cameras.c.seq, cameras.c.folder).where(cameras.c.id == camera_id)).one()
    for run_id in orphan.run_ids:
        if _key(conn, runs, id=run_id) is not None:
            continue
        name = f"found-{camera.folder}"
        timelapse_seq = _key(conn, timelapses, id=name)
        if timelapse_seq is None:
            values = {"name": camera.folder[:NAME_LENGTH], "paused": False, "created_at": now, "removed_at": now}
            timelapse_seq = _insert(conn, timelapses, id=name, camera_seq=camera.seq, **values)
        begun = ulid_time(run_id)
        _insert(
            conn,
            runs,
            id=run_id,
            timelapse_seq=timelapse_seq,
            state=RunState.COMPLETED,
            started_at=begun,
            ended_at=max(begun, orphan.slot_at),
        )


def _runs(conn: Connection, timelapse_seq: int) -> tuple[RunIndex, ...]:
    rows = select(*(runs.c[name] for name in _RUN)).where(runs.c.timelapse_seq == timelapse_seq).order_by(runs.c.seq)
    return tuple(RunIndex(**row) for row in conn.execute(rows).mappings())


def _unheld(timelapse: TimelapseIndex, held: bool | None) -> TimelapseIndex:
    """Return a timelapse as it is without a hold: nothing would end one when health is lost with the catalogue."""
    if not held:
        return timelapse
    running = [replace(run, state=RunState.RUNNING) if run.state is RunState.PAUSED else run for run in timelapse.runs]
    return replace(timelapse, paused=False, runs=tuple(running))


def _key(conn: Connection, table: Any, **where: str) -> int | None:
    ((name, value),) = where.items()
    found: int | None = conn.execute(select(table.c.seq).where(table.c[name] == value)).scalar()
    return found


def _insert(conn: Connection, table: Any, **values: Any) -> int:
    (seq,) = conn.execute(insert(table).values(**values)).inserted_primary_key or (0,)
    return int(seq)
