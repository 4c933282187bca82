"""Bodies over HTTP that never end are given up at a limit; those of healthy cameras never get there."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count, repeat
import socket
import threading
import time

import pytest
from timelapser_core import httpsource, keyframe
from timelapser_core.errors import Code, ImageError, TimelapserError
from timelapser_core.httpsource import MAX_PLAYLIST, MAX_READ

from . import pictures
from .test_hostile_stream import PLAYLIST, TYPES, answer
from .test_keyframe import BRIGHT, CANARY, DARK, brightness, failure, film, picture, read, server

pytestmark = pytest.mark.usefixtures("socket_enabled")

SLACK = 16 * 1024 * 1024
"""Bytes that the network keeps between a server and who reads it."""
BLOCK = 1 << 18
OWN = pictures.jpeg(picture(DARK))
MULTIPART = "multipart/x-mixed-replace; boundary=frame"


class Endless:
    """A server that sends a beginning and then the same for ever; it knows how much it sent, and if the other went."""

    def __init__(self, content_type: str, start: bytes, more: Callable[[], Iterator[bytes]]) -> None:
        self.head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\n".encode()
        self.start = start
        self.more = more
        self.sent = 0
        self.left = threading.Event()

    def serve(self, connection: socket.socket) -> None:
        """Send until the other side closes."""
        connection.recv(65536)
        connection.settimeout(20)
        try:
            connection.sendall(self.head + self.start)
            for piece in self.more():
                connection.sendall(piece)
                self.sent += len(piece)
        except OSError:
            self.left.set()


def noise() -> Iterator[bytes]:
    """Repeat what may be a picture's scan: it has no marker."""
    return repeat(bytes(range(1, 255)) * (BLOCK // 254))


def part(length: int | None) -> bytes:
    """Return how a part of a stream of pictures begins."""
    size = "" if length is None else f"Content-Length: {length}\r\n"
    return f"--frame\r\nContent-Type: image/jpeg\r\n{size}\r\n".encode()


def without_key_frames() -> Iterator[bytes]:
    """Repeat the part of a film that follows its key frame, which tells how it is encoded."""
    return repeat(film([DARK], each=40, spoil=lambda key, data: None if key == 0 else data) * 20)


def refused(endless: Endless, limit: int = MAX_READ) -> Code:
    """Return the code of a read, which ends it for the server too, and has not read more than the limit."""
    with server(endless.serve) as port:
        with pytest.raises(TimelapserError) as raised:
            read(f"http://127.0.0.1:{port}/{CANARY}", 30)
        assert endless.left.wait(5)
    assert CANARY not in str(raised.value)
    assert endless.sent < limit + SLACK
    return raised.value.code


SCAN = OWN[: len(OWN) // 2]


@pytest.mark.parametrize(
    ("content_type", "start"),
    [
        pytest.param("image/jpeg", SCAN, id="picture"),
        pytest.param("application/octet-stream", SCAN, id="picture without a type"),
        pytest.param(MULTIPART, part(None) + SCAN, id="part"),
        pytest.param(MULTIPART, part(10**12) + SCAN, id="part of a terabyte"),
        pytest.param(MULTIPART, part(2**31 - 1) + SCAN, id="part of 2 GB"),
    ],
)
def test_a_picture_that_does_not_end(content_type: str, start: bytes) -> None:
    assert refused(Endless(content_type, start, noise)) is Code.TOO_LARGE


def test_a_film_without_a_key_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpsource, "MAX_READ", 4_000_000)
    assert refused(Endless("video/mp2t", b"", without_key_frames), 4_000_000) is Code.TOO_LARGE


def test_a_film_without_a_key_frame_by_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """What FFmpeg reads by itself is counted by its packets."""
    monkeypatch.setattr(keyframe, "MAX_READ", 500_000)

    def serve(connection: socket.socket) -> None:
        for piece in without_key_frames():
            connection.sendall(piece)

    with server(serve) as port, pytest.raises(ImageError) as raised:
        read(f"tcp://127.0.0.1:{port}")
    assert raised.value.code is Code.TOO_LARGE


def test_a_playlist_that_does_not_end() -> None:
    def segments() -> Iterator[bytes]:
        for number in count():
            yield b"#EXTINF:1,\n%d.ts\n" % number * 1000

    endless = Endless(TYPES[PLAYLIST], PLAYLIST.partition("{}")[0].encode(), segments)
    assert refused(endless, MAX_PLAYLIST) is Code.TOO_LARGE


def test_a_playlist_that_turns_into_a_picture_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is opened as a playlist, nothing is taken that playlists do not have."""
    endless = Endless("image/jpeg", SCAN, noise)
    asked = count()

    def serve(connection: socket.socket) -> None:
        if next(asked):
            endless.serve(connection)
        else:
            connection.recv(65536)
            answer(connection, TYPES[PLAYLIST], PLAYLIST.format("a.ts").encode())

    with server(serve) as port:
        assert failure(f"http://127.0.0.1:{port}/live").code is Code.CAMERA_RAISED
        assert endless.left.wait(5)
    assert 0 < endless.sent < SLACK


@pytest.mark.parametrize("start", [b"", SCAN, part(None)], ids=["nothing", "picture", "part"])
def test_a_body_that_drips(start: bytes) -> None:
    """Each byte comes before the silence is too long; the time of the attempt ends it."""

    def drops() -> Iterator[bytes]:
        while True:
            time.sleep(0.05)
            yield b"\x11"

    endless = Endless("image/jpeg", start, drops)
    started = time.monotonic()
    with server(endless.serve) as port:
        assert failure(f"http://127.0.0.1:{port}/", 1.0).code is Code.CAMERA_TIMEOUT
        assert time.monotonic() - started < 4
        assert endless.left.wait(5)


def test_a_body_that_is_called_off() -> None:
    """Although no packet ever comes of it."""
    cancel = threading.Event()

    def drops() -> Iterator[bytes]:
        for number in count():
            if number == 5:
                cancel.set()
            time.sleep(0.05)
            yield b"\x11"

    with server(Endless("image/jpeg", SCAN, drops).serve) as port, pytest.raises(TimelapserError) as raised:
        keyframe.read_key_frame(f"http://127.0.0.1:{port}/", budget_s=20, cancel=cancel)
    assert (raised.value.code, raised.value.text) == (Code.CAMERA_TIMEOUT, "cancelled")


@pytest.mark.parametrize("piece", [bytes(BLOCK), b"<html>401</html>" * 9999], ids=["zeros", "text"])
@pytest.mark.parametrize("content_type", ["image/jpeg", "video/mp2t", MULTIPART, "text/html"])
def test_what_is_no_stream_is_known_by_its_beginning(content_type: str, piece: bytes) -> None:
    assert refused(Endless(content_type, piece, lambda: repeat(piece)), 4_000_000) is Code.CAMERA_RAISED


# What is healthy


FILM = film([BRIGHT], each=10)


def pictures_in_parts(start: bytes = b"", number: int = 400) -> bytes:
    """Return a stream of pictures, more than may be read for one key frame."""
    return start + (part(len(OWN)) + OWN + b"\r\n") * number


class Camera:
    """A server of addresses with answers; all but the first want a name and a password."""

    def __init__(self, content_type: str, body: bytes, *, name: str = "/live") -> None:
        self.content_type = content_type
        self.body = body
        self.name = name
        self.asked: list[str] = []

    def serve(self, connection: socket.socket) -> None:
        """Redirect, ask for the password, then answer."""
        request = connection.recv(65536).decode()
        path = request.split()[1]
        self.asked.append(path)
        if path == "/":
            connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {self.name}\r\nContent-Length: 0\r\n\r\n".encode())
        elif f"Basic {b64encode(b'admin:' + CANARY.encode()).decode()}" not in request:
            head = 'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="camera"\r\nContent-Length: 0\r\n\r\n'
            connection.sendall(head.encode())
        elif path.endswith(".ts"):
            answer(connection, "video/mp2t", FILM)
        else:
            answer(connection, self.content_type, self.body)


@contextmanager
def camera(content_type: str, body: bytes, **more: str) -> Iterator[tuple[str, Camera]]:
    """Serve a camera; yield its address."""
    one = Camera(content_type, body, **more)
    with server(one.serve) as port:
        yield f"http://admin:{CANARY}@127.0.0.1:{port}", one


@pytest.mark.parametrize(
    ("content_type", "body", "level"),
    [
        pytest.param("image/jpeg", OWN, DARK, id="picture"),
        pytest.param("text/plain", OWN, DARK, id="picture with a wrong type"),
        pytest.param(MULTIPART, pictures_in_parts(), DARK, id="parts"),
        pytest.param(MULTIPART, pictures_in_parts(b"\r\n"), DARK, id="parts after an empty line"),
        pytest.param("video/x-motion-jpeg", OWN * 20, DARK, id="pictures in a row"),
        pytest.param("video/mp2t", FILM, BRIGHT, id="film"),
        pytest.param("application/octet-stream", FILM, BRIGHT, id="film without a type"),
        pytest.param(TYPES[PLAYLIST], PLAYLIST.format("a.ts").encode(), BRIGHT, id="playlist"),
    ],
)
@pytest.mark.parametrize("path", ["/live", "/"], ids=["asked for", "redirected"])
def test_a_healthy_body(content_type: str, body: bytes, level: int, path: str) -> None:
    with camera(content_type, body) as (address, one):
        assert brightness(read(address + path).data) == pytest.approx(level, abs=25)
    assert ("/" in one.asked) is (path == "/")
    assert one.asked.count("/live") >= 2


def test_a_healthy_stream_may_be_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is on what comes before the key frame, not on what the camera would send."""
    monkeypatch.setattr(httpsource, "MAX_READ", 1_000_000)
    endless = Endless(MULTIPART, b"", lambda: repeat(part(len(OWN)) + OWN + b"\r\n"))
    with server(endless.serve) as port:
        for _ in range(3):
            assert read(f"http://127.0.0.1:{port}/").data == OWN
    assert len(OWN) < 1_000_000 < endless.sent


def test_a_connection_that_breaks_after_the_picture() -> None:
    """What was whole is taken."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        with suppress(OSError):
            connection.sendall(
                f"HTTP/1.1 200 OK\r\nContent-Type: {MULTIPART}\r\nContent-Length: 99999999\r\n\r\n".encode()
            )
            connection.sendall(pictures_in_parts(number=3))

    with server(serve) as port:
        assert read(f"http://127.0.0.1:{port}/").data == OWN
