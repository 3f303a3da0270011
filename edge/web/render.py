"""Pages from templates, with what every page needs: its language, relative links, and the recorders."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse

from birdedge import __version__
from birdedge.edge.companion.folders import RecorderFolder, find_folders
from birdedge.edge.system.printable import valid_unicode
from birdedge.edge.web.access import access_of
from birdedge.edge.web.locales import FILTERS
from birdedge.edge.web.translations import NAMES, catalogue, preferred, translator

LANGUAGE_COOKIE = "language"
_TEMPLATES = Environment(
    loader=PackageLoader("birdedge.edge.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(FILTERS)


def render(request: Request, template: str, status_code: int = 200, **context: Any) -> HTMLResponse:
    """Return a page.

    In addition to `context`, a template has:

    - `_` translates a text, `language` is the language of the page, and `languages` names them all.
    - `root` is the relative URL of the first page, as in `{{ root }}static/site.css`.
    - `here` is the URL of this page below `root`, and `page` the name of its template.
    - `folders` are the recorders.
    - `csrf_token` is the token that a form repeats in a hidden field of this name, and a script in its header
      X-CSRF-Token.
    - `needs_token` says whether one can log out.
    - `version` is the version of birdedge.
    - Filters write values as the language does: `number`, `date`, `month`, `size` (bytes) and `duration` (seconds).
    """
    language, access = language_of(request), access_of(request)
    if "folders" not in context:
        context["folders"] = folders_of(request)
    shared = {
        "_": translator(language),
        "language": language,
        "languages": NAMES,
        "root": root_of(request),
        "here": _here(request),
        "page": template.removesuffix(".html"),
        "version": __version__,
        "csrf_token": access.csrf_token(request.cookies),
        "needs_token": access.needs_token,
    }
    text = valid_unicode(_TEMPLATES.get_template(template).render(shared | context))
    return HTMLResponse(text, status_code, {"Cache-Control": "no-store", "Vary": "Accept-Language"})


def language_of(request: Request) -> str:
    """Return the language that was chosen on a page, else the configured one, else the browser's."""
    configured: str = request.app.state.settings.language
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in catalogue():
        return chosen
    return configured or preferred(request.headers.get("accept-language", ""))


def _here(request: Request) -> str:
    path, query = quote(request.scope["path"].lstrip("/")), request.url.query
    return f"{path}?{query}" if query else path


def root_of(connection: HTTPConnection) -> str:
    """Return the relative URL of the first page. Pages have no absolute URLs, so any proxy may add a path."""
    return "../" * (connection.scope["path"].count("/") - 1) or "./"


def folders_of(request: HTTPConnection) -> tuple[RecorderFolder, ...]:
    """Return the recorders that exist now."""
    return find_folders(request.app.state.paths)
