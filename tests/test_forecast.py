"""What is foretold of a camera, through Home Assistant."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.const import STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.json import json_bytes
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.core.catalogue.trends import keep_hours
from custom_components.timelapser.core.hours import Hour
from custom_components.timelapser.core.models import FaultKind, Light
from tests.calls import call
from tests.conftest import Events, ScriptedCamera
from tests.ledger import BLACK, table
from tests.surface import state

type NextSlot = Callable[..., Awaitable[None]]
type Signal = Callable[[float], float]

HOUR = timedelta(hours=1)
DAYS = 20
"""Days that a camera is known for."""


@pytest.fixture(autouse=True)
def all_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enable the entities that are disabled by default, and retry without a pause."""
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", True)
    monkeypatch.setattr("custom_components.timelapser.capture.RETRY_DELAY_S", 0.0)


def growing(a_day: float, since: float = 10.0) -> Signal:
    return lambda day: max(0.0, a_day * (day - since))


FLAT: Signal = lambda _day: 0.01  # noqa: E731
CREEPING = growing(0.05)


async def live(entry: MockConfigEntry, days: float = DAYS, until: datetime | None = None, **signals: Signal) -> None:
    """Enter the hours of the last days, of which the signals tell (day) to closeness."""
    end = (until or dt_util.utcnow()).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    count = round(days * 24)
    hours = [
        Hour(
            at=end - (count - number) * HOUR,
            light=Light.DAY,
            count=60,
            closeness={FaultKind(kind): round(signal(number / 24), 3) for kind, signal in signals.items()},
            score=99.0,
        )
        for number in range(count)
    ]
    await entry.runtime_data.engine.async_write(lambda conn: keep_hours(conn, 1, hours))


async def look_ahead(next_slot: NextSlot) -> None:
    """Take a picture, and an hour later the one that closes its hour."""
    await next_slot()
    await next_slot(3600)


def issues(hass: HomeAssistant) -> dict[str, ir.IssueEntry]:
    """Return our active issues by what they are about."""
    return {
        issue.translation_key or "": issue
        for (domain, _), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue.active
    }


def shown(hass: HomeAssistant, entry: MockConfigEntry) -> tuple[str, dict[str, Any]]:
    found = state(hass, entry, "sensor", "forecast")
    return found.state, dict(found.attributes)


def changes(events: Events) -> list[tuple[str, str]]:
    return [(event.data["change"], event.data["cause"]) for event in events.named("forecast_changed")]


async def test_what_grows_is_told_by_every_means(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events
) -> None:
    await live(camera_entry, blur=CREEPING)
    await look_ahead(next_slot)
    when, attributes = shown(hass, camera_entry)
    crossing = dt_util.utcnow() + timedelta(days=10)
    assert abs(datetime.fromisoformat(when) - crossing) < timedelta(days=2)
    assert {key: attributes[key] for key in ("cause", "remedy", "light", "progress", "per_week")} == {
        "cause": "blur",
        "remedy": "refocus",
        "light": "day",
        "progress": pytest.approx(50, abs=4),
        "per_week": pytest.approx(35, abs=2),
    }
    assert attributes["earliest"] < when < attributes["latest"]
    (event,) = events.named("forecast_changed")
    assert event.data["change"] == "appeared"
    assert event.data["name"] == "Garden"
    assert event.data["cause"] == "blur"
    assert datetime.fromisoformat(event.data["likely"]).replace(microsecond=0) == datetime.fromisoformat(when)
    assert event.context.id == event.data["correlation_id"]
    assert json_bytes(event.data)
    entity = state(hass, camera_entry, "event", "camera_events").attributes
    assert (entity["event_type"], entity["change"], entity["remedy"]) == ("forecast_changed", "appeared", "refocus")
    ((key, issue),) = issues(hass).items()
    assert key == "camera_forecast_blur"
    assert issue.severity is ir.IssueSeverity.WARNING
    assert not issue.is_fixable
    placeholders = issue.translation_placeholders
    assert placeholders is not None
    assert placeholders["name"] == "Garden"
    assert placeholders["likely"] == f"{dt_util.as_local(datetime.fromisoformat(when)):%Y-%m-%d}"
    assert placeholders["progress"] == str(attributes["progress"])


async def test_nothing_is_said_without_evidence(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events
) -> None:
    await live(camera_entry, blur=FLAT, film=lambda day: 0.6 if 17 <= day < 19 else 0.0)
    await look_ahead(next_slot)
    assert shown(hass, camera_entry)[0] == STATE_UNKNOWN
    assert "cause" not in shown(hass, camera_entry)[1]
    assert changes(events) == []
    assert issues(hass) == {}


async def test_it_is_looked_ahead_when_an_hour_is_over(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    await next_slot()
    await live(camera_entry, blur=CREEPING)
    for _ in range(3):
        await next_slot()
    assert shown(hass, camera_entry)[0] == STATE_UNKNOWN
    await next_slot(3600)
    assert shown(hass, camera_entry)[0] != STATE_UNKNOWN


async def test_an_hour_of_pictures_is_one_row(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    begin = dt_util.utcnow().replace(minute=0, second=0, microsecond=0)
    for _ in range(12):
        await next_slot()
    assert table(hass, "trends") == []
    await next_slot(3600)
    (row,) = table(hass, "trends")
    assert row["at"] == begin.timestamp() * 1000
    assert row["pictures"] == 12
    assert '"blur"' in row["closeness"]


async def test_it_is_told_once_also_when_the_camera_is_loaded_again(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events
) -> None:
    await live(camera_entry, blur=CREEPING)
    await look_ahead(next_slot)
    before = shown(hass, camera_entry)
    for _ in range(3):
        await next_slot(3600)
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    assert issues(hass) == {}
    assert await hass.config_entries.async_setup(camera_entry.entry_id)
    await hass.async_block_till_done()
    assert list(issues(hass)) == ["camera_forecast_blur"]
    await look_ahead(next_slot)
    assert shown(hass, camera_entry) == before
    assert changes(events) == [("appeared", "blur")]


@pytest.mark.parametrize("light", [None, "day"])
async def test_relearning_forgets_it(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events, light: str | None
) -> None:
    await live(camera_entry, blur=CREEPING)
    await look_ahead(next_slot)
    assert issues(hass)
    await call(hass, "relearn", entity_id="camera.garden", **({"light": light} if light else {}))
    await hass.async_block_till_done()
    assert changes(events) == [("appeared", "blur"), ("withdrawn", "blur")]
    assert shown(hass, camera_entry)[0] == STATE_UNKNOWN
    assert issues(hass) == {}
    assert table(hass, "cameras")[0]["forecast"] is None
    await look_ahead(next_slot)
    assert shown(hass, camera_entry)[0] == STATE_UNKNOWN


async def test_relearning_another_light_leaves_it(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events
) -> None:
    """The control is the test above, of the light that it rests on."""
    await live(camera_entry, blur=CREEPING)
    await look_ahead(next_slot)
    before, kept = shown(hass, camera_entry), table(hass, "cameras")[0]["forecast"]
    await call(hass, "relearn", entity_id="camera.garden", light="night")
    await hass.async_block_till_done()
    assert changes(events) == [("appeared", "blur")]
    assert shown(hass, camera_entry) == before
    assert list(issues(hass)) == ["camera_forecast_blur"]
    assert table(hass, "cameras")[0]["forecast"] == kept is not None


async def test_a_degraded_camera_has_its_own_issue(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events
) -> None:
    await live(camera_entry, blur=CREEPING)
    await look_ahead(next_slot)
    camera.answer = BLACK
    for _ in range(5):
        await next_slot()
    assert list(issues(hass)) == ["camera_degraded"]
    assert changes(events)[-1] == ("withdrawn", "blur")
    assert table(hass, "cameras")[0]["forecast"] is None
    await look_ahead(next_slot)
    assert shown(hass, camera_entry)[0] == STATE_UNKNOWN


async def test_another_cause_is_another_warning(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events
) -> None:
    await live(camera_entry, blur=CREEPING)
    await look_ahead(next_slot)
    ir.async_ignore_issue(hass, DOMAIN, issues(hass)["camera_forecast_blur"].issue_id, ignore=True)
    await live(camera_entry, blur=CREEPING, dirt=growing(0.08))
    await look_ahead(next_slot)
    assert changes(events) == [("appeared", "blur"), ("changed", "dirt")]
    ((key, issue),) = issues(hass).items()
    assert key == "camera_forecast_dirt"
    assert issue.dismissed_version is None
    assert shown(hass, camera_entry)[1]["remedy"] == "clean_lens"


async def test_a_cleaned_lens_ends_it(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events
) -> None:
    await live(camera_entry, dirt=CREEPING)
    await look_ahead(next_slot)
    assert list(issues(hass)) == ["camera_forecast_dirt"]
    await live(camera_entry, days=3.5, dirt=FLAT)
    await look_ahead(next_slot)
    assert changes(events) == [("appeared", "dirt"), ("withdrawn", "dirt")]
    assert issues(hass) == {}
    assert table(hass, "trends") == []
