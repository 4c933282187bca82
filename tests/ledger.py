"""What the tests of captures share: the catalogue as it is on disk, the files, and cameras that answer in turn."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
import sqlite3
from typing import Any

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN
from custom_components.timelapser.core.catalogue import queries
from custom_components.timelapser.core.catalogue.records import AttemptRow

from .core import pictures

BLACK = pictures.jpeg(pictures.flat((0, 0, 0), 640, 360))
"""A picture that is rejected."""


def table(hass: HomeAssistant, name: str) -> list[dict[str, Any]]:
    """Return the rows of a table of the catalogue, in the order in which they were written."""
    path = Path(hass.config.config_dir) / DOMAIN / "catalogue.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall()
    return [dict(row) for row in rows]


async def attempts(entry: MockConfigEntry) -> list[AttemptRow]:
    """Return the attempts of a loaded camera, the oldest first."""
    rows = await entry.runtime_data.engine.async_read(
        lambda conn: queries.list_recent_attempts(conn, entry.entry_id, 1000)
    )
    return rows[::-1]


def files(media_root: Path, kind: str = "") -> list[Path]:
    """Return the files of all cameras, or those in their folders of one kind."""
    found = (path for path in (media_root / "timelapser").glob(f"*/{kind or '*'}/**/*") if path.is_file())
    return sorted(found)


def consistent(hass: HomeAssistant, media_root: Path) -> bool:
    """Return whether each file has its row and each row its file."""
    rows = {f"{_ulid(row['id'])}" for row in table(hass, "frames")}
    names = {path.stem.split("-")[1] for path in files(media_root)}
    return rows == names and len(table(hass, "frames")) == len(files(media_root))


def _ulid(value: bytes) -> str:
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    number = int.from_bytes(value)
    return "".join(alphabet[number >> 5 * place & 31] for place in range(25, -1, -1))


def in_turn(*answers: Any) -> Callable[[], Any]:
    """Return what gives one answer after the other and stays with the last; an answer may be a callable."""
    left: Iterator[Any] = iter(answers)
    last: list[Any] = []

    def answer() -> Any:
        last[:] = [next(left, last[0] if last else None)]
        return last[0]() if callable(last[0]) else last[0]

    return answer
