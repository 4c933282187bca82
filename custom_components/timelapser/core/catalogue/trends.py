"""What cameras showed hour by hour, and the forecast that stands."""

from collections.abc import Sequence
import json

from sqlalchemy import Connection, delete, insert, select, update

from ..errors import CatalogueError, Code
from ..forecast import Forecast
from ..hours import KEPT, Hour
from ..models import FaultKind, Light
from .schema import cameras, trends


def keep_hours(conn: Connection, camera_seq: int, hours: Sequence[Hour]) -> None:
    """Enter hours of a camera (by its key) that are over; of one that is there already, what is newer holds."""
    for hour in hours:
        same = (trends.c.camera_seq == camera_seq, trends.c.at == hour.at, trends.c.light == hour.light)
        conn.execute(delete(trends).where(*same))
        conn.execute(
            insert(trends).values(
                camera_seq=camera_seq,
                at=hour.at,
                light=hour.light,
                pictures=hour.count,
                score=hour.score,
                closeness=json.dumps(dict(hour.closeness), separators=(",", ":")),
            )
        )
    if hours:
        oldest = max(hour.at for hour in hours) - KEPT
        conn.execute(delete(trends).where(trends.c.camera_seq == camera_seq, trends.c.at < oldest))


def hours_of(conn: Connection, camera_id: str) -> list[Hour]:
    """Return what is kept of a camera's hours, the oldest first."""
    rows = (
        select(trends.c.at, trends.c.light, trends.c.pictures, trends.c.score, trends.c.closeness)
        .join(cameras, cameras.c.seq == trends.c.camera_seq)
        .where(cameras.c.id == camera_id)
        .order_by(trends.c.at)
    )
    try:
        return [
            Hour(
                at=row.at,
                light=row.light,
                count=row.pictures,
                score=row.score,
                closeness={FaultKind(kind): float(value) for kind, value in json.loads(row.closeness).items()},
            )
            for row in conn.execute(rows)
        ]
    except (ValueError, TypeError, AttributeError) as err:
        raise CatalogueError(Code.CATALOGUE_CORRUPT, "a damaged value") from err


def forget_trend(conn: Connection, camera_seq: int, light: Light | None = None) -> None:
    """Forget the hours of a camera (by its key) in a light mode, or in all, and a forecast that was made of them.

    So it is when a camera was mended: how bad it was is no measure of what comes next.
    """
    own = delete(trends).where(trends.c.camera_seq == camera_seq)
    conn.execute(own if light is None else own.where(trends.c.light == light))
    text = conn.execute(select(cameras.c.forecast).where(cameras.c.seq == camera_seq)).scalar_one()
    standing = Forecast.from_json(text)
    if standing is None or standing.rests_on(light):
        conn.execute(update(cameras).where(cameras.c.seq == camera_seq).values(forecast=None))
