"""What the forms show, and how what was entered becomes stored values or errors at their fields."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from homeassistant.const import CONF_NAME, UnitOfInformation, UnitOfTime
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    EntityWithDeviceFilterSelectorConfig,
    FileSelector,
    FileSelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TimeSelector,
)
import voluptuous as vol

from .const import (
    CONF_ADAPTIVE,
    CONF_BYTE_BUDGET,
    CONF_CAMERA,
    CONF_FASTEST,
    CONF_GLANCE,
    CONF_INTERVAL,
    CONF_KEEP_COUNT,
    CONF_KEEP_DAYS,
    CONF_KEEP_GB,
    CONF_MEDIA_ROOT,
    CONF_PURGE_CURRENT,
    CONF_QUARANTINE_COUNT,
    CONF_QUARANTINE_DAYS,
    CONF_QUARANTINE_GB,
    CONF_SENSITIVITY,
    CONF_SLOWEST,
    CONF_STRATEGY,
    CONF_SUNRISE_OFFSET,
    CONF_SUNSET_OFFSET,
    CONF_WINDOW,
    CONF_WINDOW_END,
    CONF_WINDOW_START,
    DEFAULT_KEEP_DAYS,
    DEFAULT_QUARANTINE_COUNT,
    DEFAULT_QUARANTINE_DAYS,
    DEFAULT_QUARANTINE_GB,
)
from .core.adaptive import FASTEST, SLOWEST, Bounds
from .core.models import FetchStrategy, QualityPolicy, Sensitivity, WindowKind
from .core.schedule import MAX_SUN_OFFSET
from .media_root import MIN_BUDGET_GB
from .typed import parse_number

CONF_HEAVY_CHECKS: Final = "heavy_checks"
CONF_PAUSE_WHEN_DEGRADED: Final = "pause_when_degraded"
CONF_PICTURE: Final = "picture"
"""The field of an uploaded picture."""

MAX_NAME_LENGTH: Final = 100
"""Characters; a name is a label of a device, and longer ones are cut off wherever they are shown."""

_JOINERS: Final = str.maketrans("", "", "\u200c\u200d")
"""Invisible, but Persian words and many emoji are written with them."""

INTERVALS: Final = ("10s", "30s", "1m", "5m", "15m", "30m", "1h", "6h", "1d")
DEFAULT_INTERVAL: Final = "5m"
BATTERY_INTERVAL: Final = "1h"
"""Offered first for a camera on a battery, which every picture wakes up."""
BATTERY_OPTIONS: Final[Mapping[str, Any]] = {"retries": 0}
"""Options that the entry of such a camera begins with."""

DEFAULT_WINDOW: Final = ("08:00:00", "20:00:00")


class ConfigFormError(StrEnum):
    """What can be wrong with the choice of a camera."""

    CAMERA_REQUIRED = "camera_required"
    NOT_A_CAMERA = "not_a_camera"
    CAMERA_NOT_FOUND = "camera_not_found"


class OptionsFormError(StrEnum):
    """What can be wrong with a camera's options, and with a picture to test."""

    NOT_A_PICTURE = "not_a_picture"
    NOT_LOADED = "not_loaded"
    OUT_OF_RANGE = "out_of_range"
    PICTURE_CUT = "picture_cut"
    PICTURE_FORMAT = "picture_format"
    PICTURE_TOO_LARGE = "picture_too_large"
    PICTURE_TOO_SMALL = "picture_too_small"
    RETENTION_OUT_OF_RANGE = "retention_out_of_range"
    UPLOAD_GONE = "upload_gone"


class TimelapseFormError(StrEnum):
    """What can be wrong with a timelapse."""

    ALREADY_CONFIGURED = "already_configured"
    INTERVAL_OUT_OF_RANGE = "interval_out_of_range"
    NAME_CONTROL_CHARS = "name_control_chars"
    NAME_LENGTH = "name_length"
    OFFSET_OUT_OF_RANGE = "offset_out_of_range"
    OUT_OF_RANGE = "out_of_range"
    RETENTION_OUT_OF_RANGE = "retention_out_of_range"
    TIME_FORMAT = "time_format"
    TOO_FAST = "too_fast"
    TOO_SLOW = "too_slow"
    WINDOW_EMPTY = "window_empty"


class _Unjudged:
    """A selector that only draws a field: the flow judges the value, so that a bad one is told at its field."""

    def __call__(self, data: Any) -> Any:
        """Take whatever was sent."""
        return data


class _CameraField(_Unjudged, EntitySelector):
    """A choice of a camera entity."""


class _NumberField(_Unjudged, NumberSelector):
    """A number."""


class _IntervalField(_Unjudged, SelectSelector):
    """A duration: a preset, or one that is typed."""


class _TimeField(_Unjudged, TimeSelector):
    """A time of day."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberRule:
    """The range of a number, whether it is whole, and how it is drawn."""

    low: float
    high: float
    whole: bool = True
    unit: str | None = None
    slider: bool = False

    def field(self) -> NumberSelector:
        """Return the selector that draws the number."""
        config = NumberSelectorConfig(
            min=self.low,
            max=self.high,
            step=1 if self.whole or self.slider else "any",
            mode=NumberSelectorMode.SLIDER if self.slider else NumberSelectorMode.BOX,
        )
        if self.unit is not None:
            config["unit_of_measurement"] = self.unit
        return _NumberField(config)

    def parse(self, value: Any) -> float | None:
        """Return the number that a value stands for; None when it is none or out of range."""
        number = parse_number(value)
        if number is None or not self.low <= number <= self.high or (self.whole and not number.is_integer()):
            return None
        return int(number) if number.is_integer() else number

    @property
    def text(self) -> str:
        """Return the range as it is told to the user."""
        return f"{self.low:.12g} – {self.high:.12g}"


OPTION_RULES: Final[Mapping[str, NumberRule]] = {
    "reject_below": NumberRule(low=0, high=100, whole=False, slider=True),
    "retries": NumberRule(low=0, high=5),
    "degraded_after": NumberRule(low=1, high=50),
    "degraded_share": NumberRule(low=10, high=100, whole=False, unit="%", slider=True),
    "persistent_share": NumberRule(low=5, high=100, whole=False, unit="%", slider=True),
    "recover_after": NumberRule(low=1, high=50),
    "minimum_dwell": NumberRule(low=0, high=1440, unit=UnitOfTime.MINUTES),
    CONF_QUARANTINE_DAYS: NumberRule(low=1, high=3650, unit=UnitOfTime.DAYS),
    CONF_QUARANTINE_COUNT: NumberRule(low=1, high=1_000_000),
    CONF_QUARANTINE_GB: NumberRule(low=0.1, high=10_000, whole=False, unit=UnitOfInformation.GIGABYTES),
}
KEEP_RULES: Final[Mapping[str, NumberRule]] = {
    CONF_KEEP_DAYS: NumberRule(low=0, high=3650, unit=UnitOfTime.DAYS),
    CONF_KEEP_COUNT: NumberRule(low=0, high=10_000_000),
    CONF_KEEP_GB: NumberRule(low=0, high=100_000, whole=False, unit=UnitOfInformation.GIGABYTES),
}
"""The limits for the frames of a timelapse; 0 is none."""
_OFFSET_LIMIT: Final = MAX_SUN_OFFSET.total_seconds() / 60
OFFSET_RULE: Final = NumberRule(low=-_OFFSET_LIMIT, high=_OFFSET_LIMIT, unit=UnitOfTime.MINUTES)

CAMERA_SCHEMA: Final = vol.Schema(
    {
        vol.Required(CONF_CAMERA, default=""): _CameraField(
            EntitySelectorConfig(filter=EntityWithDeviceFilterSelectorConfig(domain="camera"))
        )
    }
)

UPLOAD_SCHEMA: Final = vol.Schema({vol.Required(CONF_PICTURE): FileSelector(FileSelectorConfig(accept="image/*"))})

TIME_SCHEMA: Final = vol.Schema(
    {
        vol.Required(CONF_WINDOW_START, default=DEFAULT_WINDOW[0]): _TimeField(),
        vol.Required(CONF_WINDOW_END, default=DEFAULT_WINDOW[1]): _TimeField(),
    }
)

SUN_SCHEMA: Final = vol.Schema(
    {
        vol.Required(CONF_SUNRISE_OFFSET, default=0): OFFSET_RULE.field(),
        vol.Required(CONF_SUNSET_OFFSET, default=0): OFFSET_RULE.field(),
    }
)


def storage_schema(media_root: Path) -> vol.Schema:
    """Return the form of the shared settings, with the folder that is meant when none is typed."""
    return vol.Schema(
        {
            vol.Required(CONF_MEDIA_ROOT, default=str(media_root)): TextSelector(),
            vol.Optional(CONF_BYTE_BUDGET): _NumberField(
                NumberSelectorConfig(
                    min=MIN_BUDGET_GB, step="any", unit_of_measurement="GB", mode=NumberSelectorMode.BOX
                )
            ),
        }
    )


def timelapse_schema(interval: str) -> vol.Schema:
    """Return the form of a timelapse, with the interval that is offered first."""
    return vol.Schema(
        {
            vol.Required(CONF_NAME, default=""): TextSelector(),
            vol.Required(CONF_INTERVAL, default=interval): _IntervalField(
                SelectSelectorConfig(
                    options=list(INTERVALS),
                    custom_value=True,
                    mode=SelectSelectorMode.DROPDOWN,
                    translation_key="interval",
                )
            ),
            vol.Required(CONF_ADAPTIVE, default=False): BooleanSelector(),
            vol.Required(CONF_SLOWEST, default=str(Bounds().slowest)): SelectSelector(
                SelectSelectorConfig(
                    options=[str(factor) for factor in SLOWEST],
                    mode=SelectSelectorMode.DROPDOWN,
                    translation_key="slowest",
                )
            ),
            vol.Required(CONF_FASTEST, default=str(Bounds().fastest)): SelectSelector(
                SelectSelectorConfig(
                    options=[str(factor) for factor in FASTEST],
                    mode=SelectSelectorMode.DROPDOWN,
                    translation_key="fastest",
                )
            ),
            vol.Required(CONF_GLANCE, default=Bounds().glance): BooleanSelector(),
            vol.Required(CONF_WINDOW, default=WindowKind.ALWAYS.value): SelectSelector(
                SelectSelectorConfig(
                    options=[kind.value for kind in WindowKind],
                    mode=SelectSelectorMode.LIST,
                    translation_key="window",
                )
            ),
            vol.Required(CONF_KEEP_DAYS, default=DEFAULT_KEEP_DAYS): KEEP_RULES[CONF_KEEP_DAYS].field(),
            vol.Required(CONF_KEEP_COUNT, default=0): KEEP_RULES[CONF_KEEP_COUNT].field(),
            vol.Required(CONF_KEEP_GB, default=0): KEEP_RULES[CONF_KEEP_GB].field(),
            vol.Required(CONF_PURGE_CURRENT, default=False): BooleanSelector(),
        }
    )


def option_defaults() -> dict[str, Any]:
    """Return what an option is while the user has not said otherwise."""
    policy = QualityPolicy()
    return {
        CONF_SENSITIVITY: policy.sensitivity.value,
        "reject_below": policy.reject_below,
        CONF_HEAVY_CHECKS: policy.heavy_checks,
        CONF_STRATEGY: FetchStrategy.AUTO.value,
        "retries": policy.retries,
        "degraded_after": policy.degraded_after,
        "degraded_share": policy.degraded_share,
        "persistent_share": policy.persistent_share,
        "recover_after": policy.recover_after,
        "minimum_dwell": policy.minimum_dwell,
        CONF_PAUSE_WHEN_DEGRADED: policy.pause_when_degraded,
        CONF_QUARANTINE_DAYS: DEFAULT_QUARANTINE_DAYS,
        CONF_QUARANTINE_COUNT: DEFAULT_QUARANTINE_COUNT,
        CONF_QUARANTINE_GB: DEFAULT_QUARANTINE_GB,
    }


def options_schema() -> vol.Schema:
    """Return the form of a camera's options; flat, because the frontend shows no error inside of a section."""
    strategy = SelectSelector(
        SelectSelectorConfig(
            options=[strategy.value for strategy in FetchStrategy],
            mode=SelectSelectorMode.DROPDOWN,
            translation_key="strategy",
        )
    )
    sensitivity = SelectSelector(
        SelectSelectorConfig(
            options=[sensitivity.value for sensitivity in Sensitivity],
            mode=SelectSelectorMode.DROPDOWN,
            translation_key="sensitivity",
        )
    )
    fields: dict[str, Any] = {CONF_HEAVY_CHECKS: BooleanSelector(), CONF_STRATEGY: strategy}
    fields[CONF_SENSITIVITY] = sensitivity
    fields[CONF_PAUSE_WHEN_DEGRADED] = BooleanSelector()
    return vol.Schema(
        {
            vol.Required(key, default=default): fields.get(key) or OPTION_RULES[key].field()
            for key, default in option_defaults().items()
        }
    )


def judge_options(user_input: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the options that differ from their defaults, and the errors by field."""
    defaults = option_defaults()
    values = {key: value for key, value in user_input.items() if key not in OPTION_RULES}
    errors: dict[str, str] = {}
    for key, rule in OPTION_RULES.items():
        if (number := rule.parse(user_input[key])) is not None:
            values[key] = number
        elif key == CONF_QUARANTINE_DAYS:
            errors[key] = OptionsFormError.RETENTION_OUT_OF_RANGE
        else:
            errors[key] = OptionsFormError.OUT_OF_RANGE
    return {key: value for key, value in values.items() if value != defaults[key]}, errors


def judge_name(value: str, taken: Iterable[str]) -> tuple[str, TimelapseFormError | None]:
    """Return a timelapse's name without outer spaces, and what is wrong with it."""
    name = value.strip()
    visible = value.translate(_JOINERS)
    if not visible.isprintable():
        return name, TimelapseFormError.NAME_CONTROL_CHARS
    if not visible.strip() or len(name) > MAX_NAME_LENGTH:
        return name, TimelapseFormError.NAME_LENGTH
    if name.casefold() in {other.casefold() for other in taken}:
        return name, TimelapseFormError.ALREADY_CONFIGURED
    return name, None
