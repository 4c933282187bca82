"""What the fuzz test runs in a process of its own: the judges, and planted ones that break every promise in turn."""

from collections.abc import Callable
import ctypes
from itertools import count
import time
from types import SimpleNamespace
from typing import Any
import warnings

from scripts.dev.fuzz import batch
from scripts.dev.fuzz.watch import check_result

HUNGRY = 300 * 1024**2
SLEEPY = 2.2


def evaluation(**changes: Any) -> str:
    """Return what is said of an evaluation that is fine but for the changes."""
    fine = {"score": 50.0, "features": {}, "faults": (), "content_type": "image/jpeg", "verdict": "good"}
    return check_result(SimpleNamespace(**(fine | changes)))


def lost() -> str:
    return {}["lost"]


def hungry() -> str:
    return str(len(b"\1" * HUNGRY))


def sleepy() -> str:
    time.sleep(SLEEPY)
    return "slept"


def talkative() -> str:
    print("a word")  # noqa: T201 - on purpose
    return "talked"


def loud() -> str:
    ctypes.CDLL(None).write(2, b"a word of C\n", 12)
    return "talked"


def warning() -> str:
    warnings.warn("a warning", stacklevel=1)
    return "warned"


def foreign() -> str:
    from timelapser_core.errors import Code, ImageError

    raise ImageError(Code.STORAGE_FULL, "not an image's")


PLANTED: dict[str, Callable[[], str]] = {
    "raised KeyError": lost,
    "took 300 MiB": hungry,
    "took 2": sleepy,
    "wrote b'a word\\n'": talkative,
    "wrote b'a word of C\\n'": loud,
    "warned UserWarning": warning,
    "refused with the unlisted TL-FS-": foreign,
    "raised BrokenPromiseError: score": lambda: evaluation(score=100.5),
    "raised BrokenPromiseError: score ": lambda: evaluation(score=float("nan")),
    "raised BrokenPromiseError: not finite": lambda: evaluation(features={"noise": float("inf")}),
    "raised BrokenPromiseError: severity": lambda: evaluation(faults=(SimpleNamespace(kind="blur", severity=1.1),)),
}
"""What each planted judge does wrong, in the watch's words."""

_turn = count()


def planted(data: bytes) -> str:
    """Do the next wrong thing; behind the last one all is well."""
    number = next(_turn)
    return list(PLANTED.values())[number]() if number < len(PLANTED) else evaluation()


def crashing(data: bytes) -> str:
    """Read what is not there, at the fourth input."""
    if next(_turn) == 3:
        ctypes.string_at(0)
    return evaluation()


if __name__ == "__main__":
    batch.main({**batch.JUDGES, "planted": planted, "crashing": crashing})
