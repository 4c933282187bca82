"""Writes the figures into the page that tells of them, between its two marks."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.common.page import fill, table

BEGIN: Final = "<!-- figures: scripts/bench detection --accuracy --page -->"

SEVERITIES: Final = ("mild", "medium", "severe")


def rewrite(page: Path, found: Mapping[str, Any]) -> None:
    """Replace what lies between the marks of a page by the tables; raises NoMarksError."""
    fill(page, BEGIN, tables(found))


def tables(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of all tables of a measurement as ``accuracy.to_json`` gives it."""
    yield from _targets(found["targets"])
    recall = found["recall"]
    yield from _recall("Faults, on one picture", recall["one picture"])
    yield from _recall("Streams, with what the decoder says", recall["streams"])
    yield from _recall("Faults, once the camera is known", recall["with history"])
    yield from _recall("Cameras that get worse from day to day, in thirds of the way", recall["decay"])
    yield from table(
        "Frozen cameras, found within five pictures",
        ("how", "found"),
        ([_words(name), _rate(rate)] for name, rate in recall["frozen"].items()),
    )
    alarms = found["false alarms"]
    clean = {**alarms["one picture"], **alarms["streams"]}
    yield from table(
        "Good pictures called bad or suspect, on one picture",
        ("class", "bad", "suspect"),
        ([_words(name), _rate(each["bad"]), _rate(each["suspect"])] for name, each in clean.items()),
    )
    yield from table(
        "Good pictures called bad or suspect, by camera",
        ("camera", "bad", "suspect"),
        ([_words(name), _rate(each["bad"]), _rate(each["suspect"])] for name, each in alarms["cameras"].items()),
    )
    yield from _peers(found["peers"], found["freezedetect"])
    for how, stages in found["stages"].items():
        yield from table(
            f"Milliseconds by stage, {how}, two processes at work",
            ("stage", "median", "95 %"),
            ([stage, f"{each['median_ms']:.2f}", f"{each['p95_ms']:.2f}"] for stage, each in stages.items()),
        )


def _targets(targets: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    def line(target: Mapping[str, Any]) -> list[str]:
        words, value, limit = target["words"], target["value"], target["limit"]
        factor, unit = (1, "") if any(word in words for word in ("MB", "AUC", "points")) else (100, " %")
        got = "not measured" if value is None else f"{value * factor:.3g}{unit}"
        asked = f"{'at least' if target['at_least'] else 'at most'} {limit * factor:.4g}{unit}"
        met = {True: "yes", False: "**no**", None: "-"}[target["met"]]
        return [words, asked, got, met, target["detail"].strip()]

    yield from table(
        "What was asked for", ("what", "limit", "measured", "met", "95 % interval, or where"), map(line, targets)
    )


def _recall(title: str, of: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    def cell(found: Mapping[str, Any] | None) -> str:
        if found is None:
            return ""
        flagged = found["suspect"]
        share = 100 * flagged["found"] / flagged["total"]
        return f"{_rate(found['bad'])}; {share:.0f} % at least suspect"

    rows = ([_words(name), *(cell(found.get(severity)) for severity in SEVERITIES)] for name, found in of.items())
    yield from table(title, ("fault", *SEVERITIES), rows)


def _peers(peers: Mapping[str, Mapping[str, Any]], freezes: Mapping[str, Any]) -> Iterator[str]:
    if not peers:
        return
    kinds = [kind for kind in next(iter(peers.values())) if kind != "auc"]
    rows = ([words, *(_share(line[kind]) for kind in kinds), f"{line['auc']:.3f}"] for words, line in peers.items())
    yield from table(
        "Beside others, on the same single pictures: what each calls bad", ("who", *kinds, "AUC of all"), rows
    )
    if freezes:
        rows = ([_words(name), _rate(rate)] for name, rate in freezes.items())
        yield from table("FFmpeg's freezedetect on the same cameras", ("how", "found"), rows)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _share(rate: Mapping[str, Any]) -> str:
    return f"{100 * rate['found'] / rate['total']:.1f} %" if rate["total"] else "-"


def _rate(rate: Mapping[str, Any]) -> str:
    """Return a share with its interval and the number of pictures."""
    if not rate["total"]:
        return "-"
    return f"{_share(rate)} [{100 * rate['low']:.1f}, {100 * rate['high']:.1f}] of {rate['total']}"
