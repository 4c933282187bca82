"""The test tool: a picture that is uploaded in the options of a camera."""

from collections.abc import Awaitable, Callable
import json
from pathlib import Path
import re
import subprocess
import sys
from typing import Any

from aiohttp import FormData
from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.timelapser.core.detection.gate import MAX_BYTES
from custom_components.timelapser.options_flow import SHOWN_BYTES
from tests.calls import call
from tests.config_flow.forms import TEXTS, show_options, submit_options
from tests.conftest import ScriptedCamera
from tests.core import pictures
from tests.ledger import BLACK, files, table

type Upload = Callable[[bytes], Awaitable[Any]]

ROOT = Path(__file__).parents[1]
DAY = pictures.jpeg(pictures.scene("day", 640, 360))
SUBJECTS = {
    "good": DAY,
    "soft": pictures.jpeg(pictures.blurred(pictures.scene("day", 640, 360), 9)),
    "cut": pictures.cut(DAY, 0.5),
    "black": BLACK,
    "page": b"<html>",
    "cut_early": DAY[:100],
    "gif": b"GIF89a" + bytes(100),
    "tiny": pictures.jpeg(pictures.flat((90, 90, 90), 32, 32)),
}
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause, which a stopped clock would make endless."""
    monkeypatch.setattr("custom_components.timelapser.capture.RETRY_DELAY_S", 0.0)


@pytest.fixture
async def upload(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    camera_entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> Upload:
    """Return what uploads a file as a browser does, and hands it to the test tool."""
    assert await async_setup_component(hass, "file_upload", {})
    client = await hass_client()

    async def send(data: bytes) -> Any:
        body = FormData()
        body.add_field("file", data, filename="picture.jpg", content_type="image/jpeg")
        answer = await client.post("/api/file_upload", data=body)
        assert answer.status == 200
        file_id = (await answer.json())["file_id"]
        form = await show_options(hass, camera_entry, "test")
        return await submit_options(hass, form, {"picture": file_id})

    return send


def by_command(folder: Path, data: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    """Return what the command says of pictures."""
    for name, content in data.items():
        (folder / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "scripts.lib.score", *(str(folder / name) for name in data)],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    return dict(zip(data, map(json.loads, done.stdout.splitlines()), strict=True))


def told(shown: dict[str, str]) -> dict[str, Any]:
    """Return what the form says, as the other two would."""
    verdicts = {TEXTS["common"][f"verdict_{word}"]: word for word in ("good", "suspect", "bad", "unreadable")}
    lights = {words: light for light, words in TEXTS["selector"]["light"]["options"].items()}
    kinds = {words: kind for kind, words in TEXTS["entity"]["sensor"]["last_fault"]["state"].items()}
    faults = []
    for line in shown["faults"].splitlines():
        match = re.fullmatch(r"  - (.+?) ([\d.e-]+) \((.*)\): (.*)", line)
        if match is not None:
            where, words = (re.sub(r"\\(.)", r"\1", part) for part in match.groups()[2:])
            faults.append({"kind": kinds[match[1]], "severity": float(match[2]), "where": where, "words": words})
    return {
        "score": None if shown["score"] == "–" else float(shown["score"]),
        "verdict": verdicts[shown["verdict"]],
        "faults": faults,
        "light": lights.get(shown["light"]),
        "size": [int(side) for side in shown["size"].split(" × ")],
    }


async def test_the_command_the_action_and_the_upload_say_the_same(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, upload: Upload, tmp_path: Path
) -> None:
    """By day, as the action knows the sun; freshness is not of the bytes."""
    command = by_command(tmp_path, SUBJECTS)
    judged = 0
    for name, data in SUBJECTS.items():
        camera.answer = data
        expected = {key: command[name].get(key) for key in ("score", "verdict", "faults", "light", "size", "code")}
        result = await upload(data)
        if (code := expected.pop("code")) is None:
            assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "tested")
            assert told(result["description_placeholders"]) == expected, name
            answer = (await call(hass, "evaluate_camera", entity_id="camera.garden"))["cameras"][camera_entry.entry_id]
            assert {key: answer[key] for key in expected} == expected, name
            judged += 1
        else:
            assert result["description_placeholders"]["code"] == code
            assert result["errors"].keys() == {"picture"}
            with pytest.raises(HomeAssistantError) as raised:
                await call(hass, "evaluate_camera", entity_id="camera.garden")
            assert raised.value.translation_key == f"code_{code.lower().replace('-', '_')}"
    assert judged == 4
    assert [command[name]["verdict"] for name in ("good", "soft", "cut", "black")] == ["good", "suspect", "bad", "bad"]


async def test_nothing_is_kept_counted_or_learned(
    hass: HomeAssistant, camera_entry: MockConfigEntry, upload: Upload, media_root: Path
) -> None:
    before = table(hass, "cameras")
    state = camera_entry.runtime_data.data
    for data in (DAY, BLACK):
        await upload(data)
    assert table(hass, "cameras") == before
    assert table(hass, "frames") == table(hass, "attempts") == files(media_root) == []
    assert camera_entry.runtime_data.data == state
    assert camera_entry.options == {}


async def test_the_picture_is_shown(
    hass: HomeAssistant, upload: Upload, hass_client_no_auth: ClientSessionGenerator
) -> None:
    result = await upload(DAY)
    (address,) = PICTURE.findall(result["description_placeholders"]["picture"])
    answer = await (await hass_client_no_auth()).get(address)
    assert (answer.status, await answer.read()) == (200, DAY)
    result = await upload(DAY + bytes(SHOWN_BYTES))
    assert PICTURE.findall(result["description_placeholders"]["picture"]) == []


async def test_judged_by_the_options_of_the_camera(
    hass: HomeAssistant, camera_entry: MockConfigEntry, upload: Upload
) -> None:
    assert told((await upload(BLACK))["description_placeholders"])["verdict"] == "bad"
    hass.config_entries.async_update_entry(camera_entry, options={"reject_below": 0.0})
    await hass.async_block_till_done()
    assert told((await upload(BLACK))["description_placeholders"])["verdict"] == "suspect"


async def test_judged_by_what_reviews_taught(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, upload: Upload
) -> None:
    camera.answer = SUBJECTS["soft"]
    shot = (await call(hass, "capture_now", entity_id="camera.garden"))["cameras"][camera_entry.entry_id]
    await call(hass, "review_frame", frame_id=shot["frame_id"], decision="reject")
    assert told((await upload(SUBJECTS["soft"]))["description_placeholders"])["verdict"] == "bad"


async def test_a_stored_frame_is_not_called_frozen(
    hass: HomeAssistant, camera: ScriptedCamera, upload: Upload, freezer: FrozenDateTimeFactory, media_root: Path
) -> None:
    """Its own sequence has the picture already; as a file it says nothing about that."""
    camera.answer = DAY
    for _ in range(5):
        shot = await call(hass, "capture_now", entity_id="camera.garden")
        freezer.tick(60)
    assert next(iter(shot["cameras"].values()))["verdict"] == "bad"
    result = await upload(files(media_root, "frames")[0].read_bytes())
    assert told(result["description_placeholders"])["verdict"] == "good"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "not_a_picture"),
        (SUBJECTS["page"], "not_a_picture"),
        (SUBJECTS["gif"], "picture_format"),
        (SUBJECTS["cut_early"], "picture_cut"),
        (SUBJECTS["tiny"], "picture_too_small"),
        (DAY + bytes(MAX_BYTES), "picture_too_large"),
    ],
    ids=["empty", "page", "gif", "cut", "tiny", "large"],
)
async def test_what_is_no_picture(upload: Upload, data: bytes, error: str) -> None:
    result = await upload(data)
    assert (result["step_id"], result["errors"]) == ("test", {"picture": error})


async def test_an_upload_that_is_gone(hass: HomeAssistant, camera_entry: MockConfigEntry, upload: Upload) -> None:
    form = await show_options(hass, camera_entry, "test")
    result = await submit_options(hass, form, {"picture": "0" * 32})
    assert result["errors"] == {"picture": "upload_gone"}


async def test_a_camera_that_is_not_loaded(hass: HomeAssistant, camera_entry: MockConfigEntry, upload: Upload) -> None:
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    result = await upload(DAY)
    assert result["errors"] == {"base": "not_loaded"}


async def test_another_picture_and_back_to_the_form(upload: Upload, hass: HomeAssistant) -> None:
    result = await upload(DAY)
    assert (await submit_options(hass, result, {"next_step_id": "test"}))["step_id"] == "test"
    result = await upload(DAY)
    assert (await submit_options(hass, result, {"next_step_id": "quality"}))["step_id"] == "quality"
