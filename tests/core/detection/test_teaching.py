"""What reviews teach: which severities they pardon and blame, and what becomes of contradictions."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
import random

import pytest
from timelapser_core.detection.baseline import Baseline
from timelapser_core.detection.teaching import CERTAIN, PARDONED, TELLING, Lessons, teaches
from timelapser_core.detection.verdict import HIGHEST_LIMIT, Limits, score_of, verdict_of
from timelapser_core.models import Fault, FaultKind, Light, Reviewed, Sensitivity, Verdict

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
MEDIUM = Limits.of(Sensitivity.MEDIUM, None)
STEPS = [number / 200 for number in range(201)]


def said(
    good: bool, *severities: float, minute: int = 0, light: Light | None = Light.NIGHT, **kinds: float
) -> Reviewed:
    """Return a review of a still with blur of a severity, or with other faults."""
    faults = [Fault(FaultKind.BLUR, severity) for severity in severities]
    faults += [Fault(FaultKind(kind), severity) for kind, severity in kinds.items()]
    return Reviewed(light=light, faults=tuple(faults), good=good, at=NOW + timedelta(minutes=minute))


def judged(lessons: Lessons, severity: float, kind: FaultKind = FaultKind.BLUR, light: Light = Light.NIGHT) -> float:
    """Return the severity that a fault has after the lessons."""
    (fault,) = lessons.judged(light, [Fault(kind, severity)])
    return fault.severity


def decided(lessons: Lessons, *faults: Fault) -> Verdict:
    """Return the verdict at medium sensitivity."""
    named = lessons.judged(Light.NIGHT, faults)
    return verdict_of(score_of(named), named, MEDIUM)


def test_nothing_said_changes_nothing() -> None:
    faults = [Fault(FaultKind.BLACK, 0.9), Fault(FaultKind.BLUR, 0.2)]
    assert Lessons.of([]).judged(Light.DAY, faults) == faults
    assert Lessons.of([]) == Lessons()


@pytest.mark.parametrize("severity", [0.06, 0.3, 0.7, 0.9, 1.0])
def test_what_is_called_fine_is_good_and_a_little_more_too(severity: float) -> None:
    lessons = Lessons.of([said(True, black=severity)])
    for measured in (severity / 2, severity, min(1.0, severity * 1.1)):
        assert decided(lessons, Fault(FaultKind.BLACK, measured)) is Verdict.GOOD
    assert judged(lessons, 1.0, FaultKind.BLACK) == (1.0 if severity < 0.89 else PARDONED)


def test_pardoned_faults_are_good_at_any_sensitivity() -> None:
    lessons = Lessons.of([said(True, 0.4, black=0.9)])
    named = lessons.judged(Light.NIGHT, [Fault(FaultKind.BLACK, 0.9), Fault(FaultKind.BLUR, 0.4)])
    assert score_of(named) >= HIGHEST_LIMIT


@pytest.mark.parametrize("severity", [0.06, 0.3, 0.45, 0.9])
def test_what_is_called_bad_is_rejected_and_a_little_less_too(severity: float) -> None:
    lessons = Lessons.of([said(False, severity)])
    for measured in (severity * 0.91, severity, (severity + 1) / 2):
        assert decided(lessons, Fault(FaultKind.BLUR, measured)) is Verdict.BAD
    assert judged(lessons, severity * 0.85) == severity * 0.85


def test_a_bad_picture_blames_its_worst_fault_alone() -> None:
    lessons = Lessons.of([said(False, 0.2, noise=0.4)])
    assert judged(lessons, 0.4, FaultKind.NOISE) >= 0.6
    assert judged(lessons, 0.2) == 0.2


def test_the_lowest_severity_that_is_called_bad_counts() -> None:
    lessons = Lessons.of([said(False, 0.4), said(False, 0.2, minute=1), said(False, 0.3, minute=2)])
    assert judged(lessons, 0.19) >= 0.6


def test_a_lesson_is_of_one_fault_in_one_light() -> None:
    lessons = Lessons.of([said(True, black=0.9)])
    assert judged(lessons, 0.9, FaultKind.BLACK) == PARDONED
    assert judged(lessons, 0.9, FaultKind.BLACK, Light.DAY) == 0.9
    assert judged(lessons, 0.9, FaultKind.WHITE) == 0.9


@pytest.mark.parametrize("kind", sorted(CERTAIN))
@pytest.mark.parametrize("good", [True, False])
def test_lost_data_are_never_pardoned(kind: FaultKind, good: bool) -> None:
    review = said(good, 0.2, **{kind: 0.9})
    assert judged(Lessons.of([review]), 0.9, kind) == 0.9
    assert judged(Lessons.of([review]), 0.2) == (PARDONED if good else 0.2)


@pytest.mark.parametrize(
    ("review", "taught"),
    [
        (said(True, 0.3), True),
        (said(False, 0.3), True),
        (said(True), False),
        (said(False), False),
        (said(False, TELLING / 2), False),
        (said(True, 0.3, light=None), False),
        (said(True, truncated=0.9), False),
        (said(False, 0.3, truncated=0.9), False),
    ],
)
def test_whether_a_review_teaches(review: Reviewed, taught: bool) -> None:
    assert teaches(review) is taught
    assert (Lessons.of([review]) != Lessons()) is taught


@pytest.mark.parametrize("newer_is_good", [True, False])
def test_the_newer_of_two_contradictory_reviews_holds(newer_is_good: bool) -> None:
    reviews = [said(not newer_is_good, 0.4), said(newer_is_good, 0.4, minute=1)]
    for order in (reviews, reviews[::-1]):
        lessons = Lessons.of(order)
        assert lessons == Lessons.of(reviews[1:])
        verdict = decided(lessons, Fault(FaultKind.BLUR, 0.4))
        assert verdict is (Verdict.GOOD if newer_is_good else Verdict.BAD)


@pytest.mark.parametrize("newer_is_good", [True, False])
def test_reviews_of_different_severities_both_hold(newer_is_good: bool) -> None:
    fine, bad = said(True, 0.2, minute=int(newer_is_good)), said(False, 0.5, minute=int(not newer_is_good))
    lessons = Lessons.of([fine, bad])
    assert judged(lessons, 0.2) == PARDONED
    assert judged(lessons, 0.5) >= 0.6


def test_taking_a_review_back_takes_its_lesson_back() -> None:
    reviews = [said(True, 0.2), said(False, 0.4, minute=1), said(True, 0.4, minute=2)]
    assert judged(Lessons.of(reviews), 0.4) == PARDONED
    assert judged(Lessons.of(reviews[:2]), 0.4) >= 0.6
    assert judged(Lessons.of(reviews[:1]), 0.4) < 0.4


def test_any_lessons_are_monotone_and_stay_in_range() -> None:
    rng = random.Random(7)
    for _ in range(200):
        reviews = [said(rng.random() < 0.5, rng.random(), minute=number) for number in range(rng.randrange(1, 8))]
        found = [judged(Lessons.of(reviews), severity) for severity in STEPS]
        assert all(0 <= value <= 1 for value in found)
        assert all(low <= high for low, high in pairwise(found)), reviews
        newest = reviews[-1]
        verdict = decided(Lessons.of(reviews), newest.faults[0])
        if newest.faults[0].severity >= TELLING:
            assert verdict is (Verdict.GOOD if newest.good else Verdict.BAD), reviews


def test_a_changed_severity_says_so_and_keeps_what_was_measured() -> None:
    lessons = Lessons.of([said(True, 0.4), said(False, noise=0.3)])
    faults = [Fault(FaultKind.BLUR, 0.4, words="soft"), Fault(FaultKind.NOISE, 0.3), Fault(FaultKind.PINK, 0.2)]
    noise, pink, blur = lessons.judged(Light.NIGHT, faults)
    assert (blur.words, blur.measured) == ("soft; a review calls this fine", 0.4)
    assert (noise.words, noise.measured) == ("a review calls this bad", 0.3)
    assert pink == faults[2]


def test_a_still_that_was_judged_by_a_lesson_teaches_what_was_measured() -> None:
    lessons = Lessons.of([said(False, 0.3)])
    (blamed,) = lessons.judged(Light.NIGHT, [Fault(FaultKind.BLUR, 0.3)])
    again = Reviewed(light=Light.NIGHT, faults=(blamed,), good=True, at=NOW)
    assert Lessons.of([again]) == Lessons.of([said(True, 0.3)])


def test_a_baseline_keeps_its_lessons_while_it_learns_and_forgets() -> None:
    lessons = Lessons.of([said(True, 0.4)])
    learned = Baseline(lessons=lessons).learned(Light.DAY, None).learned(Light.NIGHT, None)
    assert learned.lessons == lessons
    assert learned.forgetting().lessons == lessons
    assert (learned.forgetting().accepted, learned.forgetting(Light.DAY).accepted) == ({}, {Light.NIGHT: 1})
    assert Baseline.from_bytes(learned.to_bytes()).lessons == Lessons()
