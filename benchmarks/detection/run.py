"""Has the corpus judged by several processes, with OpenCV or without."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
import itertools
import multiprocessing
import os
from pathlib import Path
import sys
from typing import Final, Self

from benchmarks.corpus.items import Item, read

from .judge import FROZEN, STILL, Judge, Picture, Row

CHUNK: Final = 40
"""Pictures that a process is given at once."""
HEIGHTS: Final = (360, 720, 1080, 2160)
"""Of the sizes at which one scene should have one verdict."""
SIZED: Final = 600
"""Pictures that are judged in all sizes: those of 2160 rows take most of a run's time. Of 150, three more or less
that agree are two points."""
SIZED_FROM: Final = 640
"""Pixels of width from which a picture is worth showing in other sizes."""

type Looked = dict[str, float]


class MissingCorpusError(Exception):
    """There is nothing to judge."""


@dataclass(slots=True)
class Work:
    """The items by how they are looked at."""

    singles: list[Picture] = field(default_factory=list)
    series: list[list[Picture]] = field(default_factory=list)

    @property
    def stills(self) -> list[Picture]:
        """Return the single pictures without the streams."""
        return [picture for picture in self.singles if picture[1].codec is None]


def collect(folder: Path, split: str, scenes: Sequence[str] = (), sample: int = 1) -> Work:
    """Return the items of a split, every so many-th of each class and severity, and every so many-th camera.

    Raises MissingCorpusError.
    """
    work, cameras = Work(), dict[str, list[Picture]]()
    seen: dict[tuple[str, int | None, bool], int] = {}
    for path, item in read(folder / split):
        if scenes and item.scene not in scenes:
            continue
        if item.sequence is not None:
            cameras.setdefault(item.sequence, []).append((path, item))
            continue
        kind = (item.name, item.severity, item.codec is None)
        seen[kind] = seen.get(kind, -1) + 1
        if seen[kind] % sample == 0:
            work.singles.append((path, item))
    work.series = [cameras[name] for name in sorted(cameras)][::sample]
    if not work.singles and not work.series:
        raise MissingCorpusError(f"There is no corpus for {split} in {folder}: build it with scripts/corpus first.")
    return work


_JUDGE: list[Judge] = []


def _begin(opencv: bool) -> None:
    """Prepare a process: without OpenCV, or as it comes."""
    if not opencv:
        sys.modules["cv2"] = None  # type: ignore[assignment]
    os.nice(5)
    _JUDGE.append(Judge())


def _singles(pictures: Sequence[Picture]) -> list[Row]:
    return [_JUDGE[0].single(picture) for picture in pictures]


def _series(pictures: Sequence[Picture]) -> list[Row]:
    return _JUDGE[0].series(pictures)


def _peers(pictures: Sequence[Picture]) -> list[Looked]:
    from . import peers  # noqa: PLC0415 - needs OpenCV, which other processes hide

    return peers.look([path for path, _ in pictures])


def _freezes(pictures: Sequence[Picture]) -> list[tuple[str, bool]]:
    """Return by class whether FFmpeg finds a camera's frozen branches, and its still night."""
    from . import peers  # noqa: PLC0415 - as above

    main = {item.step: path for path, item in pictures if item.branch is None}
    branches: dict[str, list[Picture]] = {}
    for path, item in pictures:
        if item.branch is not None and item.name in (*FROZEN, *STILL):
            branches.setdefault(item.branch, []).append((path, item))
    found = []
    for members in branches.values():
        members.sort(key=lambda each: each[1].step)
        first = [main[members[0][1].step - 1]] if members[0][1].name in FROZEN else []
        found.append((members[0][1].name, peers.freezes([*first, *(path for path, _ in members)])))
    return found


def _sizes(pictures: Sequence[Picture]) -> list[tuple[str, list[Row]]]:
    """Judge pictures in several sizes: the view is scaled, and all that sensor, lens and encoder do is made anew."""
    import numpy as np  # noqa: PLC0415 - not in the process that only hands out work
    from PIL import Image  # noqa: PLC0415

    from benchmarks.corpus import stills  # noqa: PLC0415 - needs OpenCV
    from benchmarks.corpus.sources import SCENES, load  # noqa: PLC0415
    from benchmarks.corpus.where import FILES  # noqa: PLC0415

    scenes = {scene.name: scene for scene in SCENES}

    def sized(path: Path, item: Item, height: int) -> bytes:
        scene = scenes[item.scene]
        own = Image.fromarray(load(FILES, scene))
        view = own.resize((height * 16 // 9, height), Image.Resampling.LANCZOS)
        number = int(path.stem.rpartition("-")[2])
        if item.severity is None:
            return stills.whole(scene, np.asarray(view), item.name, number, view.width / own.width)
        return stills.damaged(scene, np.asarray(view), item.name, item.severity, number)[0]

    judge = _JUDGE[0]
    return [
        (str(path), [judge.other((path, item), sized(path, item, height)) for height in HEIGHTS])
        for path, item in pictures
    ]


def _chunks[T](values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    for chunk in itertools.batched(values, size, strict=False):
        yield list(chunk)


class Runner:
    """Processes that judge; ``opencv`` False hides it from them before anything could load it."""

    def __init__(self, jobs: int, *, opencv: bool) -> None:
        """Start the processes: new ones, which inherit nothing that is loaded here."""
        self._pool = ProcessPoolExecutor(
            jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_begin, initargs=(opencv,)
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)

    def singles(self, work: Work) -> list[Row]:
        """Judge the pictures and streams that are looked at alone."""
        return [row for rows in self._pool.map(_singles, _chunks(work.singles)) for row in rows]

    def series(self, work: Work) -> list[Row]:
        """Judge the cameras' series and their branches."""
        return [row for rows in self._pool.map(_series, work.series) for row in rows]

    def peers(self, work: Work) -> list[Looked]:
        """Ask the peers about the single pictures; in the order of ``work.stills``."""
        return [looked for chunk in self._pool.map(_peers, _chunks(work.stills)) for looked in chunk]

    def freezes(self, work: Work) -> list[tuple[str, bool]]:
        """Ask FFmpeg about the frozen branches."""
        return [found for each in self._pool.map(_freezes, work.series) for found in each]

    def sizes(self, rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
        """Judge some pictures in several sizes; broken data has none other.

        Mild faults are left out: what is at the edge of a verdict is there in one size and not in the next.
        """
        fit = [
            (row.path, row.item)
            for row in rows
            if row.path.parent.name in {"clean", "sensor"} and row.item.severity != 0 and _width(row.path) >= SIZED_FROM
        ]
        fit = fit[:: max(1, len(fit) // SIZED)]
        return [found for chunk in self._pool.map(_sizes, _chunks(fit, 8)) for found in chunk]


def _width(path: Path) -> int:
    from PIL import Image  # noqa: PLC0415 - as above

    with Image.open(path) as image:
        return image.size[0]
