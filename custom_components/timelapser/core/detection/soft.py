"""Soft faults: what may also be how a camera always looks. On one picture alone they make it suspect at most."""

from collections.abc import Iterator, Mapping
from typing import Final

from ..models import Fault, FaultKind
from .ramps import HARD, SOFT_LIMIT, ramp

BLUR: Final = (0.055, 0.020)
"""Sharpness: photographs of scenes 0.065..1.8, out of focus by 3 to 5 analysis pixels 0.013..0.045."""
HEAVY_BLUR: Final = (0.094, 0.052)
"""Crispness: 99.8 % of the clean tuning pictures over 0.071, where a picture becomes suspect; out of focus by 3 to 4
analysis pixels 0.012..0.070. Noise, which hides stronger blur from the sharpness, is too small to be in it."""
BLUR_CONTRAST: Final = 30.0
"""Energy of coarse and broad detail under which the one and the other are not judged: fog, walls, dark nights."""
SHAKEN: Final = (-2.97, -3.47)
SHAKEN_ASLANT: Final = (-2.52, -3.02)
"""Octaves of detail along an axis, and along a diagonal: 99.8 % of the clean tuning pictures are over where a picture
becomes suspect (-3.25 and -2.8), three quarters of the pictures of a camera that shook for 45 pixels of 1280 under."""
SHAKEN_SHARPNESS: Final = 0.4
"""Sharpness from which nothing was shaken: a low sun's glow alone is as smooth, and what it shines on is sharp."""
NOISE: Final = (5.0, 10.0)
"""Analysis levels of noise: foliage and fur reach 7, night gain 2, a sensor noise of 40 levels at 1080p 12."""
STATIC_NOISE: Final = 6.0
"""Analysis levels of noise over which a picture whose structure is smaller than its noise has no scene in it."""
CAST: Final = (0.05, 0.32)
"""Share of cells with a pink cast: 98 % of the clean tuning pictures 0..0.01, but a sunset nearly 0.2, and beds of
flowers may have more; a stuck infrared filter 0.05..1, lost green 0..1. Suspect from a fifth of the picture."""
GREENLESS: Final = (0.99, 0.95)
"""Green that is left against red and blue: suspect from 0.968, which 8 of 7,866 clean tuning pictures are under, all of
one violet dusk. Lost green leaves 0.1..0.7, a stuck infrared filter 0.8..0.95."""
EXCHANGED: Final = (0.3, 1.2)
"""Gain from exchanging red and blue below a row: suspect from 0.8, which one of 7,866 clean tuning pictures
reaches; of those whose lower half or quarter has exchanged colours 84 % do."""
CLIPPED: Final = (0.15, 0.28)
"""Share of clipped pixels: snow and sun up to 0.21 of the clean tuning pictures, four times the light 0.23..1."""
DARK_PEAK: Final = (58.0, 40.0)
"""Highest luma outside the clock's bands: 99.8 % of the clean tuning pictures over 48, where a picture becomes suspect;
a twentieth of the light leaves 9..16. Nights have a lamp somewhere."""
FAINT: Final = (1.36, 1.08)
"""Detail (log2 of levels, octave 1) of the cell that three quarters of the picture do not reach: a quarter with less
than 1.3 levels (1.20) is left of a scene behind a misted or covered lens; 98 % of the clean tuning pictures have more,
plain walls least."""
FAINT_PEAK: Final = (240.0, 215.0)
"""Highest luma of such a picture: a lamp or the sun would be seen through fog and at night. How much of a small lamp is
left differs with the size of the picture; where nothing else speaks for a film, one of 226 does not either."""
GRAINY: Final = (1.0, 2.0)
GRAIN: Final = (0.1, 0.3)
"""Crispness and analysis levels of noise of a plain wall: what little there is, is its grain, which no film lets
through. From half of each on no film is suspect; what a JPEG leaves of grain differs with the size of the picture."""
FINE_GRAINY: Final = (1.2, 2.4)
FINE_GRAIN: Final = (0.1, 0.24)
"""Sharpness and noise of one that many pixels show, which average its grain out: 6 of 168 misted and covered lenses of
the tuning scenes have half of it."""
VEILED: Final = (2.1, 1.38)
"""The same of a picture that is pale and soft all over, as mist on the lens makes it: suspect from 1.7."""
VEIL_LOWEST: Final = 25.0
"""Darkest luma (1st percentile) of such a picture at least."""
VEIL_CONTRAST: Final = 0.6
"""Its spread of luma against its mean at most; 16 levels are added to the mean."""
VEIL_CRISPNESS: Final = (0.75, 0.5)
"""Its crispness: over the first are plain walls, which are as pale but grainy. What the blocks of a JPEG add to it
differs by a third with the size of the picture."""
IN_FOCUS: Final = 0.1
"""Crispness under which a picture is out of focus, whatever else it has."""
COVER_SHARE: Final = (0.3, 0.57)
"""Share of the view that shows nothing where something sits before the lens: suspect from 0.45."""
COVER_DARKER: Final = (8.0, 20.6)
"""Levels by which it is darker than the rest: suspect from 15. Sky is lighter, and of nights only COVER_LUMA tells."""
COVER_LUMA: Final = (30.0, 100.0)
"""Its mean luma: cloth and leaves are dark, but not black as the night. None of 2,622 clean tuning pictures is suspect
by it that is not by other signs; of 13 covered ones that nothing else told, 10 are."""
HIDDEN: Final = (0.33, 0.55)
"""Analysis levels of noise, in the calmest fifth, from which on it is not said that detail is missing: what has as much
grain as dim detail may hide some, and how much is left of it differs with the pixels that a mean is of. All of 66 films
and covers of the tuning scenes that are suspect have under 0.3, dim nights in 2160 rows 0.45 to 0.6."""
SPOTS: Final = (1.85, 2.3)
"""Round soft spots, each in part: suspect from 2.1, which 5 of 1,572 clean tuning pictures have, most of them of one
facade. Of those behind 22 blotches of dirt 45 % have more, of those behind 9 blotches 19 %."""
SMALL_SIDE: Final = 120
"""Pixels of the shorter side under which details are lost whatever the camera."""
SOUND: Final = 0.25
"""Severity of a soft fault under which a picture is sound by itself: it is not suspect."""


def of_one_picture(features: Mapping[str, float]) -> Iterator[Fault]:
    """Yield the soft faults that one picture shows by itself."""
    yield from _of_camera(features)
    yield from _of_scene(features)


def _of_camera(features: Mapping[str, float]) -> Iterator[Fault]:
    """Yield what is the camera's fault, as next to no scene looks like it."""
    sharp = ramp(features["sharpness"], BLUR) if features["coarse"] >= BLUR_CONTRAST else 0.0
    crisp = ramp(features["crispness"], HEAVY_BLUR) if features["broad"] >= BLUR_CONTRAST else 0.0
    if doubt := max(sharp, crisp):
        words = f"fine detail is missing (sharpness {features['sharpness']:.3f}, {features['crispness']:.3f})"
        yield Fault(FaultKind.BLUR, SOFT_LIMIT * doubt, words=words)
    if "along_axis" in features and features["sharpness"] < SHAKEN_SHARPNESS:
        drawn = max(ramp(features["along_axis"], SHAKEN), ramp(features["along_diagonal"], SHAKEN_ASLANT))
        yield Fault(FaultKind.BLUR, SOFT_LIMIT * drawn, words="fine detail is drawn out along one direction")
    noise = features["noise"]
    if noise >= STATIC_NOISE and features["structure"] < noise:
        yield Fault(FaultKind.NOISE, HARD, words="nothing but noise")
    elif doubt := ramp(noise, NOISE):
        yield Fault(FaultKind.NOISE, SOFT_LIMIT * doubt, words=f"noise of {noise:.1f} levels")
    if doubt := ramp(features["cast_share"], CAST):
        words = f"a pink cast over {features['cast_share'] * 100:.0f} % of the picture"
        yield Fault(FaultKind.CAST, SOFT_LIMIT * doubt, words=words)
    if doubt := ramp(features["green_left"], GREENLESS):
        yield Fault(FaultKind.CAST, SOFT_LIMIT * doubt, words="there is less green than red and blue everywhere")
    if "exchange" in features and (doubt := ramp(features["exchange"], EXCHANGED)):
        words = f"red and blue are exchanged from {features['exchange_top'] * 100:.0f} % of the height"
        yield Fault(FaultKind.CAST, SOFT_LIMIT * doubt, words=words)
    if doubt := ramp(features["clipped_share"], CLIPPED):
        words = f"{features['clipped_share'] * 100:.0f} % of the picture is pure white"
        yield Fault(FaultKind.BRIGHT, SOFT_LIMIT * doubt, words=words)
    if doubt := ramp(features["peak"], DARK_PEAK):
        words = f"nothing brighter than {features['peak']:.0f} of 255"
        yield Fault(FaultKind.DARK, SOFT_LIMIT * doubt, words=words)


def _of_scene(features: Mapping[str, float]) -> Iterator[Fault]:
    """Yield what a bare scene may be by itself."""
    if "detail" not in features:
        return
    told = SOFT_LIMIT * (1 - ramp(features["noise"], HIDDEN))
    if veiled := _veiled(features):
        words = "everything is pale and soft"
        yield Fault(FaultKind.FILM, told * veiled * ramp(features["detail"], VEILED), words=words)
    if bare := ramp(features["peak"], FAINT_PEAK) * (1 - _grainy(features)):
        words = "there is hardly any detail anywhere"
        yield Fault(FaultKind.FILM, told * bare * ramp(features["detail"], FAINT), words=words)
    in_focus = features["crispness"] >= IN_FOCUS
    if in_focus and "spots" in features and (doubt := ramp(features["spots"], SPOTS)) and is_sound(features):
        yield Fault(FaultKind.DIRT, SOFT_LIMIT * doubt, words="round soft spots lie over the picture")
    if in_focus and COVER_LUMA[0] <= features["smooth_luma"] <= COVER_LUMA[1]:
        share = features["smooth_share"]
        doubt = min(ramp(share, COVER_SHARE), ramp(features["smooth_darker"], COVER_DARKER))
        words = f"{share * 100:.0f} % of the picture is dark and shows nothing"
        yield Fault(FaultKind.COVERED, told * doubt, words=words)


def _grainy(features: Mapping[str, float]) -> float:
    """Return how surely a picture shows the grain of a wall, 0..1."""
    noise = features["noise"]
    crisp = min(ramp(features["crispness"], GRAINY), ramp(noise, GRAIN))
    return max(crisp, min(ramp(features["sharpness"], FINE_GRAINY), ramp(noise, FINE_GRAIN)))


def _veiled(features: Mapping[str, float]) -> float:
    """Return how surely a picture is pale and soft all over, 0..1."""
    contrast = features["luma_spread"] / (features["luma_mean"] + 16)
    if features["crispness"] < IN_FOCUS or contrast >= VEIL_CONTRAST or features["lowest"] < VEIL_LOWEST:
        return 0.0
    return ramp(features["crispness"], VEIL_CRISPNESS)


def is_sound(features: Mapping[str, float]) -> bool:
    """Return whether nothing soft is wrong with a picture by itself; that a scene is bare is no fault of the camera."""
    return all(fault.severity < SOUND for fault in _of_camera(features))


def of_size(size: tuple[int, int], expected: tuple[int, int] | None) -> Iterator[Fault]:
    """Yield that a picture (width, height) is too small, by itself or beside those that are expected."""
    width, height = size
    if min(width, height) < SMALL_SIDE or (expected is not None and width < expected[0] and height < expected[1]):
        yield Fault(FaultKind.TOO_SMALL, SOFT_LIMIT, words=f"only {width}x{height} pixels")
