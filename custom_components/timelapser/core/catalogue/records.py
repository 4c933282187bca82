"""What goes into the catalogue and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ..degradation import Degradation, main_cause
from ..errors import Code
from ..health import Transition
from ..hours import Hour
from ..models import (
    Fault,
    FaultKind,
    FetchStrategy,
    FrameKind,
    Freshness,
    IncidentEnd,
    IncidentKind,
    Light,
    Outcome,
    Phase,
    Review,
    RunState,
    Verdict,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameRecord:
    """A stored still to be entered; its kind, instant, id and type are those of its path.

    ``path`` is what ``Storage.write`` returned; ``byte_count`` is the size of the file; width and height are pixels.
    """

    path: str
    byte_count: int
    width: int | None
    height: int | None
    score: float | None
    verdict: Verdict
    freshness: Freshness
    light: Light | None
    faults: tuple[Fault, ...] = ()
    fetched_sha256: bytes
    file_sha256: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptRecord:
    """One attempt with all that is to be written with it, in one transaction.

    ``run_ids`` are the runs whose slot it was, also when nothing was kept. ``phases`` are milliseconds by phase.
    ``health``, ``baseline``, ``normal`` and ``strategy_note`` replace what the camera has; None leaves it. A ``probe``
    was asked for by no slot: it counts for health alone. ``evidence`` is the redacted head of what was no picture.
    ``cause`` is the worst fault of its picture. ``transition`` is the change of health that it brought, and
    ``degradation`` is known of one that degraded the camera. ``missed`` are slots that passed unfilled before it, with
    the instant up to which they are all. ``hold``: if it degrades the camera, what that records is paused.
    ``hours`` are those that its picture closes.
    """

    id: str
    camera_id: str
    slot_at: datetime
    started_at: datetime
    duration_ms: int
    outcome: Outcome
    code: Code | None = None
    phase: Phase | None = None
    strategy: FetchStrategy | None = None
    tries: int = 1
    score: float | None = None
    phases: Mapping[str, float] = field(default_factory=dict)
    run_ids: tuple[str, ...] = ()
    frame: FrameRecord | None = None
    health: str | None = None
    baseline: bytes | None = None
    normal: bytes | None = None
    strategy_note: str | None = None
    probe: bool = False
    evidence: str | None = None
    degradation: Degradation | None = None
    cause: FaultKind | None = None
    transition: Transition | None = None
    missed: tuple[int, datetime] | None = None
    hold: bool = False
    hours: tuple[Hour, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitResult:
    """The counts of a camera after a commit, its bytes on disk, and the image counts of the runs by id.

    ``held`` are runs that it paused because the camera is degraded, or that go on because it is no more. ``missed``,
    ``resolved``, ``evidence``, ``reference`` and ``acceptance`` are the camera's, as in ``CameraRow``.
    """

    captured: int
    rejected: int
    failed: int
    missed: int
    resolved: int
    byte_count: int
    image_counts: Mapping[str, int]
    evidence: str | None = None
    reference: str | None = None
    acceptance: str | None = None
    held: tuple[RunRow, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraRow:
    """A camera as the catalogue knows it; ``byte_count`` is what its stills take on disk.

    ``resolved`` are incidents that passed by themselves. ``evidence`` is JSON: what is shown of the camera while it is
    degraded. ``reference`` is the id of the still that shows what it normally looks like. ``forecast``
    is JSON: the one that stands; ``acceptance`` as well: what came of the last day's captures.
    """

    id: str
    source_key: str
    name: str
    folder: str
    created_at: datetime
    removed_at: datetime | None
    captured: int
    rejected: int
    failed: int
    missed: int
    resolved: int
    byte_count: int
    health: str | None
    baseline: bytes | None
    normal: bytes | None
    last_slot_at: datetime | None
    strategy_note: str | None
    evidence: str | None
    reference: str | None
    forecast: str | None
    acceptance: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRow:
    """A run; ``ended_at`` is set once it is completed."""

    id: str
    timelapse_id: str
    camera_id: str
    timelapse_name: str
    name: str | None
    state: RunState
    started_at: datetime
    ended_at: datetime | None
    image_count: int
    starred: bool

    @property
    def under_way(self) -> bool:
        """Return whether it is not completed."""
        return self.state is not RunState.COMPLETED


@dataclass(frozen=True, slots=True)
class CameraRuns:
    """One page of a camera's runs; ``cursor`` asks for the next one, None when there is none.

    A camera that is in the archive has ``removed_at``.
    """

    camera_id: str
    name: str
    source_key: str
    removed_at: datetime | None
    runs: tuple[RunRow, ...]
    cursor: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelapseRow:
    """A timelapse with the run that is under way, or the last one; None when it never had one.

    ``held``: it is paused because its camera is degraded.
    """

    id: str
    camera_id: str
    name: str
    paused: bool
    created_at: datetime
    removed_at: datetime | None
    last_slot_at: datetime | None
    held: bool
    run: RunRow | None


@dataclass(frozen=True, kw_only=True, slots=True)
class IncidentRow:
    """A time in which a camera was degraded or offline; ``ended_at`` and ``end`` are None while it is.

    ``id`` is the correlation id of the alarm. ``causes`` says how many bad attempts had which worst fault, or error
    code; ``bad`` is the sum. ``lost`` are those of them that were to fill a slot, ``missed`` the slots that were not
    even tried.
    """

    id: str
    kind: IncidentKind
    first_bad_at: datetime
    started_at: datetime
    ended_at: datetime | None
    end: IncidentEnd | None
    causes: Mapping[str, int]
    bad: int
    lost: int
    missed: int

    @property
    def cause(self) -> str | None:
        """Return the most frequent cause."""
        return main_cause(self.causes)


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptRow:
    """A past attempt; ``has_frame`` says that a still of the same id is (still) kept."""

    id: str
    slot_at: datetime
    started_at: datetime
    duration_ms: int
    outcome: Outcome
    code: Code | None
    phase: Phase | None
    strategy: FetchStrategy | None
    tries: int
    score: float | None
    phases: Mapping[str, float]
    has_frame: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class StillRow:
    """A still with all that is known of it; ``path`` is below the storage folder, ``size`` in pixels."""

    seq: int
    id: str
    camera_id: str
    source_key: str
    path: str
    kind: FrameKind
    captured_at: datetime
    slot_at: datetime
    byte_count: int
    size: tuple[int, int] | None
    score: float | None
    verdict: Verdict
    light: Light | None
    faults: tuple[Fault, ...]
    protected: bool
    review: Review | None
    run_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A frame as retention sees it: its row, its relative path and its size in bytes."""

    seq: int
    path: str
    byte_count: int


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a deletion took out: the files that are now to be unlinked, and the image counts that changed.

    ``released`` is the number of stills that it dealt with: those of the files, and those that another run keeps.
    """

    files: tuple[StoredFile, ...]
    image_counts: Mapping[str, int]
    released: int
