"""Kills the writer again and again, lets it start anew each time, and asks the oracle.

``python -m tests.core.reliability.killer FOLDER MODE KILLS SEED`` prints a JSON line: kills, stills acknowledged, and
what the oracle found, summed over all starts. It forks, so that no kill has to wait for Python to start.
"""

from collections import Counter
from dataclasses import asdict
import json
import os
from pathlib import Path
import random
import signal
import sys
import time

from .check import check
from .writer import catalogue_path, main as write, say, start, stop

LIFE = (0.05, 0.25)
"""Seconds that a writer lives at least and at most."""
STARTING = 5
"""Each so many-th writer is killed while it starts, the others while they capture."""


def kill_one(folder, mode, life, *, starting):
    """Let a writer live for so long, from its start or once it is ready, kill it, and return what it acknowledged."""
    readable, writable = os.pipe()
    process = os.fork()
    if not process:
        os.dup2(writable, 1)
        sys.stdout = os.fdopen(1, "w")
        try:
            write(folder, mode)
        finally:
            os._exit(1)
    os.close(writable)
    pipe = os.fdopen(readable)
    if not starting:
        pipe.readline()
    time.sleep(life)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        raise SystemExit("the writer ended before it was killed")
    with pipe:
        # The last line may be cut by the kill: it acknowledges nothing.
        lines = [line.split() for line in pipe.read().split("\n")[:-1]]
    return {line[1]: line[2] for line in lines if line[0] == "ACK"}


def main(folder, mode, kills, seed):
    """Kill so often and print the sums."""
    chance = random.Random(int(seed))
    acks = {}
    found = Counter()
    for number in range(int(kills)):
        acks |= kill_one(folder, mode, chance.uniform(*LIFE), starting=number % STARTING == 0)
        catalogue, storage, _, _ = start(folder)
        stop(catalogue, storage)
        found.update(asdict(check(catalogue_path(folder), Path(folder) / "media" / "timelapser", acks)))
    say(json.dumps({"kills": int(kills), "acks": len(acks), "found": dict(found)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
