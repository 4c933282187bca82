"""Draw a mountain lake once: terrain seen in perspective, lit, wooded, fading into the distance.

Everything comes from fractal noise and a seed. Runs under Python 3.11 and numpy 1.24 too (the interpreter of the RTSP
camera).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_TILE = 1024
# Fine steps near by, and far away where a step is many pixels of a mountain side.
_DEPTHS = np.concatenate([np.geomspace(0.55, 18, 700), np.arange(18.05, 62, 0.045)]).astype(np.float32)
_EYE = 0.62  # height of the camera above the lake, in the terrain's own unit
_SUN = np.array([-0.62, 0.55, -0.38], dtype=np.float32) / np.float32(np.linalg.norm([-0.62, 0.55, -0.38]))
_HAZE = np.array([176, 196, 216], dtype=np.float32)


@dataclass(frozen=True)
class Layers:
    """What one landscape is composed from, at its final size."""

    land: Array  # colours; meaningless where there is none
    sky: Array  # the share of the sky in each pixel
    lake: Array  # the share of the lake
    horizon: int  # the row at infinity


def fractal(rng: np.random.Generator, shape: tuple[int, int], slope: float, stretch: float = 1.0) -> Array:
    """Return periodic noise with a spectrum of 1/f**slope, mean 0, standard deviation 1; stretch > 1 makes it wide."""
    rows = np.fft.fftfreq(shape[0])[:, None] * shape[0]
    columns = np.fft.rfftfreq(shape[1])[None, :] * shape[1] * stretch * shape[0] / shape[1]
    radius = np.sqrt(rows**2 + columns**2)
    radius[0, 0] = 1
    spectrum = np.fft.rfft2(rng.standard_normal(shape)) / radius**slope
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, s=shape)
    return np.asarray(noise / noise.std(), dtype=np.float32)


def sample(tile: Array, x: Array, y: Array) -> Array:
    """Return bilinear samples of a periodic tile at any coordinates (in cells)."""
    size = np.int32(tile.shape[0] - 1)
    column, row = np.floor(x), np.floor(y)
    fx, fy = x - column, y - row
    c0, r0 = column.astype(np.int32) & size, row.astype(np.int32) & size
    c1, r1 = (c0 + 1) & size, (r0 + 1) & size
    top = tile[r0, c0] * (1 - fx) + tile[r0, c1] * fx
    bottom = tile[r1, c0] * (1 - fx) + tile[r1, c1] * fx
    return np.asarray(top * (1 - fy) + bottom * fy, dtype=np.float32)


def smoothstep(low: float, high: float, x: Array) -> Array:
    """Return 0 below low, 1 above high, and a smooth way between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def mix(a: Array, b: Array, share: Array) -> Array:
    """Blend two colours by a share a pixel."""
    return np.asarray(a + (b - a) * share[..., None], dtype=np.float32)


def colour(*rgb: float) -> Array:
    """Return one colour."""
    return np.array(rgb, dtype=np.float32)


class Terrain:
    """The shape of the land: a meadow at the near shore, a lake, wooded hills, mountains."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Make the noise tiles that everything is read from."""
        shape = (_TILE, _TILE)
        self.broad = fractal(rng, shape, 2.3)
        self.rough = fractal(rng, shape, 1.75)
        self.fine = fractal(rng, shape, 1.0)
        self.ridged = np.asarray(1 - np.abs(fractal(rng, shape, 1.95)), dtype=np.float32)

    def height(self, x: Array, z: Array) -> Array:
        """Return the height above the lake's surface at world coordinates."""
        rough = sample(self.rough, x * 42, z * 42)
        meadow = 0.11 * (2.35 - 0.22 * x - z) + 0.035 * rough + 0.010 * sample(self.rough, x * 190, z * 190)
        knolls = sample(self.broad, x * 60 + 500, z * 60)
        rise = z - 11.5 - 0.12 * x + 0.9 * rough
        hills = np.minimum(0.2 * rise, smoothstep(0, 9, rise) * (1.25 + 0.75 * knolls + 0.05 * rough))
        ridge = sample(self.ridged, x * 17 + 560, z * 17 + 320)
        massif = 1 + 0.36 * sample(self.broad, x * 15 + 70, z * 15 + 300) - 0.010 * x
        mountains = smoothstep(18, 54, z) * massif * (2.6 + 6.3 * ridge + 0.22 * rough)
        return np.asarray(np.maximum(np.maximum(meadow, hills + mountains), -0.3), dtype=np.float32)


@dataclass(frozen=True)
class View:
    """Where every pixel of the picture meets the land."""

    x: Array
    z: Array
    height: Array
    light: Array
    slope: Array
    sky: NDArray[np.bool_]


def look(terrain: Terrain, w: int, h: int, horizon: int) -> View:
    """Cast a ray through every pixel: the first step of its column whose land reaches up to its row."""
    focal = np.float32(0.62 * w)
    z = _DEPTHS[:, None]
    x = z * (np.arange(w, dtype=np.float32) - np.float32(w / 2)) / focal
    land = terrain.height(x, np.broadcast_to(z, x.shape))
    surface = np.maximum(land, 0)
    profile = horizon - focal * (surface - np.float32(_EYE)) / z
    skyline = np.minimum.accumulate(profile, axis=0)
    rows = np.arange(h, dtype=np.float32)
    step = np.stack([np.searchsorted(-skyline[:, c], -rows) for c in range(w)], axis=1)
    sky = step >= len(_DEPTHS)
    step = np.clip(step, 1, len(_DEPTHS) - 1)
    # Slopes along the column and across it, then the light of a sun at the left.
    dz = np.gradient(surface, axis=0) / np.gradient(z, axis=0)
    dx = np.gradient(surface, axis=1) * focal / z
    length = np.sqrt(dx**2 + dz**2 + 1)
    light = (-dx * _SUN[0] + _SUN[1] - dz * _SUN[2]) / length
    column = np.arange(w)[None, :]
    before, after = profile[step - 1, column], profile[step, column]
    share = np.clip((before - rows[:, None]) / np.maximum(before - after, 1e-3), 0, 1).astype(np.float32)

    def at_hit(values: Array) -> Array:
        values = np.broadcast_to(values, profile.shape)
        return np.asarray(values[step - 1, column] * (1 - share) + values[step, column] * share, dtype=np.float32)

    return View(at_hit(x), at_hit(z), at_hit(land), at_hit(light), at_hit(1 / length), sky)


def paint(terrain: Terrain, view: View) -> Array:
    """Colour the land by height, steepness, light and distance."""
    x, z, height = view.x, view.z, view.height
    grain = sample(terrain.fine, x * 420, z * 420)
    speck = sample(terrain.fine, x * 55 + 77, z * 55)
    patch = sample(terrain.rough, x * 33, z * 33)
    rock = mix(colour(128, 120, 112), colour(88, 82, 80), smoothstep(-1, 1, speck))
    forest = mix(colour(36, 58, 34), colour(70, 92, 48), smoothstep(-1.5, 1.5, speck + 0.7 * patch))
    meadow = mix(colour(74, 104, 40), colour(132, 140, 66), smoothstep(-1.6, 1.6, patch + 0.6 * grain))
    flowers = smoothstep(2.0, 2.4, sample(terrain.fine, x * 610 + 9, z * 305 + 5)) * smoothstep(-0.3, 0.8, patch)
    meadow = mix(meadow, np.broadcast_to(colour(226, 206, 120), meadow.shape), 0.8 * flowers)
    snow = colour(244, 247, 252)
    land = mix(forest, rock, smoothstep(2.0, 3.3, height + 0.6 * patch + 0.25 * speck))
    snowy = smoothstep(4.4, 5.6, height + 0.6 * patch + 0.3 * speck) * smoothstep(0.30, 0.50, view.slope + 0.06 * speck)
    land = mix(land, np.broadcast_to(snow, land.shape), snowy)
    land = mix(meadow, land, smoothstep(4, 7, z))
    beach = 1 - smoothstep(0.0, 0.035, height + 0.006 * grain)
    land = mix(land, np.broadcast_to(colour(150, 140, 118), land.shape), 0.85 * beach)
    lit = 0.34 + 1.0 * np.clip(view.light + 0.08 * speck, 0, 1.1) + np.where(z < 5, 0.10, 0) * grain
    return np.asarray(land * lit[..., None] * colour(1.05, 1.0, 0.92), dtype=np.float32)


def haze(picture: Array, z: Array) -> Array:
    """Let the distance fade into the colour of the air."""
    return mix(
        picture, np.broadcast_to(_HAZE, picture.shape), 0.72 * (1 - np.exp(-((z / 52) ** 1.3))).astype(np.float32)
    )


def plant(terrain: Terrain, rng: np.random.Generator, view: View, picture: Array, horizon: int) -> None:
    """Put conifers on the far shore and a few big ones at the sides, farthest first."""
    h, w = view.z.shape
    focal = 0.62 * w
    count = 5200
    z = np.concatenate([rng.uniform(10.5, 24, count), rng.uniform(1.75, 2.3, 7)])
    x = np.concatenate([rng.uniform(-0.85, 0.85, count) * z[:count], [-1.62, -1.38, -1.15, -1.48, 1.42, 1.58, 1.28]])
    tall = np.concatenate([rng.uniform(0.16, 0.34, count), rng.uniform(0.45, 0.85, 7)])
    ground = terrain.height(x.astype(np.float32), z.astype(np.float32))
    dense = sample(terrain.rough, (x * 33).astype(np.float32), (z * 33).astype(np.float32))
    for i in np.argsort(-z):
        if ground[i] < 0.02 or (z[i] > 5 and (ground[i] > 2.3 or dense[i] > 0.45)):
            continue
        column = int(w / 2 + focal * x[i] / z[i])
        base = int(horizon - focal * (ground[i] - _EYE) / z[i])
        size = int(focal * tall[i] / z[i])
        if size < 4 or not 0 <= column < w or not 0 <= base < h or abs(view.z[base, column] / z[i] - 1) > 0.12:
            continue
        conifer(terrain, rng, picture, (base, column), size, float(z[i]))


def conifer(
    terrain: Terrain, rng: np.random.Generator, picture: Array, foot: tuple[int, int], size: int, distance: float
) -> None:
    """Draw one conifer with its foot at a pixel."""
    half = max(2, int(size * rng.uniform(0.17, 0.24)))
    rows = np.arange(size, dtype=np.float32)[:, None]
    columns = np.arange(-half, half + 1, dtype=np.float32)[None, :]
    offset = float(rng.uniform(0, _TILE))
    scale = max(0.35, 90 / size)
    noise = sample(terrain.fine, columns * scale + offset, rows * scale * 1.4 + offset)
    down = rows / size
    layers = 1 - (down * rng.uniform(6, 9)) % 1
    reach = half * down**0.85 * (0.78 + 0.22 * layers) * (0.86 + 0.26 * noise)
    mask = np.where(down < 0.95, np.abs(columns) < np.maximum(reach, 0.5), np.abs(columns) < 0.045 * size * 0.5)
    top, left = foot[0] - size, foot[1] - half
    r0, c0 = max(0, -top), max(0, -left)
    r1, c1 = min(size, picture.shape[0] - top), min(2 * half + 1, picture.shape[1] - left)
    if r1 <= r0 or c1 <= c0:
        return
    light = 0.62 + 0.30 * noise - 0.34 * columns / half + 0.16 * (1 - layers)
    tree = colour(46, 68, 38) * (1 + 0.25 * rng.uniform(-1, 1)) * np.clip(light, 0.15, 1.6)[..., None]
    share = np.float32(0.72 * (1 - np.exp(-((distance / 52) ** 1.3))))
    tree = tree + (_HAZE - tree) * share
    part = picture[top + r0 : top + r1, left + c0 : left + c1]
    inside = mask[r0:r1, c0:c1]
    part[inside] = tree[r0:r1, c0:c1][inside]


def draw(width: int, height: int, seed: int) -> Layers:
    """Render the landscape at twice its size and scale it down."""
    rng = np.random.default_rng(seed)
    terrain = Terrain(rng)
    w, h = 2 * width, 2 * height
    horizon = int(0.47 * h)
    view = look(terrain, w, h, horizon)
    land = haze(paint(terrain, view), view.z)
    sky, water = view.sky.copy(), (view.height < 0) & ~view.sky
    land[sky] = -1
    land[water] = -2
    plant(terrain, rng, view, land, horizon)
    sky, water = land[..., 0] == -1, land[..., 0] == -2
    land[sky | water] = 0

    def halve(picture: Array) -> Array:
        return np.asarray(picture.reshape(height, 2, width, 2, -1).mean(axis=(1, 3)), dtype=np.float32)

    def share(mask: NDArray[np.bool_]) -> Array:
        return halve(mask.astype(np.float32)[..., None])[..., 0]

    open_sky, lake = share(sky), share(water)
    covered = np.maximum(1 - open_sky - lake, 1e-3)[..., None]
    return Layers(np.clip(halve(land) / covered, 0, 255), open_sky, lake, horizon // 2)
