"""Every route is behind the guard: without the token, only the login and the files of the application answer."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocketDisconnect

from tests.support.web import SITE, TOKEN, Browser, browser, csrf_token, log_in

EDGE = Path(__file__).parents[3] / "edge"
ENDLESS = {"/api/events/stream", "/api/listen"}  # their answers have no end
PUBLIC = {("GET", "/login"), ("HEAD", "/login"), ("POST", "/login"), ("GET", "/static/")}


def all_routes(app: Starlette) -> Iterator[tuple[str, str]]:
    """Yield method and path of each route; of a WebSocket the method is `WS`."""
    for route in app.routes:
        if isinstance(route, Mount):
            assert route.routes == []  # otherwise this function would have to search it
            yield "GET", f"{route.path}/"
        elif isinstance(route, WebSocketRoute):
            yield "WS", re.sub(r"{\w+(:\w+)?}", "1", route.path)
        else:
            assert isinstance(route, Route)
            for method in sorted(route.methods or ()):
                yield method, re.sub(r"{\w+(:\w+)?}", "1", route.path)


def status_of_path(app: Starlette, path: str) -> int:
    """Return the status of a request for exactly this path, which a client library would normalize."""
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        statuses.append(message.get("status", 0))

    scope = {
        "type": "http",
        "method": "GET",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
    }
    scope |= {"headers": [(b"host", SITE.encode())], "client": ("127.0.0.1", 1)}
    asyncio.run(app(scope, receive, send))
    return statuses[0]


@pytest.fixture
def stranger(recorded: Path) -> Browser:
    return browser(recorded, token=TOKEN, headers={"Accept": "*/*"})


def status(client: Browser, method: str, path: str, **headers: str) -> int:
    """Return the status of a request; 403 for a refused WebSocket."""
    if method != "WS":
        return client.request(method, path, headers=headers).status_code
    try:
        with client.websocket_connect(path, headers=headers):
            return 101
    except WebSocketDisconnect:
        return 403


def test_no_route_answers_without_the_token(stranger: Browser) -> None:
    routes = list(all_routes(stranger.application))
    assert {path for _, path in routes} >= {"/", "/events", "/days", "/health", "/login", "/logout"}
    answered = {route for route in routes if status(stranger, *route) not in (401, 403)}
    assert answered <= PUBLIC


def test_every_route_that_writes_needs_the_form_token(recorded: Path) -> None:
    client = browser(recorded)
    writing = [route for route in all_routes(client.application) if route[0] not in ("GET", "HEAD", "WS")]
    assert ("POST", "/logout") in writing
    assert {status(client, *route) for route in writing} == {403}
    good = csrf_token(client, "/")
    assert 403 not in {status(client, *route, **{"X-CSRF-Token": good}) for route in writing}


def test_no_route_accepts_a_write_from_another_site(recorded: Path) -> None:
    client = browser(recorded)
    good = csrf_token(client, "/")
    foreign = {"X-CSRF-Token": good, "Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}
    for method, path in all_routes(client.application):
        if method not in ("GET", "HEAD"):
            assert status(client, method, path, **foreign) == 403, path


@pytest.mark.parametrize(
    "path",
    [
        "/static/../events",
        "/static/%2e%2e/events",
        "//events",
        "/login/../events",
        "/LOGIN",
        "/login/",
        "/events/static/1",
        "/static",
        "/%65vents",
        "/events;/static/",
        "/events%00/static/",
    ],
)
def test_no_spelling_of_a_path_bypasses_the_guard(stranger: Browser, path: str) -> None:
    assert status_of_path(stranger.application, path) == (
        404 if unquote(path).startswith("/static/") else 401
    )


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd"]
)
def test_no_file_outside_the_static_ones_is_served(stranger: Browser, path: str) -> None:
    assert status_of_path(stranger.application, path) in (401, 404)


def test_no_pattern_is_built_from_client_input() -> None:
    """A pattern chosen by a client can keep a process busy for hours."""
    for room in ("web", "companion", "database"):
        for path in (EDGE / room).rglob("*.py"):
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call) and ast.unparse(call.func).partition(".")[0] == "re":
                    pattern = call.args[0]
                    is_fixed = isinstance(pattern, ast.Constant) or ast.unparse(pattern).isupper()
                    assert is_fixed, f"{path}: {ast.unparse(call)}"


def test_every_route_answers_a_client_with_a_valid_cookie(recorded: Path) -> None:
    client = browser(recorded, token=TOKEN)
    assert log_in(client) == 303
    for method, path in all_routes(client.application):
        if method == "GET" and path not in ENDLESS:
            assert status(client, method, path) not in (401, 403), path
