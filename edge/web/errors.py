"""The responses to requests that fail."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from birdedge.edge.errors import BirdedgeError
from birdedge.edge.system.printable import valid_unicode
from birdedge.edge.web.render import render


def error_page(
    request: Request, status_code: int, sentence: str, headers: dict[str, str] | None = None
) -> Response:
    """Return a page for a browser, and the sentence for anything else. The page names no recorder."""
    response: Response
    if "text/html" in request.headers.get("accept", ""):
        response = render(
            request, "error.html", status_code, sentence=sentence, status=status_code, folders=()
        )
    else:
        response = PlainTextResponse(valid_unicode(f"{sentence}\n"), status_code)
    response.headers.update(headers or {})
    return response


def http_error(request: Request, error: Exception) -> Response:
    """Answer a request for which a page raised an HTTPException, or for which there is no page."""
    assert isinstance(error, HTTPException)
    return error_page(request, error.status_code, error.detail, dict(error.headers or {}))


def server_error(request: Request, _error: Exception) -> Response:
    """Answer a request on which birdedge itself failed; the server logs the traceback."""
    return error_page(request, 500, "birdedge failed to answer; its log says why")


def birdedge_error(request: Request, error: Exception) -> Response:
    """Answer when the database, a clip or the disk of a recorder cannot be read; the recorder may still be running."""
    assert isinstance(error, BirdedgeError)
    return error_page(request, 503, str(error))
