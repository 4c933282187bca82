"""Where a still comes from, and how fresh it is, through Home Assistant."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
import io
from pathlib import Path
import threading
from typing import Any

import av
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser import fetch
from custom_components.timelapser.core.errors import CameraError, Code
from tests.conftest import Events, ScriptedCamera, SetUp, good_picture, make_entry, set_up, timelapse_data
from tests.core import pictures
from tests.ledger import BLACK, attempts, files, in_turn, table
from tests.surface import state

type NextSlot = Callable[..., Awaitable[None]]

REFUSING = "tcp://127.0.0.1:1"
"""Nobody listens there."""
MISSING = "/nowhere/c4n4ry.ts"


class StreamBehind:
    """What Home Assistant takes stills from when a camera asks it to."""

    available = True

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.answer = answer
        self.calls = 0
        self.wakes = 0
        self.idle_timer = self

    def outputs(self) -> dict[str, StreamBehind]:
        """Return its only output, which has an idle timer."""
        return {"hls": self}

    def awake(self) -> None:
        """Count on."""
        self.wakes += 1

    async def async_get_image(self, **kwargs: Any) -> bytes | None:
        """Return the next still."""
        self.calls += 1
        answer = self.answer()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def stop(self) -> None:
        """End, as a stream does."""


@pytest.fixture
def stills(camera: ScriptedCamera) -> StreamBehind:
    """Let the camera's stills come out of a stream; each is new at first."""
    behind = StreamBehind(camera.good)
    camera.stream = behind  # type: ignore[assignment]
    camera.stills_from_stream = True
    return behind


@pytest.fixture
def film(tmp_path: Path) -> str:
    """Return the address of a stream with a good picture as its key frame."""
    path = tmp_path / "film.ts"
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.options = {"preset": "veryfast", "g": "10", "bf": "0"}
        for number in range(10):
            picture = pictures.noisy(pictures.scene("day", 640, 360), 1.5, number)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return str(path)


async def capture(entry: MockConfigEntry) -> dict[str, Any]:
    """Capture at once, on the real clock."""
    return await entry.runtime_data.async_capture_now()


def shorten(monkeypatch: pytest.MonkeyPatch, seconds: float = 0.3) -> None:
    """Wait less long for a picture to change."""
    monkeypatch.setattr("custom_components.timelapser.fetch.FRESH_BUDGET_S", seconds)


# Streams


async def test_auto_opens_the_stream_that_stills_come_from(
    camera: ScriptedCamera, stills: StreamBehind, guarded: SetUp, film: str, media_root: Path
) -> None:
    camera.source = film
    answer = await capture(await guarded())
    assert (answer["strategy"], answer["freshness"], answer["outcome"]) == ("stream", "proven", "captured")
    assert answer["size"] == [640, 360]
    assert stills.calls == camera.calls == 0
    assert Image.open(io.BytesIO(files(media_root)[0].read_bytes())).size == (640, 360)


@pytest.mark.parametrize("source", [None, "film"])
async def test_auto_takes_a_cameras_own_stills(
    camera: ScriptedCamera, guarded: SetUp, film: str, source: str | None
) -> None:
    """A camera with a still address is asked for stills, whether it has a stream or not."""
    camera.source = film if source else None
    answer = await capture(await guarded())
    assert (answer["strategy"], answer["freshness"]) == ("snapshot", "proven")
    assert camera.calls == 1


async def test_a_retry_goes_the_other_way(camera: ScriptedCamera, guarded: SetUp, film: str) -> None:
    camera.source = film
    camera.answer = BLACK
    answer = await capture(await guarded())
    assert (answer["strategy"], answer["tries"], answer["outcome"]) == ("stream", 2, "captured")
    assert camera.calls == 1


async def test_a_retry_of_a_broken_stream_takes_a_still(
    camera: ScriptedCamera, stills: StreamBehind, guarded: SetUp
) -> None:
    camera.source = MISSING
    answer = await capture(await guarded())
    assert (answer["strategy"], answer["tries"], answer["outcome"]) == ("snapshot", 2, "captured")


async def test_only_stills(camera: ScriptedCamera, guarded: SetUp, film: str) -> None:
    camera.source = film
    camera.answer = BLACK
    answer = await capture(await guarded(strategy="snapshot", retries=1))
    assert (answer["strategy"], answer["tries"], answer["outcome"]) == ("snapshot", 2, "rejected")
    assert camera.calls == 2


async def test_only_the_stream(
    camera: ScriptedCamera, guarded: SetUp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("custom_components.timelapser.coordinator.MANUAL_GAP", timedelta())
    camera.source = MISSING
    entry = await guarded(strategy="stream", retries=1)
    with pytest.raises(HomeAssistantError):
        await capture(entry)
    camera.source = REFUSING
    with pytest.raises(HomeAssistantError):
        await capture(entry)
    camera.source = None
    with pytest.raises(HomeAssistantError):
        await capture(entry)
    assert [row.code for row in await attempts(entry)] == [Code.CAMERA_RAISED] * 3
    assert camera.calls == 0
    assert "c4n4ry" not in caplog.text


@pytest.mark.parametrize("error", [RuntimeError("rtsp://c4n4ry"), TimeoutError(), "slow"])
async def test_a_stream_source_that_fails(
    camera: ScriptedCamera,
    guarded: SetUp,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception | str,
) -> None:
    monkeypatch.setattr("custom_components.timelapser.fetch.SOURCE_TIMEOUT_S", 0.1)

    async def source() -> str | None:
        if isinstance(error, Exception):
            raise error
        await asyncio.sleep(30)
        return None

    monkeypatch.setattr(camera, "stream_source", source)
    answer = await capture(await guarded())
    assert (answer["strategy"], answer["outcome"]) == ("snapshot", "captured")
    assert "c4n4ry" not in caplog.text


async def test_a_refused_stream_is_remembered(
    hass: HomeAssistant, camera: ScriptedCamera, stills: StreamBehind, guarded: SetUp, next_slot: NextSlot, film: str
) -> None:
    """Three refusals, each made good by a still, and the stream is left alone, after a restart as well."""
    camera.source = REFUSING
    entry = await guarded()
    for _ in range(3):
        await next_slot()
    assert table(hass, "cameras")[0]["strategy_note"] == "refuses_stream"
    camera.source = film
    await next_slot()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    await next_slot()
    rows = await attempts(entry)
    assert [(row.strategy, row.outcome, row.tries) for row in rows] == [("snapshot", "captured", 1)] * 5


async def test_one_good_read_forgets_refusals(
    hass: HomeAssistant, camera: ScriptedCamera, stills: StreamBehind, guarded: SetUp, next_slot: NextSlot, film: str
) -> None:
    entry = await guarded()
    for source in (REFUSING, REFUSING, film, REFUSING, REFUSING):
        camera.source = source
        await next_slot()
    assert table(hass, "cameras")[0]["strategy_note"] is None
    assert [row.strategy for row in await attempts(entry)] == ["snapshot", "snapshot", "stream", "snapshot", "snapshot"]


# Freshness


async def test_the_first_still_of_a_stream_is_old(
    camera: ScriptedCamera, stills: StreamBehind, guarded: SetUp, media_root: Path
) -> None:
    """Home Assistant may have kept it for minutes: another one has to come before anything is believed."""
    old, new = good_picture(11), good_picture(12)
    stills.answer = in_turn(old, old, old, new)
    answer = await capture(await guarded())
    assert (answer["freshness"], answer["tries"]) == ("proven", 1)
    assert stills.calls == 4
    (path,) = files(media_root)
    assert path.read_bytes().endswith(new[pictures.scan_start(new) :])


async def test_a_stream_is_kept_awake_by_its_stills(
    camera: ScriptedCamera, stills: StreamBehind, guarded: SetUp
) -> None:
    """Home Assistant would stop it after a minute, and a call that meets the stop ends the next stream as well."""
    stills.answer = in_turn(*[good_picture(11)] * 3, good_picture(12))
    await capture(await guarded())
    assert (stills.wakes, stills.calls) == (4, 4)


async def test_a_still_that_was_held_up_is_followed_by_silence(
    camera: ScriptedCamera, stills: StreamBehind, guarded: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It met the end of a stream: the next one is left alone until it is open, also by the next attempt."""
    monkeypatch.setattr(fetch, "BLOCKED_S", 0.05)
    monkeypatch.setattr(fetch, "REOPEN_S", 0.4)
    monkeypatch.setattr("custom_components.timelapser.coordinator.MANUAL_GAP", timedelta())
    shorten(monkeypatch, 0.2)
    called: list[float] = []

    async def held_up() -> bytes:
        called.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.1 if len(called) == 1 else 0)
        return good_picture(10 + len(called))

    stills.answer = held_up
    entry = await guarded(retries=0)
    assert (await capture(entry))["freshness"] == "unproven"
    assert len(called) == 1
    shorten(monkeypatch, 5)
    assert (await capture(entry))["freshness"] == "proven"
    assert called[1] - called[0] >= 0.5


async def test_a_picture_scaled_for_somebody_else_is_fetched_again(
    camera: ScriptedCamera, stills: StreamBehind, guarded: SetUp
) -> None:
    small = [
        pictures.jpeg(pictures.noisy(pictures.resized(pictures.scene("day", 640, 360), 320, 180), 1.5, seed))
        for seed in range(3)
    ]
    stills.answer = in_turn(good_picture(11), *small, good_picture(12))
    answer = await capture(await guarded())
    assert (answer["size"], answer["freshness"]) == ([640, 360], "proven")
    assert stills.calls == 5


async def test_the_expected_size_is_that_of_the_last_picture(
    hass: HomeAssistant, camera: ScriptedCamera, stills: StreamBehind, guarded: SetUp, next_slot: NextSlot
) -> None:
    entry = await guarded()
    await next_slot()
    stills.calls = 0
    small = [
        pictures.jpeg(pictures.noisy(pictures.resized(pictures.scene("day", 640, 360), 320, 180), 1.5, seed))
        for seed in range(3)
    ]
    stills.answer = in_turn(*small, good_picture(31))
    await next_slot()
    assert stills.calls == 4
    assert (await attempts(entry))[-1].outcome == "captured"
    assert {row["width"] for row in table(hass, "frames")} == {640}


async def test_unproven_when_nothing_changes(
    camera: ScriptedCamera, stills: StreamBehind, guarded: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept: one still picture is no proof of a fault. The wait is bounded."""
    shorten(monkeypatch)
    stills.answer = lambda: good_picture(11)
    entry = await guarded(retries=0)
    answer = await asyncio.wait_for(capture(entry), 3)
    assert (answer["freshness"], answer["outcome"]) == ("unproven", "captured")
    assert stills.calls > 5


async def test_stills_that_are_empty_for_a_moment(camera: ScriptedCamera, stills: StreamBehind, guarded: SetUp) -> None:
    """A stream that has just begun has no picture yet."""
    stills.answer = in_turn(None, b"", None, good_picture(11), None, good_picture(12))
    answer = await capture(await guarded())
    assert (answer["freshness"], answer["tries"]) == ("proven", 1)


async def test_stills_that_are_no_picture_at_first(
    camera: ScriptedCamera, stills: StreamBehind, guarded: SetUp
) -> None:
    """What is no picture has no size that the next ones could be held against."""
    stills.answer = in_turn(b"<html>starting</html>", good_picture(11), good_picture(12))
    answer = await capture(await guarded())
    assert (answer["freshness"], answer["tries"]) == ("proven", 1)
    assert stills.calls == 3


async def test_stills_that_never_come(
    camera: ScriptedCamera, stills: StreamBehind, guarded: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten(monkeypatch)
    stills.answer = lambda: None
    entry = await guarded(retries=0)
    with pytest.raises(HomeAssistantError):
        await capture(entry)
    assert [row.code for row in await attempts(entry)] == [Code.CAMERA_TIMEOUT]


async def test_stills_that_raise(camera: ScriptedCamera, stills: StreamBehind, guarded: SetUp) -> None:
    stills.answer = lambda: OSError("rtsp://c4n4ry")
    entry = await guarded(retries=0)
    with pytest.raises(HomeAssistantError):
        await capture(entry)
    assert [row.code for row in await attempts(entry)] == [Code.CAMERA_RAISED]
    assert stills.calls == 1


@pytest.mark.parametrize(("interval", "slots", "stale"), [(60, 5, True), (60, 4, False), (5, 5, True)])
async def test_the_same_bytes_again_and_again(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    events: Events,
    next_slot: NextSlot,
    interval: int,
    slots: int,
    stale: bool,
) -> None:
    """Stale after five slots and twice a key-frame interval; the next other picture clears it."""
    entry = await set_up(hass, make_entry(hass, timelapse_data(interval=interval)))
    camera.answer = good_picture(7)
    for _ in range(slots):
        await next_slot(interval)
    assert [event.data["code"] for event in events.named("image_rejected")] == [Code.CAMERA_STALE] * stale
    assert len(events.named("image_captured")) == slots - stale
    kept = [event.data["freshness"] for event in events.named("image_captured")]
    assert kept == ["proven"] + ["unproven"] * (slots - stale - 1)
    if stale:
        assert events[-1].data["freshness"] == "stale"
        assert state(hass, entry, "sensor", "last_fault").state == "stale"
        assert (await attempts(entry))[-1].tries == 1
    camera.answer = camera.good
    await next_slot(interval)
    assert events[-1].event_type == "timelapser_image_captured"
    assert events[-1].data["freshness"] == "proven"
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_the_same_bytes_within_a_key_frame_interval(
    camera: ScriptedCamera, guarded: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A camera that is asked faster than its key frames come repeats itself and is healthy."""
    monkeypatch.setattr("custom_components.timelapser.coordinator.MANUAL_GAP", timedelta())
    camera.answer = good_picture(7)
    entry = await guarded()
    assert [(await capture(entry))["freshness"] for _ in range(7)] == ["proven"] + ["unproven"] * 6


# A camera that holds on to its read


async def test_unloading_ends_a_read(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    stills: StreamBehind,
    guarded: SetUp,
    film: str,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def waiting(source: str, *, budget_s: float, cancel: threading.Event) -> Any:
        begun.set()
        if cancel.wait(20):
            ended.set()
        raise CameraError(Code.CAMERA_TIMEOUT, "cancelled")

    monkeypatch.setattr(fetch, "read_key_frame", waiting)
    camera.source = film
    entry = await guarded(retries=0)
    task = hass.async_create_task(capture(entry))
    assert await hass.async_add_executor_job(begun.wait, 5)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert await hass.async_add_executor_job(ended.wait, 5)
    await asyncio.wait([task], timeout=5)
    assert task.done()
    assert task.cancelled() or task.exception()
    assert not events.named("capture_failed") + events.named("image_captured")


async def test_a_hung_read_keeps_its_slot(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    stills: StreamBehind,
    guarded: SetUp,
    film: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the thread has not come back there is no second one, and stills are taken instead."""
    hung, release = threading.Event(), threading.Event()
    real = fetch.read_key_frame

    def stuck(source: str, *, budget_s: float, cancel: threading.Event) -> Any:
        hung.set()
        release.wait(10)
        return real(source, budget_s=5, cancel=threading.Event())

    monkeypatch.setattr(fetch, "read_key_frame", stuck)
    monkeypatch.setattr("custom_components.timelapser.coordinator.MIN_BUDGET_S", 0.2)
    monkeypatch.setattr("custom_components.timelapser.coordinator.MANUAL_GAP", timedelta())
    camera.source = film
    entry = await guarded(retries=1)
    try:
        slow = hass.async_create_task(capture(entry))
        assert await hass.async_add_executor_job(hung.wait, 5)
        with pytest.raises(HomeAssistantError) as raised:
            await slow
        assert raised.value.translation_key == "code_tl_cam_004"
        answer = await capture(entry)
        assert (answer["strategy"], answer["tries"]) == ("snapshot", 2)
    finally:
        release.set()
    await asyncio.sleep(0.3)
    monkeypatch.setattr(fetch, "read_key_frame", real)
    assert (await capture(entry))["strategy"] == "stream"
