"""Secrets in files: passwords and keys that no configuration, log or command line shows."""

from __future__ import annotations

import stat
import unicodedata
from pathlib import Path

from birdedge.edge.errors import SettingsError


def read_secret(path: Path) -> str:
    """Return the text of a file that other users may neither read nor change, without its line end.

    The group may read it: systemd passes credentials to a service that way.

    Raises:
        SettingsError: It cannot be read, is empty, has several lines, or other users may read or change it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(path.stat().st_mode)
            text = file.read().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise SettingsError(
            f"{path} cannot be read ({reason}); name a text file that holds the secret"
        ) from error
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise SettingsError(
            f"{path} has mode {mode:04o}: other users may use the secret; run `chmod 600 {path}`"
        )
    if not text:
        raise SettingsError(f"{path} is empty; write the secret to it")
    if any(unicodedata.category(char) == "Cc" for char in text):
        raise SettingsError(
            f"{path} has several lines or a control character; write one line to it, the secret"
        )
    return text
