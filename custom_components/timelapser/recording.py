"""Runs of a loaded camera: started, paused, resumed and completed, with all that follows."""

from homeassistant.core import Context

from .const import EVENT_RUN_COMPLETED, EVENT_RUN_PAUSED, EVENT_RUN_RESUMED, EVENT_RUN_STARTED
from .coordinator import CameraCoordinator
from .core.catalogue.records import RunRow
from .core.models import RunState
from .exceptions import invalid, translated


async def async_start_run(
    coordinator: CameraCoordinator, timelapse_id: str, name: str | None = None, context: Context | None = None
) -> tuple[RunRow | None, RunRow]:
    """Complete the run under way and begin a new one, between two attempts; return both."""
    with translated() as cid:
        async with coordinator.turns.taken():
            completed, run = await coordinator.state.async_start_run(timelapse_id, name)
        if completed is not None:
            coordinator.announcer.run(EVENT_RUN_COMPLETED, completed, cid, context)
        coordinator.announcer.run(EVENT_RUN_STARTED, run, cid, context)
    coordinator.async_run_changed(timelapse_id)
    return completed, run


async def async_complete_run(
    coordinator: CameraCoordinator, timelapse_id: str, context: Context | None = None
) -> RunRow | None:
    """Complete the run under way, after an attempt that is on its way; return it, None when there is none."""
    with translated() as cid:
        async with coordinator.turns.taken():
            run = await coordinator.state.async_complete_run(timelapse_id)
        if run is None:
            return None
        coordinator.announcer.run(EVENT_RUN_COMPLETED, run, cid, context)
    coordinator.async_run_changed(timelapse_id)
    return run


async def async_set_paused(
    coordinator: CameraCoordinator, timelapse_id: str, paused: bool, context: Context | None = None
) -> bool:
    """Pause or resume the run under way at once; return whether that is a change. A completed one is refused."""
    state = coordinator.state.run_state(timelapse_id)
    if state is RunState.COMPLETED:
        raise invalid("run_completed", timelapse=coordinator.config_entry.subentries[timelapse_id].title)
    if (state is RunState.PAUSED) is paused:
        if timelapse_id in coordinator.state.held:
            # From now on it is paused by somebody, and does not go on with the camera's recovery.
            with translated():
                await coordinator.state.async_set_paused(timelapse_id, paused)
        return False
    with translated() as cid:
        await coordinator.state.async_set_paused(timelapse_id, paused)
        event_type = EVENT_RUN_PAUSED if paused else EVENT_RUN_RESUMED
        coordinator.announcer.run(event_type, coordinator.state.runs[timelapse_id], cid, context)
    coordinator.async_run_changed(timelapse_id)
    return True


async def async_record(coordinator: CameraCoordinator, timelapse_id: str, context: Context | None = None) -> None:
    """See to it that a timelapse records: go on with the run under way, or begin a new one after a completed one."""
    if coordinator.state.run_state(timelapse_id) is RunState.COMPLETED:
        await async_start_run(coordinator, timelapse_id, context=context)
    else:
        await async_set_paused(coordinator, timelapse_id, paused=False, context=context)


async def async_rest(coordinator: CameraCoordinator, timelapse_id: str, context: Context | None = None) -> None:
    """See to it that a timelapse does not record."""
    if coordinator.state.recording(timelapse_id):
        await async_set_paused(coordinator, timelapse_id, paused=True, context=context)


async def async_rest_all(coordinator: CameraCoordinator) -> None:
    """See to it that no timelapse of a camera records."""
    for timelapse_id in coordinator.planner.schedules:
        await async_rest(coordinator, timelapse_id)
