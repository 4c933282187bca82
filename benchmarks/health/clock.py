"""A clock that a month passes on as fast as the work of it is done."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
import selectors
from typing import Any, Final
from unittest.mock import patch

from homeassistant.util import dt as dt_util

from benchmarks.corpus.sequences import BEGIN

ORIGIN: Final = BEGIN - timedelta(days=1)
"""When the loop's own time is 0."""


class _Skipping(selectors.SelectSelector):
    """Waits for nothing: what the loop would sleep has passed at once."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready; otherwise let the time pass."""
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("nothing will ever happen any more")
            self.passed += max(0.0, timeout)
        return ready


class Clock:
    """An event loop whose time passes only while everybody in it sleeps; the wall clock follows it."""

    def __init__(self) -> None:
        """Make the loop; it has no threads."""
        self._selector = _Skipping()
        self.loop = asyncio.SelectorEventLoop(self._selector)
        self.loop.time = lambda: self._selector.passed  # type: ignore[method-assign]

    @property
    def now(self) -> datetime:
        """Return the wall clock's time."""
        return ORIGIN + timedelta(seconds=round(self._selector.passed, 6))

    def skip_to(self, when: datetime) -> None:
        """Let time pass until an instant, unless that is behind us."""
        self._selector.passed = max(self._selector.passed, (when - ORIGIN).total_seconds())

    @contextmanager
    def ruling(self) -> Iterator[None]:
        """Let Home Assistant's helpers tell this time; close the loop at the end."""
        with patch.object(dt_util, "utcnow", lambda: self.now):
            try:
                yield
            finally:
                self.loop.close()
