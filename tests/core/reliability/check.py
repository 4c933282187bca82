"""The oracle: whether catalogue and files agree, read without any code of the integration that could be wrong too."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
import hashlib
from pathlib import Path
import sqlite3

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
END_OF_JPEG = b"\xff\xd9"


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What is wrong; every number is 0 when nothing is."""

    broken: int
    """1 when SQLite's own check finds the database damaged."""
    dangling: int
    """Rows without their file."""
    mismatched: int
    """Rows whose file has another hash or size."""
    torn: int
    """Files that lack their end."""
    lost: int
    """Stills that were acknowledged and have no row, or another file."""
    orphans: int
    """Files without a row."""
    parts: int
    """Unfinished files."""
    miscounted: int
    """Runs and cameras whose counters are not what the rows say."""


NOTHING = Findings(broken=0, dangling=0, mismatched=0, torn=0, lost=0, orphans=0, parts=0, miscounted=0)


def check(catalogue: Path, storage: Path, acks: Mapping[str, str]) -> Findings:
    """Compare the catalogue with the files and with what was acknowledged: SHA-256 of the file by id."""
    with closing(sqlite3.connect(f"file:{catalogue}?mode=ro", uri=True)) as conn:
        conn.row_factory = sqlite3.Row
        broken = int(conn.execute("PRAGMA integrity_check").fetchone()[0] != "ok")
        rows = conn.execute(
            "SELECT frames.*, cameras.folder FROM frames JOIN cameras ON cameras.seq = frames.camera_seq"
        ).fetchall()
        miscounted = _miscounted(conn)
    files = {str(path.relative_to(storage)): path for path in storage.rglob("*") if path.is_file()}
    stills = {name: path.read_bytes() for name, path in files.items() if path.suffix in (".jpg", ".png", ".webp")}
    known = {_path(row): row for row in rows}
    whole = {
        _ulid(row["id"]): row["file_sha256"].hex()
        for name, row in known.items()
        if name in stills
        and hashlib.sha256(stills[name]).digest() == row["file_sha256"]
        and len(stills[name]) == row["byte_count"]
    }
    dangling = len(known.keys() - stills.keys())
    return Findings(
        broken=broken,
        dangling=dangling,
        mismatched=len(known) - dangling - len(whole),
        torn=sum(name.endswith(".jpg") and not data.endswith(END_OF_JPEG) for name, data in stills.items()),
        lost=sum(whole.get(frame_id) != digest for frame_id, digest in acks.items()),
        orphans=len(stills.keys() - known.keys()),
        parts=sum(name.endswith(".part") for name in files),
        miscounted=miscounted,
    )


def ids(catalogue: Path) -> list[str]:
    """Return the ids of all stills, in the order of their rows."""
    with closing(sqlite3.connect(f"file:{catalogue}?mode=ro", uri=True)) as conn:
        return [_ulid(row[0]) for row in conn.execute("SELECT id FROM frames ORDER BY seq")]


def _miscounted(conn: sqlite3.Connection) -> int:
    runs = """
        SELECT runs.seq FROM runs WHERE image_count != (
            SELECT COUNT(*) FROM run_frames JOIN frames ON frames.seq = frame_seq
            WHERE run_seq = runs.seq AND kind = 0)"""
    cameras = """
        SELECT cameras.seq FROM cameras WHERE
            captured != (SELECT COUNT(*) FROM frames WHERE camera_seq = cameras.seq AND kind = 0)
            OR rejected != (SELECT COUNT(*) FROM frames WHERE camera_seq = cameras.seq AND kind = 1)
            OR byte_count != (SELECT COALESCE(SUM(byte_count), 0) FROM frames WHERE camera_seq = cameras.seq)"""
    return sum(len(conn.execute(query).fetchall()) for query in (runs, cameras))


def _path(row: sqlite3.Row) -> str:
    seconds, millis = divmod(row["captured_at"], 1000)
    when = _utc(seconds)
    kind = ("frames", "quarantine")[row["kind"]]
    copy = f"-{row['copy']}" if row["copy"] else ""
    day = f"{when[:4]}/{when[4:6]}/{when[6:8]}"
    return f"{row['folder']}/{kind}/{day}/{when}{millis:03}Z-{_ulid(row['id'])}{copy}.{row['ext']}"


def _utc(seconds: int) -> str:
    with closing(sqlite3.connect(":memory:")) as conn:
        (text,) = conn.execute("SELECT strftime('%Y%m%dT%H%M%S', ?, 'unixepoch')", (seconds,)).fetchone()
    return str(text)


def _ulid(value: bytes) -> str:
    number = int.from_bytes(value)
    return "".join(ALPHABET[number >> 5 * place & 31] for place in range(25, -1, -1))
