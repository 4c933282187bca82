"""Retention against a model of it: whatever happens in whatever order, the same stills are left."""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from timelapser_core.catalogue.retention import Scope
from timelapser_core.models import FrameKind
from timelapser_core.retention import Limits, Rule

from .archive import CAMERA, NOW, TIMELAPSE, Archive

LIMITS = st.builds(
    Limits,
    age=st.none() | st.integers(3, 9).map(lambda slots: timedelta(seconds=10 * slots)),
    count=st.none() | st.integers(0, 6),
    byte_count=st.none() | st.integers(0, 600),
)


@dataclass
class Still:
    number: int
    kind: FrameKind
    size: int
    run: str
    protected: bool = False


@dataclass
class Model:
    """The stills in the order in which they came, and the slot that the clock shows."""

    clock: int = 0
    stills: list[Still] = field(default_factory=list)

    def held(self, slots):
        """Return whether an age is not to be believed: a newest still of the future, or a gap at the bound."""
        if not self.stills or self.stills[-1].number > self.clock:
            return bool(self.stills)
        past = sorted(still.number for still in self.stills if still.number <= self.clock)
        around = [(a, b) for a, b in pairwise([*past, self.clock]) if a < self.clock - slots]
        return bool(around) and around[-1][1] - around[-1][0] > 2 * slots

    def apply(self, limits, reach):
        """Take out what exceeds limits among the stills that a function names."""
        inside = [still for still in self.stills if reach(still)]
        gone = []
        slots = None if limits.age is None else limits.age.seconds // 10
        if slots is not None and not self.held(slots):
            gone = [still for still in inside if still.number < self.clock - slots and not still.protected]
        for still in inside:
            left = [other for other in inside if other not in gone]
            many = limits.count is not None and len(left) > limits.count
            large = limits.byte_count is not None and sum(other.size for other in left) > limits.byte_count
            if still not in gone and not still.protected and (many or large):
                gone.append(still)
        self.stills = [still for still in self.stills if still not in gone]


class Retention(RuleBasedStateMachine):
    @initialize(quarantine=LIMITS, frames=LIMITS, under_way=st.booleans())
    def begin(self, quarantine, frames, under_way):
        self.folder = TemporaryDirectory()
        # What is durable is not the matter here.
        self.quick = patch.object(os, "fsync", lambda _descriptor: None)
        self.quick.start()
        self.archive = Archive(Path(self.folder.name))
        self.run = self.archive.run
        self.model = Model()
        self.limits(quarantine, frames, under_way)

    def teardown(self):
        if hasattr(self, "archive"):
            self.archive.catalogue.close()
            self.quick.stop()
            self.folder.cleanup()

    @rule(quarantine=LIMITS, frames=LIMITS, under_way=st.booleans())
    def limits(self, quarantine, frames, under_way):
        self.quarantine, self.frames, self.under_way = quarantine, frames, under_way

    @rule(kinds=st.lists(st.sampled_from(FrameKind), min_size=1, max_size=4), size=st.integers(1, 300))
    def capture(self, kinds, size):
        for kind in kinds:
            self.model.clock += 1
            self.archive.capture(self.model.clock, kind, runs=[self.run], size=size)
            self.model.stills.append(Still(self.model.clock, kind, size, self.run.id))

    @precondition(lambda self: self.model.stills)
    @rule(data=st.data(), protect=st.booleans())
    def pin(self, data, protect):
        still = data.draw(st.sampled_from(self.model.stills))
        still.protected = protect
        self.archive.protect(still.number, protected=protect)

    @rule()
    def next_run(self):
        self.run = self.archive.complete()

    @rule(slots=st.sampled_from([1, 2, 5, 30, 10**8]))
    def wait(self, slots):
        self.model.clock += slots

    @precondition(lambda self: self.model.clock > 10**8 // 2)
    @rule()
    def set_clock_right(self):
        self.model.clock = 1000 + max((still.number for still in self.model.stills if still.number < 10**8), default=0)

    @rule()
    def restart(self):
        self.archive.catalogue.close()
        self.archive.catalogue.open()

    @rule()
    def purge(self):
        rules = [
            Rule(scope=Scope(camera_id=CAMERA, kind=FrameKind.QUARANTINE), limits=self.quarantine),
            Rule(
                scope=Scope(camera_id=CAMERA, timelapse_id=TIMELAPSE, under_way=self.under_way),
                limits=self.frames,
            ),
        ]
        now = NOW + timedelta(seconds=10 * self.model.clock)
        expected = self.archive.plan(*rules, now=now).expected
        before = len(self.model.stills)
        whole = Model(self.model.clock, list(self.model.stills))
        self.model.apply(self.quarantine, lambda still: still.kind is FrameKind.QUARANTINE)
        kept, self.model.stills = self.model.stills, whole.stills
        self.model.apply(self.frames, self.in_reach)
        self.model.stills = [still for still in kept if still in self.model.stills]
        assert self.archive.purge(*rules, now=now) == expected
        assert expected.count == before - len(self.model.stills)
        inside = [still for still in self.model.stills if self.in_reach(still)]
        room = self.frames.byte_count
        assert room is None or sum(still.size for still in inside) <= room or all(still.protected for still in inside)
        self.is_as_the_model_says()

    def in_reach(self, still):
        return still.kind is FrameKind.FRAME and (self.under_way or still.run != self.run.id)

    @invariant()
    def is_as_the_model_says(self):
        if not hasattr(self, "model"):
            return
        for kind in FrameKind:
            assert self.archive.numbers(kind) == [still.number for still in self.model.stills if still.kind is kind]
        assert len(self.archive.files()) == self.archive.rows() == len(self.model.stills)
        assert self.archive.camera().byte_count == sum(still.size for still in self.model.stills)
        for run_id, count in self.archive.counts().items():
            images = [still for still in self.model.stills if still.run == run_id and still.kind is FrameKind.FRAME]
            assert count == len(images)


TestRetention = Retention.TestCase
TestRetention.settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
