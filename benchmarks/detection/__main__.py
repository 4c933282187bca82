"""Measures the detector: how fast it is or, with --accuracy, how right it is on the corpus of scripts/corpus."""

import argparse
from collections.abc import Sequence
import json
from pathlib import Path
import sys
from typing import Any

from benchmarks.common.page import NoMarksError
from benchmarks.corpus.sources import Split
from benchmarks.corpus.where import PICTURES


def main(given: Sequence[str] | None = None) -> int:
    """Measure what is asked for, print it, and write the JSON file that was asked for."""
    parser = argparse.ArgumentParser(prog="scripts/bench detection", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--accuracy", action="store_true", help="judge the corpus instead of timing the detector")
    parser.add_argument("--split", choices=list(Split), default=Split.TUNE, help="test is for the final figures alone")
    parser.add_argument("--scene", action="append", metavar="NAME", help="only this scene (may be repeated)")
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="every Nth of each class, every Nth camera")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes")
    parser.add_argument("--quick", action="store_true", help="without peers, OpenCV and other sizes")
    parser.add_argument("--misses", type=Path, metavar="DIR", help="write sheets of the worst misses and false alarms")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the tables into this page, between its marks")
    parser.add_argument("--corpus", type=Path, default=PICTURES, metavar="DIR", help="where the corpus lies")
    options = parser.parse_args(given)
    results: Any
    if options.accuracy:
        from .accuracy import evaluate  # noqa: PLC0415 - the timing needs none of it
        from .page import rewrite  # noqa: PLC0415 - as above
        from .run import MissingCorpusError  # noqa: PLC0415 - as above

        try:
            results = evaluate(options)
            if options.page:
                rewrite(options.page, results)
        except (MissingCorpusError, NoMarksError) as err:
            print(err, file=sys.stderr)
            return 2
    else:
        from .speed import compare  # noqa: PLC0415 - the accuracy needs none of it

        results = compare()
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
