"""No credential, address or path of a text survives; the rest stays readable."""

from hypothesis import given, strategies as st
import pytest
from timelapser_core.redact import LIMIT, redact, redact_traceback

CANARY = "S3cr3t-CANARY-7"

FORMS = {
    "userinfo": f"Error opening rtsp://admin:{CANARY}@192.168.1.5:554/Streaming/Channels/101",
    "user only": f"https://{CANARY}@cam.local/snap.jpg failed",
    "query": f"GET http://10.0.0.8/cgi-bin/snapshot.cgi?usr=admin&pwd={CANARY} -> 401",
    "token query": f"http://cam:8123/api/camera_proxy/camera.x?token={CANARY}",
    "path credentials": f"rtsp://10.0.0.9:554/user=admin_password={CANARY}_channel=1_stream=0.sdp?real_stream",
    "path credentials without a scheme": f"404 for /user=admin_password={CANARY}_channel=1.sdp",
    "at sign in the password": f"rtsp://admin:p@ss{CANARY}@10.0.0.2/live",
    "space in the password": f"rtsp://admin:my {CANARY} word@10.0.0.2/live timed out",
    "slash in the password": f"rtsp://admin:pa/{CANARY}@10.0.0.2/live",
    "percent encoded": f"next=http%3A%2F%2Fadmin%3A{CANARY}%40cam%2Fsnap",
    "escaped slashes": f'{{"url":"rtsp:\\/\\/admin:{CANARY}@cam\\/live"}}',
    "no scheme": f"cannot open //admin:{CANARY}@cam.lan/live",
    "userinfo alone": f"admin:{CANARY}@cam.lan",
    "unknown scheme": f"onvif+tls://u:{CANARY}@[fe80::1]:8080/x",
    "upper case": f"RTSP://ADMIN:{CANARY}@CAM/LIVE",
    "control character": f"rtsp://admin:ab\x00{CANARY}\x1b@cam/live",
    "line break": f"rtsp://admin:ab\n{CANARY}@cam/live",
    "zero width": f"rtsp:/\u200b/admin:{CANARY}@cam/live",
    "relative query": f"GET snap.cgi?loginuse=admin&loginpas={CANARY} HTTP/1.1",
    "file": f"[Errno 2] No such file: 'file:///config/{CANARY}/a b.jpg'",
    "bearer": f"Authorization: Bearer {CANARY}.abc.def",
    "bearer in a sentence": f"sent bearer {CANARY} to the camera",
    "basic": f"Authorization: Basic {CANARY}==",
    "digest": f'authorization = Digest username="admin", response="{CANARY}"',
    "key and value": f"login failed (password: {CANARY})",
    "dict": f"{{'username': 'admin', 'password': '{CANARY} with space'}}",
    "json": f'{{"api_key": "{CANARY}"}}',
    "cookie": f"Cookie: {CANARY}",
    "camel": f"camPassword={CANARY}",
    "quoted path with spaces": f"PermissionError: '/config/{CANARY} dir/{CANARY}.jpg'",
    "path": f"cannot open /media/{CANARY}/timelapser/x.jpg",
    "path after a colon": f"ENOENT:/home/{CANARY}/x",
    "share": rf"cannot open \\\\nas\{CANARY}\x.jpg",
    "share, doubled": rf"[WinError 53] '\\\\\\\\nas\\\\{CANARY} share\\\\cam'",
    "drive": rf"FileNotFoundError: 'C:\Users\{CANARY} me\x.jpg'",
    "drive with slashes": f"cannot open C:/Users/{CANARY}/x.jpg",
    "host and port": f"Cannot connect to host {CANARY}:554 ssl:default [Connect call failed]",
    "domain": f"getaddrinfo failed for {CANARY}.fritz.box",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS.keys())
def test_a_secret_never_survives(text):
    assert CANARY.lower() not in redact(text).lower()


@pytest.mark.parametrize(
    "address",
    ["192.168.1.5", "192.168.1.5:554", "[fe80::1%eth0]:80", "fe80::aede:48ff:fe00:1122", "cam-1.lan", "nvr:8000"],
)
def test_addresses_go(address):
    assert address not in redact(f"Timeout while reading {address} (3 tries)")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Timeout after 10 s", "Timeout after 10 s"),
        (
            "Client error '401 Unauthorized' for url 'http://u:p@h/x?y=z'",
            "Client error '401 Unauthorized' for url '<url>'",
        ),
        ("KeyError: 'stream'", "KeyError: 'stream'"),
        ("image 640x480 at 08:19:00, 3/4 done, ratio 16:9", "image 640x480 at 08:19:00, 3/4 done, ratio 16:9"),
        (
            "cannot identify image file <_io.BytesIO object at 0x7f>",
            "cannot identify image file <_io.BytesIO object at 0x7f>",
        ),
        ("camera.garage returned text/html; charset=utf-8", "camera.garage returned text/html; charset=utf-8"),
        ("Basic authentication is required", "Basic authentication is required"),
        ("outside: 5 degrees, compare=3", "outside: 5 degrees, compare=3"),
        ("several\r\n\tlines\x07here", "several lines here"),
        ("[Errno 28] No space left on device: '/media/x/y.jpg'", "[Errno 28] No space left on device: '<path>'"),
    ],
)
def test_the_rest_stays_readable(text, clean):
    assert redact(text) == clean


def test_the_length_is_bounded():
    assert len(redact("word " * 1000)) == LIMIT
    assert redact("abcdef", limit=4) == "abc…"


@given(st.text(alphabet=st.characters(exclude_characters="@/ \t\n?#"), min_size=1, max_size=20))
def test_any_password_of_an_address_goes(password):
    redacted = redact(f"opening rtsp://admin:{password}@cam/live failed")
    assert redacted == "opening <url> failed"


@given(st.text(max_size=400))
def test_redacting_never_fails_and_gives_one_bounded_line(text):
    redacted = redact(text)
    assert len(redacted) <= LIMIT
    assert redacted == redact(redacted) or "<" in redacted
    assert redacted.isprintable() or not any(ord(character) < 32 for character in redacted)


def test_hostile_input_costs_little():
    assert redact("a" * 100_000) == "a" * (LIMIT - 1) + "…"
    assert redact("a." * 50_000).endswith("…")
    assert redact("=" * 100_000).endswith("…")


def test_a_traceback_names_places_and_no_secret():
    def inner():
        raise OSError(f"cannot reach http://admin:{CANARY}@cam.lan/x")

    def outer():
        try:
            inner()
        except OSError as err:
            raise ValueError(f"/media/{CANARY}/x.jpg") from err

    with pytest.raises(ValueError, match="media") as caught:
        outer()
    text = redact_traceback(caught.value)
    assert CANARY not in text
    assert "/home" not in text
    assert str(__file__) not in text
    lines = text.splitlines()
    assert lines[0] == "ValueError: <path>"
    assert "OSError: cannot reach <url>" in lines
    assert lines[-1].startswith("  core/test_redact.py:")
    assert lines[-1].endswith(" in inner")


def test_a_circle_of_causes_ends():
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert redact_traceback(first).splitlines() == ["ValueError: first", "ValueError: second"]
