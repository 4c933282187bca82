"""Looks at one picture and says how good it is and what is wrong with it."""

from dataclasses import dataclass, replace
from datetime import datetime
import hashlib
from time import perf_counter

from ..models import (
    Fault,
    FaultKind,
    FetchEvidence,
    Freshness,
    SceneContext,
    Sensitivity,
    Verdict,
)
from . import faults, freshness, hints, verdict
from .baseline import Baseline
from .closeness import closeness_of
from .damage import measure_damage
from .decode import UndecodableError, decode
from .evaluation import Evaluation
from .exchange import measure_exchange
from .features import measure
from .gate import Gated, gate
from .history import Judgement, judge, learned
from .light import light_of
from .lost import measure_lost
from .prints import Print
from .scene import Seen, map_of, measure_scene, noise_of
from .shake import measure_shake
from .soft import is_sound
from .spots import measure_spots


class _Clock:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        """Start the clock."""
        self.timings: dict[str, float] = {}
        self._start = self._last = perf_counter()

    def lap(self, stage: str) -> None:
        """Note how long the stage took that ends now."""
        now = perf_counter()
        self.timings[stage] = round((now - self._last) * 1000, 3)
        self.timings["total"] = round((now - self._start) * 1000, 3)
        self._last = now


@dataclass(frozen=True, kw_only=True, slots=True)
class _Subject:
    """A picture that passed the gate, and what is known of it before it is decoded."""

    gated: Gated
    sha256: bytes
    freshness: Freshness
    baseline: Baseline
    clock: _Clock


class Detector:
    """Scores pictures; holds no state but its settings, so any number of threads may share it.

    ``sensitivity`` sets the limits, ``reject_below`` (score, 0..100) takes the place of its reject limit. ``heavy``
    runs the full-resolution checks on every picture and not only on suspect ones.
    """

    def __init__(
        self, sensitivity: Sensitivity | str = Sensitivity.MEDIUM, heavy: bool = True, reject_below: float | None = None
    ) -> None:
        """Keep the settings."""
        self._limits = verdict.Limits.of(Sensitivity(sensitivity), reject_below)
        self._heavy = heavy

    def evaluate(
        self,
        data: bytes,
        *,
        when: datetime,
        baseline: Baseline | None = None,
        evidence: FetchEvidence | None = None,
        context: SceneContext | None = None,
    ) -> Evaluation:
        """Return score, verdict, faults and the updated baseline of one picture as it was fetched.

        ``when`` is aware. Raises ImageError for bytes that do not pass the gate, and nothing for those that do: a
        picture that cannot be decoded is ``unreadable``, without a score.
        """
        clock = _Clock()
        gated = gate(data)
        clock.lap("gate")
        sha256 = hashlib.sha256(data).digest()
        seen = freshness.with_bytes(baseline or Baseline.empty(), sha256, when)
        subject = _Subject(
            gated=gated,
            sha256=sha256,
            freshness=freshness.judge(seen, evidence, when),
            baseline=seen,
            clock=clock,
        )
        clock.lap("hash")
        try:
            return self._look(data, subject, when, evidence, context or SceneContext())
        except UndecodableError as err:
            clock.lap("decode")
            return _unreadable(subject, err)

    def _look(
        self, data: bytes, subject: _Subject, when: datetime, evidence: FetchEvidence | None, context: SceneContext
    ) -> Evaluation:
        """Decode, measure and judge; raises UndecodableError."""
        gated, clock = subject.gated, subject.clock
        planes = decode(data, gated)
        clock.lap("decode")
        measured = measure(planes)
        features = measured.features
        light = light_of(features, context.sun_elevation)
        shown = Print.of(planes.luma, measured.sample, data, gated.content_type)
        difference = freshness.difference_of(subject.baseline.first, shown, features["noise"])
        repeated = freshness.evidence_of(subject.baseline, shown, difference, light)
        returned = None if repeated else freshness.return_of(subject.baseline, shown, difference, light)
        baseline = freshness.with_print(subject.baseline, shown, when, repeated, returned, difference)
        if difference is not None:
            features |= {"changed_share": difference.change.share, "changed_drift": difference.drift}
        clock.lap("features")

        judgement = Judgement()
        seen: Seen | None = None

        def found() -> list[Fault]:
            measured_faults = faults.find(
                features,
                planes,
                gated,
                freshness=subject.freshness,
                frozen=freshness.is_frozen(baseline, when),
                evidence=evidence,
                context=context,
                history=judgement,
            )
            return subject.baseline.lessons.judged(light, measured_faults)

        named = found()
        score = verdict.score_of(named)
        decided = verdict.verdict_of(score, named, self._limits)
        clock.lap("verdict")
        if self._heavy or decided is not Verdict.GOOD:
            features |= measure_lost(planes) | measure_damage(planes, measured.analysis)
            if decided is not Verdict.BAD:
                seen = Seen(
                    map=map_of(planes, measured),
                    noise=noise_of(features["noise"]),
                    light=light,
                    size=gated.size,
                    when=when,
                    sun=context.sun_elevation,
                )
                features |= measure_scene(seen.map, measured.details[0].shape[1])
                judgement = judge(baseline.normal, seen, sound=is_sound(features))
                if not judgement.known:
                    features |= measure_shake(measured) | measure_spots(measured) | measure_exchange(planes)
            named = found()
            score = verdict.score_of(named)
            decided = verdict.verdict_of(score, named, self._limits)
            if seen is not None and not judgement.known:
                # Never under a limit: what is good stays so in numbers, too.
                score = min(score, max(self._limits.suspect, round(100.0 - hints.points(features), 1)))
            clock.lap("heavy")
        if decided.kept:
            change = None if difference is None or repeated or returned is not None else difference.change
            baseline = baseline.learned(light, change)
        if seen is not None:
            baseline = replace(baseline, normal=learned(baseline.normal, judgement, seen, kept=decided.kept))
        return Evaluation(
            score=score,
            verdict=decided,
            faults=tuple(named),
            features=features,
            light=light,
            freshness=subject.freshness,
            size=gated.size,
            content_type=gated.content_type,
            sha256=subject.sha256,
            timings=clock.timings,
            baseline=baseline,
            learning=not subject.baseline.normal.known(light),
            closeness={} if judgement.departure is None else closeness_of(judgement.departure, light),
        )


def _unreadable(subject: _Subject, err: UndecodableError) -> Evaluation:
    """Return the evaluation of a picture that no decoder could read."""
    whole = subject.gated.ends_cleanly
    kind = FaultKind.UNDECODABLE if whole else FaultKind.TRUNCATED
    words = f"it cannot be decoded ({err})" if whole else "the picture's data end too early"
    return Evaluation(
        score=None,
        verdict=Verdict.UNREADABLE,
        faults=(Fault(kind, 1.0, words=words),),
        features={},
        light=None,
        freshness=subject.freshness,
        size=subject.gated.size,
        content_type=subject.gated.content_type,
        sha256=subject.sha256,
        timings=subject.clock.timings,
        baseline=subject.baseline,
        learning=False,
    )
