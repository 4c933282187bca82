"""What people's reviews of stills teach the detector of their camera."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ..models import Fault, FaultKind, Light, Reviewed

CERTAIN: Final = frozenset((FaultKind.UNDECODABLE, FaultKind.TRUNCATED, FaultKind.STREAM_DAMAGE))
"""Kinds that are known and not estimated: nothing that is said of a picture makes its lost data whole."""
PARDON_FACTOR: Final = 1.1
PARDON_MARGIN: Final = 0.02
"""A pardon reaches a tenth and 0.02 further than the severity that was called fine: the next picture of the same scene
is never measured quite the same."""
PARDONED: Final = 0.03
"""Severity that a pardoned fault keeps at most. Two of them, the second counted at 30 %, cost 4 points, and a score of
95 is never flagged, however strict the limits."""
BLAME_FACTOR: Final = 0.9
"""Part of the severity that was called bad from which on a fault is blamed, for the same reason."""
BLAMED: Final = 0.6
"""Least severity of a blamed fault: a score of 40, which medium sensitivity rejects, and beyond what a soft fault may
have by itself."""
TELLING: Final = 0.05
"""Severity under which a fault costs less than any limit asks for: it is not what somebody saw."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is taught of one fault: severities up to ``fine`` are pardoned, those from ``bad`` on are blamed (0..1)."""

    fine: float | None = None
    bad: float | None = None

    def severity(self, measured: float) -> float:
        """Return the severity (0..1) that a measured one (0..1) has after the lesson; it never falls as that rises.

        Above a pardon it climbs in a straight line, from what a pardoned fault has to 1 at 1. From a blame on it is at
        least on the line from 0.6 to 1 at 1.
        """
        judged = measured
        if self.fine is not None:
            judged = min(measured, PARDONED) if measured <= self.fine else _line(measured, self.fine, PARDONED)
        if self.bad is not None and measured >= self.bad:
            judged = max(measured, _line(measured, self.bad, BLAMED))
        return judged


@dataclass(frozen=True, slots=True)
class Lessons:
    """What is taught of each fault in each light mode; a value, made of all reviews anew and never changed."""

    of_faults: Mapping[tuple[Light, FaultKind], Lesson] = field(default_factory=dict)

    @classmethod
    def of(cls, reviews: Iterable[Reviewed]) -> Lessons:
        """Return what reviews teach, in any order; where two contradict each other, the newer one holds."""
        found: dict[tuple[Light, FaultKind], Lesson] = {}
        for reviewed in sorted(reviews, key=lambda one: one.at, reverse=True):
            if reviewed.light is None:
                continue
            for fault in _subjects(reviewed):
                key = (reviewed.light, fault.kind)
                lesson = _with_older(found.get(key, Lesson()), _measured(fault), good=reviewed.good)
                if lesson != Lesson():
                    found[key] = lesson
        return cls(found)

    def judged(self, light: Light, faults: Sequence[Fault]) -> list[Fault]:
        """Return the faults of a picture with the severities that the lessons give them, the worst first.

        One whose severity changes says so, and keeps the measured one.
        """
        changed = [self._judged(light, fault) for fault in faults]
        return sorted(changed, key=lambda fault: fault.severity, reverse=True)

    def _judged(self, light: Light, fault: Fault) -> Fault:
        """Return one fault as the lessons see it."""
        lesson = self.of_faults.get((light, fault.kind))
        if lesson is None or (severity := lesson.severity(fault.severity)) == fault.severity:
            return fault
        said = "fine" if severity < fault.severity else "bad"
        words = "; ".join(filter(None, (fault.words, f"a review calls this {said}")))
        return replace(fault, severity=severity, words=words, measured=fault.severity)

    def to_dict(self) -> dict[str, Any]:
        """Return the lessons as plain values, by light mode and kind."""
        return {
            light: {
                kind: {"fine": lesson.fine, "bad": lesson.bad}
                for (mode, kind), lesson in self.of_faults.items()
                if mode is light
            }
            for light in sorted({mode for mode, _ in self.of_faults})
        }


def teaches(reviewed: Reviewed) -> bool:
    """Return whether a review by itself teaches anything: one that calls a picture without faults bad does not."""
    return bool(Lessons.of([reviewed]).of_faults)


def _subjects(reviewed: Reviewed) -> list[Fault]:
    """Return the faults that a review is about: all of a good picture's, the worst of a bad one's."""
    faults = [fault for fault in reviewed.faults if _measured(fault) >= TELLING]
    if not reviewed.good and faults:
        faults = [max(faults, key=_measured)]
    return [fault for fault in faults if fault.kind not in CERTAIN]


def _with_older(lesson: Lesson, severity: float, *, good: bool) -> Lesson:
    """Return what newer reviews taught of a fault with what an older one adds and does not contradict."""
    if good:
        if lesson.bad is not None and severity >= lesson.bad:
            return lesson
        reach = min(severity * PARDON_FACTOR + PARDON_MARGIN, 1.0 if lesson.bad is None else lesson.bad)
        return replace(lesson, fine=max(reach, lesson.fine or 0.0))
    if lesson.fine is not None and severity <= lesson.fine:
        return lesson
    start = max(severity * BLAME_FACTOR, lesson.fine or 0.0)
    return replace(lesson, bad=min(start, 1.0 if lesson.bad is None else lesson.bad))


def _measured(fault: Fault) -> float:
    """Return the severity of a fault before any lesson."""
    return fault.severity if fault.measured is None else fault.measured


def _line(measured: float, start: float, low: float) -> float:
    """Return what lies over a measured severity on the line from ``low`` at ``start`` to 1 at 1."""
    return 1.0 if start >= 1 else low + (1 - low) * (measured - start) / (1 - start)
