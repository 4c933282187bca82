"""The actions on runs: of the timelapses that are meant, or by the id of a run."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import VolDictType
from sqlalchemy import Connection
import voluptuous as vol

from .coordinator import CameraCoordinator
from .core.catalogue import queries
from .core.catalogue.records import CameraRuns, RunRow
from .core.deletion import delete_some
from .core.errors import CatalogueError, Code
from .engine import Engine
from .exceptions import invalid, translated
from .flow_schema import judge_name
from .recording import async_complete_run, async_set_paused, async_start_run
from .targets import (
    Target,
    async_answers,
    async_borrow_engine,
    async_check_control,
    async_targets,
    async_user,
    has_target,
    loaded_camera,
    may_control,
)

FIELD_RUN_ID: Final = "run_id"
FIELD_NAME: Final = "name"
FIELD_STARRED: Final = "starred"
FIELD_CONFIRM: Final = "confirm"
FIELD_LIMIT: Final = "limit"
FIELD_CURSOR: Final = "cursor"

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 500
"""Things in one answer: what a template can still handle, and 200 kB."""

PAGE_FIELDS: Final[VolDictType] = {
    vol.Optional(FIELD_LIMIT, default=DEFAULT_LIMIT): vol.All(vol.Coerce(int), vol.Range(min=1, max=MAX_LIMIT)),
    vol.Optional(FIELD_CURSOR): cv.string,
}
START_FIELDS: Final[VolDictType] = {vol.Optional(FIELD_NAME): cv.string}
RENAME_FIELDS: Final[VolDictType] = {vol.Required(FIELD_RUN_ID): cv.string, vol.Required(FIELD_NAME): cv.string}
STAR_FIELDS: Final[VolDictType] = {
    vol.Required(FIELD_RUN_ID): cv.string,
    vol.Optional(FIELD_STARRED, default=True): cv.boolean,
}
DELETE_FIELDS: Final[VolDictType] = {
    vol.Required(FIELD_RUN_ID): cv.string,
    vol.Optional(FIELD_CONFIRM, default=False): cv.boolean,
}


async def async_start(coordinator: CameraCoordinator, timelapse_id: str, call: ServiceCall) -> dict[str, Any]:
    """Begin a new run, after the one under way."""
    name = _name(call.data[FIELD_NAME]) if FIELD_NAME in call.data else None
    completed, run = await async_start_run(coordinator, timelapse_id, name, call.context)
    return {**_state(run), "completed_run_id": completed.id if completed else None}


async def async_pause(coordinator: CameraCoordinator, timelapse_id: str, call: ServiceCall) -> dict[str, Any]:
    """Pause the run under way."""
    changed = await async_set_paused(coordinator, timelapse_id, paused=True, context=call.context)
    return {**_state(coordinator.state.runs[timelapse_id]), "changed": changed}


async def async_resume(coordinator: CameraCoordinator, timelapse_id: str, call: ServiceCall) -> dict[str, Any]:
    """Go on with the run under way."""
    changed = await async_set_paused(coordinator, timelapse_id, paused=False, context=call.context)
    return {**_state(coordinator.state.runs[timelapse_id]), "changed": changed}


async def async_complete(coordinator: CameraCoordinator, timelapse_id: str, call: ServiceCall) -> dict[str, Any]:
    """Complete the run under way."""
    completed = await async_complete_run(coordinator, timelapse_id, call.context)
    run = completed or coordinator.state.runs.get(timelapse_id)
    return {**(_state(run) if run else {}), "changed": completed is not None}


async def async_list_runs(call: ServiceCall) -> ServiceResponse:
    """Answer with the runs of what is meant; with those of all cameras, removed ones too, when nothing is named."""
    cursor: str | None = call.data.get(FIELD_CURSOR)
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise invalid("cursor_invalid")
    page = partial(queries.list_runs, before=int(cursor) if cursor else None, limit=call.data[FIELD_LIMIT])
    async with async_borrow_engine(call.hass) as engine:
        if has_target(call):
            return {"cameras": await _async_targeted_runs(call, engine, page)}
        user = await async_user(call)
        with translated():
            cameras = await engine.async_read(lambda conn: page(conn, None))
    seen = [camera for camera in cameras if may_control(call.hass, user, camera.source_key)]
    return {"cameras": {camera.camera_id: _describe_camera(camera) for camera in seen}}


async def _async_targeted_runs(
    call: ServiceCall, engine: Engine, page: Callable[..., list[CameraRuns]]
) -> dict[str, Any]:
    async def read(target: Target) -> dict[str, Any]:
        target.loaded()
        only = None if target.whole else target.timelapse_ids
        with translated():
            (camera,) = await engine.async_read(lambda conn: page(conn, [target.entry.entry_id], timelapse_ids=only))
        return _describe_camera(camera)

    targets = await async_targets(call, "timelapse_not_found")
    subjects = [(target, {"name": target.entry.title}) for target in targets]
    answers = await async_answers(call, subjects, read)
    return {target.entry.entry_id: answer for target, answer in zip(targets, answers, strict=True)}


async def async_rename_run(call: ServiceCall) -> ServiceResponse:
    """Give a run a name."""
    name = _name(call.data[FIELD_NAME])
    return await _async_change(call, lambda conn, run_id: queries.rename_run(conn, run_id, name))


async def async_star_run(call: ServiceCall) -> ServiceResponse:
    """Mark a run as a favourite, or not any more."""
    starred: bool = call.data[FIELD_STARRED]
    return await _async_change(call, lambda conn, run_id: queries.star_run(conn, run_id, starred))


async def async_delete_run(call: ServiceCall) -> ServiceResponse:
    """Delete a completed run with the pictures that nothing else keeps."""
    if not call.data[FIELD_CONFIRM]:
        raise invalid("confirm_required")
    async with async_borrow_engine(call.hass) as engine:
        run = await async_find_run(engine, call.data[FIELD_RUN_ID])
        if run.under_way:
            raise invalid("run_under_way", timelapse=run.timelapse_name)
        released = files = freed = 0
        try:
            with translated():
                step = partial(delete_some, engine.storage, engine.catalogue, run.id)
                while (deleted := await engine.async_store(step, patient=True)).released:
                    released += deleted.released
                    files += len(deleted.files)
                    freed += sum(file.byte_count for file in deleted.files)
                await engine.async_write(lambda conn: queries.drop_run(conn, run.id))
        finally:
            await _async_recount(call, run)
    return {"run_id": run.id, "deleted": files, "bytes": freed, "kept": released - files}


async def _async_change(call: ServiceCall, change: Callable[[Connection, str], RunRow]) -> ServiceResponse:
    """Change one run by its id and answer with it."""
    async with async_borrow_engine(call.hass) as engine:
        run = await async_find_run(engine, call.data[FIELD_RUN_ID])
        with translated():
            camera = await engine.async_read(lambda conn: queries.camera_state(conn, run.camera_id))
            await async_check_control(call, [camera.source_key])
            run = await engine.async_write(lambda conn: change(conn, run.id))
        await _async_recount(call, run)
    return _describe(run)


async def async_find_run(engine: Engine, run_id: str) -> RunRow:
    """Return a run; an unknown one is the caller's to know."""
    with translated():
        try:
            return await engine.async_read(lambda conn: queries.find_run(conn, run_id))
        except CatalogueError as err:
            if err.code is Code.NOT_FOUND:
                raise invalid("run_not_found") from err
            raise


async def _async_recount(call: ServiceCall, run: RunRow) -> None:
    """Show what changed, if the camera is loaded."""
    if (coordinator := loaded_camera(call.hass, run.camera_id)) is not None:
        await coordinator.async_recount()


def _name(text: str) -> str:
    """Return the name of a run as it is kept: what is a name for a timelapse is one for a run."""
    name, error = judge_name(text, ())
    if error is not None:
        raise invalid(error)
    return name


def _state(run: RunRow) -> dict[str, Any]:
    return {"run_id": run.id, "run_name": run.name, "state": run.state, "image_count": run.image_count}


def _describe(run: RunRow) -> dict[str, Any]:
    """Return a run as an answer tells of it."""
    return {
        "run_id": run.id,
        "name": run.name,
        "timelapse_id": run.timelapse_id,
        "timelapse": run.timelapse_name,
        "state": run.state,
        "image_count": run.image_count,
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "starred": run.starred,
    }


def _describe_camera(camera: CameraRuns) -> dict[str, Any]:
    return {
        "name": camera.name,
        "removed": camera.removed_at is not None,
        "runs": [_describe(run) for run in camera.runs],
        "cursor": None if camera.cursor is None else str(camera.cursor),
    }
