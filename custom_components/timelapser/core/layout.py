"""Where the files of a camera lie below the storage folder, and what their names say."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
import re
import unicodedata

from .models import FrameKind
from .ulid import from_millis, is_ulid, to_millis

CONTENT_TYPES: Mapping[str, str] = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
"""The content type of each file extension in use."""
EXTENSIONS: Mapping[str, str] = {content_type: ext for ext, content_type in CONTENT_TYPES.items()}
"""The file extension of each content type in use."""
INDEX = "index.json"
"""The file in a camera's folder that says whose it is."""
KIND_FOLDERS: Mapping[FrameKind, str] = {FrameKind.FRAME: "frames", FrameKind.QUARANTINE: "quarantine"}

_KINDS = {folder: kind for kind, folder in KIND_FOLDERS.items()}
_SLUG_LENGTH = 40
"""Characters of a name that go into its folder; with the id well below the 255 bytes of a file name."""
_ID_LENGTH = 8
"""Characters of the camera's id in its folder: 40 random bits tell cameras of one name apart."""
_FOLDER = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_NAME = re.compile(
    r"(?P<at>\d{8}T\d{6})(?P<ms>\d{3})Z-(?P<id>[0-9A-Z]{26})(?:-(?P<copy>[1-9]\d{0,3}))?\.(?P<ext>[a-z]{3,4})", re.ASCII
)


def slug(name: str) -> str:
    """Return a name as lower-case ASCII letters, digits and single hyphens; ``camera`` when nothing is left."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:_SLUG_LENGTH].rstrip("-") or "camera"


def camera_folder(name: str, camera_id: str) -> str:
    """Return the folder of a camera: its name for people, the end of its id against collisions."""
    return f"{slug(name)}-{slug(camera_id).replace('-', '')[-_ID_LENGTH:]}"


def is_folder(name: str) -> bool:
    """Return whether a name may be that of a camera's folder."""
    return _FOLDER.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class FramePath:
    """The path of a stored still, in parts; ``captured_at`` is UTC in whole milliseconds."""

    folder: str
    kind: FrameKind
    captured_at: datetime
    id: str
    ext: str
    copy: int = 0
    """Number that was added because the name was taken; 0 for none."""

    @classmethod
    def make(cls, folder: str, kind: FrameKind, captured_at: datetime, ulid: str, ext: str) -> FramePath:
        """Return the path for a new still; ValueError for an id or extension that is none of ours."""
        if not is_ulid(ulid) or ext not in CONTENT_TYPES or not _FOLDER.fullmatch(folder):
            raise ValueError("not a frame's path")
        return cls(folder, kind, from_millis(to_millis(captured_at)), ulid, ext)

    @classmethod
    def parse(cls, path: str) -> FramePath:
        """Return the parts of a relative path with forward slashes; ValueError when it is not one of ours."""
        folder, _, rest = path.partition("/")
        kind_folder, _, rest = rest.partition("/")
        match = _NAME.fullmatch(path.rpartition("/")[2])
        kind = _KINDS.get(kind_folder)
        if match is None or kind is None:
            raise ValueError("not a frame's path")
        captured_at = datetime.strptime(match["at"] + match["ms"] + "000", "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
        made = cls.make(folder, kind, captured_at, match["id"], match["ext"])
        made = replace(made, copy=int(match["copy"] or 0))
        if str(made) != path:
            raise ValueError("not a frame's path")
        return made

    @property
    def name(self) -> str:
        """Return the file name."""
        copy = f"-{self.copy}" if self.copy else ""
        at = self.captured_at
        return f"{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03}Z-{self.id}{copy}.{self.ext}"

    @property
    def directory(self) -> tuple[str, ...]:
        """Return the folders from the storage folder down to the file."""
        return day_directory(self.folder, self.kind, self.captured_at.date())

    @property
    def content_type(self) -> str:
        """Return the content type that the extension stands for."""
        return CONTENT_TYPES[self.ext]

    def __str__(self) -> str:
        """Return the path below the storage folder, with forward slashes."""
        return str(PurePosixPath(*self.directory, self.name))


def day_directory(folder: str, kind: FrameKind, day: date) -> tuple[str, ...]:
    """Return the folders of one UTC day of a camera, from the storage folder down."""
    return (folder, KIND_FOLDERS[kind], f"{day.year:04}", f"{day.month:02}", f"{day.day:02}")
