"""Enter the pure core without Home Assistant, under the name ``timelapser_core``."""

import importlib.util
from pathlib import Path
import sys

CORE = Path(__file__).parents[2] / "custom_components" / "timelapser" / "core"


def load_core() -> None:
    """Make ``timelapser_core`` importable; the integration's folder never gets onto the path."""
    if "timelapser_core" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        "timelapser_core", CORE / "__init__.py", submodule_search_locations=[str(CORE)]
    )
    if spec is None or spec.loader is None:
        raise ImportError("the core is missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules["timelapser_core"] = module
    spec.loader.exec_module(module)
