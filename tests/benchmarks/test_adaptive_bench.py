"""The benchmark of the adaptive interval: what it counts as lost, and that the rules differ in it."""

from collections import Counter
from dataclasses import replace
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

from benchmarks.corpus.sources import Place, Rgb, Scene, Split
from benchmarks.health import adaptive
from benchmarks.health.adaptive import BOUNDS, Film, Lost, Period, Result, judged, measure, show, to_json, watched
from tests.core import pictures

YARD = Scene("yard", "drawn", Split.TUNE, Place.OUTDOOR)


@pytest.fixture
def film(monkeypatch: pytest.MonkeyPatch) -> Film:
    """Return two days of a drawn yard."""
    drawn = np.asarray(pictures.scene("day", 640, 360), np.uint8)

    def view(_folder: Path, _scene: Scene) -> Rgb:
        return drawn

    monkeypatch.setattr(adaptive, "load", view)
    return Film(YARD)


def test_what_is_lost(film: Film) -> None:
    film.periods = [Period("night visits", tuple(range(10, 20))), Period("night visits", tuple(range(30, 34)))]
    captured = {*range(13, 16), *range(18, 20)}
    result = judged(film, "some", captured)
    assert result.lost == {"night visits": Lost(slots=14, at_onset=3 + 4, later=2, longest=4)}
    assert judged(film, "all", set(range(100))).lost == {"night visits": Lost(slots=14)}
    result.add(Result("some", 100, 50, 70, {"night visits": Lost(2, 1, 1, 9), "lamp": Lost(1)}))
    assert result.lost == {"night visits": Lost(16, 8, 3, 9), "lamp": Lost(1)}
    assert (result.slots, result.captured, result.fetched) == (adaptive.SLOTS + 100, 55, 75)


def test_a_slot_in_which_nobody_is_seen_is_no_loss(film: Film) -> None:
    drawn = adaptive.periods_of(film.world)
    visits = [(each, kept) for each, kept in zip(drawn, film.periods, strict=True) if each.kind in adaptive.VISITS]
    assert all(set(each.slots) >= set(kept.slots) for each, kept in visits)
    assert any(each.slots == kept.slots for each, kept in visits)
    shown = film.picture(visits[0][1].slots[0])
    assert shown.startswith(b"\xff\xd8")


def test_looks_in_between_find_what_is_lost_without(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptive, "SLOTS", 30)
    visit = range(21, 24)
    empty = pictures.scene("day", 640, 360)
    busy = empty.copy()
    busy[150:250, 260:310] = 10

    def shown(slot: int) -> bytes:
        return pictures.jpeg(pictures.noisy(busy if slot in visit else empty, 1.5, slot))

    monkeypatch.setattr(film, "picture", shown)
    looking = watched(film, BOUNDS)
    assert set(visit) <= looking.captured.keys()
    assert looking.fetched == 30 > len(looking.captured)
    blind = watched(film, replace(BOUNDS, glance=False))
    assert not set(visit) & blind.captured.keys()
    assert blind.fetched == len(blind.captured) < len(looking.captured)


def test_without_scenes_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(adaptive, "FILES", tmp_path)
    assert measure(Split.TUNE, 3) == []
    show([Result("fixed", 10, 5, 9, {"lamp": Lost(2, 1, 0, 1)})])
    assert "50.0 % saved, 9 pictures fetched" in capsys.readouterr().out
    [told] = json.loads(json.dumps(to_json([Result("adaptive", 10, 5, 9, reasons=Counter(dark=3))])))
    assert (told["saved"], told["captured"], told["fetched"], told["reasons"]) == (0.5, 5, 9, {"dark": 3})
