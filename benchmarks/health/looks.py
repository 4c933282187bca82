"""What came of the attempts of a camera, and what other rules would have made of the same evidence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final

GOOD, BAD, UNREACHABLE = "good", "bad", "unreachable"
"""What an attempt says of its camera, in the words of the health machines."""
FALLS: Final = ("degraded", "offline")
RISES: Final = ("recovered", "online")
"""Transitions that begin an incident, and those that end it."""


@dataclass(frozen=True, slots=True)
class Look:
    """One attempt: when it began, whether for a slot, the truth, the evidence, and the transition that it caused.

    The truth is ``severe`` (severely damaged, or no answer), ``well`` (nothing was wrong with the camera) or neither.
    """

    at: datetime
    slot: bool
    severe: bool
    evidence: str
    transition: str | None = None
    fault: str | None = None
    well: bool = True


@dataclass(frozen=True, slots=True)
class Series:
    """The attempts of one camera."""

    profile: str
    camera: str
    interval: timedelta
    looks: tuple[Look, ...]

    def told_by(self, rule: Callable[[Sequence[str]], list[bool]]) -> Series:
        """Return the same camera with the transitions of another rule: the very same evidence."""
        states = rule([look.evidence for look in self.looks])
        before = [False, *states]
        words = {(False, True): FALLS[0], (True, False): RISES[0]}
        looks = tuple(
            replace(look, transition=words.get((was, now)))
            for look, was, now in zip(self.looks, before, states, strict=False)
        )
        return replace(self, looks=looks)

    @property
    def fallen(self) -> list[bool]:
        """Return after each attempt whether the camera is said to be degraded or offline."""

        def after(was: bool, look: Look) -> bool:
            return look.transition in FALLS or (was and look.transition not in RISES)

        return list(accumulate(self.looks, after, initial=False))[1:]

    @property
    def changes(self) -> list[datetime]:
        """Return when what is said of the camera changed."""
        return [look.at for look in self.looks if look.transition is not None]


IN_A_ROW: Final = 5
WINDOW, SHARE = 20, 0.5


def _in_a_row(evidence: Sequence[str]) -> list[bool]:
    """Call a camera degraded while its last five attempts were bad."""
    run = accumulate(evidence, lambda count, each: 0 if each == GOOD else count + 1, initial=0)
    return [count >= IN_A_ROW for count in list(run)[1:]]


def _by_share(evidence: Sequence[str]) -> list[bool]:
    """Call a camera degraded while half of its last twenty attempts were bad."""
    return [
        at >= WINDOW and sum(each != GOOD for each in evidence[at - WINDOW : at]) >= SHARE * WINDOW
        for at in range(1, len(evidence) + 1)
    ]


OURS: Final = "Timelapser"
RULES: Final[Mapping[str, Callable[[Sequence[str]], list[bool]] | None]] = {
    OURS: None,
    "5 in a row": _in_a_row,
    "50 % of the last 20": _by_share,
}
"""The rules by name; None keeps what the health machines said."""

SPAN: Final = 10
"""Attempts that are looked at to tell whether a camera is reliably bad, or good again."""
MOST: Final = 9
"""Severe ones among them that make it so; one or none makes it good again."""


@dataclass(frozen=True, slots=True)
class Spell:
    """When a camera was reliably bad, by the truth: from attempt ``begin`` on; at ``end`` it was good again."""

    begin: int
    end: int | None


def spells(looks: Sequence[Look]) -> list[Spell]:
    """Return when a camera was reliably bad: nine of ten attempts severe, the first included."""
    counts = [0, *accumulate(look.severe for look in looks)]
    found: list[Spell] = []
    begin: int | None = None
    for at, look in enumerate(looks):
        ahead = counts[min(len(looks), at + SPAN)] - counts[at]
        if begin is None and look.severe and ahead >= MOST:
            begin = at
        elif begin is not None and not look.severe and ahead <= SPAN - MOST:
            found.append(Spell(begin, at))
            begin = None
    return found if begin is None else [*found, Spell(begin, None)]
