"""The issues in Repairs: their ids, how they come and how they go."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntry, ConfigEntryChange, ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.issue_registry import IssueSeverity
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN, SYSTEM_UNIQUE_ID
from .core.detection.closeness import FOLLOWED
from .core.models import FaultKind


class IssueKey(StrEnum):
    """What a person can do something about; also the keys of the texts."""

    CAMERA_REMOVED = "camera_removed"
    CAMERA_DEGRADED = "camera_degraded"
    CAMERA_FORECAST_BLUR = "camera_forecast_blur"
    CAMERA_FORECAST_DIRT = "camera_forecast_dirt"
    CAMERA_FORECAST_FILM = "camera_forecast_film"
    CAMERA_FORECAST_DARK = "camera_forecast_dark"
    CAMERA_FORECAST_CAST = "camera_forecast_cast"
    CAMERA_FORECAST_NOISE = "camera_forecast_noise"
    STORAGE_FULL = "storage_full"
    STORAGE_NOT_WRITABLE = "storage_not_writable"
    STORAGE_WRONG_MOUNT = "storage_wrong_mount"
    CATALOGUE_REBUILT = "catalogue_rebuilt"


FORECAST_ISSUES: Final[Mapping[FaultKind, IssueKey]] = {kind: IssueKey(f"camera_forecast_{kind}") for kind in FOLLOWED}
"""What is foretold of a camera; each cause has a text of its own."""
SEVERITIES: Final[Mapping[IssueKey, IssueSeverity]] = {
    IssueKey.CAMERA_REMOVED: IssueSeverity.ERROR,
    IssueKey.CAMERA_DEGRADED: IssueSeverity.WARNING,
    IssueKey.STORAGE_FULL: IssueSeverity.CRITICAL,
    IssueKey.STORAGE_NOT_WRITABLE: IssueSeverity.CRITICAL,
    IssueKey.STORAGE_WRONG_MOUNT: IssueSeverity.CRITICAL,
    IssueKey.CATALOGUE_REBUILT: IssueSeverity.WARNING,
    **dict.fromkeys(FORECAST_ISSUES.values(), IssueSeverity.WARNING),
}
CAMERA_ISSUES: Final = (IssueKey.CAMERA_REMOVED, IssueKey.CAMERA_DEGRADED, *FORECAST_ISSUES.values())
"""Each camera has its own; their owner is its entry's id."""
STORAGE_ISSUES: Final = (IssueKey.STORAGE_FULL, IssueKey.STORAGE_NOT_WRITABLE, IssueKey.STORAGE_WRONG_MOUNT)
"""At most one of them is there, for all cameras together."""
FIXABLE: Final = (IssueKey.CAMERA_REMOVED, IssueKey.CAMERA_DEGRADED, IssueKey.STORAGE_WRONG_MOUNT)
"""Those with a fix flow; the others go by themselves as soon as their cause does."""

_DATA_IGNORED: HassKey[set[str]] = HassKey(f"{DOMAIN}_ignored_issues")
"""Issues that the user ignored and that went only because their entry was unloaded: a reload is no new trouble."""


def issue_id(key: IssueKey, owner: str) -> str:
    """Return the id of an issue, which is the same every time."""
    return f"{key}_{owner}"


@callback
def async_show_issue(hass: HomeAssistant, key: IssueKey, owner: str, placeholders: Mapping[str, str]) -> None:
    """Show an issue, or keep it up to date."""
    wanted = issue_id(key, owner)
    ir.async_create_issue(
        hass,
        DOMAIN,
        wanted,
        data={"entry_id": owner},
        is_fixable=key in FIXABLE,
        severity=SEVERITIES[key],
        translation_key=key,
        translation_placeholders=dict(placeholders),
    )
    if wanted in hass.data.get(_DATA_IGNORED, ()):
        hass.data[_DATA_IGNORED].discard(wanted)
        ir.async_ignore_issue(hass, DOMAIN, wanted, ignore=True)


@callback
def async_clear_issue(hass: HomeAssistant, key: IssueKey, owner: str) -> None:
    """Take an issue away because its cause is gone."""
    hass.data.get(_DATA_IGNORED, set()).discard(issue_id(key, owner))
    ir.async_delete_issue(hass, DOMAIN, issue_id(key, owner))


@callback
def async_shown(hass: HomeAssistant, key: IssueKey, owner: str) -> bool:
    """Return whether an issue is there now, ignored or not."""
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id(key, owner))
    return issue is not None and issue.active


@callback
def async_setup_issues(hass: HomeAssistant) -> None:
    """See to it that no issue outlives the entry that it is about, however that one ends."""

    @callback
    def entry_changed(change: ConfigEntryChange, entry: ConfigEntry) -> None:
        if entry.domain != DOMAIN or entry.unique_id == SYSTEM_UNIQUE_ID:
            return
        if change is ConfigEntryChange.REMOVED:
            for key in CAMERA_ISSUES:
                async_clear_issue(hass, key, entry.entry_id)
        elif entry.state is ConfigEntryState.NOT_LOADED:
            for key in CAMERA_ISSUES:
                _set_aside(hass, key, entry.entry_id)
        cameras = [other for other in hass.config_entries.async_entries(DOMAIN) if other.unique_id != SYSTEM_UNIQUE_ID]
        if not cameras:
            async_clear_issue(hass, IssueKey.CATALOGUE_REBUILT, SYSTEM_UNIQUE_ID)
        if all(camera.state is ConfigEntryState.NOT_LOADED for camera in cameras):
            for key in STORAGE_ISSUES:
                _set_aside(hass, key, SYSTEM_UNIQUE_ID)

    async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, entry_changed)


@callback
def _set_aside(hass: HomeAssistant, key: IssueKey, owner: str) -> None:
    """Take an issue away because nobody looks after it any more, and remember whether the user ignored it."""
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id(key, owner))
    if issue is None or not issue.active:
        return
    if issue.dismissed_version is not None:
        hass.data.setdefault(_DATA_IGNORED, set()).add(issue.issue_id)
    ir.async_delete_issue(hass, DOMAIN, issue.issue_id)
