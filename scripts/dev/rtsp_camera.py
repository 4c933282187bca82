"""Serve the test landscape as an RTSP camera on loopback, and break it on demand.

Runs under the system's Python, which has GStreamer's bindings (3.11 on Debian 12), with numpy and nothing else:
`/usr/bin/python3 -m scripts.dev.rtsp_camera --port 8554 --mode-file FILE`. The file holds one word, read again for
every picture: `normal`, `night` (still and dark), `black` (a dead sensor), `freeze` (the same picture again and again)
or `hang` (accepts, and sends nothing).
"""

import argparse
from pathlib import Path
import sys
import threading
import time
from typing import Any

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer
    import numpy as np
except (ImportError, ValueError) as err:
    sys.exit(f"no RTSP server can be run here: {err}")

from scripts.dev.clock import Frame

ELEMENTS = ("appsrc", "videoconvert", "x264enc", "h264parse", "rtph264pay")
PATH = "/cam"


class Camera:
    """Make pictures at a steady rate, whether somebody looks or not, and hand them to whoever looks."""

    def __init__(self, width: int, height: int, fps: int, mode_file: Path | None) -> None:
        """Prepare the landscape."""
        from scripts.dev.scene import Scene  # noqa: PLC0415  a check needs no landscape

        self.fps = fps
        self._scene = Scene(width, height)
        self._mode_file = mode_file
        self._sources: list[Any] = []
        self._lock = threading.Lock()
        self._last: Frame | None = None

    def add(self, source: Any) -> None:
        """Feed a new session."""
        with self._lock:
            self._sources.append(source)

    def remove(self, source: Any) -> None:
        """Stop feeding a session that has ended."""
        with self._lock:
            self._sources.remove(source)

    def _mode(self) -> str:
        try:
            return self._mode_file.read_text().strip() if self._mode_file else "normal"
        except OSError:
            return "normal"

    def _picture(self) -> "Frame | None":
        mode = self._mode()
        if mode == "hang":
            return None
        if mode == "black":
            return self._scene.black()
        if mode != "freeze" or self._last is None:
            draw = self._scene.night if mode == "night" else self._scene.render
            self._last = draw(time.time())
        return self._last

    def run(self) -> None:
        """Push a picture to every session, for ever."""
        due = time.monotonic()
        while True:
            with self._lock:
                sources = list(self._sources)
            picture = self._picture() if sources else None
            if picture is not None:
                data = np.ascontiguousarray(picture).tobytes()
                for source in sources:
                    source.emit("push-buffer", Gst.Buffer.new_wrapped(data))
            due = max(due + 1 / self.fps, time.monotonic() - 1)
            time.sleep(max(0.0, due - time.monotonic()))


class Factory(GstRtspServer.RTSPMediaFactory):  # type: ignore[misc]  # made at run time
    """One shared H.264 encoder for all clients."""

    def __init__(self, camera: Camera, size: "tuple[int, int]", key_interval: float) -> None:
        """Remember what the pipeline is made of."""
        super().__init__()
        self.set_shared(True)
        self._camera, self._size, self._key_frames = camera, size, max(1, round(key_interval * camera.fps))

    def do_create_element(self, _url: Any) -> Any:
        """Build the pipeline of a session."""
        width, height = self._size
        return Gst.parse_launch(
            "appsrc name=source is-live=true do-timestamp=true format=time max-buffers=4 leaky-type=downstream "
            f"caps=video/x-raw,format=RGB,width={width},height={height},framerate={self._camera.fps}/1 "
            "! videoconvert ! video/x-raw,format=I420 ! queue "
            f"! x264enc tune=zerolatency speed-preset=superfast key-int-max={self._key_frames} "
            "option-string=scenecut=0 "
            f"bitrate={max(500, width * height * self._camera.fps // 1500)} "
            "! video/x-h264,profile=high ! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96"
        )

    def do_configure(self, media: Any) -> None:
        """Connect the session to the camera."""
        source = media.get_element().get_by_name("source")
        self._camera.add(source)
        media.connect("unprepared", lambda _media: self._camera.remove(source))


def missing_elements() -> "list[str]":
    """Return the GStreamer elements that are not installed."""
    return [name for name in ELEMENTS if Gst.ElementFactory.find(name) is None]


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="Serve the test landscape as an RTSP camera on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8554)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--fps", type=int, default=10)
    parser.add_argument("--key-interval", type=float, default=4, metavar="SECONDS")
    parser.add_argument("--mode-file", type=Path)
    parser.add_argument("--check", action="store_true", help="only say whether it could run")
    args = parser.parse_args()
    Gst.init(None)
    if missing := missing_elements():
        sys.exit(f"no RTSP server can be run here: GStreamer has no {', '.join(missing)}")
    if args.check:
        return
    width, height = map(int, args.size.split("x"))
    camera = Camera(width, height, args.fps, args.mode_file)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(args.port))
    server.get_mount_points().add_factory(PATH, Factory(camera, (width, height), args.key_interval))
    if server.attach(None) == 0:
        sys.exit(f"port {args.port} is taken")
    threading.Thread(target=camera.run, daemon=True).start()
    print("ready", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
