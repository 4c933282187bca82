"""The ladder of schema versions: step n takes a catalogue from version n to n + 1."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Column, Connection, inspect
from sqlalchemy.schema import CreateColumn

from .schema import attempts, cameras, frames, incidents, metadata, reviewed_index, timelapses, trends

type Step = Callable[[Connection], None]


def _create(conn: Connection) -> None:
    """Version 1: the tables; a new catalogue has them as they are now, and the later steps find nothing to do."""
    metadata.create_all(conn, checkfirst=False)


def _add_evidence_and_reviews(conn: Connection) -> None:
    """Version 2: what is shown of a degraded camera, and what a person said of a still."""
    for column in (cameras.c.evidence, frames.c.review):
        _add(conn, column)


def _add_normal_and_time_of_reviews(conn: Connection) -> None:
    """Version 3: what is normal for a camera, a picture of it, and when a still was reviewed."""
    for column in (cameras.c.normal, cameras.c.reference, frames.c.reviewed_at):
        _add(conn, column)
    reviewed_index.create(conn, checkfirst=True)


def _add_trends(conn: Connection) -> None:
    """Version 4: what pictures showed hour by hour, and the forecast that stands."""
    _add(conn, cameras.c.forecast)
    trends.create(conn, checkfirst=True)


def _add_incidents(conn: Connection) -> None:
    """Version 5: when cameras were degraded or offline, how often that passed by itself, and why attempts were bad."""
    for column in (cameras.c.resolved, attempts.c.cause):
        _add(conn, column)
    incidents.create(conn, checkfirst=True)


def _add_acceptance(conn: Connection) -> None:
    """Version 6: how many of a day's captures gave a frame."""
    _add(conn, cameras.c.acceptance)


def _add_held(conn: Connection) -> None:
    """Version 7: which timelapses are paused because their camera is degraded."""
    _add(conn, timelapses.c.held)


def _add(conn: Connection, column: Column[Any]) -> None:
    """Add a column that may be null, unless it is there."""
    table = column.table
    if column.name not in {found["name"] for found in inspect(conn).get_columns(table.name)}:
        definition = CreateColumn(column).compile(dialect=conn.dialect)
        conn.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {definition}")


STEPS: Sequence[Step] = (
    _create,
    _add_evidence_and_reviews,
    _add_normal_and_time_of_reviews,
    _add_trends,
    _add_incidents,
    _add_acceptance,
    _add_held,
)
"""Append only; a step, once released, never changes."""


def climb(conn: Connection, version: int) -> int:
    """Take a catalogue from ``version`` to the newest, inside the caller's transaction; return the newest."""
    for step in STEPS[version:]:
        step(conn)
    return len(STEPS)
