"""The slots of one camera's timelapses: which come next, which are due, which were missed."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .core.models import Schedule
from .core.schedule import NextSlot, WindowState, count_slots, next_slot, window_state
from .sun import sun_times

MIN_BUDGET_S = 12.0
"""Seconds that an attempt may take even if its slot is shorter: a key-frame interval of 10 s, and opening."""
MAX_BUDGET_S = 60.0
"""Seconds that an attempt may take at most, however long the interval."""
SLOT_SHARE = 0.9
"""Share of the time to the next slot that an attempt may use."""


class Planner:
    """Keeps the next slot of every timelapse, and counts those that nothing will fill any more."""

    def __init__(self, hass: HomeAssistant, schedules: Mapping[str, Schedule]) -> None:
        """Plan nothing yet; ``schedules`` are by timelapse id."""
        self.schedules = schedules
        self.slots: dict[str, NextSlot | None] = {}
        self.missed = 0
        """Slots missed since the last write; they reach the catalogue with the next attempt."""
        self._settled_until = dt_util.utcnow()
        self._hass = hass
        self._sun = sun_times(hass)

    def relocate(self, now: datetime) -> None:
        """Plan anew after the home's place or time zone changed."""
        self._sun = sun_times(self._hass)
        self.plan(now)

    def plan(self, now: datetime) -> None:
        """Begin with the first slots after an instant."""
        for timelapse_id in self.schedules:
            self.advance(timelapse_id, now)

    def advance(self, timelapse_id: str, after: datetime) -> None:
        """Make the first slot after an instant the next one of a timelapse."""
        self.slots[timelapse_id] = self._following(timelapse_id, after)

    def due(self, now: datetime) -> dict[str, NextSlot]:
        """Return the newest due slot of each timelapse that has one; older ones are behind us and count as missed.

        So does the newest when its time is over, as after a sleep that ends outside of the window.
        """
        self._settled_until = now
        due: dict[str, NextSlot] = {}
        for timelapse_id, slot in list(self.slots.items()):
            if slot is None or slot.at > now:
                continue
            passed = self.passed(timelapse_id, slot.at, now)
            newest = self._following(timelapse_id, now - self.schedules[timelapse_id].interval) if passed else slot
            if newest and newest.at <= now < newest.at + self.schedules[timelapse_id].interval:
                self.missed += passed
                due[timelapse_id] = newest
            else:
                self.missed += passed + 1
                self.advance(timelapse_id, now)
        return due

    def passed(self, timelapse_id: str, start: datetime, end: datetime) -> int:
        """Return the number of slots of a timelapse in (start, end]."""
        return count_slots(self.schedules[timelapse_id], start, end, dt_util.get_default_time_zone(), self._sun)

    def window(self, timelapse_id: str, when: datetime) -> WindowState:
        """Return the state of a timelapse's window."""
        return window_state(self.schedules[timelapse_id].window, when, dt_util.get_default_time_zone(), self._sun)

    def next_wake(self, now: datetime) -> datetime | None:
        """Return the next instant at which a slot is due or a window opens or closes."""
        slots = [slot.at for slot in self.slots.values() if slot]
        changes = [change for timelapse_id in self.schedules if (change := self.window(timelapse_id, now).changes_at)]
        return min(slots + changes, default=None)

    def take_missed(self) -> tuple[int, datetime]:
        """Return the missed slots that are to be written, with the instant up to which they are all, and begin anew."""
        missed, self.missed = self.missed, 0
        return missed, self._settled_until

    def _following(self, timelapse_id: str, after: datetime) -> NextSlot | None:
        return next_slot(self.schedules[timelapse_id], after, dt_util.get_default_time_zone(), self._sun)


def attempt_budget(slots: Iterable[NextSlot], now: datetime) -> float:
    """Return the seconds that an attempt may take so that it ends before the next slot of its timelapses."""
    following = min((slot.following for slot in slots if slot.following), default=now + timedelta(seconds=MAX_BUDGET_S))
    return min(MAX_BUDGET_S, max(MIN_BUDGET_S, SLOT_SHARE * (following - now).total_seconds()))
