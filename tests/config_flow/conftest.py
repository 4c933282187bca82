"""Fixtures of the forms: a camera, a local disk, and an entry whose set-up does nothing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import AsyncMock, patch

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser import media_root as media_root_module
from custom_components.timelapser.const import DOMAIN, SYSTEM_UNIQUE_ID

from .forms import GARDEN, probe


@pytest.fixture(autouse=True)
def setup_entry() -> Iterator[AsyncMock]:
    """Set nothing up: the flows are what is tested here."""
    with patch("custom_components.timelapser.async_setup_entry", return_value=False) as mock:
        yield mock


@pytest.fixture(autouse=True)
def probe_camera() -> Iterator[AsyncMock]:
    """Let cameras give a good picture; a test says otherwise by the return value."""
    with patch("custom_components.timelapser.config_flow.async_probe_camera", return_value=probe()) as mock:
        yield mock


@pytest.fixture(autouse=True)
def mount(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Put everything on a local disk, whatever the tests run on; return what mounts something else."""
    table = tmp_path / "mounts"

    def write(*lines: str) -> None:
        table.write_text("".join(f"{line}\n" for line in ("/dev/sda1 / ext4 rw 0 0", *lines)))

    write()
    with patch.object(media_root_module, "_MOUNTS", table):
        yield write


@pytest.fixture(autouse=True)
def config(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Return the configuration folder, with a media folder and an allowed one beside it."""
    folder = tmp_path / "config"
    for name in ("config/.storage", "config/www", "media", "allowed"):
        (tmp_path / name).mkdir(parents=True)
    hass.config.config_dir = str(folder)
    hass.config.media_dirs = {"local": str(tmp_path / "media")}
    hass.config.allowlist_external_dirs = {str(folder / "www"), str(tmp_path / "allowed"), "/etc"}
    return folder


@pytest.fixture(autouse=True)
def garden(hass: HomeAssistant) -> er.RegistryEntry:
    """Register the camera ``camera.garden``."""
    entry = er.async_get(hass).async_get_or_create("camera", "test", "garden", suggested_object_id="garden")
    hass.states.async_set(GARDEN, "idle", {"friendly_name": "Garden"})
    return entry


@pytest.fixture
def system(hass: HomeAssistant, config: Path) -> MockConfigEntry:
    """Return the system entry, as it is once there is a camera."""
    entry = MockConfigEntry(
        domain=DOMAIN, title="Timelapser", unique_id=SYSTEM_UNIQUE_ID, data={"media_root": str(config / "frames")}
    )
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
def guarded(hass: HomeAssistant, garden: er.RegistryEntry, system: MockConfigEntry) -> MockConfigEntry:
    """Return the entry of the camera."""
    entry = MockConfigEntry(domain=DOMAIN, title="Garden", data={"camera": garden.id})
    entry.add_to_hass(hass)
    return entry
