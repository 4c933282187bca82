"""What a person sees in a browser: the set-up, devices, a dashboard, and Repairs."""

from collections.abc import AsyncIterator
from pathlib import Path
import time
from urllib.parse import urlsplit

import aiohttp
from playwright.async_api import Locator
import psutil
import pytest

from scripts.dev.browser import Screen, browse, find_browser, flaws
from scripts.dev.cameras import HttpCamera
from scripts.dev.guard import CAPTURED, DEGRADED, DOMAIN, RECOVERED, Guard
from scripts.dev.hass import Events, Json
from tests.core import pictures

from .house import House, Post
from .pages import choose, device_page, devices, judge_picture, shown_score, system
from .phone import automate, phone, use_blueprint

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium here")

CAMERA, TIMELAPSE = "Guarded camera", "Timelapse"
"""The models of the devices."""
FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
DASHBOARD = "browser-test"
GUARDED = "porch"
ALARMED = "yard"
TALL = 1660
"""Pixels of a window in which a long dialog has room."""
TALLER = 1960
"""The same with three pictures and all that can be done."""
CAMERA_PAGE, CAMERA_CARD = 1460, 950
"""The same of the device page of a camera, and of a card with all its entities."""
SITE = "Building site"
"""The camera that is set up by hand, and the name of its timelapse."""


@pytest.fixture(scope="module")
async def browser(
    house: House, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Screen]:
    """Have a browser with a user who has logged in, and see that nothing of it is left at the end."""
    wanted = request.config.getoption("--screenshots")
    folder = Path(wanted) if wanted else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    async with browse(house.hass, folder) as screen:
        await screen.log_in()
        yield screen
        started = [child for child in psutil.Process().children(recursive=True) if "chrom" in child.name()]
    assert started
    _gone, left = psutil.wait_procs(started, timeout=10)
    assert left == []


@pytest.fixture
async def screen(browser: Screen, request: pytest.FixtureRequest) -> AsyncIterator[Screen]:
    """Look at the screen, and complain at the end of what went wrong unseen; after a failure tell what it shows."""
    browser.complaints.clear()
    failed = request.session.testsfailed
    yield browser
    if request.session.testsfailed > failed:
        await browser.shoot("failed")
        browser.complaints.append(f"{browser.folder}/failed.webp shows:\n{await browser.text()}")
    assert not browser.complaints, "\n".join(browser.complaints)


async def test_a_camera_is_set_up_by_hand(house: House, screen: Screen) -> None:
    """From the button *Add integration* to the first frame of the first timelapse."""
    camera = HttpCamera(house.folder)
    async with camera:
        entity_id = await house.hass.add_generic_camera(SITE, still=camera.still)
        page = screen.page
        dialog = page.locator("dialog-data-entry-flow")
        submit = dialog.get_by_role("button", name="Submit")
        await screen.open("/config/integrations/dashboard")
        await page.get_by_role("button", name="Add integration").click()
        choice = page.locator("dialog-add-integration")
        await choice.get_by_role("textbox").fill(DOMAIN)
        await choice.get_by_text("Timelapser", exact=True).click()

        await dialog.get_by_text("Choose a camera").wait_for()
        await choose(screen, dialog, SITE)
        await screen.shoot("setup-camera", dialog.locator("dialog"))
        await submit.click()

        await dialog.get_by_text("First picture").wait_for()
        text = await screen.text(dialog)
        assert "Quality score" in text
        assert "1280 × 720" in text
        await screen.pictures(dialog, 1)
        assert flaws(text) == []
        await screen.shoot("setup-picture", dialog.locator("dialog"))
        await submit.click()

        await dialog.get_by_text("New timelapse").wait_for()
        assert flaws(await screen.text(dialog)) == []
        await dialog.get_by_role("textbox", name="Name").fill(SITE)
        await screen.shoot("setup-timelapse", dialog.locator("dialog"), height=TALL)
        await submit.click()

        await dialog.get_by_text("Success").wait_for()
        assert flaws(await screen.text(dialog)) == []
        await dialog.get_by_role("button", name="Finish").click()
        await dialog.wait_for(state="hidden")

        guard = await Guard.find(house.hass, entity_id)
        assert guard is not None
        cards = await device_page(screen, (await devices(house, guard.entry_id))[CAMERA])
        await cards.get_by_role("button", name="Press").click()
        await guard.wait_for("health", "online", 30)
        await screen.pictures(cards, 1)
        assert "Online" in await screen.text(cards.filter(has_text="Health"))
        await house.hass.rest("DELETE", f"/api/config/config_entries/entry/{guard.entry_id}")


async def _degrade(post: Post) -> None:
    """Let a camera take black pictures until that is noticed."""
    since = len(post.house.events)
    await post.camera.set_mode("black")
    await post.event(DEGRADED, since=since)
    await post.state("degraded", "on")


async def _recover(post: Post) -> None:
    """Mend a camera, wait until that is noticed."""
    since = len(post.house.events)
    await post.camera.set_mode("normal")
    await post.event(RECOVERED, since=since)
    await post.state("health", "online")


async def _open_fix_flow(screen: Screen, post: Post) -> Locator:
    """Open the issue of a camera in the list of repairs; return the dialog."""
    await screen.open("/config/repairs")
    await _issue(screen, post).click()
    dialog = screen.page.locator("dialog-repairs-issue, dialog-data-entry-flow")
    await dialog.get_by_text("Bad pictures").first.wait_for()
    return dialog


async def _three_pictures(screen: Screen, dialog: Locator) -> list[str]:
    """Wait for reference, rejected and present picture; return their addresses."""
    sources = await screen.pictures(dialog, 3)
    places = [urlsplit(source).path.rpartition("/")[0] for source in sources]
    assert places == ["/api/timelapser/frame", "/api/timelapser/frame", "/api/timelapser/look"]
    return sources


def _issue(screen: Screen, post: Post) -> Locator:
    """Return the line of a camera's issue in the list of repairs."""
    return screen.page.locator("ha-config-repairs").get_by_text(f"{post.name.capitalize()} has delivered bad pictures")


@pytest.mark.cameras(GUARDED)
async def test_repairs_show_what_is_wrong_with_a_camera(house: House, screen: Screen) -> None:
    post = await house.post(GUARDED)
    await post.event(CAPTURED)
    await _degrade(post)

    await screen.open("/config/repairs")
    await _issue(screen, post).wait_for()
    assert flaws(await screen.text()) == []
    await screen.shoot("repairs")

    dialog = await _open_fix_flow(screen, post)
    look = (await _three_pictures(screen, dialog))[-1]
    assert flaws(await screen.text(dialog)) == []
    await dialog.get_by_text("Look again").click()
    await dialog.locator(f'img[src*="{urlsplit(look).path}"]').wait_for(state="detached")
    assert look not in await _three_pictures(screen, dialog)
    await _recover(post)

    await screen.open("/config/repairs")
    await screen.page.get_by_text("no repairs").wait_for()
    assert await _issue(screen, post).count() == 0


@pytest.mark.cameras(ALARMED)
async def test_every_blueprint_can_be_used(house: House) -> None:
    """The forms are filled in, and Home Assistant takes the automation; it does nothing here."""
    entities = await (await house.post(ALARMED)).guard.entities()
    recording = next(entity_id for key, entity_id in entities.items() if key.endswith("_recording"))
    sensors = {key: entities[key] for key in ("degraded", "connectivity")}
    await use_blueprint(house.hass, "power_cycle", "cycle", plug="switch.nowhere", **sensors)
    await use_blueprint(house.hass, "pause", "rest", recordings=[recording], sensor="binary_sensor.nowhere")


@pytest.mark.cameras(ALARMED)
async def test_a_broken_camera_alarms_a_phone_and_repairs_until_it_is_mended(house: House, screen: Screen) -> None:
    """With a camera that speaks RTSP, the blueprint, the trigger of our own, and the fix flow."""
    post = await house.post(ALARMED)
    await post.event(CAPTURED)
    async with phone(house.hass, "pocket") as pocket:
        device = (await devices(house, post.id))[CAMERA].id
        await use_blueprint(house.hass, "notify", "tell", phones=[pocket.device_id], cameras=[device], persistent=False)
        trigger = {"trigger": f"{DOMAIN}.camera_degraded", "target": {"device_id": device}}
        action = {"event": "told_by_trigger", "event_data": {"cid": "{{ trigger.event_data.correlation_id }}"}}
        await automate(house.hass, "triggered", {"triggers": [trigger], "actions": [action]})
        async with house.hass.events("told_by_trigger") as told:
            since = len(house.events)
            await _degrade(post)
            (alarm,) = post.events(DEGRADED, since=since)
            (heard,) = await told.wait("told_by_trigger")
        assert heard == {"cid": alarm["correlation_id"]}
        await post.until("push", lambda: len(pocket.pushed) == 1, 30)
        assert pocket.pushed[0]["title"] == f"{post.name.capitalize()} has bad pictures"
        rejected = post.frame(alarm["correlation_id"])
        assert rejected is not None
        assert await _fetched(house, pocket.pushed[0]["data"]["image"]) == rejected["path"].read_bytes()

        dialog = await _open_fix_flow(screen, post)
        await _three_pictures(screen, dialog)
        text = await screen.text(dialog)
        assert flaws(text) == []
        for way in ("Look again", "learn it anew", "Choose another camera", "Pause its timelapses", "Ignore it"):
            assert way in text
        await screen.shoot("repairs-pictures", dialog.locator("dialog"), height=TALLER)

        since = len(house.events)
        await _recover(post)
        (end,) = post.events(RECOVERED, since=since)
        await post.until("second push", lambda: len(pocket.pushed) == 2, 30)
        assert pocket.pushed[1]["title"] == f"{post.name.capitalize()} is well again"
        assert pocket.pushed[1]["data"]["tag"] == pocket.pushed[0]["data"]["tag"]
        assert (await _fetched(house, pocket.pushed[1]["data"]["image"]))[:2] == b"\xff\xd8"
    assert end["health"] == "online"
    assert end["incident_id"] == alarm["incident_id"] == alarm["correlation_id"]
    await screen.open("/config/repairs")
    await screen.page.get_by_text("no repairs").wait_for()
    assert await _issue(screen, post).count() == 0


async def _fetched(house: House, path: str) -> bytes:
    """Return what is at an address without a login, as who was sent it sees it."""
    async with aiohttp.ClientSession() as session, session.get(house.hass.url + path) as answer:
        assert answer.status == 200
        return await answer.read()


async def _experienced(house: House) -> Post:
    """Return a camera that was degraded and has recovered: each of its entities has something to show."""
    post = await house.post(GUARDED)
    if not post.events(RECOVERED):
        await post.event(CAPTURED)
        await _degrade(post)
        await _recover(post)
    return post


@pytest.fixture
async def annexe(tmp_path: Path, long: bool) -> AsyncIterator[House]:
    """Run a Home Assistant whose clock may be set."""
    if not long:
        pytest.skip("a long form")
    house = House(tmp_path)
    try:
        await house.start([GUARDED])
        yield house
    finally:
        await house.stop()


@pytest.mark.skipif(not FAKETIME, reason="no libfaketime here")
async def test_repairs_show_pictures_hours_after_the_issue_was_made(annexe: House, tmp_path: Path) -> None:
    """The signatures of addresses have long expired, and Home Assistant has been restarted."""
    post = await annexe.post(GUARDED)
    await post.event(CAPTURED)
    await _degrade(post)
    async with browse(annexe.hass, tmp_path) as screen:
        await screen.log_in()
        early = await _three_pictures(screen, await _open_fix_flow(screen, post))
    async with aiohttp.ClientSession() as session:
        assert [(await session.get(url)).status for url in early] == [200, 200, 200]

    annexe.hass.env |= {"LD_PRELOAD": str(FAKETIME[0]), "FAKETIME": "+2h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    await annexe.restart()
    now = float(await annexe.hass.rest("POST", "/api/template", {"template": "{{ now().timestamp() }}"}))
    assert 7190 < now - time.time() < 7210
    await post.state("degraded", "on")
    async with aiohttp.ClientSession() as session:
        assert [(await session.get(url)).status for url in early] == [401, 401, 401]
    async with browse(annexe.hass, tmp_path) as screen:
        await screen.log_in()
        dialog = await _open_fix_flow(screen, post)
        await _three_pictures(screen, dialog)
        assert flaws(await screen.text(dialog)) == []
        assert screen.complaints == []


@pytest.mark.cameras(GUARDED)
async def test_every_device_has_a_page(house: House, screen: Screen) -> None:
    known = await devices(house, (await _experienced(house)).id)
    cards = await device_page(screen, known[CAMERA])
    for text in ("Quality score", "Health", "Degraded", "Connectivity", "Latest frame", "Capture now", "Sensitivity"):
        await cards.get_by_text(text, exact=True).first.wait_for()
    await screen.pictures(cards, 2)
    for card in await cards.all():
        assert flaws(await screen.text(card)) == []
    await screen.shoot("device-camera", height=CAMERA_PAGE)

    cards = await device_page(screen, known[TIMELAPSE])
    for text in ("Images", "Next capture", "State", "Recording"):
        await cards.get_by_text(text, exact=True).first.wait_for()
    for card in await cards.all():
        assert flaws(await screen.text(card)) == []
    await screen.shoot("device-timelapse")

    await device_page(screen, next(iter((await devices(house, await system(house))).values())))
    await screen.page.get_by_text("Connected devices").wait_for()
    assert flaws(await screen.text()) == []

    await screen.open(f"/config/integrations/integration/{DOMAIN}")
    await screen.page.get_by_text(known[TIMELAPSE].name, exact=True).first.wait_for()
    assert flaws(await screen.text()) == []
    await screen.shoot("integration")


@pytest.mark.cameras(GUARDED)
async def test_a_picture_is_tested_in_the_options(house: House, screen: Screen) -> None:
    """First a real still of the camera that is cut off, then the same still whole."""
    post = await _experienced(house)
    still = await house.hass.snapshot(post.entity_id)
    await screen.open(f"/config/integrations/integration/{DOMAIN}")
    row = screen.page.locator("ha-config-entry-row").filter(has_text=post.name.capitalize())
    await row.get_by_role("button", name="Configure").first.click()
    dialog = screen.page.locator("dialog-data-entry-flow")
    await dialog.get_by_text("How strictly to judge").wait_for()
    await dialog.get_by_text("Test a picture").click()
    await dialog.get_by_text("Choose a picture").wait_for()
    assert flaws(await screen.text(dialog)) == []

    lines = await judge_picture(screen, dialog, pictures.cut(still, 0.6))
    await screen.shoot("test-picture", dialog.locator("dialog"), height=TALL)
    assert shown_score(lines) < 50
    assert any("bad, it would be rejected" in line for line in lines)
    assert any(line.startswith("Truncated") for line in lines)

    await dialog.get_by_text("Test another picture").click()
    await dialog.get_by_text("Choose a picture").wait_for()
    lines = await judge_picture(screen, dialog, still)
    assert shown_score(lines) > 75
    assert any(line.endswith("(good)") for line in lines)
    assert "None" in lines


async def _make_dashboard(house: House, cards: list[Json]) -> None:
    """Put cards on a dashboard of our own."""
    known = await house.hass.ws("lovelace/dashboards/list")
    if all(dashboard["url_path"] != DASHBOARD for dashboard in known):
        await house.hass.ws(
            "lovelace/dashboards/create", url_path=DASHBOARD, title="Timelapser", mode="storage", show_in_sidebar=False
        )
    await house.hass.ws(
        "lovelace/config/save", url_path=DASHBOARD, config={"views": [{"title": "Porch", "cards": cards}]}
    )


@pytest.mark.cameras(GUARDED)
async def test_a_dashboard_shows_every_entity(house: House, screen: Screen) -> None:
    entities = await (await _experienced(house)).guard.entities()
    states = await house.hass.states()
    shown = sorted(entity_id for entity_id in entities.values() if entity_id in states)
    pictures = [entity_id for entity_id in shown if entity_id.startswith("image.")]
    await _make_dashboard(
        house,
        [
            {"type": "entities", "title": "Porch", "entities": shown},
            *({"type": "picture-entity", "entity": entity_id} for entity_id in pictures),
        ],
    )
    await screen.open(f"/{DASHBOARD}/0")
    for entity_id in shown:
        await screen.page.get_by_text(states[entity_id]["attributes"]["friendly_name"], exact=True).first.wait_for()
    await screen.pictures(screen.page.locator("hui-picture-entity-card"), len(pictures))
    assert flaws(await screen.text()) == []
    await screen.shoot("dashboard", height=CAMERA_CARD)


def _reloads(heard: Events, entities: dict[str, str]) -> bool:
    """Return whether an entry was reloaded, which its entities show."""
    return any(
        item["data"]["new_state"]["state"] == "unavailable"
        for item in heard.items
        if item["data"]["entity_id"] in entities.values() and item["data"]["new_state"] is not None
    )


@pytest.mark.cameras(GUARDED)
async def test_sensitivity_is_chosen_and_learning_begins_anew(house: House, screen: Screen) -> None:
    """A choice interrupts nothing; that an entity is enabled does, and shows that this would be seen."""
    post = await _experienced(house)
    entities = await post.guard.entities()
    relearn = entities.pop("relearn")
    device = (await devices(house, post.id))[CAMERA]
    async with house.hass.events("state_changed") as heard:
        cards = await device_page(screen, device)
        for words, value in (("High", "high"), ("Medium", "medium")):
            await cards.locator("ha-select").click()
            await screen.page.locator("ha-dropdown-item:visible").get_by_text(words, exact=True).click()
            await post.state("sensitivity", value)
            assert (await post.guard.options())["sensitivity"] == value
        # By the next slot a reload would have been seen.
        await post.event(CAPTURED, since=len(house.events))
        assert not _reloads(heard, entities)

        assert await house.hass.state(relearn) is None
        await house.hass.ws("config/entity_registry/update", entity_id=relearn, disabled_by=None)
        # Home Assistant waits for half a minute in case that more follows.
        await post.until("reload", lambda: _reloads(heard, entities), 90)
    await house.hass.wait_for_state(relearn, "unknown")

    mark = len(house.events)
    assert post.events(CAPTURED)
    cards = await device_page(screen, device)
    await cards.locator("hui-button-entity-row").filter(has_text="Re-learn").get_by_text("Press").click()
    await house.hass.wait_for_state(relearn)
    answer = await house.hass.call(DOMAIN, "relearn", {"entity_id": post.entity_id}, return_response=True)
    learned = sum(answer["cameras"][post.id]["forgotten"].values())
    await post.until("forgetting", lambda: len(post.events(CAPTURED, since=mark)) >= learned, 3)


async def test_what_is_wrong_would_be_seen(house: House, browser: Screen) -> None:
    """The control: a page with everything that these tests look for."""
    await _make_dashboard(
        house,
        [
            {"type": "markdown", "content": "component.timelapser.entity.sensor.health.name\n\nbelow_threshold"},
            {"type": "markdown", "content": "Unavailable"},
            {"type": "entities", "entities": ["sensor.timelapser_nowhere"]},
            {"type": "picture", "image": "/api/image_proxy/image.nowhere"},
        ],
    )
    browser.complaints.clear()
    await browser.open(f"/{DASHBOARD}/0")
    await browser.page.get_by_text("below_threshold").wait_for()
    await browser.page.get_by_text("Unavailable").wait_for()
    found = flaws(await browser.text())
    assert {flaw.partition(":")[0] for flaw in found} == {"untranslated", "without a value", "broken"}, found
    assert [complaint for complaint in browser.complaints if "/api/image_proxy/image.nowhere" in complaint]
