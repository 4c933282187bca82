"""Time what one captured frame costs beside its camera, part by part, against the plainest way of doing the same.

Usage: ``scripts/bench capture [--frames N] [--json FILE]``. Peers, measured in the same run on the same bytes: writing
the file and nothing else (what a snapshot action does) for the way from bytes to a committed frame, and PyAV decoding
the first key frame and nothing else for reading one from a stream.
"""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
import hashlib
import io
import json
from pathlib import Path
from statistics import median, quantiles
import tempfile
import threading
import time
from typing import Any

import av
import numpy as np
from PIL import Image

from scripts.dev.scene import Scene
from scripts.lib.core import load_core

load_core()

from timelapser_core.catalogue import AttemptRecord, Catalogue, FrameRecord, queries  # noqa: E402
from timelapser_core.detection import Detector  # noqa: E402
from timelapser_core.keyframe import read_key_frame  # noqa: E402
from timelapser_core.layout import camera_folder  # noqa: E402
from timelapser_core.models import FetchStrategy, FrameKind, Outcome  # noqa: E402
from timelapser_core.note import FrameNote  # noqa: E402
from timelapser_core.stamp import stamp  # noqa: E402
from timelapser_core.storage import Storage  # noqa: E402
from timelapser_core.ulid import new_ulid  # noqa: E402

CAMERA_ID = "01JBENCHBENCHBENCHBENCHBEN"
TIMELAPSE_ID = "01JBENCHBENCHBENCHBENCHBEM"
WIDTH, HEIGHT = 1920, 1080
DISTINCT = 12
"""Different pictures, used in turn."""

type Times = dict[str, list[float]]


def pictures() -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    """Return moments of the test camera's landscape."""
    scene = Scene(WIDTH, HEIGHT)
    return [scene.render(1_700_000_000.0 + 10 * number) for number in range(DISTINCT)]


def timed[T](times: Times, name: str, job: Callable[[], T]) -> T:
    """Run a job and note its milliseconds."""
    started = time.perf_counter()
    result = job()
    times.setdefault(name, []).append((time.perf_counter() - started) * 1000)
    return result


def measure_commit(frames: list[bytes], count: int, folder: Path) -> Times:
    """Take frames from bytes to a committed row, as an attempt does, and beside it only write each to a file."""
    times: Times = {}
    storage = Storage(folder)
    storage.open()
    catalogue = Catalogue(folder / "catalogue.db")
    catalogue.open()
    now = datetime.now(UTC)
    camera_folder_name = camera_folder("Bench", CAMERA_ID)

    def enter(conn: Any) -> str:
        queries.ensure_camera(conn, CAMERA_ID, "bench", "Bench", camera_folder_name, now)
        queries.ensure_timelapse(conn, TIMELAPSE_ID, CAMERA_ID, "Bench", now)
        return str(queries.ensure_run(conn, TIMELAPSE_ID, now).id)

    run = catalogue.submit(enter).result()
    detector, baseline = Detector(heavy=False), None
    try:
        for number in range(count):
            data, frame_id, at = frames[number % len(frames)], new_ulid(), datetime.now(UTC)
            begin = time.perf_counter()
            evaluation = timed(times, "score", lambda: detector.evaluate(data, when=at, baseline=baseline))  # noqa: B023
            baseline = evaluation.baseline
            note = FrameNote(
                camera_id=CAMERA_ID,
                run_ids=(run,),
                captured_at=at,
                slot_at=at,
                sequence=number,
                score=evaluation.score,
                verdict=evaluation.verdict,
                freshness=evaluation.freshness,
                fetched_sha256=evaluation.sha256,
            )
            stamped = timed(times, "stamp", lambda: stamp(data, "image/jpeg", note.to_comment()))  # noqa: B023
            path = timed(
                times,
                "write (fsync)",
                lambda: storage.write(camera_folder_name, FrameKind.FRAME, at, frame_id, "jpg", stamped),  # noqa: B023
            )
            record = AttemptRecord(
                id=frame_id,
                camera_id=CAMERA_ID,
                slot_at=at,
                started_at=at,
                duration_ms=1,
                outcome=Outcome.CAPTURED,
                strategy=FetchStrategy.SNAPSHOT,
                run_ids=(run,),
                health="{}",
                baseline=baseline.to_bytes(),
                frame=FrameRecord(
                    path=path,
                    byte_count=len(stamped),
                    width=WIDTH,
                    height=HEIGHT,
                    score=evaluation.score,
                    verdict=evaluation.verdict,
                    freshness=evaluation.freshness,
                    light=evaluation.light,
                    fetched_sha256=evaluation.sha256,
                    file_sha256=hashlib.sha256(stamped).digest(),
                ),
            )
            job = catalogue.submit(lambda conn: queries.commit_attempt(conn, record))  # noqa: B023
            timed(times, "commit (fsync)", job.result)
            times.setdefault("whole", []).append((time.perf_counter() - begin) * 1000)
            plain = folder / f"plain-{number}.jpg"
            timed(times, "peer: plain write", lambda: plain.write_bytes(data))  # noqa: B023
    finally:
        catalogue.close()
    return times


def measure_key_frame(rgb: list[np.ndarray[Any, np.dtype[np.uint8]]], count: int, folder: Path) -> Times:
    """Read the first key frame of an H.264 stream as a capture does, and beside it only decode it."""
    path = folder / "stream.ts"
    with av.open(str(path), "w", format="mpegts") as out:
        stream = out.add_stream("libx264", rate=10, options={"preset": "veryfast", "g": "20", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for picture in rgb:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    times: Times = {}
    never = threading.Event()
    for _ in range(count):
        timed(times, "key frame to JPEG", lambda: read_key_frame(str(path), budget_s=10, cancel=never))
        timed(times, "peer: bare decode", lambda: _bare_decode(path))
    return times


def _bare_decode(path: Path) -> None:
    with av.open(str(path)) as container:
        next(container.decode(container.streams.video[0]))


def report(title: str, times: Times, whole: str) -> dict[str, Any]:
    """Print a table and return it for the file."""
    peer = next(name for name in times if name.startswith("peer"))
    print(f"\n{title}")
    print(f"{'':20s}{'median':>10s}{'p95':>10s}{'p99':>10s}   milliseconds")
    rows: dict[str, Any] = {}
    for name, values in times.items():
        cuts = quantiles(values, n=100)
        rows[name] = {"median": round(median(values), 3), "p95": round(cuts[94], 3), "p99": round(cuts[98], 3)}
        print(f"{name:20s}" + "".join(f"{value:10.2f}" for value in rows[name].values()))
    rows["ratio"] = round(median(times[whole]) / median(times[peer]), 2)
    print(f"{whole} / {peer.removeprefix('peer: ')}: {rows['ratio']}")
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rgb = pictures()
    frames = []
    for picture in rgb:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=85)
        frames.append(buffer.getvalue())
    kilobytes = sum(map(len, frames)) // len(frames) // 1000
    print(f"{arguments.frames} frames of {WIDTH}x{HEIGHT}, {kilobytes} kB a JPEG")
    scratch = Path(__file__).parents[1] / ".dev"
    scratch.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        result = {
            "kilobytes": kilobytes,
            "commit": report(
                "From bytes to a committed frame", measure_commit(frames, arguments.frames, folder), "whole"
            ),
            "key_frame": report(
                "A key frame of an H.264 stream (local file)",
                measure_key_frame(rgb, max(20, arguments.frames // 10), folder),
                "key frame to JPEG",
            ),
        }
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
