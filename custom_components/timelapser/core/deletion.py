"""The end of a run that a user deletes."""

from .catalogue import Catalogue, Deleted, queries
from .retention import finish_unlinks
from .storage import Storage


def delete_some(storage: Storage, catalogue: Catalogue, run_id: str) -> Deleted:
    """Take one batch of stills out of a run, with the files of those that nothing else keeps.

    To be repeated until ``released`` is 0; then the run can be dropped. The rows go first and durably, then the
    files: a kill leaves a smaller run, and files that the next start removes. Blocks. StorageError, with nothing
    changed, when the storage is not there.
    """
    storage.check()
    deleted = catalogue.submit(lambda conn: queries.empty_run(conn, run_id)).result()
    finish_unlinks(storage, catalogue)
    return deleted
