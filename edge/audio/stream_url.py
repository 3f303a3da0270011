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
        SettingsError: The scheme is unknown, there is no host, there are spaces or control characters, or a password
            contains characters that end it. The message contains no password.
    """
    rest = url.partition("://")[2]
    if "@" in rest[len(_authority(rest)) :]:
        raise SettingsError(
            f"the URL of a stream is {shown_url(url)!r} with an @ after the host; in a user or password, write / as "
            "%2F, ? as %3F and # as %23, and @ elsewhere as %40"
        )
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
    # A password may contain what ends a host; `check_url` allows no other @.
    return f"{scheme}://{re.split(r'[?#]', rest.rpartition('@')[2], maxsplit=1)[0]}"


def without_secrets(text: str, url: str) -> str:
    """Return a program's message about a URL without password and query, escaped or not."""
    rest = url.partition("://")[2]
    credentials = _authority(rest).rpartition("@")[0]
    query = re.split(r"[?#]", rest, maxsplit=1)[1:]
    secrets = {credentials, credentials.partition(":")[2], *query}
    secrets |= {unquote(secret) for secret in secrets} | {quote(secret) for secret in secrets}
    text = text.replace(url, shown_url(url))
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _authority(rest: str) -> str:
    return re.split(r"[/?#]", rest, maxsplit=1)[0]
