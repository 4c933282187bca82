"""The health of a camera: two pure state machines, *connectivity* and *quality*.

Each attempt is one piece of evidence and causes at most one transition. A picture, good or bad, proves that the
camera is reachable; an unreachable camera says nothing about its pictures, so the degraded flag and its window keep
their values through an outage. When the picture that ends an outage would also change the quality state, the
connectivity transition is reported and the picture is only counted: the quality machine decides at the next picture.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from .errors import CODES, Code
from .hysteresis import BAD, GOOD, PERSISTENT_WINDOW, enters, run_to_leave, telling
from .models import Health, Outcome, QualityPolicy

BREAKER_FAILURES = 5
"""Consecutive failed attempts that open the circuit breaker: one lost request is no outage."""
PROBE_FIRST = timedelta(seconds=30)
"""Wait before the first probe of an open breaker: a camera reboots in about a minute."""
PROBE_MAX = timedelta(minutes=15)
"""Longest wait between probes, and so the longest time until a recovery is noticed: some 100 attempts a day."""


class Evidence(StrEnum):
    """What an attempt says about its camera; NEUTRAL: nothing, the trouble was ours."""

    GOOD = "good"
    BAD = "bad"
    UNREACHABLE = "unreachable"
    NEUTRAL = "neutral"


class Transition(StrEnum):
    """A change of a camera's health that users are told about."""

    DEGRADED = "degraded"
    RECOVERED = "recovered"
    OFFLINE = "offline"
    ONLINE = "online"


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityState:
    """What is remembered of a camera's pictures; ``recent`` has a letter for each of the last PERSISTENT_WINDOW.

    The first ``settled`` of them came before the last transition: they degrade no camera any more. The first
    ``forgiven`` came before a recovery that was the only one of late: they ask for no more good ones either. A camera
    that relapses once more has to be good for longer.
    """

    degraded: bool = False
    since: datetime | None = None
    consecutive_bad: int = 0
    consecutive_good: int = 0
    recent: str = ""
    settled: int = 0
    forgiven: int = 0

    @property
    def fresh(self) -> str:
        """Return the pictures since the last transition."""
        return self.recent[self.settled :]

    @property
    def telling(self) -> str:
        """Return the pictures that say how long the camera has to be good."""
        return self.recent[self.forgiven :]


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectivityState:
    """What is remembered of a camera's answers; an open breaker is what users see as offline.

    ``since`` is when the camera went offline, or came online (first answer or end of an outage). ``probe_wait`` is
    the wait that a further failed probe leads to.
    """

    failures: int = 0
    breaker_open: bool = False
    next_probe_at: datetime | None = None
    probe_wait: timedelta = PROBE_FIRST
    since: datetime | None = None
    ever_succeeded: bool = False

    def backoff_until(self, when: datetime) -> datetime | None:
        """Return the instant of the next probe, or None when the camera may be tried at ``when``.

        A probe further away than PROBE_MAX was set before the clock jumped back, and is due.
        """
        if not self.breaker_open or self.next_probe_at is None:
            return None
        return self.next_probe_at if timedelta() < self.next_probe_at - when <= PROBE_MAX else None


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthState:
    """Both machines of a camera."""

    quality: QualityState = field(default_factory=QualityState)
    connectivity: ConnectivityState = field(default_factory=ConnectivityState)

    @property
    def health(self) -> Health:
        """Return the health that users see: UNKNOWN until the camera has answered or its breaker has opened."""
        if self.connectivity.breaker_open:
            return Health.OFFLINE
        if not self.connectivity.ever_succeeded:
            return Health.UNKNOWN
        return Health.DEGRADED if self.quality.degraded else Health.ONLINE

    def to_dict(self) -> dict[str, Any]:
        """Return the state as JSON-able values: ISO 8601 instants and seconds."""
        quality, connectivity = self.quality, self.connectivity
        return {
            "quality": {
                "degraded": quality.degraded,
                "since": _iso(quality.since),
                "consecutive_bad": quality.consecutive_bad,
                "consecutive_good": quality.consecutive_good,
                "recent": quality.recent,
                "settled": quality.settled,
                "forgiven": quality.forgiven,
            },
            "connectivity": {
                "failures": connectivity.failures,
                "breaker_open": connectivity.breaker_open,
                "next_probe_at": _iso(connectivity.next_probe_at),
                "probe_wait": connectivity.probe_wait.total_seconds(),
                "since": _iso(connectivity.since),
                "ever_succeeded": connectivity.ever_succeeded,
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the state that ``to_dict`` gave; what is missing has its initial value."""
        quality, connectivity = data.get("quality", {}), data.get("connectivity", {})
        return cls(
            quality=QualityState(
                degraded=quality.get("degraded", False),
                since=_instant(quality.get("since")),
                consecutive_bad=quality.get("consecutive_bad", 0),
                consecutive_good=quality.get("consecutive_good", 0),
                recent=quality.get("recent", ""),
                settled=quality.get("settled", 0),
                forgiven=quality.get("forgiven", 0),
            ),
            connectivity=ConnectivityState(
                failures=connectivity.get("failures", 0),
                breaker_open=connectivity.get("breaker_open", False),
                next_probe_at=_instant(connectivity.get("next_probe_at")),
                probe_wait=timedelta(seconds=connectivity.get("probe_wait", PROBE_FIRST.total_seconds())),
                since=_instant(connectivity.get("since")),
                ever_succeeded=connectivity.get("ever_succeeded", False),
            ),
        )


def evidence_of(outcome: Outcome, code: Code | None) -> Evidence:
    """Return what an attempt says about its camera; a failure without a code is taken as ours."""
    if outcome is Outcome.CAPTURED:
        return Evidence.GOOD
    if outcome is Outcome.REJECTED:
        return Evidence.BAD
    side = CODES[code].side if code is not None else "none"
    return {"connectivity": Evidence.UNREACHABLE, "quality": Evidence.BAD}.get(side, Evidence.NEUTRAL)


def observe(
    state: HealthState, evidence: Evidence, when: datetime, policy: QualityPolicy
) -> tuple[HealthState, Transition | None]:
    """Return the state after one attempt that ended at ``when`` (aware), and the transition it caused."""
    if evidence is Evidence.NEUTRAL:
        return state, None
    if evidence is Evidence.UNREACHABLE:
        connectivity = _failed(state.connectivity, when)
        opened = connectivity.breaker_open and not state.connectivity.breaker_open
        return replace(state, connectivity=connectivity), Transition.OFFLINE if opened else None
    connectivity = _answered(state.connectivity, when)
    quality = _counted(state.quality, good=evidence is Evidence.GOOD)
    if state.connectivity.breaker_open:
        return HealthState(quality=quality, connectivity=connectivity), Transition.ONLINE
    transition = _quality_transition(quality, when, policy)
    if transition is not None:
        seen = len(quality.recent)
        first = transition is Transition.RECOVERED and not quality.forgiven
        quality = QualityState(
            degraded=transition is Transition.DEGRADED,
            since=when,
            recent=quality.recent,
            settled=seen,
            forgiven=seen if first else quality.forgiven,
        )
    return HealthState(quality=quality, connectivity=connectivity), transition


def bad_share(before: HealthState) -> tuple[int, int, int]:
    """Return what one more bad picture makes of a state: how many bad ones, of how many, and how many in a row.

    Of the numbers of last pictures that a share is taken of, the one counts that has the greatest share.
    """
    quality = _counted(before.quality, good=False)
    pictures = telling(quality.fresh)
    return pictures.count(BAD), len(pictures), quality.consecutive_bad


def is_lasting(state: HealthState, policy: QualityPolicy) -> bool:
    """Return whether a degraded camera gave nothing but bad pictures for long, and trying again in a slot is vain."""
    return state.quality.degraded and state.quality.consecutive_bad >= policy.degraded_after


def entity_available(state: HealthState, when: datetime) -> HealthState:
    """Return the state after the camera's entity came back: an open breaker probes at once, and anew from 30 s on."""
    if not state.connectivity.breaker_open:
        return state
    return replace(state, connectivity=replace(state.connectivity, next_probe_at=when, probe_wait=PROBE_FIRST))


def reset_quality(state: HealthState) -> HealthState:
    """Return the state with the degraded flag, its counters and its window forgotten."""
    return replace(state, quality=QualityState())


def _failed(state: ConnectivityState, when: datetime) -> ConnectivityState:
    """Return the state after an attempt without an answer: it may open the breaker, or delays the next probe."""
    failures = state.failures + 1
    if failures < BREAKER_FAILURES:
        return replace(state, failures=failures)
    wait = state.probe_wait if state.breaker_open else PROBE_FIRST
    return replace(
        state,
        failures=failures,
        breaker_open=True,
        next_probe_at=when + wait,
        probe_wait=min(2 * wait, PROBE_MAX),
        since=state.since if state.breaker_open else when,
    )


def _answered(state: ConnectivityState, when: datetime) -> ConnectivityState:
    """Return the state after an answer: whatever it was, the breaker closes."""
    changed = state.breaker_open or not state.ever_succeeded
    return ConnectivityState(since=when if changed else state.since, ever_succeeded=True)


def _counted(state: QualityState, *, good: bool) -> QualityState:
    """Return the state with one more picture, and no decision taken."""
    recent = (state.recent + (GOOD if good else BAD))[-PERSISTENT_WINDOW:]
    gone = len(state.recent) + 1 - len(recent)
    return replace(
        state,
        consecutive_bad=0 if good else state.consecutive_bad + 1,
        consecutive_good=state.consecutive_good + 1 if good else 0,
        recent=recent,
        settled=max(0, state.settled - gone),
        forgiven=max(0, state.forgiven - gone),
    )


def _quality_transition(state: QualityState, when: datetime, policy: QualityPolicy) -> Transition | None:
    """Return the transition that the counted pictures call for."""
    if not state.degraded:
        return Transition.DEGRADED if enters(state.fresh, state.consecutive_bad, policy) else None
    if state.consecutive_good < policy.recover_after or _dwells(state, when, policy):
        return None
    return Transition.RECOVERED if state.consecutive_good >= run_to_leave(state.telling, policy) else None


def _dwells(state: QualityState, when: datetime, policy: QualityPolicy) -> bool:
    """Return whether degraded mode is younger than it has to be; a clock that jumped back before it says nothing."""
    return state.since is not None and timedelta() <= when - state.since < timedelta(minutes=policy.minimum_dwell)


def _iso(when: datetime | None) -> str | None:
    """Return an instant as text."""
    return when.isoformat() if when is not None else None


def _instant(text: str | None) -> datetime | None:
    """Return the instant of a text."""
    return datetime.fromisoformat(text) if text is not None else None
