"""The shared settings: every folder and limit that is refused, and what is stored."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import SOURCE_SYSTEM
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.timelapser import media_root as media_root_module
from custom_components.timelapser.const import DOMAIN, SYSTEM_UNIQUE_ID

from .forms import reconfigure, shown, storage_form, submit, system_entry


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/etc",
        "/etc/timelapser",
        "/proc",
        "/sys/kernel",
        "/dev/shm",
        "/somewhere",
        "//allowed",
        "relative",
        "",
        "~",
        "~/frames",
        "{config}",
        "{config}/",
        "{config}/.storage",
        "{config}/.storage/frames",
        "{config}/frames/.hidden",
        "{config}/www",
        "{config}/www/frames",
        "{config}/custom_components/timelapser",
        "{config}/../config/frames",
        "{config}/frames\nmore",
        "{media}/../config",
    ],
)
async def test_path_not_allowed(hass: HomeAssistant, config: Path, path: str) -> None:
    typed = path.format(config=config, media=config.parent / "media")
    result = await submit(hass, await storage_form(hass), {"media_root": typed, "byte_budget": 0.5})
    assert (result["step_id"], result["errors"]) == ("storage", {"media_root": "path_not_allowed"})
    assert shown(result) == {"media_root": typed, "byte_budget": 0.5}
    assert system_entry(hass) is None

    result = await submit(hass, result, {"media_root": str(config / "frames")})
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("config/missing/frames", "path_missing"),
        ("media/missing/frames", "path_missing"),
        ("config/file", "path_not_dir"),
        ("config/file/frames", "path_not_dir"),
        ("media/link", "path_symlink"),
        ("media/link/frames", "path_symlink"),
        ("media/dangling", "path_symlink"),
        ("media/loop", "path_symlink"),
    ],
)
async def test_bad_path(hass: HomeAssistant, config: Path, path: str, error: str) -> None:
    top = config.parent
    (config / "file").touch()
    (top / "media" / "link").symlink_to(top / "allowed")
    (top / "media" / "dangling").symlink_to(top / "nothing")
    (top / "media" / "loop").symlink_to(top / "media" / "loop")
    result = await submit(hass, await storage_form(hass), {"media_root": str(top / path)})
    assert result["errors"] == {"media_root": error}
    result = await submit(hass, result, {"media_root": str(top / "media")})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_path_not_writable(hass: HomeAssistant, config: Path) -> None:
    form = await storage_form(hass)
    with patch("tempfile.TemporaryFile", side_effect=OSError(30, "read-only")):
        result = await submit(hass, form, {})
    assert result["errors"] == {"media_root": "path_not_writable"}
    assert (await submit(hass, result, {}))["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("name", ["x" * 300, "ä" * 130, "x/" * 2100 + "x"], ids=["long", "long in UTF-8", "deep"])
async def test_path_too_long_for_the_disk(hass: HomeAssistant, config: Path, name: str) -> None:
    result = await submit(hass, await storage_form(hass), {"media_root": str(config.parent / "media" / name)})
    assert result["errors"] == {"media_root": "path_not_writable"}


async def test_disk_that_goes_away_while_it_is_judged(hass: HomeAssistant) -> None:
    with patch("shutil.disk_usage", side_effect=OSError(116, "stale")):
        result = await submit(hass, await storage_form(hass), {"byte_budget": 900})
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("path", ["media", "media/new", "allowed/new", "config/frames", "config/timelapser/media"])
async def test_good_path(hass: HomeAssistant, config: Path, path: str) -> None:
    result = await submit(hass, await storage_form(hass), {"media_root": f"  {config.parent / path}/ "})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    system = system_entry(hass)
    assert system is not None
    assert system.data == {"media_root": str(config.parent / path)}


async def test_config_behind_a_symlink(hass: HomeAssistant, config: Path) -> None:
    link = config.parent / "home"
    link.symlink_to(config)
    hass.config.config_dir = str(link)
    result = await submit(hass, await storage_form(hass), {})
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("budget", [0, -1, 0.099, "abc", float("nan"), float("inf"), "1e999"])
async def test_quota_too_small(hass: HomeAssistant, budget: Any) -> None:
    result = await submit(hass, await storage_form(hass), {"byte_budget": budget})
    assert result["errors"] == {"byte_budget": "quota_too_small"}
    assert (await submit(hass, result, {"byte_budget": 0.1}))["type"] is FlowResultType.CREATE_ENTRY
    system = system_entry(hass)
    assert system is not None
    assert system.data["byte_budget"] == 0.1


async def test_quota_exceeds_free(hass: HomeAssistant) -> None:
    with patch("shutil.disk_usage", return_value=SimpleNamespace(free=5 * 10**9)):
        result = await submit(hass, await storage_form(hass), {"byte_budget": 900})
        assert result["errors"] == {"byte_budget": "quota_exceeds_free"}
        assert result["description_placeholders"]["free"] == "5.0"
        result = await submit(hass, result, {"byte_budget": 901})
        assert result["errors"] == {"byte_budget": "quota_exceeds_free"}
        result = await submit(hass, result, {"byte_budget": 901})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    system = system_entry(hass)
    assert system is not None
    assert system.data["byte_budget"] == 901


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs"])
async def test_catalog_on_network_fs(hass: HomeAssistant, config: Path, mount: Callable[..., None], kind: str) -> None:
    share = f"nas:/share {config} {kind} rw 0 0"
    mount(share)
    result = await submit(hass, await storage_form(hass), {"media_root": str(config.parent / "media")})
    assert result["errors"] == {"base": "catalog_on_network_fs"}
    mount(share, f"/dev/sdb {config} ext4 rw 0 0")
    assert (await submit(hass, result, {}))["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(
    "line",
    ["nas:/share {media} nfs rw 0 0", "pool {config} fuse.shfs rw 0 0", "/dev/sdb {config} fuseblk rw 0 0"],
)
async def test_catalog_on_local_fs(hass: HomeAssistant, config: Path, mount: Callable[..., None], line: str) -> None:
    media = config.parent / "media"
    mount(line.format(config=config, media=media))
    result = await submit(hass, await storage_form(hass), {"media_root": str(media)})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_mounted_below_a_name_with_a_space(hass: HomeAssistant, config: Path, mount: Callable[..., None]) -> None:
    hass.config.config_dir = str(config / "my config")
    mount(f"nas:/share {config}/my\\040config nfs rw 0 0")
    result = await submit(hass, await storage_form(hass), {})
    assert result["errors"] == {"base": "catalog_on_network_fs"}


async def test_system_without_a_table_of_mounts(hass: HomeAssistant, config: Path) -> None:
    with patch.object(media_root_module, "_MOUNTS", config / "none"):
        result = await submit(hass, await storage_form(hass), {})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_all_errors_at_once(hass: HomeAssistant, mount: Callable[..., None]) -> None:
    mount("nas:/ / nfs rw 0 0")
    result = await submit(hass, await storage_form(hass), {"media_root": "/", "byte_budget": 0})
    assert result["errors"] == {
        "media_root": "path_not_allowed",
        "byte_budget": "quota_too_small",
        "base": "catalog_on_network_fs",
    }


async def test_system_entry_is_made_once(hass: HomeAssistant, system: MockConfigEntry) -> None:
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_SYSTEM}, data={})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert not hass.config_entries.subentries.async_progress()


# Reconfiguration


async def test_reconfigure_system(hass: HomeAssistant, system: MockConfigEntry, config: Path) -> None:
    result = await reconfigure(hass, system)
    assert (result["step_id"], shown(result)) == ("reconfigure_storage", {"media_root": str(config / "frames")})
    result = await submit(hass, result, {"media_root": "/"})
    assert (result["step_id"], result["errors"]) == ("reconfigure_storage", {"media_root": "path_not_allowed"})
    result = await submit(hass, result, {"media_root": str(config / "other"), "byte_budget": 0.2})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert system.data == {"media_root": str(config / "other"), "byte_budget": 0.2}

    result = await submit(hass, await reconfigure(hass, system), {"media_root": str(config / "other")})
    assert system.data == {"media_root": str(config / "other")}


async def test_reconfigure_system_made_without_settings(hass: HomeAssistant, config: Path) -> None:
    entry = MockConfigEntry(domain=DOMAIN, unique_id=SYSTEM_UNIQUE_ID, data={})
    entry.add_to_hass(hass)
    result = await reconfigure(hass, entry)
    assert shown(result) == {"media_root": str(config / "timelapser" / "media")}
    await submit(hass, result, {"byte_budget": 0.3})
    assert entry.data == {"media_root": str(config / "timelapser" / "media"), "byte_budget": 0.3}


async def test_reconfigure_system_does_not_warn_of_what_was_accepted(
    hass: HomeAssistant, system: MockConfigEntry, config: Path
) -> None:
    data = {"media_root": str(config / "frames"), "byte_budget": 1e9}
    hass.config_entries.async_update_entry(system, data=data)
    result = await submit(hass, await reconfigure(hass, system), data)
    assert result["reason"] == "reconfigure_successful"
    result = await submit(hass, await reconfigure(hass, system), {**data, "byte_budget": 2e9})
    assert result["errors"] == {"byte_budget": "quota_exceeds_free"}
