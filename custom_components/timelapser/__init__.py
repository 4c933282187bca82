"""Timelapser: timelapses that guard themselves."""

from typing import Any

from homeassistant.config_entries import SOURCE_SYSTEM, ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN, PLATFORMS, SYSTEM_UNIQUE_ID
from .coordinator import CameraCoordinator, TimelapserConfigEntry
from .core.errors import TimelapserError
from .devices import async_register_devices
from .engine import async_acquire_engine, async_archive_camera, async_release_engine, async_restart_cameras
from .exceptions import setup_error
from .http import async_setup_views
from .issues import async_setup_issues
from .services import async_setup_services
from .storage_watch import async_show_storage_issue
from .upkeep import Upkeep

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions, the pictures' addresses, and what takes issues away with their entries."""
    async_setup_services(hass)
    async_setup_views(hass)
    async_setup_issues(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: TimelapserConfigEntry) -> bool:
    """Set up a camera, or the system entry that all cameras share."""
    entry.async_on_unload(entry.add_update_listener(_async_updated))
    if entry.unique_id == SYSTEM_UNIQUE_ID:
        async_register_devices(hass, entry)
        for camera in hass.config_entries.async_loaded_entries(DOMAIN):
            async_register_devices(hass, camera)
        return True
    try:
        engine = await async_acquire_engine(hass)
    except TimelapserError as err:
        async_show_storage_issue(hass, err.code)
        raise setup_error(err) from err
    coordinator: CameraCoordinator | None = None
    try:
        await _async_ensure_system(hass, engine.settings.as_data())
        coordinator = CameraCoordinator(hass, entry, engine)
        async_register_devices(hass, entry)
        await coordinator.async_start()
        entry.runtime_data = coordinator
        await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    except BaseException as err:
        if coordinator is not None:
            await coordinator.async_stop()
        await async_release_engine(hass)
        if isinstance(err, TimelapserError):
            raise setup_error(err) from err
        raise
    Upkeep(coordinator).async_start()
    return True


async def _async_ensure_system(hass: HomeAssistant, settings: dict[str, Any]) -> None:
    """Make the system entry with the last settings if there is none, and enable it if it is disabled."""
    system = hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, SYSTEM_UNIQUE_ID)
    if system is None:
        await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_SYSTEM}, data=settings)
    elif system.disabled_by is not None:
        await hass.config_entries.async_set_disabled_by(system.entry_id, None)


async def async_unload_entry(hass: HomeAssistant, entry: TimelapserConfigEntry) -> bool:
    """Stop a camera; the engine stops with the last one."""
    if entry.unique_id == SYSTEM_UNIQUE_ID:
        return True
    if unloaded := await hass.config_entries.async_unload_platforms(entry, PLATFORMS):
        await entry.runtime_data.async_stop()
        await async_release_engine(hass)
    return unloaded


async def _async_updated(hass: HomeAssistant, entry: TimelapserConfigEntry) -> None:
    """Reload the camera that changed, unless it follows by itself, or all of them when the shared settings did."""
    if entry.unique_id != SYSTEM_UNIQUE_ID:
        if entry.state is ConfigEntryState.LOADED and entry.runtime_data.async_follow_entry():
            return
        await hass.config_entries.async_reload(entry.entry_id)
        return
    await async_restart_cameras(hass)


async def async_remove_entry(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Put a removed camera into the archive: its frames stay; the system entry goes with the last camera."""
    if entry.unique_id == SYSTEM_UNIQUE_ID:
        if hass.config_entries.async_entries(DOMAIN):
            # Later, when Home Assistant has cleared away what the removed one had.
            hass.async_create_task(_async_ensure_system(hass, dict(entry.data)), eager_start=False)
        return
    await async_archive_camera(hass, entry.entry_id)
    remaining = hass.config_entries.async_entries(DOMAIN)
    system = [other for other in remaining if other.unique_id == SYSTEM_UNIQUE_ID]
    if system and len(remaining) == len(system):
        await hass.config_entries.async_remove(system[0].entry_id)
