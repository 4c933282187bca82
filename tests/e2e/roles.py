"""The cameras of the end-to-end tests: what each of them is, how it is guarded, and how it will be broken."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from scripts.dev.cameras import Camera, Mode
from scripts.dev.guard import DEGRADED, FAILED, OFFLINE, ONLINE, QUICK_OPTIONS, RECOVERED, REJECTED
from scripts.dev.hass import Json


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way to break a camera, and what Timelapser has to make of it."""

    name: str
    event: str
    code: str
    fault: str | None = None
    lingers: bool = False
    """Home Assistant, or the camera, hands out the last picture for a while: kept, until it has been seen too often."""
    break_it: Callable[[Camera], Awaitable[None]]
    mend_it: Callable[[Camera], Awaitable[None]]

    @property
    def of_quality(self) -> bool:
        """Tell whether it is the pictures that are bad, and not the connection."""
        return self.event == REJECTED or self.code.startswith("TL-IMG")

    @property
    def transitions(self) -> tuple[str, str]:
        """Return the events of the way down and of the way up."""
        return (DEGRADED, RECOVERED) if self.of_quality else (OFFLINE, ONLINE)


async def _die(camera: Camera) -> None:
    camera.kill()


async def _rise(camera: Camera) -> None:
    await camera.start()


async def _normal(camera: Camera) -> None:
    await camera.set_mode("normal")


def _mode(mode: Mode, event: str, code: str, fault: str | None = None, *, lingers: bool = False) -> Case:
    async def break_it(camera: Camera) -> None:
        await camera.set_mode(mode)

    return Case(name=mode, event=event, code=code, fault=fault, lingers=lingers, break_it=break_it, mend_it=_normal)


def _dies(event: str, code: str, fault: str | None = None, *, lingers: bool = False) -> Case:
    return Case(name="dies", event=event, code=code, fault=fault, lingers=lingers, break_it=_die, mend_it=_rise)


TIMEOUT, RAISED, EMPTY, STALE = "TL-CAM-004", "TL-CAM-005", "TL-CAM-003", "TL-CAM-006"
NOT_AN_IMAGE, TRUNCATED, BELOW_THRESHOLD = "TL-IMG-001", "TL-IMG-003", "TL-IMG-007"


@dataclass(frozen=True, kw_only=True)
class Role:
    """A guarded camera; those of one server show the same pictures."""

    server: str
    rtsp: bool = True
    size: str = "480x270"
    fps: int = 5
    mode: Mode = "normal"
    strategy: str | None = None
    interval: str = "5s"
    options: Json | None = None
    cases: tuple[Case, ...] = ()


def _victim(name: str, *cases: Case, rtsp: bool = True, strategy: str | None = None) -> Role:
    return Role(server=name, rtsp=rtsp, strategy=strategy, options=QUICK_OPTIONS, cases=cases)


_LAKE = {"server": "lake", "size": "1280x720", "fps": 10}

ROLES: dict[str, Role] = {
    "lake_stream": Role(**_LAKE, strategy="stream", interval="10s"),
    "lake_snapshot": Role(**_LAKE, strategy="snapshot", interval="10s"),
    "busy_snapshot": Role(server="busy_snapshot", strategy="snapshot", options=QUICK_OPTIONS),
    "idle_snapshot": Role(**_LAKE, strategy="snapshot", interval="90s"),
    "idle_auto": Role(**_LAKE, interval="90s"),
    "still": Role(server="still", rtsp=False, size="1280x720", interval="10s"),
    # Its slots are far apart: a still taken by hand within half a second of one repeats its bytes, and is unproven.
    "pressed": Role(server="still", rtsp=False, size="1280x720", interval="1h"),
    "spare": Role(server="spare", rtsp=False, options=QUICK_OPTIONS),
    "porch": Role(server="porch", rtsp=False, size="1280x720", options=QUICK_OPTIONS),
    "yard": Role(server="yard", size="1280x720", strategy="stream", options=QUICK_OPTIONS),
    "shed_a": Role(server="shed_a", rtsp=False, options=QUICK_OPTIONS),
    "shed_b": Role(server="shed_b", rtsp=False, options=QUICK_OPTIONS),
    "shed_c": Role(server="shed_a", rtsp=False, options=QUICK_OPTIONS),
    "mute_still": Role(server="mute_still", rtsp=False, options=QUICK_OPTIONS),
    "mute_stream": Role(server="mute_stream", strategy="stream", options=QUICK_OPTIONS),
    "night_rtsp": Role(server="night_rtsp", mode="night", strategy="stream"),
    "night_http": Role(server="night_http", mode="night", rtsp=False),
    "rtsp_picture": _victim(
        "rtsp_picture",
        _mode("black", REJECTED, BELOW_THRESHOLD, "black"),
        _mode("freeze", REJECTED, STALE, "frozen", lingers=True),
        strategy="stream",
    ),
    "rtsp_hang": _victim("rtsp_hang", _mode("hang", FAILED, TIMEOUT), strategy="stream"),
    "rtsp_dies": _victim("rtsp_dies", _dies(FAILED, RAISED), strategy="stream"),
    "rtsp_snapshot": _victim("rtsp_snapshot", _dies(FAILED, TIMEOUT), strategy="snapshot"),
    "http_picture": _victim(
        "http_picture",
        _mode("black", REJECTED, BELOW_THRESHOLD, "black"),
        _mode("html", FAILED, NOT_AN_IMAGE),
        _mode("truncated", REJECTED, TRUNCATED, "truncated"),
        rtsp=False,
    ),
    "http_old": _victim(
        "http_old",
        _mode("500", REJECTED, STALE, "stale", lingers=True),
        _mode("freeze", REJECTED, STALE, "stale", lingers=True),
        rtsp=False,
    ),
    "http_dies": _victim("http_dies", _dies(REJECTED, STALE, "stale", lingers=True), rtsp=False),
    "http_hang": _victim("http_hang", _mode("hang", FAILED, TIMEOUT), rtsp=False),
    "http_empty": _victim("http_empty", _mode("empty", FAILED, EMPTY), rtsp=False),
}
