"""Judge the pictures of a folder in a process of its own, and print as JSON what that did and took."""

from collections.abc import Callable
import contextlib
from datetime import UTC, datetime
import gc
import io
import json
from pathlib import Path
import socket
import sys
import time
from typing import Any

from PIL import Image

from scripts.lib.core import load_core

load_core()

from timelapser_core.detection import Detector  # noqa: E402 - there is no such module before
from timelapser_core.errors import ImageError  # noqa: E402

MEBIBYTE = 1024
WATCHED = ("open", "os.", "socket.", "subprocess.", "urllib.")

touched: list[str] = []


def note(event: str, args: tuple[Any, ...]) -> None:
    """Note what reaches out of the process."""
    if event.startswith(WATCHED):
        touched.append(f"{event} {args[:1]}")


def peak() -> int:
    """Return the most memory (KiB) that this process had since the last reset."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0])


def cost(look: Callable[[], str]) -> dict[str, Any]:
    """Return what a look at a picture says, and what it took."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, started = peak(), time.process_time()
    touched.clear()
    said = look()
    reached = list(touched)
    return {
        "said": said,
        "seconds": time.process_time() - started,
        "mebibytes": (peak() - before) / MEBIBYTE,
        "reached": reached,
    }


def judged(data: bytes) -> str:
    """Return the code or the verdict and the faults of a picture."""
    try:
        found = Detector().evaluate(data, when=datetime.now(UTC))
    except ImageError as err:
        return str(err.code)
    return " ".join([found.verdict, *(fault.kind for fault in found.faults)])


def trusted(data: bytes) -> str:
    """Decode without a gate, as the control arm."""
    with contextlib.suppress(OSError), Image.open(io.BytesIO(data)) as picture:
        picture.load()
    return "loaded"


def curious() -> str:
    """Open a file and a connection, as the control arm."""
    Path("/dev/null").read_bytes()
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", 1), timeout=1)
    return "looked"


def main(folder: Path) -> None:
    """Judge every file, the warm-up first; then the control arms."""
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    for name in ("warm.jpg", "warm.png", "warm.webp"):
        judged(files.pop(name))
    sys.addaudithook(note)
    answer = {name: cost(lambda data=data: judged(data)) for name, data in files.items()}
    answer["control: memory"] = cost(lambda: trusted(files["9400x9400"]))
    answer["control: reach"] = cost(curious)
    answer["ffmpeg"] = "av" in sys.modules
    print(json.dumps(answer))  # noqa: T201 - for the test that started this


if __name__ == "__main__":
    main(Path(sys.argv[1]))
