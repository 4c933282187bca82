"""What others would have said of the same pictures: their rules, written anew, and FFmpeg's own filters."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
import math
import os
from pathlib import Path
import re
import subprocess
import tempfile
from typing import Any, Final

BLURRED_BELOW: Final = 5.4
"""Variance of the Laplacian under which a picture is called blurred; the best limit for blur on the tune half."""
BLUR_FROM: Final = 10.6
"""FFmpeg's blurdetect likewise: width of the edges in pixels."""
ALLSKY: Final = (1.0, 90.0)
"""Per cent of brightness between which allsky keeps a picture, as its users' logs show them (allsky-website #138)."""
BLACK_SHARE, BLACK_LEVEL = 98, 32
"""Per cent of pixels at most so bright, from which FFmpeg calls a picture black: its defaults."""
FREEZE_NOISE: Final = 0.001
"""Mean difference, as a share of the range, under which FFmpeg's freezedetect sees no change: its default, -60 dB."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A rule: what it is, from which number on a picture counts as bad, and whether the limit was chosen by us."""

    words: str
    limit: float
    chosen: bool = False


PEERS: Final[Mapping[str, Peer]] = {
    "seed_fast": Peer("seed, fast rules as shipped (bad from 50: the sense is inverted)", 50.0),
    "seed_both": Peer("seed, fast and heavy rules as shipped (inverted)", 50.0),
    "seed_heavy": Peer("seed, heavy rules alone, the right way round", 40.0001),
    "seed_repaired": Peer("seed, all rules, its mistakes repaired", 50.0),
    "allsky": Peer("fixed limits of brightness (allsky)", 1.0),
    "laplacian": Peer("variance of the Laplacian", -BLURRED_BELOW, chosen=True),
    "blackdetect": Peer("FFmpeg blackframe with blackdetect's limits", 1.0),
    "blurdetect": Peer("FFmpeg blurdetect", BLUR_FROM, chosen=True),
}
BLURS: Final = frozenset({"defocus", "motion_blur"})
"""The classes for which the limits of the rules that have none are chosen."""


def _fast(size: int, width: int, height: int, mean: float, variance: float, levels: int, *, repaired: bool) -> float:
    """Return the seed's fast score: 100 less what the size of the file, the picture and its grey levels cost."""
    score = 100.0 - 50 * (size < 1024) - 30 * (size > 52_428_800)
    score -= 40 * (min(width, height) < 100) + 20 * (max(width, height) > 10_000)
    score -= 25 * (mean < 5 or mean > 250)
    few = levels / 256 < 0.01 if repaired else levels / (width * height) < 0.01
    score -= 35 if variance < 10 else 40 * few
    return max(0.0, score)


def _heavy(cv2: Any, colour: Any, grey: Any) -> float:
    """Return the seed's heavy score: 100 less six checks of sharpness, edges, colour and texture."""
    histogram = cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel()
    inner = histogram[1:-1]
    peaks = int(((inner > histogram[:-2]) & (inner > histogram[2:]) & (inner > 100)).sum())
    across, down = cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1)
    failed = (
        (25, cv2.Laplacian(grey, cv2.CV_64F).var() < 100),
        (20, (cv2.Canny(grey, 50, 150) > 0).mean() < 0.05),
        (15, colour.reshape(-1, 3).var(axis=0).sum() < 100),
        (18, peaks < 3),
        (12, cv2.cvtColor(colour, cv2.COLOR_BGR2HSV)[..., 1].mean() / 255 < 0.10),
        (10, cv2.magnitude(across, down).mean() < 50),
    )
    return 100.0 - sum(penalty for penalty, fails in failed if fails)


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep what a library writes past Python off the screen: it says of each broken file that it is broken."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def rules(path: Path) -> dict[str, float]:
    """Return how bad each rule finds a picture; needs OpenCV, as the seed does."""
    import cv2  # noqa: PLC0415

    colour = None
    # A header that says 65,500 x 65,500 pixels raises; anything else that it cannot read gives nothing.
    with _silenced(), suppress(cv2.error):
        colour = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if colour is None:
        # As shipped the seed gives 0, which it takes for the best score; the others are told by their tools' error.
        return {
            "seed_fast": 0.0, "seed_both": 0.0, "seed_heavy": 100.0, "seed_repaired": 100.0, "allsky": 1.0,
            "laplacian": math.inf,
        }  # fmt: skip
    grey = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY)
    height, width = grey.shape
    mean, variance = float(grey.mean()), float(grey.var())
    levels = int((cv2.calcHist([grey], [0], None, [256], [0, 256]) > 0).sum())
    size = path.stat().st_size
    shipped = _fast(size, width, height, mean, variance, levels, repaired=False)
    repaired = _fast(size, width, height, mean, variance, levels, repaired=True)
    heavy = _heavy(cv2, colour, grey)
    return {
        "seed_fast": shipped,
        "seed_both": 0.7 * shipped + 0.3 * heavy,
        "seed_heavy": 100 - heavy,
        "seed_repaired": 100 - (0.7 * repaired + 0.3 * heavy),
        "allsky": float(not ALLSKY[0] <= mean / 2.55 <= ALLSKY[1]),
        "laplacian": -float(cv2.Laplacian(grey, cv2.CV_64F).var()),
    }


def _run(paths: Sequence[Path], filters: str) -> str:
    """Return what FFmpeg's filters write of pictures, which it reads as one film with a second for each."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as listed:
        listed.write("ffconcat version 1.0\n")
        listed.writelines(f"file '{path}'\nduration 1\n" for path in paths)
        listed.flush()
        command = [
            "ffmpeg",
            "-nostdin",
            "-v",
            "quiet",
            "-threads",
            "1",
            "-safe",
            "0",
            "-f",
            "concat",
            "-i",
            listed.name,
        ]
        command += ["-vf", f"{filters},metadata=print:file=-", "-fps_mode", "passthrough", "-f", "null", "-"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def filters(paths: Sequence[Path]) -> list[dict[str, float]]:
    """Return how bad FFmpeg's filters find each picture; one that it could not decode counts as found."""
    told = _run(paths, f"blackframe=amount={BLACK_SHARE}:threshold={BLACK_LEVEL},blurdetect")
    found = [{"blackdetect": 1.0, "blurdetect": math.inf} for _ in paths]
    number = 0
    for line in told.splitlines():
        if shown := re.search(r"pts_time:([\d.]+)", line):
            number = round(float(shown[1]))
            if number < len(found):
                found[number] = {"blackdetect": 0.0, "blurdetect": math.inf}
        elif number < len(found):
            name, _, value = line.partition("=")
            if name == "lavfi.blackframe.pblack":
                found[number]["blackdetect"] = 1.0
            elif name == "lavfi.blur":
                # No edge at all gives no number: that is as blurred as can be.
                found[number]["blurdetect"] = math.inf if "nan" in value else float(value)
    return found


def freezes(paths: Sequence[Path]) -> bool:
    """Return whether FFmpeg's freezedetect calls pictures of one camera frozen by the fifth in a row."""
    return "freeze_start" in _run(paths[:5], f"freezedetect=n={FREEZE_NOISE}:d=3")


def look(paths: Sequence[Path]) -> list[dict[str, float]]:
    """Return what all peers say of pictures; of those of streams, which they do not open, nothing."""
    return [one | other for one, other in zip(map(rules, paths), filters(paths), strict=True)]
