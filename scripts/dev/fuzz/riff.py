"""Mutations of a WebP: its chunks, canvas, frames and lengths (RFC 9649)."""

from random import Random
import struct

from .numbers import HOSTILE_BYTES, hostile_number, move, sides

KINDS = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP ", b"abcd")


def split(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return kind and body of the chunks; the last may be cut."""
    found, at = [], 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        found.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return found


def joined(random: Random, parts: list[tuple[bytes, bytes]]) -> bytes:
    """Return the chunks as a file; one in eight has a wrong length somewhere."""
    packed = [kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2) for kind, body in parts]
    if packed and random.random() < 0.06:
        at = random.randrange(len(packed))
        packed[at] = packed[at][:4] + hostile_number(random).ljust(4, b"\0") + packed[at][8:]
    body = b"WEBP" + b"".join(packed)
    length = len(body) if random.random() > 0.06 else int.from_bytes(hostile_number(random), "little")
    return b"RIFF" + struct.pack("<I", length) + body


def move_chunks(random: Random, data: bytes) -> bytes:
    """Drop, repeat or swap chunks."""
    parts = split(data)
    if not parts:
        return data
    move(random, parts, lambda part: len(part[1]), 2, 20, 1000)
    return joined(random, parts)


def _sized(random: Random, kind: bytes, body: bytes) -> bytes:
    """Return the chunk with another size in its header."""
    width, height = sides(random)
    if kind == b"VP8 ":
        return body[:6] + struct.pack("<HH", width & 0x3FFF, height & 0x3FFF) + body[10:]
    if kind == b"VP8L":
        bits = (width - 1 & 0x3FFF) | (height - 1 & 0x3FFF) << 14 | random.randrange(2) << 28
        return body[:1] + struct.pack("<I", bits) + body[5:]
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return body[:4] + size + body[10:] if kind == b"VP8X" else body[:6] + size + body[12:]


def change_size(random: Random, data: bytes) -> bytes:
    """Claim another size of canvas or frame."""
    parts = split(data)
    fitting = [at for at, part in enumerate(parts) if part[0] in (b"VP8 ", b"VP8L", b"VP8X", b"ANMF")]
    if not fitting:
        return data
    at = random.choice(fitting)
    parts[at] = parts[at][0], _sized(random, *parts[at])
    return joined(random, parts)


def change_chunk(random: Random, data: bytes) -> bytes:
    """Damage the beginning of a chunk, its kind, or its end."""
    parts = split(data)
    if not parts:
        return data
    at = random.randrange(len(parts))
    kind, body = parts[at]
    match random.randrange(3):
        case 0 if body:
            changed = bytearray(body)
            for _ in range(random.choice((1, 2, 8))):
                reach = min(len(body), random.choice((12, 64, len(body))))
                changed[random.randrange(reach)] = random.choice(HOSTILE_BYTES)
            parts[at] = kind, bytes(changed)
        case 1:
            parts[at] = random.choice(KINDS), body
        case _:
            parts[at] = kind, body[: random.randrange(len(body) + 1)]
    return joined(random, parts)


def insert_chunk(random: Random, data: bytes) -> bytes:
    """Put in a chunk that somebody reads, or make the file an extended one."""
    parts = split(data)
    width, height = sides(random)
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    frame = b"".join(kind + struct.pack("<I", len(body)) + body for kind, body in parts if kind[:3] == b"VP8")
    added = random.choice(
        (
            (b"VP8X", bytes([random.choice(HOSTILE_BYTES), 0, 0, 0]) + size),
            (b"ANIM", hostile_number(random).ljust(6, b"\0")),
            (b"ANMF", bytes(6) + size + bytes(4) + frame),
            (b"ALPH", bytes([random.randrange(64)]) + random.randbytes(50)),
            (b"EXIF", random.choice((b"MM\0*\0\0\0\x08", b"II*\0")) + random.randbytes(40)),
            (b"ICCP", bytes(random.choice((0, 128, 60000)))),
            (b"XMP ", b"<x:xmpmeta" + bytes(100)),
        )
    )
    first = added[0] == b"VP8X"
    at = 0 if first else random.randrange(len(parts) + 1)
    parts[at:at] = [added] * random.choice((1, 1, 1, 2, 30))
    return joined(random, parts)


MUTATIONS = (move_chunks, change_size, change_chunk, insert_chunk)
