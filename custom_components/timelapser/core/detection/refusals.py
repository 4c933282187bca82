"""What is said of bytes that are no picture."""

from typing import Final

from ..errors import Code, ImageError

HEX_BYTES: Final = 16
"""Bytes shown of what is not a picture."""


def not_an_image(data: bytes, why: str = "not a picture") -> ImageError:
    """Return the error that shows how the bytes begin."""
    start = data[:HEX_BYTES].hex()
    return ImageError(Code.NOT_AN_IMAGE, f"{why}; the first bytes are {start}", first_bytes=start)


def cut_short(what: str) -> ImageError:
    """Return the error of a picture that ends before its pixels begin."""
    return ImageError(Code.TRUNCATED, f"the picture ends in its {what}")
