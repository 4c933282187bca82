"""The one decode: every kind of picture, and the decoder's complaints."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
import io
import struct
import warnings

import numpy as np
from PIL import Image
import pytest
from timelapser_core.detection import Detector, decode as module, gate
from timelapser_core.detection.decode import Planes, UndecodableError, decode
from timelapser_core.models import FaultKind, Verdict
import turbojpeg

from scripts.dev.fuzz.seeds import chunk, seeds
from tests.core import pictures


@pytest.fixture(scope="module")
def photo() -> bytes:
    return pictures.jpeg(pictures.scene("day", 640, 360))


@pytest.fixture
def pillow_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take libjpeg-turbo away."""
    monkeypatch.setattr(module, "_turbo", lambda: None)


def decoded(data: bytes) -> Planes:
    return decode(data, gate(data))


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def sixteen_bit() -> Image.Image:
    grey = np.asarray(Image.fromarray(pictures.scene("day", 320, 180)).convert("L"))
    return Image.fromarray(grey.astype(np.uint16) * 257)


def test_planes_are_luma_and_colour(photo: bytes) -> None:
    planes = decoded(photo)
    expected = np.asarray(Image.open(io.BytesIO(photo)).convert("YCbCr")).astype(int)
    assert planes.luma.shape == (360, 640)
    assert planes.watched
    assert np.abs(planes.luma.astype(int) - expected[..., 0]).mean() < 1
    assert abs(planes.blue.mean() - expected[..., 1].mean()) < 1
    assert abs(planes.red.mean() - expected[..., 2].mean()) < 1


@pytest.mark.usefixtures("pillow_only")
def test_pillow_gives_the_same_planes(photo: bytes) -> None:
    planes = decoded(photo)
    expected = np.asarray(Image.open(io.BytesIO(photo)).convert("YCbCr")).astype(int)
    assert not planes.watched
    assert np.abs(planes.luma.astype(int) - expected[..., 0]).mean() < 1
    assert abs(planes.blue.mean() - expected[..., 1].mean()) < 1
    assert abs(planes.red.mean() - expected[..., 2].mean()) < 1


@pytest.mark.parametrize("turbo", [True, False])
@pytest.mark.parametrize(
    ("kind", "mode", "options", "colour"),
    [
        ("JPEG", "RGB", {"progressive": True}, True),
        ("JPEG", "RGB", {"subsampling": 0}, True),
        ("JPEG", "RGB", {"subsampling": 1}, True),
        ("JPEG", "RGB", {"restart_marker_rows": 1}, True),
        ("JPEG", "L", {}, False),
        ("JPEG", "CMYK", {}, True),
        ("PNG", "RGB", {}, True),
        ("PNG", "RGBA", {}, True),
        ("PNG", "P", {}, True),
        ("PNG", "L", {}, False),
        ("PNG", "LA", {}, False),
        ("PNG", "1", {}, False),
        ("WEBP", "RGB", {"quality": 90}, True),
        ("WEBP", "RGBA", {"lossless": True}, True),
    ],
)
def test_every_kind_of_picture_is_read(
    monkeypatch: pytest.MonkeyPatch, turbo: bool, kind: str, mode: str, options: dict[str, object], colour: bool
) -> None:
    if not turbo:
        monkeypatch.setattr(module, "_turbo", lambda: None)
    picture = Image.fromarray(pictures.scene("day", 320, 180))
    planes = decoded(saved(picture.convert(mode), kind, **options))
    expected = np.asarray(picture.convert(mode).convert("RGB").convert("L")).astype(int)
    assert planes.luma.shape == (180, 320)
    assert (planes.blue is not None) == colour
    assert np.abs(planes.luma.astype(int) - expected).mean() < 6
    assert planes.warning == ""


def test_sixteen_bits_are_scaled_and_not_cut_off() -> None:
    planes = decoded(saved(sixteen_bit(), "PNG"))
    expected = np.asarray(sixteen_bit()).astype(int) >> 8
    assert (planes.luma == expected).all()


@pytest.mark.parametrize("share", [0.02, 0.3, 0.8, 0.99, 0.999])
@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("progressive", [False, True])
def test_cut_scan_is_complained_of(share: float, end: bool, progressive: bool) -> None:
    data = pictures.jpeg(pictures.scene("day", 640, 360), progressive=progressive)
    data = data[: int(len(data) * share)] if progressive and share > 0.3 else pictures.cut(data, share)
    assert "premature end" in decoded(pictures.re_ended(data) if end else data).warning


def test_complete_scan_is_not_complained_of(photo: bytes) -> None:
    assert decoded(photo[:-2]).warning == ""
    assert decoded(photo + b"dhav1234").warning == ""


@pytest.mark.parametrize("padding", [b"\0", b"\x12\x34" * 4, bytes(700)])
def test_padding_before_the_end_marker_is_harmless(photo: bytes, padding: bytes) -> None:
    assert decoded(photo[:-2] + padding + photo[-2:]).warning == ""


def test_data_that_have_no_place_are_not_padding(photo: bytes) -> None:
    assert "extraneous" in decoded(photo[:-2] + b"\x12\x34" * 300 + photo[-2:]).warning


def damages() -> dict[str, tuple[bytes, str]]:
    """Return damaged pictures by what was done to them, and what the decoder says of each."""
    whole = pictures.jpeg(pictures.scene("day", 320, 180))
    middle = (pictures.scan_start(whole) + len(whole)) // 2
    restarts = pictures.jpeg(pictures.scene("day", 320, 180), restart_marker_rows=1)
    third, fourth = restarts.index(b"\xff\xd3"), restarts.index(b"\xff\xd4")
    return {
        "cut": (pictures.re_ended(pictures.cut(whole, 0.5)), "premature end of data segment"),
        "zeros": (whole[:middle] + bytes(200) + whole[middle + 200 :], "premature end of data segment"),
        "noise": (whole[:middle] + bytes(range(200)) + whole[middle + 200 :], "extraneous bytes before marker"),
        "a lost interval": (restarts[:third] + restarts[fourth:], "instead of RST3"),
    }


DAMAGES = damages()


@pytest.mark.parametrize("name", DAMAGES)
def test_each_of_1000_decodes_in_4_threads_reports_its_own_damage(photo: bytes, name: str) -> None:
    damaged, complaint = DAMAGES[name]
    with warnings.catch_warnings(record=True) as caught, ThreadPoolExecutor(4) as pool:
        warnings.simplefilter("always")
        told = list(pool.map(lambda number: decoded(damaged if number % 5 else photo).warning, range(1250)))
    assert caught == []
    assert not any(told[::5])
    complaints = [warning for number, warning in enumerate(told) if number % 5]
    assert len(complaints) == 1000
    assert len(set(complaints)) == 1
    assert complaint in complaints[0]


@pytest.mark.parametrize("name", DAMAGES)
def test_pythons_warnings_would_lose_most_of_them(name: str) -> None:
    """They are shown once for a place in the code; PyTurboJPEG tells its callers by no other way."""
    damaged, complaint = DAMAGES[name]
    decoder = turbojpeg.TurboJPEG()
    with warnings.catch_warnings(record=True) as caught, ThreadPoolExecutor(4) as pool:
        warnings.simplefilter("default")
        pictures_of_all = list(pool.map(lambda _: decoder.decode(damaged), range(1000)))
    assert len(pictures_of_all) == 1000
    assert 0 < len(caught) < 900
    assert complaint in str(caught[0].message)


@pytest.mark.parametrize("turbo", [True, False])
def test_each_of_1000_evaluations_in_4_threads_says_the_same(monkeypatch: pytest.MonkeyPatch, turbo: bool) -> None:
    """Without libjpeg-turbo nobody complains, and the pixels have to tell."""
    if not turbo:
        monkeypatch.setattr(module, "_turbo", lambda: None)
    damaged, _ = DAMAGES["cut"]
    detector, when = Detector(), datetime(2026, 6, 1, 12, tzinfo=UTC)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: detector.evaluate(damaged, when=when), range(1000)))
    assert len({(each.score, each.verdict, each.faults) for each in found}) == 1
    assert found[0].verdict is Verdict.BAD
    assert FaultKind.TRUNCATED in {fault.kind for fault in found[0].faults}


def segment(code: int, body: bytes) -> bytes:
    return bytes([0xFF, code]) + struct.pack(">H", 2 + len(body)) + body


def odd_notes() -> dict[str, bytes]:
    """Return pictures that are fine but for what is noted in them; found by the fuzzer."""
    jpeg = pictures.jpeg(pictures.scene("day", 160, 96))
    png = pictures.encoded(pictures.scene("day", 160, 96), "PNG")
    palette = Image.fromarray(pictures.scene("day", 160, 96)).quantize(16)
    tiff = b"MM\0*\0\0\0\x08"
    return {
        "an animation without frames": png[:33] + chunk(b"acTL", bytes(8)) + png[33:],
        "a cut Exif": jpeg[:2] + segment(0xE1, b"Exif\0\0" + tiff + b"\0\x05\x01\x12") + jpeg[2:],
        "previews that are not there": jpeg[:2] + segment(0xE2, b"MPF\0" + tiff + bytes(20)) + jpeg[2:],
        "a palette with transparency": saved(palette, "PNG", transparency=bytes(range(16))),
    }


ODD_NOTES = odd_notes()


@pytest.mark.parametrize("name", ODD_NOTES)
def test_nobody_is_warned_of_what_is_noted_in_a_picture(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(module, "_turbo", lambda: None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        planes = decoded(ODD_NOTES[name])
        assert caught == []
        with Image.open(io.BytesIO(ODD_NOTES[name])) as picture:
            expected = np.asarray(picture.convert("RGB").convert("L")).astype(int)
        assert caught != []
    assert np.abs(planes.luma.astype(int) - expected).mean() < 1


@pytest.mark.parametrize("name", [name for name in seeds() if name != "jpeg-arithmetic"])
def test_what_is_noted_in_a_picture_is_not_needed_for_its_pixels(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(module, "_turbo", lambda: None)
    bared = decoded(seeds()[name])
    monkeypatch.setattr(module, "bare", lambda body: body)
    whole = decoded(seeds()[name])
    assert (bared.luma == whole.luma).all()
    for one, other in ((bared.blue, whole.blue), (bared.red, whole.red)):
        assert (one is None) == (other is None)
        assert one is None or (one == other).all()


@pytest.mark.parametrize(
    "data",
    [
        pictures.encoded(pictures.scene("day", 320, 180), "PNG")[:9000],
        pictures.encoded(pictures.scene("day", 320, 180), "WEBP")[:3000],
    ],
)
def test_what_no_decoder_reads_is_undecodable(data: bytes) -> None:
    with pytest.raises(UndecodableError):
        decoded(data)


@pytest.mark.parametrize("turbo", [True, False])
def test_jpeg_of_a_process_that_nobody_has_is_undecodable(monkeypatch: pytest.MonkeyPatch, turbo: bool) -> None:
    if not turbo:
        monkeypatch.setattr(module, "_turbo", lambda: None)
    data = bytearray(pictures.jpeg(pictures.scene("day", 320, 180)))
    data[data.index(b"\xff\xc0") + 1] = 0xC3
    with pytest.raises(UndecodableError):
        decoded(bytes(data))


def test_a_picture_that_fails_does_not_blind_the_decoder_to_the_next(photo: bytes) -> None:
    data = bytearray(photo)
    data[data.index(b"\xff\xc0") + 1] = 0xC3
    with pytest.raises(UndecodableError):
        decoded(bytes(data))
    after = decoded(pictures.re_ended(pictures.cut(photo, 0.9)))
    assert after.watched
    assert "premature end" in after.warning
