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
from .normal import Normal
from .prints import Print
from .teaching import Lessons

VERSION: Final = 2
"""Of the serialised form."""
MAX_SERIALISED: Final = 256 * 1024
"""Bytes of a serialised baseline, packed or not: 40 KiB for the print, and at most 125 KiB for what is normal."""
REMEMBERED: Final = 15
"""Changes kept a light mode; their median outlives 7 odd ones."""
KNOWN: Final = 5
"""Changes from which what is usual counts as known."""

_HEAD: Final = struct.Struct("<?dII?ddI32s")
_MODE: Final = struct.Struct("<IB")
_LENGTH: Final = struct.Struct("<I")


class Change(NamedTuple):
    """What of a picture differs from the one before, or what of a scene's pictures usually does.

    ``share`` of the picture that changed at all (0..1), and ``noise`` inside the picture (grey levels).
    """

    share: float
    noise: float


_PARTS: Final = len(Change._fields)


class Run(NamedTuple):
    """What is kept of a run of near-identical pictures after a picture that is not like its first one.

    ``size`` and ``sample`` are those of the first one's print, ``length`` its pictures, ``since`` its start.
    """

    size: tuple[int, int]
    sample: NDArray[np.uint8]
    length: int
    since: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """What is remembered of a camera; a value, replaced and never changed.

    ``sha256``, ``first_seen`` and ``repeats`` are the bytes of the last picture, when they were first met and how
    many pictures in a row had them. ``first`` is the print of the first picture of the present run of near-identical
    ones, ``run`` the run's length and ``run_since`` its start; ``evidence`` and ``contradictions`` tell how surely
    the run is of one picture. ``earlier`` are the runs before it, the newest first, and ``doubted`` says that the last
    picture was unlike all of them and yet counted as one of the run; both are kept in memory only. ``accepted``
    counts accepted frames and ``changes`` holds the last changes from one accepted frame to the next, both by light
    mode: the scene's own restlessness, noise included. ``lessons`` is what people taught; it is made anew from their
    reviews and not serialised.
    """

    sha256: bytes = b""
    first_seen: datetime | None = None
    repeats: int = 0
    first: Print | None = None
    run: int = 0
    run_since: datetime | None = None
    evidence: float = 0.0
    contradictions: int = 0
    earlier: tuple[Run, ...] = ()
    doubted: bool = False
    accepted: Mapping[Light, int] = field(default_factory=dict)
    changes: Mapping[Light, tuple[Change, ...]] = field(default_factory=dict)
    normal: Normal = field(default_factory=Normal)
    lessons: Lessons = field(default_factory=Lessons)

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

    def apart(self) -> Baseline:
        """Return the baseline for a picture that does not follow the last one: without that, with what is learned."""
        return replace(
            self, sha256=b"", first_seen=None, repeats=0, first=None, run=0, run_since=None, earlier=(), doubted=False
        )

    def forgetting(self, light: Light | None = None) -> Baseline:
        """Return the baseline without what was learned in a light mode, or in all of them; lessons stay."""
        kept = [] if light is None else [mode for mode in Light if mode is not light]
        return replace(
            self,
            accepted={mode: self.accepted[mode] for mode in kept if mode in self.accepted},
            changes={mode: self.changes[mode] for mode in kept if mode in self.changes},
            normal=self.normal.forgetting(light),
        )

    def passing(self) -> Baseline:
        """Return what changes with every picture: all but the learned normal, which is large and changes seldom."""
        return replace(self, normal=Normal())

    def to_bytes(self) -> bytes:
        """Return the baseline as bytes: a version byte, then the rest packed; under 256 KiB."""
        head = _HEAD.pack(
            self.first_seen is not None,
            self.first_seen.timestamp() if self.first_seen else 0.0,
            self.repeats,
            self.run,
            self.run_since is not None,
            self.run_since.timestamp() if self.run_since else 0.0,
            self.evidence,
            self.contradictions,
            self.sha256,
        )
        modes = b"".join(
            _MODE.pack(self.accepted.get(light, 0), len(values := self.changes.get(light, ())))
            + np.asarray(values, dtype="<f8").tobytes()
            for light in Light
        )
        first = b"" if self.first is None else self.first.to_bytes()
        return bytes([VERSION]) + zlib.compress(
            head + modes + _LENGTH.pack(len(first)) + first + self.normal.to_bytes(), 1
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Baseline:
        """Return the baseline that was serialised; an unknown version or damaged bytes give an empty one."""
        if not data or data[0] != VERSION:
            return cls.empty()
        try:
            unpacker = zlib.decompressobj()
            body = unpacker.decompress(data[1:], MAX_SERIALISED)
            return cls._from_body(body) if unpacker.eof else cls.empty()
        except zlib.error, struct.error, ValueError, IndexError, OverflowError, OSError:
            return cls.empty()

    @classmethod
    def _from_body(cls, body: bytes) -> Baseline:
        """Return the baseline of the unpacked bytes; raises struct.error or ValueError when they are not whole."""
        seen, first_seen, repeats, run, has_since, since, evidence, contradictions, sha256 = _HEAD.unpack_from(body)
        position = _HEAD.size
        accepted: dict[Light, int] = {}
        changes: dict[Light, tuple[Change, ...]] = {}
        for light in Light:
            count, length = _MODE.unpack_from(body, position)
            position += _MODE.size
            if count:
                accepted[light] = count
            if length:
                numbers = np.frombuffer(body, dtype="<f8", count=_PARTS * length, offset=position).reshape(-1, _PARTS)
                changes[light] = tuple(Change(*row) for row in numbers.tolist())
            position += 8 * _PARTS * length
        (length,) = _LENGTH.unpack_from(body, position)
        position += _LENGTH.size
        first = Print.from_bytes(body[position : position + length]) if length else None
        return cls(
            sha256=sha256 if seen else b"",
            first_seen=datetime.fromtimestamp(first_seen, UTC) if seen else None,
            repeats=repeats,
            first=first,
            run=run,
            run_since=datetime.fromtimestamp(since, UTC) if has_since else None,
            evidence=evidence,
            contradictions=contradictions,
            accepted=accepted,
            changes=changes,
            normal=Normal.from_bytes(body[position + length :]),
        )


def lasted(since: datetime | None, until: datetime) -> timedelta:
    """Return how long something has lasted; nothing while it is unknown or the clock was set back."""
    return max(timedelta(), until - since) if since else timedelta()
