"""What a camera has learned, and that it can be forgotten, through Home Assistant."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from homeassistant.components.button import DOMAIN as BUTTON_DOMAIN, SERVICE_PRESS
from homeassistant.const import ATTR_ENTITY_ID, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.json import json_bytes
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.timelapser.core.detection import Baseline
from custom_components.timelapser.core.detection.normal import Normal
from tests.calls import call
from tests.conftest import ScriptedCamera, set_up, settle
from tests.ledger import BLACK, table
from tests.surface import entity_id, state

type NextSlot = Callable[..., Awaitable[None]]

GARDEN = "camera.garden"


@pytest.fixture(autouse=True)
def all_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enable the entities that are disabled by default."""
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", True)


async def relearn(hass: HomeAssistant, entry: MockConfigEntry, **data: Any) -> dict[str, int]:
    """Call the action and return what it says was forgotten."""
    answer = await call(hass, "relearn", entity_id=GARDEN, **data)
    assert json_bytes(answer)
    return answer["cameras"][entry.entry_id]["forgotten"]


def learned(hass: HomeAssistant) -> dict[str, int]:
    """Return how many pictures of each light the catalogue's baseline was learned from."""
    (row,) = table(hass, "cameras")
    return {light.value: count for light, count in Baseline.from_bytes(row["baseline"]).accepted.items()}


@pytest.mark.parametrize("data", [{}, {"light": "day"}])
async def test_relearn_forgets_at_once_and_for_good(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, data: dict[str, str]
) -> None:
    for _ in range(3):
        await next_slot()
    assert learned(hass) == {"day": 3}
    forgotten = await relearn(hass, camera_entry, **data)
    assert forgotten == ({"day": 3} if data else {"day": 3, "twilight": 0, "night": 0})
    assert learned(hass) == {}
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    await set_up(hass, camera_entry)
    await next_slot()
    assert learned(hass) == {"day": 1}


async def test_another_light_stays(hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot) -> None:
    await next_slot()
    assert await relearn(hass, camera_entry, light="night") == {"night": 0}
    assert learned(hass) == {"day": 1}
    assert state(hass, camera_entry, "image", "reference").state != STATE_UNKNOWN


async def test_the_button_does_the_same(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    await next_slot()
    await hass.services.async_call(
        BUTTON_DOMAIN,
        SERVICE_PRESS,
        {ATTR_ENTITY_ID: entity_id(hass, camera_entry, "button", "relearn")},
        blocking=True,
    )
    assert learned(hass) == {}


async def test_an_attempt_under_way_does_not_write_the_old_back(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    await next_slot()
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow() -> bytes:
        asked.set()
        await answer.wait()
        return camera.good()

    camera.answer = slow
    slot = asyncio.create_task(next_slot())
    await asked.wait()
    forgetting = asyncio.create_task(relearn(hass, camera_entry))
    await asyncio.sleep(0)
    answer.set()
    assert (await forgetting)["day"] == 2
    await slot
    await settle(hass)
    assert learned(hass) == {}


async def test_the_reference_begins_anew(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    await next_slot()
    before = state(hass, camera_entry, "image", "reference").state
    assert before != STATE_UNKNOWN
    await relearn(hass, camera_entry)
    assert state(hass, camera_entry, "image", "reference").state == STATE_UNKNOWN
    await next_slot()
    assert state(hass, camera_entry, "image", "reference").state not in (before, STATE_UNKNOWN)


async def test_a_light_that_is_none(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    with pytest.raises(vol.Invalid):
        await relearn(hass, camera_entry, light="dusk")


def looks(hass: HomeAssistant) -> dict[str, int]:
    """Return from how many pictures the catalogue's learned normal was made, by light."""
    (row,) = table(hass, "cameras")
    normal = Normal.from_bytes(row["normal"])
    return {light.value: look.count for light, of_light in normal.looks.items() for look in of_light}


async def test_the_learned_normal_survives_a_restart(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    """After eight pictures of a light it is known, and the answer of the test tool says so."""
    for _ in range(8):
        assert (await look_now(hass, camera_entry))["learning"]
        await next_slot()
    assert looks(hass) == {"day": 8}
    assert not (await look_now(hass, camera_entry))["learning"]
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    await set_up(hass, camera_entry)
    assert not (await look_now(hass, camera_entry))["learning"]
    await relearn(hass, camera_entry)
    assert looks(hass) == {}
    assert (await look_now(hass, camera_entry))["learning"]


async def look_now(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    """Return what the camera's picture is worth now."""
    answer: dict[str, Any] = await call(hass, "evaluate_camera", entity_id=GARDEN)
    found: dict[str, Any] = answer["cameras"][entry.entry_id]
    return found


async def test_the_learned_normal_is_written_only_when_something_was_learned(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    """It is large, and a known look learns every few minutes only; a bad picture teaches nothing at all."""
    for _ in range(9):
        await next_slot()
    (before,) = table(hass, "cameras")
    camera.answer = BLACK
    await next_slot()
    camera.answer = camera.good
    (after,) = table(hass, "cameras")
    assert after["baseline"] != before["baseline"]
    assert after["normal"] == before["normal"]
