"""The tree that is validated, read once, and the register of rules."""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
import json
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # it has no stubs, and only safe_load is called

DOMAIN = "timelapser"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: the rule that says so, and the text."""

    rule: str
    text: str

    def __str__(self) -> str:
        """Return the finding as a line of the report."""
        return f"{self.rule}: {self.text}"


class Tree:
    """A checkout: parsed files of the integration; a file that is missing or broken raises UnreadableError."""

    def __init__(self, root: Path) -> None:
        """Remember where the checkout is."""
        self.root = root
        self.integration = root / "custom_components" / DOMAIN

    def text(self, path: Path) -> str:
        """Return the text of a file."""
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as err:
            raise UnreadableError(f"{path.relative_to(self.root)} cannot be read: {type(err).__name__}") from err

    def json(self, path: Path) -> Any:
        """Return what a JSON file holds; a key that occurs twice is an error."""
        try:
            return json.loads(self.text(path), object_pairs_hook=_unique)
        except ValueError as err:
            raise UnreadableError(f"{path.relative_to(self.root)} is no JSON: {err}") from err

    def yaml(self, path: Path) -> Any:
        """Return what a YAML file holds."""
        try:
            return yaml.safe_load(self.text(path))
        except yaml.YAMLError as err:
            raise UnreadableError(f"{path.relative_to(self.root)} is no YAML: {err}") from err

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Return the manifest."""
        return dict(self.json(self.integration / "manifest.json"))

    @cached_property
    def english(self) -> dict[str, Any]:
        """Return the English texts, which are the source of the others."""
        return dict(self.json(self.integration / "translations" / "en.json"))

    @cached_property
    def icons(self) -> dict[str, Any]:
        """Return the icons."""
        return dict(self.json(self.integration / "icons.json"))

    @cached_property
    def services(self) -> dict[str, Any]:
        """Return the descriptions of the actions."""
        return dict(self.yaml(self.integration / "services.yaml"))

    @cached_property
    def modules(self) -> Mapping[str, ast.Module]:
        """Return the syntax trees of all modules by their paths below the integration."""
        return {
            path.relative_to(self.integration).as_posix(): _parsed(self.text(path))
            for path in sorted(self.integration.rglob("*.py"))
        }

    @cached_property
    def literals(self) -> frozenset[str]:
        """Return all strings in the code outside of the core."""
        return frozenset(
            node.value
            for name, module in self.modules.items()
            if not name.startswith("core/")
            for node in ast.walk(module)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )

    def enum(self, module: str, name: str) -> list[str]:
        """Return the values of a StrEnum."""
        for node in ast.walk(self.modules.get(module, ast.Module([], []))):
            if isinstance(node, ast.ClassDef) and node.name == name:
                return [
                    item.value.value
                    for item in node.body
                    if isinstance(item, ast.Assign)
                    and isinstance(item.value, ast.Constant)
                    and isinstance(item.value.value, str)
                ]
        raise UnreadableError(f"{module} has no {name}")

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Yield every call with the module that it is in."""
        for name, module in self.modules.items():
            for node in ast.walk(module):
                if isinstance(node, ast.Call):
                    yield name, node


class UnreadableError(Exception):
    """A file that a rule needs is missing or broken."""


def called(node: ast.Call) -> str:
    """Return the last name of what is called."""
    match node.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def keyword(node: ast.Call, name: str) -> str | None:
    """Return a keyword argument that is a literal string."""
    for argument in node.keywords:
        if argument.arg == name and isinstance(argument.value, ast.Constant) and isinstance(argument.value.value, str):
            return argument.value.value
    return None


def flatten(texts: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts of a nested mapping by their dotted keys."""
    if isinstance(texts, dict):
        for key, value in texts.items():
            yield from flatten(value, f"{prefix}.{key}" if prefix else key)
    else:
        yield prefix, str(texts)


@cache
def _parsed(source: str) -> ast.Module:
    """Return the syntax tree of a module; most are the same in every tree that a process looks at."""
    return ast.parse(source)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, all of whose keys have to be different."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [key for key, _ in pairs]
        raise ValueError(f"key twice: {sorted(name for name in found if names.count(name) > 1)}")
    return found


type Rule = Callable[[Tree], Iterator[str]]

RULES: dict[str, Rule] = {}


def rule(name: str) -> Callable[[Rule], Rule]:
    """Register a rule under its id."""

    def register(function: Rule) -> Rule:
        RULES[name] = function
        return function

    return register


def differences(where: str, found: set[str], expected: set[str], other: str) -> Iterator[str]:
    """Yield what two sets of keys do not share."""
    for key in sorted(expected - found):
        yield f"{where} lacks {key}, which {other} has"
    for key in sorted(found - expected):
        yield f"{where} has {key}, which {other} lacks"


def validate(root: Path, names: frozenset[str] | None = None) -> list[Finding]:
    """Return all findings of the rules (of these names only, when given) in a checkout."""
    tree = Tree(root)
    findings: list[Finding] = []
    for name, function in RULES.items():
        if names is not None and name not in names:
            continue
        try:
            findings.extend(Finding(name, text) for text in function(tree))
        except UnreadableError as err:
            findings.append(Finding(name, str(err)))
    return findings
