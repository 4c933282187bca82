"""Cameras that get worse from day to day: what their health is to tell long before a single picture does."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from .items import DECAY, Item
from .light import Plane, noisy, randomness
from .sensor import out_of_focus, soiled
from .sequences import World
from .sources import Scene, load
from .where import FILES

EVERY: Final = 12
"""Steps between two pictures: four hours, so that each hour of the day comes back."""
STEPS: Final = 10 * 6
"""Pictures of ten days."""
HEALTHY: Final = 4 * 6
"""Pictures before anything begins: four days, in which the camera is learnt."""
BLOTCHES: Final = 26
"""Blotches on the last day: a little more than severe dirt has at once."""
SOFTEST: Final = 8.0
"""Pixels of a 1280 wide picture that the lens is out of focus by on the last day."""


def _dirt(values: Plane, name: str, grown: float) -> Plane:
    """Return glass on which the blotches come one by one."""
    return soiled(values, randomness(name, "dirt"), grown * BLOTCHES)


def _defocus(values: Plane, name: str, grown: float) -> Plane:
    """Return a lens whose focus creeps away, a little further every time."""
    return noisy(out_of_focus(values, SOFTEST * grown), randomness(name, "defocus", str(grown)), read=1.0)


GROWING: Final[Mapping[str, Callable[[Plane, str, float], Plane]]] = {
    f"{DECAY}dirt": _dirt,
    f"{DECAY}defocus": _defocus,
}
"""What grows: (picture, scene's name, 0 nothing to 1 the last day's) to the damaged picture."""


def build(scene: Scene, folder: Path) -> Iterator[Item]:
    """Build the ten days of each kind of decay; mild, medium and severe are thirds of the way."""
    world = World.make(scene, load(FILES, scene))
    for name, grow in GROWING.items():
        item = Item(file="", split=scene.split, scene=scene.name, name="series", fault=False)
        item = replace(item, sequence=f"{scene.name}-{name}")
        for number in range(STEPS):
            step = number * EVERY
            values = world.seen(step, randomness(scene.name, name, str(step)))
            grown = max(0.0, (number - HEALTHY + 1) / (STEPS - HEALTHY))
            made = replace(item, step=step)
            if grown:
                values = grow(values, scene.name, grown)
                made = replace(made, name=name, fault=True, hard=False, branch=name, severity=min(2, int(grown * 3)))
            yield world.saved(folder, world.encoded(values, step), made)
