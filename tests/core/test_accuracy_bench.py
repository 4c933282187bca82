"""The measure itself: a benchmark that flatters is worse than none."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import io
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
import pytest
from timelapser_core.detection import Baseline
from timelapser_core.errors import Code, ImageError
from timelapser_core.models import Verdict

from benchmarks.common.page import END, NoMarksError
from benchmarks.corpus.items import Item, write
from benchmarks.corpus.sources import Scene, Split
from benchmarks.detection import tables
from benchmarks.detection.__main__ import main
from benchmarks.detection.figures import Rate, auc, best_limit, wilson
from benchmarks.detection.judge import Judge, Row
from benchmarks.detection.page import BEGIN as MARK, rewrite
from benchmarks.detection.run import MissingCorpusError, collect
from benchmarks.detection.sheet import draw
from benchmarks.detection.tables import Groups

BEGIN = datetime(2026, 4, 20, tzinfo=UTC)


def item(name: str, severity: int | None = None, **more: Any) -> Item:
    values = {"file": f"{name}-{severity}.jpg", "fault": severity is not None, **more}
    return Item(split=Split.TUNE, scene="yard", name=name, severity=severity, **values)


def row(of: Item, verdict: str = "good", score: float | None = 100.0, **more: Any) -> Row:
    return Row(path=Path(of.file), item=of, verdict=verdict, score=score, **more)


class Parrot:
    """A detector that always says the same, and keeps a note of what it was asked."""

    def __init__(self, verdict: Verdict, score: float) -> None:
        self.verdict, self.score = verdict, score
        self.asked: list[SimpleNamespace] = []

    def evaluate(self, data: bytes, **known: Any) -> Any:
        self.asked.append(SimpleNamespace(data=data, **known))
        before = known["baseline"] or Baseline.empty()
        return SimpleNamespace(
            score=self.score,
            verdict=self.verdict,
            faults=(),
            light=None,
            timings={},
            size=(64, 36),
            baseline=replace(before, repeats=before.repeats + 1, sha256=bytes(32)),
        )


@pytest.fixture(name="corpus")
def _corpus(tmp_path: Path) -> Path:
    """Return a corpus of a few pictures: two clean, two broken, and a camera with one branch."""
    folder = tmp_path / "tune" / "yard" / "all"
    folder.mkdir(parents=True)
    items = [item("day", file=f"day-{number}.jpg") for number in range(2)]
    items += [item("black", 2), item("defocus", 2, hard=False)]
    for step in range(4):
        when = (BEGIN + step * timedelta(minutes=20)).isoformat()
        items.append(item("series", file=f"s{step}.jpg", sequence="yard", step=step, when=when, elevation=step * 10.0))
    items += [
        replace(items[-2], file="b2.jpg", branch="moved-2", fault=True, hard=False, severity=2, name="moved"),
        replace(items[-1], file="b3.jpg", branch="moved-2", fault=True, hard=False, severity=2, name="moved"),
    ]
    rng = np.random.default_rng(1)
    for each in items:
        Image.fromarray(rng.integers(0, 256, (36, 64, 3), np.uint8)).save(folder / each.file)
    write(folder, items)
    return tmp_path


def judged(corpus: Path, detector: Any) -> Groups:
    work, judge = collect(corpus, "tune"), Judge(detector)
    return Groups.of(
        [*map(judge.single, work.singles), *(each for series in work.series for each in judge.series(series))]
    )


@pytest.mark.parametrize(
    ("found", "total", "low", "high"),
    [(0, 0, 0.0, 1.0), (0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_agrees_with_published_values(found: int, total: int, low: float, high: float) -> None:
    assert wilson(found, total) == pytest.approx((low, high), abs=5e-5)


def test_auc_counts_the_pairs_in_order_and_ties_by_half() -> None:
    assert auc([3, 4], [1, 2]) == 1.0
    assert auc([1, 2], [3, 4]) == 0.0
    assert auc([1, 1], [1, 1, 1]) == 0.5
    worse, better = [1, 3, 3, 7], [0, 3, 5]
    pairs = [(one > other) + (one == other) / 2 for one in worse for other in better]
    assert auc(worse, better) == pytest.approx(sum(pairs) / len(pairs))
    assert math.isnan(auc([], [1]))


def test_the_best_limit_separates_what_can_be_separated() -> None:
    assert best_limit([5, 6, 7], [1, 2, 3]) == 5
    assert best_limit([-10, -20], [-300, -400]) == -20
    assert best_limit([1, 1], [1, 1]) == math.inf


def test_a_detector_that_finds_nothing_gets_nothing(corpus: Path) -> None:
    groups = judged(corpus, Parrot(Verdict.GOOD, 100.0))
    told = {target.words: target for target in tables.targets(groups)}
    assert told["hard severe, one picture: bad"].value == 0.0
    assert told["hard severe, one picture: bad"].met is False
    assert told["soft severe, with history: bad"].value == 0.0
    assert told["clean, one picture: bad"].met is True
    assert told["AUC of the score, one picture"].value == 0.5
    assert {line["class"] for line in tables.ranked_misses(groups)} == {"black", "moved"}
    assert tables.ranked_alarms(groups) == []


def test_a_detector_that_rejects_everything_alarms_everywhere(corpus: Path) -> None:
    groups = judged(corpus, Parrot(Verdict.BAD, 0.0))
    told = {target.words: target for target in tables.targets(groups)}
    assert told["hard severe, one picture: bad"].met is True
    assert told["soft severe, with history: bad"].value == 1.0
    assert told["clean, one picture: bad"].value == 1.0
    assert told["clean, with history: bad"].met is False
    assert told["worst healthy camera: bad"].detail.startswith("yard")
    assert tables.ranked_misses(groups) == []


def test_what_has_no_pictures_is_neither_met_nor_missed(corpus: Path) -> None:
    groups = judged(corpus, Parrot(Verdict.GOOD, 100.0))
    told = {target.words: target for target in tables.targets(groups)}
    assert told["h264 stream, severe: found"].met is None
    assert told["still night: bad"].met is None


def test_a_suspect_frame_is_no_rejection() -> None:
    groups = Groups.of([row(item("dirt", 2, hard=False), "suspect", 60.0), row(item("fog"), "suspect", 60.0)])
    assert tables.recall(groups.faults)["dirt"]["severe"]["bad"] == Rate(0, 1)
    assert tables.recall(groups.faults)["dirt"]["severe"]["suspect"] == Rate(1, 1)
    assert tables.alarms(groups.clean, "name")["fog"] == {"bad": Rate(0, 1), "suspect": Rate(1, 1)}


def test_history_goes_on_and_a_branch_begins_where_it_leaves(corpus: Path) -> None:
    parrot = Parrot(Verdict.GOOD, 100.0)
    judged(corpus, parrot)
    alone, series = parrot.asked[:4], parrot.asked[4:]
    assert [each.baseline for each in alone] == [None] * 4
    assert [each.baseline.repeats for each in series] == [0, 1, 2, 3, 2, 3]
    assert [each.context.sun_elevation for each in series] == [0.0, 10.0, 20.0, 30.0, 20.0, 30.0]
    assert [each.when for each in series[:4]] == [BEGIN + step * timedelta(minutes=20) for step in range(4)]
    assert series[0].context.expected_size is None
    assert series[4].context.expected_size == (64, 36)


def test_a_rejected_picture_does_not_set_the_expected_size(corpus: Path) -> None:
    parrot = Parrot(Verdict.BAD, 0.0)
    judged(corpus, parrot)
    assert {each.context.expected_size for each in parrot.asked} == {None}


def test_bytes_that_the_gate_refuses_commit_no_baseline(corpus: Path) -> None:
    class Refusing(Parrot):
        def evaluate(self, data: bytes, **known: Any) -> Any:
            found = super().evaluate(data, **known)
            if len(self.asked) == 5:
                raise ImageError(Code.NOT_AN_IMAGE)
            return found

    parrot = Refusing(Verdict.GOOD, 100.0)
    groups = judged(corpus, parrot)
    assert [each.baseline.repeats for each in parrot.asked[4:]] == [0, 0, 1, 2, 1, 2]
    assert [each.verdict for each in groups.series] == ["unreadable", "good", "good", "good"]
    assert groups.series[0].badness == 100.0


def frozen(verdicts: list[str]) -> list[Row]:
    return [
        row(item("frozen", 2, file=f"{step}.jpg", sequence="yard", branch="frozen-1", step=step), verdict)
        for step, verdict in enumerate(verdicts)
    ]


@pytest.mark.parametrize(("at", "in_time"), [(0, True), (3, True), (4, False), (5, False)])
def test_a_freeze_counts_when_told_by_the_fifth_picture(at: int, in_time: bool) -> None:
    # The first picture of the freeze is the last one of the series: the branch begins with the second.
    verdicts = ["bad" if step >= at else "good" for step in range(6)]
    assert tables.thawed(frozen(verdicts))["frozen"] == Rate(int(in_time), 1)


@pytest.mark.parametrize("damage", [lambda data: data, lambda data: data[: len(data) // 2]], ids=["whole", "cut"])
def test_the_real_detector_is_what_is_asked(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "view.jpg"
    rows, columns = np.mgrid[0:360, 0:640]
    shade = 90 + 60 * np.sin(columns / 23) * np.cos(rows / 31)
    view = shade[..., None] + np.random.default_rng(2).normal(0, 8, (360, 640, 3))
    Image.fromarray(np.clip(view, 0, 255).astype(np.uint8)).save(path, quality=88)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    found = Judge().single((path, item("day")))
    assert found.rejected is (len(path.read_bytes()) < len(whole))


def test_sampling_keeps_every_class(corpus: Path) -> None:
    names = [each.name for _, each in collect(corpus, "tune", sample=2).singles]
    assert names == ["day", "black", "defocus"]


@pytest.mark.parametrize(("name", "severity"), [("mask", None), ("night", None), ("rain", None), ("covered", 2)])
def test_a_picture_made_in_another_size_shows_the_same(name: str, severity: int | None) -> None:
    """What differs between its sizes is what a camera of each would do, not where the lamps hang."""
    pytest.importorskip("cv2", reason="the corpus is built with OpenCV")
    from benchmarks.corpus import stills

    scene = Scene("yard", "yard.jpg", Split.TUNE)
    shapes = Image.fromarray(np.random.default_rng(3).integers(0, 255, (18, 32, 3), np.uint8))

    def made(number: int, height: int) -> NDArray[np.float32]:
        view = np.asarray(shapes.resize((height * 16 // 9, height), Image.Resampling.BICUBIC))
        if severity is None:
            data = stills.whole(scene, view, name, number)
        else:
            data, _ = stills.damaged(scene, view, name, severity, number)
        with Image.open(io.BytesIO(data)) as image:
            assert image.height == height
            return np.asarray(image.convert("L").resize((64, 36), Image.Resampling.BOX), np.float32)

    small = made(0, 360)
    differs = float(np.abs(small - made(0, 1080)).mean())
    assert differs < 1.5
    assert np.abs(small - made(1, 360)).mean() > 2 * differs


def test_sizes_are_counted_by_picture_and_by_judgement() -> None:
    def judged(*verdicts: str) -> tuple[str, list[Row]]:
        return "", [Row(path=Path("a"), item=item("day"), verdict=verdict, score=50.0) for verdict in verdicts]

    sized = [judged("good", "good", "good", "suspect"), judged("bad", "bad", "bad", "bad"), judged("good", "bad")]
    assert tables.one_verdict(sized).value == 1 / 3
    assert list(tables.in_sizes(sized).values()) == [Rate(2, 3), Rate(8, 10)]


def test_what_is_drawn_after_the_noise_does_not_depend_on_the_size() -> None:
    pytest.importorskip("cv2", reason="the corpus is built with OpenCV")
    from benchmarks.corpus import light

    def after(pixels: int) -> list[float]:
        rng = light.randomness("yard", "day", "1")
        light.noisy(np.zeros(pixels, np.float32), rng, read=1.0)
        return [*rng.integers(0, 1000, 3).tolist(), rng.uniform()]

    assert after(1000) == after(light.BANK - 1) == after(light.BANK) == after(light.BANK + 1000)


def test_without_a_corpus_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MissingCorpusError, match="scripts/corpus"):
        collect(tmp_path, "test")
    assert main(["--accuracy", "--corpus", str(tmp_path)]) == 2
    assert "scripts/corpus" in capsys.readouterr().err


def test_rows_and_rates_go_into_a_file() -> None:
    line = json.loads(json.dumps(row(item("dirt", 1), "suspect", 70.0, faults=(("blur", 0.3, "soft"),)).to_json()))
    assert (line["class"], line["severity"], line["faults"]) == ("dirt", 1, [["blur", 0.3]])
    assert Rate(1, 4).to_json()["found"] == 1


def test_a_sheet_shows_even_what_cannot_be_opened(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"nothing")
    draw([replace(row(item("black", 2)), path=broken)], tmp_path / "sheet.jpg")
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert sheet.size == (1600, 224)


def test_the_page_gets_the_tables_between_its_marks(tmp_path: Path, corpus: Path) -> None:
    """What is around the marks stays, and what was between them goes."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{MARK}\nold figures\n{END}\nafter\n", "utf-8")
    assert main(["--accuracy", "--quick", "--jobs", "1", "--corpus", str(corpus), "--page", str(page)]) == 0
    text = page.read_text("utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old figures" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("| hard severe, one picture")]
    assert "at least 97 %" in line
    assert "### Faults, on one picture" in text


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here\n", "utf-8")
    with pytest.raises(NoMarksError):
        rewrite(page, {})
    assert page.read_text("utf-8") == "nothing here\n"
