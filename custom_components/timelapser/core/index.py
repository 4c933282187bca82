"""What the folder of a camera says of it besides its pictures: enough to make its rows again, but for the frames."""

from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, fields
from datetime import datetime
import json
from typing import Any, Self

from .models import RunState
from .ulid import is_ulid

VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class RunIndex:
    """A run as the index keeps it; its image count follows from the pictures."""

    id: str
    name: str | None
    state: RunState
    started_at: datetime
    ended_at: datetime | None
    starred: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelapseIndex:
    """A timelapse with its runs, the oldest first."""

    id: str
    name: str
    paused: bool
    created_at: datetime
    removed_at: datetime | None
    runs: tuple[RunIndex, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraIndex:
    """A camera with its timelapses, the oldest first; ``source_key`` is what it is recognised by."""

    id: str
    source_key: str
    name: str
    folder: str
    created_at: datetime
    removed_at: datetime | None
    timelapses: tuple[TimelapseIndex, ...] = ()

    def to_json(self) -> bytes:
        """Return the index as the file keeps it."""
        values = {"version": VERSION, **asdict(self)}
        return json.dumps(values, indent=1, default=datetime.isoformat).encode()

    @classmethod
    def from_json(cls, data: bytes, folder: str) -> Self:
        """Return the index in a file of a camera's folder; ValueError for one that is none.

        The folder is where the file lies, whatever it says: people rename folders.
        """
        try:
            values = json.loads(data)
            if values["version"] != VERSION:
                raise ValueError("the index of another version")
            timelapses = tuple(
                TimelapseIndex(
                    **_checked(TimelapseIndex, item, "runs"),
                    runs=tuple(RunIndex(**_checked(RunIndex, run)) for run in item["runs"]),
                )
                for item in values["timelapses"]
            )
            return cls(**{**_checked(cls, values, "timelapses"), "folder": folder}, timelapses=timelapses)
        except (KeyError, TypeError, AttributeError, RecursionError) as err:
            raise ValueError("not the index of a camera") from err


def _checked(kind: type[Any], values: Mapping[str, Any], nested: str = "") -> dict[str, Any]:
    """Return the fields of a class from JSON; KeyError, TypeError or ValueError for what does not fit."""
    found: dict[str, Any] = {}
    for field in fields(kind):
        if field.name == nested:
            continue
        value = values[field.name]
        if _kind(field) in (datetime, datetime | None) and value is not None:
            value = datetime.fromisoformat(value)
            if value.tzinfo is None:
                raise ValueError("an instant without its zone")
        elif _kind(field) is RunState:
            value = RunState(value)
        if not isinstance(value, _kind(field)):
            raise TypeError(field.name)
        found[field.name] = value
    if kind is RunIndex and not is_ulid(found["id"]):
        raise ValueError("not the id of a run")
    return found


def _kind(field: Field[Any]) -> Any:
    """Return the type of a field, which is no text as long as nobody imports annotations from the future."""
    return field.type
