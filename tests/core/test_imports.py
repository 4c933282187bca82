"""Imports point one way, and the core stands on its own."""

import ast
from pathlib import Path
import subprocess
import sys
import textwrap

import pytest

INTEGRATION = Path(__file__).parents[2] / "custom_components" / "timelapser"
CORE = INTEGRATION / "core"

ALLOWED_IN_CORE = {"numpy", "av", "PIL", "sqlalchemy", "cv2", "turbojpeg", *sys.stdlib_module_names} - {"asyncio"}

LAYERS = [
    {"core"},
    {"const", "snapshot", "typed"},
    {"settings", "sun", "exceptions", "fetch", "care", "issues", "pictures", "words"},
    {"engine"},
    {"attempt", "capture", "pacing", "planner", "probe", "publisher", "timer", "turns", "watch"},
    {"bus", "camera_state", "storage_watch"},
    {"announcer", "camera_issues", "foresight", "lookout"},
    {"gatekeeper"},
    {"coordinator"},
    {"devices", "entity", "media_root", "flow_schema", "preview", "purge", "services", "timelapse_flow", "upkeep"}
    | {
        "frame_actions",
        "incident_actions",
        "learning",
        "options_flow",
        "recording",
        "run_actions",
        "targets",
        "vitals",
    },
]
"""From the bottom up; a module not named here is an edge: nothing but ``__init__`` and other edges may import it."""

PURE_OF_STORAGE = ("detection", "health", "schedule", "readiness", "planner", "hours", "trend", "forecast", "adaptive")


def _rank(module: str) -> int:
    return next((rank for rank, layer in enumerate(LAYERS) if module in layer), len(LAYERS))


def _imports(path: Path) -> list[tuple[int, str, list[str]]]:
    """Return (relative level, module, names) of every import in a file."""
    found: list[tuple[int, str, list[str]]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(0, alias.name, []) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or "", [alias.name for alias in node.names]))
    return found


def _backward(source: str, module: str) -> list[str]:
    """Return the integration's modules that a module imports although they are above it."""
    path = INTEGRATION / f"{module}.py"
    path = path if source == "" else Path(source)
    wrong = []
    for level, name, names in _imports(path):
        if level != 1:
            continue
        for target in [name.split(".")[0]] if name else names:
            higher = _rank(target) > _rank(module)
            if higher and module != "__init__":
                wrong.append(target)
    return wrong


@pytest.mark.parametrize("path", sorted(INTEGRATION.glob("*.py")), ids=lambda path: path.stem)
def test_no_import_points_upwards(path: Path) -> None:
    assert _backward("", path.stem) == []


def test_an_upward_import_is_noticed(tmp_path: Path) -> None:
    wrong = tmp_path / "engine.py"
    wrong.write_text("from .coordinator import CameraCoordinator\nfrom .const import DOMAIN\n")
    assert _backward(str(wrong), "engine") == ["coordinator"]


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: str(path.relative_to(CORE)))
def test_core_imports_only_what_it_may(path: Path) -> None:
    depth = len(path.relative_to(CORE).parts)
    for level, name, _ in _imports(path):
        if level == 0:
            assert name.split(".")[0] in ALLOWED_IN_CORE, name
        else:
            assert level <= depth, "leaves the core"
    if path.relative_to(CORE).parts[0].removesuffix(".py") in PURE_OF_STORAGE:
        reached = {part for level, name, names in _imports(path) if level for part in (*name.split("."), *names)}
        assert not reached & {"catalogue", "storage"}


def test_core_has_no_cycle() -> None:
    """Follow the imports of the core's modules; a package stands for its ``__init__``."""
    graph: dict[str, set[str]] = {}
    for path in CORE.rglob("*.py"):
        parts = path.relative_to(CORE).with_suffix("").parts
        package = parts[:-1]
        module = ".".join(package if parts[-1] == "__init__" else parts)
        targets = set()
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not node.level:
                continue
            base = package[: len(package) - node.level + 1]
            stem = (*base, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                inner = (*stem, alias.name)
                is_module = (CORE / Path(*inner)).with_suffix(".py").exists() or (CORE / Path(*inner)).is_dir()
                targets.add(".".join(inner if is_module else stem))
        graph[module] = targets - {module}

    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module in done:
            return
        for target in graph.get(module, ()):
            visit(target, (*trail, module))
        done.add(module)

    for module in graph:
        visit(module, ())
    assert {"models", "errors", "detection.gate"} <= done


BOOTSTRAP = """
    import importlib.util, sys
    sys.modules["homeassistant"] = None
    spec = importlib.util.spec_from_file_location("timelapser_core", {init!r}, submodule_search_locations=[{core!r}])
    module = importlib.util.module_from_spec(spec)
    sys.modules["timelapser_core"] = module
    spec.loader.exec_module(module)
    import importlib, pkgutil
    for info in pkgutil.walk_packages([{core!r}], "timelapser_core."):
        importlib.import_module(info.name)
    import select, statistics
    print(len([name for name in sys.modules if name.startswith("timelapser_core.")]))
"""

POISON = "raise ImportError('the wrong module')"
POISONED = ("select", "statistics")
"""``select`` is what the integration's platform is called; some interpreters have it built in, which no path shadows,
so a second name of the standard library shows that the poison works."""


def test_core_enters_a_process_beside_a_poisoned_select(tmp_path: Path) -> None:
    """Start it as a worker does: the integration's ``select.py`` must not be taken for the standard library's."""
    copy = tmp_path / "timelapser"
    subprocess.run(["cp", "-r", str(INTEGRATION), str(copy)], check=True)
    for name in POISONED:
        (copy / f"{name}.py").write_text(POISON)
    core = copy / "core"
    code = textwrap.dedent(BOOTSTRAP.format(init=str(core / "__init__.py"), core=str(core)))
    result = subprocess.run([sys.executable, "-P", "-c", code], cwd=copy, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) > 10


def test_the_poison_works(tmp_path: Path) -> None:
    """The control: with the integration's folder ahead on the path, the same process breaks."""
    copy = tmp_path / "timelapser"
    copy.mkdir()
    (copy / "statistics.py").write_text(POISON)
    code = f"import sys; sys.path.insert(0, {str(copy)!r}); import statistics"
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "the wrong module" in result.stderr


def test_setup_stays_short() -> None:
    assert len((INTEGRATION / "__init__.py").read_text().splitlines()) < 120
