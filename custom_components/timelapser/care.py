"""The care for the catalogue while it is in use: a lost one is rebuilt from the files, a damaged one is found."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
import logging
import threading
from typing import Any, Final

from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util

from .const import DOMAIN, SYSTEM_UNIQUE_ID
from .core.catalogue.store import Catalogue
from .core.errors import TimelapserError
from .core.recovery import readopt
from .core.storage import Storage
from .issues import IssueKey, async_show_issue

_LOGGER = logging.getLogger(__name__)

CHECK_SOON: Final = timedelta(seconds=5)
"""Wait for the check of a catalogue that was not closed: a kill or a power cut is the likeliest cause of damage."""
CHECK_AFTER: Final = timedelta(minutes=10)
"""Wait for the first check of one that was: Home Assistant has better things to do at its start."""
CHECK_EVERY: Final = timedelta(days=1)
"""A damaged page is found within a day, although nobody may ask for it in months."""


class CatalogueCare:
    """One thread that reads all files or the whole catalogue, while captures go on."""

    def __init__(self, hass: HomeAssistant, catalogue: Catalogue, restart: Callable[[], None]) -> None:
        """Prepare; ``restart`` loads all cameras anew, in the event loop."""
        self._hass = hass
        self._catalogue = catalogue
        self._restart = restart
        self._pool = ThreadPoolExecutor(1, f"{DOMAIN}-care")
        self._ended = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsubs: list[CALLBACK_TYPE] = []

    @callback
    def async_start(self, storage: Storage, *, soon: bool) -> None:
        """Go on with a rebuild once Home Assistant has started, and check the catalogue now and then."""

        @callback
        def begin(_hass: HomeAssistant) -> None:
            self._own(self._async_rebuild(storage))

        self._unsubs.append(async_at_started(self._hass, begin))
        self._check_after(CHECK_SOON if soon else CHECK_AFTER)

    async def async_stop(self) -> None:
        """End what is under way, at the next file or page; returns when the thread is back."""
        self._ended.set()
        while self._unsubs:
            self._unsubs.pop()()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._pool.shutdown()

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._hass.async_create_background_task(work, f"{DOMAIN} care")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _async_rebuild(self, storage: Storage) -> None:
        """Enter the stills of a lost catalogue; all cameras are loaded anew then, to show what came back."""
        try:
            report = await self._async_run(
                partial(readopt, storage, self._catalogue, dt_util.utcnow(), self._ended.is_set)
            )
        except TimelapserError as err:
            _LOGGER.warning("The catalogue could not be rebuilt yet; the next start goes on with it: %s", err)
            return
        if report is None:
            return
        storage.untrack()
        _LOGGER.warning(
            "The catalogue was lost and is rebuilt from the files: %s cameras, %s runs, %s frames, %s rejected; "
            "protection, reviews, attempts, health and what was learned of the cameras did not come back",
            report.cameras,
            report.runs,
            report.frames,
            report.quarantined,
        )
        placeholders = {"frames": str(report.frames), "quarantined": str(report.quarantined)}
        async_show_issue(self._hass, IssueKey.CATALOGUE_REBUILT, SYSTEM_UNIQUE_ID, placeholders)
        self._restart()

    def _check_after(self, delay: timedelta) -> None:
        @callback
        def check(_now: datetime) -> None:
            self._unsubs.remove(unsub)
            self._own(self._async_check())

        unsub = async_call_later(self._hass, delay, HassJob(check, cancel_on_shutdown=True))
        self._unsubs.append(unsub)

    async def _async_check(self) -> None:
        """Read the whole catalogue; it tells the engine itself when it is damaged."""
        try:
            await self._async_run(partial(self._catalogue.check, self._ended.is_set))
        except TimelapserError as err:
            _LOGGER.debug("The catalogue could not be checked: %s", err)
        if not self._ended.is_set():
            self._check_after(CHECK_EVERY)

    async def _async_run[T](self, job: Callable[[], T]) -> T:
        return await self._hass.loop.run_in_executor(self._pool, job)
