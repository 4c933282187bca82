"""The action purge, through Home Assistant."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.core.storage import MARKER
from tests.conftest import Events, ScriptedCamera, make_entry, set_up, timelapse_data
from tests.ledger import BLACK, consistent, files, table
from tests.surface import entity_id, state

type NextSlot = Callable[..., Awaitable[None]]

DAY = 86400
NOTHING = {"count": 0, "bytes": 0, "oldest": None, "newest": None}


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause, which a stopped clock would make endless."""
    monkeypatch.setattr("custom_components.timelapser.capture.RETRY_DELAY_S", 0.0)


@pytest.fixture
async def filled(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, next_slot: NextSlot
) -> MockConfigEntry:
    """Return a camera with a completed run of 4 frames, one under way with 2, and 3 rejected pictures; no reference."""
    entry = await set_up(hass, make_entry(hass, timelapse_data(keep_count=3)))
    for _ in range(4):
        await next_slot()
    recording = {"entity_id": entity_id(hass, entry, "switch", "recording")}
    await hass.services.async_call(DOMAIN, "start_run", recording, blocking=True)
    for _ in range(2):
        await next_slot()
    camera.answer = BLACK
    for _ in range(3):
        await next_slot()
    await hass.services.async_call(DOMAIN, "pause_run", recording, blocking=True)
    await hass.services.async_call(DOMAIN, "relearn", recording, blocking=True)
    assert counts(hass) == (6, 3)
    return entry


def counts(hass: HomeAssistant) -> tuple[int, int]:
    """Return the number of rows of frames and of rejected pictures."""
    kinds = [row["kind"] for row in table(hass, "frames")]
    return kinds.count(0), kinds.count(1)


async def purge(hass: HomeAssistant, user: str | None = None, **fields: Any) -> dict[str, Any]:
    """Call the action and return the camera's answer."""
    answer = await hass.services.async_call(
        DOMAIN,
        "purge",
        {"entity_id": "camera.garden", **fields},
        blocking=True,
        return_response=True,
        context=Context(user_id=user),
    )
    await hass.async_block_till_done()
    (camera,) = answer["cameras"].values()
    return dict(camera)


ASKED = [
    ({}, (5, 3)),
    ({"kind": "frames"}, (5, 3)),
    ({"kind": "quarantine"}, (6, 3)),
    ({"include_current_run": True}, (3, 3)),
    ({"keep_newest": 1}, (3, 1)),
    ({"keep_newest": 1, "include_current_run": True}, (1, 1)),
    ({"keep_newest": 0}, (2, 0)),
    ({"keep_newest": 0, "include_current_run": True}, (0, 0)),
    ({"keep_newest": 0, "kind": "frames"}, (2, 3)),
    ({"keep_newest": 0, "kind": "quarantine"}, (6, 0)),
    ({"older_than_days": 1}, (6, 3)),
    ({"older_than_days": 1, "keep_newest": 0}, (6, 3)),
]


@pytest.mark.parametrize(("fields", "left"), ASKED)
async def test_a_dry_run_says_exactly_what_the_purge_does(
    hass: HomeAssistant, filled: MockConfigEntry, media_root: Path, events: Events, fields: dict[str, Any],
    left: tuple[int, int],
) -> None:  # fmt: skip
    before = (files(media_root), table(hass, "frames"), table(hass, "runs"), table(hass, "cameras"))
    said = await purge(hass, **fields)
    assert (files(media_root), table(hass, "frames"), table(hass, "runs"), table(hass, "cameras")) == before
    assert said["dry_run"] is True
    assert not events.named("purge_completed")
    done = await purge(hass, **fields, dry_run=False)
    told = {"dry_run", "correlation_id"}
    assert {key: value for key, value in done.items() if key not in told} == {
        key: value for key, value in said.items() if key not in told
    }
    assert counts(hass) == left
    assert consistent(hass, media_root)
    gone = [row for row in before[1] if row not in table(hass, "frames")]
    for kind, name in enumerate(("frames", "quarantine")):
        rows = [row for row in gone if row["kind"] == kind]
        assert (done[name]["count"], done[name]["bytes"]) == (len(rows), sum(row["byte_count"] for row in rows))
        kept = [row["byte_count"] for row in table(hass, "frames") if row["kind"] == kind]
        assert done[name]["left"] == {"count": len(kept), "bytes": sum(kept)}
    (event,) = events.named("purge_completed")
    assert (event.data["by"], event.data["correlation_id"]) == ("action", done["correlation_id"])
    for name in ("frames", "quarantine"):
        assert event.data[name] == {key: done[name][key] for key in NOTHING}
    assert state(hass, filled, "sensor", "image_count").state == str(min(2, left[0]))
    assert sum(row["image_count"] for row in table(hass, "runs")) == left[0]


@pytest.mark.parametrize(("days", "left"), [(10, (2, 1)), (13, (5, 5))])
async def test_what_is_older_goes_and_nothing_else(
    hass: HomeAssistant, filled: MockConfigEntry, next_slot: NextSlot, days: int, left: tuple[int, int]
) -> None:
    for _ in range(2):
        await hass.services.async_call(DOMAIN, "capture_now", {"entity_id": "camera.garden"}, blocking=True)
        await next_slot(6 * DAY)
    assert counts(hass) == (5, 5)
    answer = await purge(hass, older_than_days=days, dry_run=False)
    assert answer["age_held"] is False
    assert counts(hass) == left
    assert (answer["frames"]["count"], answer["quarantine"]["count"]) == (5 - left[0], 5 - left[1])


async def test_an_age_is_not_believed_when_nothing_was_taken_for_long(
    hass: HomeAssistant, filled: MockConfigEntry, next_slot: NextSlot
) -> None:
    await next_slot(10 * DAY)
    held = await purge(hass, older_than_days=4, dry_run=False)
    assert held["age_held"] is True
    assert held["frames"] == NOTHING | {"left": held["frames"]["left"]}
    assert counts(hass) == (5, 3)
    assert (await purge(hass, older_than_days=6, dry_run=False))["age_held"] is False
    assert counts(hass) == (2, 0)


async def test_the_event_follows_from_the_call(hass: HomeAssistant, filled: MockConfigEntry, events: Events) -> None:
    context = Context()
    target = {"entity_id": "camera.garden", "keep_newest": 0, "dry_run": False}
    await hass.services.async_call(DOMAIN, "purge", target, blocking=True, context=context)
    (event,) = events.named("purge_completed")
    assert event.context.parent_id == context.id
    assert event.data["frames"]["count"] == 4


async def test_only_administrators_may(hass: HomeAssistant, filled: MockConfigEntry, hass_admin_user: User,
    hass_read_only_user: User,
) -> None:  # fmt: skip
    hass_read_only_user.mock_policy({"entities": True})
    with pytest.raises(Unauthorized):
        await purge(hass, hass_read_only_user.id, keep_newest=0, dry_run=False)
    assert counts(hass) == (6, 3)
    await purge(hass, hass_admin_user.id, keep_newest=0, dry_run=False)
    assert counts(hass) == (2, 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "videos"},
        {"older_than_days": 0},
        {"older_than_days": -1},
        {"older_than_days": 36_501},
        {"older_than_days": "old"},
        {"keep_newest": -1},
        {"dry_run": "perhaps"},
        {"confirm": True},
    ],
)
async def test_bad_fields_are_refused(hass: HomeAssistant, filled: MockConfigEntry, fields: dict[str, Any]) -> None:
    (field,) = fields
    with pytest.raises(vol.Invalid, match=field):
        await purge(hass, **({"dry_run": False, "keep_newest": 0} | fields))
    assert counts(hass) == (6, 3)


async def test_a_storage_that_is_away_costs_nothing(
    hass: HomeAssistant, filled: MockConfigEntry, media_root: Path, events: Events
) -> None:
    (media_root / "timelapser" / MARKER).unlink()
    with pytest.raises(HomeAssistantError) as caught:
        await purge(hass, keep_newest=0, dry_run=False)
    assert caught.value.translation_key == "code_tl_fs_007"
    assert counts(hass) == (6, 3)
    assert len(files(media_root)) == 9
    assert not events.named("purge_completed")


async def test_a_camera_that_is_not_loaded_is_told(hass: HomeAssistant, filled: MockConfigEntry) -> None:
    assert await hass.config_entries.async_unload(filled.entry_id)
    with pytest.raises(ServiceValidationError) as caught:
        await purge(hass, keep_newest=0, dry_run=False)
    assert caught.value.translation_key == "entry_not_loaded"


async def test_a_camera_that_is_unloaded_under_a_purge_is_told_and_loses_nothing_else(
    hass: HomeAssistant, filled: MockConfigEntry, media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was begun is finished, the rest stays for another time."""
    monkeypatch.setattr("custom_components.timelapser.core.retention.BATCH", 1)
    call = hass.async_create_task(purge(hass, keep_newest=0, dry_run=False))
    while len(files(media_root)) == 9:
        await hass.async_add_executor_job(lambda: None)
    assert await hass.config_entries.async_unload(filled.entry_id)
    with pytest.raises(ServiceValidationError) as caught:
        await call
    assert caught.value.translation_key == "entry_not_loaded"
    assert counts(hass) not in ((6, 3), (2, 0))
    assert consistent(hass, media_root)
