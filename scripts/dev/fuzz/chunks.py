"""Mutations of a PNG: its chunks, header, checksums, packed pixels and animation (ISO/IEC 15948)."""

from random import Random
import struct
import zlib

from .numbers import HOSTILE_BYTES, hostile_number, move, sides
from .seeds import chunk

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KINDS = b"IHDR PLTE IDAT IEND tRNS gAMA cHRM pHYs eXIf acTL fcTL fdAT iCCP tEXt zTXt iTXt bKGD tIME aaaa AAAA".split()
BOMB = zlib.compress(bytes(3_000_000))
"""Packed bytes of more than a text may unpack to."""


def split(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return kind and body of the chunks; the last may be cut."""
    found, at = [], len(SIGNATURE)
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def joined(random: Random, parts: list[tuple[bytes, bytes]]) -> bytes:
    """Return the chunks as a file; one in eight has a wrong checksum somewhere."""
    packed = [chunk(kind, body) for kind, body in parts]
    if packed and random.random() < 0.12:
        at = random.randrange(len(packed))
        packed[at] = packed[at][:-4] + random.randbytes(4)
    return SIGNATURE + b"".join(packed)


def move_chunks(random: Random, data: bytes) -> bytes:
    """Drop, repeat or swap chunks."""
    parts = split(data)
    if not parts:
        return data
    move(random, parts, lambda part: len(part[1]), 2, 20, 2000)
    return joined(random, parts)


def change_header(random: Random, data: bytes) -> bytes:
    """Claim another size, depth, colour type, packing, filter or interlacing."""
    parts = split(data)
    if not parts or len(parts[0][1]) < 13:
        return data
    header = bytearray(parts[0][1])
    match random.randrange(4):
        case 0:
            header[0:8] = struct.pack(">II", *sides(random))
        case 1:
            header[8] = random.choice((0, 1, 2, 4, 8, 16, 32, 255))
        case 2:
            header[9] = random.choice((0, 2, 3, 4, 6, 1, 7, 255))
        case _:
            header[random.randrange(10, 13)] = random.choice((0, 1, 2, 255))
    parts[0] = (parts[0][0], bytes(header))
    return joined(random, parts)


def change_chunk(random: Random, data: bytes) -> bytes:
    """Damage a chunk and let its checksum agree; or its kind, or its length."""
    parts = split(data)
    if not parts:
        return data
    at = random.randrange(len(parts))
    kind, body = parts[at]
    match random.randrange(4):
        case 0 if body:
            changed = bytearray(body)
            for _ in range(random.choice((1, 2, 8))):
                changed[random.randrange(len(body))] = random.choice(HOSTILE_BYTES)
            parts[at] = kind, bytes(changed)
        case 1:
            parts[at] = random.choice(KINDS), body
        case 2:
            parts[at] = kind, body[: random.randrange(len(body) + 1)]
        case _:
            place = data.find(kind) - 4
            if place >= 0:
                return data[:place] + hostile_number(random).ljust(4, b"\0") + data[place + 4 :]
    return joined(random, parts)


def insert_chunk(random: Random, data: bytes) -> bytes:
    """Put in a chunk that somebody reads."""
    parts = split(data)
    numbers = b"".join(hostile_number(random) for _ in range(random.choice((0, 1, 4, 8))))
    packed = random.choice((BOMB, zlib.compress(b"note"), BOMB[:50], b"x\x9cbroken", b""))
    added = random.choice(
        (
            (b"acTL", struct.pack(">II", random.choice((0, 1, 2, 2**31)), random.choice((0, 1)))),
            (b"fcTL", struct.pack(">IIIIIHHH", 0, *sides(random), 0, 0, 1, 1, random.randrange(1024))),
            (b"fcTL", numbers),
            (b"fdAT", struct.pack(">I", random.randrange(3)) + zlib.compress(bytes(400))),
            (b"iCCP", b"name\0" + bytes([random.choice((0, 1))]) + packed),
            (b"zTXt", b"Comment\0" + bytes([random.choice((0, 1))]) + packed),
            (b"iTXt", b"Comment\0" + bytes([random.choice((0, 1)), 0]) + b"en\0\0" + packed),
            (b"tEXt", b"Comment\0" + numbers),
            (b"eXIf", random.choice((b"MM\0*", b"II*\0", b"Exif\0\0MM\0*")) + b"\0\0\0\x08" + numbers),
            (random.choice(KINDS), numbers),
            (random.choice(KINDS), random.randbytes(random.choice((0, 1, 3, 256, 768, 769)))),
        )
    )
    at = random.randrange(len(parts) + 1)
    parts[at:at] = [added] * random.choice((1, 1, 1, 2, 50))
    return joined(random, parts)


def repack(random: Random, data: bytes) -> bytes:
    """Unpack the pixels, damage them or their filters, and pack them again, in one chunk or in many."""
    parts = split(data)
    try:
        pixels = bytearray(zlib.decompress(b"".join(body for kind, body in parts if kind == b"IDAT")))
    except zlib.error:
        return data
    for _ in range(random.choice((1, 4, 30)) if pixels else 0):
        pixels[random.randrange(len(pixels))] = random.choice(HOSTILE_BYTES)
    length = int(len(pixels) * random.choice((0, 0.5, 1, 1, 1)))
    packed = zlib.compress(bytes(pixels[:length]) + bytes(random.choice((0, 0, 1, 5000))), random.randrange(10))
    step = random.choice((len(packed), 1000, 100, 1)) or 1
    bodies = [(b"IDAT", packed[at : at + step]) for at in range(0, len(packed), step)]
    return joined(random, [*(part for part in parts if part[0] not in (b"IDAT", b"IEND")), *bodies, (b"IEND", b"")])


MUTATIONS = (move_chunks, change_header, change_chunk, insert_chunk, repack)
