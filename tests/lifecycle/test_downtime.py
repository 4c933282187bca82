"""Sleeps, trouble and broken starts: no burst, no idle spinning, nothing left running."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
import threading
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.core.errors import CatalogueError, Code
from custom_components.timelapser.engine import Engine
from tests.conftest import Events, ScriptedCamera, make_entry, set_up, timelapse_data
from tests.ledger import table
from tests.surface import state

type NextSlot = Callable[..., Awaitable[None]]

DAY = 86400


@pytest.mark.parametrize(
    ("asleep", "captures", "missed", "shown"),
    [
        pytest.param(2 * 3600, 1, 7, "ready", id="within the window"),
        pytest.param(4 * 3600, 0, 11, "outside_window", id="past its end"),
        pytest.param(DAY + 4 * 3600, 0, 27, "outside_window", id="past the end of the next day's"),
        pytest.param(DAY, 1, 15, "ready", id="into the next day's"),
    ],
)
async def test_a_sleep_is_no_burst(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    events: Events,
    next_slot: NextSlot,
    asleep: int,
    captures: int,
    missed: int,
    shown: str,
) -> None:
    """The machine was suspended: at most the newest slot is filled, and only while it is not over.

    The window has 16 slots, from 17:00 to 20:45, and one of them, at 18:00, was before the sleep.
    """
    await hass.config.async_set_time_zone("UTC")
    freezer.move_to(freezer().replace(hour=17, minute=55, second=0))
    entry = await set_up(
        hass, make_entry(hass, timelapse_data(interval=900, window="time", start="17:00", end="21:00"))
    )
    await next_slot(300)
    assert camera.calls == 1
    await next_slot(asleep)
    assert camera.calls == 1 + captures
    assert state(hass, entry, "sensor", "state").state == shown
    assert len({event.data["slot_at"] for event in events.named("image_captured")}) == 1 + captures
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert table(hass, "cameras")[0]["missed"] == missed
    assert camera.calls == 1 + captures
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_restart_is_no_burst(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    next_slot: NextSlot,
) -> None:
    """Three timelapses, three days down: one attempt for all of them in the first interval, and the gap is counted."""
    intervals = (60, 120, 300)
    entry = await set_up(hass, make_entry(hass, *(timelapse_data(str(seconds), seconds) for seconds in intervals)))
    freezer.move_to(freezer().replace(minute=4, second=30))
    await next_slot()
    assert camera.calls == 1
    assert await hass.config_entries.async_unload(entry.entry_id)
    (before,) = (row["missed"] for row in table(hass, "cameras"))
    freezer.tick(timedelta(days=3))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert camera.calls == 1
    assert table(hass, "cameras")[0]["missed"] - before == sum(3 * DAY // seconds for seconds in intervals)
    await next_slot()
    assert camera.calls == 2
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_trouble_of_our_own_is_met_once_a_slot(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    next_slot: NextSlot,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A slot that cannot be handled is over; it is not tried again and again until the trouble ends."""
    entry = await set_up(hass, make_entry(hass))
    asked = []

    def broken(engine: Engine) -> Any:
        asked.append(engine)
        raise CatalogueError(Code.CATALOGUE_LOCKED, "locked")

    with monkeypatch.context() as patched:
        patched.setattr(Engine, "storage_state", broken)
        for _ in range(3):
            await next_slot()
    assert len(asked) == 3
    assert caplog.text.count("the slot could not be handled: TL-DB-002") == 3
    await next_slot()
    assert camera.calls == 1
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("broken", ["timelapse", "options"])
async def test_an_entry_that_cannot_be_read_leaves_nothing_running(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, broken: str
) -> None:
    """As one that was edited by hand; mended, it loads."""
    entry = make_entry(hass, **({"strategy": "by pigeon"} if broken == "options" else {}))
    if broken == "timelapse":
        (subentry,) = entry.subentries.values()
        data = dict(subentry.data)
        hass.config_entries.async_update_subentry(entry, subentry, data={"window": "always"})
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert not [thread for thread in threading.enumerate() if DOMAIN in thread.name]
    if broken == "timelapse":
        hass.config_entries.async_update_subentry(entry, subentry, data=data)
    else:
        hass.config_entries.async_update_entry(entry, options={})
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert not [thread for thread in threading.enumerate() if DOMAIN in thread.name]
