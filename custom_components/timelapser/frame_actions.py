"""The actions on single stills: list them, and decide about them."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final

from homeassistant.core import ServiceCall, ServiceResponse
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import VolDictType
from homeassistant.util import dt as dt_util
import voluptuous as vol

from .core.catalogue import queries
from .core.catalogue.records import StillRow
from .core.catalogue.stills import StillCursor, StillQuery
from .core.detection.report import describe_fault
from .core.detection.teaching import teaches
from .core.errors import Code
from .core.models import FrameKind, Review, Reviewed, Verdict
from .core.review import review_stills
from .core.ulid import new_ulid
from .engine import Engine
from .exceptions import attempt_error, invalid, translated
from .pictures import FRAME_PATH
from .run_actions import FIELD_CURSOR, FIELD_LIMIT, FIELD_RUN_ID, PAGE_FIELDS, async_find_run
from .targets import (
    Target,
    async_answers,
    async_borrow_engine,
    async_check_control,
    async_targets,
    loaded_camera,
)

FIELD_KIND: Final = "kind"
FIELD_VERDICT: Final = "verdict"
FIELD_START: Final = "start"
FIELD_END: Final = "end"
FIELD_FRAME_ID: Final = "frame_id"
FIELD_DECISION: Final = "decision"

MAX_REVIEWED: Final = 100
"""Stills that one call decides about: each is a file to write, and 100 of them take about three seconds."""


class Decision(StrEnum):
    """What a person decides about a still."""

    RESTORE = "restore"
    REJECT = "reject"
    PROTECT = "protect"
    UNPROTECT = "unprotect"
    UNDO = "undo"


REVIEWS: Final[Mapping[Decision, Review | None]] = {
    Decision.RESTORE: Review.GOOD,
    Decision.REJECT: Review.BAD,
    Decision.UNDO: None,
}
"""Decisions that are reviews; the one that takes a review back leaves none."""

LIST_FIELDS: Final[VolDictType] = {
    **PAGE_FIELDS,
    vol.Optional(FIELD_RUN_ID): cv.string,
    vol.Optional(FIELD_KIND): vol.Coerce(FrameKind),
    vol.Optional(FIELD_VERDICT): vol.All(cv.ensure_list, [vol.Coerce(Verdict)], vol.Length(min=1)),
    vol.Optional(FIELD_START): cv.datetime,
    vol.Optional(FIELD_END): cv.datetime,
}
REVIEW_FIELDS: Final[VolDictType] = {
    vol.Required(FIELD_FRAME_ID): vol.All(cv.ensure_list, [cv.string], vol.Length(min=1)),
    vol.Required(FIELD_DECISION): vol.Coerce(Decision),
}


async def async_list_frames(call: ServiceCall) -> ServiceResponse:
    """Answer with stills of the cameras or timelapses that are meant, the newest first."""
    start, end = _instant(call, FIELD_START), _instant(call, FIELD_END)
    if (start and end and end <= start) or (start and start > dt_util.utcnow()):
        raise invalid("range_invalid")
    before = None
    if (cursor := call.data.get(FIELD_CURSOR)) is not None:
        try:
            before = StillCursor.parse(cursor)
        except ValueError as err:
            raise invalid("cursor_invalid") from err
    kind: FrameKind | None = call.data.get(FIELD_KIND)
    query = partial(
        StillQuery,
        kinds=tuple(FrameKind) if kind is None else (kind,),
        verdicts=call.data.get(FIELD_VERDICT, tuple(Verdict)),
        run_id=call.data.get(FIELD_RUN_ID),
        start=start,
        end=end,
        before=before,
        limit=call.data[FIELD_LIMIT],
    )

    async def read(target: Target) -> dict[str, Any]:
        engine = target.loaded().engine
        wanted = query(camera_id=target.entry.entry_id, timelapse_ids=None if target.whole else target.timelapse_ids)
        with translated():
            frames, following = await engine.async_read(lambda conn: queries.list_stills(conn, wanted))
        return {"frames": [_describe(frame) for frame in frames], "cursor": str(following) if following else None}

    targets = await async_targets(call, "timelapse_not_found")
    await _async_check_run(call, targets)
    subjects = [(target, {"name": target.entry.title}) for target in targets]
    answers = await async_answers(call, subjects, read)
    return {"cameras": {target.entry.entry_id: answer for target, answer in zip(targets, answers, strict=True)}}


async def async_review_frame(call: ServiceCall) -> ServiceResponse:
    """Carry out a decision about stills; answer with each as it is now."""
    frame_ids: list[str] = list(dict.fromkeys(call.data[FIELD_FRAME_ID]))
    decision: Decision = call.data[FIELD_DECISION]
    if len(frame_ids) > MAX_REVIEWED:
        raise invalid("too_many_frames", count=str(len(frame_ids)), limit=str(MAX_REVIEWED))
    async with async_borrow_engine(call.hass) as engine:
        before = await _async_find(engine, frame_ids)
        await async_check_control(call, {frame.source_key for frame in before.values()})
        failed: dict[str, Code] = {}
        try:
            with translated():
                if decision in REVIEWS:
                    review = REVIEWS[decision]
                    move = partial(review_stills, engine.storage, engine.catalogue, frame_ids, review)
                    failed = await engine.async_store(move, patient=True)
                else:
                    protected = decision is Decision.PROTECT
                    await engine.async_write(lambda conn: queries.set_protected(conn, frame_ids, protected))
        finally:
            for camera_id in {frame.camera_id for frame in before.values()}:
                if (coordinator := loaded_camera(call.hass, camera_id)) is not None:
                    await coordinator.async_recount()
        with translated():
            after = await engine.async_read(lambda conn: queries.find_stills(conn, frame_ids))

    async def answer(frame_id: str) -> dict[str, Any]:
        if frame_id in failed:
            raise _failure(failed[frame_id])
        if frame_id not in after:
            raise invalid("frame_not_found", frame_id=frame_id)
        frame = after[frame_id]
        return {
            "kind": frame.kind,
            "review": frame.review,
            "protected": frame.protected,
            "taught": _teaches(frame),
            "changed": _decided(frame) != _decided(before[frame_id]),
        }

    answers: list[Any] = await async_answers(call, [(one, {"frame_id": one}) for one in frame_ids], answer)
    return {"frames": answers}


async def _async_find(engine: Engine, frame_ids: list[str]) -> dict[str, StillRow]:
    """Return stills by id; unknown ones are the caller's to know."""
    with translated():
        found = await engine.async_read(lambda conn: queries.find_stills(conn, frame_ids))
    for frame_id in frame_ids:
        if frame_id not in found:
            raise invalid("frame_not_found", frame_id=frame_id)
    return found


async def _async_check_run(call: ServiceCall, targets: list[Target]) -> None:
    """Refuse a run that is none, or none of the cameras that are meant."""
    if (run_id := call.data.get(FIELD_RUN_ID)) is None:
        return
    async with async_borrow_engine(call.hass) as engine:
        run = await async_find_run(engine, run_id)
    if run.camera_id not in {target.entry.entry_id for target in targets}:
        raise invalid("run_not_found")


def _instant(call: ServiceCall, field: str) -> datetime | None:
    """Return an instant that was given; without a time zone it is local time."""
    moment: datetime | None = call.data.get(field)
    return None if moment is None else dt_util.as_utc(moment)


def _failure(code: Code) -> HomeAssistantError:
    """Return what is raised for a still that could not be moved."""
    return invalid("frame_file_missing") if code is Code.NOT_FOUND else attempt_error(code, new_ulid())


def _teaches(frame: StillRow) -> bool:
    """Return whether what a person said of a still changes how such pictures of its camera are judged."""
    if frame.review is None:
        return False
    good = frame.review is Review.GOOD
    return teaches(Reviewed(light=frame.light, faults=frame.faults, good=good, at=frame.captured_at))


def _decided(frame: StillRow) -> tuple[object, ...]:
    return frame.kind, frame.review, frame.protected


def _describe(frame: StillRow) -> dict[str, Any]:
    """Return a still as an answer tells of it."""
    return {
        "frame_id": frame.id,
        "kind": frame.kind,
        "captured_at": frame.captured_at.isoformat(),
        "slot_at": frame.slot_at.isoformat(),
        "score": frame.score,
        "verdict": frame.verdict,
        "light": frame.light,
        "faults": [describe_fault(fault) for fault in frame.faults],
        "review": frame.review,
        "protected": frame.protected,
        "run_ids": list(frame.run_ids),
        "size": list(frame.size) if frame.size else None,
        "bytes": frame.byte_count,
        "url": FRAME_PATH.format(frame_id=frame.id),
    }
