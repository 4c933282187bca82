"""Home Assistant stops a stream that nobody looks at, and then hands out minutes-old pictures: none of them is kept."""

from itertools import pairwise

import pytest

from scripts.dev.clock import age_ms
from scripts.dev.guard import CAPTURED, FAILED, REJECTED

from .house import Figures, House

INTERVAL_S = 150
SLOTS, SLOTS_LONG = 2, 5
MAX_AGE_S = 5


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
