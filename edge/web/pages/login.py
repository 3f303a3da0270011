"""Logging in with the token, and out."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from birdedge.edge.web.access import COOKIE_S, access_of, client_of
from birdedge.edge.web.forms import read_form
from birdedge.edge.web.render import render


def show(request: Request) -> Response:
    """Return the form, or redirect to the page if no login is needed."""
    access, page = access_of(request), request.query_params.get("page", "")
    cookie = request.cookies.get(access.cookie)
    if not access.needs_token or access.is_token(cookie or ""):
        return _to(page)
    response = _form(request, page)
    if cookie is not None:  # it has an earlier token
        response.delete_cookie(access.cookie, path=None)  # type: ignore[arg-type]
    return response


async def log_in(request: Request) -> Response:
    """Store the right token in a cookie, and redirect to the page that led here."""
    access, client, fields = access_of(request), client_of(request), await read_form(request)
    token, page = fields.get("token", "").strip(), fields.get("page", "")
    if not access.tries.has_room(client):
        return _form(request, page, 429)
    if not access.is_token(token):
        access.tries.take(client)
        return _form(request, page, 401)
    response = _to(page)
    response.set_cookie(
        access.cookie,
        token,
        max_age=COOKIE_S,
        path=None,  # the path of this page, even below the path of a proxy
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


def log_out(request: Request) -> Response:
    """Delete the cookie."""
    response = _to("login")
    response.delete_cookie(access_of(request).cookie, path=None)  # type: ignore[arg-type]
    return response


def _form(request: Request, page: str, status_code: int = 200) -> Response:
    return render(request, "login.html", status_code, wanted=local_url(page), status=status_code, folders=())


def _to(page: str) -> Response:
    return RedirectResponse(local_url(page), 303)


def local_url(page: str) -> str:
    """Return the URL of a page; it stays below the first page, whatever a link to the login contains."""
    return "./" if ".." in page else f"./{page}"


routes = [
    Route("/login", show),
    Route("/login", log_in, methods=["POST"]),
    Route("/logout", log_out, methods=["POST"]),
]
