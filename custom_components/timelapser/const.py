"""Constants shared by several modules of the integration."""

from typing import Final

from homeassistant.const import Platform

DOMAIN: Final = "timelapser"

PLATFORMS: Final = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.IMAGE,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
]

SYSTEM_UNIQUE_ID: Final = "system"
SUBENTRY_TIMELAPSE: Final = "timelapse"

# Camera entry data
CONF_CAMERA: Final = "camera"
"""Entity-registry id of the wrapped camera, or its entity_id when it has none."""

CONF_BATTERY: Final = "battery"
"""Present and true for a camera that every picture wakes up: it is not probed."""

# Camera entry options: the fields of core.models.QualityPolicy by their own names, of which one is also an entity, and
CONF_SENSITIVITY: Final = "sensitivity"
CONF_STRATEGY: Final = "strategy"
CONF_QUARANTINE_DAYS: Final = "quarantine_days"
DEFAULT_QUARANTINE_DAYS: Final = 14
"""Days that a rejected frame is kept to be looked at: two weekends."""
CONF_QUARANTINE_COUNT: Final = "quarantine_count"
DEFAULT_QUARANTINE_COUNT: Final = 10_000
"""Rejected frames kept: a day and more of a broken camera at 10 s, and more than anybody looks through."""
CONF_QUARANTINE_GB: Final = "quarantine_gb"
"""Gigabytes (10^9 bytes) that rejected frames may take."""
DEFAULT_QUARANTINE_GB: Final = 2
"""As much as that many frames of a 1080p camera, of 0.2 MB each."""

# Timelapse subentry data
CONF_INTERVAL: Final = "interval"
"""Seconds between two slots."""
CONF_WINDOW: Final = "window"
CONF_WINDOW_START: Final = "start"
CONF_WINDOW_END: Final = "end"
CONF_SUNRISE_OFFSET: Final = "sunrise_offset"
CONF_SUNSET_OFFSET: Final = "sunset_offset"
CONF_KEEP_DAYS: Final = "keep_days"
"""Days that a frame is kept; 0 keeps it for ever."""
DEFAULT_KEEP_DAYS: Final = 365
"""A year of a scene, and then the oldest day goes."""
CONF_KEEP_COUNT: Final = "keep_count"
"""Frames that are kept; absent for no limit."""
CONF_KEEP_GB: Final = "keep_gb"
"""Gigabytes (10^9 bytes) that the frames may take; absent for no limit."""
CONF_PURGE_CURRENT: Final = "purge_current"
"""Present and true when the limits are for the run under way too."""
CONF_ADAPTIVE: Final = "adaptive"
"""Present and true when the interval follows the scene; what follows only then, and only where not the default."""
CONF_SLOWEST: Final = "slowest"
"""How many intervals may lie between two captures."""
CONF_FASTEST: Final = "fastest"
"""Into how many parts the interval may be divided."""
CONF_GLANCE: Final = "glance"
"""Whether the slots that are passed over are looked at."""

# System entry data
CONF_MEDIA_ROOT: Final = "media_root"
CONF_BYTE_BUDGET: Final = "byte_budget"
"""Gigabytes (10^9 bytes) that all frames together may take; absent for no limit."""

# Bus events
EVENT_IMAGE_CAPTURED: Final = f"{DOMAIN}_image_captured"
EVENT_IMAGE_REJECTED: Final = f"{DOMAIN}_image_rejected"
EVENT_CAPTURE_FAILED: Final = f"{DOMAIN}_capture_failed"
EVENT_CAMERA_DEGRADED: Final = f"{DOMAIN}_camera_degraded"
EVENT_CAMERA_RECOVERED: Final = f"{DOMAIN}_camera_recovered"
EVENT_CAMERA_OFFLINE: Final = f"{DOMAIN}_camera_offline"
EVENT_CAMERA_ONLINE: Final = f"{DOMAIN}_camera_online"
EVENT_FORECAST_CHANGED: Final = f"{DOMAIN}_forecast_changed"
EVENT_RUN_STARTED: Final = f"{DOMAIN}_run_started"
EVENT_RUN_PAUSED: Final = f"{DOMAIN}_run_paused"
EVENT_RUN_RESUMED: Final = f"{DOMAIN}_run_resumed"
EVENT_RUN_COMPLETED: Final = f"{DOMAIN}_run_completed"
EVENT_PURGE_COMPLETED: Final = f"{DOMAIN}_purge_completed"
