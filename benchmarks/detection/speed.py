"""Times the detector on 1080p pictures against a bare TurboJPEG grey decode, with OpenCV and without.

The pictures are drawn here, with the noise and the size of a camera's (mean about 210 kB); nothing has to be
downloaded.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
import io
import json
from statistics import median, quantiles
import subprocess
import sys
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from scripts.lib.core import load_core

ROUNDS = 15
WIDTH, HEIGHT = 1920, 1080
TARGETS = {"fast": 1.6, "whole": 2.7}
"""Largest ratio to the bare grey decode."""
LIGHTS = {"noon": 1.0, "overcast": 0.7, "dusk": 0.3, "night": 0.08}
WHEN = datetime(2026, 6, 1, 12, tzinfo=UTC)


def field(rng: np.random.Generator, slope: float) -> np.ndarray:
    """Return a field with a 1/f**slope spectrum, as natural scenes have, standard deviation 1.

    It is cut out of a larger one: what a Fourier transform draws goes on at the other rim, as no scene does.
    """
    height, width = HEIGHT * 5 // 4, WIDTH * 5 // 4
    fy = np.fft.fftfreq(height)[:, None] * height / width
    radius = np.hypot(fy, np.fft.rfftfreq(width)[None, :])
    radius[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((height, width))) / radius**slope
    spectrum[0, 0] = 0.0
    drawn: np.ndarray = np.fft.irfft2(spectrum, s=(height, width))[:HEIGHT, :WIDTH]
    drawn /= drawn.std()
    return drawn


def scene(seed: int, light: float) -> np.ndarray:
    """Return one landscape (height, width, 3): sky, ground, a few buildings, sensor noise."""
    rng = np.random.default_rng(seed)
    texture, clouds = field(rng, 1.0), field(rng, 1.7)
    rows = np.linspace(0, 1, HEIGHT)[:, None]
    level = np.where(rows > 0.55 + 0.03 * clouds, 92 + 24 * texture, 170 - 50 * rows + 9 * clouds)
    for left in rng.integers(0, WIDTH - 320, 4):
        top = int(rng.integers(300, 520))
        level[top:700, left : left + 260] = 130 + 8 * texture[top:700, left : left + 260]
        level[top + 40 : top + 90, left + 40 : left + 90] = 40
    tint = np.array((1.0, 1.02, 0.93)) + 0.05 * clouds[..., None]
    noise = rng.standard_normal((HEIGHT, WIDTH, 1)) * 1.2
    return np.clip(level[..., None] * tint * light + noise, 0, 255).astype(np.uint8)


def jpeg(picture: np.ndarray, quality: int = 84) -> bytes:
    """Return the picture as a camera would send it."""
    target = io.BytesIO()
    Image.fromarray(picture).save(target, "JPEG", quality=quality)
    return target.getvalue()


def pictures() -> dict[str, bytes]:
    """Return the clean pictures by name: three landscapes in four lights."""
    return {f"{name} {seed}": jpeg(scene(seed, light)) for seed in (1, 2, 3) for name, light in LIGHTS.items()}


def damaged(clean: np.ndarray) -> dict[str, bytes]:
    """Return one picture of each fault class."""
    whole = jpeg(clean)
    start = whole.index(b"\xff\xda")
    half = whole[: start + (len(whole) - start) // 2]
    smear, green, grey = clean.copy(), clean.copy(), clean.copy()
    smear[640:] = smear[639]
    green[640:] = (0, 135, 0)
    grey[:] = 130
    small = Image.fromarray(clean).resize((WIDTH // 24, HEIGHT // 24), Image.Resampling.BOX)
    noise = np.random.default_rng(0).standard_normal((HEIGHT, WIDTH, 1)) * 45
    return {
        "clean": whole,
        "truncated": half,
        "truncated, re-ended": half + b"\xff\xd9",
        "no end marker": whole[:-2],
        "smeared": jpeg(smear),
        "green": jpeg(green),
        "grey": jpeg(grey),
        "black": jpeg(np.zeros_like(clean)),
        "white": jpeg(np.full_like(clean, 255)),
        "blurred": jpeg(np.asarray(small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))),
        "noisy": jpeg(np.clip(clean + noise, 0, 255).astype(np.uint8)),
    }


def timed(jobs: dict[str, Callable[[bytes], object]], files: Sequence[bytes]) -> dict[str, list[list[float]]]:
    """Return the milliseconds of each job by file and round; the jobs by turns, so that load hits them alike."""
    times: dict[str, list[list[float]]] = {name: [] for name in jobs}
    for data in files:
        rounds: dict[str, list[float]] = {name: [] for name in jobs}
        for _ in range(ROUNDS):
            for name, job in jobs.items():
                start = perf_counter()
                job(data)
                rounds[name].append((perf_counter() - start) * 1000)
        for name in jobs:
            times[name].append(rounds[name])
    return times


def ratio(rounds: Sequence[Sequence[float]], peers: Sequence[Sequence[float]]) -> float:
    """Return the median over the files of the median ratio of a job to its peer of the same round.

    What slows a round down, load or a clock that changes, does so to both; of a job's median and its peer's, each may
    be from another moment.
    """
    return median(
        median(one / other for one, other in zip(times, peer_times, strict=True))
        for times, peer_times in zip(rounds, peers, strict=True)
    )


def measure() -> dict[str, Any]:
    """Return the figures of this process."""
    load_core()
    from timelapser_core.detection import Detector, gate, kernels  # noqa: PLC0415
    from timelapser_core.detection.decode import decode  # noqa: PLC0415
    from timelapser_core.detection.features import measure as features  # noqa: PLC0415
    import turbojpeg  # type: ignore[import-untyped]  # noqa: PLC0415

    files = pictures()
    grey = turbojpeg.TurboJPEG()
    fast, whole = Detector(heavy=False), Detector(heavy=True)
    baseline = whole.evaluate(next(iter(files.values())), when=WHEN).baseline
    planes = {data: decode(data, gate(data)) for data in files.values()}
    times = timed(
        {
            "bare grey decode": lambda data: grey.decode(data, pixel_format=turbojpeg.TJPF_GRAY),
            "gate": gate,
            "decode": lambda data: decode(data, gate(data)),
            "features": lambda data: features(planes[data]),
            "fast": lambda data: fast.evaluate(data, when=WHEN),
            "whole": lambda data: whole.evaluate(data, when=WHEN, baseline=baseline),
        },
        list(files.values()),
    )
    bare = times["bare grey decode"]
    verdicts = {}
    for name, data in damaged(scene(1, 1.0)).items():
        found = whole.evaluate(data, when=WHEN)
        verdicts[name] = {
            "score": found.score,
            "verdict": found.verdict,
            "faults": [fault.kind for fault in found.faults],
        }
    return {
        "opencv": kernels.available(),
        "pictures": len(files),
        "mean_kb": round(sum(map(len, files.values())) / len(files) / 1000),
        "stages": {
            name: {
                "median_ms": round(median(map(median, rounds)), 3),
                "p95_ms": round(quantiles(map(median, rounds), n=20)[-1], 3),
                "ratio": round(ratio(rounds, bare), 3),
            }
            for name, rounds in times.items()
        },
        "verdicts": verdicts,
    }


def in_process(*, opencv: bool) -> dict[str, Any]:
    """Return the figures of a fresh process that may or may not load OpenCV."""
    block = "" if opencv else "import sys; sys.modules['cv2'] = None; "
    code = f"{block}import json; from benchmarks.detection.speed import measure; print(json.dumps(measure()))"
    done = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def report(result: dict[str, Any]) -> None:
    """Print the figures of one process."""
    words = "with OpenCV" if result["opencv"] else "without OpenCV"
    print(f"{words}: {result['pictures']} pictures of {WIDTH}x{HEIGHT}, mean {result['mean_kb']} kB")
    print(f"  {'stage':18} {'median':>9} {'p95':>9} {'ratio':>7}  limit")
    for name, stage in result["stages"].items():
        limit = TARGETS.get(name)
        told = f"{limit:5.1f}" + ("" if stage["ratio"] <= limit else "  over") if limit else ""
        print(f"  {name:18} {stage['median_ms']:6.2f} ms {stage['p95_ms']:6.2f} ms {stage['ratio']:7.2f}  {told}")


def compare() -> list[dict[str, Any]]:
    """Measure in two processes, with OpenCV and without, and print both."""
    results = [in_process(opencv=True), in_process(opencv=False)]
    for result in results:
        report(result)
    print("verdicts of the generated pictures (a check that all works, not an accuracy):")
    for name, found in results[-1]["verdicts"].items():
        score = "-" if found["score"] is None else f"{found['score']:5.1f}"
        print(f"  {name:20} {score:>6} {found['verdict']:10} {', '.join(found['faults'])}")
    return results
