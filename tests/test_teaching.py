"""Reviews that teach the detector of a camera, through Home Assistant."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import count
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.calls import call
from tests.conftest import ScriptedCamera, set_up
from tests.core import pictures
from tests.ledger import table

type NextSlot = Callable[..., Awaitable[None]]
type Take = Callable[[], Awaitable[dict[str, Any]]]

SINCE_NOON = timedelta(hours=12)
"""From the forenoon of the test's home to the night."""


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without a pause, which a stopped clock would make endless."""
    monkeypatch.setattr("custom_components.timelapser.capture.RETRY_DELAY_S", 0.0)


def white(number: int) -> bytes:
    """Return a picture of a white wall, which nobody can tell from nothing."""
    return pictures.jpeg(pictures.noisy(pictures.flat((246, 246, 246), 640, 360), 1.5, number))


def soft(number: int) -> bytes:
    """Return a picture of a living scene out of focus."""
    return pictures.jpeg(pictures.noisy(pictures.blurred(pictures.scene("day", 640, 360), 9), 1, number))


@pytest.fixture
def take(hass: HomeAssistant, camera_entry: MockConfigEntry) -> Take:
    """Return what takes a picture and tells of it."""

    async def capture() -> dict[str, Any]:
        answer = await call(hass, "capture_now", entity_id="camera.garden")
        return answer["cameras"][camera_entry.entry_id]

    return capture


@pytest.fixture
def giving(camera: ScriptedCamera, freezer: FrozenDateTimeFactory) -> Callable[[Callable[[int], bytes]], None]:
    """Return what lets the camera give pictures of a kind, each with its own noise and a minute later."""
    numbers = count(1)

    def use(picture: Callable[[int], bytes]) -> None:
        def answer() -> bytes:
            return picture(next(numbers))

        camera.answer = answer

    return use


async def review(hass: HomeAssistant, shot: dict[str, Any], decision: str) -> dict[str, Any]:
    """Decide about the picture of a shot and return what the action says."""
    (answer,) = (await call(hass, "review_frame", frame_id=shot["frame_id"], decision=decision))["frames"]
    return answer


async def test_a_picture_that_was_fine_is_good_from_then_on_and_undone(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    take: Take,
    giving: Callable[..., None],
    freezer: FrozenDateTimeFactory,
) -> None:
    giving(white)
    rejected = await take()
    assert (rejected["verdict"], rejected["light"], rejected["faults"][0]["kind"]) == ("bad", "day", "white")
    answer = await review(hass, rejected, "restore")
    assert (answer["taught"], answer["kind"], answer["review"]) == (True, "frame", "good")

    freezer.tick(60)
    kept = await take()
    assert kept["verdict"] == "good"
    assert kept["faults"][0]["words"].endswith("a review calls this fine")

    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    await set_up(hass, camera_entry)
    freezer.tick(60)
    assert (await take())["verdict"] == "good"

    freezer.tick(SINCE_NOON)
    other = await take()
    assert other["light"] != "day"
    assert other["verdict"] == "bad"

    freezer.tick(SINCE_NOON)
    assert (await take())["verdict"] == "good"
    answer = await review(hass, rejected, "undo")
    assert (answer["taught"], answer["kind"], answer["review"]) == (False, "quarantine", None)
    freezer.tick(60)
    assert (await take())["verdict"] == "bad"


async def test_a_picture_that_was_bad_is_rejected_from_then_on_and_undone(
    hass: HomeAssistant, take: Take, giving: Callable[..., None], freezer: FrozenDateTimeFactory
) -> None:
    giving(soft)
    kept = await take()
    assert kept["verdict"] == "suspect"
    assert (await review(hass, kept, "reject"))["taught"]
    freezer.tick(60)
    rejected = await take()
    assert rejected["verdict"] == "bad"
    assert rejected["faults"][0]["words"].endswith("a review calls this bad")
    answer = await review(hass, kept, "undo")
    assert (answer["kind"], answer["changed"], answer["taught"]) == ("frame", True, False)
    freezer.tick(60)
    assert (await take())["verdict"] == "suspect"


async def test_the_newer_review_holds(
    hass: HomeAssistant, take: Take, giving: Callable[..., None], freezer: FrozenDateTimeFactory
) -> None:
    giving(soft)
    shots = []
    for decision, verdict in (("reject", "bad"), ("restore", "good"), ("reject", "bad")):
        shots.append(await take())
        freezer.tick(60)
        await review(hass, shots[-1], decision)
        freezer.tick(60)
        assert (await take())["verdict"] == verdict
        freezer.tick(60)
    times = [row["reviewed_at"] for row in table(hass, "frames") if row["review"] is not None]
    assert len(times) == 3
    assert times == sorted(set(times))


async def test_a_picture_without_faults_teaches_nothing_when_it_is_called_bad(
    hass: HomeAssistant, camera: ScriptedCamera, take: Take, freezer: FrozenDateTimeFactory
) -> None:
    shot = await take()
    assert shot["faults"] == []
    answer = await review(hass, shot, "reject")
    assert (answer["kind"], answer["review"], answer["taught"]) == ("quarantine", "bad", False)
    freezer.tick(60)
    assert (await take())["verdict"] == "good"


async def test_a_cut_picture_stays_bad_whatever_is_said_of_it(
    hass: HomeAssistant, camera: ScriptedCamera, take: Take, giving: Callable[..., None], freezer: FrozenDateTimeFactory
) -> None:
    def cut(number: int) -> bytes:
        return pictures.cut(pictures.jpeg(pictures.noisy(pictures.scene("day", 640, 360), 1.5, number)), 0.5)

    giving(cut)
    shot = await take()
    assert shot["faults"][0]["kind"] == "truncated"
    await review(hass, shot, "restore")
    freezer.tick(60)
    assert (await take())["verdict"] == "bad"


async def test_protecting_teaches_nothing(hass: HomeAssistant, take: Take, giving: Callable[..., None]) -> None:
    giving(soft)
    shot = await take()
    assert not (await review(hass, shot, "protect"))["taught"]
    await review(hass, shot, "reject")
    assert (await review(hass, shot, "unprotect"))["taught"]
