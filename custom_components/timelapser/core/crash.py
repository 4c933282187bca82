"""Points at which a test can kill the process, to prove that nothing is lost or half done."""

import os

ENVIRONMENT = "TIMELAPSER_CRASH_AT"
"""``<point>`` or ``<point>:<n>``: die when that point is passed for the n-th time (default the first)."""
EXIT_STATUS = 137
"""The status of a process ended by SIGKILL, which this stands for."""


def _plan(setting: str) -> tuple[str, int]:
    name, _, count = setting.partition(":")
    return name, int(count or 1)


_name, _left = _plan(os.environ.get(ENVIRONMENT, ""))


def crash_point(name: str) -> None:
    """End the process at once, without any clean-up, when the environment asks for it here."""
    global _left  # noqa: PLW0603
    if name != _name:
        return
    _left -= 1
    if _left == 0:
        os._exit(EXIT_STATUS)
