"""A process whose write-ahead log grows and grows, as somebody reads an old state of its catalogue, until it is killed.

``python -m tests.core.reliability.bloater CATALOGUE BYTES`` makes a hundred failed attempts, prints how many, writes
their evidence anew until the log has this size, and kills itself.
"""

from contextlib import closing
import os
from pathlib import Path
import signal
import sqlite3
import sys

from scripts.lib.core import load_core

load_core()

from timelapser_core.catalogue import Catalogue, queries  # noqa: E402
from timelapser_core.models import Outcome  # noqa: E402

from tests.core.archive import attempt, set_up  # noqa: E402

ATTEMPTS = 100
EVIDENCE = 1_000_000
"""Bytes of each attempt's evidence: 100 MB are written again and again."""


def main(path, size):
    """Write until the log has this size, and die."""
    catalogue = Catalogue(Path(path))
    catalogue.open()
    catalogue.submit(set_up).result()
    log = Path(f"{path}-wal")

    def begin(conn):
        for number in range(ATTEMPTS):
            queries.commit_attempt(conn, attempt(number, outcome=Outcome.FAILED))

    def write(conn):
        conn.exec_driver_sql(f"UPDATE attempts SET evidence = hex(randomblob({EVIDENCE // 2}))")

    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM attempts").fetchone()
        catalogue.submit(begin).result()
        sys.stdout.write(f"{ATTEMPTS}\n")
        sys.stdout.flush()
        while log.stat().st_size < int(size):
            catalogue.submit(write).result()
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
