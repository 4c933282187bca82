"""What the bytes say: whether they are a picture at all, of which format and size, and whether it ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
import zlib

import numpy as np

from ..errors import Code, ImageError

MAX_BYTES: Final = 32 * 1024 * 1024
"""Bytes of one picture. A 50 MP JPEG of the best quality has about 25 MiB."""
MAX_PIXELS: Final = 50_000_000
"""Pixels by the header. The largest surveillance sensors have 32 MP; 50 MP decode to 75 MB of planes."""
MIN_SIDE: Final = 64
"""Pixels of the shorter side. Below are tracking pixels and icons; the smallest camera sub-streams have 120."""
MAX_MARKER_BYTES: Final = 1024 * 1024
"""Bytes before the first scan of a JPEG. Sixteen full segments; more is a container or an attack."""
MAX_SCANS: Final = 100
"""Scans of a JPEG; encoders write about 10."""
MAX_SCANNED_PIXELS: Final = 1_000_000_000
"""Scans times pixels. Each scan costs a pass over the whole picture, though an empty one takes 10 bytes: the time of
the decode (0.25 s for this many empty ones, measured) is bounded here, before it starts."""
MAX_MARKERS: Final = 10_000
"""Markers from the first scan of a JPEG on. A hundred scans with their tables have under a thousand, and 32 MiB of
random bytes behind a cut about as many; each costs the walk a microsecond."""
MAX_WEBP_PIXELS: Final = 16_000_000
"""Pixels of a WebP. Its decoder takes 14 bytes for each (measured: 700 MB and 1.9 s for 50 MP), a JPEG's takes 2;
cameras that write WebP have at most 8 MP."""
MAX_PNG_TEXT: Final = 1024 * 1024
"""Bytes of one unpacked PNG text or colour profile; Pillow's own limit."""
MIN_ZERO_TAIL: Final = 64
"""Zero bytes at the end of a JPEG without end marker that are no picture data: a code of zeros is at most 16 bits
long, so this many would be over 30 equal blocks; a file that was laid out but not filled has thousands."""
HEX_BYTES: Final = 16
"""Bytes shown of what is not a picture."""

_JPEG: Final = b"\xff\xd8\xff"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_FOREIGN_BRANDS: Final = frozenset(
    (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
)
_SEQUENTIAL: Final = (0xC0, 0xC1, 0xC9)
_PNG_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_UNPACK_STEP: Final = 1024 * 1024
_WALK_STEP: Final = 1024 * 1024
"""Bytes that are searched for markers at a time; the search takes a few times their memory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gated:
    """A picture that may be decoded.

    ``width`` and ``height`` are pixels as stored (before any EXIF rotation); the picture is ``data[:end]``, and
    ``tail`` bytes of something else follow it. ``ends_cleanly`` is False where the end marker is missing.
    ``extension`` has no dot.
    """

    content_type: str
    extension: str
    width: int
    height: int
    end: int
    tail: int
    ends_cleanly: bool

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in pixels."""
        return self.width, self.height


def gate(data: bytes) -> Gated:
    """Return format, size and end of a picture, judged by its bytes alone and never by its name or content type.

    Raises ImageError: CAMERA_EMPTY, NOT_AN_IMAGE, FORMAT_UNSUPPORTED, TRUNCATED (before the first pixel),
    TOO_LARGE, TOO_SMALL, DECODE_TIMEOUT (so many scans that decoding would take too long).
    """
    if not data:
        raise ImageError(Code.CAMERA_EMPTY, "no bytes")
    if len(data) > MAX_BYTES:
        raise ImageError(Code.TOO_LARGE, f"{len(data)} bytes; the limit is {MAX_BYTES}", bytes=len(data))
    if data.startswith(_JPEG):
        return _gate_jpeg(data)
    if data.startswith(_PNG):
        return _gate_png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _gate_webp(data)
    if name := _foreign_format(data):
        raise ImageError(Code.FORMAT_UNSUPPORTED, f"{name} pictures are not supported", format=name)
    raise _not_an_image(data)


def _not_an_image(data: bytes, why: str = "not a picture") -> ImageError:
    """Return the error that shows how the bytes begin."""
    start = data[:HEX_BYTES].hex()
    return ImageError(Code.NOT_AN_IMAGE, f"{why}; the first bytes are {start}", first_bytes=start)


def _foreign_format(data: bytes) -> str | None:
    """Return the name of a picture format that is known but not supported."""
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith((b"II*\x00", b"MM\x00*")):
        return "TIFF"
    if data.startswith(b"BM") and data[6:10] == bytes(4):
        return "BMP"
    if data[4:8] == b"ftyp" and data[8:12] in _FOREIGN_BRANDS:
        return "AVIF" if data[8:11] == b"avi" else "HEIC"
    text = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"<svg") or (text.startswith(b"<?xml") and b"<svg" in text):
        return "SVG"
    return None


def _check_size(width: int, height: int, most: int = MAX_PIXELS) -> None:
    """Raise when the size in the header is out of bounds; ``most`` is in pixels."""
    if width < MIN_SIDE or height < MIN_SIDE:
        raise ImageError(Code.TOO_SMALL, f"{width}x{height}; the least is {MIN_SIDE}", width=width, height=height)
    if width * height > most:
        raise ImageError(Code.TOO_LARGE, f"{width}x{height}; the limit is {most} pixels", width=width, height=height)


def _cut_short(what: str) -> ImageError:
    """Return the error of a picture that ends before its pixels begin."""
    return ImageError(Code.TRUNCATED, f"the picture ends in its {what}")


def _gate_jpeg(data: bytes) -> Gated:
    """Walk the segments of a JPEG to its first scan, then its markers to the end (ITU-T T.81, B.1)."""
    width = height = components = 0
    progressive = False
    position = 2
    while True:
        if position > MAX_MARKER_BYTES:
            raise _not_an_image(data, f"over {MAX_MARKER_BYTES} bytes of markers before the picture")
        if position + 4 > len(data):
            raise _cut_short("header")
        if data[position] != 0xFF:
            raise _not_an_image(data, "a JPEG with broken markers")
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker == 0xD9:
            raise _cut_short("header")
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            position += 2
            continue
        length = int.from_bytes(data[position + 2 : position + 4])
        if length < 2:
            raise _not_an_image(data, "a JPEG with broken markers")
        if position + 2 + length > len(data):
            raise _cut_short("header")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height = int.from_bytes(data[position + 5 : position + 7])
            width = int.from_bytes(data[position + 7 : position + 9])
            _check_size(width, height)
            components, progressive = data[position + 9], marker not in _SEQUENTIAL
        if marker == 0xDA:
            one_scan = not progressive and data[position + 4] == components
            position += 2 + length
            break
        position += 2 + length
    if not width:
        raise _not_an_image(data, "a JPEG without a frame header")
    end = data.rfind(b"\xff\xd9", position) + 2 if one_scan else 0
    ends_cleanly = end >= 2
    if not ends_cleanly:
        end, ends_cleanly = _last_scan_end(data, position, width * height)
    return Gated(
        content_type="image/jpeg",
        extension="jpg",
        width=width,
        height=height,
        end=end,
        tail=len(data) - end if ends_cleanly else 0,
        ends_cleanly=ends_cleanly,
    )


def _last_scan_end(data: bytes, start: int, pixels: int) -> tuple[int, bool]:
    """Return where the picture ends and whether an end marker says so; ``start`` is in the first of many scans.

    Without an end marker, zero bytes at the end (a file that was laid out but not filled) do not count.
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
            raise _not_an_image(data, f"over {MAX_MARKERS} markers")
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


def _gate_png(data: bytes) -> Gated:
    """Walk the chunks of a PNG (ISO/IEC 15948, 5.3) and bound what its packed parts unpack to."""
    if len(data) < 33:
        raise _cut_short("header")
    if data[12:16] != b"IHDR":
        raise _not_an_image(data, "a PNG without its header")
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    _check_size(width, height)
    depth, colour = data[24], data[25]
    position, end, packed = 33, len(data), []
    ends_cleanly = False
    while position + 8 <= len(data):
        length, kind = int.from_bytes(data[position : position + 4]), data[position + 4 : position + 8]
        if length > MAX_BYTES:
            raise ImageError(Code.TOO_LARGE, f"a chunk of {length} bytes")
        body = data[position + 8 : position + 8 + length]
        position += 12 + length
        if kind == b"IDAT":
            packed.append(body)
        elif kind in (b"zTXt", b"iTXt", b"iCCP"):
            _check_text(body)
        elif kind == b"IEND" and position <= len(data):
            end, ends_cleanly = position, True
            break
    row_bytes = (width * depth * _PNG_CHANNELS.get(colour, 4) + 7) // 8 + 1
    limit = row_bytes * height + 8 * (row_bytes + height)
    if _unpacked_exceeds(packed, limit):
        raise ImageError(Code.TOO_LARGE, f"pixels unpack to more than the {width}x{height} of the header")
    return Gated(
        content_type="image/png",
        extension="png",
        width=width,
        height=height,
        end=end,
        tail=len(data) - end,
        ends_cleanly=ends_cleanly,
    )


def _check_text(body: bytes) -> None:
    """Raise when a text or profile chunk is, or unpacks to, more than a picture needs."""
    _, _, rest = body.partition(b"\0")
    start = rest.find(b"\x78")
    if len(body) > MAX_PNG_TEXT or (start >= 0 and _unpacked_exceeds([rest[start:]], MAX_PNG_TEXT)):
        raise ImageError(Code.TOO_LARGE, f"a text of more than {MAX_PNG_TEXT} bytes")


def _unpacked_exceeds(parts: list[bytes], limit: int) -> bool:
    """Return whether a zlib stream unpacks to more than ``limit`` bytes; holds one step of it at a time."""
    unpacker = zlib.decompressobj()
    total = 0
    try:
        for part in parts:
            pending = part
            while pending and not unpacker.eof:
                total += len(unpacker.decompress(pending, _UNPACK_STEP))
                if total > limit:
                    return True
                pending = unpacker.unconsumed_tail
    except zlib.error:
        return False
    return False


def _gate_webp(data: bytes) -> Gated:
    """Read size and length of a WebP (RFC 9649)."""
    if len(data) < 30:
        raise _cut_short("header")
    kind = data[12:16]
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width = int.from_bytes(data[26:28], "little") & 0x3FFF
        height = int.from_bytes(data[28:30], "little") & 0x3FFF
    elif kind == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
    else:
        raise _not_an_image(data, "a WebP without its header")
    _check_size(width, height, MAX_WEBP_PIXELS)
    end = int.from_bytes(data[4:8], "little") + 8
    return Gated(
        content_type="image/webp",
        extension="webp",
        width=width,
        height=height,
        end=min(end, len(data)),
        tail=max(0, len(data) - end),
        ends_cleanly=end <= len(data),
    )
