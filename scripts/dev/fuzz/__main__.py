"""Hunt for inputs that gate and decoder cannot stand: ``python -m scripts.dev.fuzz [--seconds N] [--corpus DIR]``."""

import argparse
from collections.abc import Callable
import hashlib
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
import time
from typing import Final

from .hunt import HEAD, environment

ROOT: Final = Path(__file__).parents[3]
TRIES: Final = 80
"""Processes that are spent on making one crasher smaller."""


def run_hunt(options: argparse.Namespace, work: Path, found: Path) -> bool:
    """Hunt until the time is over, with a new process after each crash; return whether all went well."""
    current, corpus = work / "current", options.corpus or work / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    began, executed, lives = time.monotonic(), 0, 0
    while (elapsed := time.monotonic() - began) < options.seconds:
        command = [sys.executable, "-P", "-m", "scripts.dev.fuzz.hunt"]
        command += [f"--corpus={corpus}", f"--found={found}", f"--current={current}"]
        command += [f"--seed={options.seed + lives}", f"--executed={executed}"]
        command += [f"--elapsed={elapsed}", f"--seconds={options.seconds}"]
        code = subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode
        if code > 0:
            return False
        executed, data = last_input(current)
        if code:
            keep_crasher(data, code, found)
        lives += 1
    print(f"{executed} executions in {lives} lives of the process; findings: {len(list(found.iterdir()))}, in {found}")
    return not any(found.iterdir())


def last_input(current: Path) -> tuple[int, bytes]:
    """Return how many inputs were seen, and the last of them."""
    content = current.read_bytes()
    executed, length = HEAD.unpack_from(content)
    return executed, content[HEAD.size : HEAD.size + length]


def keep_crasher(data: bytes, code: int, found: Path) -> None:
    """Save an input that ended the process, as small as it can be made."""
    name = signal.Signals(-code).name
    small = smaller(data, lambda part: ends_the_process(part) == code)
    path = found / f"crash-{hashlib.sha256(small).hexdigest()[:12]}"
    path.write_bytes(small)
    print(f"FOUND {path.name}: {name} ({len(data)} bytes, made {len(small)})", flush=True)


def ends_the_process(data: bytes) -> int:
    """Return with what code a process ends that looks at an input in every way."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        command = [sys.executable, "-P", "-m", "scripts.dev.fuzz.one", file.name]
        return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, check=False).returncode


def smaller(data: bytes, still: Callable[[bytes], bool]) -> bytes:
    """Return the bytes without the stretches that do not matter."""
    tries, step = TRIES, max(1, len(data) // 2)
    while step and tries > 0:
        at = 0
        while at < len(data) and tries > 0:
            tries -= 1
            part = data[:at] + data[at + step :]
            if part and still(part):
                data = part
            else:
                at += step
        step //= 2
    return data


def main() -> int:
    """Hunt; return 1 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m scripts.dev.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="folder of interesting inputs, to go on with another time")
    parser.add_argument("--found", type=Path, default=ROOT / ".dev" / "fuzz", help="folder for what is found")
    options = parser.parse_args()
    options.found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        return 0 if run_hunt(options, Path(work), options.found.resolve()) else 1


if __name__ == "__main__":
    sys.exit(main())
