"""Says when a camera will have gone bad and of what, by what is measured anyway; and nothing without evidence."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
import json
from typing import Final, Self

import numpy as np

from .hours import KEPT, Hour
from .models import FaultKind, Light
from .trend import HOURS, NEWEST, Days, Trend, lasts, levels_of, rises

BAD: Final = 1.0
"""Closeness at which pictures are bad."""
QUICK: Final = (FaultKind.BLUR, FaultKind.DIRT)
"""Kinds that weather does not look like: a lens may work loose within a week."""
SLOW: Final = 14
"""Days at least over which the others must grow: weather takes light, colour and contrast too, for a week."""
CONFIRMED: Final = tuple(timedelta(hours=hours) for hours in (12, 24, 36, 48))
"""How long before it must have shown at one of these times too: what weather and chance make is seen once."""
HORIZON: Final = timedelta(days=30)
"""How far ahead the likely instant may be."""
WIDEST: Final = timedelta(days=90)
"""How far ahead the latest one may be: what is less sure says nothing."""
MENDED: Final = 0.5
"""Part of its closeness under which the newest days must all be until it is over: the lens was cleaned, or it was
weather. One day of fog, in which nothing looks blurred, is no cleaning."""
OVERDUE: Final = timedelta(days=3)
"""Time after the latest instant in which it may still come true."""
MOVED: Final = (timedelta(days=1), 0.25)
"""By how much the likely instant must move to be told anew: at least that, and by this part of the time left."""

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)


class Remedy(StrEnum):
    """What a person can do about it."""

    REFOCUS = "refocus"
    CLEAN_LENS = "clean_lens"
    CHECK_LIGHTS = "check_lights"
    CHECK_FILTER = "check_filter"
    CHECK_CAMERA = "check_camera"


REMEDIES: Final[Mapping[FaultKind, Remedy]] = {
    FaultKind.BLUR: Remedy.REFOCUS,
    FaultKind.DIRT: Remedy.CLEAN_LENS,
    FaultKind.FILM: Remedy.CLEAN_LENS,
    FaultKind.DARK: Remedy.CHECK_LIGHTS,
    FaultKind.CAST: Remedy.CHECK_FILTER,
    FaultKind.NOISE: Remedy.CHECK_CAMERA,
}
"""For each kind that is followed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """A camera is going bad: of what, in which light, how far it has come, how fast, and when it will be.

    ``closeness`` (0 as usual, 1 bad) was that of the instant it was made at, ``slope`` its change in a day.
    ``earliest`` and ``latest`` bound the instant at which pictures will be bad: the hull of the 95 % intervals of all
    windows in which there is a trend.
    """

    kind: FaultKind
    light: Light
    closeness: float
    slope: float
    earliest: datetime
    likely: datetime
    latest: datetime

    @property
    def remedy(self) -> Remedy:
        """Return what can be done about it."""
        return REMEDIES[self.kind]

    def rests_on(self, light: Light | None) -> bool:
        """Return whether it was made of what a light mode showed; None stands for all of them."""
        return light in (None, self.light)

    def to_json(self) -> str:
        """Return it as JSON."""
        times = {name: getattr(self, name).isoformat() for name in ("earliest", "likely", "latest")}
        return json.dumps(
            {"kind": self.kind, "light": self.light, "closeness": self.closeness, "slope": self.slope, **times}
        )

    @classmethod
    def from_json(cls, text: str | None) -> Self | None:
        """Return it of JSON; None for none, and for what is not one."""
        try:
            values = json.loads(text or "null")
            times = {name: datetime.fromisoformat(values[name]) for name in ("earliest", "likely", "latest")}
            kind, light = FaultKind(values["kind"]), Light(values["light"])
            return cls(kind=kind, light=light, closeness=values["closeness"], slope=values["slope"], **times)
        except ValueError, TypeError, KeyError:
            return None


def foresee(hours: Sequence[Hour], now: datetime, standing: Forecast | None = None) -> Forecast | None:
    """Return what is to be feared first, None without the evidence; ``now`` is aware.

    A forecast that stands is kept as it is until it moves by much, another cause comes sooner, it is mended or overdue:
    nobody wants to be told anew every hour.
    """
    tables = {light: _tables(hours, light, now) for light in Light}
    found = _found(tables, now)
    new = {each.kind for each in found if standing is None or each.kind is not standing.kind}
    doubted = new - _seen_before(hours, now) if new else new
    found = [each for each in found if each.kind not in doubted]
    best = _soonest(found)
    if standing is None:
        return best
    own = _soonest(each for each in found if each.kind is standing.kind)
    present = own or (standing if _holds(standing, tables[standing.light].get(standing.kind), now) else None)
    if present is None or best is None:
        return present or best
    if best.kind is not present.kind and best.likely < present.likely - MOVED[0]:
        return best
    return present if abs(present.likely - standing.likely) > _much(standing, now) else standing


def _found(tables: Mapping[Light, Mapping[FaultKind, Days]], now: datetime) -> list[Forecast]:
    """Return what each signal says by itself."""
    return [
        forecast
        for light, kinds in tables.items()
        for kind, days in kinds.items()
        if (forecast := _forecast(kind, light, _trends(kind, days), now)) is not None
    ]


def _seen_before(hours: Sequence[Hour], now: datetime) -> set[FaultKind]:
    """Return what would have been said of at one of the times before."""
    kinds = set[FaultKind]()
    for when in (now - ago for ago in CONFIRMED):
        known = [hour for hour in hours if hour.at + _HOUR <= when]
        kinds |= {each.kind for each in _found({light: _tables(known, light, when) for light in Light}, when)}
    return kinds


def _trends(kind: FaultKind, days: Days) -> list[Trend]:
    """Return the trends of a signal that are looked for in its kind."""
    trends = rises(days, 0 if kind in QUICK else SLOW)
    lasting = lasts(days) if kind is FaultKind.DIRT else None
    return trends if lasting is None else [*trends, lasting]


def _soonest(found: Iterable[Forecast]) -> Forecast | None:
    return min(found, key=lambda each: each.likely, default=None)


def _much(standing: Forecast, now: datetime) -> timedelta:
    """Return by how much a forecast must move to be another one."""
    return max(MOVED[0], MOVED[1] * (standing.likely - now))


def _holds(standing: Forecast, days: Days | None, now: datetime) -> bool:
    """Return whether nothing speaks against a forecast; a camera that shows nothing at present says nothing either."""
    if now > standing.latest + OVERDUE:
        return False
    newest = np.empty(0) if days is None else levels_of(days)[-NEWEST:]
    newest = newest[np.isfinite(newest)]
    return not newest.size or float(newest.max()) >= MENDED * standing.closeness


def _forecast(kind: FaultKind, light: Light, trends: Sequence[Trend], now: datetime) -> Forecast | None:
    """Return where the trends of one signal lead, those that are sure enough; the soonest is the likely one."""
    ends = [(trend, trend.days_to(BAD)) for trend in trends]
    sure = [(trend, days) for trend, days in ends if days[1] <= HORIZON / _DAY and days[2] <= WIDEST / _DAY]
    if not sure:
        return None
    trend, (_, likely, _) = min(sure, key=lambda each: each[1][1])
    return Forecast(
        kind=kind,
        light=light,
        closeness=round(trend.level, 3),
        slope=round(trend.slope, 4),
        earliest=now + min(days[0] for _, days in sure) * _DAY,
        likely=now + likely * _DAY,
        latest=now + max(days[2] for _, days in sure) * _DAY,
    )


def _tables(hours: Sequence[Hour], light: Light, now: datetime) -> dict[FaultKind, Days]:
    """Return the closeness of each kind; a day is the last 24 hours, and an hour one of UTC.

    The sun keeps to UTC, and no clock is changed.
    """
    end = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + _HOUR
    own = [(round((end - hour.at) / _HOUR) - 1, hour) for hour in hours if hour.light is light]
    own = [(ago, hour) for ago, hour in own if 0 <= ago < KEPT / _HOUR]
    count = max((ago for ago, _ in own), default=0) // HOURS + 1
    tables: dict[FaultKind, Days] = {}
    for ago, hour in own:
        for kind, value in hour.closeness.items():
            table = tables.setdefault(kind, np.full((count, HOURS), np.nan))
            table[count - 1 - ago // HOURS, hour.at.hour] = value
    return tables
