"""Kills a purge again and again, each time in a fresh copy of an archive, and asks the oracle.

``python -m tests.core.reliability.purger FOLDER MODE KILLS SEED`` prints a JSON line: how often the purge was killed,
and what was wrong after the kills and after one further purge. It forks, so that no kill waits for Python to start.
"""

from collections import Counter
from functools import partial
import json
import os
from pathlib import Path
import random
import shutil
import signal
import sys
import time

from scripts.lib.core import load_core

load_core()

from timelapser_core import crash, retention  # noqa: E402
from timelapser_core.catalogue import queries  # noqa: E402
from timelapser_core.catalogue.retention import Scope  # noqa: E402
from timelapser_core.models import FrameKind  # noqa: E402
from timelapser_core.retention import Limits, Rule  # noqa: E402

from ..archive import CAMERA, TIMELAPSE, Archive  # noqa: E402
from .check import check  # noqa: E402

FRAMES = 160
"""Frames of the completed run, of which the purge is to leave ``KEPT``; half as many are of the run under way."""
KEPT = 60
REJECTED = 40
REJECTED_KEPT = 10
PROTECTED = range(0, FRAMES, 7)
PORTION = 16
"""Stills of one transaction, so that a purge has many."""
RULES = (
    Rule(scope=Scope(camera_id=CAMERA, kind=FrameKind.QUARANTINE), limits=Limits(count=REJECTED_KEPT)),
    Rule(scope=Scope(camera_id=CAMERA, timelapse_id=TIMELAPSE), limits=Limits(count=KEPT)),
)
LIFE = (0.0, 0.25)
"""Seconds after which a purge is killed that no crash point ends."""
POINTS = {"before_commit": 20, "after_commit": 20, "after_delete": 9, "in_unlink": 130}
"""Crash points with how often a whole purge passes them, about."""


def fill(folder):
    """Make the archive that all purges begin with."""
    archive = Archive(folder)
    for number in range(FRAMES):
        archive.capture(number)
    archive.protect(*PROTECTED)
    under_way = archive.complete()
    for number in range(FRAMES, FRAMES * 3 // 2):
        archive.capture(number, runs=[under_way])
    for number in range(REJECTED):
        archive.capture(FRAMES * 2 + number, FrameKind.QUARANTINE)
    archive.catalogue.close()


def kept():
    """Return the slots of the frames and of the rejected stills that are to be left: reckoned without a database."""
    removable = [number for number in range(FRAMES) if number not in PROTECTED]
    gone = set(removable[: FRAMES - KEPT])
    frames = [number for number in range(FRAMES * 3 // 2) if number not in gone]
    return frames, list(range(FRAMES * 2 + REJECTED - REJECTED_KEPT, FRAMES * 2 + REJECTED))


def files_first(conn, victims, storage, take_out):
    """Do what must not be done: unlink before the rows are gone for certain."""
    deleted = take_out(conn, victims)
    for file in deleted.files:
        storage.unlink(file.path)
        crash.crash_point("in_unlink")
    return deleted


def purge(folder, mode, point, life):
    """Purge until killed, in a process of its own; return whether it was."""
    process = os.fork()
    if not process:
        crash._name, crash._left = crash._plan(point)
        try:
            archive = Archive(folder)
            if mode == "files-first":
                take_out = queries.take_out
                queries.take_out = partial(files_first, storage=archive.storage, take_out=take_out)
            archive.purge(*RULES)
            archive.catalogue.close()
        finally:
            os._exit(0)
    if not point:
        time.sleep(life)
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) != 0


def findings(folder, archive):
    """Return what is wrong with an archive: rows without a file, files without a row, runs that are miscounted."""
    found = check(folder / "catalogue.db", archive.storage.base, {})
    images = len(archive.numbers())
    return {
        "broken": found.broken,
        "dangling": found.dangling,
        "orphans": found.orphans,
        "miscounted": int(sum(archive.counts().values()) != images),
    }


def main(folder, mode, kills, seed):
    """Kill, look, purge once more, look again; print the sums."""
    chance = random.Random(seed)
    retention.BATCH = PORTION
    template = folder / "template"
    fill(template)
    after_kill: Counter[str] = Counter()
    after_purge: Counter[str] = Counter()
    killed = 0
    for number in range(kills):
        copy = folder / str(number)
        shutil.copytree(template, copy)
        name = chance.choice([*POINTS, ""])
        point = f"{name}:{chance.randint(1, POINTS[name])}" if name else ""
        killed += purge(copy, mode, point, chance.uniform(*LIFE))
        archive = Archive(copy)
        found = findings(copy, archive)
        # A file without a row is what a kill may leave: it is on the list of those that are to go.
        found["unlisted"] = max(0, found.pop("orphans") - len(archive.catalogue.read(queries.awaiting_unlink)))
        after_kill.update(found)
        frames, rejected = kept()
        lost = {*frames} - {*archive.numbers()} | {*rejected} - {*archive.numbers(FrameKind.QUARANTINE)}
        after_kill["lost"] += len(lost)
        archive.purge(*RULES)
        after_purge.update(findings(copy, archive))
        after_purge["listed"] += len(archive.catalogue.read(queries.awaiting_unlink))
        after_purge["differs"] += (archive.numbers(), archive.numbers(FrameKind.QUARANTINE)) != (frames, rejected)
        archive.catalogue.close()
        shutil.rmtree(copy)
    sys.stdout.write(json.dumps({"killed": killed, "after_kill": after_kill, "after_purge": after_purge}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
