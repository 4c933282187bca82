"""Obtain one still from a Home Assistant camera, with what is known about its freshness."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
import logging
import threading
from typing import Any

from homeassistant.components.camera import Camera, Image, async_get_image
from homeassistant.components.camera.const import DATA_COMPONENT
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .core.detection.gate import gate
from .core.errors import CameraError, Code, ImageError
from .core.keyframe import KeyFrame, StreamRefusedError, read_key_frame
from .core.models import FetchEvidence, FetchStrategy, Freshness
from .core.redact import redact

_LOGGER = logging.getLogger(__name__)

SNAPSHOT_TIMEOUT_S = 10
"""Seconds for one call into the camera integration; Home Assistant's own limit for camera images."""

FRESH_BUDGET_S = 15.0
"""Seconds that an attempt may wait for a picture to change: key-frame intervals are at most 10 s."""

FRESH_POLL_S = 0.5
"""Seconds between two looks at a stream-backed still; a repeated one costs 1-3 ms."""

BLOCKED_S = 1.0
"""Seconds for one still of a stream after which Home Assistant is taken to be stopping the stream meanwhile."""

REOPEN_S = 8.0
"""Seconds without a call that follow: one that meets the end of a stream makes Home Assistant end the next one too, so
that none ever gets to a picture. Opening one takes 3 s at 10 frames a second, 5 s at 5."""

LOST_S = 86400
"""Seconds after which a thread of Home Assistant's that a camera blocks is taken for lost, and another one sent."""

SOURCE_TIMEOUT_S = 10
"""Seconds that an integration may take to tell the address of its stream."""

REFUSALS_REMEMBERED = 3
"""Refused streams in a row, each replaced by a good snapshot, after which ``auto`` stops trying the stream."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A still as the camera gave it."""

    data: bytes
    captured_at: datetime
    evidence: FetchEvidence


class SourceCamera:
    """The wrapped camera entity, found anew at each use so that renames and reloads are followed."""

    def __init__(self, hass: HomeAssistant, source_key: str) -> None:
        """Remember the entity-registry id, or the entity_id of a camera that has none."""
        self.hass = hass
        self.source_key = source_key

    @property
    def entity_id(self) -> str | None:
        """Return the camera's current entity_id, or None when it was removed."""
        if "." in self.source_key:
            return self.source_key
        entry = er.async_get(self.hass).entities.get_entry(self.source_key)
        return entry.entity_id if entry else None

    @property
    def present(self) -> bool:
        """Return whether the camera exists: registered, or known to the state machine."""
        if (entity_id := self.entity_id) is None:
            return False
        if "." in self.source_key:
            return self.hass.states.get(entity_id) is not None or self.entity is not None
        entry = er.async_get(self.hass).entities.get_entry(self.source_key)
        return entry is not None and entry.disabled_by is None

    @property
    def entity(self) -> Camera | None:
        """Return the loaded entity."""
        component = self.hass.data.get(DATA_COMPONENT)
        entity_id = self.entity_id
        return component.get_entity(entity_id) if component and entity_id else None

    @property
    def on(self) -> bool:
        """Return False only when the camera says that it is switched off."""
        return entity.is_on if (entity := self.entity) else True

    @property
    def available(self) -> bool:
        """Return whether the entity is loaded and not unavailable."""
        state = self.hass.states.get(self.entity_id) if self.entity_id else None
        return self.entity is not None and state is not None and state.state != STATE_UNAVAILABLE


class Fetcher:
    """Fetches stills of one camera by its strategy; remembers what the camera does not allow."""

    def __init__(
        self,
        hass: HomeAssistant,
        source: SourceCamera,
        strategy: FetchStrategy,
        pool: Executor,
        *,
        refused: bool = False,
    ) -> None:
        """Use the given thread pool for stream reads; ``refused`` says that the camera takes no second session."""
        self.hass = hass
        self.source = source
        self.strategy = strategy
        self._pool = pool
        self._refusals = REFUSALS_REMEMBERED if refused else 0
        self._reading: asyncio.Future[KeyFrame] | None = None
        self._asking: asyncio.Task[Image] | None = None
        self._cancel = threading.Event()
        self._quiet_until = 0.0

    @property
    def refused(self) -> bool:
        """Return whether the camera is known to refuse a second stream session."""
        return self._refusals >= REFUSALS_REMEMBERED

    def cancel(self) -> asyncio.Future[KeyFrame] | None:
        """Make a running stream read end at its next packet; return what is done when its thread is back."""
        self._cancel.set()
        if self._asking is not None:
            self._asking.cancel()
        return self._reading

    async def async_fetch(
        self, *, alternate: bool = False, budget_s: float = FRESH_BUDGET_S, expected_size: tuple[int, int] | None = None
    ) -> Fetched:
        """Return a still; ``alternate`` goes the other way where ``auto`` has two.

        Raises CameraError with one of the camera codes, whatever the camera layer does.
        """
        camera = self.source.entity
        if camera is None or not self.source.available:
            raise CameraError(
                Code.CAMERA_TIMEOUT if self.source.present else Code.CAMERA_MISSING, "the camera entity is unavailable"
            )
        if not camera.is_on:
            raise CameraError(Code.CAMERA_OFF, "the camera is off")
        try:
            async with asyncio.timeout(SOURCE_TIMEOUT_S):
                address = await camera.stream_source() if self.strategy is not FetchStrategy.SNAPSHOT else None
        except Exception as err:  # noqa: BLE001 - integrations raise anything
            _LOGGER.debug("%s gave no stream source: %s", self.source.entity_id, type(err).__name__)
            address = None
        if address and self._goes_by_stream(camera, alternate=alternate):
            try:
                return await self._async_stream(address, budget_s)
            except StreamRefusedError:
                if self.strategy is FetchStrategy.STREAM:
                    raise
                fetched = await self._async_snapshot(camera, budget_s, expected_size)
                if not alternate and fetched.evidence.freshness is Freshness.PROVEN:
                    self._refusals += 1
                return fetched
        if self.strategy is FetchStrategy.STREAM:
            raise CameraError(Code.CAMERA_RAISED, "the camera has no stream source")
        return await self._async_snapshot(camera, budget_s, expected_size)

    def _goes_by_stream(self, camera: Camera, *, alternate: bool) -> bool:
        """Return whether this fetch opens the stream, given that there is one."""
        if self.strategy is FetchStrategy.STREAM:
            return True
        return (camera.use_stream_for_stills and not self.refused) != alternate

    async def _async_stream(self, address: str, budget_s: float) -> Fetched:
        """Read a key frame in the fetch pool; the camera's slot is held until its thread is back."""
        if self._reading is not None and not self._reading.done():
            raise CameraError(Code.CAMERA_TIMEOUT, "the previous read has not returned")
        self._cancel.clear()
        read: Callable[[], KeyFrame] = lambda: read_key_frame(address, budget_s=budget_s, cancel=self._cancel)  # noqa: E731
        self._reading = self.hass.loop.run_in_executor(self._pool, read)
        try:
            async with asyncio.timeout(budget_s + 2):
                key_frame = await asyncio.shield(self._reading)
        except TimeoutError:
            self._cancel.set()
            self._reading.add_done_callback(_retrieve)
            raise CameraError(Code.CAMERA_TIMEOUT, "the stream did not answer") from None
        except asyncio.CancelledError:
            self._cancel.set()
            self._reading.add_done_callback(_retrieve)
            raise
        if self._refusals < REFUSALS_REMEMBERED:
            self._refusals = 0
        return Fetched(
            key_frame.data,
            key_frame.received_at,
            FetchEvidence(strategy=FetchStrategy.STREAM, freshness=Freshness.PROVEN),
        )

    async def _async_snapshot(self, camera: Camera, budget_s: float, expected_size: tuple[int, int] | None) -> Fetched:
        """Ask the camera integration for a still."""
        if not camera.use_stream_for_stills:
            captured_at = dt_util.utcnow()
            data = await self._async_image(camera)
            return Fetched(
                data, captured_at, FetchEvidence(strategy=FetchStrategy.SNAPSHOT, freshness=Freshness.PROVEN)
            )
        return await self._async_changed_snapshot(camera, budget_s, expected_size)

    async def _async_changed_snapshot(
        self, camera: Camera, budget_s: float, expected_size: tuple[int, int] | None
    ) -> Fetched:
        """Fetch until the bytes change within this attempt: the first still may be minutes old.

        A picture whose size differs from the first of the attempt or from the expected one was scaled for somebody
        else and is fetched again; when the budget ends, the last picture is returned as ``unproven``.
        """
        deadline = self.hass.loop.time() + min(budget_s, FRESH_BUDGET_S)
        await asyncio.sleep(self._quiet_until - self.hass.loop.time())
        first: bytes | None = None
        first_size: tuple[int, int] | None = None
        last: Fetched | None = None
        while True:
            captured_at = dt_util.utcnow()
            asked = self.hass.loop.time()
            _keep_awake(camera)
            try:
                data = await self._async_image(camera)
            except CameraError as err:
                if err.code is not Code.CAMERA_EMPTY:
                    raise
            else:
                size = _size(data)
                last = Fetched(data, captured_at, FetchEvidence(strategy=FetchStrategy.SNAPSHOT))
                if first_size is None:
                    first, first_size = data, size
                elif data != first and size == (expected_size or first_size):
                    return Fetched(
                        data, captured_at, FetchEvidence(strategy=FetchStrategy.SNAPSHOT, freshness=Freshness.PROVEN)
                    )
            now = self.hass.loop.time()
            if now - asked >= BLOCKED_S:
                self._quiet_until = now + REOPEN_S
            pause = max(FRESH_POLL_S, self._quiet_until - now)
            if now + pause >= deadline or not self.source.available:
                break
            await asyncio.sleep(pause)
        if last is None or not self.source.available:
            raise CameraError(Code.CAMERA_TIMEOUT, "the stream behind the stills gave no picture")
        return last

    async def _async_image(self, camera: Camera) -> bytes:
        """Call the camera integration once and turn whatever it does into bytes or one code."""
        if (entity_id := self.source.entity_id) is None:
            raise CameraError(Code.CAMERA_MISSING, "the camera entity is gone")
        started = self.hass.loop.time()
        try:
            async with asyncio.timeout(SNAPSHOT_TIMEOUT_S + 1):
                image = await self._async_ask(entity_id, blocking=_blocks(camera))
        except TimeoutError:
            raise CameraError(Code.CAMERA_TIMEOUT, "no answer") from None
        except asyncio.CancelledError as err:
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            raise CameraError(Code.CAMERA_TIMEOUT, "cancelled by the camera") from err
        except Exception as err:
            raise self._camera_error(err, self.hass.loop.time() - started) from err
        content: object = image.content
        if not isinstance(content, bytes | bytearray | memoryview):
            raise CameraError(Code.CAMERA_RAISED, f"{type(content).__name__} in place of a picture")
        return bytes(content)

    async def _async_ask(self, entity_id: str, *, blocking: bool) -> Image:
        """Return a camera's answer; while one is outstanding, the camera is not asked again.

        A call that blocks one of Home Assistant's threads is not given up, as that would not free the thread; any
        other one is, without waiting until it ends.
        """
        if self._asking is not None and not self._asking.done():
            raise TimeoutError
        timeout = LOST_S if blocking else SNAPSHOT_TIMEOUT_S
        asking = self.hass.async_create_background_task(
            async_get_image(self.hass, entity_id, timeout=timeout), f"{DOMAIN} still of {entity_id}"
        )
        self._asking = asking
        asking.add_done_callback(_retrieve)
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            if not blocking:
                asking.cancel()
            raise

    def _camera_error(self, err: Exception, elapsed_s: float) -> CameraError:
        """Name what the camera layer raised by the camera's state, then by the exception's type.

        Home Assistant reports an empty image and a timeout in the same words; the time tells them apart.
        """
        if not self.source.on:
            return CameraError(Code.CAMERA_OFF, "the camera is off")
        if self.source.entity is None:
            return CameraError(Code.CAMERA_MISSING, "the camera entity is gone")
        words = _words(err)
        if isinstance(err, HomeAssistantError) and words.startswith("Unable to get image"):
            empty = words == "Unable to get image" and elapsed_s < SNAPSHOT_TIMEOUT_S - 1
            return CameraError(Code.CAMERA_EMPTY if empty else Code.CAMERA_TIMEOUT, "the camera gave no image")
        return CameraError(Code.CAMERA_RAISED, f"{type(err).__name__}: {redact(words)}")


def _retrieve(future: asyncio.Future[Any]) -> None:
    """Consume the result of a read or call that nobody waits for any more."""
    if not future.cancelled():
        future.exception()


def _blocks(camera: Camera) -> bool:
    """Return whether Home Assistant calls a camera in one of its own threads."""
    return not camera.use_stream_for_stills and type(camera).async_camera_image is Camera.async_camera_image


def _words(err: Exception) -> str:
    """Return what an exception says; some of those that libraries make cannot say anything."""
    try:
        return str(err)
    except Exception:  # noqa: BLE001 - that is anything again
        return ""


def _keep_awake(camera: Camera) -> None:
    """Let Home Assistant's stream live on for 30 s, as a viewer does: stills alone do not count as use of it.

    Only the stream component's own classes offer this; without it a stream ends now and then, and is opened again.
    """
    if camera.stream is not None:
        with suppress(AttributeError):
            for output in camera.stream.outputs().values():
                output.idle_timer.awake()


def _size(data: bytes) -> tuple[int, int] | None:
    """Return the size in the header, or None for what is not a picture."""
    try:
        return gate(data).size
    except ImageError:
        return None
