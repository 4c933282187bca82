"""What is told of a judged picture: the same words for the same bytes, whoever asks."""

from typing import Any, Final

from ..models import Fault
from .evaluation import Evaluation

SEVERITY_DIGITS: Final = 3
"""Decimals of a severity: a tenth of a point of the score, which is told with one."""


def describe(found: Evaluation) -> dict[str, Any]:
    """Return an evaluation as plain values: ``score`` 0..100 or None, ``faults`` worst first, ``size`` in pixels."""
    return {
        "score": found.score,
        "verdict": found.verdict,
        "faults": [describe_fault(fault) for fault in found.faults],
        "light": found.light,
        "learning": found.learning,
        "freshness": found.freshness,
        "size": list(found.size) if found.size else None,
    }


def describe_fault(fault: Fault) -> dict[str, Any]:
    """Return a fault as plain values; its severity is 0..1."""
    return {
        "kind": fault.kind,
        "severity": round(fault.severity, SEVERITY_DIGITS),
        "where": fault.where,
        "words": fault.words,
    }
