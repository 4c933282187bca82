"""What a camera's stream names is not opened: no file, and no address that no stream needs."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
import socket

import pytest
from timelapser_core.detection import gate
from timelapser_core.errors import CameraError, Code, ImageError

from .test_keyframe import failure, film, picture, read, server, stored

PLAYLIST = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile '{}'\n"
MANIFEST = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT5S" '
    'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="video/mp4">'
    '<Representation id="1" bandwidth="1"><BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>'
)
TYPES = {PLAYLIST: "application/vnd.apple.mpegurl", CONCAT: "text/plain", MANIFEST: "application/dash+xml"}


pytestmark = pytest.mark.usefixtures("socket_enabled")


class Target:
    """A film that a stream may not have, as a file and at an address; the address knows who came."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.visits = 0
        self.port = 0

    def serve(self, connection: socket.socket) -> None:
        """Send the film."""
        self.visits += 1
        connection.recv(65536)
        answer(connection, "video/mp2t", Path(self.path).read_bytes())


def answer(connection: socket.socket, content_type: str, body: bytes) -> None:
    """Answer a request for a whole body."""
    head = f"HTTP/1.0 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


@pytest.fixture
def target(tmp_path: Path, socket_enabled: None) -> Iterator[Target]:
    """Return a film of one good picture."""
    aim = Target(stored(tmp_path, film([120])))
    with server(aim.serve) as aim.port:
        yield aim


def hostile(content_type: str, body: str, name: str = "live") -> Iterator[str]:
    """Serve a body; yield its address."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        answer(connection, content_type, body.encode())

    with server(serve) as port:
        yield f"http://127.0.0.1:{port}/{name}"


FILES = ("{path}", "file://{path}", "file:{path}", "concat:{path}", "subfile,,start,0,end,9999999,,:{path}")


@pytest.mark.parametrize("names", FILES)
@pytest.mark.parametrize("form", [PLAYLIST, CONCAT, MANIFEST], ids=["playlist", "concat", "manifest"])
@pytest.mark.parametrize("extension", ["", ".m3u8"])
def test_a_stream_that_names_a_file_does_not_get_it(target: Target, form: str, names: str, extension: str) -> None:
    body = form.format(names.format(path=target.path))
    for address in hostile(TYPES[form], body, f"live{extension}"):
        assert failure(address).code in (Code.CAMERA_RAISED, Code.CAMERA_TIMEOUT)


@pytest.mark.parametrize("form", [CONCAT], ids=["concat"])
@pytest.mark.parametrize("names", ["http://127.0.0.1:{port}/a.ts", "tcp://127.0.0.1:{port}"])
def test_a_list_that_names_an_address_does_not_reach_it(target: Target, form: str, names: str) -> None:
    for address in hostile(TYPES[form], form.format(names.format(port=target.port))):
        assert failure(address).code is Code.CAMERA_RAISED
    assert target.visits == 0


@pytest.mark.parametrize("names", ["tcp://127.0.0.1:{port}", "gopher://127.0.0.1:{port}/a.ts"])
def test_a_playlist_reaches_what_speaks_http_and_nothing_else(target: Target, names: str) -> None:
    for address in hostile(TYPES[PLAYLIST], PLAYLIST.format(names.format(port=target.port)), "live.m3u8"):
        assert failure(address).code is Code.CAMERA_RAISED
    assert target.visits == 0


@pytest.mark.parametrize("location", ["file://{path}", "{path}", "tcp://127.0.0.1:{port}"])
def test_a_redirection_leads_to_http_and_nothing_else(target: Target, location: str) -> None:
    where = location.format(path=target.path, port=target.port)

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(f"HTTP/1.0 302 Found\r\nLocation: {where}\r\n\r\n".encode())

    with server(serve) as port:
        assert failure(f"http://127.0.0.1:{port}/live").code is Code.CAMERA_RAISED
    assert target.visits == 0


def test_the_target_is_a_picture_for_who_may_have_it(target: Target) -> None:
    """The control: as a file, at its address, and from a playlist, which may name other servers."""
    assert read(target.path).size == picture(120).shape[1::-1]
    assert read(f"http://127.0.0.1:{target.port}/a.ts").codec == "h264"
    assert target.visits == 1
    body = PLAYLIST.format(f"http://127.0.0.1:{target.port}/a.ts")
    for address in hostile(TYPES[PLAYLIST], body, "live.m3u8"):
        assert read(address).codec == "h264"
    assert target.visits == 2


@pytest.mark.parametrize("form", [PLAYLIST, CONCAT, MANIFEST], ids=["playlist", "concat", "manifest"])
def test_a_list_that_is_called_a_picture_is_none(target: Target, form: str) -> None:
    """FFmpeg hands its text on as the one frame of a picture; the gate sees what it is."""
    for address in hostile("image/jpeg", form.format(f"file://{target.path}"), "live.jpg"):
        with suppress(CameraError):
            with pytest.raises(ImageError) as refused:
                gate(read(address).data)
            assert refused.value.code is Code.NOT_AN_IMAGE
