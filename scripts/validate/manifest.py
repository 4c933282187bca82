"""The manifest and the file for the stores."""

import ast
from collections.abc import Iterator
import re
import tomllib

from .tree import DOMAIN, Tree, rule

REQUIRED_KEYS = frozenset(
    {
        "domain",
        "name",
        "codeowners",
        "config_flow",
        "dependencies",
        "documentation",
        "integration_type",
        "iot_class",
        "issue_tracker",
        "requirements",
        "version",
    }
)
OPTIONAL_KEYS = frozenset({"after_dependencies", "categories", "connectivity", "loggers", "preview_features"})

INTEGRATION_TYPES = frozenset({"device", "entity", "hardware", "helper", "hub", "service", "system", "virtual"})
IOT_CLASSES = frozenset(
    {"assumed_state", "calculated", "cloud_polling", "cloud_push", "local_polling", "local_push"},
)

DEPENDENCIES = frozenset({"camera", "file_upload", "frontend", "http", "media_source", "repairs", "stream"})
"""What the integration is built on."""

PLATFORM_COMPONENTS = frozenset(
    {"binary_sensor", "button", "event", "image", "select", "sensor", "switch"},
)
"""Components that are there because of our own platforms; they are no dependencies."""

HACS_KEYS = frozenset(
    {
        "content_in_root",
        "filename",
        "hacs",
        "hide_default_branch",
        "homeassistant",
        "name",
        "persistent_directory",
        "zip_release",
    }
)

_VERSION = re.compile(r"\d+\.\d+\.\d+(-?(a|b|rc|dev)\d*)?")
_CALENDAR_VERSION = re.compile(r"20\d\d\.(1[0-2]|[1-9])\.\d+(b\d+)?")


@rule("manifest-keys")
def manifest_keys(tree: Tree) -> Iterator[str]:
    """Demand all keys that are needed, none that is unknown, and values that Home Assistant takes."""
    manifest = tree.manifest
    for key in sorted(REQUIRED_KEYS - manifest.keys()):
        yield f"manifest.json lacks {key}"
    for key in sorted(manifest.keys() - REQUIRED_KEYS - OPTIONAL_KEYS):
        yield f"manifest.json has the unknown key {key}"
    if manifest.get("domain") != DOMAIN:
        yield f"the domain is not the folder's name {DOMAIN}"
    if manifest.get("config_flow") is not True:
        yield "config_flow is not true"
    if manifest.get("integration_type") not in INTEGRATION_TYPES:
        yield f"integration_type {manifest.get('integration_type')} is unknown"
    if manifest.get("iot_class") not in IOT_CLASSES:
        yield f"iot_class {manifest.get('iot_class')} is unknown"
    if not manifest.get("codeowners") or not all(owner.startswith("@") for owner in manifest["codeowners"]):
        yield "codeowners are not names with an @"
    for key in ("documentation", "issue_tracker"):
        if not str(manifest.get(key, "")).startswith("https://"):
            yield f"{key} is no https address"


@rule("manifest-order")
def manifest_order(tree: Tree) -> Iterator[str]:
    """Demand the order domain, name, and then the alphabet."""
    keys = list(tree.manifest)
    if keys != sorted(keys, key=lambda key: (key != "domain", key != "name", key)):
        yield f"the keys of manifest.json are out of order: {', '.join(keys)}"


@rule("manifest-version")
def manifest_version(tree: Tree) -> Iterator[str]:
    """Demand a version that the stores can read and that is the project's."""
    version = str(tree.manifest.get("version"))
    if not _VERSION.fullmatch(version):
        yield f"{version} is no version"
    project = tomllib.loads(tree.text(tree.root / "pyproject.toml")).get("project", {}).get("version")
    if version != project:
        yield f"manifest.json has the version {version}, pyproject.toml {project}"


@rule("manifest-dependencies")
def manifest_dependencies(tree: Tree) -> Iterator[str]:
    """Demand that imported components are dependencies, and that requirements do not fight Home Assistant's own."""
    declared = {*tree.manifest.get("dependencies", []), *tree.manifest.get("after_dependencies", [])}
    for name in sorted(DEPENDENCIES - declared):
        yield f"manifest.json does not depend on {name}"
    for module, component in sorted(_imported_components(tree)):
        # A module with a component's name is loaded by that component, and only where it is there.
        if component not in declared | PLATFORM_COMPONENTS | {module.removesuffix(".py")}:
            yield f"{module} imports {component}, which manifest.json does not depend on"
    for requirement in tree.manifest.get("requirements", []):
        if not re.fullmatch(r"[A-Za-z0-9._-]+", requirement):
            yield f"the requirement {requirement} is pinned; Home Assistant's constraints decide the version"


def _imported_components(tree: Tree) -> Iterator[tuple[str, str]]:
    """Yield the components of Home Assistant that modules import."""
    prefix = "homeassistant.components."
    for name, module in tree.modules.items():
        for node in ast.walk(module):
            if isinstance(node, ast.ImportFrom) and node.module == prefix[:-1]:
                yield from ((name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(prefix):
                yield name, str(node.module).removeprefix(prefix).split(".")[0]
            elif isinstance(node, ast.Import):
                yield from (
                    (name, alias.name.removeprefix(prefix).split(".")[0])
                    for alias in node.names
                    if alias.name.startswith(prefix)
                )


@rule("hacs")
def hacs(tree: Tree) -> Iterator[str]:
    """Demand a name and a minimum version for the stores, and no key that they do not read."""
    found = tree.json(tree.root / "hacs.json")
    for key in sorted(found.keys() - HACS_KEYS):
        yield f"hacs.json has the unknown key {key}"
    if found.get("name") != tree.manifest.get("name"):
        yield "hacs.json and manifest.json have different names"
    if not _CALENDAR_VERSION.fullmatch(str(found.get("homeassistant"))):
        yield f"hacs.json asks for {found.get('homeassistant')}, which is no version of Home Assistant"
