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


async def _call(house: House, action: str, **data: object) -> Json:
    """Call an action and return its whole answer."""
    answer: Json = await house.hass.rest("POST", f"/api/services/timelapser/{action}?return_response", data)
    response: Json = answer["service_response"]
    return response


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


@pytest.mark.cameras("pressed")
async def test_a_picture_is_listed_shown_rejected_and_restored(house: House) -> None:
    post = await house.post("pressed")
    frame_id = (await _act_when_allowed(post, "capture_now"))["frame_id"]
    (listed, *_) = (await _call(house, "list_frames", entity_id=post.entity_id))["cameras"][post.id]["frames"]
    assert (listed["frame_id"], listed["kind"], listed["verdict"]) == (frame_id, "frame", "good")
    frame = post.frame(frame_id)
    assert frame is not None
    assert await house.hass.rest("GET", listed["url"]) == frame["path"].read_bytes()
    for decision, kind in (("reject", "quarantine"), ("restore", "frame")):
        (reviewed,) = (await _call(house, "review_frame", frame_id=frame_id, decision=decision))["frames"]
        assert (reviewed["kind"], reviewed["changed"]) == (kind, True)
        moved = post.frame(frame_id)
        assert moved is not None
        assert moved["path"].stat().st_size == frame["byte_count"]


@pytest.mark.cameras("pressed")
async def test_a_run_ends_and_goes_and_another_begins(house: House) -> None:
    post = await house.post("pressed")
    frame_id = (await _act_when_allowed(post, "capture_now"))["frame_id"]
    since = len(house.events)
    (started,) = (await _call(house, "start_run", entity_id=post.entity_id, name="Second floor"))["timelapses"].values()
    assert (started["run_name"], started["image_count"]) == ("Second floor", 0)
    await post.event("timelapser_run_completed", since=since)
    await post.event("timelapser_run_started", since=since)
    kept = (await _act_when_allowed(post, "capture_now"))["frame_id"]
    runs = (await _call(house, "list_runs", entity_id=post.entity_id))["cameras"][post.id]["runs"]
    assert [run["state"] for run in runs] == ["running", "completed"]
    purged = (await _call(house, "purge", entity_id=post.entity_id, keep_newest=0))["cameras"][post.id]
    assert purged["dry_run"]
    # The first good frame is the camera's reference image, which no purge takes.
    assert purged["frames"]["count"] == runs[1]["image_count"] - 1 > 0
    assert post.frame(frame_id) is not None
    with pytest.raises(HassError):
        await _call(house, "delete_run", run_id=runs[0]["run_id"], confirm=True)
    deleted = await _call(house, "delete_run", run_id=runs[1]["run_id"], confirm=True)
    assert deleted["deleted"] == runs[1]["image_count"]
    assert post.frame(frame_id) is None
    assert post.frame(kept) is not None
