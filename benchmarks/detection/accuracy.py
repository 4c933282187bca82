"""Evaluates the corpus and prints its tables."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math
import sys
from time import perf_counter
from typing import Any

from . import tables
from .figures import Rate, best_limit
from .judge import Row
from .peers import BLURS, PEERS
from .run import Looked, Runner, collect
from .sheet import write
from .tables import Groups, Target


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was measured; what a quick run leaves out is empty."""

    rows: list[Row]
    targets: list[Target]
    stages: dict[str, dict[str, dict[str, float]]]
    peers: dict[str, dict[str, Any]]
    limits: dict[str, float]
    freezes: dict[str, Rate]
    sizes: dict[str, Rate]
    """What else there is to say of pictures in several sizes, beside the share with one verdict."""

    @property
    def groups(self) -> Groups:
        """Return the rows by how they were looked at."""
        return Groups.of(self.rows)


def _say(words: str, begin: float) -> None:
    print(f"{words} ({perf_counter() - begin:.0f} s)", file=sys.stderr, flush=True)


def measure(options: Namespace) -> Findings:
    """Judge what is asked for; raises MissingCorpusError.

    The product's figures are those without OpenCV, which few installations have.
    """
    begin = perf_counter()
    work = collect(options.corpus, options.split, options.scene or (), options.sample)
    _say(f"{len(work.singles)} pictures and streams, {len(work.series)} cameras", begin)
    with Runner(options.jobs, opencv=False) as runner:
        singles = runner.singles(work)
        _say("single pictures judged", begin)
        series = runner.series(work)
        _say("cameras judged", begin)
    rows = singles + series
    asked = [*tables.targets(Groups.of(rows)), tables.memory(series)]
    stages = {"without OpenCV": tables.stages(singles)}
    if options.quick:
        return Findings(rows, asked, stages, {}, {}, {}, {})
    with Runner(options.jobs, opencv=True) as runner:
        sized = runner.sizes(singles)
        _say("sizes judged", begin)
        others = runner.singles(work)
        _say("single pictures judged with OpenCV", begin)
        looked = runner.peers(work)
        freezes = runner.freezes(work)
        _say("peers asked", begin)
    stages["with OpenCV"] = tables.stages(others)
    asked += [tables.without_opencv(singles, others), tables.one_verdict(sized)]
    stills = [row for row in singles if row.item.codec is None]
    by_kind = {kind: Rate.of(found for name, found in freezes if name == kind) for kind, _ in freezes}
    peers = tables.peer_table(stills, looked) if looked else {}
    return Findings(rows, asked, stages, peers, _limits(stills, looked), by_kind, tables.in_sizes(sized))


def _limits(rows: Sequence[Row], looked: Sequence[Looked]) -> dict[str, float]:
    """Return the limits that would find blur best on these pictures, for the peers that have none of their own."""
    known = list(zip(rows, looked, strict=True))
    return {
        name: abs(
            best_limit(
                [values[name] for row, values in known if row.item.name in BLURS and (row.item.severity or 0) >= 1],
                [values[name] for row, values in known if not row.item.fault],
            )
        )
        for name, peer in PEERS.items()
        if peer.chosen
    }


def _print_targets(asked: Sequence[Target]) -> None:
    print(f"{'what was asked for':46} {'limit':>8} {'got':>7}")
    for target in asked:
        unit = 1 if "MB" in target.words or "AUC" in target.words or "points" in target.words else 100
        told = "not measured" if target.met is None else "met" if target.met else "NOT MET"
        got = math.nan if target.value is None else target.value * unit
        sign = ">=" if target.at_least else "<="
        shown = f"{got:7.3f}" if unit == 1 else f"{got:7.2f}"
        print(f"  {target.words:44} {sign}{target.limit * unit:6.4g} {shown}  {told:12} {target.detail}")


def _print_sizes(sizes: Mapping[str, Rate]) -> None:
    for words, rate in sizes.items():
        print(f"  {words} (no limit was asked for): {rate}")


def _print_recall(title: str, table: Mapping[str, Mapping[str, Mapping[str, Rate]]]) -> None:
    if not table:
        return
    print(f"\n{title}: % rejected [95 % interval] / % at least suspect")
    for name, severities in table.items():
        cells = [
            f"{severity} {found['bad']!s:28} / {found['suspect'].share * 100:5.1f}"
            for severity, found in severities.items()
        ]
        print(f"  {name:22} " + "  ".join(cells))


def _print_alarms(title: str, table: Mapping[str, Mapping[str, Rate]]) -> None:
    if not table:
        return
    print(f"\n{title}: % bad [95 % interval], % suspect")
    for name, found in table.items():
        print(f"  {name:22} {found['bad']!s:30} {found['suspect'].share * 100:5.1f}")


def _print_peers(findings: Findings) -> None:
    if not findings.peers:
        return
    print("\nbeside others, on the single pictures: % of each called bad")
    kinds = [kind for kind in next(iter(findings.peers.values())) if kind != "auc"]
    print(f"  {'':62}" + "".join(f"{kind:>13}" for kind in kinds) + "     AUC")
    for words, line in findings.peers.items():
        cells = "".join(f"{line[kind].share * 100:13.1f}" for kind in kinds)
        print(f"  {words:62}{cells}   {line['auc']:5.3f}")
    for kind, rate in findings.freezes.items():
        print(f"  FFmpeg freezedetect, {kind:18} {rate}")
    best = ", ".join(f"{name} {limit:.3g}" for name, limit in findings.limits.items())
    print(f"  limits that would find blur best here: {best}")


def report(findings: Findings) -> None:
    """Print everything."""
    groups = findings.groups
    _print_targets(findings.targets)
    _print_sizes(findings.sizes)
    _print_recall("faults, one picture", tables.recall(groups.faults))
    _print_recall("faults, with history", tables.recall(groups.branches))
    _print_recall("cameras that get worse from day to day (thirds of the way)", tables.recall(groups.decay))
    _print_recall("streams, with the decoder's evidence", tables.recall(groups.streams))
    frozen = tables.thawed(groups.frozen)
    print("\nfrozen branches that were told in time:" + ("" if frozen else " none"))
    for name, rate in frozen.items():
        print(f"  {name:22} {rate}")
    _print_alarms("clean classes, one picture", tables.alarms(groups.clean, "name"))
    _print_alarms("clean streams", tables.alarms(groups.clean_streams, "name"))
    _print_alarms("healthy cameras, with history", tables.alarms((*groups.series, *groups.still), "scene"))
    print("\nmissed most (severe ones count twice; soft ones only with history):")
    for line in tables.ranked_misses(groups)[:40]:
        said = ", ".join(f"{kind} {number}" for kind, number in line["said"].items())
        words = f"{line['class']} {line['severity']}, {line['how']}"
        print(f"  {words:44} {line['missed']:4} missed ({line['suspect']} suspect), {line['recall']}; {said}")
    print("\nfalse alarms, by what was said:")
    for line in tables.ranked_alarms(groups)[:30]:
        print(f"  {line['pictures']:4} {line['verdict']:10} {line['fault']:16} {line['class']} ({line['how']})")
    for title, stages in findings.stages.items():
        print(f"\ntime by stage, {title}, all processes at work (alone: without --accuracy): median, p95")
        for stage, found in stages.items():
            print(f"  {stage:10} {found['median_ms']:8.2f} ms {found['p95_ms']:8.2f} ms")
    _print_peers(findings)


def to_json(findings: Findings) -> dict[str, Any]:
    """Return everything for a file."""
    groups = findings.groups
    found: dict[str, Any] = _plain(
        {
            "targets": [target.to_json() for target in findings.targets],
            "recall": {
                "one picture": tables.recall(groups.faults),
                "with history": tables.recall(groups.branches),
                "decay": tables.recall(groups.decay),
                "streams": tables.recall(groups.streams),
                "frozen": tables.thawed(groups.frozen),
            },
            "false alarms": {
                "one picture": tables.alarms(groups.clean, "name"),
                "streams": tables.alarms(groups.clean_streams, "name"),
                "cameras": tables.alarms((*groups.series, *groups.still), "scene"),
            },
            "missed": tables.ranked_misses(groups),
            "alarms": tables.ranked_alarms(groups),
            "stages": findings.stages,
            "peers": findings.peers,
            "limits": findings.limits,
            "freezedetect": findings.freezes,
            "sizes": findings.sizes,
            "items": [row.to_json() for row in findings.rows],
        }
    )
    return found


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it."""
    if isinstance(value, Rate):
        return value.to_json()
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def evaluate(options: Namespace) -> dict[str, Any]:
    """Measure, print, draw the sheets that were asked for, and return everything; raises MissingCorpusError."""
    findings = measure(options)
    report(findings)
    if options.misses:
        write(findings.groups, options.misses)
    return to_json(findings)
