"""A purge that is killed anywhere loses nothing that is to stay, and the next one makes it whole."""

import json
from pathlib import Path
import subprocess
import sys

KILLS, LONG = 30, 300
SOUND_AFTER_KILL = {"broken": 0, "dangling": 0, "miscounted": 0, "unlisted": 0, "lost": 0}
SOUND_AFTER_PURGE = {"broken": 0, "dangling": 0, "orphans": 0, "miscounted": 0, "listed": 0, "differs": 0}


def purge_and_kill(folder, mode, kills):
    """Run the purger in a process that has the core and no Home Assistant; return what it prints."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.core.reliability.purger", str(folder), mode, str(kills), "7"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_a_purge_killed_anywhere_is_made_whole_by_the_next(tmp_path, request):
    kills = LONG if request.config.getoption("--long") else KILLS
    found = purge_and_kill(tmp_path, "product", kills)
    assert found["after_kill"] == SOUND_AFTER_KILL
    assert found["after_purge"] == SOUND_AFTER_PURGE
    assert found["killed"] >= kills * 2 // 3


def test_a_purge_that_unlinks_before_the_rows_are_gone_is_found_out(tmp_path):
    found = purge_and_kill(tmp_path, "files-first", KILLS // 2)
    assert found["after_kill"]["dangling"] > 0
