"""Whether two pictures are one that was encoded twice, told from how a quantiser works."""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .prints import BLOCK, Print

CRUSHED: Final = (20, 240)
"""Luma outside of which a sensor's noise is cut off, so that a live scene may stay the same."""
CLIPPED: Final = (1, 254)
"""Luma at which decoders cut off, so that what was encoded is not known any more."""
LEAST_NOISE: Final = 0.6
"""Temporal noise of the quietest live camera that counts, in levels: what a noise-reducing one leaves."""
TOLERANCE: Final = 0.6
"""Error of a coefficient, in levels, from rounding pixels: three times their standard deviation."""
RELATIVE_TOLERANCE: Final = 0.03
"""Error of a coefficient, as a part of it, of the decoder's quick transform (measured: up to 0.03)."""
LARGEST: Final = 60
"""Coefficient, in levels, over which that error is larger than most steps."""
LEAST_STEP: Final = 2
"""Step that rounding pixels does not blur."""
LEAST_STEPS: Final = 10
"""Product of two steps, for the same reason: at quality 95 most are 1 and 2."""
FLAT: Final = 3
"""Levels within a block up to which rounding pixels may move its mean by half a level, and no noise shows."""
PRESENT: Final = 0.6
"""Part of a step from which a coefficient is not zero."""
GLANCE: Final = 4
"""Every so many-th block is looked at first: a live picture contradicts there already, at a quarter of the time."""
ENOUGH_FOUND: Final = 5
"""Contradictions in so few blocks, and more of them than are expected, after which no other block is looked at."""
_STEP_NOISE: Final = 2 * LEAST_NOISE / math.sqrt(math.pi)
"""Mean absolute difference of a coefficient between two live pictures: sqrt(2) times that of the noise."""

_angles = np.outer(np.arange(BLOCK), 2 * np.arange(BLOCK) + 1) * math.pi / (2 * BLOCK)
_cosines = np.cos(_angles) * np.sqrt(np.where(np.arange(BLOCK) == 0, 1, 2) / BLOCK)[:, None]
_BASIS: Final = np.kron(_cosines, _cosines).T.astype(np.float32)
"""The orthonormal two-dimensional cosine transform of 64 pixels in a row."""


def _beyond(margin: float) -> float:
    """Return the mean square by which the noise between two live pictures exceeds a margin, on one side."""
    sigma = LEAST_NOISE * math.sqrt(2)
    tail = 0.5 * math.erfc(margin / sigma / math.sqrt(2))
    density = math.exp(-((margin / sigma) ** 2) / 2) / math.sqrt(2 * math.pi)
    return (sigma**2 + margin**2) * tail - margin * sigma * density


_MARGINS: Final = np.linspace(0, TOLERANCE + RELATIVE_TOLERANCE * LARGEST, 25)
_BEYOND: Final = np.array([_beyond(margin) for margin in _MARGINS])


class Evidence(NamedTuple):
    """How many contradictions live noise would bring about on average, and how many there are."""

    expected: float
    found: int


def contradictions(first: Print, now: Print, *, dark: bool) -> Evidence:
    """Return what contradicts that two JPEGs of one size are encoded from the same picture.

    Dark and bright blocks are looked at only if ``dark``, and if the others hold nothing. Nothing is expected, nor
    found, of pictures that do not say by what they were quantised.
    """
    if first.steps is None or now.steps is None:
        return Evidence(0, 0)
    steps, others = (one.steps.astype(np.float32).ravel() for one in (first, now) if one.steps is not None)
    blocks, other_blocks = (one.blocks.reshape(-1, BLOCK * BLOCK) for one in (first, now))
    glance = _contradictions(blocks[::GLANCE], other_blocks[::GLANCE], steps, others, dark=False)
    if glance.found >= max(ENOUGH_FOUND, glance.expected):
        return glance
    lit = _contradictions(blocks, other_blocks, steps, others, dark=False)
    if dark and lit.expected < 1 and not lit.found:
        return _contradictions(blocks, other_blocks, steps, others, dark=True)
    return lit


def _contradictions(
    blocks: NDArray[np.uint8],
    others: NDArray[np.uint8],
    steps: NDArray[np.float32],
    other_steps: NDArray[np.float32],
    *,
    dark: bool,
) -> Evidence:
    """Return the contradictions in blocks (n x 64).

    Two results of quantising one value are equal where the steps are, and at most half of both steps apart where they
    are not. Noise that is small against the steps contradicts this in E|n| / step and in E[n^2] / (2 step step') of
    the coefficients (of a value that lies anywhere within its step).
    """
    usable = _usable(blocks, others, dark=dark)
    one, other = (_coefficients(each[usable]) for each in (blocks, others))
    apart = np.abs(one - other)
    np.abs(one, out=one)
    np.abs(other, out=other)
    known = (one > PRESENT * steps) | (other > PRESENT * other_steps)
    size = np.maximum(one, other, out=one)
    known[:, 0], size[:, 0] = True, 0
    known &= (size <= LARGEST) & (steps * other_steps >= LEAST_STEPS) & (np.minimum(steps, other_steps) >= LEAST_STEP)
    at, place = np.nonzero(known)
    size, apart, steps, other_steps = size[at, place], apart[at, place], steps[place], other_steps[place]
    equal = steps == other_steps
    margin = TOLERANCE + RELATIVE_TOLERANCE * size
    limit = np.where(equal, steps / 2, (steps + other_steps) / 2 + margin)
    unequal_rate = np.interp(margin, _MARGINS, _BEYOND) / (steps * other_steps)
    rate = np.where(equal, np.minimum(1, _STEP_NOISE / steps), unequal_rate)
    return Evidence(float(rate.sum()), int(np.count_nonzero(apart > limit)))


def _usable(blocks: NDArray[np.uint8], others: NDArray[np.uint8], *, dark: bool) -> NDArray[np.bool_]:
    """Return which blocks (n x 64) are not flat, that no decoder clipped and no sensor crushed."""
    low, other_low = blocks.min(axis=1), others.min(axis=1)
    high, other_high = blocks.max(axis=1), others.max(axis=1)
    usable: NDArray[np.bool_] = np.minimum(high - low, other_high - other_low) > FLAT
    usable &= (np.minimum(low, other_low) > CLIPPED[0]) & (np.maximum(high, other_high) < CLIPPED[1])
    if not dark:
        level = blocks.mean(axis=1, dtype=np.float32)
        usable &= (level > CRUSHED[0]) & (level < CRUSHED[1])
    return usable


def _coefficients(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the transform of blocks (n x 64), the mean first."""
    found: NDArray[np.float32] = (blocks.astype(np.float32) - 128) @ _BASIS
    return found
