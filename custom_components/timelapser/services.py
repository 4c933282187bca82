"""The actions: they find the cameras that are meant and ask their coordinators."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized, UnknownUser
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_extract_config_entry_ids, async_extract_entity_ids
from homeassistant.helpers.typing import VolDictType
import voluptuous as vol

from .const import CONF_CAMERA, DOMAIN, SYSTEM_UNIQUE_ID
from .coordinator import CameraCoordinator, TimelapserConfigEntry
from .exceptions import not_loaded
from .fetch import SourceCamera

type CameraCall = Callable[[CameraCoordinator, ServiceCall], Awaitable[dict[str, Any]]]


class TimelapserService(StrEnum):
    """The names of the actions."""

    CAPTURE_NOW = "capture_now"
    EVALUATE_CAMERA = "evaluate_camera"
    RESET_DEGRADED = "reset_degraded"


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraAction:
    """An action on cameras: what it does with each of them, and the fields that it has beside its target."""

    run: CameraCall
    fields: VolDictType = field(default_factory=dict)


CAMERA_ACTIONS: Mapping[TimelapserService, CameraAction] = {
    TimelapserService.CAPTURE_NOW: CameraAction(
        run=lambda coordinator, call: coordinator.async_capture_now(call.context)
    ),
    TimelapserService.EVALUATE_CAMERA: CameraAction(run=lambda coordinator, _call: coordinator.async_evaluate()),
    TimelapserService.RESET_DEGRADED: CameraAction(
        run=lambda coordinator, call: coordinator.async_reset_degraded(call.context)
    ),
}


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    for name, action in CAMERA_ACTIONS.items():
        hass.services.async_register(
            DOMAIN,
            name,
            partial(_async_call_cameras, action.run),
            schema=vol.Schema({**cv.ENTITY_SERVICE_FIELDS, **action.fields}),
            supports_response=SupportsResponse.OPTIONAL,
        )


async def _async_call_cameras(run: CameraCall, call: ServiceCall) -> ServiceResponse:
    """Run an action on every camera that is meant, all at once, and answer by config entry id.

    The answer is ``{"cameras": {<config entry id>: {"name": <title>, ...the camera's own answer}}}``. A camera that
    fails does not keep the others from running; its error is raised afterwards, unless an answer was asked for and
    another camera has one: then the failed one answers ``{"name": <title>, "error": <key>, "message": <text>}``.
    """
    entries = await _async_targeted_cameras(call)
    await _async_check_permission(call, entries)
    results = await asyncio.gather(*(_async_call_camera(run, entry, call) for entry in entries), return_exceptions=True)
    cameras: dict[str, Any] = {}
    errors: list[BaseException] = []
    for entry, result in zip(entries, results, strict=True):
        if isinstance(result, HomeAssistantError):
            errors.append(result)
            cameras[entry.entry_id] = {"name": entry.title, "error": result.translation_key, "message": str(result)}
        elif isinstance(result, BaseException):
            raise result
        else:
            cameras[entry.entry_id] = {"name": entry.title, **result}
    if errors and (len(errors) == len(entries) or not call.return_response):
        raise errors[0]
    return {"cameras": cameras}


async def _async_call_camera(run: CameraCall, entry: TimelapserConfigEntry, call: ServiceCall) -> dict[str, Any]:
    """Run an action on one camera; an entry that is not loaded is the caller's to know."""
    if entry.state is not ConfigEntryState.LOADED:
        raise not_loaded(entry.title)
    return await run(entry.runtime_data, call)


async def _async_targeted_cameras(call: ServiceCall) -> list[TimelapserConfigEntry]:
    """Return the cameras that a call means: by their devices, timelapses, entities, or the camera entity they guard."""
    entry_ids = await async_extract_config_entry_ids(call)
    entity_ids = await async_extract_entity_ids(call)
    entries: list[TimelapserConfigEntry] = [
        entry
        for entry in call.hass.config_entries.async_entries(DOMAIN)
        if entry.unique_id != SYSTEM_UNIQUE_ID
        and (entry.entry_id in entry_ids or _guarded_entity_id(call.hass, entry) in entity_ids)
    ]
    if not entries:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="camera_not_targeted")
    return entries


async def _async_check_permission(call: ServiceCall, entries: list[TimelapserConfigEntry]) -> None:
    """Refuse a user who may not control one of the guarded cameras."""
    if call.context.user_id is None:
        return
    user = await call.hass.auth.async_get_user(call.context.user_id)
    if user is None:
        raise UnknownUser(context=call.context)
    for entry in entries:
        entity_id = _guarded_entity_id(call.hass, entry)
        if not user.permissions.check_entity(entity_id, POLICY_CONTROL):
            raise Unauthorized(context=call.context, entity_id=entity_id, permission=POLICY_CONTROL)


def _guarded_entity_id(hass: HomeAssistant, entry: TimelapserConfigEntry) -> str:
    """Return the entity id of the camera that an entry guards; what the entry stores when it no longer exists."""
    stored: str = entry.data[CONF_CAMERA]
    return SourceCamera(hass, stored).entity_id or stored
