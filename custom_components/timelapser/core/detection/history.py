"""What the learned normal says of a picture, and what it learns of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ..models import Fault, FaultKind, Light
from .departures import Departure, compare, shows_scene
from .fog import may_be_fog
from .light import CIVIL_DUSK, DARK, HIGH_SUN
from .normal import ANCHORED, COLOURLESS, PROMOTED, Look, Normal, Pending
from .ramps import HARD, SOFT_LIMIT, ramp
from .scene import BLUE, LUMA, Map, Seen

BLURRED: Final = (0.12, 0.42)
"""Octaves of fine against coarse detail. Good pictures of the tuning series by day 99 % under 0.08; a lens 3 pixels (of
1280) out of focus 0.46 and more, a shaken camera 0.33 and more."""
BLURRED_BY_NIGHT: Final = (0.30, 0.80)
"""The same of nights and dusks: the switch to infrared light costs up to 0.55, as the lens bends it less."""
LOST: Final = (0.6, 1.6)
"""Octaves of detail lost in the median cell: by day 99 % under 0.41, a misted lens 1.3 and more."""
GONE: Final = (0.012, 0.044)
"""Mean octaves lost beyond the usual in parts of the picture: by day 99 % under 0.012; nine blotches of dirt 0.02, 22
of them 0.04, a quarter covered 0.17 and more."""
CAST: Final = (1.5, 6.0)
"""Levels of colour beside the usual ones: 99 % under 0.7; an infrared filter stuck halfway 5, exchanged channels 5 and
more."""
LIGHTER: Final = (35.0, 75.0)
BRIGHTER: Final = (0.35, 0.75)
"""Levels and octaves of luma above the usual, both at once: by day 99 % under 28 and 0.37, twice the light 65 and 0.6
and more."""
WHITER: Final = (0.02, 0.12)
"""Share of cells more that are nearly white: lit fog has none, too much light by day 0.2 and more."""
DARKER: Final = (0.9, 1.6)
"""Octaves below the usual: by day 99 % under 0.35, a sixth of the light 1.8."""
NOISIER: Final = (0.8, 1.8)
"""Octaves of noise above the usual: by day 99 % under 0.2; noise of 38 levels at 720p 2 and more."""
NOISIER_BY_NIGHT: Final = (1.2, 2.4)
"""The same of nights and dusks, when the gain is what the light lacks."""

RELIT: Final = 0.25
"""Octaves by which the whole picture is lighter or darker when the light on the scene is another."""
RELIT_BY_DAY: Final = (0.5, 1.1)
"""The same by day, when clouds alone make 0.37, and too little light is a fault of its own."""
RELIT_ANYHOW: Final = 0.5
"""The same of nights and dusks, when lamps, infrared light and lit fog may change most else as well; and of days
that are lighter than a look that is young."""
LEAST_STRUCTURE: Final = 0.1
"""Part of the structure that is asked for then; behind a cap there is less."""
DIMMED_STRUCTURE: Final = 0.5
"""The same where it got darker: when lamps go out, the tuning scenes keep 0.75 and more of it, and behind a cover by
night or at dusk, which takes as much light, they keep up to 0.36."""
RELIT_BLUR: Final = 0.6
"""Octaves of fine against coarse detail that it may lack: dusk by infrared up to 0.54, a creeping focus 0.78."""
RELIT_LIKENESS: Final = 0.8
"""Correlation with the known detail that such a picture has at least: in the tuning series 0.81..0.93."""
RELIT_STRUCTURE: Final = 0.6
"""Part of the structure that it still shows; under a misted or covered lens there is less."""
STORMY: Final = 1.5
"""Times the usual number of cells with structure from which rain or snow lies over all: what parts have lost then, they
lost to it. Noise, which adds structure too, is named by itself."""
_IN_PLACES: Final = (FaultKind.DIRT, FaultKind.COVERED)
"""Faults that take away parts of the view, as weather and things that pass by do."""
MOVED_LIKENESS: Final = 0.5
"""Correlation under which a picture shows another view."""
MOVED_NEW: Final = 0.03
"""Share of cells with detail where there was none, from which something else came to stand there."""
MOVED_STRUCTURE: Final = 0.6
COVERED_SHARE: Final = 0.2
"""Share of the textured cells that something before the lens takes away; single blotches take less."""
ONE_SPOT: Final = 0.5
"""Compactness from which what is gone is one thing and no blotches: 22 of them have under 0.26, cars and people 0.5 and
more."""
PASSING: Final = 0.18
"""Share of the textured cells that a passing thing may hide; what covers a quarter of the view hides 0.2 and more."""
MOST_LOST: Final = 1.1
"""Octaves that the rest of the picture may lose meanwhile, to fog."""
COVERED_DARKER: Final = 0.6
"""Octaves of light that it takes away as well; mist lets the light through."""
FOG_LIKENESS: Final = 0.25
"""Correlation with the usual detail that fog leaves but by night: on the tuning scenes 0.46 and more, where a turned
camera looks at what is paler than before about 0. What fog and noise leave of a night may be like nothing."""
_HAZY: Final = (FaultKind.FILM, FaultKind.COVERED, FaultKind.DIRT)
"""Faults that take away detail, as fog does."""
_OVER_ALL: Final = (FaultKind.BLUR, FaultKind.FILM, FaultKind.CAST, FaultKind.BRIGHT, FaultKind.DARK, FaultKind.NOISE)
"""Faults that lie over the whole view, as another lamp or another mode of the camera does."""
_OF_WEATHER: Final = (FaultKind.BLUR, FaultKind.BRIGHT, FaultKind.DARK, FaultKind.NOISE)
"""Those that a clear day seems to have beside a foggy or rainy one, which has more light and sharp streaks."""
AGREES: Final = 0.25
"""Severity up to which a picture counts as showing the same as a pending look."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the learned normal says: faults worst first, which look fits best (None: a pending or no one).

    ``known`` tells whether there was anything to compare with, ``relit`` that only the light is new, ``moved`` that the
    camera looks elsewhere, ``young`` that the picture, sound by itself, differs all over from a look that may itself be
    the exception.
    ``departure`` is that from the look of its own light, None where there is none to speak of. ``clean`` is the detail
    that a look of its own starts with, where one of another light tells what lies on the glass.
    """

    faults: tuple[Fault, ...] = ()
    look: int | None = None
    known: bool = False
    relit: bool = False
    moved: bool = False
    young: bool = False
    departure: Departure | None = None
    clean: Map | None = None


def judge(normal: Normal, seen: Seen, *, sound: bool) -> Judgement:
    """Return what the normal of its light mode says of a picture; without one, that of the mode that is usual then.

    ``sound`` tells that the picture shows nothing wrong by itself.
    """
    usual = normal.expected(seen.when, seen.sun)
    odd_light = usual is not None and usual is not seen.light and not _is_lit(seen)
    looks = _comparable(normal.known(seen.light), seen)
    # No yard is dark under a high sun; a room may be at any hour.
    if usual is not None and (not looks or (odd_light and seen.sun is not None and seen.sun >= HIGH_SUN)):
        looks = _comparable(normal.known(usual), seen) or looks
    if not looks or normal.size != seen.size:
        return Judgement()
    compared = [(look, compare(seen.map, seen.noise, look)) for look in looks]
    judged = [(look, departure, tuple(_faults(departure, seen.light))) for look, departure in compared]
    best, departure, faults = min(judged, key=lambda each: _worst(each[2]))
    as_lit = RELIT_BY_DAY[0] if seen.light is Light.DAY else RELIT
    if _worst(faults) > AGREES and abs(departure.brighter) >= as_lit:
        # A look that was lit as this picture is knows it better than one that another light makes look alike.
        lit = [each for each in judged if abs(each[1].brighter) < as_lit]
        best, departure, faults = min(lit, key=lambda each: _worst(each[2]), default=(best, departure, faults))
    soiled = abs(departure.brighter) < as_lit and _is_soiled(best, faults, seen.sun)
    if _worst(faults) > AGREES and not soiled and (agreeing := _agreeing(normal, seen)) is not None:
        best, departure, faults = agreeing
    own = normal.looks.get(seen.light, ())
    at = next((index for index, look in enumerate(own) if look is best), None)
    relit = _worst(faults) > AGREES and not odd_light and _is_relit(departure, seen.light)
    relit = relit or (_worst(faults) > AGREES and sound and best.young and _is_lit_up(departure, seen.light))
    young = sound and best.young and bool(faults) and faults[0].kind in _OVER_ALL
    if relit or (seen.light is not Light.DAY and not odd_light and _only_light(faults)):
        faults = tuple(_doubted(fault) for fault in faults)
    else:
        if _may_pass(departure):
            faults = _doubting(faults, _IN_PLACES)
        in_place = seen.light is Light.NIGHT or departure.likeness >= FOG_LIKENESS
        if _is_bad(faults, _HAZY) and in_place and may_be_fog(seen.map, best.mean):
            faults = _doubting(faults, _HAZY)
        if young:
            faults = _doubting(faults, _OF_WEATHER)
    moved = any(fault.kind is FaultKind.MOVED and fault.severity > SOFT_LIMIT for fault in faults)
    return Judgement(
        faults,
        None if relit else at,
        known=True,
        relit=relit,
        moved=moved,
        young=young,
        departure=None if relit or at is None else departure,
        clean=best.clean if at is None and not relit and _worst(faults) <= AGREES else None,
    )


def learned(normal: Normal, judgement: Judgement, seen: Seen, *, kept: bool) -> Normal:
    """Return what is normal after a picture: accepted ones teach, rejected ones only that the camera was turned.

    A turned camera and a new light on the known scene are first pending: 12 rejected pictures that agree make the
    former normal and the rest forgotten, 8 accepted ones the latter a look of its own. So do 8 rejected ones that are
    sound by themselves, while what they are compared with is young: that was a lamp or a switch, and these are the
    rule. Each look counts pictures only so often (``Look.learned``). What is normal stays the very same object when
    nothing was learnt.
    """
    corrects = judgement.young and not kept
    if not kept and not judgement.moved and not corrects:
        return normal
    if normal.size != seen.size:
        return _of_other_size(normal, seen)
    if normal.strange:
        normal = replace(normal, strange=0)
    if judgement.relit or judgement.moved or corrects:
        return _waiting(normal, seen, moved=judgement.moved)
    own = normal.looks.get(seen.light, ())
    at = judgement.look
    if at is None:
        at = next((index for index, look in enumerate(own) if not look.known and _comparable((look,), seen)), None)
    look = _taught(None if at is None else own[at], seen, judgement)
    if at is not None and look is own[at]:
        return normal
    return normal.with_look(seen.light, at, look).accustomed(seen.light, seen.when, seen.sun)


def _agreeing(normal: Normal, seen: Seen) -> tuple[Look, Departure, tuple[Fault, ...]] | None:
    """Return the look of any light mode that is just what a picture shows, and how the picture departs from it.

    The sun tells the light modes apart, and lamps do not know where it stands. What is dark, capped or bare looks like
    much else: only a look that shows its scene has a say.
    """
    looks = tuple(look for light in Light for look in normal.known(light) if shows_scene(look))
    for look in _comparable(looks, seen):
        departure = compare(seen.map, seen.noise, look)
        faults = tuple(_faults(departure, seen.light))
        if _worst(faults) <= AGREES:
            return look, departure, faults
    return None


def _is_soiled(look: Look, faults: tuple[Fault, ...], sun: float | None) -> bool:
    """Return whether a look that knows its scene for days tells dirt, which what another light mode shows may hide.

    While the sun is low the light of the one mode goes over into that of the other.
    """
    changing = sun is not None and CIVIL_DUSK <= sun < HIGH_SUN
    return look.remembers and not changing and bool(faults) and faults[0].kind in _IN_PLACES


def _is_lit(seen: Seen) -> bool:
    """Return whether a picture has light and colour, so that its light is no sign of a fault: a lamp in a room."""
    return seen.light is Light.NIGHT and _is_coloured(seen) and float(seen.map[LUMA].mean()) >= DARK


def _is_coloured(seen: Seen) -> bool:
    return float(np.abs(seen.map[BLUE:]).mean()) >= COLOURLESS


def _comparable(looks: tuple[Look, ...], seen: Seen) -> tuple[Look, ...]:
    """Return the looks that a picture can be compared with: a night by infrared light says nothing of colours."""
    if not looks:
        return ()
    coloured = _is_coloured(seen)
    return tuple(look for look in looks if not (coloured and look.colourless and look.young))


def _is_rebuilt(departure: Departure | None) -> bool | None:
    """Return whether a picture gained detail in as many places as it lost some in; None if it says nothing of that."""
    if departure is None or not departure.gone_share or departure.structure >= STORMY:
        return None
    return departure.gained >= departure.gone_share


def _taught(look: Look | None, seen: Seen, judgement: Judgement) -> Look:
    """Return a look that has seen one more picture, or its first; ``judgement`` tells what of it may be dirt."""
    if look is None:
        return Look.first(seen.map, seen.noise, seen.when, judgement.clean)
    return look.learned(seen.map, seen.noise, seen.when, rebuilt=_is_rebuilt(judgement.departure))


def _of_other_size(normal: Normal, seen: Seen) -> Normal:
    """Return what is normal after an accepted picture of another size: with enough of them it starts anew."""
    if normal.size is not None and normal.strange + 1 < PROMOTED:
        return replace(normal, strange=normal.strange + 1)
    return Normal(size=seen.size, habits=normal.habits).with_look(seen.light, None, _taught(None, seen, Judgement()))


def _waiting(normal: Normal, seen: Seen, *, moved: bool) -> Normal:
    """Return what is normal after one more picture of a pending look, or the first of another."""
    pending = normal.pending
    agrees = (
        pending is not None
        and pending.light is seen.light
        and pending.moved is moved
        and _worst(tuple(_faults(compare(seen.map, seen.noise, pending.look), seen.light))) <= AGREES
    )
    known = pending.look if agrees and pending is not None else None
    look = _taught(known, seen, Judgement())
    if look is known:
        return normal
    if moved and look.count >= ANCHORED:
        return Normal(size=normal.size, looks={seen.light: (look,)}, habits=normal.habits)
    if not moved and look.count >= PROMOTED:
        return replace(normal.with_look(seen.light, None, look), pending=None)
    return replace(normal, pending=Pending(light=seen.light, look=look, moved=moved))


def _doubted(fault: Fault) -> Fault:
    """Return a fault that weather or another light may explain."""
    return replace(fault, severity=min(fault.severity, SOFT_LIMIT))


def _doubting(faults: tuple[Fault, ...], kinds: tuple[FaultKind, ...]) -> tuple[Fault, ...]:
    """Return faults, those of some kinds doubted."""
    return tuple(_doubted(fault) if fault.kind in kinds else fault for fault in faults)


def _is_bad(faults: tuple[Fault, ...], kinds: tuple[FaultKind, ...]) -> bool:
    """Return whether any of some kinds would reject the picture."""
    return any(fault.severity > SOFT_LIMIT for fault in faults if fault.kind in kinds)


def _worst(faults: tuple[Fault, ...]) -> float:
    return faults[0].severity if faults else 0.0


def _is_relit(departure: Departure, light: Light) -> bool:
    """Return whether the scene is the known one in another light of the same colour."""
    change = abs(departure.brighter)
    if light is not Light.DAY and change >= RELIT_ANYHOW:
        return departure.structure >= (LEAST_STRUCTURE if departure.brighter > 0 else DIMMED_STRUCTURE)
    return (
        (RELIT_BY_DAY[0] <= change <= RELIT_BY_DAY[1] if light is Light.DAY else change >= RELIT)
        and departure.blur <= RELIT_BLUR
        and departure.likeness >= RELIT_LIKENESS
        and departure.structure >= RELIT_STRUCTURE
        and departure.cast <= CAST[0]
    )


def _is_lit_up(departure: Departure, light: Light) -> bool:
    """Return whether a day is so much lighter than what was met first that this was a room before its lamps were on."""
    return light is Light.DAY and departure.brighter >= RELIT_ANYHOW and departure.structure >= LEAST_STRUCTURE


def _may_pass(departure: Departure) -> bool:
    """Return whether weather or one thing that passes by may hide parts of the scene; the rest is as ever."""
    one_thing = departure.compact >= ONE_SPOT and departure.gone_share < PASSING
    return departure.loss < MOST_LOST and (one_thing or departure.structure >= STORMY)


def _only_light(faults: tuple[Fault, ...]) -> bool:
    """Return whether the worst is the strength or colour of the light, which nights and dusks have as they like."""
    return bool(faults) and faults[0].kind in (FaultKind.DARK, FaultKind.BRIGHT, FaultKind.CAST)


def _faults(departure: Departure, light: Light) -> Iterator[Fault]:
    """Yield the faults of a departure, the worst first."""
    found = [fault for fault in _named(departure, light) if fault.severity > 0]
    yield from sorted(found, key=lambda fault: fault.severity, reverse=True)


def _named(departure: Departure, light: Light) -> Iterator[Fault]:
    by_day = light is Light.DAY
    blur, loss, gone = departure.blur, departure.loss, departure.gone
    words = f"fine detail is {2**-blur * 100:.0f} % of what is usual here"
    yield Fault(FaultKind.BLUR, HARD * ramp(blur, BLURRED if by_day else BLURRED_BY_NIGHT), words=words)
    yield Fault(_of_loss(departure), HARD * ramp(loss, LOST), words=f"{_left(loss)} of the usual detail is left")
    words = f"{departure.gone_share * 100:.0f} % of the parts with detail have lost it"
    yield Fault(_of_gone(departure), HARD * ramp(gone, GONE), words=words)
    words = f"colours are {departure.cast:.0f} levels from the usual ones"
    yield Fault(FaultKind.CAST, HARD * ramp(departure.cast, CAST), words=words)
    lit = min(ramp(departure.lighter, LIGHTER), ramp(departure.brighter, BRIGHTER), ramp(departure.white, WHITER))
    severity = HARD * lit
    yield Fault(FaultKind.BRIGHT, severity, words=f"{2**departure.brighter:.1f} times the usual light")
    words = f"{2**departure.brighter * 100:.0f} % of the usual light"
    yield Fault(FaultKind.DARK, HARD * ramp(-departure.brighter, DARKER), words=words)
    words = f"{2**departure.noisier:.1f} times the usual noise"
    yield Fault(FaultKind.NOISE, HARD * ramp(departure.noisier, NOISIER if by_day else NOISIER_BY_NIGHT), words=words)


def _left(octaves: float) -> str:
    return f"{2**-octaves * 100:.0f} %"


def _of_loss(departure: Departure) -> FaultKind:
    """Return what takes detail away everywhere."""
    return FaultKind.COVERED if departure.brighter < -COVERED_DARKER else FaultKind.FILM


def _of_gone(departure: Departure) -> FaultKind:
    """Return what takes detail away in places."""
    if departure.likeness < MOVED_LIKENESS and departure.new >= MOVED_NEW and departure.structure >= MOVED_STRUCTURE:
        return FaultKind.MOVED
    spot = departure.compact >= ONE_SPOT or departure.gone_share >= COVERED_SHARE
    return FaultKind.COVERED if spot else FaultKind.DIRT
