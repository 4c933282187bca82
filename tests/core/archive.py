"""Parts of the archive's tests: small real pictures, a catalogue with a camera, attempts to commit."""

from datetime import UTC, datetime, timedelta
import hashlib
import io
from pathlib import Path
import subprocess
import sys

import numpy as np
from PIL import Image
from sqlalchemy import func, select
from timelapser_core.catalogue import AttemptRecord, Catalogue, FrameRecord, queries, schema
from timelapser_core.catalogue.retention import Scope
from timelapser_core.layout import EXTENSIONS
from timelapser_core.models import Fault, FaultKind, FetchStrategy, FrameKind, Freshness, Light, Outcome, Verdict
from timelapser_core.note import FrameNote
from timelapser_core.recovery import adopt_orphans
from timelapser_core.retention import Limits, Purged, Rule, begin, plan, remove
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
    """Return the relative paths of every file below a folder, but not the marker and the lock of the storage."""
    return sorted(
        str(path.relative_to(root))
        for path in Path(root).rglob("*")
        if path.is_file() and ".timelapser-storage." not in path.name
    )


class Archive:
    """A storage and a catalogue with one camera, one timelapse and its run, and what retention does with them."""

    def __init__(self, root):
        self.storage = open_storage(root)
        self.catalogue, self.run = open_catalogue(root)

    def do(self, query, *arguments, **options):
        """Run a command of the catalogue in a transaction of its own."""
        return self.catalogue.submit(lambda conn: query(conn, *arguments, **options)).result()

    def capture(self, number, kind=FrameKind.FRAME, runs=None, size=1000):
        """Capture for slot ``number`` (every 10 s), for the first run or the given ones; return the path."""
        run_ids = [run.id for run in ([self.run] if runs is None else runs)]
        path = store(self.storage, number, kind=kind, run_ids=run_ids)
        outcome = Outcome.CAPTURED if kind is FrameKind.FRAME else Outcome.REJECTED
        self.do(queries.commit_attempt, attempt(number, path=path, run_ids=run_ids, outcome=outcome, size=size))
        return path

    def timelapse(self, timelapse_id):
        """Add a timelapse; return its run."""
        self.do(queries.ensure_timelapse, timelapse_id, CAMERA, timelapse_id, NOW)
        return self.do(queries.ensure_run, timelapse_id, NOW)

    def complete(self, timelapse_id=TIMELAPSE):
        """Complete the run under way and begin the next one, which is returned."""
        self.do(queries.complete_run, timelapse_id, NOW)
        return self.do(queries.ensure_run, timelapse_id, NOW)

    def protect(self, *numbers, protected=True):
        """Protect the stills of slots, or no longer."""
        moments = [NOW + timedelta(seconds=10 * number) for number in numbers]
        frames = schema.frames
        self.do(
            lambda conn: conn.execute(frames.update().where(frames.c.slot_at.in_(moments)).values(protected=protected))
        )

    def numbers(self, kind=FrameKind.FRAME):
        """Return the slots whose stills of a kind have a row, in the order in which they came."""
        frames = schema.frames
        query = select(frames.c.slot_at).where(frames.c.kind == kind).order_by(frames.c.seq)
        moments = self.catalogue.read(lambda conn: conn.execute(query).scalars().all())
        return [(moment - NOW) // timedelta(seconds=10) for moment in moments]

    def counts(self):
        """Return the image counts by run id."""
        query = select(schema.runs.c.id, schema.runs.c.image_count)
        return dict(self.catalogue.read(lambda conn: conn.execute(query).tuples().all()))

    def plan(self, *rules, now=NOW + timedelta(hours=1), limit=1000):
        return self.catalogue.read(lambda conn: plan(conn, rules, now, limit))

    def purge(self, *rules, **more):
        planned = self.plan(*rules, **more)
        done = Purged(pending=begin(self.storage, self.catalogue))
        for victims in planned.batches():
            done += remove(self.storage, self.catalogue, victims)
        return done

    def expire(self, seconds, limit=1000, kind=FrameKind.FRAME):
        """Remove what was captured in the first seconds of the archive."""
        now = NOW + timedelta(seconds=1000)
        rule = Rule(
            scope=Scope(camera_id=CAMERA, kind=kind, under_way=True),
            limits=Limits(age=now - NOW - timedelta(seconds=seconds)),
        )
        return self.purge(rule, now=now, limit=limit)

    def adopt(self, since=NOW):
        return adopt_orphans(self.storage, self.catalogue, CAMERA, FOLDER, since)

    def rows(self):
        query = select(func.count()).select_from(schema.frames)
        return self.catalogue.read(lambda conn: conn.execute(query).scalar_one())

    def files(self):
        return all_files(self.storage.base)

    def camera(self):
        return self.catalogue.read(lambda conn: queries.camera_state(conn, CAMERA))

    def images(self):
        return self.catalogue.read(lambda conn: queries.current_run(conn, TIMELAPSE)).image_count

    def latest(self, kind=FrameKind.FRAME):
        return self.catalogue.read(lambda conn: queries.latest_frame(conn, CAMERA, kind))
