"""What is remembered of a camera: at most 2 MB, however long it is watched and whatever it shows."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
import gc
import tracemalloc

import numpy as np
import pytest
from timelapser_core.detection import Baseline, Detector
from timelapser_core.models import Light, SceneContext

from tests.core import pictures

LIMIT = 2_000_000
"""Bytes that may be remembered of a camera."""
START = datetime(2026, 6, 1, tzinfo=UTC)
SIZE = (320, 180)
LIGHTS = {Light.DAY: ("day", 40.0), Light.TWILIGHT: ("dusk", 0.0), Light.NIGHT: ("night", -30.0)}
"""What the camera shows in each light, and where the sun stands."""
FRAMES = 240
CAMERAS = 50


def frames(seed: int, count: int) -> Iterator[tuple[bytes, datetime, SceneContext]]:
    """Yield the pictures of some days, 20 minutes apart: all lights, moving clouds, weather, sensor noise."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        name, elevation = list(LIGHTS.values())[number % 3]
        scene = pictures.scene(name, *SIZE, seed=1 + seed % 3).astype(np.float32)
        veil = pictures.fractal(*SIZE, 5)[..., None] * rng.uniform(0, 6)
        weathered = np.clip(np.roll(veil, number * 7, axis=1) + scene * rng.uniform(0.85, 1.15), 0, 255)
        data = pictures.jpeg(pictures.noisy(weathered.astype(np.uint8), 2, number))
        yield data, START + timedelta(minutes=20 * number), SceneContext(sun_elevation=elevation)


def watched(baseline: Baseline, seed: int, count: int) -> Baseline:
    """Return what is remembered after some pictures more."""
    detector = Detector()
    for data, when, context in frames(seed, count):
        baseline = detector.evaluate(data, when=when, baseline=baseline, context=context).baseline
    return baseline


def retained[T](make: Callable[[], T]) -> tuple[T, int]:
    """Return what a function made, and the bytes that are held since."""
    gc.collect()
    tracemalloc.start()
    try:
        made = make()
        gc.collect()
        return made, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def full() -> tuple[Baseline, int]:
    """Return what is remembered of a camera that was long watched, and the memory that this takes."""
    for seed in range(3):
        watched(Baseline.empty(), seed, 6)
    return retained(lambda: watched(Baseline.empty(), 0, FRAMES))


def test_a_full_memory_is_within_its_limit(full: tuple[Baseline, int]) -> None:
    baseline, held = full
    assert set(baseline.accepted) == set(Light)
    assert held <= LIMIT
    assert len(baseline.to_bytes()) <= LIMIT


def test_a_full_memory_grows_no_more(full: tuple[Baseline, int]) -> None:
    baseline, held = full
    later, more = retained(lambda: watched(baseline, 1, FRAMES // 2))
    assert later.accepted != baseline.accepted
    assert len(later.to_bytes()) <= 1.1 * len(baseline.to_bytes())
    assert more <= 1.1 * held


def test_fifty_cameras_take_fifty_times_as_much_at_most(full: tuple[Baseline, int]) -> None:
    """Each is read back as after a restart, and goes on with pictures of its own."""
    packed = full[0].to_bytes()

    def start() -> list[Baseline]:
        return [watched(Baseline.from_bytes(packed), seed, 3) for seed in range(CAMERAS)]

    cameras, held = retained(start)
    assert held <= CAMERAS * LIMIT
    assert max(len(camera.to_bytes()) for camera in cameras) <= LIMIT


def test_a_memory_that_keeps_the_pictures_would_be_seen() -> None:
    _, held = retained(lambda: [(data, np.frombuffer(data * 20, np.uint8)[:1]) for data, _, _ in frames(0, 12)])
    assert held > LIMIT
