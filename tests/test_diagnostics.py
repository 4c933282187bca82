"""What *Download diagnostics* gives, and what it never does."""

from collections.abc import Awaitable, Callable
from contextlib import closing
import json
from pathlib import Path
import sqlite3
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.json import json_bytes
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.timelapser.const import DOMAIN, SYSTEM_UNIQUE_ID
from custom_components.timelapser.core.ulid import ulid_to_bytes
from custom_components.timelapser.diagnostics import async_get_config_entry_diagnostics
from tests.canary import CANARY, forms
from tests.conftest import ScriptedCamera, make_entry, set_up, timelapse_data
from tests.ledger import BLACK, in_turn
from tests.surface import timelapse_id
from tests.test_issues import degrade, recover

type NextSlot = Callable[..., Awaitable[None]]

SECRET = forms(9)["userinfo"]


def values(told: Any) -> set[Any]:
    """Return everything that stands in diagnostics, keys too."""
    if isinstance(told, dict):
        return {*told, *(value for item in told.values() for value in values(item))}
    if isinstance(told, list):
        return {value for item in told for value in values(item)}
    return {told}


async def test_a_camera(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    hass_client: ClientSessionGenerator,
) -> None:
    camera.answer = in_turn(camera.good, BLACK, BLACK, BLACK, TimeoutError())
    for _ in range(3):
        await next_slot()
    told = await get_diagnostics_for_config_entry(hass, hass_client, camera_entry)
    assert told["versions"]["home_assistant"].startswith("2026.")
    assert told["entry"] == {
        "entry_id": camera_entry.entry_id,
        "state": "loaded",
        "error": None,
        "version": "1.1",
    }
    guarded = told["guarded_camera"]
    assert guarded["integration"] == "test"
    assert (guarded["registered"], guarded["present"], guarded["available"], guarded["on"]) == (True,) * 4
    assert guarded["options"]["reject_below"] == 50.0
    assert guarded["options"]["strategy"] == "auto"
    assert guarded["health"] == "online"
    assert guarded["machines"]["quality"]["recent"] == "gb"
    assert guarded["machines"]["connectivity"]["failures"] == 1
    assert guarded["machines"]["connectivity"]["breaker_open"] is False
    assert guarded["counts"] == {"captured": 1, "rejected": 1, "failed": 1, "missed": 0}
    assert guarded["bytes"] > 0
    assert guarded["baseline"]["size"] == [640, 360]
    assert sum(guarded["baseline"]["accepted"].values()) == 1
    assert [attempt["outcome"] for attempt in told["attempts"]] == ["failed", "rejected", "captured"]
    assert [attempt["code"] for attempt in told["attempts"]] == ["TL-CAM-003", "TL-IMG-007", None]
    assert told["attempts"][2]["phase_ms"].keys() >= {"fetch", "score"}
    assert [attempt["has_frame"] for attempt in told["attempts"]] == [False, True, True]
    assert told["codes"] == {"TL-CAM-003": 1, "TL-IMG-007": 1, "none": 1}
    assert told["runs"] == {timelapse_id(camera_entry): {"by_state": {"running": 1}, "images": 1}}
    [timelapse] = told["timelapses"].values()
    assert timelapse["settings"] == {"interval": 60, "window": "always"}
    assert (timelapse["state"], timelapse["recording"], timelapse["images"]) == ("ready", True, 1)


async def test_the_system(
    hass: HomeAssistant,
    system_entry: MockConfigEntry,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    hass_client: ClientSessionGenerator,
) -> None:
    await next_slot()
    told = await get_diagnostics_for_config_entry(hass, hass_client, system_entry)
    system = told["system"]
    assert system["storage_place"] == "elsewhere"
    assert system["open"] is True
    assert system["storage"] in ("ok", "full")
    assert 0 < system["free_bytes"] <= system["total_bytes"]
    assert 0 < system["frame_bytes"] < 10**6
    assert system["catalogue_bytes"] + system["wal_bytes"] > 0
    assert system["sqlite"] == sqlite3.sqlite_version
    [line] = told["cameras"]
    assert line["entry_id"] == camera_entry.entry_id
    assert (line["health"], line["captured"], line["timelapses"]) == ("online", 1, ["ready"])
    assert "guarded_camera" not in told


@pytest.mark.parametrize(
    ("folder", "place"), [("media/timelapser", "media"), ("timelapser/media", "default"), ("nas", "elsewhere")]
)
async def test_where_the_storage_is_in_a_word(
    hass: HomeAssistant, tmp_path: Path, hass_client: ClientSessionGenerator, folder: str, place: str
) -> None:
    hass.config.media_dirs = {"local": str(tmp_path / "media")}
    entry = MockConfigEntry(
        domain=DOMAIN, unique_id=SYSTEM_UNIQUE_ID, data={"media_root": str(tmp_path / folder)}, title="Timelapser"
    )
    entry.add_to_hass(hass)
    await set_up(hass, entry)
    told = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert told["system"] == {"storage_place": place, "byte_budget": None, "open": False}
    assert told["cameras"] == []


async def test_devices(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    """The device of a timelapse tells of this one, that of a camera of all, that of the system of the cameras."""
    await set_up(hass, system_entry)
    entry = await set_up(hass, make_entry(hass, timelapse_data("One"), timelapse_data("Two")))
    registry = dr.async_get(hass)
    subentry_ids = set(entry.subentries)
    for subentry_id in subentry_ids:
        device = registry.async_get_device_by_identifier((DOMAIN, f"{entry.entry_id}_{subentry_id}"), entry.entry_id)
        told = await get_diagnostics_for_device(hass, hass_client, entry, device)
        assert set(told["timelapses"]) == {subentry_id}
        assert told["guarded_camera"]["counts"]["captured"] == 0
    device = registry.async_get_device_by_identifier((DOMAIN, entry.entry_id), entry.entry_id)
    assert set((await get_diagnostics_for_device(hass, hass_client, entry, device))["timelapses"]) == subentry_ids
    device = registry.async_get_device_by_identifier((DOMAIN, SYSTEM_UNIQUE_ID), system_entry.entry_id)
    told = await get_diagnostics_for_device(hass, hass_client, system_entry, device)
    assert [line["entry_id"] for line in told["cameras"]] == [entry.entry_id]


async def test_an_entry_that_is_not_loaded(
    hass: HomeAssistant, camera_entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    told = await get_diagnostics_for_config_entry(hass, hass_client, camera_entry)
    assert told["entry"]["state"] == "not_loaded"
    assert told["guarded_camera"]["options"]["retries"] == 2
    assert "attempts" not in told
    assert told["system"]["open"] is False


async def test_a_set_up_that_failed_names_its_error(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    tmp_path: Path,
    hass_client: ClientSessionGenerator,
) -> None:
    (tmp_path / "timelapser").mkdir()
    with closing(sqlite3.connect(tmp_path / "timelapser" / "catalogue.db")) as foreign:
        foreign.execute("CREATE TABLE somebody (else_s TEXT)")
    entry = make_entry(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    told = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert told["entry"]["state"] == "setup_error"
    assert told["entry"]["error"] == "catalogue_unusable"


async def test_a_removed_camera(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    await camera.async_remove(force_remove=True)
    told = await get_diagnostics_for_config_entry(hass, hass_client, camera_entry)
    assert told["guarded_camera"]["integration"] is None
    assert told["guarded_camera"]["available"] is False


async def test_fifty_attempts(hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot) -> None:
    for _ in range(52):
        await next_slot()
    told = await async_get_config_entry_diagnostics(hass, camera_entry)
    assert len(told["attempts"]) == 50
    assert told["codes"] == {"none": 52}
    [usual] = told["guarded_camera"]["baseline"]["usual_change"].values()
    assert usual.keys() == {"share", "noise"}
    assert len(json_bytes(told)) < 64 * 1024


async def test_the_last_incidents(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    """As the action tells them, and no more than twenty."""
    await degrade(camera, next_slot)
    await recover(camera, next_slot)
    answer = await hass.services.async_call(
        DOMAIN, "list_incidents", {"entity_id": "camera.garden"}, blocking=True, return_response=True
    )
    told = await async_get_config_entry_diagnostics(hass, camera_entry)
    assert told["incidents"] == answer["cameras"][camera_entry.entry_id]["incidents"]
    [incident] = told["incidents"]
    assert (incident["kind"], incident["cause"], incident["end"]) == ("degraded", "black", "recovered")
    with closing(sqlite3.connect(hass.config.path(DOMAIN, "catalogue.db"))) as conn, conn:
        columns = [row[1] for row in conn.execute("PRAGMA table_info(incidents)") if row[1] not in ("seq", "id")]
        names = ", ".join(columns)
        for number in range(20):
            again = f"INSERT INTO incidents (id, {names}) SELECT ?, {names} FROM incidents LIMIT 1"
            conn.execute(again, [number.to_bytes(16)])
    told = await async_get_config_entry_diagnostics(hass, camera_entry)
    found = [ulid_to_bytes(row["correlation_id"]) for row in told["incidents"]]
    assert found == [number.to_bytes(16) for number in reversed(range(20))]


async def test_only_what_is_named_is_told(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    media_root: Path,
    hass_client: ClientSessionGenerator,
) -> None:
    """Whatever else stands in entries, rows and names stays there; the control shows that it was there."""
    timelapse = timelapse_data("Anna Muster", password=SECRET, url=SECRET)
    entry = make_entry(hass, timelapse, title="Anna Muster", password=SECRET, latitude=52.520008)
    hass.config_entries.async_update_entry(system_entry, data={**system_entry.data, "host": SECRET})
    await set_up(hass, entry)
    for which in (entry, system_entry):
        assert CANARY in json.dumps([dict(which.data), dict(which.options)])
        told = await get_diagnostics_for_config_entry(hass, hass_client, which)
        text = json.dumps(told)
        for private in (CANARY, "Anna", "anna", "192.0.2.77", str(media_root), "52.52", str(hass.config.latitude)):
            assert private not in text, private
        assert not any(isinstance(value, str) and ("/" in value or "@" in value) for value in values(told))


async def test_the_second_net_holds(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Should a setting be named that ought not to be, its key alone hides it."""
    monkeypatch.setattr(
        "custom_components.timelapser.diagnostics.option_defaults",
        lambda: {"password": SECRET, "media_root": SECRET, "retries": 2},
    )
    told = await get_diagnostics_for_config_entry(hass, hass_client, camera_entry)
    assert told["guarded_camera"]["options"] == {"password": "**REDACTED**", "media_root": "**REDACTED**", "retries": 2}


async def test_the_catalogue_does_not_answer(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    camera_entry.runtime_data.engine.catalogue.close()
    told = await get_diagnostics_for_config_entry(hass, hass_client, camera_entry)
    assert told["history_error"] == "TL-DB-001"
    assert told["system"]["frame_bytes"] is None
    assert told["guarded_camera"]["health"] == "unknown"
