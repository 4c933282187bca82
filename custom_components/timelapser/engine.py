"""The engine that all cameras share: catalogue, storage and thread pools, alive while a camera is loaded."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
import logging
import os
from pathlib import Path
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.util.hass_dict import HassKey
from sqlalchemy import Connection

from .const import DOMAIN
from .core.catalogue import queries
from .core.catalogue.store import Catalogue
from .core.errors import StorageError
from .core.readiness import StorageState
from .core.storage import Storage
from .settings import SystemSettings, system_settings

_LOGGER = logging.getLogger(__name__)

COMPUTE_THREADS: Final = min(4, os.cpu_count() or 1)
"""Decoding and scoring use at most this many cores (and never Home Assistant's own pool)."""

FETCH_THREADS: Final = 32
"""Streams that are read at the same time; one thread each, idle threads cost nothing."""

FREE_FLOOR_BYTES: Final = 512_000_000
FREE_FLOOR_SHARE: Final = 0.02
"""Capturing stops while less than the larger of both is free, so that Home Assistant itself keeps working."""

META_STORAGE_UUID: Final = "storage_uuid"
META_SETTINGS: Final = "settings"

DATA_ENGINE: HassKey[Engine] = HassKey(DOMAIN)
_DATA_LOCK: HassKey[asyncio.Lock] = HassKey(f"{DOMAIN}_lock")


class Engine:
    """Catalogue, storage root and the two pools."""

    def __init__(self, hass: HomeAssistant, settings: SystemSettings) -> None:
        """Prepare; nothing is touched until ``async_open``."""
        self.hass = hass
        self.settings = settings
        self.storage = Storage(settings.media_root)
        self.catalogue = Catalogue(catalogue_path(hass))
        self.compute = ThreadPoolExecutor(COMPUTE_THREADS, f"{DOMAIN}-compute")
        self.fetch = ThreadPoolExecutor(FETCH_THREADS, f"{DOMAIN}-fetch")
        self._users = 0

    async def async_open(self) -> None:
        """Open the catalogue, then the storage whose marker the catalogue knows."""
        try:
            await self.async_run(self._open)
        except BaseException:
            await self.async_close()
            raise

    def _open(self) -> None:
        report = self.catalogue.open()
        if report.rebuilt:
            _LOGGER.warning("The catalogue was damaged; it was moved aside and a new one was made")
        known = self.catalogue.read(lambda conn: queries.get_meta(conn, META_STORAGE_UUID))
        settings = self.settings.as_meta()
        same_root = self.catalogue.read(lambda conn: queries.get_meta(conn, META_SETTINGS)) == settings
        uuid = self.storage.open(expected_uuid=known if same_root else None)

        def remember(conn: Connection) -> None:
            queries.set_meta(conn, META_STORAGE_UUID, uuid)
            queries.set_meta(conn, META_SETTINGS, settings)

        self.catalogue.submit(remember).result()

    async def async_close(self) -> None:
        """Stop the pools and close the catalogue; returns when all threads are back."""
        self.compute.shutdown(wait=False, cancel_futures=True)
        self.fetch.shutdown(wait=False, cancel_futures=True)

        def close() -> None:
            self.compute.shutdown(wait=True)
            self.fetch.shutdown(wait=True)
            self.catalogue.close()

        await self.hass.async_add_executor_job(close)

    async def async_run[T](self, job: Callable[[], T]) -> T:
        """Run a job in the compute pool."""
        return await self.hass.loop.run_in_executor(self.compute, job)

    async def async_write[T](self, job: Callable[[Connection], T]) -> T:
        """Run a job in one transaction on the catalogue's writer thread.

        A commit that has started is never abandoned: cancelling the caller waits for it.
        """
        return await asyncio.shield(asyncio.wrap_future(self.catalogue.submit(job)))

    async def async_read[T](self, job: Callable[[Connection], T]) -> T:
        """Run a query in the compute pool."""
        return await self.async_run(lambda: self.catalogue.read(job))

    def storage_state(self) -> StorageState:
        """Return whether frames can be stored now (compute pool)."""
        try:
            free, total = self.storage.free_bytes(), self.storage.total_bytes()
        except StorageError, OSError:
            return StorageState.UNAVAILABLE
        if free < max(FREE_FLOOR_BYTES, total * FREE_FLOOR_SHARE):
            return StorageState.FULL
        budget = self.settings.byte_budget
        if budget is not None and self.catalogue.read(queries.storage_bytes) >= budget:
            return StorageState.FULL
        return StorageState.OK


def catalogue_path(hass: HomeAssistant) -> Path:
    """Return where the catalogue lives, whatever the storage is."""
    return Path(hass.config.path(DOMAIN, "catalogue.db"))


async def async_acquire_engine(hass: HomeAssistant) -> Engine:
    """Return the running engine, opening it for the first camera."""
    lock = hass.data.setdefault(_DATA_LOCK, asyncio.Lock())
    async with lock:
        if (engine := hass.data.get(DATA_ENGINE)) is None:
            engine = Engine(hass, system_settings(hass))
            await engine.async_open()
            hass.data[DATA_ENGINE] = engine
        engine._users += 1  # noqa: SLF001 - counted here only
        return engine


async def async_release_engine(hass: HomeAssistant) -> None:
    """Close the engine with its last camera."""
    async with hass.data[_DATA_LOCK]:
        engine = hass.data[DATA_ENGINE]
        engine._users -= 1  # noqa: SLF001 - counted here only
        if engine._users == 0:  # noqa: SLF001
            del hass.data[DATA_ENGINE]
            await engine.async_close()
