"""Which lines and branches of the detection and of Pillow's readers were reached, as feedback for the hunt."""

from collections.abc import Sequence
import sys
from types import CodeType, ModuleType
from typing import Any

TOOL = 4
"""The monitoring slot: one that debuggers, profilers and coverage leave free."""


class Reach:
    """Counts the lines and branches that are reached for the first time; each costs something only that once."""

    def __init__(self, modules: Sequence[ModuleType]) -> None:
        """Watch the modules' files from now on."""
        self._files = frozenset(module.__file__ for module in modules)
        self.lines: set[tuple[str, int]] = set()
        self.branches: set[tuple[str, int, int, int]] = set()
        events = sys.monitoring.events
        sys.monitoring.use_tool_id(TOOL, "fuzz")
        sys.monitoring.register_callback(TOOL, events.LINE, self._line)
        sys.monitoring.register_callback(TOOL, events.BRANCH_LEFT, self._branch)
        sys.monitoring.register_callback(TOOL, events.BRANCH_RIGHT, self._branch)
        sys.monitoring.set_events(TOOL, events.LINE | events.BRANCH_LEFT | events.BRANCH_RIGHT)

    @property
    def total(self) -> int:
        """Return how much was reached so far."""
        return len(self.lines) + len(self.branches)

    def _line(self, code: CodeType, number: int) -> Any:
        if code.co_filename in self._files:
            self.lines.add((code.co_filename, number))
        return sys.monitoring.DISABLE

    def _branch(self, code: CodeType, start: int, target: int) -> Any:
        if code.co_filename in self._files:
            self.branches.add((code.co_filename, code.co_firstlineno, start, target))
        return sys.monitoring.DISABLE
