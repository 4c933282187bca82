"""A stamp changes what a file says, never a pixel; a place in it is gone afterwards."""

import io
import struct
import zlib

from hypothesis import given, settings, strategies as st
import numpy as np
from PIL import Image
import pytest
from timelapser_core.exif import without_gps
from timelapser_core.models import Fault, FaultKind, Freshness, Light, Verdict
from timelapser_core.note import FrameNote
from timelapser_core.stamp import read_stamp, stamp

from .archive import NOW, picture

COMMENT = {"camera": "01K", "runs": "A,B", "score": 91.5, "seq": 7, "light": None, "words": 'ü <&>"]]>'}
FORMATS = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("PNG", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
]
NAMES = ["jpeg", "progressive", "png", "webp", "webp-lossless"]
every_format = pytest.mark.parametrize(("fmt", "options"), FORMATS, ids=NAMES)


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.size, image.mode, image.tobytes()


def exif_of(data):
    with Image.open(io.BytesIO(data)) as image:
        return image.getexif()


def exif_with_gps(byte_order="<"):
    exif = Image.Exif()
    exif.endian = byte_order
    exif[0x0112] = 6
    exif[0x010F] = "Maker of cameras"
    exif.get_ifd(0x8769)[0x9003] = "2026:11:21 08:00:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.25), 3: "E", 4: (13.0, 24.0, 18.5)})
    return exif


@every_format
def test_pixels_are_the_same_and_the_comment_comes_back(fmt, options):
    data = picture(fmt, **options)
    stamped = stamp(data, f"image/{fmt.lower()}", COMMENT)
    assert pixels(stamped) == pixels(data)
    assert read_stamp(data) is None
    assert read_stamp(stamped) == COMMENT


@every_format
def test_a_second_stamp_replaces_the_first(fmt, options):
    data, content_type = picture(fmt, **options), f"image/{fmt.lower()}"
    once = stamp(data, content_type, COMMENT)
    assert stamp(once, content_type, COMMENT) == once
    assert stamp(stamp(data, content_type, {"a": "much longer " * 50}), content_type, COMMENT) == once


@every_format
def test_the_place_is_gone_and_the_rest_of_the_exif_stays(fmt, options):
    data = picture(fmt, exif=exif_with_gps(), **options)
    assert exif_of(data).get_ifd(0x8825)[2] == (52.0, 31.0, 12.25)
    stamped = stamp(data, f"image/{fmt.lower()}", COMMENT)
    exif = exif_of(stamped)
    assert not exif.get_ifd(0x8825)
    assert 0x8825 not in exif
    assert exif[0x0112] == 6
    assert exif[0x010F] == "Maker of cameras"
    assert exif.get_ifd(0x8769)[0x9003] == "2026:11:21 08:00:00"
    assert struct.pack("<II", 1225, 100) not in stamped
    assert pixels(stamped) == pixels(data)


def test_the_jpeg_scan_is_byte_for_byte_the_same():
    data = picture(exif=exif_with_gps())
    scan = data[data.index(b"\xff\xda") :]
    assert stamp(data, "image/jpeg", COMMENT).endswith(scan)


def test_a_png_with_its_exif_after_the_pixels_loses_the_place():
    plain = picture("PNG")
    exif = exif_with_gps().tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif))
    data = plain[:-12] + chunk + plain[-12:]
    assert exif_of(data).get_ifd(0x8825)
    assert not exif_of(stamp(data, "image/png", COMMENT)).get_ifd(0x8825)


def test_a_place_in_xmp_is_gone():
    packet = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><a exif:GPSLatitude='52,31N'/></x:xmpmeta>"
    segment = b"\xff\xe1" + struct.pack(">H", len(packet) + 2) + packet
    data = picture()
    stamped = stamp(data[:2] + segment + data[2:], "image/jpeg", COMMENT)
    assert b"GPSLatitude" not in stamped
    assert pixels(stamped) == pixels(data)


def test_a_webp_with_transparency_keeps_it():
    image = Image.fromarray(np.random.default_rng(3).integers(0, 255, (20, 30, 4), dtype=np.uint8))
    for lossless in (True, False):
        out = io.BytesIO()
        image.save(out, "WEBP", lossless=lossless)
        stamped = stamp(out.getvalue(), "image/webp", COMMENT)
        assert pixels(stamped) == pixels(out.getvalue())
        assert pixels(stamped)[1] == "RGBA"


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_of_exif(order):
    tiff = exif_with_gps(order).tobytes().removeprefix(b"Exif\0\0")
    blank = without_gps(tiff)
    assert len(blank) == len(tiff)
    assert blank != tiff
    assert without_gps(blank) == blank


@given(st.binary(max_size=200), st.sampled_from([b"II*\0", b"MM\0*", b""]))
def test_exif_that_cannot_be_followed_is_replaced(junk, head):
    cleaned = without_gps(head + junk)
    assert cleaned == without_gps(cleaned)


def test_hostile_exif_that_points_at_itself_ends():
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8)
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 8)
    assert without_gps(tiff) == tiff


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"", "image/jpeg"),
        (b"\xff\xd8", "image/jpeg"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"\xff\xd8\xff\xe0\x00\x01" + bytes(50), "image/jpeg"),
        (b"\xff\xd8\xff\xd9", "image/jpeg"),
        (b"<html>401</html>", "image/jpeg"),
        (picture("PNG"), "image/jpeg"),
        (picture()[:300], "image/png"),
        (picture("PNG")[:20], "image/png"),
        (picture("PNG")[:-12].replace(b"IHDR", b"IHDX"), "image/png"),
        (picture("WEBP")[:100], "image/webp"),
        (b"RIFF\x04\0\0\0WEBP", "image/webp"),
        (picture(), "image/gif"),
    ],
)
def test_damaged_data_comes_back_unchanged(data, content_type):
    assert stamp(data, content_type, COMMENT) == data


def test_a_jpeg_cut_inside_its_scan_is_stamped_all_the_same():
    data = picture()[:-200]
    stamped = stamp(data, "image/jpeg", COMMENT)
    assert read_stamp(stamped) == COMMENT
    assert stamped.endswith(data[data.index(b"\xff\xda") :])


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FORMATS), st.data())
def test_no_damage_makes_it_fail(form, draw):
    fmt, options = form
    data = bytearray(picture(fmt, exif=exif_with_gps(), **options))
    for _ in range(draw.draw(st.integers(1, 6))):
        data[draw.draw(st.integers(0, min(len(data), 600) - 1))] = draw.draw(st.integers(0, 255))
    damaged = bytes(data[: draw.draw(st.integers(0, len(data)))])
    stamped = stamp(damaged, f"image/{fmt.lower()}", COMMENT)
    assert stamped == damaged or read_stamp(stamped) == COMMENT


def test_a_comment_that_is_not_ours_stays_and_is_not_read():
    data = picture(comment=b"made by a camera")
    stamped = stamp(data, "image/jpeg", COMMENT)
    assert b"made by a camera" in stamped
    assert read_stamp(data) is None
    assert read_stamp(stamp(data, "image/jpeg", {})) == {}


def test_a_comment_too_long_for_a_segment_is_left_out():
    data = picture()
    assert stamp(data, "image/jpeg", {"a": "x" * 70_000}) == data


NOTE = FrameNote(
    camera_id="01K",
    run_ids=("A", "B"),
    captured_at=NOW,
    slot_at=NOW,
    sequence=3,
    score=None,
    verdict=Verdict.SUSPECT,
    freshness=Freshness.UNPROVEN,
    light=Light.NIGHT,
    faults=(Fault(FaultKind.BLACK, 0.5), Fault(FaultKind.NOISE, 0.125)),
    size=(1920, 1080),
    fetched_sha256=bytes(range(32)),
)


@every_format
def test_a_note_survives_the_way_through_a_file(fmt, options):
    stamped = stamp(picture(fmt, **options), f"image/{fmt.lower()}", NOTE.to_comment())
    assert FrameNote.from_comment(read_stamp(stamped)) == NOTE


@pytest.mark.parametrize(
    "change",
    [{"verdict": "fine"}, {"runs": 7}, {"utc": "yesterday"}, {"slot": "x"}, {"sha256": "zz"}, {"size": "1x2x3"},
     {"faults": "black"}, {"score": "high"}, {"slot": 10**30}],
)  # fmt: skip
def test_a_note_that_makes_no_sense_is_refused(change):
    with pytest.raises(ValueError):  # noqa: PT011
        FrameNote.from_comment({**NOTE.to_comment(), **change})


def test_a_missing_part_of_a_note_is_refused():
    with pytest.raises(ValueError, match="note"):
        FrameNote.from_comment({})
