"""The recorder that a page shows, for pages that show one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from birdedge.edge.companion.folders import RecorderFolder


def chosen_folder(connection: HTTPConnection, folders: Sequence[RecorderFolder]) -> RecorderFolder | None:
    """Return the recorder that the URL names, else the first; None if there is none.

    Raises:
        HTTPException: There is no recorder of this name.
    """
    name = connection.query_params.get("source")
    if name is None:
        return folders[0] if folders else None
    for folder in folders:
        if folder.name == name:
            return folder
    raise HTTPException(404, f"there is no source {name!r}")


def source_url(name: str) -> str:
    """Return the query of the same page for another recorder."""
    return "?" + urlencode({"source": name})
