"""The detector on single pictures: what is wrong is found and named, what is well is left alone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
import struct

import numpy as np
import pytest
from timelapser_core.detection import Detector, Evaluation, decode as decode_module, gate
from timelapser_core.detection.damage import DAMAGE_FEATURES
from timelapser_core.detection.decode import decode
from timelapser_core.detection.exchange import EXCHANGE_FEATURES
from timelapser_core.detection.features import FEATURES, measure
from timelapser_core.detection.hints import MOST_POINTS
from timelapser_core.detection.lost import LOST_FEATURES
from timelapser_core.detection.scene import SCENE_FEATURES
from timelapser_core.detection.shake import SHAKE_FEATURES
from timelapser_core.detection.spots import SPOT_FEATURES
from timelapser_core.errors import Code, ImageError
from timelapser_core.models import (
    FaultKind,
    FetchEvidence,
    FetchStrategy,
    Freshness,
    Light,
    QualityPolicy,
    SceneContext,
    Verdict,
)

from tests.core import pictures
from tests.core.pictures import Rgb

WHEN = datetime(2026, 6, 1, 12, tzinfo=UTC)
CLOCK = "2026-06-01 12:00:00"


def looked_at(data: bytes, **options: object) -> Evaluation:
    return Detector().evaluate(data, when=WHEN, **options)


def kinds(found: Evaluation) -> set[FaultKind]:
    return {fault.kind for fault in found.faults}


def day() -> Rgb:
    return pictures.scene("day").copy()


def painted(rows: slice, columns: slice, colour: tuple[int, int, int]) -> Rgb:
    picture = day()
    picture[rows, columns] = colour
    return picture


def lamp_in_the_dark() -> Rgb:
    picture = pictures.flat((3, 3, 4))
    y, x = np.ogrid[:720, :1280]
    picture[np.hypot(x - 400, y - 330) < 9] = (255, 240, 200)
    return picture


def smeared(top: int) -> Rgb:
    picture = day()
    picture[top:] = picture[top - 1]
    return picture


def faint_night() -> Rgb:
    return pictures.noisy((pictures.scene("night") * 0.18).astype(np.uint8) + np.uint8(3), 1.4, 5)


def windowless_grey_mask() -> Rgb:
    return painted(slice(400, 720), slice(150, 700), (128, 128, 128))


def fade_to_grey() -> Rgb:
    share = np.clip((np.arange(720)[:, None, None] - 250) / 500, 0, 0.9)
    return (day() * (1 - share) + 128 * share).astype(np.uint8)


CLEAN: dict[str, Rgb] = {
    **{name: pictures.noisy(pictures.scene(name), 1.5, 3) for name in pictures.SCENES},
    "one lamp": lamp_in_the_dark(),
    "letterbox": painted(slice(640, 720), slice(None), (0, 0, 0)),
    "pillarbox": painted(slice(None), slice(0, 200), (0, 0, 0)),
    "black mask at the bottom": painted(slice(400, 720), slice(150, 700), (0, 0, 0)),
    "grey mask at the bottom": windowless_grey_mask(),
    "dark bar with a clock": pictures.with_clock(painted(slice(0, 40), slice(None), (40, 40, 40)), CLOCK),
    "light bar at the bottom": painted(slice(690, 720), slice(None), (200, 200, 200)),
    "meadow": np.clip(pictures.scene("day") * np.array((0.45, 1.0, 0.25)), 0, 255).astype(np.uint8),
    "clock": pictures.with_clock(pictures.scene("night"), CLOCK),
    "fade to grey": pictures.noisy(fade_to_grey(), 1.0, 3),
}


@pytest.mark.parametrize("name", CLEAN)
@pytest.mark.parametrize("quality", [30, 60, 90])
def test_clean_picture_is_good(name: str, quality: int) -> None:
    found = looked_at(pictures.jpeg(CLEAN[name], quality))
    assert found.verdict is Verdict.GOOD, found.faults
    assert kinds(found) <= ({FaultKind.FILM} if name == "wall" else set())
    assert found.score >= (75 if name == "wall" else 100 - MOST_POINTS)


@pytest.mark.parametrize("colour", [(0, 0, 0), (2, 2, 2), (16, 16, 16)])
@pytest.mark.parametrize("clock", [False, True])
def test_black_is_bad_whatever_the_clock_says(colour: tuple[int, int, int], clock: bool) -> None:
    picture = pictures.flat(colour)
    found = looked_at(pictures.jpeg(pictures.with_clock(picture, CLOCK) if clock else picture))
    assert found.verdict is Verdict.BAD
    assert kinds(found) == {FaultKind.BLACK}


def test_dark_night_with_faint_texture_is_suspect_at_most() -> None:
    found = looked_at(pictures.jpeg(faint_night()))
    assert found.verdict.kept
    assert found.light is Light.NIGHT


@pytest.mark.parametrize(
    ("colour", "kind"),
    [
        ((255, 255, 255), FaultKind.WHITE),
        ((250, 250, 250), FaultKind.WHITE),
        ((128, 128, 128), FaultKind.GREY),
        ((130, 130, 130), FaultKind.GREY),
        ((0, 135, 0), FaultKind.GREEN),
        ((255, 0, 255), FaultKind.PINK),
        ((20, 40, 160), FaultKind.UNIFORM),
        ((90, 90, 90), FaultKind.UNIFORM),
    ],
)
@pytest.mark.parametrize("clock", [False, True])
def test_one_colour_is_bad_and_named(colour: tuple[int, int, int], kind: FaultKind, clock: bool) -> None:
    picture = pictures.flat(colour)
    found = looked_at(pictures.jpeg(pictures.with_clock(picture, CLOCK) if clock else picture))
    assert found.verdict is Verdict.BAD
    assert kind in kinds(found)


def test_slate_with_a_text_is_uniform() -> None:
    slate = pictures.flat((30, 60, 140))
    slate[330:370, 500:780] = pictures.scene("day")[330:370, 500:780]
    found = looked_at(pictures.jpeg(slate))
    assert found.verdict is Verdict.BAD
    assert found.faults[0].kind is FaultKind.UNIFORM


def test_start_in_mid_stream_is_grey_with_faint_edges() -> None:
    picture = np.full((720, 1280, 3), 130, np.uint8)
    picture[200:360, 300:500] = np.clip(130 + (pictures.scene("day")[200:360, 300:500].astype(int) - 100) // 6, 0, 255)
    found = looked_at(pictures.jpeg(picture))
    assert found.verdict is Verdict.BAD
    assert FaultKind.GREY in kinds(found)


@pytest.mark.parametrize("share", [0.05, 0.08, 0.12])
def test_start_in_mid_stream_is_bad_however_much_of_the_picture_stirs(share: float) -> None:
    for width, height in ((640, 360), (1280, 720), (1920, 1080)):
        view = pictures.resized(pictures.scene("day", 1920, 1080), width, height)
        change = view - pictures.blurred(view, 8 * width // 640).astype(np.float32)
        found = looked_at(pictures.jpeg((129.5 + share * change).astype(np.uint8)))
        assert found.verdict is Verdict.BAD, width
        assert kinds(found) & {FaultKind.GREY, FaultKind.UNIFORM}


@pytest.mark.parametrize("share", [0.02, 0.3, 0.62, 0.95, 0.999])
@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("turbo", [True, False])
def test_cut_jpeg_is_truncated(monkeypatch: pytest.MonkeyPatch, share: float, end: bool, turbo: bool) -> None:
    if not turbo:
        monkeypatch.setattr(decode_module, "_turbo", lambda: None)
    if end and not turbo and share > 0.99:
        pytest.skip("four blocks of grey in a corner, and no decoder that says anything")
    data = pictures.cut(pictures.jpeg(pictures.scene("day")), share)
    found = looked_at(pictures.re_ended(data) if end else data)
    assert found.verdict is Verdict.BAD
    assert FaultKind.TRUNCATED in kinds(found)


def cuts(data: bytes) -> list[int]:
    """Return lengths all over the scans of a JPEG, and every one near its end, but for the end marker."""
    return [*range(pictures.scan_start(data), len(data) - 200, 29), *range(len(data) - 200, len(data) - 2)]


def test_jpeg_cut_at_any_byte_of_its_scan_is_truncated_and_only_its_end_marker_may_lack() -> None:
    data = pictures.jpeg(pictures.scene("day", 160, 90))
    assert decode(data, gate(data)).watched
    assert [length for length in cuts(data) if FaultKind.TRUNCATED not in kinds(looked_at(data[:length]))] == []
    for length in (len(data) - 2, len(data) - 1):
        assert FaultKind.TRUNCATED not in kinds(looked_at(data[:length]))
        assert FaultKind.NO_END_MARKER in kinds(looked_at(data[:length]))


def test_progressive_jpeg_cut_at_any_byte_is_rejected_or_flagged() -> None:
    """Cut exactly between two of its scans it is a whole coarse picture; elsewhere the decoder trips."""
    data = pictures.jpeg(pictures.scene("day", 160, 90), progressive=True)
    border = [at for at in range(len(data) - 1) if data[at : at + 2] in (b"\xff\xda", b"\xff\xc4")]
    whole = {length for at in border for length in (at, at + 1)}
    kept = [length for length in cuts(data) if looked_at(data[:length]).verdict.kept]
    assert whole.issuperset(kept)
    assert all(looked_at(data[:length]).faults for length in whole if length > 600)


def test_truncated_words_say_where() -> None:
    found = looked_at(pictures.re_ended(pictures.cut(pictures.jpeg(pictures.scene("day")), 0.5)))
    fault = found.faults[0]
    assert fault.where == "from 62 % of the height"
    assert fault.words == "flat grey from 62 % of the height"


@pytest.mark.parametrize("turbo", [True, False])
@pytest.mark.parametrize("name", ["day", "night", "fog", "wall"])
def test_missing_end_marker_costs_points_only(monkeypatch: pytest.MonkeyPatch, turbo: bool, name: str) -> None:
    if not turbo:
        monkeypatch.setattr(decode_module, "_turbo", lambda: None)
    found = looked_at(pictures.jpeg(pictures.noisy(pictures.scene(name), 1, 1))[:-2])
    assert found.verdict is Verdict.GOOD
    assert kinds(found) - {FaultKind.FILM} == {FaultKind.NO_END_MARKER}
    assert 75 <= found.score < 100


def test_tail_after_the_end_is_accepted() -> None:
    data = pictures.jpeg(pictures.scene("day"))
    found = looked_at(data + b"dhav\0\1\2\3")
    assert (found.verdict, found.score) == (Verdict.GOOD, looked_at(data).score)


def test_zero_run_in_the_data_is_bad() -> None:
    data = pictures.jpeg(pictures.scene("day"))
    found = looked_at(data[:60_000] + bytes(2048) + data[62_048:])
    assert found.verdict is Verdict.BAD


def test_data_that_have_no_place_are_damage() -> None:
    data = pictures.jpeg(pictures.scene("day"))
    found = looked_at(data[:-2] + b"\x12\x34" * 300 + data[-2:])
    assert kinds(found) == {FaultKind.STREAM_DAMAGE}
    assert found.verdict is Verdict.BAD


@pytest.mark.parametrize(
    ("picture", "kind", "words"),
    [
        (painted(slice(448, None), slice(None), (128, 128, 128)), FaultKind.TRUNCATED, "flat grey from 62 %"),
        (painted(slice(448, None), slice(None), (0, 135, 0)), FaultKind.GREEN, "flat green from 62 %"),
        (smeared(448), FaultKind.TRUNCATED, "one row repeated from 62 %"),
        (painted(slice(300, 348), slice(None), (0, 135, 0)), FaultKind.GREEN, "4 % of the height is flat green"),
        (painted(slice(300, 348), slice(None), (128, 128, 128)), FaultKind.GREY, "4 % of the height is flat grey"),
        (painted(slice(100, 500), slice(300, 1000), (255, 0, 255)), FaultKind.PINK, "magenta"),
    ],
    ids=["grey bottom", "green bottom", "smear", "green stripe", "grey stripe", "magenta"],
)
def test_part_that_a_decoder_made_up_is_bad(picture: Rgb, kind: FaultKind, words: str) -> None:
    found = looked_at(pictures.jpeg(picture))
    assert found.verdict is Verdict.BAD
    assert any(fault.kind is kind and words in fault.words for fault in found.faults), found.faults


def half_of_a_key_frame(**options: str) -> Rgb:
    """Return what the decoder shows of a key frame of which two thirds are lost."""
    packet = pictures.h264([pictures.scene("day")], crf="24")[0]
    cut = bytes(packet)[: packet.size // 3]
    (frame,) = pictures.decoded([pictures.av.Packet(cut)], flags="+output_corrupt", **options)
    return frame


def test_key_frame_that_was_cut_is_truncated() -> None:
    found = looked_at(pictures.jpeg(half_of_a_key_frame(), 92))
    assert found.verdict is Verdict.BAD
    assert FaultKind.TRUNCATED in kinds(found)


@pytest.mark.parametrize("evidence", [{"is_corrupt": True}, {"decoder_errors": 2}])
def test_decoder_errors_of_the_stream_reject(evidence: dict[str, object]) -> None:
    found = looked_at(
        pictures.jpeg(pictures.scene("day")), evidence=FetchEvidence(strategy=FetchStrategy.STREAM, **evidence)
    )
    assert found.verdict is Verdict.BAD
    assert kinds(found) == {FaultKind.STREAM_DAMAGE}


@pytest.mark.parametrize("name", ["day", "infrared", "snow"])
def test_blur_on_a_single_picture_is_suspect_and_never_bad(name: str) -> None:
    data = pictures.jpeg(pictures.noisy(pictures.blurred(pictures.scene(name), 18), 1, 1))
    found = looked_at(data)
    assert kinds(found) == {FaultKind.BLUR}
    assert found.verdict is Verdict.SUSPECT
    assert Detector("high", reject_below=90).evaluate(data, when=WHEN).verdict is Verdict.SUSPECT


def shaken(rgb: pictures.Rgb, down: int, across: int) -> pictures.Rgb:
    """Return a picture that moved by so many pixels while it was taken."""
    steps = max(down, across)
    moved = [np.roll(rgb, (down * at // steps, across * at // steps), (0, 1)) for at in range(steps)]
    return np.mean(moved, axis=0).astype(np.uint8)


@pytest.mark.parametrize(("down", "across"), [(0, 45), (45, 0), (32, 32)])
def test_a_camera_that_shook_is_suspect_on_a_single_picture(down: int, across: int) -> None:
    picture = pictures.scene("day")
    found = looked_at(pictures.jpeg(pictures.noisy(shaken(picture, down, across), 1, 1)))
    assert (found.verdict, kinds(found)) == (Verdict.SUSPECT, {FaultKind.BLUR})
    assert looked_at(pictures.jpeg(pictures.noisy(picture, 1, 1))).verdict is Verdict.GOOD


@pytest.mark.parametrize(
    ("name", "down", "across"), [("along_axis", 0, 45), ("along_axis", 45, 0), ("along_diagonal", 32, 32)]
)
def test_a_shake_behind_grain_is_the_same_in_all_sizes(name: str, down: int, across: int) -> None:
    picture = shaken(pictures.scene("day", 1920, 1080), down, across)
    found = [
        looked_at(pictures.jpeg(pictures.noisy(pictures.resized(picture, *size), 4, 1))).features[name]
        for size in ((640, 360), (1280, 720), (1920, 1080), (3840, 2160))
    ]
    assert max(found) < -2.5
    assert max(found) - min(found) < 0.35


@pytest.mark.parametrize("light", [0.3, 1.0])
def test_a_picture_without_green_is_suspect_in_any_light(light: float) -> None:
    picture = pictures.scene("day") * light
    lost = (picture * (1.05, 0.1, 1.0)).clip(0, 255).astype(np.uint8)
    assert {FaultKind.CAST, FaultKind.PINK} & kinds(looked_at(pictures.jpeg(lost)))
    assert not {FaultKind.CAST, FaultKind.PINK} & kinds(looked_at(pictures.jpeg(picture.astype(np.uint8))))


def test_mist_all_over_a_single_picture_is_suspect_and_its_scene_is_not() -> None:
    picture = pictures.scene("day")
    misted = (pictures.blurred(picture, 8) * 0.12 + picture.mean() * 0.88).astype(np.uint8)
    found = looked_at(pictures.jpeg(pictures.noisy(misted, 1, 1)))
    assert found.verdict is Verdict.SUSPECT
    assert FaultKind.FILM in kinds(found)


def test_noise_costs_with_its_strength_and_rejects_a_single_picture_when_there_is_much() -> None:
    scores = [looked_at(pictures.jpeg(pictures.noisy(pictures.scene("day"), sigma, 1))).score for sigma in (1, 12, 40)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] >= 100 - MOST_POINTS
    assert scores[1] > 50
    assert scores[2] < 50


def test_noise_without_a_scene_is_bad() -> None:
    static = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), dtype=np.uint8)
    found = looked_at(pictures.jpeg(static))
    assert found.verdict is Verdict.BAD
    assert FaultKind.NOISE in kinds(found)


def test_pink_cast_over_everything_is_suspect() -> None:
    cast = np.clip(pictures.scene("snow") * np.array((1.0, 0.7, 0.95)), 0, 255).astype(np.uint8)
    found = looked_at(pictures.jpeg(cast))
    assert found.verdict is Verdict.SUSPECT
    assert kinds(found) == {FaultKind.CAST}


def test_dark_smooth_thing_over_half_of_a_single_picture_is_suspect_and_a_sky_is_not() -> None:
    for level, verdict in (((58, 50, 46), Verdict.SUSPECT), ((190, 200, 215), Verdict.GOOD), ((4, 4, 5), Verdict.GOOD)):
        found = looked_at(pictures.jpeg(pictures.noisy(painted(slice(0, 430), slice(None), level), 1.0, 4)))
        assert found.verdict is verdict
        assert kinds(found) == ({FaultKind.COVERED} if verdict is Verdict.SUSPECT else set())


@pytest.mark.parametrize("share", [0.6, 0.75, 0.82, 0.88, 0.94])
def test_pink_cast_has_one_verdict_in_all_sizes(share: float) -> None:
    view = np.clip(pictures.scene("snow", 3840, 2160) * np.array((1.0, share, 0.95)), 0, 255).astype(np.uint8)
    found = [
        looked_at(pictures.jpeg(pictures.noisy(pictures.resized(view, 16 * height // 9, height), 4, 1), 70))
        for height in (360, 720, 1080, 2160)
    ]
    assert {each.verdict for each in found} == {Verdict.SUSPECT if share < 0.85 else Verdict.GOOD}
    shares = [each.features["cast_share"] for each in found]
    assert max(shares) - min(shares) <= 0.02


@pytest.mark.parametrize(("size", "expected"), [((160, 90), None), ((640, 360), (1280, 720))])
def test_small_and_foreign_sizes_are_suspect(size: tuple[int, int], expected: tuple[int, int] | None) -> None:
    data = pictures.jpeg(pictures.resized(pictures.scene("day"), *size))
    found = looked_at(data, context=SceneContext(expected_size=expected))
    assert FaultKind.TOO_SMALL in kinds(found)
    assert found.verdict is Verdict.SUSPECT


def test_expected_size_is_well() -> None:
    found = looked_at(pictures.jpeg(pictures.scene("day")), context=SceneContext(expected_size=(1280, 720)))
    assert found.verdict is Verdict.GOOD
    assert found.size == (1280, 720)


def test_scores_are_in_order() -> None:
    night = pictures.scene("night")
    whole = pictures.jpeg(pictures.scene("day"))
    black, cut, soft, good = (
        looked_at(data).score
        for data in (
            pictures.jpeg(pictures.flat((0, 0, 0))),
            pictures.re_ended(pictures.cut(whole, 0.9)),
            pictures.jpeg(pictures.blurred(pictures.scene("day"), 8)),
            whole,
        )
    )
    assert black < cut < soft < 100 - MOST_POINTS <= min(good, looked_at(pictures.jpeg(night)).score)


@pytest.mark.parametrize("name", ["day", "night"])
def test_verdict_does_not_depend_on_the_resolution(name: str) -> None:
    original = pictures.noisy(pictures.scene(name, 1920, 1080), 1.5, 3)
    sizes = ((640, 360), (1280, 720), (1920, 1080), (2304, 1296), (3840, 2160))
    for size in sizes:
        found = looked_at(pictures.jpeg(pictures.resized(original, *size)))
        assert found.verdict is Verdict.GOOD, size
        assert kinds(found) <= ({FaultKind.FILM} if name == "night" else set()), size
        cut = pictures.re_ended(pictures.cut(pictures.jpeg(pictures.resized(original, *size)), 0.6))
        assert looked_at(cut).verdict is Verdict.BAD


def test_blur_does_not_depend_on_the_resolution() -> None:
    original = pictures.blurred(pictures.scene("day", 1920, 1080), 27)
    for size in ((640, 360), (1280, 720), (1920, 1080), (3840, 2160)):
        assert looked_at(pictures.jpeg(pictures.resized(original, *size))).verdict is Verdict.SUSPECT, size


@pytest.mark.parametrize("factor", [9, 18])
def test_sharpness_does_not_depend_on_the_resolution(factor: int) -> None:
    original = pictures.blurred(pictures.scene("day", 3840, 2160), factor)
    sizes = ((640, 360), (704, 396), (1184, 666), (1280, 720), (1920, 1080), (3840, 2160))
    found = [looked_at(pictures.jpeg(pictures.noisy(pictures.resized(original, *size), 1, 1))) for size in sizes]
    for name in ("sharpness", "crispness"):
        values = [each.features[name] for each in found]
        assert max(values) < 1.3 * min(values)


@pytest.mark.parametrize("size", [(320, 180), (640, 360), (1280, 720)])
@pytest.mark.parametrize("quality", [70, 75, 80, 90])
def test_black_with_noise_of_half_a_level_is_black_in_all_sizes(quality: int, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(4, 6, (size[1], size[0], 1), dtype=np.uint8).repeat(3, 2)
    found = looked_at(pictures.jpeg(noise, quality))
    assert (found.verdict, found.faults[0].kind) == (Verdict.BAD, FaultKind.BLACK)


@pytest.mark.parametrize("size", [(1024, 64), (64, 1024), (64, 64), (65, 67), (1001, 333)])
def test_odd_sizes_are_measured(size: tuple[int, int]) -> None:
    found = looked_at(pictures.jpeg(pictures.resized(pictures.scene("day"), *size)))
    assert found.score is not None
    assert all(np.isfinite(value) for value in found.features.values())


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_cut_png_and_webp_are_unreadable_and_have_no_score(kind: str) -> None:
    data = pictures.encoded(pictures.scene("day", 640, 360), kind)
    found = looked_at(data[: len(data) // 2])
    assert (found.score, found.verdict, kinds(found)) == (None, Verdict.UNREADABLE, {FaultKind.TRUNCATED})
    assert found.size == (640, 360)
    assert found.light is None


def test_what_no_decoder_reads_is_unreadable() -> None:
    data = bytearray(pictures.jpeg(pictures.scene("day", 320, 180)))
    data[data.index(b"\xff\xc0") + 1] = 0xC3
    found = looked_at(bytes(data))
    assert (found.score, found.verdict, kinds(found)) == (None, Verdict.UNREADABLE, {FaultKind.UNDECODABLE})


def test_what_does_not_pass_the_gate_raises() -> None:
    with pytest.raises(ImageError) as caught:
        looked_at(b"<html>")
    assert caught.value.code is Code.NOT_AN_IMAGE


def test_random_damage_never_raises() -> None:
    rng = np.random.default_rng(7)
    sources = [
        pictures.jpeg(pictures.scene("day", 320, 180)),
        pictures.jpeg(pictures.scene("day", 320, 180), progressive=True),
        pictures.encoded(pictures.scene("day", 320, 180), "PNG"),
        pictures.encoded(pictures.scene("day", 320, 180), "WEBP"),
    ]
    outcomes = {"scored": 0, "unreadable": 0, "refused": 0}
    for number in range(400):
        data = bytearray(sources[number % 4])
        for _ in range(int(rng.integers(1, 6))):
            place = int(rng.integers(2, len(data)))
            data[place : place + int(rng.integers(1, 40))] = rng.bytes(int(rng.integers(0, 40)))
        try:
            found = looked_at(bytes(data))
        except ImageError:
            outcomes["refused"] += 1
        else:
            outcomes["unreadable" if found.score is None else "scored"] += 1
            assert (found.score is None) == (found.verdict is Verdict.UNREADABLE)
    assert outcomes["scored"] > 50
    assert outcomes["unreadable"] > 50


def test_sensitivity_moves_the_limits_and_reject_below_replaces_one() -> None:
    data = pictures.jpeg(pictures.blurred(pictures.scene("day"), 8))
    score = looked_at(data).score
    assert 62 < score < 88
    verdicts = [Detector(word).evaluate(data, when=WHEN).verdict for word in ("low", "high")]
    assert verdicts == [Verdict.GOOD, Verdict.SUSPECT]
    part = painted(slice(0, 470), slice(0, 560), (128, 128, 128))
    middling = pictures.jpeg(part)
    middle = looked_at(middling).score
    assert QualityPolicy().reject_below < middle < 100
    assert Detector(reject_below=middle + 1).evaluate(middling, when=WHEN).verdict is Verdict.BAD
    assert Detector(reject_below=middle - 1).evaluate(middling, when=WHEN).verdict.kept


def test_heavy_checks_run_on_their_own_on_a_suspect_picture() -> None:
    good, blurred = pictures.jpeg(day()), pictures.jpeg(pictures.blurred(day(), 18))
    fast = Detector(heavy=False)
    assert "heavy" not in fast.evaluate(good, when=WHEN).timings
    assert "heavy" in fast.evaluate(blurred, when=WHEN).timings
    assert "heavy" in Detector().evaluate(good, when=WHEN).timings


def test_features_are_those_that_are_documented() -> None:
    data = pictures.jpeg(day())
    assert set(measure(decode(data, gate(data))).features) == set(FEATURES)
    heavy = set(LOST_FEATURES) | set(DAMAGE_FEATURES) | set(SHAKE_FEATURES) | set(SCENE_FEATURES)
    heavy |= set(SPOT_FEATURES) | set(EXCHANGE_FEATURES)
    assert set(looked_at(data).features) == set(FEATURES) | heavy


def test_evaluation_carries_what_the_rest_needs() -> None:
    found = looked_at(pictures.jpeg(day()))
    assert (found.content_type, found.size, found.freshness) == ("image/jpeg", (1280, 720), Freshness.UNPROVEN)
    assert len(found.sha256) == 32
    assert {"gate", "hash", "decode", "features", "verdict", "heavy", "total"} == set(found.timings)
    assert found.timings["total"] >= found.timings["decode"] > 0


@pytest.mark.parametrize(
    ("name", "elevation", "light"),
    [
        ("day", None, Light.DAY),
        ("day", 30.0, Light.DAY),
        ("day", 0.0, Light.TWILIGHT),
        ("dusk", None, Light.NIGHT),
        ("dusk", -3.0, Light.TWILIGHT),
        ("dusk", -20.0, Light.NIGHT),
        ("infrared", None, Light.NIGHT),
        ("infrared", -3.0, Light.NIGHT),
        ("night", None, Light.NIGHT),
        ("night", 20.0, Light.NIGHT),
        ("day", -20.0, Light.TWILIGHT),
    ],
)
def test_light_comes_from_the_picture_and_the_sun(name: str, elevation: float | None, light: Light) -> None:
    found = looked_at(pictures.jpeg(pictures.scene(name)), context=SceneContext(sun_elevation=elevation))
    assert found.light is light


def test_bright_monochrome_picture_is_of_the_day() -> None:
    grey = pictures.scene("snow").mean(axis=2, keepdims=True).repeat(3, axis=2).astype(np.uint8)
    assert looked_at(pictures.jpeg(grey)).light is Light.DAY
    dim = (pictures.scene("day") * 0.55).astype(np.uint8)
    assert looked_at(pictures.jpeg(dim)).light is Light.TWILIGHT


def test_threads_share_a_detector() -> None:
    detector = Detector()
    data = [pictures.jpeg(pictures.scene(name, 640, 360)) for name in ("day", "night", "fog")]
    data.append(pictures.re_ended(pictures.cut(data[0], 0.5)))
    alone = [detector.evaluate(one, when=WHEN) for one in data]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda number: detector.evaluate(data[number % 4], when=WHEN), range(80)))
    for number, found in enumerate(together):
        assert (found.score, found.faults, found.features) == (
            alone[number % 4].score,
            alone[number % 4].faults,
            alone[number % 4].features,
        )


def test_wrong_size_in_the_header_is_not_trusted() -> None:
    data = bytearray(pictures.jpeg(pictures.scene("day", 640, 360)))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 720, 640)
    found = looked_at(bytes(data))
    assert found.verdict is Verdict.BAD
    assert FaultKind.TRUNCATED in kinds(found)


@pytest.mark.parametrize(("level", "sigma"), [(3, 1.5), (8, 2.5), (12, 4.0)])
@pytest.mark.parametrize("size", [(640, 360), (1920, 1080)])
def test_a_cap_on_the_lens_is_bad_by_day_and_noise_alone_is_not_by_night(
    level: int, sigma: float, size: tuple[int, int]
) -> None:
    """A covered sensor still has its noise; a camera without a lamp sees no more at night."""
    capped = pictures.jpeg(pictures.noisy(pictures.flat((level, level, level), *size), sigma, 1))
    for elevation, verdict in ((None, Verdict.BAD), (30.0, Verdict.BAD)):
        evaluation = Detector().evaluate(capped, when=WHEN, context=SceneContext(sun_elevation=elevation))
        assert evaluation.verdict is verdict
    if level <= 12:
        by_night = Detector().evaluate(capped, when=WHEN, context=SceneContext(sun_elevation=-20.0))
        assert by_night.verdict is Verdict.SUSPECT


@pytest.mark.parametrize("share", [0.2, 0.1])
def test_a_dark_night_with_a_distant_lamp_is_kept(share: float) -> None:
    dim = pictures.noisy((pictures.scene("night") * share).astype(np.uint8), 1.5, 2)
    assert Detector().evaluate(pictures.jpeg(dim), when=WHEN).verdict.kept


@pytest.mark.parametrize("size", [(480, 270), (1280, 720)])
def test_one_lost_row_of_macroblocks_at_the_end_is_found(size: tuple[int, int]) -> None:
    """A stream that breaks off in a key frame leaves its last row as a copy of the one above."""
    rgb = pictures.noisy(pictures.scene("day", *size), 1.5, 1)
    lines = size[1] * 16 // 270
    rgb[-lines:] = rgb[-lines - 1]
    evaluation = Detector().evaluate(pictures.jpeg(rgb, 92), when=WHEN)
    assert evaluation.faults[0].kind is FaultKind.TRUNCATED
    assert not evaluation.verdict.kept
