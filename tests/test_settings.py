"""What the entries store, as values of the core."""

from datetime import time, timedelta
import json
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN, SYSTEM_UNIQUE_ID
from custom_components.timelapser.core.adaptive import Bounds
from custom_components.timelapser.core.models import (
    FetchStrategy,
    QualityPolicy,
    Schedule,
    Sensitivity,
    Window,
    WindowKind,
)
from custom_components.timelapser.core.retention import Limits
from custom_components.timelapser.settings import (
    SystemSettings,
    bounds_from,
    frame_limits_from,
    limits_current_run,
    policy_from,
    quarantine_limits_from,
    schedule_from,
    strategy_from,
    system_settings,
    with_sensitivity,
)


def test_policy() -> None:
    assert policy_from({}) == QualityPolicy()
    assert policy_from({"retries": 0, "heavy_checks": False, "strategy": "stream"}) == QualityPolicy(
        retries=0, heavy_checks=False
    )
    assert policy_from({"sensitivity": "high"}).sensitivity is Sensitivity.HIGH


def test_the_default_sensitivity_is_not_stored() -> None:
    strict = with_sensitivity({"retries": 0}, Sensitivity.HIGH)
    assert strict == {"retries": 0, "sensitivity": "high"}
    assert with_sensitivity(strict, Sensitivity.LOW) == {"retries": 0, "sensitivity": "low"}
    assert with_sensitivity(strict, Sensitivity.MEDIUM) == {"retries": 0}


def test_strategy() -> None:
    assert strategy_from({}) is FetchStrategy.AUTO
    assert strategy_from({"strategy": "snapshot"}) is FetchStrategy.SNAPSHOT


@pytest.mark.parametrize(
    ("options", "limits"),
    [
        ({}, (14, 10_000, 2 * 10**9)),
        ({"quarantine_days": 3}, (3, 10_000, 2 * 10**9)),
        ({"quarantine_count": 5, "quarantine_gb": 0.25}, (14, 5, 250_000_000)),
    ],
)
def test_quarantine(options: dict[str, Any], limits: tuple[int, int, int]) -> None:
    days, count, size = limits
    assert quarantine_limits_from(options) == Limits(age=timedelta(days=days), count=count, byte_count=size)


@pytest.mark.parametrize(
    ("data", "limits"),
    [
        ({}, Limits(age=timedelta(days=365))),
        ({"keep_days": 7}, Limits(age=timedelta(days=7))),
        ({"keep_days": 0}, Limits()),
        ({"keep_days": 0, "keep_count": 9, "keep_gb": 1.5}, Limits(count=9, byte_count=1_500_000_000)),
    ],
)
def test_frames(data: dict[str, Any], limits: Limits) -> None:
    assert frame_limits_from(data) == limits


@pytest.mark.parametrize(
    ("data", "bounds"),
    [
        ({}, None),
        ({"slowest": 8}, None),
        ({"adaptive": True}, Bounds(slowest=4, fastest=1)),
        ({"adaptive": True, "slowest": 16}, Bounds(slowest=16, fastest=1)),
        ({"adaptive": True, "slowest": 1, "fastest": 4}, Bounds(slowest=1, fastest=4)),
        ({"adaptive": True, "glance": False}, Bounds(glance=False)),
    ],
)
def test_adaptive_interval(data: dict[str, Any], bounds: Bounds | None) -> None:
    assert bounds_from(data, battery=False) == bounds


def test_a_camera_on_a_battery_takes_no_looks_in_between() -> None:
    assert bounds_from({"adaptive": True, "slowest": 16}, battery=True) == Bounds(slowest=16, glance=False)
    assert bounds_from({}, battery=True) is None


@pytest.mark.parametrize(("data", "current"), [({}, False), ({"purge_current": True}, True)])
def test_limits_are_for_completed_runs_unless_said(data: dict[str, Any], current: bool) -> None:
    assert limits_current_run(data) is current


@pytest.mark.parametrize(
    ("data", "window"),
    [
        ({}, Window()),
        ({"window": "always"}, Window()),
        (
            {"window": "time", "start": "22:00:00", "end": "05:30:15"},
            Window(kind=WindowKind.TIME, start=time(22), end=time(5, 30, 15)),
        ),
        (
            {"window": "sun", "sunrise_offset": -30, "sunset_offset": 90},
            Window(kind=WindowKind.SUN, sunrise_offset=timedelta(minutes=-30), sunset_offset=timedelta(minutes=90)),
        ),
    ],
)
def test_schedule(data: dict[str, Any], window: Window) -> None:
    assert schedule_from({"interval": 7.5, **data}) == Schedule(interval=timedelta(seconds=7.5), window=window)


def test_system_without_an_entry(hass: HomeAssistant) -> None:
    assert system_settings(hass) == SystemSettings(media_root=Path(hass.config.path("timelapser/media")))


@pytest.mark.parametrize("disabled_by", [None, ConfigEntryDisabler.USER])
def test_system_whatever_the_state_of_its_entry(hass: HomeAssistant, disabled_by: ConfigEntryDisabler | None) -> None:
    MockConfigEntry(
        domain=DOMAIN,
        unique_id=SYSTEM_UNIQUE_ID,
        data={"media_root": "/media/frames", "byte_budget": 0.3},
        disabled_by=disabled_by,
    ).add_to_hass(hass)
    settings = system_settings(hass)
    assert settings == SystemSettings(media_root=Path("/media/frames"), byte_budget=300_000_000)
    text = settings.as_meta(Path("/config"))
    assert json.loads(text) == {"media_root": "../media/frames", "byte_budget": 300_000_000}
    assert SystemSettings.from_meta(text, Path("/config")) == settings
    assert settings.as_data() == {"media_root": "/media/frames", "byte_budget": 0.3}
