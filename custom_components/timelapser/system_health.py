"""What the page *System information* says of Timelapser."""

from typing import Any

from homeassistant.components.system_health import SystemHealthRegistration
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN, SYSTEM_UNIQUE_ID
from .core.models import Health
from .engine import DATA_ENGINE
from .settings import GIGABYTE
from .vitals import async_vitals

MEGABYTE = 10**6
"""Bytes."""


@callback
def async_register(hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    """Register what is told."""
    register.async_register_info(_async_info)


async def _async_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return counts, sizes and versions; without a loaded camera, only the counts."""
    cameras = [entry for entry in hass.config_entries.async_entries(DOMAIN) if entry.unique_id != SYSTEM_UNIQUE_ID]
    loaded = [entry for entry in cameras if entry.state is ConfigEntryState.LOADED]
    healths = [entry.runtime_data.data.health for entry in loaded]
    info: dict[str, Any] = {
        "cameras": len(cameras),
        "cameras_loaded": len(loaded),
        "cameras_degraded": healths.count(Health.DEGRADED),
        "cameras_offline": healths.count(Health.OFFLINE),
    }
    if (engine := hass.data.get(DATA_ENGINE)) is None:
        return info
    vitals = await async_vitals(engine)
    return {
        **info,
        "storage": vitals.storage.value,
        "storage_free": _size_text(vitals.free_bytes, GIGABYTE, "GB"),
        "storage_used": _size_text(vitals.frame_bytes, GIGABYTE, "GB"),
        "catalogue_size": _size_text(vitals.catalogue_bytes + vitals.wal_bytes, MEGABYTE, "MB"),
        "queue": vitals.queued,
        "sqlite": vitals.sqlite,
        "opencv": vitals.opencv,
        "turbojpeg": vitals.turbojpeg,
    }


def _size_text(size: int | None, unit: int, name: str) -> str | None:
    """Return a size in words; None for one that is not known."""
    return None if size is None else f"{size / unit:.1f} {name}"
