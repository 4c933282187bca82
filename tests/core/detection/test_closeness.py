"""How near a picture is to being bad, while it is still good."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
from PIL import Image, ImageFilter
import pytest
from timelapser_core.detection import Baseline, Detector, Evaluation
from timelapser_core.detection.closeness import FOLLOWED
from timelapser_core.models import FaultKind, SceneContext, Verdict

from tests.core import pictures

from .test_history import NOON, known, look, misted, shot

type Grown = Callable[[pictures.Rgb, float], pictures.Rgb]


def defocused(shown: pictures.Rgb, grown: float) -> pictures.Rgb:
    return np.asarray(Image.fromarray(shown).filter(ImageFilter.GaussianBlur(2.5 * grown)))


def mixed(change: Callable[[pictures.Rgb], pictures.Rgb]) -> Grown:
    """Return a change that comes little by little."""

    def grow(shown: pictures.Rgb, grown: float) -> pictures.Rgb:
        return (shown * (1 - grown) + change(shown).astype(np.float32) * grown).astype(np.uint8)

    return grow


GROWING: dict[str, tuple[FaultKind, Grown]] = {
    "focus": (FaultKind.BLUR, defocused),
    "mist": (FaultKind.FILM, mixed(misted)),
    "light": (FaultKind.DARK, mixed(lambda shown: (shown * 0.2).astype(np.uint8))),
    "noise": (FaultKind.NOISE, lambda shown, grown: pictures.noisy(shown, 45 * grown**3, 7)),
    "colour": (FaultKind.CAST, mixed(lambda shown: shown[..., ::-1])),
}


@pytest.mark.parametrize("name", GROWING)
def test_it_rises_with_what_grows_and_tells_of_it_before_a_picture_is_bad(name: str) -> None:
    kind, grow = GROWING[name]
    baseline = known()
    found = [
        look(baseline, shot(40, lambda shown, part=part: grow(shown, part)), 40)
        for part in np.linspace(0, 1, 11).tolist()
    ]
    values = [each.closeness[kind] for each in found if each.verdict.kept]
    assert abs(values[0]) < 0.3
    assert any(0.3 < value < 1 for value in values)
    assert values == sorted(values)
    assert found[-1].verdict is Verdict.BAD
    assert found[-1].closeness.get(kind, 1.0) >= 1


def test_every_kind_that_is_followed_has_one() -> None:
    assert tuple(look(known(), shot(40), 40).closeness) == FOLLOWED


def test_without_a_learned_normal_there_is_none() -> None:
    assert look(Baseline.empty(), shot(0), 0).closeness == {}


def test_another_light_on_the_scene_is_no_departure() -> None:
    """The control is the same scene in the light that is known."""
    night = SceneContext(sun_elevation=-30)

    def judged(baseline: Baseline, light: float, number: int) -> Evaluation:
        when = NOON + number * timedelta(minutes=10)
        return Detector().evaluate(shot(number, light=light), when=when, baseline=baseline, context=night)

    baseline = Baseline.empty()
    for number in range(12):
        baseline = judged(baseline, 0.4, number).baseline
    assert judged(baseline, 0.4, 12).closeness
    assert judged(baseline, 0.14, 12).closeness == {}
