"""Logging in: a browser sends the token once and keeps it in a cookie for this site only; nobody guesses it."""

from __future__ import annotations

import http.cookies
import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

from birdedge.edge.integrations.web import WebSettings
from birdedge.edge.web import render
from birdedge.edge.web.access import Access
from tests.support.heard_birds import HeardBirds
from tests.support.web import TOKEN, browser, csrf_token, log_in

PROXY = WebSettings(hosts=("birds.example",), trusted_proxies=("127.0.0.1",))


def test_a_browser_is_redirected_to_the_login_and_back_to_its_page(recorded: Path) -> None:
    client = browser(recorded, token=TOKEN)
    led = client.get("/events?min_score=0.5&label=a%20b")
    assert (led.status_code, led.headers["location"]) == (
        303,
        "./login?page=events%3Fmin_score%3D0.5%26label%3Da%2520b",
    )
    form = client.get(led.headers["location"])
    assert 'name="page" value="events?min_score=0.5&amp;label=a%20b"' in form.text
    back = client.post(
        "/login",
        data={"csrf_token": csrf_token(client), "token": TOKEN, "page": "events?min_score=0.5&label=a%20b"},
    )
    assert (back.status_code, back.headers["location"]) == (303, "./events?min_score=0.5&label=a%20b")
    assert client.get("/events").status_code == 200


def test_the_login_leads_back_to_a_recorder_of_any_name(tmp_path: Path) -> None:
    recorder = HeardBirds(tmp_path / "Oak #3")
    client = browser(recorder.folder, token=TOKEN)
    led = client.get("/events/Oak%20%233/3?min_score=0.5")
    (page,) = re.findall(
        r'name="page" value="([^"]+)"', client.get(urljoin("/", led.headers["location"])).text
    )
    fields = {"csrf_token": csrf_token(client), "token": TOKEN, "page": page}
    back = client.post("/login", data=fields)
    assert back.headers["location"] == "./events/Oak%20%233/3?min_score=0.5"
    assert client.get(urljoin("/", back.headers["location"])).status_code == 200


def test_the_redirect_to_the_login_is_relative_on_a_nested_page(recorded: Path) -> None:
    led = browser(recorded, token=TOKEN).get("/events/oak/1")
    assert led.headers["location"] == "../../login?page=events%2Foak%2F1"


@pytest.mark.parametrize(
    ("page", "location"),
    [
        ("", "./"),
        ("days", "./days"),
        ("https://evil.example/", "./https://evil.example/"),
        ("//evil.example", ".///evil.example"),
        ("/\\evil.example", ".//%5Cevil.example"),
        ("../../other", "./"),
        ("days\r\nSet-Cookie: a=b", "./days%0D%0ASet-Cookie:%20a=b"),
    ],
)
def test_the_login_redirects_to_no_other_site(recorded: Path, page: str, location: str) -> None:
    client = browser(recorded, token=TOKEN)
    fields = {"csrf_token": csrf_token(client), "token": TOKEN, "page": page}
    assert client.post("/login", data=fields).headers["location"] == location


@pytest.mark.parametrize("is_https", [False, True])
def test_the_cookie_is_limited_to_this_site_and_hidden_from_scripts(recorded: Path, is_https: bool) -> None:
    client = browser(recorded, token=TOKEN, settings=PROXY)
    client.headers["X-Forwarded-Proto"] = "https" if is_https else "http"
    fields = {"csrf_token": csrf_token(client), "token": TOKEN}
    cookie = http.cookies.SimpleCookie(client.post("/login", data=fields).headers["set-cookie"])[
        "birdedge-8088"
    ]
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "strict"
    # The folder of the login, beneath any proxy, on this host only.
    assert cookie["path"] == cookie["domain"] == ""
    assert bool(cookie["secure"]) is is_https


def test_a_wrong_token_is_refused(recorded: Path) -> None:
    client = browser(recorded, token=TOKEN)
    assert log_in(client, "guess") == 401
    assert client.get("/").status_code == 303
    assert (
        browser(recorded, token=TOKEN, headers={"Cookie": "birdedge-8088=guess"}).get("/").status_code == 303
    )


def test_login_attempts_are_limited_per_client(recorded: Path) -> None:
    client = browser(recorded, token=TOKEN)
    assert [log_in(client, f"guess {number}") for number in range(11)] == [401] * 10 + [429]
    assert log_in(client) == 429  # even the right token is not checked
    for name in ("bearer guess", f"Bearer {TOKEN}"):
        assert client.get("/", headers={"Authorization": name, "Accept": "*/*"}).status_code == 429


def test_guesses_by_a_script_count_as_attempts(recorded: Path) -> None:
    client = browser(recorded, token=TOKEN, headers={"Accept": "*/*"})
    found = [client.get("/", headers={"Authorization": f"Bearer {number}"}) for number in range(11)]
    assert [answer.status_code for answer in found] == [401] * 10 + [429]
    assert found[-1].headers["retry-after"] == "60"


def test_a_logged_in_client_stays_logged_in_while_another_guesses_from_its_address(recorded: Path) -> None:
    client = browser(recorded, token=TOKEN)
    log_in(client)
    for number in range(11):
        client.get("/", headers={"Authorization": f"Bearer {number}", "Cookie": ""})
    assert client.get("/").status_code == 200


def test_a_page_left_open_with_an_old_cookie_uses_up_no_attempts(recorded: Path) -> None:
    client = browser(recorded, token=TOKEN, headers={"Cookie": "birdedge-8088=old"})
    for _ in range(20):
        assert client.get("/").status_code == 303
    deleted = client.get("/login").headers["set-cookie"]
    assert "Max-Age=0" in deleted
    del client.headers["Cookie"]
    assert log_in(client) == 303


def test_a_script_sends_a_bearer_token_and_needs_no_form_token(recorded: Path) -> None:
    client = browser(recorded, token=TOKEN, headers={"Authorization": f"Bearer {TOKEN}"})
    assert client.get("/").status_code == 200
    assert client.post("/logout").status_code == 303
    client.headers["Authorization"] = "Basic Zm9v"
    assert client.get("/", headers={"Accept": "*/*"}).headers["www-authenticate"] == "Bearer"


def test_logging_out_deletes_the_cookie(recorded: Path) -> None:
    client = browser(recorded, token=TOKEN)
    log_in(client)
    assert "Log out" in client.get("/").text
    client.post("/logout", data={"csrf_token": csrf_token(client, "/")})
    assert client.get("/").status_code == 303


def test_without_a_token_there_is_no_login(recorded: Path) -> None:
    client = browser(recorded)
    assert client.get("/login?page=days").headers["location"] == "./days"
    assert "Log out" not in client.get("/").text
    assert client.get("/").headers.get("set-cookie") is None


def test_no_recorder_is_searched_for_an_unauthenticated_client(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browser(recorded, token=TOKEN)
    asked: list[object] = []
    monkeypatch.setattr(render, "find_folders", asked.append)
    assert [client.get(path).status_code for path in ("/", "/login", "/static/missing")] == [303, 200, 404]
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    assert asked == []


def test_a_form_token_is_valid_for_one_login_and_one_process(recorded: Path) -> None:
    client = browser(recorded, token=TOKEN)
    before = csrf_token(client)
    log_in(client)
    assert client.post("/logout", data={"csrf_token": before}).status_code == 403
    assert Access(None, 1).csrf_token({}) != Access(None, 1).csrf_token({})
    assert csrf_token(client, "/") == csrf_token(client, "/days")


@pytest.mark.parametrize("token", ["", "é", "a" * 70_000, "\x00", "%s"])
def test_odd_tokens_are_refused_without_an_internal_error(recorded: Path, token: str) -> None:
    assert log_in(browser(recorded, token=TOKEN), token) in (401, 413)
