"""The parts of a JPEG: the segments of its header, what they promise, and where its picture ends (ITU-T T.81, B.1)."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from ..errors import Code, ImageError
from .refusals import cut_short, not_an_image

MAX_MARKER_BYTES: Final = 1024 * 1024
"""Bytes before the first scan of a JPEG. Sixteen full segments; more is a container or an attack."""
MAX_SCANS: Final = 100
"""Scans of a JPEG; encoders write about 10."""
MAX_SCANNED_PIXELS: Final = 1_000_000_000
"""Scans times pixels. Each scan costs a pass over the whole picture, though an empty one takes 10 bytes: the time of
the decode (0.25 s for this many empty ones, measured) is bounded here, before it starts."""
MAX_MARKERS: Final = 10_000
"""Markers of a JPEG before its first scan, and from there on. A hundred scans with their tables have under a thousand,
and 32 MiB of random bytes behind a cut about as many; each costs the walk a microsecond."""
MIN_ZERO_TAIL: Final = 64
"""Zero bytes at the end of a JPEG without end marker that are no picture data: a code of zeros is at most 16 bits
long, so this many would be over 30 equal blocks; a file that was laid out but not filled has thousands."""

_SEGMENTS: Final = frozenset((*range(0xC0, 0xC8), *range(0xC9, 0xD0), *range(0xDA, 0xDE), *range(0xE0, 0xF0), 0xFE))
"""Markers of segments that decoders read as the standard has them. Of all others some are refused by libjpeg, skipped
without their length by Pillow, or taken for a frame header (0xDE): what is read next, a size for instance, would not be
what was checked."""
_SEQUENTIAL: Final = (0xC0, 0xC1)
_ARITHMETIC: Final = (0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
"""Frame headers of JPEGs that no browser shows; where their data end, decoding goes on for 90 ns a pixel and scan."""
_WALK_STEP: Final = 1024 * 1024
"""Bytes that are searched for markers at a time; the search takes a few times their memory."""


class JpegHead(NamedTuple):
    """What a JPEG says before its picture.

    ``samples`` are those of all components for each pixel, 1..4; ``scan`` is where the picture begins, and
    ``one_scan`` whether it is all in one.
    """

    width: int
    height: int
    components: int
    samples: float
    scan: int
    one_scan: bool


def head_of(data: bytes) -> JpegHead:
    """Walk the segments of a JPEG to its first scan.

    Raises ImageError: NOT_AN_IMAGE, FORMAT_UNSUPPORTED, TRUNCATED.
    """
    frame = b""
    for marker, position, length in segments(data):
        if marker in _ARITHMETIC:
            raise ImageError(Code.FORMAT_UNSUPPORTED, "JPEGs with arithmetic coding are not supported", format="JPEG")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xCC):
            frame = bytes([marker]) + data[position + 4 : position + 2 + length].ljust(6, b"\0")
        if marker == 0xDA:
            if not frame:
                raise not_an_image(data, "a JPEG without a frame header")
            components = frame[6]
            return JpegHead(
                width=int.from_bytes(frame[4:6]),
                height=int.from_bytes(frame[2:4]),
                components=components,
                samples=_samples(frame[8::3][:components]),
                scan=position + 2 + length,
                one_scan=frame[0] in _SEQUENTIAL and data[position + 4 : position + 5] == frame[6:7],
            )
    raise cut_short("header")


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, position and length (without the marker's two bytes) of the segments up to the first scan header.

    Raises ImageError: NOT_AN_IMAGE, TRUNCATED.
    """
    position = 2
    for _ in range(MAX_MARKERS):
        while data[position : position + 2] == b"\xff\xff" and position <= MAX_MARKER_BYTES:
            position += 1
        if position > MAX_MARKER_BYTES:
            raise not_an_image(data, f"over {MAX_MARKER_BYTES} bytes of markers before the picture")
        if position + 4 > len(data):
            raise cut_short("header")
        if data[position] != 0xFF:
            raise not_an_image(data, "a JPEG with broken markers")
        marker = data[position + 1]
        if marker == 0xD9:
            raise cut_short("header")
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            position += 2
            continue
        length = int.from_bytes(data[position + 2 : position + 4])
        if length < 2 or marker not in _SEGMENTS:
            raise not_an_image(data, "a JPEG with broken markers")
        if position + 2 + length > len(data):
            raise cut_short("header")
        yield marker, position, length
        if marker == 0xDA:
            return
        position += 2 + length
    raise not_an_image(data, f"over {MAX_MARKERS} markers before the picture")


def _samples(factors: bytes) -> float:
    """Return samples for each pixel by the sampling factors (two half bytes) of the components."""
    across = max((factor >> 4 for factor in factors), default=0)
    down = max((factor & 15 for factor in factors), default=0)
    if not across or not down:
        return float(len(factors))
    return sum((factor >> 4) * (factor & 15) for factor in factors) / (across * down)


def last_scan_end(data: bytes, start: int, pixels: int) -> tuple[int, bool]:
    """Return where the picture ends and whether an end marker says so; ``start`` is in the first of many scans.

    Without an end marker, zero bytes at the end (a file that was laid out but not filled) do not count.
    Raises ImageError: NOT_AN_IMAGE, DECODE_TIMEOUT.
    """
    scans = 1
    for number, place in enumerate(_markers(data, start)):
        marker = data[place + 1]
        if marker == 0xD9:
            return place + 2, True
        if marker == 0xDA:
            scans += 1
            if scans > MAX_SCANS or scans * pixels > MAX_SCANNED_PIXELS:
                raise ImageError(Code.DECODE_TIMEOUT, f"{scans} scans and more: decoding would take too long")
        if number >= MAX_MARKERS:
            raise not_an_image(data, f"over {MAX_MARKERS} markers")
    filled = len(data.rstrip(b"\0"))
    return (max(start, filled) if len(data) - filled >= MIN_ZERO_TAIL else len(data)), False


def _markers(data: bytes, start: int) -> Iterator[int]:
    """Yield where the markers begin that follow each other, each behind the segment of the one before.

    What is searched at a time is bounded: a body of nothing but markers costs no more memory than any other.
    """
    position = start
    while position < len(data) - 1:
        stop = min(position + _WALK_STEP, len(data) - 1)
        codes = np.frombuffer(data, dtype=np.uint8, count=stop + 1 - position, offset=position)
        second = codes[1:]
        is_marker = (codes[:-1] == 0xFF) & (second != 0) & (second != 0xFF) & ((second < 0xD0) | (second > 0xD7))
        places = np.flatnonzero(is_marker) + position
        index = 0
        while index < len(places):
            place = int(places[index])
            yield place
            position = place + 2 + int.from_bytes(data[place + 2 : place + 4])
            index = int(np.searchsorted(places, position))
        position = max(position, stop)
