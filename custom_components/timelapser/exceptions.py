"""Core errors as Home Assistant raises them: translated, with the code and a reference."""

from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady, HomeAssistantError, ServiceValidationError

from .const import DOMAIN
from .core.errors import Code, TimelapserError

_PERMANENT = (Code.CATALOGUE_FOREIGN, Code.CATALOGUE_NEWER)
"""Set-up errors that no retry mends."""


def translation_key(code: Code) -> str:
    """Return the key of a code's message under ``exceptions``."""
    return f"code_{code.lower().replace('-', '_')}"


def attempt_error(code: Code, cid: str) -> HomeAssistantError:
    """Return what an action raises when the attempt that it asked for failed."""
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key=translation_key(code), translation_placeholders={"cid": cid}
    )


def not_loaded(name: str) -> ServiceValidationError:
    """Return what an action raises whose camera is not loaded, or is being unloaded."""
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key="entry_not_loaded", translation_placeholders={"name": name}
    )


def rate_limited() -> ServiceValidationError:
    """Return what an action raises that is called again too soon."""
    return ServiceValidationError(translation_domain=DOMAIN, translation_key="rate_limited")


def setup_error(err: TimelapserError) -> ConfigEntryError | ConfigEntryNotReady:
    """Return what set-up raises: to be tried again, or for the user to mend."""
    kind = ConfigEntryError if err.code in _PERMANENT else ConfigEntryNotReady
    key = "storage_unusable" if err.code.startswith("TL-FS") else "catalogue_unusable"
    return kind(translation_domain=DOMAIN, translation_key=key, translation_placeholders={"code": err.code})
