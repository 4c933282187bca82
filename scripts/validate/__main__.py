"""Validate the checkout: ``python -m scripts.validate [--root DIR]``."""

import argparse
from pathlib import Path
import sys

from . import RULES, validate


def main() -> int:
    """Print the findings; return how the process ends."""
    parser = argparse.ArgumentParser(prog="python -m scripts.validate", description=__doc__)
    parser.add_argument(
        "--root", type=Path, default=Path(__file__).parents[2], help="the checkout; this one if left out"
    )
    findings = validate(parser.parse_args().root.resolve())
    for finding in findings:
        print(finding)
    print(f"{len(RULES)} rules, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
