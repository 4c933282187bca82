"""Pages and forms of Home Assistant as the browser's tests need them."""

from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.async_api import Locator, TimeoutError as NotInTimeError

from scripts.dev.browser import Screen, flaws
from scripts.dev.guard import DOMAIN

from .house import House


@dataclass(frozen=True)
class Device:
    """A device of this integration."""

    name: str
    id: str

    @property
    def path(self) -> str:
        """Return where its page is."""
        return f"/config/devices/device/{self.id}"


async def devices(house: House, entry_id: str) -> dict[str, Device]:
    """Return the devices of an entry by their models."""
    return {
        device["model"]: Device(device["name_by_user"] or device["name"], device["id"])
        for device in await house.hass.ws("config/device_registry/list")
        if entry_id in device["config_entries"]
    }


async def system(house: House) -> str:
    """Return the id of the system's entry."""
    entries = await house.hass.ws("config_entries/get", domain=DOMAIN)
    return next(entry["entry_id"] for entry in entries if not entry["supports_options"])


async def device_page(screen: Screen, device: Device) -> Locator:
    """Open the page of a device; return the cards that list its entities."""
    await screen.open(device.path)
    await screen.page.get_by_text(device.name, exact=True).first.wait_for()
    return screen.page.locator("ha-device-entities-card")


async def choose(screen: Screen, dialog: Locator, name: str) -> None:
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


async def judge_picture(screen: Screen, dialog: Locator, data: bytes) -> list[str]:
    """Upload a picture in the form *Test a picture*; return the lines of the result, which has to show the picture."""
    file = dialog.locator("input[type=file]")
    async with screen.page.expect_response("**/api/file_upload") as uploaded:
        await file.set_input_files({"name": "picture.jpg", "mimeType": "image/jpeg", "buffer": data})
    assert (await uploaded.value).status == 200
    await dialog.get_by_text("picture.jpg").first.wait_for()
    await dialog.get_by_role("button", name="Submit").click()
    await dialog.get_by_text("What the detector says").wait_for()
    (source,) = await screen.pictures(dialog, 1)
    assert urlsplit(source).path.startswith("/api/timelapser/look/")
    text = await screen.text(dialog)
    assert flaws(text) == []
    return text.splitlines()


def shown_score(lines: list[str]) -> float:
    """Return the score that the result of a test shows."""
    at = next(number for number, line in enumerate(lines) if line.startswith("Quality score"))
    return float(lines[at + 1])
