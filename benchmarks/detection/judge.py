"""Judges the corpus as the product would: single pictures, streams by the capture layer, series with what is learnt."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
import importlib
from pathlib import Path
import pickle
from tempfile import NamedTemporaryFile
import threading
from typing import Any, Final

from benchmarks.corpus.items import Item
from scripts.lib.core import load_core

WHEN: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""Of pictures that are looked at alone: nothing may depend on it."""
STREAM_BUDGET_S: Final = 10.0
"""Seconds for one file, which is read in milliseconds: a stream that ends is told by its end, never by this."""
FROZEN: Final = ("frozen", "frozen_encoded", "frozen_clock")
"""Classes that only a series shows."""
_PICTURE: Final = b"\xff\xd8\xff\xfe"
"""How FFmpeg's encoder begins a picture of MJPEG."""
STILL: Final = ("still_night", "still_day")

type Picture = tuple[Path, Item]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What was said of one item; ``refused`` names the error when the capture layer or the gate took nothing of it."""

    path: Path
    item: Item
    verdict: str
    score: float | None
    faults: tuple[tuple[str, float, str], ...] = ()
    light: str | None = None
    refused: str | None = None
    timings: dict[str, float] = field(default_factory=dict)
    baseline_bytes: int = 0

    @property
    def rejected(self) -> bool:
        """Return whether it would not get into a film."""
        return self.verdict in {"bad", "unreadable"}

    @property
    def flagged(self) -> bool:
        """Return whether anything was noticed at all."""
        return self.verdict != "good"

    @property
    def badness(self) -> float:
        """Return 100 less the score; 100 without one."""
        return 100.0 if self.score is None else 100.0 - self.score

    def to_json(self) -> dict[str, Any]:
        """Return it for a file."""
        item = self.item
        return {
            "file": "/".join(self.path.parts[-3:]),
            "class": item.name,
            "severity": item.severity,
            "verdict": self.verdict,
            "score": self.score,
            "faults": [[kind, round(severity, 3)] for kind, severity, _ in self.faults],
            "light": self.light,
            "refused": self.refused,
        }


def _as_sent(data: bytes, codec: str | None) -> bytes:
    """Return a stream as it comes over the network: pictures of MJPEG as the parts of a multipart body."""
    if codec != "mjpeg":
        return data
    pictures = (_PICTURE + rest for rest in data.split(_PICTURE)[1:])
    parts = (
        b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(one), one) for one in pictures
    )
    return b"".join([*parts, b"--frame--\r\n"])


class Judge:
    """Asks a detector; by default the product's, at medium sensitivity with everything that it has."""

    def __init__(self, detector: Any = None) -> None:
        """Load the core."""
        load_core()
        detection = importlib.import_module("timelapser_core.detection")
        errors = importlib.import_module("timelapser_core.errors")
        self._models = importlib.import_module("timelapser_core.models")
        self._read_key_frame = importlib.import_module("timelapser_core.keyframe").read_key_frame
        self._baseline_type = detection.Baseline
        self._image_error: type[Exception] = errors.ImageError
        self._error: type[Exception] = errors.TimelapserError
        self._detector = detection.Detector("medium", heavy=True) if detector is None else detector
        models = self._models
        self._snapshot = models.FetchEvidence(strategy=models.FetchStrategy.SNAPSHOT, freshness=models.Freshness.PROVEN)

    def single(self, picture: Picture) -> Row:
        """Judge one picture with nothing known of its camera."""
        path, item = picture
        return self.other(picture, path.read_bytes()) if item.codec is None else self._stream(path, item)

    def other(self, picture: Picture, data: bytes) -> Row:
        """Judge other bytes in the place of one picture."""
        row, _ = self._look(picture, data, self._snapshot)
        return row

    def _stream(self, path: Path, item: Item) -> Row:
        """Read a stream as the capture layer does, and judge what it hands over."""
        try:
            with NamedTemporaryFile(suffix=path.suffix) as sent:
                sent.write(_as_sent(path.read_bytes(), item.codec))
                sent.flush()
                key = self._read_key_frame(sent.name, budget_s=STREAM_BUDGET_S, cancel=threading.Event())
        except self._error as err:
            refused = getattr(err, "text", "") or type(err).__name__
            return Row(path=path, item=item, verdict="unreadable", score=None, refused=refused)
        models = self._models
        evidence = models.FetchEvidence(strategy=models.FetchStrategy.STREAM, freshness=models.Freshness.PROVEN)
        row, _ = self._look((path, item), key.data, evidence)
        return row

    def _look(
        self,
        picture: Picture,
        data: bytes,
        evidence: Any,
        baseline: Any = None,
        size: tuple[int, int] | None = None,
    ) -> tuple[Row, Any]:
        """Return what is said of a picture, and the evaluation if it came to one."""
        path, item = picture
        context = self._models.SceneContext(sun_elevation=item.elevation, expected_size=size)
        try:
            found = self._detector.evaluate(
                data, when=item.moment or WHEN, baseline=baseline, evidence=evidence, context=context
            )
        except self._image_error as err:
            refused = str(getattr(err, "code", type(err).__name__))
            return Row(path=path, item=item, verdict="unreadable", score=None, refused=refused), None
        row = Row(
            path=path,
            item=item,
            verdict=str(found.verdict),
            score=found.score,
            faults=tuple((str(fault.kind), float(fault.severity), fault.words) for fault in found.faults),
            light=None if found.light is None else str(found.light),
            timings=dict(found.timings),
            baseline_bytes=0 if baseline is None else len(pickle.dumps(found.baseline)),
        )
        return row, found

    def series(self, pictures: Sequence[Picture]) -> list[Row]:
        """Judge a camera's pictures one after the other, then each branch with what was known before it.

        As in the product an attempt that ends in a picture commits its baseline, whatever the verdict (what may be
        learnt of it, the detector decides), and one that does not commits none. The size that is expected is that of
        the last picture that was kept. A branch begins with the baseline as it is stored, as after a restart.
        """
        main = sorted((each for each in pictures if each[1].branch is None), key=lambda each: each[1].step)
        branches: dict[str, list[Picture]] = {}
        for each in pictures:
            if each[1].branch is not None:
                branches.setdefault(each[1].branch, []).append(each)
        rows: list[Row] = []
        before: dict[int, tuple[bytes, tuple[int, int] | None]] = {}
        state: tuple[Any, tuple[int, int] | None] = (self._baseline_type.empty(), None)
        starts = {min(item.step for _, item in members) for members in branches.values()}
        for each in main:
            if each[1].step in starts:
                before[each[1].step] = (state[0].to_bytes(), state[1])
            row, state = self._next(each, *state)
            rows.append(row)
        before |= {step: (state[0].to_bytes(), state[1]) for step in starts if step not in before}
        for members in branches.values():
            ordered = sorted(members, key=lambda each: each[1].step)
            stored, size = before[ordered[0][1].step]
            state = (self._baseline_type.from_bytes(stored), size)
            for each in ordered:
                row, state = self._next(each, *state)
                rows.append(row)
        return rows

    def _next(
        self, picture: Picture, baseline: Any, size: tuple[int, int] | None
    ) -> tuple[Row, tuple[Any, tuple[int, int] | None]]:
        """Judge the next picture of a camera; return what is known after it too."""
        row, found = self._look(picture, picture[0].read_bytes(), self._snapshot, baseline, size)
        if found is None:
            return row, (baseline, size)
        return row, (found.baseline, found.size if found.verdict.kept else size)
