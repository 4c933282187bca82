"""What was known before a restart is known after it, and a kill leaves nothing half done."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime
import time
from typing import Any

import aiohttp
import pytest

from scripts.dev.guard import CAPTURED, DEGRADED, RECOVERED, REJECTED
from scripts.dev.hass import HassError

from .house import House, Post

NAMES = ("shed_a", "shed_b", "shed_c")
COUNTS = ("images_captured", "images_rejected")
CRASH_AT = "TIMELAPSER_CRASH_AT"
CRASH_POINTS = {"after_write": 6, "after_fsync": 6, "after_rename": 6, "before_commit": 16, "after_commit": 16}
"""Places in the life of a frame at which the process dies, when they are passed for that many times.

That is the second slot or a later one of three cameras, when Home Assistant is up for certain; starting takes a few
commits, and the marker of the storage is written before.
"""
CRASH_POINTS_SHORT = ("after_rename",)
"""The one that leaves most behind: a whole file without its row."""


@pytest.fixture(scope="module")
async def shed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Run a second Home Assistant, which may be stopped and killed."""
    house = House(tmp_path_factory.mktemp("shed"))
    try:
        await house.start(NAMES)
        for name in NAMES:
            await (await house.post(name)).event(CAPTURED, count=2)
        yield house
    finally:
        await house.stop()


def _memory(post: Post) -> dict[str, Any]:
    """Return what the catalogue knows of a camera and its run."""
    camera = post.house.catalogue.camera(post.id)
    (run,) = post.house.catalogue.runs(post.id)
    return {key: camera[key] for key in ("captured", "rejected", "failed", "folder", "created_at")} | {
        f"run_{key}": run[key] for key in ("id", "state", "started_at", "image_count")
    }


async def _shown(post: Post, *keys: str) -> dict[str, str]:
    """Return states once they are all known."""

    async def known() -> dict[str, str] | None:
        values = await post.guard.values()
        values = {key: next((value for name, value in values.items() if name.endswith(key)), "unknown") for key in keys}
        return None if {"unknown", "unavailable"} & set(values.values()) else values

    return await post.house.hass.wait_for(f"{keys} of {post.name}", known)


async def test_a_restart_changes_nothing(shed: House) -> None:
    """Of two cameras one is degraded, and still is afterwards; then it recovers."""
    well, ill = await shed.post("shed_a"), await shed.post("shed_b")
    since = len(shed.events)
    await ill.camera.set_mode("black")
    await ill.event(DEGRADED, since=since)
    await ill.state("degraded", "on")

    before: dict[str, dict[str, Any]] = {}
    stopped_at = since = 0

    def note() -> None:
        nonlocal stopped_at, since
        before.update({post.name: _memory(post) for post in (well, ill)})
        stopped_at = len(shed.catalogue.attempts(ill.id))
        since = len(shed.events)

    await shed.restart(meanwhile=note)
    assert (await _shown(ill, "health", "degraded")) == {"health": "degraded", "degraded": "on"}
    assert (await _shown(well, "health", "degraded")) == {"health": "online", "degraded": "off"}
    for post in (well, ill):
        shown = await _shown(post, *COUNTS, "_image_count", "_next_capture")
        new = shed.catalogue.attempts(post.id)
        now, then = _memory(post), before[post.name]
        assert {key: now[key] for key in now if key not in ("captured", "rejected", "run_image_count")} == {
            key: then[key] for key in then if key not in ("captured", "rejected", "run_image_count")
        }
        assert then["captured"] <= int(shown["images_captured"]) <= now["captured"]
        assert then["rejected"] <= int(shown["images_rejected"]) <= now["rejected"]
        assert then["run_image_count"] <= int(shown["_image_count"]) <= now["run_image_count"]
        assert datetime.fromisoformat(shown["_next_capture"]).timestamp() % 5 == 0
        assert new[-1]["slot_at"].timestamp() % 5 == 0
    assert before[ill.name]["captured"] == _memory(ill)["captured"]

    await ill.event(REJECTED, since=since)
    await ill.state("degraded", "on")
    missed = shed.catalogue.camera(ill.id)["missed"]
    first_after = shed.catalogue.attempts(ill.id)[stopped_at]
    gap = first_after["slot_at"] - shed.catalogue.attempts(ill.id)[stopped_at - 1]["slot_at"]
    assert missed >= gap.total_seconds() // 5 - 1 >= 1

    since = len(shed.events)
    await ill.camera.set_mode("normal")
    await ill.event(RECOVERED, since=since)
    await ill.state("health", "online")
    await ill.state("degraded", "off")


@pytest.mark.parametrize("point", CRASH_POINTS)
async def test_a_death_in_a_capture_leaves_nothing_half_done(shed: House, point: str, long: bool) -> None:
    """The process dies in the middle of a commit, as by a kill."""
    if point not in CRASH_POINTS_SHORT and not long:
        pytest.skip("a long form")
    posts = [await shed.post(name) for name in NAMES]
    shed.hass.env[CRASH_AT] = f"{point}:{CRASH_POINTS[point]}"
    try:
        await shed.restart()
        await _eventually(lambda: not shed.hass.process.running, lambda: f"it did not die {point}")
    finally:
        del shed.hass.env[CRASH_AT]
    known = {row["path"] for post in posts for row in shed.catalogue.frames(post.id)}
    left = {path for path in shed.catalogue.files() if path not in known}
    parts, orphans = ({path for path in left if (path.suffix == ".part") is part} for part in (True, False))
    assert parts or point != "after_fsync"
    assert orphans or point != "after_rename"
    await shed.restart()
    await _see_it_whole(shed, posts)
    assert orphans <= {row["path"] for post in posts for row in shed.catalogue.frames(post.id)}
    assert not [path for path in parts if path.exists()]


async def test_a_kill_at_any_moment_leaves_nothing_half_done(shed: House, long: bool) -> None:
    posts = [await shed.post(name) for name in NAMES]
    for number in range(5 if long else 1):
        hammers = [asyncio.create_task(_hammer(post)) for post in posts]
        # Somewhere in the third round of captures.
        await asyncio.sleep(3 * 1.05 + number * 0.013)
        await shed.restart(kill=True)
        for hammer in hammers:
            hammer.cancel()
        await asyncio.gather(*hammers, return_exceptions=True)
        await _see_it_whole(shed, posts)


async def _hammer(post: Post) -> None:
    """Capture as often as an action may."""
    while True:
        with suppress(HassError, aiohttp.ClientError):
            await post.house.hass.rest("POST", "/api/services/timelapser/capture_now", {"entity_id": post.entity_id})
        await asyncio.sleep(1.02)


async def _see_it_whole(house: House, posts: list[Post]) -> None:
    """Wait for an instant between two captures at which files and rows agree."""
    for post in posts:
        await post.state("health", "online")
    assert house.catalogue.check() == "ok"
    await _eventually(lambda: _disagreements(house, posts) == [], lambda: "\n".join(_disagreements(house, posts)))
    since = len(house.events)
    for post in posts:
        await post.event(CAPTURED, since=since)


async def _eventually(done: Callable[[], bool], explain: Callable[[], str], timeout: float = 60) -> None:
    end = time.monotonic() + timeout
    while not done():
        assert time.monotonic() < end, explain()
        await asyncio.sleep(0.1)


def _disagreements(house: House, posts: list[Post]) -> list[str]:
    problems = []
    known = set()
    for post in posts:
        camera, frames = house.catalogue.camera(post.id), house.catalogue.frames(post.id)
        known |= {row["path"] for row in frames}
        problems += [
            f"{post.name}: row {row['id']} without its file"
            for row in frames
            if not row["path"].exists() or row["path"].stat().st_size != row["byte_count"]
        ]
        kinds = [row["kind"] for row in frames]
        counted = (camera["captured"], camera["rejected"], camera["byte_count"])
        entered = (kinds.count("frame"), kinds.count("quarantine"), sum(row["byte_count"] for row in frames))
        if counted != entered:
            problems.append(f"{post.name}: counts {counted}, rows {entered}")
        problems += [
            f"{post.name}: run of {run['image_count']} has {run['members']} frames"
            for run in house.catalogue.runs(post.id)
            if run["image_count"] != run["members"]
        ]
    return problems + [f"no row for {path.name}" for path in house.catalogue.files() - known]
