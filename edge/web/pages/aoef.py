"""The export of a view for Whombat, which a process of its own makes."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import anyio
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from birdedge.edge.companion.aoef_export import export_command
from birdedge.edge.companion.event_view import View
from birdedge.edge.web.event_filter import filter_of
from birdedge.edge.web.render import folders_of

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
            503, "an export is being made already: try again", {"Retry-After": "30"}
        ) from None
    folder = tempfile.TemporaryDirectory(prefix="birdedge-")
    try:
        path = await _made(view, Path(folder.name, FILE))
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


async def _made(view: View, path: Path) -> Path:
    try:
        with anyio.fail_after(MAX_S):
            done = await anyio.run_process(
                [*export_command(view), str(path)], check=False, stdout=subprocess.DEVNULL
            )
    except TimeoutError:
        raise HTTPException(503, "this took too long: export fewer events, or use birdedge aoef") from None
    if done.returncode:
        problem = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["the process was ended"]
        raise HTTPException(503, f"this view cannot be exported: {problem[0]}")
    return path


routes = [Route("/events/export/aoef", export)]
