"""The engine that all cameras share: catalogue, storage and thread pools, alive while a camera is loaded."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
import logging
import os
from pathlib import Path
import threading
import time
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
from sqlalchemy import Connection

from .care import CatalogueCare
from .const import DOMAIN, SYSTEM_UNIQUE_ID
from .core.catalogue import queries, rebuild
from .core.catalogue.store import Catalogue
from .core.errors import Code, StorageError, TimelapserError
from .core.models import FrameRef, Phase
from .core.readiness import StorageState
from .core.recovery import adopt_orphans, restore, write_indexes
from .core.storage import Storage
from .core.storethreads import StoreThreads
from .settings import SystemSettings, system_settings

_LOGGER = logging.getLogger(__name__)

COMPUTE_THREADS: Final = min(4, os.cpu_count() or 1)
"""Decoding and scoring use at most this many cores (and never Home Assistant's own pool)."""

FETCH_THREADS: Final = 32
"""Streams that are read at the same time; one thread each, idle threads cost nothing."""

FETCH_WAIT_S: Final = 0.5
"""Seconds that closing waits for the threads of stream reads, which every camera has waited for already. One that hangs
longer, as only a server that answers by the byte makes it, ends by itself and holds nothing of ours."""

STORE_THREADS: Final = 4
"""Files that are read or written at the same time; more wait for the disk, not for a processor."""

STORE_TIMEOUT_S: Final = 20.0
"""Seconds after which a storage that has not answered counts as gone: disks of a NAS that sleep take 10 to wake up, and
a share whose server is gone never answers."""

STORE_WAIT_S: Final = 1.0
"""Seconds that closing waits for the last file of a storage that answers: letting go of its lock."""

_FETCH_NAME: Final = f"{DOMAIN}-fetch"

FREE_FLOOR_BYTES: Final = 512_000_000
FREE_FLOOR_SHARE: Final = 0.02
"""Capturing stops while less than the larger of both is free, so that Home Assistant itself keeps working."""

META_UUID: Final = "storage_uuid"
META_SETTINGS: Final = "settings"

DATA_ENGINE: HassKey[Engine] = HassKey(DOMAIN)
_DATA_HUNG: HassKey[dict[Path, StoreThreads]] = HassKey(f"{DOMAIN}_hung")
"""Threads that hang in a storage although its engine is closed, by media root: no others are sent after them."""
_DATA_LOCK: HassKey[asyncio.Lock] = HassKey(f"{DOMAIN}_lock")


class Engine:
    """Catalogue, storage root and the pools."""

    def __init__(self, hass: HomeAssistant, settings: SystemSettings, *, restore: bool, adopt: bool = False) -> None:
        """Prepare; nothing is touched until ``async_open``.

        ``restore`` prefers what the catalogue keeps; ``adopt`` takes the folder for the storage whatever its marker is.
        """
        self.hass = hass
        self.settings = settings
        self._restore = restore
        self._adopt = adopt
        self.catalogue = Catalogue(catalogue_path(hass), self._tell_damage)
        self._care = CatalogueCare(hass, self.catalogue, self._async_restart)
        self._unclean = False
        self._indexed: dict[str, bytes] = {}
        self._indexing = threading.Lock()
        self._storage: Storage | None = None
        self.compute = ThreadPoolExecutor(COMPUTE_THREADS, f"{DOMAIN}-compute")
        self.fetch = ThreadPoolExecutor(FETCH_THREADS, _FETCH_NAME)
        self._files = StoreThreads(STORE_THREADS, f"{DOMAIN}-files")
        self._patient = asyncio.Semaphore(STORE_THREADS - 1)
        self._hung = hass.data.setdefault(_DATA_HUNG, {})
        self.on_close: list[CALLBACK_TYPE] = []
        """Called when the engine closes, by whoever needs to stop with it."""
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
        self._care.async_start(self.storage, soon=self._unclean)

    async def _async_on_close(self, _event: Event) -> None:
        """Close with Home Assistant, which does not unload entries."""
        self._unsub_close = None
        await self.async_close()

    def _tell_damage(self) -> None:
        """Hand the news over to the event loop (any thread)."""
        self.hass.loop.call_soon_threadsafe(self._async_on_damage)

    @callback
    def _async_on_damage(self) -> None:
        """Begin anew with all cameras: closing sets the damaged catalogue aside, opening makes a new one."""
        _LOGGER.warning("The catalogue is damaged; all cameras are loaded anew, with a new one")
        self._async_restart()

    @callback
    def _async_restart(self) -> None:
        self.hass.async_create_background_task(async_restart_cameras(self.hass), f"{DOMAIN} restart")

    def _open(self) -> None:
        report = self.catalogue.open()
        if report.rebuilt:
            _LOGGER.warning("The catalogue was damaged; it was moved aside and a new one was made")
            self.catalogue.submit(rebuild.begin).result()
        self._unclean = report.unclean
        config_dir = Path(self.hass.config.config_dir)
        meta = {key: self.catalogue.read(partial(queries.get_meta, key=key)) for key in (META_UUID, META_SETTINGS)}
        kept = SystemSettings.from_meta(text, config_dir) if (text := meta[META_SETTINGS]) else None
        if self._restore and kept is not None:
            self.settings = kept
        same_root = kept is not None and kept.media_root == self.settings.media_root
        root = self.settings.media_root
        if (hung := self._hung.get(root)) is not None:
            if not hung.join(0):
                raise StorageError(Code.STORAGE_UNREACHABLE, "no answer yet", phase=Phase.STARTUP)
            del self._hung[root]
        storage = Storage(root)
        expected = meta[META_UUID] if same_root and not self._adopt else None
        # The storage of a catalogue that was damaged has a marker, unless its disk is not there.
        create = self._adopt or not self.catalogue.read(rebuild.begun)
        self._storage = storage
        uuid = self._attach(storage, expected, create=create)
        if meta[META_UUID] is None:
            self._files.submit(partial(restore, storage, self.catalogue, dt_util.utcnow())).result()
        if self.rebuilding:
            storage.track()

        def remember(conn: Connection) -> None:
            queries.set_meta(conn, META_UUID, uuid)
            queries.set_meta(conn, META_SETTINGS, self.settings.as_meta(config_dir))

        self.catalogue.submit(remember).result()

    def _attach(self, storage: Storage, expected: str | None = None, *, create: bool = True) -> str:
        """Open and claim the storage, unless it takes too long; return its UUID (compute pool)."""
        turn = threading.Lock()

        def attach() -> str:
            uuid = storage.open(expected_uuid=expected, create=create)
            storage.claim()
            if not turn.acquire(blocking=False):
                storage.close()
            return uuid

        return self._files.wait(attach, STORE_TIMEOUT_S, turn)

    def adopt_storage(self) -> None:
        """Take the folder at the storage's place for the storage, marked anew if it has no marker (compute pool)."""
        uuid = self._attach(self.storage)
        self.catalogue.submit(partial(queries.set_meta, key=META_UUID, value=uuid)).result()

    async def async_close(self) -> None:
        """Stop the pools and close the catalogue; returns when all threads are back."""
        while self.on_close:
            self.on_close.pop()()
        if self._unsub_close:
            self._unsub_close()
            self._unsub_close = None
        await self._care.async_stop()
        self.compute.shutdown(wait=False, cancel_futures=True)
        self.fetch.shutdown(wait=False, cancel_futures=True)

        def close() -> None:
            self.compute.shutdown(wait=True)
            _wait_for_reads()
            if self._storage is not None and self._files.settle(STORE_TIMEOUT_S):
                # Home Assistant may have stopped, and closed this, before the entries are unloaded.
                with suppress(StorageError, RuntimeError):
                    self._files.wait(self._write_indexes, STORE_TIMEOUT_S)
            self.catalogue.close()
            self._files.close(self._let_go)

        await self.hass.async_add_executor_job(close)
        if not await self.hass.async_add_executor_job(self._files.join, STORE_WAIT_S):
            self._hung[self.settings.media_root] = self._files

    def _let_go(self) -> None:
        """Let others have the storage (its own threads, at their end)."""
        if self._storage is not None:
            self._storage.close()

    @property
    def storage(self) -> Storage:
        """Return the storage; the engine has to be open."""
        if self._storage is None:
            raise StorageError(Code.STORAGE_MARKER, "not open")
        return self._storage

    async def async_run[T](self, job: Callable[[], T]) -> T:
        """Run a job in the compute pool."""
        return await self.hass.loop.run_in_executor(self.compute, job)

    async def async_store[T](
        self, job: Callable[[], T], *, turn: threading.Lock | None = None, patient: bool = False
    ) -> T:
        """Run a job on the storage's own threads.

        STORAGE_UNREACHABLE when it takes too long, or at once while another that did has not come back. A job that is
        given up runs on: who passes a ``turn`` lets it take that before what must not come late, and waits for it once
        it has that. ``patient`` is for work that has no measure, such as a purge; it leaves a thread to the others.
        """
        if patient:
            async with self._patient:
                return await asyncio.wrap_future(self._files.submit(job))
        future = self._files.submit(job)
        waiting = asyncio.wrap_future(future)
        waiting.add_done_callback(_retrieve)
        await asyncio.wait([waiting], timeout=STORE_TIMEOUT_S)
        if not waiting.done() and (turn is None or turn.acquire(blocking=False)):
            raise self._files.give_up(future)
        return await waiting

    async def async_write[T](self, job: Callable[[Connection], T]) -> T:
        """Run a job in one transaction on the catalogue's writer thread.

        A commit that has started is never abandoned: cancelling the caller waits for it.
        """
        written = await asyncio.shield(asyncio.wrap_future(self.catalogue.submit(job)))
        with suppress(RuntimeError, StorageError):
            # The pool may be closing; closing ends with the indexes itself.
            self._files.submit(self._write_indexes)
        return written

    async def async_read_still(self, frame: FrameRef) -> bytes | None:
        """Return the bytes of a stored still, None when they cannot be read; the catalogue notes if it is there."""
        data: bytes | None = None
        missing = False
        try:
            data = await self.async_store(lambda: self.storage.read(frame.path))
        except StorageError as err:
            missing = err.code is Code.NOT_FOUND
        if missing is not frame.missing:
            await self.async_write(partial(queries.set_missing, frame_id=frame.id, missing=missing))
        return data

    def recover(self, camera_id: str, folder: str, since: datetime | None) -> None:
        """Adopt what a kill left of a camera, and bring its index in step; before its first capture (its threads).

        While a lost catalogue is rebuilt, all that comes of itself.
        """
        if not self.rebuilding:
            adopt_orphans(self.storage, self.catalogue, camera_id, folder, since)
        self._write_indexes(camera_id)

    @property
    def rebuilding(self) -> bool:
        """Return whether stills of a lost catalogue are still to be entered (compute pool)."""
        return self.catalogue.read(rebuild.awaiting) is not None

    def _write_indexes(self, camera_id: str | None = None) -> None:
        """Bring the indexes beside the pictures in step; a storage that is away gets them with the next change."""
        with self._indexing:
            try:
                write_indexes(self.storage, self.catalogue, self._indexed, camera_id)
            except TimelapserError as err:
                _LOGGER.debug("The index of a camera could not be written: %s", err)

    async def async_read[T](self, job: Callable[[Connection], T]) -> T:
        """Run a query in the compute pool."""
        return await self.async_run(lambda: self.catalogue.read(job))

    async def async_storage_state(self) -> StorageState:
        """Return whether frames can be stored now."""
        try:
            return await self.async_store(self.storage_state)
        except StorageError:
            return StorageState.UNAVAILABLE

    def storage_state(self) -> StorageState:
        """Return whether frames can be stored now (the storage's threads)."""
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


def _retrieve(waiting: asyncio.Future[Any]) -> None:
    """Take note of the error of a job that nobody waits for any more."""
    if not waiting.cancelled():
        waiting.exception()


def _wait_for_reads() -> None:
    """Wait for the threads of a fetch pool that was shut down, but not for ever."""
    end = time.monotonic() + FETCH_WAIT_S
    for thread in threading.enumerate():
        if thread.name.startswith(_FETCH_NAME):
            thread.join(max(0.0, end - time.monotonic()))


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


async def async_restart_cameras(hass: HomeAssistant) -> None:
    """Load all cameras anew, and the engine with them; those that are being set up are waited for."""

    def cameras(*states: ConfigEntryState) -> list[ConfigEntry]:
        entries = hass.config_entries.async_entries(DOMAIN)
        return [entry for entry in entries if entry.unique_id != SYSTEM_UNIQUE_ID and entry.state in states]

    for camera in cameras(ConfigEntryState.SETUP_IN_PROGRESS):
        async with camera.setup_lock:
            pass
    loaded = cameras(ConfigEntryState.LOADED)
    for camera in loaded:
        await hass.config_entries.async_unload(camera.entry_id)
    for camera in loaded:
        await hass.config_entries.async_setup(camera.entry_id)


async def async_adopt_storage(hass: HomeAssistant) -> None:
    """Take the folder at the storage's place for the storage, also when nothing runs because it is another one."""
    async with hass.data.setdefault(_DATA_LOCK, asyncio.Lock()):
        if (running := hass.data.get(DATA_ENGINE)) is not None:
            await running.async_run(running.adopt_storage)
            return
        missing = hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, SYSTEM_UNIQUE_ID) is None
        engine = Engine(hass, system_settings(hass), restore=missing, adopt=True)
        await engine.async_open()
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
