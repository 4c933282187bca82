"""Home Assistant stops a stream that nobody looks at, and then hands out minutes-old pictures: none of them is kept.

A stream that captures look at is kept awake, and gives a fresh picture at every slot.
"""

from datetime import datetime
from itertools import pairwise

import pytest

from scripts.dev.clock import age_ms
from scripts.dev.guard import CAPTURED, FAILED, REJECTED

from .house import Figures, House

INTERVAL_S = 90
"""Home Assistant stops a stream 30 s after the last still: what it kept is over a minute old by the next slot."""
SLOTS, SLOTS_LONG = 2, 5
MAX_AGE_S = 5
BUSY_S, BUSY_INTERVAL_S = 180, 5
"""Home Assistant stops a stream a minute after it has opened it, unless somebody watches: twice in this time."""
BUSY_LOST, BUSY_LOST_IN_A_ROW = 4, 2
"""Slots that may have no fresh picture on a machine that is too busy to show one in time."""


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
async def test_the_pictures_of_a_busy_camera_stay_fresh(house: House, figures: Figures) -> None:
    """A stream that nobody but captures looks at does not end under them.

    Opening a stream takes longer than a slot on a busy machine. So it does not count what came before the first fresh
    picture; from then on the next one is never far.
    """
    post = await house.post("busy_snapshot")

    def fresh() -> list[float]:
        """Return the slots of fresh pictures, in seconds from the first one on."""
        slots = [data["slot_at"] for data in post.events(CAPTURED) if data["freshness"] == "proven"]
        times = [datetime.fromisoformat(slot).timestamp() for slot in slots]
        return [at - times[0] for at in times]

    await post.until(f"{BUSY_S} s of fresh pictures", lambda: max(fresh(), default=0) >= BUSY_S, timeout=BUSY_S + 90)
    gaps = [later - earlier for earlier, later in pairwise(fresh())]
    figures["seconds between fresh pictures of busy_snapshot"] = gaps
    assert max(gaps) <= (BUSY_LOST_IN_A_ROW + 1) * BUSY_INTERVAL_S, gaps
    assert len(gaps) >= BUSY_S / BUSY_INTERVAL_S - BUSY_LOST, gaps
    assert [data["code"] for data in post.events(REJECTED)] == []
