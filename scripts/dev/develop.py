"""Run a Home Assistant to try things in: with a camera, and Timelapser guarding it."""

import argparse
import asyncio
from pathlib import Path
import signal
import sys
import tempfile

from scripts.dev.cameras import Camera, RtspCamera, best_camera
from scripts.dev.guard import Guard
from scripts.dev.hass import HassError, HomeAssistant
from scripts.dev.process import ROOT, ProcessError
from scripts.dev.smoke import smoke

HOME = ROOT / ".dev"
CAMERA_PORT = 18554
# Home Assistant ends with this when it wants to be started again (the button in its settings).
RESTART_EXIT_CODE = 100


def announce(camera: Camera) -> None:
    """Say which camera it is."""
    kind = "H.264 over RTSP" if isinstance(camera, RtspCamera) else "HTTP stills: no RTSP server can be run here"
    print(f"Camera: {camera.url} ({kind})", flush=True)


async def furnish(hass: HomeAssistant, camera: Camera) -> str:
    """Add the camera and its guard, unless they are there from the last time; return the camera's entity id."""
    name = "Lake" if isinstance(camera, RtspCamera) else "Lake still"
    entity_id = f"camera.{name.lower().replace(' ', '_')}"
    if await hass.state(entity_id) is None:
        entity_id = await hass.add_generic_camera(name, stream=camera.stream, still=camera.still)
    if await Guard.find(hass, entity_id) is None:
        await Guard.add(hass, entity_id, interval="10s")
    return entity_id


async def stay(hass: HomeAssistant, stop: asyncio.Event) -> int:
    """Wait for Ctrl-C; start Home Assistant again when it asks for that."""
    while not stop.is_set():
        if not hass.process.running:
            if hass.process.returncode != RESTART_EXIT_CODE:
                print(
                    f"Home Assistant ended with {hass.process.returncode}:\n{hass.process.log_tail()}", file=sys.stderr
                )
                return 1
            print("Home Assistant starts again ...", flush=True)
            await hass.start()
        try:
            async with asyncio.timeout(0.5):
                await stop.wait()
        except TimeoutError:
            continue
    return 0


async def develop(port: int) -> int:
    """Start everything, print where it is, stay."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    camera = best_camera(HOME, port=CAMERA_PORT)
    announce(camera)
    print("Home Assistant starts ...", flush=True)
    async with camera, HomeAssistant(HOME / "config", port=port) as hass:
        entity_id = await furnish(hass, camera)
        print(
            f"\n  {hass.url}   user: {hass.user}   password: {hass.password}\n"
            f"  {entity_id} is guarded by Timelapser at a 10 s interval.\n"
            f"  Log: {hass.process.log.relative_to(ROOT)}   Break the camera: {camera.how_to_break}\n"
            "  Ctrl-C stops everything; the next start goes on where this one ended (remove .dev to begin anew).\n",
            flush=True,
        )
        result = await stay(hass, stop)
        print("Stopping ...", flush=True)
    return result


async def smoke_test() -> int:
    """Do the same without staying, in a folder of its own: break the camera and see that it is noticed."""
    with tempfile.TemporaryDirectory(prefix="timelapser-") as folder:
        camera = best_camera(Path(folder))
        announce(camera)
        async with camera, HomeAssistant(Path(folder) / "config") as hass:
            return await smoke(hass, camera)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="scripts/develop", description=__doc__)
    parser.add_argument(
        "--smoke", action="store_true", help="break the camera in turn, see it noticed, print a summary and end"
    )
    parser.add_argument("--port", type=int, default=8123, help="of Home Assistant on 127.0.0.1 (%(default)s)")
    args = parser.parse_args()
    try:
        sys.exit(asyncio.run(smoke_test() if args.smoke else develop(args.port)))
    except (HassError, ProcessError) as err:
        sys.exit(f"{err}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
