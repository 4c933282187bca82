"""A camera that is gone for a day costs little, is told twice, and is back soon after it is."""

import asyncio
from collections.abc import Awaitable, Callable
import logging

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser.const import DOMAIN
from tests.conftest import Events, ScriptedCamera
from tests.ledger import table
from tests.surface import state

type NextSlot = Callable[..., Awaitable[None]]

DAY_S, STEP_S = 86400, 900
ATTEMPTS_A_DAY = 105
NOTICED_S = 900


class Told:
    """What this integration says in the log, and not for developers alone."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, f"custom_components.{DOMAIN}")
        self._caplog = caplog

    def lines(self) -> list[str]:
        """Return the lines."""
        records = self._caplog.get_records("call")
        return [
            record.getMessage()
            for record in records
            if record.name.startswith(f"custom_components.{DOMAIN}") and record.levelno >= logging.INFO
        ]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Told:
    """Return what is told from now on."""
    return Told(caplog)


def set_available(camera: ScriptedCamera, available: bool) -> None:
    """Let the camera's integration lose or find it."""
    camera._attr_available = available
    camera.async_write_ha_state()


@pytest.mark.parametrize("how", ["raises", "unavailable"])
async def test_a_day_of_outage(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    camera_entry: MockConfigEntry,
    events: Events,
    next_slot: NextSlot,
    told: Told,
    how: str,
    pytestconfig: pytest.Config,
) -> None:
    """Few attempts, one line when it goes and one when it is back; back within 15 min, or at once with its entity.

    After the first hour the short form lets time pass in steps of a quarter of an hour, the longest wait for a probe.
    """
    await next_slot()
    camera.answer = OSError("gone")
    if how == "unavailable":
        set_available(camera, False)
    before, start = len(table(hass, "attempts")), dt_util.utcnow()
    while (passed := (dt_util.utcnow() - start).total_seconds()) < DAY_S:
        await next_slot(60 if passed < 3600 or pytestconfig.getoption("--long") else STEP_S)
    assert len(table(hass, "attempts")) - before <= ATTEMPTS_A_DAY
    assert len(told.lines()) == len(events.named("camera_offline")) == 1
    assert state(hass, camera_entry, "sensor", "health").state == "offline"

    camera.answer = camera.good
    back = dt_util.utcnow()
    if how == "unavailable":
        set_available(camera, True)
        for _ in range(500):
            await asyncio.sleep(0 if events.named("camera_online") else 0.01)
    while not events.named("camera_online"):
        assert (dt_util.utcnow() - back).total_seconds() < 2 * NOTICED_S
        await next_slot(60)
    noticed = (dt_util.utcnow() - back).total_seconds()
    assert noticed <= (NOTICED_S if how == "raises" else 0)
    assert len(told.lines()) == 2
    for _ in range(3):
        await next_slot()
    assert len(told.lines()) == 2
