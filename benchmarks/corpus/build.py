"""Builds the corpus: the same pictures on every machine, one folder for each scene.

Run it by ``scripts/corpus [--split NAME] [--scene NAME] [--part NAME] [--jobs N]``; what is there already is not built
again.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
import shutil
from typing import Final

import cv2

from . import clean, decay, jpegs, sensor, sequences, stills, streams
from .items import MANIFEST, Item, write
from .light import plane, randomness
from .sources import SCENES, Place, Scene, Split, fetch, load
from .where import FILES, PICTURES

VERSION: Final = "3"
"""Of the pictures: raise it when they change, and parts that are older are built again."""
CLEAN_EACH: Final = 9
"""Pictures of each clean class and scene: 200 and more of each class in the test half."""
FAULTS_EACH: Final = 2
"""Pictures of each fault, severity and scene: 40 and more of each in the test half."""
TRIES: Final = 18
"""Damages of each scene: their extent is a matter of luck, and what nobody could see is left out."""

_VERSION_FILE: Final = "version"


def _item(scene: Scene, name: str, file: str, severity: int | None = None) -> Item:
    """Return the item of one file; without a severity it is clean."""
    faulty = severity is not None
    return Item(file=file, split=scene.split, scene=scene.name, name=name, fault=faulty, severity=severity)


@dataclass(slots=True)
class _Quota:
    """How many pictures of each severity a fault has by now."""

    found: list[int] = field(default_factory=lambda: [0, 0, 0])

    def tries(self) -> Iterator[tuple[int, int]]:
        """Yield the number of each try and the severity that it aims at: one of which there are too few."""
        for number in range(TRIES):
            missing = [severity for severity, count in enumerate(self.found) if count < FAULTS_EACH]
            if not missing:
                return
            yield number, missing[number % len(missing)]

    def take(self, severity: int) -> bool:
        """Count a picture of a severity; return whether it is wanted."""
        if self.found[severity] == FAULTS_EACH:
            return False
        self.found[severity] += 1
        return True


def _clean(scene: Scene, folder: Path) -> Iterator[Item]:
    view = load(FILES, scene)
    for name in clean.CLEAN:
        if not clean.possible(scene.place, name):
            continue
        for number in range(CLEAN_EACH):
            file = f"{name}-{number}.jpg"
            (folder / file).write_bytes(stills.whole(scene, view, name, number))
            yield _item(scene, name, file)


def _sensor(scene: Scene, folder: Path) -> Iterator[Item]:
    view = load(FILES, scene)
    for name, fault in sensor.FAULTS.items():
        if scene.place is Place.DARK and "night" not in fault.bases:
            continue
        for severity in range(3):
            found = 0
            for number in range(TRIES):
                data, seen = stills.damaged(scene, view, name, severity, number)
                if seen < jpegs.SEEN:
                    continue
                file = f"{name}-{severity}-{number}.jpg"
                (folder / file).write_bytes(data)
                yield replace(_item(scene, name, file, severity), hard=fault.hard)
                found += 1
                if found == FAULTS_EACH:
                    break


def _jpegs(scene: Scene, folder: Path) -> Iterator[Item]:
    view = load(FILES, scene)
    rng = randomness(scene.name, "jpegs")
    pool = [jpegs.encode(plane(stills.base(scene, view, rng)), rng) for _ in range(TRIES)]
    shown = [jpegs.decoded(whole) for whole in pool]
    for name, fault in jpegs.FAULTS.items():
        quota = _Quota()
        for number, wanted in quota.tries():
            rng = randomness(scene.name, name, str(number))
            which = int(rng.integers(0, TRIES))
            data = fault(pool[which], rng, rng.uniform(*jpegs.AIMS[wanted]))
            after, before = jpegs.decoded(data), shown[which]
            if after is None or before is None or after.shape != before.shape:
                severity: int | None = 2
            else:
                severity = jpegs.severity(jpegs.damage(after, (before,)))
            if severity is None or not quota.take(severity):
                continue
            file = f"{name}-{number}.jpg"
            (folder / file).write_bytes(data)
            yield _item(scene, name, file, severity)
    for number, kind in enumerate(
        randomness(scene.name, "strange").permutation(list(jpegs.STRANGE))[: 2 * FAULTS_EACH]
    ):
        file = f"wrong_content-{kind}.jpg"
        (folder / file).write_bytes(jpegs.STRANGE[str(kind)](pool[number]))
        yield _item(scene, "wrong_content", file, 2)


def _streams(scene: Scene, folder: Path) -> Iterator[Item]:
    view = load(FILES, scene)
    for codec in ("h264", "hevc", "mjpeg"):
        rng = randomness(scene.name, codec)
        shots = [streams.encode(streams.motion(stills.base(scene, view, rng), rng), codec, rng) for _ in range(2)]
        for number, stream in enumerate(shots):
            file = f"{codec}-{number}.{codec}"
            (folder / file).write_bytes(stream.data)
            yield replace(_item(scene, f"{codec}_stream", file), codec=codec)
        for fault in streams.FAULTS:
            if codec != "mjpeg" or fault not in streams.SLICED:
                yield from _damaged(scene, folder, shots, codec, fault)


def _damaged(scene: Scene, folder: Path, shots: Sequence[streams.Stream], codec: str, fault: str) -> Iterator[Item]:
    """Damage streams in one way, for those who read key frames and for those who take any picture."""
    name = f"{codec}_{fault}"
    for kind, make in (("key", streams.key_frame), ("still", streams.still)):
        if kind == "key" and fault == streams.MIDDLE:
            continue
        quota = _Quota()
        for number, wanted in quota.tries():
            rng = randomness(scene.name, name, kind, str(number))
            shown = make(shots[number // 3 % len(shots)], fault, rng, rng.uniform(*jpegs.AIMS[wanted]))
            severity = None if shown is None else jpegs.severity(shown.share)
            if shown is None or severity is None or not quota.take(severity):
                continue
            of_stream = kind == "key"
            file = f"{name}-{kind}-{number}.{codec if of_stream else 'jpg'}"
            data = shown.data if of_stream else jpegs.encode(plane(shown.picture), rng, quality=90)
            (folder / file).write_bytes(data)
            yield replace(_item(scene, name, file, severity), codec=codec if of_stream else None)


PARTS: Final[Mapping[str, Callable[[Scene, Path], Iterator[Item]]]] = {
    "clean": _clean,
    "sensor": _sensor,
    "jpegs": _jpegs,
    "streams": _streams,
    "sequences": sequences.build,
    "decay": decay.build,
}


def build(scene: Scene, part: str) -> int:
    """Build one part of one scene unless it is there; return the number of its items."""
    folder = PICTURES / scene.split / scene.name / part
    version = folder / _VERSION_FILE
    if version.exists() and version.read_text("utf-8") == VERSION and (folder / MANIFEST).exists():
        return 0
    cv2.setNumThreads(1)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    items = list(PARTS[part](scene, folder))
    write(folder, items)
    version.write_text(VERSION, "utf-8")
    return len(items)


def forget() -> None:
    """Remove what was built of scenes that are gone, or have changed halves since."""
    known = {PICTURES / scene.split / scene.name for scene in SCENES}
    for split in Split:
        for folder in (PICTURES / split).glob("*"):
            if folder not in known:
                shutil.rmtree(folder)


def main(given: Sequence[str] | None = None) -> None:
    """Build what is asked for."""
    parser = argparse.ArgumentParser(prog="scripts/corpus", description=__doc__)
    parser.add_argument("--split", choices=list(Split))
    parser.add_argument("--scene", action="append", choices=[scene.name for scene in SCENES])
    parser.add_argument("--part", action="append", choices=list(PARTS))
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args(given)
    fetch(FILES)
    forget()
    work = [
        (scene, part)
        for part in asked.part or PARTS
        for scene in SCENES
        if asked.split in {None, scene.split} and (asked.scene is None or scene.name in asked.scene)
    ]
    with ProcessPoolExecutor(asked.jobs) as pool:
        counts = pool.map(build, [scene for scene, _ in work], [part for _, part in work])
        for (scene, part), count in zip(work, counts, strict=True):
            print(f"{scene.split:5} {scene.name:16} {part:10} {count or 'there already'}", flush=True)


if __name__ == "__main__":
    main()
