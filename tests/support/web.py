"""The dashboard of a recorder's folder, called within this process."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from starlette.applications import Starlette
from starlette.testclient import TestClient, WebSocketTestSession

from birdedge.edge.integrations.web import WebSettings
from birdedge.edge.integrations.web_token import token_digest
from birdedge.edge.web.app import create_app

TOKEN = "the token of the tests"
SITE = "127.0.0.1:8088"


class Browser(TestClient):
    """A client whose WebSockets go to the same host as its requests."""

    application: Starlette

    def websocket_connect(self, url: str, *args: Any, **kwargs: Any) -> WebSocketTestSession:
        return super().websocket_connect(urljoin(f"ws://{SITE}", url), *args, **kwargs)


def browser(
    *paths: Path,
    settings: WebSettings | None = None,
    headers: dict[str, str] | None = None,
    token: str | None = None,
    client: str = "127.0.0.1",
) -> Browser:
    """Return a client of the dashboard, like a browser on the same machine.

    Args:
        paths: Folders of recorders.
        settings: Settings of the dashboard.
        headers: Headers that it sends with every request; by default, it accepts HTML.
        token: The token that the dashboard requires; None if it requires none.
        client: The address of the browser.
    """
    app = create_app(paths, settings or WebSettings(), None if token is None else token_digest(token))
    accepts = {"Accept": "text/html"} | (headers or {})
    made = Browser(app, f"http://{SITE}", client=(client, 50_000), headers=accepts, follow_redirects=False)
    made.application = app
    return made


def csrf_token(client: TestClient, page: str = "/login") -> str:
    """Return the token that the forms of a page repeat."""
    found = re.search(r'<meta name="csrf-token" content="(\w+)">', client.get(page).text)
    assert found is not None
    return found[1]


def log_in(client: TestClient, token: str = TOKEN, page: str = "") -> int:
    """Send the login form, keep the cookie, and return the status."""
    fields = {"csrf_token": csrf_token(client), "token": token, "page": page}
    return client.post("/login", data=fields).status_code
