"""From what was said of each item to tables: recall by class and severity, false alarms, and what was asked for."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
import math
from statistics import median
from typing import Any, Final

from benchmarks.corpus.items import DECAY

from .figures import Rate, auc, percentile
from .judge import FROZEN, STILL, Row
from .peers import PEERS
from .run import Looked

SEVERITIES: Final = ("mild", "medium", "severe")
WITHIN: Final = 5
"""Pictures of a frozen camera, the first included, after which it must have been told."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The rows by how they were looked at."""

    clean: tuple[Row, ...]
    faults: tuple[Row, ...]
    clean_streams: tuple[Row, ...]
    streams: tuple[Row, ...]
    series: tuple[Row, ...]
    branches: tuple[Row, ...]
    frozen: tuple[Row, ...]
    still: tuple[Row, ...]
    decay: tuple[Row, ...]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Groups:
        """Sort the rows."""
        found: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            found[_group(row)].append(row)
        names = ("clean", "faults", "clean_streams", "streams", "series", "branches", "frozen", "still", "decay")
        return cls(*(tuple(found[name]) for name in names))


def _group(row: Row) -> str:
    item = row.item
    if item.codec is not None:
        return "streams" if item.fault else "clean_streams"
    if item.sequence is None:
        return "faults" if item.fault else "clean"
    if item.name in FROZEN:
        return "frozen"
    if item.name in STILL:
        return "still"
    if item.name.startswith(DECAY):
        return "decay"
    return "series" if item.branch is None else "branches"


def recall(rows: Iterable[Row]) -> dict[str, dict[str, dict[str, Rate]]]:
    """Return by class and severity how many were rejected, and how many were at least suspect."""
    by: dict[str, dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by[row.item.name][row.item.severity or 0].append(row)
    return {
        name: {
            SEVERITIES[severity]: {
                "bad": Rate.of(row.rejected for row in found),
                "suspect": Rate.of(row.flagged for row in found),
            }
            for severity, found in sorted(severities.items())
        }
        for name, severities in sorted(by.items())
    }


def alarms(rows: Iterable[Row], key: str) -> dict[str, dict[str, Rate]]:
    """Return by an attribute of the items (class or camera) how many clean pictures were rejected or only flagged."""
    by: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by[getattr(row.item, key)].append(row)
    return {
        name: {
            "bad": Rate.of(row.rejected for row in found),
            "suspect": Rate.of(row.flagged and not row.rejected for row in found),
        }
        for name, found in sorted(by.items())
    }


def grave(rows: Iterable[Row]) -> list[Row]:
    """Return the medium and severe ones."""
    return [row for row in rows if (row.item.severity or 0) >= 1]


def separation(faults: Iterable[Row], clean: Iterable[Row]) -> float:
    """Return the AUC of the score over medium and severe faults against clean pictures."""
    return auc([row.badness for row in grave(faults)], [row.badness for row in clean])


def thawed(rows: Iterable[Row]) -> dict[str, Rate]:
    """Return by class how many frozen branches were rejected within so many pictures."""
    branches: dict[tuple[str, str, str | None], list[Row]] = defaultdict(list)
    for row in rows:
        branches[row.item.name, row.item.scene, row.item.branch].append(row)
    by: dict[str, list[bool]] = defaultdict(list)
    for (name, _, _), members in branches.items():
        members.sort(key=lambda row: row.item.step)
        by[name].append(any(row.rejected for row in members[: WITHIN - 1]))
    return {name: Rate.of(answers) for name, answers in sorted(by.items())}


def _is(row: Row, *, hard: bool, severity: int) -> bool:
    return row.item.hard is hard and row.item.severity == severity


@dataclass(frozen=True, slots=True)
class Target:
    """One line of what was asked for; ``value`` is a share or an AUC, None when there was nothing to measure."""

    words: str
    value: float | None
    limit: float
    at_least: bool
    detail: str = ""

    @property
    def met(self) -> bool | None:
        """Return whether it is reached."""
        if self.value is None or math.isnan(self.value):
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def to_json(self) -> dict[str, Any]:
        """Return it for a file."""
        known = None if self.value is None or math.isnan(self.value) else round(self.value, 5)
        told = {"words": self.words, "value": known, "limit": self.limit, "at_least": self.at_least}
        return told | {"met": self.met, "detail": self.detail}


def _rate(words: str, rate: Rate, limit: float, *, at_least: bool) -> Target:
    return Target(words, rate.share if rate.total else None, limit, at_least, str(rate))


def _worst(words: str, rates: Mapping[str, Rate], limit: float, *, at_least: bool) -> Target:
    known = {name: rate for name, rate in rates.items() if rate.total}
    if not known:
        return Target(words, None, limit, at_least)
    choose = min if at_least else max
    name = choose(known, key=lambda name: known[name].share)
    return Target(words, known[name].share, limit, at_least, f"{name} {known[name]}")


def targets(groups: Groups) -> Iterator[Target]:
    """Yield what was asked for of the detection, in the order in which it was."""
    for severity, limit in ((2, 0.97), (1, 0.85)):
        hard = Rate.of(row.rejected for row in groups.faults if _is(row, hard=True, severity=severity))
        yield _rate(f"hard {SEVERITIES[severity]}, one picture: bad", hard, limit, at_least=True)
    hard_rows = [row for row in groups.faults if _is(row, hard=True, severity=2)]
    classes = {name: found["severe"]["bad"] for name, found in recall(hard_rows).items()}
    yield _worst("worst severe hard class: bad", classes, 0.85, at_least=True)
    for codec, limit in (("h264", 0.99), ("hevc", 0.95), ("mjpeg", 0.95)):
        of_codec = [row for row in groups.streams if row.item.codec == codec]
        severe = Rate.of(row.rejected for row in of_codec if row.item.severity == 2)
        yield _rate(f"{codec} stream, severe: found", severe, limit, at_least=True)
        medium = Rate.of(row.rejected for row in of_codec if row.item.severity == 1)
        yield _rate(f"{codec} stream, medium: found", medium, 0.85, at_least=True)
    streams = Rate.of(row.rejected for row in groups.clean_streams)
    yield _rate("clean streams: bad", streams, 0.0, at_least=False)
    soft = Rate.of(row.rejected for row in groups.branches if _is(row, hard=False, severity=2))
    yield _rate("soft severe, with history: bad", soft, 0.95, at_least=True)
    alone = Rate.of(row.flagged for row in groups.faults if _is(row, hard=False, severity=2))
    yield _rate("soft severe, one picture: at least suspect", alone, 0.70, at_least=True)
    yield _worst(f"frozen, within {WITHIN} pictures (worst kind)", thawed(groups.frozen), 1.0, at_least=True)
    yield _rate("still night: bad", Rate.of(row.rejected for row in groups.still), 0.0, at_least=False)
    healthy = (*groups.series, *groups.still)
    for words, rows, limit in (("one picture", groups.clean, 0.005), ("with history", healthy, 0.002)):
        yield _rate(f"clean, {words}: bad", Rate.of(row.rejected for row in rows), limit, at_least=False)
        flagged = Rate.of(row.flagged and not row.rejected for row in rows)
        yield _rate(f"clean, {words}: suspect", flagged, 0.03, at_least=False)
    by_class = {name: found["bad"] for name, found in alarms(groups.clean, "name").items()}
    yield _worst("worst clean class: bad", by_class, 0.03, at_least=False)
    by_camera = {name: found["bad"] for name, found in alarms(healthy, "scene").items()}
    yield _worst("worst healthy camera: bad", by_camera, 0.03, at_least=False)
    yield Target("AUC of the score, one picture", separation(groups.faults, groups.clean), 0.97, at_least=True)
    yield Target("AUC of the score, with history", separation(groups.branches, healthy), 0.97, at_least=True)


def without_opencv(one: Sequence[Row], other: Sequence[Row]) -> Target:
    """Compare the scores of the same pictures, judged with OpenCV and without.

    Streams are left out: what a decoder shows of a damaged one may depend on its threads.
    """
    pairs = [pair for pair in zip(one, other, strict=True) if pair[0].item.codec is None]
    apart = [abs(first.badness - second.badness) for first, second in pairs]
    worst = max(range(len(apart)), key=apart.__getitem__, default=None)
    detail = "" if worst is None else f"worst {pairs[worst][0].path.name}: {apart[worst]:.1f}; verdicts that differ: "
    detail += str(sum(first.verdict != second.verdict for first, second in pairs))
    return Target("score, with and without OpenCV: points apart", max(apart, default=None), 1.0, False, detail)


def one_verdict(sized: Sequence[tuple[str, Sequence[Row]]]) -> Target:
    """Return how many scenes have one verdict in all sizes."""
    rate = Rate.of(len({row.rejected for row in rows}) == 1 == len({row.verdict for row in rows}) for _, rows in sized)
    return _rate("one verdict from 640x360 to 3840x2160", rate, 0.98, at_least=True)


def in_sizes(sized: Sequence[tuple[str, Sequence[Row]]]) -> dict[str, Rate]:
    """Return how many pictures are kept in all sizes or in none, and how many judgements are as in most sizes."""
    counted = [Counter(row.verdict for row in rows).most_common(1)[0][1] for _, rows in sized]
    return {
        "kept in all sizes, or rejected in all": Rate.of(len({row.rejected for row in rows}) == 1 for _, rows in sized),
        "judgements in one size that are as most of their picture's": Rate(
            sum(counted), sum(len(rows) for _, rows in sized)
        ),
    }


def memory(rows: Iterable[Row]) -> Target:
    """Return how large a camera's memory gets."""
    largest = max((row.baseline_bytes for row in rows), default=0)
    return Target("memory of a camera, MB", largest / 1e6 if largest else None, 2.0, False, f"{largest} bytes")


def stages(rows: Iterable[Row]) -> dict[str, dict[str, float]]:
    """Return milliseconds by stage."""
    times: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        for stage, value in row.timings.items():
            times[stage].append(value)
    return {
        stage: {"median_ms": round(median(values), 3), "p95_ms": round(percentile(values, 0.95), 3)}
        for stage, values in times.items()
    }


def peer_table(rows: Sequence[Row], looked: Sequence[Looked]) -> dict[str, dict[str, Any]]:
    """Return the same figures for the peers and for us, over the single pictures that are no streams."""
    kinds: dict[str, Callable[[Row], bool]] = {
        "hard severe": lambda row: row.item.fault and _is(row, hard=True, severity=2),
        "hard medium": lambda row: row.item.fault and _is(row, hard=True, severity=1),
        "soft severe": lambda row: row.item.fault and _is(row, hard=False, severity=2),
        "soft medium": lambda row: row.item.fault and _is(row, hard=False, severity=1),
        "false alarms": lambda row: not row.item.fault,
    }
    table: dict[str, dict[str, Any]] = {}
    known = list(zip(rows, looked, strict=True))
    ours = [(row, row.badness, row.rejected) for row in rows]
    sides = {"this detector": ours} | {
        peer.words: [(row, values[name], values[name] >= peer.limit) for row, values in known]
        for name, peer in PEERS.items()
    }
    for words, answers in sides.items():
        line: dict[str, Any] = {
            kind: Rate.of(bad for row, _, bad in answers if belongs(row)) for kind, belongs in kinds.items()
        }
        worse = [value for row, value, _ in answers if row.item.fault and (row.item.severity or 0) >= 1]
        line["auc"] = auc(worse, [value for row, value, _ in answers if not row.item.fault])
        table[words] = line
    return table


def ranked_misses(groups: Groups) -> list[dict[str, Any]]:
    """Return the classes that cost most: medium and severe ones that were kept, by how many pictures they are."""
    found: list[dict[str, Any]] = []
    for how, rows in (("one picture", groups.faults), ("stream", groups.streams), ("history", groups.branches)):
        by: dict[tuple[str, int], list[Row]] = defaultdict(list)
        for row in grave(rows):
            if how != "one picture" or row.item.hard:
                by[row.item.name, row.item.severity or 0].append(row)
        for (name, severity), members in by.items():
            rate = Rate.of(row.rejected for row in members)
            flagged = sum(row.flagged and not row.rejected for row in members)
            missed = rate.total - rate.found
            if missed:
                said = Counter(row.faults[0][0] for row in members if row.faults and not row.rejected)
                found.append(
                    {"class": name, "severity": SEVERITIES[severity], "how": how, "recall": rate, "missed": missed}
                    | {"suspect": flagged, "said": dict(said.most_common(3))}
                )
    return sorted(found, key=lambda line: -line["missed"] * (2 if line["severity"] == "severe" else 1))


def ranked_alarms(groups: Groups) -> list[dict[str, Any]]:
    """Return the faults that clean pictures were said to have, by class, most first."""
    found: Counter[tuple[str, str, str, str]] = Counter()
    for how, rows in (
        ("one picture", groups.clean),
        ("stream", groups.clean_streams),
        ("history", (*groups.series, *groups.still)),
    ):
        for row in rows:
            if row.flagged:
                fault = row.faults[0][0] if row.faults else row.refused or "?"
                found[how, row.item.name, row.verdict, fault] += 1
    order = sorted(found.items(), key=lambda line: (line[0][2] == "suspect", -line[1]))
    return [
        {"how": how, "class": name, "verdict": verdict, "fault": fault, "pictures": number}
        for (how, name, verdict, fault), number in order
    ]
