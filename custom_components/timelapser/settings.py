"""The single place that turns what the entries store into the values of the core."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import time, timedelta
import json
import os
from pathlib import Path
from typing import Any, Final, Self

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from .const import (
    CONF_ADAPTIVE,
    CONF_BYTE_BUDGET,
    CONF_FASTEST,
    CONF_GLANCE,
    CONF_INTERVAL,
    CONF_KEEP_COUNT,
    CONF_KEEP_DAYS,
    CONF_KEEP_GB,
    CONF_MEDIA_ROOT,
    CONF_PURGE_CURRENT,
    CONF_QUARANTINE_COUNT,
    CONF_QUARANTINE_DAYS,
    CONF_QUARANTINE_GB,
    CONF_SENSITIVITY,
    CONF_SLOWEST,
    CONF_STRATEGY,
    CONF_SUNRISE_OFFSET,
    CONF_SUNSET_OFFSET,
    CONF_WINDOW,
    CONF_WINDOW_END,
    CONF_WINDOW_START,
    DEFAULT_KEEP_DAYS,
    DEFAULT_QUARANTINE_COUNT,
    DEFAULT_QUARANTINE_DAYS,
    DEFAULT_QUARANTINE_GB,
    DOMAIN,
    SYSTEM_UNIQUE_ID,
)
from .core.adaptive import Bounds
from .core.models import FetchStrategy, QualityPolicy, Schedule, Sensitivity, Window, WindowKind
from .core.retention import Limits

GIGABYTE: Final = 10**9
"""Bytes; the unit of sizes in forms and entries."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemSettings:
    """What all cameras share: where the frames go, and the bytes that they may take together (None: no limit)."""

    media_root: Path
    byte_budget: int | None = None

    def as_data(self) -> dict[str, Any]:
        """Return the settings as the system entry stores them."""
        data: dict[str, Any] = {CONF_MEDIA_ROOT: str(self.media_root)}
        return data if self.byte_budget is None else {**data, CONF_BYTE_BUDGET: self.byte_budget / GIGABYTE}

    def as_meta(self, config_dir: Path) -> str:
        """Return the settings as the text that the catalogue keeps; its path is relative to the configuration."""
        root = os.path.relpath(self.media_root, config_dir)
        return json.dumps({CONF_MEDIA_ROOT: root, CONF_BYTE_BUDGET: self.byte_budget}, sort_keys=True)

    @classmethod
    def from_meta(cls, text: str, config_dir: Path) -> Self:
        """Return the settings that ``as_meta`` gave."""
        kept = json.loads(text)
        root = Path(os.path.normpath(config_dir / kept[CONF_MEDIA_ROOT]))
        return cls(media_root=root, byte_budget=kept[CONF_BYTE_BUDGET])


def default_media_root(hass: HomeAssistant) -> Path:
    """Return where frames go unless the user says otherwise: private, unlike what lies below ``/media``."""
    return Path(hass.config.path(DOMAIN, "media"))


def system_settings(hass: HomeAssistant) -> SystemSettings:
    """Return the settings of the system entry, whatever its state; the defaults while there is none."""
    entry = hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, SYSTEM_UNIQUE_ID)
    data: Mapping[str, Any] = {} if entry is None else entry.data
    root: str | None = data.get(CONF_MEDIA_ROOT)
    budget: float | None = data.get(CONF_BYTE_BUDGET)
    return SystemSettings(
        media_root=default_media_root(hass) if root is None else Path(root),
        byte_budget=None if budget is None else round(budget * GIGABYTE),
    )


def policy_from(options: Mapping[str, Any]) -> QualityPolicy:
    """Return the quality policy that a camera entry's options ask for."""
    values = {field.name: options[field.name] for field in fields(QualityPolicy) if field.name in options}
    if CONF_SENSITIVITY in values:
        values[CONF_SENSITIVITY] = Sensitivity(values[CONF_SENSITIVITY])
    return QualityPolicy(**values)


def with_sensitivity(options: Mapping[str, Any], sensitivity: Sensitivity) -> dict[str, Any]:
    """Return the options of a camera with another sensitivity; the default is not stored."""
    others = {key: value for key, value in options.items() if key != CONF_SENSITIVITY}
    return others if sensitivity is QualityPolicy().sensitivity else {**others, CONF_SENSITIVITY: sensitivity.value}


def reload_basis(entry: ConfigEntry) -> dict[str, Any]:
    """Return all of a camera's entry that a change of makes a reload needed: what is not taken over while it runs."""
    options = with_sensitivity(entry.options, QualityPolicy().sensitivity)
    return {key: value for key, value in entry.as_dict().items() if key != "modified_at"} | {"options": options}


def strategy_from(options: Mapping[str, Any]) -> FetchStrategy:
    """Return how stills are to be obtained from a camera."""
    return FetchStrategy(options.get(CONF_STRATEGY, FetchStrategy.AUTO))


def quarantine_limits_from(options: Mapping[str, Any]) -> Limits:
    """Return which of a camera's rejected frames are kept."""
    return Limits(
        age=timedelta(days=options.get(CONF_QUARANTINE_DAYS, DEFAULT_QUARANTINE_DAYS)),
        count=options.get(CONF_QUARANTINE_COUNT, DEFAULT_QUARANTINE_COUNT),
        byte_count=round(options.get(CONF_QUARANTINE_GB, DEFAULT_QUARANTINE_GB) * GIGABYTE),
    )


def schedule_from(data: Mapping[str, Any]) -> Schedule:
    """Return the schedule of a timelapse subentry."""
    kind = WindowKind(data.get(CONF_WINDOW, WindowKind.ALWAYS))
    window = Window(kind=kind)
    if kind is WindowKind.TIME:
        window = Window(
            kind=kind,
            start=time.fromisoformat(data[CONF_WINDOW_START]),
            end=time.fromisoformat(data[CONF_WINDOW_END]),
        )
    elif kind is WindowKind.SUN:
        window = Window(
            kind=kind,
            sunrise_offset=timedelta(minutes=data[CONF_SUNRISE_OFFSET]),
            sunset_offset=timedelta(minutes=data[CONF_SUNSET_OFFSET]),
        )
    return Schedule(interval=timedelta(seconds=data[CONF_INTERVAL]), window=window)


def bounds_from(data: Mapping[str, Any], *, battery: bool) -> Bounds | None:
    """Return the bounds of a timelapse subentry's adaptive interval; None where it is fixed.

    A camera on a battery is woken for what is captured, and for nothing else.
    """
    if not data.get(CONF_ADAPTIVE):
        return None
    bounds = Bounds(**{key: data[key] for key in (CONF_SLOWEST, CONF_FASTEST, CONF_GLANCE) if key in data})
    return replace(bounds, glance=False) if battery else bounds


def frame_limits_from(data: Mapping[str, Any]) -> Limits:
    """Return which frames of a timelapse are kept."""
    gigabytes: float | None = data.get(CONF_KEEP_GB)
    return Limits(
        age=timedelta(days=days) if (days := data.get(CONF_KEEP_DAYS, DEFAULT_KEEP_DAYS)) else None,
        count=data.get(CONF_KEEP_COUNT),
        byte_count=None if gigabytes is None else round(gigabytes * GIGABYTE),
    )


def limits_current_run(data: Mapping[str, Any]) -> bool:
    """Return whether the limits of a timelapse are for the run under way too."""
    return bool(data.get(CONF_PURGE_CURRENT))
