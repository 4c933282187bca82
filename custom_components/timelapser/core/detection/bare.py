"""A picture without its notes: nothing but what a decoder needs to make its pixels."""

from typing import Final

from .jpeg import segments

_JFIF: Final = (0xE0, b"JFIF\0")
_ADOBE: Final = (0xEE, b"Adobe")
"""The two notes that say how the components of a JPEG are colours."""
_NOTES: Final = (*range(0xE0, 0xF0), 0xFE)
_CHUNKS: Final = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_PNG_START: Final = b"\x89PNG\r\n\x1a\n"


def bare(body: bytes) -> bytes:
    """Return a picture that passed the gate, without Exif, profiles, texts, previews, animation and transparency.

    Pillow reads those too, with Python's ``warnings`` for what is odd in them, and with time for each.
    """
    if body.startswith(b"\xff\xd8"):
        return _bare_jpeg(body)
    return _bare_png(body) if body.startswith(_PNG_START) else body


def _bare_jpeg(body: bytes) -> bytes:
    """Return a JPEG whose header has no notes but those on colour."""
    parts = [body[:2]]
    rest = len(body)
    for marker, position, length in segments(body):
        end = position + 2 + length
        if marker == 0xDA:
            rest = position
        elif marker not in _NOTES or (marker, body[position + 4 : position + 9]) in (_JFIF, _ADOBE):
            parts.append(body[position:end])
    return b"".join([*parts, body[rest:]])


def _bare_png(body: bytes) -> bytes:
    """Return a PNG of the chunks that make its picture."""
    parts, position = [_PNG_START], len(_PNG_START)
    while position < len(body):
        end = position + 12 + int.from_bytes(body[position : position + 4])
        if body[position + 4 : position + 8] in _CHUNKS:
            parts.append(body[position:end])
        position = end
    return b"".join(parts)
