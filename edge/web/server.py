"""The server of the dashboard."""

from __future__ import annotations

from pathlib import Path

import uvicorn

from birdedge.edge.integrations.web import WebSettings
from birdedge.edge.web.app import create_app


def serve(paths: tuple[Path, ...], settings: WebSettings) -> None:
    """Serve the dashboard until SIGTERM or SIGINT."""
    uvicorn.run(
        create_app(paths, settings),
        host=settings.host,
        port=settings.port,
        root_path=settings.root_path,
        http="h11",
        ws="websockets-sansio",
        loop="asyncio",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="warning",
    )
