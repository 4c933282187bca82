"""What a camera has learned: judging by it, and forgetting it."""

from typing import Any, Final

from homeassistant.core import ServiceCall
from homeassistant.helpers.typing import VolDictType
from homeassistant.util import dt as dt_util
import voluptuous as vol

from .capture import detector_for
from .coordinator import CameraCoordinator
from .core.detection import Evaluation
from .core.models import IncidentEnd, Light

FIELD_LIGHT: Final = "light"

RELEARN_FIELDS: Final[VolDictType] = {vol.Optional(FIELD_LIGHT): vol.Coerce(Light)}


async def async_relearn(coordinator: CameraCoordinator, light: Light | None = None) -> dict[str, Any]:
    """Forget what is normal for a camera in a light mode, or in all, and answer how much that was."""
    async with coordinator.turns.taken():
        forgotten = await coordinator.state.async_relearn(light)
    await coordinator.async_recount()
    return {"forgotten": {mode.value: count for mode, count in forgotten.items()}}


async def async_begin_anew(coordinator: CameraCoordinator, end: IncidentEnd = IncidentEnd.RELEARNED) -> None:
    """Forget what is normal for a camera, and that its pictures were bad by that."""
    await async_relearn(coordinator)
    await coordinator.async_reset_degraded(end=end)


async def async_call_relearn(coordinator: CameraCoordinator, call: ServiceCall) -> dict[str, Any]:
    """Carry out the action."""
    return await async_relearn(coordinator, call.data.get(FIELD_LIGHT))


async def async_judge(coordinator: CameraCoordinator, data: bytes) -> Evaluation:
    """Judge a picture that did not just come from the camera, by its policy and what it has learned; nothing counts.

    What it showed last says nothing about such a picture, nor does the sun of now. ImageError for what is no picture.
    """
    detector = detector_for(coordinator.policy)
    known = coordinator.state.baseline.apart()
    now = dt_util.utcnow()
    return await coordinator.engine.async_run(lambda: detector.evaluate(data, when=now, baseline=known))
