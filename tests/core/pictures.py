"""Draw natural-looking camera pictures and damage them for real."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
import io

import av
from av.video.frame import PictureType
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

type Rgb = NDArray[np.uint8]

SCENES = ("day", "night", "infrared", "fog", "snow", "wall", "dusk")


@lru_cache(maxsize=64)
def fractal(width: int, height: int, seed: int, slope: float = 1.15) -> NDArray[np.float32]:
    """Return a field with a 1/f**slope amplitude spectrum, mean 0 and standard deviation 1."""
    rng = np.random.default_rng(seed)
    fy = np.fft.fftfreq(height)[:, None] * height / width
    fx = np.fft.rfftfreq(width)[None, :]
    radius = np.hypot(fy, fx)
    radius[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((height, width))) / radius**slope
    spectrum[0, 0] = 0.0
    field = np.fft.irfft2(spectrum, s=(height, width))
    return (field / field.std()).astype(np.float32)


def _grid(width: int, height: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return x and y of every pixel, 0..1."""
    return (
        np.linspace(0, 1, width, dtype=np.float32)[None, :].repeat(height, 0),
        np.linspace(0, 1, height, dtype=np.float32)[:, None].repeat(width, 1),
    )


def _yard(width: int, height: int, seed: int) -> NDArray[np.float32]:
    """Return reflectances (height, width, 3), 0..1, of sky, trees, a house with windows, a fence and a lawn."""
    x, y = _grid(width, height)
    grain = fractal(width, height, seed)
    leaves = fractal(width, height, seed + 1, 0.75)
    out = np.empty((height, width, 3), np.float32)
    for band, (top, low) in enumerate(((0.50, 0.72), (0.66, 0.78), (0.90, 0.86))):
        out[..., band] = top + (low - top) * y * 2 + 0.035 * grain
    lawn = y > 0.62 + 0.012 * fractal(width, height, seed + 2)
    for band, level in enumerate((0.30, 0.42, 0.18)):
        out[..., band][lawn] = (level + 0.07 * leaves + 0.05 * grain)[lawn]
    trees = (y > 0.30 + 0.08 * fractal(width, height, seed + 3, 1.6)) & (y < 0.66) & ((x < 0.34) | (x > 0.80))
    for band, level in enumerate((0.16, 0.26, 0.12)):
        out[..., band][trees] = (level + 0.09 * leaves)[trees]
    house = (x > 0.40) & (x < 0.74) & (y > 0.26) & (y < 0.68)
    for band, level in enumerate((0.62, 0.53, 0.46)):
        out[..., band][house] = (level + 0.025 * grain + 0.02 * leaves)[house]
    roof = (y > 0.14) & (y < 0.26) & (np.abs(x - 0.57) < 0.20 * (y - 0.14) / 0.12 + 0.005)
    for band, level in enumerate((0.38, 0.20, 0.16)):
        out[..., band][roof] = (level + 0.03 * leaves)[roof]
    for left in (0.44, 0.53, 0.62):
        pane = (x > left) & (x < left + 0.06) & (y > 0.36) & (y < 0.48)
        out[pane] = (0.12, 0.14, 0.17)
    fence = (y > 0.60) & (y < 0.70) & ((x * 46) % 1 < 0.28) & (x > 0.76)
    out[fence] = (0.66, 0.64, 0.60)
    return np.clip(out, 0.0, 1.0)


@lru_cache(maxsize=48)
def scene(name: str, width: int = 1280, height: int = 720, seed: int = 1) -> Rgb:
    """Return the scene ``name`` (one of SCENES) as RGB (height, width, 3), without sensor noise."""
    x, y = _grid(width, height)
    yard = _yard(width, height, seed)
    if name == "day":
        out = yard * 235
    elif name == "dusk":
        out = yard * np.array((70, 62, 84), np.float32)
    elif name == "snow":
        ground = (y > 0.62)[..., None]
        out = np.where(ground, 226 + 22 * (yard - 0.3), 120 + 110 * yard)
    elif name == "fog":
        veil = np.clip(1.1 - y, 0.25, 1)[..., None]
        out = yard * 150 * (1 - veil) + np.array((196, 199, 203), np.float32) * veil
    elif name == "infrared":
        glow = 1.1 * np.exp(-(((x - 0.5) / 0.45) ** 2) - ((y - 0.6) / 0.5) ** 2)
        out = ((yard @ np.array((0.3, 0.6, 0.1), np.float32)) * glow * 165 + 8)[..., None].repeat(3, 2)
    elif name == "night":
        light = np.full((height, width), 0.012, np.float32)
        for lamp_x, lamp_y, power in ((0.2, 0.3, 0.5), (0.82, 0.4, 0.35)):
            distance = np.hypot((x - lamp_x) * 1.78, y - lamp_y)
            light += power * np.exp(-distance / 0.12) + (distance < 0.008) * 3
        out = yard * light[..., None] * np.array((255, 225, 170), np.float32) + 2
    elif name == "wall":
        grain = fractal(width, height, seed, 0.8)
        out = (168 - 26 * np.hypot(x - 0.4, y - 0.3) + 0.9 * grain)[..., None] * np.array((1.0, 0.97, 0.92), np.float32)
    else:
        raise ValueError(name)
    return np.clip(out, 0, 255).astype(np.uint8)


def noisy(rgb: Rgb, sigma: float, seed: int) -> Rgb:
    """Return the picture with independent Gaussian sensor noise of ``sigma`` grey levels."""
    rng = np.random.default_rng(seed)
    grain = rng.standard_normal(rgb.shape[:2], dtype=np.float32) * sigma
    return np.clip(rgb.astype(np.float32) + grain[..., None] + 0.5, 0, 255).astype(np.uint8)


def with_clock(rgb: Rgb, text: str) -> Rgb:
    """Return the picture with a burnt-in clock in the top left corner."""
    picture = Image.fromarray(rgb)
    ImageDraw.Draw(picture).text((12, 8), text, fill=(255, 255, 255), font_size=max(12, rgb.shape[0] // 26))
    return np.asarray(picture)


def blurred(rgb: Rgb, factor: int) -> Rgb:
    """Return the picture as a lens would give it that resolves ``factor`` pixels."""
    height, width = rgb.shape[:2]
    small = Image.fromarray(rgb).resize((max(2, width // factor), max(2, height // factor)), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def resized(rgb: Rgb, width: int, height: int) -> Rgb:
    """Return the picture at another size."""
    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BICUBIC))


def flat(colour: tuple[int, int, int], width: int = 1280, height: int = 720) -> Rgb:
    """Return a picture of one colour."""
    return np.full((height, width, 3), colour, np.uint8)


def jpeg(rgb: Rgb, quality: int = 88, **options: object) -> bytes:
    """Return the picture as JPEG."""
    return encoded(rgb, "JPEG", quality=quality, **options)


def encoded(rgb: Rgb, kind: str, **options: object) -> bytes:
    """Return the picture in the format ``kind``."""
    target = io.BytesIO()
    Image.fromarray(rgb).save(target, kind, **options)
    return target.getvalue()


def cut(data: bytes, share: float) -> bytes:
    """Return a JPEG that ends after ``share`` of the bytes of its scan."""
    start = scan_start(data)
    return data[: start + int((len(data) - 2 - start) * share)]


def re_ended(data: bytes) -> bytes:
    """Return the bytes closed with an end marker, as a proxy does."""
    return data + b"\xff\xd9"


def scan_start(data: bytes) -> int:
    """Return where the entropy-coded bytes of a baseline JPEG begin."""
    marker = data.index(b"\xff\xda")
    return marker + 2 + int.from_bytes(data[marker + 2 : marker + 4])


def h264(frames: Sequence[Rgb], **options: str) -> list[av.Packet]:
    """Return the packets of the frames as H.264; every frame is a key frame when keyint is 1."""
    height, width = frames[0].shape[:2]
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base = Fraction(1, 25)
    codec.options = {"preset": "veryfast", "tune": "zerolatency", "threads": "1", "bf": "0", **options}
    packets: list[av.Packet] = []
    for number, rgb in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
        frame.pts = number
        packets += codec.encode(frame)
    return packets + codec.encode(None)


def decoded(packets: Iterable[av.Packet], *, keys_only: bool = False, **options: str) -> list[Rgb]:
    """Return the frames of H.264 packets; broken ones as the decoder leaves them."""
    codec = av.CodecContext.create("h264", "r")
    codec.options = {"threads": "1", **options}
    frames: list[av.VideoFrame] = []
    for packet in [*packets, None]:
        try:
            frames += codec.decode(packet)
        except av.error.FFmpegError:
            continue
    return [frame.to_ndarray(format="rgb24") for frame in frames if not keys_only or frame.pict_type == PictureType.I]
