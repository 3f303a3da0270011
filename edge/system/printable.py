"""Text from outside (cards, devices, file names) without characters that a terminal interprets."""

from __future__ import annotations

import re

# Control characters, line and paragraph separators, text-reordering marks, and bytes of a file name that are not UTF-8.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


def valid_unicode(text: str) -> str:
    r"""Return text with each non-UTF-8 byte of a name escaped as `\udcff`, so that it can be stored or encoded."""
    return text.encode("utf-8", "backslashreplace").decode()


def printable(text: str) -> str:
    r"""Return text with each unprintable character escaped as `\u001b`, which in JSON is still the same text."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
