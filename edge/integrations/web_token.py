"""The token that gives a browser access to the dashboard: created once, stored as a hash.

A token is 256 random bits, so a single SHA-256 is enough: a slow hash protects only what can be guessed.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path

from birdedge.edge.errors import SettingsError
from birdedge.edge.system.atomic_file import output_errors, replacing

MODE = 0o600


def token_path(config: Path) -> Path:
    """Return the path of the token's hash, next to the configuration."""
    return config.with_name("web-token")


def new_token(path: Path) -> str:
    """Create a token and store its hash; the previous token becomes invalid.

    The file keeps its owner, so that root can create a token for the user of a service.

    Raises:
        OutputError: The file cannot be written.
    """
    token = secrets.token_urlsafe(32)
    owner = path.stat() if path.exists() else None
    with replacing(path) as file, output_errors(path):
        os.fchmod(file.fileno(), MODE)
        if owner is not None:
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.write(f"sha256:{token_digest(token)}\n".encode())
    return token


def token_digest(token: str) -> str:
    """Return the hash of a token."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def read_token_digest(path: Path) -> str | None:
    """Return the hash of the token; None if no token was created.

    Raises:
        SettingsError: The file cannot be read, or holds no hash.
    """
    try:
        text = path.read_text(encoding="ascii")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it holds no hash"
        raise SettingsError(
            f"{path} cannot be read ({reason}); make a token as this user (`birdedge serve token`), or change its owner"
        ) from error
    found = re.fullmatch(r"sha256:([0-9a-f]{64})\n?", text)
    if found is None:
        raise SettingsError(f"{path} holds no hash of a token; make a new one with `birdedge serve token`")
    return found[1]
