"""Sums over the catalogue for those who are asked for help."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from ..models import RunState
from .cameras import camera_key
from .schema import attempts, runs, timelapses


@dataclass(frozen=True, slots=True)
class RunTotals:
    """The runs of a timelapse: how many there are by state, and their images."""

    by_state: Mapping[RunState, int]
    images: int


def attempt_codes(conn: Connection, camera_id: str) -> dict[str, int]:
    """Return how often each error code stands in the attempt log of a camera; under ``none`` those without one."""
    rows = conn.execute(
        select(attempts.c.code, func.count())
        .where(attempts.c.camera_seq == camera_key(conn, camera_id))
        .group_by(attempts.c.code)
        .order_by(attempts.c.code)
    )
    return {code or "none": count for code, count in rows.tuples()}


def run_totals(conn: Connection, camera_id: str) -> dict[str, RunTotals]:
    """Return the sums over the runs of a camera's timelapses, archived ones too, by timelapse id."""
    rows = conn.execute(
        select(timelapses.c.id, runs.c.state, func.count(), func.sum(runs.c.image_count))
        .join(runs, runs.c.timelapse_seq == timelapses.c.seq)
        .where(timelapses.c.camera_seq == camera_key(conn, camera_id))
        .group_by(timelapses.c.id, runs.c.state)
    )
    totals: dict[str, RunTotals] = {}
    for timelapse_id, state, count, images in rows.tuples():
        known = totals.get(timelapse_id, RunTotals({}, 0))
        totals[timelapse_id] = RunTotals({**known.by_state, state: count}, known.images + int(images))
    return totals
