"""The page Now."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdedge.edge.web.render import render


def now(request: Request) -> Response:
    """Return the page."""
    return render(request, "now.html")


routes = [Route("/", now)]
