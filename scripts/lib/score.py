"""Judge picture files as Timelapser does, and print a JSON line for each."""

import argparse
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
import importlib
import json
from pathlib import Path
import sys
from typing import TYPE_CHECKING, Any

from scripts.lib.core import load_core

if TYPE_CHECKING:
    from custom_components.timelapser.core.detection import Evaluation
    from custom_components.timelapser.core.errors import TimelapserError

SEQUENCE_STEP = timedelta(seconds=60)
"""Between two pictures of a sequence: longer than a camera may honestly repeat itself for."""


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/score", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--sequence", action="store_true", help="the files are one camera's, in this order, 60 s apart")
    parser.add_argument("--sensitivity", choices=("low", "medium", "high"), default="medium")
    parser.add_argument("--fast", action="store_true", help="leave out the full-resolution checks of good pictures")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Print a line for each file; return 1 if one is missing, else 0. A bad picture is a result, not an error."""
    options = arguments(given)
    load_core()
    core = importlib.import_module("timelapser_core.detection")
    describe: Callable[[Evaluation], dict[str, Any]] = importlib.import_module(
        "timelapser_core.detection.report"
    ).describe
    image_error: type[TimelapserError] = importlib.import_module("timelapser_core.errors").ImageError

    detector = core.Detector(options.sensitivity, heavy=not options.fast)
    baseline = core.Baseline.empty()
    when = datetime.now(UTC)
    missing = False
    for name in options.files:
        try:
            data = Path(name).read_bytes()
        except OSError as err:
            missing = True
            print(json.dumps({"file": name, "error": err.strerror or type(err).__name__}), flush=True)
            continue
        try:
            found = detector.evaluate(data, when=when, baseline=baseline if options.sequence else None)
        except image_error as err:
            line: dict[str, Any] = {"file": name, "score": None, "verdict": "unreadable", "code": err.code}
            print(json.dumps(line | {"words": err.text}), flush=True)
        else:
            print(json.dumps({"file": name} | describe(found) | {"timings": dict(found.timings)}), flush=True)
            baseline = found.baseline
        when += SEQUENCE_STEP
    return int(missing)


if __name__ == "__main__":
    sys.exit(main())
