"""The dashboard as an ASGI application."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from birdedge.edge.errors import BirdedgeError
from birdedge.edge.integrations.web import WebSettings
from birdedge.edge.web.pages import days, event, events, health, now
from birdedge.edge.web.render import render
from birdedge.edge.web.security import Guard

STATIC = Path(__file__).with_name("static")
THREADS = 4  # for handlers that read a database or a file; each needs memory


def create_app(paths: tuple[Path, ...], settings: WebSettings) -> Starlette:
    """Return the application for the recorders in the given folders and below them."""
    pages = (now, events, event, days, health)
    app = Starlette(
        routes=[
            *(route for page in pages for route in page.routes),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard)],
        exception_handlers={HTTPException: _http_error, BirdedgeError: _birdedge_error},  # type: ignore[dict-item]
        lifespan=_lifespan,
    )
    app.state.paths = paths
    app.state.settings = settings
    app.state.csrf_token = secrets.token_urlsafe(32)
    return app


@contextlib.asynccontextmanager
async def _lifespan(_app: Starlette) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield


async def _http_error(request: Request, error: HTTPException) -> Response:
    return render(request, "error.html", error.status_code, sentence=error.detail)


async def _birdedge_error(request: Request, error: BirdedgeError) -> Response:
    """Show what a recorder's database, clip or disk lacks; the recorder itself is not concerned."""
    return render(request, "error.html", 503, sentence=str(error))
