"""The learned normal: how a camera's pictures look in each light, and what was learnt of that from good ones only."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
import struct
from typing import Final, Self
import zlib

import numpy as np
from numpy.typing import NDArray

from ..models import Light
from .light import CIVIL_DUSK, HIGH_SUN
from .scene import BLUE, GRID, LUMA, PLANES, Map

VERSION: Final = 2
"""Of the serialised form; of the first one is read what is in it."""
MAX_SERIALISED: Final = 256 * 1024
"""Bytes of a serialised normal before packing: nine looks and a pending one are 125 KiB."""
KNOWN: Final = 8
"""Accepted pictures from which a look counts as known: a mean over 8 is within a third of a picture's own spread."""
SETTLED: Final = 16
"""Accepted pictures from which a look learns slowly: dirt that grows for days must not become normal on its way."""
SETTLED_RATE: Final = 1 / 64
"""Part of a picture's straying that a settled look takes over at most: with pictures every five minutes it has seen
the sun go round, with one every four hours it is still half of what it was a week ago."""
SPACING: Final = timedelta(minutes=5)
"""Between two pictures that a known look learns from: at ten seconds an hour of noon would make up the whole day."""
FIRST_SPACING: Final = timedelta(seconds=50)
"""The same until it is known: eight pictures of one minute know nothing of the clouds. A camera with an interval of a
minute is known after eight pictures all the same."""
SPREAD_PRIOR: Final = 8
"""Pictures that the first spread stands for: what a scene does, it does not do at once."""
MEMORY: Final = timedelta(days=20)
"""Time constant of a look: slower than dirt, dew and a lens that works loose, as fast as a season."""
LONGEST_STEP: Final = timedelta(hours=1)
"""That one picture may stand for: after a week without pictures the first one is not the new normal."""
CLIPPED_AT: Final = 3.0
"""Usual strayings by which one picture moves a mean at most (Huber 1964): somebody who walks by is no wall."""
LOOKS: Final = 3
"""Looks of one light mode: a room with its lamp, by infrared, and at dawn; a yard by street light."""
PROMOTED: Final = 8
"""Pictures after which a new light on the known scene is a look of its own."""
ANCHORED: Final = 12
"""Rejected pictures that agree with one another after which a turned camera's new view takes the old one's place."""

YOUNG: Final = timedelta(hours=18)
"""Age under which a look has not seen both the day and the night of a room."""
COLOURLESS: Final = 1.5
"""Levels of Cb and Cr under which a look has no colour: half of what makes a picture monochrome, which counts both."""

SPREAD_PLANES: Final = (LUMA, 1, 2, 3)
"""Planes of the map whose straying is learnt cell by cell: luma and detail."""
FIRST_SPREAD: Final = (6.0, 0.25, 0.25, 0.25)
"""Straying that is assumed of them at first: levels, and octaves of detail; the median of the tuning scenes' cells."""
FIRST_NOISE: Final = 0.25
"""The same of the noise, octaves."""

CLEAN_PLANE: Final = 1
"""Plane of the map whose detail a look remembers from before it lost any: that which dirt is measured by."""
FREE_LOSS: Final = 0.5
"""Octaves of detail that a cell may lose: a shadow, a passer-by, a wet wall."""
REMEMBERS: Final = timedelta(days=3)
"""Age from which a look remembers it: what the sun's way through a day takes from a cell is in its mean by then."""
FORGOTTEN: Final = 1 / 8
"""Part of its rate at which such a look forgets detail that it once had, and learns to stray so far: dirt that grows
for three weeks would be normal before it is bad."""
REBUILT: Final = 0.65
"""Share of the latest pictures with a loss which gained as much elsewhere, from which it is the scene that is another:
dirt brings no detail. In sites of the tuning scenes with growing dirt 0.01..0.4 in the mean, for all who pass by; with
a thing that was moved to another place 0.8..1 in five of six."""
REBUILT_RATE: Final = 1 / 32
"""Weight of one picture in that share: three days of those by day at every two hours make it, one does not."""

HOUR_HABIT: Final = 2
"""Accepted pictures of an hour from which its light counts as known."""
SUN_HABIT: Final = 24
"""The same of a sun's height, which lasts for hours: a room whose lamp was on since noon says little."""
MOST_HABITS: Final = 65_000
"""Highest count that is kept."""

_LIGHTS: Final = tuple(Light)
_HOURS: Final = 24
_HABITS: Final = (_HOURS + 3, len(_LIGHTS))
_HEAD: Final = struct.Struct("<Iddfff")
_FIRST_HEAD: Final = struct.Struct("<Iddff")
_NORMAL: Final = struct.Struct("<HHBBBB")
_PENDING: Final = struct.Struct("<?B?")
_FIRST_MAPS: Final = PLANES + len(SPREAD_PLANES)
_MAPS: Final = _FIRST_MAPS + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How the scene looks in one light: running means over accepted pictures, robust against single odd ones.

    ``mean`` is a map (``scene.map_of``), ``spread`` the mean absolute straying of SPREAD_PLANES from it; ``noise``
    (log2 of analysis levels) and ``noise_spread`` the same of the noise. ``clean`` is the detail of CLEAN_PLANE that
    each cell had before it lost any; ``rebuilt`` the share of the latest pictures with a loss that had gained detail in
    as many cells. It first learnt at ``since`` and last at ``learned_at``.
    """

    count: int
    mean: Map
    spread: NDArray[np.float32]
    clean: Map
    noise: float
    noise_spread: float
    since: datetime
    learned_at: datetime
    rebuilt: float = 0.0

    @classmethod
    def first(cls, seen: Map, noise: float, when: datetime, clean: Map | None = None) -> Self:
        """Return a look of one picture; ``clean`` is what is known already of the scene without dirt."""
        spread = np.empty((len(SPREAD_PLANES), *seen.shape[1:]), np.float32)
        spread[:] = np.array(FIRST_SPREAD, np.float32)[:, None, None]
        detail = seen[CLEAN_PLANE]
        return cls(
            count=1,
            mean=seen,
            spread=spread,
            clean=detail if clean is None else np.maximum(detail, clean),
            noise=noise,
            noise_spread=FIRST_NOISE,
            since=when,
            learned_at=when,
        )

    @property
    def known(self) -> bool:
        """Return whether pictures may be judged by it."""
        return self.count >= KNOWN

    @property
    def young(self) -> bool:
        """Return whether it has not seen a whole day yet: what came first may have been the exception."""
        return self.learned_at - self.since < YOUNG

    @property
    def remembers(self) -> bool:
        """Return whether it has seen enough to tell lost detail from what comes and goes."""
        return self.count >= SETTLED and self.learned_at - self.since >= REMEMBERS

    @property
    def colourless(self) -> bool:
        """Return whether it is without colour, as infrared light is."""
        return float(np.abs(self.mean[BLUE:]).mean()) < COLOURLESS

    def learned(self, seen: Map, noise: float, when: datetime, *, rebuilt: bool | None = None) -> Self:
        """Return the look after one more accepted picture; a known one learns every few minutes only.

        ``rebuilt`` tells whether it gained detail in as many cells as it lost some in, None that it lost none.
        """
        passed = when - self.learned_at
        if timedelta() <= passed < (SPACING if self.known else FIRST_SPACING):
            return self
        rate = 1 / (self.count + 1)
        if self.count >= SETTLED:
            rate = max(min(rate, SETTLED_RATE), min(passed, LONGEST_STEP) / MEMORY)
        spread_rate = min(rate, 1 / (self.count + SPREAD_PRIOR))
        step = seen - self.mean
        noise_step = noise - self.noise
        stray = np.abs(step[SPREAD_PLANES,])
        if self.known:
            limit = CLIPPED_AT * self.spread
            step[SPREAD_PLANES,] = np.clip(step[SPREAD_PLANES,], -limit, limit)
            stray = np.minimum(stray, limit)
            noise_step = min(max(noise_step, -CLIPPED_AT * self.noise_spread), CLIPPED_AT * self.noise_spread)
        strayed = np.float32(spread_rate) * (stray - self.spread)
        if self.remembers and self.rebuilt < REBUILT:
            # What lies on the glass is no straying.
            own = strayed[SPREAD_PLANES.index(CLEAN_PLANE)]
            own[(own > 0) & (seen[CLEAN_PLANE] < self.clean - FREE_LOSS)] *= np.float32(FORGOTTEN)
        mean = self.mean + np.float32(rate) * step
        share = self.rebuilt if rebuilt is None else self.rebuilt + REBUILT_RATE * (rebuilt - self.rebuilt)
        return replace(
            self,
            count=self.count + 1,
            mean=mean,
            spread=self.spread + strayed,
            clean=mean[CLEAN_PLANE] if share >= REBUILT else self._clean_after(mean[CLEAN_PLANE], rate * FORGOTTEN),
            rebuilt=share,
            noise=self.noise + rate * noise_step,
            noise_spread=self.noise_spread + spread_rate * (abs(noise_step) - self.noise_spread),
            learned_at=when,
        )

    def _clean_after(self, detail: Map, rate: float) -> Map:
        """Return the detail without dirt as the mean comes to be ``detail``; what is lost early is no dirt."""
        if not self.remembers:
            before = self.mean[CLEAN_PLANE]
            early: Map = detail + np.maximum(0, self.clean - np.maximum(before, detail))
            return early
        clean: Map = np.maximum(detail, self.clean + np.float32(rate) * (detail - self.clean))
        return clean

    def to_bytes(self) -> bytes:
        """Return it as bytes: half precision is finer than what any limit asks for."""
        head = _HEAD.pack(
            self.count, self.since.timestamp(), self.learned_at.timestamp(), self.noise, self.noise_spread, self.rebuilt
        )
        maps: bytes = np.concatenate([self.mean, self.spread, self.clean[None]]).astype("<f2").tobytes()
        return head + maps

    @classmethod
    def from_bytes(cls, data: bytes, offset: int, version: int) -> tuple[Self, int]:
        """Return a look, and where its bytes end; raises struct.error, ValueError, OverflowError or OSError.

        One of the first version knows nothing of dirt: what it holds for normal counts as clean.
        """
        first = version == 1
        form, count_of_maps = (_FIRST_HEAD, _FIRST_MAPS) if first else (_HEAD, _MAPS)
        count, since, learned_at, noise, noise_spread, *rebuilt = form.unpack_from(data, offset)
        offset += form.size
        cells = count_of_maps * GRID[0] * GRID[1]
        maps = np.frombuffer(data, "<f2", cells, offset).astype(np.float32)
        maps = maps.reshape(count_of_maps, GRID[1], GRID[0])
        if not np.isfinite(maps).all() or not np.isfinite(rebuilt).all():
            raise ValueError("damaged")
        look = cls(
            count=count,
            mean=maps[:PLANES],
            spread=maps[PLANES:_FIRST_MAPS],
            clean=maps[CLEAN_PLANE if first else _FIRST_MAPS],
            noise=noise,
            noise_spread=noise_spread,
            since=datetime.fromtimestamp(since, UTC),
            learned_at=datetime.fromtimestamp(learned_at, UTC),
            rebuilt=0.0 if first else float(rebuilt[0]),
        )
        return look, offset + maps.size * 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Pending:
    """A look that may become normal; ``moved`` tells that all others go then."""

    light: Light
    look: Look
    moved: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Normal:
    """What is normal for a camera: its looks by light mode, one that is on its way, and which light is when.

    ``size`` is that of the pictures learnt from, ``strange`` how many in a row had another one. ``habits`` counts
    accepted pictures, (27, 3): a row for each hour of the day (UTC) and for a high, a low and no sun, a column for each
    light mode.
    """

    size: tuple[int, int] | None = None
    strange: int = 0
    looks: Mapping[Light, tuple[Look, ...]] = field(default_factory=dict)
    pending: Pending | None = None
    habits: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(_HABITS, np.uint16))

    def known(self, light: Light) -> tuple[Look, ...]:
        """Return the looks of a light mode that pictures may be judged by."""
        return tuple(look for look in self.looks.get(light, ()) if look.known)

    def expected(self, when: datetime, sun_elevation: float | None) -> Light | None:
        """Return the light mode that this camera has had at such a time without exception; None if it has none.

        While the sun is low the light changes from minute to minute, and no time of it is like another. Nor is there
        a habit of nights in an evening, however many pictures it had: lamps go out later. A high sun does not.
        """
        if sun_elevation is not None and CIVIL_DUSK <= sun_elevation < HIGH_SUN:
            return None
        light = None
        if (row := _sun_row(sun_elevation)) is not None:
            light = self._habit(row, SUN_HABIT)
        if light is None:
            light = self._habit(when.astimezone(UTC).hour, HOUR_HABIT)
        if light is None or (sun_elevation is not None and sun_elevation >= HIGH_SUN):
            return light
        return None if all(look.young for look in self.known(light)) else light

    def _habit(self, row: int, least: int) -> Light | None:
        counts = self.habits[row]
        column = int(counts.argmax())
        total = int(counts.sum())
        return _LIGHTS[column] if total >= least and counts[column] == total else None

    def accustomed(self, light: Light, when: datetime, sun_elevation: float | None) -> Self:
        """Return what is normal after an accepted picture in a light mode."""
        habits = self.habits.copy()
        rows = [when.astimezone(UTC).hour]
        if (row := _sun_row(sun_elevation)) is not None:
            rows.append(row)
        column = _LIGHTS.index(light)
        habits[rows, column] = np.minimum(habits[rows, column] + 1, MOST_HABITS)
        return replace(self, habits=habits)

    def with_look(self, light: Light, index: int | None, look: Look) -> Self:
        """Return what is normal with a look replaced, or with one more, which takes the place of the least recent."""
        looks = list(self.looks.get(light, ()))
        if index is not None:
            looks[index] = look
        else:
            if len(looks) == LOOKS:
                del looks[min(range(LOOKS), key=lambda at: looks[at].learned_at)]
            looks.append(look)
        return replace(self, looks={**self.looks, light: tuple(looks)})

    def forgetting(self, light: Light | None) -> Self:
        """Return what is normal without the looks of a light mode, or of all."""
        if light is None:
            return type(self)()
        kept = {known: looks for known, looks in self.looks.items() if known is not light}
        pending = None if self.pending is not None and self.pending.light is light else self.pending
        return replace(self, looks=kept, pending=pending)

    def to_bytes(self) -> bytes:
        """Return it as bytes: a version byte, then the rest packed."""
        width, height = self.size or (0, 0)
        parts = [_NORMAL.pack(width, height, self.strange, *(len(self.looks.get(light, ())) for light in _LIGHTS))]
        parts += [look.to_bytes() for light in _LIGHTS for look in self.looks.get(light, ())]
        if self.pending is None:
            parts.append(_PENDING.pack(False, 0, False))
        else:
            parts.append(_PENDING.pack(True, _LIGHTS.index(self.pending.light), self.pending.moved))
            parts.append(self.pending.look.to_bytes())
        return bytes([VERSION]) + zlib.compress(b"".join([*parts, self.habits.astype("<u2").tobytes()]), 1)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return what was serialised; an unknown version or damaged bytes give nothing learnt."""
        if not data or not 1 <= data[0] <= VERSION:
            return cls()
        try:
            unpacker = zlib.decompressobj()
            body = unpacker.decompress(data[1:], MAX_SERIALISED)
            return cls._from_body(body, data[0]) if unpacker.eof else cls()
        except zlib.error, struct.error, ValueError, IndexError, OverflowError, OSError:
            return cls()

    @classmethod
    def _from_body(cls, data: bytes, version: int) -> Self:
        """Return what was packed; raises struct.error, ValueError, IndexError, OverflowError or OSError."""
        width, height, strange, *counts = _NORMAL.unpack_from(data)
        offset = _NORMAL.size
        looks: dict[Light, tuple[Look, ...]] = {}
        for light, count in zip(_LIGHTS, counts, strict=True):
            for _ in range(count):
                look, offset = Look.from_bytes(data, offset, version)
                looks[light] = (*looks.get(light, ()), look)
        waiting, light_at, moved = _PENDING.unpack_from(data, offset)
        offset += _PENDING.size
        pending = None
        if waiting:
            look, offset = Look.from_bytes(data, offset, version)
            pending = Pending(light=_LIGHTS[light_at], look=look, moved=moved)
        habits = np.frombuffer(data, "<u2", _HABITS[0] * _HABITS[1], offset).astype(np.uint16).reshape(_HABITS)
        size = (width, height) if width else None
        return cls(size=size, strange=strange, looks=looks, pending=pending, habits=habits)


def _sun_row(elevation: float | None) -> int | None:
    """Return the row of the habits for a sun elevation in degrees."""
    if elevation is None:
        return None
    return _HOURS + (0 if elevation >= HIGH_SUN else 1 if elevation >= CIVIL_DUSK else 2)
