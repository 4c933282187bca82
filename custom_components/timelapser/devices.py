"""The devices: system, camera below it, timelapse below that."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType

from .const import DOMAIN, SUBENTRY_TIMELAPSE, SYSTEM_UNIQUE_ID

MANUFACTURER = "Timelapser"


@callback
def async_register_devices(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Register the devices of an entry, parents first; the system device is the system entry's, whoever comes first."""
    registry = dr.async_get(hass)
    system = hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, SYSTEM_UNIQUE_ID)
    system_device_id: str | None = None
    if system is not None:
        system_device_id = registry.async_get_or_create(
            config_entry_id=system.entry_id,
            identifiers={(DOMAIN, SYSTEM_UNIQUE_ID)},
            entry_type=DeviceEntryType.SERVICE,
            manufacturer=MANUFACTURER,
            name="Timelapser",
        ).id
    if entry is system:
        return
    camera = registry.async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, entry.entry_id)},
        manufacturer=MANUFACTURER,
        model="Guarded camera",
        name=entry.title,
        via_device_id=system_device_id,
    )
    for subentry in entry.get_subentries_of_type(SUBENTRY_TIMELAPSE):
        registry.async_get_or_create(
            config_entry_id=entry.entry_id,
            config_subentry_id=subentry.subentry_id,
            identifiers={(DOMAIN, f"{entry.entry_id}_{subentry.subentry_id}")},
            manufacturer=MANUFACTURER,
            model="Timelapse",
            name=subentry.title,
            via_device_id=camera.id,
        )
