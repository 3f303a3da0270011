"""The dashboard works under any path of a proxy: every URL in a page or a script is relative."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

import birdedge.edge.web
from birdedge.edge.integrations.web import WebSettings
from tests.support.web import SITE, TOKEN, browser, csrf_token

ROOM = Path(birdedge.edge.web.__file__).parent
PREFIX = "/api/hassio_ingress/x-1"
LINK = re.compile(r"""(?:href|src|(?<!method="post" )action)="([^"]*)\"""")
ABSOLUTE = re.compile(r"""["'`(](?:/[\w.?$]|/["'`]|//\w|\w+://)""")


class PrefixProxy:
    """A proxy that passes on everything below a path, with or without the path."""

    def __init__(self, app: ASGIApp, strips: bool) -> None:
        self._app, self._strips = app, strips

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            assert scope["path"].startswith(f"{PREFIX}/"), f"{scope['path']} leaves the proxy's path"
            if self._strips:
                scope = {**scope, "path": scope["path"].removeprefix(PREFIX)}
        await self._app(scope, receive, send)


@pytest.fixture(params=["strips", "keeps"])
def proxied(recorded: Path, request: pytest.FixtureRequest) -> Callable[..., TestClient]:
    def made(token: str | None = None) -> TestClient:
        strips = request.param == "strips"
        client = browser(recorded, settings=WebSettings(root_path="" if strips else PREFIX), token=token)
        proxy = PrefixProxy(client.app, strips)
        headers = {"Accept": "text/html"}
        return TestClient(
            proxy, f"http://{SITE}", client=("127.0.0.1", 1), headers=headers, follow_redirects=False
        )

    return made


def test_every_link_of_every_page_leads_to_a_page_under_the_prefix(
    proxied: Callable[..., TestClient],
) -> None:
    client, waiting = proxied(), [f"{PREFIX}/"]
    seen: set[str] = set()
    while waiting and len(seen) < 60:
        url = waiting.pop()
        if url in seen:
            continue
        seen.add(url)
        answer = client.get(url)
        without_clips = urlsplit(url).path.endswith("/export/aoef")  # needs clips, and there are none
        assert answer.status_code == (503 if without_clips else 200), url
        if answer.headers["content-type"].startswith("text/html"):
            links = [link for link in LINK.findall(answer.text) if not link.startswith("#")]
            found = {urldefrag(urljoin(url, link.replace("&amp;", "&"))).url for link in links}
            assert all(not urlsplit(link).netloc for link in found)
            waiting += sorted(found)
    assert {f"{PREFIX}/{page}" for page in ("", "events", "days", "health", "static/site.css")} <= seen


def test_login_and_logout_work_under_the_prefix(proxied: Callable[..., TestClient]) -> None:
    client = proxied(TOKEN)
    led = client.get(f"{PREFIX}/events/oak/1")
    form = urljoin(f"{PREFIX}/events/oak/1", led.headers["location"])
    assert form == f"{PREFIX}/login?page=events%2Foak%2F1"
    fields = {"csrf_token": csrf_token(client, form), "token": TOKEN, "page": "days"}
    back = client.post(f"{PREFIX}/login", data=fields)
    assert urljoin(f"{PREFIX}/login", back.headers["location"]) == f"{PREFIX}/days"
    # The jar follows a browser's rules: the cookie goes to all pages under the path, and to no other application.
    assert [cookie.path for cookie in client.cookies.jar] == [PREFIX]
    assert client.get(f"{PREFIX}/days").status_code == 200
    assert client.get(f"{PREFIX}/static/site.css").request.headers["cookie"]
    client.post(f"{PREFIX}/logout", data={"csrf_token": csrf_token(client, f"{PREFIX}/")})
    assert client.get(f"{PREFIX}/days").status_code == 303


def test_an_extra_slash_is_not_corrected_with_an_absolute_url(recorded: Path) -> None:
    assert browser(recorded).get("/events/").status_code == 404


def test_the_prefix_itself_redirects_to_the_first_page(recorded: Path) -> None:
    led = browser(recorded, settings=WebSettings(root_path="/a/birds")).get("/a/birds")
    assert (led.status_code, urljoin("/a/birds", led.headers["location"])) == (303, "/a/birds/")


@pytest.mark.parametrize("path", ["templates", "static"])
def test_no_file_contains_an_absolute_url(path: str) -> None:
    for file in (ROOM / path).iterdir():
        text = file.read_text(encoding="utf-8").replace('"http://www.w3.org/2000/svg"', '""')
        assert ABSOLUTE.findall(text) == [], file.name


@pytest.mark.parametrize(
    "text", ["'/events'", '"https://a.b"', "`/${b}`", "url(/x.png)", 'href="/"', 'src="//cdn"']
)
def test_an_absolute_url_is_found(text: str) -> None:
    assert ABSOLUTE.findall(text)


def test_no_handler_sends_an_absolute_url() -> None:
    for file in ROOM.rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        assert not re.search(r"url_for|base_url|RedirectResponse\(\s*f?[\"'](/|http)", source), file.name
