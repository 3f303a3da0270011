"""The guard before every route: a request that it rejects reaches no page."""

from __future__ import annotations

from urllib.parse import parse_qs, quote

import anyio
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from birdedge.edge.integrations.web import WebSettings
from birdedge.edge.web.access import access_of, client_of
from birdedge.edge.web.errors import http_error
from birdedge.edge.web.hosts import is_known_host, is_same_origin
from birdedge.edge.web.rate_limit import RateLimit
from birdedge.edge.web.render import root_of

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
READING = ("GET", "HEAD", "OPTIONS")
MAX_BODY_BYTES, MAX_BODY_S = 65_536, 10.0
REQUESTS_PER_S, BURST = 50.0, 200  # per client
MAX_SOCKETS = 64  # WebSockets at a time, of all clients


class Guard:
    """Middleware that rejects requests with a foreign Host header, from another origin, or without the token.

    It knows no routes, so none can be forgotten: everything except the login and the files of the application needs the
    token of the dashboard, and every request that does more than read needs the token of a form. Every response forbids
    the browser to run anything but the files of the application, and to show them within another site.
    """

    def __init__(self, app: ASGIApp, settings: WebSettings) -> None:
        self._app, self._settings = app, settings
        self._requests = RateLimit(REQUESTS_PER_S, BURST)
        self._sockets = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "http":
            await self._answer(Request(_below_root(scope, self._settings.root_path), receive), send)
        elif scope["type"] == "websocket":
            await self._connect(_below_root(scope, self._settings.root_path), receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, request: Request, send: Send) -> None:
        answer, receive = self._app, request.receive
        try:
            answer = self._login(request) or answer
            if request.method not in READING:
                receive = await _require_form_token(request)
        except HTTPException as error:
            answer = http_error(request, error)
        await answer(request.scope, receive, _with_headers(send))

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            is_refused = self._login(HTTPConnection(scope)) is not None or self._sockets >= MAX_SOCKETS
        except HTTPException:
            is_refused = True
        if is_refused:
            await send({"type": "websocket.close", "code": 1008})
            return
        self._sockets += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._sockets -= 1

    def _login(self, connection: HTTPConnection) -> Response | None:
        """Return a redirect to the login for a browser that is not logged in; None if the request may pass.

        Raises:
            HTTPException: The request is rejected.
        """
        if not is_known_host(connection.headers.get("host", ""), self._settings.hosts):
            raise HTTPException(400, "this is not a name of this machine: add it to `hosts` under [web]")
        if (
            connection.scope["path"] == self._settings.root_path != ""
        ):  # else relative links would lead out of it
            return RedirectResponse(f"{self._settings.root_path.rpartition('/')[2]}/", 303)
        if not self._requests.take(client_of(connection)):
            raise HTTPException(429, "too many requests: wait a second", {"Retry-After": "1"})
        is_read = connection.scope.get("method", "") in READING  # a WebSocket has no method
        origin = connection.headers.get("origin")
        if not is_read and origin is not None and not is_same_origin(origin, connection.headers["host"]):
            raise HTTPException(403, "this was sent by a page of another site")
        path = connection.scope["path"]
        if path == "/login" or path.startswith("/static/") or _shows_token(connection):
            return None
        if is_read and "text/html" in connection.headers.get("accept", ""):
            query = connection.scope["query_string"].decode(errors="replace")
            page = quote(quote(path.removeprefix("/")) + (f"?{query}" if query else ""), safe="")
            return RedirectResponse(f"{root_of(connection)}login?page={page}", 303)
        raise HTTPException(
            401,
            "the token is missing or wrong: send `Authorization: Bearer TOKEN`",
            {"WWW-Authenticate": "Bearer"},
        )


def _below_root(scope: Scope, root_path: str) -> Scope:
    """Return the scope of a request without the path of a proxy that does not remove it."""
    path = scope["path"]
    return {**scope, "path": path.removeprefix(root_path)} if path.startswith(f"{root_path}/") else scope


def _shows_token(connection: HTTPConnection) -> bool:
    """Return whether a request shows the token, if one is needed.

    A wrong cookie is not an attempt: a page that stays open after a new token was made would use up all attempts.

    Raises:
        HTTPException: This client has tried too many wrong tokens.
    """
    access, client = access_of(connection), client_of(connection)
    if not access.needs_token or access.is_token(connection.cookies.get(access.cookie, "")):
        return True
    token = _bearer(connection)
    if token is None:
        return False
    if not access.tries.has_room(client):
        raise HTTPException(429, "too many wrong tokens: wait a minute", {"Retry-After": "60"})
    return access.is_token(token) or not access.tries.take(client)


def _bearer(connection: HTTPConnection) -> str | None:
    """Return the token that a script shows."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def _require_form_token(request: Request) -> Receive:
    """Check that a request repeats the token of a form, and return a function that receives its body again.

    A script that shows the token of the dashboard needs no form token: no foreign page can make a browser show it.

    Raises:
        HTTPException: The body is too large or too slow, or the token is missing or old.
    """
    body, access = await _read_body(request), access_of(request)
    token = request.headers.get("x-csrf-token")
    if token is None:
        token = parse_qs(body.decode(errors="replace")).get("csrf_token", [""])[0]
    if not (access.is_csrf_token(token, request.cookies) or access.is_token(_bearer(request) or "")):
        raise HTTPException(403, "this page is older than the server: load it again")
    is_received = False

    async def receive() -> Message:
        nonlocal is_received
        if is_received:
            return await request.receive()
        is_received = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    try:
        with anyio.fail_after(MAX_BODY_S):
            async for part in request.stream():
                body += part
                if len(body) > MAX_BODY_BYTES:
                    raise HTTPException(413, f"this is longer than {MAX_BODY_BYTES} bytes")
    except TimeoutError:
        raise HTTPException(408, "this did not arrive in time") from None
    return bytes(body)


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
            headers.setdefault("Cache-Control", "private, no-cache")
        await send(message)

    return send_with_headers
