"""Draw the brand images: a lens whose blades are the hours of a day, in a reel whose perforations are a clock's.

Run as ``python -m scripts.dev.draw_brand``; it writes into the integration's ``brand`` folder.
"""

from dataclasses import dataclass
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

type Colour = tuple[int, int, int]
type Point = tuple[float, float]

BRAND = Path(__file__).parents[2] / "custom_components" / "timelapser" / "brand"

ICON_SIZE = 256
"""Pixels of ``icon.png``; ``@2x`` has twice as many."""
LOGO_HEIGHT = 128
"""Pixels of ``logo.png``; its width follows from the word."""
OVERSAMPLING = 4
"""Drawn this much larger than the largest image, then scaled down: Pillow's own shapes have hard edges."""

# All lengths below are in units of the reel's radius.
HOLE_RING = 0.885
HOLE_LENGTH, HOLE_WIDTH = 0.135, 0.085
BLADES_RADIUS = 0.755
OPENING_RADIUS = 0.40
GAP = 0.028
TILT = math.radians(-18)
HAND_WIDTH = 0.066
HOUR_HAND, MINUTE_HAND = 0.19, 0.295
TEN_PAST_TEN = (math.radians(-55), math.radians(60))
"""Angles of the hour and minute hand, clockwise from twelve."""

DAY: tuple[Colour, ...] = (
    (255, 200, 87),  # noon
    (255, 145, 77),  # afternoon
    (236, 88, 105),  # sunset
    (124, 77, 178),  # dusk
    (52, 84, 176),  # night
    (60, 176, 214),  # morning
)
PAPER: Colour = (255, 255, 255)
SHADE = 0.30
"""How much of its light a blade loses where the one before it lies on top."""


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours that depend on what is behind the image."""

    reel: Colour
    opening: Colour
    word: Colour


LIGHT = Theme(reel=(27, 38, 66), opening=(18, 26, 48), word=(27, 38, 66))
DARK = Theme(reel=(62, 80, 122), opening=(18, 26, 48), word=(240, 243, 250))


def _on_circle(radius: float, angle: float) -> Point:
    """Return the point at an angle clockwise from twelve, y downwards."""
    return radius * math.sin(angle), -radius * math.cos(angle)


def _blade(index: int) -> tuple[list[Point], Point, Point]:
    """Return the outline of a blade, and the two ends of the edge where the one before it covers it."""
    count = len(DAY)
    step = 2 * math.pi / count

    def vertex(number: int) -> Point:
        return _on_circle(OPENING_RADIUS, TILT + number * step)

    def reach(number: int) -> Point:
        """Follow the side of the opening that starts at a vertex outwards, to the rim."""
        (x, y), (to_x, to_y) = vertex(number), vertex(number + 1)
        length = math.hypot(to_x - x, to_y - y)
        ux, uy = (to_x - x) / length, (to_y - y) / length
        along = x * ux + y * uy
        distance = -along + math.sqrt(along * along - OPENING_RADIUS**2 + BLADES_RADIUS**2)
        return x + distance * ux, y + distance * uy

    first, last = reach(index), reach(index + 1)
    start = math.atan2(first[0], -first[1])
    arc = [_on_circle(BLADES_RADIUS, start + step * part / 32) for part in range(33)]
    return [vertex(index + 1), *arc, last], vertex(index + 1), first


def draw_mark(size: int, theme: Theme) -> Image.Image:
    """Return the mark as RGBA, ``size`` pixels square, touching its edges."""
    large = size * OVERSAMPLING
    half = large / 2
    image = Image.new("RGBA", (large, large))
    draw = ImageDraw.Draw(image)

    def pixels(points: list[Point]) -> list[Point]:
        return [(half + x * half, half + y * half) for x, y in points]

    def disc(centre: Point, radius: float, colour: Colour) -> None:
        draw.ellipse(
            pixels([(centre[0] - radius, centre[1] - radius), (centre[0] + radius, centre[1] + radius)]), colour
        )

    disc((0, 0), 1, theme.reel)
    for hour in range(12):
        image.alpha_composite(_perforation(large, math.tau * hour / 12))

    rows, columns = np.mgrid[0:large, 0:large].astype(np.float32) / half - 1
    for index, colour in enumerate(DAY):
        outline, inner, outer = _blade(index)
        mask = Image.new("L", image.size)
        ImageDraw.Draw(mask).polygon(pixels(outline), fill=255)
        image.paste(_shaded(colour, columns, rows, inner, outer), mask=mask)
    for index in range(len(DAY)):
        _, inner, outer = _blade(index)
        draw.line(pixels([inner, outer]), theme.reel, round(GAP * half))
    draw.polygon(
        pixels([_on_circle(OPENING_RADIUS, TILT + math.tau * k / len(DAY)) for k in range(len(DAY))]), theme.opening
    )

    for angle, length in zip(TEN_PAST_TEN, (HOUR_HAND, MINUTE_HAND), strict=True):
        tip = _on_circle(length, angle)
        draw.line(pixels([(0, 0), tip]), PAPER, round(HAND_WIDTH * half))
        disc(tip, HAND_WIDTH / 2, PAPER)
    disc((0, 0), HAND_WIDTH * 0.8, PAPER)
    return image.resize((size, size), Image.Resampling.LANCZOS)


def _perforation(large: int, angle: float) -> Image.Image:
    """Return a layer with one perforation of the film, turned to its hour."""
    half = large / 2
    layer = Image.new("RGBA", (large, large))
    ImageDraw.Draw(layer).rounded_rectangle(
        (
            half - HOLE_LENGTH / 2 * half,
            half - (HOLE_RING + HOLE_WIDTH / 2) * half,
            half + HOLE_LENGTH / 2 * half,
            half - (HOLE_RING - HOLE_WIDTH / 2) * half,
        ),
        radius=HOLE_WIDTH * 0.38 * half,
        fill=PAPER,
    )
    return layer.rotate(-math.degrees(angle), Image.Resampling.BICUBIC)


def _shaded(
    colour: Colour, columns: NDArray[np.float32], rows: NDArray[np.float32], inner: Point, outer: Point
) -> Image.Image:
    """Return a picture of one colour that is darker towards the line between two points."""
    length = math.hypot(outer[0] - inner[0], outer[1] - inner[1])
    normal = ((outer[1] - inner[1]) / length, -(outer[0] - inner[0]) / length)
    distance = np.abs((columns - inner[0]) * normal[0] + (rows - inner[1]) * normal[1])
    light = 1 - SHADE * np.clip(1 - distance / OPENING_RADIUS, 0, 1) ** 2
    return Image.fromarray((np.array(colour, np.float32) * light[..., None]).astype(np.uint8))


def draw_logo(height: int, theme: Theme) -> Image.Image:
    """Return the mark with the word beside it as RGBA, ``height`` pixels high."""
    large = height * OVERSAMPLING
    font = ImageFont.load_default(size=large * 0.60)
    mark = draw_mark(height, theme)
    word = "Timelapser"
    left, _, right, _ = font.getbbox(word, anchor="ls")
    weight = round(large * 0.008)
    layer = Image.new("RGBA", (math.ceil(right - left) + 2 * weight, large))
    ImageDraw.Draw(layer).text(
        (weight - left, large / 2 + large * 0.205),
        word,
        fill=theme.word,
        font=font,
        anchor="ls",
        stroke_width=weight,
        stroke_fill=theme.word,
    )
    layer = layer.resize((layer.width // OVERSAMPLING, height), Image.Resampling.LANCZOS)
    space = round(height * 0.20)
    logo = Image.new("RGBA", (mark.width + space + layer.width, height))
    logo.paste(mark, (0, 0))
    logo.paste(layer, (mark.width + space, 0))
    return logo


def main() -> None:
    """Write all images."""
    BRAND.mkdir(parents=True, exist_ok=True)
    for prefix, theme in (("", LIGHT), ("dark_", DARK)):
        for suffix, factor in (("", 1), ("@2x", 2)):
            draw_mark(ICON_SIZE * factor, theme).save(BRAND / f"{prefix}icon{suffix}.png", optimize=True)
            draw_logo(LOGO_HEIGHT * factor, theme).save(BRAND / f"{prefix}logo{suffix}.png", optimize=True)


if __name__ == "__main__":
    main()
