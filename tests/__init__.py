"""The tests; with ``--without-opencv`` as on a machine where OpenCV cannot be had."""

import sys

if "--without-opencv" in sys.argv:
    # Here, because this comes before conftest.py and so before anything that imports the integration.
    sys.modules["cv2"] = None  # type: ignore[assignment]
