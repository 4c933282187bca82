"""Where a simulated camera hangs: a scene through a month of sun, clouds, weather, lamps and passers-by."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import math
from typing import Final, Self

import cv2
import numpy as np

from benchmarks.corpus.light import Plane, Rng, randomness
from benchmarks.corpus.sequences import BEGIN, INFRARED_BELOW, STEP, World, elevation
from benchmarks.corpus.sources import Place, Rgb, Scene, load
from benchmarks.corpus.where import FILES

DAYS: Final = 30
"""Days that a camera lives."""
WIDTH: Final = 640
"""Pixels that views are at most wide: what is looked for shows in so many, and a month has many pictures."""
RAINY: Final = 0.45
"""Probability of a spell of weather on a day outdoors."""
KINDS: Final = ("rain", "rain", "fog", "snow")
"""What April brings."""
NEVER: Final = 1 << 30
"""A step that does not come."""


@dataclass(frozen=True, slots=True)
class Spell:
    """Weather of one kind, and how long it lasts."""

    begin: datetime
    end: datetime
    kind: str


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A camera's place in the world; what is drawn of it depends on the scene and a number, the seed.

    The good pictures are kept: all profiles of the site are of one camera, which differ in what befalls it.
    """

    world: World
    spells: tuple[Spell, ...]
    _good: dict[datetime, bytes] = field(default_factory=dict)
    _seen: dict[datetime, Plane] = field(default_factory=dict)

    @classmethod
    def of(cls, scene: Scene, seed: int) -> Self:
        """Return a site of a scene that the packages carry."""
        return cls.make(scene, load(FILES, scene), seed)

    @classmethod
    def make(cls, scene: Scene, view: Rgb, seed: int) -> Self:
        """Return the site of a view: another seed has its lamps elsewhere, and other weather."""
        named = replace(scene, name=f"{scene.name}-{seed}")
        wide = min(WIDTH, view.shape[1])
        small = cv2.resize(view, (wide, wide * 9 // 16), interpolation=cv2.INTER_AREA)
        outdoors = scene.place is Place.OUTDOOR
        return cls(World.make(named, np.asarray(small, np.uint8)), tuple(_spells(named.name)) if outdoors else ())

    @property
    def name(self) -> str:
        """Return the name that all its randomness comes from."""
        return self.world.scene.name

    def chance(self, *names: str) -> Rng:
        """Return randomness of this site."""
        return randomness(self.name, *names)

    def seen(self, when: datetime, tried: int = 0) -> Plane:
        """Return what the camera sees at an instant, with its noise; another try, a second later, has other noise."""
        if tried:
            return self._drawn(when, tried)
        if when not in self._seen:
            self._seen.clear()
            self._seen[when] = self._drawn(when, 0)
        return self._seen[when]

    def _drawn(self, when: datetime, tried: int) -> Plane:
        step = (when - BEGIN) / STEP
        kind = next((spell.kind for spell in self.spells if spell.begin <= when < spell.end), None)
        world = replace(self.world, weather=kind or "dry", spell=math.floor(step) if kind else NEVER)
        # The world's clouds and clock are functions of any step.
        return world.seen(step, self.chance("seen", when.isoformat(), str(tried)))  # type: ignore[arg-type]

    def encoded(self, values: Plane, when: datetime, *, clock: bool = True, quality: int | None = None) -> bytes:
        """Return the file that the camera makes of it; ``clock`` False leaves the time out where it burns one in."""
        world = self.world if clock else replace(self.world, clock=False)
        return world.encoded(values, (when - BEGIN) / STEP, quality=quality)  # type: ignore[arg-type]

    def picture(self, when: datetime, tried: int = 0) -> bytes:
        """Return the good picture of an instant."""
        if tried:
            return self.encoded(self.seen(when, tried), when)
        if when not in self._good:
            self._good[when] = self.encoded(self.seen(when), when)
        return self._good[when]

    def by_daylight(self, when: datetime) -> bool:
        """Return whether the sun, or a room's lamps, light the scene in colour."""
        if self.world.scene.place is Place.OUTDOOR:
            return elevation(when) > -INFRARED_BELOW
        return 6 <= when.hour < 23


def _spells(name: str) -> list[Spell]:
    """Draw the weather of a month."""
    rng = randomness(name, "weather")
    found = []
    for day in range(DAYS):
        begin = BEGIN + timedelta(days=day, hours=float(rng.uniform(0, 20)))
        end = begin + timedelta(hours=float(rng.uniform(1, 6)))
        kind = str(rng.choice(KINDS))
        if rng.uniform() < RAINY:
            found.append(Spell(begin, end, kind))
    return found
