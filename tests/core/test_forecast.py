"""Where a camera's measurements lead: what is foretold of made-up months, and what is not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
import math

import numpy as np
import pytest
from timelapser_core.detection.closeness import FOLLOWED
from timelapser_core.forecast import MENDED, OVERDUE, REMEDIES, Forecast, foresee
from timelapser_core.hours import Hour
from timelapser_core.models import FaultKind, Light

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)

type Signal = Callable[[float], float]
"""(days since the beginning) to a closeness."""


def nothing(_day: float) -> float:
    return 0.0


def growing(a_day: float, onset: float = 10.0) -> Signal:
    return lambda day: max(0.0, a_day * (day - onset))


def lived(
    days: float,
    signal: Signal,
    *,
    kind: FaultKind = FaultKind.BLUR,
    seed: int = 0,
    noise: float = 0.05,
    daily: float = 0.3,
    light: Light = Light.DAY,
    hours: tuple[int, int] = (6, 20),
    end: float = 0.0,
) -> list[Hour]:
    """Return the hours of a camera whose signal also has noise and goes with the hour of the day."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(int(end * 24), round(days * 24)):
        at = BEGIN + timedelta(hours=number)
        if hours[0] <= at.hour < hours[1]:
            value = signal(number / 24) + daily * math.sin(at.hour / 24 * 2 * math.pi) + rng.normal(0, noise)
            made.append(Hour(at=at, light=light, count=12, closeness={kind: round(float(value), 3)}))
    return made


def foretold(days: float, signal: Signal, **how: object) -> Forecast | None:
    """Return what is foretold after so many days."""
    return foresee(lived(days, signal, **how), BEGIN + days * DAY)  # type: ignore[arg-type]


def first(signal: Signal, until: int = 40, **how: object) -> tuple[int, Forecast] | None:
    """Return the first day after which something is foretold, and what."""
    hours = lived(until, signal, **how)  # type: ignore[arg-type]
    for day in range(3, until + 1):
        now = BEGIN + day * DAY
        if (found := foresee([hour for hour in hours if hour.at < now], now)) is not None:
            return day, found
    return None


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", [FaultKind.BLUR, FaultKind.FILM])
def test_what_only_goes_with_the_hour_and_by_chance_is_no_trend(kind: FaultKind, seed: int) -> None:
    """The control is the same month with something that grows in it."""
    assert first(nothing, kind=kind, seed=seed, noise=0.15) is None
    assert first(growing(0.04), kind=kind, seed=seed, noise=0.15) is not None


def fog(day: float) -> float:
    return 0.6 if 12 <= day < 14.5 else 0.0


def lasting_snow(day: float) -> float:
    return 0.5 if day >= 12 else 0.0


def a_wet_month(day: float) -> float:
    return 0.7 if int(day * 3) * 7919 % 5 == 0 else 0.0


def a_worse_night(day: float) -> float:
    return 0.9 if int(day) == 15 else 0.0


@pytest.mark.parametrize("weather", [fog, lasting_snow, a_wet_month, a_worse_night])
@pytest.mark.parametrize("kind", [FaultKind.BLUR, FaultKind.DIRT, FaultKind.FILM, FaultKind.DARK])
def test_weather_is_no_trend(weather: Signal, kind: FaultKind) -> None:
    assert [first(weather, kind=kind, seed=seed) for seed in range(5)] == [None] * 5


@pytest.mark.parametrize("a_day", [0.03, 0.06, 0.12])
def test_what_grows_is_foretold_days_before_with_its_slope(a_day: float) -> None:
    crossing = 10 + 1 / a_day
    for seed in range(5):
        found = first(growing(a_day), seed=seed)
        assert found is not None
        day, forecast = found
        assert day <= crossing - 1
        assert 0.5 * a_day < forecast.slope < 2 * a_day
        assert forecast.kind is FaultKind.BLUR
        assert forecast.light is Light.DAY
        assert forecast.earliest <= forecast.likely <= forecast.latest


def test_the_interval_has_the_instant_in_it() -> None:
    covered = []
    for seed in range(20):
        crossing = BEGIN + (10 + 1 / 0.05) * DAY
        forecast = foretold(22, growing(0.05), seed=seed)
        assert forecast is not None
        covered.append(forecast.earliest <= crossing <= forecast.latest)
    assert sum(covered) >= 17


def test_hours_that_are_missing_make_no_trend() -> None:
    """Of the first days only the best hours are known, of the last ones the worst; the control has all of them."""
    early = lived(8, nothing, hours=(16, 20))
    late = lived(20, nothing, hours=(4, 8), end=8)
    assert foresee([*early, *late], BEGIN + 20 * DAY) is None
    steps = [*lived(8, nothing), *lived(20, growing(0.05, 8), end=8)]
    assert foresee(steps, BEGIN + 20 * DAY) is not None


def test_a_camera_that_is_off_for_days_is_foretold_all_the_same() -> None:
    hours = [hour for hour in lived(24, growing(0.04)) if not 15 <= (hour.at - BEGIN) / DAY < 17]
    assert foresee(hours, BEGIN + 24 * DAY) is not None


def test_nothing_is_said_of_a_camera_that_is_too_new_or_shows_nothing() -> None:
    assert foretold(6, growing(0.15, 0)) is None
    assert foretold(20, growing(0.05)) is not None
    assert foresee(lived(20, growing(0.05)), BEGIN + 22 * DAY) is None
    assert foresee([], BEGIN) is None


def test_what_weather_takes_too_must_grow_for_two_weeks() -> None:
    steep = growing(0.1)
    assert foretold(16, steep, kind=FaultKind.DIRT) is not None
    assert foretold(16, steep, kind=FaultKind.FILM) is None
    assert foretold(28, growing(0.05), kind=FaultKind.FILM) is not None


def a_step(day: float) -> float:
    """What comes from one day to the next, and is a little worse on the third: fog."""
    return {15: 0.02, 16: 0.78, 17: 0.92}.get(math.floor(day), 0.0)


@pytest.mark.parametrize("kind", [FaultKind.BLUR, FaultKind.DIRT])
def test_a_step_is_no_trend(kind: FaultKind) -> None:
    """The control comes as far within five days."""
    clear = {"kind": kind, "noise": 0.01, "hours": (6, 13)}
    hours = lived(20, a_step, **clear)  # type: ignore[arg-type]
    for hour in range(16 * 24, 20 * 24, 4):
        now = BEGIN + timedelta(hours=hour)
        assert foresee([one for one in hours if one.at < now], now) is None
    assert foretold(15, growing(0.16), **clear) is not None


def test_what_came_within_three_days_is_no_trend_of_two_weeks() -> None:
    """Snow that comes for three days and stays; the control is a lens that mists over for two weeks."""
    snow: Signal = lambda day: 0.02 * (day - 20) + 0.3 * min(2.0, max(0.0, day - 30)) if day > 20 else 0.0  # noqa: E731
    assert first(snow, 34, kind=FaultKind.FILM, noise=0.01) is None
    assert foretold(34, growing(0.06, 20), kind=FaultKind.FILM, noise=0.01) is not None


def spots(day: float) -> float:
    """Return what a soiled lens shows: it comes quickly at first, as the best parts of a view are few."""
    return 0.5 * math.sqrt((day - 20) / 3) if day > 20 else 0.0


def test_dirt_is_told_by_pictures_that_show_nothing_else() -> None:
    """Each day has pictures with snow in them; the control has no others."""
    falls = [day / 8 for day in range(240) if day * 7919 % 5 < 2]

    def snowed(signal: Signal, until: float = 27) -> Forecast | None:
        hours = lived(until, signal, kind=FaultKind.DIRT, noise=0.01, daily=0.0)
        hours = [
            replace(hour, closeness={FaultKind.DIRT: 0.9})
            if any(0 <= (hour.at - BEGIN) / DAY - fall < 0.1 for fall in falls)
            else hour
            for hour in hours
        ]
        return foresee(hours, BEGIN + until * DAY)

    assert snowed(nothing) is None
    found = snowed(spots, 25)
    assert found is not None
    assert found.kind is FaultKind.DIRT
    assert found.earliest < BEGIN + 32 * DAY < found.latest


def test_it_is_told_only_when_it_has_shown_half_a_day_before(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = lived(30, growing(0.05), noise=0.01)

    def first_hour() -> datetime:
        return next(now for now in _hourly(10, 30) if foresee([one for one in hours if one.at < now], now) is not None)

    told = first_hour()
    monkeypatch.setattr("timelapser_core.forecast.CONFIRMED", (timedelta(),))
    assert told - first_hour() >= timedelta(hours=12)


def test_days_of_one_or_two_pictures_are_not_compared() -> None:
    assert foretold(20, growing(0.06), hours=(11, 13)) is None
    assert foretold(20, growing(0.06), hours=(11, 14)) is not None


def test_what_is_far_away_or_unsure_is_not_said() -> None:
    assert foretold(38, growing(0.011)) is None
    assert foretold(38, growing(0.022)) is not None


def test_what_comes_first_is_the_cause() -> None:
    both = [
        replace(one, closeness={**one.closeness, **other.closeness})
        for one, other in zip(
            lived(20, growing(0.03)), lived(20, growing(0.06), kind=FaultKind.DIRT, seed=1), strict=True
        )
    ]
    forecast = foresee(both, BEGIN + 20 * DAY)
    assert forecast is not None
    assert forecast.kind is FaultKind.DIRT


def test_the_light_in_which_it_shows_is_told() -> None:
    night = lived(20, growing(0.05), light=Light.NIGHT, hours=(0, 4))
    forecast = foresee([*lived(20, nothing), *night], BEGIN + 20 * DAY)
    assert forecast is not None
    assert forecast.light is Light.NIGHT


def test_the_time_zone_of_now_does_not_matter() -> None:
    hours, now = lived(20, growing(0.05)), BEGIN + 20 * DAY
    assert foresee(hours, now) == foresee(hours, now.astimezone(timezone(timedelta(hours=-9, minutes=30))))


def standing_after(days: float, signal: Signal) -> Forecast:
    forecast = foretold(days, signal)
    assert forecast is not None
    return forecast


def test_a_forecast_stands_until_it_moves_by_much() -> None:
    standing = standing_after(20, growing(0.05))
    hours = lived(40, growing(0.05))
    kept = [foresee([hour for hour in hours if hour.at < now], now, standing) for now in _hourly(20, 21)]
    assert all(each is standing for each in kept)
    faster = lived(23, lambda day: growing(0.05)(day) + growing(0.15, 19)(day))
    moved = foresee(faster, BEGIN + 23 * DAY, standing)
    assert moved is not None
    assert moved.likely < standing.likely - DAY


def _daily(start: int, end: int) -> list[datetime]:
    return [BEGIN + day * DAY for day in range(start, end)]


def _hourly(start: int, end: int) -> list[datetime]:
    return [BEGIN + timedelta(hours=hour) for hour in range(start * 24, end * 24)]


def test_it_stands_through_a_day_without_a_trend_and_ends_when_it_is_mended() -> None:
    standing = standing_after(20, growing(0.05))
    level = standing.closeness
    halted = lived(24, lambda day: growing(0.05)(min(day, 20)))
    assert foresee(halted, BEGIN + 24 * DAY) is None
    assert foresee(halted, BEGIN + 24 * DAY, standing) is standing
    cleaned = lived(25, lambda day: growing(0.05)(day) if day < 21 else level * MENDED * 0.5)
    by_day = [foresee([hour for hour in cleaned if hour.at < now], now, standing) for now in _daily(22, 26)]
    assert by_day == [standing, standing, None, None]
    assert foresee(halted, standing.latest + OVERDUE, standing) is standing
    assert foresee(halted, standing.latest + OVERDUE + DAY, standing) is None


def test_another_cause_takes_its_place_only_when_it_comes_sooner() -> None:
    standing = standing_after(20, growing(0.05))
    hours = lived(20, growing(0.05))

    def with_dirt(a_day: float) -> Forecast | None:
        dirt = lived(20, growing(a_day), kind=FaultKind.DIRT, seed=1)
        both = [
            replace(one, closeness={**one.closeness, **other.closeness}) for one, other in zip(hours, dirt, strict=True)
        ]
        return foresee(both, BEGIN + 20 * DAY, standing)

    assert with_dirt(0.04) is standing
    found = with_dirt(0.08)
    assert found is not None
    assert found.kind is FaultKind.DIRT


def test_it_is_kept_as_text() -> None:
    forecast = standing_after(20, growing(0.05))
    assert Forecast.from_json(forecast.to_json()) == forecast


@pytest.mark.parametrize("text", [None, "", "null", "[]", "{", "{}", '{"kind": "blur"}', '{"kind": "haunted"}'])
def test_what_is_no_forecast_is_none(text: str | None) -> None:
    assert Forecast.from_json(text) is None


def test_there_is_a_remedy_for_everything_that_is_followed() -> None:
    assert set(REMEDIES) == set(FOLLOWED)
