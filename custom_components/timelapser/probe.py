"""One look at a camera before it is guarded."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN
from .core.detection import Detector, Evaluation
from .core.errors import Code, TimelapserError
from .core.models import FetchStrategy
from .fetch import Fetcher, SourceCamera


@dataclass(frozen=True, slots=True)
class Probe:
    """What one still of a camera says; ``evaluation`` is None when there was none, and ``code`` says why."""

    evaluation: Evaluation | None
    data: bytes | None
    code: Code | None
    battery: bool
    strategy: FetchStrategy
    text: str


async def async_probe_camera(hass: HomeAssistant, entity_id: str) -> Probe:
    """Grab and score one still; every failure is part of the answer."""
    source = SourceCamera(hass, entity_id)
    battery = _runs_on_battery(hass, entity_id)
    pool = ThreadPoolExecutor(1, f"{DOMAIN}-probe")
    fetcher = Fetcher(hass, source, FetchStrategy.AUTO, pool)
    try:
        fetched = await fetcher.async_fetch()
        evaluation = await hass.loop.run_in_executor(
            pool,
            lambda: Detector().evaluate(fetched.data, when=fetched.captured_at, evidence=fetched.evidence),
        )
    except TimelapserError as err:
        return Probe(None, None, err.code, battery, FetchStrategy.AUTO, err.text)
    finally:
        fetcher.cancel()
        await hass.async_add_executor_job(pool.shutdown)
    return Probe(evaluation, fetched.data, None, battery, fetched.evidence.strategy, "")


def _runs_on_battery(hass: HomeAssistant, entity_id: str) -> bool:
    """Return whether the camera's device reports a battery."""
    registry = er.async_get(hass)
    entry = registry.async_get(entity_id)
    if entry is None or entry.device_id is None:
        return False
    return any(
        SensorDeviceClass.BATTERY in (other.device_class, other.original_device_class)
        for other in er.async_entries_for_device(registry, entry.device_id)
    )
