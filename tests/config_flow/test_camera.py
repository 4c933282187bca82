"""The choice of a camera: every way through, every bad input, and what is stored."""

import asyncio
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

from homeassistant.config_entries import SOURCE_SYSTEM, FlowType
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.timelapser.const import DOMAIN, SUBENTRY_TIMELAPSE
from custom_components.timelapser.core.errors import Code
from custom_components.timelapser.core.models import Fault, FaultKind
from custom_components.timelapser.probe import async_probe_camera

from .forms import (
    GARDEN,
    choose,
    no_picture,
    probe,
    reconfigure,
    shown,
    start,
    submit,
    system_entry,
)

# The first camera


async def test_first_camera(hass: HomeAssistant, config: Path, garden: er.RegistryEntry) -> None:
    result = await start(hass)
    assert (result["type"], result["step_id"], result["errors"]) == (FlowResultType.FORM, "user", {})

    result = await submit(hass, result, {"camera": GARDEN})
    assert (result["step_id"], result["last_step"]) == ("preview", False)
    assert result["description_placeholders"].pop("picture").startswith("![Now](/api/timelapser/look/")
    assert result["description_placeholders"] == {
        "camera": "Garden",
        "score": "87",
        "verdict": "good",
        "size": "1920 × 1080",
        "faults": "None",
        "strategy": "Snapshot",
        "notes": "",
    }

    result = await submit(hass, result, {})
    assert result["step_id"] == "storage"
    assert shown(result) == {"media_root": str(config / "timelapser" / "media")}

    result = await submit(hass, result, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert (result["title"], result["data"], result["options"]) == ("Garden", {"camera": garden.id}, {})
    assert result["result"].unique_id is None
    system = system_entry(hass)
    assert system is not None
    assert (system.title, system.source) == ("Timelapser", SOURCE_SYSTEM)
    assert system.data == {"media_root": str(config / "timelapser" / "media")}
    assert not (config / "timelapser").exists()

    kind, flow_id = result["next_flow"]
    assert kind is FlowType.CONFIG_SUBENTRIES_FLOW
    [flow] = hass.config_entries.subentries.async_progress()
    assert (flow["flow_id"], flow["handler"], flow["step_id"]) == (
        flow_id,
        (result["result"].entry_id, SUBENTRY_TIMELAPSE),
        "user",
    )


async def test_second_camera_is_not_asked_for_storage(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    hass.states.async_set("camera.yard", "idle", {"friendly_name": "Yard"})
    result = await choose(hass, "camera.yard")
    assert (result["step_id"], result["last_step"]) == ("preview", True)
    result = await submit(hass, result, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert (result["title"], result["data"]) == ("Yard", {"camera": "camera.yard"})


async def test_two_first_cameras_at_once(hass: HomeAssistant, config: Path) -> None:
    hass.states.async_set("camera.yard", "idle", {"friendly_name": "Yard"})
    forms = [await submit(hass, await choose(hass, camera), {}) for camera in (GARDEN, "camera.yard")]
    assert [form["step_id"] for form in forms] == ["storage", "storage"]

    results = await asyncio.gather(
        *(
            submit(hass, form, {"media_root": str(config / name)})
            for form, name in zip(forms, ("one", "two"), strict=True)
        )
    )
    assert [result["type"] for result in results] == [FlowResultType.CREATE_ENTRY] * 2
    entries = hass.config_entries.async_entries(DOMAIN)
    assert sorted(entry.title for entry in entries) == ["Garden", "Timelapser", "Yard"]
    system = system_entry(hass)
    assert system is not None
    assert system.data["media_root"] in (str(config / "one"), str(config / "two"))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("", "camera_required"),
        (None, "camera_required"),
        ("light.kitchen", "not_a_camera"),
        ("camera.nowhere", "camera_not_found"),
        ("0123456789abcdef0123456789abcdef", "camera_not_found"),
        ("no entity at all", "camera_not_found"),
    ],
)
async def test_bad_camera(hass: HomeAssistant, value: Any, error: str, probe_camera: AsyncMock) -> None:
    result = await submit(hass, await start(hass), {"camera": value})
    assert (result["step_id"], result["errors"]) == ("user", {"camera": error})
    assert shown(result) == {"camera": value}
    assert result["description_placeholders"] == {"camera": value or ""}
    probe_camera.assert_not_awaited()

    result = await submit(hass, result, {"camera": GARDEN})
    assert result["step_id"] == "preview"
    probe_camera.assert_awaited_once_with(hass, GARDEN)


async def test_no_camera_in_the_request(hass: HomeAssistant) -> None:
    result = await submit(hass, await start(hass), {})
    assert result["errors"] == {"camera": "camera_required"}


async def test_camera_by_registry_id(hass: HomeAssistant, garden: er.RegistryEntry, system: MockConfigEntry) -> None:
    result = await submit(hass, await choose(hass, garden.id), {})
    assert (result["title"], result["data"]) == ("Garden", {"camera": garden.id})


@pytest.mark.parametrize("name", ["The yard", None])
async def test_registered_camera_without_state(hass: HomeAssistant, system: MockConfigEntry, name: str | None) -> None:
    er.async_get(hass).async_get_or_create(
        "camera",
        "test",
        "yard",
        suggested_object_id="yard",
        original_name=name,
        disabled_by=er.RegistryEntryDisabler.USER,
    )
    result = await submit(hass, await choose(hass, "camera.yard"), {})
    assert result["title"] == (name or "camera.yard")


async def test_unregistered_camera(hass: HomeAssistant, system: MockConfigEntry) -> None:
    hass.states.async_set("camera.yaml", "idle", {"friendly_name": "YAML"})
    result = await choose(hass, "camera.yaml")
    assert "has no unique ID" in result["description_placeholders"]["notes"]
    result = await submit(hass, result, {})
    assert result["data"] == {"camera": "camera.yaml"}


async def test_same_camera_twice(hass: HomeAssistant, guarded: MockConfigEntry, probe_camera: AsyncMock) -> None:
    result = await choose(hass)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    probe_camera.assert_not_awaited()


async def test_same_camera_twice_registered_in_between(hass: HomeAssistant, system: MockConfigEntry) -> None:
    MockConfigEntry(domain=DOMAIN, data={"camera": GARDEN}).add_to_hass(hass)
    result = await choose(hass)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")


@pytest.mark.parametrize("guarded", [False, True], ids=["first", "another"])
async def test_the_picture_itself_is_shown(
    hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator, probe_camera: AsyncMock, guarded: bool
) -> None:
    if guarded:
        entry = MockConfigEntry(domain=DOMAIN, data={"camera": "camera.other"})
        entry.add_to_hass(hass)
        await hass.config_entries.async_setup(entry.entry_id)
    url = (await choose(hass))["description_placeholders"]["picture"].removeprefix("![Now](").removesuffix(")")
    client = await hass_client_no_auth()
    response = await client.get(url)
    assert response.status == 200
    assert (response.content_type, await response.read()) == ("image/jpeg", probe_camera.return_value.data)
    assert (await client.get(url.partition("?")[0])).status == 401


async def test_picture_with_faults(hass: HomeAssistant, probe_camera: AsyncMock) -> None:
    await hass.config.async_update(language="de")
    probe_camera.return_value = probe(
        score=None, battery=True, faults=(Fault(FaultKind.BLACK, 1.0), Fault(FaultKind.BLUR, 0.4))
    )
    texts = (await choose(hass))["description_placeholders"]
    assert texts["score"] == texts["size"] == "–"
    assert texts["verdict"] == "unlesbar, es würde verworfen"
    assert texts["faults"] == "Schwarz, Unscharf"
    assert texts["notes"].startswith("Diese Kamera läuft mit einem Akku")


# A camera that gives no picture


async def test_unavailable_camera_may_continue(
    hass: HomeAssistant, system: MockConfigEntry, garden: er.RegistryEntry, probe_camera: AsyncMock
) -> None:
    probe_camera.return_value = no_picture()
    result = await choose(hass)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "unavailable")
    assert result["menu_options"] == ["probe", "user", "accept"]
    assert result["description_placeholders"] == {
        "camera": "Garden",
        "code": "TL-CAM-004",
        "reason": "The camera did not answer in time",
        "notes": "",
    }
    result = await submit(hass, result, {"next_step_id": "accept"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == {"camera": garden.id}


@pytest.mark.parametrize(
    ("state", "code"),
    [("unavailable", Code.CAMERA_TIMEOUT), ("idle", Code.CAMERA_TIMEOUT), (None, Code.CAMERA_MISSING)],
)
async def test_unavailable_camera_is_looked_at(
    hass: HomeAssistant,
    system: MockConfigEntry,
    garden: er.RegistryEntry,
    probe_camera: AsyncMock,
    state: str | None,
    code: Code,
) -> None:
    """An entity without its integration, or registered and never loaded."""
    probe_camera.side_effect = async_probe_camera
    if state is None:
        hass.states.async_remove(GARDEN)
    else:
        hass.states.async_set(GARDEN, state, {"friendly_name": "Garden"})
    result = await choose(hass)
    assert (result["step_id"], result["description_placeholders"]["code"]) == ("unavailable", code)
    result = await submit(hass, result, {"next_step_id": "accept"})
    assert (result["type"], result["data"]) == (FlowResultType.CREATE_ENTRY, {"camera": garden.id})


async def test_unavailable_first_camera_is_asked_for_storage(hass: HomeAssistant, probe_camera: AsyncMock) -> None:
    probe_camera.return_value = no_picture()
    result = await submit(hass, await choose(hass), {"next_step_id": "accept"})
    assert result["step_id"] == "storage"


async def test_unavailable_camera_tried_again(hass: HomeAssistant, probe_camera: AsyncMock) -> None:
    probe_camera.side_effect = [no_picture(None), no_picture(), probe()]
    result = await choose(hass)
    assert result["description_placeholders"]["reason"] == "something"
    result = await submit(hass, result, {"next_step_id": "probe"})
    assert result["step_id"] == "unavailable"
    result = await submit(hass, result, {"next_step_id": "probe"})
    assert result["step_id"] == "preview"


async def test_unavailable_camera_replaced(
    hass: HomeAssistant, system: MockConfigEntry, probe_camera: AsyncMock
) -> None:
    hass.states.async_set("camera.yard", "idle")
    probe_camera.side_effect = [no_picture(), probe()]
    result = await submit(hass, await choose(hass), {"next_step_id": "user"})
    assert (result["step_id"], result["errors"]) == ("user", {})
    result = await submit(hass, result, {"camera": "camera.yard"})
    result = await submit(hass, result, {})
    assert result["data"] == {"camera": "camera.yard"}


# Another camera


async def test_reconfigure_camera(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    hass.states.async_set("camera.yard", "idle", {"friendly_name": "Yard"})
    result = await reconfigure(hass, guarded)
    assert (result["step_id"], shown(result)) == ("reconfigure", {"camera": GARDEN})
    result = await submit(hass, result, {"camera": "camera.nowhere"})
    assert (result["step_id"], result["errors"]) == ("reconfigure", {"camera": "camera_not_found"})
    result = await submit(hass, result, {"camera": "camera.yard"})
    assert (result["step_id"], result["last_step"]) == ("preview", True)
    result = await submit(hass, result, {})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert (guarded.data, guarded.title) == ({"camera": "camera.yard"}, "Yard")


async def test_reconfigure_keeps_a_title_of_the_user(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    hass.config_entries.async_update_entry(guarded, title="My roses")
    hass.states.async_set("camera.yard", "idle", {"friendly_name": "Yard"})
    await submit(hass, await submit(hass, await reconfigure(hass, guarded), {"camera": "camera.yard"}), {})
    assert (guarded.data, guarded.title) == ({"camera": "camera.yard"}, "My roses")


async def test_reconfigure_to_the_same_camera(
    hass: HomeAssistant, guarded: MockConfigEntry, garden: er.RegistryEntry
) -> None:
    result = await submit(hass, await submit(hass, await reconfigure(hass, guarded), {"camera": GARDEN}), {})
    assert result["reason"] == "reconfigure_successful"
    assert guarded.data == {"camera": garden.id}


async def test_reconfigure_to_a_guarded_camera(
    hass: HomeAssistant, guarded: MockConfigEntry, garden: er.RegistryEntry
) -> None:
    other = MockConfigEntry(domain=DOMAIN, data={"camera": "camera.gone"})
    other.add_to_hass(hass)
    result = await reconfigure(hass, other)
    assert shown(result) == {"camera": "camera.gone"}
    result = await submit(hass, result, {"camera": GARDEN})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert other.data == {"camera": "camera.gone"}


async def test_reconfigure_to_an_unavailable_camera(
    hass: HomeAssistant, guarded: MockConfigEntry, garden: er.RegistryEntry, probe_camera: AsyncMock
) -> None:
    probe_camera.return_value = no_picture()
    result = await submit(hass, await reconfigure(hass, guarded), {"camera": GARDEN})
    assert result["menu_options"] == ["probe", "reconfigure", "accept"]
    result = await submit(hass, result, {"next_step_id": "reconfigure"})
    assert (result["step_id"], result["errors"]) == ("reconfigure", {})
    result = await submit(hass, result, {"camera": GARDEN})
    result = await submit(hass, result, {"next_step_id": "accept"})
    assert result["reason"] == "reconfigure_successful"
