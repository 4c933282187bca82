"""From measurements to named faults: one measurement for each, one ramp for each, no blend."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ..models import Fault, FaultKind, FetchEvidence, Freshness, SceneContext
from .damaged import of_damage
from .decode import Planes
from .features import BLACK_LEVEL, MID_GREY
from .gate import Gated
from .history import Judgement
from .kinds import SOFT, related
from .light import CIVIL_DUSK
from .ramps import CUT, HARD, SOFT_LIMIT, ramp
from .soft import of_one_picture, of_size

BLACK_STRUCTURE: Final = (0.3, 1.0)
"""Levels of structure in a dark picture: under the first it shows nothing, over the second there is a scene. Behind a
cap there are 0.1..0.25 at 720p and over, a yard at dusk darkened to 2 % has 0.3."""
NOISE_SHAPE: Final = 0.5
"""Share of the spread that is structure, under which what there is of it is only noise: small pictures have little to
average it over. Behind a cap 0.03..0.46, in the darkest scenes 0.58 and over."""
DEAD_SPECKLE: Final = 0.5
"""Levels of spread under which not even a sensor shows."""
WHITE_LOWEST: Final = 235
"""Luma that all but 1 % of a white picture reach."""
WHITE_STRUCTURE: Final = 3.0
"""Levels of structure under which such a picture shows nothing; snow and fog have more."""
CLIPPED: Final = (0.6, 0.98)
"""Share of clipped pixels, from the first of which something is wrong; sun and snow clip up to 40 %."""
UNIFORM_STRUCTURE: Final = (0.4, 1.0)
"""Levels of structure: under the first a picture is one colour. A plain wall has 2 and more by its light alone."""
UNIFORM_SHARE: Final = (0.85, 0.97)
"""Share of one level: a slate with a text on it."""
LAMP: Final = 64
"""Luma of the analysis picture that no hot pixel reaches, but a lamp does: whoever sees one is not blind."""
UNIFORM_LEVEL: Final = 24
"""Luma under which one level may fill a good night."""
GREY: Final = (0.25, 0.55)
"""Share of cells that a decoder never wrote. A privacy mask may have this grey, but not over half of the picture."""
GREEN: Final = (0.04, 0.20)
"""Share of cells with the green of zero planes."""
MAGENTA: Final = (0.06, 0.30)
"""Share of strongly magenta cells; flower beds and signs have a few per cent."""
TAIL_STEP: Final = 4.0
"""Levels by which the rows above differ: a picture breaks off, a scene does not."""
SMEAR_ROWS: Final = 0.08
"""Share of the height from which a repeated row that is not flat counts."""
SMEAR_STRIP: Final = 0.03
"""The same for a row as lively as STRIP_ACTIVITY under a break of STRIP_STEP: one lost row of macroblocks, 16 of 480
lines. Nothing in nature repeats a lively row exactly."""
STRIP_ACTIVITY: Final = 4.0
STRIP_STEP: Final = 10.0
SMEAR_ACTIVITY: Final = 1.2
"""Levels between neighbouring columns of such a row; bars and floors have none."""
FLAT_ROW: Final = 3
"""Levels within a flat row."""
NEUTRAL_TAIL: Final = 4
"""Distance of Cb and Cr from 128 in a grey row; wider than in a cell, for the colour that bleeds in above it."""
END_GREY: Final = 0.05
"""Share of the last block row that is exactly 128, from which a closed JPEG was cut, if the decoder cannot tell."""
NEGLIGIBLE: Final = 0.05
"""Severity under which nothing is named: good pictures have as much of one thing or another."""
NO_END: Final = 0.08
"""Severity of a missing end marker on a picture that is whole."""


def find(
    features: Mapping[str, float],
    planes: Planes,
    gated: Gated,
    *,
    freshness: Freshness,
    frozen: bool,
    evidence: FetchEvidence | None,
    context: SceneContext,
    history: Judgement,
) -> list[Fault]:
    """Return the faults of a decoded picture, one of a kind, the worst first; severities are NEGLIGIBLE..1.

    What may also be how a camera always looks is judged by ``history`` as soon as there is one.
    """
    found = [
        *_damage(features, planes, gated, evidence),
        *(of_damage(features) if "grain" in features else ()),
        *_emptiness(features, context.sun_elevation),
        *_colour(features),
        *_repetition(freshness, frozen=frozen),
        *of_size(gated.size, context.expected_size),
        *(history.faults if history.known else of_one_picture(features)),
    ]
    found.sort(key=lambda fault: fault.severity)
    worst = {fault.kind: fault for fault in found if fault.severity >= NEGLIGIBLE}
    named = sorted(worst.values(), key=lambda fault: fault.severity, reverse=True)
    hard = [fault for fault in named if fault.kind not in SOFT]
    return [fault for fault in named if fault.kind not in SOFT or not _explained(fault, hard)]


def _explained(fault: Fault, hard: Sequence[Fault]) -> bool:
    """Return whether a worse hard fault brings a soft one about, as black does dark."""
    return any(other.severity >= fault.severity and related(other.kind, fault.kind) for other in hard)


def _per_cent(share: float) -> str:
    """Return a share in words."""
    return f"{share * 100:.0f} %"


def _damage(
    features: Mapping[str, float], planes: Planes, gated: Gated, evidence: FetchEvidence | None
) -> Iterator[Fault]:
    """Yield what was lost on the way from the camera."""
    if evidence is not None and (evidence.is_corrupt or evidence.decoder_errors):
        yield Fault(FaultKind.STREAM_DAMAGE, HARD, words=f"the stream was damaged ({evidence.decoder_errors} errors)")
    tail = _tail(features)
    short = "premature end" in planes.warning
    if planes.warning and not short:
        yield Fault(FaultKind.STREAM_DAMAGE, CUT, words=f"the decoder says: {planes.warning}")
    if tail is not None:
        yield tail
    elif short or (not planes.watched and gated.content_type == "image/jpeg" and _ends_grey(features, gated)):
        lost = max(features["tail_share"], features["grey_share"])
        yield Fault(FaultKind.TRUNCATED, min(1.0, CUT + lost), "end", "the picture's data end too early")
    elif features.get("lost_share", 0.0) and features["lost_step"] >= TAIL_STEP:
        yield _stripes(features)
    elif not gated.ends_cleanly:
        yield Fault(FaultKind.NO_END_MARKER, NO_END, "end", "the end marker is missing, the picture is whole")


def _ends_grey(features: Mapping[str, float], gated: Gated) -> bool:
    """Return whether the last blocks of a JPEG were never written, where the decoder does not say so."""
    return features["grey_share"] < 1 and features["end_grey"] > (END_GREY if gated.ends_cleanly else 0.0)


def _tail(features: Mapping[str, float]) -> Fault | None:
    """Return the fault of rows at the bottom that a decoder made up."""
    share = features["tail_share"]
    if not 0 < share < 1 or features["tail_step"] < TAIL_STEP:
        return None
    where = f"from {_per_cent(1 - share)} of the height"
    severity = min(1.0, CUT + share)
    if features["tail_range"] <= FLAT_ROW:
        if features["tail_green"]:
            return Fault(FaultKind.GREEN, severity, where, f"flat green {where}")
        neutral = features["tail_colour"] <= NEUTRAL_TAIL
        if neutral and MID_GREY[0] <= features["tail_level"] <= MID_GREY[1]:
            return Fault(FaultKind.TRUNCATED, severity, where, f"flat grey {where}")
    elif features["tail_activity"] >= SMEAR_ACTIVITY and share >= _least_smear(features):
        return Fault(FaultKind.TRUNCATED, severity, where, f"one row repeated {where}")
    return None


def _least_smear(features: Mapping[str, float]) -> float:
    """Return the share of the height from which a repeated row is damage."""
    sure = features["tail_activity"] >= STRIP_ACTIVITY and features["tail_step"] >= STRIP_STEP
    return SMEAR_STRIP if sure else SMEAR_ROWS


def _stripes(features: Mapping[str, float]) -> Fault:
    """Return the fault of rows of blocks that a decoder never wrote."""
    kind, word = (FaultKind.GREEN, "green") if features["lost_green"] else (FaultKind.GREY, "grey")
    where = f"from {_per_cent(features['lost_top'])} of the height"
    share = features["lost_share"]
    return Fault(kind, min(1.0, CUT + share), where, f"{_per_cent(share)} of the height is flat {word}")


def _emptiness(features: Mapping[str, float], sun_elevation: float | None) -> Iterator[Fault]:
    """Yield the one fault of a picture that shows nothing.

    After civil dusk a working camera without a lamp shows nothing but noise: that is suspect, not bad.
    """
    structure, level, spread = features["structure"], features["luma_mean"], features["speckle"]
    doubt = ramp(structure, BLACK_STRUCTURE)
    noise_only = doubt == 0 or (doubt < 1 and spread >= DEAD_SPECKLE and structure < NOISE_SHAPE * spread)
    if features["peak"] <= BLACK_LEVEL or (level < UNIFORM_LEVEL and noise_only):
        night = sun_elevation is not None and sun_elevation < CIVIL_DUSK
        certain = noise_only and features["peak"] < LAMP and (not night or spread < DEAD_SPECKLE)
        severity = 1.0 if certain else SOFT_LIMIT * (1 - doubt)
        yield Fault(FaultKind.BLACK, severity, words=f"nothing brighter than {features['peak']:.0f} of 255")
        return
    white = features["lowest"] >= WHITE_LOWEST and structure < WHITE_STRUCTURE
    clipped = ramp(features["clipped_share"], CLIPPED)
    if white or clipped:
        words = f"{_per_cent(features['clipped_share'])} of the picture is pure white"
        yield Fault(FaultKind.WHITE, HARD if white else HARD * clipped, words=words)
        return
    flat = 1 - ramp(structure, UNIFORM_STRUCTURE)
    if level < UNIFORM_LEVEL:
        flat *= SOFT_LIMIT  # a dark scene with a distant lamp
    slate = ramp(features["mode_share"], UNIFORM_SHARE) if features["mode_level"] >= UNIFORM_LEVEL else 0.0
    if flat or slate:
        unwritten = MID_GREY[0] <= level <= MID_GREY[1] and features["grey_share"] >= GREY[0]
        kind = FaultKind.GREY if unwritten else FaultKind.UNIFORM
        words = "the whole picture is one colour" if flat >= slate else "nearly the whole picture is one colour"
        yield Fault(kind, HARD * max(flat, slate), words=words)


def _colour(features: Mapping[str, float]) -> Iterator[Fault]:
    """Yield the colours that decoders and cameras leave when something is missing."""
    grey, green, pink = features["grey_share"], features["green_share"], features["pink_share"]
    if grey > GREY[0]:
        yield Fault(FaultKind.GREY, HARD * ramp(grey, GREY), words=f"{_per_cent(grey)} of the picture is flat grey")
    if green > GREEN[0]:
        yield Fault(FaultKind.GREEN, HARD * ramp(green, GREEN), words=f"{_per_cent(green)} of the picture is green")
    if pink > MAGENTA[0]:
        yield Fault(FaultKind.PINK, HARD * ramp(pink, MAGENTA), words=f"{_per_cent(pink)} of the picture is magenta")


def _repetition(freshness: Freshness, *, frozen: bool) -> Iterator[Fault]:
    """Yield that the camera shows the past."""
    if freshness is Freshness.STALE:
        yield Fault(FaultKind.STALE, HARD, words="the same bytes again and again")
    elif frozen:
        yield Fault(FaultKind.FROZEN, HARD, words="the same picture again and again")
