"""The purge of one camera: what its settings or a user want gone, and the answer that tells of it."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Final

from homeassistant.core import Context, ServiceCall
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import VolDictType
from homeassistant.util import dt as dt_util
from sqlalchemy import Connection
import voluptuous as vol

from .const import SUBENTRY_TIMELAPSE
from .coordinator import CameraCoordinator
from .core import retention
from .core.catalogue import queries
from .core.catalogue.retention import Scope
from .core.errors import TimelapserError
from .core.models import FrameKind
from .core.retention import Limits, Plan, Purged, Rule, Tally
from .core.ulid import new_ulid
from .exceptions import attempt_error, not_loaded
from .settings import frame_limits_from, limits_current_run, quarantine_limits_from

ACTION_LIMIT: Final = 100_000
"""Stills that one call removes at most: about a minute of work, and a list of them that takes 30 MB."""


FIELD_KIND: Final = "kind"
FIELD_OLDER_THAN_DAYS: Final = "older_than_days"
FIELD_KEEP_NEWEST: Final = "keep_newest"
FIELD_INCLUDE_CURRENT_RUN: Final = "include_current_run"
FIELD_DRY_RUN: Final = "dry_run"
MAX_DAYS: Final = 36_500
"""A hundred years: more than the oldest picture, and far from what a date can hold."""


class PurgeKind(StrEnum):
    """What a purge is of."""

    ALL = "all"
    FRAMES = "frames"
    QUARANTINE = "quarantine"


PURGE_FIELDS: Final[VolDictType] = {
    vol.Optional(FIELD_KIND, default=PurgeKind.ALL): vol.Coerce(PurgeKind),
    vol.Optional(FIELD_OLDER_THAN_DAYS): vol.All(vol.Coerce(int), vol.Range(min=1, max=MAX_DAYS)),
    vol.Optional(FIELD_KEEP_NEWEST): vol.All(vol.Coerce(int), vol.Range(min=0)),
    vol.Optional(FIELD_INCLUDE_CURRENT_RUN, default=False): cv.boolean,
    vol.Optional(FIELD_DRY_RUN, default=True): cv.boolean,
}
"""The fields of the action beside its target. Nothing is removed by a call that does not say so."""


class PurgeTrigger(StrEnum):
    """Who asked for a purge."""

    ACTION = "action"
    SCHEDULE = "schedule"


@dataclass(frozen=True, kw_only=True, slots=True)
class PurgeRequest:
    """What the action is asked for; without ``age`` and ``keep_newest`` the configured limits apply."""

    kind: PurgeKind
    age: timedelta | None
    keep_newest: int | None
    include_current_run: bool
    dry_run: bool


_KINDS: Final = {FrameKind.FRAME: PurgeKind.FRAMES, FrameKind.QUARANTINE: PurgeKind.QUARANTINE}


async def async_call_purge(coordinator: CameraCoordinator, call: ServiceCall) -> dict[str, Any]:
    """Serve the action."""
    days: int | None = call.data.get(FIELD_OLDER_THAN_DAYS)
    request = PurgeRequest(
        kind=call.data[FIELD_KIND],
        age=None if days is None else timedelta(days=days),
        keep_newest=call.data.get(FIELD_KEEP_NEWEST),
        include_current_run=call.data[FIELD_INCLUDE_CURRENT_RUN],
        dry_run=call.data[FIELD_DRY_RUN],
    )
    return await async_purge(coordinator, request, call.context)


async def async_purge(coordinator: CameraCoordinator, request: PurgeRequest, context: Context) -> dict[str, Any]:
    """Remove what a user asks for, or only say what that would be."""
    cid = new_ulid()
    stored = partial(_stored, camera_id=coordinator.config_entry.entry_id)
    try:
        plan, purged = await async_apply(coordinator, _asked(coordinator, request), ACTION_LIMIT, request.dry_run)
        left = await _async_run(coordinator, partial(coordinator.engine.catalogue.read, stored))
    except TimelapserError as err:
        raise attempt_error(err.code, cid) from err
    if request.dry_run:
        gone = {FrameKind.FRAME: purged.frames, FrameKind.QUARANTINE: purged.quarantine}
        left = {kind: (count - gone[kind].count, size - gone[kind].byte_count) for kind, (count, size) in left.items()}
    else:
        announce(coordinator, PurgeTrigger.ACTION, purged, cid, context)
    answer = {"correlation_id": cid, "dry_run": request.dry_run, **describe(purged)}
    for name, kind in (("frames", FrameKind.FRAME), ("quarantine", FrameKind.QUARANTINE)):
        answer[name] |= {"left": {"count": left[kind][0], "bytes": left[kind][1]}}
    return {**answer, "more": plan.more, "age_held": plan.held}


async def async_apply(
    coordinator: CameraCoordinator, rules: Iterable[Rule], limit: int, dry_run: bool = False
) -> tuple[Plan, Purged]:
    """Make a plan and carry it out, portion by portion, so that captures get their turn in between."""
    engine = coordinator.engine
    question = partial(retention.plan, rules=tuple(rules), now=dt_util.utcnow(), limit=limit)
    plan = await _async_run(coordinator, partial(engine.catalogue.read, question))
    if dry_run:
        return plan, plan.expected
    pending = await _async_run(coordinator, partial(retention.begin, engine.storage, engine.catalogue), files=True)
    purged = Purged(pending=pending)
    try:
        for victims in plan.batches():
            portion = partial(retention.remove, engine.storage, engine.catalogue, victims)
            purged += await _async_run(coordinator, portion, files=True)
    finally:
        if plan.victims:
            await coordinator.async_recount()
    return plan, purged


async def _async_run[T](coordinator: CameraCoordinator, job: Callable[[], T], *, files: bool = False) -> T:
    """Run a job of the catalogue, or one of the files; who asked is told when the camera or the pool goes meanwhile."""
    if coordinator.turns.stopped:
        raise not_loaded(coordinator.name)
    engine = coordinator.engine
    try:
        return await (engine.async_store(job, patient=True) if files else engine.async_run(job))
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        raise not_loaded(coordinator.name) from None


def announce(
    coordinator: CameraCoordinator, by: PurgeTrigger, purged: Purged, cid: str, parent: Context | None = None
) -> None:
    """Tell on the bus what a purge did."""
    coordinator.announcer.purged({"by": by, **describe(purged)}, cid, parent)


def configured(coordinator: CameraCoordinator, *, include_current_run: bool = False) -> list[Rule]:
    """Return the rules that a camera's options and its timelapses ask for; rejected pictures go first.

    Runs of archived timelapses stay. Frames of no run stay as long as the most patient timelapse keeps its own.
    """
    entry = coordinator.config_entry
    camera_id = entry.entry_id
    rules = [
        Rule(
            scope=Scope(camera_id=camera_id, kind=FrameKind.QUARANTINE),
            limits=quarantine_limits_from(entry.options),
        )
    ]
    timelapses = entry.get_subentries_of_type(SUBENTRY_TIMELAPSE)
    for item in timelapses:
        under_way = include_current_run or limits_current_run(item.data)
        scope = Scope(camera_id=camera_id, timelapse_id=item.subentry_id, under_way=under_way)
        rules.append(Rule(scope=scope, limits=frame_limits_from(item.data)))
    ages = [frame_limits_from(item.data).age or timedelta.max for item in timelapses]
    if (longest := max(ages, default=timedelta.max)) < timedelta.max:
        rules.append(Rule(scope=Scope(camera_id=camera_id, loose=True), limits=Limits(age=longest)))
    return rules


def _asked(coordinator: CameraCoordinator, request: PurgeRequest) -> list[Rule]:
    """Return the rules of a request: its own limits for everything of the camera, or the configured ones."""
    kinds = [kind for kind in FrameKind if request.kind in (PurgeKind.ALL, _KINDS[kind])]
    if request.age is None and request.keep_newest is None:
        rules = configured(coordinator, include_current_run=request.include_current_run)
        return [rule for rule in rules if rule.scope.kind in kinds]
    limits = Limits(age=request.age, count=request.keep_newest)
    camera_id, under_way = coordinator.config_entry.entry_id, request.include_current_run
    return [
        Rule(scope=Scope(camera_id=camera_id, kind=kind, under_way=under_way), limits=limits, all_of=True)
        for kind in kinds
    ]


def _stored(conn: Connection, camera_id: str) -> dict[FrameKind, tuple[int, int]]:
    """Return the number and the bytes of a camera's stills by kind."""
    return {kind: queries.totals(conn, Scope(camera_id=camera_id, kind=kind, under_way=True)) for kind in FrameKind}


def describe(purged: Purged) -> dict[str, Any]:
    """Return what was removed as events and answers tell it."""
    return {
        "frames": _tally(purged.frames),
        "quarantine": _tally(purged.quarantine),
        "released": purged.released,
        "pending": purged.pending,
    }


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "count": tally.count,
        "bytes": tally.byte_count,
        "oldest": None if tally.oldest is None else tally.oldest.isoformat(),
        "newest": None if tally.newest is None else tally.newest.isoformat(),
    }
