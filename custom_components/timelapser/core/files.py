"""The file system, one folder at a time: no link followed, no name overwritten, every error with its code."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import errno
import os
import stat

from .errors import Code, StorageError, storage_error
from .models import Phase

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
READ_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""What every folder and file is opened with."""
DIRECTORY_MODE = 0o755
FILE_MODE = 0o644
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What file systems without hard links (FAT, some network shares) answer to link()."""


@contextmanager
def coded(phase: Phase = Phase.STORE) -> Iterator[None]:
    """Turn every OSError into the storage error of its cause."""
    try:
        yield
    except FileNotFoundError as err:
        raise StorageError(Code.NOT_FOUND, "no such file", phase=phase) from err
    except (NotADirectoryError, IsADirectoryError) as err:
        raise StorageError(Code.STORAGE_ODD_FILE, type(err).__name__, phase=phase) from err
    except OSError as err:
        raise storage_error(err, phase=phase) from err


def split(path: str) -> tuple[str, ...]:
    """Split a relative path; STORAGE_ODD_FILE for one that could leave the storage."""
    names = tuple(path.split("/"))
    if any(name in ("", ".", "..") or "\0" in name for name in names):
        raise StorageError(Code.STORAGE_ODD_FILE, "not a path of this storage")
    return names


def require_regular(status: os.stat_result) -> None:
    """Raise STORAGE_ODD_FILE for a folder, a pipe and the like."""
    if not stat.S_ISREG(status.st_mode):
        raise StorageError(Code.STORAGE_ODD_FILE, "not a regular file")


def enter(directory: int, name: str, *, create: bool) -> int:
    """Open a folder inside another, made durably first when it is missing and may be made."""
    try:
        return os.open(name, DIRECTORY, dir_fd=directory)
    except FileNotFoundError:
        if not create:
            raise
    with suppress(FileExistsError):
        os.mkdir(name, DIRECTORY_MODE, dir_fd=directory)
        os.fsync(directory)
    return os.open(name, DIRECTORY, dir_fd=directory)


def move_new(directory: int, part: str, name: str) -> bool:
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
        os.close(os.open(name, NEW_FILE, FILE_MODE, dir_fd=directory))
    except FileExistsError:
        return False
    try:
        os.rename(part, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        with suppress(OSError):
            os.unlink(name, dir_fd=directory)
        raise
    return True
