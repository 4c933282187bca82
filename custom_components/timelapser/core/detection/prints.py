"""What is kept of a picture to compare the next one with."""

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
import struct
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError
from .features import PRINT_SIZE
from .jpeg import segments

BLOCK: Final = 8
"""Pixels on a side of a JPEG block; encoders of video cut at multiples of it, too."""
GRID: Final = (24, 16)
"""Columns and rows of blocks that are kept: 24 kB, in which noise of 0.3 levels shows (see ``encoded``)."""
CLOCK_SHARE: Final = 1 / 9
"""Share of the height at the top and at the bottom that a burnt-in clock may change, and no block is kept of."""

_HEAD: Final = struct.Struct("<HHBB?")
_ZIGZAG: Final = np.array(
    sorted(range(64), key=lambda at: (at // 8 + at % 8, at // 8 if (at // 8 + at % 8) % 2 else at % 8))
)
"""Where the n-th step of a table belongs: the zig-zag sequence of ITU-T T.81."""
_TABLES: Final = 0xDB
_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})


@dataclass(frozen=True, kw_only=True, slots=True)
class Print:
    """What is kept of a picture.

    ``size`` is its width and height in pixels, ``sample`` single pixels of it (uint8 luma, 90 x 160), ``blocks`` some
    whole blocks (uint8 luma, rows x columns x 8 x 8) and ``steps`` those of the JPEG quantiser for luma (uint16,
    8 x 8), or None where the file has none.
    """

    size: tuple[int, int]
    sample: NDArray[np.uint8]
    blocks: NDArray[np.uint8]
    steps: NDArray[np.uint16] | None

    @classmethod
    def of(cls, luma: NDArray[np.uint8], sample: NDArray[np.uint8], data: bytes, content_type: str) -> Self:
        """Return the print of a luma plane (uint8, height x width) and of the file that it was decoded from."""
        height, width = luma.shape
        rows, columns = _places(height, width)
        whole = luma[: height // BLOCK * BLOCK, : width // BLOCK * BLOCK]
        picked = whole.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK)[rows].take(columns, axis=2)
        return cls(
            size=(width, height),
            sample=sample,
            blocks=np.ascontiguousarray(picked.swapaxes(1, 2)),
            steps=luma_steps(data) if content_type == "image/jpeg" else None,
        )

    def to_bytes(self) -> bytes:
        """Return the print as bytes, not packed; under 40 KiB."""
        head = _HEAD.pack(*self.size, *self.blocks.shape[:2], self.steps is not None)
        steps = b"" if self.steps is None else self.steps.astype("<u2").tobytes()
        return head + steps + self.sample.tobytes() + self.blocks.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the print that was serialised; raises struct.error or ValueError where the bytes are not whole."""
        width, height, rows, columns, has_steps = _HEAD.unpack_from(data)
        at = _HEAD.size
        steps = None
        if has_steps:
            steps = np.frombuffer(data, "<u2", BLOCK * BLOCK, at).astype(np.uint16).reshape(BLOCK, BLOCK)
            at += steps.nbytes
        count = PRINT_SIZE[0] * PRINT_SIZE[1]
        sample = np.frombuffer(data, np.uint8, count, at).reshape(PRINT_SIZE[1], PRINT_SIZE[0])
        blocks = np.frombuffer(data, np.uint8, offset=at + count).reshape(rows, columns, BLOCK, BLOCK)
        return cls(size=(width, height), sample=sample, blocks=blocks, steps=steps)


@lru_cache(maxsize=64)
def _places(height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and the columns of the blocks that are kept, of a picture of 64 pixels a side and more."""
    top = -int(-height * CLOCK_SHARE // BLOCK)
    bottom = int(height * (1 - CLOCK_SHARE)) // BLOCK
    return _spread(top, bottom, GRID[1]), _spread(0, width // BLOCK, GRID[0])


def _spread(first: int, end: int, most: int) -> NDArray[np.intp]:
    """Return at most so many blocks that are spread over a range of them."""
    count = min(most, end - first)
    blocks: NDArray[np.intp] = first + ((np.arange(count) + 0.5) * (end - first) / count).astype(np.intp)
    return blocks


def luma_steps(data: bytes) -> NDArray[np.uint16] | None:
    """Return the steps (uint16, 8 x 8) by which a JPEG's luma is quantised, or None where it does not say."""
    tables: dict[int, bytes] = {}
    with suppress(ImageError):
        for marker, at, length in segments(data):
            body = data[at + 4 : at + 2 + length]
            if marker == _TABLES:
                tables |= _tables_of(body)
            elif marker in _FRAMES:
                table = tables.get(body[8]) if len(body) > 8 else None
                return None if table is None else _steps_of(table)
    return None


def _steps_of(table: bytes) -> NDArray[np.uint16]:
    """Return the steps of a table of 64 numbers, of one or two bytes each."""
    steps = np.empty(BLOCK * BLOCK, np.uint16)
    steps[_ZIGZAG] = np.maximum(np.frombuffer(table, ">u2" if len(table) > BLOCK * BLOCK else np.uint8), 1)
    return steps.reshape(BLOCK, BLOCK)


def _tables_of(body: bytes) -> dict[int, bytes]:
    """Return the tables in one segment by their number; one that is not whole ends it."""
    tables = {}
    at = 0
    while at < len(body):
        wide, number = body[at] >> 4, body[at] & 15
        size = BLOCK * BLOCK * (2 if wide else 1)
        table = body[at + 1 : at + 1 + size]
        if len(table) < size:
            break
        tables[number] = table
        at += 1 + size
    return tables
