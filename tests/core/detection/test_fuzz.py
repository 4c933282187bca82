"""Mutated pictures: nothing that a camera can send ends the process, raises, warns, or costs too much."""

from pathlib import Path
import re
import subprocess
import sys

import pytest

from scripts.dev.fuzz.__main__ import smaller
from scripts.dev.fuzz.batch import ROOT, Report, run_batch
from scripts.dev.fuzz.seeds import seeds
from scripts.dev.fuzz.watch import MOST_MEBIBYTES, MOST_SECONDS
from tests.core.detection.fuzzing import PLANTED

MODULE = "tests.core.detection.fuzzing"
INPUTS, LONG = 2_000, 100_000
WITHOUT = [argument for argument in sys.argv if argument == "--without-opencv"]

pytestmark = [
    pytest.mark.timeout(7200),
    pytest.mark.skipif(sys.platform != "linux", reason="memory and time are measured by Linux' own accounts"),
]


def run(judge: str, count: int, folder: Path) -> Report:
    return run_batch(MODULE, judge, count, folder, *WITHOUT)


@pytest.fixture(scope="module", params=["whole", "whole_without_turbo"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Return what came of the mutated pictures, with libjpeg-turbo and without."""
    count = LONG if request.config.getoption("long") else INPUTS
    return run(request.param, count, tmp_path_factory.mktemp("fuzz"))


def test_no_mutated_picture_breaks_a_promise(report: Report) -> None:
    """A number that fails is looked at again by ``python -m scripts.dev.fuzz.one NUMBER``."""
    assert report.died is None
    assert report.wrong == {}
    assert report.seconds <= MOST_SECONDS
    assert report.mebibytes <= MOST_MEBIBYTES


def test_the_mutations_reach_every_answer_of_the_gate_and_the_decoders(report: Report) -> None:
    """Bytes that are all refused at the first look would prove nothing."""
    decoded = {said: times for said, times in report.said.items() if said.startswith("image/")}
    assert sum(decoded.values()) > sum(report.said.values()) / 2
    for kind in ("image/jpeg", "image/png", "image/webp"):
        verdicts = {said.split()[1] for said in decoded if said.startswith(kind)}
        assert "unreadable" in verdicts, kind
        assert verdicts & {"good", "suspect"}, kind
    refusals = " ".join(set(report.said) - set(decoded))
    for words in (
        "broken markers",
        "ends in its header",
        "the limit is",
        "the least is",
        "unpack to more",
        "arithmetic",
    ):
        assert words in refusals


def test_every_broken_promise_is_seen(tmp_path: Path) -> None:
    report = run("planted", len(PLANTED) + 3, tmp_path)
    assert report.died is None
    assert [int(number) for number in report.wrong] == list(range(len(PLANTED)))
    for told, expected in zip(report.wrong.values(), PLANTED, strict=True):
        assert len(told) == 1
        assert told[0].startswith(expected)


def test_an_input_that_ends_the_process_is_named(tmp_path: Path) -> None:
    assert run("crashing", 10, tmp_path).died == (3, "SIGSEGV")


def test_a_hunt_looks_at_the_seeds_and_tells_what_they_reach(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts.dev.fuzz", "--seconds=3"]
    command += [f"--found={tmp_path / 'found'}", f"--corpus={tmp_path / 'corpus'}"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    told = re.search(r"(\d+) executions, (\d+) lines, (\d+) branches", ran.stdout)
    assert told is not None, ran.stdout + ran.stderr
    executions, lines, branches = (int(number) for number in told.groups())
    assert executions >= 3 * len(seeds())
    assert lines > 1000
    assert branches > 500
    assert (ran.returncode == 1) == any((tmp_path / "found").iterdir())


def test_a_crasher_is_made_small() -> None:
    crasher = bytes(300) + b"!" + bytes(500) + b"?" + bytes(100)
    assert smaller(crasher, lambda data: b"!" in data and b"?" in data and data.index(b"!") < data.index(b"?")) == b"!?"
