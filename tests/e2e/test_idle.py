"""Home Assistant stops a stream that nobody looks at, and then hands out minutes-old pictures: none of them is kept."""

from datetime import datetime
from itertools import groupby, pairwise

import pytest

from scripts.dev.clock import age_ms
from scripts.dev.guard import CAPTURED, FAILED, REJECTED

from .house import Figures, House

INTERVAL_S = 90
"""Home Assistant stops a stream 30 s after the last still: what it kept is over a minute old by the next slot."""
SLOTS, SLOTS_LONG = 2, 5
MAX_AGE_S = 5
BUSY_S = 180
"""Home Assistant stops a stream a minute after it has opened it, unless somebody watches: twice in this time."""


@pytest.mark.timeout(1200)
@pytest.mark.cameras("idle_snapshot", "idle_auto")
@pytest.mark.parametrize("name", ["idle_snapshot", "idle_auto"])
async def test_a_picture_after_a_pause_is_fresh(house: House, figures: Figures, name: str, long: bool) -> None:
    post = await house.post(name)
    slots = SLOTS_LONG if long else SLOTS
    await post.event(CAPTURED, count=slots, timeout=(slots + 1) * INTERVAL_S)
    rows = house.catalogue.frames(post.id)
    ages = [age_ms(row["path"].read_bytes(), row["captured_at"].timestamp()) / 1000 for row in rows]
    figures[f"age of the pictures of {name}, s"] = ages
    slot_times = [row["slot_at"].timestamp() for row in rows]
    assert {later - earlier for earlier, later in pairwise(slot_times)} == {INTERVAL_S}
    assert max(map(abs, ages)) < MAX_AGE_S, ages
    assert {row["freshness"] for row in rows} == {"proven"}
    assert post.events(REJECTED, FAILED) == []


@pytest.mark.cameras("busy_snapshot")
async def test_a_stream_that_is_stopped_under_a_capture_comes_back(house: House, figures: Figures) -> None:
    """A call that meets the end of Home Assistant's stream must not end the next stream too, and so on for ever."""
    post = await house.post("busy_snapshot")
    first = (await post.event(CAPTURED))[0]

    def seconds() -> float:
        last = post.events(CAPTURED)[-1]
        return (datetime.fromisoformat(last["slot_at"]) - datetime.fromisoformat(first["slot_at"])).total_seconds()

    await post.until(f"{BUSY_S} s of captures", lambda: seconds() >= BUSY_S, timeout=BUSY_S + 60)
    assert [(data["code"], data.get("detail"), data["phase_ms"]) for data in post.events(REJECTED, FAILED)] == []
    runs = [
        len(list(group))
        for freshness, group in groupby(post.events(CAPTURED), key=lambda data: data["freshness"])
        if freshness != "proven"
    ]
    figures["unproven pictures in a row of busy_snapshot"] = [float(run) for run in runs]
    assert max(runs, default=0) <= 2, runs
