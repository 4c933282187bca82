"""The actions: they find the cameras that are meant and ask their coordinators."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_register_admin_service
from homeassistant.helpers.typing import VolDictType
import voluptuous as vol

from .const import DOMAIN
from .coordinator import CameraCoordinator
from .exceptions import invalid, translated
from .frame_actions import LIST_FIELDS, REVIEW_FIELDS, async_list_frames, async_review_frame
from .incident_actions import INCIDENT_FIELDS, async_list_incidents
from .learning import RELEARN_FIELDS, async_call_relearn
from .purge import PURGE_FIELDS, async_call_purge
from .run_actions import (
    DELETE_FIELDS,
    PAGE_FIELDS,
    RENAME_FIELDS,
    STAR_FIELDS,
    START_FIELDS,
    async_complete,
    async_delete_run,
    async_list_runs,
    async_pause,
    async_rename_run,
    async_resume,
    async_star_run,
    async_start,
)
from .targets import Target, async_answers, async_targets

type CameraCall = Callable[[CameraCoordinator, ServiceCall], Awaitable[dict[str, Any]]]
type TimelapseCall = Callable[[CameraCoordinator, str, ServiceCall], Awaitable[dict[str, Any]]]
type Handler = Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]]


class TimelapserService(StrEnum):
    """The names of the actions."""

    CAPTURE_NOW = "capture_now"
    COMPLETE_RUN = "complete_run"
    DELETE_RUN = "delete_run"
    EVALUATE_CAMERA = "evaluate_camera"
    LIST_FRAMES = "list_frames"
    LIST_INCIDENTS = "list_incidents"
    LIST_RUNS = "list_runs"
    PAUSE_RUN = "pause_run"
    PURGE = "purge"
    RELEARN = "relearn"
    RENAME_RUN = "rename_run"
    RESET_DEGRADED = "reset_degraded"
    RESUME_RUN = "resume_run"
    REVIEW_FRAME = "review_frame"
    STAR_RUN = "star_run"
    START_RUN = "start_run"


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraAction:
    """An action on cameras: what it does with each of them, the fields beside its target, and who may call it."""

    run: CameraCall
    fields: VolDictType = field(default_factory=dict)
    response: SupportsResponse = SupportsResponse.OPTIONAL
    admin: bool = False
    """Only administrators may, not everybody who controls the camera."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelapseAction:
    """An action on timelapses: what it does with each of them, and the fields beside its target."""

    run: TimelapseCall
    fields: VolDictType = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """An action that finds by itself what it is about: what it does, its fields, its answer, and who may call it."""

    run: Handler
    fields: VolDictType
    response: SupportsResponse = SupportsResponse.OPTIONAL
    admin: bool = False


CAMERA_ACTIONS: Mapping[TimelapserService, CameraAction] = {
    TimelapserService.CAPTURE_NOW: CameraAction(
        run=lambda coordinator, call: coordinator.async_capture_now(call.context)
    ),
    TimelapserService.EVALUATE_CAMERA: CameraAction(run=lambda coordinator, _call: coordinator.async_evaluate()),
    TimelapserService.LIST_INCIDENTS: CameraAction(
        run=async_list_incidents, fields=INCIDENT_FIELDS, response=SupportsResponse.ONLY
    ),
    TimelapserService.PURGE: CameraAction(run=async_call_purge, fields=PURGE_FIELDS, admin=True),
    TimelapserService.RELEARN: CameraAction(run=async_call_relearn, fields=RELEARN_FIELDS),
    TimelapserService.RESET_DEGRADED: CameraAction(
        run=lambda coordinator, call: coordinator.async_reset_degraded(call.context)
    ),
}


TIMELAPSE_ACTIONS: Mapping[TimelapserService, TimelapseAction] = {
    TimelapserService.COMPLETE_RUN: TimelapseAction(run=async_complete),
    TimelapserService.PAUSE_RUN: TimelapseAction(run=async_pause),
    TimelapserService.RESUME_RUN: TimelapseAction(run=async_resume),
    TimelapserService.START_RUN: TimelapseAction(run=async_start, fields=START_FIELDS),
}

ACTIONS: Mapping[TimelapserService, Action] = {
    TimelapserService.DELETE_RUN: Action(run=async_delete_run, fields=DELETE_FIELDS, admin=True),
    TimelapserService.LIST_FRAMES: Action(
        run=async_list_frames,
        fields={**cv.ENTITY_SERVICE_FIELDS, **LIST_FIELDS},
        response=SupportsResponse.ONLY,
    ),
    TimelapserService.LIST_RUNS: Action(
        run=async_list_runs,
        fields={**cv.ENTITY_SERVICE_FIELDS, **PAGE_FIELDS},
        response=SupportsResponse.ONLY,
    ),
    TimelapserService.RENAME_RUN: Action(run=async_rename_run, fields=RENAME_FIELDS),
    TimelapserService.REVIEW_FRAME: Action(run=async_review_frame, fields=REVIEW_FIELDS),
    TimelapserService.STAR_RUN: Action(run=async_star_run, fields=STAR_FIELDS),
}


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    actions = dict(ACTIONS)
    for name, camera_action in CAMERA_ACTIONS.items():
        actions[name] = Action(
            run=partial(_async_call_cameras, camera_action.run),
            fields={**cv.ENTITY_SERVICE_FIELDS, **camera_action.fields},
            response=camera_action.response,
            admin=camera_action.admin,
        )
    for name, timelapse_action in TIMELAPSE_ACTIONS.items():
        actions[name] = Action(
            run=partial(_async_call_timelapses, timelapse_action.run),
            fields={**cv.ENTITY_SERVICE_FIELDS, **timelapse_action.fields},
        )
    for name, action in actions.items():
        schema = vol.Schema(action.fields)
        if action.admin:
            async_register_admin_service(hass, DOMAIN, name, action.run, schema, action.response)
        else:
            hass.services.async_register(DOMAIN, name, action.run, schema, action.response)


async def _async_call_cameras(run: CameraCall, call: ServiceCall) -> ServiceResponse:
    """Run an action on every camera that is meant, all at once, and answer by config entry id.

    The answer is ``{"cameras": {<config entry id>: {"name": <title>, ...the camera's own answer}}}``.
    """

    async def run_one(target: Target) -> dict[str, Any]:
        with translated():
            return await run(target.loaded(), call)

    targets = await async_targets(call, "camera_not_targeted")
    answers = await async_answers(call, [(target, {"name": target.entry.title}) for target in targets], run_one)
    return {"cameras": {target.entry.entry_id: answer for target, answer in zip(targets, answers, strict=True)}}


async def _async_call_timelapses(run: TimelapseCall, call: ServiceCall) -> ServiceResponse:
    """Run an action on every timelapse that is meant, all at once, and answer by subentry id.

    The answer is ``{"timelapses": {<subentry id>: {"name": <title>, "entry_id": ..., ...its own answer}}}``.
    """

    async def run_one(subject: tuple[Target, str]) -> dict[str, Any]:
        target, timelapse_id = subject
        return await run(target.loaded(), timelapse_id, call)

    subjects = [
        ((target, one), {"name": target.entry.subentries[one].title, "entry_id": target.entry.entry_id})
        for target in await async_targets(call, "timelapse_not_found")
        for one in target.timelapse_ids
    ]
    if not subjects:
        raise invalid("timelapse_not_found")
    answers = await async_answers(call, subjects, run_one)
    return {"timelapses": {one: answer for ((_, one), _), answer in zip(subjects, answers, strict=True)}}
