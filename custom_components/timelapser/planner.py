"""The slots of one camera's timelapses: which come next, which are due, which were missed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .core.adaptive import Pace, is_glanced, is_used
from .core.models import PaceReason, Schedule
from .core.schedule import NextSlot, WindowState, count_slots, next_slot, slots, window_state
from .pacing import Pacer
from .sun import sun_times

MIN_BUDGET_S = 12.0
"""Seconds that an attempt may take even if its slot is shorter: a key-frame interval of 10 s, and opening."""
MAX_BUDGET_S = 60.0
"""Seconds that an attempt may take at most, however long the interval."""
SLOT_SHARE = 0.9
"""Share of the time to the next slot that an attempt may use."""


class Planner:
    """Keeps the next slot of every timelapse, and counts those that nothing will fill any more."""

    def __init__(self, hass: HomeAssistant, schedules: Mapping[str, Schedule], pacer: Pacer) -> None:
        """Plan nothing yet; ``schedules`` are by timelapse id, and those that ``pacer`` knows are adaptive."""
        self.schedules = schedules
        self.pacer = pacer
        self.slots: dict[str, NextSlot | None] = {}
        self.glances: dict[str, NextSlot] = {}
        """The slots before those that are looked at next, where there are any."""
        self.missed = 0
        """Slots missed since the last write; they reach the catalogue with the next attempt."""
        self._grids = {
            timelapse_id: replace(schedule, interval=schedule.interval / bounds.fastest)
            for timelapse_id, schedule in schedules.items()
            if (bounds := pacer.bounds.get(timelapse_id))
        }
        """The finest grids of the adaptive ones."""
        self._paces: dict[str, Pace] = {}
        self._since: dict[str, datetime] = {}
        """The last slot of each that was used, or when its planning began."""
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
        self._since[timelapse_id] = after
        self.slots[timelapse_id] = self._following(timelapse_id, after)

    def repace(self, now: datetime) -> None:
        """Let the adaptive timelapses, but for those that are due, follow what was seen outside of their slots."""
        for timelapse_id in self._grids:
            slot = self.slots[timelapse_id]
            if slot is None or slot.at > now:
                self.slots[timelapse_id] = self._following(timelapse_id, now)

    def interval(self, timelapse_id: str) -> tuple[timedelta, PaceReason]:
        """Return the interval that leads to the next slot of a timelapse, and why it is that."""
        pace = self._paces.get(timelapse_id)
        if pace is None:
            return self.schedules[timelapse_id].interval, PaceReason.FIXED
        return self._grids[timelapse_id].interval * pace.steps, pace.reason

    def due(self, now: datetime) -> dict[str, NextSlot]:
        """Return the newest due slot of each timelapse that has one; older ones are behind us and count as missed.

        So does the newest when its time is over, as after a sleep that ends outside of the window.
        """
        self._settled_until = now
        due: dict[str, NextSlot] = {}
        for timelapse_id, slot in list(self.slots.items()):
            if slot is None or slot.at > now:
                continue
            schedule = self.schedules[timelapse_id]
            passed = self._count(timelapse_id, slot.at, now)
            newest = self._next(schedule, now - schedule.interval) if passed else slot
            passed //= max(1, self.interval(timelapse_id)[0] // schedule.interval)
            if newest and newest.at <= now < newest.at + schedule.interval:
                self.missed += passed
                due[timelapse_id] = newest
            else:
                self.missed += passed + 1
                self.advance(timelapse_id, now)
        return due

    def glances_due(self, now: datetime) -> dict[str, NextSlot]:
        """Return the slots that are to be looked at now; what is late by an interval, or by a slot, is over."""
        return {
            timelapse_id: glance
            for timelapse_id, glance in self.glances.items()
            if glance.at <= now < glance.at + self.schedules[timelapse_id].interval
            and ((slot := self.slots[timelapse_id]) is None or slot.at > now)
        }

    def passed(self, timelapse_id: str, start: datetime, end: datetime) -> int:
        """Return the number of slots of a timelapse in (start, end], at its interval.

        Nobody knows at which pace an adaptive one left off, so what may have been passed over is not counted.
        """
        bounds = self.pacer.bounds.get(timelapse_id)
        return max(0, self._count(timelapse_id, start, end) - (bounds.slowest - 1 if bounds else 0))

    def window(self, timelapse_id: str, when: datetime) -> WindowState:
        """Return the state of a timelapse's window."""
        return window_state(self.schedules[timelapse_id].window, when, dt_util.get_default_time_zone(), self._sun)

    def next_wake(self, now: datetime) -> datetime | None:
        """Return the next instant at which a slot is due or looked at, or a window opens or closes."""
        slots = [slot.at for slot in (*self.slots.values(), *self.glances.values()) if slot]
        changes = [change for timelapse_id in self.schedules if (change := self.window(timelapse_id, now).changes_at)]
        return min(slots + changes, default=None)

    def owed(self) -> tuple[int, datetime] | None:
        """Return the missed slots that are to be written, if any, with the instant up to which they are all."""
        return (self.missed, self._settled_until) if self.missed else None

    def _count(self, timelapse_id: str, start: datetime, end: datetime) -> int:
        return count_slots(self.schedules[timelapse_id], start, end, dt_util.get_default_time_zone(), self._sun)

    def _next(self, schedule: Schedule, after: datetime) -> NextSlot | None:
        return next_slot(schedule, after, dt_util.get_default_time_zone(), self._sun)

    def _following(self, timelapse_id: str, after: datetime) -> NextSlot | None:
        """Return the next slot; of an adaptive timelapse the first one of its finest grid that its pace then uses.

        Of those before it, the first one that is looked at is remembered.
        """
        self.glances.pop(timelapse_id, None)
        grid = self._grids.get(timelapse_id)
        if grid is None:
            return self._next(self.schedules[timelapse_id], after)
        zone, bounds = dt_util.get_default_time_zone(), self.pacer.bounds[timelapse_id]
        found = slots(grid, after, zone, self._sun)
        for at in found:
            pace = self.pacer.pace(timelapse_id, at)
            if is_used(grid.interval, at, pace, since=self._since[timelapse_id], tz=zone):
                self._paces[timelapse_id] = pace
                return NextSlot(at, next(found, None))
            if timelapse_id not in self.glances and is_glanced(bounds, grid.interval, at, pace, zone):
                self.glances[timelapse_id] = NextSlot(at, at + grid.interval)
        return None


def attempt_budget(slots: Iterable[NextSlot], now: datetime) -> float:
    """Return the seconds that an attempt may take so that it ends before the next slot of its timelapses."""
    following = min((slot.following for slot in slots if slot.following), default=now + timedelta(seconds=MAX_BUDGET_S))
    return min(MAX_BUDGET_S, max(MIN_BUDGET_S, SLOT_SHARE * (following - now).total_seconds()))
