"""What a person sees in a browser: the set-up, devices, a dashboard, and Repairs."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
import time
from urllib.parse import urlsplit

import aiohttp
from playwright.async_api import Locator, TimeoutError as NotInTimeError
import psutil
import pytest

from scripts.dev.browser import Screen, browse, find_browser, flaws
from scripts.dev.cameras import HttpCamera
from scripts.dev.guard import CAPTURED, DEGRADED, DOMAIN, RECOVERED, Guard
from scripts.dev.hass import Json

from .house import House, Post

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no Chromium here")

CAMERA, TIMELAPSE = "Guarded camera", "Timelapse"
"""The models of the devices."""
FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
DASHBOARD = "browser-test"
GUARDED = "porch"
TALL = 1660
"""Pixels of a window in which a long dialog has room."""
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


@dataclass(frozen=True)
class Device:
    """A device of this integration."""

    name: str
    path: str


async def _devices(house: House, entry_id: str) -> dict[str, Device]:
    """Return the devices of an entry by their models."""
    return {
        device["model"]: Device(device["name_by_user"] or device["name"], f"/config/devices/device/{device['id']}")
        for device in await house.hass.ws("config/device_registry/list")
        if entry_id in device["config_entries"]
    }


async def _system(house: House) -> str:
    """Return the id of the system's entry."""
    entries = await house.hass.ws("config_entries/get", domain=DOMAIN)
    return next(entry["entry_id"] for entry in entries if not entry["supports_options"])


async def _device_page(screen: Screen, device: Device) -> Locator:
    """Open the page of a device; return the cards that list its entities."""
    await screen.open(device.path)
    await screen.page.get_by_text(device.name, exact=True).first.wait_for()
    return screen.page.locator("ha-device-entities-card")


async def _choose(screen: Screen, dialog: Locator, name: str) -> None:
    """Choose a camera in a form; on a busy machine its list closes again while the form is still moving in."""
    item = screen.page.locator("ha-combo-box-item").get_by_text(name)
    search = screen.page.get_by_role("textbox", name="Search")
    for patience in (2, 4, 8, 16):
        await dialog.locator("ha-selector-entity").click()
        with suppress(NotInTimeError):
            await search.last.fill(name, timeout=patience * 1000)
            await item.click(timeout=patience * 1000)
            return
    raise AssertionError(f"{name} cannot be chosen")


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
        await _choose(screen, dialog, SITE)
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
        cards = await _device_page(screen, (await _devices(house, guard.entry_id))[CAMERA])
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
    await screen.shoot("repairs-pictures", dialog.locator("dialog"), height=TALL)
    await dialog.get_by_text("Look again").click()
    await dialog.locator(f'img[src*="{urlsplit(look).path}"]').wait_for(state="detached")
    assert look not in await _three_pictures(screen, dialog)
    await _recover(post)

    await screen.open("/config/repairs")
    await screen.page.get_by_text("no repairs").wait_for()
    assert await _issue(screen, post).count() == 0


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
    devices = await _devices(house, (await _experienced(house)).id)
    cards = await _device_page(screen, devices[CAMERA])
    for text in ("Quality score", "Health", "Degraded", "Connectivity", "Latest frame", "Capture now"):
        await cards.get_by_text(text, exact=True).first.wait_for()
    await screen.pictures(cards, 2)
    for card in await cards.all():
        assert flaws(await screen.text(card)) == []
    await screen.shoot("device-camera")

    cards = await _device_page(screen, devices[TIMELAPSE])
    for text in ("Images", "Next capture", "State", "Recording"):
        await cards.get_by_text(text, exact=True).first.wait_for()
    for card in await cards.all():
        assert flaws(await screen.text(card)) == []
    await screen.shoot("device-timelapse")

    await _device_page(screen, next(iter((await _devices(house, await _system(house))).values())))
    await screen.page.get_by_text("Connected devices").wait_for()
    assert flaws(await screen.text()) == []

    await screen.open(f"/config/integrations/integration/{DOMAIN}")
    await screen.page.get_by_text(devices[TIMELAPSE].name, exact=True).first.wait_for()
    assert flaws(await screen.text()) == []
    await screen.shoot("integration")


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
    await screen.shoot("dashboard")


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
