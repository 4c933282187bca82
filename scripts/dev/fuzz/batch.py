"""Judge numbered inputs in a process of their own, so that one that ends the process is seen, and which one it is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import json
import os
from pathlib import Path
import signal
import struct
import subprocess
import sys
from typing import Any, Final

from . import judges
from .hunt import HANG, environment, limit_this_process
from .mutate import case
from .seeds import seeds
from .watch import Judge, Watch

ROOT: Final = Path(__file__).parents[3]
NUMBER: Final = struct.Struct("<Q")
JUDGES: Final[Mapping[str, Judge]] = {"whole": judges.whole, "whole_without_turbo": judges.whole_without_turbo}


@dataclass(frozen=True, slots=True)
class Report:
    """What a batch came to.

    ``said`` counts the answers, ``wrong`` has the faults by the number of the input, ``seconds`` and ``mebibytes`` are
    the most that any took, and ``died`` has the number and the signal of the input that ended the process.
    """

    said: Mapping[str, int]
    wrong: Mapping[str, Sequence[str]]
    seconds: float
    mebibytes: float
    died: tuple[int, str] | None


def run_batch(module: str, judge: str, count: int, folder: Path, *more: str) -> Report:
    """Judge the inputs 0 to ``count`` - 1 by a module's judge, and return what came of it."""
    report, current = folder / "report.json", folder / "current"
    command = [sys.executable, "-P", "-m", module, judge, str(count), str(folder), *more]
    ran = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if ran.returncode > 0:
        raise RuntimeError(ran.stderr)
    if ran.returncode < 0:
        (number,) = NUMBER.unpack(current.read_bytes())
        return Report({}, {}, 0, 0, (number, signal.Signals(-ran.returncode).name))
    found: dict[str, Any] = json.loads(report.read_text())
    return Report(found["said"], found["wrong"], found["seconds"], found["mebibytes"], None)


def judge_batch(judge: Judge, count: int, folder: Path) -> None:
    """Judge the inputs in this process, and write the report."""
    originals = list(seeds().values())
    said: Counter[str] = Counter()
    wrong: dict[int, tuple[str, ...]] = {}
    seconds = mebibytes = 0.0
    current = os.open(folder / "current", os.O_RDWR | os.O_CREAT)
    watch = Watch(limit_this_process())
    for data in originals:
        watch.look(judges.whole, data)
    for number in range(count):
        os.pwrite(current, NUMBER.pack(number), 0)
        data = case(number, originals)
        signal.setitimer(signal.ITIMER_REAL, HANG)
        seen = watch.look(judge, data)
        signal.setitimer(signal.ITIMER_REAL, 0)
        said[seen.said] += 1
        seconds, mebibytes = max(seconds, seen.seconds), max(mebibytes, seen.mebibytes)
        if seen.wrong:
            wrong[number] = seen.wrong
    found = {"said": said, "wrong": wrong, "seconds": seconds, "mebibytes": mebibytes}
    (folder / "report.json").write_text(json.dumps(found))


def main(known: Mapping[str, Judge]) -> None:
    """Do what ``run_batch`` asks this process for."""
    judge, count, folder = sys.argv[1:4]
    judge_batch(known[judge], int(count), Path(folder))


if __name__ == "__main__":
    main(JUDGES)
