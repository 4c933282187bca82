"""The pixel primitives: right by themselves, and the same by numpy and by OpenCV."""

import json
from pathlib import Path
import subprocess
import sys

import numpy as np
import pytest
from timelapser_core.detection import Detector, kernels

from tests.core import pictures

OPENCV = kernels.available()
SCORES = """
import json, sys
sys.modules['cv2'] = None
sys.path.insert(0, {root!r})
import tests.core.conftest
from datetime import UTC, datetime
from pathlib import Path
from timelapser_core.detection import Detector, kernels
found = [Detector().evaluate(Path(name).read_bytes(), when=datetime.now(UTC)) for name in {names!r}]
print(json.dumps([kernels.available(), [[one.score, one.verdict] for one in found]]))
"""


@pytest.mark.parametrize("factor", [1, 2, 3, 5, 7])
def test_shrink_takes_block_means(factor: int) -> None:
    plane = np.random.default_rng(1).integers(0, 256, (factor * 20 + factor // 2, factor * 30 + 1), dtype=np.uint8)
    blocks = plane[: factor * 20, : plane.shape[1] // factor * factor].reshape(20, factor, -1, factor)
    means = blocks.mean(axis=(1, 3)) if factor < 4 else blocks[:, [0, factor // 2]].mean(axis=(1, 3))
    shrunk = kernels.shrink(plane, factor)
    assert np.abs(shrunk - means).max() <= 0.5


@pytest.mark.parametrize("factor", [4, 8, 12, 16])
def test_shrink_by_fours_takes_the_means_of_some_rows(factor: int) -> None:
    plane = np.full((factor * 9, factor * 11), 255, dtype=np.uint8)
    assert (kernels.shrink(plane, factor) == 255).all()
    plane[:, ::2] = 1
    assert (kernels.shrink(plane, factor) == 128).all()


@pytest.mark.parametrize("size", [(360, 640), (396, 704), (363, 643)])
@pytest.mark.parametrize("across", [True, False])
def test_three_quarters_sees_waves_as_means_do(size: tuple[int, int], across: bool) -> None:
    """A wave keeps of its height what a mean over 4/3 pixels leaves, sin(x) / x; a plain mean of pixels leaves less."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    for frequency in (0.05, 0.1, 0.2, 0.3, 0.36):
        wave = np.sin(2 * np.pi * frequency * ((columns if across else rows) + 0.5) + 1)
        plane = np.rint(128 + 100 * wave).astype(np.uint8)
        seen = kernels.three_quarters(plane).astype(int)
        assert seen.shape == (size[0] // 4 * 3, size[1] // 4 * 3)
        places = (np.arange(seen.shape[across]) + 0.5) * 4 / 3
        expected = 100 * np.sinc(frequency * 4 / 3) * np.sin(2 * np.pi * frequency * places + 1)
        found = seen[seen.shape[0] // 2] if across else seen[:, seen.shape[1] // 2]
        assert np.abs(found - 128 - expected)[2:-2].max() < 12
        assert np.ptp(found) == pytest.approx(200 * np.sinc(frequency * 4 / 3), rel=0.13)


def test_three_quarters_of_one_level_are_that_level() -> None:
    for level in (0, 1, 128, 254, 255):
        assert (kernels.three_quarters(np.full((360, 640), level, np.uint8)) == level).all()


def test_halve_takes_block_means() -> None:
    plane = np.random.default_rng(2).random((41, 61), dtype=np.float32)
    expected = plane[:40, :60].reshape(20, 2, 30, 2).mean(axis=(1, 3))
    assert np.allclose(kernels.halve(plane), expected, atol=1e-6)
    whole = (plane * 255).astype(np.uint8)
    assert (kernels.halve_bytes(whole) == kernels.halve(whole.astype(np.float32))).all()


def test_histogram_counts() -> None:
    plane = np.random.default_rng(3).integers(0, 256, (90, 160), dtype=np.uint8)
    assert (kernels.histogram(plane) == np.bincount(plane.ravel(), minlength=256)).all()


def test_detail_is_blind_to_ramps_and_answers_to_a_point() -> None:
    ramp = np.add.outer(np.arange(20, dtype=np.uint8), 2 * np.arange(30, dtype=np.uint8))
    energy, residual = kernels.detail(ramp)
    assert (energy, residual.max()) == (0, 0)
    point = np.zeros((9, 9), np.uint8)
    point[4, 4] = 10
    energy, residual = kernels.detail(point)
    assert energy * 49 == pytest.approx(40**2 + 4 * 10**2)
    assert residual[3, 3] == 40
    assert kernels.energy(kernels.laplacian(point.astype(np.float32))) == pytest.approx(energy)


def test_cells() -> None:
    plane = np.random.default_rng(4).integers(0, 256, (50, 70), dtype=np.uint8)
    cells = plane[:48, :64].reshape(6, 8, 8, 8)
    low, high = kernels.cell_extremes(plane, 8)
    assert (low == cells.min(axis=(1, 3))).all()
    assert (high == cells.max(axis=(1, 3))).all()
    assert np.allclose(kernels.cell_means(plane, 8), cells.mean(axis=(1, 3)))
    signed = plane.astype(np.int32) - 128
    assert np.allclose(kernels.cell_means(signed, 8), cells.mean(axis=(1, 3)) - 128, atol=1e-4)


def _samples() -> dict[str, bytes]:
    found = {
        f"{name} {width}": pictures.jpeg(pictures.noisy(pictures.scene(name, width, width * 9 // 16), 1.5, 1))
        for name in ("day", "night", "fog")
        for width in (640, 1280, 1920)
    }
    for factor in (6, 9, 10, 11, 12, 18):
        found[f"blurred {factor}"] = pictures.jpeg(
            pictures.noisy(pictures.blurred(pictures.scene("day"), factor), 1, 1)
        )
    for sigma in (10, 14, 18, 25):
        found[f"noisy {sigma}"] = pictures.jpeg(pictures.noisy(pictures.scene("day"), sigma, 1))
    return found


@pytest.mark.skipif(not OPENCV, reason="OpenCV is not installed")
def test_scores_agree_without_opencv(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    before = kernels.opencv_calls
    names, scores = [], []
    for number, data in enumerate(_samples().values()):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(data)
        names.append(str(path))
        found = Detector().evaluate(data, when=datetime.now(UTC))
        scores.append((found.score, found.verdict))
    assert kernels.opencv_calls > before
    script = SCORES.format(root=str(Path(__file__).parents[3]), names=names)
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    available, others = json.loads(done.stdout)
    assert available is False
    assert len({score for score, _ in scores}) > 4
    for (score, verdict), (other_score, other_verdict) in zip(scores, others, strict=True):
        assert abs(score - other_score) <= 1
        assert verdict == other_verdict
