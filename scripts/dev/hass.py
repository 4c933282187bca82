"""Run a real Home Assistant: make its configuration, start it, onboard it, talk to it, stop it.

Everything listens on the loopback interface only.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
import json
import os
from pathlib import Path
import sys
import time
from typing import Any, Literal, Self

import aiohttp

from scripts.dev.process import ROOT, Process, ProcessError, free_port, port_is_free

type Json = dict[str, Any]
type Step = Mapping[str, Any] | Callable[[Json], Mapping[str, Any]]
type FlowKind = Literal["config", "options", "subentry"]

_FLOWS: dict[FlowKind, str] = {
    "config": "/api/config/config_entries/flow",
    "options": "/api/config/config_entries/options/flow",
    "subentry": "/api/config/config_entries/subentries/flow",
}
_CONFIGURATION = """\
# Made anew at every start: a small Home Assistant without discovery and without cloud.
homeassistant:
  name: Timelapser
  latitude: 46.68
  longitude: 7.86
  elevation: 570
  unit_system: metric
  time_zone: UTC
  country: CH
  language: en
  external_url: "http://127.0.0.1:{port}"
  internal_url: "http://127.0.0.1:{port}"
  media_dirs:
    local: {config}/media
  allowlist_external_dirs:
    - {config}/media
frontend:
config:
api:
websocket_api:
recorder:
  commit_interval: 1
history:
logbook:
media_source:
automation: !include automations.yaml
mobile_app:
camera:
stream:
system_health:
system_log:
my:
person:
logger:
  default: info
  logs:
    custom_components.timelapser: debug
"""


GENERIC_PATIENCE = 90
"""Seconds in which the generic camera's flow looks at a camera again and again before that is a failure."""


class HassError(RuntimeError):
    """Home Assistant did not do what was asked of it."""


class Events:
    """The events that a running Home Assistant has fired since the subscription began."""

    def __init__(self) -> None:
        """Begin with none."""
        self.items: list[Json] = []
        self.changed = asyncio.Event()

    def of(self, event_type: str) -> list[Json]:
        """Return the data of the events of one type, oldest first."""
        return [item["data"] for item in self.items if item["event_type"] == event_type]

    async def wait(self, event_type: str, count: int = 1, timeout: float = 30) -> list[Json]:
        """Wait for a number of events of one type, return their data."""
        try:
            async with asyncio.timeout(timeout):
                while len(self.of(event_type)) < count:
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            seen = [item["event_type"] for item in self.items]
            raise HassError(f"no {count} {event_type} within {timeout:.0f} s, but {seen}") from None
        return self.of(event_type)


class HomeAssistant:
    """One instance with a configuration directory of its own; may be used from any event loop."""

    user = "developer"
    password = "timelapser"  # noqa: S105  it guards a toy on the loopback interface

    def __init__(self, config: Path, *, port: int | None = None) -> None:
        """Choose where it lives; nothing is done before `start`."""
        self.config = config.absolute()
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._secret = self.config / ".harness.json"
        self._token = ""
        venv = Path(os.environ["TL_HASS_VENV"]) if "TL_HASS_VENV" in os.environ else Path(sys.prefix)
        # May be changed until the next start.
        self.env = {
            key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
        }
        self.env["PATH"] = f"{venv / 'bin'}{os.pathsep}{self.env.get('PATH', os.defpath)}"
        self.process = Process(
            "Home Assistant",
            [venv / "bin" / "hass", "-c", self.config],
            self.config / "out.log",
            cwd=self.config,
            env=self.env,
        )

    # Life

    async def start(self, timeout: float = 180) -> float:
        """Start, onboard the first time, return the seconds until it ran."""
        if not port_is_free(self.port):
            raise HassError(f"port {self.port} of 127.0.0.1 is taken")
        begin = time.monotonic()
        self._prepare()
        await self.process.start("Home Assistant initialized in", timeout)
        try:
            if self._secret.exists():
                self._token = json.loads(self._secret.read_text(encoding="utf-8"))["token"]
            else:
                await self._onboard()
            await self.wait_for("the state running", self._is_running, timeout)
        except BaseException:
            self.process.kill()
            raise
        return time.monotonic() - begin

    async def stop(self) -> float:
        """Stop in good order, return the seconds that it took (an error over 20)."""
        return await self.process.stop(20)

    async def restart(self) -> float:
        """Stop and start, return the seconds that it took."""
        return await self.stop() + await self.start()

    def log_text(self) -> str:
        """Return the log since the last start."""
        return self.process.log_text()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, exc_type: type[BaseException] | None, *_exc: object) -> None:
        """Stop; after an error there is no waiting."""
        if exc_type is not None:
            self.process.kill()
        await self.stop()

    def _prepare(self) -> None:
        """Write the configuration: small, on loopback, with this checkout's integration."""
        storage = self.config / ".storage"
        # Home Assistant serves `www` only when it is there before the start.
        for folder in (storage, self.config / "www", self.config / "media", self.config / "custom_components"):
            folder.mkdir(parents=True, exist_ok=True)
        text = _CONFIGURATION.format(port=self.port, config=self.config)
        (self.config / "configuration.yaml").write_text(text, encoding="utf-8")
        (self.config / "automations.yaml").touch()
        link = self.config / "custom_components" / "timelapser"
        link.unlink(missing_ok=True)
        link.symlink_to(ROOT / "custom_components" / "timelapser", target_is_directory=True)
        # In YAML these settings would be on probation: Home Assistant takes them back after five minutes and exits.
        server = {
            "server_port": self.port,
            "server_host": ["127.0.0.1"],
            "cors_allowed_origins": [],
            "login_attempts_threshold": -1,
            "ip_ban_enabled": False,
            "ssl_profile": "intermediate_v6",
            "use_x_frame_options": True,
            "created_at": "2026-11-01T00:00:00+00:00",
            "error": None,
            "error_message": None,
        }
        _store(storage / "http", 3, {"stable": server, "pending": None, "yaml_migration_done": True})
        if not (storage / "onboarding").exists():
            # Leaves the user only: the other steps would add integrations that look for the internet.
            _store(storage / "onboarding", 4, {"done": ["core_config", "analytics", "integration"]})

    async def _onboard(self) -> None:
        """Create the owner, and a token for this harness."""
        client = f"{self.url}/"
        owner = {"name": self.user.title(), "username": self.user, "password": self.password, "language": "en"}
        answer = await self.rest("POST", "/api/onboarding/users", {"client_id": client, **owner})
        form = {"client_id": client, "grant_type": "authorization_code", "code": answer["auth_code"]}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/auth/token", data=form, raise_for_status=True) as response,
        ):
            self._token = (await response.json())["access_token"]
        self._token = await self.ws("auth/long_lived_access_token", client_name="Timelapser harness", lifespan=3650)
        self._secret.touch(0o600)
        self._secret.write_text(json.dumps({"token": self._token}), encoding="utf-8")

    async def _is_running(self) -> bool:
        config = await self.rest("GET", "/api/config")
        return bool(config["state"] == "RUNNING")

    # Talk

    async def rest(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Make a request, return its JSON (its bytes when it is none); HassError unless it went well."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, self.url + path, json=body) as response,
        ):
            if response.status >= 400:
                raise HassError(f"{method} {path}: {response.status} {(await response.text())[:2000]}")
            return await response.json() if response.content_type == "application/json" else await response.read()

    @asynccontextmanager
    async def _websocket(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{self.url}/api/websocket", max_msg_size=0) as socket,
        ):
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self._token})
            answer = await socket.receive_json()
            if answer["type"] != "auth_ok":
                raise HassError(f"websocket: {answer}")
            yield socket

    async def ws(self, command: str, **arguments: Any) -> Any:
        """Send one websocket command, return its result."""
        async with self._websocket() as socket:
            await socket.send_json({"id": 1, "type": command, **arguments})
            answer = await socket.receive_json()
            if not answer["success"]:
                raise HassError(f"{command}: {answer['error']}")
            return answer["result"]

    @asynccontextmanager
    async def events(self, *event_types: str) -> AsyncIterator[Events]:
        """Collect the bus events of the given types while the block runs."""
        events = Events()
        subscribed: list[Json] = []

        async def collect(socket: aiohttp.ClientWebSocketResponse) -> None:
            async for message in socket:
                data = json.loads(message.data)
                if data["type"] == "event":
                    events.items.append(data["event"])
                else:
                    subscribed.append(data)
                events.changed.set()

        async with self._websocket() as socket:
            reader = asyncio.create_task(collect(socket))
            try:
                for number, event_type in enumerate(event_types, 1):
                    await socket.send_json({"id": number, "type": "subscribe_events", "event_type": event_type})
                while len(subscribed) < len(event_types):
                    events.changed.clear()
                    await events.changed.wait()
                yield events
            finally:
                reader.cancel()

    async def states(self) -> dict[str, Json]:
        """Return all states by entity id."""
        return {state["entity_id"]: state for state in await self.rest("GET", "/api/states")}

    async def state(self, entity_id: str) -> Json | None:
        """Return the state of an entity, if it has one."""
        return (await self.states()).get(entity_id)

    async def call(
        self, domain: str, service: str, data: Mapping[str, Any] | None = None, *, return_response: bool = False
    ) -> Any:
        """Perform an action, return its response when that is asked for."""
        answer = await self.ws(
            "call_service",
            domain=domain,
            service=service,
            service_data=dict(data or {}),
            return_response=return_response,
        )
        return answer.get("response")

    async def snapshot(self, entity_id: str) -> bytes:
        """Return what Home Assistant gives out as the camera's picture."""
        picture: bytes = await self.rest("GET", f"/api/camera_proxy/{entity_id}")
        return picture

    async def wait_for[T](
        self, what: str, check: Callable[[], Awaitable[T | None]], timeout: float = 30, interval: float = 0.25
    ) -> T:
        """Call an async function until its result is true, return it; HassError when that does not happen in time."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if not self.process.running:
                raise ProcessError(f"Home Assistant ended while waiting for {what}:\n{self.process.log_tail()}")
            if result := await check():
                return result
            await asyncio.sleep(interval)
        raise HassError(f"{what}: not within {timeout:.0f} s")

    async def wait_for_state(self, entity_id: str, *wanted: str, timeout: float = 30) -> Json:
        """Wait until an entity has one of the wanted states (any state that is known, without one), return it."""
        last: Json | None = None

        async def check() -> Json | None:
            nonlocal last
            last = await self.state(entity_id)
            value = last["state"] if last else None
            found = value in wanted if wanted else value not in (None, "unknown", "unavailable")
            return last if found else None

        try:
            return await self.wait_for(f"{entity_id} {' or '.join(wanted) or 'known'}", check, timeout)
        except HassError as err:
            raise HassError(f"{err}; it is {last and last['state']}") from None

    # Flows

    async def flow_start(self, kind: FlowKind, handler: str | Sequence[str], **extra: Any) -> Json:
        """Open a flow, return its first step."""
        return await self._settled(kind, await self.rest("POST", _FLOWS[kind], {"handler": handler, **extra}))

    async def flow_show(self, kind: FlowKind, flow_id: str) -> Json:
        """Return the current step of a flow that is open already."""
        return await self._settled(kind, await self.rest("GET", f"{_FLOWS[kind]}/{flow_id}"))

    async def flow_step(self, kind: FlowKind, flow_id: str, answer: Mapping[str, Any]) -> Json:
        """Answer the current step of a flow, return the next one (with `errors` when the answer was not taken)."""
        return await self._settled(kind, await self.rest("POST", f"{_FLOWS[kind]}/{flow_id}", answer))

    async def flow_end(self, kind: FlowKind, flow_id: str) -> None:
        """Give up a flow."""
        await self.rest("DELETE", f"{_FLOWS[kind]}/{flow_id}")

    async def _settled(self, kind: FlowKind, result: Json) -> Json:
        """Wait until a step has stopped showing progress."""
        while result["type"] == "progress":
            await asyncio.sleep(0.2)
            result = await self.rest("GET", f"{_FLOWS[kind]}/{result['flow_id']}")
        return result

    async def flow(
        self, handler: str | Sequence[str], steps: Sequence[Step], *, kind: FlowKind = "config", **extra: Any
    ) -> Json:
        """Go through a flow, an answer (or a function of the step shown) a step; return its end, HassError if refused.

        Handler: a domain; for `options` the entry id; for `subentry` the entry id and the type. To reconfigure add
        entry_id= or subentry_id=.
        """
        result = await self.flow_start(kind, handler, **extra)
        for number, step in enumerate(steps, 1):
            if result["type"] not in ("form", "menu"):
                raise HassError(f"flow {handler}: {result['type']} before answer {number}: {result}")
            answer = step(result) if callable(step) else step
            result = await self.flow_step(kind, result["flow_id"], answer)
            if result.get("errors"):
                raise HassError(
                    f"flow {handler}: answer {number} {dict(answer)} to {result['step_id']}: {result['errors']}"
                )
        return result

    async def _generic_flow(self, user: Json) -> Json:
        """Go through the generic camera's flow, which has one look at the camera and gives up on a busy machine."""

        async def look() -> Json | None:
            try:
                return await self.flow("generic", [user, {"confirmed_ok": True}])
            except HassError as err:
                if "unable_still_load" not in str(err) and "timeout" not in str(err):
                    raise
                return None

        return await self.wait_for("a picture for the generic camera", look, GENERIC_PATIENCE, interval=1)

    async def add_generic_camera(self, name: str, *, stream: str | None = None, still: str | None = None) -> str:
        """Add a camera with the generic integration, return its entity id (made from the name)."""
        advanced = {"framerate": 2, "verify_ssl": False, "rtsp_transport": "tcp", "authentication": "basic"}
        user: Json = {"advanced": advanced}
        user |= {key: url for key, url in (("stream_source", stream), ("still_image_url", still)) if url}
        result = await self._generic_flow(user)
        if result["type"] != "create_entry":
            raise HassError(f"generic camera: {result}")
        entry_id = result["result"]["entry_id"]

        async def registered() -> Json | None:
            entries = await self.ws("config/entity_registry/list")
            return next((entry for entry in entries if entry["config_entry_id"] == entry_id), None)

        # The integration calls everything by the address.
        entity = await self.wait_for("the generic camera's entity", registered)
        new = f"camera.{name.lower().replace(' ', '_')}"
        await self.ws("config_entries/update", entry_id=entry_id, title=name)
        await self.ws("config/device_registry/update", device_id=entity["device_id"], name_by_user=name)
        # Without a name of its own it is called as its device, and not by both names.
        await self.ws("config/entity_registry/update", entity_id=entity["entity_id"], new_entity_id=new, name="")
        await self.wait_for_state(new)
        return new


def _store(path: Path, version: int, data: Json) -> None:
    """Write one of Home Assistant's storage files."""
    path.touch(0o600)
    path.write_text(json.dumps({"version": version, "minor_version": 1, "key": path.name, "data": data}), "utf-8")
