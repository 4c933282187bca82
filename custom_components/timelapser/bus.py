"""The events that Timelapser fires on Home Assistant's bus: their names and their payloads."""

from collections.abc import Iterator, Mapping
from typing import Any

from .attempt import Attempt
from .const import (
    EVENT_CAMERA_DEGRADED,
    EVENT_CAMERA_OFFLINE,
    EVENT_CAMERA_ONLINE,
    EVENT_CAMERA_RECOVERED,
    EVENT_CAPTURE_FAILED,
    EVENT_IMAGE_CAPTURED,
    EVENT_IMAGE_REJECTED,
)
from .core.degradation import Degradation
from .core.detection import report
from .core.forecast import Forecast
from .core.health import Transition
from .core.models import Outcome
from .words import local_time

DETAIL_LENGTH = 200
"""Characters of an error's own text in an event: enough to look it up, and no flood of the recorder."""

TRANSITION_EVENTS: Mapping[Transition, str] = {
    Transition.DEGRADED: EVENT_CAMERA_DEGRADED,
    Transition.RECOVERED: EVENT_CAMERA_RECOVERED,
    Transition.OFFLINE: EVENT_CAMERA_OFFLINE,
    Transition.ONLINE: EVENT_CAMERA_ONLINE,
}

OUTCOME_EVENTS: Mapping[Outcome, str] = {
    Outcome.CAPTURED: EVENT_IMAGE_CAPTURED,
    Outcome.REJECTED: EVENT_IMAGE_REJECTED,
    Outcome.FAILED: EVENT_CAPTURE_FAILED,
}


def attempt_events(attempt: Attempt) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the events of an attempt: its outcome, then the transition that it caused.

    Times are ISO 8601, durations milliseconds. A probe, which no slot asked for, has only its transition.
    """
    if not attempt.probe:
        yield OUTCOME_EVENTS[attempt.outcome], _outcome(attempt)
    if attempt.transition is not None:
        told = {"health": attempt.health.health, **_reason(attempt), **_still(attempt)}
        if (why := degradation_of(attempt)) is not None:
            told |= describe_degradation(why)
            if why.rejected is not None and attempt.frame is None:
                told["frame_id"] = why.rejected
        yield TRANSITION_EVENTS[attempt.transition], told


def degradation_of(attempt: Attempt) -> Degradation | None:
    """Return why an attempt degraded its camera; None for any other attempt."""
    committed = attempt.committed
    if attempt.transition is not Transition.DEGRADED or committed is None or committed.evidence is None:
        return None
    return Degradation.from_json(committed.evidence)


def describe_degradation(why: Degradation) -> dict[str, Any]:
    """Return why a camera is degraded, as events and attributes tell it: nothing that changes while it is."""
    first_bad_at = why.first_bad_at or why.since
    return {
        "summary": why.summary(local_time(first_bad_at)),
        "since": first_bad_at.isoformat(),
        "bad": why.bad,
        "pictures": why.pictures,
        "causes": dict(why.causes),
    }


def _outcome(attempt: Attempt) -> dict[str, Any]:
    """Return what an attempt says of itself, in at most 2 KiB."""
    data: dict[str, Any] = {
        "slot_at": attempt.request.slot_at.isoformat(),
        "duration_ms": attempt.duration_ms,
        "phase_ms": dict(attempt.phases),
        "tries": attempt.tries,
        "strategy": attempt.strategy,
        "timelapse_ids": sorted(attempt.runs),
        **_reason(attempt),
    }
    if attempt.outcome is Outcome.FAILED:
        return {**data, "detail": attempt.detail[:DETAIL_LENGTH]}
    evaluation = attempt.evaluation
    if attempt.frame is None or evaluation is None:
        return data
    data |= {**_still(attempt), "verdict": attempt.frame.verdict, "freshness": evaluation.freshness}
    if attempt.committed is not None:
        data["image_counts"] = dict(attempt.committed.image_counts)
    return data


def _still(attempt: Attempt) -> dict[str, Any]:
    """Return which still an attempt stored, if any."""
    frame = attempt.frame
    return {} if frame is None else {"frame_id": frame.id, "captured_at": frame.captured_at.isoformat()}


def _reason(attempt: Attempt) -> dict[str, Any]:
    """Return what was found: code and phase of a failure, score and faults of a picture."""
    data: dict[str, Any] = {}
    if attempt.code is not None:
        data["code"] = attempt.code
    if attempt.phase is not None:
        data["phase"] = attempt.phase
    if attempt.evaluation is not None:
        data["score"] = attempt.evaluation.score
        data["faults"] = [fault.kind for fault in attempt.evaluation.faults]
        data["explanation"] = "; ".join(fault.words for fault in attempt.evaluation.faults if fault.words)[:200]
    return data


def describe_forecast(forecast: Forecast) -> dict[str, Any]:
    """Return a forecast in plain values: what, why, what to do, how far in percent, and when."""
    return {
        "cause": forecast.kind,
        "remedy": forecast.remedy,
        "light": forecast.light,
        "progress": round(forecast.closeness * 100),
        "per_week": round(forecast.slope * 7 * 100),
        "earliest": forecast.earliest.isoformat(),
        "likely": forecast.likely.isoformat(),
        "latest": forecast.latest.isoformat(),
    }


def forecast_event(before: Forecast | None, now: Forecast | None) -> dict[str, Any]:
    """Return what is told of a changed forecast; of one that was withdrawn, what it was."""
    change = "changed" if before and now else "appeared" if now else "withdrawn"
    told = now or before
    return {"change": change, **(describe_forecast(told) if told else {})}


def describe(attempt: Attempt) -> dict[str, Any]:
    """Return an attempt as the answer of an action."""
    evaluation = attempt.evaluation
    answer: dict[str, Any] = {
        "correlation_id": attempt.request.cid,
        "outcome": attempt.outcome,
        "code": attempt.code,
        "strategy": attempt.strategy,
        "tries": attempt.tries,
        "duration_ms": attempt.duration_ms,
        "phase_ms": dict(attempt.phases),
    }
    if evaluation is not None:
        answer |= report.describe(evaluation)
    return answer | _still(attempt)
