"""Looks at one input at a time: what is said of it, what that takes, and what must not have happened."""

from collections.abc import Callable
from dataclasses import dataclass
import math
import os
from pathlib import Path
import re
import sys
import time
from typing import Any, Final
import warnings

from scripts.lib.core import load_core

load_core()

from timelapser_core.errors import Code, ImageError  # noqa: E402 - there is no such module before

MOST_SECONDS: Final = 2.0
"""Seconds that any input may take, without those in which other processes had the processor."""
MOST_MEBIBYTES: Final = 200.0
"""Memory that any input may take beside what the process has."""
LISTED: Final = frozenset(
    (
        Code.CAMERA_EMPTY,
        Code.NOT_AN_IMAGE,
        Code.FORMAT_UNSUPPORTED,
        Code.TRUNCATED,
        Code.TOO_LARGE,
        Code.TOO_SMALL,
        Code.DECODE_TIMEOUT,
    )
)
"""What the gate may refuse an input with."""

type Judge = Callable[[bytes], str]
"""Says something of an input; raises ImageError for what it refuses."""


class BrokenPromiseError(Exception):
    """A result is not what it is said to be."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one input did: the answer without its numbers, seconds, mebibytes, and everything that is wrong."""

    said: str
    seconds: float
    mebibytes: float
    wrong: tuple[str, ...]


def shape(text: str) -> str:
    """Return a text without its numbers, so that like answers are alike."""
    return re.sub(r"(?<=first bytes are )\w+|\d+", "#", text)


def check_result(found: Any) -> str:
    """Return verdict and faults of an evaluation; raises BrokenPromiseError for values that cannot be."""
    score = found.score
    if score is not None and not 0 <= score <= 100:
        raise BrokenPromiseError(f"score {score}")
    odd = [name for name, value in found.features.items() if not math.isfinite(value)]
    if odd:
        raise BrokenPromiseError(f"not finite: {', '.join(odd)}")
    for fault in found.faults:
        if not 0 <= fault.severity <= 1:
            raise BrokenPromiseError(f"severity {fault.severity} of {fault.kind}")
    return " ".join([found.content_type, found.verdict, *sorted(fault.kind for fault in found.faults)])


class _Memory:
    """The most memory that this process had, by Linux' own accounts; nothing where there are none."""

    def __init__(self) -> None:
        """Open the accounts."""
        self._status = self._reset = -1
        if Path("/proc/self/clear_refs").exists():
            self._status = os.open("/proc/self/status", os.O_RDONLY)
            self._reset = os.open("/proc/self/clear_refs", os.O_WRONLY)

    def restart(self) -> None:
        """Forget the most so far."""
        if self._reset >= 0:
            os.write(self._reset, b"5")

    def peak(self) -> float:
        """Return the most since then, in mebibytes."""
        if self._status < 0:
            return 0.0
        status = os.pread(self._status, 4096, 0)
        return int(status.split(b"VmHWM:")[1].split()[0]) / 1024


def _waited() -> float:
    """Return the seconds that this thread stood in line for a processor, if the system tells."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_bytes().split()[1]) / 1e9
    except OSError:
        return 0.0


class Watch:
    """Lets a judge look at inputs. ``output`` is the open file that stands for stdout and stderr."""

    def __init__(self, output: int) -> None:
        """Keep the file."""
        self._output = output
        self._memory = _Memory()

    def look(self, judge: Judge, data: bytes) -> Look:
        """Return what an input did."""
        wrong: list[str] = []
        self._memory.restart()
        before, waited, started = self._memory.peak(), _waited(), time.monotonic()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                said = judge(data)
            except ImageError as err:
                said = shape(str(err))
                if err.code not in LISTED:
                    wrong.append(f"refused with the unlisted {err.code}")
            except Exception as err:  # noqa: BLE001 - whatever it is, it is a finding
                said = shape(f"raised {type(err).__name__}: {err}")
                wrong.append(said)
        seconds = time.monotonic() - started - (_waited() - waited)
        mebibytes = self._memory.peak() - before
        if seconds > MOST_SECONDS:
            wrong.append(f"took {seconds:.1f} s")
        if mebibytes > MOST_MEBIBYTES:
            wrong.append(f"took {mebibytes:.0f} MiB")
        wrong += [f"warned {shape(f'{entry.category.__name__}: {entry.message}')}" for entry in caught]
        if written := self._written():
            wrong.append(f"wrote {written!r}")
        return Look(said, seconds, mebibytes, tuple(wrong))

    def _written(self) -> bytes:
        """Return, and forget, what was written where nothing should be."""
        sys.stdout.flush()
        sys.stderr.flush()
        if not (size := os.fstat(self._output).st_size):
            return b""
        text = os.pread(self._output, min(size, 200), 0)
        os.ftruncate(self._output, 0)
        os.lseek(self._output, 0, os.SEEK_SET)
        return text
