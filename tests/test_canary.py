"""No secret, address or place gets out, in whatever form a camera has it; and the watch over it notices each leak."""

from collections.abc import Awaitable, Callable
from contextlib import closing
import logging
from pathlib import Path
import sqlite3
from typing import Any

from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant, ServiceCall, SupportsResponse
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN
from tests.canary import CANARY, HOSTS, Canary, forms
from tests.conftest import Events, ScriptedCamera, make_entry, set_up
from tests.ledger import attempts, table
from tests.surface import state, stored

type NextSlot = Callable[..., Awaitable[None]]
type Leak = Callable[[HomeAssistant, MockConfigEntry, Path], Awaitable[None]]

FORMS = forms(7)
CLOSED = forms(8, host="127.0.0.1", port=9)
"""The forms of addresses at which nothing listens."""


@pytest.mark.parametrize("name", FORMS)
async def test_an_error_of_the_camera_layer(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    events: Events,
    name: str,
) -> None:
    """The watch looks at logs, events, states, rows and diagnostics after each of them."""
    camera.answer = RuntimeError(FORMS[name])
    await next_slot()
    assert [event.data["code"] for event in events.named("capture_failed")] == ["TL-CAM-005"]
    with pytest.raises(HomeAssistantError) as caught:
        await hass.services.async_call(
            DOMAIN, "evaluate_camera", {"entity_id": "camera.garden"}, blocking=True, return_response=True
        )
    assert caught.value.translation_key == "code_tl_cam_005"


@pytest.mark.parametrize("name", FORMS)
async def test_a_page_instead_of_a_picture(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    name: str,
) -> None:
    camera.answer = f"<html><p>Login failed</p> {FORMS[name]} </html>".encode()
    await next_slot()
    [row] = table(hass, "attempts")
    assert row["code"] == "TL-IMG-001"
    assert "Login failed" in row["evidence"]
    assert CANARY not in row["evidence"]


@pytest.mark.parametrize("name", [name for name in CLOSED if "://" in CLOSED[name]])
async def test_the_address_of_a_stream(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, next_slot: NextSlot, name: str
) -> None:
    source = CLOSED[name][CLOSED[name].index("://") - 4 :]
    camera.source = source.replace("2001:db8::77", "::1")
    entry = await set_up(hass, make_entry(hass, strategy="stream", retries=0))
    await next_slot()
    [attempt] = await attempts(entry)
    assert attempt.code is not None


async def test_a_camera_that_is_called_like_its_address(
    hass: HomeAssistant, camera: ScriptedCamera, media_root: Path, canary: Canary
) -> None:
    """A name is chosen by the user, or made of the address by an integration: what is proposed has none of it."""
    hass.states.async_set("camera.garden", "idle", {"friendly_name": FORMS["userinfo"]})
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    result = await hass.config_entries.flow.async_configure(result["flow_id"], {"camera": "camera.garden"})
    while result["type"] is FlowResultType.FORM:
        assert CANARY not in str(result["description_placeholders"])
        result = await hass.config_entries.flow.async_configure(result["flow_id"], {})
    await hass.async_block_till_done(wait_background_tasks=True)
    [entry] = [entry for entry in hass.config_entries.async_entries(DOMAIN) if entry.unique_id is None]
    assert CANARY not in entry.title
    assert entry.title


async def test_an_unexpected_error_is_told_without_its_secret(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> None:
        raise ZeroDivisionError(FORMS["in quotes"])

    monkeypatch.setattr("custom_components.timelapser.core.detection.detector.gate", broken)
    await next_slot()
    [line] = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert "ZeroDivisionError: Client error '401 Unauthorized' for url '<url>" in line
    assert "in broken" in line
    assert [attempt.code for attempt in await attempts(camera_entry)] == ["TL-INT-001"]


# The control arms: the watch notices.


async def _log(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    logging.getLogger(f"custom_components.{DOMAIN}.fetch").debug("cannot open %s", FORMS["userinfo"])


async def _log_traceback(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    try:
        raise ValueError(FORMS["token"])
    except ValueError:
        logging.getLogger(f"custom_components.{DOMAIN}.capture").exception("it failed")


async def _event(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    hass.bus.async_fire(f"{DOMAIN}_capture_failed", {"text": FORMS["path"]})


async def _host(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    hass.bus.async_fire(f"{DOMAIN}_capture_failed", {"text": f"no route to {HOSTS[0]}"})


async def _configured_host(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    source = entry.runtime_data.source.entity
    source.source = "rtsp://cam-7.example/live"
    hass.bus.async_fire(f"{DOMAIN}_capture_failed", {"text": "no route to cam-7.example"})


async def _address(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    hass.bus.async_fire(f"{DOMAIN}_capture_failed", {"text": "rtsp://somewhere/live"})


async def _place(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    hass.bus.async_fire(f"{DOMAIN}_capture_failed", {"path": str(media_root / "x.jpg")})


async def _long_event(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    hass.bus.async_fire(f"{DOMAIN}_capture_failed", {"text": "x" * 2048})


async def _state(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    hass.states.async_set(state(hass, entry, "sensor", "health").entity_id, FORMS["file"])


async def _attributes(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    hass.states.async_set(state(hass, entry, "sensor", "health").entity_id, "online", {"why": FORMS["share"]})


async def _long_attributes(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    hass.states.async_set(state(hass, entry, "sensor", "health").entity_id, "online", {"why": "x" * 4096})


async def _issue(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    ir.async_create_issue(
        hass,
        DOMAIN,
        "camera_degraded_x",
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key="camera_degraded",
        translation_placeholders={"why": FORMS["usr and pwd"]},
    )


async def _reason(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    entry._async_set_state(hass, entry.state, FORMS["userinfo"])


async def _diagnostics(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    [subentry] = entry.subentries.values()
    data = {**subentry.data, "sunset_offset": FORMS["userinfo"]}
    hass.config_entries.async_update_subentry(entry, subentry, data=data)


async def _row(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    path = Path(hass.config.path(DOMAIN, "catalogue.db"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO meta VALUES ('x', ?)", (FORMS["auth"],))


async def _picture(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    [picture] = stored(media_root)
    picture.write_bytes(picture.read_bytes() + FORMS["userinfo"].encode())


async def _answer(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    hass.services.async_register(
        DOMAIN, "leak", lambda call: {"text": FORMS["userinfo"]}, supports_response=SupportsResponse.ONLY
    )
    await hass.services.async_call(DOMAIN, "leak", blocking=True, return_response=True)


async def _error(hass: HomeAssistant, entry: MockConfigEntry, media_root: Path) -> None:
    def leak(_call: ServiceCall) -> None:
        raise HomeAssistantError("it failed") from OSError(FORMS["file"])

    hass.services.async_register(DOMAIN, "leak", leak)
    with pytest.raises(HomeAssistantError):
        await hass.services.async_call(DOMAIN, "leak", blocking=True)


LEAKS: dict[str, tuple[Leak, str]] = {
    "log": (_log, "log"),
    "traceback": (_log_traceback, "log"),
    "event": (_event, "event"),
    "host": (_host, "event"),
    "configured host": (_configured_host, "event"),
    "address": (_address, "event"),
    "place": (_place, "event"),
    "long event": (_long_event, "event"),
    "state": (_state, "state"),
    "attributes": (_attributes, "attributes"),
    "long attributes": (_long_attributes, "attributes"),
    "issue": (_issue, "issue"),
    "reason": (_reason, "reason"),
    "diagnostics": (_diagnostics, "diagnostics"),
    "row": (_row, "file"),
    "picture": (_picture, "picture"),
    "answer": (_answer, "answer"),
    "error": (_error, "error"),
}


@pytest.mark.parametrize("name", LEAKS)
async def test_the_watch_notices_a_leak(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    media_root: Path,
    next_slot: NextSlot,
    canary: Canary,
    name: str,
) -> None:
    await next_slot()
    assert await canary.async_findings() == []
    canary.control()
    leak, channel = LEAKS[name]
    await leak(hass, camera_entry, media_root)
    await hass.async_block_till_done()
    assert {finding.split(":")[0] for finding in await canary.async_findings()} == {channel}
