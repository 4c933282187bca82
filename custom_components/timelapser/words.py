"""Our own texts for where a form takes them as a part, in the language of the installation."""

from datetime import datetime
import re
from typing import Final

from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .core.errors import Code
from .exceptions import translation_key

_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~&$^=:\"'/@])")
"""Characters that mean something in Markdown or HTML."""


class Words:
    """Translated texts of some categories."""

    def __init__(self, texts: dict[str, str]) -> None:
        """Keep the texts by their full keys."""
        self._texts = texts

    def get(self, key: str) -> str:
        """Return a text by its key without the domain; the key itself tells at least something."""
        return self._texts.get(f"component.{DOMAIN}.{key}", key)

    def reason(self, code: Code) -> str:
        """Return what a code means: its message without the last sentence, which refers to an attempt."""
        return self.get(f"exceptions.{translation_key(code)}.message").rpartition(". ")[0]

    def fault(self, kind: str) -> str:
        """Return the name of a fault, or of ``none``."""
        return self.get(f"entity.sensor.last_fault.state.{kind}")


async def async_words(hass: HomeAssistant, *categories: str) -> Words:
    """Load the texts of categories."""
    texts: dict[str, str] = {}
    for category in categories:
        texts |= await async_get_translations(hass, hass.config.language, category, {DOMAIN})
    return Words(texts)


def plain(text: str) -> str:
    """Return a text that somebody chose, such as a name, so that a form shows it as it is and obeys nothing in it."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def local_date(moment: datetime) -> str:
    """Return the day of an aware datetime where the installation is."""
    return f"{dt_util.as_local(moment):%Y-%m-%d}"


def local_time(moment: datetime) -> str:
    """Return an aware datetime as the installation's wall clock shows it, to the minute."""
    return f"{dt_util.as_local(moment):%Y-%m-%d %H:%M}"
