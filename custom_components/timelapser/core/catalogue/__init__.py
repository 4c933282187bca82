"""The database that indexes everything; the files are the storage's."""

from .records import (
    AttemptRecord,
    AttemptRow,
    CameraRow,
    CommitResult,
    Deleted,
    FrameRecord,
    RunRow,
    StoredFile,
    TimelapseRow,
)
from .store import Catalogue, OpenReport

__all__ = [
    "AttemptRecord",
    "AttemptRow",
    "CameraRow",
    "Catalogue",
    "CommitResult",
    "Deleted",
    "FrameRecord",
    "OpenReport",
    "RunRow",
    "StoredFile",
    "TimelapseRow",
]
