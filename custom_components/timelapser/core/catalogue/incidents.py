"""The incidents of cameras: opened, followed and closed in the transaction of what brings that about."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice, takewhile
import json
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from ..errors import Code
from ..health import BREAKER_FAILURES, Evidence, Transition, evidence_of
from ..hysteresis import PERSISTENT_WINDOW
from ..models import IncidentEnd, IncidentKind, Outcome
from .records import AttemptRecord, IncidentRow
from .schema import attempts, cameras, incidents

INCIDENTS_KEPT: Final = 1000
"""Newest incidents of a camera that are kept: one a day for three years, in 150 kB."""

LOOKBACK: Final = 4 * PERSISTENT_WINDOW
"""Attempts that are looked back over for what led to an alarm; unanswered ones may lie between the pictures."""

_KINDS: Final = {
    Transition.DEGRADED: IncidentKind.DEGRADED,
    Transition.RECOVERED: IncidentKind.DEGRADED,
    Transition.OFFLINE: IncidentKind.OFFLINE,
    Transition.ONLINE: IncidentKind.OFFLINE,
}
_BAD: Final = {Evidence.BAD: IncidentKind.DEGRADED, Evidence.UNREACHABLE: IncidentKind.OFFLINE}
_COLUMNS: Final = [incidents.c[name] for name in IncidentRow.__dataclass_fields__]


def follow(conn: Connection, camera_seq: int, attempt: AttemptRecord) -> IncidentRow | None:
    """Bring the incidents of a camera (by its key) in step with an attempt that is entered; return one that began."""
    transition = attempt.transition
    if transition in (Transition.DEGRADED, Transition.OFFLINE):
        return _open(conn, camera_seq, attempt, _KINDS[transition])
    kind = _BAD.get(evidence_of(attempt.outcome, attempt.code))
    if kind is not None:
        _add(conn, camera_seq, kind, attempt)
    if transition in (Transition.RECOVERED, Transition.ONLINE):
        close(conn, camera_seq, [_KINDS[transition]], IncidentEnd.RECOVERED, _ended_at(attempt))
    return None


def close(conn: Connection, camera_seq: int, kinds: Collection[IncidentKind], end: IncidentEnd, when: datetime) -> None:
    """End the incidents of some kinds that a camera (by its key) is in."""
    ended = conn.execute(update(incidents).where(_under_way(camera_seq, kinds)).values(ended_at=when, end=end)).rowcount
    if ended and end is IncidentEnd.RECOVERED:
        resolved = func.coalesce(cameras.c.resolved, 0) + ended
        conn.execute(update(cameras).where(cameras.c.seq == camera_seq).values(resolved=resolved))


def add_missed(conn: Connection, camera_seq: int, count: int) -> None:
    """Count slots that passed unfilled as lost in the incident that a camera (by its key) is in, if it is in any.

    A camera that is degraded and offline at once missed them because it is offline.
    """
    under_way = select(incidents.c.seq).where(_under_way(camera_seq, IncidentKind))
    seq = conn.execute(under_way.order_by(incidents.c.kind.desc()).limit(1)).scalar()
    conn.execute(update(incidents).where(incidents.c.seq == seq).values(missed=incidents.c.missed + count))


def list_incidents(conn: Connection, camera_id: str, *, since: datetime | None = None, limit: int) -> list[IncidentRow]:
    """Return the newest incidents of a camera, the newest first; with ``since`` those that had not ended by then."""
    rows = (
        select(*_COLUMNS)
        .join(cameras, cameras.c.seq == incidents.c.camera_seq)
        .where(cameras.c.id == camera_id)
        .order_by(incidents.c.seq.desc())
        .limit(limit)
    )
    if since is not None:
        rows = rows.where(incidents.c.ended_at.is_(None) | (incidents.c.ended_at >= since))
    return [_row(row) for row in conn.execute(rows)]


def incidents_under_way(conn: Connection, camera_id: str) -> dict[IncidentKind, str]:
    """Return the ids of the incidents that a camera is in, at most one of each kind."""
    camera_seq = select(cameras.c.seq).where(cameras.c.id == camera_id).scalar_subquery()
    found = select(incidents.c.kind, incidents.c.id).where(_under_way(camera_seq, IncidentKind))
    return {IncidentKind(kind): incident_id for kind, incident_id in conn.execute(found.order_by(incidents.c.seq))}


def _open(conn: Connection, camera_seq: int, attempt: AttemptRecord, kind: IncidentKind) -> IncidentRow:
    """Begin an incident with the bad attempts that led to it."""
    bad = _degrading(conn, camera_seq, attempt) if kind is IncidentKind.DEGRADED else _unanswered(conn, camera_seq)
    row = IncidentRow(
        id=attempt.id,
        kind=kind,
        first_bad_at=min((one.started_at for one in bad), default=attempt.started_at),
        started_at=_ended_at(attempt),
        ended_at=None,
        end=None,
        causes=Counter(cause for one in bad if (cause := one.cause or one.code)),
        bad=len(bad),
        lost=sum(not one.probe for one in bad),
        missed=0,
    )
    values = {name: getattr(row, name) for name in IncidentRow.__dataclass_fields__}
    conn.execute(insert(incidents).values(**values | {"causes": json.dumps(row.causes)}, camera_seq=camera_seq))
    newest = select(incidents.c.seq).where(incidents.c.camera_seq == camera_seq).order_by(incidents.c.seq.desc())
    if (last := conn.execute(newest.offset(INCIDENTS_KEPT).limit(1)).scalar()) is not None:
        ended = (incidents.c.camera_seq == camera_seq) & incidents.c.ended_at.is_not(None)
        conn.execute(delete(incidents).where(ended, incidents.c.seq <= last))
    return row


def _add(conn: Connection, camera_seq: int, kind: IncidentKind, attempt: AttemptRecord) -> None:
    """Count a bad attempt in the incident of its kind, if the camera is in one."""
    found = conn.execute(
        select(incidents.c.seq, incidents.c.causes).where(_under_way(camera_seq, [kind])).limit(1)
    ).one_or_none()
    if found is None:
        return
    causes = Counter(json.loads(found.causes))
    if cause := attempt.cause or attempt.code:
        causes[cause] += 1
    conn.execute(
        update(incidents)
        .where(incidents.c.seq == found.seq)
        .values(
            causes=json.dumps(causes),
            bad=incidents.c.bad + 1,
            lost=incidents.c.lost + (0 if attempt.probe else 1),
        )
    )


def _degrading(conn: Connection, camera_seq: int, attempt: AttemptRecord) -> Sequence[Row[Any]]:
    """Return the bad ones of the last pictures, which degraded the camera."""
    number = attempt.degradation.pictures if attempt.degradation else 1
    pictures = (row for row in _attempts(conn, camera_seq) if _evidence(row) in (Evidence.GOOD, Evidence.BAD))
    return [row for row in islice(pictures, number) if _evidence(row) is Evidence.BAD]


def _unanswered(conn: Connection, camera_seq: int) -> Sequence[Row[Any]]:
    """Return the attempts without an answer that opened the circuit breaker."""
    telling = (row for row in _attempts(conn, camera_seq) if _evidence(row) is not Evidence.NEUTRAL)
    unanswered = takewhile(lambda row: _evidence(row) is Evidence.UNREACHABLE, telling)
    return list(islice(unanswered, BREAKER_FAILURES))


def _attempts(conn: Connection, camera_seq: int) -> Iterable[Row[Any]]:
    """Return the last attempts, the newest first."""
    columns = [attempts.c[name] for name in ("started_at", "outcome", "code", "cause", "probe")]
    rows = select(*columns).where(attempts.c.camera_seq == camera_seq).order_by(attempts.c.seq.desc()).limit(LOOKBACK)
    return conn.execute(rows).all()


def _evidence(row: Row[Any]) -> Evidence:
    return evidence_of(Outcome(row.outcome), None if row.code is None else Code(row.code))


def _ended_at(attempt: AttemptRecord) -> datetime:
    return attempt.started_at + timedelta(milliseconds=attempt.duration_ms)


def _under_way(camera_seq: Any, kinds: Iterable[IncidentKind]) -> Any:
    return (incidents.c.camera_seq == camera_seq) & incidents.c.ended_at.is_(None) & incidents.c.kind.in_(list(kinds))


def _row(row: Row[Any]) -> IncidentRow:
    return IncidentRow(**{**row._mapping, "causes": json.loads(row.causes)})  # noqa: SLF001
