"""The one decode: every kind of picture, and the decoder's complaints."""

from concurrent.futures import ThreadPoolExecutor
import io
import warnings

import numpy as np
from PIL import Image
import pytest
from timelapser_core.detection import decode as module, gate
from timelapser_core.detection.decode import Planes, UndecodableError, decode

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


def test_each_of_200_decodes_in_4_threads_reports_its_own_damage(photo: bytes) -> None:
    damaged = pictures.re_ended(pictures.cut(photo, 0.5))
    with warnings.catch_warnings(record=True) as caught, ThreadPoolExecutor(4) as pool:
        warnings.simplefilter("always")
        complaints = list(pool.map(lambda number: decoded(photo if number % 2 else damaged).warning, range(400)))
    assert all("premature end" in complaint for complaint in complaints[0::2])
    assert len(complaints[0::2]) == 200
    assert not any(complaints[1::2])
    assert caught == []


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
