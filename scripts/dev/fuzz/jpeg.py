"""Mutations of a JPEG: its segments, frame header, tables, scans and markers (ITU-T T.81, annex B)."""

from collections.abc import Callable
from random import Random
import struct

from .numbers import HOSTILE_BYTES, hostile_number, move, sides

SOF = tuple(code for code in range(0xC0, 0xD0) if code not in (0xC4, 0xC8, 0xCC))
LONGEST = 65533
"""Bytes of a segment's body."""
SOFT_CODES = (0x01, *range(0xD0, 0xDA), *SOF, 0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xE0, 0xFE, 0xFF, 0x00)
"""Markers that mean something to a decoder wherever they stand."""


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the segments from the start marker to the first scan header, and all that follows."""
    parts, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        stop = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        parts.append(data[at:stop])
        at = stop
        if parts[-1][1] == 0xDA:
            break
    return parts, data[at:]


def _segment(code: int, body: bytes) -> bytes:
    """Return a segment with the length that belongs to it."""
    return bytes([0xFF, code]) + struct.pack(">H", 2 + len(body[:LONGEST])) + body[:LONGEST]


def _edit(random: Random, data: bytes, change: Callable[[bytearray], None], *codes: int) -> bytes:
    """Change one of the segments of some codes, any without codes, in place."""
    parts, rest = split(data)
    fitting = [at for at, part in enumerate(parts) if at and len(part) > 4 and (not codes or part[1] in codes)]
    if not fitting:
        return data
    at = random.choice(fitting)
    body = bytearray(parts[at])
    change(body)
    parts[at] = bytes(body)
    return b"".join(parts) + rest


def move_segments(random: Random, data: bytes) -> bytes:
    """Drop, repeat or swap segments of the header."""
    parts, rest = split(data)
    move(random, parts, len, 2, 17, 300)
    return b"".join(parts) + rest


def change_length(random: Random, data: bytes) -> bytes:
    """Let a segment lie about its length."""

    def change(part: bytearray) -> None:
        length = int.from_bytes(part[2:4])
        wrong = random.choice((0, 1, 2, 3, length - 1, length + 1, length * 2, 65535, 32768)) & 0xFFFF
        part[2:4] = wrong.to_bytes(2)

    return _edit(random, data, change)


def shorten(random: Random, data: bytes) -> bytes:
    """Cut the body of a segment and let its length agree; every other time all ends there."""
    parts, rest = split(data)
    at = random.randrange(len(parts))
    code, body = parts[at][1:2], parts[at][4:]
    if not at or not body:
        return data
    kept = body[: random.choice((0, 0, 1, 2, len(body) - 1, random.randrange(len(body))))]
    parts[at] = b"\xff" + code + struct.pack(">H", 2 + len(kept)) + kept
    return b"".join(parts[: at + 1]) if random.random() < 0.5 else b"".join(parts) + rest


def change_size(random: Random, data: bytes) -> bytes:
    """Claim another width and height, or one of them."""
    width, height = sides(random)

    def change(part: bytearray) -> None:
        both = random.randrange(3)
        if both != 1:
            part[5:7] = height.to_bytes(2)
        if both != 2:
            part[7:9] = width.to_bytes(2)

    return _edit(random, data, change, *SOF)


def change_frame(random: Random, data: bytes) -> bytes:
    """Change process, precision, components, sampling or tables of the frame header."""

    def change(part: bytearray) -> None:
        match random.randrange(5):
            case 0:
                part[1] = random.choice(SOF)
            case 1:
                part[4] = random.choice((0, 1, 2, 8, 12, 16, 255))
            case 2:
                part[9:10] = bytes([random.choice((0, 1, 2, 3, 4, 5, 10, 255))])
            case 3:
                for component in range(11, len(part), 3):
                    part[component] = random.choice((0x11, 0x12, 0x21, 0x22, 0x41, 0x14, 0x44, 0x00, 0xFF, 0x13))
            case _:
                part[random.randrange(9, max(10, len(part))) % len(part)] = random.choice(HOSTILE_BYTES)

    return _edit(random, data, change, *SOF)


def change_tables(random: Random, data: bytes) -> bytes:
    """Damage a quantisation or Huffman table, a restart interval, or a scan header."""

    def change(part: bytearray) -> None:
        for _ in range(random.choice((1, 2, 8))):
            part[random.randrange(4, len(part))] = random.choice(HOSTILE_BYTES)

    return _edit(random, data, change, 0xC4, 0xDB, 0xDD, 0xDA, 0xCC)


def _payload(random: Random) -> tuple[int, bytes]:
    """Return code and body of a segment that somebody reads: notes, profiles, intervals, tables."""
    big = random.choice((0, 0, 8, 60000))
    count, index = random.choice(HOSTILE_BYTES), random.choice(HOSTILE_BYTES)
    entries = b"".join(
        struct.pack(">HHI", random.choice((0x112, 0x11A, 0x8769, 0x8825, 0xA005, 0xB001)), random.randrange(14), 9)
        + hostile_number(random).ljust(4, b"\0")
        for _ in range(random.choice((0, 1, 3, 40)))
    )
    exif = b"Exif\0\0" + random.choice((b"MM\0*", b"II*\0", b"MM\0+", b"QQ")) + struct.pack(">I", 8)
    exif += len(entries).to_bytes(2) + entries + hostile_number(random)
    return random.choice(
        (
            (0xE0, b"JFIF\0\1\1" + random.randbytes(random.choice((0, 3, 7)))),
            (0xE1, exif + bytes(big)),
            (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta" + bytes(big)),
            (0xE2, b"ICC_PROFILE\0" + bytes([index, count]) + bytes(big)),
            (0xE2, b"MPF\0" + exif[6:] + bytes(big)),
            (0xED, b"Photoshop 3.0\x008BIM\x03\xed\0\0" + hostile_number(random) + random.randbytes(20)),
            (0xEE, b"Adobe\0d\0\0\0\0" + bytes([random.choice((0, 1, 2, 3, 255))])),
            (0xDD, hostile_number(random)[:2]),
            (0xFE, random.randbytes(30) + bytes(big)),
            (0xC4, bytes([random.choice((0, 1, 0x10, 0x11, 0x22, 0xFF))]) + random.randbytes(40)),
            (0xDB, bytes([random.choice((0, 1, 0x10, 0x13, 0xFF))]) + random.randbytes(64)),
            (0xCC, random.randbytes(2)),
            (0xDC, hostile_number(random)[:2]),
        )
    )


def insert_segment(random: Random, data: bytes) -> bytes:
    """Put a segment into the header, once or until it is a bomb."""
    parts, rest = split(data)
    added = _segment(*_payload(random))
    parts.insert(random.randrange(1, len(parts) + 1), added * random.choice((1, 1, 1, 2, 14, 18)))
    return b"".join(parts) + rest


def insert_marker(random: Random, data: bytes) -> bytes:
    """Put markers into the scan."""
    parts, rest = split(data)
    if not rest:
        return data
    for _ in range(random.choice((1, 1, 2, 8, 200))):
        at = random.randrange(len(rest))
        rest = rest[:at] + bytes([0xFF, random.choice(SOFT_CODES)]) + rest[at:]
    return b"".join(parts) + rest


def insert_bare_marker(random: Random, data: bytes) -> bytes:
    """Put markers without a length, or filling, between the segments of the header."""
    parts, rest = split(data)
    bare = bytes([0xFF, random.choice((0x01, 0xD0, 0xD7, 0xD8, 0xFF))])
    parts.insert(random.randrange(1, len(parts) + 1), bare * random.choice((1, 1, 3, 5000)))
    return b"".join(parts) + rest


def repeat_scan(random: Random, data: bytes) -> bytes:
    """Give the picture its last scan again and again."""
    at = data.rfind(b"\xff\xda")
    if at < 0:
        return data
    scan = data[at:-2]
    if random.random() < 0.5:
        scan = scan[: random.choice((8, 12, 14, 40))]
    return data[:at] + scan * random.choice((2, 3, 30, 101)) + b"\xff\xd9"


def empty_scan(random: Random, data: bytes) -> bytes:
    """Fill the scan with codes that are all alike, and end it or not."""
    parts, rest = split(data)
    filling = random.choice((b"\0", b"\xff\0", b"\xaa", b"\xff\xd0", b"\x7f", b"\xff\xff"))
    return b"".join(parts) + filling * len(rest) + random.choice((b"", b"\xff\xd9"))


MUTATIONS = (
    move_segments,
    change_length,
    shorten,
    change_size,
    change_frame,
    change_tables,
    insert_segment,
    insert_marker,
    insert_bare_marker,
    repeat_scan,
    empty_scan,
)
