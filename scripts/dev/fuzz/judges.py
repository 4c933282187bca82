"""Who looks at the inputs: the whole detection, or gate and decoder alone, with libjpeg-turbo and without."""

from datetime import UTC, datetime
from unittest import mock

from scripts.lib.core import load_core

from .watch import BrokenPromiseError, check_result, shape

load_core()

from timelapser_core.detection import Detector, decode, gate  # noqa: E402 - there is no such module before

WHEN = datetime(2026, 6, 1, 12, tzinfo=UTC)

_detector = Detector(heavy=True)


def whole(data: bytes) -> str:
    """Return what the whole detection, heavy checks included, says of an input."""
    return check_result(_detector.evaluate(data, when=WHEN))


def decoded(data: bytes) -> str:
    """Return what gate and decoder say of an input."""
    gated = gate(data)
    try:
        planes = decode.decode(data, gated)
    except decode.UndecodableError as err:
        return shape(f"{gated.content_type} undecodable {err}")
    if planes.luma.shape != (gated.height, gated.width):
        raise BrokenPromiseError(f"planes of another size than the header's {gated.content_type}")
    colour = "grey" if planes.blue is None else "colour"
    return shape(f"{gated.content_type} {gated.ends_cleanly} {colour} {planes.watched} {planes.warning}")


def without_turbo(data: bytes) -> str:
    """Return what they say where libjpeg-turbo is not installed."""
    with mock.patch.object(decode, "_turbo", return_value=None):
        return decoded(data)


def whole_without_turbo(data: bytes) -> str:
    """Return what the whole detection says there."""
    with mock.patch.object(decode, "_turbo", return_value=None):
        return whole(data)
