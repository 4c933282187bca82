"""Write what is known of a still into the file itself, and the place out of it; the scan is never touched."""

from collections.abc import Mapping
from contextlib import suppress
from html import escape, unescape
import json
import re
import struct
import zlib

from .exif import without_gps

PREFIX = "timelapser:"
"""What the comment starts with, in JPEG COM and in XMP."""
KEYWORD = b"timelapser"
"""Keyword of the PNG text chunk."""

_JPEG_START = b"\xff\xd8"
_PNG_START = b"\x89PNG\r\n\x1a\n"
_EXIF = b"Exif\0\0"
_XMP_NAMESPACES = (b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0")
_SOS, _EOI, _COM, _APP0, _APP1, _APP15 = 0xDA, 0xD9, 0xFE, 0xE0, 0xE1, 0xEF
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length (ITU-T T.81, B.1.1.3)."""
_MAX_SEGMENT = 65533
"""Bytes of payload in one JPEG segment (its 16-bit length counts itself)."""
_VP8X_ALPHA, _VP8X_XMP = 0x10, 0x04
"""Flags of the first byte of a VP8X chunk (WebP container specification)."""
_XMP_PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt>'
    '<rdf:li xml:lang="x-default">{}</rdf:li></rdf:Alt></dc:description></rdf:Description></rdf:RDF></x:xmpmeta>'
)
_XMP_COMMENT = re.compile(rb'<rdf:li xml:lang="x-default">(timelapser:[^<]*)</rdf:li>')


class _DamagedError(ValueError):
    """The container cannot be followed."""


def stamp(data: bytes, content_type: str, comment: Mapping[str, str | int | float | None]) -> bytes:
    """Return the file without GPS data and with one comment, which replaces an earlier one.

    Handles ``image/jpeg``, ``image/png`` and ``image/webp``. Data that is not what its type says, or whose
    container is damaged before the scan, comes back unchanged.
    """
    text = json.dumps(dict(comment), separators=(",", ":"))
    with suppress(_DamagedError, struct.error, IndexError):
        match content_type:
            case "image/jpeg":
                return _stamp_jpeg(data, text)
            case "image/png":
                return _stamp_png(data, text)
            case "image/webp":
                return _stamp_webp(data, text)
    return data


def read_stamp(data: bytes) -> dict[str, str | int | float | None] | None:
    """Return the comment of a file of any of the three types; None when it has none that can be read."""
    with suppress(_DamagedError, struct.error, IndexError, ValueError):
        found = json.loads(_find_text(data))
        if isinstance(found, dict):
            return found
    return None


def _find_text(data: bytes) -> str:
    if data.startswith(_JPEG_START):
        for marker, payload in _jpeg_segments(data)[0]:
            if marker == _COM and payload.startswith(PREFIX.encode()):
                return payload.decode("ascii").removeprefix(PREFIX)
    elif data.startswith(_PNG_START):
        for kind, payload in _png_chunks(data)[0]:
            if _is_png_stamp(kind, payload):
                return payload[len(KEYWORD) + 1 :].decode("ascii")
    else:
        for kind, payload in _webp_chunks(data):
            if kind == b"XMP " and (match := _XMP_COMMENT.search(payload)):
                return unescape(match[1].decode("ascii")).removeprefix(PREFIX)
    raise _DamagedError


def _stamp_jpeg(data: bytes, text: str) -> bytes:
    segments, scan = _jpeg_segments(data)
    comment = f"{PREFIX}{text}".encode("ascii")
    if len(comment) > _MAX_SEGMENT:
        raise _DamagedError
    placed_xmp = any(marker == _APP1 and p.startswith(_XMP_NAMESPACES) and b"GPS" in p for marker, p in segments)
    kept: list[tuple[int, bytes]] = []
    for marker, payload in segments:
        if marker == _COM and payload.startswith(PREFIX.encode()):
            continue
        if marker == _APP1 and placed_xmp and payload.startswith(_XMP_NAMESPACES):
            continue
        if marker == _APP1 and payload.startswith(_EXIF):
            kept.append((marker, _EXIF + without_gps(payload[len(_EXIF) :])))
        else:
            kept.append((marker, payload))
    place = next((index for index, (marker, _) in enumerate(kept) if not _APP0 <= marker <= _APP15), len(kept))
    kept.insert(place, (_COM, comment))
    head = b"".join(
        bytes((0xFF, marker)) + (b"" if marker in _BARE_MARKERS else struct.pack(">H", len(payload) + 2) + payload)
        for marker, payload in kept
    )
    return _JPEG_START + head + data[scan:]


def _jpeg_segments(data: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """Return the segments (marker, payload) before the first scan, and where that scan's marker lies."""
    if not data.startswith(_JPEG_START):
        raise _DamagedError
    segments: list[tuple[int, bytes]] = []
    position = 2
    while True:
        start = position
        if data[position] != 0xFF:
            raise _DamagedError
        while data[position] == 0xFF:
            position += 1
        marker = data[position]
        position += 1
        if marker == _SOS:
            return segments, start
        if marker in (0, _EOI):
            raise _DamagedError
        payload = b""
        if marker not in _BARE_MARKERS:
            (length,) = struct.unpack_from(">H", data, position)
            payload = data[position + 2 : position + length]
            if length < 2 or len(payload) != length - 2:
                raise _DamagedError
            position += length
        segments.append((marker, payload))


def _stamp_png(data: bytes, text: str) -> bytes:
    chunks, tail = _png_chunks(data)
    if not chunks or chunks[0][0] != b"IHDR":
        raise _DamagedError
    kept = []
    for kind, payload in chunks:
        if _is_png_stamp(kind, payload) or (kind == b"iTXt" and payload.startswith(b"XML:com.adobe.xmp\0")):
            continue
        kept.append((kind, without_gps(payload) if kind == b"eXIf" else payload))
    kept.insert(1, (b"tEXt", KEYWORD + b"\0" + text.encode("ascii")))
    return _PNG_START + b"".join(_png_chunk(kind, payload) for kind, payload in kept) + data[tail:]


def _png_chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def _png_chunks(data: bytes) -> tuple[list[tuple[bytes, bytes]], int]:
    """Return the sound chunks (type, payload), and where what follows them starts: the end or damaged pixels."""
    if not data.startswith(_PNG_START):
        raise _DamagedError
    chunks: list[tuple[bytes, bytes]] = []
    position = len(_PNG_START)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind = data[position + 4 : position + 8]
        payload = data[position + 8 : position + 8 + length]
        crc = data[position + 8 + length : position + 12 + length]
        if crc != struct.pack(">I", zlib.crc32(kind + payload)):
            break
        chunks.append((kind, payload))
        position += 12 + length
    if not any(kind == b"IDAT" for kind, _ in chunks) and data[position + 4 : position + 8] != b"IDAT":
        raise _DamagedError
    return chunks, position


def _is_png_stamp(kind: bytes, payload: bytes) -> bool:
    return kind == b"tEXt" and payload.startswith(KEYWORD + b"\0")


def _stamp_webp(data: bytes, text: str) -> bytes:
    chunks = [(kind, payload) for kind, payload in _webp_chunks(data) if kind != b"XMP "]
    kind, payload = chunks[0]
    if kind == b"VP8X":
        chunks[0] = (kind, bytes((payload[0] | _VP8X_XMP,)) + payload[1:])
    else:
        chunks.insert(0, (b"VP8X", _vp8x(kind, payload)))
    chunks = [(kind, _webp_exif(payload) if kind == b"EXIF" else payload) for kind, payload in chunks]
    chunks.append((b"XMP ", _XMP_PACKET.format(escape(PREFIX + text, quote=False)).encode("ascii")))
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(payload)) + payload + bytes(len(payload) % 2) for kind, payload in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _vp8x(kind: bytes, payload: bytes) -> bytes:
    """Return the extended header for a simple file, read from its bitstream (RFC 6386 9.1; WebP lossless 3)."""
    flags = _VP8X_XMP
    width: int
    height: int
    if kind == b"VP8 " and payload[3:6] == b"\x9d\x01\x2a":
        width, height = (size & 0x3FFF for size in struct.unpack_from("<HH", payload, 6))
    elif kind == b"VP8L" and payload[:1] == b"\x2f":
        (bits,) = struct.unpack_from("<I", payload, 1)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        flags |= _VP8X_ALPHA if bits >> 28 & 1 else 0
    else:
        raise _DamagedError
    return struct.pack("<I", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def _webp_exif(payload: bytes) -> bytes:
    prefix = _EXIF if payload.startswith(_EXIF) else b""
    return prefix + without_gps(payload[len(prefix) :])


def _webp_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return the chunks (type, payload) of a whole WebP file."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or struct.unpack_from("<I", data, 4)[0] + 8 > len(data):
        raise _DamagedError
    end = struct.unpack_from("<I", data, 4)[0] + 8
    chunks: list[tuple[bytes, bytes]] = []
    position = 12
    while position + 8 <= end:
        (length,) = struct.unpack_from("<I", data, position + 4)
        payload = data[position + 8 : position + 8 + length]
        if len(payload) != length:
            raise _DamagedError
        chunks.append((data[position : position + 4], payload))
        position += 8 + length + length % 2
    if not chunks:
        raise _DamagedError
    return chunks
