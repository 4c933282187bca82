"""The coordinator of one camera: its timer, its attempts, and the snapshot that entities show."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import EVENT_CORE_CONFIG_UPDATE, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Context, Event, HomeAssistant, callback
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util import dt as dt_util

from .announcer import Announcer
from .attempt import Attempt, Request
from .bus import describe
from .camera_issues import CameraIssues
from .camera_state import CameraState
from .capture import Capturer
from .const import CONF_BATTERY, CONF_CAMERA, DOMAIN, EVENT_RUN_STARTED, SUBENTRY_TIMELAPSE
from .core.catalogue.records import RunRow
from .core.errors import Code, TimelapserError
from .core.health import HealthState, reset_quality
from .core.models import IncidentEnd, Outcome, SceneContext
from .core.readiness import StorageState
from .core.ulid import new_ulid
from .engine import Engine
from .exceptions import attempt_error, rate_limited
from .fetch import Fetcher, SourceCamera
from .foresight import Foresight
from .gatekeeper import START_GRACE, Gatekeeper
from .lookout import Lookout
from .pacing import Pacer
from .planner import MIN_BUDGET_S, Planner, attempt_budget
from .publisher import Publisher
from .settings import bounds_from, policy_from, reload_basis, schedule_from, strategy_from
from .snapshot import CameraSnapshot
from .storage_watch import async_storage_watch
from .sun import sun_elevation
from .timer import Timer
from .turns import Turns
from .watch import SourceWatch

_LOGGER = logging.getLogger(__name__)

type TimelapserConfigEntry = ConfigEntry[CameraCoordinator]

MANUAL_GAP = timedelta(seconds=1)
"""Least time between two captures by action."""
STOP_WAIT_S = 4.0
"""Seconds that stopping waits for a running attempt and for the thread of its stream read; both are back before that,
unless a server answers by the byte."""


class CameraCoordinator(DataUpdateCoordinator[CameraSnapshot]):
    """Runs the schedule of one camera; pushes, never polls."""

    config_entry: TimelapserConfigEntry

    def __init__(self, hass: HomeAssistant, entry: TimelapserConfigEntry, engine: Engine) -> None:
        """Prepare from the entry; nothing runs until ``async_start``."""
        super().__init__(hass, _LOGGER, config_entry=entry, name=entry.title, update_interval=None)
        self.engine = engine
        self.source = SourceCamera(hass, entry.data[CONF_CAMERA])
        self.policy = policy_from(entry.options)
        self._basis = reload_basis(entry)
        timelapses = entry.get_subentries_of_type(SUBENTRY_TIMELAPSE)
        battery = bool(entry.data.get(CONF_BATTERY))
        bounds = {item.subentry_id: found for item in timelapses if (found := bounds_from(item.data, battery=battery))}
        schedules = {item.subentry_id: schedule_from(item.data) for item in timelapses}
        self.state = CameraState(
            engine, entry, entry.data[CONF_CAMERA], {item.subentry_id: item.title for item in timelapses}
        )
        self.planner = Planner(hass, schedules, Pacer(hass, bounds, lambda: self.state.health.quality.degraded))
        self._gate = Gatekeeper(self.source, self.state, self.planner)
        self.data = CameraSnapshot()
        self._fetcher: Fetcher | None = None
        self.turns = Turns(hass, entry)
        self.announcer = Announcer(hass, entry, self.source, self.state)
        self._issues = CameraIssues(hass, entry, self.source, self.state)
        self._lookout = Lookout(entry, self.source, self.state, self._gate.rhythm)
        self._storage_watch = async_storage_watch(hass, engine)
        self._publisher = Publisher(hass, self.async_set_updated_data, partial(self._publish, force=True))
        self._timer = Timer(hass, self._async_wake, self._async_clock_set_back)
        self._task: asyncio.Task[None] | None = None
        self._manual_at: datetime | None = None
        self._ticking = False

    # Life cycle

    async def async_start(self) -> None:
        """Load what the catalogue knows, adopt orphans, and begin when Home Assistant has started."""
        await self.state.async_load()
        self._fetcher = Fetcher(
            self.hass,
            self.source,
            strategy_from(self.config_entry.options),
            self.engine.fetch,
            refused=self.state.refuses_stream,
        )
        self._capturer = Capturer(
            self.engine, self._fetcher, self.policy, camera_id=self.config_entry.entry_id, folder=self.state.folder
        )
        await self._async_storage_state()
        self.planner.plan(dt_util.utcnow())
        self._foresight = Foresight(self.state, self.announcer)
        self._publish()
        entry = self.config_entry
        entry.async_on_unload(async_at_started(self.hass, self._async_begin))
        entry.async_on_unload(self.hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, self._async_on_stop))

    async def _async_begin(self, _hass: HomeAssistant) -> None:
        """Count what was missed while nothing ran, and start the timer."""
        if self.turns.stopped:
            return
        now = dt_util.utcnow()
        self._gate.started_at = now
        for timelapse_id in self.state.new_runs:
            self.announcer.run(EVENT_RUN_STARTED, self.state.runs[timelapse_id])
        self.config_entry.async_on_unload(SourceWatch(self.hass, self.source, self._async_source_changed).stop)
        self.config_entry.async_on_unload(self.hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, self._async_relocated))
        missed = sum(
            self.planner.passed(timelapse_id, since, now)
            for timelapse_id in self.planner.schedules
            if (since := self.state.recorded_until(timelapse_id)) is not None
        )
        if missed:
            _LOGGER.info("%s: %d slots passed while Timelapser was not running", self.name, missed)
            await self.state.async_add_missed(missed, now)
        self.planner.plan(now)
        if self.state.held and not self.policy.pause_when_degraded:
            self._follow_held(await self.state.async_release())
        self._lookout.begin(now)
        self._publish()
        self._arm()

    @callback
    def _async_relocated(self, _event: Event) -> None:
        """Follow the home's place and time zone."""
        self.planner.relocate(dt_util.utcnow())
        self._publish()
        self._arm()

    async def async_stop(self) -> None:
        """Stop the timer and end a running attempt; nothing of it remains half done."""
        running = self.turns.stop()
        self._timer.stop()
        self._publisher.stop()
        self._issues.stop()
        tasks = [task for task in (self._task, running) if task is not None]
        reading = self._fetcher.cancel() if self._fetcher is not None else None
        for task in tasks:
            task.cancel()
        if ending := [part for part in (*tasks, reading) if part is not None and not part.done()]:
            await asyncio.wait(ending, timeout=STOP_WAIT_S)

    async def _async_on_stop(self, _event: Event) -> None:
        """Stop with Home Assistant, which does not unload entries."""
        await self.async_stop()

    # Timer

    @callback
    def _arm(self) -> None:
        """Set the timer for what comes first: a slot, a window that changes, a probe. A running tick does so itself."""
        if self._ticking:
            return
        self._timer.stop()
        if self.turns.stopped or self._gate.started_at is None:
            return
        now = dt_util.utcnow()
        wakes = (self.planner.next_wake(now), self._lookout.wake(now))
        self._timer.set(min((wake for wake in wakes if wake), default=None))

    @callback
    def _async_clock_set_back(self) -> None:
        """Plan anew: the next slot is not that of the clock before."""
        self.planner.plan(dt_util.utcnow())
        self._publish()
        self._arm()

    @callback
    def _async_wake(self) -> None:
        """Do what is due, in a task that ends with the entry."""
        self._task = self.config_entry.async_create_background_task(
            self.hass, self._async_tick(), f"{DOMAIN} {self.name}"
        )

    async def _async_tick(self) -> None:
        """Fill the due slots with one attempt, or look, or only note the reasons; then arm the timer again."""
        now = dt_util.utcnow()
        due = self.planner.due(now)
        self._ticking = True
        try:
            self._lookout.begin(now)
            await self._async_storage_state()
            ready, glances = self._gate.admit(due, now), self._gate.glances(now)
            if slots := [*ready.values(), *glances.values()]:
                at, budget_s = max(slot.at for slot in slots), attempt_budget(slots, now)
                await self._async_attempt(at, ready, budget_s, keep=bool(ready), glances=glances)
            elif self._lookout.due(now):
                await self._async_attempt(now, [], MIN_BUDGET_S, keep=False)
        except TimelapserError as err:
            _LOGGER.warning("%s: the slot could not be handled: %s", self.name, err)
        finally:
            self._ticking = False
            if not self.turns.stopped:
                for timelapse_id, slot in due.items():
                    self.planner.advance(timelapse_id, slot.at)
                self.planner.repace(dt_util.utcnow())
                self._publish()
                self._arm()

    async def _async_storage_state(self) -> StorageState:
        """Return whether stills can be stored; the user is told when they cannot."""
        self._gate.storage = state = await self.engine.async_storage_state()
        await self._storage_watch.async_heed(state)
        return state

    # Attempts

    async def _async_attempt(
        self,
        slot_at: datetime,
        timelapse_ids: Iterable[str],
        budget_s: float,
        *,
        keep: bool = True,
        glances: Iterable[str] = (),
        parent: Context | None = None,
    ) -> Attempt:
        """Make one attempt for all timelapses that are due or glance, and tell of it."""
        async with self.turns.taken():
            request = self._request(slot_at, timelapse_ids, budget_s, keep=keep, glances=glances)
            attempt = await self.turns.async_run(self._capturer.async_attempt(request))
            self.state.adopt(attempt)
            self._lookout.note(attempt, self.policy)
            self.planner.pacer.note(attempt.runs, attempt.evaluation)
            self.announcer.attempt(attempt, parent)
            self._storage_watch.note(attempt.code)
            if attempt.committed is not None:
                self.planner.missed -= request.missed[0] if request.missed else 0
                self._follow_held(attempt.committed.held, request.cid)
            await self._foresight.async_follow(attempt)
            return attempt

    @callback
    def _follow_held(self, runs: Iterable[RunRow], cid: str | None = None, parent: Context | None = None) -> None:
        """Tell of runs that were paused because the camera is degraded, or that go on, and follow them."""
        for run in runs:
            self.announcer.held(run, cid, parent)
            self.async_run_changed(run.timelapse_id)

    def _request(
        self,
        slot_at: datetime,
        timelapse_ids: Iterable[str],
        budget_s: float,
        *,
        keep: bool,
        glances: Iterable[str] = (),
    ) -> Request:
        """Return what an attempt starts from."""
        now = dt_util.utcnow()
        return Request(
            cid=new_ulid(now),
            slot_at=slot_at,
            budget_s=budget_s,
            keep=keep,
            runs={
                timelapse_id: self.state.runs[timelapse_id].id
                for timelapse_id in (*timelapse_ids, *glances)
                if self.state.recording(timelapse_id)
            },
            sequence=self.state.row.captured + self.state.row.rejected + 1,
            health=self.state.health,
            baseline=self.state.baseline,
            gathering=self.state.gathering,
            glances={timelapse_id: self.planner.pacer.courses[timelapse_id] for timelapse_id in glances},
            missed=self.planner.owed(),
            context=SceneContext(sun_elevation=sun_elevation(self.hass, now), expected_size=self.state.size),
        )

    @callback
    def _async_source_changed(self, came_back: bool) -> None:
        """Show what the change means for the timelapses, and try an unreachable camera at once when it comes back."""
        if self._snapshot(dt_util.utcnow()).matters(self.data):
            self._publish()
        self._follow_issues()
        if came_back and self.state.health.connectivity.breaker_open:
            self._lookout.came_back()
            self._arm()

    # Actions

    async def async_capture_now(self, context: Context | None = None) -> dict[str, Any]:
        """Capture at once for every recording timelapse, whatever its window."""
        now = dt_util.utcnow()
        if self._manual_at is not None and abs(now - self._manual_at) < MANUAL_GAP:
            raise rate_limited()
        self._manual_at = now
        if await self._async_storage_state() is StorageState.FULL:
            raise attempt_error(Code.STORAGE_FULL, new_ulid())
        recording = [timelapse_id for timelapse_id in self.planner.schedules if self.state.recording(timelapse_id)]
        attempt = await self._async_attempt(now, recording, MIN_BUDGET_S, parent=context)
        self.planner.repace(dt_util.utcnow())
        self._publish(force=True)
        self._arm()
        if attempt.outcome is Outcome.FAILED:
            raise attempt_error(attempt.code or Code.UNEXPECTED, attempt.request.cid)
        return describe(attempt)

    async def async_look(self, budget_s: float = MIN_BUDGET_S) -> Attempt:
        """Fetch and score now; nothing is kept and nothing counts."""
        async with self.turns.taken():
            request = self._request(dt_util.utcnow(), [], budget_s, keep=False)
            return await self.turns.async_run(self._capturer.async_look(request))

    async def async_evaluate(self) -> dict[str, Any]:
        """Fetch and score now, and describe what was found."""
        attempt = await self.async_look()
        if attempt.evaluation is None:
            raise attempt_error(attempt.code or Code.UNEXPECTED, attempt.request.cid)
        return describe(attempt)

    async def async_reset_degraded(
        self, context: Context | None = None, *, end: IncidentEnd = IncidentEnd.RESET
    ) -> dict[str, Any]:
        """Leave degraded mode and begin the count of bad frames anew; with another camera, that of failures as well."""
        async with self.turns.taken():
            before = self.state.health
            health = HealthState() if end is IncidentEnd.REPLACED else reset_quality(before)
            released = await self.state.async_end_degraded(health, end)
        self.planner.repace(dt_util.utcnow())
        changed = self.announcer.ended(before, health, end, context)
        self._follow_held(released, parent=context)
        self._publish(force=True)
        self._arm()
        return {"changed": changed, "health": self.state.health.health}

    @callback
    def async_run_changed(self, timelapse_id: str) -> None:
        """Follow a run that was started, paused, resumed or completed."""
        self.planner.pacer.forget(timelapse_id)
        self.planner.advance(timelapse_id, dt_util.utcnow())
        self._publish(force=True)
        self._arm()

    async def async_recount(self) -> None:
        """Show the counts anew after stills were removed; between attempts, so that none of theirs is undone."""
        async with self.turns.lock:
            if self.turns.stopped:
                return
            await self.state.async_recount()
        self._publish(force=True)

    @callback
    def async_follow_entry(self) -> bool:
        """Judge by the entry's present sensitivity; return False when it takes a reload to follow what changed."""
        if reload_basis(self.config_entry) != self._basis:
            return False
        self.policy = policy_from(self.config_entry.options)
        self._capturer.judge_by(self.policy)
        self._publish(force=True)
        return True

    # Publishing

    @callback
    def _publish(self, *, force: bool = False) -> None:
        """Push a changed snapshot, at once or held back."""
        now = dt_util.utcnow()
        snapshot = self._snapshot(now)
        if force or snapshot != self.data:
            self._publisher.publish(snapshot, now, at_once=force or snapshot.matters(self.data))
        self._foresight.tell()
        self._follow_issues()

    @callback
    def _follow_issues(self) -> None:
        """Bring the camera's issues in step, once Home Assistant has started."""
        if (started_at := self._gate.started_at) is not None and not self.turns.stopped:
            self._issues.follow(max(timedelta(), started_at + START_GRACE - dt_util.utcnow()))

    def _snapshot(self, now: datetime) -> CameraSnapshot:
        """Return what is to be seen now."""
        return self.state.snapshot(self.planner.slots, self._gate.reasons(now), self.planner.interval)
