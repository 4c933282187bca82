"""The quality scale, the brand and the shape of the modules."""

from collections.abc import Iterator
from pathlib import Path
import struct

from .tree import Tree, rule

TIERS = {
    "Bronze": (
        "action-setup appropriate-polling brands common-modules config-flow-test-coverage config-flow "
        "dependency-transparency docs-actions docs-conditions docs-high-level-description "
        "docs-installation-instructions docs-removal-instructions docs-triggers entity-event-setup entity-unique-id "
        "has-entity-name runtime-data test-before-configure test-before-setup unique-config-entry"
    ),
    "Silver": (
        "action-exceptions config-entry-unloading docs-configuration-parameters docs-installation-parameters "
        "entity-unavailable integration-owner log-when-unavailable parallel-updates reauthentication-flow test-coverage"
    ),
    "Gold": (
        "devices diagnostics discovery-update-info discovery docs-data-update docs-examples docs-known-limitations "
        "docs-supported-devices docs-supported-functions docs-troubleshooting docs-use-cases dynamic-devices "
        "entity-category entity-device-class entity-disabled-by-default entity-translations exception-translations "
        "icon-translations reconfiguration-flow repair-issues stale-devices"
    ),
    "Platinum": "async-dependency inject-websession strict-typing",
}
"""The rules of the quality scale by their tier."""

MAX_LINES = 450
"""Lines of a module; it is split along a noun from about 400 on."""

ICON_SIZES = {"icon.png": 256, "icon@2x.png": 512}
"""Pixels of the sides of icons."""

LOGO_SIDES = {"logo.png": (128, 256), "logo@2x.png": (256, 512)}
"""Pixels that the shorter side of a logo may have."""

_PNG = b"\x89PNG\r\n\x1a\n"


@rule("quality-scale")
def quality_scale(tree: Tree) -> Iterator[str]:
    """Demand an answer to every rule of the scale, in its tier, and a reason for what is not done."""
    path = tree.integration / "quality_scale.yaml"
    answers = tree.yaml(path)["rules"]
    order = [name for names in TIERS.values() for name in names.split()]
    for name in order:
        if name not in answers:
            yield f"quality_scale.yaml lacks {name}"
    for name, answer in answers.items():
        if name not in order:
            yield f"quality_scale.yaml has the unknown rule {name}"
        status, comment = (answer.get("status"), answer.get("comment")) if isinstance(answer, dict) else (answer, None)
        if status not in ("done", "exempt", "todo"):
            yield f"{name} has the unknown status {status}"
        elif status != "done" and not comment:
            yield f"{name} is {status} without a comment"
    lines = [line.strip() for line in tree.text(path).splitlines()]
    expected = [line for tier, names in TIERS.items() for line in (f"# {tier}", *names.split())]
    found = [line if line.startswith("#") else line.partition(":")[0] for line in lines]
    if [line for line in found if line in expected] != expected:
        yield "the rules do not stand under the headings of their tiers, in the usual order"


@rule("brand")
def brand(tree: Tree) -> Iterator[str]:
    """Demand icon and logo in both resolutions and in the right sizes; dark ones only where there are any."""
    folder = tree.integration / "brand"
    for prefix in ("", "dark_"):
        for name, side in ICON_SIZES.items():
            size = _png_size(folder / f"{prefix}{name}")
            if size != (side, side) and not (prefix and size is None):
                yield f"brand/{prefix}{name} is {size}, and not a PNG of {side} x {side}"
        for name, (low, high) in LOGO_SIDES.items():
            size = _png_size(folder / f"{prefix}{name}")
            if not (size and low <= min(size) <= high) and not (prefix and size is None):
                yield f"brand/{prefix}{name} is {size}, and not a PNG with a short side of {low} to {high}"
    present = {path.name for path in folder.glob("*")}
    known = {f"{prefix}{name}" for prefix in ("", "dark_") for name in (*ICON_SIZES, *LOGO_SIDES)}
    for name in sorted(present - known):
        yield f"brand/{name} is not served by Home Assistant"


def _png_size(path: Path) -> tuple[int, int] | None:
    """Return width and height of a PNG; None when it is missing or none."""
    try:
        head = path.read_bytes()[:24]
    except OSError:
        return None
    if len(head) < 24 or not head.startswith(_PNG):
        return None
    width, height = struct.unpack(">II", head[16:24])
    return width, height


@rule("module-length")
def module_length(tree: Tree) -> Iterator[str]:
    """Demand modules that are short enough to be one noun."""
    for name in tree.modules:
        lines = len(tree.text(tree.integration / name).splitlines())
        if lines > MAX_LINES:
            yield f"{name} has {lines} lines, more than {MAX_LINES}"
