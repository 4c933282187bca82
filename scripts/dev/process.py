"""A child process with its output in a file, found dead or alive, and never left behind."""

import asyncio
import atexit
from collections.abc import Mapping, Sequence
import contextlib
import os
from pathlib import Path
import signal
import socket
import subprocess
import time

ROOT = Path(__file__).resolve().parents[2]
_alive: set[subprocess.Popen[bytes]] = set()


def free_port() -> int:
    """Return a port of the loopback interface that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(port: int) -> bool:
    """Tell whether nobody listens on a port of the loopback interface."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    _alive.discard(process)


@atexit.register
def _kill_all() -> None:
    for process in list(_alive):
        _kill_group(process)


class ProcessError(RuntimeError):
    """A child process did not do what was expected of it."""


class Process:
    """One program that can be started again and again."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        *,
        cwd: Path = ROOT,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Remember what to run."""
        self.name, self.log = name, log
        self._command, self._cwd, self._env = [str(part) for part in command], cwd, env
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Tell whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """Return what the process ended with; None while it lives or before it was started."""
        return None if self._process is None else self._process.poll()

    @property
    def pid(self) -> int:
        """Return the id of the process."""
        if self._process is None:
            raise ProcessError(f"{self.name} is not running")
        return self._process.pid

    def log_text(self) -> str:
        """Return what the current (or last) process has written."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def log_tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log_text().splitlines()[-lines:])

    async def start(self, marker: str, timeout: float) -> float:
        """Start, wait until the marker is in the output, return the seconds that it took."""
        if self.running:
            raise ProcessError(f"{self.name} is already running")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        begin = time.monotonic()
        with self.log.open("wb") as output:
            # Not asyncio's: a process may be used from several event loops, as a fixture of many tests is.
            process = self._process = subprocess.Popen(  # noqa: ASYNC220
                self._command,
                cwd=self._cwd,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _alive.add(process)
        try:
            while marker not in self.log_text():
                if process.poll() is not None:
                    raise ProcessError(f"{self.name} ended with {process.returncode}:\n{self.log_tail()}")
                if time.monotonic() - begin > timeout:
                    raise ProcessError(f"{self.name} was not ready after {timeout:.0f} s:\n{self.log_tail()}")
                await asyncio.sleep(0.05)
        except BaseException:
            self.kill()
            raise
        return time.monotonic() - begin

    async def stop(self, timeout: float = 20) -> float:
        """Ask the process to end, return the seconds that it took; kill it and complain when it takes too long."""
        process = self._process
        if process is None or not self.running:
            self.kill()
            return 0.0
        begin = time.monotonic()
        process.terminate()
        try:
            while process.poll() is None:
                if time.monotonic() - begin > timeout:
                    raise ProcessError(f"{self.name} did not end within {timeout:.0f} s:\n{self.log_tail()}")
                await asyncio.sleep(0.05)
        finally:
            self.kill()
        return time.monotonic() - begin

    def kill(self) -> None:
        """Kill the process, and what it started, at once."""
        if self._process is not None:
            _kill_group(self._process)
            self._process = None
