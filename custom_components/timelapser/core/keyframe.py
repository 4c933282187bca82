"""Read one whole key frame from a video stream: open, wait, decode, close."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
import io
import threading
import time

import av
from av.codec.context import CodecContext
import av.error
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from .detection.gate import MAX_BYTES
from .errors import CameraError, Code, ImageError
from .httpsource import MAX_READ, NO_PROTOCOL, PIECE_BYTES, HttpBody, http_body, is_http, is_playlist

OPEN_TIMEOUT_S = 8.0
"""Seconds that connecting may take; battery and Wi-Fi cameras need several."""

SILENCE_TIMEOUT_S = 3.5
"""Seconds without a byte after which a stream counts as hung, be it while connecting: cameras answer within a second,
and streams send several packets in one. Nothing else ends a read that is connecting, and stopping may take 5 s."""

ANALYZE_US = 500_000
"""Microseconds that FFmpeg may look ahead at opening; its default of 5 s costs 2.8 s on a 10 fps RTSP stream."""

JPEG_QUALITY = 92
"""Quality of the still made from a decoded key frame: above it files grow with no visible gain."""

STRICT = {"err_detect": "explode"}
"""A decoder that gives up a picture at the first error instead of hiding it."""

PLAYLIST_FORMATS = "hls,dash,mpegts,mov,matroska,webvtt,aac,mp3,ac3,eac3"
"""What is opened by a playlist's address: lists, and what their segments are. A server that answers the second request
with something else would have it read without a limit."""

END_OF_IMAGE = b"\xff\xd9"
"""The marker that ends a JPEG. What was under way when the network failed has none, and is not the camera's picture."""

PADDING = b"\0\r\n"
"""Bytes that cameras send after a picture."""

_REFUSALS = (
    av.error.ConnectionRefusedError,
    av.error.ConnectionResetError,
    av.error.HTTPForbiddenError,
    av.error.HTTPTooManyRequestsError,
    av.error.HTTPServerError,
)
"""What a camera that takes no second session answers."""


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A key frame as JPEG bytes.

    ``received_at`` is when its last byte had arrived (aware UTC); ``decoder_errors`` counts key frames that were
    refused before this one because the decoder raised or marked them as corrupt.
    """

    data: bytes
    received_at: datetime
    size: tuple[int, int]
    codec: str
    decoder_errors: int


class StreamRefusedError(CameraError):
    """The camera refused the connection; it may allow only one session."""


def read_key_frame(source: str, *, budget_s: float, cancel: threading.Event) -> KeyFrame:
    """Return the next undamaged key frame of a stream within about ``budget_s`` seconds.

    The connection (TCP for RTSP) is opened for this one frame and closed at once. Decoding is strict
    (``err_detect=explode``): a key frame that raises or is marked corrupt is skipped and the next one awaited.

    Raises CameraError (``CAMERA_TIMEOUT``, ``CAMERA_RAISED``), StreamRefusedError or ImageError (``TOO_LARGE``); none
    of them names the source.
    """
    deadline = time.monotonic() + budget_s

    def check() -> None:
        if cancel.is_set():
            raise CameraError(Code.CAMERA_TIMEOUT, "cancelled")
        if time.monotonic() > deadline:
            raise CameraError(Code.CAMERA_TIMEOUT, "no key frame in time")

    silence_s = min(SILENCE_TIMEOUT_S, budget_s)
    timeout = (min(OPEN_TIMEOUT_S, budget_s), silence_s)
    options = {
        "rtsp_transport": "tcp",
        "analyzeduration": str(ANALYZE_US),
        "timeout": str(round(silence_s * 1e6)),
    }
    started = time.monotonic()
    try:
        if is_http(source):
            with http_body(source, options=options, timeout=timeout, check=check) as body:
                if not is_playlist(body.head()):
                    return _from_body(body, check)
                body.skip_playlist()
            options["format_whitelist"] = PLAYLIST_FORMATS
        with av.open(source, options=options, timeout=timeout) as container:
            return _first_key_frame(container, check)
    except _REFUSALS as err:
        raise StreamRefusedError(Code.CAMERA_RAISED, type(err).__name__) from None
    except (av.error.ExitError, av.error.TimeoutError) as err:
        raise CameraError(Code.CAMERA_TIMEOUT, type(err).__name__) from None
    except (av.error.FFmpegError, OSError, ValueError) as err:
        # A server that accepts and then sends nothing is reported as invalid data once the time is up.
        waited = time.monotonic() - started >= silence_s - 0.2
        raise CameraError(Code.CAMERA_TIMEOUT if waited else Code.CAMERA_RAISED, type(err).__name__) from None


def _from_body(body: HttpBody, check: Callable[[], None]) -> KeyFrame:
    """Read a key frame from what a server sends; what made the body end comes before what FFmpeg makes of its end."""

    def go_on() -> None:
        if body.stopped is not None:
            raise body.stopped
        check()

    options = {"analyzeduration": str(ANALYZE_US), "protocol_whitelist": NO_PROTOCOL}
    try:
        with av.open(body, "r", options=options, buffer_size=PIECE_BYTES) as container:
            key_frame = _first_key_frame(container, go_on)
            if body.broken is not None and not key_frame.data.rstrip(PADDING).endswith(END_OF_IMAGE):
                raise body.broken
            return key_frame
    except av.error.FFmpegError, CameraError:
        if (cause := body.stopped or body.broken) is not None:
            raise cause from None
        raise


def _first_key_frame(container: av.container.InputContainer, check: Callable[[], None]) -> KeyFrame:
    """Demux until a key frame decodes without a fault; ``check`` raises when there is no more time for it."""
    if not container.streams.video:
        raise CameraError(Code.CAMERA_RAISED, "the stream has no video")
    stream = container.streams.video[0]
    context: CodecContext = stream.codec_context
    # The container's options do not reach the decoder, and its slice threads swallow errors: with them 12 of 122
    # damaged H.264 key frames were refused, without them all, and no clean one (measured on the tuning corpus).
    context.options = STRICT
    context.thread_count = 1
    errors = demuxed = 0
    for packet in container.demux(stream):
        check()
        demuxed += packet.size
        if packet.size > MAX_BYTES or demuxed > MAX_READ:
            raise ImageError(Code.TOO_LARGE, f"{demuxed} bytes, one packet of {packet.size}")
        if not packet.is_keyframe or packet.size == 0:
            continue
        received_at = datetime.now(UTC)
        if context.name == "mjpeg":
            return KeyFrame(bytes(packet), received_at, (stream.width, stream.height), context.name, errors)
        frame = _decode(stream, packet)
        if frame is not None:
            return KeyFrame(_to_jpeg(frame), received_at, (frame.width, frame.height), context.name, errors)
        errors += 1
        context.flush_buffers()
    raise CameraError(Code.CAMERA_RAISED, "the stream ended")


def _decode(stream: VideoStream, packet: Packet[VideoStream]) -> VideoFrame | None:
    """Decode one key packet completely; None when the decoder found damage."""
    try:
        frames = [*stream.codec_context.decode(packet), *stream.codec_context.decode(None)]
    except av.error.FFmpegError:
        return None
    for frame in frames:
        if isinstance(frame, VideoFrame) and frame.key_frame and not frame.is_corrupt:
            return frame
    return None


def _to_jpeg(frame: VideoFrame) -> bytes:
    """Encode a decoded picture as JPEG."""
    buffer = io.BytesIO()
    picture: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
