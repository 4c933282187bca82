"""JPEG files as cameras write them, and what proxies, full buffers and bad cards make of them."""

from collections.abc import Callable, Mapping
import io
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageFile

from .light import Plane, Rng, picture
from .sources import Rgb

BLOCK: Final = 16
"""Pixels: the side of the blocks by which damage is measured."""
EXPLAINED: Final = 9.0
"""Mean grey levels by which a block may differ from a clean one: twice what compression and noise do."""
MILD, MEDIUM = 0.04, 0.18
"""Shares of damaged blocks up to which damage is mild or medium."""
INVISIBLE: Final = 0.002
"""Share of damaged blocks below which nobody sees it: such pictures are left out."""
SEEN: Final = 0.01
"""The same for faults that are made to measure: half a row of blocks, or a small blotch."""
AIMS: Final = ((0.93, 0.995), (0.72, 0.95), (0.05, 0.7))
"""Places in the data that are hit for mild, medium and severe damage, which as a rule goes from there to the end."""

_END = b"\xff\xd9"


def encode(values: Plane, rng: Rng, *, quality: int | None = None) -> bytes:
    """Return a picture as a baseline JPEG with a common quality and subsampling."""
    target = io.BytesIO()
    chosen = quality if quality is not None else int(rng.integers(76, 93))
    Image.fromarray(picture(values)).save(target, "JPEG", quality=chosen, subsampling=int(rng.choice((0, 2, 2, 2))))
    return target.getvalue()


def decoded(data: bytes) -> Rgb | None:
    """Return what a forgiving decoder shows of a file; None when it shows nothing."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        # With an end marker the library fills what is missing, as it does for those who decode in one go.
        with Image.open(io.BytesIO(data if data.endswith(_END) else data + _END)) as image:
            return np.asarray(image.convert("RGB"))
    except OSError, SyntaxError, ValueError:
        return None
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def damage(shown: Rgb, clean: tuple[Rgb, ...]) -> float:
    """Return the share of blocks that none of the clean pictures (of this instant and its neighbours) explains."""
    height, width = (side // BLOCK * BLOCK for side in shown.shape[:2])
    least = None
    for other in clean:
        difference = cv2.absdiff(shown[:height, :width], other[:height, :width])
        blocks = cv2.resize(difference, (width // BLOCK, height // BLOCK), interpolation=cv2.INTER_AREA).mean(axis=2)
        least = blocks if least is None else np.minimum(least, blocks)
    return 0.0 if least is None else float((least > EXPLAINED).mean())


def severity(share: float) -> int | None:
    """Return 0 (mild), 1 (medium) or 2 (severe) for a share of damaged blocks; None for damage that cannot be seen."""
    if share < INVISIBLE:
        return None
    return 0 if share < MILD else 1 if share < MEDIUM else 2


def _scan(data: bytes) -> int:
    """Return where the entropy-coded data begin."""
    start = data.index(b"\xff\xda")
    return start + 2 + int.from_bytes(data[start + 2 : start + 4])


def _place(data: bytes, aim: float) -> int:
    """Return a place in the scan: ``aim`` is the share of it that lies before."""
    begin, end = _scan(data), len(data) - 2
    return begin + int((end - begin) * aim)


def cut(data: bytes, rng: Rng, aim: float) -> bytes:
    """Return a download that ended early."""
    return data[: _place(data, aim)]


def cut_and_ended(data: bytes, rng: Rng, aim: float) -> bytes:
    """Return the same, made whole again by somebody who only looks for the end marker."""
    return cut(data, rng, aim).rstrip(b"\xff") + _END


def cut_at_row(data: bytes, rng: Rng, aim: float) -> bytes:
    """Return a file that stops between two rows of blocks (at a restart marker), with an end marker."""
    target = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        image.save(target, "JPEG", quality=int(rng.integers(80, 90)), restart_marker_rows=1)
    rows = target.getvalue()
    marks = [at for at in range(_scan(rows), len(rows) - 1) if rows[at] == 0xFF and 0xD0 <= rows[at + 1] <= 0xD7]
    return rows[: marks[int(aim * len(marks))]] + _END


def zero_tail(data: bytes, rng: Rng, aim: float) -> bytes:
    """Return a file of the right length whose end was never written."""
    whole = cut(data, rng, aim)
    return whole + bytes(len(data) - len(whole))


def zero_tail_ended(data: bytes, rng: Rng, aim: float) -> bytes:
    """Return the same with an end marker behind the zeroes."""
    return zero_tail(data, rng, aim)[:-2] + _END


def flips(data: bytes, rng: Rng, aim: float) -> bytes:
    """Return a few bits of the scan turned over."""
    damaged = bytearray(data)
    for place in rng.integers(_place(data, aim), len(data) - 2, int(rng.integers(1, 12))):
        if damaged[place] != 0xFF and damaged[place - 1] != 0xFF:
            damaged[place] ^= 1 << int(rng.integers(0, 8))
            if damaged[place] == 0xFF:
                damaged[place] = 0xFE
    return bytes(damaged)


def lost_chunk(data: bytes, rng: Rng, aim: float) -> bytes:
    """Return a file from whose middle a packet or a sector is missing."""
    place, size = _place(data, aim), int(rng.choice(CHUNKS))
    rest = data[min(place + size, len(data) - 2) :]
    return data[:place].rstrip(b"\xff") + rest


def zeroed_chunk(data: bytes, rng: Rng, aim: float) -> bytes:
    """Return a file in whose middle a sector was never written."""
    place, size = _place(data, aim), int(rng.choice(CHUNKS))
    end = min(place + size, len(data) - 2)
    return data[:place] + bytes(end - place) + data[end:]


CHUNKS: Final = (512, 1400, 4096)
"""Bytes: a sector, what a network packet carries, and a page."""

type Fault = Callable[[bytes, Rng, float], bytes]
"""(whole file, randomness, place in the scan of 0..1) to the file that arrives."""

FAULTS: Final[Mapping[str, Fault]] = {
    "jpeg_cut": cut,
    "jpeg_cut_ended": cut_and_ended,
    "jpeg_cut_at_row": cut_at_row,
    "jpeg_zero_tail": zero_tail,
    "jpeg_zero_tail_ended": zero_tail_ended,
    "jpeg_flips": flips,
    "jpeg_lost_chunk": lost_chunk,
    "jpeg_zeroed_chunk": zeroed_chunk,
}
"""All of them hard."""


def _bomb(data: bytes) -> bytes:
    """Return a file whose header says that it has 65,500 x 65,500 pixels."""
    frame = data.index(b"\xff\xc0") + 5
    return data[:frame] + (65_500).to_bytes(2) * 2 + data[frame + 4 :]


STRANGE: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "empty": lambda _: b"",
    "page": lambda _: b"<!DOCTYPE html><html><head><title>401 Unauthorized</title></head><body>Log in</body></html>",
    "json": lambda _: b'{"error":{"code":-40401,"message":"session timeout"}}',
    "text": lambda _: b"Error: camera is busy, try again later.\r\n",
    "zeroes": lambda data: bytes(len(data)),
    "start_only": lambda data: data[:2],
    "header_only": lambda data: data[: _scan(data)],
    "headless": lambda data: data[_scan(data) :],
    "multipart": lambda data: b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + data[: len(data) // 3],
    "bomb": _bomb,
}
"""What arrives in place of a picture. All of it is severe: there is nothing to be seen."""


def tail(data: bytes, rng: Rng) -> bytes:
    """Return a good file with something behind its end: zeroes, notes, what a stream sends next, half a picture."""
    tails = (
        bytes(int(rng.integers(1, 9000))),
        rng.bytes(int(rng.integers(1, 5000))),
        b"\r\n--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 81234\r\n\r\n",
        data[: len(data) // 2],
        b"\r\n",
    )
    return data + tails[int(rng.integers(0, len(tails)))]
