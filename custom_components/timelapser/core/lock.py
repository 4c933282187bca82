"""The lock that keeps two running instances out of one folder."""

from contextlib import suppress
import errno
import fcntl
import json
import os
from pathlib import Path

from .errors import Code, StorageError, storage_error
from .models import Phase
from .parts import boot_id

_MAKE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_MODE = 0o644
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
"""What file systems without locks (some network shares) answer to flock()."""


class FolderLock:
    """A lock file; the system lets go of it when its process ends, however that ends."""

    def __init__(self, path: Path) -> None:
        """Remember the path of the lock file; nothing is touched before ``acquire``."""
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, anew if it is held: the folder may be another one by now; STORAGE_IN_USE if others hold it.

        Where no lock file can be made, as on a read-only disk, or none be locked, nothing is. The file says which
        process of which start of the machine has it, for people to read.
        """
        self.release()
        descriptor = self._open()
        if descriptor is None:
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            os.close(descriptor)
            raise StorageError(Code.STORAGE_IN_USE, "in use", phase=Phase.STARTUP) from err
        except OSError as err:
            if err.errno not in _NO_LOCKS:
                os.close(descriptor)
                raise storage_error(err, phase=Phase.STARTUP) from err
        with suppress(OSError):
            # On a full disk the lock holds all the same.
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"process": os.getpid(), "boot": boot_id()}).encode(), 0)
        self._descriptor = descriptor

    def _open(self) -> int | None:
        for flags in (_MAKE, _READ):
            with suppress(OSError):
                return os.open(self._path, flags, _MODE)
        return None

    def release(self) -> None:
        """Let go of the lock; harmless when it is not held. The file stays: removing it would let two in."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
