"""Numbers at the border of something: of a type, of a limit, of what is sensible."""

from collections.abc import Callable
from random import Random

HOSTILE_BYTES = (0x00, 0x01, 0x02, 0x03, 0x07, 0x08, 0x0F, 0x10, 0x1F, 0x20, 0x40, 0x7F, 0x80, 0xC0, 0xFE, 0xFF)
HOSTILE = (0, 1, 2, 3, 7, 8, 63, 64, 65, 255, 256, 257, 4095, 4096, 16383, 32767, 32768, 65535)
HUGE = (65536, 2**24 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 2, 2**32 - 12, 2**25, 2**25 + 1)
SIDES = (1, 8, 63, 64, 65, 72, 96, 100, 127, 128, 160, 161, 255, 320, 333, 640, 1000)
"""Pixels of a side that may be decoded at once."""
LARGE_SIDES = (2000, 2500, 3000, 4000, 4001, 5500, 7000, 7071, 16383, 65535)
"""Pixels of a side that cost something, up to the limits; few inputs have them, as each takes a part of a second."""
LARGE = 0.2
"""Share of the large ones among changed sizes; most of them are refused."""

LARGEST = 2 * 1024 * 1024
"""Bytes that an input may grow to by being repeated: what costs by its length shows long before."""


def move[T](random: Random, parts: list[T], length: Callable[[T], int], *times: int) -> None:
    """Drop, double or swap one of the parts, or repeat it one of so many times within what an input may grow to."""
    at, other = random.randrange(len(parts)), random.randrange(len(parts))
    match random.randrange(4):
        case 0:
            del parts[at]
        case 1:
            parts.insert(other, parts[at])
        case 2:
            parts[at], parts[other] = parts[other], parts[at]
        case _:
            most = 1 + LARGEST // max(1, length(parts[at]))
            parts[at:at] = [parts[at]] * min(random.choice(times), most)


def hostile_number(random: Random) -> bytes:
    """Return such a number in two, three or four bytes, either end first."""
    length = random.choice((2, 2, 3, 4, 4))
    number: int = random.choice(HOSTILE if length == 2 else HOSTILE + HUGE) & (1 << 8 * length) - 1
    return number.to_bytes(length, random.choice(("big", "little")))


def sides(random: Random) -> tuple[int, int]:
    """Return width and height of a changed size."""
    if random.random() < LARGE:
        return random.choice(LARGE_SIDES), random.choice(LARGE_SIDES if random.random() < 0.8 else SIDES)
    return random.choice(SIDES), random.choice(SIDES)
