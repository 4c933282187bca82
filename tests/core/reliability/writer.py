"""A process that captures as the integration does, without Home Assistant, until it is killed.

``python -m tests.core.reliability.writer FOLDER [MODE] [COUNT]`` prints ``READY``, then ``ACK <id> <sha256>`` for
every still once it is told of. MODE ``real`` is the path of a capture; the others are wrong on purpose.
"""

from dataclasses import replace
from datetime import timedelta
from functools import partial
import hashlib
import os
from pathlib import Path
import sys

from scripts.lib.core import load_core

load_core()

from timelapser_core.catalogue import Catalogue, queries, rebuild  # noqa: E402
from timelapser_core.commit import enter, record_of, write_still  # noqa: E402
from timelapser_core.crash import crash_point  # noqa: E402
from timelapser_core.layout import FramePath  # noqa: E402
from timelapser_core.models import FrameKind, Freshness, Light, Outcome, Verdict  # noqa: E402
from timelapser_core.note import FrameNote  # noqa: E402
from timelapser_core.recovery import adopt_orphans, readopt, restore, write_indexes  # noqa: E402
from timelapser_core.stamp import stamp  # noqa: E402
from timelapser_core.storage import Storage  # noqa: E402
from timelapser_core.ulid import new_ulid  # noqa: E402

from tests.core.archive import CAMERA, FOLDER, NOW, attempt, picture, set_up  # noqa: E402

CHUNK = 4096
"""Bytes that the arm without a part writes at a time."""
PICTURES = [picture(seed=seed, quality=95) for seed in range(8)]


def catalogue_path(folder):
    """Return where the catalogue of a test lies."""
    return Path(folder) / "catalogue.db"


def start(folder):
    """Open catalogue and storage as the engine and a camera do, and put right what was left behind.

    Return both, the run, and the report of a rebuild if there was one.
    """
    catalogue = Catalogue(catalogue_path(folder))
    storage = Storage(Path(folder) / "media")
    damaged = catalogue.open().rebuilt
    try:
        if damaged:
            catalogue.submit(rebuild.begin).result()
        expected = catalogue.read(partial(queries.get_meta, key="storage"))
        uuid = storage.open(expected, create=not catalogue.read(rebuild.begun))
        storage.claim()
        if expected is None:
            restore(storage, catalogue, NOW)
        catalogue.submit(lambda conn: queries.set_meta(conn, "storage", uuid)).result()
        report = readopt(storage, catalogue, NOW, lambda: False)
        run = catalogue.submit(set_up).result()
        last = catalogue.read(partial(queries.camera_state, camera_id=CAMERA)).last_slot_at
        adopt_orphans(storage, catalogue, CAMERA, FOLDER, last)
        write_indexes(storage, catalogue, {})
    except BaseException:
        stop(catalogue, storage)
        raise
    return catalogue, storage, run, report


def stop(catalogue, storage):
    """Close both."""
    catalogue.close()
    storage.close()


def note_of(number, run, data, verdict=Verdict.GOOD):
    """Return the note of a still."""
    slot = NOW + timedelta(seconds=10 * number)
    return FrameNote(
        camera_id=CAMERA,
        run_ids=(run.id,),
        captured_at=slot,
        slot_at=slot,
        sequence=number + 1,
        score=91.5 if verdict.kept else 12.0,
        verdict=verdict,
        freshness=Freshness.PROVEN,
        light=Light.DAY,
        size=(64, 48),
        fetched_sha256=hashlib.sha256(data).digest(),
    )


def capture(catalogue, storage, run, number, mode="real"):
    """Capture once; return the row of the still."""
    data = PICTURES[number % len(PICTURES)]
    note = note_of(number, run, data, Verdict.BAD if number % 5 == 4 else Verdict.GOOD)
    ulid = new_ulid(note.captured_at)
    if mode == "real":
        still = write_still(storage, FOLDER, ulid, "image/jpeg", data, note)
        enter(storage, catalogue, still, lambda: _attempt(number, run, still))
        return still
    stamped = stamp(data, "image/jpeg", note.to_comment())
    kind = FrameKind.FRAME if note.verdict.kept else FrameKind.QUARANTINE
    path = str(FramePath.make(FOLDER, kind, note.captured_at, ulid, "jpg"))
    still = record_of(path, stamped, note)
    row = partial(queries.commit_attempt, attempt=_attempt(number, run, still))
    if mode == "row first":
        catalogue.submit(row).result()
        storage.write(FOLDER, kind, note.captured_at, ulid, "jpg", stamped)
    else:
        _write_in_place(storage.base / path, stamped)
        catalogue.submit(row).result()
    return still


def _attempt(number, run, still):
    outcome = Outcome.CAPTURED if still.verdict.kept else Outcome.REJECTED
    return replace(attempt(number, path=still.path, run_ids=[run.id], outcome=outcome), frame=still)


def _write_in_place(target, data):
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    for begin in range(0, len(data), CHUNK):
        os.write(descriptor, data[begin : begin + CHUNK])
        crash_point("in_place")
    os.fsync(descriptor)
    os.close(descriptor)


def say(line):
    """Tell the one who waits for it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(folder, mode="real", count=sys.maxsize):
    """Capture until the count is reached or the process is killed."""
    catalogue, storage, run, _ = start(folder)
    say("READY")
    row = catalogue.read(partial(queries.camera_state, camera_id=CAMERA))
    first = row.captured + row.rejected
    for number in range(first, first + int(count)):
        still = capture(catalogue, storage, run, number, mode)
        say(f"ACK {FramePath.parse(still.path).id} {still.file_sha256.hex()}")
    stop(catalogue, storage)


if __name__ == "__main__":
    main(*sys.argv[1:])
