"""Look at one input in every way and print what it did: ``python -m scripts.dev.fuzz.one FILE``, or a case's number."""

import os
from pathlib import Path
import signal
import sys

from .hunt import HANG, JUDGES, limit_this_process
from .mutate import case
from .seeds import seeds
from .watch import Watch


def main(name: str) -> int:
    """Print a line for each judge; return 1 if anything is wrong."""
    data = case(int(name), list(seeds().values())) if name.isdecimal() else Path(name).read_bytes()
    shown = os.fdopen(os.dup(1), "w", encoding="utf-8")
    watch = Watch(limit_this_process())
    signal.setitimer(signal.ITIMER_REAL, HANG)
    failed = False
    for judge in dict.fromkeys(JUDGES):
        seen = watch.look(judge, data)
        failed |= bool(seen.wrong)
        shown.write(f"{judge.__name__}: {seen.said}; {seen.seconds:.2f} s, {seen.mebibytes:.0f} MiB; {seen.wrong}\n")
    shown.flush()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
