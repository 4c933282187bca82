"""Damage that one frame shows: found, named, placed, graded; and what only looks like it is left alone."""

from collections.abc import Callable
from datetime import UTC, datetime
import io

import numpy as np
from PIL import Image, ImageDraw, ImageFile
import pytest
from timelapser_core.detection import Detector, Evaluation, gate
from timelapser_core.detection.blocks import flat_runs, measure_blocks
from timelapser_core.detection.damage import DAMAGE_FEATURES, measure_damage
from timelapser_core.detection.damaged import of_damage
from timelapser_core.detection.decode import Planes, decode
from timelapser_core.detection.features import FEATURES, measure
from timelapser_core.models import FaultKind, Sensitivity, Verdict

from scripts.dev.scene import Scene
from tests.core import pictures
from tests.core.pictures import Rgb

WHEN = datetime(2026, 6, 1, 12, tzinfo=UTC)
HEIGHT, WIDTH = 720, 1280

type Damage = Callable[[Rgb, float], Rgb]
"""(picture, extent of 0..1) to the damaged picture."""


def looked_at(picture: Rgb, quality: int = 88, sensitivity: Sensitivity = Sensitivity.MEDIUM) -> Evaluation:
    return Detector(sensitivity).evaluate(pictures.jpeg(picture, quality), when=WHEN)


def severity(found: Evaluation, kind: FaultKind) -> float:
    return max((fault.severity for fault in found.faults if fault.kind is kind), default=0.0)


def where(found: Evaluation, kind: FaultKind) -> str:
    return next(fault.where for fault in found.faults if fault.kind is kind)


def day(seed: int = 1) -> Rgb:
    return pictures.noisy(pictures.scene("day", WIDTH, HEIGHT, seed), 1.5, seed)


def banded(picture: Rgb, extent: float) -> Rgb:
    rng, damaged = np.random.default_rng(1), picture.copy()
    for top in range(40, 40 + int(extent * 640), 32):
        damaged[top : top + 3] = rng.integers(0, 256, (3, picture.shape[1], 1))
    return damaged


def torn(picture: Rgb, extent: float) -> Rgb:
    damaged = picture.copy()
    row = 333
    damaged[row:] = np.roll(picture[row:], int(extent * picture.shape[1]), axis=1)
    return damaged


def sheared(picture: Rgb, extent: float) -> Rgb:
    return np.stack([np.roll(row, int(3 * extent * number), axis=0) for number, row in enumerate(picture)])


def colour_beside(picture: Rgb, extent: float) -> Rgb:
    luma, *colours = Image.fromarray(picture).convert("YCbCr").split()
    shifted = [Image.fromarray(np.roll(np.asarray(band), int(extent * picture.shape[1]), axis=1)) for band in colours]
    return np.asarray(Image.merge("YCbCr", (luma, *shifted)).convert("RGB"))


def wrong_level(picture: Rgb, extent: float) -> Rgb:
    """Return a wrong DC level from a block in the middle of a row on, as bit errors leave it."""
    damaged = picture.astype(np.int16)
    top = picture.shape[0] - int(extent * picture.shape[0]) // 16 * 16
    damaged[top : top + 16, picture.shape[1] // 2 // 16 * 16 :] += 30
    damaged[top + 16 :] += 30
    return np.clip(damaged, 0, 255).astype(np.uint8)


def streaked(picture: Rgb, extent: float) -> Rgb:
    """Return rows that go on as streaks, in the middle of the picture, where no check of its end sees them."""
    damaged = picture.copy()
    rows = int(extent * picture.shape[0])
    damaged[480 : 480 + rows] = picture[480]
    return damaged


def peppered(picture: Rgb, extent: float) -> Rgb:
    rng, damaged = np.random.default_rng(2), picture.copy()
    hit = rng.random(picture.shape[:2]) < extent
    damaged[hit] = 255 * rng.integers(0, 2, (int(hit.sum()), 1))
    return damaged


DAMAGES: dict[str, tuple[Damage, FaultKind, tuple[float, float]]] = {
    "bands": (banded, FaultKind.BANDS, (0.15, 0.9)),
    "tearing": (torn, FaultKind.TEARING, (0.08, 0.25)),
    "shear": (sheared, FaultKind.SHEAR, (0.1, 0.6)),
    "colour beside its shapes": (colour_beside, FaultKind.CHROMA_SHIFT, (0.04, 0.12)),
    "wrong level": (wrong_level, FaultKind.BLOCK_LOSS, (0.1, 0.5)),
    "streaks": (streaked, FaultKind.BLOCK_LOSS, (0.1, 0.25)),
    "salt and pepper": (peppered, FaultKind.NOISE, (0.05, 0.2)),
}
"""How it is made, what it is called, and a medium and a severe extent."""


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_named_and_the_worse_the_more_there_is(name: str) -> None:
    damage, kind, (medium, severe) = DAMAGES[name]
    unharmed, some, much = (looked_at(damage(day(), extent)) for extent in (0.0, medium, severe))
    assert severity(unharmed, kind) == 0
    assert unharmed.verdict is Verdict.GOOD
    assert some.verdict is much.verdict is Verdict.BAD
    assert 0.5 < severity(some, kind) <= severity(much, kind) <= 1


@pytest.mark.parametrize("name", sorted(set(DAMAGES) - {"wrong level"}))
@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (2560, 1440)])
def test_severe_damage_is_found_at_any_size(name: str, size: tuple[int, int]) -> None:
    damage, kind, (_, severe) = DAMAGES[name]
    assert severity(looked_at(pictures.resized(damage(day(), severe), *size)), kind) > 0.5


def test_words_and_places_tell_what_was_seen() -> None:
    found = looked_at(wrong_level(day(), 0.2))
    assert where(found, FaultKind.BLOCK_LOSS) == "lower third"
    assert "lower third" in found.faults[0].words
    assert where(looked_at(torn(day(), 0.2)), FaultKind.TEARING) == "at 46 % of the height"
    assert where(looked_at(banded(day(), 0.9)), FaultKind.BANDS) == "upper third"


def test_one_band_alone_is_suspect_at_most() -> None:
    found = looked_at(banded(day(), 0.05))
    assert severity(found, FaultKind.BANDS) > 0
    assert found.verdict is Verdict.SUSPECT


def test_noise_of_the_gain_is_bad_only_when_there_is_much_of_it() -> None:
    quiet, loud = (looked_at(pictures.noisy(pictures.scene("day"), sigma, 3)) for sigma in (6, 60))
    assert quiet.verdict is Verdict.GOOD
    assert (loud.verdict, loud.faults[0].kind) == (Verdict.BAD, FaultKind.NOISE)


def coded(picture: Rgb, rows: int) -> Rgb:
    """Return a picture with a bar code of so many rows burnt in: blocks of light and dark that end on the grid."""
    damaged = picture.copy()
    blocks = np.random.default_rng(3).choice(np.array([20, 230], np.uint8), 32)
    damaged[:rows] = blocks[np.arange(picture.shape[1]) * 32 // picture.shape[1]][:, None]
    return damaged


@pytest.mark.parametrize("size", [(480, 270), (960, 540), (1280, 720), (1920, 1080)])
@pytest.mark.parametrize("rows", [8, 16, 32])
def test_a_code_burnt_in_at_the_top_is_no_lost_block(rows: int, size: tuple[int, int]) -> None:
    if rows > 0.05 * size[1]:
        pytest.skip("more than a bar")
    found = looked_at(coded(pictures.resized(day(), *size), rows))
    assert found.verdict is Verdict.GOOD


def test_rows_of_the_scene_at_the_wrong_place_are_lost_blocks_at_the_top_too() -> None:
    picture = day()
    elsewhere = np.roll(picture[304:336], 640, axis=1)
    found = looked_at(np.concatenate((elsewhere, picture[32:])))
    assert severity(found, FaultKind.BLOCK_LOSS) > 0.5


def as_shown(data: bytes) -> Rgb:
    """Return what software shows that does not mind damage."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


@pytest.mark.parametrize("seed", range(4))
def test_a_jpeg_that_lost_a_packet_is_bad_when_somebody_else_decoded_it(seed: int) -> None:
    whole = pictures.jpeg(day(seed), 85)
    place = pictures.scan_start(whole) + (len(whole) - pictures.scan_start(whole)) // 3
    shown = as_shown(whole[:place].rstrip(b"\xff") + whole[place + 1400 :])
    found = looked_at(shown, 90)
    assert found.verdict is Verdict.BAD
    assert severity(looked_at(as_shown(whole), 90), FaultKind.BLOCK_LOSS) == 0


@pytest.mark.parametrize("seed", range(3))
def test_what_a_decoder_made_up_of_a_cut_video_frame_is_bad(seed: int) -> None:
    packets = pictures.h264([day(seed)], crf="24", x264opts="slices=1")
    data = bytes(packets[0])
    whole = pictures.decoded(packets)[-1]
    cut = type(packets[0])(data[: len(data) // 2])
    shown = pictures.decoded([cut], flags="output_corrupt")
    assert shown, "the decoder shows nothing"
    assert looked_at(shown[-1], 90).verdict is Verdict.BAD
    assert looked_at(whole, 90).verdict is Verdict.GOOD


def as_streamed(drawn: Callable[[float], Rgb], **options: str) -> list[Rgb]:
    """Return pictures of a still camera, five a second, as its H.264 leaves them."""
    frames = [drawn(1.8e9 + number / 5) for number in range(40)]
    return pictures.decoded(pictures.h264(frames, preset="superfast", **options))


@pytest.mark.parametrize("options", [{"crf": "20"}, {"b": "300k"}, {"crf": "36"}], ids=str)
@pytest.mark.parametrize("night", [True, False], ids=["night", "day"])
@pytest.mark.parametrize("size", [(320, 180), (480, 270)])
def test_noise_of_a_small_video_with_a_code_burnt_in_is_no_lost_block(
    size: tuple[int, int], night: bool, options: dict[str, str]
) -> None:
    scene = Scene(*size)
    shown = as_streamed(scene.night if night else scene.render, **options)
    worst = max(severity(looked_at(picture, 92), FaultKind.BLOCK_LOSS) for picture in shown)
    assert worst == 0
    rows = size[1] // 16 * 16
    assert severity(looked_at(wrong_level(shown[0][:rows], 0.5), 92), FaultKind.BLOCK_LOSS) > 0


@pytest.mark.parametrize("count", [40, 60, 80])
def test_the_same_share_of_fewer_runs_says_less(count: int) -> None:
    def excess(count: int) -> float:
        runs = np.full((240, count), 800, np.int16)
        runs[:, ::2] += 20
        runs[128:, ::5] += 400
        return measure_blocks(runs, flat_runs(runs))["loss_excess"]

    assert 0.1 < excess(count) < excess(120) == pytest.approx(excess(160))


def blinds() -> Rgb:
    picture = day()
    picture[100:600:12] //= 3
    picture[101:600:12] //= 3
    picture[102:600:12] //= 2
    return pictures.noisy(pictures.blurred(picture, 3), 2.0, 5)


def bricks() -> Rgb:
    picture = np.full((HEIGHT, WIDTH, 3), (150, 84, 66), np.uint8)
    for course, top in enumerate(range(0, HEIGHT, 24)):
        picture[top : top + 3] = (196, 190, 182)
        for left in range(course % 2 * 32, WIDTH, 64):
            picture[top : top + 24, left : left + 3] = (196, 190, 182)
    light = np.linspace(0.8, 1.1, WIDTH)[None, :, None]
    return pictures.noisy(pictures.blurred((picture * light).clip(0, 255).astype(np.uint8), 2), 2.0, 4)


def letterboxed() -> Rgb:
    picture = day()
    picture[:80] = picture[-80:] = 0
    return picture


def masked() -> Rgb:
    picture = day()
    picture[320:480, 160:800] = 0
    picture[560:, 960:] = 16
    return picture


def captioned() -> Rgb:
    image = Image.fromarray(day())
    draw = ImageDraw.Draw(image)
    draw.text((16, 8), "2026-06-01 12:00:00 Mon", fill=(255, 255, 255), font_size=32)
    draw.text((16, 672), "GARDEN CAMERA 01", fill=(255, 255, 255), font_size=32)
    return np.asarray(image)


def wired() -> Rgb:
    picture = day()
    for top in (60, 75, 92):
        picture[top : top + 2] = (40, 40, 44)
    return picture


def checkered() -> Rgb:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    board = np.where(((y + x // 30) // 50 + x // 50) % 2, 210, 60).astype(np.uint8)
    return pictures.noisy(pictures.blurred(board[..., None].repeat(3, 2), 2), 2.0, 6)


def diagonal() -> Rgb:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = 120 + 60 * np.sin((x + 0.7 * y) / 9) + 20 * np.sin(x / 200)
    return pictures.noisy(waves[..., None].repeat(3, 2).astype(np.uint8), 2.0, 7)


def gained_night() -> Rgb:
    return pictures.noisy(pictures.scene("night"), 5.0, 8)


def fenced() -> Rgb:
    picture = day()
    posts = (np.arange(WIDTH) % 40) < 14
    picture[360:, posts] = (150, 140, 128)
    return pictures.noisy(pictures.blurred(picture, 2), 2.0, 9)


TRAPS: dict[str, Callable[[], Rgb]] = {
    "blinds": blinds,
    "bricks": bricks,
    "letterbox": letterboxed,
    "mask on the grid": masked,
    "burnt-in text": captioned,
    "wires": wired,
    "checkers": checkered,
    "slanted pattern": diagonal,
    "night gain": gained_night,
    "fence": fenced,
}


@pytest.mark.parametrize("name", sorted(set(TRAPS) - {"blinds"}))
def test_coarse_compression_does_not_make_damage_of_it_either(name: str) -> None:
    assert looked_at(TRAPS[name](), 20).verdict.kept


@pytest.mark.parametrize("quality", [50, 90])
@pytest.mark.parametrize("name", TRAPS)
def test_what_only_looks_like_damage_is_not(name: str, quality: int) -> None:
    data = pictures.jpeg(TRAPS[name](), quality)
    planes = decode(data, gate(data))
    measured = measure(planes)
    assert list(of_damage(measured.features | measure_damage(planes, measured.analysis))) == []


@pytest.mark.parametrize("name", pictures.SCENES)
@pytest.mark.parametrize("size", [(320, 180), (1278, 718), (3840, 2160)])
def test_scenes_of_any_size_show_no_damage(name: str, size: tuple[int, int]) -> None:
    data = pictures.jpeg(pictures.scene(name, *size))
    planes = decode(data, gate(data))
    measured = measure(planes)
    assert list(of_damage(measured.features | measure_damage(planes, measured.analysis))) == []


@pytest.mark.parametrize(
    "size", [(1, 1), (8, 8), (63, 64), (64, 63), (65, 9), (9, 300), (300, 9), (127, 129), (4000, 24)]
)
def test_odd_sizes_are_measured_without_a_fault(size: tuple[int, int]) -> None:
    width, height = size
    luma = np.random.default_rng(1).integers(100, 140, (height, width), dtype=np.uint8)
    half = luma[::2, ::2]
    planes = Planes(luma=luma, blue=half, red=half, warning="", watched=True)
    features = measure_damage(planes, luma)
    assert set(features) == set(DAMAGE_FEATURES)
    assert all(np.isfinite(value) for value in features.values())


def test_rows_that_are_not_aligned_in_memory_are_measured_alike() -> None:
    luma = np.ascontiguousarray(day()[..., 1])
    padded = np.zeros((HEIGHT, WIDTH + 13), np.uint8)
    padded[:, 5 : 5 + WIDTH] = luma
    one, other = (
        measure_damage(Planes(luma=plane, blue=None, red=None, warning="", watched=True), luma[::3, ::3])
        for plane in (luma, padded[:, 5 : 5 + WIDTH])
    )
    assert one == other


def lawn_with_a_strip(colour: tuple[int, int, int], columns: slice) -> Rgb:
    picture = pictures.flat((70, 88, 60))
    picture[:240] += 90
    picture = pictures.noisy(picture, 3.0, 11)
    picture[320:384, columns] = colour
    return picture


def test_a_lost_strip_is_found_by_its_colour_where_its_light_is_that_of_the_scene() -> None:
    found = looked_at(lawn_with_a_strip((0, 135, 0), slice(None)))
    assert (found.verdict, found.faults[0].kind) == (Verdict.BAD, FaultKind.GREEN)


def test_a_grey_box_that_leaves_part_of_the_width_is_a_mask() -> None:
    whole, box = (looked_at(lawn_with_a_strip((128, 128, 128), columns)) for columns in (slice(None), slice(100, 1000)))
    assert severity(whole, FaultKind.GREY) > 0.5
    assert severity(box, FaultKind.GREY) == 0


@pytest.mark.parametrize(("light", "verdict"), [(255, True), (3, False)])
def test_a_night_in_which_a_lamp_can_be_seen_is_not_black(light: int, verdict: bool) -> None:
    picture = pictures.noisy(pictures.flat((3, 3, 3)), 1.5, 12)
    picture[300:309, 500:509] = light
    found = looked_at(picture)
    assert found.verdict.kept is verdict
    assert severity(found, FaultKind.BLACK) > 0


@pytest.mark.parametrize(("name", "colour", "noise"), [("day", 0.2, 3), ("snow", 0.5, 2), ("dusk", 1, 8)])
def test_pale_colour_beside_its_shapes_is_told_in_small_pictures_as_in_large_ones(
    name: str, colour: float, noise: float
) -> None:
    values = pictures.scene(name, 1920, 1080).astype(np.float32)
    grey = values.mean(axis=2, keepdims=True)
    pale = (grey + colour * (values - grey)).clip(0, 255).astype(np.uint8)
    for size in ((640, 360), (1280, 720), (1920, 1080), (3840, 2160)):
        picture = pictures.noisy(colour_beside(pictures.resized(pale, *size), 0.06), noise, 1)
        found = looked_at(picture, 80)
        assert (found.verdict, severity(found, FaultKind.CHROMA_SHIFT) > 0.5) == (Verdict.BAD, True), size


@pytest.mark.parametrize("name", ["wall", "fog", "snow"])
def test_the_colour_of_a_few_signs_beside_them_is_told_in_all_sizes(name: str) -> None:
    view = pictures.scene(name, 1920, 1080).mean(axis=2, keepdims=True).astype(np.uint8).repeat(3, axis=2)
    for number in range(4):
        left, top = 200 + number * 375, 300 + number % 3 * 200
        view[top : top + 40, left : left + 40] = (150, 40, 40)
    for size in ((640, 360), (1280, 720), (1920, 1080), (3840, 2160)):
        picture = pictures.resized(view, *size)
        whole, found = (looked_at(pictures.noisy(one, 1, 1)) for one in (picture, colour_beside(picture, 0.05)))
        assert severity(whole, FaultKind.CHROMA_SHIFT) == 0, size
        assert (found.verdict, severity(found, FaultKind.CHROMA_SHIFT) > 0.5) == (Verdict.BAD, True), size


def test_colourless_pictures_have_no_colour_beside_their_shapes() -> None:
    grey = day()[..., :1].repeat(3, 2)
    features = looked_at(grey).features
    assert (features["chroma_gap"], features["chroma_shift"]) == (0.0, 0.0)


def test_damage_has_names_of_its_own() -> None:
    assert not set(DAMAGE_FEATURES) & set(FEATURES)


SIZES = [(640, 360), (1280, 720), (1920, 1080), (3840, 2160)]


def half_straight(width: int, height: int, seed: int) -> Rgb:
    """Return columns half of which go on from top to bottom, as a shake or a low bitrate leaves them."""
    rng = np.random.default_rng(seed)
    runs, thick = width // 8, round(height / 180)
    noise = rng.normal(0, 2.5, (-(-height // thick), runs)) * (rng.random((1, runs)) >= 0.5)
    levels = np.repeat(120 + rng.normal(0, 6, (1, runs)) + noise, thick, axis=0)[:height]
    return np.repeat(np.repeat(levels, 8, axis=1)[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("size", SIZES)
def test_rows_in_which_a_little_more_goes_on_than_in_all_are_no_streaks(size: tuple[int, int], seed: int) -> None:
    picture = half_straight(*size, seed)
    assert looked_at(picture, 92).verdict is Verdict.GOOD
    top, rows = size[1] // 3, size[1] // 8
    picture[top : top + rows] = picture[top]
    assert severity(looked_at(picture, 92), FaultKind.BLOCK_LOSS) > 0.5


def under_a_horizon(width: int, height: int, seed: int) -> Rgb:
    """Return leaves below a sky, none of which goes on from one row to the next."""
    rng = np.random.default_rng(seed)
    coarse = max(1, width // 640)
    grain = rng.normal(0, 1, (height // coarse + 1, width // coarse + 1))
    grain = grain.repeat(coarse, axis=0).repeat(coarse, axis=1)[:height, :width, None]
    values = np.repeat(150 + 12 * grain, 3, axis=2)
    top = int(height * 0.361) // 8 * 8 + 3
    values[top:] = 90 + 25 * grain[top:]
    return values.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("size", SIZES[:3])
def test_what_fits_by_chance_at_some_shift_is_no_tear(size: tuple[int, int], seed: int) -> None:
    assert looked_at(under_a_horizon(*size, seed), 92).features["tear"] < 0.06


def test_a_torn_horizon_is_a_tear() -> None:
    picture = np.array(day())
    picture[333:] = np.roll(under_a_horizon(WIDTH, HEIGHT, 1)[333:] // 2 + picture[333:] // 2, 200, axis=1)
    assert looked_at(picture).features["tear"] > 0.1


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (3840, 2160)])
def test_a_tear_through_a_noisy_night_is_bad_in_larger_pictures(size: tuple[int, int]) -> None:
    night = pictures.noisy(pictures.resized(pictures.scene("night", 1920, 1080), *size), 4, 1)
    picture = night.copy()
    row = int(0.463 * size[1])
    picture[row:] = np.roll(night[row:], int(0.2 * size[0]), axis=1)
    whole, found = looked_at(night), looked_at(picture)
    assert severity(whole, FaultKind.TEARING) == 0
    assert (found.verdict, severity(found, FaultKind.TEARING) > 0.5) == (Verdict.BAD, True)


@pytest.mark.parametrize(("tear", "torn"), [(0.065, False), (0.07, False), (0.088, True)])
def test_hardly_anything_is_between_a_tear_and_none(tear: float, torn: bool) -> None:
    features = dict.fromkeys(DAMAGE_FEATURES, 0.0) | {"noise": 0.0, "tear": tear, "tear_shift": 0.1}
    worst = max((fault.severity for fault in of_damage(features)), default=0.0)
    assert worst > 0.5 if torn else worst == 0


def test_colours_that_change_places_at_a_block_are_no_lost_blocks() -> None:
    values = pictures.scene("day", WIDTH, HEIGHT).astype(np.float32)
    grey = values.mean(axis=2, keepdims=True)
    picture = (grey + 3 * (values - grey)).clip(0, 255).astype(np.uint8)
    for top in (352, 360, 368, 400):
        exchanged = picture.copy()
        exchanged[top:] = picture[top:, :, ::-1]
        found = looked_at(pictures.noisy(exchanged, 1, 1))
        assert (found.verdict, [fault.kind for fault in found.faults]) == (Verdict.SUSPECT, [FaultKind.CAST]), top
        assert found.features["loss_excess"] > 0.05 or top > 368


@pytest.mark.parametrize(("top", "named"), [(0.5, False), (0.51, False), (0.7, True)])
def test_lost_blocks_elsewhere_are_told_beside_exchanged_colours(top: float, named: bool) -> None:
    features = dict.fromkeys(DAMAGE_FEATURES, 0.0) | {"noise": 0.0, "loss_excess": 0.3, "loss_top": top}
    exchanged = features | {"exchange": 1.2, "exchange_top": 0.5}
    assert (FaultKind.BLOCK_LOSS in {fault.kind for fault in of_damage(exchanged)}) is named
    assert FaultKind.BLOCK_LOSS in {fault.kind for fault in of_damage(features)}


def test_a_few_lone_pixels_in_a_small_sharp_picture_are_no_noise() -> None:
    small = pictures.scene("day", 640, 360).copy()
    lone = np.random.default_rng(3).random((360, 640)) < 0.009
    small[lone] = (small[lone].astype(np.int16) + 90).clip(0, 255)
    for size in SIZES[:3]:
        assert looked_at(pictures.resized(small, *size), 95).verdict is Verdict.GOOD, size


def test_rows_that_run_on_are_told_up_to_the_last_column() -> None:
    """Two of 1280 columns fill no block of three; without them the rims fit by 0.40."""
    slanted = np.stack([np.roll(row, int(0.15 * number), axis=0) for number, row in enumerate(day())])
    assert looked_at(slanted).features["slant_sure"] > 0.5


@pytest.mark.parametrize(("blockiness", "named"), [(0.0, True), (2.0, True), (3.1, False)])
def test_coarse_compression_needs_more_to_be_lost_blocks(blockiness: float, named: bool) -> None:
    features = dict.fromkeys(DAMAGE_FEATURES, 0.0) | {"noise": 0.0, "loss_excess": 0.08, "blockiness": blockiness}
    assert (FaultKind.BLOCK_LOSS in {fault.kind for fault in of_damage(features)}) is named
