"""Judges pictures: bytes, pixels, and what the camera showed before."""

from .baseline import Baseline
from .detector import Detector
from .evaluation import Evaluation
from .gate import Gated, gate

__all__ = ["Baseline", "Detector", "Evaluation", "Gated", "gate"]
