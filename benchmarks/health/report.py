"""Prints what was measured, and writes it into a page."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.common.page import fill, table
from benchmarks.detection.tables import Target

from . import measures
from .looks import OURS
from .measures import Month

BEGIN: Final = "<!-- figures: scripts/bench health --page -->"


def _number(target: Mapping[str, Any], value: float | None) -> str:
    """Return a share in per cent, a count or minutes as they are."""
    if value is None:
        return "-"
    return f"{100 * value:.1f} %" if target["at_least"] else f"{value:.3g}"


def _met(target: Mapping[str, Any]) -> str:
    return {True: "met", False: "NOT MET", None: "-"}[target["met"]]


def show(month: Month) -> None:
    """Print everything."""
    told = measures.of_rules(month)
    print(f"{'what was asked for':58} {'limit':>9}" + "".join(f" {rule:>28}" for rule in told))
    for lines in _side_by_side(told):
        own = lines[OURS]
        sign = ">=" if own["at_least"] else "<="
        cells = "".join(f" {_number(line, line['value']):>19} {_met(line):>8}" for line in lines.values())
        print(f"  {own['words']:56} {sign + _number(own, own['limit']):>9}{cells}   {own['detail']}")
    print("\nincidents (degraded or offline) by profile")
    for profile, line in measures.incidents(month).items():
        print(f"  {profile:16} {_incidents(line)}")
    print("\nbad evidence by the truth: attempts that were severely damaged, and the others")
    for profile, rates in measures.agreement(month).items():
        print(f"  {profile:16} {rates['severe']!s:34} {rates['other']!s}")


def _incidents(line: Mapping[str, Any]) -> str:
    share = f"{100 * line['resolved'] / line['incidents']:.0f} % over by themselves" if line["incidents"] else ""
    lived = f"in {line['days']:.0f} camera-days, {line['attempts']} attempts, {line['bad']} bad"
    return f"{line['incidents']:5} {lived}; {share}"


def _side_by_side(told: Mapping[str, Sequence[Target]]) -> Iterator[dict[str, dict[str, Any]]]:
    for lines in zip(*told.values(), strict=True):
        yield {rule: line.to_json() for rule, line in zip(told, lines, strict=True)}


def to_json(month: Month) -> dict[str, Any]:
    """Return everything for a file."""
    agreement = measures.agreement(month)
    return {
        "targets": list(_side_by_side(measures.of_rules(month))),
        "incidents": measures.incidents(month),
        "agreement": {
            profile: {truth: rate.to_json() for truth, rate in rates.items()} for profile, rates in agreement.items()
        },
    }


def write_page(page: Path, found: Mapping[str, Any]) -> None:
    """Write the tables into a page; raises NoMarksError."""
    fill(page, BEGIN, _tables(found))


def _tables(found: Mapping[str, Any]) -> Iterator[str]:
    def row(lines: Mapping[str, Mapping[str, Any]]) -> list[str]:
        own = lines[OURS]
        asked = f"{'at least' if own['at_least'] else 'at most'} {_number(own, own['limit'])}"
        met = {True: "", False: ", **not met**", None: ""}
        cells = [_number(line, line["value"]) + met[line["met"]] for line in lines.values()]
        return [own["words"], asked, *cells, own["detail"]]

    rules = list(found["targets"][0])
    yield from table("What was asked for", ("what", "limit", *rules, "detail"), map(row, found["targets"]))
    yield from table(
        "Incidents",
        ("profile", "cameras", "camera-days", "attempts", "bad", "incidents", "over by themselves"),
        ([name, *(f"{line[key]:.0f}" for key in measures.COUNTED)] for name, line in found["incidents"].items()),
    )
