"""The form of a timelapse: every way through, every bad input, and what is stored."""

from typing import Any
from unittest.mock import AsyncMock

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DEFAULT_KEEP_DAYS, DOMAIN

from .forms import RECIPE, add_timelapse, choose, probe, show_timelapse, shown, submit, submit_timelapse, timelapses


async def test_timelapse_with_defaults(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    result = await show_timelapse(hass, guarded)
    assert shown(result) == RECIPE | {"name": "", "keep_days": DEFAULT_KEEP_DAYS}
    assert result["description_placeholders"] == {
        "min": "5s",
        "max": "7d",
        "longest": "12h",
        "keep_days": "0 – 3650",
        "keep_count": "0 – 10000000",
        "keep_gb": "0 – 100000",
    }
    result = await submit_timelapse(hass, result, {"name": "Roses"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert timelapses(guarded) == {"Roses": {"interval": 300, "window": "always", "keep_days": 365}}


async def test_first_timelapse_of_a_battery_camera(
    hass: HomeAssistant, system: MockConfigEntry, probe_camera: AsyncMock
) -> None:
    probe_camera.return_value = probe(battery=True)
    result = await choose(hass)
    assert "battery" in result["description_placeholders"]["notes"]
    result = await submit(hass, result, {})
    entry = result["result"]
    assert entry.data["battery"] is True
    assert entry.options == {"retries": 0}
    [flow] = hass.config_entries.subentries.async_progress()
    created = await submit_timelapse(hass, flow, {"name": "Roses"})
    assert created["type"] is FlowResultType.CREATE_ENTRY
    assert timelapses(entry) == {"Roses": {"interval": 3600, "window": "always", "keep_days": 365}}


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [
        ("10s", 10),
        ("1d", 86400),
        ("90", 90),
        (5, 5),
        (7.5, 7.5),
        ("90s", 90),
        ("2 H", 7200),
        (" 5m ", 300),
        ("1.5h", 5400),
        ("00:00:05", 5),
        ("01:30:00", 5400),
        ("168:00:00", 604800),
        ("7d", 604800),
    ],
)
async def test_interval(hass: HomeAssistant, guarded: MockConfigEntry, typed: Any, seconds: float) -> None:
    await add_timelapse(hass, guarded, interval=typed)
    assert timelapses(guarded)["Roses"]["interval"] == seconds


@pytest.mark.parametrize(
    "typed",
    [
        0,
        -5,
        0.1,
        1e9,
        "NaN",
        "abc",
        "",
        "4.9",
        "4s",
        "8d",
        "168:00:01",
        "00:99:00",
        "5 weeks",
        float("nan"),
        None,
        "9" * 400,
    ],
)
async def test_interval_out_of_range(hass: HomeAssistant, guarded: MockConfigEntry, typed: Any) -> None:
    result = await add_timelapse(hass, guarded, interval=typed)
    assert result["errors"] == {"interval": "interval_out_of_range"}
    assert shown(result)["name"] == "Roses"
    assert shown(result)["interval"] is typed or shown(result)["interval"] == typed
    assert timelapses(guarded) == {}
    await submit_timelapse(hass, result, RECIPE)
    assert timelapses(guarded)["Roses"]["interval"] == 300


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", "name_length"),
        ("   ", "name_length"),
        ("x" * 300, "name_length"),
        ("x" * 101, "name_length"),
        ("\u200d", "name_length"),
        ("a\x00b", "name_control_chars"),
        ("a\nb", "name_control_chars"),
        ("a\n", "name_control_chars"),
        ("a\u202eb", "name_control_chars"),
        ("  roses ", "already_configured"),
    ],
)
async def test_bad_name(hass: HomeAssistant, guarded: MockConfigEntry, name: str, error: str) -> None:
    await add_timelapse(hass, guarded)
    result = await add_timelapse(hass, guarded, name=name, keep_days=7)
    assert result["errors"] == {"name": error}
    assert shown(result) == RECIPE | {"name": name, "keep_days": 7}
    await submit_timelapse(hass, result, RECIPE | {"name": "Tulips"})
    assert list(timelapses(guarded)) == ["Roses", "Tulips"]


@pytest.mark.parametrize(
    "name",
    [
        "../../etc",
        "<img src=x onerror=alert(1)>",
        "💩",
        "👩\u200d🌾",
        "می\u200cشود",
        "שלום",
        "x" * 100,
        "{{ states }}",
        "x",
    ],
)
async def test_odd_name_is_only_a_label(hass: HomeAssistant, guarded: MockConfigEntry, name: str) -> None:
    await add_timelapse(hass, guarded, name=f" {name} ")
    assert list(timelapses(guarded)) == [name]


async def test_same_name_in_another_camera(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    other = MockConfigEntry(domain=DOMAIN, data={"camera": "camera.yard"})
    other.add_to_hass(hass)
    await add_timelapse(hass, guarded)
    await add_timelapse(hass, other)
    assert list(timelapses(guarded)) == list(timelapses(other)) == ["Roses"]


@pytest.mark.parametrize("days", [-1, 10**6, 3651, 1.5, "abc", None])
async def test_retention_out_of_range(hass: HomeAssistant, guarded: MockConfigEntry, days: Any) -> None:
    result = await add_timelapse(hass, guarded, keep_days=days)
    assert result["errors"] == {"keep_days": "retention_out_of_range"}
    await submit_timelapse(hass, result, RECIPE | {"keep_days": 0})
    assert timelapses(guarded)["Roses"]["keep_days"] == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("keep_count", value) for value in (-1, 10**8, 1.5, "abc", None, float("nan"))),
        *(("keep_gb", value) for value in (-1, 10**6, "abc", None, float("inf"))),
    ],
)
async def test_limit_out_of_range(hass: HomeAssistant, guarded: MockConfigEntry, field: str, value: Any) -> None:
    result = await add_timelapse(hass, guarded, **{field: value})
    assert result["errors"] == {field: "out_of_range"}
    assert timelapses(guarded) == {}


async def test_limits_are_stored_and_can_be_taken_back(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    limits = {"keep_count": 1000, "keep_gb": 0.5, "purge_current": True}
    await add_timelapse(hass, guarded, **limits)
    stored = {"interval": 300, "window": "always", "keep_days": 365}
    assert timelapses(guarded)["Roses"] == stored | limits
    [roses] = guarded.subentries
    result = await show_timelapse(hass, guarded, source="reconfigure", subentry_id=roses)
    assert shown(result) == RECIPE | limits
    await submit_timelapse(hass, result, RECIPE)
    assert timelapses(guarded)["Roses"] == stored


async def test_an_adaptive_interval_is_stored_and_can_be_taken_back(
    hass: HomeAssistant, guarded: MockConfigEntry
) -> None:
    stored = {"interval": 300, "window": "always", "keep_days": 365}
    await add_timelapse(hass, guarded, adaptive=True)
    assert timelapses(guarded)["Roses"] == stored | {"adaptive": True}
    [roses] = guarded.subentries
    for bounds in ({"slowest": "16"}, {"fastest": "4"}, {"slowest": "1", "fastest": "2"}):
        result = await show_timelapse(hass, guarded, source="reconfigure", subentry_id=roses)
        await submit_timelapse(hass, result, RECIPE | {"adaptive": True} | bounds)
        numbers = {key: int(value) for key, value in bounds.items()}
        assert timelapses(guarded)["Roses"] == stored | {"adaptive": True} | numbers
    result = await show_timelapse(hass, guarded, source="reconfigure", subentry_id=roses)
    assert shown(result) == RECIPE | {"adaptive": True, "slowest": "1", "fastest": "2"}
    await submit_timelapse(hass, result, RECIPE | {"adaptive": True, "glance": False})
    assert timelapses(guarded)["Roses"] == stored | {"adaptive": True, "glance": False}
    result = await show_timelapse(hass, guarded, source="reconfigure", subentry_id=roses)
    assert shown(result) == RECIPE | {"adaptive": True, "glance": False}
    await submit_timelapse(hass, result, RECIPE | {"slowest": "16", "glance": False})
    assert timelapses(guarded)["Roses"] == stored


@pytest.mark.parametrize(
    ("recipe", "errors"),
    [
        ({"interval": "1h", "slowest": "16"}, {"slowest": "too_slow"}),
        ({"interval": "1d", "slowest": "1"}, {"slowest": "too_slow"}),
        ({"interval": "10s", "fastest": "4"}, {"fastest": "too_fast"}),
        ({"interval": "x", "slowest": "16"}, {"interval": "interval_out_of_range"}),
    ],
)
async def test_bounds_of_the_adaptive_interval(
    hass: HomeAssistant, guarded: MockConfigEntry, recipe: Any, errors: dict[str, str]
) -> None:
    result = await add_timelapse(hass, guarded, adaptive=True, **recipe)
    assert result["errors"] == errors
    assert shown(result) == RECIPE | {"adaptive": True} | recipe
    if "interval" not in errors:
        await submit_timelapse(hass, result, RECIPE | recipe)
        assert set(timelapses(guarded)["Roses"]) == {"interval", "window", "keep_days"}


async def test_all_recipe_errors_at_once(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    result = await add_timelapse(hass, guarded, name="", interval="x", keep_days=-1, window="time")
    assert (result["step_id"], result["errors"]) == (
        "user",
        {"name": "name_length", "interval": "interval_out_of_range", "keep_days": "retention_out_of_range"},
    )


@pytest.mark.parametrize(
    ("start_typed", "end_typed", "start", "end"),
    [("06:30", "20:15:30", "06:30:00", "20:15:30"), ("22:00:00", "05:00:00", "22:00:00", "05:00:00")],
)
async def test_window_by_the_clock(
    hass: HomeAssistant, guarded: MockConfigEntry, start_typed: str, end_typed: str, start: str, end: str
) -> None:
    result = await add_timelapse(hass, guarded, window="time")
    assert (result["step_id"], result["last_step"]) == ("window_time", True)
    assert shown(result) == {"start": "08:00:00", "end": "20:00:00"}
    await submit_timelapse(hass, result, {"start": start_typed, "end": end_typed})
    assert timelapses(guarded)["Roses"] == {
        "interval": 300,
        "window": "time",
        "keep_days": 365,
        "start": start,
        "end": end,
    }


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"start": "25:00", "end": "20:00"}, {"start": "time_format"}),
        ({"start": "08:00", "end": "08:60"}, {"end": "time_format"}),
        ({"start": "noon", "end": None}, {"start": "time_format", "end": "time_format"}),
        ({"start": "08:00", "end": "08:00:00"}, {"end": "window_empty"}),
    ],
)
async def test_bad_window(hass: HomeAssistant, guarded: MockConfigEntry, typed: Any, errors: dict[str, str]) -> None:
    result = await submit_timelapse(hass, await add_timelapse(hass, guarded, window="time"), typed)
    assert (result["step_id"], result["errors"], shown(result)) == ("window_time", errors, typed)
    await submit_timelapse(hass, result, {"start": "08:00", "end": "09:00"})
    assert timelapses(guarded)["Roses"]["end"] == "09:00:00"


async def test_window_by_the_sun(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    result = await add_timelapse(hass, guarded, window="sun")
    assert (result["step_id"], shown(result)) == ("window_sun", {"sunrise_offset": 0, "sunset_offset": 0})
    for typed in ({"sunrise_offset": -721, "sunset_offset": 721}, {"sunrise_offset": "x", "sunset_offset": 1.5}):
        result = await submit_timelapse(hass, result, typed)
        assert result["errors"] == dict.fromkeys(typed, "offset_out_of_range")
        assert shown(result) == typed
    await submit_timelapse(hass, result, {"sunrise_offset": -30.0, "sunset_offset": 720})
    assert timelapses(guarded)["Roses"] == {
        "interval": 300,
        "window": "sun",
        "keep_days": 365,
        "sunrise_offset": -30,
        "sunset_offset": 720,
    }


async def test_reconfigure_timelapse(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    result = await add_timelapse(hass, guarded, interval="90m", window="time", keep_days=9)
    await submit_timelapse(hass, result, {"start": "05:00", "end": "06:00"})
    await add_timelapse(hass, guarded, name="Tulips")
    roses = next(iter(guarded.subentries))

    result = await show_timelapse(hass, guarded, source="reconfigure", subentry_id=roses)
    assert result["step_id"] == "reconfigure"
    assert shown(result) == RECIPE | {"interval": "90m", "window": "time", "keep_days": 9}
    result = await submit_timelapse(hass, result, RECIPE | {"name": "tulips", "window": "time"})
    assert (result["step_id"], result["errors"]) == ("reconfigure", {"name": "already_configured"})
    result = await submit_timelapse(hass, result, RECIPE | {"name": "ROSES", "interval": "7.5", "window": "time"})
    assert shown(result) == {"start": "05:00:00", "end": "06:00:00"}
    result = await submit_timelapse(hass, result, {"start": "05:00", "end": "07:00"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert timelapses(guarded)["ROSES"] == {
        "interval": 7.5,
        "window": "time",
        "keep_days": 365,
        "start": "05:00:00",
        "end": "07:00:00",
    }

    result = await show_timelapse(hass, guarded, source="reconfigure", subentry_id=roses)
    assert shown(result)["interval"] == "7.5s"
    await submit_timelapse(hass, result, RECIPE)
    assert timelapses(guarded)["Roses"] == {"interval": 300, "window": "always", "keep_days": 365}
