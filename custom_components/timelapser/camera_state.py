"""What is known of a camera while it is loaded: counts, runs, health and baseline, as the catalogue has them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
import json

from homeassistant.config_entries import ConfigEntry
from homeassistant.util import dt as dt_util
from sqlalchemy import Connection

from .attempt import Attempt
from .capture import REFUSES_STREAM
from .core.acceptance import Acceptance
from .core.catalogue import queries
from .core.catalogue.records import CameraRow, RunRow, TimelapseRow
from .core.degradation import Degradation
from .core.detection import Baseline
from .core.detection.normal import Normal
from .core.detection.teaching import Lessons
from .core.forecast import Forecast, foresee
from .core.health import HealthState, Transition
from .core.hours import Gathering
from .core.layout import camera_folder
from .core.models import Fault, FrameKind, FrameRef, IncidentEnd, IncidentKind, Light, PaceReason, Reason, RunState
from .core.review import settle_moves
from .core.schedule import NextSlot
from .engine import Engine
from .snapshot import CameraSnapshot, TimelapseSnapshot


class CameraState:
    """The camera's memory; the catalogue is its truth, and each commit brings both in step."""

    def __init__(self, engine: Engine, entry: ConfigEntry, source_key: str, timelapses: Mapping[str, str]) -> None:
        """Start empty; ``timelapses`` are names by subentry id."""
        self._engine = engine
        self._camera_id = entry.entry_id
        self._name = entry.title
        self._source_key = source_key
        self._timelapses = timelapses
        self.health = HealthState()
        self.baseline = Baseline.empty()
        self.gathering = Gathering()
        self.forecast: Forecast | None = None
        self.score: float | None = None
        self.faults: tuple[Fault, ...] = ()
        self.size: tuple[int, int] | None = None
        """Width and height of the last kept picture since the start."""
        self.runs: dict[str, RunRow] = {}
        self.incidents: dict[IncidentKind, str] = {}
        """The ids of the incidents that the camera is in; who tells of their begin and end keeps them in step."""
        self.new_runs: list[str] = []
        """Timelapses whose run began with this load."""
        self.held: set[str] = set()
        """Timelapses that are paused because the camera is degraded, by nobody."""

    async def async_load(self) -> None:
        """Enter the camera and its timelapses, adopt orphans, and read what was known at the last stop."""
        await self._engine.async_store(self._load, patient=True)

    def _load(self) -> None:
        now = dt_util.utcnow()
        folder = camera_folder(self._name, self._camera_id)

        def enter(conn: Connection) -> None:
            queries.ensure_camera(conn, self._camera_id, self._source_key, self._name, folder, now)
            known = {row.id for row in queries.timelapse_states(conn, self._camera_id)}
            for timelapse_id, name in self._timelapses.items():
                queries.ensure_timelapse(conn, timelapse_id, self._camera_id, name, now)
                if timelapse_id not in known:
                    # New, or back from the archive; one that the user completed stays so.
                    queries.start_run(conn, timelapse_id, None, now)
                    self.new_runs.append(timelapse_id)
            for timelapse_id in known - self._timelapses.keys():
                queries.mark_timelapse_removed(conn, timelapse_id, now)

        self._engine.catalogue.submit(enter).result()
        settle_moves(self._engine.storage, self._engine.catalogue)
        row = self._engine.catalogue.read(lambda conn: queries.camera_state(conn, self._camera_id))
        self._engine.recover(self._camera_id, row.folder, row.last_slot_at)
        self._engine.catalogue.read(self._read)

    def _read(self, conn: Connection) -> None:
        self.row: CameraRow = queries.camera_state(conn, self._camera_id)
        self.timelapse_rows: dict[str, TimelapseRow] = {
            row.id: row for row in queries.timelapse_states(conn, self._camera_id)
        }
        self.runs = {row.id: row.run for row in self.timelapse_rows.values() if row.run is not None}
        self.incidents = queries.incidents_under_way(conn, self._camera_id)
        self.held = {row.id for row in self.timelapse_rows.values() if row.held}
        self._read_stills(conn)
        self.health = HealthState.from_dict(json.loads(self.row.health)) if self.row.health else HealthState()
        self.forecast = Forecast.from_json(self.row.forecast)
        baseline = Baseline.from_bytes(self.row.baseline or b"")
        self.baseline = replace(baseline, normal=Normal.from_bytes(self.row.normal or b""), lessons=self._lessons(conn))
        shown = [frame for frame in (self.latest_frame, self.last_rejected) if frame]
        if shown:
            newest = max(shown, key=lambda frame: frame.captured_at)
            self.score, self.faults = newest.score, _worst_first(newest.faults)

    def _read_stills(self, conn: Connection) -> None:
        self.latest_frame: FrameRef | None = queries.latest_frame(conn, self._camera_id, FrameKind.FRAME)
        self.last_rejected: FrameRef | None = queries.latest_frame(conn, self._camera_id, FrameKind.QUARANTINE)
        self.reference: FrameRef | None = queries.reference_frame(conn, self._camera_id)

    def _lessons(self, conn: Connection) -> Lessons:
        return Lessons.of(queries.reviews_of(conn, self._camera_id))

    @property
    def folder(self) -> str:
        """Return the camera's folder below the storage."""
        return self.row.folder

    @property
    def degradation(self) -> Degradation | None:
        """Return why the camera is degraded, None while it is not."""
        quality = self.health.quality
        if not quality.degraded:
            return None
        if self.row.evidence is None:
            return Degradation(since=quality.since or self.row.created_at)
        return Degradation.from_json(self.row.evidence)

    @property
    def refuses_stream(self) -> bool:
        """Return whether the camera is known to take no second stream session."""
        return self.row.strategy_note == REFUSES_STREAM

    def recorded_until(self, timelapse_id: str) -> datetime | None:
        """Return since when slots may have been missed; None while the timelapse does not record, or is new."""
        return self.timelapse_rows[timelapse_id].last_slot_at if self.recording(timelapse_id) else None

    def recording(self, timelapse_id: str) -> bool:
        """Return whether a timelapse has a run under way that is not paused."""
        run = self.runs.get(timelapse_id)
        return run is not None and run.state is RunState.RUNNING

    def run_state(self, timelapse_id: str) -> RunState:
        """Return the state of a timelapse's last run; completed as well when that was deleted."""
        run = self.runs.get(timelapse_id)
        return RunState.COMPLETED if run is None else run.state

    async def async_add_missed(self, count: int, until: datetime) -> None:
        """Add the slots up to an instant that nothing will fill any more."""
        await self._engine.async_write(lambda conn: queries.add_missed(conn, self._camera_id, count, until))
        self.row = replace(self.row, missed=self.row.missed + count)

    async def async_end_degraded(self, health: HealthState, end: IncidentEnd) -> tuple[RunRow, ...]:
        """Replace the health by one that is not degraded and that no attempt brought about; return what goes on."""
        text, now = json.dumps(health.to_dict()), dt_util.utcnow()
        released = await self._engine.async_write(
            lambda conn: queries.end_degraded(conn, self._camera_id, text, end, now)
        )
        self.health = health
        self.row = replace(self.row, evidence=None)
        self._follow_held(released)
        return released

    async def async_release(self) -> tuple[RunRow, ...]:
        """Go on with what is paused because the camera is degraded, and return it."""
        now = dt_util.utcnow()
        released = await self._engine.async_write(lambda conn: queries.release_held(conn, self._camera_id, now))
        self._follow_held(released)
        return released

    def _follow_held(self, runs: Iterable[RunRow]) -> None:
        """Remember runs that were paused because the camera is degraded, or that go on after it."""
        for run in runs:
            self._take(run)
            if run.state is RunState.PAUSED:
                self.held.add(run.timelapse_id)
            else:
                self.held.discard(run.timelapse_id)

    async def async_look_ahead(self, now: datetime) -> None:
        """Look where the measurements lead, and keep what is foretold; not while an attempt is under way."""
        standing = self.forecast
        found = await self._engine.async_read(
            lambda conn: foresee(queries.hours_of(conn, self._camera_id), now, standing)
        )
        if found is not standing:
            text = found.to_json() if found else None
            await self._engine.async_write(lambda conn: queries.save_forecast(conn, self._camera_id, text))
            self.forecast = found

    async def async_set_paused(self, timelapse_id: str, paused: bool) -> None:
        """Pause or resume the run under way; slots of the pause are not missed ones."""
        now = dt_util.utcnow()
        run = await self._engine.async_write(lambda conn: queries.set_paused(conn, timelapse_id, paused, now))
        self.held.discard(timelapse_id)
        if run is not None:
            self._take(run)

    async def async_start_run(self, timelapse_id: str, name: str | None) -> tuple[RunRow | None, RunRow]:
        """Complete the run under way, begin a new one, and return both; not while an attempt is under way."""
        now = dt_util.utcnow()
        completed, run = await self._engine.async_write(lambda conn: queries.start_run(conn, timelapse_id, name, now))
        self.held.discard(timelapse_id)
        self._take(run)
        return completed, run

    async def async_complete_run(self, timelapse_id: str) -> RunRow | None:
        """Complete the run under way and return it, None if there is none; not while an attempt is under way."""
        now = dt_util.utcnow()
        run = await self._engine.async_write(lambda conn: queries.complete_run(conn, timelapse_id, now))
        self.held.discard(timelapse_id)
        if run is not None:
            self._take(run)
        return run

    def _take(self, run: RunRow) -> None:
        """Remember a changed run; an attempt that is under way may have counted more images than the row."""
        known = self.runs.get(run.timelapse_id)
        if known is not None and known.id == run.id:
            run = replace(run, image_count=known.image_count)
        self.runs[run.timelapse_id] = run

    async def async_recount(self) -> None:
        """Read the last runs, stills and reviews anew; not while an attempt is under way."""
        rows, lessons = await self._engine.async_read(self._reread)
        self.baseline = replace(self.baseline, lessons=lessons)
        for row in rows:
            known = self.runs.get(row.id)
            if row.run is None:
                self.runs.pop(row.id, None)
            elif known is not None and known.id == row.run.id:
                # Pausing waits for nothing: the state in memory may be newer than what was read.
                self.runs[row.id] = replace(row.run, state=known.state)
            else:
                self.runs[row.id] = row.run

    def _reread(self, conn: Connection) -> tuple[list[TimelapseRow], Lessons]:
        self._read_stills(conn)
        return queries.timelapse_states(conn, self._camera_id), self._lessons(conn)

    async def async_relearn(self, light: Light | None) -> dict[Light, int]:
        """Forget what is normal in a light mode, or in all; return how many pictures of each it was learned from.

        Not while an attempt is under way, which would write back what it began with.
        """
        left = self.baseline.forgetting(light)
        baseline, normal = left.passing().to_bytes(), left.normal.to_bytes()
        await self._engine.async_write(lambda conn: queries.relearn(conn, self._camera_id, baseline, normal, light))
        before, self.baseline = self.baseline, left
        self.gathering = self.gathering.forgetting(light)
        if self.forecast is not None and self.forecast.rests_on(light):
            self.forecast = None
        return {mode: before.accepted.get(mode, 0) for mode in Light if light in (None, mode)}

    def adopt(self, attempt: Attempt) -> None:
        """Take over what an attempt committed."""
        self.health = attempt.health
        self.gathering = attempt.gathering
        if attempt.transition is Transition.DEGRADED:
            self.forecast = None
        if attempt.evaluation is not None:
            self.baseline = attempt.evaluation.baseline
            self.score, self.faults = attempt.evaluation.score, _worst_first(attempt.evaluation.faults)
        if (committed := attempt.committed) is not None:
            self.row = replace(
                self.row,
                captured=committed.captured,
                rejected=committed.rejected,
                failed=committed.failed,
                missed=committed.missed,
                resolved=committed.resolved,
                last_slot_at=attempt.request.slot_at,
                evidence=committed.evidence,
                reference=committed.reference,
                acceptance=committed.acceptance,
            )
            for timelapse_id, run_id in attempt.runs.items():
                count = committed.image_counts[run_id]
                self.runs[timelapse_id] = replace(self.runs[timelapse_id], image_count=count)
            self._follow_held(committed.held)
        if attempt.frame is None:
            return
        if attempt.frame.verdict.kept:
            self.latest_frame = attempt.frame
            self.size = attempt.evaluation.size if attempt.evaluation else self.size
            if attempt.frame.id == self.row.reference:
                self.reference = attempt.frame
        else:
            self.last_rejected = attempt.frame

    def snapshot(
        self,
        slots: Mapping[str, NextSlot | None],
        reasons: Mapping[str, Reason],
        interval_of: Callable[[str], tuple[timedelta, PaceReason]],
    ) -> CameraSnapshot:
        """Return what entities are to show."""
        connectivity = self.health.connectivity
        known = connectivity.ever_succeeded or connectivity.breaker_open
        return CameraSnapshot(
            health=self.health.health,
            degraded=self.health.quality.degraded,
            degradation=self.degradation,
            connected=not connectivity.breaker_open if known else None,
            quality_score=self.score,
            faults=self.faults,
            captured=self.row.captured,
            rejected=self.row.rejected,
            failed=self.row.failed,
            missed=self.row.missed,
            resolved=self.row.resolved,
            acceptance=Acceptance.from_json(self.row.acceptance).share(dt_util.utcnow()),
            last_capture=self.latest_frame.captured_at if self.latest_frame else None,
            latest_frame=self.latest_frame,
            last_rejected=self.last_rejected,
            reference=self.reference,
            forecast=self.forecast,
            timelapses={
                timelapse_id: TimelapseSnapshot(
                    state=reasons[timelapse_id],
                    recording=self.recording(timelapse_id),
                    image_count=run.image_count if run else 0,
                    next_capture=slot.at
                    if (slot := slots.get(timelapse_id)) and _will_fill(reasons[timelapse_id])
                    else None,
                    run_id=run.id if run else None,
                    interval=interval,
                    pace=pace,
                )
                for timelapse_id in self.timelapse_rows
                if timelapse_id in reasons
                for run in (self.runs.get(timelapse_id),)
                for interval, pace in (interval_of(timelapse_id),)
            },
        )


def _worst_first(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    """Return faults in the order in which they matter."""
    return tuple(sorted(faults, key=lambda fault: -fault.severity))


def _will_fill(reason: Reason) -> bool:
    """Return whether a timelapse in this state captures at its next slot without anybody's help."""
    return reason not in (Reason.PAUSED, Reason.COMPLETED, Reason.CAMERA_REMOVED)
