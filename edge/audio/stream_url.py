"""URLs of network streams, which may hold a password."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

from birdedge.edge.errors import SettingsError

SCHEMES = ("http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "rtp")
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_url(source: str) -> bool:
    """Return whether a source is a URL and not the name of a file."""
    return URL.match(source) is not None


def check_url(url: str) -> None:
    """Check the URL of a stream.

    Raises:
        SettingsError: The scheme is unknown, there is no host, or there are spaces or control characters. The message
            contains no password.
    """
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is not a number, or half an IPv6 address
        parts, has_host = None, False
    if parts is None or parts.scheme not in SCHEMES or not has_host or not url.isprintable() or " " in url:
        raise SettingsError(
            f"the URL of a stream is {shown_url(url)!r}; it must begin with one of "
            f"{', '.join(f'{scheme}://' for scheme in SCHEMES)} and a host, and have no spaces"
        )


def shown_url(url: str) -> str:
    """Return a URL for logs, tables and status: without user, password, query and fragment."""
    scheme, _, rest = url.partition("://")
    authority, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def without_secrets(text: str, url: str) -> str:
    """Return a program's message about a URL without password and query, escaped or not."""
    rest = url.partition("://")[2]
    credentials = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[0]
    query = re.split(r"[?#]", rest, maxsplit=1)[1:]
    secrets = {credentials, credentials.partition(":")[2], *query}
    secrets |= {unquote(secret) for secret in secrets} | {quote(secret) for secret in secrets}
    text = text.replace(url, shown_url(url))
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
