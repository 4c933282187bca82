"""The triggers and conditions, in automations of Home Assistant."""

from collections.abc import Awaitable, Callable
from typing import Any

from homeassistant.components import automation
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.timelapser.condition import CONDITIONS
from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.trigger import TRIGGERS
from tests.conftest import Events, ScriptedCamera, set_up
from tests.ledger import BLACK
from tests.surface import entity_id

type NextSlot = Callable[..., Awaitable[None]]
type Told = Callable[[], list[dict[str, Any]]]
type Automate = Callable[..., Awaitable[Told]]

CAMERA_TRIGGERS = ("camera_degraded", "camera_recovered", "camera_offline", "camera_online")
DATA = {
    "what": "{{ trigger.id }}",
    "entity": "{{ trigger.entity_id }}",
    "cid": "{{ trigger.event_data.correlation_id }}",
    "name": "{{ trigger.event_data.name }}",
}


def device_of(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    """Return the device of a camera."""
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, entry.entry_id), entry.entry_id)
    assert device is not None
    return device.id


@pytest.fixture
def automate(hass: HomeAssistant) -> Automate:
    """Return what sets up an automation with triggers and conditions, and tells what it did."""

    async def set_up_automation(
        triggers: list[dict[str, Any]], conditions: list[dict[str, Any]] | None = None, data: Any = DATA
    ) -> Told:
        calls = async_mock_service(hass, "test", "tell")
        config = {
            "alias": "Told",
            "mode": "queued",
            "triggers": triggers,
            "conditions": conditions or [],
            "actions": [{"action": "test.tell", "data": data}],
        }
        assert await async_setup_component(hass, automation.DOMAIN, {automation.DOMAIN: config})
        await hass.async_block_till_done()
        state = hass.states.get("automation.told")
        assert state is not None
        assert state.state == "on"
        return lambda: [dict(call.data) for call in calls]

    return set_up_automation


def on(target: dict[str, Any], *names: str, **options: Any) -> list[dict[str, Any]]:
    """Return triggers with their names as ids."""
    return [
        {"trigger": f"{DOMAIN}.{name}", "id": name, "target": target, **({"options": options} if options else {})}
        for name in names
    ]


async def _slots(camera: ScriptedCamera, next_slot: NextSlot, answer: Any, count: int = 5) -> None:
    camera.answer = answer
    for _ in range(count):
        await next_slot()


@pytest.mark.parametrize("aim", ["device", "area", "entities"])
async def test_every_change_of_a_camera_triggers_once(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    automate: Automate,
    events: Events,
    aim: str,
) -> None:
    device = device_of(hass, camera_entry)
    sensors = [entity_id(hass, camera_entry, "binary_sensor", key) for key in ("degraded", "connectivity")]
    target: dict[str, Any] = {"device_id": device}
    if aim == "area":
        area = ar.async_get(hass).async_create("Garden")
        dr.async_get(hass).async_update_device(device, area_id=area.id)
        target = {"area_id": area.id}
    elif aim == "entities":
        target = {"entity_id": sensors}
    told = await automate(on(target, *CAMERA_TRIGGERS))
    await next_slot()
    assert told() == []
    await _slots(camera, next_slot, BLACK)
    await _slots(camera, next_slot, camera.good)
    await _slots(camera, next_slot, b"")
    camera.answer = camera.good
    await next_slot(900)
    assert [item["what"] for item in told()] == list(CAMERA_TRIGGERS)
    assert [item["entity"] for item in told()] == [sensors[0], sensors[0], sensors[1], sensors[1]]
    fired = [events.named(name)[0].data["correlation_id"] for name in CAMERA_TRIGGERS]
    assert [item["cid"] for item in told()] == fired
    assert {item["name"] for item in told()} == {"Garden"}


async def test_every_rejected_picture_triggers(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    automate: Automate,
    events: Events,
) -> None:
    told = await automate(on({"device_id": device_of(hass, camera_entry)}, "image_rejected"))
    await _slots(camera, next_slot, BLACK, 3)
    await _slots(camera, next_slot, b"", 2)
    await _slots(camera, next_slot, camera.good, 2)
    assert [item["cid"] for item in told()] == [
        event.data["correlation_id"] for event in events.named("image_rejected")
    ]
    assert len(told()) == 3


async def test_the_problems_of_others_are_none_of_ours(
    hass: HomeAssistant, camera_entry: MockConfigEntry, automate: Automate
) -> None:
    """Another integration's sensor of the same kind is in the same area; so is, for the control, ours."""
    area = ar.async_get(hass).async_create("Garden")
    registry = er.async_get(hass)
    other = registry.async_get_or_create("binary_sensor", "other", "printer_degraded", original_device_class="problem")
    ours = entity_id(hass, camera_entry, "binary_sensor", "degraded")
    for found in (other.entity_id, ours):
        registry.async_update_entity(found, area_id=area.id)
        hass.states.async_set(found, "off")
    told = await automate(on({"area_id": area.id}, "camera_degraded"))
    hass.states.async_set(other.entity_id, "on")
    await hass.async_block_till_done()
    assert told() == []
    hass.states.async_set(ours, "on")
    await hass.async_block_till_done()
    assert [item["entity"] for item in told()] == [ours]


async def test_a_state_that_has_to_last_triggers_later(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot, automate: Automate
) -> None:
    target = {"device_id": device_of(hass, camera_entry)}
    told = await automate(on(target, "camera_degraded", **{"for": {"minutes": 3, "seconds": 30}}))
    await _slots(camera, next_slot, BLACK, 8)
    assert told() == []
    await next_slot()
    assert len(told()) == 1


async def test_a_camera_that_never_answered_goes_offline_all_the_same(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot, automate: Automate
) -> None:
    told = await automate(on({"device_id": device_of(hass, camera_entry)}, *CAMERA_TRIGGERS))
    await _slots(camera, next_slot, b"")
    assert [item["what"] for item in told()] == ["camera_offline"]


async def test_a_reload_triggers_nothing(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot, automate: Automate
) -> None:
    await _slots(camera, next_slot, BLACK)
    told = await automate(on({"device_id": device_of(hass, camera_entry)}, *CAMERA_TRIGGERS))
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    await set_up(hass, camera_entry)
    assert told() == []
    await _slots(camera, next_slot, camera.good)
    assert [item["what"] for item in told()] == ["camera_recovered"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(BLACK, ["is_degraded"]), (b"", ["is_offline"]), (None, ["is_healthy"])],
)
async def test_conditions_tell_the_states_apart(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    answer: bytes | None,
    expected: list[str],
) -> None:
    await _slots(camera, next_slot, camera.good if answer is None else answer)
    calls = async_mock_service(hass, "test", "tell")
    target = {"device_id": device_of(hass, camera_entry)}
    config = [
        {
            "triggers": {"trigger": "event", "event_type": "ask"},
            "conditions": {"condition": f"{DOMAIN}.{name}", "target": target},
            "actions": {"action": "test.tell", "data": {"what": name}},
        }
        for name in CONDITIONS
    ]
    assert await async_setup_component(hass, automation.DOMAIN, {automation.DOMAIN: config})
    hass.bus.async_fire("ask")
    await hass.async_block_till_done()
    assert [call.data["what"] for call in calls] == expected


async def test_the_editor_is_told_of_all(
    hass: HomeAssistant, camera_entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    """As the frontend asks, with every field and its selector."""
    assert await async_setup_component(hass, automation.DOMAIN, {})
    client = await hass_ws_client()
    for kind, names in (("trigger", TRIGGERS), ("condition", CONDITIONS)):
        await client.send_json_auto_id({"type": f"{kind}_platforms/subscribe"})
        assert (await client.receive_json())["success"]
        event = (await client.receive_json())["event"]
        ours = {key: value for key, value in event.items() if key.startswith(f"{DOMAIN}.")}
        assert set(ours) == {f"{DOMAIN}.{name}" for name in names}
        for value in ours.values():
            assert value["target"]["entity"][0]["integration"] == DOMAIN
            assert all("selector" in field for field in value["fields"].values())
