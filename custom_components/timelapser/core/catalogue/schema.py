"""The tables of the catalogue, in types that every supported database has."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, override

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.mysql import BINARY, LONGBLOB

from ..errors import CatalogueError, Code
from ..models import FrameKind, Freshness, IncidentEnd, IncidentKind, Light, Review, RunState, Verdict
from ..ulid import from_millis, to_millis, ulid_from_bytes, ulid_to_bytes

ID_LENGTH = 64
"""Characters of an entry or subentry id; Home Assistant's have 26 or 32."""
NAME_LENGTH = 255


_UNSOUND = (ValueError, TypeError, IndexError, OverflowError)
"""What becomes of a stored value that was never written."""


class Millis(TypeDecorator[datetime]):
    """An instant, as whole milliseconds since 1970 UTC."""

    impl = BigInteger
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Return the milliseconds; ValueError for a naive datetime."""
        return None if value is None else to_millis(value)

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the instant in UTC; CATALOGUE_CORRUPT for what is none."""
        try:
            return None if value is None else from_millis(value)
        except _UNSOUND as err:
            raise CatalogueError(Code.CATALOGUE_CORRUPT, "a damaged value") from err


class Ulid(TypeDecorator[str]):
    """A ULID in 16 bytes instead of 26."""

    impl = LargeBinary
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Return a type of fixed length where only that can be indexed."""
        return dialect.type_descriptor(BINARY(16) if dialect.name in ("mysql", "mariadb") else LargeBinary(16))

    @override
    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """Return the bytes; ValueError for a text that is no ULID."""
        return None if value is None else ulid_to_bytes(value)

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """Return the text; CATALOGUE_CORRUPT for what is no ULID."""
        try:
            return None if value is None else ulid_from_bytes(value)
        except _UNSOUND as err:
            raise CatalogueError(Code.CATALOGUE_CORRUPT, "a damaged value") from err


class Coded[E: StrEnum](TypeDecorator[E]):
    """A word, stored as its place in a list that may only ever grow at its end."""

    impl = SmallInteger
    cache_ok = True

    def __init__(self, words: tuple[E, ...]) -> None:
        """Keep the words in the order of their numbers, from 0."""
        super().__init__()
        self.words = words

    @override
    def process_bind_param(self, value: E | None, dialect: Dialect) -> int | None:
        """Return the number of the word."""
        return None if value is None else self.words.index(value)

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> E | None:
        """Return the word of the number; CATALOGUE_CORRUPT for a number that has none."""
        try:
            return None if value is None else self.words[value]
        except _UNSOUND as err:
            raise CatalogueError(Code.CATALOGUE_CORRUPT, "a damaged value") from err


metadata = MetaData()

_key: Callable[[], Any] = lambda: BigInteger().with_variant(Integer, "sqlite")  # noqa: E731
_digest: Callable[[], Any] = lambda: LargeBinary(32).with_variant(BINARY(32), "mysql", "mariadb")  # noqa: E731

meta = Table(
    "meta",
    metadata,
    Column("key", String(ID_LENGTH), primary_key=True),
    Column("value", Text, nullable=False),
)

cameras = Table(
    "cameras",
    metadata,
    Column("seq", _key(), primary_key=True),
    Column("id", String(ID_LENGTH), nullable=False, unique=True),
    Column("source_key", String(NAME_LENGTH), nullable=False, index=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("folder", String(ID_LENGTH), nullable=False, unique=True),
    Column("created_at", Millis, nullable=False),
    Column("removed_at", Millis),
    Column("captured", BigInteger, nullable=False, default=0),
    Column("rejected", BigInteger, nullable=False, default=0),
    Column("failed", BigInteger, nullable=False, default=0),
    Column("missed", BigInteger, nullable=False, default=0),
    Column("byte_count", BigInteger, nullable=False, default=0),
    Column("health", Text),
    Column("baseline", LargeBinary().with_variant(LONGBLOB, "mysql", "mariadb")),
    Column("normal", LargeBinary().with_variant(LONGBLOB, "mysql", "mariadb")),
    Column("last_slot_at", Millis),
    Column("strategy_note", Text),
    Column("evidence", Text),
    Column("reference", Ulid),
    Column("forecast", Text),
    Column("resolved", BigInteger, default=0),
    Column("acceptance", Text),
)

timelapses = Table(
    "timelapses",
    metadata,
    Column("seq", _key(), primary_key=True),
    Column("id", String(ID_LENGTH), nullable=False, unique=True),
    Column("camera_seq", _key(), ForeignKey(cameras.c.seq), nullable=False, index=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("paused", Boolean, nullable=False, default=False),
    Column("created_at", Millis, nullable=False),
    Column("removed_at", Millis),
    Column("last_slot_at", Millis),
    Column("held", Boolean),
)
"""``held``: paused because the camera is degraded, by nobody."""

runs = Table(
    "runs",
    metadata,
    Column("seq", _key(), primary_key=True),
    Column("id", Ulid, nullable=False, unique=True),
    Column("timelapse_seq", _key(), ForeignKey(timelapses.c.seq), nullable=False),
    Column("name", String(NAME_LENGTH)),
    Column("state", Coded((RunState.RUNNING, RunState.PAUSED, RunState.COMPLETED)), nullable=False),
    Column("started_at", Millis, nullable=False),
    Column("ended_at", Millis),
    Column("image_count", BigInteger, nullable=False, default=0),
    Column("starred", Boolean, nullable=False, default=False),
)
Index("ix_runs_timelapse_state", runs.c.timelapse_seq, runs.c.state)

frames = Table(
    "frames",
    metadata,
    Column("seq", _key(), primary_key=True),
    Column("id", Ulid, nullable=False, unique=True),
    Column("camera_seq", _key(), ForeignKey(cameras.c.seq), nullable=False),
    Column("kind", Coded((FrameKind.FRAME, FrameKind.QUARANTINE)), nullable=False),
    Column("captured_at", Millis, nullable=False),
    Column("slot_at", Millis, nullable=False),
    Column("ext", String(4), nullable=False),
    Column("copy", SmallInteger, nullable=False),
    Column("byte_count", BigInteger, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("score", Float),
    Column("verdict", Coded((Verdict.GOOD, Verdict.SUSPECT, Verdict.BAD, Verdict.UNREADABLE)), nullable=False),
    Column("freshness", Coded((Freshness.PROVEN, Freshness.UNPROVEN, Freshness.STALE)), nullable=False),
    Column("light", Coded((Light.DAY, Light.TWILIGHT, Light.NIGHT))),
    Column("faults", Text),
    Column("fetched_sha256", _digest(), nullable=False),
    Column("file_sha256", _digest(), nullable=False),
    Column("protected", Boolean, nullable=False, default=False),
    Column("missing", Boolean, nullable=False, default=False),
    Column("review", Coded((Review.GOOD, Review.BAD))),
    Column("reviewed_at", Millis),
)
"""A still; its path is not stored, it follows from camera, kind, ``captured_at``, id, ``copy`` and ``ext``."""
Index("ix_frames_order", frames.c.camera_seq, frames.c.kind, frames.c.seq)
Index("ix_frames_age", frames.c.camera_seq, frames.c.kind, frames.c.protected, frames.c.captured_at)
_reviewed = frames.c.review.is_not(None)
reviewed_index = Index(
    "ix_frames_review",
    frames.c.camera_seq,
    frames.c.reviewed_at,
    sqlite_where=_reviewed,
    postgresql_where=_reviewed,
)
"""Of the few stills that a person reviewed, so that it costs the others nothing."""

run_frames = Table(
    "run_frames",
    metadata,
    Column("run_seq", _key(), ForeignKey(runs.c.seq), primary_key=True, autoincrement=False),
    Column("frame_seq", _key(), ForeignKey(frames.c.seq), primary_key=True, autoincrement=False, index=True),
    sqlite_with_rowid=False,
)
"""Membership of frames and of quarantined stills; a run's ``image_count`` counts the frames alone."""

attempts = Table(
    "attempts",
    metadata,
    Column("seq", _key(), primary_key=True),
    Column("id", Ulid, nullable=False, unique=True),
    Column("camera_seq", _key(), ForeignKey(cameras.c.seq), nullable=False),
    Column("slot_at", Millis, nullable=False),
    Column("started_at", Millis, nullable=False, index=True),
    Column("duration_ms", Integer, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("code", String(16)),
    Column("phase", String(16)),
    Column("strategy", String(16)),
    Column("tries", SmallInteger, nullable=False),
    Column("score", Float),
    Column("phases", Text, nullable=False),
    Column("probe", Boolean, nullable=False, default=False),
    Column("evidence", Text),
    Column("cause", String(32)),
)
"""Every attempt of late; the still that it made, if any, has the same id."""
Index("ix_attempts_camera", attempts.c.camera_seq, attempts.c.seq)

incidents = Table(
    "incidents",
    metadata,
    Column("seq", _key(), primary_key=True),
    Column("id", Ulid, nullable=False, unique=True),
    Column("camera_seq", _key(), ForeignKey(cameras.c.seq), nullable=False),
    Column("kind", Coded((IncidentKind.DEGRADED, IncidentKind.OFFLINE)), nullable=False),
    Column("first_bad_at", Millis, nullable=False),
    Column("started_at", Millis, nullable=False),
    Column("ended_at", Millis),
    Column(
        "end",
        Coded(
            (IncidentEnd.RECOVERED, IncidentEnd.RESET, IncidentEnd.RELEARNED, IncidentEnd.REMOVED, IncidentEnd.REPLACED)
        ),
    ),
    Column("causes", Text, nullable=False),
    Column("bad", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False),
    Column("missed", BigInteger, nullable=False),
)
"""Each time that a camera was degraded or offline; its id is that of the attempt that raised the alarm."""
Index("ix_incidents_camera", incidents.c.camera_seq, incidents.c.seq)

doomed = Table(
    "doomed",
    metadata,
    Column("seq", _key(), primary_key=True),
    Column("path", String(NAME_LENGTH), nullable=False, unique=True),
)
"""Files whose rows are gone and which are still to be unlinked: a kill in between leaves no file for ever."""

trends = Table(
    "trends",
    metadata,
    Column("camera_seq", _key(), ForeignKey(cameras.c.seq), primary_key=True, autoincrement=False),
    Column("at", Millis, primary_key=True),
    Column("light", Coded((Light.DAY, Light.TWILIGHT, Light.NIGHT)), primary_key=True, autoincrement=False),
    Column("pictures", Integer, nullable=False),
    Column("score", Float),
    Column("closeness", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""What the pictures of an hour (UTC) showed in a light mode, for the forecast."""
