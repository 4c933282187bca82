"""Watches every test through Home Assistant: no credential, address or place of a camera or disk gets out.

What Timelapser logs, fires, shows, reports, answers, raises and stores is gathered while a test runs and looked through
when it is over. A test that leaks on purpose says so with ``control``.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
import logging
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from homeassistant.components.camera.const import DATA_COMPONENT
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_STATE_CHANGED, MATCH_ALL
from homeassistant.core import Event, HomeAssistant, ServiceRegistry, State, callback
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.helpers.json import json_bytes
import pytest

from custom_components.timelapser.const import CONF_MEDIA_ROOT, DOMAIN
from custom_components.timelapser.diagnostics import async_get_config_entry_diagnostics

CANARY = "S3cr3t-CANARY"

LOGGERS = (f"custom_components.{DOMAIN}", "homeassistant.config_entries")
"""Ours, and the one that tells why an entry could not be set up."""

EVENT_LIMIT = 2048
"""Bytes of an event's data as JSON."""
ATTRIBUTES_LIMIT = 4096
"""Bytes of a state's attributes as JSON."""

DOCUMENTATION = "https://github.com/timelapser/timelapser"
"""The one address that is meant to be shown."""

PICTURES = (".jpg", ".png", ".webp")
SCHEMES = tuple(f"{scheme}://".encode() for scheme in ("rtsp", "rtsps", "rtmp", "http", "https", "file", "onvif"))
"""In a database any four bytes may occur by chance; a whole scheme does not."""


def forms(number: int, host: str = "192.0.2.77", port: int = 554) -> dict[str, str]:
    """Return the ways in which a camera's secret, its host or a place on the disk stand in texts."""
    secret = f"{CANARY}-{number}"
    escaped = "".join(f"%{ord(character):02x}" for character in secret[:6]) + secret[6:]
    return {
        "userinfo": f"rtsp://admin:{secret}@{host}:{port}/live",
        "user and pwd": f"http://{host}:{port}/snap.cgi?user=admin&pwd={secret}",
        "usr and pwd": f"http://{host}:{port}/cgi-bin/CGIProxy.fcgi?cmd=snapPicture2&usr=admin&pwd={secret}",
        "token": f"http://{host}:{port}/api/camera_proxy/camera.x?token={secret}",
        "auth": f"rtsp://{host}:{port}/cam?channel=1&auth={secret}",
        "path": f"rtsp://{host}:{port}/user=admin_password={secret}_channel=1.sdp",
        "percent-encoded": f"rtsp://ad%6Din:{escaped}@{host}:{port}/live",
        "IPv6": f"rtsp://admin:{secret}@[2001:db8::77]:{port}/live",
        "no credentials": f"rtsp://{host}:{port}/Streaming/Channels/101",
        "in quotes": f"Client error '401 Unauthorized' for url 'http://admin:{secret}@{host}:{port}/x y'",
        "share": rf"cannot open \\nas-{secret}\cams\{secret}.jpg",
        "file": f"[Errno 13] Permission denied: '/media/{secret}/garden.jpg'",
    }


HOSTS = ("192.0.2.77", "2001:db8::77")
"""What no test says but by these forms."""


class Canary(logging.Handler):
    """What Timelapser let out in one test."""

    def __init__(self, hass: HomeAssistant, tmp_path: Path) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(message)s"))
        self._hass = hass
        self._tmp_path = tmp_path
        self._texts: list[tuple[str, str]] = []
        self._sized: list[tuple[str, int, int]] = []
        self._expected = False

    @contextmanager
    def watching(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Gather what is logged, fired, shown, answered and raised."""
        levels = {name: logging.getLogger(name).level for name in LOGGERS}
        for name in LOGGERS:
            logging.getLogger(name).addHandler(self)
        logging.getLogger(LOGGERS[0]).setLevel(logging.DEBUG)
        self._hass.bus.async_listen(MATCH_ALL, self._async_note_event)
        monkeypatch.setattr(ServiceRegistry, "async_call", self._noting(ServiceRegistry.async_call))
        yield
        for name, level in levels.items():
            logging.getLogger(name).removeHandler(self)
            logging.getLogger(name).setLevel(level)

    def control(self) -> None:
        """Say that this test leaks on purpose."""
        self._expected = True

    def check(self) -> None:
        """Fail the test if anything got out."""
        if not self._expected:
            findings = self._hass.loop.run_until_complete(self.async_findings())
            assert not findings, "\n".join(findings)

    def emit(self, record: logging.LogRecord) -> None:
        """Note a line of a log; of Home Assistant's own, one that is about us."""
        text = self.format(record)
        if record.name.startswith(LOGGERS[0]) or DOMAIN in text:
            self._texts.append(("log", text))

    @callback
    def _async_note_event(self, event: Event) -> None:
        if event.event_type.startswith(f"{DOMAIN}_"):
            self._note("event", event.data, EVENT_LIMIT)
        elif event.event_type == EVENT_STATE_CHANGED:
            self._note_state(event.data["new_state"])

    def _note_state(self, state: State | None) -> None:
        if state is None:
            return
        registered = er.async_get(self._hass).async_get(state.entity_id)
        if registered is not None and registered.platform == DOMAIN:
            self._texts.append(("state", state.state))
            self._note("attributes", state.attributes, ATTRIBUTES_LIMIT)

    def _note(self, channel: str, data: Mapping[str, Any], limit: int) -> None:
        encoded = json_bytes(dict(data))
        self._texts.append((channel, encoded.decode()))
        self._sized.append((channel, len(encoded), limit))

    def _noting(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the call of an action that notes what ours answer and raise."""

        async def async_call(registry: ServiceRegistry, domain: str, *args: Any, **kwargs: Any) -> Any:
            try:
                answer = await call(registry, domain, *args, **kwargs)
            except Exception as err:
                if domain == DOMAIN:
                    self._note_error(err)
                raise
            if domain == DOMAIN and answer is not None:
                self._texts.append(("answer", json_bytes(answer).decode()))
            return answer

        return async_call

    def _note_error(self, err: BaseException | None) -> None:
        """Note an error with what led to it, as the log would show them."""
        while err is not None:
            placeholders = getattr(err, "translation_placeholders", None)
            self._texts.append(("error", f"{err} {placeholders}"))
            err = err.__cause__ or (None if err.__suppress_context__ else err.__context__)

    async def async_findings(self) -> list[str]:
        """Return what got out, with the channel by which it did."""
        found = [f"{channel}: {size} bytes" for channel, size, limit in self._sized if size > limit]
        texts = [*self._texts, *self._issues(), *self._reasons(), *await self._async_diagnostics()]
        needles = self._needles()
        for channel, text in texts:
            plain = text.replace(DOCUMENTATION, "").lower()
            found += [f"{channel}: {needle!r} in {text[:300]}" for needle in ("://", *needles) if needle in plain]
        needles_bytes = [needle.encode() for needle in needles]
        file_needles = [*needles_bytes, *SCHEMES]
        for path in self._files():
            content = path.read_bytes().lower()
            kind, wanted = ("picture", needles_bytes) if path.suffix in PICTURES else ("file", file_needles)
            found += [f"{kind}: {needle!r} in {path.name}" for needle in wanted if needle in content]
        return found

    def _needles(self) -> list[str]:
        """Return in lower case what must not be seen: the secret, where the disk is, and hosts."""
        roots = [entry.data.get(CONF_MEDIA_ROOT) for entry in self._hass.config_entries.async_entries(DOMAIN)]
        cameras = component.entities if (component := self._hass.data.get(DATA_COMPONENT)) else ()
        sources = [source for camera in cameras if isinstance(source := getattr(camera, "source", None), str)]
        hosts = [host for source in sources if (host := _host(source)) and ("." in host or ":" in host)]
        places = [str(self._tmp_path), *(root for root in roots if root)]
        return [text.lower() for text in {CANARY, *places, *HOSTS, *hosts}]

    def _issues(self) -> Iterator[tuple[str, str]]:
        issues = ir.async_get(self._hass).issues
        for (domain, issue_id), issue in issues.items():
            if domain == DOMAIN:
                yield "issue", f"{issue_id} {issue.translation_placeholders} {issue.data}"

    def _reasons(self) -> Iterator[tuple[str, str]]:
        for entry in self._hass.config_entries.async_entries(DOMAIN):
            yield "reason", f"{entry.reason} {entry.error_reason_translation_placeholders}"

    async def _async_diagnostics(self) -> list[tuple[str, str]]:
        """Return the diagnostics of what is loaded; once Home Assistant stops, nobody can ask for them."""
        return [
            ("diagnostics", json_bytes(await async_get_config_entry_diagnostics(self._hass, entry)).decode())
            for entry in self._hass.config_entries.async_entries(DOMAIN)
            if entry.state is ConfigEntryState.LOADED and self._hass.is_running
        ]

    def _files(self) -> Iterator[Path]:
        """Yield the files that Timelapser wrote: those in folders of its name, but not a copy of its own."""
        for folder, _, names in os.walk(self._tmp_path):
            parts = Path(folder).relative_to(self._tmp_path).parts
            if DOMAIN in parts and "custom_components" not in parts:
                yield from (path for name in names if (path := Path(folder, name)).is_file() and not path.is_symlink())


def _host(source: str) -> str | None:
    """Return the host of an address; None for what is none."""
    try:
        return urlsplit(source).hostname
    except ValueError:
        return None


@pytest.fixture(autouse=True)
def canary(
    request: pytest.FixtureRequest,
    custom_integrations: None,
    config_dir: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Canary | None]:
    """Watch a test that has a Home Assistant."""
    if "hass" not in request.fixturenames:
        yield None
        return
    found = Canary(request.getfixturevalue("hass"), tmp_path)
    with found.watching(monkeypatch):
        yield found


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Look through what got out, while everything is still loaded."""
    result = yield
    if isinstance(found := pyfuncitem.funcargs.get("canary"), Canary):
        found.check()
    return result
