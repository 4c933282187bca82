"""A kill at any instant loses nothing that was told of and leaves nothing half done; two wrong ways do."""

from dataclasses import asdict
import json
from pathlib import Path
import subprocess
import sys

import pytest
from timelapser_core.catalogue import queries
from timelapser_core.layout import FramePath

from ..archive import CAMERA
from .check import NOTHING, check, ids
from .writer import capture, catalogue_path, start, stop

ROOT = Path(__file__).parents[3]
KILLED = 137
KILLS = 30
LONG = 300
SEED = 20261121


def run(module, *arguments, crash_at=""):
    """Run one of the processes of this folder; return it ended."""
    return subprocess.run(
        [sys.executable, "-m", f"tests.core.reliability.{module}", *map(str, arguments)],
        cwd=ROOT,
        env={"TIMELAPSER_CRASH_AT": crash_at, "PATH": ""},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def acks_of(ended):
    """Return what a writer acknowledged."""
    lines = [line.split() for line in ended.stdout.splitlines()]
    return {line[1]: line[2] for line in lines if line[0] == "ACK"}


def recover(folder):
    """Start anew after a kill and stop; return the report of a rebuild, if there was one."""
    catalogue, storage, _, report = start(folder)
    stop(catalogue, storage)
    return report


def fill(folder, count):
    """Capture so often in this process; return what was acknowledged."""
    catalogue, storage, run_row, _ = start(folder)
    row = catalogue.read(lambda conn: queries.camera_state(conn, CAMERA))
    first = row.captured + row.rejected
    stills = [capture(catalogue, storage, run_row, number) for number in range(first, first + count)]
    stop(catalogue, storage)
    return {FramePath.parse(still.path).id: still.file_sha256.hex() for still in stills}


def findings(folder, acks):
    """Ask the oracle."""
    return check(catalogue_path(folder), Path(folder) / "media" / "timelapser", acks)


@pytest.mark.timeout(900)
def test_kills_at_random(tmp_path, request):
    kills = LONG if request.config.getoption("--long") else KILLS
    ended = run("killer", tmp_path, "real", kills, SEED)
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["kills"] == kills
    assert result["acks"] > kills / 2
    assert result["found"] == asdict(NOTHING)


POINTS = [
    *(f"{point}:{number}" for point in ("after_write", "after_fsync", "after_rename") for number in (1, 3)),
    *(f"{point}:{number}" for point in ("before_commit", "after_commit") for number in (1, 2, 6)),
    *(f"in_create:{number}" for number in (1, 2, 3)),
]


@pytest.mark.parametrize("point", POINTS)
def test_kills_at_every_point(tmp_path, point):
    ended = run("writer", tmp_path, "real", 8, crash_at=point)
    assert ended.returncode == KILLED, ended.stderr
    recover(tmp_path)
    acks = acks_of(ended)
    assert findings(tmp_path, acks) == NOTHING
    acks |= fill(tmp_path, 3)
    assert len(acks) >= 3
    assert findings(tmp_path, acks) == NOTHING


def test_the_control_whose_row_comes_first(tmp_path):
    """The oracle sees rows that point at nothing, killed at random and at the point in between."""
    ended = run("killer", tmp_path / "random", "row first", KILLS, SEED)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["found"]["dangling"] > 0
    ended = run("writer", tmp_path / "point", "row first", 8, crash_at="after_commit:6")
    assert ended.returncode == KILLED, ended.stderr
    recover(tmp_path / "point")
    assert findings(tmp_path / "point", acks_of(ended)).dangling == 1


def test_the_control_that_writes_in_place(tmp_path):
    """The oracle sees a file under its final name of which the end is missing."""
    ended = run("writer", tmp_path, "no part", 8, crash_at="in_place:3")
    assert ended.returncode == KILLED, ended.stderr
    recover(tmp_path)
    assert findings(tmp_path, acks_of(ended)).torn == 1


def test_the_oracle_misses_nothing(tmp_path):
    """Each thing that it looks for is seen when it is there."""
    acks = fill(tmp_path, 6)
    assert findings(tmp_path, acks) == NOTHING
    first, second, third, *_ = sorted((tmp_path / "media").rglob("*.jpg"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:-2])
    third.rename(third.with_name(third.name.replace("-01", "-02")))
    (third.parent / ".x.1-2.3.part").touch()
    found = findings(tmp_path, acks)
    assert (found.dangling, found.mismatched, found.torn, found.lost, found.orphans, found.parts) == (2, 1, 1, 3, 1, 1)


# A lost catalogue


REBUILD_POINTS = ["in_set_aside:1", "in_set_aside:2", "in_create:2", "before_commit:2", "before_commit:4"]
REBUILD_POINTS += ["after_commit:3", "after_commit:5", "in_rebuild:1", "in_rebuild:2"]


@pytest.mark.parametrize("point", REBUILD_POINTS)
def test_kills_while_a_lost_catalogue_is_rebuilt(tmp_path, point):
    """The next start goes on with it: every still is back, in the order in which they were taken."""
    acks = fill(tmp_path, 60)
    before = ids(catalogue_path(tmp_path))
    for path in tmp_path.glob("catalogue.db*"):
        if path.suffix != ".lock":
            path.write_bytes(b"no database" * 100)
    ended = run("writer", tmp_path, "real", 0, crash_at=point)
    assert ended.returncode == KILLED, (ended.stdout, ended.stderr)
    recover(tmp_path)
    assert findings(tmp_path, acks) == NOTHING
    assert ids(catalogue_path(tmp_path)) == before
    aside = {path.name.rpartition(".corrupt.")[2] for path in tmp_path.glob("*.corrupt.*")}
    assert len(aside) in (1, 2)
    recover(tmp_path)
    assert {path.name.rpartition(".corrupt.")[2] for path in tmp_path.glob("*.corrupt.*")} == aside
