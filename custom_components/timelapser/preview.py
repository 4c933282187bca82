"""What the setup form says about the first still of a camera, in the language of the installation."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations

from .const import DOMAIN
from .core.detection import Evaluation
from .exceptions import translation_key
from .probe import Probe


class _Words:
    """Our translated texts of some categories."""

    def __init__(self, texts: dict[str, str]) -> None:
        """Keep the texts by their full keys."""
        self._texts = texts

    def get(self, key: str) -> str:
        """Return a text by its key without the domain; the key itself tells at least something."""
        return self._texts.get(f"component.{DOMAIN}.{key}", key)


async def _async_words(hass: HomeAssistant, *categories: str) -> _Words:
    """Load the texts of categories."""
    texts: dict[str, str] = {}
    for category in categories:
        texts |= await async_get_translations(hass, hass.config.language, category, {DOMAIN})
    return _Words(texts)


async def async_preview_texts(
    hass: HomeAssistant, name: str, probe: Probe, evaluation: Evaluation, *, registered: bool
) -> dict[str, str]:
    """Return the placeholders of the form that shows a scored still."""
    words = await _async_words(hass, "common", "entity", "selector")
    faults = [fault.kind.value for fault in evaluation.faults] or ["none"]
    return {
        "camera": name,
        "score": "–" if evaluation.score is None else f"{evaluation.score:.0f}",
        "verdict": words.get(f"common.verdict_{evaluation.verdict}"),
        "size": "–" if evaluation.size is None else "{} × {}".format(*evaluation.size),
        "faults": ", ".join(words.get(f"entity.sensor.last_fault.state.{fault}") for fault in faults),
        "strategy": words.get(f"selector.strategy.options.{probe.strategy}"),
        "notes": _notes(words, probe, registered=registered),
    }


async def async_unavailable_texts(hass: HomeAssistant, name: str, probe: Probe, *, registered: bool) -> dict[str, str]:
    """Return the placeholders of the warning that no still came."""
    words = await _async_words(hass, "common", "exceptions")
    reason = probe.text
    if probe.code is not None:
        # The last sentence of a code's message refers to an attempt, and there was none.
        reason = words.get(f"exceptions.{translation_key(probe.code)}.message").rpartition(". ")[0]
    return {
        "camera": name,
        "code": probe.code or "",
        "reason": reason,
        "notes": _notes(words, probe, registered=registered),
    }


def _notes(words: _Words, probe: Probe, *, registered: bool) -> str:
    """Return what else there is to know about the camera, as paragraphs."""
    notes = {"common.note_battery": probe.battery, "common.note_unregistered": not registered}
    return "\n\n".join(words.get(key) for key, applies in notes.items() if applies)
