"""Which light mode a picture was taken in."""

from collections.abc import Mapping
from typing import Final

from ..models import Light

MONO_SATURATION: Final = 3.0
"""Mean |Cb-128| + |Cr-128| under which a picture has no colour: infrared, or a monochrome camera."""
DARK: Final = 40.0
"""Mean luma of a night without infrared."""
DIM: Final = 70.0
"""Mean luma under which a colour picture, the sun unknown, is taken for twilight."""
INFRARED_LUMA: Final = 100.0
"""Mean luma that infrared light does not reach; a monochrome picture above it is of the day."""
HIGH_SUN: Final = 6.0
"""Degrees of sun elevation above which it is day (golden hour ends)."""
CIVIL_DUSK: Final = -6.0
"""Degrees of sun elevation at which civil twilight ends."""
ROOM_LIGHTS: Final = 90.0
"""Mean luma of a colour picture after dusk that shows artificial light as strong as twilight's."""


def light_of(features: Mapping[str, float], sun_elevation: float | None) -> Light:
    """Return the light mode from mean luma, saturation and, where known, the sun's elevation in degrees."""
    luma = features["luma_mean"]
    mono = features["saturation"] < MONO_SATURATION
    if sun_elevation is None:
        if mono:
            return Light.NIGHT if luma < INFRARED_LUMA else Light.DAY
        if luma < DARK:
            return Light.NIGHT
        return Light.TWILIGHT if luma < DIM else Light.DAY
    if sun_elevation >= HIGH_SUN:
        return Light.NIGHT if luma < DARK / 2 else Light.DAY
    if sun_elevation >= CIVIL_DUSK:
        return Light.NIGHT if mono or luma < DARK / 2 else Light.TWILIGHT
    return Light.TWILIGHT if luma >= ROOM_LIGHTS and not mono else Light.NIGHT
