"""Take out of a text what must not be shown, logged or stored: addresses, credentials, places on disk."""

from pathlib import PurePath
import re
import traceback
import unicodedata

LIMIT = 300
"""Characters kept of a text: enough for a cause, far below the 2 KiB of an event."""
TRACE_LIMIT = 12
"""Places named of each exception: what is nearest to the fault."""
_INPUT_LIMIT = 8192
"""Characters looked at; an error text can be a whole web page."""

_SENSITIVE_KEYS = (
    "token|authorization|api[_-]?key|secret|signature|session[_-]?id|cookie|credentials?|user[_-]?name|username|user|"
    "pass[_-]?word|password|passwd|passphrase|pass|pwd|psw|"
    "(?<![a-z])(?:auth|auth[_-]?sig|sig|session|sid|usr|login|account|pw)"
)
"""Names before a value that is not to be seen; the short ones only as whole words."""
_VALUE = r"""(?:"[^"]*"?|'[^']*'?|\S+)"""

_WINDOWS = r"(?:[A-Za-z]:(?:\\|/)|\\{2,8}(?=[\w.?]))"
"""How a path of Windows or of one of its shares begins; a text may have its backslashes doubled."""

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # A password may hold spaces: everything up to the last @ before the path belongs to the address.
    (re.compile(r"[a-z][a-z0-9+.-]{0,30}:(?:\\?/){2}[^/?#]{0,200}@[^\s\"'<>]*", re.IGNORECASE), "<url>"),
    (re.compile(r"""[a-z][a-z0-9+.-]{0,30}(?::|%3a)(?:\\?/|%2f){2}[^\s"'<>]*""", re.IGNORECASE), "<url>"),
    (re.compile(r"""(?:proxy-)?authorization["']?\s*[:=].*""", re.IGNORECASE), "<credentials>"),
    (re.compile(r"\b(?:bearer|digest|token)\s+[\w.~+/=-]{8,}", re.IGNORECASE), "<credentials>"),
    (re.compile(r"\b(?:[Bb]asic|BASIC)\s+(?=\S*[A-Z0-9=])[A-Za-z0-9+/=_-]{6,}"), "<credentials>"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "<credentials>"),
    (re.compile(rf"""(?:{_SENSITIVE_KEYS})["']?\s*=\s*{_VALUE}""", re.IGNORECASE), "<credentials>"),
    (re.compile(rf"""(?:{_SENSITIVE_KEYS})["']?\s*(?::|%3d)\s*{_VALUE}""", re.IGNORECASE), "<credentials>"),
    (re.compile(r"(?<!\S)[^\s@]+@\S+"), "<credentials>"),
    (re.compile(r"[?&][^\s=?&]{1,100}=\S*"), "<query>"),
    (re.compile(rf"""(?<=")(?:/|{_WINDOWS})[^"]+|(?<=')(?:/|{_WINDOWS})[^']+"""), "<path>"),
    (re.compile(rf"""(?<![\w\\]){_WINDOWS}[^\s"'<>|,;()\[\]]*"""), "<path>"),
    (re.compile(r"""(?<![\w/.<>])/(?=[^\s/])[^\s"'<>,;:()\[\]]+"""), "<path>"),
    (re.compile(r"\[[0-9a-f:.%]*:[0-9a-z:.%]*\](?::\d{1,5})?", re.IGNORECASE), "<host>"),
    (re.compile(r"(?<![\w:.])(?:[0-9a-f]{0,4}:){3,7}[0-9a-f.]{0,15}(?![\w:])", re.IGNORECASE), "<host>"),
    (re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5})?(?![\w])"), "<host>"),
    (re.compile(r"(?<![\w.-])(?=[\w.-]*[a-z])[\w-]+(?:\.[\w-]+)*:\d{2,5}\b", re.IGNORECASE), "<host>"),
    (
        re.compile(
            r"(?<![\w.-])[a-z0-9][\w-]*(?:\.[\w-]+)*\."
            r"(?:local|lan|home|internal|arpa|box|localdomain|com|net|org|cloud|tv|info|eu|de|uk|nl|fr)\b(?![\w.-])",
            re.IGNORECASE,
        ),
        "<host>",
    ),
)
"""Applied in this order: what holds most comes first, so that no part of an address is left behind."""


def redact(text: str, limit: int = LIMIT) -> str:
    """Return the text on one line, at most ``limit`` characters, with every address, secret and path replaced."""
    clean = "".join(_printable(character) for character in text[:_INPUT_LIMIT])
    for pattern, replacement in _RULES:
        clean = pattern.sub(replacement, clean)
    clean = " ".join(clean.split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def redact_traceback(err: BaseException) -> str:
    """Return an exception and then what caused it: type and redacted text, and the places that each came through.

    Of a file only the last two parts are named, and no line of source is quoted.
    """
    lines: list[str] = []
    seen: set[int] = set()
    cause: BaseException | None = err
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        lines.append(f"{type(cause).__name__}: {redact(str(cause))}")
        for place in traceback.extract_tb(cause.__traceback__)[-TRACE_LIMIT:]:
            file = "/".join(PurePath(place.filename).parts[-2:])
            lines.append(f"  {file}:{place.lineno} in {place.name}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(lines)


def _printable(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    return "" if category in ("Cf", "Cs") else character
