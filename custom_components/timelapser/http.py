"""Pictures by HTTP: stored stills by their ids, and looks by their tokens."""

from http import HTTPStatus
from typing import Final

from aiohttp import web
from homeassistant.components.http.const import KEY_HASS_USER
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.http import KEY_HASS, HomeAssistantView

from .const import DOMAIN
from .core.catalogue import queries
from .core.errors import TimelapserError
from .core.ulid import is_ulid
from .engine import DATA_ENGINE
from .pictures import FRAME_PATH, LOOK_PATH, async_find_look, may_see

CACHING: Final = "private, max-age=3600"
"""A still never changes; an hour bounds how long a browser shows one that was deleted or forbidden meanwhile."""


@callback
def async_setup_views(hass: HomeAssistant) -> None:
    """Register the views."""
    hass.http.register_view(FrameView)
    hass.http.register_view(LookView)


class FrameView(HomeAssistantView):
    """Serves stored stills; what does not exist and what may not be seen look the same."""

    url = FRAME_PATH
    name = f"api:{DOMAIN}:frame"

    async def get(self, request: web.Request, frame_id: str) -> web.Response:
        """Return the bytes of a still."""
        hass = request.app[KEY_HASS]
        engine = hass.data.get(DATA_ENGINE)
        if engine is None or not is_ulid(frame_id):
            return _nothing()
        try:
            found = await engine.async_read(lambda conn: queries.find_frame(conn, frame_id))
            if found is None:
                return _nothing()
            frame, source_key = found
            if not may_see(hass, request[KEY_HASS_USER], source_key):
                return _nothing()
            data = await engine.async_read_still(frame)
        except TimelapserError:
            return _nothing()
        return _nothing() if data is None else _picture(data, frame.content_type)


class LookView(HomeAssistantView):
    """Serves pictures that were taken only to be shown."""

    url = LOOK_PATH
    name = f"api:{DOMAIN}:look"

    async def get(self, request: web.Request, token: str) -> web.Response:
        """Return the bytes of a look."""
        hass = request.app[KEY_HASS]
        look = async_find_look(hass, token)
        if look is None or not may_see(hass, request[KEY_HASS_USER], look.source_key):
            return _nothing()
        return _picture(look.data, look.content_type)


def _picture(data: bytes, content_type: str) -> web.Response:
    return web.Response(body=data, content_type=content_type, headers={"Cache-Control": CACHING})


def _nothing() -> web.Response:
    return web.Response(status=HTTPStatus.NOT_FOUND)
