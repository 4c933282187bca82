"""Video streams as cameras send them, damaged in the bitstream, and what decoders then show."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
import ctypes
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, cast

import av
import av.error
import numpy as np

from . import clean
from .jpegs import damage, severity
from .light import DAYLIGHT, Plane, Rng, figure, grey, noisy, picture, placed, plane
from .sources import Rgb

FRAMES: Final = 9
"""Pictures of one stream: two groups, the second of which is the one that is looked at."""
GROUP: Final = 4
FPS: Final = 10

_ENCODERS: Final[Mapping[str, tuple[str, dict[str, str]]]] = {
    "h264": ("libx264", {"preset": "superfast", "tune": "zerolatency"}),
    "hevc": ("libx265", {"preset": "superfast", "tune": "zerolatency"}),
    "mjpeg": ("mjpeg", {}),
}
MONO: Final = 1.5
"""Mean grey levels between red and blue; a picture with less has no colour."""


@dataclass(frozen=True, slots=True)
class Stream:
    """An encoded stream: its packets in order, which of them are key frames, and the clean pictures of all of them."""

    codec: str
    packets: tuple[bytes, ...]
    keys: tuple[bool, ...]
    clean: tuple[Rgb, ...]

    @property
    def data(self) -> bytes:
        """Return the stream as a file of its own format."""
        return b"".join(self.packets)


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of a damaged stream: a picture, how much of it is damaged, and the file that a camera would send."""

    picture: Rgb
    share: float
    data: bytes


def motion(view: Rgb, rng: Rng, count: int = FRAMES) -> tuple[Rgb, ...]:
    """Return pictures of a living scene: the light changes a little, somebody goes by, the sensor is noisy."""
    height, width = view.shape[:2]
    base = plane(view)
    body = figure(max(8, int(height * rng.uniform(0.1, 0.3))), rng, float(np.clip(base.mean() / DAYLIGHT, 0.06, 1.2)))
    if np.abs(base[..., 0] - base[..., 2]).mean() < MONO:
        body[..., :3] = grey(body[..., :3])
    top, left = int(rng.integers(height // 4, height - body.shape[0])), rng.uniform(0, width - body.shape[1])
    speed = rng.uniform(-0.02, 0.02) * width
    found = []
    for number in range(count):
        values = placed(base * np.float32(1 + 0.01 * np.sin(number)), body, int(left + speed * number), top)
        found.append(picture(noisy(values, rng, read=1.2, shot=1.2)))
    return tuple(found)


def encode(pictures: Sequence[Rgb], codec: str, rng: Rng, *, crf: int | None = None) -> Stream:
    """Return the pictures as a camera would stream them: short groups, one to twelve slices a picture."""
    name, options = _ENCODERS[codec]
    height, width = (side // 2 * 2 for side in pictures[0].shape[:2])
    encoder = cast("Any", av.CodecContext.create(name, "w"))
    encoder.width, encoder.height = width, height
    encoder.thread_count = 1
    encoder.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS)
    if codec == "mjpeg":
        encoder.options = {"q:v": "4", "qmin": "3", "qmax": "6"}
    else:
        quality = crf if crf is not None else int(rng.integers(20, 30))
        slices = int(rng.choice((1, 1, 4, 12)))
        private = f"keyint={GROUP}:min-keyint={GROUP}:scenecut=0:repeat-headers=1:bframes=0:slices={slices}"
        # How many threads there are changes what is encoded.
        private += ":log-level=none:pools=1:frame-threads=1" if codec == "hevc" else ":threads=1:sliced-threads=0"
        encoder.options = {**options, "crf": str(quality), f"{name.removeprefix('lib')}-params": private}
    packets: list[tuple[bytes, bool]] = []
    for number, taken in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(taken[:height, :width]), format="rgb24")
        frame.pts = number
        packets += [(bytes(packet), packet.is_keyframe) for packet in encoder.encode(frame)]
    packets += [(bytes(packet), packet.is_keyframe) for packet in encoder.encode(None)]
    data = tuple(packet for packet, _ in packets)
    shown = tuple(decode(codec, data, conceal=True))
    return Stream(codec, data, tuple(key for _, key in packets), shown)


@contextmanager
def _fresh_memory() -> Iterator[None]:
    """Have the C library take large pieces from the system: a hole in a decoder's picture is then zeroes (green).

    Otherwise it is whatever lay there before, which no two runs have in common. Only glibc can be told.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda _parameter, _value: 1)
    mallopt(_MMAP_THRESHOLD, 4096)
    try:
        yield
    finally:
        mallopt(_MMAP_THRESHOLD, 32 << 20)


PADDING: Final = 64
"""Bytes of zeroes behind a packet that libavcodec asks for (AV_INPUT_BUFFER_PADDING_SIZE)."""
_MMAP_THRESHOLD: Final = -3
"""glibc's number of that setting."""


def decode(codec: str, packets: Sequence[bytes], *, conceal: bool) -> list[Rgb]:
    """Return what a forgiving decoder shows of the packets; without ``conceal`` it leaves holes as they are."""
    with _fresh_memory():
        return list(_decode(codec, packets, conceal=conceal))


def _decode(codec: str, packets: Sequence[bytes], *, conceal: bool) -> Iterator[Rgb]:
    decoder = cast("Any", av.CodecContext.create(codec, "r"))
    decoder.thread_count = 1
    if not conceal:
        decoder.options = {"ec": "0"}
    decoder.flags |= 1 << 3  # AV_CODEC_FLAG_OUTPUT_CORRUPT: show what there is
    for data in [*(data for data in packets if data), None]:
        # Decoders read past the end of what is cut off.
        packet = av.Packet(data + bytes(PADDING)) if data is not None else None
        try:
            for frame in decoder.decode(packet):
                yield frame.to_ndarray(format="rgb24")
        except av.error.FFmpegError:
            continue


type Damage = Callable[[Stream, int, Rng, float], list[bytes]]
"""(stream, number of the packet to be hit, randomness, place in it of 0..1) to the packets that arrive."""


def _units(data: bytes) -> list[bytes]:
    """Return the NAL units of an Annex B packet, each with its start code."""
    starts = []
    at = data.find(b"\0\0\1")
    while at >= 0:
        starts.append(at - 1 if at and data[at - 1] == 0 else at)
        at = data.find(b"\0\0\1", at + 3)
    return [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]


def _slices(codec: str, units: list[bytes]) -> list[int]:
    """Return which units carry pictures."""
    found = []
    for number, unit in enumerate(units):
        first = unit.lstrip(b"\0")[1]
        kind = (first & 0x1F) if codec == "h264" else (first >> 1 & 0x3F)
        if (codec == "h264" and 1 <= kind <= 5) or (codec == "hevc" and kind < 32):
            found.append(number)
    return found


def lost_slice(stream: Stream, hit: int, rng: Rng, aim: float) -> list[bytes]:
    """Return a stream of which one slice (the rest of it, in a picture that has only one) did not arrive."""
    packets = list(stream.packets)
    units = _units(packets[hit])
    parts = _slices(stream.codec, units)
    lost = parts[int(aim * len(parts))]
    if len(parts) > 1:
        del units[lost]
    else:
        units[lost] = units[lost][: 40 + int((len(units[lost]) - 40) * aim)]
    packets[hit] = b"".join(units)
    return packets


def lost_packet(stream: Stream, hit: int, rng: Rng, aim: float) -> list[bytes]:
    """Return a stream in whose picture a network packet is missing, and what follows it is joined on."""
    packets = list(stream.packets)
    data = packets[hit]
    size = min(PACKET, len(data) // 3)
    begin = min(HEADERS, len(data) // 4)
    place = begin + int((len(data) - size - begin) * aim)
    packets[hit] = data[:place] + data[place + size :]
    return packets


def cut_short(stream: Stream, hit: int, rng: Rng, aim: float) -> list[bytes]:
    """Return a stream in which the rest of a picture did not arrive."""
    packets = list(stream.packets)
    begin = min(HEADERS, len(packets[hit]) // 4)
    packets[hit] = packets[hit][: begin + int((len(packets[hit]) - begin) * aim)]
    return packets


def flipped(stream: Stream, hit: int, rng: Rng, aim: float) -> list[bytes]:
    """Return a stream with a few bits turned over in one picture."""
    packets = list(stream.packets)
    data = bytearray(packets[hit])
    begin = min(HEADERS, len(data) // 4)
    for place in rng.integers(begin + int((len(data) - begin) * aim * 0.99), len(data) - 1, int(rng.integers(1, 6))):
        data[place] ^= 1 << int(rng.integers(0, 8))
    packets[hit] = bytes(data)
    return packets


def middle(stream: Stream, hit: int, rng: Rng, aim: float) -> list[bytes]:
    """Return a stream that begins between two key frames, for somebody who knows the headers."""
    units = _units(stream.packets[0])
    pictures = _slices(stream.codec, units)
    heads = [unit for number, unit in enumerate(units) if number not in pictures]
    begin = max(hit, GROUP + 1)
    return [b"".join(heads), *[b""] * (begin - 1), *stream.packets[begin:]]


PACKET: Final = 1400
"""Bytes that a network packet carries."""
HEADERS: Final = 300
"""Bytes at the start of a picture in which the headers lie; without them there is no picture."""

FAULTS: Final[Mapping[str, Damage]] = {
    "lost_slice": lost_slice,
    "lost_packet": lost_packet,
    "cut_short": cut_short,
    "flipped": flipped,
    "middle": middle,
}
"""What befalls a stream."""
MIDDLE: Final = "middle"
"""The one that no key frame meets."""
SLICED: Final = frozenset({"lost_slice", MIDDLE})
"""Those that need slices and pictures that build on one another."""


def key_frame(stream: Stream, fault: str, rng: Rng, aim: float) -> Shown | None:
    """Damage the first key frame; return it alone, as a grabber of key frames meets it; None when nobody could see it.

    ``share`` is what a forgiving decoder would have shown; the picture likewise.
    """
    packets = FAULTS[fault](stream, 0, rng, aim)[:1]
    return _shown(stream, packets, stream.clean[:1], conceal=bool(rng.integers(0, 2)))


def still(stream: Stream, fault: str, rng: Rng, aim: float) -> Shown | None:
    """Damage a picture; return a still that other software takes of it or of what follows.

    Half of that software has only just connected, and what is missing has no picture before it to be taken from.
    """
    hit = int(rng.choice((0, 0, 0, GROUP, GROUP + 1, GROUP + 2)))
    wanted = hit if stream.codec == "mjpeg" else hit + int(rng.integers(0, 2))
    packets = FAULTS[fault](stream, hit, rng, aim)[: wanted + 1]
    return _shown(stream, packets, stream.clean[max(0, wanted - 1) : wanted + 2], conceal=bool(rng.integers(0, 2)))


def _shown(stream: Stream, packets: Sequence[bytes], clean_ones: tuple[Rgb, ...], *, conceal: bool) -> Shown | None:
    """Return the last picture that a decoder shows of packets; None when there is none, or nobody could tell."""
    shown = decode(stream.codec, packets, conceal=conceal)
    if not shown or shown[-1].shape != clean_ones[0].shape:
        return None
    share = damage(shown[-1], clean_ones)
    return None if severity(share) is None else Shown(shown[-1], share, b"".join(packets))


def low_bitrate(view: Rgb, rng: Rng) -> Plane:
    """Return a clean picture of a stream with far too few bits."""
    stream = encode(motion(picture(clean.day(view, rng)), rng, 4), "h264", rng, crf=int(rng.integers(36, 46)))
    return plane(stream.clean[-1])
