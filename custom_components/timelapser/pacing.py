"""How often a camera's adaptive timelapses capture: what each has seen, and the pace that follows."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from homeassistant.core import HomeAssistant

from .core.adaptive import Bounds, Course, Pace, pace_of
from .core.detection import Evaluation
from .sun import sun_elevation


class Pacer:
    """Watches what the attempts of a camera show; a restart begins at the interval."""

    def __init__(self, hass: HomeAssistant, bounds: Mapping[str, Bounds], degraded: Callable[[], bool]) -> None:
        """Know the adaptive timelapses by their bounds, and whom to ask whether the camera is degraded."""
        self.bounds = bounds
        self._hass = hass
        self._degraded = degraded
        self.courses = {timelapse_id: Course() for timelapse_id in bounds}

    def note(self, timelapse_ids: Collection[str], evaluation: Evaluation | None) -> None:
        """Take in an attempt for some timelapses, or a probe for none, with its evaluation if there was a picture."""
        kept = evaluation is not None and evaluation.verdict.kept
        self.courses = {key: course.after(kept=kept) for key, course in self.courses.items()}
        if evaluation is None or not kept or evaluation.baseline.first is None:
            return
        for timelapse_id in self.bounds.keys() & set(timelapse_ids):
            course = self.courses[timelapse_id]
            self.courses[timelapse_id] = course.seeing(evaluation.baseline.first.sample, evaluation.light)

    def forget(self, timelapse_id: str) -> None:
        """Begin anew with a timelapse that was not watched for a while."""
        if timelapse_id in self.courses:
            self.courses[timelapse_id] = Course()

    def pace(self, timelapse_id: str, at: datetime) -> Pace:
        """Return the pace of an adaptive timelapse at an instant, as far as is known now."""
        return pace_of(
            self.bounds[timelapse_id],
            self.courses[timelapse_id],
            degraded=self._degraded(),
            sun_elevation=sun_elevation(self._hass, at),
        )
