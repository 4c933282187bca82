"""What may be captured at an instant, and why the rest may not."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from .camera_state import CameraState
from .core.models import Reason, RunState
from .core.readiness import Facts, StorageState, decide
from .core.schedule import NextSlot
from .fetch import SourceCamera
from .lookout import Rhythm
from .planner import Planner

START_GRACE: Final = timedelta(seconds=120)
"""Time after the start in which a camera that is not loaded yet is no failure."""

_MISSED_REASONS: Final = (
    Reason.CAMERA_REMOVED,
    Reason.CAMERA_OFF,
    Reason.BACKOFF,
    Reason.STORAGE_FULL,
    Reason.STORAGE_UNAVAILABLE,
)
"""Reasons that leave a gap in a timelapse; the others are what the user asked for."""


class Gatekeeper:
    """Lets the timelapses of one camera capture, or tells the reason against it."""

    def __init__(self, source: SourceCamera, state: CameraState, planner: Planner) -> None:
        """Take the storage for well until told otherwise."""
        self._source = source
        self._state = state
        self._planner = planner
        self.storage = StorageState.OK
        self.started_at: datetime | None = None
        """When the camera's timer was started; None before."""

    def decide(self, timelapse_id: str, now: datetime, *, despite_hold: bool = False) -> Reason:
        """Return why a timelapse does or does not capture at an instant, or would not without a hold."""
        held = despite_hold and timelapse_id in self._state.held
        return decide(
            Facts(
                run_state=RunState.RUNNING if held else self._state.run_state(timelapse_id),
                recording=held or self._state.recording(timelapse_id),
                camera_present=self._source.present or self.in_grace(now),
                camera_on=self._source.on,
                window=self._planner.window(timelapse_id, now),
                storage=self.storage,
                breaker_open_until=self._state.health.connectivity.backoff_until(now),
                now=now,
            )
        )

    def reasons(self, now: datetime) -> dict[str, Reason]:
        """Return what holds for each timelapse at an instant."""
        return {timelapse_id: self.decide(timelapse_id, now) for timelapse_id in self._planner.schedules}

    def admit(self, due: Mapping[str, NextSlot], now: datetime) -> dict[str, NextSlot]:
        """Return the due slots that are filled; what of the others leaves a gap counts as missed."""
        reasons = {timelapse_id: self.decide(timelapse_id, slot.at) for timelapse_id, slot in due.items()}
        ready = {timelapse_id: due[timelapse_id] for timelapse_id, reason in reasons.items() if reason is Reason.READY}
        self._planner.missed += sum(reason in _MISSED_REASONS for reason in reasons.values())
        if self._still_loading(now):
            self._planner.missed += len(ready)
            return {}
        return ready

    def glances(self, now: datetime) -> dict[str, NextSlot]:
        """Return the slots that are looked at now although they are passed over."""
        if self._still_loading(now):
            return {}
        glances = self._planner.glances_due(now)
        return {key: slot for key, slot in glances.items() if self.decide(key, slot.at) is Reason.READY}

    def _still_loading(self, now: datetime) -> bool:
        return self._source.entity is None and self.in_grace(now)

    def in_grace(self, now: datetime) -> bool:
        """Return whether cameras may still be loading."""
        return self.started_at is None or abs(now - self.started_at) < START_GRACE

    def rhythm(self, now: datetime) -> Rhythm | None:
        """Return how often there are captures at an instant, or would be without a hold; None for never."""
        ready = {key for key in self._planner.schedules if self.decide(key, now, despite_hold=True) is Reason.READY}
        captured = ready - self._state.held
        interval = min((self._planner.interval(key)[0] for key in captured or ready), default=None)
        return None if interval is None else Rhythm(interval, paused=not captured)
