"""Break a camera in one way, see what comes of it everywhere, mend it, and see that it is over."""

import asyncio

from scripts.dev.guard import CAPTURED, DOMAIN, FAILED, REJECTED
from scripts.dev.hass import Json

from .house import House, Post
from .roles import ROLES, Case

type Results = dict[tuple[str, str], asyncio.Future[None]]

EVIDENCE_BYTES = 4096


async def run_course(house: House, name: str, results: Results) -> None:
    """Break one camera in all its ways, one after the other."""
    for case in ROLES[name].cases:
        result = results[name, case.name]
        try:
            post = await house.post(name)
            try:
                await _break(post, case)
            finally:
                since = len(house.events)
                await case.mend_it(post.camera)
            await _see_it_mended(post, case, since)
        except Exception as err:  # noqa: BLE001  it belongs to the test of this case
            result.set_exception(err)
        else:
            result.set_result(None)


async def _break(post: Post, case: Case) -> None:
    """Break the camera, and check events, states, rows and files."""
    since = len(post.house.events)
    await post.event(CAPTURED, since=since)
    await post.state("health", "online")
    # A third trouble soon after two others is not over after two good pictures; each of these is to be a first.
    await post.house.hass.call(DOMAIN, "reset_degraded", {"entity_id": post.entity_id}, return_response=True)
    before = post.house.catalogue.camera(post.id)
    since = len(post.house.events)
    await case.break_it(post.camera)
    down, _up = case.transitions
    (told,) = (await post.event(down, since=since))[:1]
    # A read that was under way when the camera broke may have ended in its own way.
    seen = post.events(CAPTURED, REJECTED, FAILED, since=since)
    first = next(index for index, data in enumerate(seen) if data.get("code") == case.code)
    straddling, bad = seen[:first], seen[first:]
    _check_events(post, case, straddling, bad, told)
    await _check_states(post, case)
    for data in bad:
        _check_rows(post, case, data)
    after = post.house.catalogue.camera(post.id)
    kept = [data for data in straddling if data in post.events(CAPTURED, since=since)]
    assert after["captured"] == before["captured"] + len(kept)
    column = "rejected" if case.event == REJECTED else "failed"
    assert after[column] >= before[column] + len(bad)


def _check_events(post: Post, case: Case, straddling: list[Json], bad: list[Json], told: Json) -> None:
    of_the_type = post.events(case.event)
    assert all(data in of_the_type for data in bad), bad
    assert {data["code"] for data in bad} == {case.code}
    assert (told["correlation_id"], told["code"]) == (bad[-1]["correlation_id"], case.code)
    assert told["health"] == ("degraded" if case.of_quality else "offline")
    if case.fault is not None:
        assert all(case.fault in data["faults"] for data in bad), bad
    if case.lingers:
        # A stream's encoder shows a frozen picture in several ways, and may take its time to come back to one of them.
        assert 3 <= len(straddling) <= (12 if case.fault == "frozen" else 6)
        if case.fault == "stale":
            assert {data["freshness"] for data in straddling[2:]} == {"unproven"}, straddling
            assert {data["freshness"] for data in bad} == {"stale"}, bad
    else:
        assert len(straddling) <= 1, straddling


async def _check_states(post: Post, case: Case) -> None:
    await post.state("health", "degraded" if case.of_quality else "offline")
    await post.state("degraded", "on" if case.of_quality else "off")
    await post.state("connectivity", "on" if case.of_quality else "off")
    if case.fault is not None:
        await post.state("last_fault", case.fault)


def _check_rows(post: Post, case: Case, data: Json) -> None:
    row = post.attempt(data["correlation_id"])
    frame = post.frame(data["correlation_id"])
    assert (row["outcome"], row["code"]) == (case.event.removeprefix("timelapser_").partition("_")[2], case.code)
    assert row["phase"] == data["phase"]
    if case.event == REJECTED:
        assert frame is not None
        assert (frame["kind"], frame["verdict"]) == ("quarantine", data["verdict"])
        assert frame["verdict"] in ("bad", "unreadable")
        assert frame["path"].stat().st_size == frame["byte_count"]
        return
    assert frame is None
    assert not [path for path in post.house.catalogue.files() if row["id"] in path.name]
    if case.of_quality:
        assert "<!DOCTYPE html>" in row["evidence"]
        assert len(row["evidence"]) <= EVIDENCE_BYTES


async def _see_it_mended(post: Post, case: Case, since: int) -> None:
    """Wait until nothing is left of the fault in events, states and rows."""
    _down, up = case.transitions
    (told,) = (await post.event(up, since=since))[:1]
    assert told["health"] == "online"
    since = len(post.house.events)
    data = (await post.event(CAPTURED, since=since))[-1]
    await post.state("health", "online")
    await post.state("degraded", "off")
    await post.state("connectivity", "on")
    await post.state("last_fault", "none")
    row, frame = post.attempt(data["correlation_id"]), post.frame(data["correlation_id"])
    assert frame is not None
    assert (row["outcome"], row["code"], frame["kind"], frame["verdict"]) == ("captured", None, "frame", "good")
    assert (frame["freshness"], frame["faults"]) == ("proven", None)
    assert frame["path"].stat().st_size == frame["byte_count"]
