"""What looks frozen and is not."""

import asyncio
import json

import pytest

from scripts.dev.guard import CAPTURED, FAILED, REJECTED, TRANSITIONS

from .house import House
from .test_actions import _act_when_allowed

NIGHT_FRAMES = 13


@pytest.mark.cameras("spare")
async def test_repeated_bytes_within_a_key_frame_interval_are_not_stale(house: House) -> None:
    post = await house.post("spare")
    await post.state("health", "online")
    since = len(house.events)
    await post.camera.set_mode("freeze")
    answers = [await _act_when_allowed(post, "capture_now") for _ in range(7)]
    await post.camera.set_mode("normal")
    assert {answer["outcome"] for answer in answers} == {"captured"}, answers
    assert {answer["freshness"] for answer in answers[1:]} == {"unproven"}
    assert {answer["verdict"] for answer in answers} == {"good"}
    await asyncio.sleep(1)
    # One that falls within half a second of a slot still repeats that slot's bytes.
    after = [(await _act_when_allowed(post, "capture_now"))["freshness"] for _ in range(3)]
    assert "proven" in after
    assert post.events(REJECTED, FAILED, *TRANSITIONS, since=since) == []


@pytest.mark.cameras("night_rtsp", "night_http")
@pytest.mark.parametrize("name", ["night_http", "night_rtsp"])
async def test_a_still_night_with_sensor_noise_is_not_frozen(house: House, name: str) -> None:
    post = await house.post(name)
    await post.event(CAPTURED, count=NIGHT_FRAMES, timeout=NIGHT_FRAMES * 5 + 60)
    assert post.events(REJECTED, FAILED, "timelapser_camera_degraded") == []
    frames = house.catalogue.frames(post.id)
    assert {row["freshness"] for row in frames} == {"proven"}
    # Where two slices of a small, noisy picture meet, blocks may once seem not to fit; that is another fault.
    named = {fault[0] for row in frames if row["faults"] for fault in json.loads(row["faults"])}
    assert named <= {"block_loss"}
    assert {row["verdict"] for row in frames} <= {"good", "suspect"}
