"""Series of one camera: a day with its sun, weather, lamps and infrared switch, and what goes wrong in it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
import math
from pathlib import Path
from typing import Final

import numpy as np

from . import jpegs, sensor
from .items import Item
from .light import (
    Plane,
    Rng,
    airlight,
    blurred,
    far_above,
    figure,
    glow,
    grey,
    hung,
    noisy,
    picture,
    placed,
    plane,
    pools,
    randomness,
    saturated,
    shining,
    specks,
    written,
)
from .sources import Place, Rgb, Scene, load
from .where import FILES

BEGIN: Final = datetime(2026, 4, 20, tzinfo=UTC)
LATITUDE, DECLINATION = 50.0, 11.5
"""Degrees: central Europe in April, with a night that is dark."""
STEP: Final = timedelta(minutes=20)
STEPS: Final = 144
"""Two days: every light is seen twice."""
MORNING, NOON, AFTERNOON, NIGHT = 102, 108, 120, 74
"""Steps of the second day from which something goes wrong: 10:00, 12:00, 16:00 and 00:40."""
FROZEN: Final = 6
"""Pictures of a camera that hangs."""
STILL: Final = 12
"""Pictures of a scene in which nothing moves: four hours."""
SPELL: Final = 9
"""Pictures of one spell of weather: three hours."""
INFRARED_BELOW: Final = -3.0
"""Degrees of the sun's elevation at which cameras turn their infrared filter away."""


def elevation(moment: datetime) -> float:
    """Return the sun's elevation in degrees, from the hour angle (no refraction, no equation of time)."""
    hour = math.radians((moment.hour + moment.minute / 60 - 12) * 15)
    latitude, declination = math.radians(LATITUDE), math.radians(DECLINATION)
    height = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(declination) * math.cos(hour)
    return math.degrees(math.asin(height))


@dataclass(frozen=True, slots=True)
class World:
    """A camera and its scene, with everything that stays the same there; ``clock`` says whether it burns one in."""

    scene: Scene
    view: Plane
    infrared: bool
    clock: bool
    quality: int
    lamps: Plane
    pools: Plane
    beam: Plane
    depth: Plane
    weather: str
    spell: int

    @classmethod
    def make(cls, scene: Scene, view: Rgb) -> World:
        """Return the world of a scene: where its lamps hang is drawn once."""
        rng = randomness(scene.name, "world")
        shape = view.shape[:2]
        lamps = hung(rng, int(rng.integers(1, 5)))
        return cls(
            scene=scene,
            view=plane(view),
            infrared=bool(rng.uniform() < 0.6),
            clock=bool(rng.uniform() < 0.5),
            quality=int(rng.integers(80, 91)),
            lamps=shining(shape, lamps),
            pools=pools(shape, lamps),
            beam=glow(shape, (rng.uniform(0.4, 0.6), rng.uniform(0.55, 0.8)), rng.uniform(0.45, 0.8))[..., None],
            depth=far_above(shape, rng),
            weather=str(rng.choice(("rain", "fog", "snow", "dry"))) if scene.place is Place.OUTDOOR else "dry",
            spell=int(rng.integers(20, 120)),
        )

    def seen(self, step: int, rng: Rng) -> Plane:
        """Return what the camera sees at a step, with its noise."""
        moment = BEGIN + STEP * step
        sun = elevation(moment)
        light = float(np.clip((sun + 5) / 25, 0, 1)) ** 0.6
        if self.scene.place is not Place.OUTDOOR:
            light = 0.8 if 6 <= moment.hour < 23 else 0.0
        cloud = 1 - 0.3 * (0.5 + 0.5 * math.sin(step / 5.0)) * (0.5 + 0.5 * math.sin(step / 1.7))
        values = self.view * ((0.55 + 0.45 * light) * cloud)
        if self.spell <= step < self.spell + SPELL:
            values = self._weather(values, rng)
        values = self._passing(values, rng)
        if light > 0.25:
            return noisy(values, rng, read=1.0, shot=1.6)
        if self.infrared and sun < INFRARED_BELOW:
            shown = grey(values / (0.55 * cloud) * 0.75) * (0.1 + 1.1 * self.beam)
            return blurred(grey(noisy(shown, rng, read=4, shot=3)), 0.6)
        shown = saturated(values, 0.5) * (0.4 * (1 - light) * self.pools + 0.96 * light) + self.lamps * (1 - light)
        return blurred(noisy(shown, rng, read=5 * (1 - light) + 1, shot=3), 0.7)

    def _weather(self, values: Plane, rng: Rng) -> Plane:
        """Return the spell of weather."""
        shape = values.shape[:2]
        match self.weather:
            case "rain":
                streaks = specks(shape, rng, 700, length=26, thick=1.2, slant=0.1)[..., None]
                return airlight(saturated(values * 0.8, 0.6), self.depth, 140, 0.5) + 45 * streaks
            case "fog":
                return airlight(values, 0.25 + self.depth, 175, rng.uniform(1.2, 1.8))
            case "snow":
                flakes = specks(shape, rng, 500, length=4, thick=2.5, slant=0.4)[..., None]
                return airlight(values, self.depth, 190, 0.6) * (1 - flakes) + 235 * flakes
            case _:
                return values

    def _passing(self, values: Plane, rng: Rng) -> Plane:
        """Return the scene with somebody or a car in it, now and then."""
        if rng.uniform() < 0.6:
            return values
        height, width = values.shape[:2]
        body = figure(max(8, int(height * rng.uniform(0.08, 0.3))), rng, 0.8)
        top = int(rng.integers(height // 3, height - body.shape[0]))
        return placed(values, body, int(rng.integers(-body.shape[1] // 2, width - 8)), top)

    def encoded(self, values: Plane, step: int, *, quality: int | None = None) -> bytes:
        """Return the file that the camera makes of what it sees, with the time in it if it has a clock."""
        shown = written(values, f"{BEGIN + STEP * step:%Y-%m-%d %H:%M:%S}") if self.clock else values
        return jpegs.encode(shown, np.random.default_rng(0), quality=quality or self.quality)

    def saved(self, folder: Path, data: bytes, item: Item) -> Item:
        """Write a file of a series; return its item with the name, the time and the sun's place filled in."""
        moment = BEGIN + STEP * item.step
        sun = round(elevation(moment), 2) if self.scene.place is Place.OUTDOOR else None
        file = f"{item.branch or item.sequence}-{item.step}.jpg"
        (folder / file).write_bytes(data)
        return replace(item, file=file, when=moment.isoformat(), elevation=sun)


def build(scene: Scene, folder: Path) -> Iterator[Item]:
    """Build the series of a scene and its branches."""
    world = World.make(scene, load(FILES, scene))
    item = Item(file="", split=scene.split, scene=scene.name, name="series", fault=False, sequence=scene.name)
    for step in range(STEPS):
        values = world.seen(step, randomness(scene.name, "series", str(step)))
        yield world.saved(folder, world.encoded(values, step), replace(item, step=step))
    for number, (name, fault) in enumerate(sensor.FAULTS.items()):
        for severity in range(3):
            step = (MORNING, NOON, AFTERNOON)[(number + severity) % 3]
            before = world.seen(step, randomness(scene.name, "series", str(step)))
            after = fault.damage(before, randomness(scene.name, name, str(severity)), severity)
            if jpegs.damage(picture(after), (picture(before),)) < jpegs.SEEN:
                continue
            broken = replace(item, name=name, fault=True, hard=fault.hard, severity=severity)
            broken = replace(broken, step=step, branch=f"{name}-{severity}")
            yield world.saved(folder, world.encoded(after, step), broken)
    for step in (NOON, NIGHT):
        yield from _frozen(world, folder, replace(item, fault=True, severity=2), step)
        yield from _still(world, folder, item, step)


def _still(world: World, folder: Path, item: Item, step: int) -> Iterator[Item]:
    """Build hours in which nothing moves but the sensor's noise, which is little."""
    name = "still_night" if step == NIGHT else "still_day"
    still = world.seen(step, randomness(world.scene.name, name))
    for number in range(STILL):
        rng = randomness(world.scene.name, name, str(number))
        data = world.encoded(noisy(still, rng, read=rng.uniform(0.6, 1.2)), step + number)
        yield world.saved(folder, data, replace(item, name=name, step=step + number, branch=name))


def _frozen(world: World, folder: Path, item: Item, step: int) -> Iterator[Item]:
    """Build a camera that hangs: the same bytes, new encodings of them, or a clock that goes on over them."""
    last = picture(world.seen(step - 1, randomness(world.scene.name, "series", str(step - 1))))
    data = world.encoded(plane(last), step - 1)
    shown = jpegs.decoded(data)
    assert shown is not None, "what was just encoded"  # noqa: S101
    again = replace(world, clock=False)
    for number in range(FROZEN):
        now, quality = step + number, world.quality - 3 + number % 3
        files = {"frozen": data, "frozen_encoded": again.encoded(plane(shown), now, quality=quality)}
        if world.clock:
            files["frozen_clock"] = world.encoded(plane(last), now)
        for name, file in files.items():
            yield world.saved(folder, file, replace(item, name=name, step=now, branch=f"{name}-{step}"))
