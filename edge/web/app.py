"""The dashboard as an ASGI application."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from birdedge.edge.companion.day_history import DayHistory
from birdedge.edge.companion.live import LiveFeeds
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.integrations.web import WebSettings
from birdedge.edge.web.access import Access
from birdedge.edge.web.errors import birdedge_error, http_error, server_error
from birdedge.edge.web.pages import aoef, days, event, events, health, language, login, metrics, now
from birdedge.edge.web.renderings import Renderings
from birdedge.edge.web.security import Guard
from birdedge.edge.web.today import Place

PAGES = (now, aoef, events, event, days, health, language, login, metrics)
STATIC = Path(__file__).with_name("static")
THREADS = 4  # for handlers that read a database or a file; each needs memory


def create_app(
    paths: tuple[Path, ...],
    settings: WebSettings,
    token_digest: str | None = None,
    place: Place | None = None,
    config_file: Path | None = None,
) -> Starlette:
    """Return the application.

    Args:
        paths: Folders of recorders, or folders above them.
        settings: How the dashboard is reached.
        token_digest: The hash of the required token; None if everybody who can reach the dashboard may see it.
        place: Latitude and longitude of the recorders in degrees, for the times of the sun; None if unknown.
        config_file: The configuration file for the support bundle; None for the user's own.
    """
    app = Starlette(
        routes=[
            *(route for page in PAGES for route in page.routes),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[
            Middleware(ProxyHeadersMiddleware, trusted_hosts=settings.trusted_addresses),
            Middleware(Guard, settings),
        ],
        exception_handlers={
            HTTPException: http_error,
            BirdedgeError: birdedge_error,
            Exception: server_error,
        },
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False  # it would send an absolute URL, which loses the path of a proxy
    app.state.paths = paths
    app.state.settings = settings
    app.state.renderings = Renderings()
    app.state.config_file = config_file
    app.state.day_history = DayHistory()
    app.state.metrics = metrics.MetricsReader(paths)
    app.state.access = Access(token_digest, settings.port)
    app.state.place = place
    app.state.live = LiveFeeds()
    app.state.listeners = app.state.event_streams = 0
    return app


@contextlib.asynccontextmanager
async def _lifespan(_app: Starlette) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield
