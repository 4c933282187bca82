"""Where the frames may go: the judgement of a folder that a user chose, before anything is made in it."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
import math
import os
from pathlib import Path, PurePosixPath
import re
import shutil
import tempfile
from typing import Final

from .settings import GIGABYTE

MIN_BUDGET_GB: Final = 0.1
"""Gigabytes; less does not hold a day of one camera (a 1080p still of 200 kB every 5 minutes is 58 MB)."""

_MOUNTS: Final = Path("/proc/mounts")

_SYSTEM_FOLDERS: Final = frozenset(
    {"bin", "boot", "dev", "etc", "lib", "lib64", "proc", "run", "sbin", "sys", "usr"},
)
"""Folders of ``/`` that are no place for pictures, even where Home Assistant was allowed to read them."""

_CONFIG_FOLDERS: Final = frozenset({"custom_components", "deps", "www"})
"""Folders of the configuration that hold code, or that anybody may read without a login (``www``)."""

_NETWORK_TYPES: Final = frozenset(
    {"9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "nfs", "nfs3", "nfs4", "smb", "smb2", "smb3", "smbfs"},
)
"""File system types whose locks and shared memory, which SQLite's WAL needs, do not work between hosts."""

_LOCAL_FUSE: Final = frozenset({"fuse.bindfs", "fuse.mergerfs", "fuse.shfs"})
"""User-space file systems over local disks (a NAS's own pool); any other ``fuse.*`` is taken for a remote one."""


class MediaRootError(StrEnum):
    """What is wrong with a storage form; the keys of its error texts."""

    PATH_NOT_ALLOWED = "path_not_allowed"
    PATH_MISSING = "path_missing"
    PATH_NOT_DIR = "path_not_dir"
    PATH_SYMLINK = "path_symlink"
    PATH_NOT_WRITABLE = "path_not_writable"
    QUOTA_TOO_SMALL = "quota_too_small"
    QUOTA_EXCEEDS_FREE = "quota_exceeds_free"
    CATALOG_ON_NETWORK_FS = "catalog_on_network_fs"


@dataclass(frozen=True, kw_only=True, slots=True)
class AllowedRoots:
    """The configuration folder, our own folder in it, and the folders that Home Assistant was allowed to use."""

    config: Path
    own: Path
    others: tuple[Path, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageVerdict:
    """What was found: errors of the path, of the budget and of the catalogue's place; free bytes when known."""

    path: MediaRootError | None = None
    budget: MediaRootError | None = None
    catalogue: MediaRootError | None = None
    free: int | None = None

    @property
    def usable(self) -> bool:
        """Return whether nothing but a warning speaks against it."""
        return not (self.path or self.catalogue) and self.budget in (None, MediaRootError.QUOTA_EXCEEDS_FREE)


def judge_storage(root: str, budget_gb: float | None, allowed: AllowedRoots) -> StorageVerdict:
    """Judge a media root and a byte budget in gigabytes (blocking: it looks at the disk and writes a probe)."""
    path = _path_error(root, allowed)
    free = None
    if path is None:
        # A disk that goes away in between takes the figure with it, and not the form.
        with suppress(OSError):
            free = shutil.disk_usage(_existing(Path(root))).free
    return StorageVerdict(
        path=path,
        budget=_budget_error(budget_gb, free),
        catalogue=MediaRootError.CATALOG_ON_NETWORK_FS if _is_remote(allowed.own) else None,
        free=free,
    )


def _path_error(root: str, allowed: AllowedRoots) -> MediaRootError | None:
    """Return what forbids a folder: first by its name alone, then by what is on the disk."""
    if (base := _allowed_base(root, allowed)) is None:
        return MediaRootError.PATH_NOT_ALLOWED
    path = Path(root)
    try:
        direct = Path(os.path.realpath(base)) / path.relative_to(base)
        if path.is_symlink() or os.path.realpath(path) != str(direct):
            return MediaRootError.PATH_SYMLINK
        with suppress(FileNotFoundError, NotADirectoryError):
            # Of a name that is too long for the disk, exists() only says that it is not there.
            path.lstat()
        if path.exists():
            folder = path
        elif path.parent.exists() or path.parent == allowed.own:
            folder = _existing(path)
        else:
            return MediaRootError.PATH_MISSING
        if not folder.is_dir():
            return MediaRootError.PATH_NOT_DIR
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError:
        return MediaRootError.PATH_NOT_WRITABLE


def _allowed_base(root: str, allowed: AllowedRoots) -> Path | None:
    """Return the allowed folder that a path lies in (by its name alone), None when it lies in none."""
    path = PurePosixPath(root)
    if not root.isprintable() or not path.is_absolute() or ".." in path.parts or root.startswith("//"):
        return None
    config = allowed.config
    if path.is_relative_to(config):
        inside = path.relative_to(config).parts
        forbidden = not inside or inside[0] in _CONFIG_FOLDERS or any(part.startswith(".") for part in inside)
        return None if forbidden else config
    if len(path.parts) < 2 or path.parts[1] in _SYSTEM_FOLDERS:
        return None
    return next((other for other in allowed.others if path.is_relative_to(other)), None)


def _budget_error(budget_gb: float | None, free: int | None) -> MediaRootError | None:
    """Return what is wrong with a budget; no budget is never wrong."""
    if budget_gb is None:
        return None
    if not math.isfinite(budget_gb) or budget_gb < MIN_BUDGET_GB:
        return MediaRootError.QUOTA_TOO_SMALL
    return MediaRootError.QUOTA_EXCEEDS_FREE if free is not None and budget_gb * GIGABYTE > free else None


def _existing(path: Path) -> Path:
    """Return a path or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _is_remote(path: Path) -> bool:
    """Return whether a path lies on a network file system; False where the system does not tell."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    kind = _file_system(Path(os.path.realpath(path)), (line.split() for line in lines))
    return kind in _NETWORK_TYPES or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE)


def _file_system(path: Path, mounts: Iterable[list[str]]) -> str:
    """Return the type of the file system that a path lies on; of two mounts in one place the later one counts."""
    best, kind = -1, ""
    for _, mounted, found, *_ in mounts:
        place = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), mounted))
        if path.is_relative_to(place) and len(place.parts) >= best:
            best, kind = len(place.parts), found
    return kind
