"""Whatever a camera may send or do, through Home Assistant: one attempt, one code, and the next slot runs."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
import http.client
import io
import json
from pathlib import Path
import struct
from typing import Any

import aiohttp
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import entity_registry as er
import httpx
import numpy as np
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser import fetch
from custom_components.timelapser.core.errors import Code
from custom_components.timelapser.core.models import Outcome, Phase
from tests.conftest import Events, ScriptedCamera, good_picture, make_entry, set_up
from tests.core import pictures
from tests.ledger import attempts, consistent, files, in_turn, table
from tests.surface import state

type NextSlot = Callable[..., Awaitable[None]]

SECRET = "http://admin:c4n4ry@10.0.0.9/snap.jpg"
SCENE = pictures.noisy(pictures.scene("day", 640, 360), 1.5, 1)
GOOD = pictures.jpeg(SCENE)


class Speechless(aiohttp.ClientError):
    """An error that cannot even be shown, as aiohttp's own is that is made without its connection."""

    def __str__(self) -> str:
        raise AttributeError(SECRET)


async def seen(entry: MockConfigEntry, events: Events) -> tuple[str, Code | None]:
    """Return outcome and code of the only attempt, on which event and row agree."""
    (event,) = events
    (row,) = await attempts(entry)
    assert (row.id, row.code) == (event.data["correlation_id"], event.data.get("code"))
    return row.outcome, row.code


# What is no answer


@pytest.mark.parametrize(
    "error",
    [
        HomeAssistantError("Camera is off"),
        HomeAssistantError("Camera not found"),
        HomeAssistantError("Timed out"),
        Unauthorized(),
        Speechless(SECRET),
        aiohttp.ClientPayloadError(SECRET),
        aiohttp.InvalidURL(SECRET),
        httpx.ConnectError(SECRET),
        httpx.RemoteProtocolError(SECRET),
        http.client.IncompleteRead(b"c4n4ry"),
        json.JSONDecodeError(SECRET, "{", 0),
        BrokenPipeError(32, SECRET),
        PermissionError(13, "denied", "/config/c4n4ry"),
        IsADirectoryError(21, "is a directory", "/config/c4n4ry"),
        asyncio.IncompleteReadError(b"c4n4ry", 9),
        asyncio.InvalidStateError(SECRET),
        ZeroDivisionError(SECRET),
        EOFError(SECRET),
        TypeError(SECRET),
        struct.error(SECRET),
        Image.DecompressionBombError(SECRET),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_any_exception_is_one_code_and_no_secret(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    """The words of an error decide nothing: the camera is there and on."""
    caplog.set_level("DEBUG", "custom_components.timelapser")
    camera.answer = error
    await next_slot()
    assert await seen(camera_entry, events) == (Outcome.FAILED, Code.CAMERA_RAISED)
    assert events[0].data["phase"] == Phase.FETCH
    assert not files(media_root)
    ours = [record.getMessage() for record in caplog.records if "timelapser" in record.name]
    assert "c4n4ry" not in str([event.data for event in events] + ours + table(hass, "attempts"))
    camera.answer = camera.good
    await next_slot()
    assert state(hass, camera_entry, "sensor", "images_captured").state == "1"


@pytest.mark.parametrize("what", ["off", "removed", "slow", "quick", "unavailable in the registry"])
async def test_the_cameras_state_names_what_the_words_leave_open(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    """A camera that goes off, away or silent while it is asked; Home Assistant says the same of an empty answer."""
    monkeypatch.setattr(fetch, "SNAPSHOT_TIMEOUT_S", 10 if what == "quick" else 1.05)

    async def answer() -> Exception:
        if what == "off":
            camera._attr_is_on = False
        elif what == "removed":
            await camera.async_remove()
        elif what == "unavailable in the registry":
            er.async_get(hass).async_remove("camera.garden")
        await asyncio.sleep(0.1)
        return HomeAssistantError("Unable to get image")

    camera.answer = answer
    entry = await set_up(hass, make_entry(hass, retries=0))
    with pytest.raises(HomeAssistantError) as raised:
        await entry.runtime_data.async_capture_now()
    code = {
        "off": Code.CAMERA_OFF,
        "slow": Code.CAMERA_TIMEOUT,
        "quick": Code.CAMERA_EMPTY,
    }.get(what, Code.CAMERA_MISSING)
    assert raised.value.translation_key == f"code_{code.lower().replace('-', '_')}"
    assert [event.data["code"] for event in events.named("capture_failed")] == [code]
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("error", [asyncio.CancelledError, TimeoutError])
async def test_a_cancellation_that_is_not_ours(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    next_slot: NextSlot,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
) -> None:
    """Home Assistant catches those of a camera itself today; one that gets through ends no schedule."""
    real = fetch.async_get_image

    async def cancelled(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(fetch, "async_get_image", cancelled)
    await next_slot()
    assert await seen(camera_entry, events) == (Outcome.FAILED, Code.CAMERA_TIMEOUT)
    monkeypatch.setattr(fetch, "async_get_image", real)
    await next_slot()
    assert state(hass, camera_entry, "sensor", "images_captured").state == "1"


async def test_a_camera_that_does_not_let_itself_be_cancelled(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Home Assistant's time limit is ignored; ours ends it."""
    monkeypatch.setattr(fetch, "SNAPSHOT_TIMEOUT_S", 0.1)
    ignored: list[bool] = []

    async def stubborn() -> bytes:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ignored.append(True)
        await asyncio.sleep(30)
        return GOOD

    camera.answer = stubborn
    entry = await set_up(hass, make_entry(hass, retries=0))
    with pytest.raises(HomeAssistantError):
        await asyncio.wait_for(entry.runtime_data.async_capture_now(), 10)
    assert ignored == [True]
    assert [event.data["code"] for event in events.named("capture_failed")] == [Code.CAMERA_TIMEOUT]
    await hass.config_entries.async_unload(entry.entry_id)


async def test_a_camera_that_goes_while_it_tells_its_stream(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    next_slot: NextSlot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def source() -> None:
        er.async_get(hass).async_remove("camera.garden")

    monkeypatch.setattr(camera, "stream_source", source)
    await next_slot()
    assert await seen(camera_entry, events) == (Outcome.FAILED, Code.CAMERA_MISSING)
    assert camera.calls == 0


@pytest.mark.usefixtures("socket_enabled")
async def test_a_stream_that_sends_one_picture_for_ever(
    camera: ScriptedCamera, system_entry: MockConfigEntry, hass: HomeAssistant, events: Events, next_slot: NextSlot
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + GOOD[: len(GOOD) // 2])
        with suppress(ConnectionError):
            while True:
                writer.write(b"\x11" * 1_000_000)
                await writer.drain()
        left.set()
        writer.close()

    left = asyncio.Event()
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        camera.source = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/live"
        entry = await set_up(hass, make_entry(hass, strategy="stream", retries=0))
        await next_slot()
        await asyncio.wait_for(left.wait(), 10)
        assert [event.data["code"] for event in events.named("capture_failed")] == [Code.TOO_LARGE]
        assert [row.code for row in await attempts(entry)] == [Code.TOO_LARGE]
        assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("answer", ["a text", 10**9, {"image": GOOD}, [GOOD], object(), np.ones(9)], ids=repr)
async def test_what_is_not_even_bytes(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    next_slot: NextSlot,
    caplog: pytest.LogCaptureFixture,
    answer: Any,
) -> None:
    camera.answer = lambda: answer
    await next_slot()
    assert await seen(camera_entry, events) == (Outcome.FAILED, Code.CAMERA_RAISED)
    assert "Traceback" not in caplog.text
    camera.answer = camera.good
    await next_slot()
    assert state(hass, camera_entry, "sensor", "images_captured").state == "1"


@pytest.mark.parametrize("kind", [bytearray, memoryview])
async def test_other_kinds_of_bytes_are_bytes(
    camera: ScriptedCamera, camera_entry: MockConfigEntry, events: Events, next_slot: NextSlot, kind: type
) -> None:
    camera.answer = kind(GOOD)
    await next_slot()
    assert await seen(camera_entry, events) == (Outcome.CAPTURED, None)


# What is no picture


def encoded(kind: str, **options: object) -> bytes:
    return pictures.encoded(SCENE, kind, **options)


def markers(count: int, size: int) -> bytes:
    return GOOD[:2] + (b"\xff\xe1" + struct.pack(">H", size + 2) + bytes(size)) * count + GOOD[2:]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(b"<html><form action='/login'>", Code.NOT_AN_IMAGE, id="login page"),
        pytest.param(b'{"message": "Unauthorized"}', Code.NOT_AN_IMAGE, id="json"),
        pytest.param(b"401", Code.NOT_AN_IMAGE, id="status"),
        pytest.param(b"#EXTM3U\n#EXTINF:1,\nhttp://10.0.0.9/a.ts\n", Code.NOT_AN_IMAGE, id="playlist"),
        pytest.param(b"ffconcat version 1.0\nfile '/etc/passwd'\n", Code.NOT_AN_IMAGE, id="ffconcat"),
        pytest.param(b"concat:/etc/passwd|/etc/hosts", Code.NOT_AN_IMAGE, id="concat"),
        pytest.param(b"subfile,,start,0,end,99,,:/etc/passwd", Code.NOT_AN_IMAGE, id="subfile"),
        pytest.param(b"http://10.0.0.9/picture.jpg", Code.NOT_AN_IMAGE, id="address"),
        pytest.param(b"a%03d.jpg", Code.NOT_AN_IMAGE, id="pattern"),
        pytest.param(markers(100_000, 8), Code.NOT_AN_IMAGE, id="100 000 markers"),
        pytest.param(markers(17, 65533), Code.NOT_AN_IMAGE, id="1 MB of markers"),
        pytest.param(encoded("GIF"), Code.FORMAT_UNSUPPORTED, id="gif"),
        pytest.param(encoded("BMP"), Code.FORMAT_UNSUPPORTED, id="bmp"),
        pytest.param(encoded("TIFF"), Code.FORMAT_UNSUPPORTED, id="tiff"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", Code.FORMAT_UNSUPPORTED, id="svg"),
        pytest.param(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + GOOD, Code.FORMAT_UNSUPPORTED, id="heic"),
        pytest.param(b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + GOOD, Code.FORMAT_UNSUPPORTED, id="avif"),
        pytest.param(GOOD[: pictures.scan_start(GOOD) - 9], Code.TRUNCATED, id="cut in its header"),
        pytest.param(GOOD[:-2] + bytes(60_000_000), Code.TOO_LARGE, id="60 MB"),
        pytest.param(pictures.jpeg(pictures.flat((9, 9, 9), 1, 1)), Code.TOO_SMALL, id="1x1"),
    ],
)
async def test_what_is_no_picture_is_named(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
    answer: bytes,
    code: Code,
) -> None:
    camera.answer = answer
    await next_slot()
    assert await seen(camera_entry, events) == (Outcome.FAILED, code)
    assert events[0].data["phase"] == Phase.VALIDATE
    assert not files(media_root)
    assert len(table(hass, "attempts")[0]["evidence"]) <= 4096


# Odd pictures that are pictures


def converted(mode: str, kind: str = "JPEG", **options: object) -> bytes:
    target = io.BytesIO()
    Image.fromarray(SCENE).convert(mode).save(target, kind, **options)
    return target.getvalue()


def deep() -> bytes:
    """Return the scene with 16 bits of grey."""
    grey = np.asarray(Image.fromarray(SCENE).convert("L")).astype(np.uint16) << 8
    target = io.BytesIO()
    Image.fromarray(grey).save(target, "PNG")
    return target.getvalue()


ROTATED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"


@pytest.mark.parametrize(
    ("answer", "suffix"),
    [
        pytest.param(converted("CMYK"), ".jpg", id="cmyk"),
        pytest.param(converted("L"), ".jpg", id="grey"),
        pytest.param(encoded("JPEG", progressive=True, quality=90), ".jpg", id="progressive"),
        pytest.param(encoded("JPEG", exif=ROTATED, quality=90), ".jpg", id="rotated by exif"),
        pytest.param(
            encoded("JPEG", exif=ROTATED + bytes(65000 - len(ROTATED)), quality=90), ".jpg", id="64 KB of exif"
        ),
        pytest.param(deep(), ".png", id="16 bit"),
        pytest.param(encoded("PNG"), ".png", id="png that is called a jpeg"),
        pytest.param(encoded("WEBP", quality=95), ".webp", id="webp that is called a jpeg"),
        pytest.param(GOOD + b"dhav" * 99, ".jpg", id="a tail"),
        pytest.param(GOOD[:-2], ".jpg", id="no end marker"),
    ],
)
async def test_odd_pictures_are_kept_as_what_they_are(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
    answer: bytes,
    suffix: str,
) -> None:
    camera._attr_content_type = "image/jpeg"
    camera.answer = answer
    await next_slot()
    assert await seen(camera_entry, events) == (Outcome.CAPTURED, None)
    (path,) = files(media_root, "frames")
    assert path.suffix == suffix
    assert consistent(hass, media_root)
    with Image.open(path) as kept:
        assert kept.size == (640, 360)


async def test_the_place_is_taken_out(
    camera: ScriptedCamera, camera_entry: MockConfigEntry, media_root: Path, next_slot: NextSlot
) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 28.0, 40.0)})
    exif[0x0110] = "Garden camera"
    camera.answer = encoded("JPEG", exif=exif.tobytes(), quality=90)
    assert Image.open(io.BytesIO(camera.answer)).getexif().get_ifd(0x8825)
    await next_slot()
    (path,) = files(media_root, "frames")
    with Image.open(path) as kept:
        assert not kept.getexif().get_ifd(0x8825)
        assert kept.getexif()[0x0110] == "Garden camera"


def grey_half() -> bytes:
    """Return the scene as a decoder leaves it that lost its lower slices."""
    rgb = SCENE.copy()
    rgb[170:] = 128
    return pictures.jpeg(rgb)


def tinted(*factors: float) -> bytes:
    return pictures.jpeg(np.clip(SCENE * np.array(factors), 0, 255).astype(np.uint8))


def zero_run() -> bytes:
    middle = pictures.scan_start(GOOD) + len(GOOD) // 3
    return GOOD[:middle] + bytes(2048) + GOOD[middle + 2048 :]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        pytest.param(pictures.jpeg(pictures.flat((0, 0, 0), 640, 360)), "black", id="black"),
        pytest.param(pictures.jpeg(pictures.flat((128, 128, 128), 640, 360)), "grey", id="grey"),
        pytest.param(grey_half(), "truncated", id="half grey"),
        pytest.param(pictures.jpeg(pictures.flat((0, 136, 0), 640, 360)), "green", id="green"),
        pytest.param(tinted(1.3, 0.35, 1.3), "pink", id="magenta shift"),
        pytest.param(zero_run(), "stream_damage", id="2 KB zero run"),
        pytest.param(pictures.cut(GOOD, 0.5), "truncated", id="cut"),
    ],
)
async def test_bad_pictures_are_pictures_and_no_errors(
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
    answer: bytes,
    fault: str,
) -> None:
    camera.answer = answer
    await next_slot()
    assert (await seen(camera_entry, events))[0] == Outcome.REJECTED
    assert fault in events[0].data["faults"]
    assert events[0].data["score"] < 50
    assert len(files(media_root, "quarantine")) == 1


async def test_another_resolution_in_the_middle_of_a_timelapse(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
) -> None:
    """It is stored as it is, and is the usual one from then on."""
    large = [pictures.jpeg(pictures.noisy(pictures.scene("day", 1280, 720), 1.5, seed)) for seed in range(3)]
    camera.answer = in_turn(good_picture(1), good_picture(2), *large)
    for _ in range(5):
        await next_slot()
    assert [event.event_type for event in events] == ["timelapser_image_captured"] * 5
    assert [row["width"] for row in table(hass, "frames")] == [640, 640, 1280, 1280, 1280]
    assert [event.data["verdict"] for event in events][-1] == "good"
    assert consistent(hass, media_root)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc",
        "/etc/passwd",
        "<img src=x onerror=alert(1)>",
        "{{ states }}",
        "💩",
        "",
        " ",
        ".",
        "CON",
        "-rf",
        "%03d",
        "a\\b",
        "a\x00b",
        "a\u202eb",
        "x" * 300,
        "ß" * 300,
    ],
)
async def test_no_name_leaves_its_folder(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    media_root: Path,
    next_slot: NextSlot,
    name: str,
) -> None:
    """A name is a label: the folder is of its letters and of the entry's id."""
    entry = await set_up(hass, make_entry(hass, title=name))
    await next_slot()
    (path,) = files(media_root, "frames")
    root, folder, kind, *_ = path.relative_to(media_root).parts
    assert (root, kind) == ("timelapser", "frames")
    assert folder.rpartition("-")[2] in entry.entry_id.lower()
    assert folder.isascii()
    assert folder.replace("-", "").replace("_", "").isalnum()
    assert len(folder) <= 100
    assert await hass.config_entries.async_unload(entry.entry_id)
