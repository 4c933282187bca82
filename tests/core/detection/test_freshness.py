"""Stale bytes and frozen pictures, told from a still scene by its noise."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
import io

import numpy as np
from PIL import Image
import pytest
from timelapser_core.detection import Baseline, Detector, Evaluation
from timelapser_core.detection.baseline import Change
from timelapser_core.models import (
    FaultKind,
    FetchEvidence,
    FetchStrategy,
    Freshness,
    Light,
    Verdict,
)

from tests.core import pictures

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
SLOT = timedelta(seconds=60)
STREAM = FetchEvidence(strategy=FetchStrategy.STREAM, freshness=Freshness.PROVEN)
STILL_URL = FetchEvidence(strategy=FetchStrategy.SNAPSHOT, freshness=Freshness.PROVEN)
SIZE = (640, 360)
QUANTISERS = ("27", "24", "30", "24", "27", "30", "30", "24")
"""Of H.264, one for each key frame in turn; those that came before are among the next three."""


def watched(
    stills: Iterable[bytes],
    *,
    every: timedelta = SLOT,
    evidence: FetchEvidence | None = None,
    start: datetime = START,
    stored: bool = True,
) -> list[Evaluation]:
    """Return the evaluations of one camera's pictures, the baseline handed on and ``stored`` in between."""
    detector = Detector(heavy=False)
    baseline, found = Baseline.empty(), []
    for number, data in enumerate(stills):
        found.append(detector.evaluate(data, when=start + number * every, baseline=baseline, evidence=evidence))
        baseline = Baseline.from_bytes(found[-1].baseline.to_bytes()) if stored else found[-1].baseline
    return found


def faults(found: list[Evaluation], kind: FaultKind) -> list[int]:
    """Return the numbers, from 1, of the pictures with this fault."""
    return [number for number, one in enumerate(found, 1) if kind in {fault.kind for fault in one.faults}]


def live(name: str, count: int, sigma: float, quality: int = 85, size: tuple[int, int] = SIZE) -> list[bytes]:
    scene = pictures.scene(name, *size)
    return [
        pictures.jpeg(pictures.with_clock(pictures.noisy(scene, sigma, number), f"12:00:{number:02d}"), quality)
        for number in range(count)
    ]


def key_frames(frames: list[pictures.Rgb], **options: str) -> list[bytes]:
    """Return the stills that a capture layer makes of a stream's key frames."""
    packets = pictures.h264(frames, g="4", keyint_min="4", sc_threshold="0", **options)
    return [pictures.jpeg(frame, 90) for frame in pictures.decoded(packets, keys_only=True)]


def test_first_picture_has_no_past() -> None:
    first = pictures.jpeg(pictures.scene("day", *SIZE))
    assert watched([first])[0].freshness is Freshness.UNPROVEN
    assert watched([first], evidence=STILL_URL)[0].freshness is Freshness.PROVEN


def test_fifth_picture_of_the_same_bytes_is_stale() -> None:
    found = watched([pictures.jpeg(pictures.scene("day", *SIZE))] * 7, evidence=STILL_URL)
    assert [one.freshness for one in found] == [
        Freshness.PROVEN,
        *[Freshness.UNPROVEN] * 3,
        *[Freshness.STALE] * 3,
    ]
    assert faults(found, FaultKind.STALE) == [5, 6, 7]
    assert [one.verdict for one in found] == [Verdict.GOOD] * 4 + [Verdict.BAD] * 3


def test_camera_may_repeat_itself_within_two_key_frame_intervals() -> None:
    still = [pictures.jpeg(pictures.scene("day", *SIZE))]
    found = watched(still * 7, every=timedelta(seconds=4), evidence=STILL_URL)
    assert faults(found, FaultKind.STALE) == [6, 7]
    assert faults(watched(still * 20, every=timedelta(seconds=1), evidence=STILL_URL), FaultKind.STALE) == []


def test_other_bytes_end_it() -> None:
    stills = live("day", 3, 1.0)
    found = watched([stills[0]] * 6 + [stills[1], stills[2]], evidence=STILL_URL)
    assert faults(found, FaultKind.STALE) == [5, 6]
    assert [one.freshness for one in found[6:]] == [Freshness.PROVEN] * 2
    assert [one.verdict for one in found[6:]] == [Verdict.GOOD] * 2


def test_clock_that_was_set_back_makes_nothing_stale() -> None:
    found = watched([pictures.jpeg(pictures.scene("day", *SIZE))] * 8, every=-SLOT, evidence=STILL_URL)
    assert faults(found, FaultKind.STALE) == []


def test_capture_layer_may_know_that_a_picture_is_stale() -> None:
    evidence = FetchEvidence(strategy=FetchStrategy.SNAPSHOT, freshness=Freshness.STALE)
    assert faults(watched(live("day", 1, 1.0), evidence=evidence), FaultKind.STALE) == [1]


def test_stream_is_proven_and_yet_may_be_frozen() -> None:
    found = watched([pictures.jpeg(pictures.scene("day", *SIZE))] * 6, evidence=STREAM)
    assert {one.freshness for one in found} == {Freshness.PROVEN}
    assert faults(found, FaultKind.FROZEN) == [5, 6]


@pytest.mark.parametrize("name", ["night", "infrared", "wall", "fog", "day"])
@pytest.mark.parametrize(("sigma", "quality"), [(0.7, 85), (0.7, 90), (1.0, 85)])
def test_still_scene_with_sensor_noise_is_not_frozen(name: str, sigma: float, quality: int) -> None:
    found = watched(live(name, 9, sigma, quality), evidence=STREAM)
    assert [one.verdict for one in found] == [Verdict.GOOD] * 9


def test_ten_thousand_noisy_pictures_of_a_still_scene_are_not_frozen(pytestconfig: pytest.Config) -> None:
    """One level of noise; the control is the same picture with no noise, under the same clock."""
    count = 10_000 if pytestconfig.getoption("--long") else 100
    scene = pictures.scene("day", 320, 180)
    detector, baseline, alarms = Detector(heavy=False), Baseline.empty(), {1.0: 0, 0.0: 0}
    for sigma, number in ((1.0, count), (0.0, 10)):
        for minute in range(number):
            data = pictures.jpeg(pictures.noisy(scene, sigma, minute), 85)
            found = detector.evaluate(data, when=START + minute * SLOT, baseline=baseline, evidence=STREAM)
            baseline = found.baseline
            alarms[sigma] += bool({FaultKind.FROZEN, FaultKind.STALE} & {fault.kind for fault in found.faults})
        baseline = Baseline.empty()
    assert alarms[1.0] == 0
    assert alarms[0.0] > 0


@pytest.mark.parametrize("size", [(320, 180), (1920, 1080)])
def test_still_night_is_not_frozen_at_any_resolution(size: tuple[int, int]) -> None:
    assert faults(watched(live("night", 6, 0.7, size=size), evidence=STREAM), FaultKind.FROZEN) == []


@pytest.mark.parametrize("options", [{"qp": "30"}, {"crf": "32"}, {"b": "250k", "maxrate": "250k", "bufsize": "250k"}])
@pytest.mark.parametrize("name", ["night", "infrared", "day"])
def test_still_scene_is_not_frozen_after_h264_at_a_low_bitrate(name: str, options: dict[str, str]) -> None:
    scene = pictures.scene(name, *SIZE)
    frames = [pictures.with_clock(pictures.noisy(scene, 0.8, number), f"12:00:{number:02d}") for number in range(36)]
    stills = key_frames(frames, **options)
    assert len(stills) >= 9
    assert faults(watched(stills, evidence=STREAM), FaultKind.FROZEN) == []


def test_black_night_with_only_a_clock_is_not_frozen() -> None:
    dark = np.maximum(pictures.scene("night", *SIZE) // 8, 1)
    stills = [pictures.jpeg(pictures.with_clock(dark, f"12:00:{number:02d}")) for number in range(8)]
    assert faults(watched(stills, evidence=STREAM), FaultKind.FROZEN) == []


@pytest.mark.parametrize("name", ["night", "wall", "day"])
def test_same_picture_under_a_running_clock_is_frozen_at_the_fifth(name: str) -> None:
    scene = pictures.noisy(pictures.scene(name, *SIZE), 1.0, 0)
    stills = [pictures.jpeg(pictures.with_clock(scene, f"12:00:{number:02d}"), 85) for number in range(7)]
    found = watched(stills, evidence=STREAM)
    assert faults(found, FaultKind.FROZEN) == [5, 6, 7]
    assert found[4].verdict is Verdict.BAD
    assert found[4].freshness is Freshness.PROVEN


@pytest.mark.parametrize("name", ["night", "infrared", "day"])
def test_live_camera_that_freezes_is_found_within_five_frames(name: str) -> None:
    moving = live(name, 9, 1.0)
    last = pictures.with_clock(pictures.noisy(pictures.scene(name, *SIZE), 1.0, 50), "12:09:00")
    frozen = [
        pictures.jpeg(pictures.with_clock(last, f"12:10:{number:02d}"), quality)
        for number, quality in enumerate((85,) * 6)
    ]
    assert faults(watched(moving + frozen, evidence=STREAM), FaultKind.FROZEN) == [14, 15]


@pytest.mark.parametrize(("name", "clock"), [("wall", True), ("day", True), ("infrared", False), ("night", False)])
def test_frozen_picture_that_the_camera_encodes_again_is_found(name: str, clock: bool) -> None:
    scene = pictures.scene(name, *SIZE)
    numbers = [*range(36), *[36] * 32]
    frames = [
        pictures.with_clock(pictures.noisy(scene, 1.0, number), f"12:00:{at // 4 if clock else number // 4:02d}")
        for at, number in enumerate(numbers)
    ]
    stills = key_frames(frames, qp="30")
    assert len(stills) == 17
    found = faults(watched(stills, evidence=STREAM), FaultKind.FROZEN)
    assert found
    assert found[0] == 14
    assert found[-1] == 17


def by_turns(frames: list[pictures.Rgb]) -> list[bytes]:
    """Return stills of frames that an encoder of video shows in several ways, as its viewers come and go."""
    return [key_frames([frame], qp=QUANTISERS[number % len(QUANTISERS)])[0] for number, frame in enumerate(frames)]


@pytest.mark.parametrize("name", ["day", "infrared", "night", "wall"])
def test_frozen_picture_that_a_stream_shows_in_several_ways_is_found(name: str) -> None:
    """The control is the live camera with the same encoder; no picture is kept as good amid the frozen ones."""
    scene = pictures.scene(name, *SIZE)
    noisy = [pictures.noisy(scene, 1.0, number) for number in range(24)]
    found = watched(by_turns(noisy[:12] + [noisy[12]] * 12), evidence=STREAM, stored=False)
    frozen = faults(found, FaultKind.FROZEN)
    assert frozen[0] <= 12 + 7
    assert frozen == list(range(frozen[0], 25))
    assert faults(watched(by_turns(noisy), evidence=STREAM, stored=False), FaultKind.FROZEN) == []


def test_freeze_that_a_stream_shows_in_several_ways_ends_with_the_second_live_picture() -> None:
    noisy = [pictures.noisy(pictures.scene("day", *SIZE), 1.0, number) for number in range(30)]
    found = watched(by_turns(noisy[:12] + [noisy[12]] * 9 + noisy[12:20]), evidence=STREAM, stored=False)
    frozen = faults(found, FaultKind.FROZEN)
    assert 21 in frozen
    assert max(frozen) <= 22 + 1


def test_camera_that_turns_to_and_fro_is_not_frozen() -> None:
    """A drawing without noise, as a weather map is: it comes back to what it showed, and has moved in between."""
    ways = [pictures.jpeg(pictures.scene(name, *SIZE)) for name in ("day", "snow", "wall")]
    found = watched(ways * 6, evidence=STREAM, stored=False)
    assert faults(found, FaultKind.FROZEN) == []


@pytest.mark.parametrize("sigma", [0.3, 0.6])
def test_quiet_camera_whose_light_goes_to_and_fro_is_not_frozen(sigma: float) -> None:
    scene = pictures.scene("day", *SIZE).astype(np.float32)
    stills = [
        pictures.jpeg(pictures.noisy((scene * (1 + (number % 4) / 500)).astype(np.uint8), sigma, number), 80)
        for number in range(40)
    ]
    assert faults(watched(stills, evidence=STREAM, stored=False), FaultKind.FROZEN) == []


@pytest.mark.parametrize("name", ["day", "infrared", "night", "snow"])
def test_frozen_picture_that_is_encoded_with_other_steps_is_found_within_five_frames(name: str) -> None:
    last = pictures.noisy(pictures.scene(name, *SIZE), 1.0, 8)
    again = [pictures.jpeg(last, quality) for quality in (82, 78, 88, 83, 80, 92)]
    found = watched([*live(name, 8, 1.0), pictures.jpeg(last, 85), *again], evidence=STREAM)
    assert faults(found, FaultKind.FROZEN) == [13, 14, 15]


@pytest.mark.parametrize("name", ["day", "infrared", "night", "snow"])
def test_frozen_picture_whose_file_is_decoded_and_encoded_again_is_found(name: str) -> None:
    last = pictures.jpeg(pictures.noisy(pictures.scene(name, *SIZE), 1.0, 8), 85)
    shown = np.asarray(Image.open(io.BytesIO(last)).convert("RGB"))
    again = [pictures.jpeg(shown, quality) for quality in (82, 83, 84, 82, 83)]
    found = watched([*live(name, 8, 1.0), last, *again], evidence=STREAM)
    assert faults(found, FaultKind.FROZEN) == [13, 14]


@pytest.mark.parametrize("sigma", [0.3, 0.6, 1.2])
@pytest.mark.parametrize("qualities", [(60,), (95,), (85, 82, 83, 84), (90, 60, 75)])
@pytest.mark.parametrize("name", ["day", "infrared", "night", "wall"])
def test_still_scene_after_a_lively_one_is_not_frozen(name: str, qualities: tuple[int, ...], sigma: float) -> None:
    scene = pictures.scene(name, *SIZE)
    still = [
        pictures.jpeg(pictures.noisy(scene, sigma, 100 + number), qualities[number % len(qualities)])
        for number in range(8)
    ]
    found = watched(live(name, 8, 2.0) + still, evidence=STREAM)
    assert faults(found, FaultKind.FROZEN) == []


def test_dark_scene_is_frozen_only_where_its_noise_was_seen() -> None:
    dark = np.clip(pictures.scene("infrared", *SIZE) // 8, 9, 18)
    noisy = [pictures.jpeg(pictures.noisy(dark, 2.0, number), 90) for number in range(8)]
    clock = [
        pictures.jpeg(pictures.with_clock(pictures.noisy(dark, 2.0, 8), f"12:00:{number:02d}"), 90)
        for number in range(6)
    ]
    assert faults(watched(noisy + clock, evidence=STREAM), FaultKind.FROZEN) == [13, 14]
    assert faults(watched(clock, evidence=STREAM), FaultKind.FROZEN) == []
    black = [pictures.jpeg(pictures.with_clock(dark, f"12:00:{number:02d}"), 90) for number in range(8)]
    assert faults(watched(noisy + black, evidence=STREAM), FaultKind.FROZEN) == []


def test_frozen_picture_is_not_called_so_within_two_key_frame_intervals() -> None:
    scene = pictures.scene("day", *SIZE)
    stills = [pictures.jpeg(pictures.with_clock(scene, f"12:00:{number:02d}")) for number in range(8)]
    assert faults(watched(stills, every=timedelta(seconds=4), evidence=STREAM), FaultKind.FROZEN) == [6, 7, 8]


def test_motion_ends_a_freeze() -> None:
    moving = live("day", 8, 1.0)
    still = pictures.noisy(pictures.scene("day", *SIZE), 1.0, 40)
    frozen = [pictures.jpeg(pictures.with_clock(still, f"12:20:{number:02d}")) for number in range(6)]
    found = watched(moving + frozen + moving[:4], evidence=STREAM)
    assert faults(found, FaultKind.FROZEN) == [13, 14]
    assert [one.verdict for one in found[14:]] == [Verdict.GOOD] * 4


def test_another_resolution_is_another_picture() -> None:
    scene = pictures.scene("day")
    sizes = [(640, 360), (320, 180)] * 4
    found = watched([pictures.jpeg(pictures.resized(scene, *size)) for size in sizes], evidence=STREAM)
    assert faults(found, FaultKind.FROZEN) == []


def test_scene_without_noise_in_which_something_moves_is_not_frozen() -> None:
    stills = []
    for number in range(9):
        picture = pictures.scene("wall", *SIZE).copy()
        picture[150:210, 40 + 50 * number : 110 + 50 * number] = (40, 40, 60)
        stills.append(pictures.jpeg(picture))
    assert faults(watched(stills, evidence=STREAM), FaultKind.FROZEN) == []


def test_scene_that_is_always_that_still_is_not_frozen() -> None:
    usual = Change(share=0.1, noise=0.0)
    baseline = Baseline.empty()
    for _ in range(6):
        baseline = baseline.learned(Light.DAY, usual)
    detector = Detector(heavy=False)
    still = pictures.scene("wall", *SIZE)
    for number in range(8):
        data = pictures.jpeg(pictures.with_clock(still, f"12:00:{number:02d}"))
        found = detector.evaluate(data, when=START + number * SLOT, baseline=baseline, evidence=STREAM)
        assert found.verdict is Verdict.GOOD
        baseline = found.baseline


def test_rejected_pictures_teach_nothing() -> None:
    black = pictures.jpeg(pictures.flat((0, 0, 0), *SIZE))
    found = watched([*live("day", 3, 1.0), black, black])
    assert dict(found[-1].baseline.accepted) == {Light.DAY: 3}
    assert len(found[-1].baseline.changes[Light.DAY]) == 2
