"""The texts by themselves: their shape, their languages, and their parity with icons and actions."""

from collections import Counter
from collections.abc import Iterator
import re
from string import Formatter
from typing import Any

from .tree import Tree, UnreadableError, differences, flatten, rule

SECTIONS = frozenset(
    {
        "common",
        "conditions",
        "config",
        "config_subentries",
        "device",
        "entity",
        "exceptions",
        "issues",
        "options",
        "selector",
        "services",
        "system_health",
        "title",
        "triggers",
    }
)
"""What Home Assistant reads of a translation file."""

LANGUAGES = ("en", "de")

_KEY = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*")
_ICON = re.compile(r"mdi:[a-z0-9]+(-[a-z0-9]+)*")


@rule("no-strings-json")
def no_strings_json(tree: Tree) -> Iterator[str]:
    """Forbid strings.json: Home Assistant does not read that of a custom integration."""
    for path in sorted(tree.integration.rglob("strings*.json")):
        yield f"{path.relative_to(tree.root)} is never read"


@rule("no-key-references")
def no_key_references(tree: Tree) -> Iterator[str]:
    """Forbid references to other keys: they are resolved only in Home Assistant's own build."""
    for path in _languages(tree).values():
        for key, text in flatten(tree.json(path)):
            if "[%key:" in text:
                yield f"{path.name}: {key} is a reference"


@rule("translation-shape")
def translation_shape(tree: Tree) -> Iterator[str]:
    """Demand texts in known sections, under legal keys, not empty, with placeholders that can be filled in."""
    for section in sorted(tree.english.keys() - SECTIONS):
        yield f"en.json has the unknown section {section}"
    for language, path in _languages(tree).items():
        for key, text in flatten(tree.json(path)):
            if not all(_KEY.fullmatch(part) for part in key.split(".")):
                yield f"{language}.json: {key} is no legal key"
            if not text or text != text.strip():
                yield f"{language}.json: {key} is empty or has outer spaces"
            if _placeholders(text) is None:
                yield f"{language}.json: {key} has braces that are no placeholder"


@rule("translation-languages")
def translation_languages(tree: Tree) -> Iterator[str]:
    """Demand the keys and the placeholders of the English texts in every language."""
    paths = _languages(tree)
    for language in LANGUAGES:
        if language not in paths:
            yield f"{language}.json is missing"
    english = dict(flatten(tree.english))
    for language, path in paths.items():
        texts = dict(flatten(tree.json(path)))
        yield from differences(f"{language}.json", set(texts), set(english), "en.json")
        for key in sorted(texts.keys() & english.keys()):
            if _placeholders(texts[key]) != _placeholders(english[key]):
                yield f"{language}.json: {key} has other placeholders than en.json"


@rule("data-descriptions")
def data_descriptions(tree: Tree) -> Iterator[str]:
    """Demand a title of every step, a label and a description of every field, and of all ways of a menu or of none."""
    for where, step in _steps(tree.english):
        if not step.get("title"):
            yield f"{where} has no title"
        if not (step.get("description") or step.get("data")):
            yield f"{where} says nothing"
        yield from differences(
            f"{where}.data_description", set(step.get("data_description", {})), set(step.get("data", {})), "data"
        )
        if (described := step.get("menu_option_descriptions")) is not None:
            options = set(step.get("menu_options", {}))
            yield from differences(f"{where}.menu_option_descriptions", set(described), options, "menu_options")


@rule("icons")
def icons(tree: Tree) -> Iterator[str]:
    """Demand well-formed icons of every entity and action, and none of anything else."""
    entities = _entity_keys(tree.english.get("entity", {}))
    yield from differences("icons.json", _entity_keys(tree.icons.get("entity", {})), entities, "en.json")
    yield from differences(
        "icons.json services", set(tree.icons.get("services", {})), set(tree.english.get("services", {})), "en.json"
    )
    for key, icon in flatten(tree.icons):
        if not _ICON.fullmatch(icon):
            yield f"{key} has the icon {icon}"
    texts = dict(flatten(tree.english.get("entity", {})))
    for key, _ in flatten(tree.icons.get("entity", {})):
        # The two states of a binary sensor or switch are named by Home Assistant.
        if "state" in key.split(".")[2:] and not key.startswith(("binary_sensor.", "switch.")) and key not in texts:
            yield f"icons.json has the state {key}, which en.json lacks"
    for platform, found in tree.icons.get("entity", {}).items():
        for name, entry in found.items():
            if "default" not in entry:
                yield f"{platform}.{name} has no default icon"


@rule("services")
def services(tree: Tree) -> Iterator[str]:
    """Demand a description of every action and of every field of it."""
    texts = tree.english.get("services", {})
    yield from differences("en.json services", set(texts), set(tree.services), "services.yaml")
    for name, action in tree.services.items():
        described = texts.get(name, {})
        yield from (f"{name} has no {key}" for key in ("name", "description") if not described.get(key))
        fields = described.get("fields", {})
        yield from differences(f"en.json services.{name}", set(fields), set((action or {}).get("fields", {})), "it")
        for field, words in fields.items():
            yield from (f"{name}.{field} has no {key}" for key in ("name", "description") if not words.get(key))


def _languages(tree: Tree) -> dict[str, Any]:
    """Return the translation files by their language."""
    return {path.stem: path for path in sorted((tree.integration / "translations").glob("*.json"))}


def _steps(texts: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the steps of all flows with where they stand."""
    flows = {"config": texts.get("config", {}), "options": texts.get("options", {})}
    flows |= {f"config_subentries.{name}": flow for name, flow in texts.get("config_subentries", {}).items()}
    issues = texts.get("issues", {})
    flows |= {f"issues.{name}.fix_flow": issue["fix_flow"] for name, issue in issues.items() if "fix_flow" in issue}
    for where, flow in flows.items():
        if not flow.get("step"):
            raise UnreadableError(f"en.json has no steps in {where}")
        yield from ((f"{where}.step.{name}", step) for name, step in flow["step"].items())


def _entity_keys(entities: dict[str, Any]) -> set[str]:
    """Return the entities of a section as ``platform.key``."""
    return {f"{platform}.{key}" for platform, keys in entities.items() for key in keys}


def _placeholders(text: str) -> Counter[str] | None:
    """Return the names in braces with how often they occur; None when the braces are broken."""
    try:
        return Counter(name for _, name, _, _ in Formatter().parse(text) if name is not None)
    except ValueError:
        return None
