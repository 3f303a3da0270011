"""The pages: each one loads with any recorder or none, in five languages, and uses only relative links."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdedge.edge.errors import DiskError
from birdedge.edge.integrations.web import WebSettings
from tests.support.web import SITE, Browser, browser

PAGES = ("/", "/events", "/days", "/health")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_a_title_a_heading_and_the_navigation(recorded: Path, path: str) -> None:
    page = browser(recorded).get(path)
    assert page.status_code == 200
    assert re.search(r"<title>[^<]+ · birdedge</title>", page.text)
    assert page.text.count("<h1>") == 1
    assert re.findall(r'<a href="([^"]*)"[^>]*>(\w+)</a>', page.text)[:4] == [
        ("./", "Now"),
        ("./events", "Events"),
        ("./days", "Days"),
        ("./health", "Health"),
    ]
    assert page.text.count('aria-current="page"') == 1


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_served_before_any_recorder_exists(tmp_path: Path, path: str) -> None:
    assert browser(tmp_path).get(path).status_code == 200


def test_a_path_that_is_not_utf8_is_escaped_wherever_a_problem_names_it(
    recorded: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "f\udcf6hre"
    folder.mkdir()
    (folder / "birdedge.sqlite").write_bytes(b"no database")
    client = browser(tmp_path)
    for path in ("/", "/days", "/health"):
        for query in (f"?source={recorded.name}", "?source=f%5Cudcf6hre"):
            assert client.get(path + query).status_code == 200
    for path in ("/events", "/health/bundle"):
        assert client.get(path).status_code == 200
    for accepted in ("text/html", "text/plain"):
        refused = client.get("/events?source=f%5Cudcf6hre", headers={"Accept": accepted})
        assert (refused.status_code, r"/f\udcf6hre/" in refused.text) == (503, True)


def test_links_of_a_nested_page_are_relative_to_the_first_page(recorded: Path) -> None:
    page = browser(recorded).get("/events/oak/1")
    assert 'href="../../static/site.css"' in page.text


def test_a_missing_page_says_so(tmp_path: Path) -> None:
    page = browser(tmp_path).get("/missing")
    assert page.status_code == 404
    assert re.search(r'role="alert">\s*There is no such page.\s*<', page.text)


def test_the_style_sheet_is_served(tmp_path: Path) -> None:
    assert browser(tmp_path).get("/static/site.css").headers["content-type"].startswith("text/css")


@pytest.mark.parametrize(
    ("accepted", "text"),
    [
        ("", "Events"),
        ("de-AT,en;q=0.5", "Ereignisse"),
        ("pt, es;q=0.8, en;q=0.9", "Events"),
        ("fr;q=x, nl;q=0.3", "Gebeurtenissen"),
    ],
)
def test_the_language_follows_the_browser(tmp_path: Path, accepted: str, text: str) -> None:
    client = browser(tmp_path, headers={"Accept-Language": accepted})
    assert f">{text}</a>" in client.get("/").text


def test_the_language_can_be_set(tmp_path: Path) -> None:
    client = browser(tmp_path, settings=WebSettings(language="fr"), headers={"Accept-Language": "de"})
    assert '<html lang="fr">' in client.get("/").text


async def _fail(_request: Request) -> Response:
    raise ZeroDivisionError("secret")


async def _fail_to_read(_request: Request) -> Response:
    raise DiskError("the disk is gone: check it")


@pytest.mark.parametrize(
    ("endpoint", "status", "says"),
    [(_fail, 500, "birdedge failed to answer"), (_fail_to_read, 503, "the disk is gone: check it")],
)
def test_a_failure_shows_a_page_without_internal_details(
    tmp_path: Path, endpoint: Callable[[Request], Awaitable[Response]], status: int, says: str
) -> None:
    client = browser(tmp_path)
    client.application.router.routes.append(Route("/fail", endpoint))
    quiet = Browser(client.application, f"http://{SITE}", raise_server_exceptions=False)
    for accept in ("text/html", "*/*"):
        page = quiet.get("/fail", headers={"Accept": accept})
        assert (page.status_code, says in page.text) == (status, True)
        assert "secret" not in page.text
