"""When a camera is looked at outside of its slots: to be sure of an alarm in time, and to see that it is over."""

from datetime import datetime, timedelta
import math

from .health import BREAKER_FAILURES, Evidence, HealthState, QualityState
from .hysteresis import BAD, GOOD
from .models import QualityPolicy

ALARM_WITHIN = timedelta(minutes=15)
"""Promised time from the first bad picture or unanswered attempt to the alarm, if all that follow are like it."""
CONFIRM_WITHIN = timedelta(minutes=12)
"""The part of it that waiting may take; the rest is for the attempts themselves."""
CONFIRM_FIRST = timedelta(minutes=1)
"""Wait for the first look after a bad one: whoever walks past the lens or reboots the camera is done by then."""
CONFIRM_MAX = timedelta(minutes=4)
"""Longest of the doubling waits: with 5 that are needed they are 1, 2, 4 and 4 minutes, 11 in all."""
RECOVERY_EVERY = timedelta(minutes=15)
"""Wait between looks at a degraded camera whose slots are further apart: as long as between those at an unreachable
one, and 96 a day."""
PAUSED_EVERY = timedelta(minutes=1)
"""Least wait between looks at a camera that is paused because it is degraded, however short its interval is."""


def look_again(
    state: HealthState,
    evidence: Evidence,
    started_at: datetime,
    interval: timedelta,
    policy: QualityPolicy,
    *,
    paused: bool = False,
) -> datetime | None:
    """Return when to look at a camera again if no slot comes before; None when its slots are enough.

    ``evidence`` is what the last attempt said, which began at ``started_at`` and led to ``state``; ``interval`` is the
    shortest one of the camera's timelapses. ``paused``: nothing is captured because the camera is degraded. An open
    circuit breaker has its own probes.
    """
    if state.connectivity.breaker_open:
        return None
    wait = None
    if evidence is Evidence.UNREACHABLE:
        wait = _to_confirm(state.connectivity.failures, BREAKER_FAILURES, interval)
    elif evidence in (Evidence.BAD, Evidence.GOOD) and not state.quality.degraded:
        wait = _to_be_sure(state.quality, policy.degraded_after, interval)
    if wait is None and state.quality.degraded:
        wait = _to_recover(interval, paused=paused)
    return None if wait is None else started_at + wait


def confirming_waits(needed: int) -> list[timedelta]:
    """Return the waits between so many attempts: doubling, and in proportion shorter where it takes too long."""
    doublings = range(round(math.log2(CONFIRM_MAX / CONFIRM_FIRST)))
    waits = [CONFIRM_FIRST * 2**number for number in doublings][: needed - 1]
    waits += [CONFIRM_MAX] * (needed - 1 - len(waits))
    total = sum(waits, timedelta())
    return waits if total <= CONFIRM_WITHIN else [wait * (CONFIRM_WITHIN / total) for wait in waits]


def _to_confirm(number: int, needed: int, interval: timedelta) -> timedelta | None:
    """Return the wait after so many bad attempts in a row; None when there are enough, or slots come often enough."""
    if not 0 < number < needed or (needed - 1) * interval <= ALARM_WITHIN:
        return None
    return confirming_waits(needed)[number - 1]


def _to_be_sure(quality: QualityState, needed: int, interval: timedelta) -> timedelta | None:
    """Return the wait after a picture: a single good one among bad ones ends nothing, and the rest is in haste."""
    wait = _to_confirm(quality.consecutive_bad or 1, needed, interval)
    interrupted = quality.fresh.rstrip(BAD).endswith(BAD + GOOD)
    if interrupted and wait is not None:
        return min(wait, CONFIRM_FIRST)
    return wait if quality.consecutive_bad else None


def _to_recover(interval: timedelta, *, paused: bool) -> timedelta | None:
    if paused:
        return min(max(interval, PAUSED_EVERY), RECOVERY_EVERY)
    return RECOVERY_EVERY if interval > RECOVERY_EVERY else None
