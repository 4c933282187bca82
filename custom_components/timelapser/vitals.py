"""What can be said of the whole system to those who are asked for help: sizes, states and versions, and no place."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
import sqlite3

from .core.catalogue import queries
from .core.detection import decode, kernels
from .core.errors import StorageError, TimelapserError
from .core.readiness import StorageState
from .engine import Engine, catalogue_path


@dataclass(frozen=True, kw_only=True, slots=True)
class Vitals:
    """The engine at one instant; sizes are bytes, None where the disk does not tell."""

    storage: StorageState
    free_bytes: int | None
    total_bytes: int | None
    frame_bytes: int | None
    byte_budget: int | None
    catalogue_bytes: int
    wal_bytes: int
    queued: int
    """Transactions that wait for the writer."""
    sqlite: str
    opencv: bool
    turbojpeg: bool


async def async_vitals(engine: Engine) -> Vitals:
    """Look at disk, catalogue and libraries; a storage that does not answer is left out."""
    try:
        return await engine.async_store(partial(_read, engine))
    except StorageError:
        return await engine.async_run(partial(_read, engine, reachable=False))


def _read(engine: Engine, *, reachable: bool = True) -> Vitals:
    catalogue = catalogue_path(engine.hass)
    free_bytes = total_bytes = frame_bytes = None
    state = StorageState.UNAVAILABLE
    try:
        if reachable:
            state = engine.storage_state()
            free_bytes, total_bytes = engine.storage.free_bytes(), engine.storage.total_bytes()
        frame_bytes = engine.catalogue.read(queries.storage_bytes)
    except TimelapserError:
        pass
    return Vitals(
        storage=state,
        free_bytes=free_bytes,
        total_bytes=total_bytes,
        frame_bytes=frame_bytes,
        byte_budget=engine.settings.byte_budget,
        catalogue_bytes=_size(catalogue),
        wal_bytes=_size(catalogue.with_name(f"{catalogue.name}-wal")),
        queued=engine.catalogue.queued,
        sqlite=sqlite3.sqlite_version,
        opencv=kernels.available(),
        turbojpeg=decode.turbojpeg_available(),
    )


def _size(path: Path) -> int:
    """Return the size of a file; 0 when it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
