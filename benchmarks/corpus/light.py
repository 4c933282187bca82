"""What light, weather and optics make of a view: the parts that clean pictures and faults are put together from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
import hashlib
from typing import Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .sources import Rgb

type Plane = NDArray[np.float32]
"""Height x width (or height x width x 3), 0..255 unless said otherwise."""
type Rng = np.random.Generator

LUMA = np.array((0.299, 0.587, 0.114), np.float32)
"""Weights of red, green and blue (ITU-R BT.601), as every camera's JPEG has them."""
DAYLIGHT: Final = 110.0
"""Mean grey levels of a well exposed picture; what lies before the lens is lit as the picture is."""
WIDTH: Final = 1280
"""Pixels that lengths are given for; narrower pictures have shorter drops, blurs and shifts."""


def randomness(*names: str) -> Rng:
    """Return randomness that depends on names alone."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256("/".join(names).encode()).digest()[:8]))


def plane(picture: Rgb) -> Plane:
    """Return a picture to calculate with."""
    return picture.astype(np.float32)


def picture(values: Plane) -> Rgb:
    """Return calculated values as a picture."""
    return np.clip(values + np.float32(0.5), 0, 255).astype(np.uint8)


def noisy(values: Plane, rng: Rng, *, read: float, shot: float = 0.0) -> Plane:
    """Add sensor noise: ``read`` grey levels everywhere, ``shot`` more at white (its variance grows with the light)."""
    # From 2 on a number is drawn: what is drawn after it must not depend on the size of the picture.
    begin = int(rng.integers(0, max(2, BANK - values.size)))
    drawn = np.resize(_bank()[begin : begin + values.size], values.shape)
    if not shot:
        return values + drawn * np.float32(read)
    variance = np.clip(values, 0, 255)
    variance *= np.float32(shot**2 / 255)
    variance += np.float32(read**2)
    sigma = np.sqrt(variance, out=variance)
    sigma *= drawn
    sigma += values
    return sigma


BANK: Final = 9_000_000
"""Noise drawn once: three pictures' worth, from which each takes its own part; the largest take it several times."""


@lru_cache
def _bank() -> NDArray[np.float32]:
    return np.random.default_rng(8).standard_normal(BANK, np.float32)


def blurred(values: Plane, sigma: float) -> Plane:
    """Return values out of focus by a Gaussian of so many pixels."""
    return cast("Plane", cv2.GaussianBlur(values, (0, 0), sigma))


def field(shape: tuple[int, int], rng: Rng, *, slope: float = 1.5) -> Plane:
    """Return clouds (height x width), mean 0, deviation 1: a 1/f**slope spectrum, drawn small and scaled up."""
    height, width = 72, 128
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    radius = np.hypot(fy, fx * width / height)
    radius[0, 0] = 1
    spectrum = np.fft.rfft2(rng.standard_normal((height, width))) / radius**slope
    spectrum[0, 0] = 0
    drawn = np.fft.irfft2(spectrum, s=(height, width))
    small = Image.fromarray((drawn / drawn.std()).astype(np.float32))
    return np.asarray(small.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def grey(values: Plane) -> Plane:
    """Return values without colour, still with three channels."""
    luma = cast("Plane", values @ LUMA)
    return np.repeat(luma[..., None], 3, axis=2)


def saturated(values: Plane, share: float) -> Plane:
    """Return values with so much of their colour."""
    luma = cast("Plane", values @ LUMA)
    return luma[..., None] * np.float32(1 - share) + values * np.float32(share)


def airlight(values: Plane, depth: Plane, level: float, density: float) -> Plane:
    """Return values seen through haze: Koschmieder's law, with ``depth`` 0 (near) to 1 (far)."""
    seen = np.exp(-np.float32(density) * depth)[..., None]
    return cast("Plane", values * seen + np.float32(level) * (1 - seen))


def far_above(shape: tuple[int, int], rng: Rng) -> Plane:
    """Return a depth map: far at the top, near at the bottom, and not quite straight."""
    rows = np.linspace(1, 0, shape[0], dtype=np.float32)[:, None] ** np.float32(0.7)
    return cast("Plane", np.clip(rows + np.float32(0.08) * field(shape, rng), 0, 1))


def glow(shape: tuple[int, int], at: tuple[float, float], radius: float) -> Plane:
    """Return a lamp (0..1) with its halo, at a place given in shares of width and height, radius in widths."""
    height, width = shape
    reach = np.float32(radius * width)
    x = (np.arange(width, dtype=np.float32) - np.float32(at[0] * width)) / reach
    y = (np.arange(height, dtype=np.float32) - np.float32(at[1] * height)) / reach
    return cast("Plane", (1 + (y**2)[:, None] + (x**2)[None, :]) ** -2)


@dataclass(frozen=True, slots=True)
class Lamp:
    """A lamp: where it hangs (shares of width and height), how large it looks (widths), and its colour."""

    at: tuple[float, float]
    size: float
    tint: tuple[float, float, float]


def hung(rng: Rng, count: int, *, size: float = 0.006) -> tuple[Lamp, ...]:
    """Return lamps, each white or warm."""
    return tuple(
        Lamp(
            at=(rng.uniform(0.05, 0.95), rng.uniform(0.1, 0.6)),
            size=size * rng.uniform(0.6, 2.0),
            tint=(1.0, rng.uniform(0.8, 1.0), rng.uniform(0.5, 1.0)),
        )
        for _ in range(count)
    )


def shining(shape: tuple[int, int], lamps: Sequence[Lamp], *, level: float = 420) -> Plane:
    """Return the lamps themselves, which burn out in their middle."""
    lit = np.zeros((*shape, 3), np.float32)
    for lamp in lamps:
        lit += glow(shape, lamp.at, lamp.size)[..., None] * (np.float32(level) * np.array(lamp.tint, np.float32))
    return lit


def pools(shape: tuple[int, int], lamps: Sequence[Lamp]) -> Plane:
    """Return how bright the ground is (1: as well lit as it gets) below lamps, and in what they leave over."""
    light = np.full((*shape, 1), 0.3, np.float32)
    for lamp in lamps:
        x, y = lamp.at
        light += glow(shape, (x, min(y + 0.3, 0.95)), 25 * lamp.size + 0.12)[..., None]
    return np.minimum(light, np.float32(1.4))


def specks(shape: tuple[int, int], rng: Rng, count: int, *, length: float, thick: float, slant: float) -> Plane:
    """Return drops or flakes (0..1) that move while the shutter is open; lengths in pixels of a 1280 wide picture."""
    height, width = shape
    size = width / WIDTH
    image = np.zeros(shape, np.uint8)
    places = np.stack([rng.uniform(0, width, count), rng.uniform(0, height, count), rng.uniform(0.4, 1.6, count)], 1)
    for (x, y, scale), level in zip(places.tolist(), rng.integers(90, 256, count).tolist(), strict=True):
        end = (round(x + slant * length * scale * size), round(y + length * scale * size))
        cv2.line(image, (round(x), round(y)), end, (level,), max(1, round(thick * scale * size)))
    return blurred(image.astype(np.float32) / np.float32(255), 0.7)


def figure(size: int, rng: Rng, light: float) -> Plane:
    """Return somebody or a car (height x width x 4, the last one opaqueness), so many pixels large, in this light."""
    shade = rng.uniform(30, 190) * light
    coat = tuple(int(np.clip(shade * rng.uniform(0.75, 1.25), 0, 255)) for _ in range(3))
    dark = tuple(int(part * 0.4) for part in coat)
    car = rng.uniform() < 0.5
    wide, high = (2 * size, size) if car else (size, 2 * size)
    image = Image.new("RGBA", (wide, high))
    draw = ImageDraw.Draw(image)
    if car:
        draw.polygon([(0.2 * wide, 0.5 * high), (0.33 * wide, 0), (0.68 * wide, 0), (0.84 * wide, 0.5 * high)], dark)
        draw.rounded_rectangle((0, 0.42 * high, wide - 1, 0.86 * high), 0.15 * high, coat)
        for x in (0.2, 0.8):
            draw.ellipse((x * wide - 0.16 * high, 0.66 * high, x * wide + 0.16 * high, 0.98 * high), dark)
    else:
        skin = tuple(int(np.clip(part * light, 0, 255)) for part in (170, 130, 110))
        draw.ellipse((0.32 * wide, 0, 0.68 * wide, 0.2 * high), skin)
        draw.rounded_rectangle((0.15 * wide, 0.19 * high, 0.85 * wide, 0.6 * high), 0.2 * wide, coat)
        draw.polygon(
            [(0.22 * wide, 0.55 * high), (0.78 * wide, 0.55 * high), (0.9 * wide, high), (0.1 * wide, high)], dark
        )
    return np.asarray(image.resize((max(2, wide // 2), max(2, high // 2)), Image.Resampling.BOX), np.float32)


def placed(values: Plane, body: Plane, left: int, top: int) -> Plane:
    """Return values with a figure in them, cut off at the rim."""
    height, width = values.shape[:2]
    x, y = max(0, left), max(0, top)
    body = body[y - top : max(0, height - top), x - left : max(0, width - left)]
    if not body.size:
        return values
    seen = values.copy()
    part = seen[y : y + body.shape[0], x : x + body.shape[1]]
    opaque = body[..., 3:] / np.float32(255)
    part += (body[..., :3] - part) * opaque
    return seen


def written(values: Plane, text: str, *, low: bool = False) -> Plane:
    """Burn text into a corner, white with a dark rim, as cameras do."""
    height, width = values.shape[:2]
    image = Image.fromarray(picture(values))
    draw = ImageDraw.Draw(image)
    at = (width * 0.02, height * (0.93 if low else 0.02))
    draw.text(at, text, font=_font(height // 27), fill="white", stroke_width=max(1, height // 360), stroke_fill="black")
    return plane(np.asarray(image))


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return cast("ImageFont.FreeTypeFont", ImageFont.load_default(max(10, size)))
