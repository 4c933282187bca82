"""The forms, driven through Home Assistant's flow managers: every way through, every bad input, and what is stored."""

import asyncio
from collections.abc import Callable, Iterator
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, patch

from homeassistant.config_entries import SOURCE_SYSTEM, SOURCE_USER, ConfigEntry, FlowType
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.timelapser import media_root as media_root_module
from custom_components.timelapser.config_flow import TimelapserConfigFlow
from custom_components.timelapser.const import DEFAULT_KEEP_DAYS, DOMAIN, SUBENTRY_TIMELAPSE, SYSTEM_UNIQUE_ID
from custom_components.timelapser.core.detection import Evaluation
from custom_components.timelapser.core.detection.baseline import Baseline
from custom_components.timelapser.core.errors import Code
from custom_components.timelapser.core.models import Fault, FaultKind, FetchStrategy, Freshness, Verdict
from custom_components.timelapser.probe import Probe

INTEGRATION = Path(__file__).parents[1] / "custom_components" / DOMAIN
TEXTS = json.loads((INTEGRATION / "translations" / "en.json").read_text(encoding="utf-8"))

GARDEN = "camera.garden"


def probe(*, score: float | None = 87.4, battery: bool = False, faults: tuple[Fault, ...] = ()) -> Probe:
    """Return what a camera says that gives a picture."""
    evaluation = Evaluation(
        score=score,
        verdict=Verdict.GOOD if score else Verdict.UNREADABLE,
        faults=faults,
        features={},
        light=None,
        freshness=Freshness.PROVEN,
        size=(1920, 1080) if score else None,
        content_type="image/jpeg",
        sha256=b"",
        timings={},
        baseline=Baseline.empty(),
    )
    return Probe(evaluation, b"", None, battery, FetchStrategy.SNAPSHOT, "")


def no_picture(code: Code | None = Code.CAMERA_TIMEOUT) -> Probe:
    """Return what is known of a camera that gives no picture."""
    return Probe(None, None, code, False, FetchStrategy.AUTO, "something")


@pytest.fixture(autouse=True)
def setup_entry() -> Iterator[AsyncMock]:
    """Set nothing up: the flows are what is tested here."""
    with patch("custom_components.timelapser.async_setup_entry", return_value=True) as mock:
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


def check_texts(result: Any, flow: str) -> None:
    """See that all that a form shows has a text: its fields, their descriptions, its errors and placeholders."""
    texts: Any = TEXTS
    for part in flow.split("."):
        texts = texts[part]
    step = texts["step"][result["step_id"]]
    shown = [step["title"], step.get("description", "")]
    if result["type"] is FlowResultType.MENU:
        assert all(step["menu_options"][way] for way in result["menu_options"])
    else:
        for field in result["data_schema"].schema:
            assert step["data"][field]
            shown.append(step["data_description"][field])
    shown.extend(texts["error"][error] for error in (result.get("errors") or {}).values())
    for text in shown:
        text.format(**(result["description_placeholders"] or {}))


async def start(hass: HomeAssistant, **context: Any) -> Any:
    """Start a config flow."""
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER, **context})
    check_texts(result, "config")
    return result


async def submit(hass: HomeAssistant, result: Any, user_input: dict[str, Any]) -> Any:
    """Submit a form of a config flow, and look at the next one."""
    result = await hass.config_entries.flow.async_configure(result["flow_id"], user_input)
    if result["type"] in (FlowResultType.FORM, FlowResultType.MENU):
        check_texts(result, "config")
    return result


async def choose(hass: HomeAssistant, camera: str = GARDEN) -> Any:
    """Start a config flow and choose a camera."""
    return await submit(hass, await start(hass), {"camera": camera})


def shown(result: Any) -> dict[str, Any]:
    """Return the values that a form shows: what is suggested, else the default."""
    values = {}
    for marker in result["data_schema"].schema:
        if marker.description and "suggested_value" in marker.description:
            values[str(marker)] = marker.description["suggested_value"]
        elif callable(getattr(marker, "default", None)):
            values[str(marker)] = marker.default()
    return values


def system_entry(hass: HomeAssistant) -> ConfigEntry | None:
    return hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, SYSTEM_UNIQUE_ID)


# The first camera


async def test_first_camera(hass: HomeAssistant, config: Path, garden: er.RegistryEntry) -> None:
    result = await start(hass)
    assert (result["type"], result["step_id"], result["errors"]) == (FlowResultType.FORM, "user", {})

    result = await submit(hass, result, {"camera": GARDEN})
    assert (result["step_id"], result["last_step"]) == ("preview", False)
    assert result["description_placeholders"] == {
        "camera": "Garden",
        "score": "87",
        "verdict": "good",
        "size": "1920 × 1080",
        "faults": "None",
        "strategy": "Snapshot",
        "notes": "",
    }

    result = await submit(hass, result, {})
    assert result["step_id"] == "storage"
    assert shown(result) == {"media_root": str(config / "timelapser" / "media")}

    result = await submit(hass, result, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert (result["title"], result["data"], result["options"]) == ("Garden", {"camera": garden.id}, {})
    assert result["result"].unique_id is None
    system = system_entry(hass)
    assert system is not None
    assert (system.title, system.source) == ("Timelapser", SOURCE_SYSTEM)
    assert system.data == {"media_root": str(config / "timelapser" / "media")}
    assert not (config / "timelapser").exists()

    kind, flow_id = result["next_flow"]
    assert kind is FlowType.CONFIG_SUBENTRIES_FLOW
    [flow] = hass.config_entries.subentries.async_progress()
    assert (flow["flow_id"], flow["handler"], flow["step_id"]) == (
        flow_id,
        (result["result"].entry_id, SUBENTRY_TIMELAPSE),
        "user",
    )


async def test_second_camera_is_not_asked_for_storage(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    hass.states.async_set("camera.yard", "idle", {"friendly_name": "Yard"})
    result = await choose(hass, "camera.yard")
    assert (result["step_id"], result["last_step"]) == ("preview", True)
    result = await submit(hass, result, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert (result["title"], result["data"]) == ("Yard", {"camera": "camera.yard"})


async def test_two_first_cameras_at_once(hass: HomeAssistant, config: Path) -> None:
    hass.states.async_set("camera.yard", "idle", {"friendly_name": "Yard"})
    forms = [await submit(hass, await choose(hass, camera), {}) for camera in (GARDEN, "camera.yard")]
    assert [form["step_id"] for form in forms] == ["storage", "storage"]

    results = await asyncio.gather(
        *(
            submit(hass, form, {"media_root": str(config / name)})
            for form, name in zip(forms, ("one", "two"), strict=True)
        )
    )
    assert [result["type"] for result in results] == [FlowResultType.CREATE_ENTRY] * 2
    entries = hass.config_entries.async_entries(DOMAIN)
    assert sorted(entry.title for entry in entries) == ["Garden", "Timelapser", "Yard"]
    system = system_entry(hass)
    assert system is not None
    assert system.data["media_root"] in (str(config / "one"), str(config / "two"))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("", "camera_required"),
        (None, "camera_required"),
        ("light.kitchen", "not_a_camera"),
        ("camera.nowhere", "camera_not_found"),
        ("0123456789abcdef0123456789abcdef", "camera_not_found"),
        ("no entity at all", "camera_not_found"),
    ],
)
async def test_bad_camera(hass: HomeAssistant, value: Any, error: str, probe_camera: AsyncMock) -> None:
    result = await submit(hass, await start(hass), {"camera": value})
    assert (result["step_id"], result["errors"]) == ("user", {"camera": error})
    assert shown(result) == {"camera": value}
    assert result["description_placeholders"] == {"camera": value or ""}
    probe_camera.assert_not_awaited()

    result = await submit(hass, result, {"camera": GARDEN})
    assert result["step_id"] == "preview"
    probe_camera.assert_awaited_once_with(hass, GARDEN)


async def test_no_camera_in_the_request(hass: HomeAssistant) -> None:
    result = await submit(hass, await start(hass), {})
    assert result["errors"] == {"camera": "camera_required"}


async def test_camera_by_registry_id(hass: HomeAssistant, garden: er.RegistryEntry, system: MockConfigEntry) -> None:
    result = await submit(hass, await choose(hass, garden.id), {})
    assert (result["title"], result["data"]) == ("Garden", {"camera": garden.id})


@pytest.mark.parametrize("name", ["The yard", None])
async def test_registered_camera_without_state(hass: HomeAssistant, system: MockConfigEntry, name: str | None) -> None:
    er.async_get(hass).async_get_or_create(
        "camera",
        "test",
        "yard",
        suggested_object_id="yard",
        original_name=name,
        disabled_by=er.RegistryEntryDisabler.USER,
    )
    result = await submit(hass, await choose(hass, "camera.yard"), {})
    assert result["title"] == (name or "camera.yard")


async def test_unregistered_camera(hass: HomeAssistant, system: MockConfigEntry) -> None:
    hass.states.async_set("camera.yaml", "idle", {"friendly_name": "YAML"})
    result = await choose(hass, "camera.yaml")
    assert "has no unique ID" in result["description_placeholders"]["notes"]
    result = await submit(hass, result, {})
    assert result["data"] == {"camera": "camera.yaml"}


async def test_same_camera_twice(hass: HomeAssistant, guarded: MockConfigEntry, probe_camera: AsyncMock) -> None:
    result = await choose(hass)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    probe_camera.assert_not_awaited()


async def test_same_camera_twice_registered_in_between(hass: HomeAssistant, system: MockConfigEntry) -> None:
    MockConfigEntry(domain=DOMAIN, data={"camera": GARDEN}).add_to_hass(hass)
    result = await choose(hass)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")


async def test_picture_with_faults(hass: HomeAssistant, probe_camera: AsyncMock) -> None:
    await hass.config.async_update(language="de")
    probe_camera.return_value = probe(
        score=None, battery=True, faults=(Fault(FaultKind.BLACK, 1.0), Fault(FaultKind.BLUR, 0.4))
    )
    texts = (await choose(hass))["description_placeholders"]
    assert texts["score"] == texts["size"] == "–"
    assert texts["verdict"] == "unlesbar, es würde verworfen"
    assert texts["faults"] == "Schwarz, Unscharf"
    assert texts["notes"].startswith("Diese Kamera läuft mit einem Akku")


# A camera that gives no picture


async def test_unavailable_camera_may_continue(
    hass: HomeAssistant, system: MockConfigEntry, garden: er.RegistryEntry, probe_camera: AsyncMock
) -> None:
    probe_camera.return_value = no_picture()
    result = await choose(hass)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "unavailable")
    assert result["menu_options"] == ["probe", "user", "accept"]
    assert result["description_placeholders"] == {
        "camera": "Garden",
        "code": "TL-CAM-004",
        "reason": "The camera did not answer in time",
        "notes": "",
    }
    result = await submit(hass, result, {"next_step_id": "accept"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == {"camera": garden.id}


async def test_unavailable_first_camera_is_asked_for_storage(hass: HomeAssistant, probe_camera: AsyncMock) -> None:
    probe_camera.return_value = no_picture()
    result = await submit(hass, await choose(hass), {"next_step_id": "accept"})
    assert result["step_id"] == "storage"


async def test_unavailable_camera_tried_again(hass: HomeAssistant, probe_camera: AsyncMock) -> None:
    probe_camera.side_effect = [no_picture(None), no_picture(), probe()]
    result = await choose(hass)
    assert result["description_placeholders"]["reason"] == "something"
    result = await submit(hass, result, {"next_step_id": "probe"})
    assert result["step_id"] == "unavailable"
    result = await submit(hass, result, {"next_step_id": "probe"})
    assert result["step_id"] == "preview"


async def test_unavailable_camera_replaced(
    hass: HomeAssistant, system: MockConfigEntry, probe_camera: AsyncMock
) -> None:
    hass.states.async_set("camera.yard", "idle")
    probe_camera.side_effect = [no_picture(), probe()]
    result = await submit(hass, await choose(hass), {"next_step_id": "user"})
    assert (result["step_id"], result["errors"]) == ("user", {})
    result = await submit(hass, result, {"camera": "camera.yard"})
    result = await submit(hass, result, {})
    assert result["data"] == {"camera": "camera.yard"}


# Storage


async def storage_form(hass: HomeAssistant) -> Any:
    return await submit(hass, await choose(hass), {})


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


async def reconfigure(hass: HomeAssistant, entry: ConfigEntry) -> Any:
    return await start(hass, source="reconfigure", entry_id=entry.entry_id)


async def test_reconfigure_camera(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    hass.states.async_set("camera.yard", "idle", {"friendly_name": "Yard"})
    result = await reconfigure(hass, guarded)
    assert (result["step_id"], shown(result)) == ("reconfigure", {"camera": GARDEN})
    result = await submit(hass, result, {"camera": "camera.nowhere"})
    assert (result["step_id"], result["errors"]) == ("reconfigure", {"camera": "camera_not_found"})
    result = await submit(hass, result, {"camera": "camera.yard"})
    assert (result["step_id"], result["last_step"]) == ("preview", True)
    result = await submit(hass, result, {})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert (guarded.data, guarded.title) == ({"camera": "camera.yard"}, "Yard")


async def test_reconfigure_keeps_a_title_of_the_user(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    hass.config_entries.async_update_entry(guarded, title="My roses")
    hass.states.async_set("camera.yard", "idle", {"friendly_name": "Yard"})
    await submit(hass, await submit(hass, await reconfigure(hass, guarded), {"camera": "camera.yard"}), {})
    assert (guarded.data, guarded.title) == ({"camera": "camera.yard"}, "My roses")


async def test_reconfigure_to_the_same_camera(
    hass: HomeAssistant, guarded: MockConfigEntry, garden: er.RegistryEntry
) -> None:
    result = await submit(hass, await submit(hass, await reconfigure(hass, guarded), {"camera": GARDEN}), {})
    assert result["reason"] == "reconfigure_successful"
    assert guarded.data == {"camera": garden.id}


async def test_reconfigure_to_a_guarded_camera(
    hass: HomeAssistant, guarded: MockConfigEntry, garden: er.RegistryEntry
) -> None:
    other = MockConfigEntry(domain=DOMAIN, data={"camera": "camera.gone"})
    other.add_to_hass(hass)
    result = await reconfigure(hass, other)
    assert shown(result) == {"camera": "camera.gone"}
    result = await submit(hass, result, {"camera": GARDEN})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert other.data == {"camera": "camera.gone"}


async def test_reconfigure_to_an_unavailable_camera(
    hass: HomeAssistant, guarded: MockConfigEntry, garden: er.RegistryEntry, probe_camera: AsyncMock
) -> None:
    probe_camera.return_value = no_picture()
    result = await submit(hass, await reconfigure(hass, guarded), {"camera": GARDEN})
    assert result["menu_options"] == ["probe", "reconfigure", "accept"]
    result = await submit(hass, result, {"next_step_id": "reconfigure"})
    assert (result["step_id"], result["errors"]) == ("reconfigure", {})
    result = await submit(hass, result, {"camera": GARDEN})
    result = await submit(hass, result, {"next_step_id": "accept"})
    assert result["reason"] == "reconfigure_successful"


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


# Options


async def show_options(hass: HomeAssistant, entry: ConfigEntry) -> Any:
    result = await hass.config_entries.options.async_init(entry.entry_id)
    check_texts(result, "options")
    return result


async def submit_options(hass: HomeAssistant, result: Any, user_input: dict[str, Any]) -> Any:
    result = await hass.config_entries.options.async_configure(result["flow_id"], user_input)
    if result["type"] is FlowResultType.FORM:
        check_texts(result, "options")
    return result


DEFAULT_OPTIONS = {
    "reject_below": 50.0,
    "heavy_checks": False,
    "strategy": "auto",
    "retries": 2,
    "degraded_after": 5,
    "degraded_share": 50.0,
    "recover_after": 5,
    "quarantine_days": 14,
}


async def test_options(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    result = await show_options(hass, guarded)
    assert shown(result) == DEFAULT_OPTIONS
    assert result["description_placeholders"]["retries"] == "0 – 5"
    result = await submit_options(
        hass,
        result,
        {"reject_below": 62.5, "heavy_checks": True, "strategy": "stream", "retries": 0.0, "recover_after": 5},
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert guarded.options == {"reject_below": 62.5, "heavy_checks": True, "strategy": "stream", "retries": 0}
    assert isinstance(guarded.options["retries"], int)

    result = await show_options(hass, guarded)
    assert shown(result) == DEFAULT_OPTIONS | guarded.options
    await submit_options(hass, result, DEFAULT_OPTIONS)
    assert guarded.options == {}


@pytest.mark.parametrize(
    ("field", "values", "error"),
    [
        ("reject_below", (-1, 100.5, "abc", None), "out_of_range"),
        ("retries", (-1, 6, 1.5, float("nan")), "out_of_range"),
        ("degraded_after", (0, 51), "out_of_range"),
        ("degraded_share", (9.9, 101), "out_of_range"),
        ("recover_after", (0, 51, 10**400), "out_of_range"),
        ("quarantine_days", (0, -1, 10**6, 1.5, "abc"), "retention_out_of_range"),
    ],
)
async def test_option_out_of_range(
    hass: HomeAssistant, guarded: MockConfigEntry, field: str, values: tuple[Any, ...], error: str
) -> None:
    result = await show_options(hass, guarded)
    for value in values:
        typed = DEFAULT_OPTIONS | {"heavy_checks": True, field: value}
        result = await submit_options(hass, result, typed)
        assert result["errors"] == {field: error}, value
        assert {key: item for key, item in shown(result).items() if item == item} == {
            key: item for key, item in typed.items() if item == item
        }
    await submit_options(hass, result, DEFAULT_OPTIONS | {"heavy_checks": True})
    assert guarded.options == {"heavy_checks": True}


def test_system_entry_has_no_options_and_no_timelapses(system: MockConfigEntry, guarded: MockConfigEntry) -> None:
    assert not TimelapserConfigFlow.async_supports_options_flow(system)
    assert TimelapserConfigFlow.async_supports_options_flow(guarded)
    assert TimelapserConfigFlow.async_get_supported_subentry_types(system) == {}
    assert list(TimelapserConfigFlow.async_get_supported_subentry_types(guarded)) == [SUBENTRY_TIMELAPSE]


# Timelapses

RECIPE = {"name": "Roses", "interval": "5m", "window": "always", "keep_days": 365}


async def show_timelapse(hass: HomeAssistant, entry: ConfigEntry, **context: Any) -> Any:
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, SUBENTRY_TIMELAPSE), context={"source": SOURCE_USER, **context}
    )
    check_texts(result, "config_subentries.timelapse")
    return result


async def submit_timelapse(hass: HomeAssistant, result: Any, user_input: dict[str, Any]) -> Any:
    result = await hass.config_entries.subentries.async_configure(result["flow_id"], user_input)
    if result["type"] is FlowResultType.FORM:
        check_texts(result, "config_subentries.timelapse")
    return result


async def add_timelapse(hass: HomeAssistant, entry: ConfigEntry, **recipe: Any) -> Any:
    return await submit_timelapse(hass, await show_timelapse(hass, entry), RECIPE | recipe)


def timelapses(entry: ConfigEntry) -> dict[str, Any]:
    return {subentry.title: dict(subentry.data) for subentry in entry.get_subentries_of_type(SUBENTRY_TIMELAPSE)}


async def test_timelapse_with_defaults(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    result = await show_timelapse(hass, guarded)
    assert shown(result) == {"name": "", "interval": "5m", "window": "always", "keep_days": DEFAULT_KEEP_DAYS}
    assert result["description_placeholders"] == {"min": "5s", "max": "7d", "keep_days": "0 – 3650"}
    result = await submit_timelapse(hass, result, {"name": "Roses"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert timelapses(guarded) == {"Roses": {"interval": 300, "window": "always", "keep_days": 365}}


async def test_first_timelapse_of_a_battery_camera(
    hass: HomeAssistant, system: MockConfigEntry, probe_camera: AsyncMock
) -> None:
    probe_camera.return_value = probe(battery=True)
    result = await choose(hass)
    assert "battery" in result["description_placeholders"]["notes"]
    result = await submit(hass, result, {})
    entry = result["result"]
    assert entry.data["battery"] is True
    assert entry.options == {"retries": 0}
    [flow] = hass.config_entries.subentries.async_progress()
    created = await submit_timelapse(hass, flow, {"name": "Roses"})
    assert created["type"] is FlowResultType.CREATE_ENTRY
    assert timelapses(entry) == {"Roses": {"interval": 3600, "window": "always", "keep_days": 365}}


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [
        ("10s", 10),
        ("1d", 86400),
        ("90", 90),
        (5, 5),
        (7.5, 7.5),
        ("90s", 90),
        ("2 H", 7200),
        (" 5m ", 300),
        ("1.5h", 5400),
        ("00:00:05", 5),
        ("01:30:00", 5400),
        ("168:00:00", 604800),
        ("7d", 604800),
    ],
)
async def test_interval(hass: HomeAssistant, guarded: MockConfigEntry, typed: Any, seconds: float) -> None:
    await add_timelapse(hass, guarded, interval=typed)
    assert timelapses(guarded)["Roses"]["interval"] == seconds


@pytest.mark.parametrize(
    "typed",
    [
        0,
        -5,
        0.1,
        1e9,
        "NaN",
        "abc",
        "",
        "4.9",
        "4s",
        "8d",
        "168:00:01",
        "00:99:00",
        "5 weeks",
        float("nan"),
        None,
        "9" * 400,
    ],
)
async def test_interval_out_of_range(hass: HomeAssistant, guarded: MockConfigEntry, typed: Any) -> None:
    result = await add_timelapse(hass, guarded, interval=typed)
    assert result["errors"] == {"interval": "interval_out_of_range"}
    assert shown(result)["name"] == "Roses"
    assert shown(result)["interval"] is typed or shown(result)["interval"] == typed
    assert timelapses(guarded) == {}
    await submit_timelapse(hass, result, RECIPE)
    assert timelapses(guarded)["Roses"]["interval"] == 300


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", "name_length"),
        ("   ", "name_length"),
        ("x" * 300, "name_length"),
        ("x" * 101, "name_length"),
        ("\u200d", "name_length"),
        ("a\x00b", "name_control_chars"),
        ("a\nb", "name_control_chars"),
        ("a\n", "name_control_chars"),
        ("a\u202eb", "name_control_chars"),
        ("  roses ", "already_configured"),
    ],
)
async def test_bad_name(hass: HomeAssistant, guarded: MockConfigEntry, name: str, error: str) -> None:
    await add_timelapse(hass, guarded)
    result = await add_timelapse(hass, guarded, name=name, keep_days=7)
    assert result["errors"] == {"name": error}
    assert shown(result) == RECIPE | {"name": name, "keep_days": 7}
    await submit_timelapse(hass, result, RECIPE | {"name": "Tulips"})
    assert list(timelapses(guarded)) == ["Roses", "Tulips"]


@pytest.mark.parametrize(
    "name",
    [
        "../../etc",
        "<img src=x onerror=alert(1)>",
        "💩",
        "👩\u200d🌾",
        "می\u200cشود",
        "שלום",
        "x" * 100,
        "{{ states }}",
        "x",
    ],
)
async def test_odd_name_is_only_a_label(hass: HomeAssistant, guarded: MockConfigEntry, name: str) -> None:
    await add_timelapse(hass, guarded, name=f" {name} ")
    assert list(timelapses(guarded)) == [name]


async def test_same_name_in_another_camera(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    other = MockConfigEntry(domain=DOMAIN, data={"camera": "camera.yard"})
    other.add_to_hass(hass)
    await add_timelapse(hass, guarded)
    await add_timelapse(hass, other)
    assert list(timelapses(guarded)) == list(timelapses(other)) == ["Roses"]


@pytest.mark.parametrize("days", [-1, 10**6, 3651, 1.5, "abc", None])
async def test_retention_out_of_range(hass: HomeAssistant, guarded: MockConfigEntry, days: Any) -> None:
    result = await add_timelapse(hass, guarded, keep_days=days)
    assert result["errors"] == {"keep_days": "retention_out_of_range"}
    await submit_timelapse(hass, result, RECIPE | {"keep_days": 0})
    assert timelapses(guarded)["Roses"]["keep_days"] == 0


async def test_all_recipe_errors_at_once(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    result = await add_timelapse(hass, guarded, name="", interval="x", keep_days=-1, window="time")
    assert (result["step_id"], result["errors"]) == (
        "user",
        {"name": "name_length", "interval": "interval_out_of_range", "keep_days": "retention_out_of_range"},
    )


@pytest.mark.parametrize(
    ("start_typed", "end_typed", "start", "end"),
    [("06:30", "20:15:30", "06:30:00", "20:15:30"), ("22:00:00", "05:00:00", "22:00:00", "05:00:00")],
)
async def test_window_by_the_clock(
    hass: HomeAssistant, guarded: MockConfigEntry, start_typed: str, end_typed: str, start: str, end: str
) -> None:
    result = await add_timelapse(hass, guarded, window="time")
    assert (result["step_id"], result["last_step"]) == ("window_time", True)
    assert shown(result) == {"start": "08:00:00", "end": "20:00:00"}
    await submit_timelapse(hass, result, {"start": start_typed, "end": end_typed})
    assert timelapses(guarded)["Roses"] == {
        "interval": 300,
        "window": "time",
        "keep_days": 365,
        "start": start,
        "end": end,
    }


@pytest.mark.parametrize(
    ("typed", "errors"),
    [
        ({"start": "25:00", "end": "20:00"}, {"start": "time_format"}),
        ({"start": "08:00", "end": "08:60"}, {"end": "time_format"}),
        ({"start": "noon", "end": None}, {"start": "time_format", "end": "time_format"}),
        ({"start": "08:00", "end": "08:00:00"}, {"end": "window_empty"}),
    ],
)
async def test_bad_window(hass: HomeAssistant, guarded: MockConfigEntry, typed: Any, errors: dict[str, str]) -> None:
    result = await submit_timelapse(hass, await add_timelapse(hass, guarded, window="time"), typed)
    assert (result["step_id"], result["errors"], shown(result)) == ("window_time", errors, typed)
    await submit_timelapse(hass, result, {"start": "08:00", "end": "09:00"})
    assert timelapses(guarded)["Roses"]["end"] == "09:00:00"


async def test_window_by_the_sun(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    result = await add_timelapse(hass, guarded, window="sun")
    assert (result["step_id"], shown(result)) == ("window_sun", {"sunrise_offset": 0, "sunset_offset": 0})
    for typed in ({"sunrise_offset": -721, "sunset_offset": 721}, {"sunrise_offset": "x", "sunset_offset": 1.5}):
        result = await submit_timelapse(hass, result, typed)
        assert result["errors"] == dict.fromkeys(typed, "offset_out_of_range")
        assert shown(result) == typed
    await submit_timelapse(hass, result, {"sunrise_offset": -30.0, "sunset_offset": 720})
    assert timelapses(guarded)["Roses"] == {
        "interval": 300,
        "window": "sun",
        "keep_days": 365,
        "sunrise_offset": -30,
        "sunset_offset": 720,
    }


async def test_reconfigure_timelapse(hass: HomeAssistant, guarded: MockConfigEntry) -> None:
    result = await add_timelapse(hass, guarded, interval="90m", window="time", keep_days=9)
    await submit_timelapse(hass, result, {"start": "05:00", "end": "06:00"})
    await add_timelapse(hass, guarded, name="Tulips")
    roses = next(iter(guarded.subentries))

    result = await show_timelapse(hass, guarded, source="reconfigure", subentry_id=roses)
    assert result["step_id"] == "reconfigure"
    assert shown(result) == {"name": "Roses", "interval": "90m", "window": "time", "keep_days": 9}
    result = await submit_timelapse(hass, result, RECIPE | {"name": "tulips", "window": "time"})
    assert (result["step_id"], result["errors"]) == ("reconfigure", {"name": "already_configured"})
    result = await submit_timelapse(hass, result, RECIPE | {"name": "ROSES", "interval": "7.5", "window": "time"})
    assert shown(result) == {"start": "05:00:00", "end": "06:00:00"}
    result = await submit_timelapse(hass, result, {"start": "05:00", "end": "07:00"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert timelapses(guarded)["ROSES"] == {
        "interval": 7.5,
        "window": "time",
        "keep_days": 365,
        "start": "05:00:00",
        "end": "07:00:00",
    }

    result = await show_timelapse(hass, guarded, source="reconfigure", subentry_id=roses)
    assert shown(result)["interval"] == "7.5s"
    await submit_timelapse(hass, result, RECIPE)
    assert timelapses(guarded)["Roses"] == {"interval": 300, "window": "always", "keep_days": 365}


# As a browser or a script sees it


async def test_through_the_api(
    hass: HomeAssistant, guarded: MockConfigEntry, system: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    assert await async_setup_component(hass, "config", {})
    assert await async_setup_component(hass, DOMAIN, {})
    client = await hass_client()

    async def post(path: str, data: dict[str, Any]) -> Any:
        response = await client.post(f"/api/config/config_entries/{path}", json=data)
        assert response.status == 200, await response.text()
        return await response.json()

    form = await post("flow", {"handler": DOMAIN})
    assert form["data_schema"] == [
        {
            "name": "camera",
            "required": True,
            "default": "",
            "selector": {"entity": {"filter": [{"domain": ["camera"]}], "multiple": False, "reorder": False}},
        }
    ]
    form = await post(f"flow/{form['flow_id']}", {"camera": "light.kitchen"})
    assert form["errors"] == {"camera": "not_a_camera"}
    assert form["data_schema"][0]["description"] == {"suggested_value": "light.kitchen"}

    form = await post("options/flow", {"handler": guarded.entry_id})
    retries = next(field for field in form["data_schema"] if field["name"] == "retries")
    assert retries["selector"] == {"number": {"min": 0.0, "max": 5.0, "step": 1.0, "mode": "box"}}
    form = await post(f"options/flow/{form['flow_id']}", DEFAULT_OPTIONS | {"retries": 9})
    assert form["errors"] == {"retries": "out_of_range"}

    form = await post("subentries/flow", {"handler": [guarded.entry_id, SUBENTRY_TIMELAPSE]})
    interval = next(field for field in form["data_schema"] if field["name"] == "interval")
    assert interval["selector"]["select"]["custom_value"]
    form = await post(f"subentries/flow/{form['flow_id']}", RECIPE | {"interval": -5, "window": "time"})
    assert form["errors"] == {"interval": "interval_out_of_range"}
    form = await post(f"subentries/flow/{form['flow_id']}", RECIPE | {"window": "time"})
    assert form["step_id"] == "window_time"
    form = await post(f"subentries/flow/{form['flow_id']}", {"start": "25:00", "end": "08:00"})
    assert form["errors"] == {"start": "time_format"}

    form = await post("flow", {"handler": DOMAIN, "entry_id": system.entry_id})
    assert (form["step_id"], [field["name"] for field in form["data_schema"]]) == (
        "reconfigure_storage",
        ["media_root", "byte_budget"],
    )
