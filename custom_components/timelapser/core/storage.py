"""The files: a marked folder, whole frames or none, and nothing ever written or read outside it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
import json
import os
from pathlib import Path
import re
import time
import uuid

from .crash import crash_point
from .errors import Code, StorageError
from .files import (
    DIRECTORY,
    DIRECTORY_MODE,
    FILE_MODE,
    NEW_FILE,
    READ_FILE,
    coded,
    enter,
    move_new,
    require_regular,
    split,
)
from .layout import INDEX, KIND_FOLDERS, FramePath, day_directory, is_folder
from .lock import FolderLock
from .models import FrameKind, Phase
from .parts import active_part, is_part, part_alive

FOLDER = "timelapser"
MARKER = ".timelapser-storage.json"
LOCK = ".timelapser-storage.lock"
MAX_COPIES = 100
"""Names tried when one is taken; more means that something else is wrong."""

PROBE_BYTES = 1_000_000
"""Bytes of a probe: a quota or a full disk may still let an empty file be made."""

_CHUNK = 1 << 20
_FOLDER_RACES = 2
"""Tries of a write whose folder vanishes under it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in one dated folder: our stills (relative paths), our parts (names), the number of odd entries."""

    stills: tuple[str, ...]
    parts: tuple[str, ...]
    odd: int


class Storage:
    """The folder ``timelapser`` below a media root.

    Every path is relative to that folder, with forward slashes, and is walked one directory at a time without
    following a link. Every method raises StorageError and nothing else, except ValueError for a path that
    was never one of ours.
    """

    def __init__(self, root: Path) -> None:
        """Remember the media root; nothing is touched before ``open``."""
        self._root = root
        self._base = root / FOLDER
        self._lock = FolderLock(self._base / LOCK)
        self._written: set[str] | None = None

    @property
    def base(self) -> Path:
        """Return the folder that every relative path starts from."""
        return self._base

    def open(self, expected_uuid: str | None = None, *, create: bool = True) -> str:
        """Return the UUID of the storage; else STORAGE_MARKER.

        It is made new only when none is expected and ``create`` allows it.
        """
        with coded(Phase.STARTUP):
            if expected_uuid is None and create:
                self._base.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
                if (found := self._read_marker()) is None:
                    self._create_marker()
                    found = self._read_marker()
            else:
                found = self._read_marker()
        if found is None or (expected_uuid is not None and found != expected_uuid):
            raise StorageError(Code.STORAGE_MARKER, "not the storage that was used before", phase=Phase.STARTUP)
        return found

    def claim(self) -> None:
        """Keep other instances out until ``close``, and remove what a kill left of a marker.

        STORAGE_IN_USE while another instance does that.
        """
        self._lock.acquire()
        with coded(), self._open_base() as base:
            self._sweep(base, [*filter(is_part, os.listdir(base))])  # noqa: PTH208

    def close(self) -> None:
        """Let other instances in; harmless when it is not claimed."""
        self._lock.release()

    def track(self) -> None:
        """Remember from now on which stills are written here."""
        self._written = set()

    def untrack(self) -> None:
        """Stop remembering."""
        self._written = None

    def tracked(self, path: str) -> bool:
        """Return whether a still was written here since ``track``: its row is its writer's business."""
        return self._written is not None and FramePath.parse(path).id in self._written

    def check(self) -> None:
        """Raise STORAGE_MARKER when the storage is not there, as when its disk is not mounted."""
        with coded(), self._open_base():
            pass

    def probe(self) -> None:
        """Write a file as large as a large still and remove it again; raises what keeps that from being done."""
        with coded(), active_part("probe") as probe, self._open_base() as base:
            try:
                self._fill(base, probe, bytes(PROBE_BYTES))
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(probe, dir_fd=base)

    def write(self, folder: str, kind: FrameKind, captured_at: datetime, ulid: str, ext: str, data: bytes) -> str:
        """Store a still durably and return its relative path; on any error nothing of it is left.

        The path is never one that exists: a taken name gets a number. ValueError for a folder, id or extension
        that is none of ours.
        """
        return self.put(FramePath.make(folder, kind, captured_at, ulid, ext), data)

    def put(self, path: FramePath, data: bytes) -> str:
        """Do what ``write`` does under a path, or the next free number of its name."""
        if self._written is not None:
            self._written.add(path.id)
        with coded():
            for _ in range(_FOLDER_RACES):
                # The purge may remove the emptied day folder between the walk and the write.
                with suppress(FileNotFoundError):
                    return self._write(path, data)
        raise StorageError(Code.STORAGE_IO, "the folder went away")

    def read(self, path: str) -> bytes:
        """Return the bytes of a regular file; NOT_FOUND when there is none, STORAGE_ODD_FILE for anything else."""
        with coded(), self._walk(split(path)[:-1]) as directory:
            descriptor = os.open(split(path)[-1], READ_FILE, dir_fd=directory)
            try:
                require_regular(os.fstat(descriptor))
                chunks = []
                while chunk := os.read(descriptor, _CHUNK):
                    chunks.append(chunk)
                return b"".join(chunks)
            finally:
                os.close(descriptor)

    def unlink(self, path: str) -> bool:
        """Remove a regular file and the dated folders that it leaves empty; False when it was not there."""
        components = split(path)
        try:
            with coded(Phase.RETAIN), self._walk(components[:-1]) as directory:
                require_regular(os.stat(components[-1], dir_fd=directory, follow_symlinks=False))
                os.unlink(components[-1], dir_fd=directory)
        except StorageError as err:
            if err.code is Code.NOT_FOUND:
                return False
            raise
        self._prune(components[:-1])
        return True

    def free_bytes(self) -> int:
        """Return the bytes that can still be written."""
        usage = self._usage()
        return usage.f_bavail * usage.f_frsize

    def total_bytes(self) -> int:
        """Return the size in bytes of the file system."""
        usage = self._usage()
        return usage.f_blocks * usage.f_frsize

    def folders(self) -> list[str]:
        """Return the names of the folders that may be a camera's, in order."""
        with coded(), self._open_base() as base, os.scandir(base) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        return sorted(filter(is_folder, names))

    def write_index(self, folder: str, data: bytes) -> None:
        """Put the index of a camera's folder there durably, in place of the one before; ValueError for no folder."""
        if not is_folder(folder):
            raise ValueError("not a camera's folder")
        with coded(), self._walk((folder,), create=True) as directory, active_part(INDEX) as part:
            try:
                self._fill(directory, part, data)
                os.rename(part, INDEX, src_dir_fd=directory, dst_dir_fd=directory)
            finally:
                with suppress(OSError):
                    os.unlink(part, dir_fd=directory)
            os.fsync(directory)

    def read_index(self, folder: str) -> bytes | None:
        """Return the index of a camera's folder; None when there is none or something else has its name."""
        try:
            return self.read(f"{folder}/{INDEX}")
        except StorageError as err:
            if err.code not in (Code.NOT_FOUND, Code.STORAGE_ODD_FILE):
                raise
            return None

    def sweep_folder(self, folder: str) -> int:
        """Remove the parts that lie in a camera's folder itself, as those of an index; return how many."""
        try:
            with coded(), self._walk((folder,)) as directory:
                return self._sweep(directory, [*filter(is_part, os.listdir(directory))])  # noqa: PTH208
        except StorageError as err:
            if err.code not in (Code.NOT_FOUND, Code.STORAGE_ODD_FILE):
                raise
            return 0

    def days(self, folder: str, kind: FrameKind, since: date | None, limit: int) -> list[date]:
        """Return at most ``limit`` days, newest first and none before ``since``, that have a dated folder."""
        found: list[date] = []
        top = (folder, KIND_FOLDERS[kind])
        for year in self._numbers(top, 4):
            if since is not None and int(year) < since.year:
                break
            for month in self._numbers((*top, year), 2):
                for day in self._numbers((*top, year, month), 2):
                    with suppress(ValueError):
                        moment = date(int(year), int(month), int(day))
                        if since is None or moment >= since:
                            found.append(moment)
                    if len(found) == limit:
                        return found
        return found

    def list_day(self, folder: str, kind: FrameKind, day: date) -> Listing:
        """Return what lies in one dated folder; links, folders and foreign names are only counted."""
        components = day_directory(folder, kind, day)
        stills: list[str] = []
        parts: list[str] = []
        odd = 0
        with coded(), self._walk(components) as directory, os.scandir(directory) as entries:
            for entry in entries:
                path = "/".join((*components, entry.name))
                if entry.is_file(follow_symlinks=False) and is_part(entry.name):
                    parts.append(entry.name)
                elif entry.is_file(follow_symlinks=False) and _is_still(path):
                    stills.append(path)
                else:
                    odd += 1
        return Listing(tuple(sorted(stills)), tuple(parts), odd)

    def sweep_parts(self, folder: str, kind: FrameKind, day: date, parts: Sequence[str]) -> int:
        """Remove the parts (names in that day's folder) that no living process is writing; return how many."""
        with coded(), self._walk(day_directory(folder, kind, day)) as directory:
            return self._sweep(directory, parts)

    def _sweep(self, directory: int, parts: Sequence[str]) -> int:
        removed = 0
        for name in parts:
            with suppress(FileNotFoundError):
                age = time.time() - os.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime
                if not part_alive(name, age):
                    os.unlink(name, dir_fd=directory)
                    removed += 1
        return removed

    def _write(self, path: FramePath, data: bytes) -> str:
        with active_part(path.name) as part, self._walk(path.directory, create=True) as directory:
            try:
                self._fill(directory, part, data)
                crash_point("after_fsync")
                published = self._publish(directory, part, path)
            finally:
                with suppress(OSError):
                    os.unlink(part, dir_fd=directory)
            try:
                os.fsync(directory)
            except OSError:
                with suppress(OSError):
                    os.unlink(published.name, dir_fd=directory)
                raise
        crash_point("after_rename")
        return str(published)

    def _fill(self, directory: int, name: str, data: bytes) -> None:
        descriptor = os.open(name, NEW_FILE, FILE_MODE, dir_fd=directory)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            crash_point("after_write")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _publish(self, directory: int, part: str, path: FramePath) -> FramePath:
        for copy in range(path.copy, path.copy + MAX_COPIES):
            target = replace(path, copy=copy)
            if move_new(directory, part, target.name):
                return target
        raise StorageError(Code.STORAGE_ODD_FILE, "every name is taken")

    @contextmanager
    def _open_base(self) -> Iterator[int]:
        """Open the storage folder, which has to hold its marker."""
        try:
            base = os.open(self._base, DIRECTORY)
        except FileNotFoundError as err:
            raise StorageError(Code.STORAGE_MARKER, "the storage is not there") from err
        try:
            try:
                os.stat(MARKER, dir_fd=base, follow_symlinks=False)
            except FileNotFoundError as err:
                raise StorageError(Code.STORAGE_MARKER, "the storage is not there") from err
            yield base
        finally:
            os.close(base)

    @contextmanager
    def _walk(self, components: Sequence[str], *, create: bool = False) -> Iterator[int]:
        """Open the last of nested folders, one at a time so that no link is followed."""
        with self._open_base() as base:
            current = os.dup(base)
            try:
                for component in components:
                    following = enter(current, component, create=create)
                    os.close(current)
                    current = following
                yield current
            finally:
                os.close(current)

    def _numbers(self, components: Sequence[str], width: int) -> list[str]:
        """Return the names of so many digits in a folder, the greatest first; none when there is no folder."""
        try:
            with coded(), self._walk(components) as directory:
                names = os.listdir(directory)  # noqa: PTH208
        except StorageError as err:
            if err.code in (Code.NOT_FOUND, Code.STORAGE_ODD_FILE):
                return []
            raise
        return sorted((name for name in names if re.fullmatch(rf"[0-9]{{{width}}}", name)), reverse=True)

    def _prune(self, components: Sequence[str]) -> None:
        """Remove dated folders while they are empty, but not those of the camera itself."""
        with suppress(OSError, StorageError):
            for depth in range(len(components) - 1, 1, -1):
                with self._walk(components[:depth]) as parent:
                    os.rmdir(components[depth], dir_fd=parent)

    def _usage(self) -> os.statvfs_result:
        with coded(), self._open_base() as base:
            return os.statvfs(base)

    def _read_marker(self) -> str | None:
        """Return the UUID in the marker; None when there is no marker that can be understood."""
        try:
            with self._open_base() as base:
                descriptor = os.open(MARKER, READ_FILE, dir_fd=base)
                try:
                    content = os.read(descriptor, 4096)
                finally:
                    os.close(descriptor)
            return str(uuid.UUID(json.loads(content)["uuid"]))
        except StorageError, ValueError, KeyError, TypeError:
            return None

    def _create_marker(self) -> None:
        base = os.open(self._base, DIRECTORY)
        try:
            with active_part(MARKER) as part:
                try:
                    self._fill(base, part, json.dumps({"uuid": str(uuid.uuid4())}).encode())
                    move_new(base, part, MARKER)
                finally:
                    with suppress(OSError):
                        os.unlink(part, dir_fd=base)
            os.fsync(base)
        finally:
            os.close(base)


def _is_still(path: str) -> bool:
    try:
        FramePath.parse(path)
    except ValueError:
        return False
    return True
