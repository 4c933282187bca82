"""Slots and windows: when a timelapse is due.

Everything is arithmetic on aware datetimes: UTC goes in, UTC comes out, and nothing is remembered, so that a restart
or a jump of the clock finds the same slots again.

Alignment of slots:

* An interval that divides 24 hours is anchored on each local midnight and counted in elapsed seconds from it. A day
  of 23 or 25 hours has proportionally fewer or more slots, and the next midnight is always a slot.
* An interval of whole days falls on local calendar days (the proleptic ordinal of the day modulo the number of
  days), at local midnight, or at the opening of that day's window. A day without a window instance is passed over.
* Any other interval is counted in elapsed time from the Unix epoch.
* A window instance that no aligned instant falls into has one slot, at its opening. Intervals of a day and more get
  it only when an aligned instant has passed since the window was last open.

Windows by the clock: a start that a clock change skips is the first instant after the gap, and of a time that happens
twice a window starts at the first and ends at the second. A window that lies wholly inside a gap is moved behind it
and keeps its length, so that a daily capture happens exactly once on every local date. A date that a country skipped
(Apia, 30 December 2011) has no window, and an overnight window runs across it.

Windows by the sun: the polar night has no sun event and stays closed; the polar day is open all day. Where only one
of the two events falls on a date, the sun is up from, or until, local midnight.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import NamedTuple

from .localtime import day_of, day_start, instant
from .models import Reason, Schedule, Window, WindowKind

MIN_INTERVAL = timedelta(seconds=5)
"""Shortest interval: an attempt and one retry fit into it."""
MAX_INTERVAL = timedelta(days=7)
"""Longest interval: a camera that is looked at less often is not guarded."""
MAX_SUN_OFFSET = timedelta(hours=12)
"""Largest shift of sunrise or sunset; beyond half a day the windows of two days would change places."""
HORIZON = timedelta(days=400)
"""How far ahead a slot or a change of a window is looked for: a year, so that every polar night ends within it."""

_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta.resolution
_LOOKBACK_DAYS = 2
"""Days before an instant whose windows may reach it (overnight, or sunset after midnight plus its offset)."""


class SunDay(NamedTuple):
    """Sunrise and sunset (aware) of a local date; ``up_all_day`` tells polar day from polar night when both lack."""

    sunrise: datetime | None
    sunset: datetime | None
    up_all_day: bool = False


type SunTimes = Callable[[date], SunDay]
"""What gives the sun's events of a local date; it is asked only for windows by the sun."""


@dataclass(frozen=True, slots=True)
class NextSlot:
    """The next due instant and the one after it, which the attempt and its retries stay before (UTC)."""

    at: datetime
    following: datetime | None


@dataclass(frozen=True, slots=True)
class WindowState:
    """Whether a window is open, why, and the instant (UTC) of the next change; None if there is none in sight."""

    open: bool
    reason: Reason
    changes_at: datetime | None


class ScheduleError(ValueError):
    """A schedule that can never work; ``key`` names the reason for forms."""

    def __init__(self, key: str) -> None:
        """Keep the translation key."""
        super().__init__(key)
        self.key = key


class _Span(NamedTuple):
    """One instance of a window, [begin, end) in UTC; spans are disjoint and in order."""

    day: date
    begin: datetime
    end: datetime
    closed_since: datetime | None
    """The end of the span before it, None for the first one looked at."""


def validate(schedule: Schedule) -> None:
    """Raise ScheduleError with the key of what is wrong with a schedule.

    Keys: ``interval_out_of_range``, ``window_incomplete``, ``window_empty``, ``sun_offset_out_of_range``.
    """
    if not MIN_INTERVAL <= schedule.interval <= MAX_INTERVAL:
        raise ScheduleError("interval_out_of_range")
    window = schedule.window
    if window.kind is WindowKind.TIME:
        start, end = _clock_times(window)
        if start == end:
            raise ScheduleError("window_empty")
    if window.kind is WindowKind.SUN and max(abs(window.sunrise_offset), abs(window.sunset_offset)) > MAX_SUN_OFFSET:
        raise ScheduleError("sun_offset_out_of_range")


def next_slot(schedule: Schedule, after: datetime, tz: tzinfo, sun: SunTimes) -> NextSlot | None:
    """Return the first slot strictly after an aware instant, or None when no window opens within HORIZON."""
    found = list(islice(slots(schedule, after, tz, sun), 2))
    if not found:
        return None
    return NextSlot(found[0], found[1] if len(found) > 1 else None)


def slots(schedule: Schedule, after: datetime, tz: tzinfo, sun: SunTimes) -> Iterator[datetime]:
    """Yield the slots (UTC) strictly after an aware instant, in the windows that open within HORIZON."""
    interval = schedule.interval
    begin = after.astimezone(UTC)
    at = begin + _TICK
    for span in _spans(schedule.window, begin, begin + HORIZON, tz, sun, lookback_days=_LOOKBACK_DAYS + interval.days):
        while (slot := _first_in(interval, span, at, tz)) is not None:
            yield slot
            at = slot + _TICK


def number_on_grid(interval: timedelta, at: datetime, tz: tzinfo) -> int | None:
    """Return the place of an aware instant on the interval's grid, 0 at its anchor; None when it is beside it."""
    anchor = _EPOCH if _DAY % interval else day_start(day_of(at, tz), tz)
    number, beside = divmod(at - anchor, interval)
    return None if beside else number


def count_slots(schedule: Schedule, start: datetime, end: datetime, tz: tzinfo, sun: SunTimes) -> int:
    """Return the number of slots in (start, end]; the cost grows with the days between, not with the slots."""
    lower, upper = start.astimezone(UTC) + _TICK, end.astimezone(UTC) + _TICK
    if lower >= upper:
        return 0
    interval = schedule.interval
    return sum(
        _count_in(interval, span, lower, upper, tz)
        for span in _spans(schedule.window, lower, upper, tz, sun, lookback_days=_LOOKBACK_DAYS + interval.days)
    )


def window_state(window: Window, when: datetime, tz: tzinfo, sun: SunTimes) -> WindowState:
    """Return whether a window is open at an aware instant; its start is inside, its end is not."""
    if window.kind is WindowKind.ALWAYS:
        return WindowState(True, Reason.READY, None)
    when = when.astimezone(UTC)
    closes: datetime | None = None
    for span in _spans(window, when, when + HORIZON, tz, sun, lookback_days=_LOOKBACK_DAYS):
        if span.end <= when:
            continue
        if closes is None and span.begin > when:
            return WindowState(False, _closed_reason(window, when, tz, sun), span.begin)
        if closes is not None and span.begin > closes:
            return WindowState(True, Reason.READY, closes)
        closes = span.end
    if closes is None:
        return WindowState(False, _closed_reason(window, when, tz, sun), None)
    return WindowState(True, Reason.READY, None)


def _closed_reason(window: Window, when: datetime, tz: tzinfo, sun: SunTimes) -> Reason:
    """Tell a polar night from a window that merely is closed."""
    if window.kind is WindowKind.SUN and sun(day_of(when, tz)) == SunDay(None, None, up_all_day=False):
        return Reason.NO_SUN_EVENT
    return Reason.OUTSIDE_WINDOW


def _first_in(interval: timedelta, span: _Span, at: datetime, tz: tzinfo) -> datetime | None:
    """Return the first slot of a span at or after an instant."""
    if span.end <= at:
        return None
    single = _single_slot(interval, span, tz)
    if single is not None:
        return span.begin if single and at <= span.begin else None
    slot = _aligned_from(interval, max(at, span.begin), tz)
    return slot if slot < span.end else None


def _count_in(interval: timedelta, span: _Span, lower: datetime, upper: datetime, tz: tzinfo) -> int:
    """Return the number of slots of a span in [lower, upper)."""
    begin, end = max(lower, span.begin), min(upper, span.end)
    if begin >= end:
        return 0
    single = _single_slot(interval, span, tz)
    if single is not None:
        return int(single and begin == span.begin)
    return _count_aligned(interval, begin, end, tz)


def _single_slot(interval: timedelta, span: _Span, tz: tzinfo) -> bool | None:
    """Return whether the opening of a span is its only slot (True) or it has none (False); None: it is on the grid."""
    if not interval % _DAY:
        return span.day.toordinal() % (interval // _DAY) == 0
    if _aligned_from(interval, span.begin, tz) < span.end:
        return None
    if span.closed_since is None:
        return True
    if interval < _DAY:
        return span.closed_since < span.begin
    return _aligned_from(interval, span.closed_since, tz) < span.begin


def _aligned_from(interval: timedelta, at: datetime, tz: tzinfo) -> datetime:
    """Return the first instant of the interval's grid at or after an instant."""
    if _DAY % interval:
        return _EPOCH + _ceil(at - _EPOCH, interval) * interval
    day = day_of(at, tz)
    midnight = day_start(day, tz)
    return min(midnight + _ceil(at - midnight, interval) * interval, day_start(day + _DAY, tz))


def _count_aligned(interval: timedelta, begin: datetime, end: datetime, tz: tzinfo) -> int:
    """Return the number of instants of the interval's grid in [begin, end)."""
    if _DAY % interval:
        return _ceil(end - _EPOCH, interval) - _ceil(begin - _EPOCH, interval)
    total = 0
    day = day_of(begin, tz)
    midnight = day_start(day, tz)
    while midnight < end:
        day += _DAY
        following = day_start(day, tz)
        total += _ceil(min(end, following) - midnight, interval) - _ceil(max(begin, midnight) - midnight, interval)
        midnight = following
    return total


def _ceil(elapsed: timedelta, interval: timedelta) -> int:
    """Return the number of intervals that cover an elapsed time."""
    return -(-elapsed // interval)


def _spans(
    window: Window, since: datetime, until: datetime, tz: tzinfo, sun: SunTimes, *, lookback_days: int
) -> Iterator[_Span]:
    """Yield the window instances that can touch [since, until], and some before; overlaps are cut from the later."""
    day = day_of(since, tz) - lookback_days * _DAY
    midnight = day_start(day, tz)
    closed_since: datetime | None = None
    while midnight <= until + _DAY:
        following = day_start(day + _DAY, tz)
        bounds = _bounds(window, day, (midnight, following), tz, sun) if midnight < following else None
        if bounds is not None:
            begin = bounds[0] if closed_since is None else max(bounds[0], closed_since)
            if begin < bounds[1]:
                yield _Span(day, begin, bounds[1], closed_since)
                closed_since = bounds[1]
        day += _DAY
        midnight = following


def _bounds(
    window: Window, day: date, midnights: tuple[datetime, datetime], tz: tzinfo, sun: SunTimes
) -> tuple[datetime, datetime] | None:
    """Return the opening and closing (UTC) of the window of an existing local date, None if it stays closed."""
    if window.kind is WindowKind.ALWAYS:
        return midnights
    if window.kind is WindowKind.SUN:
        return _daylight(window, day, midnights, sun)
    start, end = _clock_times(window)
    last_day = day if start < end else midnights[1].astimezone(tz).date()
    opening, closing = instant(day, start, tz), instant(last_day, end, tz, second=True)
    if closing <= opening:
        closing = opening + (datetime.combine(last_day, end) - datetime.combine(day, start))
    return opening, closing


def _daylight(
    window: Window, day: date, midnights: tuple[datetime, datetime], sun: SunTimes
) -> tuple[datetime, datetime] | None:
    """Return the shifted daylight that begins on a date; near the polar day its sunset is after midnight."""
    sunrise, sunset, up_all_day = sun(day)
    if sunrise is None and sunset is None:
        return midnights if up_all_day else None
    if sunrise is not None and (sunset is None or sunset <= sunrise):
        next_sunrise, sunset, _ = sun(day + _DAY)
        if sunset is not None and next_sunrise is not None and sunset > next_sunrise:
            sunset = None
    opening = midnights[0] if sunrise is None else sunrise.astimezone(UTC) + window.sunrise_offset
    closing = midnights[1] if sunset is None else sunset.astimezone(UTC) + window.sunset_offset
    return opening, closing


def _clock_times(window: Window) -> tuple[time, time]:
    """Return start and end of a window by the clock; raise ScheduleError when one is missing."""
    if window.start is None or window.end is None:
        raise ScheduleError("window_incomplete")
    return window.start, window.end
