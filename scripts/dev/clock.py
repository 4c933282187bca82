"""Burn a clock into a picture, once for people and once for machines, and read it back.

Runs under Python 3.11 too (the interpreter of the RTSP camera); only reading back needs Pillow.
"""

import io
import time

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]

BITS = 32
WRAP = 1 << BITS
_DARK, _LIGHT = 48, 224
# 5 x 7 dots: a number a row, its highest bit is the leftmost dot.
_FONT = {
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
    "-": (0, 0, 0, 14, 0, 0, 0),
    ":": (0, 12, 12, 0, 12, 12, 0),
    " ": (0, 0, 0, 0, 0, 0, 0),
}
_GLYPHS = {
    char: np.array([[row >> bit & 1 for bit in (4, 3, 2, 1, 0, 7)] for row in rows], dtype=bool)
    for char, rows in _FONT.items()
}


def barcode_height(height: int) -> int:
    """Return the rows that the machine-readable clock takes of a picture: about 3 %."""
    return max(4, round(height * 0.03))


def draw_barcode(frame: Frame, t: float) -> None:
    """Write the time in milliseconds, modulo 2**32, as 32 dark and light blocks across the top rows."""
    height, width = frame.shape[:2]
    value = int(t * 1000) % WRAP
    bits = value >> np.arange(BITS - 1, -1, -1) & 1
    blocks = np.where(bits, _LIGHT, _DARK).astype(np.uint8)
    frame[: barcode_height(height)] = blocks[np.arange(width) * BITS // width][:, None]


def draw_text(frame: Frame, text: str) -> None:
    """Write digits on a darkened plate in the lower left corner."""
    height, width = frame.shape[:2]
    scale = max(1, height // 240)
    dots = np.concatenate([_GLYPHS[char] for char in text], axis=1)[:, :-1]
    mask = np.kron(dots, np.ones((scale, scale), dtype=bool))
    rows, columns = mask.shape
    margin = 2 * scale
    left, bottom = 4 * scale, height - 4 * scale
    if rows + 2 * margin > bottom or left + columns + margin > width:
        return
    plate = frame[bottom - rows - margin : bottom + margin, left - margin : left + columns + margin]
    plate[:] = plate // 3
    frame[bottom - rows : bottom, left : left + columns][mask] = 240


def draw_clock(frame: Frame, t: float) -> None:
    """Write both clocks."""
    draw_barcode(frame, t)
    draw_text(frame, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(t)))


def read_clock(jpeg: bytes) -> int:
    """Return the milliseconds, modulo 2**32, that the barcode of a picture holds; ValueError when it has none."""
    from PIL import Image  # noqa: PLC0415  not there in the camera's interpreter

    with Image.open(io.BytesIO(jpeg)) as image:
        grey = np.asarray(image.convert("L"), dtype=np.float32)
    height, width = grey.shape
    rows = barcode_height(height)
    line = grey[rows // 4 : max(rows // 4 + 1, 3 * rows // 4)].mean(axis=0)
    value = 0
    for index in range(BITS):
        first, last = index * width / BITS, (index + 1) * width / BITS
        quarter = (last - first) / 4
        level = float(line[int(first + quarter) : int(last - quarter) + 1].mean())
        if not (abs(level - _DARK) < 28 or abs(level - _LIGHT) < 50):
            raise ValueError(f"no clock in this picture (block {index} is {level:.0f})")
        value = value << 1 | (level > 128)
    return value


def age_ms(jpeg: bytes, now: float | None = None) -> int:
    """Return how old a picture is by its own clock; negative when it is from the future."""
    age = (int((time.time() if now is None else now) * 1000) - read_clock(jpeg)) % WRAP
    return age - WRAP if age > WRAP // 2 else age
