"""Who may see the dashboard."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping

from starlette.requests import HTTPConnection

from birdedge.edge.integrations.web_token import token_digest
from birdedge.edge.web.rate_limit import RateLimit

COOKIE_S = 180 * 86_400


class Access:
    """The token that browsers and scripts must show, if there is one, and how often they may try.

    A browser keeps the token in a cookie, so that it stays logged in when the companion restarts, and so that nothing
    that this process stores is enough to make a cookie.

    Args:
        digest: The hash of the token; None if everybody who can reach the dashboard may see it.
        port: The port of the dashboard: a browser sends a cookie to all ports, so the name of the cookie contains it.
    """

    def __init__(self, digest: str | None, port: int) -> None:
        self.needs_token = digest is not None
        self.cookie = f"birdedge-{port}"
        self.tries = RateLimit(per_s=1 / 6, burst=10)
        self._digest = digest or ""
        self._secret = secrets.token_bytes(32)

    def is_token(self, token: str) -> bool:
        """Return whether this is the token, in a time that does not depend on how much of it is right."""
        return self.needs_token and hmac.compare_digest(token_digest(token), self._digest)

    def csrf_token(self, cookies: Mapping[str, str]) -> str:
        """Return the token that a form must repeat. No other site can read it. It lasts until the companion stops."""
        shown = cookies.get(self.cookie, "").encode(errors="replace")
        return hmac.new(self._secret, shown, hashlib.sha256).hexdigest()

    def is_csrf_token(self, token: str, cookies: Mapping[str, str]) -> bool:
        """Return whether a form repeats the token of its page."""
        return hmac.compare_digest(token.encode(errors="replace"), self.csrf_token(cookies).encode())


def access_of(connection: HTTPConnection) -> Access:
    """Return the access of the application that serves a connection."""
    access: Access = connection.app.state.access
    return access


def client_of(connection: HTTPConnection) -> str:
    """Return the address of the client; behind a trusted proxy, the address that the proxy states."""
    return connection.client.host if connection.client else ""
