"""A real Home Assistant with test cameras that Timelapser guards, and everything that can be seen of them."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
import sqlite3
import time
from typing import Any

import sqlalchemy as sa

from scripts.dev.cameras import Camera, HttpCamera, RtspCamera
from scripts.dev.guard import EVENTS, Guard
from scripts.dev.hass import Events, HassError, HomeAssistant, Json
from scripts.lib.core import load_core

from .roles import ROLES, Role

load_core()
from timelapser_core.catalogue import schema  # noqa: E402
from timelapser_core.layout import FramePath  # noqa: E402

type Figures = dict[str, list[float]]

RUN_EVENTS = ("timelapser_run_started", "timelapser_run_completed")

SECRET = "S3cr3t-CANARY"
SETUPS_AT_ONCE = 4


class Catalogue:
    """The catalogue of an instance, read from outside."""

    def __init__(self, config: Path) -> None:
        self.file = config / "timelapser" / "catalogue.db"
        self.storage = config / "timelapser" / "media" / "timelapser"
        self._engine = sa.create_engine(
            "sqlite://", creator=lambda: sqlite3.connect(f"file:{self.file}?mode=ro", uri=True), poolclass=sa.NullPool
        )

    def rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        """Return what a query finds."""
        with self._engine.connect() as conn:
            return [dict(row) for row in conn.execute(query).mappings()]

    def cameras(self) -> list[dict[str, Any]]:
        """Return all cameras."""
        return self.rows(sa.select(schema.cameras))

    def camera(self, camera_id: str) -> dict[str, Any]:
        """Return one camera."""
        return next(row for row in self.cameras() if row["id"] == camera_id)

    def attempts(self, camera_id: str) -> list[dict[str, Any]]:
        """Return the attempts of a camera, oldest first."""
        return self._of(schema.attempts, camera_id)

    def frames(self, camera_id: str) -> list[dict[str, Any]]:
        """Return the stills of a camera, oldest first, each with its path."""
        folder = self.camera(camera_id)["folder"]
        return [row | {"path": self._path(folder, row)} for row in self._of(schema.frames, camera_id)]

    def runs(self, camera_id: str) -> list[dict[str, Any]]:
        """Return the runs of a camera with the number of frames that are entered for each."""
        members = (
            sa.select(sa.func.count())
            .select_from(schema.run_frames.join(schema.frames, schema.frames.c.seq == schema.run_frames.c.frame_seq))
            .where(schema.run_frames.c.run_seq == schema.runs.c.seq, schema.frames.c.kind == "frame")
            .scalar_subquery()
        )
        query = (
            sa.select(schema.runs, members.label("members"))
            .join(schema.timelapses, schema.timelapses.c.seq == schema.runs.c.timelapse_seq)
            .join(schema.cameras, schema.cameras.c.seq == schema.timelapses.c.camera_seq)
            .where(schema.cameras.c.id == camera_id)
        )
        return self.rows(query)

    def files(self) -> set[Path]:
        """Return every still on disk, and everything else in the folders of stills."""
        found = (path for kind in ("frames", "quarantine") for path in self.storage.glob(f"*/{kind}/**/*"))
        return {path for path in found if path.is_file()}

    def check(self) -> str:
        """Return what SQLite thinks of the file."""
        with sqlite3.connect(self.file) as conn:
            return str(conn.execute("PRAGMA integrity_check").fetchone()[0])

    def _of(self, table: sa.Table, camera_id: str) -> list[dict[str, Any]]:
        return self.rows(
            sa.select(table)
            .join(schema.cameras, schema.cameras.c.seq == table.c.camera_seq)
            .where(schema.cameras.c.id == camera_id)
            .order_by(table.c.seq)
        )

    def _path(self, folder: str, row: dict[str, Any]) -> Path:
        path = FramePath(folder, row["kind"], row["captured_at"], row["id"], row["ext"], row["copy"])
        return self.storage / str(path)


@dataclass(frozen=True)
class Post:
    """One guarded camera."""

    house: House
    name: str
    camera: Camera
    entity_id: str
    guard: Guard

    @property
    def id(self) -> str:
        """Return the id of its entry."""
        return self.guard.entry_id

    def events(self, *types: str, since: int = 0) -> list[Json]:
        """Return the data of its events, from a place in the house's list of events on."""
        return [
            item["data"]
            for item in self.house.events[since:]
            if item["data"].get("entry_id") == self.id and (not types or item["event_type"] in types)
        ]

    async def event(
        self,
        event_type: str,
        *,
        since: int = 0,
        count: int = 1,
        timeout: float = 120,
        where: Callable[[Json], bool] = lambda _data: True,
    ) -> list[Json]:
        """Wait for events of one type, return their data."""

        def found() -> list[Json]:
            return [data for data in self.events(event_type, since=since) if where(data)]

        await self.until(f"{count} {event_type}", lambda: len(found()) >= count, timeout)
        return found()

    async def until(self, what: str, done: Callable[[], bool], timeout: float = 120) -> None:
        """Wait for what the house has already heard or stored; else tell everything that is known."""
        end = time.monotonic() + timeout
        while not done():
            if time.monotonic() > end or not self.house.hass.process.running:
                raise AssertionError(f"{self.name}: no {what} within {timeout:.0f} s\n{await self.known()}")
            await asyncio.sleep(0.1)

    async def state(self, key: str, value: str, timeout: float = 30) -> None:
        """Wait until an entity shows a value."""
        try:
            await self.guard.wait_for(key, value, timeout)
        except HassError as err:
            raise AssertionError(f"{self.name}: {err}\n{await self.known()}") from None

    async def known(self) -> str:
        """Return its last states, events and log lines."""
        lines = [f"  {key}: {value}" for key, value in sorted((await self.guard.values()).items())]
        lines += ["last events:"]
        lines += [
            f"  {item['event_type']} {item['data']}"
            for item in self.house.events
            if item["data"].get("entry_id") == self.id
        ][-8:]
        return "\n".join(["states:", *lines, "log:", *self.house.log_lines()[-30:]])

    def attempt(self, correlation_id: str) -> dict[str, Any]:
        """Return the row of one attempt."""
        return next(row for row in self.house.catalogue.attempts(self.id) if row["id"] == correlation_id)

    def frame(self, correlation_id: str) -> dict[str, Any] | None:
        """Return the row of the still of an attempt, if there is one."""
        return next((row for row in self.house.catalogue.frames(self.id) if row["id"] == correlation_id), None)


class House:
    """One Home Assistant; its cameras are set up in the background, and waited for one by one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hass = HomeAssistant(folder / "config")
        self.catalogue = Catalogue(self.hass.config)
        self.events: list[Json] = []
        self._stack = AsyncExitStack()
        self._cameras: dict[str, asyncio.Task[Camera]] = {}
        self._posts: dict[str, asyncio.Task[Post]] = {}
        self._room = asyncio.Semaphore(SETUPS_AT_ONCE)
        self._storage_asked = asyncio.Lock()
        self._guarding = False

    async def start(self, roles: Iterable[str] = ()) -> None:
        """Start, and begin to set up cameras; the machine's cores are busy with cameras until they are all there."""
        for name in roles:
            self._camera(name, ROLES[name])
        await self.hass.start()
        await self.listen()
        for name in roles:
            self._posts[name] = asyncio.create_task(self._set_up(name, ROLES[name]))

    async def listen(self) -> None:
        """Collect the events of this integration, in one list for the whole life of the house."""
        heard: Events = await self._stack.enter_async_context(self.hass.events(*EVENTS, *RUN_EVENTS))
        heard.items, earlier = self.events, heard.items
        self.events += earlier

    async def restart(self, *, kill: bool = False, meanwhile: Callable[[], None] | None = None) -> None:
        """Stop, or kill, and start again."""
        if kill:
            self.hass.process.kill()
        else:
            await self.hass.stop()
        await self._stack.aclose()
        if meanwhile is not None:
            meanwhile()
        await self.hass.start()
        await self.listen()

    async def stop(self) -> None:
        """Stop everything."""
        for task in (*self._posts.values(), *self._cameras.values()):
            task.cancel()
        await asyncio.gather(*self._posts.values(), *self._cameras.values(), return_exceptions=True)
        await self._stack.aclose()
        try:
            await self.hass.stop()
        finally:
            for task in self._cameras.values():
                if task.done() and not task.cancelled() and task.exception() is None:
                    task.result().kill()

    async def post(self, name: str) -> Post:
        """Return a guarded camera."""
        return await asyncio.shield(self._posts[name])

    def log_lines(self) -> list[str]:
        """Return what this integration has logged, with the tracebacks below."""
        lines: list[str] = []
        ours = False
        for line in self.hass.log_text().splitlines():
            if line[:4].isdigit() and line[4:5] == "-":
                ours = "timelapser" in line
            if ours or "timelapser" in line:
                lines.append(line)
        return lines

    def _camera(self, name: str, role: Role) -> asyncio.Task[Camera]:
        if role.server not in self._cameras:
            self._cameras[role.server] = asyncio.create_task(self._start_camera(role))
        return self._cameras[role.server]

    async def _start_camera(self, role: Role) -> Camera:
        camera = (
            RtspCamera(self.folder, size=role.size, fps=role.fps)
            if role.rtsp
            else HttpCamera(self.folder, size=role.size)
        )
        await camera.start()
        if role.mode != "normal":
            await camera.set_mode(role.mode)
        return camera

    async def _set_up(self, name: str, role: Role) -> Post:
        camera = await self._camera(name, role)
        async with self._room:
            try:
                entity_id = await self.hass.add_generic_camera(
                    name.replace("_", " ").capitalize(), stream=_secret(camera.stream), still=_secret(camera.still)
                )
            except HassError as err:
                err.add_note(
                    f"The camera {'runs' if camera.process.running else 'is dead'}: {camera.process.log_tail()}"
                )
                raise
            if not self._guarding:
                # The first guard asks where the frames go.
                async with self._storage_asked:
                    guard = await Guard.add(self.hass, entity_id, interval=role.interval)
                    self._guarding = True
            else:
                guard = await Guard.add(self.hass, entity_id, interval=role.interval)
            options = (role.options or {}) | ({"strategy": role.strategy} if role.strategy else {})
            if options:
                await guard.set_options(options)
        return Post(self, name, camera, entity_id, guard)


def _secret(url: str | None) -> str | None:
    """Return an address with credentials, which no test camera asks for."""
    return url and url.replace("://", f"://user:{SECRET}@")
