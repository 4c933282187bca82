"""Shares with their uncertainty, and how well a score separates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
import math
from typing import Final

Z_95: Final = 1.959964
"""Standard deviations that hold 95 % of a normal distribution."""


def wilson(found: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share by Wilson's score method, 0..1; for nothing at all, 0 and 1."""
    if not total:
        return 0.0, 1.0
    share, square = found / total, Z_95**2 / total
    middle = share + square / 2
    reach = Z_95 * math.sqrt(share * (1 - share) / total + square / (4 * total))
    return max(0.0, (middle - reach) / (1 + square)), min(1.0, (middle + reach) / (1 + square))


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many."""

    found: int
    total: int

    @classmethod
    def of(cls, answers: Iterable[bool]) -> Rate:
        """Return how many of the answers are yes."""
        known = list(answers)
        return cls(sum(known), len(known))

    @property
    def share(self) -> float:
        """Return the share, 0..1; of nothing, not a number."""
        return self.found / self.total if self.total else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Return its 95 % interval."""
        return wilson(self.found, self.total)

    def __str__(self) -> str:
        """Return per cent, with the interval and the number of pictures."""
        if not self.total:
            return "-"
        low, high = self.interval
        return f"{self.share * 100:5.1f} [{low * 100:4.1f}-{high * 100:5.1f}] n={self.total}"

    def to_json(self) -> dict[str, float | int]:
        """Return it for a file."""
        low, high = self.interval
        return {"found": self.found, "total": self.total, "low": round(low, 5), "high": round(high, 5)}


def auc(worse: Sequence[float], better: Sequence[float]) -> float:
    """Return how often a picture of the first kind has the larger number than one of the second; ties count half."""
    if not worse or not better:
        return math.nan
    places = sorted([(value, 1) for value in worse] + [(value, 0) for value in better])
    ranks, at = 0.0, 0
    while at < len(places):
        end = at
        while end < len(places) and places[end][0] == places[at][0]:
            end += 1
        ranks += sum(kind for _, kind in places[at:end]) * (at + 1 + end) / 2
        at = end
    return (ranks - len(worse) * (len(worse) + 1) / 2) / (len(worse) * len(better))


def best_limit(worse: Sequence[float], better: Sequence[float]) -> float:
    """Return the limit from which a number counts as bad that finds most for the fewest false alarms (Youden's)."""
    places = sorted([(value, 1) for value in worse] + [(value, 0) for value in better], reverse=True)
    best, limit, found, false = 0.0, math.inf, 0, 0
    for number, (value, kind) in enumerate(places):
        found, false = found + kind, false + 1 - kind
        last = number + 1 == len(places) or places[number + 1][0] != value
        gain = found / max(1, len(worse)) - false / max(1, len(better))
        if last and gain > best:
            best, limit = gain, value
    return limit


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value under which so large a share lies."""
    known = sorted(values)
    return known[min(len(known) - 1, int(share * len(known)))] if known else math.nan
