"""Key frames out of real streams: files and local servers, whole, damaged, silent and absent."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
import io
from pathlib import Path
import socket
import threading
import time

import av
import numpy as np
from PIL import Image
import pytest
from timelapser_core.errors import CameraError, Code, ImageError
from timelapser_core.keyframe import KeyFrame, StreamRefusedError, read_key_frame

from . import pictures

WIDTH, HEIGHT = 320, 180
CANARY = "c4n4ry"
DARK, BRIGHT = 60, 200

type Serve = Callable[[socket.socket], None]


def picture(level: int) -> pictures.Rgb:
    """Return a scene of about the given brightness."""
    scene = pictures.scene("day", WIDTH, HEIGHT).astype(np.float32)
    return np.clip(scene * (level / scene.mean()), 0, 255).astype(np.uint8)


def brightness(data: bytes) -> float:
    """Return the mean level of a JPEG."""
    return float(np.asarray(Image.open(io.BytesIO(data)).convert("L")).mean())


def film(
    levels: Sequence[int],
    *,
    each: int = 5,
    slices: int = 1,
    spoil: Callable[[int, bytes], bytes | None] | None = None,
) -> bytes:
    """Return an MPEG-TS of groups of frames, each group of one brightness and begun by a key frame.

    ``spoil`` gets the number of each key packet (or -1) and its bytes, and returns what is sent instead.
    """
    target = io.BytesIO()
    with av.open(target, "w", format="mpegts") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"g": str(each), "sc_threshold": "0", "bf": "0", "preset": "veryfast", "slices": str(slices)}
        packets: list[av.Packet] = []
        for level in levels:
            for _ in range(each):
                packets += stream.encode(av.VideoFrame.from_ndarray(picture(level), format="rgb24"))
        key = -1
        for packet in [*packets, *stream.encode(None)]:
            key += packet.is_keyframe
            data = spoil(key if packet.is_keyframe else -1, bytes(packet)) if spoil else bytes(packet)
            if data is None:
                continue
            sent = av.Packet(data)
            sent.pts, sent.dts, sent.time_base, sent.stream = packet.pts, packet.dts, packet.time_base, stream
            sent.is_keyframe = packet.is_keyframe
            container.mux(sent)
    return target.getvalue()


def scrambled(data: bytes) -> bytes:
    """Return a key packet whose slice is noise from a third on, with its parameter sets intact."""
    start = len(data) // 3
    noise = np.random.default_rng(3).integers(1, 255, len(data) - start, np.uint8).tobytes()
    return data[:start] + noise


def stored(tmp_path: Path, data: bytes, name: str = "film.ts") -> str:
    """Return the address of a file with these bytes."""
    path = tmp_path / name
    path.write_bytes(data)
    return str(path)


def read(source: str, budget_s: float = 5.0) -> KeyFrame:
    """Read without a wish to cancel."""
    return read_key_frame(source, budget_s=budget_s, cancel=threading.Event())


def failure(source: str, budget_s: float = 5.0) -> CameraError:
    """Return the error of a read that fails, which names nothing of its source."""
    with pytest.raises(CameraError) as raised:
        read(source, budget_s)
    text = f"{raised.value} {raised.value.context}"
    assert CANARY not in text
    assert source not in text
    assert raised.value.__cause__ is None
    return raised.value


@contextmanager
def server(serve: Serve) -> Iterator[int]:
    """Serve each connection in a thread; yield the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def handle(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            serve(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                thread = threading.Thread(target=handle, args=(listener.accept()[0],))
                threads.append(thread)
                thread.start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (acceptor, *threads):
            thread.join(10)


def wait_for_end(connection: socket.socket) -> None:
    """Read until the other side closes."""
    connection.settimeout(10)
    while connection.recv(65536):
        pass


def test_a_picture_beyond_all_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = film([DARK, BRIGHT])
    monkeypatch.setattr("timelapser_core.keyframe.MAX_BYTES", 100)
    with pytest.raises(ImageError) as raised:
        read(stored(tmp_path, data))
    assert raised.value.code is Code.TOO_LARGE


def test_damage_in_one_of_several_slices(tmp_path: Path) -> None:
    """Decoding slices in threads would swallow it."""

    def lossy(key: int, data: bytes) -> bytes:
        """Take a packet's worth out of the first key frame, late enough to leave its first slices whole."""
        return data[: len(data) * 6 // 10] + data[len(data) * 7 // 10 :] if key == 0 else data

    found = read(stored(tmp_path, film([DARK, BRIGHT], slices=4, spoil=lossy)))
    assert found.decoder_errors == 1
    assert brightness(found.data) > (DARK + BRIGHT) / 2


def test_first_key_frame(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    found = read(stored(tmp_path, film([DARK, BRIGHT])))
    assert found.size == (WIDTH, HEIGHT)
    assert found.codec == "h264"
    assert found.decoder_errors == 0
    assert before <= found.received_at <= datetime.now(UTC)
    assert Image.open(io.BytesIO(found.data)).size == (WIDTH, HEIGHT)
    assert brightness(found.data) == pytest.approx(DARK, abs=6)


def test_frames_before_a_key_frame_are_not_shown(tmp_path: Path) -> None:
    source = stored(tmp_path, film([DARK, BRIGHT], spoil=lambda key, data: None if key == 0 else data))
    assert brightness(read(source).data) == pytest.approx(BRIGHT, abs=25)


def test_a_damaged_key_frame_is_refused(tmp_path: Path) -> None:
    source = stored(tmp_path, film([DARK, BRIGHT], spoil=lambda key, data: scrambled(data) if key == 0 else data))
    found = read(source)
    assert found.decoder_errors == 1
    assert brightness(found.data) == pytest.approx(BRIGHT, abs=25)


def test_only_damaged_key_frames(tmp_path: Path) -> None:
    source = stored(tmp_path, film([DARK, BRIGHT], spoil=lambda key, data: scrambled(data) if key >= 0 else data))
    assert failure(source).code is Code.CAMERA_RAISED


def test_motion_jpeg_keeps_its_bytes(tmp_path: Path) -> None:
    """The camera's own JPEG is not encoded a second time."""
    own = [pictures.jpeg(picture(level)) for level in (DARK, BRIGHT)]
    found = read(stored(tmp_path, b"".join(own), "film.mjpeg"))
    assert found.data == own[0]
    assert found.codec == "mjpeg"
    assert found.size == (WIDTH, HEIGHT)


@pytest.mark.usefixtures("socket_enabled")
def test_motion_jpeg_over_http() -> None:
    own = pictures.jpeg(picture(DARK))

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")
        with suppress(OSError):
            for _ in range(200):
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(own)}\r\n\r\n"
                connection.sendall(head.encode() + own + b"\r\n")
                time.sleep(0.02)

    with server(serve) as port:
        assert read(f"http://127.0.0.1:{port}/video").data == own


def test_a_stream_without_video(tmp_path: Path) -> None:
    target = io.BytesIO()
    with av.open(target, "w", format="mpegts") as container:
        stream = container.add_stream("aac", rate=44100)
        for number in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, number * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    error = failure(stored(tmp_path, target.getvalue()))
    assert (error.code, error.text) == (Code.CAMERA_RAISED, "the stream has no video")


@pytest.mark.parametrize("data", [b"", b"<html>401</html>" * 40, bytes(4096)])
def test_what_is_no_stream(tmp_path: Path, data: bytes) -> None:
    assert failure(stored(tmp_path, data, f"{CANARY}.ts")).code is Code.CAMERA_RAISED


def test_nothing_there(tmp_path: Path) -> None:
    assert failure(str(tmp_path / f"{CANARY}.ts")).code is Code.CAMERA_RAISED


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize("scheme", ["tcp", "rtsp", "http"])
def test_a_refused_connection(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert isinstance(failure(f"{scheme}://admin:{CANARY}@127.0.0.1:{port}/live"), StreamRefusedError)


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize(
    ("status", "refused"),
    [
        ("403 Forbidden", True),
        ("429 Too Many Requests", True),
        ("503 Busy", True),
        ("401 No", False),
        ("404 No", False),
    ],
)
def test_an_answer_that_refuses(status: str, refused: bool) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    with server(serve) as port:
        error = failure(f"http://127.0.0.1:{port}/video?token={CANARY}")
    assert error.code is Code.CAMERA_RAISED
    assert isinstance(error, StreamRefusedError) is refused


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize("scheme", ["tcp", "rtsp", "http"])
def test_a_server_that_says_nothing(scheme: str) -> None:
    started = time.monotonic()
    with server(wait_for_end) as port:
        error = failure(f"{scheme}://127.0.0.1:{port}/live", budget_s=0.6)
    assert error.code is Code.CAMERA_TIMEOUT
    assert time.monotonic() - started < 4


@pytest.mark.usefixtures("socket_enabled")
def test_a_server_that_falls_silent() -> None:
    """It sends everything up to the first key frame, and then nothing."""
    data = film([DARK], each=20, spoil=lambda key, data: None if key == 0 else data)

    def serve(connection: socket.socket) -> None:
        connection.sendall(data[: len(data) // 188 // 2 * 188])
        wait_for_end(connection)

    with server(serve) as port:
        assert failure(f"tcp://127.0.0.1:{port}", budget_s=0.8).code is Code.CAMERA_TIMEOUT


@pytest.mark.usefixtures("socket_enabled")
def test_a_stream_without_a_key_frame_ends_in_time() -> None:
    data = film([DARK] * 8, each=5, spoil=lambda key, data: None if key > 0 else scrambled(data) if key == 0 else data)
    enough = threading.Event()

    def serve(connection: socket.socket) -> None:
        while not enough.is_set():
            connection.sendall(data)
            time.sleep(0.05)

    started = time.monotonic()
    with server(serve) as port:
        try:
            error = failure(f"tcp://127.0.0.1:{port}", budget_s=1.0)
        finally:
            enough.set()
    assert error.code is Code.CAMERA_TIMEOUT
    assert time.monotonic() - started < 4


@pytest.mark.usefixtures("socket_enabled")
def test_the_connection_is_closed_at_once() -> None:
    """The camera has its session back as soon as the key frame is read."""
    data = film([DARK, BRIGHT, DARK])
    closed = threading.Event()

    def serve(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(data)
            wait_for_end(connection)
        closed.set()

    with server(serve) as port:
        assert brightness(read(f"tcp://127.0.0.1:{port}").data) == pytest.approx(DARK, abs=6)
        assert closed.wait(5)


def test_a_cancelled_read(tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(CameraError) as raised:
        read_key_frame(stored(tmp_path, film([DARK])), budget_s=5, cancel=cancel)
    assert (raised.value.code, raised.value.text) == (Code.CAMERA_TIMEOUT, "cancelled")
