"""The pictures by HTTP: who may see which, and what nobody gets."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
import io
import os
from pathlib import Path

from aiohttp.test_utils import TestClient
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant
from PIL import Image
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.timelapser.core.ulid import new_ulid
from custom_components.timelapser.pictures import (
    FRAME_PATH,
    LOOK_PATH,
    LOOKS_MAX,
    PICTURE_LIFE,
    async_hold_look,
    frame_path,
)
from tests.calls import call
from tests.conftest import good_picture
from tests.ledger import files, table

type NextSlot = Callable[..., Awaitable[None]]

PATHS = {FRAME_PATH, LOOK_PATH}
"""Every address of ours that is served; each has its tests below."""


@pytest.fixture
async def still(hass: HomeAssistant, camera_entry: MockConfigEntry, next_slot: NextSlot) -> str:
    """Return the path of a stored still."""
    await next_slot()
    return frame_path(camera_entry.runtime_data.data.latest_frame.id)


@pytest.fixture
async def look(hass: HomeAssistant, camera_entry: MockConfigEntry) -> str:
    """Return the path of a look at the camera."""
    return async_hold_look(hass, camera_entry.data["camera"], good_picture(1), "image/jpeg")


@pytest.fixture(params=["still", "look"])
def path(request: pytest.FixtureRequest, freezer: FrozenDateTimeFactory) -> str:
    """Return the path of a picture of either kind."""
    found: str = request.getfixturevalue(request.param)
    return found


async def test_every_address_is_known(hass: HomeAssistant, camera_entry: MockConfigEntry) -> None:
    served = {resource.canonical for resource in hass.http.app.router.resources()}
    assert {address for address in served if "/timelapser/" in address} == PATHS


async def test_a_picture_is_served_to_an_admin(hass_client: ClientSessionGenerator, path: str) -> None:
    answer = await (await hass_client()).get(path)
    assert answer.status == 200
    assert answer.content_type == "image/jpeg"
    assert answer.headers["Cache-Control"].startswith("private")
    assert Image.open(io.BytesIO(await answer.read())).size == (640, 360)


async def test_a_still_is_the_file(hass_client: ClientSessionGenerator, media_root: Path, still: str) -> None:
    (file,) = files(media_root)
    assert await (await (await hass_client()).get(still)).read() == file.read_bytes()


async def test_a_still_whose_file_is_gone_is_known_to_be(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, media_root: Path, still: str
) -> None:
    """It is not listed any more, until the file is there again."""
    target = {"entity_id": "camera.garden"}
    listed = (await call(hass, "list_frames", **target))["cameras"]
    assert [len(camera["frames"]) for camera in listed.values()] == [1]
    (file,) = files(media_root)
    data = file.read_bytes()
    file.unlink()
    client = await hass_client()
    assert (await client.get(still)).status == 404
    assert [row["missing"] for row in table(hass, "frames")] == [1]
    listed = (await call(hass, "list_frames", **target))["cameras"]
    assert [len(camera["frames"]) for camera in listed.values()] == [0]
    file.write_bytes(data)
    assert (await client.get(still)).status == 200
    assert [row["missing"] for row in table(hass, "frames")] == [0]


async def test_anonymous_gets_nothing(hass_client_no_auth: ClientSessionGenerator, path: str) -> None:
    assert (await (await hass_client_no_auth()).get(path)).status == 401


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        ({"entities": {"entity_ids": {"camera.garden": {"read": True}}}}, 200),
        ({"entities": {"entity_ids": {"camera.garden": {"control": True}}}}, 404),
        ({"entities": {"entity_ids": {"camera.street": True}}}, 404),
        ({}, 404),
    ],
)
async def test_a_user_needs_to_read_the_camera(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_read_only_user: MockUser,
    hass_read_only_access_token: str,
    path: str,
    policy: dict[str, object],
    status: int,
) -> None:
    hass_read_only_user.mock_policy(policy)
    client = await hass_client(hass_read_only_access_token)
    assert (await client.get(path)).status == status


async def test_forbidden_looks_like_missing(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_read_only_user: MockUser,
    hass_read_only_access_token: str,
    still: str,
) -> None:
    hass_read_only_user.mock_policy({})
    client = await hass_client(hass_read_only_access_token)
    answers = [await client.get(address) for address in (still, frame_path(new_ulid()))]
    assert len({(answer.status, await answer.text(), answer.headers.get("Content-Type")) for answer in answers}) == 1


@pytest.mark.parametrize(
    "frame_id",
    [
        "0",
        "-1",
        "1e9",
        "٣",
        "latest",
        "%00",
        "x" * 5000,
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "01arz3ndektsv4rrffq69g5fav",
        "01ARZ3NDEKTSV4RRFFQ69G5FA%00",
        "1%2f..%2f..",
        "%252e%252e",
        "..;",
        "%5c..%5c",
    ],
)
async def test_a_bad_id_is_not_found(hass_client: ClientSessionGenerator, still: str, frame_id: str) -> None:
    client = await hass_client()
    assert (await client.get(still)).status == 200
    assert (await _raw(client, frame_path(frame_id))).status in (400, 404)
    assert (await _raw(client, LOOK_PATH.format(token=frame_id))).status in (400, 404)


async def _raw(client: TestClient, path: str):  # type: ignore[no-untyped-def]
    """Get a path as it is written, already quoted."""
    from yarl import URL

    return await client.session.get(URL(str(client.make_url("/")).rstrip("/") + path, encoded=path.isascii()))


def _fifo(file: Path) -> None:
    os.mkfifo(file)


def _folder(file: Path) -> None:
    file.mkdir()


def _link_out(file: Path) -> None:
    file.symlink_to("/etc/passwd")


def _link_to_a_still(file: Path) -> None:
    other = file.with_name("other.jpg")
    other.write_bytes(good_picture(1))
    file.symlink_to(other)


def _dangling(file: Path) -> None:
    file.symlink_to(file.with_name("nothing"))


def _gone(file: Path) -> None:
    """Leave nothing in its place."""


@pytest.mark.parametrize("replace", [_fifo, _folder, _link_out, _link_to_a_still, _dangling, _gone])
async def test_what_is_no_file_of_ours_is_not_found(
    hass_client: ClientSessionGenerator, media_root: Path, still: str, replace: Callable[[Path], None]
) -> None:
    client = await hass_client()
    (file,) = files(media_root)
    content = file.read_bytes()
    file.unlink()
    replace(file)
    answer = await client.get(still)
    assert answer.status == 404
    assert await answer.read() == b""
    if file.is_dir():
        file.rmdir()
    else:
        file.unlink(missing_ok=True)
    file.write_bytes(content)
    assert (await client.get(still)).status == 200


async def test_nothing_is_served_while_nothing_is_loaded(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, camera_entry: MockConfigEntry, still: str
) -> None:
    client = await hass_client()
    assert await hass.config_entries.async_unload(camera_entry.entry_id)
    assert (await client.get(still)).status == 404
    assert await hass.config_entries.async_setup(camera_entry.entry_id)
    assert (await client.get(still)).status == 200


async def test_a_signature_is_for_one_path_and_a_while(
    hass: HomeAssistant,
    hass_client_no_auth: ClientSessionGenerator,
    freezer: FrozenDateTimeFactory,
    still: str,
    look: str,
) -> None:
    client = await hass_client_no_auth()
    signed = async_sign_path(hass, still, PICTURE_LIFE)
    assert (await client.get(signed)).status == 200
    assert (await client.get(signed.replace(still, look))).status == 401
    assert (await client.get(signed[:-3] + "abc")).status == 401
    assert (await client.post(signed)).status in (401, 405)
    freezer.tick(PICTURE_LIFE + timedelta(seconds=1))
    assert (await client.get(signed)).status == 401


async def test_a_look_is_forgotten(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, freezer: FrozenDateTimeFactory, look: str
) -> None:
    client = await hass_client()
    freezer.tick(PICTURE_LIFE - timedelta(seconds=1))
    assert (await client.get(look)).status == 200
    freezer.tick(timedelta(seconds=1))
    assert (await client.get(look)).status == 404


async def test_the_oldest_look_goes_first(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, camera_entry: MockConfigEntry, look: str
) -> None:
    client = await hass_client()
    more = [async_hold_look(hass, "camera.garden", good_picture(2), "image/jpeg") for _ in range(LOOKS_MAX - 1)]
    assert (await client.get(look)).status == 200
    more.append(async_hold_look(hass, "camera.garden", good_picture(2), "image/jpeg"))
    assert (await client.get(look)).status == 404
    assert [(await client.get(path)).status for path in more] == [200] * LOOKS_MAX


async def test_pictures_of_a_removed_camera_are_for_who_could_see_it(
    hass: HomeAssistant,
    camera_entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
    hass_read_only_user: MockUser,
    hass_read_only_access_token: str,
    still: str,
) -> None:
    other = MockConfigEntry(domain="timelapser", title="Street", data={"camera": "camera.street"})
    other.add_to_hass(hass)
    assert await hass.config_entries.async_setup(other.entry_id)
    await hass.config_entries.async_remove(camera_entry.entry_id)
    hass_read_only_user.mock_policy({"entities": {"entity_ids": {"camera.street": True}}})
    assert (await (await hass_client()).get(still)).status == 200
    assert (await (await hass_client(hass_read_only_access_token)).get(still)).status == 404
    assert await hass.config_entries.async_unload(other.entry_id)
