"""Change the bytes of a picture: anywhere, or where its format has something to break."""

from collections.abc import Callable, Sequence
from random import Random

from . import chunks, jpeg, riff
from .numbers import HOSTILE_BYTES, LARGEST, hostile_number

MOST = 6
"""Mutations of one input at most; most inputs get one or two, so that they still reach the decoder."""

type Mutation = Callable[[Random, bytes], bytes]


def _place(random: Random, data: bytes) -> int:
    """Return a position; every other one is in the first 512 bytes, where the headers are."""
    return random.randrange(min(len(data), 512) if random.random() < 0.5 else len(data))


def flip_bits(random: Random, data: bytes) -> bytes:
    """Flip some single bits."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        changed[_place(random, data)] ^= 1 << random.randrange(8)
    return bytes(changed)


def set_bytes(random: Random, data: bytes) -> bytes:
    """Set some bytes to values at the border of something."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        changed[_place(random, data)] = random.choice(HOSTILE_BYTES)
    return bytes(changed)


def set_number(random: Random, data: bytes) -> bytes:
    """Put a number at the border of something over two, three or four bytes."""
    at, number = _place(random, data), hostile_number(random)
    return (data[:at] + number + data[at + len(number) :])[: len(data)]


def truncate(random: Random, data: bytes) -> bytes:
    """Cut the end off; sometimes close it as if it were whole."""
    rest = data[: random.randrange(1, len(data) + 1)]
    return rest + random.choice((b"", b"", b"\xff\xd9", bytes(random.randrange(1, 4096))))


def remove(random: Random, data: bytes) -> bytes:
    """Take a stretch out."""
    start = _place(random, data)
    return data[:start] + data[start + random.choice((1, 2, 4, 16, 256, 1500)) :]


def repeat(random: Random, data: bytes) -> bytes:
    """Repeat a stretch, now and then a thousand times."""
    start = _place(random, data)
    part = data[start : start + random.choice((1, 2, 4, 12, 64, 700))]
    times = random.choice((1, 1, 2, 3, 40, 1000))
    return (data[:start] + part * times + data[start:])[:LARGEST]


def zero(random: Random, data: bytes) -> bytes:
    """Overwrite a stretch with one byte."""
    start, length = _place(random, data), random.choice((2, 8, 64, 512, 4096))
    return (data[:start] + random.choice((b"\0", b"\xff", b"\x80")) * length + data[start + length :])[: len(data)]


def insert(random: Random, data: bytes) -> bytes:
    """Put in random bytes."""
    at = _place(random, data)
    return data[:at] + random.randbytes(random.choice((1, 2, 3, 8, 100, 2000))) + data[at:]


def scramble(random: Random, data: bytes) -> bytes:
    """Overwrite a stretch with random bytes."""
    at, length = _place(random, data), random.choice((2, 4, 16, 200))
    return (data[:at] + random.randbytes(length) + data[at + length :])[: len(data)]


def append(random: Random, data: bytes) -> bytes:
    """Put something behind the end."""
    return data + random.choice((b"\0" * 64, b"\xff\xd9", b"dhav\0\1\2\3", random.randbytes(300), data))


ANYWHERE: tuple[Mutation, ...] = (
    flip_bits,
    set_bytes,
    set_number,
    truncate,
    remove,
    repeat,
    zero,
    insert,
    scramble,
    append,
)


def of_format(data: bytes) -> tuple[Mutation, ...]:
    """Return the mutations that know the format of the bytes."""
    if data.startswith(b"\xff\xd8"):
        return jpeg.MUTATIONS
    if data.startswith(b"\x89PNG"):
        return chunks.MUTATIONS
    return riff.MUTATIONS if data.startswith(b"RIFF") else ()


def splice(random: Random, data: bytes, donors: Sequence[bytes]) -> bytes:
    """Join the head of one picture and the tail of another."""
    other = random.choice(donors)
    return data[: random.randrange(1, len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def mutated(random: Random, data: bytes, donors: Sequence[bytes]) -> bytes:
    """Return the bytes after a few mutations."""
    for _ in range(min(MOST, 1 + int(random.expovariate(0.8)))):
        if not data:
            break
        known = of_format(data)
        if random.random() < 0.04:
            data = splice(random, data, donors)
        elif known and random.random() < 0.6:
            data = random.choice(known)(random, data)
        else:
            data = random.choice(ANYWHERE)(random, data)
        data = data[:LARGEST]
    return data


def case(number: int, originals: Sequence[bytes], seed: int = 0) -> bytes:
    """Return the mutated input of a number; the same for the same seed and originals."""
    random = Random(f"{seed}:{number}")  # noqa: S311 - to be repeated, not to be secret
    return mutated(random, random.choice(originals), originals)
