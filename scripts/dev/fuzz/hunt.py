"""The process that hunts: it mutates what reached something new before, and keeps what reaches something new now."""

import argparse
from collections import Counter
from collections.abc import Iterable
import hashlib
import os
from pathlib import Path
from random import Random
import resource
import signal
import struct
import sys
import time
import traceback
from typing import Final

from PIL import (
    ExifTags,
    ImageFile,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from . import judges
from .mutate import mutated
from .reach import Reach
from .seeds import seeds
from .watch import Judge, Look, Watch

ROOT: Final = Path(__file__).parents[3]
HELD_BACK: Final = 4 * 1024**2
"""Bytes of freed memory that glibc may keep: what it has at hand already would not show as taken."""
ADDRESS_SPACE: Final = 3 * 1024**3
"""Bytes of address space: far over the limit, so that it is measured, and far under what would trouble a machine."""
HANG: Final = 60
"""Seconds after which an input is given up, and the process with it."""
KEPT: Final = 256 * 1024
"""Bytes of the largest input that is kept to be mutated on; larger ones only slow the hunt down."""
QUICK: Final = 0.05
"""Seconds of the slowest such input."""
FRESH: Final = 24
"""Newest inputs of the corpus, which are chosen every other time: what reached something new may reach more."""
REPORT: Final = 60.0
"""Seconds between two lines of progress."""
HEAD: Final = struct.Struct("<QI")
"""Executions so far, and the length of the input that follows: what the parent knows when this process dies."""

JUDGES: tuple[Judge, ...] = (judges.decoded, judges.decoded, judges.without_turbo, judges.whole)
"""Who looks, by chance; the decoder alone is the quickest."""


class Corpus:
    """Inputs that reached something new, in memory and in a folder."""

    def __init__(self, folder: Path) -> None:
        """Start with the seeds and what the folder has."""
        self._folder = folder
        self.inputs = [*seeds().values(), *(path.read_bytes() for path in sorted(folder.iterdir()))]

    def add(self, data: bytes) -> None:
        """Keep an input."""
        self.inputs.append(data)
        (self._folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)

    def choose(self, random: Random) -> bytes:
        """Return an input to mutate."""
        return random.choice(self.inputs[-FRESH:] if random.random() < 0.5 else self.inputs)


def environment() -> dict[str, str]:
    """Return what a judging process gets: no threads of numpy's, which cost address space, and no memory held back."""
    held = {"MALLOC_MMAP_THRESHOLD_": str(HELD_BACK), "MALLOC_TRIM_THRESHOLD_": str(HELD_BACK)}
    return held | {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}


def limit_this_process() -> int:
    """Bound memory, send what is written to a file, and return that file."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    output = os.memfd_create("output")
    for stream in (1, 2):
        os.dup2(output, stream)
    return output


class Hunt:
    """One process' part of a hunt."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Open what the parent shares with this process."""
        self._log = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
        self._watch = Watch(limit_this_process())
        self._current = os.open(options.current, os.O_RDWR | os.O_CREAT)
        self._found: Path = options.found
        self._random = Random(options.seed)  # noqa: S311 - to be repeated, not to be secret
        self._executed: int = options.executed
        self._began = time.monotonic() - options.elapsed
        self._until = self._began + options.seconds
        modules = [module for name, module in sys.modules.items() if name.startswith("timelapser_core.detection.")]
        modules += [JpegImagePlugin, MpoImagePlugin, PngImagePlugin, WebPImagePlugin]
        modules += [TiffImagePlugin, ImageFile, ExifTags]
        self._reach = Reach(modules)
        self._answers: Counter[str] = Counter()
        self._known = {path.name for path in self._found.iterdir()}
        self._corpus = Corpus(options.corpus)

    def look(self, judge: Judge, data: bytes) -> Look:
        """Return what an input did, having told the parent which one it is."""
        self._executed += 1
        os.pwrite(self._current, HEAD.pack(self._executed, len(data)) + data, 0)
        signal.setitimer(signal.ITIMER_REAL, HANG)
        seen = self._watch.look(judge, data)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for wrong in seen.wrong:
            self._note(judge, wrong, data)
        return seen

    def _note(self, judge: Judge, wrong: str, data: bytes) -> None:
        """Keep the first input of each kind of finding."""
        kind = f"{judge.__name__} {' '.join(wrong.split()[:2])} {data[:4]!r}"
        if not wrong.startswith("took"):
            kind = f"{judge.__name__} {wrong}"
        name = hashlib.sha256(kind.encode()).hexdigest()[:12]
        if name in self._known:
            return
        self._known.add(name)
        (self._found / name).write_bytes(data)
        self._log.write(f"FOUND {name} {judge.__name__}: {wrong} ({len(data)} bytes)\n")

    def _is_new(self, judge: Judge, data: bytes) -> bool:
        """Look at an input and return whether it reached something new, and is light enough to be mutated on."""
        before = self._reach.total
        seen = self.look(judge, data)
        self._answers[seen.said] += 1
        new = self._reach.total > before or self._answers[seen.said] == 1
        return new and 0 < len(data) <= KEPT and seen.seconds <= QUICK

    def run(self) -> None:
        """Hunt until the time is over; a mistake of the hunt itself ends it with its own words."""
        try:
            self._hunt()
        except Exception:
            self._log.write(traceback.format_exc())
            raise

    def _hunt(self) -> None:
        """Mutate, look, and keep what is new."""
        self._replay(self._corpus.inputs)
        report = time.monotonic()
        while (now := time.monotonic()) < self._until:
            if now >= report:
                self._report(now)
                report = now + REPORT
            data = mutated(self._random, self._corpus.choose(self._random), self._corpus.inputs)
            if self._is_new(self._random.choice(JUDGES), data):
                self._corpus.add(data)
        self._report(time.monotonic())

    def _replay(self, inputs: Iterable[bytes]) -> None:
        """Reach again what was reached before."""
        for data in inputs:
            for judge in dict.fromkeys(JUDGES):
                self._is_new(judge, data)

    def _report(self, now: float) -> None:
        """Write a line of progress."""
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        self._log.write(
            f"{now - self._began:7.0f} s {self._executed:9d} executions, {len(self._reach.lines)} lines, "
            f"{len(self._reach.branches)} branches, {len(self._answers)} answers, "
            f"{len(self._corpus.inputs)} inputs, {len(self._known)} findings, {memory} MiB\n"
        )


def arguments() -> argparse.Namespace:
    """Read what the parent says."""
    parser = argparse.ArgumentParser()
    for name in ("--corpus", "--found", "--current"):
        parser.add_argument(name, type=Path, required=True)
    for name in ("--seed", "--executed"):
        parser.add_argument(name, type=int, required=True)
    for name in ("--elapsed", "--seconds"):
        parser.add_argument(name, type=float, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    Hunt(arguments()).run()
