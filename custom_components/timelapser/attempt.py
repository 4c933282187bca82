"""One attempt: what it is for, and what happened in it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
import time

from .core.adaptive import Course
from .core.catalogue.records import CommitResult
from .core.detection import Baseline, Evaluation
from .core.errors import Code, TimelapserError
from .core.health import HealthState, Transition
from .core.hours import Gathering
from .core.models import FaultKind, FetchStrategy, FrameRef, Outcome, Phase, SceneContext
from .fetch import Fetched

_FAULT_CODES: Mapping[FaultKind, Code] = {
    FaultKind.TRUNCATED: Code.TRUNCATED,
    FaultKind.UNDECODABLE: Code.TRUNCATED,
    FaultKind.STALE: Code.CAMERA_STALE,
    FaultKind.FROZEN: Code.CAMERA_STALE,
}
"""Codes of rejections; any other fault is ``BELOW_THRESHOLD``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What an attempt is for. Without ``keep`` it stores a frame only where a glance shows a change."""

    cid: str
    slot_at: datetime
    budget_s: float
    keep: bool
    runs: Mapping[str, str]
    """Run id by timelapse id, of those whose slot it is and those that glance."""
    sequence: int
    """Number that a stored still would have among those of the camera."""
    health: HealthState
    baseline: Baseline | None
    context: SceneContext
    gathering: Gathering = field(default_factory=Gathering)
    """The pictures of the hour that is under way."""
    glances: Mapping[str, Course] = field(default_factory=dict)
    """What those timelapses have seen that only glance: they keep a picture if it shows a change."""
    missed: tuple[int, datetime] | None = None
    """Slots that passed unfilled and are not written yet, and the instant up to which they are all."""

    def takers(self, evaluation: Evaluation | None) -> dict[str, str]:
        """Return the runs, by timelapse id, that a picture is for; without one, those whose slot it is."""
        first = evaluation.baseline.first if evaluation is not None and evaluation.verdict.kept else None
        unmoved = {key for key, seen in self.glances.items() if first is None or not seen.is_change(first.sample)}
        return {key: run_id for key, run_id in self.runs.items() if key not in unmoved}


@dataclass(kw_only=True, slots=True)
class Attempt:
    """What happened in an attempt; a probe counts for health and stores no frame."""

    request: Request
    started_at: datetime
    health: HealthState
    outcome: Outcome = Outcome.FAILED
    code: Code | None = None
    phase: Phase | None = None
    tries: int = 0
    strategy: FetchStrategy | None = None
    fetched: Fetched | None = None
    evaluation: Evaluation | None = None
    detail: str = ""
    """What the error said of itself: a class, a redacted text."""
    evidence: str = ""
    """The head of what was fetched and is not a picture, as redacted text."""
    phases: dict[str, float] = field(default_factory=dict)
    """Milliseconds by phase, summed over the tries."""
    duration_ms: int = 0
    runs: Mapping[str, str] = field(default_factory=dict)
    """Run id by timelapse id, of those that it was for: what a glance is for shows only in its picture."""
    transition: Transition | None = None
    frame: FrameRef | None = None
    committed: CommitResult | None = None
    gathering: Gathering = field(default_factory=Gathering)
    """What the pictures of the hour are with this one."""

    @property
    def probe(self) -> bool:
        """Return whether it was for no slot, and for no glance that shows a change."""
        return not self.request.keep and not self.runs

    @property
    def kept(self) -> bool:
        """Return whether there is a picture to store."""
        return not self.probe and self.fetched is not None and self.evaluation is not None

    @contextmanager
    def timed(self, phase: Phase) -> Iterator[None]:
        """Add the time of a block to its phase."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.phases[phase] = round(self.phases.get(phase, 0.0) + (time.perf_counter() - started) * 1000, 1)

    def adopt(self, fetched: Fetched, evaluation: Evaluation) -> None:
        """Take a scored picture as the best of the attempt."""
        self.fetched, self.evaluation, self.strategy = fetched, evaluation, fetched.evidence.strategy
        if evaluation.verdict.kept:
            self.outcome, self.code, self.phase = Outcome.CAPTURED, None, None
            return
        worst = worst_of(evaluation)
        code = _FAULT_CODES.get(worst, Code.BELOW_THRESHOLD) if worst else Code.BELOW_THRESHOLD
        self.outcome, self.code, self.phase = Outcome.REJECTED, code, Phase.SCORE

    def fail(self, err: TimelapserError) -> None:
        """Note the error that the attempt ends with unless a later try succeeds."""
        self.outcome, self.code, self.phase, self.detail = Outcome.FAILED, err.code, err.phase, err.text


def worst_of(evaluation: Evaluation | None) -> FaultKind | None:
    """Return the kind of the worst fault, if there is any."""
    faults = evaluation.faults if evaluation else ()
    worst = max(faults, key=lambda fault: fault.severity, default=None)
    return None if worst is None else worst.kind
