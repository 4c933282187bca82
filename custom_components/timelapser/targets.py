"""Whom an action means, whether its caller may, and how several answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized, UnknownUser
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.target import TargetSelection, async_extract_referenced_entity_ids

from .const import CONF_CAMERA, DOMAIN, SUBENTRY_TIMELAPSE, SYSTEM_UNIQUE_ID
from .coordinator import CameraCoordinator, TimelapserConfigEntry
from .engine import DATA_ENGINE, Engine, async_acquire_engine, async_release_engine
from .exceptions import not_loaded
from .fetch import SourceCamera


@dataclass(frozen=True, slots=True)
class Target:
    """A camera that is meant, and which of its timelapses are: all of them with the camera as a whole."""

    entry: TimelapserConfigEntry
    timelapse_ids: tuple[str, ...]
    whole: bool

    def loaded(self) -> CameraCoordinator:
        """Return the camera's coordinator; an entry that is not loaded is the caller's to know."""
        if self.entry.state is not ConfigEntryState.LOADED:
            raise not_loaded(self.entry.title)
        return self.entry.runtime_data


def has_target(call: ServiceCall) -> bool:
    """Return whether a call names anything at all."""
    return TargetSelection(call.data).has_any_target


async def async_targets(call: ServiceCall, error: str) -> list[Target]:
    """Return the cameras that a call means, as wholes or by timelapses, if its caller may control them.

    Named they are by devices, entities, areas, labels, or by the camera that is guarded. ``error`` is the translation
    key of what is raised when there are none.
    """
    named = _named(call)
    targets = [
        target
        for entry in call.hass.config_entries.async_entries(DOMAIN)
        if entry.unique_id != SYSTEM_UNIQUE_ID and (target := _target(call.hass, entry, named)) is not None
    ]
    if not targets:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key=error)
    await async_check_control(call, (target.entry.data[CONF_CAMERA] for target in targets))
    return targets


async def async_user(call: ServiceCall) -> User | None:
    """Return who calls; None for an automation and the like, which may do everything."""
    if call.context.user_id is None:
        return None
    user = await call.hass.auth.async_get_user(call.context.user_id)
    if user is None:
        raise UnknownUser(context=call.context)
    return user


async def async_check_control(call: ServiceCall, source_keys: Iterable[str]) -> None:
    """Refuse a user who may not control one of the guarded cameras, also one that is gone."""
    user = await async_user(call)
    for source_key in source_keys:
        if not may_control(call.hass, user, source_key):
            entity_id = _guarded(call.hass, source_key)
            raise Unauthorized(context=call.context, entity_id=entity_id, permission=POLICY_CONTROL)


def may_control(hass: HomeAssistant, user: User | None, source_key: str) -> bool:
    """Return whether a user may control a guarded camera."""
    return user is None or user.permissions.check_entity(_guarded(hass, source_key), POLICY_CONTROL)


@asynccontextmanager
async def async_borrow_engine(hass: HomeAssistant) -> AsyncIterator[Engine]:
    """Use the engine of the loaded cameras, which stays open as long; refused when none is loaded."""
    if DATA_ENGINE not in hass.data:
        raise not_loaded("Timelapser")
    engine = await async_acquire_engine(hass)
    try:
        yield engine
    finally:
        await async_release_engine(hass)


def loaded_camera(hass: HomeAssistant, camera_id: str) -> CameraCoordinator | None:
    """Return the coordinator of a camera; None for one that is not loaded, or in the archive."""
    entry: TimelapserConfigEntry | None = hass.config_entries.async_get_entry(camera_id)
    return entry.runtime_data if entry is not None and entry.state is ConfigEntryState.LOADED else None


def camera_entities(hass: HomeAssistant, entity_ids: set[str], key: str) -> set[str]:
    """Return those that are the entity of a key of a guarded camera; others of the same kind are not ours."""
    registry = er.async_get(hass)
    return {
        entity_id
        for entity_id in entity_ids
        if (entry := registry.async_get(entity_id)) is not None
        and entry.platform == DOMAIN
        and entry.unique_id == f"{entry.config_entry_id}_{key}"
    }


async def async_answers[K](
    call: ServiceCall,
    subjects: Sequence[tuple[K, dict[str, Any]]],
    run: Callable[[K], Awaitable[dict[str, Any]]],
) -> list[dict[str, Any]]:
    """Run an action on every subject, all at once; return an answer for each, which begins with its own values.

    A subject that fails does not keep the others from running; its error is raised afterwards, unless an answer was
    asked for and another subject has one: then the failed one answers with ``error`` (a key) and ``message``.
    """
    results = await asyncio.gather(*(run(subject) for subject, _ in subjects), return_exceptions=True)
    answers: list[dict[str, Any]] = []
    errors: list[HomeAssistantError] = []
    for (_, values), result in zip(subjects, results, strict=True):
        if isinstance(result, HomeAssistantError):
            errors.append(result)
            answers.append({**values, "error": result.translation_key, "message": str(result)})
        elif isinstance(result, BaseException):
            raise result
        else:
            answers.append({**values, **result})
    if errors and (len(errors) == len(subjects) or not call.return_response):
        raise errors[0]
    return answers


def _named(call: ServiceCall) -> set[str]:
    """Return what a call names: entity ids, and identifiers of devices of ours."""
    selected = async_extract_referenced_entity_ids(call.hass, TargetSelection(call.data))
    devices = dr.async_get(call.hass)
    named = selected.referenced | selected.indirectly_referenced
    for device_id in selected.referenced_devices:
        if (device := devices.async_get(device_id)) is not None:
            named |= {identifier for domain, identifier in device.identifiers if domain == DOMAIN}
    return named


def _target(hass: HomeAssistant, entry: TimelapserConfigEntry, named: set[str]) -> Target | None:
    """Return an entry as far as it is meant; None when it is not."""
    timelapse_ids = tuple(item.subentry_id for item in entry.get_subentries_of_type(SUBENTRY_TIMELAPSE))
    entities = [
        entity
        for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        if entity.entity_id in named
    ]
    if (
        entry.entry_id in named
        or _guarded(hass, entry.data[CONF_CAMERA]) in named
        or any(entity.config_subentry_id is None for entity in entities)
    ):
        return Target(entry, timelapse_ids, whole=True)
    subentry_ids = {entity.config_subentry_id for entity in entities}
    some = tuple(one for one in timelapse_ids if one in subentry_ids or f"{entry.entry_id}_{one}" in named)
    return Target(entry, some, whole=False) if some else None


def _guarded(hass: HomeAssistant, source_key: str) -> str:
    """Return the entity id of a guarded camera; what is stored of it when it no longer exists."""
    return SourceCamera(hass, source_key).entity_id or source_key
