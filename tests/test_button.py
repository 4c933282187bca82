"""The buttons, through Home Assistant."""

from collections.abc import Awaitable, Callable

from homeassistant.components.button import DOMAIN as BUTTON_DOMAIN, SERVICE_PRESS
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.entity import Entity
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.conftest import Events, ScriptedCamera
from tests.ledger import BLACK
from tests.surface import entity_id, state


async def press(
    hass: HomeAssistant, entry: MockConfigEntry, context: Context | None = None, *, key: str = "capture_now"
) -> None:
    """Press a button and wait for what it does."""
    await hass.services.async_call(
        BUTTON_DOMAIN,
        SERVICE_PRESS,
        {ATTR_ENTITY_ID: entity_id(hass, entry, "button", key)},
        blocking=True,
        context=context,
    )
    await hass.async_block_till_done()


@pytest.fixture
def enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the buttons that are disabled at first be there."""
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", True)


async def test_captures_now(hass: HomeAssistant, camera_entry: MockConfigEntry, events: Events) -> None:
    context = Context()
    await press(hass, camera_entry, context)
    assert state(hass, camera_entry, "sensor", "images_captured").state == "1"
    assert state(hass, camera_entry, "sensor", "image_count").state == "1"
    [captured] = events.named("image_captured")
    assert captured.context.parent_id == context.id


async def test_a_failure_is_told_to_who_pressed(
    hass: HomeAssistant, camera: ScriptedCamera, camera_entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.timelapser.capture.RETRY_DELAY_S", 0.0)
    camera.answer = None
    with pytest.raises(HomeAssistantError) as raised:
        await press(hass, camera_entry)
    assert raised.value.translation_key == "code_tl_cam_003"
    assert state(hass, camera_entry, "sensor", "images_captured").state == "0"


@pytest.mark.usefixtures("freezer")
async def test_a_second_press_is_refused(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    await press(hass, camera_entry)
    with pytest.raises(ServiceValidationError) as raised:
        await press(hass, camera_entry)
    assert raised.value.translation_key == "rate_limited"
    assert state(hass, camera_entry, "sensor", "images_captured").state == "1"


async def test_ends_the_degraded_state(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    enabled: None,
    camera_entry: MockConfigEntry,
    events: Events,
    next_slot: Callable[..., Awaitable[None]],
) -> None:
    camera.answer = BLACK
    for _ in range(5):
        await next_slot()
    assert state(hass, camera_entry, "binary_sensor", "degraded").state == "on"
    context = Context()
    await press(hass, camera_entry, context, key="reset_degraded")
    assert state(hass, camera_entry, "binary_sensor", "degraded").state == "off"
    [recovered] = events.named("camera_recovered")
    assert recovered.context.parent_id == context.id
