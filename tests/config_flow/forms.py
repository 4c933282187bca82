"""What the tests of the forms share: going through them, and what they show."""

import json
from pathlib import Path
from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from custom_components.timelapser.const import DOMAIN, SUBENTRY_TIMELAPSE, SYSTEM_UNIQUE_ID
from custom_components.timelapser.core.detection import Evaluation
from custom_components.timelapser.core.detection.baseline import Baseline
from custom_components.timelapser.core.errors import Code
from custom_components.timelapser.core.models import Fault, FetchStrategy, Freshness, Verdict
from custom_components.timelapser.probe import Probe

INTEGRATION = Path(__file__).parents[2] / "custom_components" / DOMAIN
TEXTS = json.loads((INTEGRATION / "translations" / "en.json").read_text(encoding="utf-8"))

GARDEN = "camera.garden"


def probe(*, score: float | None = 87.4, battery: bool = False, faults: tuple[Fault, ...] = ()) -> Probe:
    """Return what a camera says that gives a picture."""
    evaluation = Evaluation(
        score=score,
        verdict=Verdict.GOOD if score else Verdict.UNREADABLE,
        faults=faults,
        features={},
        light=None,
        freshness=Freshness.PROVEN,
        size=(1920, 1080) if score else None,
        content_type="image/jpeg",
        sha256=b"",
        timings={},
        baseline=Baseline.empty(),
        learning=True,
    )
    return Probe(evaluation, b"a still", None, battery, FetchStrategy.SNAPSHOT, "")


def no_picture(code: Code | None = Code.CAMERA_TIMEOUT) -> Probe:
    """Return what is known of a camera that gives no picture."""
    return Probe(None, None, code, False, FetchStrategy.AUTO, "something")


def check_texts(result: Any, flow: str) -> None:
    """See that all that a form shows has a text: its fields, their descriptions, its errors and placeholders."""
    texts: Any = TEXTS
    for part in flow.split("."):
        texts = texts[part]
    step = texts["step"][result["step_id"]]
    shown = [step["title"], step.get("description", "")]
    if result["type"] is FlowResultType.MENU:
        assert all(step["menu_options"][way] for way in result["menu_options"])
    else:
        for field in result["data_schema"].schema:
            assert step["data"][field]
            shown.append(step["data_description"][field])
    shown.extend(texts["error"][error] for error in (result.get("errors") or {}).values())
    for text in shown:
        text.format(**(result["description_placeholders"] or {}))


async def start(hass: HomeAssistant, **context: Any) -> Any:
    """Start a config flow."""
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER, **context})
    check_texts(result, "config")
    return result


async def submit(hass: HomeAssistant, result: Any, user_input: dict[str, Any]) -> Any:
    """Submit a form of a config flow, and look at the next one."""
    result = await hass.config_entries.flow.async_configure(result["flow_id"], user_input)
    if result["type"] in (FlowResultType.FORM, FlowResultType.MENU):
        check_texts(result, "config")
    return result


async def choose(hass: HomeAssistant, camera: str = GARDEN) -> Any:
    """Start a config flow and choose a camera."""
    return await submit(hass, await start(hass), {"camera": camera})


def shown(result: Any) -> dict[str, Any]:
    """Return the values that a form shows: what is suggested, else the default."""
    values = {}
    for marker in result["data_schema"].schema:
        if marker.description and "suggested_value" in marker.description:
            values[str(marker)] = marker.description["suggested_value"]
        elif callable(getattr(marker, "default", None)):
            values[str(marker)] = marker.default()
    return values


def system_entry(hass: HomeAssistant) -> ConfigEntry | None:
    return hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, SYSTEM_UNIQUE_ID)


async def reconfigure(hass: HomeAssistant, entry: ConfigEntry) -> Any:
    return await start(hass, source="reconfigure", entry_id=entry.entry_id)


async def storage_form(hass: HomeAssistant) -> Any:
    return await submit(hass, await choose(hass), {})


async def show_options(hass: HomeAssistant, entry: ConfigEntry, way: str = "quality") -> Any:
    """Open the options and take a way of the menu."""
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert result["type"] is FlowResultType.MENU
    check_texts(result, "options")
    return await submit_options(hass, result, {"next_step_id": way})


async def submit_options(hass: HomeAssistant, result: Any, user_input: dict[str, Any]) -> Any:
    result = await hass.config_entries.options.async_configure(result["flow_id"], user_input)
    if result["type"] in (FlowResultType.FORM, FlowResultType.MENU):
        check_texts(result, "options")
    return result


DEFAULT_OPTIONS = {
    "sensitivity": "medium",
    "reject_below": 50.0,
    "heavy_checks": True,
    "strategy": "auto",
    "retries": 2,
    "degraded_after": 5,
    "degraded_share": 50.0,
    "persistent_share": 22.0,
    "recover_after": 5,
    "minimum_dwell": 0,
    "pause_when_degraded": False,
    "quarantine_days": 14,
    "quarantine_count": 10_000,
    "quarantine_gb": 2,
}


RECIPE = {
    "name": "Roses",
    "interval": "5m",
    "adaptive": False,
    "slowest": "4",
    "fastest": "1",
    "glance": True,
    "window": "always",
    "keep_days": 365,
    "keep_count": 0,
    "keep_gb": 0,
    "purge_current": False,
}


async def show_timelapse(hass: HomeAssistant, entry: ConfigEntry, **context: Any) -> Any:
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, SUBENTRY_TIMELAPSE), context={"source": SOURCE_USER, **context}
    )
    check_texts(result, "config_subentries.timelapse")
    return result


async def submit_timelapse(hass: HomeAssistant, result: Any, user_input: dict[str, Any]) -> Any:
    result = await hass.config_entries.subentries.async_configure(result["flow_id"], user_input)
    if result["type"] is FlowResultType.FORM:
        check_texts(result, "config_subentries.timelapse")
    return result


async def add_timelapse(hass: HomeAssistant, entry: ConfigEntry, **recipe: Any) -> Any:
    return await submit_timelapse(hass, await show_timelapse(hass, entry), RECIPE | recipe)


def timelapses(entry: ConfigEntry) -> dict[str, Any]:
    return {subentry.title: dict(subentry.data) for subentry in entry.get_subentries_of_type(SUBENTRY_TIMELAPSE)}
