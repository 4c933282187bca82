"""The recording switch, through Home Assistant."""

from homeassistant.components.switch import DOMAIN as SWITCH_DOMAIN
from homeassistant.const import (
    ATTR_ENTITY_ID,
    SERVICE_TURN_OFF,
    SERVICE_TURN_ON,
    STATE_OFF,
    STATE_ON,
    STATE_UNAVAILABLE,
)
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.core.models import Reason
from tests.surface import entity_id, show, state, timelapse_id


async def test_pauses_and_resumes(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    switch = entity_id(hass, camera_entry, "switch", "recording")
    assert state(hass, camera_entry, "switch", "recording").state == STATE_ON

    await hass.services.async_call(SWITCH_DOMAIN, SERVICE_TURN_OFF, {ATTR_ENTITY_ID: switch}, blocking=True)
    await hass.async_block_till_done()
    assert state(hass, camera_entry, "switch", "recording").state == STATE_OFF
    assert state(hass, camera_entry, "sensor", "state").state == Reason.PAUSED
    assert not camera_entry.runtime_data.data.timelapses[timelapse_id(camera_entry)].recording

    await hass.services.async_call(SWITCH_DOMAIN, SERVICE_TURN_ON, {ATTR_ENTITY_ID: switch}, blocking=True)
    await hass.async_block_till_done()
    assert state(hass, camera_entry, "switch", "recording").state == STATE_ON
    assert state(hass, camera_entry, "sensor", "state").state == Reason.READY


async def test_stays_paused_after_a_reload(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    switch = entity_id(hass, camera_entry, "switch", "recording")
    await hass.services.async_call(SWITCH_DOMAIN, SERVICE_TURN_OFF, {ATTR_ENTITY_ID: switch}, blocking=True)
    assert await hass.config_entries.async_reload(camera_entry.entry_id)
    await hass.async_block_till_done()
    assert state(hass, camera_entry, "switch", "recording").state == STATE_OFF


async def test_is_unavailable_without_its_timelapse(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    await show(hass, camera_entry, timelapses={})
    assert state(hass, camera_entry, "switch", "recording").state == STATE_UNAVAILABLE
