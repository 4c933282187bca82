"""One picture that was encoded twice, told from two pictures of one scene."""

import io

import numpy as np
from PIL import Image
import pytest
from timelapser_core.detection.decode import decode
from timelapser_core.detection.encoded import contradictions
from timelapser_core.detection.features import PRINT_SIZE, sampled
from timelapser_core.detection.gate import gate
from timelapser_core.detection.prints import Print, luma_steps

from tests.core import pictures

PAIRS = [(85, 85), (85, 82), (88, 78), (80, 83), (75, 72), (95, 90)]


def print_of(data: bytes) -> Print:
    gated = gate(data)
    luma = decode(data, gated).luma
    return Print.of(luma, sampled(luma, PRINT_SIZE), data, gated.content_type)


def seen(name: str, sigma: float, seed: int, quality: int) -> Print:
    return print_of(pictures.jpeg(pictures.noisy(pictures.scene(name), sigma, seed), quality))


@pytest.mark.parametrize(("quality", "other"), PAIRS)
@pytest.mark.parametrize("name", ["day", "infrared", "dusk"])
def test_same_picture_is_told_from_another_one_of_the_same_scene(name: str, quality: int, other: int) -> None:
    first = seen(name, 0.6, 1, quality)
    again = contradictions(first, seen(name, 0.6, 1, other), dark=False)
    assert again.expected > 2
    assert again.found <= 0.15 * again.expected
    live = contradictions(first, seen(name, 0.6, 2, other), dark=False)
    assert live.found >= 0.8 * live.expected > 0


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_what_names_no_steps_cannot_be_told(kind: str) -> None:
    scene = pictures.scene("day")
    without, with_steps = print_of(pictures.encoded(scene, kind)), print_of(pictures.jpeg(scene))
    assert without.steps is None
    for first, now in ((without, without), (without, with_steps), (with_steps, without)):
        assert contradictions(first, now, dark=True) == (0, 0)
    assert contradictions(with_steps, with_steps, dark=True).expected > 10


def test_plain_picture_cannot_be_told() -> None:
    plain = print_of(pictures.jpeg(pictures.flat((90, 90, 90))))
    assert contradictions(plain, plain, dark=True) == (0, 0)


def test_dark_picture_counts_only_where_it_is_asked_for() -> None:
    dark = pictures.noisy(np.clip(pictures.scene("infrared") // 16, 6, 14), 2.0, 1)
    one, other = (print_of(pictures.jpeg(dark, quality)) for quality in (90, 87))
    assert contradictions(one, other, dark=True).expected > 2
    assert contradictions(one, other, dark=False) == (0, 0)


def test_steps_are_read_in_their_places() -> None:
    natural = list(range(1, 65))
    target = io.BytesIO()
    Image.fromarray(pictures.scene("day", 64, 64)).save(target, "JPEG", qtables=[natural, [9] * 64])
    steps = luma_steps(target.getvalue())
    assert steps is not None
    with Image.open(target) as image:
        assert steps.ravel().tolist() == list(image.quantization[0]) == natural


@pytest.mark.parametrize("length", [0, 2, 3, 5, 30, 90])
def test_file_that_ends_before_its_tables_names_no_steps(length: int) -> None:
    assert luma_steps(pictures.jpeg(pictures.scene("day", 64, 64))[:length]) is None


@pytest.mark.parametrize("size", [(64, 64), (70, 333), (320, 180), (3840, 64)])
def test_blocks_lie_on_the_grid_and_outside_of_the_clock(size: tuple[int, int]) -> None:
    width, height = size
    across, down = np.meshgrid(np.arange(width) // 8 % 256, np.arange(height) // 8 % 256)
    for index, plane in enumerate((down, across)):
        luma = plane.astype(np.uint8)
        blocks = Print.of(luma, sampled(luma, PRINT_SIZE), b"", "image/png").blocks
        assert (np.ptp(blocks, axis=(2, 3)) == 0).all()
        if index == 0:
            assert blocks.min() * 8 >= height / 9
            assert (int(blocks.max()) + 1) * 8 <= height * 8 / 9
