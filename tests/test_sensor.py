"""The sensors, through Home Assistant."""

from collections.abc import Awaitable, Callable
from typing import Any

from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.update_coordinator import UpdateFailed
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.core.models import Fault, FaultKind, Health, Reason
from tests.conftest import ScriptedCamera, make_entry, set_up, timelapse_data
from tests.surface import CAPTURED_AT, entity_id, show, show_timelapse, state, timelapse_id


@pytest.fixture(autouse=True)
def all_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enable the entities that are disabled by default."""
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", True)


@pytest.mark.parametrize(
    ("key", "changes", "expected"),
    [
        ("quality_score", {"quality_score": None}, STATE_UNKNOWN),
        ("quality_score", {"quality_score": 87.26}, "87.3"),
        ("quality_score", {"quality_score": 0.0}, "0.0"),
        ("health", {"health": Health.UNKNOWN}, STATE_UNKNOWN),
        ("health", {"health": Health.ONLINE}, "online"),
        ("health", {"health": Health.DEGRADED}, "degraded"),
        ("health", {"health": Health.OFFLINE}, "offline"),
        ("last_fault", {"quality_score": None, "faults": ()}, STATE_UNKNOWN),
        ("last_fault", {"quality_score": 100.0, "faults": ()}, "none"),
        (
            "last_fault",
            {"quality_score": 3.0, "faults": (Fault(FaultKind.BLACK, 0.9), Fault(FaultKind.BLUR, 0.4))},
            "black",
        ),
        ("last_fault", {"quality_score": None, "faults": (Fault(FaultKind.UNDECODABLE, 1.0),)}, "undecodable"),
        ("images_captured", {"captured": 7}, "7"),
        ("images_rejected", {"rejected": 3}, "3"),
        ("images_failed", {"failed": 2}, "2"),
        ("last_capture", {"last_capture": None}, STATE_UNKNOWN),
        ("last_capture", {"last_capture": CAPTURED_AT}, "2026-11-01T12:00:01+00:00"),
    ],
)
async def test_camera_sensor_shows_its_field(
    hass: HomeAssistant, camera_entry: MockConfigEntry, key: str, changes: dict[str, Any], expected: str
) -> None:
    await show(hass, camera_entry, **changes)
    assert state(hass, camera_entry, "sensor", key).state == expected


@pytest.mark.parametrize(
    ("key", "changes", "expected"),
    [
        ("image_count", {"image_count": 41}, "41"),
        ("next_capture", {"next_capture": CAPTURED_AT}, "2026-11-01T12:00:01+00:00"),
        ("next_capture", {"next_capture": None}, STATE_UNKNOWN),
        *(("state", {"state": reason}, reason.value) for reason in Reason),
    ],
)
async def test_timelapse_sensor_shows_its_field(
    hass: HomeAssistant, camera_entry: MockConfigEntry, key: str, changes: dict[str, Any], expected: str
) -> None:
    await show_timelapse(hass, camera_entry, **changes)
    assert state(hass, camera_entry, "sensor", key).state == expected


@pytest.mark.parametrize("kind", FaultKind)
async def test_every_fault_is_an_option(hass: HomeAssistant, camera_entry: MockConfigEntry, kind: FaultKind) -> None:
    await show(hass, camera_entry, faults=(Fault(kind, 0.5),))
    shown = state(hass, camera_entry, "sensor", "last_fault")
    assert shown.state == kind
    assert shown.state in shown.attributes["options"]


async def test_the_last_fault_is_explained(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    blur = Fault(FaultKind.BLUR, 0.30049, "left half", "soft edges")
    noise = Fault(FaultKind.NOISE, 0.1, words="much")
    await show(hass, camera_entry, quality_score=67.0, faults=(blur, noise))
    shown = state(hass, camera_entry, "sensor", "last_fault").attributes
    assert (shown["explanation"], shown["where"], shown["severity"]) == ("soft edges", "left half", 0.3)
    assert shown["faults"] == [
        {"kind": "blur", "severity": 0.3, "where": "left half", "words": "soft edges"},
        {"kind": "noise", "severity": 0.1, "where": "whole picture", "words": "much"},
    ]
    await show(hass, camera_entry, faults=())
    shown = state(hass, camera_entry, "sensor", "last_fault").attributes
    assert not {"explanation", "where", "severity", "faults"} & shown.keys()


async def test_a_fault_that_hardly_changes_is_no_new_state(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    """A rejection, another fault and a great change are told at once."""

    async def told(severity: float, *more: Fault, **changes: Any) -> float:
        await show(hass, camera_entry, faults=(Fault(FaultKind.BLUR, severity), *more), **changes)
        return state(hass, camera_entry, "sensor", "last_fault").attributes["severity"]

    assert await told(0.3) == 0.3
    before = state(hass, camera_entry, "sensor", "last_fault").last_updated
    for severity in (0.31, 0.26, 0.39):
        assert await told(severity) == 0.3
    assert state(hass, camera_entry, "sensor", "last_fault").last_updated == before
    assert await told(0.41) == 0.41
    assert await told(0.42, rejected=1) == 0.42
    assert await told(0.43, Fault(FaultKind.NOISE, 0.1), rejected=1) == 0.43


async def test_disabled_by_default(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    entry = await set_up(hass, make_entry(hass))
    disabled = {
        found.translation_key
        for found in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        if found.disabled_by is not None
    }
    assert disabled == {
        "acceptance_rate",
        "forecast",
        "images_failed",
        "incidents_resolved",
        "last_capture",
        "reference",
        "relearn",
        "reset_degraded",
    }
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_classes(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    classes = {
        key: (
            state(hass, camera_entry, "sensor", key).attributes.get("device_class"),
            state(hass, camera_entry, "sensor", key).attributes.get("state_class"),
        )
        for key in ("quality_score", "health", "images_captured", "last_capture", "image_count", "next_capture")
    }
    assert classes == {
        "quality_score": (None, "measurement"),
        "health": ("enum", None),
        "images_captured": (None, "total_increasing"),
        "last_capture": ("timestamp", None),
        "image_count": (None, "measurement"),
        "next_capture": ("timestamp", None),
    }


async def test_a_camera_that_is_down_stays_readable(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    await show(hass, camera_entry, health=Health.OFFLINE, captured=12, connected=False)
    camera_entry.runtime_data.async_set_update_error(UpdateFailed("unreachable"))
    await hass.async_block_till_done()
    assert state(hass, camera_entry, "sensor", "health").state == "offline"
    assert state(hass, camera_entry, "sensor", "images_captured").state == "12"
    assert state(hass, camera_entry, "sensor", "state").state != STATE_UNAVAILABLE


async def test_a_timelapse_that_is_gone_is_unavailable(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    await show(hass, camera_entry, timelapses={})
    assert state(hass, camera_entry, "sensor", "image_count").state == STATE_UNAVAILABLE
    assert state(hass, camera_entry, "sensor", "images_captured").state != STATE_UNAVAILABLE


async def test_devices(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    registry = er.async_get(hass)
    devices = dr.async_get(hass)
    camera = devices.async_get_device_by_identifier((DOMAIN, camera_entry.entry_id), camera_entry.entry_id)
    timelapse = devices.async_get_device_by_identifier(
        (DOMAIN, f"{camera_entry.entry_id}_{timelapse_id(camera_entry)}"), camera_entry.entry_id
    )
    assert camera is not None
    assert timelapse is not None
    assert timelapse.via_device_id == camera.id
    assert timelapse.config_subentry_id == timelapse_id(camera_entry)
    by_key = {
        key: registry.async_get(entity_id(hass, camera_entry, "sensor", key)) for key in ("health", "image_count")
    }
    assert by_key["health"].device_id == camera.id
    assert by_key["health"].config_subentry_id is None
    assert by_key["image_count"].device_id == timelapse.id
    assert by_key["image_count"].config_subentry_id == timelapse_id(camera_entry)


def content(shown: State | None) -> tuple[str, dict[str, Any]] | None:
    """Return a state without the access token, which Home Assistant renews every few minutes by itself."""
    if shown is None:
        return None
    return shown.state, {
        key: value for key, value in shown.attributes.items() if key not in ("access_token", "entity_picture")
    }


@pytest.mark.parametrize("interval", [60, 120])
async def test_a_good_capture_writes_at_most_five_states(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    next_slot: Callable[..., Awaitable[None]],
    interval: int,
) -> None:
    """The recorder budget, with what is enabled by default."""
    entry = await set_up(hass, make_entry(hass, timelapse_data(interval=interval)))
    optional = {entity_id(hass, entry, "sensor", key) for key in ("last_capture", "images_failed")}
    ours = {found.entity_id for found in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)}
    await next_slot(interval)
    assert state(hass, entry, "sensor", "images_captured").state == "1"
    written: list[str] = []

    @callback
    def note(event: Event[EventStateChangedData]) -> None:
        if event.data["entity_id"] in ours - optional and content(event.data["old_state"]) != content(
            event.data["new_state"]
        ):
            written.append(event.data["entity_id"])

    hass.bus.async_listen(EVENT_STATE_CHANGED, note)
    await next_slot(interval)
    counters = [
        entity_id(hass, entry, "sensor", "images_captured"),
        entity_id(hass, entry, "sensor", "image_count"),
        entity_id(hass, entry, "sensor", "next_capture"),
        entity_id(hass, entry, "image", "latest_frame"),
    ]
    score = entity_id(hass, entry, "sensor", "quality_score")
    assert sorted(set(written) - {score}) == sorted(counters)
    assert len(written) <= len(counters) + 1
    assert await hass.config_entries.async_unload(entry.entry_id)
