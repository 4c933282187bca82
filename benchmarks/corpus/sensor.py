"""What breaks in the sensor, in the lens or in front of it. Each takes a clean picture and a severity 0..2."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import math
from typing import Final

import cv2
import numpy as np

from .light import DAYLIGHT, WIDTH, Plane, Rng, airlight, blurred, field, glow, grey, noisy

type Damage = Callable[[Plane, Rng, int], Plane]
"""(clean picture, randomness, severity 0 mild, 1 medium, 2 severe) to the damaged picture."""


BRIGHT: Final = ("day", "day", "overcast", "fog", "snow")
"""Clean classes with daylight; day counts twice."""
BASES: Final = (*BRIGHT, "night", "infrared")
"""Clean classes that most faults befall."""
COLOURED: Final = ("day", "day", "overcast", "snow", "night")
"""Clean classes with colour to be lost."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A class of faults: how it is made, whether one picture alone can show it, and which clean classes it befalls."""

    damage: Damage
    hard: bool
    bases: tuple[str, ...] = BASES


def black(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return a closed shutter: the sensor's black level, with little noise."""
    return noisy(np.full_like(values, rng.uniform(0, 6)), rng, read=(1.2, 0.6, 0.1)[severity])


def white(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return a sensor that is flooded with light."""
    lift = (190, 260, 400)[severity] * rng.uniform(0.9, 1.1)
    return noisy(values * 0.4 + lift, rng, read=0.8)


def grey_picture(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return a decoder that began in the middle of a group of pictures: grey, with edges where something moves."""
    share = (0.10, 0.05, 0.01)[severity]
    return 129 + (values - blurred(values, 4)) * share * rng.uniform(0.8, 1.2)


def _below(values: Plane, rng: Rng, severity: int) -> int:
    """Return the row of blocks from which a picture is lost: up to 4, up to 18 or more per cent of it."""
    low, high = ((0.02, 0.04), (0.06, 0.18), (0.2, 0.9))[severity]
    height = len(values)
    return height - max(16, int(height * rng.uniform(low, high)) // 16 * 16)


def green_bottom(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return planes of zeroes below a row: YCbCr (0, 0, 0) is (0, 135, 0)."""
    damaged = values.copy()
    damaged[_below(values, rng, severity) :] = (0, 135, 0)
    return damaged


def grey_bottom(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return mid grey below a row, as a decoder of JPEGs fills what is missing."""
    damaged = values.copy()
    damaged[_below(values, rng, severity) :] = 128
    return damaged


def smear(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return the last good row repeated to the bottom."""
    damaged = values.copy()
    row = _below(values, rng, severity)
    damaged[row:] = damaged[row - 1]
    return damaged


def pink(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return a picture whose green is lost in part."""
    share = (0.6, 0.35, 0.1)[severity] * rng.uniform(0.9, 1.1)
    return values * np.array((1.05, share, 1.0), np.float32)


def tearing(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return two halves of two pictures: below a row everything is shifted, and a little lighter or darker."""
    row = int(values.shape[0] * rng.uniform(0.25, 0.75))
    shift = int(values.shape[1] * (0.02, 0.08, 0.25)[severity] * rng.uniform(0.8, 1.2))
    damaged = values.copy()
    damaged[row:] = np.roll(values[row:], shift, axis=1) * rng.uniform(0.94, 1.06)
    return damaged


def stride(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return rows that are read with a wrong length: each begins a little further along than the one before."""
    height, width = values.shape[:2]
    step = (0.06, 0.4, 2.0)[severity] * rng.uniform(0.8, 1.2) * width / WIDTH
    columns = (np.arange(width)[None, :] + (step * np.arange(height)).astype(int)[:, None]) % width
    return np.take_along_axis(values, columns[..., None], axis=1)


def swapped(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return red and blue in each other's place, in part of the picture or in all of it."""
    damaged = values.copy()
    rows = int(values.shape[0] * (0.25, 0.5, 1.0)[severity])
    damaged[values.shape[0] - rows :] = values[values.shape[0] - rows :, :, ::-1]
    return damaged


def chroma_shift(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return colour that lies beside the shapes that it belongs to."""
    shift = int(values.shape[1] * (0.012, 0.04, 0.12)[severity] * rng.uniform(0.8, 1.2))
    luma = grey(values)
    return luma + np.roll(values - luma, shift, axis=1)


def bands(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return rows of noise: a bad cable or a failing readout."""
    damaged = values.copy()
    height = values.shape[0]
    for _ in range((3, 10, 30)[severity]):
        top, thick = int(rng.integers(0, height - 8)), int(rng.integers(1, 6))
        damaged[top : top + thick] = rng.uniform(0, 255, (thick, values.shape[1], 1))
    return damaged


def noise(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return noise: of the gain, or single pixels gone wrong."""
    if rng.uniform() < 0.5:
        return noisy(values, rng, read=(22, 38, 70)[severity] * rng.uniform(0.9, 1.1))
    damaged = values.copy()
    hit = rng.uniform(size=values.shape[:2]) < (0.015, 0.05, 0.2)[severity]
    damaged[hit] = 255 * rng.integers(0, 2, (int(hit.sum()), 1))
    return damaged


def out_of_focus(values: Plane, sigma: float) -> Plane:
    """Return a picture out of focus by so many pixels of a 1280 wide one, and by 0.8 of its own at least."""
    return blurred(values, max(sigma * values.shape[1] / WIDTH, 0.8))


def defocus(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return a lens that has lost its focus."""
    return noisy(out_of_focus(values, (1.6, 3.5, 9.0)[severity] * rng.uniform(0.85, 1.15)), rng, read=1.0)


def motion_blur(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return a camera that shook: every point drawn out to a line."""
    length = max(3, round((7, 18, 45)[severity] * rng.uniform(0.85, 1.15) * values.shape[1] / WIDTH)) | 1
    slant = rng.uniform(-1, 1)
    path = np.zeros((length, length), np.float32)
    half = length // 2
    cv2.line(path, (round(half * (1 - slant)), 0), (round(half * (1 + slant)), length - 1), (1.0,))
    if rng.uniform() < 0.7:
        path = path.T.copy()
    shaken = np.asarray(cv2.filter2D(values, -1, path / path.sum(), borderType=cv2.BORDER_REFLECT), np.float32)
    return noisy(shaken, rng, read=1.0)


def overexposed(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return too much light."""
    return noisy(values * (1.35, 2.0, 4.0)[severity] + (10, 25, 60)[severity], rng, read=1.0)


def underexposed(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return too little light for the hour."""
    return noisy(values * (0.35, 0.16, 0.05)[severity], rng, read=(1.5, 2.0, 2.0)[severity])


def _ambient(values: Plane) -> np.float32:
    """Return how well things before the lens are lit, of 1 in daylight."""
    return np.float32(np.clip(values.mean() / DAYLIGHT, 0.06, 1.2))


def covered(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return something that hangs or sits before the lens: large, dark and out of focus."""
    radius = (0.13, 0.26, 0.8)[severity] * rng.uniform(0.9, 1.1)
    spot = glow(values.shape[:2], (rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)), radius)
    over = np.clip(3 * spot - np.float32(0.6), 0, 1)[..., None]
    cloth = np.array((58, 50, 46), np.float32) + 5 * field(values.shape[:2], rng, slope=2.5)[..., None]
    return noisy(values * (1 - over) + cloth * _ambient(values) * over, rng, read=1.0)


def soiled(values: Plane, rng: Rng, count: float) -> Plane:
    """Return glass with so many blotches: the first ones stay where they are when there are more, the last is faint."""
    height, width = values.shape[:2]
    damaged = values.copy()
    soft = blurred(values, 8 * width / WIDTH) * np.float32(0.55)
    light = _ambient(values)
    for number in range(math.ceil(count)):
        x, y, radius = rng.uniform() * width, rng.uniform() * height, rng.uniform(0.02, 0.07) * width
        left, top = max(0, int(x - 1.2 * radius)), max(0, int(y - 1.2 * radius))
        part = damaged[top : int(y + 1.2 * radius), left : int(x + 1.2 * radius)]
        high, wide = part.shape[:2]
        shape = glow((high, wide), ((x - left) / wide, (y - top) / high), radius / wide)
        # At its core a blotch is even; at its rim it is out of focus.
        spot = np.clip(2.2 * shape - np.float32(0.4), 0, 0.92)[..., None] * np.float32(min(1.0, count - number))
        lit = soft[top : top + high, left : left + wide] + np.float32(rng.choice((20, 80))) * light
        part += (lit - part) * spot
    return damaged


def dirt(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return blotches on the glass: soft, here dark, there light, and at their places for good."""
    return noisy(soiled(values, rng, (3, 9, 22)[severity]), rng, read=0.8)


def condensation(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return a lens that has misted over, in clouds that scatter what light there is."""
    shape = values.shape[:2]
    mist = np.clip((0.35, 0.7, 1.1)[severity] + np.float32(0.35) * field(shape, rng, slope=2), 0, 1)
    soft = blurred(values, (4, 8, 16)[severity] * values.shape[1] / WIDTH)
    level = float(values.mean()) * 1.15 + 12
    return noisy(airlight(values + (soft - values) * mist[..., None], mist, level, 1.4), rng, read=1.0)


def moved(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return a camera that was turned: another part of the same view."""
    share = (0.04, 0.12, 0.35)[severity] * rng.uniform(0.9, 1.1)
    height, width = values.shape[:2]
    across, down = int(width * share) * int(rng.choice((-1, 1))), int(height * share * rng.uniform(-1, 1))
    padded = np.pad(values, [(abs(down),) * 2, (abs(across),) * 2, (0, 0)], mode="reflect")
    top, left = abs(down) + down, abs(across) + across
    return padded[top : top + height, left : left + width]


def stuck_infrared(values: Plane, rng: Rng, severity: int) -> Plane:
    """Return daylight without the infrared filter: magenta, washed out, brightest where things grow."""
    share = (0.25, 0.5, 0.9)[severity] * rng.uniform(0.9, 1.1)
    growing = np.clip(values @ np.array((-0.5, 1, -0.5), np.float32), 0, None)[..., None]
    seen = grey(values) * np.array((1.18, 0.86, 1.12), np.float32) + np.float32(1.5) * growing + np.float32(14)
    return values + (seen - values) * np.float32(share)


FAULTS: Final[Mapping[str, Fault]] = {
    "black": Fault(black, hard=True),
    "white": Fault(white, hard=True),
    "grey": Fault(grey_picture, hard=True),
    "green_bottom": Fault(green_bottom, hard=True),
    "grey_bottom": Fault(grey_bottom, hard=True),
    "smear": Fault(smear, hard=True),
    "pink": Fault(pink, hard=False),
    "tearing": Fault(tearing, hard=True),
    "stride": Fault(stride, hard=True),
    "swapped": Fault(swapped, hard=False, bases=COLOURED),
    "chroma_shift": Fault(chroma_shift, hard=True, bases=COLOURED),
    "bands": Fault(bands, hard=True),
    "noise": Fault(noise, hard=True),
    "defocus": Fault(defocus, hard=False),
    "motion_blur": Fault(motion_blur, hard=False),
    "overexposed": Fault(overexposed, hard=False, bases=("day", "overcast")),
    "underexposed": Fault(underexposed, hard=False, bases=BRIGHT),
    "covered": Fault(covered, hard=False),
    "dirt": Fault(dirt, hard=False),
    "condensation": Fault(condensation, hard=False),
    "moved": Fault(moved, hard=False),
    "stuck_infrared": Fault(stuck_infrared, hard=False, bases=BRIGHT),
}
