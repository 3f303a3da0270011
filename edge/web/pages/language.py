"""The language switch at the end of each page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from birdedge.edge.web.forms import read_form
from birdedge.edge.web.pages.login import local_url
from birdedge.edge.web.render import LANGUAGE_COOKIE
from birdedge.edge.web.translations import catalogue

COOKIE_S = 365 * 86_400


async def choose(request: Request) -> Response:
    """Store the language in a cookie, and show the page again."""
    fields = await read_form(request)
    response = RedirectResponse(local_url(fields.get("page", "")), 303)
    language = fields.get("language", "")
    if language in catalogue():
        path: str | None = None  # the path of this page, even below the path of a proxy
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=COOKIE_S, path=path, samesite="strict")
    return response


routes = [Route("/language", choose, methods=["POST"])]
