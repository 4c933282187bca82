"""The memory of a camera: what the next picture is compared with."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from statistics import median
import struct
from typing import Final, NamedTuple
import zlib

import numpy as np
from numpy.typing import NDArray

from ..models import Light
from .features import PRINT_SIZE

VERSION: Final = 1
"""Of the serialised form."""
MAX_SERIALISED: Final = 64 * 1024
"""Bytes of a serialised baseline, packed or not."""
REMEMBERED: Final = 15
"""Changes kept a light mode; their median outlives 7 odd ones."""
KNOWN: Final = 5
"""Changes from which what is usual counts as known."""

_HEAD: Final = struct.Struct("<BdIIHH32s")
_MODE: Final = struct.Struct("<IB")


class Change(NamedTuple):
    """How a picture differs from the one before, or how a scene's pictures usually do.

    ``share`` of the picture that changed at all (0..1); ``calm``, the standard deviation of the change in the calm
    parts, without what the light does (grey levels); ``noise`` inside the picture (grey levels); ``motion``, the
    share of the picture that changed by more than noise and encoders do (0..1).
    """

    share: float
    calm: float
    noise: float
    motion: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """What is remembered of a camera; a value, replaced and never changed.

    ``sha256``, ``first_seen`` and ``repeats`` are the bytes of the last picture, when they were first met and how
    many pictures in a row had them. ``sample`` is the small copy (uint8, 90 x 160 luma) of the first picture of the
    present run of near-identical ones, ``size`` its width and height, ``run`` the run's length and ``run_since`` its
    start. ``accepted`` counts accepted frames and ``changes`` holds the last changes from one accepted frame to the
    next, both by light mode: the scene's own restlessness, noise included.
    """

    sha256: bytes = b""
    first_seen: datetime | None = None
    repeats: int = 0
    sample: NDArray[np.uint8] | None = None
    size: tuple[int, int] | None = None
    run: int = 0
    run_since: datetime | None = None
    accepted: Mapping[Light, int] = field(default_factory=dict)
    changes: Mapping[Light, tuple[Change, ...]] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> Baseline:
        """Return the baseline of a camera that was never seen."""
        return cls()

    def usual_change(self, light: Light) -> Change | None:
        """Return the medians of the changes in this light mode, or None while too few are known."""
        values = self.changes.get(light, ())
        if len(values) < KNOWN:
            return None
        return Change(*(median(part) for part in zip(*values, strict=True)))

    def learned(self, light: Light, change: Change | None) -> Baseline:
        """Return the baseline with one more accepted frame, and its change from the one before."""
        accepted = {**self.accepted, light: self.accepted.get(light, 0) + 1}
        if change is None:
            return replace(self, accepted=accepted)
        values = (*self.changes.get(light, ()), change)[-REMEMBERED:]
        return replace(self, accepted=accepted, changes={**self.changes, light: values})

    def to_bytes(self) -> bytes:
        """Return the baseline as bytes: a version byte, then the rest packed; under 64 KiB."""
        head = _HEAD.pack(
            0 if self.first_seen is None else 1,
            self.first_seen.timestamp() if self.first_seen else 0.0,
            self.repeats,
            self.run,
            *(self.size or (0, 0)),
            self.sha256,
        )
        since = struct.pack("<?d", self.run_since is not None, self.run_since.timestamp() if self.run_since else 0.0)
        modes = b"".join(
            _MODE.pack(self.accepted.get(light, 0), len(values := self.changes.get(light, ())))
            + np.asarray(values, dtype="<f8").tobytes()
            for light in Light
        )
        pixels = b"" if self.sample is None else self.sample.tobytes()
        return bytes([VERSION]) + zlib.compress(head + since + modes + pixels, 1)

    @classmethod
    def from_bytes(cls, data: bytes) -> Baseline:
        """Return the baseline that was serialised; an unknown version or damaged bytes give an empty one."""
        if not data or data[0] != VERSION:
            return cls.empty()
        try:
            body = zlib.decompressobj().decompress(data[1:], MAX_SERIALISED)
            return cls._from_body(body)
        except zlib.error, struct.error, ValueError, OverflowError, OSError:
            return cls.empty()

    @classmethod
    def _from_body(cls, body: bytes) -> Baseline:
        """Return the baseline of the unpacked bytes; raises struct.error or ValueError when they are not whole."""
        seen, first_seen, repeats, run, width, height, sha256 = _HEAD.unpack_from(body)
        position = _HEAD.size
        has_since, since = struct.unpack_from("<?d", body, position)
        position += struct.calcsize("<?d")
        accepted: dict[Light, int] = {}
        changes: dict[Light, tuple[Change, ...]] = {}
        for light in Light:
            count, length = _MODE.unpack_from(body, position)
            position += _MODE.size
            if count:
                accepted[light] = count
            if length:
                numbers = np.frombuffer(body, dtype="<f8", count=4 * length, offset=position).reshape(length, 4)
                changes[light] = tuple(Change(*row) for row in numbers.tolist())
            position += 32 * length
        pixels = body[position:]
        sample = None
        if pixels:
            sample = np.frombuffer(pixels, dtype=np.uint8).reshape(PRINT_SIZE[1], PRINT_SIZE[0])
        return cls(
            sha256=sha256 if seen else b"",
            first_seen=datetime.fromtimestamp(first_seen, UTC) if seen else None,
            repeats=repeats,
            sample=sample,
            size=(width, height) if width else None,
            run=run,
            run_since=datetime.fromtimestamp(since, UTC) if has_since else None,
            accepted=accepted,
            changes=changes,
        )


def lasted(since: datetime | None, until: datetime) -> timedelta:
    """Return how long something has lasted; nothing while it is unknown or the clock was set back."""
    return max(timedelta(), until - since) if since else timedelta()
