"""The options of a camera."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.config_flow import TimelapserConfigFlow
from custom_components.timelapser.const import SUBENTRY_TIMELAPSE

from .forms import DEFAULT_OPTIONS, show_options, shown, submit_options


async def test_options(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    result = await show_options(hass, guarded)
    assert shown(result) == DEFAULT_OPTIONS
    assert result["description_placeholders"]["retries"] == "0 – 5"
    result = await submit_options(
        hass,
        result,
        {
            "sensitivity": "high",
            "reject_below": 62.5,
            "heavy_checks": False,
            "strategy": "stream",
            "retries": 0.0,
            "recover_after": 5,
        },
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert guarded.options == {
        "sensitivity": "high",
        "reject_below": 62.5,
        "heavy_checks": False,
        "strategy": "stream",
        "retries": 0,
    }
    assert isinstance(guarded.options["retries"], int)

    result = await show_options(hass, guarded)
    assert shown(result) == DEFAULT_OPTIONS | guarded.options
    await submit_options(hass, result, DEFAULT_OPTIONS)
    assert guarded.options == {}


@pytest.mark.parametrize(
    ("field", "values", "error"),
    [
        ("reject_below", (-1, 100.5, "abc", None), "out_of_range"),
        ("retries", (-1, 6, 1.5, float("nan")), "out_of_range"),
        ("degraded_after", (0, 51), "out_of_range"),
        ("degraded_share", (9.9, 101), "out_of_range"),
        ("persistent_share", (4.9, 101), "out_of_range"),
        ("recover_after", (0, 51, 10**400), "out_of_range"),
        ("minimum_dwell", (-1, 1441, 0.5), "out_of_range"),
        ("quarantine_count", (0, -1, 1_000_001, 1.5, "abc"), "out_of_range"),
        ("quarantine_gb", (0, 0.09, -1, 10_001, float("inf"), "abc"), "out_of_range"),
        ("quarantine_days", (0, -1, 10**6, 1.5, "abc"), "retention_out_of_range"),
    ],
)
async def test_option_out_of_range(
    hass: HomeAssistant, guarded: MockConfigEntry, field: str, values: tuple[Any, ...], error: str
) -> None:
    result = await show_options(hass, guarded)
    for value in values:
        typed = DEFAULT_OPTIONS | {"heavy_checks": False, field: value}
        result = await submit_options(hass, result, typed)
        assert result["errors"] == {field: error}, value
        assert {key: item for key, item in shown(result).items() if item == item} == {
            key: item for key, item in typed.items() if item == item
        }
    await submit_options(hass, result, DEFAULT_OPTIONS | {"heavy_checks": False})
    assert guarded.options == {"heavy_checks": False}


def test_system_entry_has_no_options_and_no_timelapses(system: MockConfigEntry, guarded: MockConfigEntry) -> None:
    assert not TimelapserConfigFlow.async_supports_options_flow(system)
    assert TimelapserConfigFlow.async_supports_options_flow(guarded)
    assert TimelapserConfigFlow.async_get_supported_subentry_types(system) == {}
    assert list(TimelapserConfigFlow.async_get_supported_subentry_types(guarded)) == [SUBENTRY_TIMELAPSE]
