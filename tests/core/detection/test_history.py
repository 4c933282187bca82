"""What is learnt of a camera, and what that says of its next pictures."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import zlib

import numpy as np
from PIL import Image, ImageFilter
import pytest
from timelapser_core.detection import Baseline, Detector, Evaluation
from timelapser_core.detection.history import Judgement, judge, learned
from timelapser_core.detection.normal import ANCHORED, KNOWN, LOOKS, PROMOTED, Look, Normal
from timelapser_core.detection.scene import BLUE, DETAIL, GRID, LUMA, PLANES, RED, Map, Seen
from timelapser_core.models import FaultKind, Light, SceneContext, Verdict

from tests.core import pictures

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SIZE = (640, 360)
DAY = SceneContext(sun_elevation=45)

type Change = Callable[[pictures.Rgb], pictures.Rgb]


def shot(number: int, change: Change | None = None, *, scene: str = "day", light: float = 1.0) -> bytes:
    """Return a picture of a camera: its scene, a little lighter or darker, with noise of its own."""
    shown = pictures.scene(scene, *SIZE).astype(np.float32) * light * (1 + 0.04 * np.sin(number))
    made = np.clip(shown, 0, 255).astype(np.uint8)
    return pictures.jpeg(pictures.noisy(change(made) if change else made, 1.2, number))


def look(baseline: Baseline, data: bytes, number: int, *, every: timedelta = timedelta(minutes=10)) -> Evaluation:
    """Judge a camera's next picture."""
    return Detector().evaluate(data, when=NOON + number * every, baseline=baseline, context=DAY)


def known(count: int = 12, change: Change | None = None) -> Baseline:
    """Return what is known of a camera after so many pictures."""
    baseline = Baseline.empty()
    for number in range(count):
        baseline = look(baseline, shot(number, change), number).baseline
    return baseline


def of_pillow(change: Callable[[Image.Image], Image.Image]) -> Change:
    return lambda shown: np.asarray(change(Image.fromarray(shown)))


def turned(shown: pictures.Rgb, by: int) -> pictures.Rgb:
    """Return another part of the same view; what lies beyond the rim is mirrored."""
    wide = np.pad(shown, ((0, 0), (0, by), (0, 0)), mode="reflect")
    return np.ascontiguousarray(wide[:, by:])


def covered(shown: pictures.Rgb) -> pictures.Rgb:
    left = shown.copy()
    left[:, : shown.shape[1] * 2 // 5] = 40
    return left


def dirty(shown: pictures.Rgb) -> pictures.Rgb:
    """Return a picture through blotches: blurred and pale where they are."""
    height, width = shown.shape[:2]
    y, x = np.mgrid[:height, :width]
    rng = np.random.default_rng(3)
    spot = np.zeros((height, width), np.float32)
    for _ in range(24):
        far = np.hypot(x - rng.uniform(0, width), y - rng.uniform(0, height)) / (width * rng.uniform(0.03, 0.06))
        spot = np.maximum(spot, np.clip(2 - 2 * far, 0, 0.95))
    soft = np.asarray(Image.fromarray(shown).filter(ImageFilter.GaussianBlur(6)), np.float32) * 0.6 + 40
    return (shown + (soft - shown) * spot[..., None]).astype(np.uint8)


def misted(shown: pictures.Rgb) -> pictures.Rgb:
    soft = np.asarray(Image.fromarray(shown).filter(ImageFilter.GaussianBlur(9)), np.float32)
    return (soft * 0.2 + 130).astype(np.uint8)


def foggy(shown: pictures.Rgb, nearest: float, density: float = 1.6) -> pictures.Rgb:
    """Return a view through fog (Koschmieder): at the top it is 1 further away than at the bottom."""
    depth = nearest + np.linspace(1, 0, shown.shape[0], dtype=np.float32)[:, None, None]
    seen = np.exp(-density * depth)
    return (shown * seen + 135 * (1 - seen)).astype(np.uint8)


def noisy(shown: pictures.Rgb) -> pictures.Rgb:
    return pictures.noisy(shown, 45, 7)


DEFOCUSED = of_pillow(lambda image: image.filter(ImageFilter.GaussianBlur(3)))

FAULTS: dict[str, tuple[Change, set[FaultKind]]] = {
    "defocused": (DEFOCUSED, {FaultKind.BLUR}),
    "covered": (covered, {FaultKind.COVERED}),
    "dirty": (dirty, {FaultKind.DIRT, FaultKind.COVERED}),
    "misted": (misted, {FaultKind.FILM, FaultKind.BLUR}),
    "turned": (lambda shown: turned(shown, 250), {FaultKind.MOVED}),
    "red and blue exchanged": (lambda shown: shown[..., ::-1], {FaultKind.CAST}),
    "a fifth of the light": (lambda shown: (shown * 0.2).astype(np.uint8), {FaultKind.DARK}),
    "three times the light": (lambda shown: np.clip(shown * 3.0, 0, 255).astype(np.uint8), {FaultKind.BRIGHT}),
    "noisy": (noisy, {FaultKind.NOISE}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_soft_fault_is_bad_once_the_camera_is_known(name: str) -> None:
    change, kinds = FAULTS[name]
    found = look(known(), shot(40, change), 40)
    assert found.verdict is Verdict.BAD
    assert kinds & {fault.kind for fault in found.faults}
    assert all(fault.words for fault in found.faults)


@pytest.mark.parametrize("name", ["defocused", "covered", "dirty", "turned", "red and blue exchanged"])
def test_a_soft_fault_alone_rejects_nothing(name: str) -> None:
    found = look(Baseline.empty(), shot(40, FAULTS[name][0]), 40)
    assert found.verdict.kept


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(None, id="as ever"),
        pytest.param(lambda shown: (shown * 0.8).astype(np.uint8), id="a cloud"),
        pytest.param(lambda shown: np.clip(shown * 1.1 + 4, 0, 255).astype(np.uint8), id="sun"),
        pytest.param(of_pillow(lambda image: image.filter(ImageFilter.GaussianBlur(0.3))), id="a softer encoder"),
    ],
)
def test_what_happens_every_day_is_good(change: Change | None) -> None:
    assert look(known(), shot(40, change), 40).verdict is Verdict.GOOD


def test_a_passer_by_is_good() -> None:
    def with_somebody(shown: pictures.Rgb) -> pictures.Rgb:
        peopled = shown.copy()
        peopled[180:320, 300:350] = (40, 60, 90)
        return peopled

    assert look(known(), shot(40, with_somebody), 40).verdict.kept


def test_dense_fog_is_suspect_and_what_takes_as_much_from_near_things_is_bad() -> None:
    def filmed(shown: pictures.Rgb) -> pictures.Rgb:
        return (shown * 0.12 + 130 * 0.88).astype(np.uint8)

    before = known()
    fog, film = look(before, shot(40, lambda shown: foggy(shown, 0.5)), 40), look(before, shot(40, filmed), 40)
    assert fog.verdict is Verdict.SUSPECT
    assert film.verdict is Verdict.BAD
    assert {fog.faults[0].kind, film.faults[0].kind} <= {FaultKind.FILM, FaultKind.DIRT, FaultKind.COVERED}


def test_a_camera_that_was_never_sharp_is_good_once_it_is_known() -> None:
    """Before, its pictures are suspect at most."""
    soft = of_pillow(lambda image: image.filter(ImageFilter.GaussianBlur(4)))
    first = look(Baseline.empty(), shot(0, soft), 0)
    later = look(known(change=soft), shot(40, soft), 40)
    assert first.verdict is Verdict.SUSPECT
    assert later.verdict is Verdict.GOOD


def test_bad_pictures_teach_nothing() -> None:
    baseline = known()
    before = baseline.normal.looks[Light.DAY][0]
    for number in range(20, 60):
        found = look(baseline, shot(number, DEFOCUSED), number)
        assert found.verdict is Verdict.BAD
        baseline = found.baseline
    after = baseline.normal.looks[Light.DAY][0]
    assert after.count == before.count
    assert np.array_equal(after.mean, before.mean)


def test_good_pictures_do_teach() -> None:
    """The control: were the blurred ones accepted, the look would follow them."""
    baseline = known()
    before = baseline.normal.looks[Light.DAY][0]
    for number in range(20, 60):
        baseline = look(baseline, shot(number, light=0.9), number).baseline
    after = baseline.normal.looks[Light.DAY][0]
    assert after.count > before.count
    assert after.mean[LUMA].mean() < before.mean[LUMA].mean() - 3


def test_a_turned_camera_is_learnt_after_a_while() -> None:
    """It is alarmed about, and then it is normal; what was known of other light is of no use any more."""
    baseline = known()
    night = Look.first(seen_map(20), 0.0, NOON)
    baseline = replace(baseline, normal=baseline.normal.with_look(Light.NIGHT, None, night))
    verdicts = []
    for number in range(20, 20 + ANCHORED + 3):
        found = look(baseline, shot(number, FAULTS["turned"][0]), number)
        verdicts.append(found.verdict)
        baseline = found.baseline
    assert verdicts == [Verdict.BAD] * ANCHORED + [Verdict.GOOD] * 3
    assert Light.NIGHT not in baseline.normal.looks
    assert look(baseline, shot(80), 80).verdict is Verdict.BAD


def test_a_camera_that_keeps_turning_is_not_learnt() -> None:
    baseline = known()
    for number in range(20, 20 + 2 * ANCHORED):
        found = look(baseline, shot(number, lambda shown, by=number: turned(shown, 100 + 97 * by % 400)), number)
        baseline = found.baseline
    assert look(baseline, shot(80), 80).verdict is Verdict.GOOD


def test_dirt_that_grows_for_days_does_not_become_normal() -> None:
    baseline = known(24)
    verdict = Verdict.GOOD
    for number in range(24, 72):
        share = (number - 24) / 48

        def growing(shown: pictures.Rgb, share: float = share) -> pictures.Rgb:
            return (shown + (dirty(shown).astype(np.float32) - shown) * share).astype(np.uint8)

        found = look(baseline, shot(number, growing), number, every=timedelta(hours=4))
        baseline, verdict = found.baseline, found.verdict
    assert verdict is Verdict.BAD


def test_relearning_forgets() -> None:
    baseline = known().forgetting(Light.DAY)
    assert baseline.normal.known(Light.DAY) == ()
    assert look(baseline, shot(40, DEFOCUSED), 40).verdict.kept
    assert known().forgetting().normal.looks == {}
    assert known().forgetting(Light.NIGHT).normal.known(Light.DAY) != ()


def test_one_picture_of_another_size_forgets_nothing() -> None:
    baseline = known()
    small = pictures.jpeg(pictures.scene("day", 320, 180))
    found = look(baseline, small, 40)
    assert found.verdict.kept
    assert look(found.baseline, shot(41, DEFOCUSED), 41).verdict is Verdict.BAD


def test_a_camera_with_another_resolution_starts_anew() -> None:
    baseline = known()
    for number in range(40, 40 + PROMOTED + KNOWN):
        data = pictures.jpeg(pictures.noisy(pictures.scene("day", 800, 450), 1, number))
        baseline = look(baseline, data, number).baseline
    assert baseline.normal.size == (800, 450)
    assert baseline.normal.known(Light.DAY)


def test_what_is_learnt_survives_a_restart() -> None:
    baseline = known()
    again = Baseline.from_bytes(baseline.to_bytes())
    one, other = baseline.normal.looks[Light.DAY][0], again.normal.looks[Light.DAY][0]
    assert (one.count, one.learned_at) == (other.count, other.learned_at)
    assert np.abs(one.mean - other.mean).max() < 0.1
    assert np.abs(one.clean - other.clean).max() < 0.1
    assert np.array_equal(baseline.normal.habits, again.normal.habits)
    data = shot(40, dirty)
    assert abs((look(baseline, data, 40).score or 0) - (look(again, data, 40).score or 0)) < 1


def test_damaged_memory_is_no_memory() -> None:
    whole = known().normal.to_bytes()
    assert Normal.from_bytes(whole).known(Light.DAY)
    broken = bytearray(whole)
    broken[40:60] = b"\xff" * 20
    assert Normal.from_bytes(bytes(broken)).looks == {}
    assert Normal.from_bytes(b"").looks == {}


def test_a_room_before_its_lamps_are_on_is_as_dark_by_day_as_at_dawn() -> None:
    """The sun, which tells the light modes apart, does not switch them."""
    baseline, verdicts = Baseline.empty(), []
    hours = [(20, 1.0, 40.0), (20, 1.0, 3.0), (20, 0.2, -3.0), (10, 0.2, 7.0), (10, 1.0, 9.0)]
    states = [(light, sun) for count, light, sun in hours for _ in range(count)]
    for number, (light, sun) in enumerate(states):
        found = Detector().evaluate(
            shot(number, light=light),
            when=NOON + number * timedelta(minutes=1),
            baseline=baseline,
            context=SceneContext(sun_elevation=sun),
        )
        baseline = found.baseline
        verdicts.append(found.verdict)
    assert all(verdict.kept for verdict in verdicts)
    assert verdicts[60:] == [Verdict.GOOD] * 20
    dirt = shot(90, dirty, light=0.2)
    when = NOON + timedelta(hours=2)
    found = Detector().evaluate(dirt, when=when, baseline=baseline, context=SceneContext(sun_elevation=9))
    assert found.verdict is Verdict.BAD


# With maps made by hand


def seen_map(level: float, detail: float = 4.0) -> Map:
    """Return the map of an even scene with detail that differs from cell to cell."""
    made = np.zeros((PLANES, GRID[1], GRID[0]), np.float32)
    made[LUMA] = level
    made[DETAIL] = detail + np.random.default_rng(1).uniform(-1, 1, (GRID[1], GRID[0])).astype(np.float32)
    return made


def seen(made: Map, number: int, light: Light = Light.NIGHT, sun: float | None = -20) -> Seen:
    when = NOON.replace(hour=0) + number * timedelta(minutes=10)
    return Seen(map=made, noise=0.0, light=light, size=SIZE, when=when, sun=sun)


def taught(made: Map, count: int = 12, light: Light = Light.NIGHT) -> Normal:
    normal = Normal()
    for number in range(count):
        picture = seen(made, number, light)
        normal = learned(normal, judge(normal, picture, sound=True), picture, kept=True)
    return normal


TWO_HOURS = 12
"""Numbers of a picture between two that are two hours apart."""
CELLS = np.random.default_rng(5).permutation(GRID[0] * GRID[1])
"""Cells of the map in the order in which they get dirty, which is no order."""


def changed(lost: float, gained: int = 0) -> Map:
    """Return the map of a scene of which so many cells have lost two octaves of detail, and others gained them."""
    made = seen_map(80)
    detail = made[DETAIL].reshape(3, -1)
    whole = int(lost)
    detail[:, CELLS[:whole]] -= 2
    detail[:, CELLS[whole]] -= 2 * (lost - whole)
    detail[:, CELLS[200 : 200 + gained]] += 2
    return made


def lived(normal: Normal, made: Callable[[int], Map], numbers: range) -> tuple[Normal, float]:
    """Return what is normal after restless pictures of a day's light, and how bad the median of the last six is."""
    severities = []
    for number in numbers:
        restless = np.random.default_rng(number).normal(0, 0.15, (3, GRID[1], GRID[0])).astype(np.float32)
        shown = made(number)
        shown[DETAIL] += restless
        picture = seen(shown, number * TWO_HOURS, Light.DAY, 45)
        judgement = judge(normal, picture, sound=True)
        severities.append(worst(judgement))
        normal = learned(normal, judgement, picture, kept=severities[-1] < 0.5)
    return normal, float(np.median(severities[-6:]))


def settled() -> Normal:
    """Return what is normal for a camera after a week."""
    return lived(Normal(), lambda _number: seen_map(80), range(84))[0]


@pytest.mark.parametrize("days", [6, 18])
def test_dirt_that_grows_for_weeks_is_bad_in_the_end(days: int) -> None:
    count = days * 12
    growing = range(84, 84 + count)
    _, severity = lived(settled(), lambda number: changed(18 * (number - 83) / count), growing)
    assert severity > 0.5


def test_what_was_lost_is_not_forgotten_while_dirt_is_wiped_off_and_comes_back() -> None:
    dirty, _ = lived(settled(), lambda _number: changed(10), range(84, 164))
    clean, severity = lived(dirty, lambda _number: seen_map(80), range(164, 176))
    assert severity == 0
    assert worst(judge(clean, seen(changed(10), 176 * TWO_HOURS, Light.DAY, 45), sound=True)) > 0.2


@pytest.mark.parametrize(("gained", "learnt"), [(0, False), (14, True)])
def test_a_thing_that_stands_elsewhere_is_learnt_as_it_brings_what_it_takes(gained: int, learnt: bool) -> None:
    normal, before = lived(settled(), lambda _number: changed(10, gained), range(84, 90))
    assert 0.25 < before < 0.5
    _, after = lived(normal, lambda _number: changed(10, gained), range(90, 260))
    assert (after < 0.25) is learnt


def patient_dusk(normal: Normal, level: float) -> Normal:
    """Return what is normal with a look of dusk, so light and so restless that it takes some dirt for usual."""
    (day,) = normal.looks[Light.DAY]
    mean = day.mean.copy()
    mean[LUMA] = level
    return normal.with_look(Light.TWILIGHT, None, replace(day, mean=mean, spread=day.spread + np.float32(0.3)))


def test_dirt_is_not_excused_by_another_light() -> None:
    picture = seen(changed(10), 84 * TWO_HOURS, Light.DAY, 45)
    judgement = judge(patient_dusk(settled(), 80), picture, sound=True)
    assert judgement.look == 0
    assert 0.25 < worst(judgement) < 0.5
    (day,) = settled().looks[Light.DAY]
    new = settled().with_look(Light.DAY, 0, replace(day, since=day.learned_at - timedelta(days=2)))
    assert judge(patient_dusk(new, 80), picture, sound=True).look is None


def test_a_look_that_is_born_behind_dirt_knows_of_it_from_another_light() -> None:
    normal = patient_dusk(settled(), 160)
    made = changed(10)
    made[LUMA] = 160
    picture = seen(made, 84 * TWO_HOURS, Light.DAY, 45)
    judgement = judge(normal, picture, sound=True)
    assert judgement.look is None
    assert worst(judgement) <= 0.25
    own = learned(normal, judgement, picture, kept=True).looks[Light.DAY][1]
    assert np.abs(own.clean - seen_map(80)[DETAIL][0]).max() < 0.2
    assert np.abs(own.clean - own.mean[DETAIL][0]).max() > 1.5


def test_what_the_first_version_stored_is_read_and_counts_as_clean() -> None:
    normal, _ = lived(settled(), lambda _number: changed(10), range(84, 120))
    again = Normal.from_bytes(of_first_version(normal))
    (before,), (after,) = normal.looks[Light.DAY], again.looks[Light.DAY]
    assert (before.count, before.since, before.learned_at) == (after.count, after.since, after.learned_at)
    assert np.abs(before.mean - after.mean).max() < 0.1
    assert np.array_equal(after.clean, after.mean[DETAIL][0])
    assert np.abs(before.clean - after.clean).max() > 0.1
    assert np.array_equal(normal.habits, again.habits)
    assert Normal.from_bytes(bytes([3]) + normal.to_bytes()[1:]).looks == {}


def of_first_version(normal: Normal) -> bytes:
    """Return what is normal, of one look, as it was stored before looks knew of dirt."""
    body = zlib.decompress(normal.to_bytes()[1:])
    plane = 2 * GRID[0] * GRID[1]
    share, clean = 8 + 28, 8 + 32 + 10 * plane
    return b"\x01" + zlib.compress(body[:share] + body[share + 4 : clean] + body[clean + plane :])


def test_another_light_on_the_known_scene_becomes_a_look_of_its_own() -> None:
    normal = taught(seen_map(80))
    lamp_out = seen_map(30, 2.8)
    for number in range(20, 20 + PROMOTED):
        judgement = judge(normal, seen(lamp_out, number), sound=True)
        assert judgement.relit
        assert all(fault.severity < 0.5 for fault in judgement.faults)
        normal = learned(normal, judgement, seen(lamp_out, number), kept=True)
    assert len(normal.known(Light.NIGHT)) == 2
    assert judge(normal, seen(lamp_out, 40), sound=True).faults == ()
    assert judge(normal, seen(seen_map(80), 41), sound=True).faults == ()


def test_a_night_is_judged_by_the_look_that_was_lit_as_it_is() -> None:
    """What takes the structure of a lit yard away would be a new light if only the dark one were known."""
    unlit = taught(seen_map(30, 2.8))
    both = unlit.with_look(Light.NIGHT, None, replace(Look.first(seen_map(80), 0.0, NOON), count=KNOWN))
    hidden = seen_map(80)
    hidden[DETAIL, GRID[1] // 2 :] = 1.0
    assert judge(unlit, seen(hidden, 40), sound=True).faults[0].severity < 0.5
    assert judge(both, seen(hidden, 40), sound=True).faults[0].severity > 0.5
    for known in (seen(seen_map(80), 40), seen(seen_map(30, 2.8), 41)):
        assert judge(both, known, sound=True).faults == ()


def veiled(level: float, near: float) -> Map:
    """Return a night of which far things have lost their detail, and near ones so many octaves."""
    made = seen_map(level, 4.2)
    rows = np.linspace(3.4, near, GRID[1], dtype=np.float32)[:, None]
    made[DETAIL] = np.maximum(made[DETAIL] - rows, 0.7)
    return made


@pytest.mark.parametrize(("level", "bad"), [(34, False), (22, False), (11, True)])
def test_fog_by_night_is_no_darker_than_the_night(level: float, bad: bool) -> None:
    """What leaves as much detail of what is near, and half of the light, lies before the lens."""
    judgement = judge(taught(seen_map(25, 4.2)), seen(veiled(level, 2.2), 40), sound=True)
    assert judgement.faults[0].kind in {FaultKind.FILM, FaultKind.COVERED, FaultKind.DIRT}
    assert (worst(judgement) > 0.5) is bad


@pytest.mark.parametrize(("elsewhere", "bad"), [(False, False), (True, True)])
def test_fog_by_day_leaves_things_where_they_are(elsewhere: bool, bad: bool) -> None:
    """A camera that looks at something pale now shows as little detail, but not of the same things."""
    shown = veiled(130, 1.6)
    if elsewhere:
        shown[DETAIL] = shown[DETAIL, :, ::-1]
    judgement = judge(taught(seen_map(120, 4.2), light=Light.DAY), seen(shown, 40, Light.DAY, 30), sound=True)
    assert (worst(judgement) > 0.5) is bad


@pytest.mark.parametrize(("left", "relit"), [(0.8, True), (0.35, False)])
def test_a_lamp_that_goes_out_leaves_the_shapes_of_the_scene(left: float, relit: bool) -> None:
    dim = seen_map(40)
    dim[DETAIL, :, round(left * GRID[0]) :] = 0.7
    judgement = judge(taught(seen_map(80)), seen(dim, 40), sound=True)
    assert judgement.relit is relit
    assert (worst(judgement) > 0.5) is not relit


def test_looks_do_not_become_more_and_more() -> None:
    normal = taught(seen_map(80))
    for level in (20, 40, 130, 170, 220):
        other = Look.first(seen_map(level), 0.0, NOON + timedelta(hours=level))
        normal = normal.with_look(Light.NIGHT, None, replace(other, count=KNOWN))
    assert len(normal.looks[Light.NIGHT]) == LOOKS


def test_the_least_recent_look_goes_wherever_it_stands() -> None:
    """Also when others have seen as many pictures."""
    normal = Normal()
    for day in (2, 1, 3, 4):
        normal = normal.with_look(Light.NIGHT, None, Look.first(seen_map(20 * day), 0.0, NOON + timedelta(days=day)))
    assert [look.learned_at.day for look in normal.looks[Light.NIGHT]] == [NOON.day + day for day in (2, 3, 4)]


def test_a_dark_picture_at_noon_is_judged_by_what_noon_is_like() -> None:
    """A yard under a high sun is not dark by itself: what looks like night then is covered or broken."""
    normal = Normal()
    for number in range(30):
        day = seen(seen_map(120), number, Light.DAY, 45)
        normal = learned(normal, judge(normal, day, sound=True), day, kept=True)
    dark = seen(seen_map(12, 1.2), 40, Light.NIGHT, 45)
    judgement = judge(normal, dark, sound=True)
    assert judgement.known
    assert judgement.faults[0].severity > 0.5


@pytest.mark.parametrize(("sun", "judged"), [(-7.0, True), (-3.0, False), (3.0, False), (7.0, True)])
def test_a_first_dawn_is_not_judged_by_the_minutes_before(sun: float, judged: bool) -> None:
    """At a picture a minute an hour has a habit soon, and while the sun is low it breaks it in its midst."""
    normal = Normal()
    for number in range(20):
        normal = learned(normal, Judgement(), seen(seen_map(30), number), kept=True)
    for at, look in enumerate(normal.looks[Light.NIGHT]):
        normal = normal.with_look(Light.NIGHT, at, replace(look, since=look.since - timedelta(days=1)))
    found = judge(normal, seen(seen_map(120), 0, Light.DAY, sun), sound=True)
    assert found.known is judged


@pytest.mark.parametrize(("level", "doubted"), [(80, True), (10, False)])
def test_a_lamp_at_an_unusual_hour_is_no_other_mode_of_the_camera(level: float, doubted: bool) -> None:
    """It is by darkness that an hour's unusual light tells of a fault."""
    room, dim = seen_map(100), seen_map(60)
    room[BLUE:] = dim[BLUE:] = 5
    normal = Normal()
    for number in range(24):
        shown = seen(room, number, Light.TWILIGHT) if number < 12 else seen(dim, number + 40)
        normal = learned(normal, judge(normal, shown, sound=True), shown, kept=True)
    for light, (look,) in list(normal.looks.items()):
        normal = normal.with_look(light, 0, replace(look, since=look.since - timedelta(days=2)))
    assert normal.expected(NOON.replace(hour=0), -20) is Light.TWILIGHT
    lit = seen_map(level)
    lit[BLUE:] = 30
    judgement = judge(normal, seen(lit, 3), sound=True)
    assert judgement.faults
    assert (judgement.faults[0].severity < 0.5) is doubted


@pytest.mark.parametrize(("detail", "known", "bad"), [(2.8, True, False), (2.8, False, True), (0.5, True, True)])
def test_what_another_light_is_known_to_show_is_good(detail: float, known: bool, bad: bool) -> None:
    """A dark room by day, if it was one at dusk; but darkness that shows nothing is as dark as any other."""
    normal = taught(seen_map(100), light=Light.DAY)
    dim = Look.first(seen_map(30, detail), 0.0, NOON)
    normal = normal.with_look(Light.TWILIGHT, None, replace(dim, count=KNOWN if known else KNOWN - 1))
    judgement = judge(normal, seen(seen_map(30, detail), 40, Light.DAY, 20), sound=True)
    assert (worst(judgement) > 0.5) is bad
    assert (judgement.faults == ()) is not bad


@pytest.mark.parametrize(("later", "bad"), [(timedelta(0), False), (timedelta(days=2), True)])
def test_lamps_that_light_up_what_was_met_first_are_no_fault(later: timedelta, bad: bool) -> None:
    normal = taught(coloured(seen_map(22), -6, 6), light=Light.DAY)
    (look,) = normal.looks[Light.DAY]
    normal = normal.with_look(Light.DAY, 0, replace(look, since=look.since - later))
    lit = seen(coloured(seen_map(80), 8, -12), 20, Light.DAY, 20)
    judgement = judge(normal, lit, sound=True)
    assert judgement.relit is not bad
    assert (worst(judgement) > 0.5) is bad
    assert worst(judge(normal, lit, sound=False)) > 0.5


def test_a_day_is_judged_by_the_look_that_was_lit_as_it_is() -> None:
    dim = taught(seen_map(22, 2.8), light=Light.DAY)
    both = dim.with_look(Light.DAY, None, replace(Look.first(seen_map(80), 0.0, NOON), count=KNOWN))
    hidden = seen_map(80)
    hidden[DETAIL, GRID[1] // 2 :] = 1.0
    picture = seen(hidden, 40, Light.DAY, 20)
    assert worst(judge(dim, picture, sound=True)) < 0.5
    assert worst(judge(both, picture, sound=True)) > 0.5


@pytest.mark.parametrize(("later", "judged"), [(timedelta(0), False), (timedelta(days=1), True)])
def test_an_evening_makes_no_habit(later: timedelta, judged: bool) -> None:
    """At a picture a minute it has hundreds with the lamp on, and then the lamp goes out for the first time."""
    normal = taught(seen_map(120), 40, Light.TWILIGHT)
    (look,) = normal.looks[Light.TWILIGHT]
    normal = normal.with_look(Light.TWILIGHT, 0, replace(look, since=look.since - later))
    assert judge(normal, seen(seen_map(60, 2.0), 41), sound=True).known is judged


def test_a_first_night_is_not_judged() -> None:
    normal = taught(seen_map(120), 0)
    for number in range(12):
        day = seen(seen_map(120), number, Light.DAY, 45)
        normal = learned(normal, judge(normal, day, sound=True), day, kept=True)
    assert judge(normal, seen(seen_map(12, 1.2), 80), sound=True) == Judgement()


def coloured(made: Map, blue: float, red: float) -> Map:
    made[BLUE], made[RED] = blue, red
    return made


def worst(judgement: Judgement) -> float:
    return max((fault.severity for fault in judgement.faults), default=0.0)


def test_what_came_first_may_have_been_the_exception() -> None:
    """A room that was met by a lamp is learnt anew by day, when its pictures are sound and go on for a while."""
    normal = taught(coloured(seen_map(60), -20, 15), light=Light.DAY)
    verdicts = []
    for number in range(20, 20 + PROMOTED + 2):
        picture = seen(coloured(seen_map(60), 4, -4), number, Light.DAY)
        judgement = judge(normal, picture, sound=True)
        rejected = worst(judgement) > 0.5
        verdicts.append(rejected)
        normal = learned(normal, judgement, picture, kept=not rejected)
    assert verdicts == [True] * PROMOTED + [False] * 2


def test_a_clear_day_after_a_foggy_first_morning_is_suspect_at_most() -> None:
    """It has more of the same colour, less light and, beside rain, less that looks sharp; another hue is a fault."""
    normal = taught(coloured(seen_map(170, 3), -2, 1), light=Light.DAY)
    clear = seen(coloured(seen_map(70), -18, 9), 20, Light.DAY)
    clear.map[DETAIL][0] -= 0.5
    assert 0.25 < worst(judge(normal, clear, sound=True)) < 0.5
    assert worst(judge(normal, clear, sound=False)) > 0.5
    swapped = seen(coloured(seen_map(70), 9, -18), 20, Light.DAY)
    assert worst(judge(normal, swapped, sound=True)) > 0.5


@pytest.mark.parametrize(("later", "sound"), [(timedelta(0), False), (timedelta(days=2), True)])
def test_an_established_look_or_an_unsound_picture_corrects_nothing(later: timedelta, sound: bool) -> None:
    normal = taught(seen_map(60), 12)
    (look,) = normal.looks[Light.NIGHT]
    normal = normal.with_look(Light.NIGHT, 0, replace(look, since=look.since - later))
    other = seen_map(60)
    other[DETAIL][0] -= 0.9
    for number in range(20, 20 + 3 * PROMOTED):
        picture = seen(other, number)
        judgement = judge(normal, picture, sound=sound)
        assert judgement.faults[0].severity > 0.5
        normal = learned(normal, judgement, picture, kept=False)
    assert len(normal.looks[Light.NIGHT]) == 1


def test_a_night_without_colour_says_nothing_of_colours() -> None:
    """While it is young: a camera that has had none for days and turns pink is broken."""
    normal = taught(seen_map(120), 12)
    pink = seen_map(120)
    pink[BLUE:] = 25
    assert judge(normal, seen(pink, 20), sound=True) == Judgement()
    (look,) = normal.looks[Light.NIGHT]
    old = normal.with_look(Light.NIGHT, 0, replace(look, since=look.since - timedelta(days=2)))
    assert FaultKind.CAST in {fault.kind for fault in judge(old, seen(pink, 20), sound=True).faults}
