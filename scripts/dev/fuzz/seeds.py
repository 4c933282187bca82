"""Whole pictures of every kind that a camera, a proxy or an attacker may send, small enough to be judged in no time."""

import base64
from collections.abc import Mapping
from functools import cache
import io
import struct
import zlib

import numpy as np
from PIL import Image

SIZE = (192, 128)
"""Width and height of the seeds: over the least that the gate lets through, and more than one restart interval."""

ARITHMETIC = base64.b85decode(
    "|JeWF01!$>Nk#wx0RR9200961|JwjV02>k%7Zed27Zw*D92+1gLMtdGB`8rkJupIGRb^yfRb5+Zc$tA}agcLcU4^xVke;Kft*d8%yve$z$C;?B"
    "r2pFhLjfEf9w;LyPAe-;q;6eqq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq@<*zq@@4J01*fPKmb4k0U`hb5di}c"
    "0sqVZ3IGrg1pyEd1^?Or3<CiG0ucid06zf#0Az=MqG7H6#7bz(TE1$7mOBSboeXYN?JkW(mI)LO--tIp{^vw=fi(+!=-@^&qw7Vjq;*B16t8Jc"
    "AQOR}kg}8tKU|up9o#w#j00GeELOd@-HPA7&Os<TWNnq5#fy^*_cZ1rDMr(R;zE0q9d)VO1}vm#Si<!@RIC5l"
)
"""A JPEG of 64 x 64 pixels with arithmetic coding, which Pillow does not write."""

ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row, and the steps, of the passes of an interlaced PNG (ISO/IEC 15948, 8.2)."""

EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
PROFILE = bytes(128) + bytes([0, 0, 0, 1]) + b"desc" + struct.pack(">II", 144, 12) + bytes(12)


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a PNG chunk with the checksum that belongs to it."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _picture() -> Image.Image:
    """Return hills under a sky, with the spectrum of nature: detail of every size, and nothing to complain of."""
    width, height = SIZE
    waves = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    random = np.random.default_rng(7)
    spectrum = np.fft.rfft2(random.standard_normal((height, width))) / np.maximum(np.hypot(*waves), 1 / width) ** 1.1
    relief = np.fft.irfft2(spectrum, s=(height, width))
    relief = 30 * relief / relief.std() + np.linspace(150, 90, height)[:, None]
    bands = (relief - 20, relief, relief + np.linspace(40, -30, height)[:, None])
    grain = random.normal(0, 1.5, (height, width))
    return Image.fromarray((np.stack(bands, -1) + grain[..., None]).clip(0, 255).astype(np.uint8))


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    """Return the picture as a file of a kind."""
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def _interlaced(picture: Image.Image) -> bytes:
    """Return an interlaced PNG, which Pillow does not write."""
    pixels = np.asarray(picture)
    rows = [
        b"\0" + row.tobytes()
        for left, top, across, down in ADAM7
        for row in np.ascontiguousarray(pixels[top::down, left::across])
    ]
    header = struct.pack(">IIBBBBB", *SIZE, 8, 2, 0, 0, 1)
    packed = zlib.compress(b"".join(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@cache
def seeds() -> Mapping[str, bytes]:
    """Return the seeds by name; the same bytes as long as Pillow stays the same."""
    picture = _picture()
    grey, turned = picture.convert("L"), picture.transpose(Image.Transpose.ROTATE_180)
    alpha = picture.copy()
    alpha.putalpha(grey)
    palette = picture.quantize(32)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    return {
        "jpeg": _saved(picture, "JPEG", quality=80),
        "jpeg-444-exif-icc": _saved(picture, "JPEG", subsampling=0, exif=EXIF, icc_profile=PROFILE, comment=b"a note"),
        "jpeg-422": _saved(picture, "JPEG", subsampling=1, optimize=True),
        "jpeg-grey": _saved(grey, "JPEG", quality=60),
        "jpeg-progressive": _saved(picture, "JPEG", progressive=True),
        "jpeg-progressive-444": _saved(picture, "JPEG", progressive=True, subsampling=0),
        "jpeg-restarts": _saved(picture, "JPEG", restart_marker_blocks=4),
        "jpeg-cmyk": _saved(picture.convert("CMYK"), "JPEG"),
        "jpeg-mpo": _saved(picture, "MPO", save_all=True, append_images=[turned]),
        "jpeg-arithmetic": ARITHMETIC,
        "png": _saved(picture, "PNG"),
        "png-alpha": _saved(alpha, "PNG"),
        "png-grey-alpha": _saved(alpha.convert("LA"), "PNG"),
        "png-palette": _saved(palette, "PNG", transparency=3),
        "png-bits": _saved(grey.convert("1"), "PNG"),
        "png-16": _saved(deep, "PNG"),
        "png-interlaced": _interlaced(picture),
        "png-animated": _saved(palette, "PNG", save_all=True, append_images=[turned.quantize(32)]),
        "png-exif-icc": _saved(picture, "PNG", exif=EXIF, icc_profile=PROFILE),
        "webp": _saved(picture, "WEBP", quality=70),
        "webp-lossless": _saved(picture, "WEBP", lossless=True),
        "webp-alpha": _saved(alpha, "WEBP"),
        "webp-animated": _saved(picture, "WEBP", save_all=True, append_images=[turned]),
        "webp-exif-icc": _saved(picture, "WEBP", exif=EXIF[6:], icc_profile=PROFILE),
    }
