"""Drive a real browser without a display: log in, look at pages of Home Assistant, click, and note what goes wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
import io
import os
from pathlib import Path
import re
import shutil
from typing import Final

from PIL import Image
from playwright.async_api import ConsoleMessage, Locator, Page, Request, Response, async_playwright

from scripts.dev.hass import HomeAssistant

PATIENCE_MS: Final = 20_000
"""How long a page may take to show something: a second or two, and more on a machine that is busy."""
REST_MS: Final = 500
"""How long a dialog takes to come to rest after its content is there; Home Assistant's animations take 250."""
SIZE: Final = (1000, 860)
"""Pixels of the window: two columns of cards without the sidebar, and legible in a page of documentation."""
FLAGS: Final = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking")
"""It may be root's, in a container with little shared memory, without graphics and without the internet."""
MARGIN: Final = 24
"""Pixels around a part of the screen: the shadow of a dialog."""
WEBP_QUALITY: Final = 80

_OURS: Final = re.compile(r"/api/(timelapser|image_proxy)/")
_FLAWS: Final = {
    "untranslated": re.compile(r"\b(?:component|ui|state)(?:\.[\w-]+){2,}|\b[a-z]+_[a-z_]+\b"),
    "without a value": re.compile(r"\b(?:unavailable|unknown|undefined|NaN|\[object \w+\])", re.IGNORECASE),
    "broken": re.compile(r"entity not found|configuration error|error (?:while|loading)", re.IGNORECASE),
}
_PREPARE: Final = 'localStorage.setItem("dockedSidebar", JSON.stringify("always_hidden"));'
_TEXT: Final = """root => {
  const found = [];
  const walk = node => {
    if (node.nodeType === Node.TEXT_NODE) {
      if (node.data.trim()) found.push(node.data.trim());
      return;
    }
    if (node.nodeType === Node.ELEMENT_NODE) {
      if (["STYLE", "SCRIPT", "TEMPLATE"].includes(node.tagName)) return;
      if (getComputedStyle(node).display !== "contents" && !node.checkVisibility({visibilityProperty: true})) return;
    }
    const slotted = node.tagName === "SLOT" ? node.assignedNodes() : [];
    for (const child of node.shadowRoot ? [node.shadowRoot] : slotted.length ? slotted : node.childNodes) walk(child);
  };
  walk(root);
  return found.join("\\n");
}"""
_PICTURES: Final = """async roots => {
  const found = [];
  const walk = async node => {
    if (node instanceof HTMLImageElement) found.push([node.src, node.complete ? node.naturalWidth : 0]);
    else if (node instanceof Element) {
      const url = getComputedStyle(node).backgroundImage.match(/^url\\("(.*)"\\)$/);
      if (url) {
        const picture = new Image();
        picture.src = url[1];
        await picture.decode().catch(() => {});
        found.push([url[1], picture.naturalWidth]);
      }
    }
    for (const child of node.shadowRoot ? [node.shadowRoot, ...node.childNodes] : node.childNodes) await walk(child);
  };
  for (const root of roots) await walk(root);
  return found;
}"""


class BrowserError(RuntimeError):
    """A page did not show what it should."""


def find_browser() -> str | None:
    """Return the path of a Chromium, if there is one."""
    if "TL_BROWSER" in os.environ:
        return os.environ["TL_BROWSER"] or None
    return shutil.which("chromium") or shutil.which("google-chrome")


def flaws(text: str) -> list[str]:
    """Return what no user should read: raw keys, values that are missing, errors."""
    return [f"{kind}: {line}" for line in text.splitlines() for kind, words in _FLAWS.items() if words.search(line)]


class Screen:
    """What a person has before them: a page of Home Assistant, in a browser that was opened for it."""

    def __init__(self, page: Page, hass: HomeAssistant, folder: Path) -> None:
        """Note from now on what goes wrong; pictures of the screen go to the folder."""
        self.page, self.hass, self.folder = page, hass, folder
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(f"error of a script: {error}"))
        page.on("response", self._on_response)
        page.on("requestfailed", self._on_request_failed)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "timelapser" in message.text:
            self.complaints.append(f"console: {message.text}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and _OURS.search(response.url):
            self.complaints.append(f"{response.status}: {response.url.partition('?')[0]}")

    def _on_request_failed(self, request: Request) -> None:
        # Whoever leaves a page aborts what it was loading.
        if _OURS.search(request.url) and request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.failure}: {request.url.partition('?')[0]}")

    async def log_in(self) -> None:
        """Log in by the form, for as long as the browser is open."""
        await self.page.goto(f"{self.hass.url}/profile", wait_until="domcontentloaded")
        await self.page.locator("input[name=username]").fill(self.hass.user)
        await self.page.locator("input[name=password]").fill(self.hass.password)
        await self.page.keyboard.press("Enter")
        await self.page.wait_for_url(lambda url: "/auth/" not in url)
        await self._started()

    async def open(self, path: str) -> None:
        """Go to a page."""
        await self.page.goto(self.hass.url + path, wait_until="domcontentloaded")
        await self._started()

    async def _started(self) -> None:
        await self.page.locator("home-assistant").wait_for(state="attached")
        await self.page.locator("#ha-launch-screen").wait_for(state="detached")

    async def text(self, place: Locator | None = None) -> str:
        """Return the text that can be seen on the page or in a part of it, one line for each piece."""
        text: str = await (place or self.page.locator("body")).evaluate(_TEXT)
        return text

    async def pictures(self, place: Locator, count: int) -> list[str]:
        """Wait until parts of the page show at least so many pictures, all of them loaded; return their addresses.

        Pictures are images and the backgrounds of elements, which is what lists of entities use.
        """
        found: list[tuple[str, int]] = []
        for _ in range(PATIENCE_MS // 100):
            found = await place.evaluate_all(_PICTURES)
            if len(found) >= count and all(width for _, width in found):
                return [source for source, _ in found]
            await self.page.wait_for_timeout(100)
        raise BrowserError(f"no {count} pictures, but these widths: {[width for _, width in found]}")

    async def shoot(self, name: str, part: Locator | None = None, *, height: int = SIZE[1]) -> None:
        """Keep a picture of the screen, or of a part of it with some of what is around, when it has come to rest."""
        await self.page.set_viewport_size({"width": SIZE[0], "height": height})
        await self.page.wait_for_timeout(REST_MS)
        with Image.open(io.BytesIO(await self.page.screenshot())) as screen:
            picture: Image.Image = screen
            if part is not None and (box := await part.bounding_box()) is not None:
                left, top = max(box["x"] - MARGIN, 0), max(box["y"] - MARGIN, 0)
                right = min(box["x"] + box["width"] + MARGIN, screen.width)
                bottom = min(box["y"] + box["height"] + MARGIN, screen.height)
                picture = screen.crop((round(left), round(top), round(right), round(bottom)))
            picture.convert("RGB").save(self.folder / f"{name}.webp", quality=WEBP_QUALITY, method=6)


@asynccontextmanager
async def browse(hass: HomeAssistant, folder: Path) -> AsyncIterator[Screen]:
    """Have a browser while the block runs; the driver ends it too when this process dies."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        try:
            context = await browser.new_context(
                locale="en-GB",
                timezone_id="UTC",
                reduced_motion="reduce",
                service_workers="block",
            )
            await context.add_init_script(_PREPARE)
            page = await context.new_page()
            await page.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
            yield Screen(page, hass, folder)
        finally:
            await browser.close()
