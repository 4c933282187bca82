"""Watches a storage that is in trouble: one issue says what is wrong with it, and goes when that is over."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN, SYSTEM_UNIQUE_ID
from .core.errors import Code, StorageError, TimelapserError
from .core.readiness import StorageState
from .engine import Engine
from .issues import STORAGE_ISSUES, IssueKey, async_clear_issue, async_show_issue, async_shown

LOOK_AGAIN: Final = timedelta(seconds=60)
"""Time between two looks at a storage in trouble: so soon captures are to go on after it is mended."""

ISSUES_OF_CODES: Final[Mapping[Code, IssueKey]] = {
    Code.STORAGE_FULL: IssueKey.STORAGE_FULL,
    Code.STORAGE_READ_ONLY: IssueKey.STORAGE_NOT_WRITABLE,
    Code.STORAGE_PERMISSION: IssueKey.STORAGE_NOT_WRITABLE,
    Code.STORAGE_IO: IssueKey.STORAGE_NOT_WRITABLE,
    Code.STORAGE_UNREACHABLE: IssueKey.STORAGE_NOT_WRITABLE,
    Code.STORAGE_MARKER: IssueKey.STORAGE_WRONG_MOUNT,
}
"""What the user is told for a code; the others are no trouble of the whole storage."""

_DATA_WATCH: HassKey[StorageWatch] = HassKey(f"{DOMAIN}_storage_watch")


class StorageWatch:
    """Looks at the storage of the engine for as long as it is in trouble."""

    def __init__(self, hass: HomeAssistant, engine: Engine) -> None:
        """Watch until the engine closes."""
        self._hass = hass
        self._engine = engine
        self._unsub: CALLBACK_TYPE | None = None
        hass.data[_DATA_WATCH] = self
        engine.on_close.append(self._stop)

    @callback
    def _stop(self) -> None:
        self._rest()
        self._hass.data.pop(_DATA_WATCH)

    @callback
    def _rest(self) -> None:
        if self._unsub:
            self._unsub()
            self._unsub = None

    @callback
    def note(self, code: Code | None) -> None:
        """Show what an attempt ended with, if the storage was the cause, and look after it from now on."""
        if async_show_storage_issue(self._hass, code) and self._unsub is None:
            self._unsub = async_track_time_interval(self._hass, self._async_look, LOOK_AGAIN)

    async def async_heed(self, state: StorageState) -> None:
        """Find out more when the storage is not as it should be, or was not when somebody last looked."""
        shown = any(async_shown(self._hass, key, SYSTEM_UNIQUE_ID) for key in STORAGE_ISSUES)
        if self._unsub is None and (state is not StorageState.OK or shown):
            await self.async_check()

    async def async_check(self) -> Code | None:
        """Look at the storage, bring its issue in step, and return what is wrong with it."""
        try:
            code = await self._engine.async_store(self._find)
        except StorageError as err:
            code = err.code
        if self._hass.data.get(_DATA_WATCH) is not self:
            return code
        self.note(code)
        if code is None:
            self._rest()
            async_clear_storage_issues(self._hass)
        return code

    async def _async_look(self, _now: datetime) -> None:
        await self.async_check()

    def _find(self) -> Code | None:
        """Return what keeps a still from being stored now (the storage's threads)."""
        try:
            self._engine.storage.check()
            if self._engine.storage_state() is StorageState.FULL:
                return Code.STORAGE_FULL
            self._engine.storage.probe()
        except TimelapserError as err:
            return err.code
        return None


@callback
def async_storage_watch(hass: HomeAssistant, engine: Engine) -> StorageWatch:
    """Return the watch over the engine's storage."""
    return hass.data.get(_DATA_WATCH) or StorageWatch(hass, engine)


@callback
def async_show_storage_issue(hass: HomeAssistant, code: Code | None) -> bool:
    """Show the issue of a code and no other one of the storage; return whether the code has one."""
    if code is None or (wanted := ISSUES_OF_CODES.get(code)) is None:
        return False
    for key in STORAGE_ISSUES:
        if key is not wanted:
            async_clear_issue(hass, key, SYSTEM_UNIQUE_ID)
    async_show_issue(hass, wanted, SYSTEM_UNIQUE_ID, {"code": code})
    return True


@callback
def async_clear_storage_issues(hass: HomeAssistant) -> None:
    """Take the issue of the storage away, whichever it is."""
    for key in STORAGE_ISSUES:
        async_clear_issue(hass, key, SYSTEM_UNIQUE_ID)
