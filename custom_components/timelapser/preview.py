"""What forms say about a scored picture, in the language of the installation."""

from homeassistant.core import HomeAssistant

from .core.detection import Evaluation
from .core.detection.report import describe_fault
from .core.models import Fault
from .pictures import async_show
from .probe import Probe
from .words import Words, async_words, plain


async def async_preview_texts(
    hass: HomeAssistant, name: str, probe: Probe, evaluation: Evaluation, look: str, *, registered: bool
) -> dict[str, str]:
    """Return the placeholders of the form that shows a scored still, which can be looked at under the path ``look``."""
    words = await async_words(hass, "common", "entity", "selector")
    faults = [fault.kind.value for fault in evaluation.faults] or ["none"]
    return {
        **_worth(words, evaluation),
        "camera": name,
        "picture": async_show(hass, look, words.get("common.picture_current")),
        "score": "–" if evaluation.score is None else f"{evaluation.score:.0f}",
        "faults": ", ".join(words.fault(fault) for fault in faults),
        "strategy": words.get(f"selector.strategy.options.{probe.strategy}"),
        "notes": _notes(words, probe, registered=registered),
    }


async def async_judgement_texts(
    hass: HomeAssistant, name: str, evaluation: Evaluation, look: str | None
) -> dict[str, str]:
    """Return the placeholders of the form that says all of an uploaded picture, which is shown where it can be."""
    words = await async_words(hass, "common", "entity", "selector")
    light = words.get(f"selector.light.options.{evaluation.light}") if evaluation.light else "–"
    faults = [_line(words, fault) for fault in evaluation.faults] or [words.fault("none")]
    picture = words.get("common.picture_too_large")
    return {
        **_worth(words, evaluation),
        "camera": plain(name),
        "picture": async_show(hass, look, words.get("common.picture_uploaded")) if look else picture,
        "score": "–" if evaluation.score is None else f"{evaluation.score:g}",
        "light": light,
        "faults": "\n".join(f"  - {line}" for line in faults),
        "notes": words.get("common.note_learning") if evaluation.learning else "",
    }


async def async_unavailable_texts(hass: HomeAssistant, name: str, probe: Probe, *, registered: bool) -> dict[str, str]:
    """Return the placeholders of the warning that no still came."""
    words = await async_words(hass, "common", "exceptions")
    reason = probe.text
    if probe.code is not None:
        reason = words.reason(probe.code)
    return {
        "camera": name,
        "code": probe.code or "",
        "reason": reason,
        "notes": _notes(words, probe, registered=registered),
    }


def _worth(words: Words, evaluation: Evaluation) -> dict[str, str]:
    """Return the placeholders of verdict and size."""
    return {
        "verdict": words.get(f"common.verdict_{evaluation.verdict}"),
        "size": "–" if evaluation.size is None else "{} × {}".format(*evaluation.size),
    }


def _line(words: Words, fault: Fault) -> str:
    """Return a fault with its severity and where and why it was found."""
    told = describe_fault(fault)
    return f"{words.fault(told['kind'])} {told['severity']:g} ({plain(told['where'])}): {plain(told['words'])}"


def _notes(words: Words, probe: Probe, *, registered: bool) -> str:
    """Return what else there is to know about the camera, as paragraphs."""
    notes = {"common.note_battery": probe.battery, "common.note_unregistered": not registered}
    return "\n\n".join(words.get(key) for key, applies in notes.items() if applies)
