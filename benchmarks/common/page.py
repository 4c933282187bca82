"""Writes figures into a page that tells of them, between two marks."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

END: Final = "<!-- end of figures -->"


class NoMarksError(Exception):
    """The page has no place for the figures."""


def fill(page: Path, begin: str, lines: Iterable[str]) -> None:
    """Replace what lies between a mark and the end of figures by lines; raises NoMarksError."""
    text = page.read_text("utf-8")
    head, mark, rest = text.partition(begin)
    _, end, tail = rest.partition(END)
    if not mark or not end:
        raise NoMarksError(f"{page} lacks {begin} and {END}")
    page.write_text(f"{head}{begin}\n\n{'\n'.join(lines).strip()}\n\n{END}{tail}", "utf-8")


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table with its title; none without rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if lines:
        yield from (f"### {title}", "", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *lines, "")
