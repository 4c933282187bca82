"""Serve the test landscape as a still camera over HTTP on loopback, and break it on demand.

`/snap.jpg` is the camera, `/ctl?mode=MODE` its switch: see `MODES`.
"""

import argparse
import asyncio
import io
import sys
import time

from aiohttp import web
from PIL import Image

from scripts.dev.scene import Scene

MODES = ("normal", "night", "freeze", "black", "500", "hang", "truncated", "html", "empty")
_HANG = 3600


class Camera:
    """A camera with a web page."""

    def __init__(self, width: int, height: int) -> None:
        """Prepare the landscape."""
        self.mode = "normal"
        self._scene = Scene(width, height)
        self._last: bytes | None = None

    def _picture(self) -> bytes:
        """Encode the picture of this moment."""
        if self.mode == "freeze" and self._last is not None:
            return self._last
        now = time.time()
        match self.mode:
            case "black":
                frame = self._scene.black()
            case "night":
                frame = self._scene.night(now)
            case _:
                frame = self._scene.render(now)
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, "JPEG", quality=88)
        self._last = buffer.getvalue()
        return self._last

    async def snapshot(self, _request: web.Request) -> web.Response:
        """Answer with a picture, or with what the mode asks for."""
        match self.mode:
            case "500":
                raise web.HTTPInternalServerError
            case "hang":
                await asyncio.sleep(_HANG)
            case "html":
                return web.Response(
                    text="<!DOCTYPE html><html><body>Please log in</body></html>", content_type="text/html"
                )
            case "empty":
                return web.Response(body=b"", content_type="image/jpeg")
        picture = await asyncio.to_thread(self._picture)
        if self.mode == "truncated":
            picture = picture[: len(picture) // 2]
        return web.Response(body=picture, content_type="image/jpeg")

    async def control(self, request: web.Request) -> web.Response:
        """Change the mode."""
        mode = request.query.get("mode", "")
        if mode not in MODES:
            raise web.HTTPBadRequest(text=f"mode is one of {', '.join(MODES)}\n")
        self.mode = mode
        return web.Response(text=f"{mode}\n")


async def serve(port: int, width: int, height: int) -> None:
    """Serve until cancelled."""
    camera = Camera(width, height)
    app = web.Application()
    app.add_routes([web.get("/snap.jpg", camera.snapshot), web.get("/ctl", camera.control)])
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as err:
        sys.exit(f"port {port}: {err.strerror}")
    print("ready", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="Serve the test landscape as an HTTP still camera on 127.0.0.1.")
    parser.add_argument("--port", type=int, default=8580)
    parser.add_argument("--size", default="1280x720")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    asyncio.run(serve(args.port, width, height))


if __name__ == "__main__":
    main()
