"""From series of attempts to what was asked for."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
import math
from statistics import fmean
from typing import Any, Final

from benchmarks.detection.figures import Rate
from benchmarks.detection.tables import Target

from .looks import BAD, FALLS, GOOD, RISES, RULES, UNREACHABLE, Series, spells

WITHIN: Final = 10
"""Attempts of a reliably bad camera within which it must be told."""
WITHIN_SOME: Final = 100
"""The same of one of whose attempts three in ten are bad."""
AGAIN: Final = 6
"""Good attempts within which a recovery must be seen."""
IN_TIME: Final = timedelta(minutes=15)
"""Longest time from the first bad frame to the alarm."""
ALARMED: Final = ("100 % bad", "frozen", "sudden cover")
"""Profiles of which the way to the alarm is timed."""
DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)


def entries(series: Series) -> int:
    """Return how often a camera was said to have fallen ill."""
    return sum(look.transition in FALLS for look in series.looks)


def days(series: Series) -> float:
    """Return for how many days a camera was looked at."""
    return (series.looks[-1].at - series.looks[0].at + series.interval) / DAY


def told_within(series: Series, attempts: int) -> bool:
    """Return whether a camera that was bad from the first attempt on was told within so many."""
    return any(series.fallen[:attempts])


def found(series: Series) -> list[bool]:
    """Return for each time that a camera was reliably bad whether it was told, by its tenth attempt of that time."""
    fallen = series.fallen
    return [any(fallen[spell.begin : spell.begin + WITHIN]) for spell in spells(series.looks)]


def recovered(series: Series) -> list[bool]:
    """Return for each time that a fallen camera was mended whether that was seen within six good attempts."""
    fallen = series.fallen
    wells = [look.well for look in series.looks]
    mended = [at for at in range(1, len(wells)) if wells[at] and not wells[at - 1] and fallen[at - 1]]
    return [not all(fallen[at : at + AGAIN]) for at in mended if sum(wells[at : at + AGAIN]) == AGAIN]


def most_changes(series: Series, span: timedelta) -> int:
    """Return how often what is said of a camera changed at most in a span of the clock."""
    begin = series.looks[0].at
    return max(Counter((when - begin) // span for when in series.changes).values(), default=0)


def alarm_after(series: Series) -> list[tuple[timedelta, bool]]:
    """Return for each time that a camera was reliably bad how long it took from the first bad frame to the alarm.

    A frame is bad when the detector rejected it. The second value is False when it was never told.
    """
    looks, fallen = series.looks, series.fallen
    waits = []
    for spell in spells(looks):
        until = len(looks) if spell.end is None else spell.end
        first = next((at for at in range(spell.begin, until) if looks[at].evidence == BAD), None)
        if first is None or (spell.begin and fallen[spell.begin - 1]):
            continue
        told = next((at for at in range(first, until) if fallen[at]), None)
        waits.append((looks[until - 1 if told is None else told].at - looks[first].at, told is not None))
    return waits


@dataclass(frozen=True, slots=True)
class Month:
    """All cameras of a run: the profiles at their own intervals, and those of short and long ones."""

    series: tuple[Series, ...]
    paced: tuple[Series, ...]
    sick: tuple[str, ...]

    def of(self, *profiles: str) -> list[Series]:
        """Return the cameras of some profiles."""
        return [each for each in self.series if each.profile in profiles]

    def at_paces(self, *profiles: str) -> list[Series]:
        """Return the cameras of some profiles that look more often or more seldom."""
        return [each for each in self.paced if each.profile in profiles]

    def told_by(self, rule: str) -> Month:
        """Return the same month under another rule."""
        judge = RULES[rule]
        if judge is None:
            return self
        return Month(
            tuple(each.told_by(judge) for each in self.series),
            tuple(each.told_by(judge) for each in self.paced),
            self.sick,
        )


def _rate(words: str, rate: Rate, limit: float) -> Target:
    return Target(words, rate.share if rate.total else None, limit, True, str(rate).strip())


def _worst(words: str, values: Mapping[str, float], limit: float, detail: str = "") -> Target:
    name = max(values, key=lambda each: values[each], default=None)
    where = f"{name}; mean {fmean(values.values()):.2f}{detail}" if name is not None else ""
    return Target(words, None if name is None else values[name], limit, False, where)


def _clean(month: Month) -> Iterator[Target]:
    for profile in ("good", "5 % bad"):
        cameras = month.of(profile)
        if not cameras:
            continue
        lived = sum(days(each) for each in cameras)
        guilty = Counter(each.camera for each in cameras for _ in range(entries(each)))
        where = f"in {lived:.0f} camera-days" + "".join(f", {name} {count}" for name, count in guilty.most_common(4))
        yield Target(f"{profile}: entries into degraded", float(guilty.total()), 0.0, False, where)
    for interval, cameras in _by_interval(month.at_paces("good")):
        guilty = Counter(each.camera for each in cameras for _ in range(entries(each)))
        where = f"{len(cameras)} times" + "".join(f", {name} {count}" for name, count in guilty.most_common(4))
        words = f"good, every {_words(interval)} at dawn and dusk: entries"
        yield Target(words, float(guilty.total()), 0.0, False, where)


def _some(month: Month) -> Iterator[Target]:
    bad, all_bad = month.of("30 % bad"), month.of("100 % bad")
    told = Rate.of(told_within(each, WITHIN_SOME) for each in bad)
    yield _rate(f"30 % bad: told within {WITHIN_SOME} attempts", told, 1.0)
    staying = [share for each in bad if (share := _staying(each)) is not None]
    detail = f"; degraded {100 * fmean(staying):.0f} % of the time after the first entry" if staying else ""
    for interval, cameras in _by_interval((*bad, *month.at_paces("30 % bad"))):
        changes = {each.camera: most_changes(each, DAY) for each in cameras}
        yield _worst(f"30 % bad, every {_words(interval)}: changes on the worst day", changes, 2.0, detail)
        detail = ""
    told = Rate.of(told_within(each, WITHIN) for each in all_bad)
    yield _rate(f"100 % bad: told within {WITHIN} attempts", told, 1.0)
    for interval, cameras in _by_interval((*month.of("flapping"), *month.at_paces("flapping"))):
        changes = {each.camera: most_changes(each, HOUR) for each in cameras}
        yield _worst(f"flapping, every {_words(interval)}: changes in the worst hour", changes, 1.0)


def _by_interval(series: Iterable[Series]) -> list[tuple[timedelta, list[Series]]]:
    """Return cameras by their interval, the longest first."""
    by: dict[timedelta, list[Series]] = {}
    for each in series:
        by.setdefault(each.interval, []).append(each)
    return sorted(by.items(), reverse=True)


def _staying(series: Series) -> float | None:
    """Return the share of attempts after the first entry in which a camera was said to be degraded."""
    fallen = series.fallen
    return fmean(fallen[fallen.index(True) :]) if True in fallen else None


def _sick(month: Month) -> Iterator[Target]:
    answers = {profile: [told for each in month.of(profile) for told in found(each)] for profile in month.sick}
    everything = Rate.of(told for each in answers.values() for told in each)
    yield _rate(f"all that fell ill: told within {WITHIN} attempts", everything, 0.95)
    for profile, told in answers.items():
        yield _rate(f"{profile}: told within {WITHIN} attempts", Rate.of(told), 0.95)
    back = [seen for each in month.of(*month.sick) for seen in recovered(each)]
    yield _rate(f"recovery seen within {AGAIN} good attempts", Rate.of(back), 0.95)


def _alarms(month: Month) -> Iterator[Target]:
    for interval, cameras in _by_interval(month.at_paces(*ALARMED))[::-1]:
        waits = [each for camera in cameras for each in alarm_after(camera)]
        worst = max((wait / timedelta(minutes=1) for wait, _ in waits), default=math.nan)
        rate = Rate.of(told and wait <= IN_TIME for wait, told in waits)
        words = f"every {_words(interval)}: minutes from the first bad frame to the alarm"
        yield Target(words, worst, IN_TIME / timedelta(minutes=1), False, f"in time: {str(rate).strip()}")


def targets(month: Month) -> list[Target]:
    """Return what was asked for of the health of cameras, in the order in which it was."""
    return [*_clean(month), *_some(month), *_sick(month), *_alarms(month)]


COUNTED: Final = ("cameras", "days", "attempts", "bad", "incidents", "resolved")
"""What is counted by profile."""


def incidents(month: Month) -> dict[str, dict[str, Any]]:
    """Return by profile how many incidents there were a camera and day, and how many ended by themselves."""
    told: dict[str, dict[str, Any]] = {}
    for each in month.series:
        line = told.setdefault(each.profile, dict.fromkeys(COUNTED, 0))
        line["cameras"] += 1
        line["days"] = round(line["days"] + days(each), 2)
        line["attempts"] += len(each.looks)
        line["bad"] += sum(look.evidence != GOOD for look in each.looks)
        line["incidents"] += entries(each)
        line["resolved"] += sum(look.transition in RISES for look in each.looks)
    return told


def agreement(month: Month) -> dict[str, dict[str, Rate]]:
    """Return by profile how often the evidence agreed with the truth: severe ones found, others called bad."""
    found_by: dict[str, dict[str, Rate]] = {}
    for profile in dict.fromkeys(each.profile for each in month.series):
        looks = [look for each in month.of(profile) for look in each.looks]
        found_by[profile] = {
            "severe": Rate.of(look.evidence in (BAD, UNREACHABLE) for look in looks if look.severe),
            "other": Rate.of(look.evidence in (BAD, UNREACHABLE) for look in looks if not look.severe),
        }
    return found_by


def _words(interval: timedelta) -> str:
    """Return an interval as people say it."""
    minutes = round(interval / timedelta(minutes=1))
    return f"{minutes} min" if minutes < 60 or minutes % 60 else f"{minutes // 60} h"


def of_rules(month: Month, rules: Iterable[str] = tuple(RULES)) -> dict[str, list[Target]]:
    """Return what was asked for under each rule, on the very same evidence."""
    return {rule: targets(month.told_by(rule)) for rule in rules}
