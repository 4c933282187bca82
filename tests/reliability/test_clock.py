"""The clock is changed, by law or by mistake: no slot twice or left out, nothing overwritten, nothing purged."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
import hashlib
from pathlib import Path
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.conftest import Events, ScriptedCamera, make_entry, set_up, timelapse_data
from tests.ledger import consistent, files, table
from tests.surface import state

type NextSlot = Callable[..., Awaitable[None]]

MINUTE = timedelta(minutes=1)
HOUR, DAY = 3600, 86400
KEEP_DAYS = 2
"""An age limit; a gap of up to twice as long is believed."""
AROUND = 5
"""Minutes before and after a change of the clock in the short form; the whole day in the long one."""


def day_of(zone: ZoneInfo, day: date) -> tuple[datetime, datetime]:
    """Return the midnights around a local date, in UTC."""
    midnights = (datetime.combine(one, datetime.min.time(), zone) for one in (day, day + timedelta(days=1)))
    first, last = (midnight.astimezone(dt_util.UTC) for midnight in midnights)
    return first, last


def change_of(zone: ZoneInfo, first: datetime, last: datetime) -> datetime:
    """Return the minute of a day in which the clock changes, noon when it does not."""
    minute = first
    while minute < last:
        if minute.astimezone(zone).utcoffset() != (minute - MINUTE).astimezone(zone).utcoffset():
            return minute
        minute += MINUTE
    return first + (last - first) / 2


@pytest.mark.parametrize(
    ("name", "day", "slots"),
    [
        ("Europe/Berlin", date(2027, 3, 28), 1380),
        ("Europe/Berlin", date(2027, 10, 31), 1500),
        ("Australia/Lord_Howe", date(2027, 10, 3), 1410),
        ("Australia/Lord_Howe", date(2027, 4, 4), 1470),
        ("Asia/Kolkata", date(2027, 3, 28), 1440),
        ("Pacific/Apia", date(2011, 12, 29), 1440),
    ],
)
async def test_a_day_on_which_the_clock_is_changed(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    media_root: Path,
    next_slot: NextSlot,
    pytestconfig: pytest.Config,
    name: str,
    day: date,
    slots: int,
) -> None:
    """Every minute of the day is a slot, once; in Samoa the day is followed by the one after the next."""
    zone = ZoneInfo(name)
    first, last = day_of(zone, day)
    if name == "Pacific/Apia":
        last = day_of(zone, date(2011, 12, 31))[0]
    assert (last - first) // MINUTE == slots
    if not pytestconfig.getoption("--long"):
        change = last if name == "Pacific/Apia" else change_of(zone, first, last)
        first, last = change - AROUND * MINUTE, change + AROUND * MINUTE
    await hass.config.async_set_time_zone(name)
    freezer.move_to(first - MINUTE / 2)
    entry = await set_up(hass, make_entry(hass))
    expected = [first + number * MINUTE for number in range((last - first) // MINUTE)]
    for _ in expected:
        await next_slot()
    rows = table(hass, "frames")
    assert [row["slot_at"] for row in rows] == [round(slot.timestamp() * 1000) for slot in expected]
    assert len({path.name for path in files(media_root)}) == len(expected)
    assert consistent(hass, media_root)
    assert table(hass, "cameras")[0]["missed"] == entry.runtime_data.planner.missed == 0
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.config.async_set_time_zone("UTC")


@pytest.mark.parametrize("jump", [HOUR, -HOUR, DAY, -DAY, "1970", 400 * DAY])
async def test_the_clock_jumps(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    events: Events,
    media_root: Path,
    next_slot: NextSlot,
    jump: int | str,
) -> None:
    """Captures go on within two minutes; what was there is still there, and no age limit believes the clock."""
    entry = await set_up(hass, make_entry(hass, timelapse_data(keep_days=KEEP_DAYS, purge_current=True)))
    for _ in range(5):
        await next_slot()
    before = hashes(media_root)
    assert len(before) == 5
    seconds = jump if isinstance(jump, int) else 30 - freezer().timestamp()
    freezer.move_to(freezer() + timedelta(seconds=seconds))
    for _ in range(7):
        await next_slot()
    captured = len(events.named("image_captured"))
    assert captured >= 5 + 5
    assert state(hass, entry, "sensor", "images_captured").state == str(captured)
    assert state(hass, entry, "sensor", "state").state == "ready"
    for _ in range(2):
        await next_slot(HOUR)
    after = hashes(media_root)
    assert before.items() <= after.items()
    assert len(after) == len(events.named("image_captured")) == len(set(after))
    assert consistent(hass, media_root)
    assert not sum(event.data["frames"]["count"] for event in events.named("purge_completed"))
    sequence = [row["id"] for row in sorted(table(hass, "frames"), key=lambda row: row["seq"])]
    assert len(sequence) == len(set(sequence)) == len(after)
    assert await hass.config_entries.async_unload(entry.entry_id)


def hashes(media_root: Path) -> dict[str, str]:
    """Return the digest of each still by its name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files(media_root)}


async def test_an_age_limit_that_believes_the_clock_is_seen(
    hass: HomeAssistant,
    camera: ScriptedCamera,
    system_entry: MockConfigEntry,
    media_root: Path,
    next_slot: NextSlot,
) -> None:
    """The control arm: as much time in steps that are borne out by stills takes the old ones away."""
    entry = await set_up(
        hass, make_entry(hass, timelapse_data(interval=4 * HOUR, keep_days=KEEP_DAYS, purge_current=True))
    )
    await next_slot(4 * HOUR)
    before = hashes(media_root)
    assert before
    for _ in range(20):
        await next_slot(4 * HOUR)
    assert not before.items() & hashes(media_root).items()
    assert await hass.config_entries.async_unload(entry.entry_id)
