"""When bad pictures make a camera degraded, and how many good ones in a row end that.

A camera's pictures are a text, the oldest first: GOOD or BAD for each.
"""

import math

from .models import QualityPolicy

GOOD = "g"
BAD = "b"

SHARE_WINDOW = 20
"""Pictures that the policy's share of bad ones is taken of."""
SHARE_MINIMUM = 10
"""Pictures needed before a share means anything: 5 bad of 10 come about by chance in 6 of 10^5 cases at 5 % bad."""
PERSISTENT_WINDOW = 100
"""Most pictures that the lower, persistent share is taken of."""
PERSISTENT_MINIMUM = 60
"""Least of them; every number in between is tried. With all of the 100 alone, 3 % of the cameras that are bad by 30 %
are found later than their 100th picture, with 60 to 100 it is 0.5 % (simulated). 14 bad of 60 come about by chance in 1
of 10^6 cases at 5 % bad: once in 750 days of a picture a minute; with 50 to 100 it is once in 250 (simulated)."""
CHANCE = 3e-5
"""Chance at most of a run of good pictures that ends degraded mode, were the camera as bad as before.

One that is bad by 30 % all the time has 5 good ones in a row 70 times a day at a picture a minute, and a run that is
rarer than this once in ten days (simulated). One that was bad by more than 82 % needs no more than 6."""
SPELL_SHARE = 0.57
"""Share of bad pictures of a bad spell, in parts of the least share that degrades: with fewer, a spell is over.

With the defaults, seven good pictures make up for a bad one. With three quarters (five good pictures) a camera of 20 %
bad, which is at the limit, changes 5 times a day at a picture a minute, with this twice (simulated)."""

SPELL_MEMORY = 30
"""Good pictures in a row that end any bad spell, however many bad ones there were: a camera that fails again after that
many fails anew. With 20, cameras of 25 % and 30 % bad change three times as often, with more no less (simulated)."""


def enters(recent: str, in_a_row: int, policy: QualityPolicy) -> bool:
    """Return whether pictures, of which the last ``in_a_row`` are bad, degrade a camera; a good one never does."""
    if not in_a_row:
        return False
    if in_a_row >= policy.degraded_after:
        return True
    last = recent[-SHARE_WINDOW:]
    if len(last) >= SHARE_MINIMUM and _percentage(last) >= policy.degraded_share:
        return True
    return any(_percentage(pictures) >= policy.persistent_share for pictures in _persistent(recent))


def telling(recent: str) -> str:
    """Return the last pictures that have the greatest share of bad ones, of those that a share is taken of."""
    return max((recent[-SHARE_WINDOW:], *_persistent(recent)), key=_percentage)


def run_to_leave(recent: str, policy: QualityPolicy) -> int:
    """Return how many good pictures in a row end degraded mode.

    Those of the policy when nearly all were bad; the more good ones there were among the bad ones, the more: so many
    that a camera of that share of bad ones would hardly ever have them (CHANCE).
    """
    share = _spell_share(recent.rstrip(GOOD), policy)
    if share >= 1.0:
        return policy.recover_after
    return max(policy.recover_after, math.ceil(math.log(CHANCE) / math.log(1.0 - share)))


def _spell_share(pictures: str, policy: QualityPolicy) -> float:
    """Return the share of bad ones (0..1) in the bad spell that pictures end with; 1 for none.

    Where the spell began is found by a cumulative sum that rises with each bad picture, at most to SPELL_MEMORY, falls
    by 1 with each good one and is never below 0: after it last was 0 (E. S. Page, Continuous inspection schemes,
    Biometrika 41, 1954).
    """
    rise = 100.0 / (SPELL_SHARE * min(policy.degraded_share, policy.persistent_share)) - 1.0
    total, begin = 0.0, 0
    for place, picture in enumerate(pictures):
        if total <= 0.0:
            total, begin = 0.0, place
        total = min(SPELL_MEMORY, total + rise) if picture == BAD else total - 1.0
    spell = pictures[begin:]
    return spell.count(BAD) / len(spell) if spell else 1.0


def _persistent(recent: str) -> list[str]:
    """Return the pictures that the persistent share is taken of."""
    longest = min(len(recent), PERSISTENT_WINDOW)
    return [recent[-count:] for count in range(PERSISTENT_MINIMUM, longest + 1)]


def _percentage(pictures: str) -> float:
    return 100.0 * pictures.count(BAD) / len(pictures)
