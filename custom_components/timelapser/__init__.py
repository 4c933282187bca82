"""Timelapser: timelapses that guard themselves."""

from homeassistant.config_entries import SOURCE_SYSTEM, ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import ConfigType

from .const import DOMAIN, PLATFORMS, SYSTEM_UNIQUE_ID
from .coordinator import CameraCoordinator, TimelapserConfigEntry
from .core.errors import TimelapserError
from .devices import async_register_devices
from .engine import async_acquire_engine, async_archive_camera, async_release_engine
from .exceptions import setup_error
from .services import async_setup_services
from .upkeep import async_schedule_upkeep

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions."""
    async_setup_services(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: TimelapserConfigEntry) -> bool:
    """Set up a camera, or the system entry that all cameras share."""
    entry.async_on_unload(entry.add_update_listener(_async_updated))
    if entry.unique_id == SYSTEM_UNIQUE_ID:
        async_register_devices(hass, entry)
        return True
    try:
        engine = await async_acquire_engine(hass)
    except TimelapserError as err:
        raise setup_error(err) from err
    if hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, SYSTEM_UNIQUE_ID) is None:
        settings = engine.settings.as_data()
        await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_SYSTEM}, data=settings)
    coordinator = CameraCoordinator(hass, entry, engine)
    try:
        await coordinator.async_start()
        entry.runtime_data = coordinator
        async_register_devices(hass, entry)
        await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    except BaseException as err:
        await coordinator.async_stop()
        await async_release_engine(hass)
        if isinstance(err, TimelapserError):
            raise setup_error(err) from err
        raise
    async_schedule_upkeep(coordinator)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: TimelapserConfigEntry) -> bool:
    """Stop a camera; the engine stops with the last one."""
    if entry.unique_id == SYSTEM_UNIQUE_ID:
        return True
    if unloaded := await hass.config_entries.async_unload_platforms(entry, PLATFORMS):
        await entry.runtime_data.async_stop()
        await async_release_engine(hass)
    return unloaded


async def _async_updated(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Reload the camera that changed, or all of them when the shared settings did."""
    if entry.unique_id != SYSTEM_UNIQUE_ID:
        await hass.config_entries.async_reload(entry.entry_id)
        return
    cameras = [other for other in hass.config_entries.async_loaded_entries(DOMAIN) if other is not entry]
    for camera in cameras:
        await hass.config_entries.async_unload(camera.entry_id)
    for camera in cameras:
        await hass.config_entries.async_setup(camera.entry_id)


async def async_remove_entry(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Put a removed camera into the archive: its frames stay; the system entry goes with the last camera."""
    if entry.unique_id == SYSTEM_UNIQUE_ID:
        return
    await async_archive_camera(hass, entry.entry_id)
    remaining = hass.config_entries.async_entries(DOMAIN)
    system = [other for other in remaining if other.unique_id == SYSTEM_UNIQUE_ID]
    if system and len(remaining) == len(system):
        await hass.config_entries.async_remove(system[0].entry_id)
