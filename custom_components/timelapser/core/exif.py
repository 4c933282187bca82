"""Take the place out of EXIF data without moving anything else in it."""

from collections.abc import Iterator
import struct

GPS_POINTER = 0x8825
ORIENTATION = 0x0112
_SUB_DIRECTORIES = frozenset({0x8769, 0x014A})
"""Tags that point to further directories: Exif and SubIFDs (EXIF 2.32, 4.6.3; TIFF technical note 1)."""
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of a value of each TIFF field type (TIFF 6.0, section 2)."""
_ENTRY = 12
_MAX_DIRECTORIES = 64
"""Directories followed; real files have four, and a longer chain is hostile."""


def without_gps(tiff: bytes) -> bytes:
    """Return EXIF data (from the byte-order mark on) without its GPS directories and of the same length.

    Data without any comes back as it is. Data that cannot be followed to its end is replaced by an EXIF
    block that holds the orientation alone, so that no place can hide in it.
    """
    try:
        return _Tiff(tiff).blanked()
    except struct.error, ValueError, IndexError:
        return _orientation_only(_orientation(tiff))


class _Tiff:
    """EXIF data being edited."""

    def __init__(self, data: bytes) -> None:
        if data[:4] not in (b"II*\0", b"MM\0*"):
            raise ValueError("not EXIF data")
        self._data = bytearray(data)
        self._order = "<" if data[:1] == b"I" else ">"

    def blanked(self) -> bytes:
        """Return the data with every GPS directory blanked and its pointer taken out."""
        waiting = [self._long(4)]
        seen: set[int] = set()
        while waiting:
            offset = waiting.pop()
            if offset == 0 or offset in seen:
                continue
            if len(seen) >= _MAX_DIRECTORIES:
                raise ValueError("too many directories")
            seen.add(offset)
            self._remove_gps(offset)
            for entry in self._entries(offset):
                if self._short(entry) in _SUB_DIRECTORIES:
                    waiting += self._pointers(entry)
            waiting.append(self._long(offset + 2 + _ENTRY * self._short(offset)))
        return bytes(self._data)

    def orientation(self) -> int:
        """Return the orientation of the first directory; 1 (upright) when it has none."""
        for entry in self._entries(self._long(4)):
            if self._short(entry) == ORIENTATION:
                return self._short(entry + 8)
        return 1

    def _remove_gps(self, offset: int) -> None:
        count = self._short(offset)
        end = offset + 2 + _ENTRY * count + 4
        self._need(end)
        for index in reversed(range(count)):
            entry = offset + 2 + _ENTRY * index
            if self._short(entry) == GPS_POINTER:
                for directory in self._pointers(entry):
                    self._blank_directory(directory)
                self._data[entry:end] = self._data[entry + _ENTRY : end] + bytes(_ENTRY)
                count -= 1
        struct.pack_into(f"{self._order}H", self._data, offset, count)

    def _blank_directory(self, offset: int) -> None:
        for entry in self._entries(offset):
            start, size = self._value(entry)
            self._data[start : start + size] = bytes(size)
        size = 2 + _ENTRY * self._short(offset)
        self._data[offset : offset + size] = bytes(size)

    def _entries(self, offset: int) -> Iterator[int]:
        count = self._short(offset)
        self._need(offset + 2 + _ENTRY * count)
        return iter(range(offset + 2, offset + 2 + _ENTRY * count, _ENTRY))

    def _pointers(self, entry: int) -> list[int]:
        start, size = self._value(entry)
        return [self._long(position) for position in range(start, start + size - 3, 4)]

    def _value(self, entry: int) -> tuple[int, int]:
        """Return where the value of an entry lies and its size in bytes."""
        size = _TYPE_SIZES.get(self._short(entry + 2), 1) * self._long(entry + 4)
        start = entry + 8 if size <= 4 else self._long(entry + 8)
        self._need(start + size)
        return start, size

    def _need(self, end: int) -> None:
        if end > len(self._data):
            raise ValueError("points outside")

    def _short(self, offset: int) -> int:
        return int(struct.unpack_from(f"{self._order}H", self._data, offset)[0])

    def _long(self, offset: int) -> int:
        return int(struct.unpack_from(f"{self._order}I", self._data, offset)[0])


def _orientation(tiff: bytes) -> int:
    try:
        return _Tiff(tiff).orientation()
    except struct.error, ValueError, IndexError:
        return 1


def _orientation_only(orientation: int) -> bytes:
    entry = struct.pack("<HHIHH", ORIENTATION, 3, 1, orientation, 0)
    return b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
