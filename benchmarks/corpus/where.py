"""Where the corpus lies: beside the other things that the project's scripts fetch and build, never in the checkout."""

import os
from pathlib import Path
from typing import Final

_CACHE = Path(os.environ.get("TL_CACHE") or Path.home() / ".cache" / "timelapser-dev")

FILES: Final = _CACHE / "corpus"
"""What the packages carry."""
PICTURES: Final = _CACHE / "corpus-pictures"
"""What is made of it."""
