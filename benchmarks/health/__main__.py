"""Measures the health of cameras: a month of simulated ones, whose pictures go through the real detector."""

import argparse
from collections.abc import Sequence
import json
from pathlib import Path
import sys
from typing import Any

from benchmarks.common.page import NoMarksError
from benchmarks.corpus.sources import Split

from .report import show, to_json, write_page
from .run import QUICK_DAYS, MissingScenesError, jobs, measure

DAYS = 30
SEEDS = 20
ADAPTIVE = 12


def main(given: Sequence[str] | None = None) -> int:
    """Measure what is asked for, print it, and write the files that were asked for."""
    parser = argparse.ArgumentParser(prog="scripts/bench health", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--split", choices=list(Split), default=Split.TUNE, help="test is for the final figures alone")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="sites, each with its scene and weather")
    parser.add_argument("--days", type=int, default=DAYS, metavar="N", help="that a camera lives")
    parser.add_argument("--quick", action="store_true", help="two sites and a few days: to see that it runs")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes")
    parser.add_argument("--adaptive", type=int, default=ADAPTIVE, metavar="N", help="scenes for the adaptive interval")
    parser.add_argument("--adaptive-only", action="store_true", help="nothing but the adaptive interval")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the tables into this page, between its marks")
    options = parser.parse_args(given)
    if options.adaptive_only and options.page:
        parser.error("the page is of the month")
    found: dict[str, Any] = {}
    try:
        seeds, days = (2, QUICK_DAYS) if options.quick else (options.seeds, options.days)
        work = jobs(options.split, seeds, days)
        if not options.adaptive_only:
            month = measure(work, options.jobs)
            show(month)
            found = to_json(month)
        from . import adaptive  # noqa: PLC0415 - it draws, and the processes above must not inherit its OpenCV

        print("\nadaptive interval: two days at 5 minutes, 4 times as long at the slowest")
        saved = adaptive.measure(options.split, 1 if options.quick else options.adaptive)
        adaptive.show(saved)
        found["adaptive"] = adaptive.to_json(saved)
        if options.page:
            write_page(options.page, found)
    except (MissingScenesError, NoMarksError) as err:
        print(err, file=sys.stderr)
        return 2
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
