"""What may be wrong with a camera for a while, as pictures: broken data, broken glass, a hung camera, none at all."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

import numpy as np

from benchmarks.corpus import jpegs, sensor, streams
from benchmarks.corpus.light import WIDTH as WIDTH_OF_LENGTHS, Plane, Rng, noisy, picture, plane
from benchmarks.corpus.sensor import out_of_focus, soiled
from benchmarks.corpus.sources import Rgb

from .site import WIDTH, Site

SEVERE: Final = 2
"""The corpus' word for it."""
TRIES: Final = 6
"""Damages that are tried until one is severe."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A picture that is asked for: when its attempt began, and how many pictures that attempt had before."""

    site: Site
    when: datetime
    tried: int = 0

    def chance(self, *names: str) -> Rng:
        """Return randomness of this picture alone."""
        return self.site.chance(*names, self.when.isoformat(), str(self.tried))


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of it: the bytes (None: no answer), and whether the truth is that it is severely damaged."""

    data: bytes | None
    severe: bool = True


type Ailment = Callable[[Moment], Taken]
"""How a camera answers while something is wrong with it."""


def healthy(moment: Moment) -> Taken:
    """Return the good picture."""
    return Taken(moment.site.picture(moment.when, moment.tried), severe=False)


def _compared(values: Plane, before: Plane) -> bool:
    """Return whether anybody can see what was done to a picture: not when it is dark anyway."""
    return jpegs.damage(picture(values), (picture(before),)) >= jpegs.SEEN


@lru_cache(maxsize=1)
def _whole(site: Site, when: datetime) -> tuple[bytes, Rgb]:
    """Return the good file of an instant, and what it shows."""
    whole = site.picture(when)
    shown = jpegs.decoded(whole)
    assert shown is not None, "what was just encoded"  # noqa: S101
    return whole, shown


def _cut(moment: Moment) -> Taken:
    """Return a file that did not arrive whole, damaged in one of the corpus' ways."""
    rng = moment.chance("file")
    fault = jpegs.FAULTS[str(rng.choice(list(jpegs.FAULTS)))]
    whole, shown = _whole(moment.site, moment.when)
    for _ in range(TRIES):
        data = fault(whole, rng, rng.uniform(*jpegs.AIMS[SEVERE]))
        after = jpegs.decoded(data)
        if after is None or after.shape != shown.shape or jpegs.severity(jpegs.damage(after, (shown,))) == SEVERE:
            return Taken(data)
    return Taken(jpegs.cut(whole, rng, rng.uniform(0.05, 0.5)))


HARD: Final = ("black", "grey", "green_bottom", "grey_bottom", "smear", "stride", "bands")
"""Faults of the sensor's that one picture shows."""


def _broken(moment: Moment) -> Taken:
    """Return a picture of a sensor or a decoder that fails."""
    rng = moment.chance("sensor")
    before = moment.site.seen(moment.when)
    values = sensor.FAULTS[str(rng.choice(HARD))].damage(before, rng, SEVERE)
    return Taken(moment.site.encoded(values, moment.when), severe=_compared(values, before))


@lru_cache(maxsize=1)
def _stream(site: Site, when: datetime) -> streams.Stream:
    """Return what the camera streams at an instant."""
    rng = site.chance("stream", when.isoformat())
    return streams.encode(streams.motion(picture(site.seen(when)), rng), "h264", rng)


def _lost(moment: Moment) -> Taken:
    """Return a still that software took of a stream with a lost slice or packet."""
    rng, stream = moment.chance("lost"), _stream(moment.site, moment.when)
    for _ in range(TRIES):
        fault = str(rng.choice(("lost_slice", "lost_packet", "cut_short")))
        shown = streams.still(stream, fault, rng, rng.uniform(*jpegs.AIMS[SEVERE]))
        if shown is not None and jpegs.severity(shown.share) == SEVERE:
            return Taken(jpegs.encode(plane(shown.picture), rng, quality=90))
    return _cut(moment)


def _strange(moment: Moment) -> Taken:
    """Return something that is no picture."""
    rng = moment.chance("strange")
    kind = str(rng.choice([kind for kind in jpegs.STRANGE if kind != "empty"]))
    return Taken(jpegs.STRANGE[kind](moment.site.picture(moment.when, moment.tried)))


_MIX: Final[tuple[tuple[Ailment, float], ...]] = ((_cut, 0.5), (_broken, 0.35), (_strange, 0.1), (_lost, 0.05))
"""What bad transmissions and failing electronics give, and how often."""


def broken(moment: Moment) -> Taken:
    """Return a severely damaged picture: one kind of damage for all tries of an attempt, each anew."""
    drawn = moment.site.chance("mix", moment.when.isoformat()).uniform()
    for ailment, share in _MIX:
        drawn -= share
        if drawn < 0:
            return ailment(moment)
    return _cut(moment)


def _glass(damage: Callable[[Plane, Site], Plane], *, severe: bool = True) -> Ailment:
    """Return a camera with something in or before its lens: the same for all tries of an attempt, but for the noise.

    The truth is that it is severe when it is meant to be and can be seen.
    """

    @lru_cache(maxsize=1)
    def shown(site: Site, when: datetime) -> tuple[Plane, bool]:
        before = site.seen(when)
        values = damage(before, site)
        return values, severe and _compared(values, before)

    def taken(moment: Moment) -> Taken:
        values, seen = shown(moment.site, moment.when)
        return Taken(moment.site.encoded(noisy(values, moment.chance("noise"), read=1.0), moment.when), severe=seen)

    return taken


def lasting(name: str, since: datetime) -> Ailment:
    """Return a fault of the corpus at its severest that stays as it is: the same cover, the same turn of the camera."""
    damage = sensor.FAULTS[name].damage
    return _glass(lambda before, site: damage(before, site.chance(name, since.isoformat()), SEVERE))


def stuck_infrared(since: datetime) -> Ailment:
    """Return a camera whose infrared filter does not come back by day."""
    stuck = lasting("stuck_infrared", since)
    return lambda moment: stuck(moment) if moment.site.by_daylight(moment.when) else healthy(moment)


SOILED, MOST_SOILED = 22.0, 30.0
"""Blotches that the corpus calls severe at once, and those on the last day."""
UNSHARP, MOST_UNSHARP = 9.0, 11.0
"""Pixels of a 1280 wide picture, likewise."""


def dirt(grown: float) -> Ailment:
    """Return glass that is so far soiled (0..1); the blotches of a camera are always the same ones."""
    blotches = grown * MOST_SOILED
    return _glass(lambda before, site: soiled(before, site.chance("dirt"), blotches), severe=blotches >= SOILED)


def defocus(grown: float) -> Ailment:
    """Return a lens whose focus has crept so far away (0..1)."""
    sigma = grown * MOST_UNSHARP
    return _glass(lambda before, _site: _unsharp(before, sigma), severe=sigma >= UNSHARP)


LEAST_UNSHARP: Final = 0.8 * WIDTH_OF_LENGTHS / WIDTH
"""Pixels of a 1280 wide picture that ``out_of_focus`` blurs at least."""


def _unsharp(values: Plane, sigma: float) -> Plane:
    """Return a picture out of focus by any so little: below the least, a share of that."""
    share = np.float32(min(1.0, sigma / LEAST_UNSHARP) ** 2)
    return values + (out_of_focus(values, sigma) - values) * share


def frozen(site: Site, last: datetime, how: str) -> Ailment:
    """Return a camera that hangs at its last picture: the same bytes, encoded anew, or with a clock that goes on."""
    data = site.picture(last)
    shown = jpegs.decoded(data)
    assert shown is not None, "what was just encoded"  # noqa: S101
    values = plane(shown)

    def taken(moment: Moment) -> Taken:
        if how == "bytes":
            return Taken(data)
        if how == "clock":
            return Taken(site.encoded(site.seen(last), moment.when))
        quality = site.world.quality - 3 + int(site.chance("again", moment.when.isoformat()).integers(0, 3))
        return Taken(site.encoded(values, moment.when, clock=False, quality=quality))

    return taken


def silent(_moment: Moment) -> Taken:
    """Return no answer."""
    return Taken(None)
