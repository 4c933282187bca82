"""What the tests of the entities share: finding them, and showing them a snapshot."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN, SUBENTRY_TIMELAPSE
from custom_components.timelapser.core.models import Fault, FrameRef, Verdict
from custom_components.timelapser.snapshot import CameraSnapshot, TimelapseSnapshot

CAPTURED_AT = datetime(2026, 11, 1, 12, 0, 1, tzinfo=UTC)


def timelapse_id(entry: MockConfigEntry) -> str:
    """Return the subentry id of the camera's first timelapse."""
    return entry.get_subentries_of_type(SUBENTRY_TIMELAPSE)[0].subentry_id


def entity_id(hass: HomeAssistant, entry: MockConfigEntry, platform: str, key: str) -> str:
    """Return the entity id of a key, of the camera or of its first timelapse."""
    registry = er.async_get(hass)
    found = registry.async_get_entity_id(platform, DOMAIN, f"{entry.entry_id}_{key}") or registry.async_get_entity_id(
        platform, DOMAIN, f"{entry.entry_id}_{timelapse_id(entry)}_{key}"
    )
    assert found is not None, key
    return found


def state(hass: HomeAssistant, entry: MockConfigEntry, platform: str, key: str) -> State:
    """Return the state of a key."""
    found = hass.states.get(entity_id(hass, entry, platform, key))
    assert found is not None, key
    return found


async def show(hass: HomeAssistant, entry: MockConfigEntry, **changes: Any) -> CameraSnapshot:
    """Publish the present snapshot with changes, as the coordinator does after an attempt."""
    coordinator = entry.runtime_data
    coordinator.async_set_updated_data(replace(coordinator.data, **changes))
    await hass.async_block_till_done()
    return coordinator.data


async def show_timelapse(hass: HomeAssistant, entry: MockConfigEntry, **changes: Any) -> TimelapseSnapshot:
    """Publish the present snapshot with changes of the first timelapse."""
    timelapses = dict(entry.runtime_data.data.timelapses)
    timelapses[timelapse_id(entry)] = replace(timelapses[timelapse_id(entry)], **changes)
    return (await show(hass, entry, timelapses=timelapses)).timelapses[timelapse_id(entry)]


def frame(number: int = 1, *, content_type: str = "image/jpeg", faults: tuple[Fault, ...] = ()) -> FrameRef:
    """Return a frame of a minute of its own, whose file does not exist."""
    return FrameRef(
        id=f"frame{number}",
        camera_id="camera",
        path=f"camera/frames/2026/11/01/{number}.jpg",
        content_type=content_type,
        captured_at=CAPTURED_AT + timedelta(minutes=number),
        slot_at=CAPTURED_AT + timedelta(minutes=number, seconds=-1),
        score=91.0,
        verdict=Verdict.GOOD,
        faults=faults,
    )


def stored(media_root: Path) -> list[Path]:
    """Return the picture files below the media root."""
    return [path for path in media_root.rglob("*") if path.suffix in (".jpg", ".png")]
