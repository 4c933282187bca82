"""Parts of the archive's tests: small real pictures, a catalogue with a camera, attempts to commit."""

from datetime import UTC, datetime, timedelta
import hashlib
import io
from pathlib import Path
import subprocess
import sys

import numpy as np
from PIL import Image
from timelapser_core.catalogue import AttemptRecord, Catalogue, FrameRecord, queries
from timelapser_core.layout import EXTENSIONS
from timelapser_core.models import Fault, FaultKind, FetchStrategy, FrameKind, Freshness, Light, Outcome, Verdict
from timelapser_core.note import FrameNote
from timelapser_core.stamp import stamp
from timelapser_core.storage import Storage
from timelapser_core.ulid import new_ulid

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
CAMERA = "01K0CAMERA000000000000AB12"
TIMELAPSE = "01K0TIMELAPSE0000000000001"
FOLDER = "garage-0000ab12"
FAULT = Fault(FaultKind.BLUR, 0.25, "left half", "soft edges")


def picture(fmt="JPEG", seed=1, **options):
    """Return the bytes of a small noisy picture."""
    pixels = np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, fmt, **options)
    return out.getvalue()


def open_catalogue(directory):
    """Return an open catalogue with one camera, one timelapse and its run, and that run."""
    catalogue = Catalogue(Path(directory) / "catalogue.db")
    catalogue.open()
    run = catalogue.submit(set_up).result()
    return catalogue, run


def set_up(conn):
    """Make the camera, its timelapse and its run."""
    queries.ensure_camera(conn, CAMERA, "registry-1", "Garage", FOLDER, NOW)
    queries.ensure_timelapse(conn, TIMELAPSE, CAMERA, "Build", NOW)
    return queries.ensure_run(conn, TIMELAPSE, NOW)


def open_storage(root):
    """Return an open storage."""
    storage = Storage(Path(root))
    storage.open()
    return storage


def attempt(number=0, *, outcome=Outcome.CAPTURED, path=None, run_ids=(), size=1000, ulid=None, **more):
    """Return an attempt of slot ``number`` (every 10 s), with a frame when there is a path."""
    slot = NOW + timedelta(seconds=10 * number)
    frame = None
    if path is not None:
        frame = FrameRecord(
            path=path,
            byte_count=size,
            width=64,
            height=48,
            score=91.5,
            verdict=Verdict.GOOD if outcome is Outcome.CAPTURED else Verdict.BAD,
            freshness=Freshness.PROVEN,
            light=Light.DAY,
            faults=(FAULT,),
            fetched_sha256=hashlib.sha256(b"fetched").digest(),
            file_sha256=hashlib.sha256(b"file").digest(),
        )
    values = {
        "id": ulid or (path.rpartition("Z-")[2][:26] if path else new_ulid(slot)),
        "camera_id": CAMERA,
        "slot_at": slot,
        "started_at": slot,
        "duration_ms": 321,
        "outcome": outcome,
        "strategy": FetchStrategy.STREAM,
        "phases": {"fetch": 300.04, "store": 21.0},
        "run_ids": tuple(run_ids),
        "frame": frame,
    }
    return AttemptRecord(**{**values, **more})


def store(storage, number=0, *, kind=FrameKind.FRAME, run_ids=(), fmt="JPEG"):
    """Write a stamped picture for slot ``number``; return its path."""
    slot = NOW + timedelta(seconds=10 * number)
    note = FrameNote(
        camera_id=CAMERA,
        run_ids=tuple(run_ids),
        captured_at=slot,
        slot_at=slot,
        sequence=number + 1,
        score=91.5 if kind is FrameKind.FRAME else 12.0,
        verdict=Verdict.GOOD if kind is FrameKind.FRAME else Verdict.BAD,
        freshness=Freshness.PROVEN,
        light=Light.NIGHT,
        faults=(FAULT,),
        size=(64, 48),
        fetched_sha256=hashlib.sha256(b"fetched").digest(),
    )
    content_type = f"image/{fmt.lower()}"
    data = stamp(picture(fmt, seed=number), content_type, note.to_comment())
    return storage.write(FOLDER, kind, slot, new_ulid(slot), EXTENSIONS[content_type], data)


def run_script(script, *arguments, crash_at=""):
    """Run Python text in a process of its own that has the core loaded; return the completed process."""
    here = Path(__file__).parent
    head = f"import sys; sys.path.insert(0, {str(here)!r}); import conftest; from archive import *\n"
    return subprocess.run(
        [sys.executable, "-c", head + script, *map(str, arguments)],
        env={"TIMELAPSER_CRASH_AT": crash_at, "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def all_files(root):
    """Return the relative paths of every file below a folder, but not the marker of the storage."""
    return sorted(
        str(path.relative_to(root))
        for path in Path(root).rglob("*")
        if path.is_file() and "storage.json" not in path.name
    )
