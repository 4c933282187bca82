"""One attempt and what comes of it, through Home Assistant: events, states, files and rows."""

import asyncio
from collections.abc import Awaitable, Callable
import hashlib
import io
from pathlib import Path
import ssl
import struct
from typing import Any

import aiohttp
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.json import json_bytes
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.core.catalogue import queries
from custom_components.timelapser.core.detection import Detector
from custom_components.timelapser.core.errors import CatalogueError, Code, StorageError
from custom_components.timelapser.core.models import Outcome, Phase
from custom_components.timelapser.core.note import FrameNote
from custom_components.timelapser.core.stamp import read_stamp
from custom_components.timelapser.core.storage import MARKER, Storage
from tests.conftest import Events, ScriptedCamera, good_picture, make_entry, set_up
from tests.core import pictures
from tests.ledger import BLACK, attempts, consistent, files, in_turn, table
from tests.surface import state, timelapse_id

type NextSlot = Callable[..., Awaitable[None]]

GOOD = good_picture(1)
CUT = pictures.cut(GOOD, 0.5)
GREY = pictures.jpeg(pictures.flat((128, 128, 128), 640, 360))
BLURRED = pictures.jpeg(pictures.blurred(pictures.scene("day", 640, 360), 12))
HTML = b"<!DOCTYPE html><html><head><title>Login</title></head><body>admin password=c4n4ry</body></html>"


def bomb(width: int, height: int) -> bytes:
    """Return a JPEG whose header promises another size than it has."""
    at = GOOD.index(b"\xff\xc0") + 5
    return GOOD[:at] + struct.pack(">HH", height, width) + GOOD[at + 4 :]


def gif() -> bytes:
    """Return a GIF."""
    return pictures.encoded(pictures.scene("day", 640, 360), "GIF")


OUTCOMES: list[Any] = [
    # what the camera gives, outcome, code, folder of the file, quality evidence
    pytest.param(GOOD, Outcome.CAPTURED, None, "frames", "g", id="good"),
    pytest.param(
        pictures.encoded(pictures.scene("day", 640, 360), "PNG"), Outcome.CAPTURED, None, "frames", "g", id="png"
    ),
    pytest.param(GOOD[:-2], Outcome.CAPTURED, None, "frames", "g", id="no end marker"),
    pytest.param(BLURRED, Outcome.CAPTURED, None, "frames", "g", id="suspect"),
    pytest.param(BLACK, Outcome.REJECTED, Code.BELOW_THRESHOLD, "quarantine", "b", id="black"),
    pytest.param(CUT, Outcome.REJECTED, Code.TRUNCATED, "quarantine", "b", id="truncated"),
    pytest.param(pictures.re_ended(CUT), Outcome.REJECTED, Code.TRUNCATED, "quarantine", "b", id="cut and closed"),
    pytest.param(None, Outcome.FAILED, Code.CAMERA_EMPTY, None, "", id="none"),
    pytest.param(b"", Outcome.FAILED, Code.CAMERA_EMPTY, None, "", id="empty"),
    pytest.param(HTML, Outcome.FAILED, Code.NOT_AN_IMAGE, None, "b", id="html"),
    pytest.param(b'{"error": "busy"}', Outcome.FAILED, Code.NOT_AN_IMAGE, None, "b", id="json"),
    pytest.param(b"401", Outcome.FAILED, Code.NOT_AN_IMAGE, None, "b", id="text"),
    pytest.param(gif(), Outcome.FAILED, Code.FORMAT_UNSUPPORTED, None, "b", id="gif"),
    pytest.param(bomb(65000, 65000), Outcome.FAILED, Code.TOO_LARGE, None, "b", id="bomb"),
    pytest.param(GOOD + bytes(33 << 20), Outcome.FAILED, Code.TOO_LARGE, None, "b", id="endless body"),
    pytest.param(
        pictures.jpeg(pictures.flat((90, 90, 90), 8, 8)), Outcome.FAILED, Code.TOO_SMALL, None, "b", id="too small"
    ),
]

EVENTS = {
    Outcome.CAPTURED: "image_captured",
    Outcome.REJECTED: "image_rejected",
    Outcome.FAILED: "capture_failed",
}


@pytest.mark.parametrize(("answer", "outcome", "code", "kind", "quality"), OUTCOMES)
async def test_every_outcome(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
    answer: bytes | None,
    outcome: Outcome,
    code: Code | None,
    kind: str | None,
    quality: str,
) -> None:
    camera.answer = answer
    await next_slot()
    (event,) = events
    assert event.event_type == f"timelapser_{EVENTS[outcome]}"
    assert event.context.id == event.data["correlation_id"]
    assert event.data["camera"] == "camera.garden"
    assert event.data["timelapse_ids"] == [timelapse_id(camera_entry)]
    assert event.data.get("code") == code
    (row,) = await attempts(camera_entry)
    assert (row.id, row.outcome, row.code) == (event.data["correlation_id"], outcome, event.data.get("code"))
    assert [path.relative_to(media_root).parts[2] for path in files(media_root)] == ([kind] if kind else [])
    assert consistent(hass, media_root)
    counts = {key: int(table(hass, "cameras")[0][key]) for key in ("captured", "rejected", "failed")}
    assert counts == {"captured": 0, "rejected": 0, "failed": 0, outcome.value: 1}
    assert state(hass, camera_entry, "sensor", "images_captured").state == str(counts["captured"])
    assert state(hass, camera_entry, "sensor", "images_rejected").state == str(counts["rejected"])
    assert state(hass, camera_entry, "sensor", "image_count").state == str(counts["captured"])
    health = camera_entry.runtime_data.state.health
    assert health.quality.recent == quality
    assert health.connectivity.failures == (0 if quality else 1)
    evidence = table(hass, "attempts")[0]["evidence"]
    assert (evidence is not None) is (outcome is Outcome.FAILED and quality == "b")


@pytest.mark.parametrize("answer", [BLACK, CUT, None, HTML, gif()], ids=["black", "cut", "none", "html", "gif"])
async def test_the_next_slot_runs(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
    answer: bytes | None,
) -> None:
    camera.answer = answer
    await next_slot()
    camera.answer = camera.good
    await next_slot()
    assert [row.outcome for row in await attempts(camera_entry)][1:] == [Outcome.CAPTURED]
    assert len(events) == 2
    assert state(hass, camera_entry, "sensor", "images_captured").state == "1"
    assert state(hass, camera_entry, "sensor", "last_fault").state == "none"


async def test_evidence_of_what_is_no_picture(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    camera.answer = HTML + b"x" * 10_000
    await next_slot()
    evidence = table(hass, "attempts")[0]["evidence"]
    assert evidence.startswith("<!DOCTYPE html>")
    assert "c4n4ry" not in evidence
    assert len(evidence) <= 4096


async def _cancelled() -> bytes:
    raise asyncio.CancelledError


def _decode_error() -> UnicodeDecodeError:
    return UnicodeDecodeError("utf-8", b"\xff", 0, 1, "rtsp://admin:c4n4ry@10.0.0.9/live")


SECRET = "rtsp://admin:c4n4ry@10.0.0.9/live"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HomeAssistantError("Unable to get image"), Code.CAMERA_EMPTY),
        (TimeoutError(), Code.CAMERA_EMPTY),
        (asyncio.CancelledError(), Code.CAMERA_EMPTY),
        (_cancelled, Code.CAMERA_EMPTY),
        (HomeAssistantError(SECRET), Code.CAMERA_RAISED),
        (aiohttp.ClientError(SECRET), Code.CAMERA_RAISED),
        (aiohttp.ServerDisconnectedError(), Code.CAMERA_RAISED),
        (OSError(5, "Input/output error", "/config/c4n4ry"), Code.CAMERA_RAISED),
        (ConnectionResetError(SECRET), Code.CAMERA_RAISED),
        (KeyError(SECRET), Code.CAMERA_RAISED),
        (MemoryError(), Code.CAMERA_RAISED),
        (RecursionError(SECRET), Code.CAMERA_RAISED),
        (ssl.SSLError(1, SECRET), Code.CAMERA_RAISED),
        (_decode_error(), Code.CAMERA_RAISED),
        (AssertionError(SECRET), Code.CAMERA_RAISED),
        (RuntimeError(SECRET), Code.CAMERA_RAISED),
        (ValueError(SECRET), Code.CAMERA_RAISED),
        (NotImplementedError(), Code.CAMERA_RAISED),
        (ExceptionGroup("several", [ValueError(SECRET)]), Code.CAMERA_RAISED),
        (StopAsyncIteration(SECRET), Code.CAMERA_RAISED),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_whatever_a_camera_raises_is_one_code(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
    caplog: pytest.LogCaptureFixture,
    error: Any,
    code: Code,
) -> None:
    """Home Assistant reports a camera's own timeout and cancellation in the words of an empty image."""
    camera.answer = error
    await next_slot()
    (event,) = events.named("capture_failed")
    assert (event.data["code"], event.data["phase"]) == (code, Phase.FETCH)
    if code is Code.CAMERA_RAISED:
        assert type(error() if isinstance(error, type) else error).__name__ in event.data["detail"]
    assert [row.code for row in await attempts(camera_entry)] == [code]
    assert not files(media_root)
    camera.answer = camera.good
    await next_slot()
    assert state(hass, camera_entry, "sensor", "images_captured").state == "1"
    assert "c4n4ry" not in str([event.data for event in events])
    ours = [record for record in caplog.records if "timelapser" in record.name]
    assert not [record for record in ours if "c4n4ry" in record.getMessage() or record.exc_info]


async def test_a_camera_that_never_answers(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.timelapser.fetch.SNAPSHOT_TIMEOUT_S", 0.1)
    entry = await set_up(hass, make_entry(hass, retries=0))
    camera.answer = lambda: asyncio.sleep(30)
    with pytest.raises(HomeAssistantError):
        await entry.runtime_data.async_capture_now()
    (event,) = events.named("capture_failed")
    assert event.data["code"] == Code.CAMERA_TIMEOUT
    assert event.data["duration_ms"] < 3000
    assert await hass.config_entries.async_unload(entry.entry_id)


# Retries


@pytest.mark.parametrize(
    ("answers", "tries", "outcome", "code"),
    [
        ((BLACK, GOOD), 2, Outcome.CAPTURED, None),
        ((None, CUT, GOOD), 3, Outcome.CAPTURED, None),
        ((BLACK, BLACK, BLACK, GOOD), 3, Outcome.REJECTED, Code.BELOW_THRESHOLD),
        ((CUT, BLACK, CUT), 3, Outcome.REJECTED, Code.TRUNCATED),
        ((BLACK, None, CUT), 3, Outcome.REJECTED, Code.TRUNCATED),
        ((HTML, BLACK, None), 3, Outcome.REJECTED, Code.BELOW_THRESHOLD),
        ((HTML, None, HTML), 3, Outcome.FAILED, Code.NOT_AN_IMAGE),
        ((gif(), GOOD), 1, Outcome.FAILED, Code.FORMAT_UNSUPPORTED),
    ],
)
async def test_one_slot_is_one_incident(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
    answers: tuple[bytes | None, ...],
    tries: int,
    outcome: Outcome,
    code: Code | None,
) -> None:
    """Retries are bounded, the best picture is kept, and there is one event and one row."""
    camera.answer = in_turn(*answers)
    await next_slot()
    (event,) = events
    assert event.event_type == f"timelapser_{EVENTS[outcome]}"
    assert camera.calls == event.data["tries"] == tries
    (row,) = await attempts(camera_entry)
    assert (row.tries, row.outcome, row.code) == (tries, outcome, code)
    assert len(files(media_root)) == (outcome is not Outcome.FAILED)
    assert len(camera_entry.runtime_data.state.health.quality.recent) == 1


async def test_the_best_picture_is_the_one_that_is_kept(
    camera: ScriptedCamera, camera_entry: MockConfigEntry, media_root: Path, next_slot: NextSlot
) -> None:
    camera.answer = in_turn(BLACK, GREY, CUT)
    await next_slot()
    (path,) = files(media_root, "quarantine")
    note = FrameNote.from_comment(read_stamp(path.read_bytes()) or {})
    assert note.fetched_sha256 == hashlib.sha256(GREY).digest()


async def test_retries_end_with_the_budget(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.timelapser.capture.RETRY_DELAY_S", 0.2)
    monkeypatch.setattr("custom_components.timelapser.coordinator.MIN_BUDGET_S", 0.5)
    entry = await set_up(hass, make_entry(hass, retries=5))
    camera.answer = BLACK
    answer = await entry.runtime_data.async_capture_now()
    assert answer["tries"] == 2
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_no_retry_while_a_degraded_camera_gives_nothing_but_bad_pictures(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    entry = await set_up(hass, make_entry(hass, retries=2, degraded_after=2, degraded_share=100.0))

    async def tries(answer: bytes, slots: int = 1) -> int:
        before, camera.answer = camera.calls, answer
        for _ in range(slots):
            await next_slot()
        return camera.calls - before

    assert await tries(BLACK, 2) == 6
    assert entry.runtime_data.state.health.quality.degraded
    assert await tries(BLACK, 2) == 6, "it may come and go"
    assert await tries(BLACK, 3) == 3
    assert await tries(GOOD) == 1
    assert entry.runtime_data.state.health.quality.degraded
    assert await tries(BLACK) == 3, "one was good, so another try may be"
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_no_retry_when_none_is_wanted(
    hass: HomeAssistant, camera: ScriptedCamera, system_entry: MockConfigEntry, next_slot: NextSlot
) -> None:
    entry = await set_up(hass, make_entry(hass, retries=0))
    camera.answer = BLACK
    await next_slot()
    assert camera.calls == 1
    assert await hass.config_entries.async_unload(entry.entry_id)


# What a file holds


async def test_a_file_is_the_picture_with_a_note(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
) -> None:
    camera.answer = GOOD
    await next_slot()
    (path,) = files(media_root)
    data = path.read_bytes()
    scan = GOOD[pictures.scan_start(GOOD) :]
    assert data.endswith(scan)
    note = FrameNote.from_comment(read_stamp(data) or {})
    (event,) = events
    run_id = camera_entry.runtime_data.data.timelapses[timelapse_id(camera_entry)].run_id
    assert note.camera_id == camera_entry.entry_id
    assert note.run_ids == (run_id,)
    assert note.sequence == 1
    assert note.captured_at.isoformat()[:23] == event.data["captured_at"][:23]
    assert note.slot_at.isoformat() == event.data["slot_at"]
    assert (note.score, note.verdict) == (event.data["score"], event.data["verdict"])
    (row,) = table(hass, "frames")
    assert row["fetched_sha256"] == hashlib.sha256(GOOD).digest()
    assert row["file_sha256"] == hashlib.sha256(data).digest()
    assert row["byte_count"] == len(data)
    assert (row["width"], row["height"]) == Image.open(io.BytesIO(data)).size
    assert path.name.split("-")[1].removesuffix(".jpg") == event.data["frame_id"] == event.data["correlation_id"]


async def test_a_suspect_picture_is_kept_and_flagged(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
) -> None:
    camera.answer = BLURRED
    await next_slot()
    (event,) = events.named("image_captured")
    assert (event.data["verdict"], event.data["faults"][0]) == ("suspect", "blur")
    assert state(hass, camera_entry, "sensor", "last_fault").state == "blur"
    assert camera_entry.runtime_data.state.health.quality.recent == "g"
    assert camera.calls == 1
    assert len(files(media_root, "frames")) == 1


# Trouble of our own


def _raising(error: BaseException) -> Callable[..., Any]:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise error

    return broken


@pytest.mark.parametrize(
    ("target", "name", "error", "code"),
    [
        (Storage, "write", StorageError(Code.STORAGE_FULL, "ENOSPC"), Code.STORAGE_FULL),
        (Storage, "write", StorageError(Code.STORAGE_READ_ONLY, "EROFS"), Code.STORAGE_READ_ONLY),
        (Storage, "write", RuntimeError("/config/c4n4ry"), Code.UNEXPECTED),
        (queries, "commit_attempt", CatalogueError(Code.CATALOGUE_WRITE, "full"), Code.CATALOGUE_WRITE),
        (queries, "commit_attempt", RuntimeError("a bug"), Code.UNEXPECTED),
        (Detector, "evaluate", RuntimeError("a bug"), Code.UNEXPECTED),
        (Detector, "evaluate", MemoryError(), Code.UNEXPECTED),
    ],
)
async def test_an_attempt_that_cannot_be_stored(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
    monkeypatch: pytest.MonkeyPatch,
    target: Any,
    name: str,
    error: Exception,
    code: Code,
) -> None:
    """One code, nothing left, nothing counted for the camera's health, and the next slot is like any other."""
    await next_slot()
    before = camera_entry.runtime_data.state.health
    with monkeypatch.context() as patched:
        patched.setattr(target, name, _raising(error))
        await next_slot()
    (event,) = events.named("capture_failed")
    assert event.data["code"] == code
    assert "c4n4ry" not in str(event.data)
    assert camera_entry.runtime_data.state.health == before
    assert len(files(media_root)) == 1
    assert consistent(hass, media_root)
    await next_slot()
    assert state(hass, camera_entry, "sensor", "images_captured").state == "2"
    assert consistent(hass, media_root)


async def test_an_unexpected_error_in_a_retry_keeps_the_rejected_picture(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = Detector.evaluate

    def once(*args: Any, **kwargs: Any) -> Any:
        if camera.calls > 1:
            raise RuntimeError("a bug")
        return real(*args, **kwargs)

    monkeypatch.setattr(Detector, "evaluate", once)
    camera.answer = BLACK
    await next_slot()
    assert [event.event_type for event in events] == ["timelapser_image_rejected"]
    assert camera.calls == 2
    assert len(files(media_root, "quarantine")) == 1
    assert consistent(hass, media_root)


async def test_a_storage_that_goes_away(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
) -> None:
    """Without its marker the folder is somebody else's: an empty mount point."""
    marker = media_root / "timelapser" / MARKER
    kept = marker.read_bytes()
    marker.unlink()
    await next_slot()
    assert state(hass, camera_entry, "sensor", "state").state == "storage_unavailable"
    assert not events
    assert not files(media_root)
    with pytest.raises(HomeAssistantError) as raised:
        await hass.services.async_call(
            "timelapser", "capture_now", {"entity_id": "camera.garden"}, blocking=True, return_response=True
        )
    assert raised.value.translation_key == "code_tl_fs_007"
    assert not files(media_root)
    assert camera_entry.runtime_data.state.health.connectivity.failures == 0
    marker.write_bytes(kept)
    await next_slot()
    assert state(hass, camera_entry, "sensor", "state").state == "ready"
    assert len(files(media_root)) == 1


async def test_events_are_small_and_hold_no_secret(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    tmp_path: Path,
    next_slot: NextSlot,
    caplog: pytest.LogCaptureFixture,
) -> None:
    camera.source = SECRET
    camera.stills_from_stream = False
    for answer in (GOOD, BLACK, CUT, HTML, OSError(SECRET), KeyError(f"/config/{SECRET}"), good_picture(2)):
        camera.answer = answer
        await next_slot()
    assert len(events) == 7
    assert all(len(json_bytes(event.data)) <= 2048 for event in events)
    states = [
        found for found in hass.states.async_all() if "garden" in found.entity_id and "camera." not in found.entity_id
    ]
    shown = f"{[event.data for event in events]} {[(found.state, dict(found.attributes)) for found in states]}"
    logged = " ".join(record.getMessage() for record in caplog.records if "timelapser" in record.name)
    stored = f"{table(hass, 'attempts')}"
    for text in (shown, logged, stored):
        assert "c4n4ry" not in text
        assert "rtsp://" not in text
        assert str(tmp_path) not in text
    assert all(len(json_bytes(dict(found.attributes))) <= 4096 for found in states)
