"""Whatever happened in the session, nothing that it left behind tells a secret, an address or a place on disk."""

from collections.abc import Iterator
import json

import pytest

from .house import SECRET, House


def _traces(house: House, states: dict[str, object]) -> Iterator[tuple[str, bytes]]:
    """Yield everything that this integration has said or stored."""
    for line in house.log_lines():
        yield "log", line.encode()
    for item in house.events:
        yield "event", json.dumps(item).encode()
    yield "states", json.dumps(states).encode()
    for path in house.catalogue.file.parent.glob("catalogue.db*"):
        yield path.name, path.read_bytes()
    for path in house.catalogue.files():
        yield path.name, path.read_bytes()


@pytest.mark.cameras("lake_stream", "lake_snapshot", "still")
async def test_no_secret_address_or_path_is_told(house: House) -> None:
    for name in ("lake_stream", "lake_snapshot", "still"):
        await (await house.post(name)).event("timelapser_image_captured")
    ours = {
        entry["entity_id"]
        for entry in await house.hass.ws("config/entity_registry/list")
        if entry["platform"] == "timelapser"
    }
    states = {entity_id: state for entity_id, state in (await house.hass.states()).items() if entity_id in ours}
    assert len(states) > 20
    forbidden = (SECRET.encode(), b"127.0.0.1", b"rtsp://", b"http://", str(house.folder).encode())
    traces = list(_traces(house, states))
    assert {"log", "event", "states", "catalogue.db"} < {name for name, _ in traces}
    found = [
        (name, word, content[max(0, at - 200) : at + 100])
        for name, content in traces
        for word in forbidden
        if (at := content.find(word)) >= 0
    ]
    assert found == []


@pytest.mark.cameras("lake_stream")
async def test_nothing_unexpected_is_logged(house: House) -> None:
    """Expected are the changes of health, which are warnings."""
    await house.post("lake_stream")
    bad = [
        line
        for line in house.log_lines()
        if ("ERROR" in line or "WARNING" in line or "Traceback" in line)
        and " is degraded (" not in line
        and " is offline (" not in line
        and "custom integration timelapser which has not been tested" not in line
    ]
    assert bad == []
