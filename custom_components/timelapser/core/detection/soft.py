"""Soft faults: what may also be how a camera always looks. On one picture alone they make it suspect at most."""

from collections.abc import Iterator, Mapping
from typing import Final

from ..models import Fault, FaultKind
from .ramps import HARD, SOFT_LIMIT, ramp

BLUR: Final = (0.055, 0.020)
"""Sharpness: photographs of scenes 0.065..1.8, out of focus by 3 to 5 analysis pixels 0.013..0.045."""
HEAVY_BLUR: Final = (0.100, 0.055)
"""Crispness: 99.7 % of the clean tuning pictures over 0.071, out of focus by 3 to 4 analysis pixels 0.012..0.070.
Noise, which hides stronger blur from the sharpness, is too small to be in it."""
BLUR_CONTRAST: Final = 30.0
"""Energy of coarse and broad detail under which the one and the other are not judged: fog, walls, dark nights."""
NOISE: Final = (5.0, 10.0)
"""Analysis levels of noise: foliage and fur reach 7, night gain 2, a sensor noise of 40 levels at 1080p 12."""
STATIC_NOISE: Final = 6.0
"""Analysis levels of noise over which a picture whose structure is smaller than its noise has no scene in it."""
CAST: Final = (0.05, 0.32)
"""Share of cells with a pink cast: clean tuning pictures 0..0.009, but sunsets and beds of flowers may have more; a
stuck infrared filter 0.07..1, lost green 0..1. Suspect from a fifth of the picture."""
CLIPPED: Final = (0.15, 0.28)
"""Share of clipped pixels: snow and sun up to 0.21 of the clean tuning pictures, four times the light 0.23..1."""
DARK_PEAK: Final = (60.0, 30.0)
"""Highest luma outside the clock's bands: 99.9 % of the clean tuning pictures over 43, where a picture becomes suspect;
a twentieth of the light leaves 9..16. Nights have a lamp somewhere."""
FAINT: Final = (1.38, 1.10)
"""Detail (log2 of levels, octave 1) of the cell that three quarters of the picture do not reach: a quarter with less
than 1.3 levels (1.22) is left of a scene behind a misted or covered lens; 99 % of the clean tuning pictures have more,
plain walls least."""
FAINT_PEAK: Final = 230.0
"""Highest luma of such a picture: a lamp or the sun would be seen through fog and at night."""
SMALL_SIDE: Final = 120
"""Pixels of the shorter side under which details are lost whatever the camera."""


SOUND: Final = 0.25
"""Severity of a soft fault under which a picture is sound by itself: it is not suspect."""


def of_one_picture(features: Mapping[str, float]) -> Iterator[Fault]:
    """Yield the soft faults that one picture shows by itself."""
    sharp = ramp(features["sharpness"], BLUR) if features["coarse"] >= BLUR_CONTRAST else 0.0
    crisp = ramp(features["crispness"], HEAVY_BLUR) if features["broad"] >= BLUR_CONTRAST else 0.0
    words = f"fine detail is missing (sharpness {features['sharpness']:.3f}, {features['crispness']:.3f})"
    yield Fault(FaultKind.BLUR, SOFT_LIMIT * max(sharp, crisp), words=words)
    noise = features["noise"]
    if noise >= STATIC_NOISE and features["structure"] < noise:
        yield Fault(FaultKind.NOISE, HARD, words="nothing but noise")
    else:
        yield Fault(FaultKind.NOISE, SOFT_LIMIT * ramp(noise, NOISE), words=f"noise of {noise:.1f} levels")
    words = f"a pink cast over {features['cast_share'] * 100:.0f} % of the picture"
    yield Fault(FaultKind.CAST, SOFT_LIMIT * ramp(features["cast_share"], CAST), words=words)
    words = f"{features['clipped_share'] * 100:.0f} % of the picture is pure white"
    yield Fault(FaultKind.BRIGHT, SOFT_LIMIT * ramp(features["clipped_share"], CLIPPED), words=words)
    words = f"nothing brighter than {features['peak']:.0f} of 255"
    yield Fault(FaultKind.DARK, SOFT_LIMIT * ramp(features["peak"], DARK_PEAK), words=words)
    if "detail" in features and features["peak"] < FAINT_PEAK:
        words = "there is hardly any detail anywhere"
        yield Fault(FaultKind.FILM, SOFT_LIMIT * ramp(features["detail"], FAINT), words=words)


def is_sound(features: Mapping[str, float]) -> bool:
    """Return whether nothing soft is wrong with a picture by itself; that a scene is bare is no fault of the camera."""
    return all(fault.severity < SOUND for fault in of_one_picture(features) if fault.kind is not FaultKind.FILM)


def of_size(size: tuple[int, int], expected: tuple[int, int] | None) -> Iterator[Fault]:
    """Yield that a picture (width, height) is too small, by itself or beside those that are expected."""
    width, height = size
    if min(width, height) < SMALL_SIDE or (expected is not None and width < expected[0] and height < expected[1]):
        yield Fault(FaultKind.TOO_SMALL, SOFT_LIMIT, words=f"only {width}x{height} pixels")
