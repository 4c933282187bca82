"""Two inputs that a fuzzer found in the search for the quantiser table."""

from datetime import UTC, datetime
import struct
import time

from timelapser_core.detection import Detector
from timelapser_core.detection.prints import luma_steps

from scripts.dev.fuzz.seeds import seeds

PHOTO = seeds()["jpeg"]
JUMP = 4 + 0xFFFE
"""Where a walk lands that takes the marker behind a bare one for a length."""


def segment(code: int, body: bytes) -> bytes:
    return bytes([0xFF, code]) + struct.pack(">H", 2 + len(body)) + body


def landing(landed: bytes) -> bytes:
    """Return a whole JPEG with a bare marker, and in a note, just where a wrong walk lands, some bytes."""
    head = PHOTO[:2] + b"\xff\x01" + segment(0xFE, bytes(30000)) * 2
    return head + segment(0xFE, bytes(JUMP - len(head) - 4) + landed) + PHOTO[2:]


def test_a_bare_marker_has_no_length() -> None:
    expected = luma_steps(PHOTO)
    assert expected is not None
    found = luma_steps(landing(segment(0xDB, b"\x10" + bytes(63))))  # raises ValueError: an odd table of 16 bits
    assert found is not None
    assert (found == expected).all()


def test_filling_in_a_scan_costs_nothing() -> None:
    """Two megabytes took 2 s, and 31 took 32 s: the walk went on in the scan, a byte at a time."""
    head = PHOTO[:2] + b"\xff\x01" + segment(0xFE, bytes(28000)) * 2 + PHOTO[2:-2]
    data = head + bytes(JUMP - len(head)) + b"\xff" * (4 << 20) + b"\xff\xd9"
    started = time.process_time()
    Detector().evaluate(data, when=datetime(2026, 6, 1, 12, tzinfo=UTC))
    assert time.process_time() - started < 2
