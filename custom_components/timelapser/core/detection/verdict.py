"""From faults to one score and one verdict: the worst fault decides, and no fault drowns in a mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..models import Fault, QualityPolicy, Sensitivity, Verdict
from .kinds import SOFT, related
from .ramps import SOFT_LIMIT

SECOND_SHARE: Final = 0.3
"""Part of the second worst, independent fault's penalty that is taken off as well."""
SENSITIVITY_STEP: Final = 15.0
"""Points between the reject limits of two sensitivities."""
SUSPECT_MARGIN: Final = 25.0
"""Points above the reject limit under which a frame is kept but flagged."""
HIGHEST_LIMIT: Final = 95.0
"""Score from which a frame is never flagged, however strict the limits."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Scores under which a frame is rejected, and flagged."""

    reject: float
    suspect: float

    @classmethod
    def of(cls, sensitivity: Sensitivity, reject_below: float | None) -> Limits:
        """Return the limits of a sensitivity; ``reject_below`` (0..100) takes its place where it is given."""
        if reject_below is None:
            steps = {Sensitivity.LOW: -1, Sensitivity.MEDIUM: 0, Sensitivity.HIGH: 1}[sensitivity]
            reject_below = QualityPolicy().reject_below + steps * SENSITIVITY_STEP
        return cls(reject_below, max(reject_below, min(HIGHEST_LIMIT, reject_below + SUSPECT_MARGIN)))


def score_of(faults: Sequence[Fault]) -> float:
    """Return 100 less the worst penalty and a part of the worst independent one, 0..100; ``faults`` worst first."""
    if not faults:
        return 100.0
    worst, *others = faults
    second = next((fault for fault in others if not related(worst.kind, fault.kind)), None)
    penalty = worst.severity + (SECOND_SHARE * second.severity if second else 0.0)
    return round(max(0.0, 100.0 * (1.0 - penalty)), 1)


def verdict_of(score: float, faults: Sequence[Fault], limits: Limits) -> Verdict:
    """Return what is decided: rejected is what the hard faults alone bring under the limit.

    A frame with soft faults only is kept and flagged, whatever the reject limit.
    """
    if score_of([fault for fault in faults if _is_hard(fault)]) < limits.reject:
        return Verdict.BAD
    return Verdict.SUSPECT if score < limits.suspect else Verdict.GOOD


def _is_hard(fault: Fault) -> bool:
    """Return whether a fault may reject a frame by itself."""
    return fault.kind not in SOFT or fault.severity > SOFT_LIMIT
