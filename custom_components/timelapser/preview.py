"""What the setup form says about the first still of a camera, in the language of the installation."""

from homeassistant.core import HomeAssistant

from .core.detection import Evaluation
from .pictures import async_show
from .probe import Probe
from .words import Words, async_words


async def async_preview_texts(
    hass: HomeAssistant, name: str, probe: Probe, evaluation: Evaluation, look: str, *, registered: bool
) -> dict[str, str]:
    """Return the placeholders of the form that shows a scored still, which can be looked at under the path ``look``."""
    words = await async_words(hass, "common", "entity", "selector")
    faults = [fault.kind.value for fault in evaluation.faults] or ["none"]
    return {
        "camera": name,
        "picture": async_show(hass, look, words.get("common.picture_current")),
        "score": "–" if evaluation.score is None else f"{evaluation.score:.0f}",
        "verdict": words.get(f"common.verdict_{evaluation.verdict}"),
        "size": "–" if evaluation.size is None else "{} × {}".format(*evaluation.size),
        "faults": ", ".join(words.fault(fault) for fault in faults),
        "strategy": words.get(f"selector.strategy.options.{probe.strategy}"),
        "notes": _notes(words, probe, registered=registered),
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


def _notes(words: Words, probe: Probe, *, registered: bool) -> str:
    """Return what else there is to know about the camera, as paragraphs."""
    notes = {"common.note_battery": probe.battery, "common.note_unregistered": not registered}
    return "\n\n".join(words.get(key) for key, applies in notes.items() if applies)
