"""What the corpus holds: one line for each picture or sequence, beside its files."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
import json
from pathlib import Path
from typing import Final

from .sources import Split

MANIFEST: Final = "manifest.jsonl"
DECAY: Final = "decay_"
"""How the names of classes begin that grow from day to day."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One file: its class, whether that is a fault, how severe (0..2), and how it is to be looked at.

    ``codec`` is set for a stream, which the capture layer reads; ``sequence`` and ``step`` for a picture of a series,
    which is judged with what was learnt before it. Pictures of one ``branch`` follow one another, and take the place of
    what the series has from the first one's step on. ``elevation`` is the sun's, in degrees.
    """

    file: str
    split: Split
    scene: str
    name: str
    fault: bool
    hard: bool = True
    severity: int | None = None
    codec: str | None = None
    sequence: str | None = None
    step: int = 0
    branch: str | None = None
    when: str | None = None
    elevation: float | None = None

    @property
    def moment(self) -> datetime | None:
        """Return when the picture was taken."""
        return None if self.when is None else datetime.fromisoformat(self.when)


def write(folder: Path, items: list[Item]) -> None:
    """Write the manifest of one part."""
    lines = (json.dumps(asdict(item), separators=(",", ":")) for item in items)
    (folder / MANIFEST).write_text("\n".join(lines) + "\n", "utf-8")


def read(folder: Path) -> Iterator[tuple[Path, Item]]:
    """Yield the items of all parts below a folder, each with the path of its file."""
    for manifest in sorted(folder.rglob(MANIFEST)):
        for line in manifest.read_text("utf-8").splitlines():
            values = json.loads(line)
            item = Item(**{**values, "split": Split(values["split"])})
            yield manifest.parent / item.file, item
