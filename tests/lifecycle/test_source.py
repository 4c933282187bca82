"""What happens to the wrapped camera entity while it is guarded: captures go on or rest, and nothing is left over."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from homeassistant.components.camera.const import DATA_COMPONENT
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, setup_test_component_platform

from tests.burden import added, weigh
from tests.conftest import Events, ScriptedCamera, make_entry, set_up
from tests.ledger import consistent, table
from tests.surface import state

type NextSlot = Callable[..., Awaitable[None]]
type Change = Callable[[HomeAssistant, ScriptedCamera], Awaitable[None]]


def missed(hass: HomeAssistant, entry: MockConfigEntry) -> int:
    """Return the missed slots that the catalogue knows of."""
    (row,) = (row for row in table(hass, "cameras") if row["id"] == entry.entry_id)
    return int(row["missed"])


async def _rename(hass: HomeAssistant, _camera: ScriptedCamera) -> None:
    er.async_get(hass).async_update_entity("camera.garden", new_entity_id="camera.yard")


async def _rename_back(hass: HomeAssistant, _camera: ScriptedCamera) -> None:
    er.async_get(hass).async_update_entity("camera.yard", new_entity_id="camera.garden")


async def _move(hass: HomeAssistant, _camera: ScriptedCamera) -> None:
    owner = MockConfigEntry(domain="test", entry_id="nvr")
    if hass.config_entries.async_get_entry("nvr") is None:
        owner.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(config_entry_id=owner.entry_id, identifiers={("test", "nvr")})
    er.async_get(hass).async_update_entity("camera.garden", device_id=device.id)


async def _move_back(hass: HomeAssistant, _camera: ScriptedCamera) -> None:
    er.async_get(hass).async_update_entity("camera.garden", device_id=None)


async def _disable(hass: HomeAssistant, _camera: ScriptedCamera) -> None:
    er.async_get(hass).async_update_entity("camera.garden", disabled_by=er.RegistryEntryDisabler.USER)


async def _enable(hass: HomeAssistant, camera: ScriptedCamera) -> None:
    er.async_get(hass).async_update_entity("camera.garden", disabled_by=None)
    await _add(hass, camera)


async def _remove(hass: HomeAssistant, _camera: ScriptedCamera) -> None:
    er.async_get(hass).async_remove("camera.garden")


async def _add(_hass: HomeAssistant, camera: ScriptedCamera) -> None:
    """Let the camera's integration load it anew."""
    await camera.platform.async_add_entities([ScriptedCamera()])


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize(
    ("change", "undo", "shown", "captures"),
    [
        pytest.param(_rename, _rename_back, "ready", 1, id="renamed"),
        pytest.param(_move, _move_back, "ready", 1, id="moved to another device"),
        pytest.param(_disable, _enable, "camera_removed", 0, id="disabled"),
        pytest.param(_remove, _add, "camera_removed", 0, id="removed"),
    ],
)
async def test_the_camera_entity_changes(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
    change: Change,
    undo: Change,
    shown: str,
    captures: int,
) -> None:
    """Its registry entry is followed; while there is none, slots are counted as missed, and then it goes on.

    What Home Assistant itself keeps of such a change is there before the camera is guarded.
    """
    for step in (change, undo):
        await step(hass, camera)
        await hass.async_block_till_done()
    before = await weigh(hass)
    entry = await set_up(hass, make_entry(hass))
    for _ in range(3):
        await next_slot()
    events.clear()
    await change(hass, camera)
    await hass.async_block_till_done()
    assert state(hass, entry, "sensor", "state").state == shown
    await next_slot()
    assert len(events.named("image_captured")) == captures
    assert [event for event in events if event.event_type.endswith("_failed")] == []
    await undo(hass, camera)
    await hass.async_block_till_done()
    assert state(hass, entry, "sensor", "state").state == "ready"
    await next_slot()
    assert len(events.named("image_captured")) == captures + 1
    assert missed(hass, entry) == 1 - captures
    assert state(hass, entry, "sensor", "image_count").state == str(4 + captures)
    assert consistent(hass, media_root)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert added(before, await weigh(hass)) == {}


async def test_a_camera_without_a_registry_entry(
    hass: HomeAssistant, system_entry: MockConfigEntry, events: Events, next_slot: NextSlot
) -> None:
    """A camera of YAML is known by its entity_id; it goes with its state, and comes back with it."""

    def nameless() -> ScriptedCamera:
        entity = ScriptedCamera()
        entity._attr_unique_id = None
        return entity

    first, second = nameless(), nameless()
    setup_test_component_platform(hass, "camera", [first])
    assert await async_setup_component(hass, "camera", {"camera": {"platform": "test"}})
    await hass.async_block_till_done()
    platform = first.platform
    entry = await set_up(hass, make_entry(hass))
    for _ in range(3):
        await next_slot()
    assert await hass.config_entries.async_unload(entry.entry_id)
    unloaded = await weigh(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    for _ in range(3):
        await next_slot()
    await first.async_remove()
    await hass.async_block_till_done()
    assert state(hass, entry, "sensor", "state").state == "camera_removed"
    await next_slot()
    await platform.async_add_entities([second])
    await hass.async_block_till_done()
    assert state(hass, entry, "sensor", "state").state == "ready"
    await next_slot()
    assert len(events.named("image_captured")) == 7
    assert missed(hass, entry) == 1
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert added(unloaded, await weigh(hass)) == {}


async def test_a_camera_platform_that_loads_later(
    hass: HomeAssistant, system_entry: MockConfigEntry, events: Events, next_slot: NextSlot
) -> None:
    """A camera that is still loading has not failed; its slot is a missed one, and the next is filled."""
    er.async_get(hass).async_get_or_create("camera", "test", "garden", suggested_object_id="garden")
    entry = await set_up(hass, make_entry(hass))
    assert state(hass, entry, "sensor", "state").state == "ready"
    await next_slot()
    assert not events.named("capture_failed")
    entity = ScriptedCamera()
    setup_test_component_platform(hass, "camera", [entity])
    await hass.data[DATA_COMPONENT].async_setup({"camera": {"platform": "test"}})
    await hass.async_block_till_done()
    await next_slot()
    assert [event.data["camera"] for event in events.named("image_captured")] == ["camera.garden"]
    assert state(hass, entry, "sensor", "health").state == "online"
    assert missed(hass, entry) == 1
    assert await hass.config_entries.async_unload(entry.entry_id)
