"""The event entity, through Home Assistant."""

from collections.abc import Awaitable, Callable
from typing import Any

from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNKNOWN
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers.json import json_bytes
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.conftest import Events, ScriptedCamera
from tests.core import pictures
from tests.surface import entity_id, state

type NextSlot = Callable[..., Awaitable[None]]

MAX_ATTRIBUTES = 4096
"""Bytes."""


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause, which a stopped clock would make endless."""
    monkeypatch.setattr("custom_components.timelapser.capture.RETRY_DELAY_S", 0.0)


def shown(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    """Return the attributes of the event entity without those that every entity has."""
    attributes = state(hass, entry, "event", "camera_events").attributes
    return {key: value for key, value in attributes.items() if key not in ("event_types", "friendly_name", "icon")}


async def test_types(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    assert state(hass, camera_entry, "event", "camera_events").attributes["event_types"] == [
        "image_rejected",
        "capture_failed",
        "degraded",
        "recovered",
        "offline",
        "online",
        "forecast_changed",
    ]


async def test_a_good_frame_is_no_event(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    await next_slot()
    assert state(hass, camera_entry, "sensor", "images_captured").state == "1"
    assert state(hass, camera_entry, "event", "camera_events").state == STATE_UNKNOWN


async def test_a_failure_is_shown_with_its_code(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events
) -> None:
    camera.answer = None
    await next_slot()
    assert shown(hass, camera_entry) == {
        "event_type": "capture_failed",
        "code": "TL-CAM-003",
        "correlation_id": events.named("capture_failed")[0].data["correlation_id"],
    }


async def test_a_rejection_is_shown_with_its_faults(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events
) -> None:
    camera.answer = black
    await next_slot()
    attributes = shown(hass, camera_entry)
    bus = events.named("image_rejected")[0].data
    assert attributes["event_type"] == "image_rejected"
    assert "black" in attributes["faults"]
    assert {key: attributes[key] for key in ("score", "frame_id", "correlation_id", "code")} == {
        key: bus[key] for key in ("score", "frame_id", "correlation_id", "code")
    }
    assert len(json_bytes(attributes)) < MAX_ATTRIBUTES


async def test_health_is_followed(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    seen: list[str] = []
    event_entity = entity_id(hass, camera_entry, "event", "camera_events")

    @callback
    def note(event: Event[EventStateChangedData]) -> None:
        if event.data["entity_id"] == event_entity and event.data["new_state"] is not None:
            seen.append(event.data["new_state"].attributes["event_type"])

    hass.bus.async_listen(EVENT_STATE_CHANGED, note)
    camera.answer = black
    for _ in range(5):
        await next_slot()
    camera.answer = camera.good
    for _ in range(5):
        await next_slot()
    assert seen == [*["image_rejected"] * 5, "degraded", "recovered"]


async def test_what_is_unique_to_an_event_is_not_recorded(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    info = state(hass, camera_entry, "event", "camera_events").state_info
    assert info is not None
    assert {"correlation_id", "frame_id"} <= info["unrecorded_attributes"]
    assert not {"event_type", "code", "score", "faults"} & info["unrecorded_attributes"]


def black() -> bytes:
    """Return a black picture."""
    return pictures.jpeg(pictures.flat((0, 0, 0), 640, 360))
