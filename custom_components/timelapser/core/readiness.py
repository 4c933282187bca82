"""Readiness: one decision, one reason, taken once for a slot."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .models import Reason, RunState
from .schedule import WindowState


class StorageState(StrEnum):
    """Whether frames can be stored."""

    OK = "ok"
    FULL = "full"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """All that the decision depends on.

    ``recording`` is the user's switch; ``camera_present`` is whether the wrapped entity still exists, and
    ``camera_on`` is False only when it says that it is turned off: an unavailable camera is tried, and its failure
    is evidence. ``breaker_open_until`` is the next probe of an open circuit breaker (aware), None when closed.
    """

    run_state: RunState
    recording: bool
    camera_present: bool
    camera_on: bool
    window: WindowState
    storage: StorageState
    breaker_open_until: datetime | None
    now: datetime


def decide(facts: Facts) -> Reason:
    """Return READY or the one reason against a capture.

    Of several reasons the first of this order wins: what the user decided (completed, paused), what only the user
    can mend (camera removed, storage), what the recipe asks for (window), and what passes by itself (camera off,
    backoff).
    """
    breaker = facts.breaker_open_until
    obstacles = (
        (facts.run_state is RunState.COMPLETED, Reason.COMPLETED),
        (facts.run_state is RunState.PAUSED or not facts.recording, Reason.PAUSED),
        (not facts.camera_present, Reason.CAMERA_REMOVED),
        (facts.storage is StorageState.UNAVAILABLE, Reason.STORAGE_UNAVAILABLE),
        (facts.storage is StorageState.FULL, Reason.STORAGE_FULL),
        (not facts.window.open, facts.window.reason),
        (not facts.camera_on, Reason.CAMERA_OFF),
        (breaker is not None and facts.now < breaker, Reason.BACKOFF),
    )
    return next((reason for applies, reason in obstacles if applies), Reason.READY)
