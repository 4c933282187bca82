"""The blueprints, each made into an automation as a user does it, and run."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
import io
from pathlib import Path
import re
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components import automation
from homeassistant.components.blueprint import models
from homeassistant.components.blueprint.schemas import BLUEPRINT_SCHEMA
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    async_mock_service,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.timelapser.const import DOMAIN
from tests.conftest import ScriptedCamera, settle
from tests.ledger import BLACK, files
from tests.surface import entity_id
from tests.test_issues import degrade, issues, recover

type NextSlot = Callable[..., Awaitable[None]]
type Use = Callable[..., Awaitable[str]]

BLUEPRINTS = Path(__file__).parents[1] / "blueprints" / "automation" / DOMAIN
PLUG = "switch.camera_power"


SETTLES_S = 1.5
"""Seconds of real time for what follows from a step in time; automations that wait for the next one never settle."""


async def calm(hass: HomeAssistant) -> None:
    """Wait until nothing is under way but automations that wait."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLES_S):
            await settle(hass)


@pytest.fixture
def next_slot(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> NextSlot:
    """Return what moves time on, whether or not an automation waits for it."""

    async def move(seconds: float = 60) -> None:
        freezer.tick(timedelta(seconds=seconds))
        async_fire_time_changed(hass)
        await calm(hass)

    return move


def import_blueprint(folder: Path, name: str) -> None:
    """Put a blueprint where an import puts it; without its own address, as no file that a test leaves may have one."""
    lines = (BLUEPRINTS / f"{name}.yaml").read_text(encoding="utf-8").splitlines(keepends=True)
    target = folder / "automation" / DOMAIN / f"{name}.yaml"
    target.parent.mkdir(parents=True)
    target.write_text("".join(line for line in lines if "source_url:" not in line), encoding="utf-8")


@pytest.fixture
def use(hass: HomeAssistant) -> Use:
    """Return what imports a blueprint and makes an automation of it."""

    async def make(name: str, **inputs: Any) -> str:
        await hass.async_add_executor_job(import_blueprint, Path(hass.config.path("blueprints")), name)
        config = {"alias": "Used", "use_blueprint": {"path": f"{DOMAIN}/{name}.yaml", "input": inputs}}
        assert await async_setup_component(hass, "persistent_notification", {})
        assert await async_setup_component(hass, automation.DOMAIN, {automation.DOMAIN: config})
        await hass.async_block_till_done()
        state = hass.states.get("automation.used")
        assert state is not None
        assert state.state == "on", state
        return state.entity_id

    return make


def shown(hass: HomeAssistant, entity: str) -> str:
    """Return the state of an entity."""
    state = hass.states.get(entity)
    assert state is not None
    return state.state


@pytest.fixture
def phone(hass: HomeAssistant) -> str:
    """Return the device of a phone with Home Assistant's app, to which the user has given another name."""
    entry = MockConfigEntry(domain="mobile_app", title="Anna's phone")
    entry.add_to_hass(hass)
    registry = dr.async_get(hass)
    device = registry.async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={("mobile_app", "anna")}, name="Anna's phone"
    )
    registry.async_update_device(device.id, name_by_user="My own name for it")
    return device.id


@pytest.fixture
def pushed(hass: HomeAssistant) -> list[ServiceCall]:
    """Return what is sent to the phone."""
    return async_mock_service(hass, "notify", "mobile_app_anna_s_phone")


@pytest.fixture
async def plug(hass: HomeAssistant, camera: ScriptedCamera) -> list[str]:
    """Have a plug, and return what becomes of it."""
    hass.states.async_set(PLUG, "on")
    turns: list[str] = []

    @callback
    def turn(call: ServiceCall) -> None:
        turns.append(call.service)
        hass.states.async_set(PLUG, call.service.removeprefix("turn_"))

    assert await async_setup_component(hass, "switch", {})
    for service in ("turn_on", "turn_off"):
        hass.services.async_register("switch", service, turn)
    return turns


@pytest.mark.parametrize("path", sorted(BLUEPRINTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_it_is_a_blueprint(path: Path) -> None:
    """With all that an import shows, and without an input that nothing uses."""
    blueprint = models.Blueprint(
        load_yaml_dict(str(path)), expected_domain="automation", path=path.name, schema=BLUEPRINT_SCHEMA
    )
    metadata = blueprint.metadata
    assert metadata["homeassistant"]["min_version"] == "2026.10.0"
    assert metadata["source_url"].endswith(f"/blueprints/automation/{DOMAIN}/{path.name}")
    text = path.read_text(encoding="utf-8")
    for name, content in blueprint.inputs.items():
        assert content["name"], name
        assert "selector" in content, name
        assert len(re.findall(rf"!input {name}\b", text)) >= 1, name


@pytest.mark.parametrize("page", ["README.md", "docs/automations.md"])
@pytest.mark.parametrize("name", sorted(path.name for path in BLUEPRINTS.glob("*.yaml")))
def test_it_can_be_imported_from_the_documentation(page: str, name: str) -> None:
    text = (BLUEPRINTS.parents[2] / page).read_text(encoding="utf-8")
    (source,) = re.findall(r"source_url: (\S+)", (BLUEPRINTS / name).read_text(encoding="utf-8"))
    assert f"https://my.home-assistant.io/redirect/blueprint_import/?blueprint_url={source}" in text


# Notify


async def test_a_phone_is_told_with_a_picture(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    use: Use,
    phone: str,
    pushed: list[ServiceCall],
    hass_client_no_auth: ClientSessionGenerator,
    media_root: Path,
) -> None:
    await use("notify", phones=[phone])
    await degrade(camera, next_slot)
    (bad,) = [call.data for call in pushed]
    assert bad["title"] == "Garden has bad pictures"
    assert "nothing brighter" in bad["message"]
    browser = await hass_client_no_auth()
    answer = await browser.get(bad["data"]["image"])
    assert answer.status == HTTPStatus.OK
    assert await answer.read() == files(media_root, "quarantine")[-1].read_bytes()
    assert bad["data"]["attachment"] == {"url": bad["data"]["image"], "content-type": "jpeg"}
    await recover(camera, next_slot)
    _, good = [call.data for call in pushed]
    assert good["title"] == "Garden is well again"
    assert good["data"]["tag"] == bad["data"]["tag"]
    answer = await browser.get(good["data"]["image"])
    assert answer.status == HTTPStatus.OK
    data = await answer.read()
    assert data == files(media_root, "frames")[-1].read_bytes()
    assert Image.open(io.BytesIO(data)).width == 640


async def test_everybody_else_is_told_too(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot, use: Use
) -> None:
    sent = async_mock_service(hass, "notify", "send_message")
    more = async_mock_service(hass, "test", "more")
    action = {
        "action": "test.more",
        "data": {"title": "{{ title }}", "picture": "{{ picture }}", "alarm": "{{ alarm }}", "tag": "{{ tag }}"},
    }
    await use("notify", notifiers=["notify.mail", "notify.chat"], more_actions=[action])
    create = async_mock_service(hass, "persistent_notification", "create")
    dismiss = async_mock_service(hass, "persistent_notification", "dismiss")
    await degrade(camera, next_slot)
    await recover(camera, next_slot)
    assert [call.data["entity_id"] for call in sent] == [["notify.mail", "notify.chat"]] * 2
    assert [call.data["title"] for call in sent] == ["Garden has bad pictures", "Garden is well again"]
    tag = f"timelapser_{camera_entry.entry_id}"
    assert [call.data["notification_id"] for call in (*create, *dismiss)] == [tag, tag]
    assert [call.data["alarm"] for call in more] == [True, False]
    assert all(call.data["picture"].startswith("/api/image_proxy/image.") for call in more)


async def test_an_outage_is_told_without_a_picture(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    use: Use,
    phone: str,
    pushed: list[ServiceCall],
) -> None:
    await use("notify", phones=[phone], persistent=False)
    await next_slot()
    camera.answer = b""
    for _ in range(5):
        await next_slot()
    (bad,) = [call.data for call in pushed]
    assert bad["title"] == "Garden does not answer"
    assert "image" not in bad["data"]
    camera.answer = camera.good
    await next_slot(900)
    assert [call.data["title"] for call in pushed] == ["Garden does not answer", "Garden answers again"]


@pytest.mark.parametrize("inputs", [{"cameras": ["another"]}, {"outages": False}])
async def test_only_what_was_asked_for_is_told(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    use: Use,
    phone: str,
    pushed: list[ServiceCall],
    inputs: dict[str, Any],
) -> None:
    await use("notify", phones=[phone], **inputs)
    camera.answer = b""
    for _ in range(5):
        await next_slot()
    assert shown(hass, entity_id(hass, camera_entry, "sensor", "health")) == "offline"
    assert pushed == []


async def test_a_phone_that_is_gone_keeps_nothing_from_the_others(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    use: Use,
    phone: str,
    pushed: list[ServiceCall],
) -> None:
    """Neither one that was removed, nor one that takes no notifications any more."""
    sent = async_mock_service(hass, "notify", "send_message")
    await use("notify", phones=["removed", phone], notifiers=["notify.mail"])
    await degrade(camera, next_slot)
    assert len(pushed) == 1
    hass.services.async_remove("notify", "mobile_app_anna_s_phone")
    await recover(camera, next_slot)
    assert [call.data["title"] for call in sent] == ["Garden has bad pictures", "Garden is well again"]


# Power


def power_inputs(hass: HomeAssistant, entry: MockConfigEntry, **more: Any) -> dict[str, Any]:
    """Return the inputs of the power-cycling automation."""
    return {
        "degraded": entity_id(hass, entry, "binary_sensor", "degraded"),
        "connectivity": entity_id(hass, entry, "binary_sensor", "connectivity"),
        "plug": PLUG,
        "patience": {"minutes": 10},
        "notifiers": ["notify.mail"],
        **more,
    }


@pytest.mark.parametrize(
    ("answer", "helps", "report"),
    [
        (BLACK, True, "Its picture is good now: quality score 100"),
        (BLACK, False, "Its picture is still bad"),
        (b"", True, "Its picture is good now: quality score 100"),
        (b"", False, "It still gives no picture"),
    ],
    ids=["bad-mended", "bad", "silent-mended", "silent"],
)
async def test_a_bad_camera_is_switched_off_and_on_and_looked_at(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    use: Use,
    plug: list[str],
    answer: bytes,
    helps: bool,
    report: str,
) -> None:
    sent = async_mock_service(hass, "notify", "send_message")
    await use("power_cycle", **power_inputs(hass, camera_entry))
    await next_slot()
    camera.answer = answer
    for _ in range(5):
        await next_slot()
    await next_slot(570)
    assert plug == []
    await next_slot(35)
    assert plug == ["turn_off"]
    await next_slot(15)
    assert plug == ["turn_off", "turn_on"]
    assert sent == []
    camera.answer = camera.good if helps else answer
    await next_slot(130)
    ((title, message),) = [(call.data["title"], call.data["message"]) for call in sent]
    assert title == "Garden was switched off and on"
    assert message.startswith(report)


async def test_it_is_not_tried_again_for_a_while(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    use: Use,
    plug: list[str],
) -> None:
    async_mock_service(hass, "notify", "send_message")
    await use("power_cycle", **power_inputs(hass, camera_entry, rest={"hours": 2}))
    for expected in (1, 1, 2):
        camera.answer = b""
        for _ in range(5):
            await next_slot()
        for seconds in (605, 15, 130):
            await next_slot(seconds)
        assert plug.count("turn_on") == expected
        camera.answer = camera.good
        await next_slot(45 * 60)
        assert shown(hass, entity_id(hass, camera_entry, "binary_sensor", "connectivity")) == "on"


async def stop(hass: HomeAssistant, automation_id: str) -> None:
    """Do to an automation what a stop does: its run ends, and it hears of nothing any more."""
    await hass.services.async_call("automation", "turn_off", {"entity_id": automation_id}, blocking=True)


async def start(hass: HomeAssistant, automation_id: str) -> None:
    """Do to an automation what a start does: its triggers are there when that is told."""
    await hass.services.async_call("automation", "turn_on", {"entity_id": automation_id}, blocking=True)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await calm(hass)


async def test_a_plug_that_a_restart_left_off_is_switched_on(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    use: Use,
    plug: list[str],
) -> None:
    sent = async_mock_service(hass, "notify", "send_message")
    automation_id = await use("power_cycle", **power_inputs(hass, camera_entry))
    await degrade(camera, next_slot)
    await next_slot(605)
    assert plug == ["turn_off"]
    await stop(hass, automation_id)
    await start(hass, automation_id)
    assert plug == ["turn_off", "turn_on"]
    await next_slot(130)
    assert len(sent) == 1


@pytest.mark.parametrize("state", ["on", "off"])
async def test_a_plug_is_left_alone_at_the_start_of_a_healthy_home(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, use: Use, plug: list[str], state: str
) -> None:
    hass.states.async_set(PLUG, state)
    automation_id = await use("power_cycle", **power_inputs(hass, camera_entry))
    await next_slot()
    await stop(hass, automation_id)
    await start(hass, automation_id)
    await next_slot(700)
    assert plug == []


async def test_a_camera_that_was_bad_before_a_restart_is_looked_after(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    use: Use,
    plug: list[str],
) -> None:
    async_mock_service(hass, "notify", "send_message")
    await degrade(camera, next_slot)
    automation_id = await use("power_cycle", **power_inputs(hass, camera_entry))
    await stop(hass, automation_id)
    await start(hass, automation_id)
    await next_slot(590)
    assert plug == []
    await next_slot(15)
    assert plug == ["turn_off"]


# Pause


async def test_a_degraded_camera_rests_until_it_is_well(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot, use: Use
) -> None:
    recording = entity_id(hass, camera_entry, "switch", "recording")
    await use(
        "pause", recordings=[recording], sensor=entity_id(hass, camera_entry, "binary_sensor", "degraded"), good_looks=2
    )
    await degrade(camera, next_slot)
    assert shown(hass, recording) == "off"
    captured = camera_entry.runtime_data.data
    for _ in range(3):
        await next_slot(301)
    assert (shown(hass, recording), len(issues(hass))) == ("off", 1)
    camera.answer = camera.good
    await next_slot(301)
    assert shown(hass, recording) == "off"
    camera.answer = BLACK
    await next_slot(301)
    camera.answer = camera.good
    await next_slot(301)
    assert shown(hass, recording) == "off"
    now = camera_entry.runtime_data.data
    assert (now.captured, now.rejected) == (captured.captured, captured.rejected)
    await next_slot(301)
    assert (shown(hass, recording), issues(hass)) == ("on", {})


async def test_timelapses_follow_any_sensor(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, use: Use
) -> None:
    recording = entity_id(hass, camera_entry, "switch", "recording")
    hass.states.async_set("input_boolean.idle", "off")
    await use("pause", recordings=[recording], sensor="input_boolean.idle", patience={"minutes": 2})
    hass.states.async_set("input_boolean.idle", "on")
    await next_slot(100)
    assert shown(hass, recording) == "on"
    await next_slot(25)
    assert shown(hass, recording) == "off"
    hass.states.async_set("input_boolean.idle", "off")
    await hass.async_block_till_done()
    assert shown(hass, recording) == "on"


@pytest.mark.parametrize(("at_start", "expected"), [(True, ["on", "off"]), (False, ["off", "on"])])
async def test_what_changed_while_nothing_ran_is_followed(
    hass: HomeAssistant, camera_entry: MockConfigEntry, use: Use, at_start: bool, expected: list[str]
) -> None:
    recording = entity_id(hass, camera_entry, "switch", "recording")
    automation_id = await use("pause", recordings=[recording], sensor="input_boolean.idle", at_start=at_start)
    found = []
    for before, now in (("turn_off", "off"), ("turn_on", "on")):
        await stop(hass, automation_id)
        await hass.services.async_call("switch", before, {"entity_id": recording}, blocking=True)
        hass.states.async_set("input_boolean.idle", now)
        await hass.async_block_till_done()
        await start(hass, automation_id)
        found.append(shown(hass, recording))
    assert found == expected
