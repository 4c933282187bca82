"""What is made to cost much: memory, time, and what the decoders reach out to, measured in a process of their own."""

from functools import partial
import io
import json
from pathlib import Path
import struct
import subprocess
import sys
from typing import Any
import zlib

import numpy as np
from PIL import Image
import pytest
from timelapser_core.detection.gate import MAX_BYTES

from scripts.dev.fuzz.hunt import environment
from scripts.dev.fuzz.seeds import chunk, seeds
from tests.core import pictures

ROOT = Path(__file__).parents[3]
HEADER_ONLY = 5
"""Mebibytes that a refusal may take."""
UNPACKED = 32
"""Mebibytes that a refusal may take which has to unpack up to where it is too much."""
AT_MOST = 200
"""Mebibytes that any picture may take."""
SECONDS = 2
"""Seconds of a processor that any picture may take."""

WITHOUT = [argument for argument in sys.argv if argument == "--without-opencv"]

PHOTO = pictures.jpeg(pictures.scene("day", 640, 360))
SCAN = pictures.scan_start(PHOTO)
TINY = pictures.jpeg(pictures.flat((9, 9, 9), 64, 64))
PROGRESSIVE = pictures.jpeg(pictures.scene("day", 640, 360), progressive=True)
PROGRESSIVE_444 = pictures.jpeg(pictures.scene("day", 640, 360), progressive=True, subsampling=0)
CMYK = seeds()["jpeg-cmyk"]


def claiming(width: int, height: int, data: bytes = TINY) -> bytes:
    """Return a JPEG whose header claims another size."""
    at = data.index(b"\xff\xc2" if b"\xff\xc2" in data else b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def filled(unit: bytes) -> bytes:
    """Return a JPEG of the largest allowed size that goes on with one thing in place of its scan."""
    return (PHOTO[:SCAN] + unit * (MAX_BYTES // len(unit)))[:MAX_BYTES]


def png(
    width: int, height: int, *before: bytes, rows: int | None = None, depth: int = 8, colour: int = 2, channels: int = 3
) -> bytes:
    """Return a black PNG; with ``rows``, of more rows than its header says."""
    packer = zlib.compressobj(1)
    row = bytes(1 + channels * depth // 8 * width)
    body = b"".join([*(packer.compress(row) for _ in range(rows or height)), packer.flush()])
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(before) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def restarts(count: int) -> bytes:
    return b"".join(b"\x12\x34\xff" + bytes([0xD0 + number % 8]) for number in range(count))


def webp(width: int, height: int) -> bytes:
    data = pictures.encoded(pictures.scene("day", 640, 360), "WEBP")
    return data[:26] + struct.pack("<HH", width, height) + data[30:]


def veiled(width: int, height: int) -> bytes:
    """Return a WebP with transparency, which costs its decoder the most."""
    target = io.BytesIO()
    Image.new("RGBA", (width, height), (200, 9, 9, 99)).save(target, "WEBP", quality=1, method=0)
    return target.getvalue()


text = partial(chunk, b"iTXt")
exif = b"\xff\xe1\xff\xff" + bytes(65533)
profile = b"\xff\xe2\xff\xffICC_PROFILE\0\x01\xff" + bytes(65533 - 14)

REFUSED: dict[str, tuple[bytes, str]] = {
    "65535x65535": (claiming(65535, 65535), "TL-IMG-004"),
    "13000x13000": (claiming(13000, 13000), "TL-IMG-004"),
    "9400x9400": (claiming(9400, 9400), "TL-IMG-004"),
    "webp 16383x16383": (webp(16383, 16383), "TL-IMG-004"),
    "webp 5000x5000": (webp(5000, 5000), "TL-IMG-004"),
    "60 MB": (PHOTO[:-2] + bytes(60_000_000), "TL-IMG-004"),
    "png of 1 GB of pixels": (png(3840, 2160, rows=90_000), "TL-IMG-004"),
    "png with a text of 100 MB": (
        png(640, 360, text(b"c\0\1\0\0\0" + zlib.compress(bytes(100_000_000)))),
        "TL-IMG-004",
    ),
    "png with a profile of 100 MB": (
        png(640, 360, chunk(b"iCCP", b"c\0\0" + zlib.compress(bytes(100_000_000)))),
        "TL-IMG-004",
    ),
    "10^5 markers": (PHOTO[:2] + b"\xff\xe1\x00\x0c0123456789" * 100_000 + PHOTO[2:], "TL-IMG-001"),
    "over 1 MB of profiles": (PHOTO[:2] + profile * 17 + PHOTO[2:], "TL-IMG-001"),
    "markers in place of a scan": (filled(b"\xff\x01\0\0"), "TL-IMG-001"),
    "segments in place of a scan": (filled(b"\xff\xfe\0\2"), "TL-IMG-001"),
    "progressive 7000x7000": (claiming(7000, 7000, PROGRESSIVE), "TL-IMG-004"),
    "progressive 4:4:4 4500x4500": (claiming(4500, 4500, PROGRESSIVE_444), "TL-IMG-004"),
    "cmyk 6000x6000": (claiming(6000, 6000, CMYK), "TL-IMG-004"),
    "png 7000x7000": (png(7000, 7000), "TL-IMG-004"),
    "png of a column": (png(192, 196_736, colour=4, channels=2), "TL-IMG-004"),
    "png of 10^6 chunks": (png(640, 360, chunk(b"aaAa", b"") * 10**6), "TL-IMG-001"),
    "html": (b"<!DOCTYPE html><img src='http://127.0.0.1:1/'>", "TL-IMG-001"),
    "playlist": (b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n", "TL-IMG-001"),
    "concat": (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "TL-IMG-001"),
    "names": (b"concat:/etc/passwd|subfile,,start,0,end,9,,:/etc/passwd|http://127.0.0.1:1/|a%03d.jpg", "TL-IMG-001"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><image href='http://127.0.0.1:1/'/></svg>", "TL-IMG-002"),
}
"""What is refused with its code before it is decoded."""

DECODED: dict[str, tuple[bytes, str]] = {
    "the largest size": (claiming(7000, 7000), "bad"),
    "10^6 restarts": (PHOTO[:SCAN] + restarts(10**6) + b"\xff\xd9", "bad"),
    "10^6 restarts of the largest size": (
        claiming(7000, 7000, PHOTO)[:SCAN] + restarts(10**6) + b"\xff\xd9",
        "bad",
    ),
    "endless restarts": (filled(b"\xff\xd0"), "bad"),
    "endless codes": (filled(b"\xff\0"), "bad"),
    "noise behind a cut": (filled(np.random.default_rng(1).bytes(1 << 20)), "bad"),
    "progressive 6500x5000": (claiming(6500, 5000, PROGRESSIVE), "bad"),
    "progressive 4:4:4 4300x4300": (claiming(4300, 4300, PROGRESSIVE_444), "bad"),
    "cmyk 5700x5700": (claiming(5700, 5700, CMYK), "bad"),
    "a column": (claiming(719, 11_500), "bad"),
    "png 7680x4320": (png(7680, 4320), "bad"),
    "png 7680x4320 with transparency": (png(7680, 4320, colour=4, channels=2), "bad"),
    "png 7000x7000 of 16 bits": (png(7000, 7000, depth=16, colour=0, channels=1), "bad"),
    "webp 4000x2600": (veiled(4000, 2600), "bad"),
    "1 MB of exif": (PHOTO[:2] + exif * 15 + PHOTO[2:], "good"),
    "1 MB of profiles": (PHOTO[:2] + profile * 15 + PHOTO[2:], "good"),
}
"""What is decoded, and what it is found to be."""


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what each picture did and took."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("memory is measured by Linux' own accounts")
    folder = tmp_path_factory.mktemp("bombs")
    for name, (data, _) in (REFUSED | DECODED).items():
        (folder / name.replace("/", "_")).write_bytes(data)
    for kind in ("JPEG", "PNG", "WEBP"):
        warm = pictures.encoded(pictures.scene("day", 640, 360), kind)
        (folder / f"warm.{kind.lower().replace('jpeg', 'jpg')}").write_bytes(warm)
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "tests.core.detection.costs", folder, *WITHOUT],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_its_code_and_without_memory(costs: dict[str, Any], name: str) -> None:
    cost = costs[name]
    assert cost["said"] == REFUSED[name][1]
    assert cost["mebibytes"] < (UNPACKED if name.startswith("png") else HEADER_ONLY)
    assert cost["seconds"] < SECONDS


@pytest.mark.parametrize("name", DECODED)
def test_decoded_within_limits(costs: dict[str, Any], name: str) -> None:
    cost = costs[name]
    assert cost["said"].split()[0] == DECODED[name][1]
    assert cost["mebibytes"] < AT_MOST
    assert cost["seconds"] < SECONDS


def test_a_decoder_without_a_gate_is_seen_to_take_memory(costs: dict[str, Any]) -> None:
    assert costs["control: memory"]["mebibytes"] > 20 * HEADER_ONLY


@pytest.mark.parametrize("name", [*REFUSED, *DECODED])
def test_nothing_reaches_out(costs: dict[str, Any], name: str) -> None:
    assert costs[name]["reached"] == []


def test_what_reaches_out_is_seen_and_stills_never_meet_ffmpeg(costs: dict[str, Any]) -> None:
    """FFmpeg would open what a picture names, without Python seeing it."""
    reached = " ".join(costs["control: reach"]["reached"])
    assert "/dev/null" in reached
    assert "socket.connect" in reached
    assert costs["ffmpeg"] is False
