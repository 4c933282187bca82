"""Clean pictures of every kind, the hard ones above all: what must never be thrown away."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from .light import (
    WIDTH,
    Plane,
    Rng,
    airlight,
    blurred,
    far_above,
    field,
    glow,
    grey,
    hung,
    noisy,
    plane,
    pools,
    saturated,
    shining,
    specks,
    written,
)
from .sources import Place, Rgb

type Making = Callable[[Rgb, Rng], Plane]


def day(view: Rgb, rng: Rng) -> Plane:
    """Return the view as it is, a little lighter or darker."""
    return noisy(plane(view) * rng.uniform(0.85, 1.1), rng, read=1.0, shot=1.6)


def overcast(view: Rgb, rng: Rng) -> Plane:
    """Return flat grey light."""
    values = saturated(plane(view), 0.6)
    values = (values - values.mean()) * rng.uniform(0.6, 0.8) + values.mean() * rng.uniform(0.75, 0.95)
    return noisy(values, rng, read=1.2, shot=1.6)


def blue_hour(view: Rgb, rng: Rng) -> Plane:
    """Return the light after sunset, with the first lamps."""
    values = saturated(plane(view), 0.5) * (
        np.float32(rng.uniform(0.28, 0.5)) * np.array((0.75, 0.9, 1.25), np.float32)
    )
    values += shining(view.shape[:2], hung(rng, int(rng.integers(0, 4))))
    return noisy(values, rng, read=2.0, shot=2.0)


def night(view: Rgb, rng: Rng) -> Plane:
    """Return street light: dim, bright below the lamps, with the gain's noise and what the camera does against it."""
    shape = view.shape[:2]
    lamps = hung(rng, int(rng.integers(1, 5)))
    level = np.float32(rng.uniform(0.2, 0.45)) * np.array((1.1, 1.0, 0.8), np.float32)
    values = saturated(plane(view), 0.5) * pools(shape, lamps) * level + shining(shape, lamps)
    return blurred(noisy(values, rng, read=rng.uniform(4, 8), shot=3), rng.uniform(0.5, 1.1))


def dark(view: Rgb, rng: Rng) -> Plane:
    """Return a night with next to no light, but a lamp or two."""
    values = grey(plane(view)) * np.float32(rng.uniform(0.015, 0.05)) + np.float32(3)
    values += shining(view.shape[:2], hung(rng, int(rng.integers(1, 4)), size=0.004))
    return noisy(values, rng, read=rng.uniform(1, 3))


def infrared(view: Rgb, rng: Rng) -> Plane:
    """Return what the camera's own infrared lamp shows: no colour, bright in the middle, black far away."""
    shape = view.shape[:2]
    beam = glow(shape, (rng.uniform(0.4, 0.6), rng.uniform(0.55, 0.8)), rng.uniform(0.45, 0.8))[..., None]
    beam *= np.float32(1.1)
    beam += np.float32(0.1)
    values = grey(plane(view)) * beam * np.float32(rng.uniform(0.6, 0.9))
    return blurred(grey(noisy(values, rng, read=rng.uniform(3, 6), shot=3)), rng.uniform(0.4, 0.8))


def fog(view: Rgb, rng: Rng) -> Plane:
    """Return fog, from haze to soup."""
    depth = far_above(view.shape[:2], rng)
    values = airlight(plane(view), 0.25 + depth, rng.uniform(165, 215), rng.uniform(0.9, 2.6))
    return noisy(values, rng, read=1.2, shot=1.0)


def snow(view: Rgb, rng: Rng) -> Plane:
    """Return snow on the ground, through which shapes still show, and in the air."""
    shape = view.shape[:2]
    size = view.shape[1] / WIDTH
    far = far_above(shape, rng)
    values = saturated(plane(view), 0.7)
    lying = np.clip(2.6 * (1 - far) - 0.7 + 0.2 * field(shape, rng, slope=1.8), 0, 0.92)[..., None]
    shapes = grey(values - blurred(values, 25 * size)) * np.float32(0.45) + np.float32(rng.uniform(205, 235))
    values = airlight(values * (1 - lying) + shapes * lying, far, 205, rng.uniform(0.2, 1.0))
    flakes = specks(shape, rng, int(rng.integers(0, 900)), length=4, thick=2.5, slant=0.4)[..., None]
    return noisy(values * (1 - flakes) + 245 * flakes, rng, read=1.2, shot=1.2)


def rain(view: Rgb, rng: Rng) -> Plane:
    """Return rain in the air, and drops on the glass."""
    shape = view.shape[:2]
    values = airlight(saturated(plane(view) * 0.75, 0.6), far_above(shape, rng), 150, rng.uniform(0.2, 0.7))
    streaks = specks(shape, rng, int(rng.integers(200, 1200)), length=26, thick=1.2, slant=rng.uniform(-0.3, 0.3))
    values += np.float32(55) * streaks[..., None]
    soft = blurred(values, 6 * view.shape[1] / WIDTH) * np.float32(1.05)
    for _ in range(int(rng.integers(0, 5))):
        drop = np.clip(6 * glow(shape, (rng.uniform(), rng.uniform()), rng.uniform(0.008, 0.02)) - 2, 0, 1)[..., None]
        values += (soft - values) * drop
    return noisy(values, rng, read=1.8, shot=1.5)


def headlights(view: Rgb, rng: Rng) -> Plane:
    """Return a night into which a car shines: two lamps, and the road before them."""
    shape = view.shape[:2]
    x, y, apart = rng.uniform(0.15, 0.8), rng.uniform(0.45, 0.75), rng.uniform(0.03, 0.09)
    values = night(view, rng)
    values += plane(view) * glow(shape, (x, min(0.95, y + 3 * apart)), 3 * apart)[..., None]
    for side in (x - apart, x + apart):
        values += np.float32(700) * glow(shape, (side, y), apart * rng.uniform(0.25, 0.4))[..., None]
        values += np.float32(40) * glow(shape, (side, y), 5 * apart)[..., None]
    return values


def glare(view: Rgb, rng: Rng) -> Plane:
    """Return a low sun in the picture."""
    sun = glow(view.shape[:2], (rng.uniform(0.1, 0.9), rng.uniform(0.05, 0.4)), rng.uniform(0.04, 0.12))[..., None]
    values = plane(view) * rng.uniform(0.5, 0.9) + 500 * sun * np.array((1.0, 0.93, 0.75), np.float32)
    return noisy(values, rng, read=1.2, shot=1.5)


def clock(view: Rgb, rng: Rng) -> Plane:
    """Return any light, with the time and a name burnt in."""
    values = OTHERS[str(rng.choice(list(OTHERS)))](view, rng)
    values = written(values, f"2026-{rng.integers(1, 13):02}-{rng.integers(1, 29):02} {rng.integers(0, 24):02}:00:00")
    return written(values, "CAMERA 01", low=True)


def mask(view: Rgb, rng: Rng) -> Plane:
    """Return any light, with parts blacked or greyed out for the neighbours' sake; some touch the rim."""
    values = OTHERS[str(rng.choice(list(OTHERS)))](view, rng).copy()
    height, width = values.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        wide, high = int(width * rng.uniform(0.08, 0.4)), int(height * rng.uniform(0.08, 0.4))
        left, top = int(rng.integers(0, width - wide)), int(rng.choice((0, height - high, (height - high) // 2)))
        values[top : top + high, left : left + wide] = rng.choice((0.0, 16.0, 128.0))
    return values


def wall(view: Rgb, rng: Rng, size: float = 1.0) -> Plane:
    """Return a view with next to nothing in it: plaster or an empty sky in the scene's colour, unevenly lit.

    ``size`` is how many times as wide as the scene's own picture the view is: its plaster is larger by as much.
    """
    shape = view.shape[:2]
    tint = plane(view).mean(axis=(0, 1)) * np.float32(0.5) + np.float32(rng.uniform(60, 110))
    light = 1 + np.float32(rng.uniform(0.04, 0.12)) * field(shape, rng, slope=3.5)[..., None]
    plaster = blurred(noisy(np.zeros(shape, np.float32), rng, read=size * rng.uniform(0, 9)), 1.5 * size)[..., None]
    shapes = (plane(view) - plane(view).mean()) * np.float32(rng.choice((0.0, rng.uniform(0.02, 0.08))))
    return noisy(tint * light + plaster + shapes, rng, read=1.2, shot=1.0)


def mono(view: Rgb, rng: Rng) -> Plane:
    """Return a camera without colour."""
    return grey(day(view, rng))


def bars(view: Rgb, rng: Rng) -> Plane:
    """Return a view of other proportions with black bars at two sides."""
    values = day(view, rng).copy()
    height, width = values.shape[:2]
    if rng.uniform() < 0.5:
        edge = int(width * rng.uniform(0.06, 0.13))
        values[:, :edge] = values[:, width - edge :] = 0
    else:
        edge = int(height * rng.uniform(0.06, 0.13))
        values[:edge] = values[height - edge :] = 0
    return values


OTHERS: Final[Mapping[str, Making]] = {"day": day, "overcast": overcast, "night": night, "infrared": infrared}
"""The light that a clock or mask may lie over."""

CLEAN: Final[Mapping[str, Making]] = {
    "day": day,
    "overcast": overcast,
    "blue_hour": blue_hour,
    "night": night,
    "dark": dark,
    "infrared": infrared,
    "fog": fog,
    "snow": snow,
    "rain": rain,
    "headlights": headlights,
    "glare": glare,
    "clock": clock,
    "mask": mask,
    "wall": wall,
    "mono": mono,
    "bars": bars,
    "strong_jpeg": day,
    "low_bitrate": day,
    "tail": day,
}
"""Every clean class; the last three differ in how they are compressed, or in what follows them (``build.py``)."""

WEATHER: Final = frozenset({"overcast", "fog", "snow", "rain", "glare", "headlights", "blue_hour"})
"""Classes that need a sky."""


def possible(place: Place, name: str) -> bool:
    """Return whether a class can be made of a scene."""
    if place is Place.DARK:
        return name not in WEATHER | {"wall", "mono"}
    return place is Place.OUTDOOR or name not in WEATHER
