"""The command that judges picture files."""

import json
from pathlib import Path
import subprocess
import sys

import pytest

from tests.core import pictures

ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> tuple[int, list[dict[str, object]]]:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "scripts.lib.score", *arguments],
        check=False,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert done.stderr == ""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    day = pictures.jpeg(pictures.scene("day", 640, 360))
    (tmp_path / "day.jpg").write_bytes(day)
    (tmp_path / "cut.jpg").write_bytes(pictures.cut(day, 0.5))
    (tmp_path / "page.jpg").write_bytes(b"<html>")
    return tmp_path


def test_bad_pictures_are_results(folder: Path) -> None:
    names = [str(folder / name) for name in ("day.jpg", "cut.jpg", "page.jpg")]
    code, lines = run(*names)
    assert code == 0
    assert [line["file"] for line in lines] == names
    assert [line["verdict"] for line in lines] == ["good", "bad", "unreadable"]
    assert (lines[0]["score"], lines[0]["light"], lines[0]["size"]) == (100, "day", [640, 360])
    assert lines[1]["faults"][0]["words"].startswith("flat grey from ")
    assert lines[2]["code"] == "TL-IMG-001"


def test_missing_file_is_an_error_and_the_rest_is_judged(folder: Path) -> None:
    code, lines = run(str(folder / "none.jpg"), str(folder / "day.jpg"))
    assert code == 1
    assert lines[0] == {"file": str(folder / "none.jpg"), "error": "No such file or directory"}
    assert lines[1]["verdict"] == "good"


def test_sequence_hands_the_memory_on(folder: Path) -> None:
    names = [str(folder / "day.jpg")] * 6
    _, apart = run(*names, "--fast")
    _, row = run(*names, "--sequence", "--sensitivity", "low")
    assert [line["verdict"] for line in apart] == ["good"] * 6
    assert [line["verdict"] for line in row] == ["good"] * 4 + ["bad"] * 2
