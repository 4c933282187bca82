"""The action that tells when cameras were degraded or offline."""

from typing import Any, Final

from homeassistant.core import ServiceCall
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import VolDictType
from homeassistant.util import dt as dt_util
import voluptuous as vol

from .coordinator import CameraCoordinator
from .core.catalogue import queries
from .core.catalogue.records import IncidentRow
from .run_actions import FIELD_LIMIT, PAGE_FIELDS

FIELD_SINCE: Final = "since"

INCIDENT_FIELDS: Final[VolDictType] = {
    **{field: rule for field, rule in PAGE_FIELDS.items() if field == FIELD_LIMIT},
    vol.Optional(FIELD_SINCE): cv.datetime,
}


async def async_list_incidents(coordinator: CameraCoordinator, call: ServiceCall) -> dict[str, Any]:
    """Answer with the newest incidents of a camera, the newest first."""
    since = dt_util.as_utc(call.data[FIELD_SINCE]) if FIELD_SINCE in call.data else None
    camera_id, limit = coordinator.config_entry.entry_id, call.data[FIELD_LIMIT]
    found = await coordinator.engine.async_read(
        lambda conn: queries.list_incidents(conn, camera_id, since=since, limit=limit)
    )
    return {
        "resolved": coordinator.state.row.resolved,
        "incidents": [describe_incident(row) for row in found],
    }


def describe_incident(incident: IncidentRow) -> dict[str, Any]:
    """Return an incident as it is told of, in plain values."""
    ended_at = incident.ended_at
    duration = ((ended_at or dt_util.utcnow()) - incident.started_at).total_seconds()
    return {
        "correlation_id": incident.id,
        "kind": incident.kind,
        "first_bad_at": incident.first_bad_at.isoformat(),
        "started_at": incident.started_at.isoformat(),
        "ended_at": None if ended_at is None else ended_at.isoformat(),
        "end": incident.end,
        "duration": round(max(0.0, duration)),
        "cause": incident.cause,
        "causes": dict(incident.causes),
        "frames_lost": incident.lost + incident.missed,
        "attempts": incident.bad,
        "missed": incident.missed,
    }
