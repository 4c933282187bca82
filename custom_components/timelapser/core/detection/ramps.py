"""From a measurement to a severity: one ramp for each fault."""

from typing import Final

SOFT_LIMIT: Final = 0.45
"""Severity that a fault does not exceed which may also be how a camera always looks, as long as that is not known."""
HARD: Final = 0.9
"""Severity of a picture that certainly shows nothing, or not what it should."""
CUT: Final = 0.6
"""Least severity of a picture that is certainly cut or damaged: rejected at any sensitivity but ``low``, and there too
once a tenth of it is lost."""


def ramp(value: float, limits: tuple[float, float]) -> float:
    """Return 0 at the first limit, 1 at the second, and what lies between in between."""
    return min(1.0, max(0.0, (value - limits[0]) / (limits[1] - limits[0])))
