"""The rounds that remove what has grown too old or too much, so that neither disk nor catalogue grows for ever."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
import logging
from typing import Final

from homeassistant.core import callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.event import async_call_later, async_track_time_interval
from homeassistant.util import dt as dt_util
from sqlalchemy import Connection

from .coordinator import CameraCoordinator
from .core.catalogue import queries, rebuild
from .core.errors import Code, TimelapserError
from .core.retention import Limits, Plan, Rule
from .core.ulid import new_ulid
from .purge import PurgeTrigger, announce, async_apply, configured

_LOGGER = logging.getLogger(__name__)

FIRST_ROUND: Final = timedelta(minutes=10)
"""Wait after the start: Home Assistant has better things to do then."""
ROUND: Final = timedelta(days=1)
"""Age limits are in days."""
LIGHT_ROUND: Final = timedelta(hours=1)
"""Limits of number and size are checked as often: by so much of captures they may be exceeded."""
ROUND_LIMIT: Final = 20_000
"""Stills that one round removes at most: a day of captures at the shortest interval, and a few more to catch up."""
ATTEMPT_AGE: Final = timedelta(days=30)
"""How long attempts are remembered: long enough to look into a fault that was noticed late."""
ATTEMPT_ROWS: Final = 500_000
"""Attempts remembered at most, whatever their age: about 150 MB."""

REBUILD_GRACE: Final = timedelta(days=7)
"""Nothing is removed for so long after a rebuild: time to protect again what was protected."""


class Upkeep:
    """The rounds of one camera, while its entry is loaded."""

    def __init__(self, coordinator: CameraCoordinator) -> None:
        """Serve one camera."""
        self._coordinator = coordinator
        self._lock = asyncio.Lock()
        self._held = False
        self._trouble: Code | None = None
        """Why the last round failed: told once, not every hour."""

    @callback
    def async_start(self) -> None:
        """Make a first round soon, then a light one every hour and a whole one every day."""
        hass, entry = self._coordinator.hass, self._coordinator.config_entry
        entry.async_on_unload(async_call_later(hass, FIRST_ROUND, self._async_round))
        entry.async_on_unload(async_track_time_interval(hass, self._async_round, ROUND))
        entry.async_on_unload(async_track_time_interval(hass, self._async_light_round, LIGHT_ROUND))

    async def _async_round(self, _now: datetime) -> None:
        """Apply all limits, and forget old attempts."""
        plan = await self._async_apply(configured(self._coordinator))
        if plan is None:
            return
        if plan.held and not self._held:
            _LOGGER.warning(
                "%s: the age limits wait: its pictures do not bear out that as much time has passed as the clock says",
                self._coordinator.name,
            )
        self._held = plan.held
        await self._async_forget_attempts()

    async def _async_light_round(self, _now: datetime) -> None:
        """Apply the limits of number and size."""
        rules = (replace(rule, limits=replace(rule.limits, age=None)) for rule in configured(self._coordinator))
        await self._async_apply([rule for rule in rules if rule.limits != Limits()])

    async def _async_apply(self, rules: Iterable[Rule]) -> Plan | None:
        """Carry out rules; None when that was not possible."""
        try:
            if await self._coordinator.engine.async_read(self._rebuilt_lately):
                return None
            async with self._lock:
                plan, purged = await async_apply(self._coordinator, rules, ROUND_LIMIT)
        except ServiceValidationError:
            # The camera was unloaded under the round; the next one goes on.
            return None
        except TimelapserError as err:
            level = logging.DEBUG if err.code is self._trouble else logging.WARNING
            _LOGGER.log(level, "%s: old stills could not be removed: %s", self._coordinator.name, err)
            self._trouble = err.code
            return None
        self._trouble = None
        if purged.count:
            announce(self._coordinator, PurgeTrigger.SCHEDULE, purged, new_ulid())
        return plan

    @staticmethod
    def _rebuilt_lately(conn: Connection) -> bool:
        """Return whether the catalogue is being rebuilt, or was of late: it has lost which stills are protected."""
        report = rebuild.last_report(conn)
        return rebuild.awaiting(conn) is not None or (
            report is not None and dt_util.utcnow() - report.at < REBUILD_GRACE
        )

    async def _async_forget_attempts(self) -> None:
        """Keep the log of attempts within its age and length."""
        engine, now = self._coordinator.engine, dt_util.utcnow()

        def prune(conn: Connection) -> int:
            before = now - ATTEMPT_AGE if queries.attempts_time_passed(conn, now, ATTEMPT_AGE) else None
            return queries.prune_attempts(conn, before, ATTEMPT_ROWS)

        try:
            while await engine.async_write(prune):
                pass
        except TimelapserError as err:
            _LOGGER.warning("%s: old attempts could not be removed: %s", self._coordinator.name, err)
