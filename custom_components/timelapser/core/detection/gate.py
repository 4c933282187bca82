"""What the bytes say: whether they are a picture at all, of which format and size, and whether it ends."""

from dataclasses import dataclass
from itertools import count
from typing import Final
import zlib

from ..errors import Code, ImageError
from .jpeg import head_of, last_scan_end
from .refusals import cut_short, not_an_image

MAX_BYTES: Final = 32 * 1024 * 1024
"""Bytes of one picture. A 50 MP JPEG of the best quality has about 25 MiB."""
MAX_PIXELS: Final = 50_000_000
"""Pixels by the header. The largest surveillance sensors have 32 MP; 50 MP decode to 75 MB of planes."""
MAX_DECODED: Final = 170_000_000
"""Bytes that a decode may take, by the header; with the packed data, and what measuring takes, it stays under 200 MiB.
A progressive JPEG holds its coefficients besides its planes, so it may have 34 MP, a PNG 33 and a WebP 10; cameras that
write WebP have at most 8."""
PILLOW_JPEG_BYTES: Final = 2
"""Bytes a pixel that Pillow takes for the luma of a JPEG; libjpeg-turbo takes one for each sample."""
PILLOW_COLOUR_BYTES: Final = 5.1
"""The same for a JPEG of four colours, and a PNG with colour or transparency: four, luma, and colour at 1/64."""
COEFFICIENT_BYTES: Final = 2
"""Bytes a sample that a JPEG of several scans takes besides."""
PILLOW_GREY_BYTES: Final = 3
"""The same for any other PNG: up to two, and its luma."""
MAX_ASPECT: Final = 16
"""Times that the longer side may be the shorter one. Unrolled panoramas have 8; a column of 192 x 196,736 pixels could
not be shrunk to be measured (and took 480 MB)."""
MIN_SIDE: Final = 64
"""Pixels of the shorter side. Below are tracking pixels and icons; the smallest camera sub-streams have 120."""
MAX_CHUNKS: Final = 100_000
"""Chunks of a PNG. Encoders write 4 KiB and more into one, which are 8,192 in the largest file; each costs the walk and
the decoder 2 microseconds."""
WEBP_BYTES: Final = 16
"""Bytes a pixel that the decoder of WebP takes with transparency (measured; 14 without)."""
MAX_PNG_TEXT: Final = 1024 * 1024
"""Bytes of one unpacked PNG text or colour profile; Pillow's own limit."""

_JPEG: Final = b"\xff\xd8\xff"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_FOREIGN_BRANDS: Final = frozenset(
    (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
)
_PNG_HEADER: Final = b"\0\0\0\rIHDR"
"""Length and name of the first chunk of every PNG, which has no other of that name."""
_PNG_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PNG_PLAIN: Final = (0, 3)
"""Colour types of one channel: grey and palette."""
_UNPACK_STEP: Final = 1024 * 1024


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
    raise not_an_image(data)


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


def _check_size(width: int, height: int) -> None:
    """Raise when the size in the header, in pixels, is out of bounds."""
    if width < MIN_SIDE or height < MIN_SIDE:
        raise ImageError(Code.TOO_SMALL, f"{width}x{height}; the least is {MIN_SIDE}", width=width, height=height)
    if width * height > MAX_PIXELS:
        text = f"{width}x{height}; the limit is {MAX_PIXELS} pixels"
        raise ImageError(Code.TOO_LARGE, text, width=width, height=height)
    if max(width, height) > MAX_ASPECT * min(width, height):
        text = f"{width}x{height}; one side may be {MAX_ASPECT} times the other"
        raise ImageError(Code.TOO_LARGE, text, width=width, height=height)


def _check_memory(width: int, height: int, bytes_per_pixel: float) -> None:
    """Raise when decoding would take too much memory."""
    if width * height * bytes_per_pixel > MAX_DECODED:
        text = f"{width}x{height} of {bytes_per_pixel:.1f} bytes a pixel; the limit is {MAX_DECODED} bytes"
        raise ImageError(Code.TOO_LARGE, text, width=width, height=height)


def _gate_jpeg(data: bytes) -> Gated:
    """Bound what the header of a JPEG promises, then find the end of its picture (ITU-T T.81, B.1)."""
    head = head_of(data)
    _check_size(head.width, head.height)
    planes = PILLOW_COLOUR_BYTES if head.components > 3 else max(PILLOW_JPEG_BYTES, head.samples)
    coefficients = 0 if head.one_scan else COEFFICIENT_BYTES * head.samples
    _check_memory(head.width, head.height, planes + coefficients)
    end = data.rfind(b"\xff\xd9", head.scan) + 2 if head.one_scan else 0
    ends_cleanly = end >= 2
    if not ends_cleanly:
        end, ends_cleanly = last_scan_end(data, head.scan, head.width * head.height)
    return Gated(
        content_type="image/jpeg",
        extension="jpg",
        width=head.width,
        height=head.height,
        end=end,
        tail=len(data) - end if ends_cleanly else 0,
        ends_cleanly=ends_cleanly,
    )


def _gate_png(data: bytes) -> Gated:
    """Walk the chunks of a PNG (ISO/IEC 15948, 5.3) and bound what its packed parts unpack to."""
    if len(data) < 33:
        raise cut_short("header")
    if data[8:16] != _PNG_HEADER:
        raise not_an_image(data, "a PNG without its header")
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    _check_size(width, height)
    depth, colour = data[24], data[25]
    _check_memory(width, height, PILLOW_GREY_BYTES if colour in _PNG_PLAIN else PILLOW_COLOUR_BYTES)
    position, end, packed = 33, len(data), []
    ends_cleanly = False
    for number in count():
        if position + 8 > len(data):
            break
        if number >= MAX_CHUNKS:
            raise not_an_image(data, f"over {MAX_CHUNKS} chunks")
        length, kind = int.from_bytes(data[position : position + 4]), data[position + 4 : position + 8]
        if length > MAX_BYTES:
            raise ImageError(Code.TOO_LARGE, f"a chunk of {length} bytes")
        body = data[position + 8 : position + 8 + length]
        position += 12 + length
        if kind == b"IHDR":
            # A decoder takes the last one's word for the size.
            raise not_an_image(data, "a PNG with two headers")
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
        raise cut_short("header")
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
        raise not_an_image(data, "a WebP without its header")
    _check_size(width, height)
    _check_memory(width, height, WEBP_BYTES)
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
