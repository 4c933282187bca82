"""The ladder of schema versions: step n takes a catalogue from version n to n + 1."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from .schema import metadata

type Step = Callable[[Connection], None]


def _create(conn: Connection) -> None:
    """Version 1: the tables of the first release."""
    metadata.create_all(conn, checkfirst=False)


STEPS: Sequence[Step] = (_create,)
"""Append only; a step, once released, never changes."""


def climb(conn: Connection, version: int) -> int:
    """Take a catalogue from ``version`` to the newest, inside the caller's transaction; return the newest."""
    for step in STEPS[version:]:
        step(conn)
    return len(STEPS)
