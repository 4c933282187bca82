"""Lets a camera live: its attempts are the product's own, with a stand-in for the camera, the disk and the hours.

The real ``Capturer`` fetches, retries, has the real detector judge, and lets the real health machines observe. From
attempt to attempt the coordinator's part is played here by the same pure functions: slots, back-off, probes, and what
is kept of an attempt. Neither the detector nor the health machines know anything of profiles. Files and rows are left
out, which would take longer than anybody waits for; ``Desk.real`` has them, and a test compares both.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast
from unittest.mock import patch

from benchmarks.corpus.sequences import elevation
from custom_components.timelapser import capture
from custom_components.timelapser.attempt import Attempt, Request
from custom_components.timelapser.capture import Capturer
from custom_components.timelapser.core.catalogue import Catalogue, CommitResult, queries
from custom_components.timelapser.core.detection import Baseline
from custom_components.timelapser.core.errors import CameraError, Code
from custom_components.timelapser.core.health import PROBE_FIRST, HealthState, evidence_of
from custom_components.timelapser.core.layout import FramePath, camera_folder
from custom_components.timelapser.core.models import (
    FetchEvidence,
    FetchStrategy,
    Freshness,
    QualityPolicy,
    SceneContext,
)
from custom_components.timelapser.core.probes import look_again
from custom_components.timelapser.core.schedule import NextSlot
from custom_components.timelapser.core.storage import Storage
from custom_components.timelapser.core.ulid import new_ulid
from custom_components.timelapser.engine import Engine
from custom_components.timelapser.fetch import SNAPSHOT_TIMEOUT_S, Fetched, Fetcher
from custom_components.timelapser.planner import MIN_BUDGET_S, attempt_budget

from .ailments import Moment, healthy
from .clock import Clock
from .profiles import Course, Life

CAMERA_ID: Final = "01JBENCHBENCHBENCHBENCHBEN"
TIMELAPSE_ID: Final = "01JBENCHBENCHBENCHBENCHBEM"
FOLDER: Final = camera_folder("Bench", CAMERA_ID)
"""A camera's folder; no two simulated cameras live at the same place and time."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of a camera between two attempts; a value, so that a life can go on from it in several ways."""

    health: HealthState = field(default_factory=HealthState)
    baseline: Baseline | None = None
    size: tuple[int, int] | None = None
    taken: int = 0

    def after(self, attempt: Attempt) -> Memory:
        """Return what is known after an attempt, as the camera's state adopts it."""
        known, frame = attempt.evaluation, attempt.frame
        return Memory(
            health=attempt.health,
            baseline=known.baseline if known else self.baseline,
            size=known.size if known and frame and frame.verdict.kept else self.size,
            taken=self.taken + (frame is not None),
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt of a simulated camera: when it began, and what is known after it.

    ``slot`` is whether it filled a slot, not probed. The truth is ``severe`` (the picture was severely damaged, or
    there was none), ``well`` (nothing was wrong with the camera) or neither. ``attempt`` has the picture (``fetched``)
    and what the detector says of it (``evaluation``).
    """

    at: datetime
    slot: bool
    severe: bool
    well: bool
    attempt: Attempt
    memory: Memory


type Pace = Callable[[Step], timedelta]
"""(the last attempt for a slot) to the interval from then on."""


class _Camera:
    """Stands in for the fetcher: gives the pictures of a course."""

    refused = False

    def __init__(self, clock: Clock, life: Life, course: Course) -> None:
        self._clock, self._life, self._course = clock, life, course
        self._moment = Moment(life.site, clock.now)
        self._answer = course.at(clock.now)
        self.severe = False

    def turn_to(self, when: datetime) -> None:
        """Begin an attempt: the truth is that of its first picture."""
        self._moment, self._answer = Moment(self._life.site, when), self._course.at(when)

    @property
    def well(self) -> bool:
        """Return whether nothing is wrong with it."""
        return self._answer is healthy

    async def async_fetch(
        self, *, alternate: bool = False, budget_s: float = 0.0, expected_size: tuple[int, int] | None = None
    ) -> Fetched:
        """Return a picture of now; a camera that does not answer takes its time."""
        taken = self._answer(self._moment)
        if not self._moment.tried:
            self.severe = taken.severe
        self._moment = replace(self._moment, tried=self._moment.tried + 1)
        captured_at = self._clock.now
        if taken.data is None:
            await asyncio.sleep(SNAPSHOT_TIMEOUT_S)
            raise CameraError(Code.CAMERA_TIMEOUT, "no answer")
        return Fetched(
            taken.data, captured_at, FetchEvidence(strategy=FetchStrategy.SNAPSHOT, freshness=Freshness.PROVEN)
        )


class _NoDisk(Storage):
    """Names the file that it would have written."""

    def put(self, path: FramePath, data: bytes) -> str:
        """Return the path alone."""
        return str(path)


def _no_rows(*_what: Any) -> CommitResult:
    """Return counts that nobody asks for, in place of entering anything."""
    return CommitResult(captured=0, rejected=0, failed=0, missed=0, resolved=0, byte_count=0, image_counts={})


class Desk:
    """Stands in for the engine: everything is done at once, on the clock's own thread."""

    def __init__(self, clock: Clock, storage: Storage, catalogue: Any, runs: dict[str, str]) -> None:
        """Use a storage and a catalogue."""
        self.clock, self.storage, self.catalogue, self.runs = clock, storage, catalogue, runs
        self.hass = SimpleNamespace(loop=clock.loop)

    async def async_run[T](self, job: Callable[[], T]) -> T:
        """Do a job."""
        return job()

    async def async_store[T](self, job: Callable[[], T], *, turn: Any = None) -> T:
        """Do a job with files."""
        return job()

    @classmethod
    @contextmanager
    def light(cls) -> Iterator[Desk]:
        """Yield a desk that keeps nothing."""
        clock = Clock()
        with clock.ruling(), patch.object(capture, "enter", _no_rows):
            yield cls(clock, _NoDisk(Path()), None, {})

    @classmethod
    @contextmanager
    def real(cls, folder: Path) -> Iterator[Desk]:
        """Yield a desk that writes files and rows below a folder."""
        clock = Clock()
        storage, catalogue = Storage(folder), Catalogue(folder / "catalogue.db")
        with ExitStack() as stack:
            stack.enter_context(clock.ruling())
            storage.open()
            catalogue.open()
            stack.callback(catalogue.close)

            def enter(conn: Any) -> str:
                queries.ensure_camera(conn, CAMERA_ID, "bench", "Bench", FOLDER, clock.now)
                queries.ensure_timelapse(conn, TIMELAPSE_ID, CAMERA_ID, "Bench", clock.now)
                return str(queries.ensure_run(conn, TIMELAPSE_ID, clock.now).id)

            yield cls(clock, storage, catalogue, {TIMELAPSE_ID: catalogue.submit(enter).result()})


def aligned(after: datetime, interval: timedelta) -> datetime:
    """Return the first slot after an instant: a multiple of the interval since the epoch."""
    epoch = datetime.fromtimestamp(0, UTC)
    return epoch + ((after - epoch) // interval + 1) * interval


def live(
    desk: Desk,
    life: Life,
    course: Course,
    *,
    memory: Memory | None = None,
    begin: datetime | None = None,
    pace: Pace | None = None,
    policy: QualityPolicy | None = None,
) -> Iterator[Step]:
    """Yield the attempts of a camera until its life ends, from its first slot or one of a life that went on as it did.

    ``memory`` is what was known at ``begin``. ``pace`` may change the interval after every slot.
    """
    clock, known, policy = desk.clock, memory or Memory(), policy or QualityPolicy()
    interval = life.interval
    clock.skip_to(begin or life.begin)
    camera = _Camera(clock, life, course)
    capturer = Capturer(cast("Engine", desk), cast("Fetcher", camera), policy, camera_id=CAMERA_ID, folder=FOLDER)
    slot = aligned(clock.now - timedelta(microseconds=1), interval)
    again: datetime | None = None
    while slot < life.end:
        probe = _next_probe(known.health, clock.now, again)
        clock.skip_to(slot if probe is None else min(slot, probe))
        now = clock.now
        due = slot <= now
        if due:
            slot, following = aligned(now, interval), aligned(now, interval)
        if due and known.health.connectivity.backoff_until(now) is not None:
            continue
        budget = attempt_budget([NextSlot(now, following)], now) if due else MIN_BUDGET_S
        camera.turn_to(now)
        attempt = clock.loop.run_until_complete(
            capturer.async_attempt(_request(desk, known, now, budget_s=budget, keep=due))
        )
        known = known.after(attempt)
        said = evidence_of(attempt.outcome, attempt.code)
        again = look_again(known.health, said, attempt.started_at, interval, policy)
        step = Step(now, due, camera.severe, camera.well, attempt, known)
        yield step
        if due and pace is not None:
            interval = pace(step)
            slot = aligned(now, interval)


def _next_probe(health: HealthState, now: datetime, again: datetime | None) -> datetime | None:
    """Return when the coordinator would look at the camera between its slots."""
    if not health.connectivity.breaker_open:
        return again
    return health.connectivity.backoff_until(now) or now + PROBE_FIRST


def _request(desk: Desk, known: Memory, now: datetime, *, budget_s: float, keep: bool) -> Request:
    """Return what an attempt starts from."""
    return Request(
        cid=new_ulid(now),
        slot_at=now,
        budget_s=budget_s,
        keep=keep,
        runs=desk.runs if keep else {},
        sequence=known.taken + 1,
        health=known.health,
        baseline=known.baseline,
        context=SceneContext(sun_elevation=elevation(now), expected_size=known.size),
    )
