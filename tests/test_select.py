"""The choice of a sensitivity, through Home Assistant."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from itertools import count

from homeassistant.components.select import DOMAIN as SELECT_DOMAIN, SERVICE_SELECT_OPTION
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.core.detection import Detector
from tests.config_flow.forms import DEFAULT_OPTIONS, show_options, shown, submit_options
from tests.conftest import ScriptedCamera, settle
from tests.core import pictures
from tests.surface import entity_id, state

type NextSlot = Callable[..., Awaitable[None]]


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause, which a stopped clock would make endless."""
    monkeypatch.setattr("custom_components.timelapser.capture.RETRY_DELAY_S", 0.0)


def dazzled(rows: int, number: int = 0) -> bytes:
    """Return a scene of which the upper rows are overexposed, with noise of its own."""
    rgb = pictures.noisy(pictures.scene("day", 640, 360), 1.5, number).copy()
    rgb[:rows] = 255
    return pictures.jpeg(rgb)


@cache
def doubtful_rows() -> int:
    """Return how many rows make the picture one that medium sensitivity keeps and high rejects."""
    now = datetime.now(UTC)
    for rows in range(200, 320, 8):
        kept = [Detector(word).evaluate(dazzled(rows), when=now).verdict.kept for word in ("medium", "high")]
        if kept == [True, False]:
            return rows
    raise AssertionError("no such picture")


@pytest.fixture
def doubtful(camera: ScriptedCamera) -> None:
    """Let the camera give doubtful pictures of a living scene."""
    numbers = count(1)
    camera.answer = lambda: dazzled(doubtful_rows(), next(numbers))


async def choose(hass: HomeAssistant, entry: MockConfigEntry, option: str) -> None:
    """Choose a sensitivity and wait for what comes of it."""
    await hass.services.async_call(
        SELECT_DOMAIN,
        SERVICE_SELECT_OPTION,
        {ATTR_ENTITY_ID: entity_id(hass, entry, "select", "sensitivity"), "option": option},
        blocking=True,
    )
    await hass.async_block_till_done()


async def captured(hass: HomeAssistant, entry: MockConfigEntry, next_slot: NextSlot) -> bool:
    """Return whether the next picture is kept."""
    before = state(hass, entry, "sensor", "images_captured").state
    await next_slot()
    return state(hass, entry, "sensor", "images_captured").state != before


@pytest.mark.usefixtures("doubtful")
async def test_the_choice_decides_without_a_reload(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    coordinator = camera_entry.runtime_data
    assert state(hass, camera_entry, "select", "sensitivity").state == "medium"
    assert await captured(hass, camera_entry, next_slot)
    await choose(hass, camera_entry, "high")
    assert state(hass, camera_entry, "select", "sensitivity").state == "high"
    assert camera_entry.options == {"sensitivity": "high"}
    assert not await captured(hass, camera_entry, next_slot)
    await choose(hass, camera_entry, "medium")
    assert camera_entry.options == {}
    assert await captured(hass, camera_entry, next_slot)
    assert camera_entry.runtime_data is coordinator


@pytest.mark.usefixtures("doubtful")
async def test_a_limit_of_ones_own_moves_with_the_word(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    hass.config_entries.async_update_entry(camera_entry, options={"reject_below": 65.0})
    await hass.async_block_till_done()
    assert not await captured(hass, camera_entry, next_slot)
    await choose(hass, camera_entry, "low")
    assert camera_entry.options == {"reject_below": 65.0, "sensitivity": "low"}
    assert await captured(hass, camera_entry, next_slot)


async def test_any_other_change_reloads(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    """The control arm: what the running camera cannot follow, also beside a change of the sensitivity."""
    coordinator = camera_entry.runtime_data
    hass.config_entries.async_update_entry(camera_entry, options={"sensitivity": "low", "retries": 0})
    await hass.async_block_till_done()
    assert camera_entry.runtime_data is not coordinator
    assert state(hass, camera_entry, "select", "sensitivity").state == "low"


async def test_an_attempt_under_way_goes_on(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow() -> bytes:
        asked.set()
        await answer.wait()
        return camera.good()

    camera.answer = slow
    slot = asyncio.create_task(next_slot())
    await asked.wait()
    hass.config_entries.async_update_entry(camera_entry, options={"sensitivity": "high"})
    await asyncio.sleep(0)
    answer.set()
    await slot
    await settle(hass)
    assert state(hass, camera_entry, "sensor", "images_captured").state == "1"
    assert camera_entry.options == {"sensitivity": "high"}


async def test_the_form_and_the_entity_are_one(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    await choose(hass, camera_entry, "low")
    form = await show_options(hass, camera_entry)
    assert shown(form) == DEFAULT_OPTIONS | {"sensitivity": "low"}
    await submit_options(hass, form, DEFAULT_OPTIONS | {"sensitivity": "high"})
    await hass.async_block_till_done()
    assert state(hass, camera_entry, "select", "sensitivity").state == "high"


async def test_a_word_that_is_none(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    with pytest.raises(ServiceValidationError):
        await choose(hass, camera_entry, "extreme")
    assert camera_entry.options == {}
