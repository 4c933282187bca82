"""Numbers, durations and times of day, as people type them."""

from collections.abc import Mapping
from datetime import time
import math
import re
from typing import Any, Final

from .core.schedule import MAX_INTERVAL, MIN_INTERVAL

_UNIT_SECONDS: Final[Mapping[str, int]] = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)", re.ASCII | re.IGNORECASE)
_CLOCK_DURATION: Final = re.compile(r"(\d+):([0-5]?\d):([0-5]?\d)", re.ASCII)
_CLOCK: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)


def parse_number(value: Any) -> float | None:
    """Return the finite number that a value stands for, else None."""
    try:
        number = float(value)
    except TypeError, ValueError, OverflowError:
        return None
    return number if math.isfinite(number) else None


def parse_interval(value: Any) -> float | None:
    """Return the seconds of ``90``, ``90s``, ``5m``, ``2h``, ``1d`` or ``HH:MM:SS``; None when out of range."""
    text = str(value).strip()
    if match := _CLOCK_DURATION.fullmatch(text):
        hours, minutes, rest = (float(part) for part in match.groups())
        seconds = hours * 3600 + minutes * 60 + rest
    elif match := _DURATION.fullmatch(text):
        seconds = float(match[1]) * _UNIT_SECONDS[match[2].lower()]
    else:
        return None
    if not MIN_INTERVAL.total_seconds() <= seconds <= MAX_INTERVAL.total_seconds():
        return None
    return int(seconds) if seconds.is_integer() else seconds


def interval_text(seconds: float) -> str:
    """Return the shortest text that ``parse_interval`` understands as these seconds; a preset's own where it is one."""
    for unit in ("d", "h", "m"):
        if seconds % _UNIT_SECONDS[unit] == 0:
            return f"{int(seconds // _UNIT_SECONDS[unit])}{unit}"
    return f"{int(seconds) if seconds == int(seconds) else seconds}s"


def parse_clock(value: Any) -> str | None:
    """Return a time of day as ``HH:MM:SS``; None when it is none."""
    if (match := _CLOCK.fullmatch(str(value).strip())) is None:
        return None
    return time(int(match[1]), int(match[2]), int(match[3] or 0)).isoformat()
