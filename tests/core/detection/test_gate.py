"""The gate: what is a picture, judged by its bytes."""

import struct
import tracemalloc
import zlib

import pytest
from timelapser_core.detection import gate, jpeg
from timelapser_core.detection.gate import MAX_BYTES, MAX_CHUNKS
from timelapser_core.detection.jpeg import MAX_MARKERS, MAX_SCANS
from timelapser_core.errors import Code, ImageError

from tests.core import pictures


@pytest.fixture(scope="module")
def photo() -> bytes:
    return pictures.jpeg(pictures.scene("day", 640, 360))


def refused(data: bytes) -> ImageError:
    with pytest.raises(ImageError) as caught:
        gate(data)
    return caught.value


def jpeg_of_size(width: int, height: int) -> bytes:
    """Return a small JPEG whose header claims another size."""
    data = bytearray(pictures.jpeg(pictures.flat((9, 9, 9), 64, 64)))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(chunk: bytes) -> bytes:
    """Return a PNG with one more chunk after its header."""
    data = pictures.encoded(pictures.scene("wall", 160, 90), "PNG")
    return data[:33] + chunk + data[33:]


@pytest.mark.parametrize(
    ("kind", "content_type", "extension"),
    [("JPEG", "image/jpeg", "jpg"), ("PNG", "image/png", "png"), ("WEBP", "image/webp", "webp")],
)
@pytest.mark.parametrize("tail", [b"", b"dhav\x00\x01\x02\x03"])
def test_picture_passes_with_its_true_format(kind: str, content_type: str, extension: str, tail: bytes) -> None:
    data = pictures.encoded(pictures.scene("day", 320, 180), kind)
    gated = gate(data + tail)
    assert (gated.content_type, gated.extension, gated.size) == (content_type, extension, (320, 180))
    assert (gated.end, gated.tail, gated.ends_cleanly) == (len(data), len(tail), True)


@pytest.mark.parametrize("options", [{"lossless": True}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}])
def test_other_kinds_of_webp_pass(options: dict[str, object]) -> None:
    assert gate(pictures.encoded(pictures.scene("day", 320, 180), "WEBP", **options)).size == (320, 180)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", Code.CAMERA_EMPTY),
        (b"<!DOCTYPE html><html><body>Login</body></html>", Code.NOT_AN_IMAGE),
        (b'{"error": "unauthorized"}', Code.NOT_AN_IMAGE),
        (b"401", Code.NOT_AN_IMAGE),
        (b"500: Internal Server Error", Code.NOT_AN_IMAGE),
        (b"#EXTM3U\n#EXT-X-VERSION:3\nhttp://127.0.0.1/a.ts\n", Code.NOT_AN_IMAGE),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", Code.NOT_AN_IMAGE),
        (b"\x00\x00\x00\x20ftypisom" + bytes(64), Code.NOT_AN_IMAGE),
        (b"BM this is a letter", Code.NOT_AN_IMAGE),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"no markers follow here", Code.NOT_AN_IMAGE),
        (b"\xff\xd8\xff\xe0\x00\x01\xff\xd9", Code.NOT_AN_IMAGE),
        (b"\xff\xd8\xff\xda\x00\x02" + bytes(40) + b"\xff\xd9", Code.NOT_AN_IMAGE),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), Code.NOT_AN_IMAGE),
        (b"RIFF\x20\0\0\0WEBPVP8X" + b"nope", Code.TRUNCATED),
        (b"RIFF\x20\0\0\0WEBPABCD" + bytes(40), Code.NOT_AN_IMAGE),
        (b"GIF89a" + bytes(40), Code.FORMAT_UNSUPPORTED),
        (b"BM\x36\x00\x00\x00\x00\x00\x00\x00" + bytes(40), Code.FORMAT_UNSUPPORTED),
        (b"II*\x00" + bytes(40), Code.FORMAT_UNSUPPORTED),
        (b"MM\x00*" + bytes(40), Code.FORMAT_UNSUPPORTED),
        (b"\x00\x00\x00\x20ftypavif" + bytes(64), Code.FORMAT_UNSUPPORTED),
        (b"\x00\x00\x00\x20ftypheic" + bytes(64), Code.FORMAT_UNSUPPORTED),
        (b"\xef\xbb\xbf <?xml version='1.0'?><svg/>", Code.FORMAT_UNSUPPORTED),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Code.FORMAT_UNSUPPORTED),
    ],
)
def test_everything_else_is_refused_with_its_code(data: bytes, code: Code) -> None:
    assert refused(data).code is code


def test_what_is_not_a_picture_shows_how_it_begins() -> None:
    error = refused(b"<html><head><title>secret")
    assert error.text.endswith(b"<html><head><tit".hex())
    assert b"secret".hex() not in error.text


@pytest.mark.parametrize("size", [(65535, 65535), (13000, 13000), (9400, 9400)])
def test_bomb_is_refused_by_its_header_without_memory(size: tuple[int, int]) -> None:
    data = jpeg_of_size(*size)
    tracemalloc.start()
    try:
        assert refused(data).code is Code.TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [(640, 0), (1, 1), (8, 8), (63, 640), (640, 63)])
def test_tiny_picture_is_refused(size: tuple[int, int]) -> None:
    assert refused(jpeg_of_size(*size)).code is Code.TOO_SMALL


def test_too_many_bytes_are_refused_before_anything_is_read(photo: bytes) -> None:
    assert refused(photo + bytes(MAX_BYTES)).code is Code.TOO_LARGE


@pytest.mark.parametrize("segments", [100_000, 17])
def test_markers_without_end_are_refused(photo: bytes, segments: int) -> None:
    body = bytes(65533 if segments == 17 else 9)
    marker = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    assert refused(photo[:2] + marker * segments + photo[2:]).code is Code.NOT_AN_IMAGE


def test_exif_with_an_orientation_and_a_full_segment_passes() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    data = pictures.jpeg(pictures.scene("day", 320, 180), exif=exif + bytes(60000))
    assert gate(data).size == (320, 180)


@pytest.mark.parametrize(("size", "fits"), [((64, 1024), True), ((1024, 64), True), ((64, 1040), False)])
def test_a_column_or_a_row_is_no_picture(size: tuple[int, int], fits: bool) -> None:
    if fits:
        assert gate(jpeg_of_size(*size)).size == size
    else:
        assert refused(jpeg_of_size(*size)).code is Code.TOO_LARGE


@pytest.mark.parametrize("marker", [0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF])
def test_arithmetic_coding_is_not_supported(photo: bytes, marker: int) -> None:
    """Behind the end of its data a decoder goes on for 90 ns a pixel: 2.5 s for 49 MP, and again with each scan."""
    assert refused(photo.replace(b"\xff\xc0", bytes([0xFF, marker]), 1)).code is Code.FORMAT_UNSUPPORTED


@pytest.mark.parametrize(("count", "fits"), [(MAX_MARKERS - 50, True), (MAX_MARKERS, False)])
def test_segments_without_end_before_the_scan_are_refused(photo: bytes, count: int, fits: bool) -> None:
    stuffed = photo[:2] + b"\xff\xfe\0\2" * count + photo[2:]
    if fits:
        assert gate(stuffed).size == (640, 360)
    else:
        assert refused(stuffed).code is Code.NOT_AN_IMAGE


@pytest.mark.parametrize(("count", "fits"), [(MAX_CHUNKS - 50, True), (MAX_CHUNKS, False)])
def test_chunks_without_end_are_refused(count: int, fits: bool) -> None:
    """A decoder took 2 us for each, and 32 MiB hold 2.8 million."""
    stuffed = with_chunk(png_chunk(b"aaAa", b"") * count)
    if fits:
        assert gate(stuffed).ends_cleanly
    else:
        assert refused(stuffed).code is Code.NOT_AN_IMAGE


@pytest.mark.parametrize("filler", [b"\xff", b"\xff\xff\xff", b"\xff\x01", b"\xff\xd0\xff\xd7"])
def test_padding_and_markers_without_a_segment_before_the_scan_pass(photo: bytes, filler: bytes) -> None:
    gated = gate(photo[:2] + filler + photo[2:])
    assert (gated.size, gated.ends_cleanly) == ((640, 360), True)


@pytest.mark.parametrize("marker", [0x00, 0x02, 0xBF, 0xC8, 0xDE, 0xDF, 0xF0, 0xFD])
def test_a_marker_that_decoders_do_not_skip_with_its_segment_is_refused(photo: bytes, marker: int) -> None:
    """They would read on within what was taken for a segment, and find a picture of another size there."""
    hidden = jpeg_of_size(60_000, 60_000)[2:]
    segment = bytes([0xFF, marker]) + struct.pack(">H", len(hidden) + 2) + hidden
    assert refused(photo[:2] + segment + photo[2:]).code is Code.NOT_AN_IMAGE
    harmless = bytes([0xFF, 0xE5]) + segment[2:]
    assert gate(photo[:2] + harmless + photo[2:]).size == (640, 360)


def test_a_jpeg_that_ends_in_its_header_is_truncated(photo: bytes) -> None:
    assert refused(photo[: pictures.scan_start(photo) - 14] + b"\xff\xd9" * 4).code is Code.TRUNCATED
    assert refused(photo[:2] + b"\xff\xd9" + photo[2:]).code is Code.TRUNCATED


def test_every_cut_in_the_header_is_truncated_and_every_later_one_passes(photo: bytes) -> None:
    start = pictures.scan_start(photo)
    for length in [3, *range(4, start, 7), start - 1]:
        assert refused(photo[:length]).code is Code.TRUNCATED
    for length in range(start, len(photo), len(photo) // 40):
        assert gate(photo[:length]).ends_cleanly is False


@pytest.mark.parametrize("scan", [b"\xff\xda\0\2", b"\xff\xda\0\3\1"])
def test_a_scan_without_a_header_is_a_picture_that_does_not_end(photo: bytes, scan: bytes) -> None:
    """Found by the fuzzer: nothing was there to compare the components with."""
    assert gate(photo[: photo.index(b"\xff\xda")] + scan).ends_cleanly is False


@pytest.mark.parametrize("progressive", [False, True])
def test_zeros_after_a_cut_do_not_count(progressive: bool) -> None:
    data = pictures.jpeg(pictures.scene("day", 640, 360), progressive=progressive)
    cut = data[: len(data) * 2 // 3].rstrip(b"\0")
    gated = gate(cut + bytes(5000))
    assert (gated.end, gated.ends_cleanly) == (len(cut), False)


def test_end_of_a_progressive_picture_is_found_behind_its_scans() -> None:
    data = pictures.jpeg(pictures.scene("day", 640, 360), progressive=True)
    gated = gate(data + b"tail")
    assert (gated.end, gated.tail) == (len(data), 4)


@pytest.mark.parametrize(("width", "scans"), [(640, MAX_SCANS + 1), (6000, 40)])
def test_scans_without_end_are_refused_before_they_are_decoded(width: int, scans: int) -> None:
    data = pictures.jpeg(pictures.flat((90, 90, 90), 640, 360), progressive=True)
    frame = data.index(b"\xff\xc2")
    data = data[: frame + 5] + struct.pack(">HH", width * 3 // 4, width) + data[frame + 9 :]
    scan = data.rindex(b"\xff\xda")
    assert refused(data[:scan] + data[scan:-2] * scans + b"\xff\xd9").code is Code.DECODE_TIMEOUT


@pytest.mark.parametrize(("count", "fits"), [(MAX_MARKERS - 100, True), (MAX_MARKERS + 1, False)])
def test_markers_without_end_between_the_scans_are_refused(count: int, fits: bool) -> None:
    data = pictures.jpeg(pictures.scene("day", 320, 180), progressive=True)
    last = data.rindex(b"\xff\xda")
    stuffed = data[:last] + b"\xff\xfe\x00\x04ab" * count + data[last:]
    if fits:
        assert gate(stuffed).end == len(stuffed)
    else:
        assert refused(stuffed).code is Code.NOT_AN_IMAGE


@pytest.mark.parametrize("step", [1, 2, 7, 64])
def test_the_end_is_found_wherever_the_search_is_divided(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """A marker, or the segment behind it, may lie across the border of what is searched at a time."""
    monkeypatch.setattr(jpeg, "_WALK_STEP", step)
    data = pictures.jpeg(pictures.scene("day", 64, 64), progressive=True)
    gated = gate(data + b"\xff\xda tail")
    assert (gated.end, gated.ends_cleanly) == (len(data), True)
    assert gate(data[:-1]).ends_cleanly is False


@pytest.mark.parametrize(("size", "fits"), [((4000, 2600), True), ((4100, 2600), False)])
def test_the_size_of_a_webp_is_bounded_by_what_its_decoder_takes(size: tuple[int, int], fits: bool) -> None:
    data = pictures.encoded(pictures.scene("day", 320, 180), "WEBP")
    data = data[:26] + struct.pack("<HH", *size) + data[30:]
    if fits:
        assert gate(data).size == size
    else:
        assert refused(data).code is Code.TOO_LARGE


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"iTXt", b"c\0\1\0\0\0" + zlib.compress(bytes(100_000_000))),
        png_chunk(b"zTXt", b"c\0\0" + zlib.compress(bytes(2_000_000))),
        png_chunk(b"iTXt", b"c\0\0\0\0\0" + b"a" * 2_000_000),
        struct.pack(">I", 1 << 30) + b"IDAT" + bytes(8),
    ],
)
def test_png_that_unpacks_to_too_much_is_refused(chunk: bytes) -> None:
    assert refused(with_chunk(chunk)).code is Code.TOO_LARGE


def test_png_pixels_beyond_the_header_are_refused() -> None:
    data = pictures.encoded(pictures.scene("wall", 160, 90), "PNG")
    bomb = png_chunk(b"IDAT", zlib.compress(bytes(50_000_000)))
    assert refused(data[:33] + bomb + data[-12:]).code is Code.TOO_LARGE


@pytest.mark.parametrize("size", [(16, 16), (320, 180), (12_000, 12_000)])
@pytest.mark.parametrize("behind_pixels", [False, True])
def test_png_with_a_second_header_is_refused(size: tuple[int, int], behind_pixels: bool) -> None:
    header = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    data = pictures.encoded(pictures.scene("wall", 160, 90), "PNG")
    place = len(data) - 12 if behind_pixels else 33
    assert gate(data[:place] + png_chunk(b"tEXt", header) + data[place:]).size == (160, 90)
    assert refused(data[:place] + png_chunk(b"IHDR", header) + data[place:]).code is Code.NOT_AN_IMAGE


def test_png_with_a_header_of_another_length_is_refused() -> None:
    data = pictures.encoded(pictures.scene("wall", 160, 90), "PNG")
    assert refused(data[:8] + png_chunk(b"IHDR", data[16:29] + b"more") + data[33:]).code is Code.NOT_AN_IMAGE


def test_png_with_small_texts_and_damaged_ones_passes() -> None:
    assert gate(with_chunk(png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"hello")))).ends_cleanly
    assert gate(with_chunk(png_chunk(b"zTXt", b"Comment\0\0x\x9cbroken"))).ends_cleanly


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_cut_png_and_webp_pass_as_without_an_end(kind: str) -> None:
    data = pictures.encoded(pictures.scene("day", 320, 180), kind)
    assert gate(data[: len(data) * 2 // 3]).ends_cleanly is False
    assert refused(data[:20]).code is Code.TRUNCATED
