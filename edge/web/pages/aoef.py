"""The export of a view for Whombat, made in a separate process."""

from __future__ import annotations

import tempfile
from pathlib import Path

import anyio
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from birdedge.edge.companion.aoef_export import export_command
from birdedge.edge.web.event_filter import filter_of
from birdedge.edge.web.render import folders_of
from birdedge.edge.web.renderings import make_file

MAX_S = 600.0  # each clip is read for its digest
FILE = "birdedge-aoef.zip"
_exports = anyio.Semaphore(1)


async def export(request: Request) -> Response:
    """Return the view that the URL describes as a ZIP archive of AOEF files."""
    chosen = filter_of(request.url.query)
    view = chosen.view(await anyio.to_thread.run_sync(folders_of, request))
    try:
        _exports.acquire_nowait()
    except anyio.WouldBlock:
        raise HTTPException(
            503, "an export is already being made: try again", {"Retry-After": "30"}
        ) from None
    folder = tempfile.TemporaryDirectory(prefix="birdedge-")
    path = Path(folder.name, FILE)
    try:
        command = [*export_command(view), str(path)]
        await make_file(
            command, MAX_S, "this view cannot be exported", "export fewer events, or use birdedge aoef"
        )
    except BaseException:
        folder.cleanup()
        raise
    finally:
        _exports.release()
    return FileResponse(
        path,
        media_type="application/zip",
        filename=FILE,
        headers={"Cache-Control": "no-store"},
        background=BackgroundTask(folder.cleanup),
    )


routes = [Route("/events/export/aoef", export)]
