"""Removal of secrets from texts that a user sends to others."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "***"
# Keys of the configuration whose strings reveal nothing about a person, an account or another machine.
PUBLIC_KEYS = frozenset(
    {
        *("model", "tables", "windows", "timezone", "keep", "format", "delete_first", "speech", "language"),
        *("device", "sample_format", "name", "when", "quiet_hours", "targets", "sources"),
    }
)
PLACE_KEYS = ("latitude_deg", "longitude_deg")
_URL = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]*://)[^\s\"']+")
_LINE = re.compile(r"(\w+) = (.*)", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_KEY_AND_VALUE = re.compile(
    r"(?i)\b((?:\w*[_-])?(?:password|passwd|pass|secret|token|key|auth|authorization|credential)s?)(\s*[=:]\s*)"
    r"(?:(?:bearer|basic)\s+)?(\"[^\"]*\"|'[^']*'|[^\s,;&]+)"
)


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text without addresses of URLs, without what follows words such as password, and without secrets."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) > 3:  # a shorter one occurs in any text
            text = text.replace(secret, HIDDEN)
    text = _URL.sub(rf"\1{HIDDEN}", text)
    return _KEY_AND_VALUE.sub(rf"\1\2{HIDDEN}", text)


def redacted_setting(line: str) -> str:
    """Return a line of a configuration, with only the strings of keys that are known to be public.

    A new setting is hidden until somebody says that it may be shown. Coordinates are hidden: they reveal where
    nests are.
    """
    found = _LINE.fullmatch(line)
    if found is None or found[1] in PUBLIC_KEYS or line.endswith("  # default"):
        return line
    if found[1] in PLACE_KEYS:
        return f"{found[1]} = {HIDDEN}"
    return _STRING.sub(f'"{HIDDEN}"', line)


def redacted_error(error: Exception) -> str:
    """Return the message of an error in a configuration, without the values that it quotes."""
    return re.sub(r"'[^']*'|\"[^\"]*\"", f"'{HIDDEN}'", str(error))


def secrets_in(lines: Iterable[str]) -> set[str]:
    """Return the strings of a configuration that `redacted_setting` hides, so that they can be hidden elsewhere too."""
    found = set()
    for line in lines:
        hidden = redacted_setting(line)
        if hidden != line:
            found |= {text[1:-1] for text in _STRING.findall(line)}
    return found - {"", HIDDEN}
