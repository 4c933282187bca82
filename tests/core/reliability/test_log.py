"""A write-ahead log that grew without bounds, as while somebody reads for days, is brought in at the next start."""

from functools import partial

import pytest
from timelapser_core.catalogue import Catalogue, queries
from timelapser_core.catalogue.sqlite import WAL_LIMIT
from timelapser_core.models import Outcome

from ..archive import CAMERA, attempt
from .test_kill import run

SIZE = 20_000_000
LONG = 2**31


@pytest.mark.timeout(600)
def test_a_log_of_any_size(tmp_path, request):
    size = LONG if request.config.getoption("--long") else SIZE
    path = tmp_path / "catalogue.db"
    log = path.with_name("catalogue.db-wal")
    ended = run("bloater", path, size)
    written = int(ended.stdout)
    assert log.stat().st_size >= size > WAL_LIMIT

    catalogue = Catalogue(path)
    report = catalogue.open()
    assert (report.unclean, report.rebuilt, report.created) == (True, False, False)
    try:
        catalogue.submit(partial(queries.commit_attempt, attempt=attempt(written, outcome=Outcome.FAILED))).result()
        assert catalogue.read(partial(queries.camera_state, camera_id=CAMERA)).failed == written + 1
        assert log.stat().st_size <= WAL_LIMIT
    finally:
        catalogue.close()
    assert not log.exists()
