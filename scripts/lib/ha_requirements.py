"""Print the pip requirements of Home Assistant components, read from the manifests of the installed package."""

import argparse
import ast
from collections.abc import Iterable
import importlib.util
import json
from pathlib import Path
import sys


def home_assistant_root() -> Path:
    """Return the folder of the installed homeassistant package."""
    spec = importlib.util.find_spec("homeassistant")
    if spec is None or spec.origin is None:
        sys.exit("homeassistant is not installed in this environment")
    return Path(spec.origin).parent


def names_of_set(source: Path, variable: str) -> set[str]:
    """Return the strings of the set literal that a module assigns to a variable."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)) if name == variable:
                values = (item.value for item in ast.walk(node) if isinstance(item, ast.Constant))
                return {value for value in values if isinstance(value, str)}
    return set()


def default_components(root: Path) -> set[str]:
    """Return what every Home Assistant loads: the default integrations and the base platforms."""
    from homeassistant.const import BASE_PLATFORMS  # noqa: PLC0415  only where it is asked for: it is slow

    return names_of_set(root / "bootstrap.py", "DEFAULT_INTEGRATIONS") | set(BASE_PLATFORMS)


def requirements(root: Path, components: Iterable[str]) -> dict[str, set[str]]:
    """Return the requirements of components and of all they depend on, each with the components that ask for it."""
    todo, seen, found = sorted(components), set[str](), dict[str, set[str]]()
    while todo:
        component = todo.pop()
        manifest = root / "components" / component / "manifest.json"
        if component in seen or not manifest.is_file():
            continue
        seen.add(component)
        data = json.loads(manifest.read_text(encoding="utf-8"))
        todo += data.get("dependencies", [])
        for requirement in data.get("requirements", []):
            found.setdefault(requirement, set()).add(component)
    return found


def main() -> None:
    """Print one requirement a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("components", nargs="*", help="domains of components")
    parser.add_argument("--default", action="store_true", help="add what every Home Assistant loads")
    parser.add_argument("--why", action="store_true", help="say which component asks for it")
    parser.add_argument("--constraints", action="store_true", help="print the path of the constraints file instead")
    args = parser.parse_args()
    root = home_assistant_root()
    if args.constraints:
        print(root / "package_constraints.txt")
        return
    components = set(args.components) | (default_components(root) if args.default else set())
    for requirement, users in sorted(requirements(root, components).items()):
        print(f"{requirement}  # {', '.join(sorted(users))}" if args.why else requirement)


if __name__ == "__main__":
    main()
