"""The daily round: what has grown too old goes, so that neither disk nor catalogue grows for ever."""

from datetime import datetime, timedelta
from functools import partial
import logging
from typing import Final

from homeassistant.core import callback
from homeassistant.helpers.event import async_call_later, async_track_time_interval
from homeassistant.util import dt as dt_util

from .const import SUBENTRY_TIMELAPSE
from .coordinator import CameraCoordinator
from .core.catalogue import queries
from .core.errors import TimelapserError
from .core.models import FrameKind
from .core.retention import expire, expire_timelapse
from .settings import keep_from, quarantine_from

_LOGGER = logging.getLogger(__name__)

FIRST_ROUND: Final = timedelta(minutes=10)
"""Wait after the start: Home Assistant has better things to do then."""
ROUND: Final = timedelta(days=1)
"""Age limits are in days."""
ROUND_LIMIT: Final = 20_000
"""Stills that one round removes at most: a day of captures at the shortest interval, and a few more to catch up."""
ATTEMPT_AGE: Final = timedelta(days=30)
"""How long attempts are remembered: long enough to look into a fault that was noticed late."""
ATTEMPT_ROWS: Final = 500_000
"""Attempts remembered at most, whatever their age: about 150 MB."""


@callback
def async_schedule_upkeep(coordinator: CameraCoordinator) -> None:
    """Make the rounds for one camera while its entry is loaded."""
    hass, entry = coordinator.hass, coordinator.config_entry

    async def make_round(_now: datetime) -> None:
        await async_make_round(coordinator)

    entry.async_on_unload(async_call_later(hass, FIRST_ROUND, make_round))
    entry.async_on_unload(async_track_time_interval(hass, make_round, ROUND))


async def async_make_round(coordinator: CameraCoordinator) -> None:
    """Remove what is older than the camera's and its timelapses' limits."""
    engine, entry = coordinator.engine, coordinator.config_entry
    now = dt_util.utcnow()
    camera_id = entry.entry_id
    of_camera = partial(expire, engine.storage, engine.catalogue, camera_id, limit=ROUND_LIMIT)
    of_timelapse = partial(expire_timelapse, engine.storage, engine.catalogue, limit=ROUND_LIMIT)
    limits = {item.subentry_id: keep_from(item.data) for item in entry.get_subentries_of_type(SUBENTRY_TIMELAPSE)}
    jobs = [partial(of_camera, kind=FrameKind.QUARANTINE, before=now - quarantine_from(entry.options))]
    jobs += [partial(of_timelapse, timelapse_id, before=now - keep) for timelapse_id, keep in limits.items() if keep]
    if limits and (longest := max(keep or timedelta.max for keep in limits.values())) < timedelta.max:
        jobs.append(partial(of_camera, kind=FrameKind.FRAME, before=now - longest, loose=True))
    try:
        purged = [await engine.async_run(job) for job in jobs]
        while await engine.async_write(lambda conn: queries.prune_attempts(conn, now - ATTEMPT_AGE, ATTEMPT_ROWS)):
            pass
    except TimelapserError as err:
        _LOGGER.warning("%s: old stills could not be removed: %s", coordinator.name, err)
        return
    if any(round_.count for round_ in purged):
        await coordinator.async_recount()
