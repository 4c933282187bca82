"""The files: a marked folder, whole frames or none, and nothing ever written or read outside it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
import errno
import json
import os
from pathlib import Path
import re
import stat
import time
import uuid

from .crash import crash_point
from .errors import Code, StorageError, storage_error
from .layout import KIND_FOLDERS, FramePath, day_directory
from .models import FrameKind, Phase
from .parts import active_part, is_part, part_alive

FOLDER = "timelapser"
MARKER = ".timelapser-storage.json"
MAX_COPIES = 100
"""Names tried when one is taken; more means that something else is wrong."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DIRECTORY_MODE = 0o755
_FILE_MODE = 0o644
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What file systems without hard links (FAT, some network shares) answer to link()."""
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

    @property
    def base(self) -> Path:
        """Return the folder that every relative path starts from."""
        return self._base

    def open(self, expected_uuid: str | None = None) -> str:
        """Return the UUID of the storage, made new only when none is expected; else STORAGE_MARKER."""
        with _coded(Phase.STARTUP):
            if expected_uuid is None:
                self._base.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
                if (found := self._read_marker()) is None:
                    self._create_marker()
                    found = self._read_marker()
            else:
                found = self._read_marker()
        if found is None or (expected_uuid is not None and found != expected_uuid):
            raise StorageError(Code.STORAGE_MARKER, "not the storage that was used before", phase=Phase.STARTUP)
        return found

    def check(self) -> None:
        """Raise STORAGE_MARKER when the storage is not there, as when its disk is not mounted."""
        with _coded(), self._open_base():
            pass

    def writable(self) -> bool:
        """Return whether a file can be made here now."""
        try:
            with _coded(), active_part("probe") as probe, self._open_base() as base:
                os.close(os.open(probe, _NEW_FILE, _FILE_MODE, dir_fd=base))
                os.unlink(probe, dir_fd=base)
        except StorageError:
            return False
        return True

    def write(self, folder: str, kind: FrameKind, captured_at: datetime, ulid: str, ext: str, data: bytes) -> str:
        """Store a still durably and return its relative path; on any error nothing of it is left.

        The path is never one that exists: a taken name gets a number. ValueError for a folder, id or extension
        that is none of ours.
        """
        path = FramePath.make(folder, kind, captured_at, ulid, ext)
        with _coded():
            for _ in range(_FOLDER_RACES):
                # The purge may remove the emptied day folder between the walk and the write.
                with suppress(FileNotFoundError):
                    return self._write(path, data)
        raise StorageError(Code.STORAGE_IO, "the folder went away")

    def read(self, path: str) -> bytes:
        """Return the bytes of a regular file; NOT_FOUND when there is none, STORAGE_ODD_FILE for anything else."""
        with _coded(), self._walk(_components(path)[:-1]) as directory:
            descriptor = os.open(_components(path)[-1], _READ_FILE, dir_fd=directory)
            try:
                _require_regular(os.fstat(descriptor))
                chunks = []
                while chunk := os.read(descriptor, _CHUNK):
                    chunks.append(chunk)
                return b"".join(chunks)
            finally:
                os.close(descriptor)

    def unlink(self, path: str) -> bool:
        """Remove a regular file and the dated folders that it leaves empty; False when it was not there."""
        components = _components(path)
        try:
            with _coded(Phase.RETAIN), self._walk(components[:-1]) as directory:
                _require_regular(os.stat(components[-1], dir_fd=directory, follow_symlinks=False))
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
        with _coded(), self._walk(components) as directory, os.scandir(directory) as entries:
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
        removed = 0
        with _coded(), self._walk(day_directory(folder, kind, day)) as directory:
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
        descriptor = os.open(name, _NEW_FILE, _FILE_MODE, dir_fd=directory)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            crash_point("after_write")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _publish(self, directory: int, part: str, path: FramePath) -> FramePath:
        for copy in range(MAX_COPIES):
            target = replace(path, copy=copy)
            if _move_new(directory, part, target.name):
                return target
        raise StorageError(Code.STORAGE_ODD_FILE, "every name is taken")

    @contextmanager
    def _open_base(self) -> Iterator[int]:
        """Open the storage folder, which has to hold its marker."""
        try:
            base = os.open(self._base, _DIRECTORY)
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
                    following = _enter(current, component, create=create)
                    os.close(current)
                    current = following
                yield current
            finally:
                os.close(current)

    def _numbers(self, components: Sequence[str], width: int) -> list[str]:
        """Return the names of so many digits in a folder, the greatest first; none when there is no folder."""
        try:
            with _coded(), self._walk(components) as directory:
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
        with _coded(), self._open_base() as base:
            return os.statvfs(base)

    def _read_marker(self) -> str | None:
        """Return the UUID in the marker; None when there is no marker that can be understood."""
        try:
            with self._open_base() as base:
                descriptor = os.open(MARKER, _READ_FILE, dir_fd=base)
                try:
                    content = os.read(descriptor, 4096)
                finally:
                    os.close(descriptor)
            return str(uuid.UUID(json.loads(content)["uuid"]))
        except StorageError, ValueError, KeyError, TypeError:
            return None

    def _create_marker(self) -> None:
        base = os.open(self._base, _DIRECTORY)
        try:
            with active_part(MARKER) as part:
                try:
                    self._fill(base, part, json.dumps({"uuid": str(uuid.uuid4())}).encode())
                    _move_new(base, part, MARKER)
                finally:
                    with suppress(OSError):
                        os.unlink(part, dir_fd=base)
            os.fsync(base)
        finally:
            os.close(base)


@contextmanager
def _coded(phase: Phase = Phase.STORE) -> Iterator[None]:
    """Turn every OSError into the storage error of its cause."""
    try:
        yield
    except FileNotFoundError as err:
        raise StorageError(Code.NOT_FOUND, "no such file", phase=phase) from err
    except (NotADirectoryError, IsADirectoryError) as err:
        raise StorageError(Code.STORAGE_ODD_FILE, type(err).__name__, phase=phase) from err
    except OSError as err:
        raise storage_error(err, phase=phase) from err


def _components(path: str) -> tuple[str, ...]:
    """Split a relative path; STORAGE_ODD_FILE for one that could leave the storage."""
    components = tuple(path.split("/"))
    if any(component in ("", ".", "..") or "\0" in component for component in components):
        raise StorageError(Code.STORAGE_ODD_FILE, "not a path of this storage")
    return components


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StorageError(Code.STORAGE_ODD_FILE, "not a regular file")


def _enter(directory: int, name: str, *, create: bool) -> int:
    """Open a folder inside another, made durably first when it is missing and may be made."""
    try:
        return os.open(name, _DIRECTORY, dir_fd=directory)
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, _DIRECTORY_MODE, dir_fd=directory)
        os.fsync(directory)
    return os.open(name, _DIRECTORY, dir_fd=directory)


def _move_new(directory: int, part: str, name: str) -> bool:
    """Give a finished part its name; False, and nothing changed, when the name is taken."""
    try:
        os.link(part, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as err:
        if err.errno not in _NO_LINKS:
            raise
        return _rename_new(directory, part, name)
    return True


def _rename_new(directory: int, part: str, name: str) -> bool:
    """Do the same where there are no hard links: the name is reserved, then replaced."""
    try:
        os.close(os.open(name, _NEW_FILE, _FILE_MODE, dir_fd=directory))
    except FileExistsError:
        return False
    try:
        os.rename(part, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        with suppress(OSError):
            os.unlink(name, dir_fd=directory)
        raise
    return True


def _is_still(path: str) -> bool:
    try:
        FramePath.parse(path)
    except ValueError:
        return False
    return True
