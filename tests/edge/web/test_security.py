"""The guard refuses requests, and makes browsers refuse content."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from birdedge.edge.integrations.web import WebSettings
from birdedge.edge.web import security
from tests.support.web import TOKEN, Browser, browser, csrf_token

HERE = {"Origin": "http://127.0.0.1:8088"}


async def _echo(request: Request) -> Response:
    return PlainTextResponse(
        await request.body(), headers={"X-Scheme": request.url.scheme, "X-Client": request.client.host}
    )


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        await websocket.receive_text()


@pytest.fixture
def client(tmp_path: Path) -> Browser:
    """A browser of the dashboard, with two extra routes that show what reaches a handler."""
    return with_echo(browser(tmp_path))


def with_echo(client: Browser) -> Browser:
    client.application.router.routes += [
        Route("/echo", _echo, methods=["GET", "POST", "DELETE"]),
        WebSocketRoute("/socket", _socket),
    ]
    return client


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8088",
        "127.0.0.1.evil.example",
        "",
        "127.0.0.1@evil.example",
        "localhost:x",
        "127.0.0.1/a",
    ],
)
def test_a_host_that_is_not_this_machine_is_refused(client: Browser, host: str) -> None:
    """A foreign page whose name was made to resolve to this machine sends its own name."""
    assert client.get("/", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "192.168.1.7:8088", "[::1]:8088", "LOCALHOST"])
def test_an_address_and_the_names_of_this_machine_are_served(client: Browser, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


def test_more_names_can_be_allowed(tmp_path: Path) -> None:
    client = browser(tmp_path, settings=WebSettings(hosts=("Birds.example",)))
    assert client.get("/", headers={"Host": "birds.EXAMPLE:443"}).status_code == 200
    assert client.get("/", headers={"Host": "www.birds.example"}).status_code == 400


def test_the_hint_names_the_setting(client: Browser) -> None:
    refused = client.get("/", headers={"Host": "oak.lan", "Accept": "*/*"})
    assert "add it to `hosts` under [web]" in refused.text


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        "http://127.0.0.1:8089",
        "file://",
        "http://127.0.0.1:8088.evil.example",
        "127.0.0.1:8088",
    ],
)
def test_another_site_can_neither_write_nor_open_a_socket(client: Browser, origin: str) -> None:
    headers = {"Origin": origin, "X-CSRF-Token": csrf_token(client, "/")}
    assert client.post("/echo", headers=headers).status_code == 403
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/socket", headers=headers):
        pass


def test_a_page_of_this_site_can_write_with_its_form_token(client: Browser) -> None:
    token = csrf_token(client, "/")
    assert client.post("/echo", content=b"x", headers=HERE | {"X-CSRF-Token": token}).text == "x"
    answer = client.post("/echo", data={"a": "1", "csrf_token": token}, headers=HERE)
    assert answer.text == f"a=1&csrf_token={token}"
    assert client.delete("/echo", headers=HERE).status_code == 403
    with client.websocket_connect("/socket", headers=HERE) as socket:
        socket.send_text("x")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "0" * 64},
        {"X-CSRF-Token": "\xe9"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"X-Requested-With": "XMLHttpRequest"},
        {"Authorization": "Bearer guess"},
        {"Cookie": "birdedge-8088=x"},
    ],
)
def test_nothing_can_replace_the_form_token(client: Browser, headers: dict[str, str]) -> None:
    encoded = {name.encode(): value.encode("latin-1") for name, value in (HERE | headers).items()}
    assert client.post("/echo", headers=encoded).status_code == 403


def test_no_other_site_may_read(client: Browser) -> None:
    for method in ("GET", "OPTIONS"):
        headers = client.request(method, "/", headers={"Origin": "http://evil.example"}).headers
        assert not [name for name in headers if name.startswith("access-control-")]
        assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/missing", "/static/site.css", "/login", "/echo"])
def test_every_answer_has_the_headers_of_the_guard(client: Browser, path: str) -> None:
    answer = client.get(path)
    assert {name: answer.headers[name] for name in security.HEADERS} == security.HEADERS


def test_no_proxy_caches_pages_and_a_browser_revalidates_its_cache(client: Browser) -> None:
    style = client.get("/static/site.css")
    assert style.headers["cache-control"] == "private, no-cache"
    again = client.get("/static/site.css", headers={"If-None-Match": style.headers["etag"]})
    assert again.status_code == 304
    assert client.get("/").headers["cache-control"] == "no-store"


def test_refusals_have_the_headers_of_the_guard(client: Browser) -> None:
    answer = client.get("/", headers={"Host": "evil.example"})
    assert {name: answer.headers[name] for name in security.HEADERS} == security.HEADERS


def test_a_browser_runs_no_script_in_a_page() -> None:
    policy = dict(
        part.strip().split(" ", 1) for part in security.HEADERS["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in str(policy)
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["base-uri"] == "'none'"


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused(client: Browser, declared: bool) -> None:
    body = b"x" * (security.MAX_BODY_BYTES + 1)
    content = body if declared else iter([body[:40_000], body[40_000:]])
    assert client.post("/echo", content=content, headers=HERE).status_code == 413


def test_a_body_that_does_not_arrive_times_out(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "MAX_BODY_S", 0.05)
    statuses = []

    async def receive() -> dict[str, object]:
        await asyncio.sleep(60)
        return {}

    async def send(message: dict[str, object]) -> None:
        statuses.append(message.get("status"))

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/echo",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "scheme": "http",
    }
    asyncio.run(client.application(scope, receive, send))  # type: ignore[arg-type]
    assert statuses[0] == 408


def test_a_client_that_sends_too_many_requests_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "BURST", 5)
    monkeypatch.setattr(security, "REQUESTS_PER_S", 0.01)
    client = browser(tmp_path)
    assert [client.get("/static/icon.svg").status_code for _ in range(6)] == [200] * 5 + [429]


def test_sockets_are_limited(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "MAX_SOCKETS", 2)
    with client.websocket_connect("/socket") as first, client.websocket_connect("/socket") as second:
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/socket"):
            pass
        first.send_text("x")
        second.send_text("x")
    with client.websocket_connect("/socket") as after:
        after.send_text("x")


def test_forwarded_headers_count_only_from_a_trusted_proxy(tmp_path: Path) -> None:
    forwarded = {"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https"}
    for proxies, client, scheme in (((), "127.0.0.1", "http"), (("127.0.0.0/8",), "9.9.9.9", "https")):
        asked = with_echo(browser(tmp_path, settings=WebSettings(trusted_proxies=proxies)))
        answer = asked.get("/echo", headers=forwarded)
        assert (answer.headers["x-client"], answer.headers["x-scheme"]) == (client, scheme)


@pytest.mark.parametrize("proxy", ["127.0.0.1", "127.0.0.0/8", "::ffff:127.0.0.1"])
def test_a_proxy_is_trusted_by_its_ipv4_address_on_a_socket_of_both_kinds(tmp_path: Path, proxy: str) -> None:
    settings = WebSettings(listen="[::]:8088", trusted_proxies=(proxy,))
    asked = with_echo(browser(tmp_path, settings=settings, client="::ffff:127.0.0.1"))
    answer = asked.get("/echo", headers={"X-Forwarded-For": "9.9.9.9", "X-Forwarded-Proto": "https"})
    assert (answer.headers["x-client"], answer.headers["x-scheme"]) == ("9.9.9.9", "https")
    other = with_echo(browser(tmp_path, settings=settings, client="::ffff:128.0.0.1"))
    assert (
        other.get("/echo", headers={"X-Forwarded-For": "9.9.9.9"}).headers["x-client"] == "::ffff:128.0.0.1"
    )


def test_a_client_cannot_forge_an_address_through_a_trusted_proxy(tmp_path: Path) -> None:
    settings = WebSettings(trusted_proxies=("127.0.0.1",))
    client = browser(tmp_path, token=TOKEN, settings=settings, headers={"Accept": "*/*"})
    statuses = [
        client.get(
            "/", headers={"Authorization": "Bearer x", "X-Forwarded-For": f"10.0.0.{number}, 9.9.9.9"}
        ).status_code
        for number in range(11)
    ]
    assert statuses == [401] * 10 + [429]  # for 9.9.9.9, which the proxy saw
