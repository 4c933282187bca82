"""Start, break and stop the test cameras."""

import os
from pathlib import Path
import subprocess
import sys
from typing import Literal, Self

import aiohttp

from scripts.dev.process import ROOT, Process, free_port

type Mode = Literal["normal", "night", "black", "freeze", "hang", "500", "truncated", "html", "empty"]
KEY_INTERVAL = 4
_START_TIMEOUT = 90


class Camera:
    """A test camera in a process of its own; starts with mode `normal`."""

    url: str
    stream: str | None = None
    still: str | None = None
    modes: frozenset[str]
    how_to_break: str

    def __init__(self, process: Process) -> None:
        """Take the process that will be the camera."""
        self.process = process

    async def start(self) -> float:
        """Start, return the seconds that it took."""
        return await self.process.start("ready", _START_TIMEOUT)

    async def stop(self) -> None:
        """End in good order."""
        await self.process.stop()

    def kill(self) -> None:
        """Die at once, as a camera does that loses its power."""
        self.process.kill()

    async def set_mode(self, mode: Mode) -> None:
        """Break, or work again."""
        raise NotImplementedError

    async def vanish(self) -> None:
        """Become unreachable, in the way that Home Assistant can notice for this kind of camera."""
        self.kill()

    async def come_back(self) -> None:
        """Be reachable again."""
        await self.start()

    def _check(self, mode: Mode) -> None:
        if mode not in self.modes:
            raise ValueError(f"{type(self).__name__} has no mode {mode}")

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Stop, whatever happened."""
        self.kill()


class RtspCamera(Camera):
    """A camera with an H.264 stream over RTSP and nothing else."""

    modes = frozenset({"normal", "night", "black", "freeze", "hang"})

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        size: str = "1280x720",
        fps: int = 10,
        key_interval: float = KEY_INTERVAL,
    ) -> None:
        """Choose a port; log and mode file go to the folder."""
        port = port or free_port()
        self.url = self.stream = f"rtsp://127.0.0.1:{port}/cam"
        self._mode_file = folder / f"rtsp-{port}.mode"
        self.how_to_break = f"echo black > {self._mode_file} (or freeze, hang, night, normal)"
        command = [rtsp_python() or "python3", "-m", "scripts.dev.rtsp_camera", "--port", str(port), "--size", size]
        command += ["--fps", str(fps), "--key-interval", str(key_interval), "--mode-file", str(self._mode_file)]
        super().__init__(Process("RTSP camera", command, folder / f"rtsp-{port}.log"))

    async def start(self) -> float:
        """Start healthy."""
        self._mode_file.parent.mkdir(parents=True, exist_ok=True)
        await self.set_mode("normal")
        return await super().start()

    async def set_mode(self, mode: Mode) -> None:
        """Tell the camera by its mode file."""
        self._check(mode)
        fresh = self._mode_file.with_suffix(".new")
        fresh.write_text(mode, encoding="ascii")
        fresh.replace(self._mode_file)


class HttpCamera(Camera):
    """A camera that answers with one still a request."""

    modes = frozenset({"normal", "night", "black", "freeze", "hang", "500", "truncated", "html", "empty"})

    def __init__(self, folder: Path, *, port: int | None = None, size: str = "1280x720") -> None:
        """Choose a port; the log goes to the folder."""
        port = port or free_port()
        self._base = f"http://127.0.0.1:{port}"
        self.url = self.still = f"{self._base}/snap.jpg"
        self.how_to_break = f"curl '{self._base}/ctl?mode=black' (or {', '.join(sorted(self.modes - {'black'}))})"
        command = [sys.executable, "-m", "scripts.dev.http_camera", "--port", str(port), "--size", size]
        super().__init__(Process("HTTP camera", command, folder / f"http-{port}.log"))

    async def set_mode(self, mode: Mode) -> None:
        """Tell the camera by its control page."""
        self._check(mode)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self._base}/ctl", params={"mode": mode}, raise_for_status=True),
        ):
            pass

    async def vanish(self) -> None:
        """Stop answering: when a still camera refuses, Home Assistant hands out the last picture without a word."""
        await self.set_mode("hang")

    async def come_back(self) -> None:
        """Answer again."""
        await self.set_mode("normal")


def rtsp_python() -> str | None:
    """Return the interpreter that can run the RTSP camera, if there is one."""
    if "TL_RTSP" in os.environ:
        return os.environ.get("TL_RTSP_PYTHON") or None
    for python in ("/usr/bin/python3", "python3"):
        try:
            check = subprocess.run(
                [python, "-m", "scripts.dev.rtsp_camera", "--check"], cwd=ROOT, capture_output=True, check=False
            )
        except OSError:
            continue
        if check.returncode == 0:
            return python
    return None


def best_camera(folder: Path, *, port: int | None = None) -> RtspCamera | HttpCamera:
    """Return an RTSP camera, or a still camera where no RTSP server can be run."""
    return RtspCamera(folder, port=port) if rtsp_python() else HttpCamera(folder, port=port)
