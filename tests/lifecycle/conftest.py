"""Fixtures of the life cycle: what there is without a camera."""

from collections.abc import Awaitable, Callable

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.burden import Burden, weigh
from tests.conftest import ScriptedCamera, make_entry, set_up
from tests.ledger import BLACK

type NextSlot = Callable[..., Awaitable[None]]


@pytest.fixture
async def empty(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, next_slot: NextSlot
) -> Burden:
    """Return what there is without a camera, once everything that is made for good has been made."""
    entry = await set_up(hass, make_entry(hass))
    for answer in (camera.good, BLACK, camera.good):
        camera.answer = answer
        await next_slot()
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    return await weigh(hass)
