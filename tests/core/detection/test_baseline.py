"""The memory of a camera as bytes."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st
import numpy as np
import pytest
from timelapser_core.detection import Baseline, Detector
from timelapser_core.detection.baseline import KNOWN, MAX_SERIALISED, REMEMBERED, Change
from timelapser_core.detection.prints import GRID, Print
from timelapser_core.models import Light

from tests.core import pictures

WHEN = datetime(2026, 6, 1, 12, tzinfo=UTC)

changes = st.builds(Change, share=st.floats(0, 1), noise=st.floats(0, 99))


def same(one: Baseline, other: Baseline) -> bool:
    """Return whether two baselines are equal; an array does not say so itself."""
    fields = (
        *("sha256", "first_seen", "repeats", "accepted", "changes"),
        *("run", "run_since", "evidence", "contradictions"),
    )
    return all(getattr(one, name) == getattr(other, name) for name in fields) and same_print(one.first, other.first)


def same_print(one: Print | None, other: Print | None) -> bool:
    if one is None or other is None:
        return one is other
    arrays = ((one.sample, other.sample), (one.blocks, other.blocks), (one.steps, other.steps))
    return one.size == other.size and all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in arrays)


def learned() -> Baseline:
    found = Baseline.empty()
    for number in range(3):
        data = pictures.jpeg(pictures.noisy(pictures.scene("day", 640, 360), 1, number))
        found = Detector().evaluate(data, when=WHEN + timedelta(minutes=number), baseline=found).baseline
    return found


def test_empty_baseline_survives() -> None:
    assert same(Baseline.from_bytes(Baseline.empty().to_bytes()), Baseline.empty())


@given(
    sha256=st.binary(min_size=32, max_size=32),
    seconds=st.integers(0, 10**9),
    repeats=st.integers(1, 10**6),
    run=st.integers(0, 10**6),
    evidence=st.floats(0, 1e6),
    size=st.tuples(st.integers(64, 65535), st.integers(64, 65535)),
    grid=st.tuples(st.integers(1, GRID[1]), st.integers(1, GRID[0])),
    quantised=st.booleans(),
    accepted=st.dictionaries(st.sampled_from(Light), st.integers(1, 10**6)),
    known=st.dictionaries(st.sampled_from(Light), st.lists(changes, min_size=1, max_size=REMEMBERED).map(tuple)),
    seed=st.integers(0, 99),
)
def test_any_baseline_survives(
    sha256, seconds, repeats, run, evidence, size, grid, quantised, accepted, known, seed
) -> None:
    rng = np.random.default_rng(seed)
    first = Print(
        size=size,
        sample=rng.integers(0, 256, (90, 160), dtype=np.uint8),
        blocks=rng.integers(0, 256, (*grid, 8, 8), dtype=np.uint8),
        steps=rng.integers(1, 65536, (8, 8), dtype=np.uint16) if quantised else None,
    )
    baseline = Baseline(
        sha256=sha256,
        first_seen=WHEN + timedelta(seconds=seconds),
        repeats=repeats,
        first=first,
        run=run,
        run_since=WHEN - timedelta(seconds=seconds),
        evidence=evidence,
        contradictions=run,
        accepted=accepted,
        changes=known,
    )
    data = baseline.to_bytes()
    assert len(data) < MAX_SERIALISED
    assert same(Baseline.from_bytes(data), baseline)


def test_learned_baseline_is_small_and_goes_on_where_it_was() -> None:
    before = learned()
    data = before.to_bytes()
    assert before.first is not None
    assert len(before.first.to_bytes()) < 40 * 1024
    still = pictures.jpeg(pictures.noisy(pictures.scene("day", 640, 360), 1, 9))
    later = WHEN + timedelta(hours=1)
    direct = Detector().evaluate(still, when=later, baseline=before)
    restored = Detector().evaluate(still, when=later, baseline=Baseline.from_bytes(data))
    assert direct.features == restored.features
    assert same(direct.baseline, restored.baseline)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\xff" * 40,
        b"\x01",
        b"\x01" + bytes(60),
        learned().to_bytes()[:-700],
        b"\x01" + learned().to_bytes()[1:],
    ],
)
def test_foreign_and_damaged_bytes_give_an_empty_baseline(data: bytes) -> None:
    assert same(Baseline.from_bytes(data), Baseline.empty())


def test_what_is_usual_is_known_after_some_changes_and_forgets() -> None:
    baseline = Baseline.empty()
    for number in range(KNOWN):
        assert baseline.usual_change(Light.DAY) is None
        baseline = baseline.learned(Light.DAY, Change(1.0, float(number)))
    assert baseline.usual_change(Light.DAY) == Change(1.0, 2.0)
    assert baseline.usual_change(Light.NIGHT) is None
    for _ in range(REMEMBERED):
        baseline = baseline.learned(Light.DAY, Change(0.5, 0.1))
    assert baseline.usual_change(Light.DAY) == Change(0.5, 0.1)
    assert baseline.accepted == {Light.DAY: KNOWN + REMEMBERED}
