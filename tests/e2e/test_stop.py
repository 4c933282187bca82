"""Home Assistant is told to stop in the middle of captures that hang: it ends in time, and nothing of ours runs on."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from scripts.dev.guard import CAPTURED

from .house import Figures, House

STOP_LIMIT_S = 15.0
"""Seconds from the signal to the end of the process (RELIABILITY P20)."""
LATE_S = 1.5
"""Seconds in which what was asked before the cameras hung is answered."""
SLOT_S = 5.5
"""Seconds in which each camera comes by a slot; a still that hangs takes longer."""
NAMES = ("mute_still", "mute_stream")


@pytest.fixture
async def street(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Run a Home Assistant of its own."""
    house = House(tmp_path_factory.mktemp("street"))
    try:
        await house.start(NAMES)
        yield house
    finally:
        await house.stop()


async def test_a_stop_in_captures_that_hang(
    street: House, figures: Figures, record_property: Callable[[str, object], None]
) -> None:
    posts = [await street.post(name) for name in NAMES]
    for post in posts:
        await post.event(CAPTURED)
    for post in posts:
        await post.camera.set_mode("hang")
    await asyncio.sleep(LATE_S)
    since = len(street.events)
    await asyncio.sleep(SLOT_S)
    assert posts[0].events(since=since) == []
    assert posts[1].events(CAPTURED, since=since) == []

    took = await street.hass.process.stop(STOP_LIMIT_S)
    record_property("seconds from the signal to the end", took)
    figures["stop in captures that hang (s)"] = [took]
    log = street.hass.log_text()
    for complaint in ("was still running after", "still running at shutdown", "non-daemonic threads"):
        assert complaint not in log
    assert street.catalogue.check() == "ok"
