"""What a running Home Assistant holds on to, counted by name, and what has been added to it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
import ctypes
import gc
from itertools import combinations
from pathlib import Path
import re
from statistics import median
import threading
from typing import Any

from homeassistant.core import HassJob, HomeAssistant
from homeassistant.helpers.dispatcher import DATA_DISPATCHER
from homeassistant.util.async_ import get_scheduled_timer_handles

from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.engine import COMPUTE_THREADS

from .conftest import settle

type Burden = dict[str, Counter[str]]

_OTHERS = ("SyncWorker_", "asyncio_", "MainThread")
"""Threads of Home Assistant's own pool, which grows to its size and stays."""
_COMPUTE = f"{DOMAIN}-compute"
_STORE_WRITE = "_async_schedule_callback_delayed_write"
_STORE_WRITES_AT_LAST = "homeassistant_final_write"
"""Home Assistant saves its registries when it pleases."""


async def weigh(hass: HomeAssistant) -> Burden:
    """Wait until nothing is under way, and count what is held on to."""
    await settle(hass)
    gc.collect()
    return {
        "tasks": Counter(_numberless(task.get_name()) for task in asyncio.all_tasks()),
        "timers": Counter(name for name in _timers(hass) if _STORE_WRITE not in name),
        "threads": _threads(),
        "files": Counter(_open_files()),
        "listeners": Counter(
            {event: count for event, count in hass.bus.async_listeners().items() if event != _STORE_WRITES_AT_LAST}
        ),
        "trackers": Counter(_trackers(hass)),
        "signals": Counter({str(signal): len(jobs) for signal, jobs in hass.data.get(DATA_DISPATCHER, {}).items()}),
    }


def added(before: Burden, after: Burden) -> dict[str, dict[str, int]]:
    """Return what there is more of than before, by kind and name."""
    return {kind: dict(more) for kind in before if (more := after[kind] - before[kind])}


def _threads() -> Counter[str]:
    """Return the threads; our pool for computing grows to its size when it is needed, and counts as one until then."""
    counts = Counter(
        _numberless(thread.name) for thread in threading.enumerate() if not thread.name.startswith(_OTHERS)
    )
    for name in counts:
        if name.startswith(_COMPUTE) and counts[name] <= COMPUTE_THREADS:
            counts[name] = 1
    return counts


def _numberless(name: str) -> str:
    """Return a name without what differs from one time to the next."""
    return re.sub(r"0x[0-9a-f]+|[0-9A-HJKMNP-TV-Z]{26}|\d+", "#", name)


def _timers(hass: HomeAssistant) -> Iterator[str]:
    """Return the names of the timers that would fire."""
    for handle in get_scheduled_timer_handles(hass.loop):
        if not handle.cancelled():
            callback = handle._callback
            job = next((found for found in (callback, *(handle._args or ())) if isinstance(found, HassJob)), None)
            job = job or getattr(callback, "job", None)
            yield _numberless(str(job.name or job.target) if job else getattr(callback, "__qualname__", repr(callback)))


def _open_files() -> Iterator[str]:
    """Return what the process has open."""
    for path in Path("/proc/self/fd").iterdir():
        try:
            yield _numberless(str(path.readlink()))
        except FileNotFoundError:
            continue


def sockets() -> int:
    """Return how many sockets the process has open at this moment."""
    return sum(name.startswith("socket:") for name in _open_files())


def _trackers(hass: HomeAssistant) -> Iterator[str]:
    """Return whom Home Assistant's own listeners pass events on to: ``async_track_...`` adds none to the bus."""
    for data in hass.data.values():
        callbacks: Any = getattr(data, "callbacks", None)
        if isinstance(callbacks, dict):
            for key, jobs in callbacks.items():
                yield from (f"{key}: {job.name}" for job in jobs if isinstance(job, HassJob))


def resident_kib() -> float:
    """Return the memory that the process has, without what is only cached."""
    gc.collect()
    with_trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if with_trim is not None:
        with_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4.0


def slope(values: list[float]) -> float:
    """Return the median of the slopes between all pairs of values (Theil and Sen): outliers do not bend it."""
    return median((later - earlier) / (j - i) for (i, earlier), (j, later) in combinations(enumerate(values), 2))
