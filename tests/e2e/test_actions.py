"""The actions, called as a user's script would: by REST, with an answer."""

import asyncio

import pytest

from scripts.dev.guard import DEGRADED, RECOVERED
from scripts.dev.hass import HassError, Json

from .house import House, Post


async def _act(post: Post, action: str) -> Json:
    answer = await post.house.hass.rest(
        "POST", f"/api/services/timelapser/{action}?return_response", {"entity_id": post.entity_id}
    )
    cameras: Json = answer["service_response"]["cameras"]
    assert cameras.keys() == {post.id}
    return cameras[post.id]


async def _act_when_allowed(post: Post, action: str) -> Json:
    """Wait out what the limit of one capture a second still holds back."""
    await asyncio.sleep(1.1)
    return await _act(post, action)


@pytest.mark.cameras("pressed", "lake_stream")
@pytest.mark.parametrize("name", ["pressed", "lake_stream"])
async def test_capture_now_keeps_a_picture(house: House, name: str) -> None:
    post = await house.post(name)
    answer = await _act_when_allowed(post, "capture_now")
    assert (answer["outcome"], answer["verdict"], answer["code"]) == ("captured", "good", None)
    assert answer["freshness"] == "proven"
    assert answer["size"] == [1280, 720]
    assert answer["faults"] == []
    frame = post.frame(answer["frame_id"])
    assert frame is not None
    assert frame["path"].stat().st_size == frame["byte_count"]
    assert frame["captured_at"].isoformat() == answer["captured_at"][:23] + "000+00:00"
    assert post.attempt(answer["correlation_id"])["outcome"] == "captured"


@pytest.mark.cameras("pressed")
async def test_capture_now_is_limited_to_one_a_second(house: House) -> None:
    post = await house.post("pressed")
    await asyncio.sleep(1.1)
    first, second = await asyncio.gather(_act(post, "capture_now"), _act(post, "capture_now"), return_exceptions=True)
    refused = [answer for answer in (first, second) if isinstance(answer, HassError)]
    assert len(refused) == 1, (first, second)


@pytest.mark.cameras("pressed", "lake_stream")
@pytest.mark.parametrize("name", ["pressed", "lake_stream"])
async def test_evaluate_camera_keeps_nothing(house: House, name: str) -> None:
    post = await house.post(name)
    await _act_when_allowed(post, "capture_now")
    answer = await _act(post, "evaluate_camera")
    assert answer["verdict"] == "good"
    assert answer["score"] > 75
    assert "frame_id" not in answer
    kept = [row["id"] for row in house.catalogue.attempts(post.id)] + [
        row["id"] for row in house.catalogue.frames(post.id)
    ]
    assert kept
    assert answer["correlation_id"] not in kept


@pytest.mark.cameras("spare")
async def test_reset_degraded_ends_degraded_mode_at_once(house: House) -> None:
    post = await house.post("spare")
    await post.state("health", "online")
    answer = await _act(post, "reset_degraded")
    assert (answer["changed"], answer["health"]) == (False, "online")
    since = len(house.events)
    await post.camera.set_mode("black")
    try:
        await post.event(DEGRADED, since=since)
        await post.state("degraded", "on")
        answer = await _act(post, "reset_degraded")
    finally:
        await post.camera.set_mode("normal")
    assert (answer["changed"], answer["health"]) == (True, "online")
    assert (await post.event(RECOVERED, since=since))[0]["by"] == "reset"
    await post.state("degraded", "off")
