"""Single pictures, clean and damaged by the sensor or the lens: each is made anew from its view, in any size."""

from collections.abc import Sequence

from . import clean, jpegs, sensor, streams
from .light import Rng, picture, plane, randomness
from .sources import Rgb, Scene


def base(scene: Scene, view: Rgb, rng: Rng, bases: Sequence[str] = sensor.BASES) -> Rgb:
    """Return a clean picture, of any kind that this scene can have."""
    names = [name for name in bases if clean.possible(scene.place, name)]
    return picture(clean.CLEAN[str(rng.choice(names))](view, rng))


def whole(scene: Scene, view: Rgb, name: str, number: int, size: float = 1.0) -> bytes:
    """Return the file of a clean picture of a class, of a view so many times as wide as the scene's own picture."""
    rng = randomness(scene.name, "clean", name, str(number))
    if name == "low_bitrate":
        values = streams.low_bitrate(view, rng)
    elif name == "wall":
        values = clean.wall(view, rng, size)
    else:
        values = clean.CLEAN[name](view, rng)
    quality = int(rng.integers(14, 34)) if name == "strong_jpeg" else None
    data = jpegs.encode(values, rng, quality=quality)
    return jpegs.tail(data, rng) if name == "tail" else data


def damaged(scene: Scene, view: Rgb, name: str, severity: int, number: int) -> tuple[bytes, float]:
    """Return the file of a picture with a fault, and the share of it that one would see."""
    fault = sensor.FAULTS[name]
    rng = randomness(scene.name, "sensor", name, str(severity), str(number))
    before = base(scene, view, rng, fault.bases)
    after = fault.damage(plane(before), rng, severity)
    return jpegs.encode(after, rng), jpegs.damage(picture(after), (before,))
