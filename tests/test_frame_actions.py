"""The actions on single stills, through Home Assistant."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers.json import json_bytes
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import parse_yaml
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
import voluptuous as vol

from tests.calls import call, refused
from tests.conftest import ScriptedCamera, make_entry, set_up, timelapse_data
from tests.ledger import BLACK, consistent, files, table
from tests.surface import state

type NextSlot = Callable[..., Awaitable[None]]

GARDEN = "camera.garden"
NO_FRAME = "01KAJ7ZA0B5D9F3H7K2M6P1R4T"


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause, which a stopped clock would make endless."""
    monkeypatch.setattr("custom_components.timelapser.capture.RETRY_DELAY_S", 0.0)


@pytest.fixture
async def mixed(camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot) -> MockConfigEntry:
    """Return a camera with a kept frame, two rejected pictures, and a newer frame."""
    await next_slot()
    camera.answer = BLACK
    await next_slot()
    await next_slot()
    camera.answer = camera.good
    await next_slot()
    return camera_entry


async def page(hass: HomeAssistant, entry: MockConfigEntry, **data: Any) -> dict[str, Any]:
    """Return one page of the camera's stills as the action tells them."""
    answer = await call(hass, "list_frames", **{"entity_id": GARDEN, **data})
    assert json_bytes(answer)
    return answer["cameras"][entry.entry_id]


async def frames(hass: HomeAssistant, entry: MockConfigEntry, **data: Any) -> list[dict[str, Any]]:
    """Return the stills of one page."""
    return (await page(hass, entry, **data))["frames"]


async def review(hass: HomeAssistant, frame_id: str | list[str], decision: str, **more: Any) -> list[dict[str, Any]]:
    """Decide about stills and return what the action says of each."""
    answer = await call(hass, "review_frame", frame_id=frame_id, decision=decision, **more)
    assert json_bytes(answer)
    return answer["frames"]


def image_count(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    """Return the image count of the run, which has to be the same in the catalogue."""
    shown = state(hass, entry, "sensor", "image_count").state
    assert str(table(hass, "runs")[-1]["image_count"]) == shown
    return shown


async def test_lists_what_there_is_the_newest_first(hass: HomeAssistant, mixed: MockConfigEntry) -> None:
    found = await frames(hass, mixed)
    assert [frame["kind"] for frame in found] == ["frame", "quarantine", "quarantine", "frame"]
    assert [frame["captured_at"] for frame in found] == sorted((frame["captured_at"] for frame in found), reverse=True)
    good, bad = found[0], found[1]
    assert good["frame_id"] == mixed.runtime_data.data.latest_frame.id
    assert (good["verdict"], good["faults"], good["review"], good["protected"]) == ("good", [], None, False)
    assert good["score"] > 50
    assert good["size"] == [640, 360]
    assert good["bytes"] == table(hass, "frames")[-1]["byte_count"]
    assert good["slot_at"] <= good["captured_at"]
    assert (
        good["run_ids"] == bad["run_ids"] == [mixed.runtime_data.data.timelapses[next(iter(mixed.subentries))].run_id]
    )
    assert bad["verdict"] == "bad"
    assert bad["faults"][0]["kind"] == "black"
    assert bad["faults"][0]["severity"] == 1.0
    assert bad["faults"][0]["words"]


async def test_the_url_shows_the_picture(
    hass: HomeAssistant, mixed: MockConfigEntry, media_root: Path, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "http", {})
    client = await hass_client()
    for frame in await frames(hass, mixed):
        assert frame["url"] == f"/api/timelapser/frame/{frame['frame_id']}"
        response = await client.get(frame["url"])
        assert response.status == HTTPStatus.OK
        (file,) = [path for path in files(media_root) if frame["frame_id"] in path.name]
        assert await response.read() == file.read_bytes()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"kind": "frame"}, [0, 3]),
        ({"kind": "quarantine"}, [1, 2]),
        ({"verdict": "bad"}, [1, 2]),
        ({"verdict": ["good", "bad"]}, [0, 1, 2, 3]),
        ({"verdict": "unreadable"}, []),
        ({"kind": "frame", "verdict": "bad"}, []),
        ({"limit": 1}, [0]),
    ],
)
async def test_filters(
    hass: HomeAssistant, mixed: MockConfigEntry, fields: dict[str, Any], expected: list[int]
) -> None:
    whole = await frames(hass, mixed)
    assert await frames(hass, mixed, **fields) == [whole[index] for index in expected]


async def test_a_range_of_time(hass: HomeAssistant, mixed: MockConfigEntry) -> None:
    """The start belongs to the range, the end does not; without a zone it is local time."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    whole = await frames(hass, mixed)
    times = [frame["captured_at"] for frame in whole]
    assert await frames(hass, mixed, start=times[2], end=times[0]) == whole[1:3]
    assert await frames(hass, mixed, end=times[3]) == []
    local = dt_util.as_local(dt_util.parse_datetime(times[1], raise_on_error=True)).replace(tzinfo=None).isoformat()
    assert await frames(hass, mixed, start=local) == whole[:2]


@pytest.mark.parametrize(
    ("start", "end"), [(-10, -20), (-10, -10), (60, None), (60, 120)], ids=["backward", "empty", "future", "all future"]
)
async def test_ranges_that_are_none(
    hass: HomeAssistant, camera_entry: MockConfigEntry, start: int, end: int | None
) -> None:
    now = dt_util.utcnow()
    bounds = {"start": (now + timedelta(minutes=start)).isoformat()}
    if end is not None:
        bounds["end"] = (now + timedelta(minutes=end)).isoformat()
    with refused("range_invalid"):
        await frames(hass, camera_entry, **bounds)


@pytest.mark.parametrize("kind", [None, "frame"])
async def test_pages(hass: HomeAssistant, mixed: MockConfigEntry, next_slot: NextSlot, kind: str | None) -> None:
    """They hold everything once, in order, also what is protected and what comes while one pages."""
    fields = {"kind": kind} if kind else {}
    whole = await frames(hass, mixed, **fields)
    await review(hass, whole[1]["frame_id"], "protect")
    whole = await frames(hass, mixed, **fields)
    seen: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    while True:
        answer = await page(hass, mixed, limit=1, **fields, **more)
        seen += answer["frames"]
        if answer["cursor"] is None:
            break
        more = {"cursor": answer["cursor"]}
        await next_slot()
    assert seen == whole


@pytest.mark.parametrize("cursor", ["", "x", "1", "-1-2", "1-x", f"{'9' * 15}-1", f"{'9' * 40}-1", "²-1", "1-2-3"])
async def test_bad_cursors(hass: HomeAssistant, camera_entry: MockConfigEntry, cursor: str) -> None:
    with refused("cursor_invalid"):
        await frames(hass, camera_entry, cursor=cursor)


@pytest.mark.parametrize(
    "fields",
    [
        {"limit": 0},
        {"limit": 501},
        {"limit": "many"},
        {"kind": "attic"},
        {"verdict": "ugly"},
        {"verdict": []},
        {"start": "soon"},
        {"attic": 1},
    ],
    ids=str,
)
async def test_fields_that_cannot_be(
    hass: HomeAssistant, camera_entry: MockConfigEntry, fields: dict[str, Any]
) -> None:
    with pytest.raises(vol.Invalid):
        await frames(hass, camera_entry, **fields)


async def test_of_one_timelapse_and_of_one_run(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    entry = await set_up(hass, make_entry(hass, timelapse_data("Year"), timelapse_data("Day", interval=120)))
    for _ in range(4):
        await next_slot()
    started = await call(hass, "start_run", entity_id="switch.year_recording")
    (year,) = started["timelapses"].values()
    await next_slot()
    await next_slot()
    assert len(await frames(hass, entry)) == 6
    assert len(await frames(hass, entry, entity_id="switch.day_recording")) == 3
    assert len(await frames(hass, entry, entity_id="switch.year_recording")) == 6
    assert len(await frames(hass, entry, run_id=year["completed_run_id"])) == 4
    assert len(await frames(hass, entry, run_id=year["run_id"])) == 2
    assert await frames(hass, entry, entity_id="switch.day_recording", run_id=year["run_id"], kind="quarantine") == []
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_a_run_of_another_camera(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    shed = await set_up(hass, make_entry(hass, entity_id="camera.shed", title="Shed"))
    (runs,) = [
        camera["runs"] for camera in (await call(hass, "list_runs", entity_id="camera.shed"))["cameras"].values()
    ]
    with refused("run_not_found"):
        await frames(hass, camera_entry, run_id=runs[0]["run_id"])
    assert await hass.config_entries.async_unload(shed.entry_id)


async def test_restore_and_reject_undo_each_other(
    hass: HomeAssistant, mixed: MockConfigEntry, media_root: Path
) -> None:
    """File, row, counts and images go there and back; what the detector said and what attempts counted stays."""
    _, newest, rejected, _ = before = await frames(hass, mixed)
    totals = [state(hass, mixed, "sensor", key).state for key in ("images_captured", "images_rejected")]
    assert (totals, image_count(hass, mixed)) == (["2", "2"], "2")
    content = {path.name: path.read_bytes() for path in files(media_root)}
    assert mixed.runtime_data.data.last_rejected.id == newest["frame_id"]

    (answer,) = await review(hass, newest["frame_id"], "restore")
    assert answer == {
        "frame_id": newest["frame_id"],
        "kind": "frame",
        "review": "good",
        "protected": False,
        "taught": True,
        "changed": True,
    }
    assert image_count(hass, mixed) == "3"
    assert mixed.runtime_data.data.last_rejected.id == rejected["frame_id"]
    assert [len(files(media_root, kind)) for kind in ("frames", "quarantine")] == [3, 1]
    assert consistent(hass, media_root)
    after = await frames(hass, mixed)
    assert after[1] == {**newest, "kind": "frame", "review": "good"}
    assert after[1]["verdict"] == "bad"

    (answer,) = await review(hass, newest["frame_id"], "restore")
    assert answer["changed"] is False
    assert image_count(hass, mixed) == "3"

    await review(hass, newest["frame_id"], "reject")
    assert image_count(hass, mixed) == "2"
    assert mixed.runtime_data.data.last_rejected.id == newest["frame_id"]
    assert [len(files(media_root, kind)) for kind in ("frames", "quarantine")] == [2, 2]
    assert consistent(hass, media_root)
    assert await frames(hass, mixed) == [before[0], {**newest, "review": "bad"}, *before[2:]]
    assert {path.name.removesuffix("-2.jpg"): path.read_bytes() for path in files(media_root)} == {
        name if newest["frame_id"] not in name else name.removesuffix(".jpg"): data for name, data in content.items()
    }
    assert [state(hass, mixed, "sensor", key).state for key in ("images_captured", "images_rejected")] == totals
    assert table(hass, "doomed") == []
    assert [row for row in table(hass, "meta") if row["key"].startswith("moving:")] == []


@pytest.mark.parametrize("said", ["restore", "reject"])
async def test_undo_leaves_each_where_its_verdict_put_it(
    hass: HomeAssistant, mixed: MockConfigEntry, media_root: Path, said: str
) -> None:
    before = await frames(hass, mixed)
    both = [before[0]["frame_id"], before[1]["frame_id"]]
    await review(hass, both, said)
    assert len({frame["kind"] for frame in (await frames(hass, mixed))[:2]}) == 1
    answers = await review(hass, both, "undo")
    assert [(answer["kind"], answer["review"], answer["changed"]) for answer in answers] == [
        ("frame", None, True),
        ("quarantine", None, True),
    ]
    assert await frames(hass, mixed) == before
    assert image_count(hass, mixed) == "2"
    assert consistent(hass, media_root)
    assert [answer["changed"] for answer in await review(hass, both, "undo")] == [False, False]


async def test_the_latest_frame_is_rejected(hass: HomeAssistant, mixed: MockConfigEntry, media_root: Path) -> None:
    latest, _, _, first = await frames(hass, mixed)
    await review(hass, latest["frame_id"], "reject")
    assert mixed.runtime_data.data.latest_frame.id == first["frame_id"]
    assert mixed.runtime_data.data.last_rejected.id == latest["frame_id"]
    assert state(hass, mixed, "image", "latest_frame").state == first["captured_at"]
    assert image_count(hass, mixed) == "1"
    shown = await mixed.runtime_data.engine.async_read_still(mixed.runtime_data.data.last_rejected)
    assert shown in [path.read_bytes() for path in files(media_root, "quarantine")]


async def test_a_frame_counts_in_all_of_its_runs(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    entry = await set_up(hass, make_entry(hass, timelapse_data("Year"), timelapse_data("Day")))
    await next_slot()
    await next_slot()
    (frame, _) = await frames(hass, entry)
    await call(hass, "complete_run", entity_id="switch.year_recording")
    await review(hass, frame["frame_id"], "reject")
    assert [row["image_count"] for row in table(hass, "runs")] == [1, 1]
    await review(hass, frame["frame_id"], "restore")
    assert [row["image_count"] for row in table(hass, "runs")] == [2, 2]
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_protect_and_unprotect(hass: HomeAssistant, mixed: MockConfigEntry) -> None:
    found = await frames(hass, mixed)
    ids = [frame["frame_id"] for frame in found[:2]]
    assert [answer["protected"] for answer in await review(hass, ids, "protect")] == [True, True]
    assert [frame["protected"] for frame in await frames(hass, mixed)] == [True, True, False, False]
    assert [answer["changed"] for answer in await review(hass, [*ids, found[2]["frame_id"]], "protect")] == [
        False,
        False,
        True,
    ]
    await review(hass, ids, "unprotect")
    assert [frame["protected"] for frame in await frames(hass, mixed)] == [False, False, True, False]
    assert [frame["review"] for frame in await frames(hass, mixed)] == [None] * 4


async def test_the_same_still_twice_in_one_call(hass: HomeAssistant, mixed: MockConfigEntry) -> None:
    rejected = (await frames(hass, mixed))[1]["frame_id"]
    assert len(await review(hass, [rejected, rejected], "restore")) == 1
    assert image_count(hass, mixed) == "3"


@pytest.mark.parametrize("frame_id", ["", "x", "../../etc/passwd", "\x00", "ü" * 26, NO_FRAME, "Z" * 26, "0" * 300])
@pytest.mark.parametrize("decision", ["restore", "reject", "protect", "unprotect"])
async def test_unknown_stills(
    hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot, frame_id: str, decision: str
) -> None:
    await next_slot()
    before = await frames(hass, camera_entry)
    with refused("frame_not_found"):
        await review(hass, [before[0]["frame_id"], frame_id], decision)
    assert await frames(hass, camera_entry) == before


async def test_too_many_stills(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    with refused("frame_not_found"):
        await review(hass, [f"{number:026}" for number in range(100)], "protect")
    with refused("too_many_frames"):
        await review(hass, [f"{number:026}" for number in range(101)], "protect")


@pytest.mark.parametrize("fields", [{"frame_id": []}, {"frame_id": NO_FRAME, "decision": "burn"}, {}], ids=str)
async def test_decisions_that_are_none(
    hass: HomeAssistant, camera_entry: MockConfigEntry, fields: dict[str, Any]
) -> None:
    with pytest.raises(vol.Invalid):
        await call(hass, "review_frame", **{"decision": "restore", **fields})


@pytest.mark.parametrize("decision", ["restore", "reject", "protect", "unprotect"])
async def test_who_may_only_read_is_refused(
    hass: HomeAssistant, mixed: MockConfigEntry, hass_read_only_user: User, decision: str
) -> None:
    before = await frames(hass, mixed)
    context = Context(user_id=hass_read_only_user.id)
    for frame in before:
        with pytest.raises(Unauthorized):
            await review(hass, frame["frame_id"], decision, context=context)
    with pytest.raises(Unauthorized):
        await frames(hass, mixed, context=context)
    assert await frames(hass, mixed) == before


async def test_a_still_whose_file_is_gone(hass: HomeAssistant, mixed: MockConfigEntry, media_root: Path) -> None:
    """It stays as it was, and does not keep the others from being moved."""
    _, newest, rejected, _ = await frames(hass, mixed)
    (file,) = [path for path in files(media_root) if newest["frame_id"] in path.name]
    file.unlink()
    answer = await review(hass, [newest["frame_id"], rejected["frame_id"]], "restore")
    assert answer[0].pop("message") == "The file of this picture is missing"
    assert answer[0] == {"frame_id": newest["frame_id"], "error": "frame_file_missing"}
    assert answer[1]["kind"] == "frame"
    assert image_count(hass, mixed) == "3"
    assert (await frames(hass, mixed))[1] == newest
    with refused("frame_file_missing"):
        await review(hass, newest["frame_id"], "restore")


async def test_a_storage_that_is_gone(hass: HomeAssistant, mixed: MockConfigEntry, media_root: Path) -> None:
    before = await frames(hass, mixed)
    (media_root / "timelapser").rename(media_root / "elsewhere")
    with refused("code_tl_fs_007", HomeAssistantError):
        await review(hass, before[1]["frame_id"], "restore")
    (media_root / "elsewhere").rename(media_root / "timelapser")
    assert await frames(hass, mixed) == before
    assert consistent(hass, media_root)


async def test_a_still_of_a_removed_camera(hass: HomeAssistant, mixed: MockConfigEntry, media_root: Path) -> None:
    rejected = (await frames(hass, mixed))[1]
    shed = await set_up(hass, make_entry(hass, entity_id="camera.shed", title="Shed"))
    await hass.config_entries.async_remove(mixed.entry_id)
    (answer,) = await review(hass, rejected["frame_id"], "restore")
    assert answer["kind"] == "frame"
    assert len(files(media_root, "frames")) == 3
    assert await hass.config_entries.async_unload(shed.entry_id)


async def test_captures_go_on_beside_reviews(
    hass: HomeAssistant, mixed: MockConfigEntry, next_slot: NextSlot, media_root: Path
) -> None:
    """The counts are right whatever comes first."""
    ids = [frame["frame_id"] for frame in await frames(hass, mixed, kind="quarantine")]
    for decision in ("restore", "reject", "restore"):
        task = hass.async_create_task(review(hass, ids, decision))
        await next_slot()
        await task
    assert image_count(hass, mixed) == "7"
    assert consistent(hass, media_root)


async def test_the_example_of_the_documentation(hass: HomeAssistant, mixed: MockConfigEntry) -> None:
    text = (Path(__file__).parents[1] / "docs" / "actions.md").read_text("utf-8")
    (example,) = [block.partition("```")[0] for block in text.split("```yaml\n") if "decision: restore" in block]
    config = {"script": {"bring_back": {"sequence": parse_yaml(example)["actions"]}}}
    assert await async_setup_component(hass, "script", config)
    await hass.services.async_call("script", "bring_back", {}, blocking=True)
    await hass.async_block_till_done()
    assert {frame["kind"] for frame in await frames(hass, mixed)} == {"frame"}
    assert image_count(hass, mixed) == "4"
