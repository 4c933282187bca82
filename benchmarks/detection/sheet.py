"""Shows the worst misses and the worst false alarms on a sheet each."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import av
import av.error
from PIL import Image, ImageDraw, ImageFile, ImageFont

from .judge import Row
from .tables import SEVERITIES, Groups, grave

ACROSS: Final = 5
SHOWN: Final = 60
EACH: Final = 3
"""Pictures of one class: a class that fails altogether shall not hide the others."""
CELL: Final = (320, 180)
"""Pixels of one picture, without the lines below it."""
LINES: Final = 44
"""Pixels of those lines."""


def misses(groups: Groups) -> list[Row]:
    """Return kept pictures of medium and severe faults that should have been rejected, the worst first."""
    hard = [row for row in (*groups.faults, *groups.streams) if row.item.hard]
    kept = [row for row in grave((*hard, *groups.branches)) if not row.rejected]
    return _spread(kept, lambda row: (-(row.item.severity or 0), row.badness))


def false_alarms(groups: Groups) -> list[Row]:
    """Return rejected and flagged clean pictures, the worst first."""
    clean = (*groups.clean, *groups.clean_streams, *groups.series, *groups.still)
    return _spread([row for row in clean if row.flagged], lambda row: (-row.rejected, -row.badness))


def _spread(rows: Iterable[Row], key: Callable[[Row], tuple[float, float]]) -> list[Row]:
    """Return the first rows by a key, but no more than a few of each class."""
    found: list[Row] = []
    count: dict[tuple[str, int | None, bool], int] = {}
    for row in sorted(rows, key=key):
        kind = (row.item.name, row.item.severity, row.item.sequence is None)
        count[kind] = count.get(kind, 0) + 1
        if count[kind] <= EACH:
            found.append(row)
    return found[:SHOWN]


def _picture(path: Path) -> Image.Image:
    """Return what a forgiving decoder shows of a picture or a stream."""
    try:
        if path.suffix != ".jpg":
            with av.open(str(path)) as container:
                for frame in container.decode(video=0):
                    return Image.fromarray(frame.to_ndarray(format="rgb24")).resize(CELL)
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        with Image.open(path) as image:
            return image.convert("RGB").resize(CELL)
    except av.error.FFmpegError, OSError, SyntaxError, ValueError:
        pass
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    return Image.new("RGB", CELL, (60, 0, 60))


def draw(rows: Sequence[Row], target: Path) -> None:
    """Write a sheet: each picture with its class and severity, camera, score and what was said of it."""
    down = max(1, -(-len(rows) // ACROSS))
    sheet = Image.new("RGB", (CELL[0] * ACROSS, (CELL[1] + LINES) * down), (24, 24, 24))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for number, row in enumerate(rows):
        left, top = number % ACROSS * CELL[0], number // ACROSS * (CELL[1] + LINES)
        sheet.paste(_picture(row.path), (left, top))
        item = row.item
        severity = "" if item.severity is None else f" {SEVERITIES[item.severity]}"
        how = " (history)" if item.sequence else " (stream)" if item.codec else ""
        score = "-" if row.score is None else f"{row.score:.0f}"
        said = ", ".join(f"{kind} {value:.2f}" for kind, value, _ in row.faults[:3]) or row.refused or "nothing"
        lines = (f"{item.name}{severity}{how}", f"{item.scene} {row.path.name}", f"{row.verdict} {score}: {said}")
        for line, words in enumerate(lines):
            pen.text((left + 3, top + CELL[1] + 1 + 14 * line), words[:56], fill=(235, 235, 235), font=font)
    sheet.save(target, "JPEG", quality=85)


def write(groups: Groups, folder: Path) -> None:
    """Write both sheets into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    draw(misses(groups), folder / "misses.jpg")
    draw(false_alarms(groups), folder / "false-alarms.jpg")
