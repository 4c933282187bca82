"""Threads for the files of one storage: a disk that stops answering holds these, and nothing else."""

from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from queue import Empty, SimpleQueue
import threading
import time
from typing import Any

from .errors import Code, StorageError


class StoreThreads:
    """A pool whose jobs may hang for ever: who waits can give one up, and until it is back no other one is taken.

    No share that is gone lets its callers go, and no thread can be ended. These do not hold up the end of the program.
    """

    def __init__(self, count: int, name: str) -> None:
        """Use at most so many threads, made when they are needed."""
        self._count = count
        self._name = name
        self._threads: list[threading.Thread] = []
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._running: set[Future[Any]] = set()
        self._lost: set[Future[Any]] = set()
        self._closed = False

    def submit[T](self, job: Callable[[], T]) -> Future[T]:
        """Run a job; STORAGE_UNREACHABLE at once while one that was given up is not back, RuntimeError when closed."""
        with self._lock:
            if self._closed:
                raise RuntimeError("closed")
            if self._lost:
                raise StorageError(Code.STORAGE_UNREACHABLE, "no answer yet")
            return self._put(job)

    def wait[T](self, job: Callable[[], T], timeout_s: float, turn: threading.Lock | None = None) -> T:
        """Run a job and wait for its result; STORAGE_UNREACHABLE when it takes longer than so many seconds.

        A job that is given up runs on. With a ``turn``, which it takes before what must not come late, it is waited for
        once it has that.
        """
        future = self.submit(job)
        if not wait([future], timeout_s).done and (turn is None or turn.acquire(blocking=False)):
            raise self.give_up(future)
        return future.result()

    def give_up(self, future: Future[Any]) -> StorageError:
        """Wait no longer for a job; return the error that says so."""
        if not future.cancel():
            with self._lock:
                if not future.done():
                    self._lost.add(future)
        return StorageError(Code.STORAGE_UNREACHABLE, "no answer")

    def settle(self, timeout_s: float) -> bool:
        """Wait for what was submitted, unless something was given up already; return whether all of it is done."""
        with self._lock:
            running, lost = set(self._running), bool(self._lost)
        return not lost and not wait(running, timeout_s).not_done

    def close(self, last: Callable[[], object]) -> None:
        """Take no more jobs, call off what has not begun, and run a last one, also if that has to wait for the disk."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            with suppress(Empty):
                while (waiting := self._jobs.get_nowait()) is not None:
                    waiting[0].cancel()
            self._put(last)
            for _ in self._threads:
                self._jobs.put(None)

    def join(self, timeout_s: float) -> bool:
        """Wait until all threads of a closed pool have ended; return whether they have."""
        end = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _put[T](self, job: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        self._running.add(future)
        self._jobs.put((future, job))
        if len(self._threads) < self._count:
            thread = threading.Thread(target=self._work, name=f"{self._name}_{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def _work(self) -> None:
        while (waiting := self._jobs.get()) is not None:
            future, job = waiting
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(job())
                except BaseException as err:  # noqa: BLE001 - the one who waits gets it, whatever it is
                    future.set_exception(err)
            with self._lock:
                self._running.discard(future)
                self._lost.discard(future)
