"""Entries and subentries that come, change and go, in any order: captures follow, and nothing is left over."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryDisabler,
    ConfigEntryState,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN, SUBENTRY_TIMELAPSE, SYSTEM_UNIQUE_ID
from tests.burden import Burden, added, weigh
from tests.conftest import Events, ScriptedCamera, make_entry, set_up
from tests.ledger import consistent, files, table
from tests.surface import state, timelapse_id

type NextSlot = Callable[..., Awaitable[None]]

RECIPE = {"name": "Roses", "interval": "1m", "window": "always", "keep_days": 365}


def system(hass: HomeAssistant) -> Any:
    """Return the system entry, if there is one."""
    return hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, SYSTEM_UNIQUE_ID)


def parent_of(hass: HomeAssistant, entry: ConfigEntry) -> dr.DeviceEntry | None:
    """Return the device that a camera's device hangs on."""
    registry = dr.async_get(hass)
    device = registry.async_get_device_by_identifier((DOMAIN, entry.entry_id), entry.entry_id)
    assert device is not None
    return registry.async_get(device.via_device_id) if device.via_device_id else None


async def unload(hass: HomeAssistant, *entries: ConfigEntry) -> None:
    """Unload entries."""
    for entry in entries:
        assert await hass.config_entries.async_unload(entry.entry_id)
        assert entry.state is ConfigEntryState.NOT_LOADED


@pytest.fixture
async def shed(camera: ScriptedCamera) -> ScriptedCamera:
    """Add a second camera, ``camera.shed``."""
    entity = ScriptedCamera()
    entity._attr_name, entity._attr_unique_id = "Shed", "shed"
    await camera.platform.async_add_entities([entity])
    return entity


# Order


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "in between", "last"])
@pytest.mark.usefixtures("shed")
async def test_the_system_entry_is_set_up(
    hass: HomeAssistant, camera: ScriptedCamera, media_root: Path, events: Events, next_slot: NextSlot, place: int
) -> None:
    """Whatever comes first: the same devices, the same settings, the same captures."""
    made = MockConfigEntry(domain=DOMAIN, unique_id=SYSTEM_UNIQUE_ID, data={"media_root": str(media_root)})
    makers: list[Callable[[], Any]] = [
        lambda: make_entry(hass),
        lambda: make_entry(hass, entity_id="camera.shed", title="Shed"),
    ]
    makers.insert(place, lambda: made.add_to_hass(hass))
    cameras = [entry for make in makers if (entry := make())]
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()
    assert [entry.state for entry in (*cameras, made)] == [ConfigEntryState.LOADED] * 3
    assert system(hass) is made
    assert {parent_of(hass, entry).config_entry_id for entry in cameras} == {made.entry_id}
    await next_slot()
    assert sorted(event.data["camera"] for event in events.named("image_captured")) == ["camera.garden", "camera.shed"]
    assert len(files(media_root)) == 2
    assert consistent(hass, media_root)
    await unload(hass, *cameras)


@pytest.mark.usefixtures("shed")
async def test_two_first_cameras_are_added_at_once(
    hass: HomeAssistant, camera: ScriptedCamera, events: Events, next_slot: NextSlot, tmp_path: Path
) -> None:
    """Each flow asks where frames go; the faster answer counts, and both cameras capture."""
    flows = []
    for entity_id in ("camera.garden", "camera.shed"):
        flow = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
        flow = await hass.config_entries.flow.async_configure(flow["flow_id"], {"camera": entity_id})
        assert flow["step_id"] == "preview"
        flow = await hass.config_entries.flow.async_configure(flow["flow_id"], {})
        assert flow["step_id"] == "storage"
        flows.append(flow)
    roots = [str(tmp_path / DOMAIN / name) for name in ("one", "two")]
    results = await asyncio.gather(
        *(
            hass.config_entries.flow.async_configure(flow["flow_id"], {"media_root": root})
            for flow, root in zip(flows, roots, strict=True)
        )
    )
    entries = [result["result"] for result in results]
    for result in results:
        recipe = await hass.config_entries.subentries.async_configure(result["next_flow"][1], RECIPE)
        assert recipe["type"] == "create_entry"
    await hass.async_block_till_done()
    assert [entry.state for entry in (*entries, system(hass))] == [ConfigEntryState.LOADED] * 3
    assert len(hass.config_entries.async_entries(DOMAIN)) == 3
    assert entries[0].runtime_data.engine is entries[1].runtime_data.engine
    chosen = Path(system(hass).data["media_root"])
    assert str(chosen) in roots
    await next_slot()
    assert sorted(event.data["camera"] for event in events.named("image_captured")) == ["camera.garden", "camera.shed"]
    assert len(files(chosen)) == 2
    assert consistent(hass, chosen)
    await unload(hass, *entries)


# The system entry


@pytest.mark.parametrize("way", ["deleted", "disabled"])
async def test_the_system_entry_goes_while_there_is_a_camera(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    empty: Burden,
    system_entry: MockConfigEntry,
    media_root: Path,
    next_slot: NextSlot,
    way: str,
) -> None:
    """Captures go on. It is made again at once with the last settings; a disabled one is enabled by the next load."""
    entry = await set_up(hass, make_entry(hass))
    hass.config_entries.async_update_entry(system_entry, data={**system_entry.data, "byte_budget": 5.0})
    await hass.async_block_till_done()
    before = len(files(media_root))
    settings = dict(system_entry.data)
    if way == "deleted":
        await hass.config_entries.async_remove(system_entry.entry_id)
    else:
        await hass.config_entries.async_set_disabled_by(system_entry.entry_id, ConfigEntryDisabler.USER)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    await next_slot()
    assert len(files(media_root)) == before + 1
    if way == "disabled":
        assert system(hass).state is ConfigEntryState.NOT_LOADED
        assert await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done()
    assert system(hass).state is ConfigEntryState.LOADED
    assert (system(hass) is system_entry) is (way == "disabled")
    assert dict(system(hass).data) == settings
    parent = parent_of(hass, entry)
    assert parent is not None
    assert (parent.config_entry_id, parent.disabled_by) == (system(hass).entry_id, None)
    await next_slot()
    assert len(files(media_root)) == before + 2
    assert consistent(hass, media_root)
    await unload(hass, entry)
    assert added(empty, await weigh(hass)) == {}


async def test_the_system_entry_goes_with_the_last_camera(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry
) -> None:
    entry = await set_up(hass, make_entry(hass))
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert hass.config_entries.async_entries(DOMAIN) == []
    registry = dr.async_get(hass)
    assert [device for device in registry.devices if DOMAIN in dict(device.identifiers)] == []


# A camera


async def test_a_camera_is_disabled_and_enabled(
    hass: HomeAssistant, camera: ScriptedCamera, events: Events, empty: Burden, media_root: Path, next_slot: NextSlot
) -> None:
    entry = await set_up(hass, make_entry(hass))
    await next_slot()
    events.clear()
    calls = camera.calls
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert added(empty, await weigh(hass)) == {}
    for _ in range(2):
        await next_slot()
    assert camera.calls == calls
    await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
    await hass.async_block_till_done()
    await next_slot()
    assert [event.event_type for event in events] == ["timelapser_image_captured"]
    assert [row["image_count"] for row in table(hass, "runs")][-1] == 2
    assert state(hass, entry, "sensor", "state").state == "ready"
    assert missed(hass, entry) == 2
    assert consistent(hass, media_root)
    await unload(hass, entry)
    assert added(empty, await weigh(hass)) == {}


def missed(hass: HomeAssistant, entry: ConfigEntry) -> int:
    """Return the missed slots that the catalogue knows of."""
    (row,) = (row for row in table(hass, "cameras") if row["id"] == entry.entry_id)
    return int(row["missed"])


async def test_a_camera_is_removed_and_added_again(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, media_root: Path, next_slot: NextSlot
) -> None:
    """Its archive returns: counts, frames, folder, and the run of before, which is over; a new one begins."""
    first = await set_up(hass, make_entry(hass))
    for _ in range(3):
        await next_slot()
    (folder,) = (media_root / DOMAIN).glob("garden-*")
    await hass.config_entries.async_remove(first.entry_id)
    await hass.async_block_till_done()
    assert system(hass) is None
    (row,) = table(hass, "cameras")
    assert row["removed_at"] is not None
    assert len(files(media_root)) == 3
    await next_slot()
    assert camera.calls == 3
    system_entry = MockConfigEntry(domain=DOMAIN, unique_id=SYSTEM_UNIQUE_ID, data={"media_root": str(media_root)})
    system_entry.add_to_hass(hass)
    second = await set_up(hass, make_entry(hass, title="Garden in spring"))
    (row,) = table(hass, "cameras")
    assert (row["id"], row["removed_at"], row["captured"]) == (second.entry_id, None, 3)
    assert state(hass, second, "sensor", "images_captured").state == "3"
    assert state(hass, second, "sensor", "image_count").state == "0"
    await next_slot()
    assert state(hass, second, "sensor", "images_captured").state == "4"
    assert list((media_root / DOMAIN).glob("garden*")) == [folder]
    assert len(files(media_root)) == 4
    assert sorted(row["image_count"] for row in table(hass, "runs")) == [1, 3]
    assert consistent(hass, media_root)
    await unload(hass, second)


async def test_all_entities_are_disabled(
    hass: HomeAssistant, camera: ScriptedCamera, events: Events, empty: Burden, media_root: Path, next_slot: NextSlot
) -> None:
    """Captures need none of them."""
    entry = await set_up(hass, make_entry(hass))
    registry = er.async_get(hass)
    for found in er.async_entries_for_config_entry(registry, entry.entry_id):
        registry.async_update_entity(found.entity_id, disabled_by=er.RegistryEntryDisabler.USER)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    ours = {found.entity_id for found in er.async_entries_for_config_entry(registry, entry.entry_id)}
    assert ours
    assert not ours & set(hass.states.async_entity_ids())
    before = len(files(media_root))
    for _ in range(2):
        await next_slot()
    assert len(events.named("image_captured")) >= 2
    assert len(files(media_root)) == before + 2
    assert consistent(hass, media_root)
    await unload(hass, entry)
    assert added(empty, await weigh(hass)) == {}


# A timelapse


def timelapse_devices(hass: HomeAssistant, entry: ConfigEntry) -> set[str]:
    """Return the names of the devices of a camera's timelapses."""
    found = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    return {device.name for device in found if device.model == "Timelapse" and device.name}


async def submit(hass: HomeAssistant, entry: ConfigEntry, recipe: dict[str, Any], **context: Any) -> None:
    """Go through the form of a timelapse."""
    source = SOURCE_RECONFIGURE if context else SOURCE_USER
    flow = await hass.config_entries.subentries.async_init(
        (entry.entry_id, SUBENTRY_TIMELAPSE), context={"source": source, **context}
    )
    await hass.config_entries.subentries.async_configure(flow["flow_id"], recipe)
    await hass.async_block_till_done()


async def test_a_timelapse_is_added_changed_and_removed(
    hass: HomeAssistant, camera: ScriptedCamera, events: Events, empty: Burden, media_root: Path, next_slot: NextSlot
) -> None:
    """Each change loads this camera anew; what was recorded stays."""
    entry = await set_up(hass, make_entry(hass))
    kept = timelapse_id(entry)
    await next_slot()
    await submit(hass, entry, RECIPE)
    (roses,) = set(entry.subentries) - {kept}
    assert timelapse_devices(hass, entry) == {"Garden", "Roses"}
    events.clear()
    await next_slot()
    (event,) = events.named("image_captured")
    assert set(event.data["timelapse_ids"]) == {kept, roses}

    await submit(hass, entry, {**RECIPE, "name": "Tulips", "interval": "2m"}, subentry_id=roses)
    assert timelapse_devices(hass, entry) == {"Garden", "Tulips"}
    events.clear()
    for _ in range(4):
        await next_slot()
    assert sorted(len(event.data["timelapse_ids"]) for event in events.named("image_captured")) == [1, 1, 2, 2]

    assert hass.config_entries.async_remove_subentry(entry, roses)
    await hass.async_block_till_done()
    assert timelapse_devices(hass, entry) == {"Garden"}
    assert not [found for found in hass.states.async_entity_ids() if "roses" in found or "tulips" in found]
    events.clear()
    await next_slot()
    (event,) = events.named("image_captured")
    assert event.data["timelapse_ids"] == [kept]

    counts = {row["timelapse_seq"]: row["image_count"] for row in table(hass, "runs")}
    by_id = {row["id"]: counts[row["seq"]] for row in table(hass, "timelapses")}
    assert (by_id[kept], by_id[roses]) == (7, 3)
    assert state(hass, entry, "sensor", "image_count").state == "7"
    assert consistent(hass, media_root)
    await unload(hass, entry)
    assert added(empty, await weigh(hass)) == {}


async def test_the_last_timelapse_is_removed(
    hass: HomeAssistant, camera: ScriptedCamera, empty: Burden, media_root: Path, next_slot: NextSlot
) -> None:
    """The camera stays, at rest."""
    entry = await set_up(hass, make_entry(hass))
    assert hass.config_entries.async_remove_subentry(entry, timelapse_id(entry))
    await hass.async_block_till_done()
    before, calls = len(files(media_root)), camera.calls
    await next_slot()
    assert (len(files(media_root)), camera.calls) == (before, calls)
    assert entry.state is ConfigEntryState.LOADED
    assert state(hass, entry, "sensor", "health").state == "unknown"
    await unload(hass, entry)
    assert added(empty, await weigh(hass)) == {}
