"""The page Now: what a recorder hears at this moment, its state, its last events, and its day."""

from __future__ import annotations

import time
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdedge.edge.database.connection import reading
from birdedge.edge.database.event_queries import latest_events
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.monitoring.status import read_status
from birdedge.edge.web import live
from birdedge.edge.web.render import folders_of, render
from birdedge.edge.web.sources import chosen_folder
from birdedge.edge.web.today import today
from birdedge.edge.web.zones import zone_of

LAST_EVENTS = 10


def now(request: Request) -> Response:
    """Return the page."""
    return render(request, "now.html", **_context(request))


def parts(request: Request) -> Response:
    """Return the parts of the page that change, except the live picture; links are relative to the page."""
    return render(request, "now_parts.html", root="./", **_context(request))


def _context(request: Request) -> dict[str, Any]:
    folder = chosen_folder(request, folders_of(request))
    context: dict[str, Any] = {
        "source": folder.name if folder else None,
        "status": None,
        "problem": None,
        "time_of": _utc,
    }
    if folder is None:
        return context
    try:
        return context | _recorder(folder.path, zone_of(request), request)
    except BirdedgeError as error:  # the live picture needs no database
        return context | {"problem": str(error)}


def _recorder(folder: Path, zone: tzinfo, request: Request) -> dict[str, Any]:
    now_s = time.time()
    with reading(folder) as db:
        events = [new.event for new in latest_events(db, 0, LAST_EVENTS)][::-1]
        day = today(db, now_s, zone, request.app.state.place)
    status = read_status(folder, now_s)
    problems = [status.disk_problem, status.copy_problem, *status.health.problems.values()]
    return {"status": status, "problems": list(filter(None, problems)), "events": events, "today": day}


def _utc(utc_s: float) -> datetime:
    return datetime.fromtimestamp(round(utc_s, 3), UTC)


routes = [Route("/", now), Route("/api/now", parts), *live.routes]
