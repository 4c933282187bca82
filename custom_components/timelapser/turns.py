"""The turns of one camera: one attempt or change at a time, and none once it stops."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .exceptions import not_loaded


class Turns:
    """Lets one at a time work on the camera of an entry; what is under way ends with the entry."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Begin with nobody at work."""
        self._hass = hass
        self._entry = entry
        self._running: asyncio.Task[Any] | None = None
        self.lock = asyncio.Lock()
        """For who has nothing to say once the camera is stopped, and asks for that."""
        self.stopped = False

    @callback
    def stop(self) -> asyncio.Task[Any] | None:
        """Give no more turns; return the work that is under way, or was the last."""
        self.stopped = True
        return self._running

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for a turn; who waited while the camera was unloaded is told."""
        async with self.lock:
            if self.stopped:
                raise not_loaded(self._entry.title)
            yield

    async def async_run[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Run work as a task of the entry, which ends with it; who called is told, not cancelled."""
        name = f"{DOMAIN} attempt {self._entry.title}"
        running = self._entry.async_create_background_task(self._hass, work, name)
        self._running = running
        try:
            return await running
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                running.cancel()
                raise
            raise not_loaded(self._entry.title) from None
