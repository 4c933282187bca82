"""Runs in the catalogue."""

from datetime import timedelta

import pytest
from timelapser_core.catalogue import queries
from timelapser_core.errors import CatalogueError, Code
from timelapser_core.models import RunState
from timelapser_core.ulid import new_ulid

from .archive import CAMERA, NOW, TIMELAPSE, attempt, open_catalogue

LATER = NOW + timedelta(hours=1)
PATH = "garage-0000ab12/frames/2026/11/21/20261121T080000000Z-01KAJ7ZA0B5D9F3H7K2M6P1R4T.jpg"


@pytest.fixture
def opened(tmp_path):
    catalogue, run = open_catalogue(tmp_path)
    yield catalogue, run
    catalogue.close()


def do(catalogue, command, *arguments):
    return catalogue.submit(lambda conn: command(conn, *arguments)).result()


def test_the_life_of_a_run(opened):
    catalogue, first = opened
    assert do(catalogue, queries.ensure_run, TIMELAPSE, LATER) == first
    assert do(catalogue, queries.set_paused, TIMELAPSE, True, LATER).state is RunState.PAUSED
    ended, second = do(catalogue, queries.start_run, TIMELAPSE, "Spring", LATER)
    assert (ended.id, ended.state, ended.ended_at, ended.under_way) == (first.id, RunState.COMPLETED, LATER, False)
    assert (second.state, second.name, second.started_at) == (RunState.RUNNING, "Spring", LATER)
    assert do(catalogue, queries.complete_run, TIMELAPSE, LATER).id == second.id
    assert do(catalogue, queries.complete_run, TIMELAPSE, LATER) is None
    (row,) = catalogue.read(lambda conn: queries.timelapse_states(conn, CAMERA))
    assert (row.run.id, row.paused, row.last_slot_at) == (second.id, False, LATER)
    assert catalogue.read(lambda conn: queries.current_run(conn, TIMELAPSE)) is None


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (queries.ensure_run, ("nowhere", NOW)),
        (queries.start_run, ("nowhere", None, NOW)),
        (queries.complete_run, ("nowhere", NOW)),
        (queries.set_paused, ("nowhere", True, NOW)),
        (queries.find_run, (new_ulid(NOW),)),
        (queries.find_run, ("no ulid",)),
        (queries.rename_run, (new_ulid(NOW), "Spring")),
        (queries.star_run, (new_ulid(NOW), True)),
        (queries.drop_run, (new_ulid(NOW),)),
    ],
)
def test_what_is_unknown_has_its_code(opened, command, arguments):
    with pytest.raises(CatalogueError) as raised:
        do(opened[0], command, *arguments)
    assert raised.value.code is Code.NOT_FOUND


def test_only_an_empty_and_completed_run_is_dropped(opened):
    catalogue, run = opened
    do(catalogue, queries.commit_attempt, attempt(path=PATH, run_ids=[run.id]))

    def drop():
        return do(catalogue, queries.drop_run, run.id)

    with pytest.raises(CatalogueError):
        drop()
    do(catalogue, queries.complete_run, TIMELAPSE, NOW)
    with pytest.raises(CatalogueError):
        drop()
    assert do(catalogue, queries.empty_run, run.id).released == 1
    assert do(catalogue, queries.empty_run, run.id).released == 0
    drop()
    (row,) = catalogue.read(lambda conn: queries.timelapse_states(conn, CAMERA))
    assert row.run is None
