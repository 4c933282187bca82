"""When a camera is looked at outside of its slots: to find it back, to be sure of an alarm, to see it recover."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import callback

from .attempt import Attempt
from .camera_state import CameraState
from .const import CONF_BATTERY
from .core.health import PROBE_FIRST, entity_available, evidence_of
from .core.models import QualityPolicy
from .core.probes import look_again
from .fetch import SourceCamera


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The shortest interval of what is captured, or would be if it were not ``paused`` because of bad pictures."""

    interval: timedelta
    paused: bool


class Lookout:
    """Knows when the camera of an entry is to be looked at; such a look counts for health and keeps nothing."""

    def __init__(
        self,
        entry: ConfigEntry,
        source: SourceCamera,
        state: CameraState,
        rhythm: Callable[[datetime], Rhythm | None],
    ) -> None:
        """Expect nothing yet; ``rhythm`` is how often there are captures at an instant, None for never."""
        self._entry = entry
        self._source = source
        self._state = state
        self._rhythm = rhythm
        self._look_at: datetime | None = None
        self._came_back = False

    @callback
    def came_back(self) -> None:
        """Try an unreachable camera at once, as its entity is back."""
        self._came_back = True

    @callback
    def begin(self, now: datetime) -> None:
        """Let the breaker know what happened since the last attempt."""
        if self._state.held and self._look_at is None:
            self._look_at = now
        if self._came_back:
            self._came_back = False
            self._state.health = entity_available(self._state.health, now)

    @callback
    def note(self, attempt: Attempt, policy: QualityPolicy) -> None:
        """Settle when to look again after an attempt, unless a slot comes before."""
        started_at = attempt.started_at
        rhythm = self._rhythm(started_at)
        self._look_at = None
        if rhythm is not None:
            evidence = evidence_of(attempt.outcome, attempt.code)
            self._look_at = look_again(
                attempt.health, evidence, started_at, rhythm.interval, policy, paused=rhythm.paused
            )

    def wake(self, now: datetime) -> datetime | None:
        """Return when to look; an unreachable camera that is overdue waits no longer than for its first probe."""
        if not self._can_answer():
            return None
        connectivity = self._state.health.connectivity
        if not connectivity.breaker_open:
            return None if self._look_at is None or self._rhythm(now) is None else max(now, self._look_at)
        if not self._records():
            return None
        return now if self._came_back else connectivity.backoff_until(now) or now + PROBE_FIRST

    def due(self, now: datetime) -> bool:
        """Return whether to look now, and expect that look no more."""
        if not self._can_answer():
            return False
        connectivity = self._state.health.connectivity
        if connectivity.breaker_open:
            return connectivity.backoff_until(now) is None and self._records()
        if self._look_at is None or self._look_at > now or self._rhythm(now) is None:
            return False
        self._look_at = None
        return True

    def _can_answer(self) -> bool:
        """Return whether the camera could answer, and asking does not cost its battery."""
        return not self._entry.data.get(CONF_BATTERY) and self._source.present and self._source.on

    def _records(self) -> bool:
        state = self._state
        return bool(state.held) or any(state.recording(timelapse_id) for timelapse_id in state.timelapse_rows)
