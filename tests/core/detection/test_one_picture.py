"""What one picture alone may show of its lens and its sensor: dirt, colours that changed places, and weak signs."""

from datetime import UTC, datetime

import numpy as np
import pytest
from timelapser_core.detection import Detector, Evaluation
from timelapser_core.detection.decode import Planes
from timelapser_core.detection.exchange import measure_exchange
from timelapser_core.detection.features import measure
from timelapser_core.detection.hints import HINTS, MOST_POINTS, points
from timelapser_core.detection.scene import DETAIL, map_of, measure_scene
from timelapser_core.detection.soft import of_one_picture
from timelapser_core.detection.spots import MOST_SPOTS
from timelapser_core.models import FaultKind, Verdict

from tests.core import pictures
from tests.core.pictures import Rgb

WHEN = datetime(2026, 6, 1, 12, tzinfo=UTC)


def looked_at(picture: Rgb, sensitivity: str = "medium") -> Evaluation:
    return Detector(sensitivity).evaluate(pictures.jpeg(pictures.noisy(picture, 1, 1)), when=WHEN)


def dirty(picture: Rgb, count: int = 15, texture: float = 0) -> Rgb:
    """Return a picture with round blotches that have a soft rim; ``texture`` is the levels of their own."""
    height, width = picture.shape[:2]
    rng = np.random.default_rng(7)
    values = picture.astype(np.float32)
    out_of_focus = pictures.blurred(picture, 40).astype(np.float32)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    for number in range(count):
        across, down = (number % 5 + 0.5) / 5 * width, (number // 5 + 0.5) / 3 * height
        radius = rng.uniform(0.035, 0.05) * width
        distance = np.hypot(x - across, y - down) / radius
        over = np.clip(2 * (1 - distance), 0, 1)[..., None]
        own = texture * rng.standard_normal((height // 4, width // 4)).repeat(4, axis=0).repeat(4, axis=1)[..., None]
        values += (out_of_focus * 0.4 + rng.choice((0, 110)) + own - values) * over
    return values.clip(0, 255).astype(np.uint8)


def test_soft_spots_all_over_a_picture_are_dirt() -> None:
    picture = pictures.scene("day")
    found = looked_at(dirty(picture))
    assert found.verdict is Verdict.SUSPECT
    assert [fault.kind for fault in found.faults] == [FaultKind.DIRT]
    assert looked_at(picture).verdict is Verdict.GOOD


def test_round_things_with_a_texture_of_their_own_are_no_dirt() -> None:
    found = looked_at(dirty(pictures.scene("day"), texture=15))
    assert (found.verdict, found.features["spots"] < 1) == (Verdict.GOOD, True)


def test_spots_are_told_in_pictures_of_any_size() -> None:
    for width, height in ((640, 360), (1920, 1080), (3840, 2160)):
        picture = pictures.resized(dirty(pictures.scene("day")), width, height)
        assert FaultKind.DIRT in {fault.kind for fault in looked_at(picture).faults}, width


def spots_in(picture: Rgb, sizes: tuple[tuple[int, int], ...]) -> list[float]:
    """Return what spots count in a picture in some sizes."""
    return [looked_at(pictures.resized(picture, *size)).features["spots"] for size in sizes]


LARGE = ((1152, 648), (1280, 720), (1920, 1080), (2560, 1440), (3840, 2160))


@pytest.mark.parametrize("name", ["day", "snow"])
def test_spots_are_as_many_in_pictures_of_any_size(name: str) -> None:
    spots = spots_in(dirty(pictures.scene(name)), ((640, 360), (704, 396), *LARGE))
    assert 2.5 < max(spots) < 1.3 * min(spots)


@pytest.mark.parametrize("name", ["day", "snow", "infrared", "dusk"])
def test_a_few_spots_are_as_many_in_pictures_that_are_made_smaller(name: str) -> None:
    """Noise takes a part of a spot away, and not the whole of it."""
    spots = spots_in(dirty(pictures.scene(name), 8), LARGE)
    assert 1 < max(spots) < 1.2 * min(spots)


@pytest.mark.parametrize("top", [300, 360, 420])
def test_red_and_blue_that_change_places_are_a_cast(top: int) -> None:
    picture = pictures.scene("day").copy()
    picture[top:] = picture[top:, :, ::-1]
    found = looked_at(picture)
    assert found.verdict is Verdict.SUSPECT
    (words,) = [fault.words for fault in found.faults if fault.kind is FaultKind.CAST]
    assert words.startswith("red and blue are exchanged from")
    assert found.features["exchange_top"] == pytest.approx(top / 720, abs=0.03)


def test_a_blue_sky_over_sand_is_a_horizon() -> None:
    picture = pictures.scene("fog").astype(np.float32)
    picture[:360] += np.array((-50, 0, 50), np.float32)
    picture[360:] += np.array((50, 0, -50), np.float32)
    found = looked_at(picture.clip(0, 255).astype(np.uint8))
    assert found.features["exchange"] == 0
    assert FaultKind.CAST not in {fault.kind for fault in found.faults}


@pytest.mark.parametrize(("levels", "exchanged"), [(1, False), (8, True)])
def test_one_step_of_colour_in_a_grey_picture_changes_no_places(levels: int, exchanged: bool) -> None:
    """A low bitrate leaves a step of blue in some blocks, and a step of red in those below."""
    steps = np.where(np.arange(640) // 64 % 2, levels, 0).astype(np.uint8)
    blue, red = np.full((2, 360, 640), 128, np.uint8)
    blue[:180] += steps
    red[180:] += steps
    luma = np.full((720, 1280), 120, np.uint8)
    found = measure_exchange(Planes(luma=luma, blue=blue, red=red, warning="", watched=True))
    assert (found["exchange"] > 0.6) == exchanged


def test_a_weak_sign_takes_points_off_a_good_picture_at_any_sensitivity() -> None:
    picture = pictures.scene("day").copy()
    picture[300:420, 300:500] = (200, 150, 200)
    for sensitivity in ("low", "medium", "high"):
        found = looked_at(picture, sensitivity)
        assert (found.verdict, found.faults) == (Verdict.GOOD, ())
        assert 100 - MOST_POINTS <= found.score < looked_at(pictures.scene("day"), sensitivity).score


def test_a_weak_sign_takes_no_good_picture_under_the_limit_that_rejects() -> None:
    picture = pictures.scene("day").copy()
    picture[300:420, 300:500] = (200, 150, 200)
    free, strict = (
        Detector(reject_below=limit).evaluate(pictures.jpeg(pictures.noisy(picture, 1, 1)), when=WHEN)
        for limit in (50.0, 99.5)
    )
    assert free.score < 99.5 <= strict.score
    assert (free.verdict, strict.verdict) == (Verdict.GOOD, Verdict.GOOD)


def test_hints_are_fewer_points_than_any_fault() -> None:
    names = {name for hint in HINTS for name, _ in hint.signs}
    most = dict.fromkeys(names, 0.0)
    for hint in HINTS:
        for name, (_, full) in hint.signs:
            most[name] = full
    assert points(most) == MOST_POINTS < 5
    none = {name: start for hint in HINTS for name, (start, _) in hint.signs}
    assert points(none) < 0.5 * MOST_POINTS


def test_more_spots_than_can_be_are_not_counted() -> None:
    found = looked_at(dirty(pictures.scene("wall")))
    assert 0 < found.features["spots"] <= MOST_SPOTS


@pytest.mark.parametrize(("width", "detail"), [(240, 3.0), (320, 2.585), (360, 2.415), (213, 3.0)])
def test_detail_is_that_of_one_width_in_wider_octaves(width: int, detail: float) -> None:
    seen = np.zeros((6, 18, 32), np.float32)
    seen[1], seen[2] = 3, 2
    assert measure_scene(seen, width)["detail"] == pytest.approx(detail, abs=0.001)


def test_a_dim_picture_has_as_much_detail_with_four_times_the_pixels() -> None:
    """Of both as many pixels are in a mean; with half of the 64 in it, half of the noise would be left."""
    dim = (pictures.scene("dusk", 1920, 1080) // 2 + 20).astype(np.uint8)

    def noise(width: int, height: int) -> float:
        data = pictures.jpeg(pictures.noisy(pictures.resized(dim, width, height), 4, 1), 95)
        return Detector().evaluate(data, when=WHEN).features["noise"]

    assert noise(1920, 1080) == pytest.approx(noise(3840, 2160), abs=0.15)


@pytest.mark.parametrize(("noise", "told"), [(0.25, True), (0.55, False)])
def test_nothing_is_said_to_be_missing_behind_as_much_grain_as_dim_detail(noise: float, told: bool) -> None:
    features = looked_at(pictures.scene("day")).features | {"noise": noise, "peak": 200.0, "crispness": 0.3}
    features |= {"detail": 1.0, "smooth_share": 0.6, "smooth_luma": 60.0, "smooth_darker": 40.0}
    kinds = {fault.kind for fault in of_one_picture(features) if fault.severity > 0.25}
    assert (FaultKind.FILM in kinds, FaultKind.COVERED in kinds) == (told, told)


def test_a_lens_out_of_focus_is_told_in_small_pictures_as_in_large_ones() -> None:
    soft = pictures.blurred(pictures.scene("infrared", 1920, 1080), 24)
    for size in ((640, 360), (1280, 720), (1920, 1080)):
        picture = pictures.noisy(pictures.resized(soft, *size), 2, 1)
        found = Detector().evaluate(pictures.jpeg(picture, 90), when=WHEN)
        assert found.verdict is Verdict.SUSPECT, size
        assert FaultKind.BLUR in {fault.kind for fault in found.faults}


def test_a_small_picture_is_known_by_the_finest_detail_that_it_came_with() -> None:
    sharp = pictures.noisy(pictures.scene("day", 640, 360), 8, 1)

    def octaves(picture: Rgb) -> tuple[float, float]:
        """Return the finest detail of the map, and that of the analysis picture."""
        planes = Planes(luma=np.ascontiguousarray(picture[..., 1]), blue=None, red=None, warning="", watched=True)
        measured = measure(planes)
        assert measured.analysis.shape == (270, 480)
        return float(map_of(planes, measured)[DETAIL][0].mean()), float(np.log2(measured.octaves[0].mean() + 1))

    (mapped, analysed), (mapped_soft, analysed_soft) = octaves(sharp), octaves(pictures.blurred(sharp, 3))
    assert mapped - mapped_soft > 1.1 * (analysed - analysed_soft) > 0


@pytest.mark.parametrize(
    "nearly", [("crispness", 0.58, 0.62), ("sharpness", 1.77, 1.83), ("noise", 0.16, 0.18)], ids=lambda sign: sign[0]
)
def test_a_sign_that_differs_by_little_makes_little_of_a_film_more_or_less(nearly: tuple[str, float, float]) -> None:
    """A mist is the same in pictures of two sizes, the grain and the blocks that are left of it nearly so."""
    name, less, more = nearly
    pale = {"luma_spread": 40.0, "luma_mean": 120.0, "lowest": 90.0, "detail": 1.0}
    base = looked_at(pictures.scene("day")).features | pale
    if name == "crispness":
        base |= {"noise": 0.0, "peak": 250.0}
    else:
        base |= {"noise": 0.2, "peak": 180.0, "crispness": 0.9, "sharpness": 2.0}

    def film(value: float) -> float:
        found = of_one_picture(base | {name: value})
        return max((fault.severity for fault in found if fault.kind is FaultKind.FILM), default=0.0)

    assert film(less) == pytest.approx(film(more), abs=0.1)
    assert 0 < film(less) < 0.45


def test_a_plain_wall_with_grain_is_no_film_and_a_wall_without_any_is() -> None:
    base = looked_at(pictures.scene("wall")).features | {"detail": 1.0, "peak": 180.0, "crispness": 0.9}

    def films(sharpness: float, noise: float) -> list[float]:
        found = of_one_picture(base | {"sharpness": sharpness, "noise": noise})
        return [fault.severity for fault in found if fault.kind is FaultKind.FILM and fault.severity >= 0.25]

    assert (films(2.4, 0.24), films(2.4, 0.1), films(1.2, 0.24)) == ([], [0.45], [0.45])


def test_a_lamp_speaks_against_a_film_the_lighter_the_more() -> None:
    base = looked_at(pictures.scene("wall")).features | {
        "detail": 1.0,
        "crispness": 0.9,
        "sharpness": 1.0,
        "noise": 0.0,
    }
    found = [
        max(fault.severity for fault in of_one_picture(base | {"peak": peak}) if fault.kind is FaultKind.FILM)
        for peak in (180.0, 215.0, 222.0, 230.0, 239.0)
    ]
    assert found[:2] == [0.45, 0.45]
    assert found == sorted(found, reverse=True)
    assert found[2] > 0.25 > found[3] > found[4]
