"""The error family of Timelapser and its table of codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
import errno
from typing import Any

from .models import Phase


class Code(StrEnum):
    """Stable error codes; they appear in events, attempt rows, logs and messages."""

    CAMERA_OFF = "TL-CAM-001"
    CAMERA_MISSING = "TL-CAM-002"
    CAMERA_EMPTY = "TL-CAM-003"
    CAMERA_TIMEOUT = "TL-CAM-004"
    CAMERA_RAISED = "TL-CAM-005"
    CAMERA_STALE = "TL-CAM-006"
    NOT_AN_IMAGE = "TL-IMG-001"
    FORMAT_UNSUPPORTED = "TL-IMG-002"
    TRUNCATED = "TL-IMG-003"
    TOO_LARGE = "TL-IMG-004"
    TOO_SMALL = "TL-IMG-005"
    DECODE_TIMEOUT = "TL-IMG-006"
    BELOW_THRESHOLD = "TL-IMG-007"
    STORAGE_FULL = "TL-FS-001"
    STORAGE_READ_ONLY = "TL-FS-002"
    STORAGE_PERMISSION = "TL-FS-003"
    STORAGE_IO = "TL-FS-004"
    STORAGE_UNREACHABLE = "TL-FS-005"
    STORAGE_ODD_FILE = "TL-FS-006"
    STORAGE_MARKER = "TL-FS-007"
    TOO_MANY_FILES = "TL-FS-008"
    STORAGE_IN_USE = "TL-FS-009"
    CATALOGUE_OPEN = "TL-DB-001"
    CATALOGUE_LOCKED = "TL-DB-002"
    CATALOGUE_CORRUPT = "TL-DB-003"
    CATALOGUE_FOREIGN = "TL-DB-004"
    CATALOGUE_NEWER = "TL-DB-005"
    CATALOGUE_WRITE = "TL-DB-006"
    NOT_FOUND = "TL-SVC-001"
    UNEXPECTED = "TL-INT-001"


@dataclass(frozen=True, slots=True)
class CodeInfo:
    """What a code means for the attempt that met it."""

    retryable: bool
    """A further fetch in the same slot may help."""
    side: str
    """Which machine it is evidence for: ``connectivity``, ``quality`` or ``none``."""


CODES: Mapping[Code, CodeInfo] = {
    Code.CAMERA_OFF: CodeInfo(False, "none"),
    Code.CAMERA_MISSING: CodeInfo(False, "none"),
    Code.CAMERA_EMPTY: CodeInfo(True, "connectivity"),
    Code.CAMERA_TIMEOUT: CodeInfo(True, "connectivity"),
    Code.CAMERA_RAISED: CodeInfo(True, "connectivity"),
    Code.CAMERA_STALE: CodeInfo(False, "quality"),
    Code.NOT_AN_IMAGE: CodeInfo(True, "quality"),
    Code.FORMAT_UNSUPPORTED: CodeInfo(False, "quality"),
    Code.TRUNCATED: CodeInfo(True, "quality"),
    Code.TOO_LARGE: CodeInfo(False, "quality"),
    Code.TOO_SMALL: CodeInfo(True, "quality"),
    Code.DECODE_TIMEOUT: CodeInfo(False, "quality"),
    Code.BELOW_THRESHOLD: CodeInfo(True, "quality"),
    Code.STORAGE_FULL: CodeInfo(False, "none"),
    Code.STORAGE_READ_ONLY: CodeInfo(False, "none"),
    Code.STORAGE_PERMISSION: CodeInfo(False, "none"),
    Code.STORAGE_IO: CodeInfo(True, "none"),
    Code.STORAGE_UNREACHABLE: CodeInfo(False, "none"),
    Code.STORAGE_ODD_FILE: CodeInfo(False, "none"),
    Code.STORAGE_MARKER: CodeInfo(False, "none"),
    Code.TOO_MANY_FILES: CodeInfo(True, "none"),
    Code.STORAGE_IN_USE: CodeInfo(False, "none"),
    Code.CATALOGUE_OPEN: CodeInfo(False, "none"),
    Code.CATALOGUE_LOCKED: CodeInfo(True, "none"),
    Code.CATALOGUE_CORRUPT: CodeInfo(False, "none"),
    Code.CATALOGUE_FOREIGN: CodeInfo(False, "none"),
    Code.CATALOGUE_NEWER: CodeInfo(False, "none"),
    Code.CATALOGUE_WRITE: CodeInfo(False, "none"),
    Code.NOT_FOUND: CodeInfo(False, "none"),
    Code.UNEXPECTED: CodeInfo(False, "none"),
}


class TimelapserError(Exception):
    """A failure with a stable code; its text never holds a credential, URL or absolute path."""

    default_phase: Phase = Phase.FETCH

    def __init__(self, code: Code, text: str = "", *, phase: Phase | None = None, **context: Any) -> None:
        """Keep the code, the phase and short, safe context values."""
        super().__init__(f"{code}: {text}" if text else str(code))
        self.code = code
        self.text = text
        self.phase = phase or self.default_phase
        self.context = context

    @property
    def retryable(self) -> bool:
        """Return whether a further fetch in the same slot may help."""
        return CODES[self.code].retryable


class CameraError(TimelapserError):
    """The camera did not give a picture."""


class ImageError(TimelapserError):
    """What the camera gave is not a picture that can be used."""

    default_phase = Phase.VALIDATE


class StorageError(TimelapserError):
    """The files could not be written or read."""

    default_phase = Phase.STORE


class CatalogueError(TimelapserError):
    """The database could not be used."""

    default_phase = Phase.COMMIT


_ERRNO_CODES: Mapping[int, Code] = {
    errno.ENOSPC: Code.STORAGE_FULL,
    errno.EDQUOT: Code.STORAGE_FULL,
    errno.EROFS: Code.STORAGE_READ_ONLY,
    errno.EACCES: Code.STORAGE_PERMISSION,
    errno.EPERM: Code.STORAGE_PERMISSION,
    errno.EMFILE: Code.TOO_MANY_FILES,
    errno.ENFILE: Code.TOO_MANY_FILES,
    errno.ESTALE: Code.STORAGE_UNREACHABLE,
    errno.EHOSTDOWN: Code.STORAGE_UNREACHABLE,
    errno.EHOSTUNREACH: Code.STORAGE_UNREACHABLE,
    errno.ENOTCONN: Code.STORAGE_UNREACHABLE,
    errno.ELOOP: Code.STORAGE_ODD_FILE,
}


def storage_error(err: OSError, *, phase: Phase = Phase.STORE) -> StorageError:
    """Turn an OSError into the storage error that names its cause, without the path that it carries."""
    number = err.errno or 0
    code = _ERRNO_CODES.get(number, Code.STORAGE_IO)
    return StorageError(code, errno.errorcode.get(number, type(err).__name__), phase=phase, errno=number)
