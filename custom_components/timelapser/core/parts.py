"""The names of unfinished files: whose they are, and whether anybody still writes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
import os
from pathlib import Path
import threading

SUFFIX = ".part"
DEAD_AGE = 3600.0
"""Seconds after which a part of another process is dead for certain: no write of a frame takes an hour."""

_active: set[str] = set()
"""Names of the parts that this process is writing: a restart in a container often has the same process id."""


@contextmanager
def active_part(name: str) -> Iterator[str]:
    """Give the name of a part for ``name`` that counts as alive while the context lasts."""
    part = f".{name}.{os.getpid()}-{boot_id()}.{threading.get_native_id()}{SUFFIX}"
    _active.add(part)
    try:
        yield part
    finally:
        _active.discard(part)


def is_part(name: str) -> bool:
    """Return whether a file name is that of a part of ours."""
    return _owner(name) is not None


def part_alive(name: str, age: float) -> bool:
    """Return whether a process may still be writing this part, last written ``age`` seconds ago."""
    owner = _owner(name)
    if owner is None or owner[1] != boot_id():
        return False
    if owner[0] == os.getpid():
        return name in _active
    if age > DEAD_AGE:
        return False
    try:
        os.kill(owner[0], 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _owner(name: str) -> tuple[int, str] | None:
    """Return the process id and boot id in the name of a part; None when it is none of ours."""
    pieces = name.removesuffix(SUFFIX).rsplit(".", 2)
    if not (name.startswith(".") and name.endswith(SUFFIX)) or len(pieces) != 3:
        return None
    process, _, boot = pieces[1].partition("-")
    return (int(process), boot) if process.isascii() and process.isdigit() and boot else None


@cache
def boot_id() -> str:
    """Return what tells this start of the machine from the one before."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()[:8]
    except OSError:
        return "0"
