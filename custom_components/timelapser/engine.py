"""The engine that all cameras share: catalogue, storage and thread pools, alive while a camera is loaded."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
import logging
import os
from pathlib import Path
from typing import Final

from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from sqlalchemy import Connection

from .const import DOMAIN, SYSTEM_UNIQUE_ID
from .core.catalogue import queries
from .core.catalogue.store import Catalogue
from .core.errors import Code, StorageError, TimelapserError
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

META_UUID: Final = "storage_uuid"
META_SETTINGS: Final = "settings"

DATA_ENGINE: HassKey[Engine] = HassKey(DOMAIN)
_DATA_LOCK: HassKey[asyncio.Lock] = HassKey(f"{DOMAIN}_lock")


class Engine:
    """Catalogue, storage root and the two pools."""

    storage: Storage
    """Known once the engine is open."""

    def __init__(self, hass: HomeAssistant, settings: SystemSettings, *, restore: bool) -> None:
        """Prepare; nothing is touched until ``async_open``; ``restore`` prefers what the catalogue keeps."""
        self.hass = hass
        self.settings = settings
        self._restore = restore
        self.catalogue = Catalogue(catalogue_path(hass))
        self.compute = ThreadPoolExecutor(COMPUTE_THREADS, f"{DOMAIN}-compute")
        self.fetch = ThreadPoolExecutor(FETCH_THREADS, f"{DOMAIN}-fetch")
        self._users = 0
        self._unsub_close: CALLBACK_TYPE | None = None

    async def async_open(self) -> None:
        """Open the catalogue, then the storage whose marker the catalogue knows."""
        try:
            await self.async_run(self._open)
        except BaseException:
            await self.async_close()
            raise
        self._unsub_close = self.hass.bus.async_listen_once(EVENT_HOMEASSISTANT_CLOSE, self._async_on_close)

    async def _async_on_close(self, _event: Event) -> None:
        """Close with Home Assistant, which does not unload entries."""
        self._unsub_close = None
        await self.async_close()

    def _open(self) -> None:
        report = self.catalogue.open()
        if report.rebuilt:
            _LOGGER.warning("The catalogue was damaged; it was moved aside and a new one was made")
        config_dir = Path(self.hass.config.config_dir)
        meta = {key: self.catalogue.read(partial(queries.get_meta, key=key)) for key in (META_UUID, META_SETTINGS)}
        kept = SystemSettings.from_meta(text, config_dir) if (text := meta[META_SETTINGS]) else None
        if self._restore and kept is not None:
            self.settings = kept
        same_root = kept is not None and kept.media_root == self.settings.media_root
        self.storage = Storage(self.settings.media_root)
        uuid = self.storage.open(expected_uuid=meta[META_UUID] if same_root else None)

        def remember(conn: Connection) -> None:
            queries.set_meta(conn, META_UUID, uuid)
            queries.set_meta(conn, META_SETTINGS, self.settings.as_meta(config_dir))

        self.catalogue.submit(remember).result()

    async def async_close(self) -> None:
        """Stop the pools and close the catalogue; returns when all threads are back."""
        if self._unsub_close:
            self._unsub_close()
            self._unsub_close = None
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
            missing = hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, SYSTEM_UNIQUE_ID) is None
            engine = Engine(hass, system_settings(hass), restore=missing)
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


async def async_archive_camera(hass: HomeAssistant, camera_id: str) -> None:
    """Mark a camera as removed, also when it was the last one."""
    try:
        engine = await async_acquire_engine(hass)
    except TimelapserError as err:
        _LOGGER.warning("The removed camera could not be put into the archive: %s", err)
        return
    try:
        await engine.async_write(partial(queries.mark_camera_removed, camera_id=camera_id, now=dt_util.utcnow()))
    except TimelapserError as err:
        if err.code is not Code.NOT_FOUND:
            _LOGGER.warning("The removed camera could not be put into the archive: %s", err)
    finally:
        await async_release_engine(hass)
