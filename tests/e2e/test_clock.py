"""A stored picture shows the moment that its row names: by the clock in the picture itself."""

import pytest
from timelapser_core.note import FrameNote
from timelapser_core.stamp import read_stamp

from scripts.dev.clock import age_ms
from scripts.dev.guard import CAPTURED

from .house import Figures, House

FRAMES = 4


@pytest.mark.cameras("lake_stream", "lake_snapshot", "still")
@pytest.mark.parametrize(
    ("name", "limit_s"),
    [("lake_stream", 2), ("lake_snapshot", 5), ("still", 2)],
)
async def test_a_picture_is_as_old_as_its_row_says(house: House, figures: Figures, name: str, limit_s: float) -> None:
    post = await house.post(name)
    await post.event(CAPTURED, count=FRAMES)
    ages = []
    for row in house.catalogue.frames(post.id):
        data = row["path"].read_bytes()
        note = FrameNote.from_comment(read_stamp(data) or {})
        assert (note.captured_at, note.slot_at, note.camera_id) == (row["captured_at"], row["slot_at"], post.id)
        assert note.freshness == row["freshness"] == "proven"
        ages.append(age_ms(data, row["captured_at"].timestamp()) / 1000)
    figures[f"age of the pictures of {name}, s"] = ages
    assert len(ages) >= FRAMES
    assert max(map(abs, ages)) < limit_s, ages


@pytest.mark.cameras("lake_stream", "lake_snapshot", "still")
@pytest.mark.parametrize("name", ["lake_stream", "lake_snapshot", "still"])
async def test_slots_are_aligned_to_the_clock(house: House, name: str) -> None:
    post = await house.post(name)
    await post.event(CAPTURED, count=2)
    slots = [row["slot_at"] for row in house.catalogue.attempts(post.id)]
    # An action's slot is the moment of its call.
    scheduled = [slot.timestamp() for slot in slots if not slot.microsecond]
    assert len(scheduled) >= 2
    assert [at for at in scheduled if at % 10] == []
