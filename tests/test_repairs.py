"""The fix flows, over the addresses that Home Assistant's frontend uses."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
import io
from pathlib import Path
import re
from typing import Any

from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.helpers.translation import async_get_translations
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.core.storage import FOLDER, MARKER
from custom_components.timelapser.learning import async_relearn
from custom_components.timelapser.pictures import PICTURE_LIFE
from tests.conftest import Events, ScriptedCamera, make_entry, set_up, timelapse_data
from tests.ledger import files, table
from tests.test_issues import GONE_S, degrade, issues, recover

type NextSlot = Callable[..., Awaitable[None]]
type FixFlow = Callable[[str], Awaitable[Flow]]

PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")


class Flow:
    """A fix flow that a user walks through."""

    def __init__(self, client: TestClient, result: dict[str, Any]) -> None:
        self._client = client
        self.result = result

    async def choose(self, way: str) -> dict[str, Any]:
        """Take a way of the menu."""
        return await self._send({"next_step_id": way})

    async def submit(self) -> dict[str, Any]:
        """Send the form."""
        return await self._send({})

    async def _send(self, data: dict[str, Any]) -> dict[str, Any]:
        answer = await self._client.post(f"/api/repairs/issues/fix/{self.result['flow_id']}", json=data)
        assert answer.status == HTTPStatus.OK, await answer.text()
        self.result = await answer.json()
        return self.result

    def text(self, field: str) -> str:
        """Return a placeholder of the step."""
        return self.result["description_placeholders"][field]


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause."""
    monkeypatch.setattr("custom_components.timelapser.capture.RETRY_DELAY_S", 0.0)


@pytest.fixture
def fix(hass: HomeAssistant, hass_client: ClientSessionGenerator, hass_access_token: str) -> FixFlow:
    """Return what opens the fix flow of an issue, with a login of this moment."""

    async def start(issue_id: str) -> Flow:
        (user,) = [
            user for user in await hass.auth.async_get_users() if user.refresh_tokens and not user.system_generated
        ]
        token = hass.auth.async_create_access_token(next(iter(user.refresh_tokens.values())))
        client = await hass_client(token)
        answer = await client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issue_id})
        assert answer.status == HTTPStatus.OK, await answer.text()
        return Flow(client, await answer.json())

    return start


@pytest.fixture
async def degraded(camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot) -> str:
    """Return the id of the issue of a degraded camera."""
    await degrade(camera, next_slot)
    return f"camera_degraded_{camera_entry.entry_id}"


async def shown(client: TestClient, flow: Flow, field: str) -> tuple[str, bytes]:
    """Return the alternative text and the bytes of the picture in a placeholder, as a browser would load it."""
    ((words, address),) = PICTURE.findall(flow.text(field))
    answer = await client.get(address)
    assert answer.status == HTTPStatus.OK
    data = await answer.read()
    assert Image.open(io.BytesIO(data)).convert("RGB").width == 640
    return words, data


@pytest.mark.parametrize("later", [0, 1])
async def test_three_pictures_are_shown_whenever_the_flow_is_opened(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    degraded: str,
    fix: FixFlow,
    freezer: FrozenDateTimeFactory,
    hass_client_no_auth: ClientSessionGenerator,
    media_root: Path,
    later: int,
) -> None:
    freezer.tick(timedelta(hours=later))
    camera.answer = camera.good
    flow = await fix(degraded)
    assert (flow.result["type"], flow.result["step_id"]) == ("menu", "init")
    browser = await hass_client_no_auth()
    found = {field: await shown(browser, flow, field) for field in ("reference", "rejected", "current")}
    assert [words for words, _ in found.values()] == ["Reference", "Rejected", "Now"]
    assert found["reference"][1] == files(media_root, "frames")[0].read_bytes()
    assert found["rejected"][1] == files(media_root, "quarantine")[-1].read_bytes()
    assert found["current"][1] not in {path.read_bytes() for path in files(media_root)}
    assert (flow.text("bad"), flow.text("pictures"), flow.text("in_a_row")) == ("5", "6", "5")
    assert "Black" in flow.text("cause")
    assert "Black" in flow.text("rejected")
    assert flow.text("camera") == "Garden"


async def test_the_reference_of_the_camera_is_preferred(
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    fix: FixFlow,
    hass_client_no_auth: ClientSessionGenerator,
    media_root: Path,
) -> None:
    """To the last good frame, which is the second here; without one that takes its place."""
    await next_slot()
    await degrade(camera, next_slot)
    first, last = (path.read_bytes() for path in files(media_root, "frames"))
    browser = await hass_client_no_auth()
    issue = f"camera_degraded_{camera_entry.entry_id}"
    assert (await shown(browser, await fix(issue), "reference"))[1] == first
    await async_relearn(camera_entry.runtime_data)
    assert (await shown(browser, await fix(issue), "reference"))[1] == last


async def test_the_addresses_are_good_for_a_while_only(
    degraded: str, fix: FixFlow, freezer: FrozenDateTimeFactory, hass_client_no_auth: ClientSessionGenerator
) -> None:
    flow = await fix(degraded)
    browser = await hass_client_no_auth()
    addresses = [PICTURE.findall(flow.text(field))[0][1] for field in ("reference", "rejected", "current")]
    assert [(await browser.get(address)).status for address in addresses] == [200] * 3
    freezer.tick(PICTURE_LIFE + timedelta(seconds=1))
    assert [(await browser.get(address)).status for address in addresses] == [401] * 3


async def test_three_pictures_are_shown_after_a_restart(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    degraded: str,
    fix: FixFlow,
    hass_client_no_auth: ClientSessionGenerator,
) -> None:
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    await set_up(hass, camera_entry)
    flow = await fix(degraded)
    browser = await hass_client_no_auth()
    for field in ("reference", "rejected", "current"):
        await shown(browser, flow, field)


async def test_a_silent_camera_is_shown_by_its_newest_still(
    camera: ScriptedCamera,
    degraded: str,
    fix: FixFlow,
    hass_client_no_auth: ClientSessionGenerator,
    media_root: Path,
) -> None:
    camera.answer = b""
    flow = await fix(degraded)
    words, data = await shown(await hass_client_no_auth(), flow, "current")
    assert words == "Newest picture"
    assert "gave no picture just now" in flow.text("current")
    assert "TL-CAM-003" in flow.text("current")
    assert data == files(media_root, "quarantine")[-1].read_bytes()


async def test_a_camera_that_sends_no_pictures_says_so(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot, fix: FixFlow
) -> None:
    camera.answer = b"<html>Please log in</html>"
    for _ in range(5):
        await next_slot()
    flow = await fix(f"camera_degraded_{camera_entry.entry_id}")
    assert flow.text("cause") == "What the camera sent is not a picture (5)"
    assert flow.text("reference") == flow.text("rejected") == "There is none."
    assert "TL-IMG-001" in flow.text("current")
    assert "login" not in str(flow.result)


async def test_looking_again_shows_another_picture(
    camera: ScriptedCamera,
    degraded: str,
    fix: FixFlow,
    hass_client_no_auth: ClientSessionGenerator,
    hass: HomeAssistant,
) -> None:
    attempts = len(table(hass, "attempts"))
    flow = await fix(degraded)
    browser = await hass_client_no_auth()
    _, before = await shown(browser, flow, "current")
    camera.answer = camera.good
    assert (await flow.choose("look"))["step_id"] == "init"
    _, after = await shown(browser, flow, "current")
    assert before != after
    assert len(table(hass, "attempts")) == attempts


async def test_resetting_ends_the_degraded_state(
    hass: HomeAssistant, camera_entry: MockConfigEntry, degraded: str, fix: FixFlow
) -> None:
    flow = await fix(degraded)
    assert (await flow.choose("reset"))["type"] == "create_entry"
    assert issues(hass) == {}
    assert not camera_entry.runtime_data.data.degraded


async def test_ignoring_hides_the_issue(hass: HomeAssistant, degraded: str, fix: FixFlow) -> None:
    flow = await fix(degraded)
    assert (await flow.choose("ignore"))["reason"] == "ignored"
    assert issues(hass)[degraded].dismissed_version is not None


async def test_a_camera_that_has_recovered_needs_nothing(
    hass: HomeAssistant, camera: ScriptedCamera, degraded: str, fix: FixFlow, next_slot: NextSlot
) -> None:
    flow = await fix(degraded)
    camera.answer = camera.good
    for _ in range(5):
        await next_slot()
    assert (await flow.choose("look"))["reason"] == "recovered"


async def test_relearning_forgets_what_was_normal_and_ends_the_degraded_state(
    hass: HomeAssistant, camera_entry: MockConfigEntry, degraded: str, fix: FixFlow, events: Events
) -> None:
    assert table(hass, "cameras")[0]["reference"] is not None
    flow = await fix(degraded)
    assert (await flow.choose("relearn"))["type"] == "create_entry"
    assert issues(hass) == {}
    assert not camera_entry.runtime_data.data.degraded
    assert table(hass, "cameras")[0]["reference"] is None
    assert [event.data["by"] for event in events.named("camera_recovered")] == ["relearned"]


async def test_pausing_pauses_every_timelapse_and_keeps_the_issue(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, next_slot: NextSlot, fix: FixFlow
) -> None:
    entry = await set_up(hass, make_entry(hass, timelapse_data("Day"), timelapse_data("Night")))
    await degrade(camera, next_slot)
    issue_id = f"camera_degraded_{entry.entry_id}"
    flow = await fix(issue_id)
    calls = camera.calls
    assert (await flow.choose("pause"))["reason"] == "paused"
    switches = [state for state in hass.states.async_all("switch") if state.entity_id.endswith("_recording")]
    assert [state.state for state in switches] == ["off", "off"]
    await next_slot()
    assert camera.calls == calls
    assert issue_id in issues(hass)
    for state in switches:
        await hass.services.async_call("switch", "turn_on", {"entity_id": state.entity_id}, blocking=True)
    await recover(camera, next_slot)
    assert issues(hass) == {}
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_another_camera_can_take_the_place_of_a_degraded_one(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    degraded: str,
    fix: FixFlow,
    media_root: Path,
    events: Events,
) -> None:
    kept = files(media_root)
    flow = await fix(degraded)
    result = await flow.choose("choose")
    assert (result["type"], result["reason"], result["next_flow"][0]) == ("abort", "choose", "config_flow")
    assert degraded in issues(hass)
    hass.states.async_set("camera.shed", "idle")
    flow_id = result["next_flow"][1]
    await hass.config_entries.flow.async_configure(flow_id, {"camera": "camera.shed"})
    step = await hass.config_entries.flow.async_configure(flow_id, {"next_step_id": "accept"})
    assert step["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert issues(hass) == {}
    assert not camera_entry.runtime_data.data.degraded
    assert table(hass, "cameras")[0]["reference"] is None
    assert files(media_root) == kept
    assert [event.data["by"] for event in events.named("camera_recovered")] == ["replaced"]
    assert events.named("camera_online") == []


async def test_the_same_camera_chosen_again_is_as_degraded_as_before(
    hass: HomeAssistant, camera_entry: MockConfigEntry, degraded: str, fix: FixFlow
) -> None:
    """The control of the former."""
    result = await (await fix(degraded)).choose("choose")
    flow_id = result["next_flow"][1]
    await hass.config_entries.flow.async_configure(flow_id, {"camera": "camera.garden"})
    step = await hass.config_entries.flow.async_configure(flow_id, {})
    assert step["type"] == "abort"
    await hass.async_block_till_done()
    assert degraded in issues(hass)
    assert table(hass, "cameras")[0]["reference"] is not None


@pytest.mark.parametrize("language", ["en", "de"])
async def test_every_way_says_what_it_does(hass: HomeAssistant, degraded: str, fix: FixFlow, language: str) -> None:
    flow = await fix(degraded)
    texts = await async_get_translations(hass, language, "issues", [DOMAIN])
    step = f"component.{DOMAIN}.issues.camera_degraded.fix_flow.step.init"
    ways = flow.result["menu_options"]
    assert set(ways) == {"look", "reset", "relearn", "choose", "pause", "ignore"}
    for way in ways:
        assert texts[f"{step}.menu_options.{way}"]
        assert len(texts[f"{step}.menu_option_descriptions.{way}"]) > 30


@pytest.mark.parametrize("way", ["look", "reset", "relearn", "choose", "pause"])
async def test_a_camera_that_is_unloaded_meanwhile_ends_the_flow(
    hass: HomeAssistant, camera_entry: MockConfigEntry, degraded: str, fix: FixFlow, way: str
) -> None:
    flow = await fix(degraded)
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    assert (await flow.choose(way))["reason"] == "not_loaded"


@pytest.mark.parametrize(("way", "query"), [("reset", "end_degraded"), ("relearn", "relearn"), ("pause", "set_paused")])
async def test_a_catalogue_that_cannot_be_written_keeps_the_state(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    degraded: str,
    fix: FixFlow,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    query: str,
) -> None:
    flow = await fix(degraded)
    with monkeypatch.context() as broken:
        broken.setattr(f"custom_components.timelapser.core.catalogue.queries.{query}", _refuse)
        assert (await flow.choose(way))["reason"] == "failed"
    assert degraded in issues(hass)


def _refuse(*_: object) -> None:
    from custom_components.timelapser.core.errors import CatalogueError, Code

    raise CatalogueError(Code.CATALOGUE_LOCKED, "locked")


async def test_names_are_shown_as_they_are(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, next_slot: NextSlot, fix: FixFlow
) -> None:
    name = "<img src=x onerror=alert(1)> ![](/api/x) **bold** [a](javascript:b)"
    entry = await set_up(hass, make_entry(hass, title=name))
    await degrade(camera, next_slot)
    flow = await fix(f"camera_degraded_{entry.entry_id}")
    text = flow.text("camera")
    assert re.sub(r"\\(.)", r"\1", text) == name
    assert not re.search(r"(?<!\\)[<>*\[\]()!]", text)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_missing_camera_can_be_replaced(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, fix: FixFlow, media_root: Path
) -> None:
    await next_slot()
    kept = files(media_root)
    er.async_get(hass).async_remove("camera.garden")
    await next_slot(GONE_S)
    issue_id = f"camera_removed_{camera_entry.entry_id}"
    flow = await fix(issue_id)
    assert flow.text("camera") == "Garden"
    result = await flow.choose("choose")
    assert (result["type"], result["reason"], result["next_flow"][0]) == ("abort", "choose", "config_flow")
    assert issue_id in issues(hass)
    hass.states.async_set("camera.shed", "idle")
    flow_id = result["next_flow"][1]
    step = await hass.config_entries.flow.async_configure(flow_id, {"camera": "camera.shed"})
    assert step["step_id"] == "unavailable"
    step = await hass.config_entries.flow.async_configure(flow_id, {"next_step_id": "accept"})
    assert step["reason"] == "reconfigure_successful"
    await hass.async_block_till_done()
    assert issues(hass) == {}
    assert camera_entry.state is ConfigEntryState.LOADED
    assert camera_entry.runtime_data.data.captured == 1
    assert files(media_root) == kept


async def test_a_missing_camera_can_be_guarded_no_more(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, fix: FixFlow, media_root: Path
) -> None:
    await next_slot()
    kept = files(media_root)
    er.async_get(hass).async_remove("camera.garden")
    await next_slot(GONE_S)
    flow = await fix(f"camera_removed_{camera_entry.entry_id}")
    assert (await flow.choose("remove"))["step_id"] == "remove"
    assert hass.config_entries.async_get_entry(camera_entry.entry_id) is not None
    assert (await flow.submit())["type"] == "create_entry"
    assert hass.config_entries.async_get_entry(camera_entry.entry_id) is None
    assert issues(hass) == {}
    assert files(media_root) == kept


@pytest.mark.parametrize("way", ["remove", "init"])
async def test_an_entry_that_is_gone_meanwhile_ends_the_flow(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, fix: FixFlow, way: str
) -> None:
    er.async_get(hass).async_remove("camera.garden")
    await next_slot(GONE_S)
    flow = await fix(f"camera_removed_{camera_entry.entry_id}")
    if way == "remove":
        await hass.config_entries.async_remove(camera_entry.entry_id)
        assert (await flow.choose("remove"))["reason"] == "entry_removed"
        return
    issue = next(iter(issues(hass).values()))
    await hass.config_entries.async_remove(camera_entry.entry_id)
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue.issue_id,
        data=issue.data,
        is_fixable=True,
        severity=ir.IssueSeverity.ERROR,
        translation_key=issue.translation_key,
    )
    assert (await fix(issue.issue_id)).result["reason"] == "entry_removed"


async def test_a_storage_that_is_back_needs_a_look_only(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, fix: FixFlow, media_root: Path
) -> None:
    marker = media_root / FOLDER / MARKER
    content = marker.read_bytes()
    marker.unlink()
    await next_slot()
    flow = await fix("storage_wrong_mount_system")
    assert (await flow.choose("check"))["step_id"] == "check"
    assert "storage_wrong_mount_system" in issues(hass)
    marker.write_bytes(content)
    assert (await flow.choose("check"))["type"] == "create_entry"
    assert issues(hass) == {}


@pytest.mark.parametrize("loaded", [True, False])
async def test_a_folder_can_become_the_storage(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    fix: FixFlow,
    media_root: Path,
    loaded: bool,
) -> None:
    marker = media_root / FOLDER / MARKER
    before = marker.read_bytes()
    marker.unlink()
    if loaded:
        await next_slot()
    else:
        assert await hass.config_entries.async_unload(camera_entry.entry_id)
        assert not await hass.config_entries.async_setup(camera_entry.entry_id)
    flow = await fix("storage_wrong_mount_system")
    assert (await flow.choose("adopt"))["step_id"] == "adopt"
    assert not marker.exists()
    assert (await flow.submit())["type"] == "create_entry"
    await hass.async_block_till_done()
    assert issues(hass) == {}
    assert camera_entry.state is ConfigEntryState.LOADED
    assert marker.read_bytes() != before
    await next_slot()
    assert len(files(media_root, "frames")) == 1
    assert await hass.config_entries.async_reload(camera_entry.entry_id)
    assert issues(hass) == {}


async def test_a_folder_that_cannot_be_used_stays_what_it_is(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, fix: FixFlow, media_root: Path
) -> None:
    (media_root / FOLDER / MARKER).unlink()
    await next_slot()
    (media_root / FOLDER / MARKER).mkdir()
    flow = await fix("storage_wrong_mount_system")
    await flow.choose("adopt")
    result = await flow.submit()
    assert (result["type"], result["reason"]) == ("abort", "adopt_failed")
    assert result["description_placeholders"]["code"] == "TL-FS-006"
    assert "storage_wrong_mount_system" in issues(hass)


async def test_only_an_admin_may_fix(
    hass: HomeAssistant, degraded: str, hass_client: ClientSessionGenerator, hass_read_only_access_token: str
) -> None:
    client = await hass_client(hass_read_only_access_token)
    answer = await client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": degraded})
    assert answer.status == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("language", ["en", "de"])
async def test_every_placeholder_of_the_text_is_filled_in(
    hass: HomeAssistant, degraded: str, fix: FixFlow, language: str
) -> None:
    hass.config.language = language
    texts = await async_get_translations(hass, language, "issues", {DOMAIN})
    flow = await fix(degraded)
    values = {**(issues(hass)[degraded].translation_placeholders or {}), **flow.result["description_placeholders"]}
    base = f"component.{DOMAIN}.issues.camera_degraded"
    text = texts[f"{base}.fix_flow.step.init.description"].format(**values)
    assert text.count("![") == 3
    assert "common." not in text
    assert "Garden" in texts[f"{base}.title"].format(**values)
    assert {"en": "Reference", "de": "Referenz"}[language] in flow.text("reference")


async def test_the_form_does_not_wait_for_a_camera_that_hangs(
    camera: ScriptedCamera, degraded: str, fix: FixFlow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.timelapser.repairs.LOOK_WAIT_S", 0.05)
    camera.answer = lambda: asyncio.sleep(60)
    flow = await fix(degraded)
    assert "TL-CAM-004" in flow.text("current")
    assert PICTURE.findall(flow.text("current"))[0][0] == "Newest picture"


async def test_a_new_storage_that_is_full_is_not_all_right(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    fix: FixFlow,
    media_root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (media_root / FOLDER / MARKER).unlink()
    await next_slot()
    flow = await fix("storage_wrong_mount_system")
    await flow.choose("adopt")
    monkeypatch.setattr("custom_components.timelapser.engine.FREE_FLOOR_BYTES", 10**18)
    assert (await flow.submit())["reason"] == "not_mended"
    assert list(issues(hass)) == ["storage_full_system"]
