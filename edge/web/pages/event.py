"""The page Event."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdedge.edge.web.render import render


def event(request: Request) -> Response:
    """Return the page."""
    return render(request, "event.html")


routes = [Route("/events/{source}/{event:int}", event)]
