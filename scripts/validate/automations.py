"""The triggers and conditions: their descriptions, as Home Assistant's own check of integrations demands them."""

import ast
from collections.abc import Iterator
import re
from typing import Any

from .tree import Tree, UnreadableError, differences, rule

FIELD_KEYS = frozenset({"context", "default", "example", "required", "selector"})
DESCRIPTION_KEYS = frozenset({"fields", "target"})
TARGET_KEYS = frozenset({"device", "entity"})
ENTITY_FILTER_KEYS = frozenset({"device_class", "domain", "integration", "supported_features", "unit_of_measurement"})

_KEY = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")


@rule("triggers")
def triggers(tree: Tree) -> Iterator[str]:
    """Demand a description, texts and an icon for every trigger, and none of anything else."""
    yield from _kind(tree, "trigger")


@rule("conditions")
def conditions(tree: Tree) -> Iterator[str]:
    """Demand the same of every condition."""
    yield from _kind(tree, "condition")


def _kind(tree: Tree, kind: str) -> Iterator[str]:
    """Check all triggers, or all conditions."""
    file = f"{kind}s.yaml"
    known = _table(tree, f"{kind}.py", f"{kind.upper()}S")
    described = {
        key: value or {}
        for key, value in tree.yaml(tree.integration / file).items()
        # Such keys hold parts that others refer to.
        if not key.startswith(".")
    }
    texts, icons = tree.english.get(f"{kind}s", {}), tree.icons.get(f"{kind}s", {})
    yield from differences(file, set(described), known, f"{kind}.py")
    yield from differences(f"en.json {kind}s", set(texts), known, f"{kind}.py")
    yield from differences(f"icons.json {kind}s", {key for key in icons if icons[key].get(kind)}, known, f"{kind}.py")
    for name, description in described.items():
        where = f"{file} {name}"
        if not _KEY.fullmatch(name):
            yield f"{where} is no legal key"
        yield from (f"{where} has the unknown key {key}" for key in sorted(description.keys() - DESCRIPTION_KEYS))
        yield from _target(where, description.get("target"))
        fields = description.get("fields", {})
        for field, content in fields.items():
            yield from _field(f"{where}.{field}", content)
        yield from _words(f"{kind}s.{name}", texts.get(name, {}), set(fields))


def _target(where: str, target: dict[str, Any] | None) -> Iterator[str]:
    """Check what a trigger or a condition may be aimed at."""
    if not target:
        yield f"{where} is aimed at nothing"
        return
    yield from (f"{where} has the unknown target {key}" for key in sorted(target.keys() - TARGET_KEYS))
    filters = target.get("entity", [])
    for entity in filters if isinstance(filters, list) else [filters]:
        yield from (f"{where} has the unknown filter {key}" for key in sorted(entity.keys() - ENTITY_FILTER_KEYS))
        if "integration" not in entity:
            yield f"{where} is aimed at entities of any integration"


def _field(where: str, field: dict[str, Any]) -> Iterator[str]:
    """Check one field of a form."""
    yield from (f"{where} has the unknown key {key}" for key in sorted(field.keys() - FIELD_KEYS))
    if not isinstance(selector := field.get("selector"), dict) or len(selector) != 1:
        yield f"{where} does not have one selector"


def _words(where: str, words: dict[str, Any], fields: set[str]) -> Iterator[str]:
    """Check the texts of a trigger or a condition and of its fields."""
    yield from (f"{where} has no {key}" for key in ("name", "description") if not words.get(key))
    described = words.get("fields", {})
    yield from differences(f"en.json {where}", set(described), fields, "it")
    for field, texts in described.items():
        yield from (f"{where}.{field} has no {key}" for key in ("name", "description") if not texts.get(key))


def _table(tree: Tree, module: str, name: str) -> set[str]:
    """Return the keys of the table that a module hands to Home Assistant."""
    for node in ast.walk(tree.modules.get(module, ast.Module([], []))):
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.value, ast.Dict)
            and isinstance(node.target, ast.Name)
            and node.target.id == name
        ):
            return {
                key.value for key in node.value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
            }
    raise UnreadableError(f"{module} has no table {name}")
