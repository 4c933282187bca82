"""The actions on runs, through Home Assistant."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from homeassistant.auth.models import User
from homeassistant.components.switch import DOMAIN as SWITCH_DOMAIN
from homeassistant.const import ATTR_ENTITY_ID, SERVICE_TURN_OFF, SERVICE_TURN_ON
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized, UnknownUser
from homeassistant.helpers.json import json_bytes
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import SUBENTRY_TIMELAPSE
from custom_components.timelapser.services import TIMELAPSE_ACTIONS
from tests.calls import call, refused
from tests.conftest import Events, make_entry, set_up, timelapse_data
from tests.ledger import consistent, files, table
from tests.surface import entity_id, state, timelapse_id

type NextSlot = Callable[..., Awaitable[None]]

GARDEN = "camera.garden"
NO_RUN = "01KAJ7ZA0B5D9F3H7K2M6P1R4T"


async def of_timelapse(hass: HomeAssistant, entry: MockConfigEntry, action: str, **data: Any) -> dict[str, Any]:
    """Call an action for the first timelapse and return what it says of that."""
    answer = await call(hass, action, entity_id=entity_id(hass, entry, "switch", "recording"), **data)
    assert json_bytes(answer)
    assert list(answer["timelapses"]) == [timelapse_id(entry)]
    return answer["timelapses"][timelapse_id(entry)]


async def list_runs(hass: HomeAssistant, entry: MockConfigEntry, **data: Any) -> list[dict[str, Any]]:
    """Return the runs of a camera as the action tells them."""
    answer = await call(hass, "list_runs", entity_id=GARDEN, **data)
    assert json_bytes(answer)
    return answer["cameras"][entry.entry_id]["runs"]


async def turn(hass: HomeAssistant, entry: MockConfigEntry, service: str) -> None:
    """Turn the recording switch."""
    switch = entity_id(hass, entry, "switch", "recording")
    await hass.services.async_call(SWITCH_DOMAIN, service, {ATTR_ENTITY_ID: switch}, blocking=True)
    await hass.async_block_till_done()


async def reload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Load an entry anew."""
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()


async def test_start_run_completes_the_one_under_way(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events
) -> None:
    await next_slot()
    (first,) = await list_runs(hass, camera_entry)
    context = Context()
    answer = await of_timelapse(hass, camera_entry, "start_run", name="  Spring  ", context=context)
    assert answer["completed_run_id"] == first["run_id"] != answer["run_id"]
    assert answer["run_name"] == "Spring"
    assert state(hass, camera_entry, "sensor", "image_count").state == "0"

    second, first = await list_runs(hass, camera_entry)
    assert (first["state"], first["image_count"], first["name"]) == ("completed", 1, None)
    assert first["ended_at"] is not None
    assert (second["run_id"], second["state"], second["name"]) == (answer["run_id"], "running", "Spring")

    (completed,), started = events.named("run_completed"), events.named("run_started")[-1]
    assert completed.data["run_id"] == first["run_id"]
    assert completed.data["image_count"] == 1
    assert started.data["run_id"] == second["run_id"]
    assert started.data["run_name"] == "Spring"
    assert completed.data["correlation_id"] == started.data["correlation_id"] == started.context.id
    assert completed.context.parent_id == started.context.parent_id == context.id

    await next_slot()
    assert [run["image_count"] for run in await list_runs(hass, camera_entry)] == [1, 1]
    assert state(hass, camera_entry, "sensor", "image_count").state == "1"


async def test_a_completed_run_takes_no_more_pictures(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events, media_root: Path
) -> None:
    await next_slot()
    context = Context()
    answer = await of_timelapse(hass, camera_entry, "complete_run", context=context)
    assert (answer["state"], answer["image_count"], answer["changed"]) == ("completed", 1, True)
    for _ in range(2):
        assert state(hass, camera_entry, "sensor", "state").state == "completed"
        assert state(hass, camera_entry, "sensor", "next_capture").state == "unknown"
        assert state(hass, camera_entry, "sensor", "image_count").state == "1"
        assert state(hass, camera_entry, "switch", "recording").state == "off"
        await next_slot()
        assert len(files(media_root)) == 1
        await reload(hass, camera_entry)
    assert len(await list_runs(hass, camera_entry)) == 1
    (event,) = events.named("run_completed")
    assert event.data["timelapse_id"] == timelapse_id(camera_entry)
    assert event.data["timelapse"] == "Garden"
    assert event.context.parent_id == context.id
    assert state(hass, camera_entry, "sensor", "images_captured").state == "1"
    answer = await of_timelapse(hass, camera_entry, "complete_run")
    assert (answer["state"], answer["changed"]) == ("completed", False)
    assert len(events.named("run_completed")) == 1


async def test_slots_without_a_run_are_not_missed(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    await of_timelapse(hass, camera_entry, "complete_run")
    await next_slot(600)
    await reload(hass, camera_entry)
    await of_timelapse(hass, camera_entry, "start_run")
    await next_slot()
    await reload(hass, camera_entry)
    assert camera_entry.runtime_data.data.missed == 0
    await next_slot(300)
    assert camera_entry.runtime_data.data.missed > 0


@pytest.mark.parametrize("paused", [False, True])
async def test_the_switch_starts_a_new_run_after_a_completed_one(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events, paused: bool
) -> None:
    if paused:
        await of_timelapse(hass, camera_entry, "pause_run")
    await of_timelapse(hass, camera_entry, "complete_run")
    await turn(hass, camera_entry, SERVICE_TURN_OFF)
    assert state(hass, camera_entry, "sensor", "state").state == "completed"
    await turn(hass, camera_entry, SERVICE_TURN_ON)
    assert state(hass, camera_entry, "sensor", "state").state == "ready"
    assert state(hass, camera_entry, "switch", "recording").state == "on"
    assert events[-1].event_type == "timelapser_run_started"
    assert [run["state"] for run in await list_runs(hass, camera_entry)] == ["running", "completed"]
    await next_slot()
    assert state(hass, camera_entry, "sensor", "image_count").state == "1"


async def test_pause_and_resume(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, events: Events
) -> None:
    context = Context()
    answer = await of_timelapse(hass, camera_entry, "pause_run", context=context)
    assert (answer["state"], answer["changed"]) == ("paused", True)
    assert events.named("run_paused")[0].context.parent_id == context.id
    assert state(hass, camera_entry, "switch", "recording").state == "off"
    assert (await of_timelapse(hass, camera_entry, "pause_run"))["changed"] is False
    await next_slot()
    assert state(hass, camera_entry, "sensor", "image_count").state == "0"
    answer = await of_timelapse(hass, camera_entry, "resume_run")
    assert (answer["state"], answer["changed"]) == ("running", True)
    assert (await of_timelapse(hass, camera_entry, "resume_run"))["changed"] is False
    assert [len(events.named(f"run_{what}")) for what in ("paused", "resumed")] == [1, 1]
    await next_slot()
    assert state(hass, camera_entry, "sensor", "image_count").state == "1"


@pytest.mark.parametrize("action", ["pause_run", "resume_run"])
async def test_a_completed_run_is_neither_paused_nor_resumed(
    hass: HomeAssistant, camera_entry: MockConfigEntry, action: str
) -> None:
    await of_timelapse(hass, camera_entry, "complete_run")
    with refused("run_completed"):
        await of_timelapse(hass, camera_entry, action)


async def test_a_run_is_completed_after_the_attempt_that_is_on_its_way(
    hass: HomeAssistant, camera: Any, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    """The picture belongs to the run that was under way when it was due, and is counted in the answer."""
    completing: list[Any] = []

    def answer() -> bytes:
        completing.append(hass.async_create_task(of_timelapse(hass, camera_entry, "start_run")))
        camera.answer = camera.good
        return camera.good()

    camera.answer = answer
    await next_slot()
    await completing[0]
    assert [run["image_count"] for run in await list_runs(hass, camera_entry)] == [0, 1]


@pytest.mark.parametrize("action", TIMELAPSE_ACTIONS)
@pytest.mark.parametrize(
    "target", [{}, {"entity_id": "light.kitchen"}, {"device_id": "nowhere"}, {"area_id": "none"}, {"entity_id": "all"}]
)
async def test_no_timelapse_is_meant(
    hass: HomeAssistant, camera_entry: MockConfigEntry, action: str, target: dict[str, Any]
) -> None:
    with refused("timelapse_not_found"):
        await call(hass, action, **target)


@pytest.mark.parametrize("action", TIMELAPSE_ACTIONS)
async def test_a_camera_without_a_timelapse(hass: HomeAssistant, camera_entry: MockConfigEntry, action: str) -> None:
    assert hass.config_entries.async_remove_subentry(camera_entry, timelapse_id(camera_entry))
    await hass.async_block_till_done()
    with refused("timelapse_not_found"):
        await call(hass, action, entity_id=GARDEN)


@pytest.mark.parametrize("action", [*TIMELAPSE_ACTIONS, "list_runs", "list_frames"])
async def test_a_camera_that_is_not_loaded(hass: HomeAssistant, camera_entry: MockConfigEntry, action: str) -> None:
    make_entry(hass, entity_id="camera.shed", title="Shed")
    with refused("entry_not_loaded"):
        await call(hass, action, entity_id="camera.shed")


@pytest.mark.parametrize("action", TIMELAPSE_ACTIONS)
async def test_who_may_only_read_is_refused(
    hass: HomeAssistant, camera_entry: MockConfigEntry, hass_read_only_user: User, action: str
) -> None:
    before = table(hass, "runs")
    with pytest.raises(Unauthorized):
        await call(hass, action, entity_id=GARDEN, context=Context(user_id=hass_read_only_user.id))
    assert table(hass, "runs") == before


async def test_one_timelapse_of_two(hass: HomeAssistant, camera: Any, system_entry: MockConfigEntry) -> None:
    """An entity of a timelapse means that one; the camera means both."""
    entry = await set_up(hass, make_entry(hass, timelapse_data("Year"), timelapse_data("Day")))
    year, day = (item.subentry_id for item in entry.get_subentries_of_type(SUBENTRY_TIMELAPSE))
    answer = await call(hass, "pause_run", entity_id="switch.day_recording")
    assert {key: value["name"] for key, value in answer["timelapses"].items()} == {day: "Day"}
    answer = await call(hass, "pause_run", entity_id=GARDEN)
    assert {key: value["changed"] for key, value in answer["timelapses"].items()} == {year: True, day: False}
    await call(hass, "complete_run", entity_id="switch.day_recording")
    answer = await call(hass, "resume_run", entity_id=GARDEN)
    assert answer["timelapses"][year]["changed"] is True
    assert answer["timelapses"][day]["error"] == "run_completed"
    runs = await call(hass, "list_runs", entity_id="switch.day_recording")
    assert [run["timelapse"] for run in runs["cameras"][entry.entry_id]["runs"]] == ["Day"]
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_rename_and_star(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    (run,) = await list_runs(hass, camera_entry)
    assert (run["name"], run["starred"], run["state"], run["timelapse"]) == (None, False, "running", "Garden")
    assert (await call(hass, "rename_run", run_id=run["run_id"], name=" The first spring "))[
        "name"
    ] == "The first spring"
    assert (await call(hass, "star_run", run_id=run["run_id"]))["starred"] is True
    (run,) = await list_runs(hass, camera_entry)
    assert (run["name"], run["starred"]) == ("The first spring", True)
    assert (await call(hass, "star_run", run_id=run["run_id"], starred=False))["starred"] is False


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/etc/x",
        "a/b",
        "CON",
        ".hidden",
        "-rf",
        "%03d",
        "{{ states | list }}",
        "{{ 1 / 0 }}",
        "<img src=x onerror=alert(1)>",
        "🌻",
        "x" * 100,
    ],
)
async def test_a_name_is_a_label_and_nothing_else(
    hass: HomeAssistant, camera_entry: MockConfigEntry, media_root: Path, next_slot: NextSlot, name: str
) -> None:
    """It is neither a path nor a template: it is kept as it was typed."""
    assert (await of_timelapse(hass, camera_entry, "start_run", name=name))["run_name"] == name
    await next_slot()
    assert {path.relative_to(media_root).parts[1] for path in files(media_root)} == {
        camera_entry.runtime_data.state.folder
    }


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("", "name_length"),
        ("   ", "name_length"),
        ("x" * 101, "name_length"),
        ("x" * 300, "name_length"),
        ("x\x00", "name_control_chars"),
        ("two\nlines", "name_control_chars"),
        ("right \u202e left", "name_control_chars"),
        ("\x1b[31m", "name_control_chars"),
    ],
)
async def test_names_that_are_none(hass: HomeAssistant, camera_entry: MockConfigEntry, name: str, key: str) -> None:
    before = await list_runs(hass, camera_entry)
    with refused(key):
        await call(hass, "rename_run", run_id=before[0]["run_id"], name=name)
    with refused(key):
        await call(hass, "start_run", entity_id=GARDEN, name=name)
    assert await list_runs(hass, camera_entry) == before


UNKNOWN = ["", "x", "../../etc/passwd", "\x00", "ü" * 26, NO_RUN, NO_RUN.lower(), "Z" * 26, "0" * 300]


@pytest.mark.parametrize("run_id", UNKNOWN)
@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("rename_run", {"name": "Spring"}),
        ("star_run", {}),
        ("delete_run", {"confirm": True}),
        ("list_frames", {"entity_id": GARDEN}),
    ],
)
async def test_unknown_runs(
    hass: HomeAssistant, camera_entry: MockConfigEntry, action: str, fields: dict[str, Any], run_id: str
) -> None:
    with refused("run_not_found"):
        await call(hass, action, run_id=run_id, **fields)


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("rename_run", {"run_id": NO_RUN, "name": "Spring"}),
        ("star_run", {"run_id": NO_RUN}),
        ("delete_run", {"run_id": NO_RUN, "confirm": True}),
        ("list_runs", {}),
        ("review_frame", {"frame_id": NO_RUN, "decision": "restore"}),
    ],
)
async def test_no_camera_is_loaded(
    hass: HomeAssistant, camera_entry: MockConfigEntry, action: str, fields: dict[str, Any]
) -> None:
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    with refused("entry_not_loaded"):
        await call(hass, action, **fields)


@pytest.mark.parametrize(("action", "fields"), [("rename_run", {"name": "Spring"}), ("star_run", {})])
async def test_who_may_only_read_changes_no_run(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    hass_read_only_user: User,
    action: str,
    fields: dict[str, Any],
) -> None:
    before = await list_runs(hass, camera_entry)
    context = Context(user_id=hass_read_only_user.id)
    with pytest.raises(Unauthorized):
        await call(hass, action, run_id=before[0]["run_id"], context=context, **fields)
    assert await list_runs(hass, camera_entry) == before


async def test_list_runs_in_pages(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    for number in range(4):
        await of_timelapse(hass, camera_entry, "start_run", name=str(number))
    whole = await list_runs(hass, camera_entry)
    assert [run["name"] for run in whole] == ["3", "2", "1", "0", None]
    seen: list[dict[str, Any]] = []
    page: dict[str, Any] = {}
    for left in (3, 1, 0):
        cursor = page.get("cursor")
        more = {"cursor": cursor} if cursor else {}
        page = (await call(hass, "list_runs", entity_id=GARDEN, limit=2, **more))["cameras"][camera_entry.entry_id]
        seen += page["runs"]
        assert len(whole) - len(seen) == left
    assert seen == whole
    assert page["cursor"] is None


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "9" * 30, "²"])
async def test_bad_cursors_of_runs(hass: HomeAssistant, camera_entry: MockConfigEntry, cursor: str) -> None:
    with refused("cursor_invalid"):
        await list_runs(hass, camera_entry, cursor=cursor)


async def test_list_runs_of_everything_tells_of_removed_cameras(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, hass_read_only_user: User
) -> None:
    shed = await set_up(hass, make_entry(hass, entity_id="camera.shed", title="Shed"))
    await hass.config_entries.async_remove(shed.entry_id)
    cameras = (await call(hass, "list_runs"))["cameras"]
    assert {camera["name"]: camera["removed"] for camera in cameras.values()} == {"Garden": False, "Shed": True}
    assert [run["state"] for run in cameras[shed.entry_id]["runs"]] == ["completed"]
    assert (await call(hass, "list_runs", context=Context(user_id=hass_read_only_user.id)))["cameras"] == {}
    with pytest.raises(UnknownUser):
        await call(hass, "list_runs", context=Context(user_id="nobody"))


async def test_delete_run_takes_files_and_rows(
    hass: HomeAssistant, camera: Any, camera_entry: MockConfigEntry, next_slot: NextSlot, media_root: Path
) -> None:
    for _ in range(3):
        await next_slot()
    first = (await of_timelapse(hass, camera_entry, "start_run"))["completed_run_id"]
    await next_slot()
    taken = sum(row["byte_count"] for row in table(hass, "frames")[:3])
    answer = await call(hass, "delete_run", run_id=first, confirm=True)
    assert answer == {"run_id": first, "deleted": 3, "bytes": taken, "kept": 0}
    assert len(files(media_root)) == len(table(hass, "frames")) == 1
    assert consistent(hass, media_root)
    assert table(hass, "doomed") == []
    (run,) = await list_runs(hass, camera_entry)
    assert (run["state"], run["image_count"]) == ("running", 1)
    assert state(hass, camera_entry, "sensor", "image_count").state == "1"
    assert state(hass, camera_entry, "sensor", "images_captured").state == "4"
    with refused("run_not_found"):
        await call(hass, "delete_run", run_id=first, confirm=True)


async def test_what_another_run_has_or_is_protected_stays(
    hass: HomeAssistant, camera: Any, system_entry: MockConfigEntry, next_slot: NextSlot, media_root: Path
) -> None:
    entry = await set_up(hass, make_entry(hass, timelapse_data("Year"), timelapse_data("Day", interval=120)))
    for _ in range(4):
        await next_slot()
    (runs,) = [camera["runs"] for camera in (await call(hass, "list_runs", entity_id=GARDEN))["cameras"].values()]
    counts = {run["timelapse"]: run["image_count"] for run in runs}
    assert counts == {"Year": 4, "Day": 2}
    frames = (await call(hass, "list_frames", entity_id=GARDEN))["cameras"][entry.entry_id]["frames"]
    alone = [frame for frame in frames if len(frame["run_ids"]) == 1]
    await call(hass, "review_frame", frame_id=alone[0]["frame_id"], decision="protect")
    await call(hass, "complete_run", entity_id="switch.year_recording")
    (year,) = [run["run_id"] for run in runs if run["timelapse"] == "Year"]
    answer = await call(hass, "delete_run", run_id=year, confirm=True)
    assert (answer["deleted"], answer["kept"]) == (1, 3)
    assert len(files(media_root)) == 3
    assert consistent(hass, media_root)
    runs = (await call(hass, "list_runs", entity_id=GARDEN))["cameras"][entry.entry_id]["runs"]
    assert [(run["timelapse"], run["image_count"]) for run in runs] == [("Day", 2)]
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_the_last_run_is_deleted_and_none_begins_by_itself(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, media_root: Path
) -> None:
    await next_slot()
    run_id = (await of_timelapse(hass, camera_entry, "complete_run"))["run_id"]
    await call(hass, "delete_run", run_id=run_id, confirm=True)
    for _ in range(2):
        assert state(hass, camera_entry, "sensor", "state").state == "completed"
        assert state(hass, camera_entry, "sensor", "image_count").state == "0"
        await next_slot()
        assert files(media_root) == []
        await reload(hass, camera_entry)
    assert (await of_timelapse(hass, camera_entry, "complete_run"))["changed"] is False
    await turn(hass, camera_entry, SERVICE_TURN_ON)
    await next_slot()
    assert state(hass, camera_entry, "sensor", "image_count").state == "1"


async def test_a_run_of_a_removed_camera_is_deleted(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, media_root: Path
) -> None:
    await next_slot()
    (run,) = await list_runs(hass, camera_entry)
    shed = await set_up(hass, make_entry(hass, entity_id="camera.shed", title="Shed"))
    await hass.config_entries.async_remove(camera_entry.entry_id)
    await call(hass, "star_run", run_id=run["run_id"])
    assert (await call(hass, "delete_run", run_id=run["run_id"], confirm=True))["deleted"] == 1
    assert files(media_root) == []
    assert table(hass, "frames") == []
    assert await hass.config_entries.async_unload(shed.entry_id)


@pytest.mark.parametrize("paused", [False, True])
async def test_a_run_under_way_is_not_deleted(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, media_root: Path, paused: bool
) -> None:
    await next_slot()
    if paused:
        await of_timelapse(hass, camera_entry, "pause_run")
    (run,) = await list_runs(hass, camera_entry)
    with refused("run_under_way"):
        await call(hass, "delete_run", run_id=run["run_id"], confirm=True)
    assert len(files(media_root)) == 1
    assert await list_runs(hass, camera_entry) == [run]


@pytest.mark.parametrize("fields", [{}, {"confirm": False}])
async def test_deleting_needs_a_confirmation(
    hass: HomeAssistant, camera_entry: MockConfigEntry, fields: dict[str, Any], hass_admin_user: User
) -> None:
    run_id = (await of_timelapse(hass, camera_entry, "complete_run"))["run_id"]
    with refused("confirm_required"):
        await call(hass, "delete_run", run_id=run_id, context=Context(user_id=hass_admin_user.id), **fields)
    assert len(await list_runs(hass, camera_entry)) == 1


async def test_deleting_needs_an_administrator(
    hass: HomeAssistant, camera_entry: MockConfigEntry, hass_owner_user: User
) -> None:
    run_id = (await of_timelapse(hass, camera_entry, "complete_run"))["run_id"]
    person = await hass.auth.async_create_user("Person", group_ids=["system-users"])
    with pytest.raises(Unauthorized):
        await call(hass, "delete_run", run_id=run_id, confirm=True, context=Context(user_id=person.id))
    assert len(await list_runs(hass, camera_entry)) == 1
    context = Context(user_id=person.id)
    assert (await call(hass, "rename_run", run_id=run_id, name="Spring", context=context))["name"] == "Spring"


async def test_a_storage_that_is_gone_keeps_the_run(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, media_root: Path
) -> None:
    await next_slot()
    run_id = (await of_timelapse(hass, camera_entry, "complete_run"))["run_id"]
    (media_root / "timelapser").rename(media_root / "elsewhere")
    with refused("code_tl_fs_007", HomeAssistantError):
        await call(hass, "delete_run", run_id=run_id, confirm=True)
    assert (await list_runs(hass, camera_entry))[0]["image_count"] == 1
