"""The stills that show why a camera is degraded."""

from sqlalchemy import Connection, select, update

from ..degradation import Degradation
from ..models import FrameKind, Verdict
from .schema import cameras, frames

REFERENCE_LOOKBACK = 200
"""Kept stills among which a good one is looked for: a camera that flags everything for longer has no better one."""


def evidence_frames(conn: Connection) -> set[str]:
    """Return the ids of the stills that degraded cameras are shown with, which no purge may take."""
    texts = conn.execute(select(cameras.c.evidence).where(cameras.c.evidence.is_not(None))).scalars()
    found = [Degradation.from_json(text) for text in texts]
    return {frame_id for item in found for frame_id in (item.reference, item.rejected) if frame_id is not None}


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
