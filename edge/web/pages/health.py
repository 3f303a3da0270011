"""The page Health: the state of a recorder, its gaps and their causes, its disk, and a file for people who help."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdedge.edge.companion.support_bundle import support_bundle, versions
from birdedge.edge.database.connection import reading
from birdedge.edge.database.history_queries import latest_runs
from birdedge.edge.diagnostics.system_checks import clock_check, disk_space_check
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.gap import Gap
from birdedge.edge.models.card import ModelCard
from birdedge.edge.models.checked_model import check_model
from birdedge.edge.monitoring.coverage import coverage
from birdedge.edge.monitoring.disk_forecast import disk_forecast
from birdedge.edge.monitoring.status import read_status
from birdedge.edge.web.render import folders_of, render
from birdedge.edge.web.sources import chosen_folder, source_url
from birdedge.edge.web.zones import zone_name, zone_of

DAY_S = 86_400.0
PERIODS_DAYS = (1, 7, 30)
SHOWN_GAPS, SHOWN_RUNS = 20, 10


class Cause(NamedTuple):
    """All gaps with one cause."""

    cause: str
    gaps: int
    length_s: float
    unknown: int  # gaps of unknown length


def health(request: Request) -> Response:
    """Return the page."""
    folders, zone = folders_of(request), zone_of(request)
    folder = chosen_folder(request, folders)
    context: dict[str, Any] = {
        "folders": folders,
        "folder": folder,
        "source_url": source_url,
        "zone": zone_name(zone),
        "problem": None,
        "versions": versions(),
        "time_of": lambda utc_s: datetime.fromtimestamp(max(0.0, utc_s), zone),
    }
    if folder is not None:
        try:
            context |= _recorder(folder.path)
        except BirdedgeError as error:
            context["problem"] = str(error)
    return render(request, "health.html", **context)


def bundle(request: Request) -> Response:
    """Return the support bundle as a download."""
    content = support_bundle(folders_of(request), request.app.state.config_file)
    name = f"birdedge-support-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(content, media_type="application/zip", headers=headers)


def _recorder(folder: Path) -> dict[str, Any]:
    now_s = time.time()
    with reading(folder) as db:
        covered = [(days, coverage(db, now_s - days * DAY_S, now_s)) for days in PERIODS_DAYS]
        runs = latest_runs(db, SHOWN_RUNS)
    gaps = covered[-1][1].gaps
    return {
        "status": read_status(folder, now_s),
        "covered": covered,
        "causes_of_gaps": _causes(gaps),
        "gaps": gaps[: -SHOWN_GAPS - 1 : -1],
        "runs": runs,
        "forecast": disk_forecast(folder, now_s),
        "checks": [clock_check(), disk_space_check(folder)],
        "card": _card(runs[0].model) if runs else None,
    }


def _causes(gaps: tuple[Gap, ...]) -> list[Cause]:
    """Return the causes of gaps, the longest total first."""
    by_cause: dict[str, list[Gap]] = defaultdict(list)
    for gap in gaps:
        by_cause[gap.cause].append(gap)
    causes = [
        Cause(
            cause, len(found), sum(gap.known_s for gap in found), sum(gap.length_s is None for gap in found)
        )
        for cause, found in by_cause.items()
    ]
    return sorted(causes, key=lambda cause: -cause.length_s)


def _card(model: str) -> ModelCard | None:
    """Return the card of a bundled model; None for a model file, which cannot be found by its name alone."""
    try:
        return check_model(model).card
    except BirdedgeError:
        return None


routes = [Route("/health", health), Route("/health/bundle", bundle)]
