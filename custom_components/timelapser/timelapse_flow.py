"""The form of a timelapse: what it is called, how often, when in the day, and how long its frames stay."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigSubentryFlow, SubentryFlowContext, SubentryFlowResult
from homeassistant.const import CONF_NAME
import voluptuous as vol

from .const import (
    CONF_ADAPTIVE,
    CONF_FASTEST,
    CONF_GLANCE,
    CONF_INTERVAL,
    CONF_KEEP_COUNT,
    CONF_KEEP_DAYS,
    CONF_KEEP_GB,
    CONF_PURGE_CURRENT,
    CONF_SLOWEST,
    CONF_SUNRISE_OFFSET,
    CONF_SUNSET_OFFSET,
    CONF_WINDOW,
    CONF_WINDOW_END,
    CONF_WINDOW_START,
    SUBENTRY_TIMELAPSE,
)
from .core.adaptive import MAX_PAUSE, Bounds
from .core.models import WindowKind
from .core.schedule import MAX_INTERVAL, MIN_INTERVAL
from .flow_schema import (
    BATTERY_INTERVAL,
    DEFAULT_INTERVAL,
    KEEP_RULES,
    OFFSET_RULE,
    SUN_SCHEMA,
    TIME_SCHEMA,
    TimelapseFormError,
    judge_name,
    timelapse_schema,
)
from .typed import interval_text, parse_clock, parse_interval


class FirstTimelapseContext(SubentryFlowContext, total=False):
    """What the flow of a camera tells that of its first timelapse."""

    battery: bool


class TimelapseFlow(ConfigSubentryFlow):
    """Add a timelapse to a camera, or change one."""

    _title: str
    _data: dict[str, Any]

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Add a timelapse."""
        return await self._async_step_recipe("user", user_input, {})

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change a timelapse."""
        subentry = self._get_reconfigure_subentry()
        stored = {
            **subentry.data,
            CONF_NAME: subentry.title,
            CONF_INTERVAL: interval_text(subentry.data[CONF_INTERVAL]),
            **{key: str(subentry.data[key]) for key in (CONF_SLOWEST, CONF_FASTEST) if key in subentry.data},
        }
        return await self._async_step_recipe("reconfigure", user_input, stored)

    async def _async_step_recipe(
        self, step_id: str, user_input: dict[str, Any] | None, suggested: dict[str, Any]
    ) -> SubentryFlowResult:
        """Ask for everything but the details of the window."""
        errors: dict[str, str] = {}
        if user_input is not None:
            suggested = user_input
            errors = self._judge_recipe(user_input)
            if not errors and user_input[CONF_WINDOW] == WindowKind.TIME:
                return await self.async_step_window_time()
            if not errors and user_input[CONF_WINDOW] == WindowKind.SUN:
                return await self.async_step_window_sun()
            if not errors:
                return self._finish({})
        schema = timelapse_schema(BATTERY_INTERVAL if self.context.get("battery") else DEFAULT_INTERVAL)
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            errors=errors,
            description_placeholders={
                "min": interval_text(MIN_INTERVAL.total_seconds()),
                "max": interval_text(MAX_INTERVAL.total_seconds()),
                "longest": interval_text(MAX_PAUSE.total_seconds()),
                **{key: rule.text for key, rule in KEEP_RULES.items()},
            },
        )

    def _judge_recipe(self, user_input: dict[str, Any]) -> dict[str, str]:
        """Remember what was typed as it will be stored, and return the errors by field."""
        errors: dict[str, str] = {}
        self._title, name_error = judge_name(user_input[CONF_NAME], self._taken_names())
        if name_error is not None:
            errors[CONF_NAME] = name_error
        if (interval := parse_interval(user_input[CONF_INTERVAL])) is None:
            errors[CONF_INTERVAL] = TimelapseFormError.INTERVAL_OUT_OF_RANGE
        adaptive, adaptive_errors = _judge_adaptive(user_input, interval)
        errors |= adaptive_errors
        kept = {key: rule.parse(user_input[key]) for key, rule in KEEP_RULES.items()}
        for key in (key for key, number in kept.items() if number is None):
            days = key == CONF_KEEP_DAYS
            errors[key] = TimelapseFormError.RETENTION_OUT_OF_RANGE if days else TimelapseFormError.OUT_OF_RANGE
        # Days have a default; the other limits are there or not.
        extra = {key: kept[key] for key in (CONF_KEEP_COUNT, CONF_KEEP_GB) if kept[key]}
        if user_input[CONF_PURGE_CURRENT]:
            extra[CONF_PURGE_CURRENT] = True
        recipe = {CONF_INTERVAL: interval, CONF_WINDOW: user_input[CONF_WINDOW], CONF_KEEP_DAYS: kept[CONF_KEEP_DAYS]}
        self._data = recipe | adaptive | extra
        return errors

    def _taken_names(self) -> list[str]:
        """Return the names of the camera's other timelapses."""
        own = self._get_reconfigure_subentry().subentry_id if self.source == SOURCE_RECONFIGURE else None
        others = self._get_entry().get_subentries_of_type(SUBENTRY_TIMELAPSE)
        return [subentry.title for subentry in others if subentry.subentry_id != own]

    async def async_step_window_time(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for a window by the clock; an end before the start runs overnight."""
        errors: dict[str, str] = {}
        if user_input is not None:
            clocks = {key: parse_clock(user_input[key]) for key in (CONF_WINDOW_START, CONF_WINDOW_END)}
            errors = {key: TimelapseFormError.TIME_FORMAT for key, clock in clocks.items() if clock is None}
            if not errors and clocks[CONF_WINDOW_START] != clocks[CONF_WINDOW_END]:
                return self._finish(clocks)
            errors = errors or {CONF_WINDOW_END: TimelapseFormError.WINDOW_EMPTY}
        return self._show_window("window_time", TIME_SCHEMA, user_input, errors)

    async def async_step_window_sun(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask how far sunrise and sunset are to be shifted."""
        errors: dict[str, str] = {}
        if user_input is not None:
            offsets = {key: OFFSET_RULE.parse(user_input[key]) for key in (CONF_SUNRISE_OFFSET, CONF_SUNSET_OFFSET)}
            errors = {
                key: TimelapseFormError.OFFSET_OUT_OF_RANGE for key, minutes in offsets.items() if minutes is None
            }
            if not errors:
                return self._finish(offsets)
        return self._show_window("window_sun", SUN_SCHEMA, user_input, errors)

    def _show_window(
        self, step_id: str, schema: vol.Schema, user_input: dict[str, Any] | None, errors: dict[str, str]
    ) -> SubentryFlowResult:
        """Show a form of window details with what was typed, else with what is stored."""
        stored = self._get_reconfigure_subentry().data if self.source == SOURCE_RECONFIGURE else {}
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, stored if user_input is None else user_input),
            errors=errors,
            description_placeholders={"offset": OFFSET_RULE.text},
            last_step=True,
        )

    def _finish(self, window: dict[str, Any]) -> SubentryFlowResult:
        """Make the timelapse, or change it."""
        data = self._data | window
        if self.source == SOURCE_RECONFIGURE:
            return self.async_update_and_abort(
                self._get_entry(), self._get_reconfigure_subentry(), title=self._title, data=data
            )
        return self.async_create_entry(title=self._title, data=data)


def _judge_adaptive(user_input: Mapping[str, Any], interval: float | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what is to be stored of the adaptive interval, nothing where it is off, and the errors by field."""
    if not user_input[CONF_ADAPTIVE]:
        return {}, {}
    bounds = Bounds(
        slowest=int(user_input[CONF_SLOWEST]), fastest=int(user_input[CONF_FASTEST]), glance=user_input[CONF_GLANCE]
    )
    default = Bounds()
    data: dict[str, Any] = {CONF_ADAPTIVE: True}
    if bounds.slowest != default.slowest:
        data[CONF_SLOWEST] = bounds.slowest
    if bounds.fastest != default.fastest:
        data[CONF_FASTEST] = bounds.fastest
    if bounds.glance != default.glance:
        data[CONF_GLANCE] = bounds.glance
    if interval is None:
        return data, {}
    errors: dict[str, str] = {}
    if bounds.slowest * interval > MAX_PAUSE.total_seconds():
        errors[CONF_SLOWEST] = TimelapseFormError.TOO_SLOW
    if interval / bounds.fastest < MIN_INTERVAL.total_seconds():
        errors[CONF_FASTEST] = TimelapseFormError.TOO_FAST
    return data, errors
