"""The policy of what goes, and the purge that carries it out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import batched

from sqlalchemy import Connection

from .catalogue import Catalogue, queries
from .catalogue.frames import BATCH
from .catalogue.retention import Scope, Victim
from .crash import crash_point
from .errors import Code, StorageError
from .models import FrameKind
from .storage import Storage


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How old stills may become, how many they may be, and how many bytes they may take; None: no limit."""

    age: timedelta | None = None
    count: int | None = None
    byte_count: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Limits for a scope. What exceeds any of them goes, or only what exceeds all that are set (``all_of``)."""

    scope: Scope
    limits: Limits
    all_of: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """A number of stills, their bytes, and when the first and the last of them were captured."""

    count: int = 0
    byte_count: int = 0
    oldest: datetime | None = None
    newest: datetime | None = None

    @classmethod
    def of(cls, stills: Sequence[Victim]) -> Tally:
        """Return the tally of stills."""
        if not stills:
            return cls()
        moments = [still.captured_at for still in stills]
        return cls(len(stills), sum(still.byte_count for still in stills), min(moments), max(moments))

    def __add__(self, other: Tally) -> Tally:
        """Return the tally of both together."""
        moments = [moment for moment in (self.oldest, self.newest, other.oldest, other.newest) if moment is not None]
        return Tally(
            self.count + other.count,
            self.byte_count + other.byte_count,
            min(moments, default=None),
            max(moments, default=None),
        )


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge did or would do: stills removed by kind, stills only released by a timelapse, files still there."""

    frames: Tally = Tally()
    quarantine: Tally = Tally()
    released: int = 0
    pending: int = 0

    @classmethod
    def of(cls, gone: Sequence[Victim], released: int, pending: int = 0) -> Purged:
        """Return the sum of what is gone."""
        frames, rejected = (Tally.of([item for item in gone if item.kind is kind]) for kind in FrameKind)
        return cls(frames, rejected, released, pending)

    def __add__(self, other: Purged) -> Purged:
        """Return the sum of both."""
        return Purged(
            self.frames + other.frames,
            self.quarantine + other.quarantine,
            self.released + other.released,
            self.pending + other.pending,
        )

    @property
    def count(self) -> int:
        """Return how many stills are gone."""
        return self.frames.count + self.quarantine.count


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is to go, the oldest first.

    ``more``: the bound of the plan was met, there may be more. ``held``: an age limit was not applied, because the
    clock is not to be believed.
    """

    victims: tuple[Victim, ...]
    more: bool
    held: bool

    @property
    def expected(self) -> Purged:
        """Return what carrying out the plan does when nothing changes before."""
        gone = [victim for victim in self.victims if victim.gone]
        return Purged.of(gone, len(self.victims) - len(gone))

    def batches(self) -> Iterator[tuple[Victim, ...]]:
        """Yield the stills in portions for ``remove``."""
        return batched(self.victims, BATCH, strict=False)


def plan(conn: Connection, rules: Iterable[Rule], now: datetime, limit: int) -> Plan:
    """Return at most ``limit`` stills that rules want gone; the rules that come first take theirs first.

    Stills that are protected, or evidence of a fault, count for the limits and never go. A still that several
    timelapses have goes when none of them keeps it.
    """
    chosen: dict[int, Victim] = {}
    held = False
    for rule in rules:
        found, doubtful = _exceeding(conn, rule, now, limit - len(chosen))
        held |= doubtful
        for victim in found:
            chosen[victim.seq] = _both(chosen[victim.seq], victim) if victim.seq in chosen else victim
        if len(chosen) >= limit:
            break
    kept = queries.kept_elsewhere(conn, chosen.values())
    victims = [replace(victim, gone=victim.seq not in kept) for _, victim in sorted(chosen.items())]
    return Plan(victims=tuple(victims), more=len(victims) >= limit, held=held)


def begin(storage: Storage, catalogue: Catalogue) -> int:
    """Prepare for ``remove``: finish what an interrupted purge left; return how many files are still there.

    StorageError, with nothing changed, when the storage is not there. Blocks.
    """
    storage.check()
    return finish_unlinks(storage, catalogue)


def remove(storage: Storage, catalogue: Catalogue, victims: Sequence[Victim]) -> Purged:
    """Remove one portion of a plan.

    The rows go first and durably, then the files: a kill in between leaves a file that the next purge or start
    removes, never a row without its file. Blocks.
    """
    deleted = catalogue.submit(partial(queries.take_out, victims=victims)).result()
    crash_point("after_delete")
    seqs = {file.seq for file in deleted.files}
    left = _unlink(storage, catalogue, [file.path for file in deleted.files])
    gone = [victim for victim in victims if victim.seq in seqs]
    return Purged.of(gone, deleted.released - len(gone), left)


def finish_unlinks(storage: Storage, catalogue: Catalogue) -> int:
    """Unlink one batch of files whose rows an interrupted purge took out; return how many are still there."""
    paths = catalogue.read(queries.awaiting_unlink)
    return _unlink(storage, catalogue, paths) if paths else 0


def _exceeding(conn: Connection, rule: Rule, now: datetime, limit: int) -> tuple[list[Victim], bool]:
    """Return at most ``limit`` stills that a rule wants gone, and whether an age limit had to be passed over."""
    limits, scope = rule.limits, rule.scope
    before = None if limits.age is None else now - limits.age
    up_to = None
    if rule.all_of and limits.count is not None:
        up_to = queries.beyond_newest(conn, scope, limits.count)
        if up_to is None:
            return [], False
    found: list[Victim] = []
    if before is not None or up_to is not None:
        found = queries.oldest(conn, scope, limit, before=before, up_to=up_to)
    held = bool(found) and limits.age is not None and not queries.time_passed(conn, scope.camera_id, now, limits.age)
    if held:
        found, before = [], None
    if not rule.all_of and len(found) < limit:
        found += _too_many(conn, rule, limit - len(found), found, before)
    return found, held


def _too_many(
    conn: Connection, rule: Rule, limit: int, too_old: Sequence[Victim], since: datetime | None
) -> list[Victim]:
    """Return the oldest stills beyond the count and the bytes of a rule; those that are too old go anyway."""
    allowed, room = rule.limits.count, rule.limits.byte_count
    most, most_bytes = queries.bounds(conn, rule.scope)
    if (allowed is None or (most is not None and most <= allowed)) and (room is None or most_bytes <= room):
        return []
    count, size = queries.totals(conn, rule.scope)
    excess = 0 if allowed is None else count - len(too_old) - allowed
    excess_bytes = 0 if room is None else size - sum(victim.byte_count for victim in too_old) - room
    found: list[Victim] = []
    candidates = queries.oldest(conn, rule.scope, limit, since=since) if max(excess, excess_bytes) > 0 else []
    for victim in candidates:
        if max(excess, excess_bytes) <= 0:
            break
        found.append(victim)
        excess -= 1
        excess_bytes -= victim.byte_count
    return found


def _both(one: Victim, other: Victim) -> Victim:
    """Return a still that two rules chose: taken out of the runs of both, or altogether."""
    if one.run_seqs is None or other.run_seqs is None:
        return replace(one, run_seqs=None)
    return replace(one, run_seqs=(*one.run_seqs, *other.run_seqs))


def _unlink(storage: Storage, catalogue: Catalogue, paths: list[str]) -> int:
    done = []
    for path in paths:
        try:
            storage.unlink(path)
        except StorageError as err:
            if err.code is not Code.STORAGE_ODD_FILE:
                continue
        done.append(path)
        crash_point("in_unlink")
    catalogue.submit(lambda conn: queries.unlinked(conn, done)).result()
    return len(paths) - len(done)
