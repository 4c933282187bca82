"""Local dates and times as instants, where clocks change too."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from math import ceil, floor

_DAY = timedelta(days=1)


def day_of(when: datetime, tz: tzinfo) -> date:
    """Return the local date whose [midnight, next midnight) holds an instant, also where clocks go back over it."""
    day = when.astimezone(tz).date()
    return day + _DAY if day_start(day + _DAY, tz) <= when else day


def day_start(day: date, tz: tzinfo) -> datetime:
    """Return the first instant (UTC) of a local date; a date that does not exist starts where the next one does."""
    return instant(day, time.min, tz)


def instant(day: date, clock: time, tz: tzinfo, *, second: bool = False) -> datetime:
    """Return the instant (UTC) of a local time: after a gap that holds it, or its first or second occurrence."""
    local = datetime.combine(day, clock, tzinfo=tz)
    earlier = local.replace(fold=0).astimezone(UTC)
    later = local.replace(fold=1).astimezone(UTC)
    if earlier > later:
        return _clock_change(later, earlier, tz)
    return later if second else earlier


def _clock_change(before: datetime, after: datetime, tz: tzinfo) -> datetime:
    """Return the whole second in (before, after] at which the zone's offset changes."""
    low, high = floor(before.timestamp()), ceil(after.timestamp())
    offset = before.astimezone(tz).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, tz).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)
