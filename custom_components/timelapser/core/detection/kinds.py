"""Which kinds of faults are soft, and which have one cause."""

from typing import Final

from ..models import FaultKind

SOFT: Final = frozenset(
    (
        FaultKind.BLUR,
        FaultKind.NOISE,
        FaultKind.CAST,
        FaultKind.DARK,
        FaultKind.BRIGHT,
        FaultKind.FILM,
        FaultKind.COVERED,
        FaultKind.DIRT,
        FaultKind.MOVED,
        FaultKind.TOO_SMALL,
        FaultKind.NO_END_MARKER,
    )
)
"""Kinds that reject a picture only beyond SOFT_LIMIT, which they exceed against a learned normal alone."""

_GROUPS: Final = (
    frozenset((FaultKind.BLACK, FaultKind.WHITE, FaultKind.UNIFORM, FaultKind.GREY, FaultKind.GREEN, FaultKind.PINK)),
    frozenset(
        (
            FaultKind.TRUNCATED,
            FaultKind.NO_END_MARKER,
            FaultKind.STREAM_DAMAGE,
            FaultKind.GREY,
            FaultKind.GREEN,
            FaultKind.PINK,
            FaultKind.BLOCK_LOSS,
            FaultKind.BANDS,
            FaultKind.TEARING,
            FaultKind.SHEAR,
            FaultKind.CHROMA_SHIFT,
        )
    ),
    frozenset((FaultKind.STALE, FaultKind.FROZEN)),
    frozenset(
        (
            FaultKind.BLUR,
            FaultKind.NOISE,
            FaultKind.TOO_SMALL,
            FaultKind.FILM,
            FaultKind.COVERED,
            FaultKind.DIRT,
            FaultKind.MOVED,
            FaultKind.CAST,
            FaultKind.PINK,
            FaultKind.DARK,
            FaultKind.BLACK,
            FaultKind.BRIGHT,
            FaultKind.WHITE,
        )
    ),
)
"""Kinds that one cause brings about together: only the worst of a group counts."""


def related(one: FaultKind, other: FaultKind) -> bool:
    """Return whether two faults are one seen twice."""
    return one == other or any(one in group and other in group for group in _GROUPS)
