"""One attempt to fill a slot: fetch, gate, score, retry, transform, commit."""

import asyncio
from contextlib import suppress
import json
import logging
import threading

from homeassistant.util import dt as dt_util

from .attempt import Attempt, Request, worst_of
from .core.catalogue.records import AttemptRecord, FrameRecord
from .core.commit import enter, write_still
from .core.degradation import Degradation
from .core.detection import Detector, Evaluation
from .core.detection.verdict import Limits
from .core.errors import CODES, Code, ImageError, TimelapserError
from .core.health import Transition, bad_share, evidence_of, is_lasting, observe
from .core.hours import Hour
from .core.layout import FramePath
from .core.models import (
    FrameRef,
    Outcome,
    Phase,
    QualityPolicy,
    Sensitivity,
    Verdict,
)
from .core.note import FrameNote
from .core.redact import redact, redact_traceback
from .engine import Engine
from .fetch import Fetched, Fetcher

_LOGGER = logging.getLogger(__name__)

RETRY_DELAY_S = 1.0
"""Seconds before the first retry; doubled for each further one. A bad key frame is over within a second or two."""

REFUSES_STREAM = "refuses_stream"
"""What the catalogue notes of a camera that takes no second session."""

EVIDENCE_BYTES = 4096
"""How much of what is not a picture is kept, as redacted text: a login page is recognised by its head."""

_ORDER = (Verdict.UNREADABLE, Verdict.BAD, Verdict.SUSPECT, Verdict.GOOD)


def detector_for(policy: QualityPolicy) -> Detector:
    """Return the detector that judges by a policy; its limit is that of medium sensitivity, and moves with the word."""
    step = Limits.of(policy.sensitivity, None).reject - Limits.of(Sensitivity.MEDIUM, None).reject
    limit = min(100.0, max(0.0, policy.reject_below + step))
    return Detector(policy.sensitivity, heavy=policy.heavy_checks, reject_below=limit)


class Capturer:
    """Makes the attempts of one camera."""

    def __init__(self, engine: Engine, fetcher: Fetcher, policy: QualityPolicy, *, camera_id: str, folder: str) -> None:
        """Use the engine's pools; ``folder`` is the camera's own below the storage."""
        self._engine = engine
        self._fetcher = fetcher
        self._camera_id = camera_id
        self._folder = folder
        self.judge_by(policy)

    def judge_by(self, policy: QualityPolicy) -> None:
        """Judge by a policy from now on; what is being scored is finished by the former one."""
        self._policy = policy
        self._detector = detector_for(policy)

    async def async_attempt(self, request: Request) -> Attempt:
        """Make an attempt and commit its result; it never raises for what a camera, picture or disk does."""
        attempt = await self.async_look(request)
        attempt.runs = request.takers(attempt.evaluation)
        attempt.health, attempt.transition = observe(
            request.health, evidence_of(attempt.outcome, attempt.code), dt_util.utcnow(), self._policy
        )
        attempt.gathering = request.gathering
        try:
            await self._async_commit(attempt)
        except TimelapserError as err:
            await self._async_roll_back(attempt, err)
        except Exception as err:  # noqa: BLE001 - a bug ends one attempt, not the schedule
            _LOGGER.error(  # noqa: TRY400 - a traceback of Python's quotes what the camera's integration said
                "Unexpected error while storing attempt %s: %s", request.cid, redact_traceback(err)
            )
            await self._async_roll_back(
                attempt, TimelapserError(Code.UNEXPECTED, type(err).__name__, phase=Phase.STORE)
            )
        return attempt

    async def async_look(self, request: Request) -> Attempt:
        """Fetch and score, with retries inside the budget, and keep the best picture; nothing is stored."""
        attempt = Attempt(request=request, started_at=dt_util.utcnow(), health=request.health)
        deadline = self._engine.hass.loop.time() + request.budget_s
        retries = 0 if is_lasting(request.health, self._policy) else self._policy.retries
        for number in range(1 + retries):
            if number:
                delay = RETRY_DELAY_S * 2 ** (number - 1)
                if self._engine.hass.loop.time() + delay >= deadline:
                    break
                await asyncio.sleep(delay)
            attempt.tries += 1
            try:
                await self._async_try(
                    attempt, alternate=number % 2 == 1, budget_s=deadline - self._engine.hass.loop.time()
                )
            except TimelapserError as err:
                if attempt.evaluation is None:
                    attempt.fail(err)
                if not err.retryable:
                    break
            except Exception as err:  # noqa: BLE001 - as above
                _LOGGER.error(  # noqa: TRY400 - as above
                    "Unexpected error in attempt %s: %s", request.cid, redact_traceback(err)
                )
                if attempt.evaluation is None:
                    attempt.fail(TimelapserError(Code.UNEXPECTED, type(err).__name__, phase=Phase.SCORE))
                break
            else:
                if attempt.outcome is Outcome.CAPTURED or not CODES[attempt.code or Code.BELOW_THRESHOLD].retryable:
                    break
        attempt.duration_ms = round((self._engine.hass.loop.time() - deadline + request.budget_s) * 1000)
        return attempt

    async def _async_try(self, attempt: Attempt, *, alternate: bool, budget_s: float) -> None:
        """Fetch one picture, score it, and adopt it when it is the best of the attempt."""
        request = attempt.request
        with attempt.timed(Phase.FETCH):
            fetched = await self._fetcher.async_fetch(
                alternate=alternate, budget_s=budget_s, expected_size=request.context.expected_size
            )
        try:
            with attempt.timed(Phase.SCORE):
                evaluation = await self._engine.async_run(lambda: self._evaluate(fetched, request))
        except ImageError:
            if attempt.evaluation is None:
                attempt.strategy = fetched.evidence.strategy
                attempt.evidence = redact(fetched.data[:EVIDENCE_BYTES].decode("latin-1"), limit=EVIDENCE_BYTES)
            raise
        if attempt.evaluation is None or _rank(evaluation) > _rank(attempt.evaluation):
            attempt.adopt(fetched, evaluation)

    def _evaluate(self, fetched: Fetched, request: Request) -> Evaluation:
        """Score one picture (compute pool)."""
        return self._detector.evaluate(
            fetched.data,
            when=fetched.captured_at,
            baseline=request.baseline,
            evidence=fetched.evidence,
            context=request.context,
        )

    async def _async_commit(self, attempt: Attempt) -> None:
        """Commit; a cancelled attempt ends only when its commit is whole or undone.

        What has a file waits for the storage, for so long as that may take.
        """
        turn = threading.Lock()
        commit = asyncio.ensure_future(
            self._engine.async_store(lambda: self._commit(attempt, turn), turn=turn)
            if attempt.kept
            else self._engine.async_run(lambda: self._commit(attempt, turn))
        )
        try:
            await asyncio.shield(commit)
        except asyncio.CancelledError:
            await asyncio.gather(commit, return_exceptions=True)
            raise

    def _commit(self, attempt: Attempt, turn: threading.Lock) -> None:
        """Write the file, then the rows in one transaction; on any error neither remains, nor of one that is late."""
        engine = self._engine
        record = self._write(attempt)
        if not turn.acquire(blocking=False):
            if record is not None:
                engine.storage.unlink(record.path)
            return
        with attempt.timed(Phase.COMMIT):
            attempt.committed = enter(engine.storage, engine.catalogue, record, lambda: self._row(attempt, record))
        if record is not None and attempt.fetched is not None:
            attempt.frame = FrameRef(
                id=attempt.request.cid,
                camera_id=self._camera_id,
                path=record.path,
                content_type=FramePath.parse(record.path).content_type,
                captured_at=attempt.fetched.captured_at,
                slot_at=attempt.request.slot_at,
                score=record.score,
                verdict=record.verdict,
                faults=record.faults,
            )

    def _write(self, attempt: Attempt) -> FrameRecord | None:
        """Write the picture of the attempt in its folder, if one is to be kept."""
        request, fetched, evaluation = attempt.request, attempt.fetched, attempt.evaluation
        if attempt.probe or fetched is None or evaluation is None:
            return None
        note = FrameNote(
            camera_id=self._camera_id,
            run_ids=tuple(attempt.runs.values()),
            captured_at=fetched.captured_at,
            slot_at=request.slot_at,
            sequence=request.sequence,
            score=evaluation.score,
            verdict=evaluation.verdict,
            freshness=evaluation.freshness,
            light=evaluation.light,
            faults=evaluation.faults,
            size=evaluation.size,
            fetched_sha256=evaluation.sha256,
        )
        with attempt.timed(Phase.STORE):
            return write_still(
                self._engine.storage, self._folder, request.cid, evaluation.content_type, fetched.data, note
            )

    def _row(self, attempt: Attempt, frame: FrameRecord | None) -> AttemptRecord:
        """Return the attempt as the catalogue keeps it."""
        request, evaluation = attempt.request, attempt.evaluation
        hours: tuple[Hour, ...] = ()
        if evaluation is not None and attempt.fetched is not None:
            attempt.gathering, hours = request.gathering.after(
                attempt.fetched.captured_at, evaluation.light, evaluation.closeness, evaluation.score
            )
        return AttemptRecord(
            id=request.cid,
            camera_id=self._camera_id,
            slot_at=request.slot_at,
            started_at=attempt.started_at,
            duration_ms=attempt.duration_ms,
            outcome=attempt.outcome,
            code=attempt.code,
            phase=attempt.phase,
            strategy=attempt.strategy,
            tries=attempt.tries,
            score=evaluation.score if evaluation else None,
            phases=attempt.phases,
            run_ids=tuple(attempt.runs.values()),
            frame=frame,
            probe=attempt.probe,
            evidence=attempt.evidence or None,
            health=json.dumps(attempt.health.to_dict()),
            baseline=evaluation.baseline.passing().to_bytes() if evaluation else None,
            normal=_new_normal(attempt),
            strategy_note=REFUSES_STREAM if self._fetcher.refused else None,
            degradation=_degradation(attempt) if attempt.transition is Transition.DEGRADED else None,
            cause=worst_of(evaluation) if attempt.outcome is not Outcome.CAPTURED else None,
            transition=attempt.transition,
            missed=request.missed,
            hold=self._policy.pause_when_degraded,
            hours=hours,
        )

    async def _async_roll_back(self, attempt: Attempt, err: TimelapserError) -> None:
        """Turn an attempt that could not be stored into a failure that says nothing about the camera."""
        _LOGGER.debug("Attempt %s could not be stored: %s", attempt.request.cid, err)
        attempt.fail(err)
        attempt.health, attempt.transition = attempt.request.health, None
        attempt.frame = attempt.committed = attempt.evaluation = None
        attempt.gathering = attempt.request.gathering
        with suppress(Exception):
            await self._async_commit(attempt)


def _new_normal(attempt: Attempt) -> bytes | None:
    """Return what is normal for the camera if the attempt taught something; it seldom does, and it is large."""
    if attempt.evaluation is None:
        return None
    before, normal = attempt.request.baseline, attempt.evaluation.baseline.normal
    return None if before is not None and before.normal is normal else normal.to_bytes()


def _degradation(attempt: Attempt) -> Degradation:
    """Return what is known of the attempt that degraded its camera; the catalogue finds the stills."""
    bad, pictures, in_a_row = bad_share(attempt.request.health)
    faults = attempt.evaluation.faults if attempt.evaluation else ()
    return Degradation(
        since=attempt.health.quality.since or attempt.started_at,
        bad=bad,
        pictures=pictures,
        in_a_row=in_a_row,
        code=attempt.code,
        faults=tuple(fault.kind for fault in sorted(faults, key=lambda fault: -fault.severity)),
    )


def _rank(evaluation: Evaluation) -> tuple[int, float]:
    """Order evaluations from worst to best."""
    return _ORDER.index(evaluation.verdict), evaluation.score or 0.0
