"""Core errors as Home Assistant raises them: translated, with the code and a reference."""

from collections.abc import Iterator
from contextlib import contextmanager

from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady, HomeAssistantError, ServiceValidationError

from .const import DOMAIN
from .core.errors import Code, TimelapserError
from .core.ulid import new_ulid

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
    if err.code is Code.STORAGE_IN_USE:
        key = "storage_in_use"
    else:
        key = "storage_unusable" if err.code.startswith("TL-FS") else "catalogue_unusable"
    return kind(translation_domain=DOMAIN, translation_key=key, translation_placeholders={"code": err.code})


def invalid(key: str, **placeholders: str) -> ServiceValidationError:
    """Return what an action raises that was asked for something that cannot be."""
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders or None
    )


@contextmanager
def translated() -> Iterator[str]:
    """Give a reference, and raise an error of the core as what users read, with that reference."""
    cid = new_ulid()
    try:
        yield cid
    except TimelapserError as err:
        code = Code.UNEXPECTED if err.code is Code.NOT_FOUND else err.code
        # The cause behind a cause may hold a path, and Home Assistant logs the whole chain.
        raise attempt_error(code, cid) from None
