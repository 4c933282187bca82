"""Pictures that forms show: stored stills and short-lived looks, as Markdown with signed addresses."""

from dataclasses import dataclass
from datetime import datetime, timedelta
import secrets
from typing import Final

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .fetch import SourceCamera

FRAME_PATH: Final = f"/api/{DOMAIN}/frame/{{frame_id}}"
LOOK_PATH: Final = f"/api/{DOMAIN}/look/{{token}}"

PICTURE_LIFE: Final = timedelta(minutes=10)
"""How long the address of a shown picture is good, and a look is kept: to see it on a slow line, and no longer."""
LOOKS_MAX: Final = 8
"""Looks kept at the same time; a 4K still has some 2 MB, and no more people repair cameras at once."""

_DATA_LOOKS: HassKey[dict[str, Look]] = HassKey(f"{DOMAIN}_looks")


@dataclass(frozen=True, slots=True)
class Look:
    """A picture that was taken only to be shown, and of which camera it is."""

    source_key: str
    data: bytes
    content_type: str
    until: datetime


@callback
def async_hold_look(hass: HomeAssistant, source_key: str, data: bytes, content_type: str) -> str:
    """Keep a picture in memory for a while and return its path."""
    looks = hass.data.setdefault(_DATA_LOOKS, {})
    while len(looks) >= LOOKS_MAX:
        del looks[next(iter(looks))]
    token = secrets.token_urlsafe(16)
    looks[token] = Look(source_key, data, content_type, dt_util.utcnow() + PICTURE_LIFE)

    @callback
    def drop(_now: datetime) -> None:
        looks.pop(token, None)

    async_call_later(hass, PICTURE_LIFE, HassJob(drop, f"{DOMAIN} look", cancel_on_shutdown=True))
    return LOOK_PATH.format(token=token)


@callback
def async_find_look(hass: HomeAssistant, token: str) -> Look | None:
    """Return a picture that is still kept."""
    look = hass.data.get(_DATA_LOOKS, {}).get(token)
    return look if look is not None and dt_util.utcnow() < look.until else None


def frame_path(frame_id: str) -> str:
    """Return the path of a stored still."""
    return FRAME_PATH.format(frame_id=frame_id)


@callback
def async_show(hass: HomeAssistant, path: str, words: str) -> str:
    """Return a picture as Markdown; its address works for who asks for this form, for a while, without a login."""
    return f"![{words}]({async_sign_path(hass, path, PICTURE_LIFE)})"


def may_see(hass: HomeAssistant, user: User, source_key: str) -> bool:
    """Return whether a user may see the pictures of a guarded camera: whoever may see the camera itself."""
    return user.permissions.check_entity(SourceCamera(hass, source_key).entity_id or source_key, POLICY_READ)
