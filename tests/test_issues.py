"""The issues in Repairs: each comes with its cause and goes with it."""

from collections.abc import Awaitable, Callable
import errno
import os
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er, issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.core.storage import FOLDER, MARKER
from tests.conftest import ScriptedCamera, make_entry, set_up
from tests.core import pictures
from tests.ledger import BLACK, table

type NextSlot = Callable[..., Awaitable[None]]

GONE_S = 120 + 600
"""Seconds from the start until a camera that is gone is worth an issue."""


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause."""
    monkeypatch.setattr("custom_components.timelapser.capture.RETRY_DELAY_S", 0.0)


def issues(hass: HomeAssistant) -> dict[str, ir.IssueEntry]:
    """Return our active issues by id."""
    return {
        issue.issue_id: issue
        for (domain, _), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN and issue.active
    }


async def degrade(camera: ScriptedCamera, next_slot: NextSlot) -> None:
    """Take a good picture, and then as many bad ones as it needs."""
    await next_slot()
    camera.answer = BLACK
    for _ in range(5):
        await next_slot()


async def recover(camera: ScriptedCamera, next_slot: NextSlot) -> None:
    """Take as many good pictures as it needs."""
    camera.answer = camera.good
    for _ in range(5):
        await next_slot()


async def test_a_healthy_camera_has_no_issue(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    for _ in range(15):
        await next_slot()
    assert issues(hass) == {}


async def test_a_degraded_camera_has_one_until_it_recovers(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    await degrade(camera, next_slot)
    ((found, issue),) = issues(hass).items()
    assert found == f"camera_degraded_{camera_entry.entry_id}"
    assert issue.translation_key == "camera_degraded"
    assert issue.severity is ir.IssueSeverity.WARNING
    assert issue.is_fixable
    assert issue.translation_placeholders is not None
    assert issue.translation_placeholders["name"] == "Garden"
    created = issue.created
    await next_slot()
    assert issues(hass)[found].created == created
    await recover(camera, next_slot)
    assert issues(hass) == {}


async def test_a_degraded_camera_has_one_after_it_is_loaded_again(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    await degrade(camera, next_slot)
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    assert issues(hass) == {}
    await set_up(hass, camera_entry)
    assert list(issues(hass)) == [f"camera_degraded_{camera_entry.entry_id}"]


async def test_resetting_ends_the_issue(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    await degrade(camera, next_slot)
    assert issues(hass)
    await hass.services.async_call(DOMAIN, "reset_degraded", target={"entity_id": "camera.garden"}, blocking=True)
    assert issues(hass) == {}
    assert table(hass, "cameras")[0]["evidence"] is None


async def test_what_was_ignored_stays_so_until_the_cause_is_gone(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    await degrade(camera, next_slot)
    found = f"camera_degraded_{camera_entry.entry_id}"
    ir.async_ignore_issue(hass, DOMAIN, found, ignore=True)
    assert await hass.config_entries.async_reload(camera_entry.entry_id)
    await hass.async_block_till_done()
    assert issues(hass)[found].dismissed_version is not None
    await recover(camera, next_slot)
    assert issues(hass) == {}
    camera.answer = BLACK
    for _ in range(5):
        await next_slot()
    assert issues(hass)[found].dismissed_version is None


@pytest.mark.parametrize("end", ["disable", "remove", "unload"])
@pytest.mark.parametrize("trouble", ["degraded", "removed", "storage"])
async def test_no_issue_outlives_its_entry(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
    end: str,
) -> None:
    if trouble == "degraded":
        await degrade(camera, next_slot)
    elif trouble == "removed":
        er.async_get(hass).async_remove("camera.garden")
        await next_slot(GONE_S)
    else:
        monkeypatch.setattr("custom_components.timelapser.engine.FREE_FLOOR_BYTES", 10**18)
        await next_slot()
    assert len(issues(hass)) == 1
    if end == "disable":
        await hass.config_entries.async_set_disabled_by(camera_entry.entry_id, ConfigEntryDisabler.USER)
    elif end == "remove":
        await hass.config_entries.async_remove(camera_entry.entry_id)
    else:
        await hass.config_entries.async_unload(camera_entry.entry_id)
    await hass.async_block_till_done()
    assert issues(hass) == {}


# The camera is gone


def _take_out(hass: HomeAssistant) -> None:
    er.async_get(hass).async_remove("camera.garden")


def _put_back(hass: HomeAssistant) -> None:
    er.async_get(hass).async_get_or_create("camera", "test", "garden", suggested_object_id="garden")


def _disable(hass: HomeAssistant) -> None:
    er.async_get(hass).async_update_entity("camera.garden", disabled_by=er.RegistryEntryDisabler.USER)


def _enable(hass: HomeAssistant) -> None:
    er.async_get(hass).async_update_entity("camera.garden", disabled_by=None)


@pytest.mark.parametrize(("leave", "come_back"), [(_take_out, _put_back), (_disable, _enable)])
async def test_a_camera_that_is_gone_has_an_issue_until_it_is_back(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    leave: Callable[[HomeAssistant], None],
    come_back: Callable[[HomeAssistant], None],
) -> None:
    leave(hass)
    await hass.async_block_till_done()
    await next_slot(GONE_S - 5)
    assert issues(hass) == {}
    await next_slot(10)
    ((found, issue),) = issues(hass).items()
    assert found == f"camera_removed_{camera_entry.entry_id}"
    assert issue.severity is ir.IssueSeverity.ERROR
    assert issue.is_fixable
    come_back(hass)
    await hass.async_block_till_done()
    assert issues(hass) == {}


async def test_a_camera_that_is_soon_back_has_none(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    _take_out(hass)
    await next_slot(GONE_S - 5)
    _put_back(hass)
    await hass.async_block_till_done()
    await next_slot(GONE_S)
    assert issues(hass) == {}


async def test_an_unavailable_camera_is_not_gone(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    hass.states.async_set("camera.garden", "unavailable")
    await next_slot(2 * GONE_S)
    assert issues(hass) == {}


async def test_a_camera_without_a_registry_entry_is_missed_too(
    hass: HomeAssistant, system_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    hass.states.async_set("camera.shed", "idle")
    entry = await set_up(hass, make_entry(hass, entity_id="camera.shed", title="Shed"))
    await next_slot(GONE_S)
    assert issues(hass) == {}
    hass.states.async_remove("camera.shed")
    await hass.async_block_till_done()
    await next_slot(GONE_S)
    assert list(issues(hass)) == [f"camera_removed_{entry.entry_id}"]
    hass.states.async_set("camera.shed", "idle")
    await hass.async_block_till_done()
    assert issues(hass) == {}
    assert await hass.config_entries.async_unload(entry.entry_id)


# The storage


async def test_a_full_storage_has_an_issue_until_there_is_room(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr("custom_components.timelapser.engine.FREE_FLOOR_BYTES", 10**18)
        await next_slot()
        ((found, issue),) = issues(hass).items()
        assert found == "storage_full_system"
        assert issue.severity is ir.IssueSeverity.CRITICAL
        assert issue.translation_placeholders == {"code": "TL-FS-001"}
        assert not issue.is_fixable
        await next_slot()
        assert list(issues(hass)) == ["storage_full_system"]
    await next_slot()
    assert issues(hass) == {}


async def test_room_is_noticed_within_a_minute_at_any_interval(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    next_slot: NextSlot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.conftest import timelapse_data

    with monkeypatch.context() as full:
        full.setattr("custom_components.timelapser.engine.FREE_FLOOR_BYTES", 10**18)
        entry = await set_up(hass, make_entry(hass, timelapse_data(interval=86400)))
        assert list(issues(hass)) == ["storage_full_system"]
    await next_slot(60)
    assert issues(hass) == {}
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EROFS, "TL-FS-002"),
        (errno.EACCES, "TL-FS-003"),
        (errno.EIO, "TL-FS-004"),
        (errno.ESTALE, "TL-FS-005"),
    ],
)
async def test_a_storage_that_cannot_be_written_has_an_issue_until_it_can(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    code: str,
) -> None:
    real = os.open

    def refuse(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & os.O_CREAT and "dir_fd" in options:
            raise OSError(number, "refused")
        return real(path, flags, *arguments, **options)

    with monkeypatch.context() as broken:
        broken.setattr(os, "open", refuse)
        await next_slot()
        ((found, issue),) = issues(hass).items()
        assert found == "storage_not_writable_system"
        assert issue.severity is ir.IssueSeverity.CRITICAL
        assert issue.translation_placeholders == {"code": code}
        await next_slot()
        assert list(issues(hass)) == ["storage_not_writable_system"]
    await next_slot()
    assert issues(hass) == {}


async def test_a_storage_without_its_marker_has_an_issue_until_the_marker_is_back(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, media_root: Path
) -> None:
    marker = media_root / FOLDER / MARKER
    content = marker.read_bytes()
    marker.unlink()
    await next_slot()
    ((found, issue),) = issues(hass).items()
    assert found == "storage_wrong_mount_system"
    assert issue.severity is ir.IssueSeverity.CRITICAL
    assert issue.is_fixable
    marker.write_bytes(content)
    await next_slot()
    assert issues(hass) == {}


async def test_one_trouble_of_the_storage_takes_the_place_of_another(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    next_slot: NextSlot,
    media_root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    marker = media_root / FOLDER / MARKER
    content = marker.read_bytes()
    marker.unlink()
    await next_slot()
    assert list(issues(hass)) == ["storage_wrong_mount_system"]
    marker.write_bytes(content)
    monkeypatch.setattr("custom_components.timelapser.engine.FREE_FLOOR_BYTES", 10**18)
    await next_slot()
    assert list(issues(hass)) == ["storage_full_system"]


@pytest.mark.parametrize("end", ["mended", "disabled"])
async def test_a_storage_that_keeps_cameras_from_loading_has_an_issue(
    hass: HomeAssistant, camera_entry: MockConfigEntry, media_root: Path, next_slot: NextSlot, end: str
) -> None:
    marker = media_root / FOLDER / MARKER
    content = marker.read_bytes()
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    marker.unlink()
    assert not await hass.config_entries.async_setup(camera_entry.entry_id)
    assert camera_entry.state is ConfigEntryState.SETUP_RETRY
    assert list(issues(hass)) == ["storage_wrong_mount_system"]
    if end == "mended":
        marker.write_bytes(content)
        await next_slot(600)
        assert camera_entry.state is ConfigEntryState.LOADED
    else:
        await hass.config_entries.async_set_disabled_by(camera_entry.entry_id, ConfigEntryDisabler.USER)
    await hass.async_block_till_done()
    assert issues(hass) == {}


# What is remembered


async def test_evidence_is_kept_with_the_transition(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    await degrade(camera, next_slot)
    data = camera_entry.runtime_data.data
    why = camera_entry.runtime_data.state.degradation
    assert (why.reference, why.rejected) == (data.latest_frame.id, data.last_rejected.id)
    assert (why.bad, why.pictures, why.in_a_row) == (5, 6, 5)
    assert "black" in why.faults
    assert await hass.config_entries.async_reload(camera_entry.entry_id)
    assert camera_entry.runtime_data.state.degradation == why
    await recover(camera, next_slot)
    assert camera_entry.runtime_data.state.degradation is None
    assert table(hass, "cameras")[0]["evidence"] is None


async def test_a_flagged_still_is_no_reference_while_there_is_a_good_one(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    await next_slot()
    good = camera_entry.runtime_data.data.latest_frame
    camera.answer = pictures.jpeg(pictures.blurred(pictures.scene("day", 640, 360), 8))
    await next_slot()
    flagged = camera_entry.runtime_data.data.latest_frame
    assert (good.verdict, flagged.verdict) == ("good", "suspect")
    camera.answer = BLACK
    for _ in range(5):
        await next_slot()
    assert camera_entry.runtime_data.state.degradation.reference == good.id
