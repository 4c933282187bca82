"""What a server sends over HTTP, as a file that ends: nobody else says how much of it FFmpeg reads."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import av
import av.error

from .errors import Code, ImageError, TimelapserError

MAX_READ: Final = 64 * 1024 * 1024
"""Bytes that are read for one key frame: a 4K stream of 16 Mbit/s with a key frame every 10 s sends 20 MB in between,
and the largest picture that is taken has 32 MiB."""

MAX_PLAYLIST: Final = 1024 * 1024
"""Bytes of a playlist: one of a whole day in segments of 2 s has 43 200 lines of 20; FFmpeg keeps 5 bytes for each of
an endless one."""

HEAD_BYTES: Final = 1024
"""Bytes in which a playlist shows that it is one: the element of a DASH manifest follows a prologue."""

PIECE_BYTES: Final = 32 * 1024
"""Bytes handed on at a time; FFmpeg's own buffer for the network is as large."""

NO_PROTOCOL: Final = "none"
"""No protocol has this name: what is read from a body opens nothing else."""


class HttpBody:
    """A body as a file that can be read once, from front to end.

    It never raises while FFmpeg reads it, as FFmpeg would hide that, or show it at another read; it ends.
    """

    def __init__(self, container: av.container.InputContainer, check: Callable[[], None]) -> None:
        """Read the packets of a container of plain data; ``check`` raises a TimelapserError when reading is to end."""
        self._packets = container.demux()
        self._check = check
        self._waiting = b""
        self._left = MAX_READ
        self.stopped: TimelapserError | None = None
        """What made us stop."""
        self.broken: av.error.FFmpegError | None = None
        """What the network or the server did."""

    def head(self) -> bytes:
        """Return the first kilobyte, which is still to be read; less of a body that is shorter."""
        while len(self._waiting) < HEAD_BYTES and (more := self._receive()):
            self._waiting += more
        # FFmpeg knows a stream of pictures by its boundary, which some cameras put on the second line.
        if (trimmed := self._waiting.lstrip(b"\r\n")).startswith(b"--"):
            self._waiting = trimmed
        return self._waiting[:HEAD_BYTES]

    def read(self, size: int) -> bytes:
        """Return at most so many bytes; none at the end, whatever the end is."""
        data = self._waiting or self._receive()
        self._waiting = data[size:]
        return data[:size]

    def skip_playlist(self) -> None:
        """Read to the end, which has to come soon, unless the network fails before."""
        self._left += MAX_PLAYLIST - MAX_READ
        while self.read(PIECE_BYTES):
            pass
        if self.stopped is not None:
            raise self.stopped

    def _receive(self) -> bytes:
        """Return what the server sent next; nothing at the end."""
        if self.stopped is not None or self.broken is not None:
            return b""
        try:
            self._check()
            data = bytes(next(self._packets, b""))
        except TimelapserError as err:
            self.stopped = err
            return b""
        except av.error.FFmpegError as err:
            self.broken = err
            return b""
        self._left -= len(data)
        if self._left < 0:
            self.stopped = ImageError(Code.TOO_LARGE, "no end and no key frame")
            return b""
        return data


@contextmanager
def http_body(
    source: str, *, options: Mapping[str, str], timeout: tuple[float, float], check: Callable[[], None]
) -> Iterator[HttpBody]:
    """Open an address with FFmpeg's own HTTP, which knows redirections, TLS and the cameras' ways to log in.

    Raises FFmpegError while it connects. ``timeout`` are seconds for connecting and without a byte.
    """
    plain = {**options, "raw_packet_size": str(PIECE_BYTES)}
    with av.open(source, format="data", options=plain, timeout=timeout) as container:
        yield HttpBody(container, check)


def is_http(source: str) -> bool:
    """Return whether an address is one of HTTP or HTTPS."""
    return source.lower().startswith(("http://", "https://"))


def is_playlist(head: bytes) -> bool:
    """Return whether a body names other addresses, as those of HLS and DASH do."""
    return head.startswith(b"#EXTM3U") or b"<MPD" in head
