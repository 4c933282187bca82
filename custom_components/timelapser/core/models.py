"""The vocabulary of Timelapser: what every other module speaks of."""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum


class Verdict(StrEnum):
    """What is decided about one picture."""

    GOOD = "good"
    SUSPECT = "suspect"
    BAD = "bad"
    UNREADABLE = "unreadable"

    @property
    def kept(self) -> bool:
        """Return whether a frame with this verdict counts as an image of its runs."""
        return self in (Verdict.GOOD, Verdict.SUSPECT)

    @property
    def kind(self) -> FrameKind:
        """Return what becomes of a still with this verdict."""
        return FrameKind.FRAME if self.kept else FrameKind.QUARANTINE


class Review(StrEnum):
    """What a person said of a still, against or with its verdict."""

    GOOD = "good"
    BAD = "bad"


class FrameKind(StrEnum):
    """Whether a stored still counts as an image of its runs or was set aside."""

    FRAME = "frame"
    QUARANTINE = "quarantine"


class Freshness(StrEnum):
    """Whether a picture is known to show the present."""

    PROVEN = "proven"
    UNPROVEN = "unproven"
    STALE = "stale"


class FaultKind(StrEnum):
    """What is wrong with a picture."""

    UNDECODABLE = "undecodable"
    TRUNCATED = "truncated"
    NO_END_MARKER = "no_end_marker"
    TOO_SMALL = "too_small"
    BLACK = "black"
    WHITE = "white"
    UNIFORM = "uniform"
    GREY = "grey"
    GREEN = "green"
    PINK = "pink"
    FROZEN = "frozen"
    STALE = "stale"
    BLUR = "blur"
    NOISE = "noise"
    STREAM_DAMAGE = "stream_damage"
    BLOCK_LOSS = "block_loss"
    BANDS = "bands"
    TEARING = "tearing"
    SHEAR = "shear"
    CHROMA_SHIFT = "chroma_shift"
    COVERED = "covered"
    DIRT = "dirt"
    FILM = "film"
    MOVED = "moved"
    CAST = "cast"
    DARK = "dark"
    BRIGHT = "bright"


class Light(StrEnum):
    """The light mode that a picture was taken in."""

    DAY = "day"
    TWILIGHT = "twilight"
    NIGHT = "night"


class Sensitivity(StrEnum):
    """How strictly pictures are judged."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class FetchStrategy(StrEnum):
    """How a still is obtained from a camera."""

    AUTO = "auto"
    STREAM = "stream"
    SNAPSHOT = "snapshot"


class Outcome(StrEnum):
    """How an attempt ended."""

    CAPTURED = "captured"
    REJECTED = "rejected"
    FAILED = "failed"


class Phase(StrEnum):
    """The part of an attempt or of the life cycle in which something happened."""

    FETCH = "fetch"
    VALIDATE = "validate"
    SCORE = "score"
    STORE = "store"
    COMMIT = "commit"
    RETAIN = "retain"
    STARTUP = "startup"


class Health(StrEnum):
    """The health of a camera as users see it."""

    UNKNOWN = "unknown"
    ONLINE = "online"
    DEGRADED = "degraded"
    OFFLINE = "offline"


class IncidentKind(StrEnum):
    """What was wrong with a camera for a while."""

    DEGRADED = "degraded"
    OFFLINE = "offline"


class IncidentEnd(StrEnum):
    """What ended an incident."""

    RECOVERED = "recovered"
    RESET = "reset"
    RELEARNED = "relearned"
    REPLACED = "replaced"
    """Another camera was chosen."""
    REMOVED = "removed"


class RunState(StrEnum):
    """The state of one recording of a timelapse."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"


class Reason(StrEnum):
    """Why a timelapse does or does not capture at its next slot."""

    READY = "ready"
    PAUSED = "paused"
    COMPLETED = "completed"
    OUTSIDE_WINDOW = "outside_window"
    NO_SUN_EVENT = "no_sun_event"
    CAMERA_REMOVED = "camera_removed"
    CAMERA_OFF = "camera_off"
    BACKOFF = "backoff"
    STORAGE_FULL = "storage_full"
    STORAGE_UNAVAILABLE = "storage_unavailable"


class PaceReason(StrEnum):
    """Why a timelapse captures as often as it does."""

    FIXED = "fixed"
    NORMAL = "normal"
    LOW_SUN = "low_sun"
    CHANGING = "changing"
    UNCHANGED = "unchanged"
    DARK = "dark"
    DEGRADED = "degraded"


class WindowKind(StrEnum):
    """What bounds the daily active window of a timelapse."""

    ALWAYS = "always"
    TIME = "time"
    SUN = "sun"


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """When a timelapse is active in a local day.

    ``start`` and ``end`` are local wall-clock times (``TIME``; an end before the start runs overnight).
    The offsets shift sunrise and sunset (``SUN``); negative is earlier.
    """

    kind: WindowKind = WindowKind.ALWAYS
    start: time | None = None
    end: time | None = None
    sunrise_offset: timedelta = timedelta()
    sunset_offset: timedelta = timedelta()


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """The recipe of a timelapse's slots."""

    interval: timedelta
    window: Window = field(default_factory=Window)


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityPolicy:
    """How strictly a camera's frames are judged and when the camera counts as degraded.

    These are the only defaults of these numbers; forms and the detector take them from here.
    """

    sensitivity: Sensitivity = Sensitivity.MEDIUM
    """How strictly in a word: it moves the limits of the score."""
    reject_below: float = 50.0
    """Score (0..100) under which a frame is rejected at medium sensitivity."""
    heavy_checks: bool = True
    """Run the costly checks on every frame, not only on suspect ones."""
    retries: int = 2
    """Further fetches in the same slot after a bad frame or a retryable error."""
    degraded_after: int = 5
    """Consecutive bad attempts that degrade the camera."""
    degraded_share: float = 50.0
    """Percentage of bad attempts among the last 20 that degrades the camera."""
    persistent_share: float = 22.0
    """Percentage of bad attempts among the last 60 to 100 that degrades a camera whose faults come and go.

    Of cameras that are bad by 30 %, 0.5 % are found later than their 100th picture, with 25 it is 2 % (simulated)."""
    recover_after: int = 5
    """Consecutive good attempts that end degraded mode; more are needed after faults that came and went."""
    minimum_dwell: float = 0.0
    """Minutes that degraded mode lasts at least."""
    pause_when_degraded: bool = False
    """Pause the camera's runs for as long as it is degraded."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a picture: its kind, severity (0..1), place and explanation.

    ``measured`` is the severity (0..1) before a review changed it; None where none did.
    """

    kind: FaultKind
    severity: float
    where: str = "whole picture"
    words: str = ""
    measured: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reviewed:
    """A still of which a person said that it is ``good``, or that it is not, and when (``at``, aware)."""

    light: Light | None
    faults: tuple[Fault, ...]
    good: bool
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchEvidence:
    """What the capture layer knows about a picture before any pixel is looked at."""

    strategy: FetchStrategy
    freshness: Freshness = Freshness.UNPROVEN
    decoder_errors: int = 0
    is_corrupt: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneContext:
    """What is known of the scene: sun elevation in degrees, and the expected size (width, height) in pixels."""

    sun_elevation: float | None = None
    expected_size: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameRef:
    """A stored frame, as it is passed around: enough to show it without asking the catalogue."""

    id: str
    camera_id: str
    path: str
    """Path below the storage folder (``<media root>/timelapser``), with forward slashes."""
    content_type: str
    captured_at: datetime
    slot_at: datetime
    score: float | None
    verdict: Verdict
    faults: tuple[Fault, ...] = ()
    missing: bool = False
    """The file was not there when it was last asked for."""
