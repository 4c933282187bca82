"""What entities see of a camera: one immutable value, replaced as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .core.degradation import Degradation
from .core.forecast import Forecast
from .core.models import Fault, FrameRef, Health, PaceReason, Reason


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelapseSnapshot:
    """One timelapse at one instant."""

    state: Reason
    """``ready`` while it records, else the one reason why it does not."""
    recording: bool
    image_count: int
    next_capture: datetime | None
    run_id: str | None
    interval: timedelta
    """That leads to the next slot, and why it is that."""
    pace: PaceReason


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraSnapshot:
    """One camera and its timelapses at one instant."""

    health: Health = Health.UNKNOWN
    degraded: bool = False
    degradation: Degradation | None = None
    """Why it is degraded, while it is."""
    connected: bool | None = None
    """None until the first attempt of the camera's life."""
    quality_score: float | None = None
    faults: tuple[Fault, ...] = ()
    """Faults of the last scored picture, worst first; empty when it was clean."""
    captured: int = 0
    rejected: int = 0
    failed: int = 0
    missed: int = 0
    resolved: int = 0
    """Incidents that passed by themselves."""
    acceptance: float | None = None
    """Percentage of the last day's captures that gave a frame."""
    last_capture: datetime | None = None
    latest_frame: FrameRef | None = None
    last_rejected: FrameRef | None = None
    reference: FrameRef | None = None
    """A frame that shows what the camera normally looks like."""
    forecast: Forecast | None = None
    """What is foretold of the pictures; None without evidence."""
    timelapses: Mapping[str, TimelapseSnapshot] = field(default_factory=dict)
    """By subentry id."""

    def matters(self, old: CameraSnapshot) -> bool:
        """Return whether the change is to be seen at once: anything but one more good frame."""
        return self._notable() != old._notable()

    def _notable(self) -> tuple[object, ...]:
        """Return what a good frame leaves as it is."""
        return (
            self.health,
            self.degraded,
            self.connected,
            self.rejected,
            self.failed,
            self.forecast,
            [fault.kind for fault in self.faults],
            {key: (timelapse.state, timelapse.recording) for key, timelapse in self.timelapses.items()},
        )
