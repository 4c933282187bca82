"""Take out of a text what must not be shown, logged or stored: addresses, credentials, places on disk."""

import re
import unicodedata

LIMIT = 300
"""Characters kept of a text: enough for a cause, far below the 2 KiB of an event."""
_INPUT_LIMIT = 8192
"""Characters looked at; an error text can be a whole web page."""

_SENSITIVE_KEYS = (
    "token|authorization|api[_-]?key|secret|signature|session[_-]?id|cookie|credentials?|user[_-]?name|username|user|"
    "pass[_-]?word|password|passwd|passphrase|pass|pwd|psw|"
    "(?<![a-z])(?:auth|auth[_-]?sig|sig|session|sid|usr|login|account|pw)"
)
"""Names before a value that is not to be seen; the short ones only as whole words."""
_VALUE = r"""(?:"[^"]*"?|'[^']*'?|\S+)"""

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
    (re.compile(r"""(?<=")/[^"]+|(?<=')/[^']+"""), "<path>"),
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


def _printable(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    return "" if category in ("Cf", "Cs") else character
