"""Sortable identifiers: 48 bits of time and 80 random bits in 26 characters of Crockford's base 32."""

from datetime import UTC, datetime, timedelta
import secrets
import threading

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 26
"""Characters of a ULID; 26 of 5 bits hold 128 bits with two to spare (specification github.com/ulid/spec)."""

_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_RANDOM_BITS = 80
_SEED_BITS = 79
"""The first value of a millisecond leaves the top bit free, so that counting up cannot overflow into the time."""
_MAX_MILLIS = (1 << 48) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_lock = threading.Lock()
_last = (-1, 0)


def to_millis(moment: datetime) -> int:
    """Return the whole milliseconds since 1970 UTC of an aware datetime; ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no instant")
    return (moment - _EPOCH) // _MILLISECOND


def from_millis(millis: int) -> datetime:
    """Return the UTC datetime of milliseconds since 1970."""
    return _EPOCH + millis * _MILLISECOND


def new_ulid(now: datetime | None = None) -> str:
    """Return a new ULID of this instant; later calls in the same millisecond sort after earlier ones."""
    global _last  # noqa: PLW0603
    millis = min(max(to_millis(now or datetime.now(UTC)), 0), _MAX_MILLIS)
    with _lock:
        last_millis, last_tail = _last
        tail = last_tail + 1 if millis == last_millis else secrets.randbits(_SEED_BITS)
        _last = (millis, tail)
    return _encode(millis << _RANDOM_BITS | tail)


def ulid_time(ulid: str) -> datetime:
    """Return the UTC instant (millisecond precision) of a ULID; ValueError when it is none."""
    return from_millis(_decode(ulid) >> _RANDOM_BITS)


def is_ulid(text: str) -> bool:
    """Return whether the text is a ULID in its canonical upper-case form."""
    try:
        _decode(text)
    except ValueError:
        return False
    return True


def ulid_to_bytes(ulid: str) -> bytes:
    """Return the 16 bytes of a ULID, which sort like the text; ValueError when it is none."""
    return _decode(ulid).to_bytes(16)


def ulid_from_bytes(data: bytes) -> str:
    """Return the ULID of its 16 bytes; ValueError for another number of bytes."""
    if len(data) != 16:
        raise ValueError("not a ULID")
    return _encode(int.from_bytes(data))


def _encode(value: int) -> str:
    return "".join(ALPHABET[value >> shift & 31] for shift in range(5 * (LENGTH - 1), -1, -5))


def _decode(ulid: str) -> int:
    if len(ulid) != LENGTH or ulid[0] > "7":
        raise ValueError("not a ULID")
    value = 0
    for character in ulid:
        digit = _VALUES.get(character)
        if digit is None:
            raise ValueError("not a ULID")
        value = value << 5 | digit
    return value
