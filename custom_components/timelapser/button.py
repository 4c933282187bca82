"""Buttons of a camera."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import CameraCoordinator, TimelapserConfigEntry
from .entity import TimelapserEntity
from .exceptions import translated
from .learning import async_relearn

# Two presses are two attempts of one camera: its coordinator decides which of them runs, waits or is refused.
PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class CameraButtonDescription(ButtonEntityDescription):
    """A button of a camera."""

    press_fn: Callable[[CameraCoordinator, Context | None], Awaitable[Any]]


CAMERA_BUTTONS: tuple[CameraButtonDescription, ...] = (
    CameraButtonDescription(
        key="capture_now",
        press_fn=lambda coordinator, context: coordinator.async_capture_now(context),
    ),
    CameraButtonDescription(
        key="relearn",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        press_fn=lambda coordinator, _context: async_relearn(coordinator),
    ),
    CameraButtonDescription(
        key="reset_degraded",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        press_fn=lambda coordinator, context: coordinator.async_reset_degraded(context),
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: TimelapserConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the buttons of a camera."""
    async_add_entities(CameraButton(entry.runtime_data, description) for description in CAMERA_BUTTONS)


class CameraButton(TimelapserEntity, ButtonEntity):
    """Something that a camera does when it is asked."""

    entity_description: CameraButtonDescription

    @override
    async def async_press(self) -> None:
        """Ask the coordinator, on behalf of whoever pressed."""
        with translated():
            await self.entity_description.press_fn(self.coordinator, self._context)
