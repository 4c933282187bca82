"""The corpus is the same every time, says what it holds, and shows every fault that it names."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
import hashlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

from benchmarks.corpus import build, clean, decay, items, jpegs, sensor, sequences, sources, streams
from benchmarks.corpus.light import picture, plane, randomness
from benchmarks.corpus.sources import Place, Scene, Split
from tests.core import pictures

SCENE = Scene("yard", "drawn", Split.TUNE)
CLEAN_EACH, FAULTS_EACH = build.CLEAN_EACH, build.FAULTS_EACH


@pytest.fixture(autouse=True)
def _drawn(monkeypatch, tmp_path):
    """Give a small drawn view for the scene, and few pictures of each class."""
    view = pictures.scene("day", 320, 176)
    for module in (build, sequences, decay):
        monkeypatch.setattr(module, "load", lambda _folder, _scene: view)
    monkeypatch.setattr(build, "PICTURES", tmp_path / "pictures")
    monkeypatch.setattr(build, "CLEAN_EACH", 1)
    monkeypatch.setattr(build, "FAULTS_EACH", 1)
    monkeypatch.setattr(build, "TRIES", 6)
    monkeypatch.setattr(sequences, "STEPS", 4)


def _built(folder: Path, part: str) -> list[items.Item]:
    folder.mkdir(parents=True, exist_ok=True)
    found = list(build.PARTS[part](SCENE, folder))
    items.write(folder, found)
    return found


def _digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("part", list(build.PARTS))
def test_two_builds_are_the_same_byte_for_byte(tmp_path, part):
    first, again = _built(tmp_path / "first", part), _built(tmp_path / "again", part)
    assert first == again
    digests = _digest(tmp_path / "first")
    assert digests == _digest(tmp_path / "again")
    # The manifest names every file once, and finds it again.
    read = list(items.read(tmp_path / "first"))
    assert [item for _, item in read] == first
    assert sorted([path.name for path, _ in read] + [items.MANIFEST]) == sorted(digests)


def test_another_name_gives_other_pictures(tmp_path, monkeypatch):
    _built(tmp_path / "yard", "clean")
    monkeypatch.setitem(globals(), "SCENE", replace(SCENE, name="elsewhere"))
    _built(tmp_path / "elsewhere", "clean")
    ours, theirs = _digest(tmp_path / "yard"), _digest(tmp_path / "elsewhere")
    assert not [name for name in ours if name != items.MANIFEST and ours[name] == theirs[name]]


def test_every_clean_class_is_built_and_decodes(tmp_path):
    found = _built(tmp_path, "clean")
    assert Counter(item.name for item in found) == dict.fromkeys(clean.CLEAN, 1)
    for item in found:
        assert not item.fault
        assert item.severity is None
        shown = jpegs.decoded((tmp_path / item.file).read_bytes())
        assert shown is not None
        assert shown.shape == (176, 320, 3)
        assert shown.std() > 1


def test_a_view_without_daylight_has_no_weather(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "SCENE", replace(SCENE, place=Place.DARK))
    assert not {item.name for item in _built(tmp_path / "clean", "clean")} & clean.WEATHER
    faults = {item.name for item in _built(tmp_path / "sensor", "sensor")}
    assert "black" in faults
    assert not faults & {"underexposed", "overexposed", "stuck_infrared"}


def test_every_sensor_fault_is_there_in_three_severities(tmp_path):
    found = Counter((item.name, item.severity) for item in _built(tmp_path, "sensor"))
    missing = {(name, severity) for name in sensor.FAULTS for severity in range(3)} - set(found)
    # So small and so plain a view does not show all that is mild.
    assert not [pair for pair in missing if pair[1] > 0]
    assert len(missing) < 5


@pytest.mark.parametrize("name", sorted(sensor.FAULTS))
def test_a_fault_does_more_the_more_severe_it_is(name):
    view = clean.day(pictures.scene("day", 320, 176), randomness("day"))
    before = picture(view)
    change = [
        np.mean(
            [
                np.abs(picture(sensor.FAULTS[name].damage(view, randomness(name, str(seed)), severity)) - view).mean()
                for seed in range(4)
            ]
        )
        for severity in range(3)
    ]
    assert np.abs(before - view).mean() < 0.5
    if name in {"black", "grey"}:
        # Nothing is left at any severity.
        assert min(change) > 20
    else:
        assert change[0] < change[2]
        assert change[1] > 0.5


def test_the_share_of_blocks_gives_the_severity():
    before = pictures.scene("day", 320, 176)
    assert jpegs.damage(before, (before,)) == 0
    for rows, expected in ((0, None), (1, 1), (5, 2)):
        after = before.copy()
        after[: rows * 16] = 255 - after[: rows * 16] // 2
        share = jpegs.damage(after, (before,))
        assert share == pytest.approx(rows / 11, abs=0.03)
        assert jpegs.severity(share) == expected
        # What a neighbour shows is no damage.
        assert jpegs.damage(after, (before, after)) == 0
    assert [jpegs.severity(share) for share in (0.001, 0.01, 0.039, 0.041, 0.179, 0.181)] == [None, 0, 0, 1, 1, 2]


def test_files_and_streams_are_damaged_as_much_as_their_items_say(tmp_path):
    found = _built(tmp_path / "jpegs", "jpegs")
    assert {item.name for item in found} == {*jpegs.FAULTS, "wrong_content"}
    assert all(item.fault and item.hard for item in found)
    assert {item.severity for item in found if item.name == "jpeg_cut"} == {0, 1, 2}
    for item in found:
        if item.name == "wrong_content":
            assert item.severity == 2
            data = (tmp_path / "jpegs" / item.file).read_bytes()
            if "bomb" not in item.file and "header_only" not in item.file:
                assert jpegs.decoded(data) is None, item.file


def test_streams_are_clean_or_visibly_damaged(tmp_path):
    found = _built(tmp_path, "streams")
    assert {item.name for item in found if not item.fault} == {"h264_stream", "hevc_stream", "mjpeg_stream"}
    for codec in ("h264", "hevc", "mjpeg"):
        names = {item.name.removeprefix(f"{codec}_") for item in found if item.fault and item.name.startswith(codec)}
        assert names <= set(streams.FAULTS)
        assert {"lost_packet", "cut_short", "flipped"} <= names
    assert {item.severity for item in found if item.fault} == {0, 1, 2}
    for item in found:
        assert (item.codec is not None) == (not item.file.endswith(".jpg"))


def test_an_undamaged_stream_has_no_share_of_damaged_blocks():
    rng = randomness("clean stream")
    stream = streams.encode(streams.motion(pictures.scene("day", 320, 176), rng), "h264", rng)
    shown = streams.decode("h264", stream.packets, conceal=True)
    assert len(shown) == streams.FRAMES
    assert [number for number, key in enumerate(stream.keys) if key] == [0, streams.GROUP, 2 * streams.GROUP]
    assert max(jpegs.damage(one, (other,)) for one, other in zip(shown, stream.clean, strict=True)) == 0


def test_a_day_has_its_sun_and_its_freezes(tmp_path):
    assert sequences.elevation(datetime(2026, 4, 20, 12, tzinfo=UTC)) == pytest.approx(51.5, abs=0.1)
    for step, dark in ((sequences.NIGHT, True), (sequences.NIGHT + sequences.STILL - 1, True), (sequences.NOON, False)):
        assert (sequences.elevation(sequences.BEGIN + sequences.STEP * step) < -3) == dark
    found = _built(tmp_path, "sequences")
    frozen = [item for item in found if item.name == "frozen"]
    assert len(frozen) == 2 * sequences.FROZEN
    assert len({(tmp_path / item.file).read_bytes() for item in frozen}) == 2
    for name in ("still_night", "still_day"):
        still = [item for item in found if item.name == name]
        assert not any(item.fault for item in still)
        assert len({(tmp_path / item.file).read_bytes() for item in still}) == sequences.STILL
        assert len({item.moment for item in still}) == sequences.STILL


def test_decay_begins_after_healthy_days_and_grows(tmp_path):
    found = _built(tmp_path, "decay")
    for name in decay.GROWING:
        series = [item for item in found if item.sequence == f"{SCENE.name}-{name}"]
        assert [item.fault for item in series] == [False] * decay.HEALTHY + [True] * (decay.STEPS - decay.HEALTHY)
        assert {item.branch for item in series if item.fault} == {name}
        assert {item.branch for item in series if not item.fault} == {None}
        severities = [item.severity for item in series if item.severity is not None]
        assert severities == sorted(severities)
        assert set(severities) == {0, 1, 2}
    view = plane(pictures.scene("day", 320, 176))
    dirt = decay.GROWING["decay_dirt"]
    grown = [float(np.abs(dirt(view, SCENE.name, share) - view).mean()) for share in (0.1, 0.4, 0.7, 1.0)]
    assert grown == sorted(grown)
    assert grown[0] > 0


def test_older_parts_are_built_again_and_others_are_not(monkeypatch):
    count = build.build(SCENE, "clean")
    assert count == len(clean.CLEAN)
    assert build.build(SCENE, "clean") == 0
    monkeypatch.setattr(build, "VERSION", "next")
    assert build.build(SCENE, "clean") == count
    assert build.build(SCENE, "clean") == 0


def test_a_part_that_was_broken_off_is_built_again(monkeypatch):
    def broken(_scene: Scene, folder: Path):
        (folder / "half.jpg").write_bytes(b"")
        raise KeyboardInterrupt
        yield

    with monkeypatch.context() as patch:
        patch.setattr(build, "PARTS", {"clean": broken})
        with pytest.raises(KeyboardInterrupt):
            build.build(SCENE, "clean")
    assert build.build(SCENE, "clean") == len(clean.CLEAN)
    assert not list(build.PICTURES.rglob("half.jpg"))


def test_what_is_no_scene_of_its_split_any_more_is_removed(monkeypatch):
    drawn, moved, gone = SCENE, replace(SCENE, name="moved"), replace(SCENE, name="gone")
    for scene in (drawn, moved, gone):
        build.build(scene, "decay")
    monkeypatch.setattr(build, "SCENES", (drawn, replace(moved, split=Split.TEST)))
    build.forget()
    assert [path.name for path in build.PICTURES.glob("*/*")] == ["yard"]
    assert build.build(drawn, "decay") == 0


def test_only_the_split_that_was_asked_for_is_built(monkeypatch):
    built: list[tuple[str, str]] = []
    monkeypatch.setattr(build, "SCENES", (SCENE, replace(SCENE, name="other", split=Split.TEST)))
    monkeypatch.setattr(build, "fetch", lambda _folder: None)
    monkeypatch.setattr(build, "build", lambda scene, part: built.append((scene.name, part)) or 1)
    monkeypatch.setattr(build, "ProcessPoolExecutor", ThreadPoolExecutor)
    build.main(["--split", "test"])
    assert sorted(built) == sorted(("other", part) for part in build.PARTS)
    build.main(["--part", "clean"])
    assert sorted(built[len(build.PARTS) :]) == [("other", "clean"), ("yard", "clean")]


def test_scenes_are_dealt_out_once():
    assert len({scene.name for scene in sources.SCENES}) == len({scene.path for scene in sources.SCENES})
    assert len({scene.name for scene in sources.SCENES}) == len(sources.SCENES)
    split = Counter(scene.split for scene in sources.SCENES)
    assert split[Split.TUNE] >= 15
    # Two hundred pictures of each clean class, of those that need weather too; forty of each fault and severity.
    for name in clean.CLEAN:
        able = [scene for scene in sources.SCENES if scene.split is Split.TEST and clean.possible(scene.place, name)]
        assert len(able) * CLEAN_EACH >= 200, name
    assert split[Split.TEST] * FAULTS_EACH >= 40


def test_what_was_fetched_is_not_fetched_again(tmp_path, monkeypatch):
    calls: list[list[str]] = []

    def run(command: list[str], *, check: bool, cwd: Path | None = None) -> None:
        assert check
        calls.append(command)
        if "download" in command:
            assert cwd is not None
            (cwd / f"{command[-1]}_1.0_all.deb").write_bytes(b"")

    monkeypatch.setattr(sources.subprocess, "run", run)
    sources.fetch(tmp_path)
    assert len(calls) == 2 * len(sources.DEBIAN) + 1
    assert not list(tmp_path.rglob("*.deb"))
    # A copy that broke off half-way is the only one that is fetched again.
    (tmp_path / f".{sources.DEBIAN[2]}").unlink()
    sources.fetch(tmp_path)
    assert len(calls) == 2 * len(sources.DEBIAN) + 3
    assert sources.DEBIAN[2] in calls[-2]
