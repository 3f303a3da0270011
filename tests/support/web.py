"""The dashboard over the folder of a recorder, asked in this process."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from birdedge.edge.integrations.web import WebSettings
from birdedge.edge.web.app import create_app


def browser(
    *paths: Path, settings: WebSettings | None = None, headers: dict[str, str] | None = None
) -> TestClient:
    """Return a client of the dashboard, as a browser on the same machine is."""
    app = create_app(paths, settings or WebSettings())
    return TestClient(app, "http://127.0.0.1:8088", client=("127.0.0.1", 50_000), headers=headers)
