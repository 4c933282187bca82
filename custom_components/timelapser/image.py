"""Images: the latest frame that was kept, the last one that was rejected, and what the camera normally looks like."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.image import ImageEntity, ImageEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import CameraCoordinator, TimelapserConfigEntry
from .core.models import FrameRef
from .entity import TimelapserEntity
from .snapshot import CameraSnapshot

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class CameraImageDescription(ImageEntityDescription):
    """An image of a camera."""

    frame_fn: Callable[[CameraSnapshot], FrameRef | None]


CAMERA_IMAGES: tuple[CameraImageDescription, ...] = (
    CameraImageDescription(key="latest_frame", frame_fn=lambda snapshot: snapshot.latest_frame),
    CameraImageDescription(key="last_rejected", frame_fn=lambda snapshot: snapshot.last_rejected),
    CameraImageDescription(
        key="reference",
        entity_registry_enabled_default=False,
        frame_fn=lambda snapshot: snapshot.reference,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: TimelapserConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the images of a camera."""
    async_add_entities(CameraImage(entry.runtime_data, description) for description in CAMERA_IMAGES)


class CameraImage(TimelapserEntity, ImageEntity):
    """A stored frame; its state is the instant at which that frame was captured."""

    entity_description: CameraImageDescription

    def __init__(self, coordinator: CameraCoordinator, description: CameraImageDescription) -> None:
        """Show the frame that the coordinator has now."""
        TimelapserEntity.__init__(self, coordinator, description)
        ImageEntity.__init__(self, coordinator.hass)
        self._frame: FrameRef | None = None
        self._take_frame()

    def _take_frame(self) -> None:
        """Point the entity at the frame of the present snapshot."""
        self._frame = self.entity_description.frame_fn(self.coordinator.data)
        self._attr_image_last_updated = None if self._frame is None else self._frame.captured_at
        if self._frame is not None:
            self._attr_content_type = self._frame.content_type

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Follow the new snapshot."""
        self._take_frame()
        super()._handle_coordinator_update()

    @property
    @override
    def entity_picture(self) -> str | None:
        """Return the address of the picture; none while there is none, as a browser remembers that it got nothing."""
        return None if self._frame is None else super().entity_picture

    @override
    async def async_image(self) -> bytes | None:
        """Return the bytes of the frame's file; None without a frame or when its file is gone."""
        return None if self._frame is None else await self.coordinator.engine.async_read_still(self._frame)
