"""A living landscape for test cameras: drifting clouds and their shadows, a rippling lake, sensor noise and a clock.

Runs under Python 3.11 and numpy 1.24 too (the interpreter of the RTSP camera).
"""

import argparse
from pathlib import Path
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.dev.clock import Frame, draw_clock
from scripts.dev.landscape import Array, colour, draw, fractal, mix, sample, smoothstep

Small = NDArray[Any]
_NOISE_POOL = 1 << 19
_INFRARED = 0.45  # of the daylight


class Panorama:
    """A picture that goes on for twice the width of the frame and then repeats, to be drifted sideways."""

    def __init__(self, picture: Array, speed: float) -> None:
        """Keep one more frame's width behind the end, so that every view is one slice."""
        self._period = picture.shape[1]
        self._pixels = np.concatenate([picture, picture[:, : self._period // 2]], axis=1).astype(np.uint16)
        self._width = self._period // 2
        self._speed = speed * self._width / 1280

    def at(self, t: float) -> Small:
        """Return the view at a time."""
        left = int(-t * self._speed) % self._period
        view: Small = self._pixels[:, left : left + self._width]
        return view


class Scene:
    """Compose the picture of any moment; the same seed, size and moment give the same picture."""

    def __init__(self, width: int = 1280, height: int = 720, seed: int = 7, *, clock: bool = True) -> None:
        """Draw once what does not change."""
        self.width, self.height, self._clock = width, height, clock
        rng = np.random.default_rng([seed, 1])
        layers = draw(width, height, seed)
        self._land = layers.land.astype(np.uint16)
        self._horizon = layers.horizon
        self._make_sky(rng, layers.sky)
        self._make_shadows(rng)
        self._make_lake(rng, layers.lake)
        noise = rng.normal(0, 1.5, 3 * width * height + _NOISE_POOL)
        self._noise = np.round(noise).astype(np.int16)
        self._dark: Small | None = None

    def _make_sky(self, rng: np.random.Generator, share: Array) -> None:
        """Paint a gradient with high thin clouds, and low clouds in front of it."""
        rows = int(np.flatnonzero(share.max(axis=1) > 0)[-1]) + 1
        self._sky_share = np.round(share[:rows, :, None] * 256).astype(np.uint16)
        period = 2 * self.width
        tile = fractal(rng, (1024, 1024), 1.75)
        veil = fractal(rng, (1024, 1024), 1.6, stretch=5)
        x = (np.arange(period, dtype=np.float32) * (1024 / period))[None, :]
        # Rows are nearer to each other towards the horizon, as a flat ceiling is seen.
        ceiling = (1 / (0.22 + (self._horizon - np.arange(rows, dtype=np.float32)) / self._horizon))[:, None]
        up = np.clip((self._horizon - np.arange(rows, dtype=np.float32)) / self._horizon, 0, 1)[:, None]
        gradient = mix(
            colour(203, 218, 230), colour(58, 108, 178), np.broadcast_to(up**0.8, (rows, period)).astype(np.float32)
        )
        thin = smoothstep(0.0, 2.6, sample(veil, x + 0 * ceiling, ceiling * 420))
        far = mix(gradient, colour(244, 246, 250), 0.55 * thin)

        def density(dx: float, dy: float) -> Array:
            return sample(tile, x * 2 + dx, ceiling * 520 + dy) + 0.22 * sample(tile, x * 6 + dx, ceiling * 1560 + dy)

        cloud = density(0, 0)
        cover = smoothstep(0.30, 1.05, cloud)
        # Lit from the left and from above: brighter where there is less cloud towards the sun.
        relief = np.clip((cloud - density(-8, 14)) * 0.9, -1, 1)
        body = mix(
            colour(168, 177, 192), colour(255, 253, 248), np.clip(0.62 + 0.55 * relief - 0.22 * (cloud - 1), 0, 1)
        )
        body = mix(body, gradient, np.broadcast_to(0.35 * (1 - up), (rows, period)))
        self._far_sky = Panorama(far, 1.5)
        self._clouds = Panorama(body * cover[..., None], 5)
        self._gaps = Panorama(np.round((1 - cover) * 256)[..., None], 5)

    def _make_shadows(self, rng: np.random.Generator) -> None:
        """Let the clouds darken the land in patches that drift with them."""
        tile = fractal(rng, (1024, 1024), 2.0)
        x = (np.arange(2 * self.width, dtype=np.float32) * (1024 / self.width))[None, :]
        below = np.abs(np.arange(self.height, dtype=np.float32) - self._horizon)[:, None] / self.height
        patches = smoothstep(-0.2, 1.1, sample(tile, x + 0 * below, 60 / (0.08 + below)))
        self._light = Panorama((256 - 90 * patches)[..., None], 5)

    def _make_lake(self, rng: np.random.Generator, share: Array) -> None:
        """Prepare the mirror, the ripples that shake it, and the colour of the water."""
        wet = np.flatnonzero(share.max(axis=1) > 0)
        top, bottom = int(wet[0]), int(wet[-1]) + 1
        self._lake_rows = slice(top, bottom)
        self._lake_share = np.round(share[top:bottom, :, None] * 256).astype(np.uint16)
        below = np.arange(top, bottom, dtype=np.float32)[:, None] - self._horizon
        self._mirror = np.clip(self._horizon - 1.05 * below, 0, self.height - 1).astype(np.int32)
        depth = np.log(np.maximum(below, 1))
        tile = fractal(rng, (1024, 1024), 1.2, stretch=4)
        x = (np.arange(2 * self.width, dtype=np.float32) * (1024 / self.width))[None, :]
        strength = 0.5 + 5 * (below / below.max()) ** 0.8
        waves = [sample(tile, x + 0 * depth, depth * 190 + 400 * k) for k in (0, 1)]
        self._ripples = [
            Panorama(1024 + 8 * strength * wave, speed) for wave, speed in zip(waves, (11, -7), strict=True)
        ]
        self._water = (
            colour(30, 62, 78) * np.linspace(0.30, 0.52, bottom - top, dtype=np.float32)[:, None, None]
        ).astype(np.uint16)
        self._clarity = (256 * np.linspace(0.74, 0.52, bottom - top, dtype=np.float32))[:, None, None].astype(np.uint16)
        self._columns = np.arange(self.width)[None, :]

    def render(self, t: float) -> Frame:
        """Return the picture of a moment (seconds since the epoch)."""
        return self.finish(self._compose(t), t)

    def night(self, t: float) -> Frame:
        """Return the same land by infrared light on a still night: nothing moves but the clock, and the noise."""
        if self._dark is None:
            grey = self._compose(0).mean(axis=2, keepdims=True) * _INFRARED
            self._dark = np.broadcast_to(grey, (self.height, self.width, 3)).astype(np.uint16)
        return self.finish(self._dark, t)

    def _compose(self, t: float) -> Small:
        """Return the picture of a moment without the camera's part in it."""
        picture: Small = (self._land * self._light.at(t)) >> 8
        sky = self._clouds.at(t) + (self._far_sky.at(t) * self._gaps.at(t) >> 8)
        rows = sky.shape[0]
        picture[:rows] = (picture[:rows] * (256 - self._sky_share) + sky * self._sky_share) >> 8
        shake = (self._ripples[0].at(t).astype(np.int32) + self._ripples[1].at(t) - 2048) >> 3
        mirrored = picture[np.clip(self._mirror + shake, 0, self._horizon), self._columns]
        lake = self._water + (mirrored * self._clarity >> 8)
        lake += np.clip(shake - 4, 0, 12).astype(np.uint16)[..., None] * 3
        shore = picture[self._lake_rows]
        picture[self._lake_rows] = (shore * (256 - self._lake_share) + lake * self._lake_share) >> 8
        return picture

    def black(self) -> Frame:
        """Return what a camera sends whose sensor has died: nothing at all, not even noise, and no clock."""
        return np.zeros((self.height, self.width, 3), dtype=np.uint8)

    def finish(self, picture: Small, t: float) -> Frame:
        """Add the sensor's noise and the clock."""
        frame = np.clip(picture.view(np.int16) + self._grain(t), 0, 255).astype(np.uint8)
        if self._clock:
            draw_clock(frame, t)
        return frame

    def _grain(self, t: float) -> NDArray[np.int16]:
        """Return the noise of one frame: a piece of a long reel."""
        start = int(np.random.default_rng(int(t * 1000)).integers(_NOISE_POOL))
        return self._noise[start : start + 3 * self.width * self.height].reshape(self.height, self.width, 3)


def main() -> None:
    """Save one picture, and say how fast they are made."""
    from PIL import Image  # noqa: PLC0415  not there in the camera's interpreter

    parser = argparse.ArgumentParser(description="Save a picture of the test landscape.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--time", type=float, default=time.time())
    parser.add_argument("--no-clock", action="store_true")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    begin = time.perf_counter()
    scene = Scene(width, height, args.seed, clock=not args.no_clock)
    made = time.perf_counter()
    for index in range(20):
        scene.render(args.time + index)
    rate = 20 / (time.perf_counter() - made)
    Image.fromarray(scene.render(args.time)).save(args.file, quality=90)
    print(f"{args.size}: prepared in {made - begin:.1f} s, {rate:.0f} pictures a second")


if __name__ == "__main__":
    main()
