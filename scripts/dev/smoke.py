"""Break a guarded camera in turn, and see that Timelapser notices, and notices that it is well again."""

from collections.abc import Awaitable, Callable
import json
import sys
import time

from scripts.dev.cameras import Camera
from scripts.dev.guard import CAPTURED, EVENTS, FAILED, QUICK_OPTIONS, REJECTED, TRANSITIONS, Guard
from scripts.dev.hass import Events, HassError, HomeAssistant
from scripts.dev.process import ProcessError

# The shortest interval that Timelapser allows: the same things happen as at 10 s, in half the time.
INTERVAL = "5s"
GOOD_FRAMES = 3


class Course:
    """The steps of a smoke test, and what was seen on the way."""

    def __init__(self, hass: HomeAssistant, camera: Camera) -> None:
        """Begin with nothing."""
        self.hass, self.camera = hass, camera
        self.begin = time.monotonic()
        self.events: Events | None = None
        self.guard: Guard | None = None
        self.now = ""

    @property
    def seconds(self) -> float:
        """Return the time since the beginning."""
        return time.monotonic() - self.begin

    async def step(self, text: str, work: Awaitable[object]) -> None:
        """Do one step and say so."""
        self.now, begin = text, time.monotonic()
        print(f"{text} ... ", end="", flush=True)
        await work
        print(f"{time.monotonic() - begin:.0f} s", flush=True)

    async def run(self) -> None:
        """Take all steps."""
        camera_id = ""

        async def add_camera() -> None:
            nonlocal camera_id
            camera_id = await self.hass.add_generic_camera("Lake", stream=self.camera.stream, still=self.camera.still)

        async def add_guard() -> None:
            self.guard = await Guard.add(self.hass, camera_id, interval=INTERVAL)
            await self.guard.set_options(QUICK_OPTIONS)

        await self.step("Home Assistant gets the camera", add_camera())
        async with self.hass.events(*EVENTS) as self.events:
            await self.step("Timelapser guards it", add_guard())
            await self.step(f"{GOOD_FRAMES} good frames", self.events.wait(CAPTURED, GOOD_FRAMES, 60))
            await self.break_and_mend("black", "degraded", self.go_black, self.see_again)
            await self.break_and_mend("frozen", "degraded", self.freeze, self.see_again)
            await self.break_and_mend("gone", "connectivity", self.camera.vanish, self.camera.come_back)

    async def go_black(self) -> None:
        """Let the sensor die."""
        await self.camera.set_mode("black")

    async def freeze(self) -> None:
        """Let the camera send the same picture again and again."""
        await self.camera.set_mode("freeze")

    async def see_again(self) -> None:
        """Let the camera see."""
        await self.camera.set_mode("normal")

    async def break_and_mend(
        self, words: str, sensor: str, break_it: Callable[[], Awaitable[None]], mend_it: Callable[[], Awaitable[None]]
    ) -> None:
        """Break the camera, wait for the binary sensor and the health, mend it, wait for both again."""
        assert self.guard is not None  # noqa: S101  the order of the steps
        bad, good, health = ("on", "off", "degraded") if sensor == "degraded" else ("off", "on", "offline")
        await break_it()
        await self.step(f"The camera is {words}: {sensor} {bad}", self.guard.wait_for(sensor, bad, 90))
        await self.step(f"The camera is {words}: health {health}", self.guard.wait_for("health", health, 5))
        await mend_it()
        await self.step(f"The camera is well again: {sensor} {good}", self.guard.wait_for(sensor, good, 90))
        await self.step("The camera is well again: health online", self.guard.wait_for("health", "online", 60))

    def summary(self) -> dict[str, object]:
        """Return what was seen."""
        items = self.events.items if self.events else []
        types = [item["event_type"] for item in items]
        return {
            "camera": type(self.camera).__name__,
            "frames": types.count(CAPTURED),
            "rejected": types.count(REJECTED),
            "failed": types.count(FAILED),
            "transitions": [name.removeprefix("timelapser_camera_") for name in types if name in TRANSITIONS],
            "seconds": round(self.seconds, 1),
        }

    async def report(self, reason: str) -> None:
        """Say what did not happen, and what is known."""
        print(f"\nDid not happen: {self.now}\n  {reason}", file=sys.stderr)
        print(f"Seen so far: {json.dumps(self.summary())}", file=sys.stderr)
        if self.guard and self.hass.process.running:
            print("Last states:", file=sys.stderr)
            for key, value in sorted((await self.guard.values()).items()):
                print(f"  {key}: {value}", file=sys.stderr)
        print(f"End of the log:\n{self.hass.process.log_tail(40)}", file=sys.stderr)


async def smoke(hass: HomeAssistant, camera: Camera) -> int:
    """Run the smoke test, print one JSON line at the end, return the exit code."""
    course = Course(hass, camera)
    try:
        await course.run()
    except (HassError, ProcessError) as err:
        await course.report(str(err))
        return 1
    print(json.dumps(course.summary()))
    return 0
