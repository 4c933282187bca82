"""The stills that show why a camera is degraded, and what it normally looks like."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select, update

from ..degradation import Degradation
from ..layout import FramePath
from ..models import FrameKind, Light, Verdict
from .records import FrameRecord
from .schema import cameras, frames

REFERENCE_LOOKBACK: Final = 200
"""Kept stills among which a good one is looked for: a camera that flags everything for longer has no better one."""

REFERENCE_SCORE: Final = 95.0
"""Least score of a reference: from it on a frame is never flagged, whatever the sensitivity."""
REFERENCE_SEVERITY: Final = 0.1
"""Severity of its worst fault, at most: the mark that a missing end marker leaves, 0.08, is no fault of the view."""
REFERENCE_LIFE: Final = timedelta(days=1)
"""Time that a reference stays while there are others: it follows the seasons, and is no state that changes all day."""
_REFERENCE_LIGHTS: Final = (Light.NIGHT, Light.TWILIGHT, Light.DAY)
"""From the last to the first choice."""


def evidence_frames(conn: Connection) -> set[str]:
    """Return the ids of the stills that degraded cameras are shown with, which nothing may remove."""
    texts = conn.execute(select(cameras.c.evidence).where(cameras.c.evidence.is_not(None))).scalars()
    found = [Degradation.from_json(text) for text in texts]
    return {frame_id for item in found for frame_id in (item.reference, item.rejected) if frame_id is not None}


def reference_frames(conn: Connection) -> set[str]:
    """Return the ids of the stills that show what cameras normally look like, which no limit removes."""
    return {frame_id for frame_id in conn.execute(select(cameras.c.reference)).scalars() if frame_id is not None}


def with_stills(conn: Connection, camera_seq: int, degradation: Degradation) -> Degradation:
    """Return what degraded a camera (by its key) with its last good still and its newest rejected one."""
    recent = (
        select(frames.c.id, frames.c.verdict)
        .where(frames.c.camera_seq == camera_seq, frames.c.kind == FrameKind.FRAME, frames.c.missing.is_(False))
        .order_by(frames.c.seq.desc())
        .limit(REFERENCE_LOOKBACK)
    )
    kept = conn.execute(recent).all()
    good = next((row.id for row in kept if row.verdict is Verdict.GOOD), kept[0].id if kept else None)
    rejected = conn.execute(
        select(frames.c.id)
        .where(frames.c.camera_seq == camera_seq, frames.c.kind == FrameKind.QUARANTINE, frames.c.missing.is_(False))
        .order_by(frames.c.seq.desc())
        .limit(1)
    ).scalar()
    return degradation.showing(reference=good, rejected=rejected)


def set_evidence(conn: Connection, camera_seq: int, degradation: Degradation | None) -> None:
    """Keep what degraded a camera (by its key), or forget it."""
    text = None if degradation is None else with_stills(conn, camera_seq, degradation).to_json()
    conn.execute(update(cameras).where(cameras.c.seq == camera_seq).values(evidence=text))


def offer_reference(conn: Connection, camera_seq: int, frame: FrameRecord) -> None:
    """Let a new still show what a camera (by its key) normally looks like, if it is fit and the present one is due.

    That is due when it is gone, was taken in poorer light, or is a day away. A clock that leaps makes it due as well.
    """
    path = FramePath.parse(frame.path)
    severities = [fault.severity for fault in frame.faults]
    fit = path.kind is FrameKind.FRAME and frame.verdict is Verdict.GOOD and (frame.score or 0.0) >= REFERENCE_SCORE
    if not fit or frame.light is None or max(severities, default=0.0) > REFERENCE_SEVERITY:
        return
    present = conn.execute(
        select(frames.c.light, frames.c.captured_at)
        .join(cameras, cameras.c.reference == frames.c.id)
        .where(cameras.c.seq == camera_seq, frames.c.kind == FrameKind.FRAME, frames.c.missing.is_(False))
    ).one_or_none()
    if present is None or _is_due(present.light, present.captured_at, frame.light, path.captured_at):
        conn.execute(update(cameras).where(cameras.c.seq == camera_seq).values(reference=path.id))


def _is_due(present: Light, since: datetime, light: Light, now: datetime) -> bool:
    """Return whether a reference gives way to a still of a light and an instant."""
    ranks = [_REFERENCE_LIGHTS.index(one) for one in (present, light)]
    return ranks[1] > ranks[0] or (ranks[1] == ranks[0] and abs(now - since) >= REFERENCE_LIFE)
