"""One decode of a picture to its luma plane and its colour planes, with what the decoder complained of."""

import ctypes
from dataclasses import dataclass
from functools import cache
import io
from itertools import accumulate
import threading
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .bare import bare
from .gate import Gated

_LIBRARIES: Final = (
    "libturbojpeg.so.0",
    "libturbojpeg.0.dylib",
    "/opt/homebrew/opt/jpeg-turbo/lib/libturbojpeg.dylib",
    "turbojpeg.dll",
)
_END_MARKER: Final = b"\xff\xd9"
_LIMIT_SCANS: Final = 32768
_FAST_TRANSFORM: Final = 2048
"""The quicker inverse transform: an eighth of the decode's time, for an error of a level now and then."""
_STOP_ON_WARNING: Final = 8192
_FATAL: Final = 1
_COLOUR_SPACES: Final = (1, 2)
"""TJCS_YCbCr and TJCS_GRAY: those whose planes are luma and colour differences."""
_SUBSAMPLING_GREY: Final = 3
_WHOLE: Final = (0, 0)
"""Width and height that stand for the picture's own."""
_BENIGN_WARNING: Final = "extraneous bytes before marker"
"""Padding that some cameras write before the end marker."""
MAX_PADDING: Final = 16
"""Bytes of such padding that are taken for harmless: cameras align to 2, 4 or 16 bytes [own observation of the
formats]. More is picture data that the decoder could not place, so something before it is damaged."""
REDUCTION: Final = 8
"""Divisor of the colour planes that Pillow makes, and of those that only warnings are wanted of; libjpeg takes it from
the DC terms alone."""
_STRIP: Final = 16 * REDUCTION
"""Rows that are converted at a time: a whole 33 MP picture in three modes would take 400 MB."""


class UndecodableError(Exception):
    """The decoder could not make any picture of the bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Planes:
    """A decoded picture.

    ``luma`` is uint8 (height, width), full range. ``blue`` and ``red`` (Cb, Cr) are uint8 planes of any smaller or
    equal size that cover the same picture, or None where it has no colour. ``warning`` is the decoder's own first
    complaint, or empty. ``watched`` tells whether the decoder would have complained.
    """

    luma: NDArray[np.uint8]
    blue: NDArray[np.uint8] | None
    red: NDArray[np.uint8] | None
    warning: str
    watched: bool


def decode(data: bytes, gated: Gated) -> Planes:
    """Decode the picture once; ``data`` are the bytes that passed the gate.

    A JPEG without an end marker gets one, so that a complete scan gives no warning and a cut one does.
    Raises UndecodableError.
    """
    body = data[: gated.end] if gated.end < len(data) else data
    if gated.content_type == "image/jpeg":
        if not gated.ends_cleanly:
            body += _END_MARKER
        if (turbo := _turbo()) is not None and (planes := turbo.decode(body)) is not None:
            return planes
    return _decode_pillow(body, jpeg=gated.content_type == "image/jpeg")


class _Handle:
    """A decompressor of libjpeg-turbo, freed with the thread that uses it."""

    def __init__(self, library: ctypes.CDLL) -> None:
        """Create the decompressor."""
        self._library = library
        self.pointer = ctypes.c_void_p(library.tjInitDecompress())

    def __del__(self) -> None:
        """Free the decompressor."""
        self._library.tjDestroy(self.pointer)


class _Turbo:
    """libjpeg-turbo's TurboJPEG interface (2.0 and later), one handle a thread.

    Python's ``warnings`` are global and shown once; here the complaint is read from the handle after each call.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        """Declare the functions that are used."""
        integer = ctypes.POINTER(ctypes.c_int)
        library.tjInitDecompress.restype = ctypes.c_void_p
        library.tjDestroy.argtypes = [ctypes.c_void_p]
        library.tjGetErrorStr2.argtypes = library.tjGetErrorCode.argtypes = [ctypes.c_void_p]
        library.tjGetErrorStr2.restype = ctypes.c_char_p
        library.tjDecompressHeader3.argtypes = [
            ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong, integer, integer, integer, integer,
        ]  # fmt: skip
        library.tjDecompressToYUVPlanes.argtypes = [
            ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.POINTER(ctypes.c_void_p),
            ctypes.c_int, integer, ctypes.c_int, ctypes.c_int,
        ]  # fmt: skip
        self._library = library
        self._local = threading.local()

    @property
    def _pointer(self) -> ctypes.c_void_p:
        """Return this thread's decompressor."""
        handle: _Handle | None = getattr(self._local, "handle", None)
        if handle is None:
            handle = self._local.handle = _Handle(self._library)
        return handle.pointer

    def decode(self, body: bytes) -> Planes | None:
        """Return the planes, or None where the picture is not of a kind that has them (CMYK, RGB, 12 bit).

        A decompressor that failed is thrown away: it may be left in the middle of a header, and then refuses all.
        """
        planes = self._decode(body)
        if planes is None:
            del self._local.handle
        return planes

    def _decode(self, body: bytes) -> Planes | None:
        """Return the planes, or None; see ``decode``."""
        header = [ctypes.c_int() for _ in range(4)]
        references = [ctypes.byref(number) for number in header]
        if self._library.tjDecompressHeader3(self._pointer, body, len(body), *references):
            return None
        width, height, subsampling, colours = (number.value for number in header)
        if colours not in _COLOUR_SPACES or subsampling < 0:
            return None
        planes = self._planes(width, height, subsampling)
        warning = self._into(planes, body, _LIMIT_SCANS | _FAST_TRANSFORM)
        if warning is None:
            return None
        if _BENIGN_WARNING in warning:
            warning = self._first_warning(body, width, height, subsampling) or warning
        return Planes(
            luma=planes[0][:height, :width],
            blue=planes[1] if len(planes) == 3 else None,
            red=planes[2] if len(planes) == 3 else None,
            warning="" if _is_padding(warning, body) else warning,
            watched=True,
        )

    def _planes(self, width: int, height: int, subsampling: int) -> list[NDArray[np.uint8]]:
        """Return planes for a picture of a size.

        They lie in one piece of memory: C libraries give back what is large, and fetch it anew page by page, measured
        by the largest piece that they were asked for.
        """
        shapes = [
            (
                self._library.tjPlaneHeight(component, height, subsampling),
                self._library.tjPlaneWidth(component, width, subsampling),
            )
            for component in range(1 if subsampling == _SUBSAMPLING_GREY else 3)
        ]
        ends = list(accumulate(rows * columns for rows, columns in shapes))
        whole = np.empty(ends[-1], dtype=np.uint8)
        return [whole[end - shape[0] * shape[1] : end].reshape(shape) for end, shape in zip(ends, shapes, strict=True)]

    def _into(
        self, planes: list[NDArray[np.uint8]], body: bytes, flags: int, size: tuple[int, int] = _WHOLE
    ) -> str | None:
        """Decode into the planes; return the last warning, empty if none, or None after a fatal error."""
        addresses = accumulate((plane.nbytes for plane in planes[:-1]), initial=planes[0].ctypes.data)
        pointers = (ctypes.c_void_p * 3)(*addresses)
        pointer, (width, height) = self._pointer, size
        if not self._library.tjDecompressToYUVPlanes(pointer, body, len(body), pointers, width, None, height, flags):
            return ""
        text: str = self._library.tjGetErrorStr2(pointer).decode("ascii", "replace")
        if self._library.tjGetErrorCode(pointer) == _FATAL and not flags & _STOP_ON_WARNING:
            return None
        return text

    def _first_warning(self, body: bytes, width: int, height: int, subsampling: int) -> str | None:
        """Return the first warning; a harmless last one may hide it. All codes are read, but for planes of 1/8."""
        small = -(-width // REDUCTION), -(-height // REDUCTION)
        planes = self._planes(*small, subsampling)
        return self._into(planes, body, _LIMIT_SCANS | _STOP_ON_WARNING, small)


def _is_padding(warning: str, body: bytes) -> bool:
    """Return whether the decoder only met a few stray bytes, or zeros, between the picture and its end marker."""
    if _BENIGN_WARNING not in warning or "0xd9" not in warning:
        return False
    strays = int(warning.split(_BENIGN_WARNING, 1)[0].rsplit(maxsplit=1)[-1])
    return strays <= MAX_PADDING or not any(body[-2 - strays : -2])


@cache
def _turbo() -> _Turbo | None:
    """Return libjpeg-turbo where it is installed."""
    for name in _LIBRARIES:
        try:
            library = ctypes.CDLL(name)
            return _Turbo(library)
        except OSError, AttributeError:
            continue
    return None


def turbojpeg_available() -> bool:
    """Return whether JPEG is decoded by libjpeg-turbo; the first call loads it, which blocks."""
    return _turbo() is not None


def _decode_pillow(body: bytes, *, jpeg: bool) -> Planes:
    """Decode by Pillow: a JPEG as luma, and its colour once more at 1/8; anything else once."""
    try:
        body = bare(body)
        with Image.open(io.BytesIO(body), formats=("JPEG", "PNG", "WEBP")) as picture:
            if jpeg and picture.mode in ("L", "RGB"):
                return _draft_jpeg(picture, body)
            picture.load()
            return _planes_of(picture)
    except Exception as err:
        raise UndecodableError(type(err).__name__) from err


def _draft_jpeg(picture: Image.Image, body: bytes) -> Planes:
    """Return the luma of a JPEG at full size, and its colour planes at 1/8."""
    colourless = picture.mode == "L"
    picture.draft("L", None)
    picture.load()
    luma = np.asarray(picture)
    blue = red = None
    if not colourless:
        with Image.open(io.BytesIO(body), formats=("JPEG",)) as small:
            small.draft("YCbCr", (small.width // REDUCTION, small.height // REDUCTION))
            _, blue, red = (np.asarray(band) for band in small.convert("YCbCr").split())
    return Planes(luma=luma, blue=blue, red=red, warning="", watched=False)


def _planes_of(picture: Image.Image) -> Planes:
    """Return the planes of a loaded picture of any mode."""
    luma = np.empty((picture.height, picture.width), dtype=np.uint8)
    colours: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
    for top in range(0, picture.height, _STRIP):
        bottom = min(top + _STRIP, picture.height)
        strip = picture.crop((0, top, picture.width, bottom))
        if picture.mode.startswith("I"):
            luma[top:bottom] = (np.asarray(strip) >> 8).clip(0, 255)
            continue
        if picture.mode in ("1", "L", "LA"):
            luma[top:bottom] = np.asarray(strip.convert("L"))
            continue
        strip = strip.convert("RGB").convert("YCbCr")
        luma[top:bottom] = np.asarray(strip.getchannel(0))
        blue, red = (np.asarray(strip.getchannel(channel).reduce(REDUCTION)) for channel in (1, 2))
        colours.append((blue, red))
    if not colours:
        return Planes(luma=luma, blue=None, red=None, warning="", watched=False)
    blue, red = (np.concatenate(parts) for parts in zip(*colours, strict=True))
    return Planes(luma=luma, blue=blue, red=red, warning="", watched=False)
