"""What the tests of actions share: calling them, and being refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
import pytest

from custom_components.timelapser.const import DOMAIN


async def call(
    hass: HomeAssistant, action: str, *, response: bool = True, context: Context | None = None, **data: Any
) -> dict[str, Any]:
    """Call an action and return its answer."""
    answer = await hass.services.async_call(
        DOMAIN, action, data, blocking=True, return_response=response, context=context
    )
    await hass.async_block_till_done()
    return answer or {}


@contextmanager
def refused(key: str, kind: type[HomeAssistantError] = ServiceValidationError) -> Iterator[None]:
    """Demand exactly this translated error."""
    with pytest.raises(HomeAssistantError) as raised:
        yield
    assert type(raised.value) is kind
    assert raised.value.translation_domain == DOMAIN
    assert raised.value.translation_key == key
    assert key not in str(raised.value), "a text exists for it"
