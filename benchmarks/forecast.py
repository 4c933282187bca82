"""Measures the forecast: simulated cameras that get worse from day to day, and good ones in hard weather."""

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
import json
import multiprocessing
from pathlib import Path
import sys

from benchmarks.corpus.sources import Split
from benchmarks.health.decays import Past, lives
from benchmarks.health.forecast import OURS, Told, heard, targets, to_json
from benchmarks.health.run import Job, MissingScenesError, jobs, prepare

DAYS = 40
MET = {True: "met", False: "NOT MET", None: "-"}
SEEDS = 20


def _told(job: Job) -> tuple[list[Past], dict[str, list[Told]]]:
    """Let the cameras of a site live, and hear what the rules say of them."""
    pasts = lives(job.scene, job.seed, job.days)
    return pasts, heard(pasts)


def main(given: Sequence[str] | None = None) -> int:
    """Measure what is asked for, print it, and write the file that was asked for."""
    parser = argparse.ArgumentParser(prog="scripts/bench forecast", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--split", choices=list(Split), default=Split.TUNE, help="test is for the final figures alone")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="sites, each with its scene and weather")
    parser.add_argument("--days", type=int, default=DAYS, metavar="N", help="that a camera lives")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes")
    options = parser.parse_args(given)
    try:
        work = jobs(options.split, options.seeds, options.days)
    except MissingScenesError as err:
        print(err, file=sys.stderr)
        return 2
    told: dict[str, list[Told]] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=context, initializer=prepare) as pool:
        for job, (pasts, heard_of) in zip(work, pool.map(_told, work), strict=True):
            for rule, each in heard_of.items():
                told.setdefault(rule, []).extend(each)
            days = ", ".join(f"{past.profile} {_days(past)}" for past in pasts if past.begin)
            print(f"{job.scene.name}-{job.seed}: {days}", file=sys.stderr, flush=True)
            if options.json:
                options.json.write_text(json.dumps(to_json(told), indent=1) + "\n", encoding="utf-8")
    show(told)
    return 0


def _days(past: Past) -> str:
    """Return after how many days a camera was degraded."""
    if past.degraded is None or past.begin is None:
        return "never"
    return f"{(past.degraded - past.begin).total_seconds() / 86400:.1f} d"


def show(told: dict[str, list[Told]]) -> None:
    """Print what was asked for, under each rule."""
    lines = {rule: targets(each) for rule, each in told.items()}
    print(f"{'what was asked for':52} {'limit':>7}" + "".join(f" {rule:>34}" for rule in lines))
    for number, own in enumerate(lines[OURS]):
        limit = f"{'>=' if own.at_least else '<='}{100 * own.limit:.0f} %"
        cells = "".join(f" {each[number].detail:>26} {MET[each[number].met]:>7}" for each in lines.values())
        print(f"  {own.words:50} {limit:>7}{cells}")


if __name__ == "__main__":
    sys.exit(main())
