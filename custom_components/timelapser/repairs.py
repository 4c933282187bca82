"""The fix flows: they show what is wrong, with pictures, and offer what can be done about it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from homeassistant.components.repairs import FlowType, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from sqlalchemy import Connection
import voluptuous as vol

from .const import CONF_CAMERA, DOMAIN, SYSTEM_UNIQUE_ID
from .coordinator import CameraCoordinator, TimelapserConfigEntry
from .core.catalogue import queries
from .core.degradation import Degradation
from .core.errors import Code, TimelapserError
from .core.models import Fault, FrameRef
from .engine import DATA_ENGINE, async_adopt_storage
from .issues import STORAGE_ISSUES, IssueKey, async_shown
from .learning import async_begin_anew
from .pictures import async_hold_look, async_show, frame_path
from .recording import async_rest_all
from .storage_watch import async_storage_watch
from .words import Words, async_words, local_time, plain

LOOK_BUDGET_S: Final = 10.0
"""Seconds that the camera has for the picture of now; somebody sits there and waits."""
LOOK_WAIT_S: Final = 20.0
"""Seconds after which the form is shown without it, whatever holds the camera."""


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the flow of an issue."""
    issue = ir.async_get(hass).issues[(DOMAIN, issue_id)]
    return _FLOWS[IssueKey(issue.translation_key or "")](str((data or {})["entry_id"]))


class CameraRemovedFlow(RepairsFlow):
    """A camera is gone: guard another one in its place, or guard it no more."""

    def __init__(self, entry_id: str) -> None:
        """Mend the camera of an entry."""
        self._entry_id = entry_id

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Let the user choose."""
        if (entry := self.hass.config_entries.async_get_entry(self._entry_id)) is None:
            return self.async_abort(reason="entry_removed")
        return self.async_show_menu(
            step_id="init",
            menu_options=["choose", "remove"],
            description_placeholders={"camera": plain(entry.title)},
        )

    async def async_step_choose(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Lead on to the choice of another camera; its success ends the issue."""
        return self.async_abort(reason="choose", next_flow=await _async_other_camera(self.hass, self._entry_id))

    async def async_step_remove(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Remove the camera's entry once the user has confirmed it."""
        if (entry := self.hass.config_entries.async_get_entry(self._entry_id)) is None:
            return self.async_abort(reason="entry_removed")
        if user_input is None:
            return self.async_show_form(
                step_id="remove",
                data_schema=vol.Schema({}),
                description_placeholders={"camera": plain(entry.title)},
            )
        await self.hass.config_entries.async_remove(entry.entry_id)
        return self.async_create_entry(data={})


async def _async_other_camera(hass: HomeAssistant, entry_id: str) -> tuple[FlowType, str]:
    """Begin the form that every change of camera is made with; return how a flow leads on to it."""
    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_RECONFIGURE, "entry_id": entry_id}
    )
    return FlowType.CONFIG_FLOW, result["flow_id"]


class CameraDegradedFlow(RepairsFlow):
    """The pictures of a camera are bad: see how, and decide what to do."""

    def __init__(self, entry_id: str) -> None:
        """Look into the camera of an entry."""
        self._entry_id = entry_id

    @property
    def _coordinator(self) -> CameraCoordinator | None:
        """Return the camera while it is loaded."""
        entry: TimelapserConfigEntry | None = self.hass.config_entries.async_get_entry(self._entry_id)
        return None if entry is None or entry.state is not ConfigEntryState.LOADED else entry.runtime_data

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Show what happened, with a good, a rejected and a present picture."""
        if (coordinator := self._coordinator) is None:
            return self.async_abort(reason="not_loaded")
        if (degradation := coordinator.state.degradation) is None:
            return self.async_abort(reason="recovered")
        return self.async_show_menu(
            step_id="init",
            menu_options=["look", "reset", "relearn", "choose", "pause", "ignore"],
            description_placeholders=await _Report(self.hass, coordinator, degradation).async_texts(),
        )

    async def async_step_look(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Show the same again with a new look."""
        return await self.async_step_init()

    async def async_step_reset(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """End the degraded state by hand."""
        return await self._async_do(CameraCoordinator.async_reset_degraded) or self.async_create_entry(data={})

    async def async_step_relearn(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Take what the camera shows now for what it is to show, and end the degraded state."""
        return await self._async_do(async_begin_anew) or self.async_create_entry(data={})

    async def async_step_choose(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Lead on to the choice of another camera; its success ends the issue."""
        if self._coordinator is None:
            return self.async_abort(reason="not_loaded")
        return self.async_abort(reason="choose", next_flow=await _async_other_camera(self.hass, self._entry_id))

    async def async_step_pause(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Capture nothing any more until the user goes on; the issue stays, as the camera is no better for it."""
        return await self._async_do(async_rest_all) or self.async_abort(reason="paused")

    async def _async_do(self, work: Callable[[CameraCoordinator], Awaitable[object]]) -> RepairsFlowResult | None:
        """Do something about the camera; return how the flow ends if that is not possible."""
        if (coordinator := self._coordinator) is None:
            return self.async_abort(reason="not_loaded")
        try:
            await work(coordinator)
        except TimelapserError, HomeAssistantError:
            return self.async_abort(reason="failed")
        return None

    async def async_step_ignore(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Say no more of it until the camera has recovered and is degraded anew."""
        if async_shown(self.hass, IssueKey.CAMERA_DEGRADED, self._entry_id):
            ir.async_ignore_issue(self.hass, DOMAIN, self.issue_id, ignore=True)
        return self.async_abort(reason="ignored")


class WrongMountFlow(RepairsFlow):
    """The folder is not the storage that was used before: look again, or begin a new storage in it."""

    def __init__(self, entry_id: str) -> None:
        """Mend the storage of all cameras."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Let the user choose."""
        return self.async_show_menu(step_id="init", menu_options=["check", "adopt"])

    async def async_step_check(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Look whether the disk is back."""
        if await self._async_mended():
            return self.async_create_entry(data={})
        return self.async_show_menu(step_id="check", menu_options=["check", "adopt"])

    async def async_step_adopt(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Make the folder the storage once the user has confirmed it."""
        if user_input is None:
            return self.async_show_form(step_id="adopt", data_schema=vol.Schema({}))
        try:
            await async_adopt_storage(self.hass)
        except TimelapserError as err:
            return self.async_abort(reason="adopt_failed", description_placeholders={"code": err.code})
        if await self._async_mended():
            return self.async_create_entry(data={})
        return self.async_abort(reason="not_mended")

    async def _async_mended(self) -> bool:
        """Return whether the storage can be used now; cameras that could not be set up for it are."""
        for entry in self.hass.config_entries.async_entries(DOMAIN):
            if entry.state is ConfigEntryState.SETUP_RETRY:
                await self.hass.config_entries.async_reload(entry.entry_id)
        if (engine := self.hass.data.get(DATA_ENGINE)) is not None:
            await async_storage_watch(self.hass, engine).async_check()
        return not any(async_shown(self.hass, key, SYSTEM_UNIQUE_ID) for key in STORAGE_ISSUES)


class _Report:
    """What is shown of a degraded camera: words, and three pictures."""

    def __init__(self, hass: HomeAssistant, coordinator: CameraCoordinator, degradation: Degradation) -> None:
        """Report on a camera; nothing is fetched yet."""
        self._hass = hass
        self._coordinator = coordinator
        self._degradation = degradation

    async def async_texts(self) -> dict[str, str]:
        """Return the placeholders of the form."""
        words = await async_words(self._hass, "common", "entity", "exceptions")
        reference, rejected = await self._async_stills()
        why = self._degradation
        return {
            "camera": plain(self._coordinator.config_entry.title),
            "since": local_time(why.first_bad_at or why.since),
            "bad": str(why.bad),
            "pictures": str(why.pictures),
            "in_a_row": str(why.in_a_row),
            "cause": self._causes(words) or _faults(words, why.faults) or (words.reason(why.code) if why.code else "–"),
            "reference": self._still(words, reference, "common.picture_reference"),
            "rejected": self._still(words, rejected, "common.picture_rejected"),
            "current": await self._async_look(words),
        }

    def _causes(self, words: Words) -> str:
        """Return how many of the bad pictures had what, the most frequent first."""
        common = sorted(self._degradation.causes.items(), key=lambda item: -item[1])
        names = [words.reason(Code(cause)) if cause in Code else words.fault(cause) for cause, _ in common]
        return ", ".join(f"{name} ({count})" for name, (_, count) in zip(names, common, strict=True))

    async def _async_stills(self) -> tuple[FrameRef | None, FrameRef | None]:
        """Return what the camera normally looks like (or the last good still) and the newest rejected still."""
        why, state = self._degradation, self._coordinator.state

        def read(conn: Connection) -> list[FrameRef | None]:
            ids = (why.reference, why.rejected)
            found = [queries.find_frame(conn, frame_id) if frame_id else None for frame_id in ids]
            return [item[0] if item else None for item in found]

        reference, rejected = await self._coordinator.engine.async_read(read)
        return state.reference or reference or state.latest_frame, state.last_rejected or rejected

    def _still(self, words: Words, frame: FrameRef | None, title: str) -> str:
        """Return a stored still with what is to be said of it, or that there is none."""
        if frame is None:
            return words.get("common.picture_none")
        picture = async_show(self._hass, frame_path(frame.id), words.get(title))
        return f"{picture}\n\n{local_time(frame.captured_at)} · {_judgement(words, frame.score, frame.faults)}"

    async def _async_look(self, words: Words) -> str:
        """Return a picture of now; when the camera gives none, why, and the newest still that there is."""
        try:
            async with asyncio.timeout(LOOK_WAIT_S):
                attempt = await self._coordinator.async_look(LOOK_BUDGET_S)
        except TimeoutError, HomeAssistantError:
            return self._newest(words, Code.CAMERA_TIMEOUT)
        if attempt.evaluation is None or attempt.fetched is None:
            return self._newest(words, attempt.code or Code.UNEXPECTED)
        found = attempt.evaluation
        source_key = self._coordinator.config_entry.data[CONF_CAMERA]
        path = async_hold_look(self._hass, source_key, attempt.fetched.data, found.content_type)
        picture = async_show(self._hass, path, words.get("common.picture_current"))
        time = local_time(attempt.fetched.captured_at)
        return f"{picture}\n\n{time} · {_judgement(words, found.score, found.faults)}"

    def _newest(self, words: Words, code: Code) -> str:
        """Return the newest still of either kind, and why there is none of now."""
        state = self._coordinator.state
        stills = [frame for frame in (state.latest_frame, state.last_rejected) if frame is not None]
        newest = max(stills, key=lambda frame: frame.captured_at, default=None)
        reason = f"{words.get('common.picture_not_now')} {words.reason(code)} ({code})."
        return f"{reason}\n\n{self._still(words, newest, 'common.picture_newest')}"


def _judgement(words: Words, score: float | None, faults: tuple[Fault, ...]) -> str:
    """Return score and faults of a picture in words."""
    kinds = [fault.kind for fault in sorted(faults, key=lambda fault: -fault.severity)]
    number = f"{words.get('common.picture_score')} {'–' if score is None else f'{score:.0f}'}"
    return f"{number} · {_faults(words, kinds)}" if kinds else number


def _faults(words: Words, kinds: Iterable[str]) -> str:
    """Return the names of faults."""
    return ", ".join(words.fault(kind) for kind in kinds)


_FLOWS: Final[Mapping[IssueKey, Callable[[str], RepairsFlow]]] = {
    IssueKey.CAMERA_REMOVED: CameraRemovedFlow,
    IssueKey.CAMERA_DEGRADED: CameraDegradedFlow,
    IssueKey.STORAGE_WRONG_MOUNT: WrongMountFlow,
}
