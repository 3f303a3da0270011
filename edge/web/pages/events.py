"""The page Events: a filtered view of events, page by page, its tables, and the labels that people give."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any, get_args
from urllib.parse import parse_qs, parse_qsl, quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from birdedge.edge.companion.event_tables import table_lines
from birdedge.edge.companion.event_view import ShownEvent, labelled_events
from birdedge.edge.companion.folders import RecorderFolder
from birdedge.edge.database import event_pages
from birdedge.edge.database.connection import reading
from birdedge.edge.database.labels import LABELS, LabelledEvent, add_labels, mark_clips
from birdedge.edge.errors import SettingsError
from birdedge.edge.formats.tables import FORMATS, TableName
from birdedge.edge.sound_classes import SOUND_CLASSES
from birdedge.edge.web.event_filter import LABEL_FILTERS, NAMES, cursor_of, cursor_query, filter_of
from birdedge.edge.web.render import folders_of, render, root_of
from birdedge.edge.web.times import utc

PAGE_EVENTS = 50
MAX_CHANGED = 500  # events that one form may change
LINES = 500  # lines of a table that are sent at once
ACTIONS = (*LABELS, "no label", "lock", "unlock", "delete")
_exports = threading.BoundedSemaphore(2)  # each reads a database as fast as it can


def events(request: Request) -> Response:
    """Return a page of the view that the URL describes."""
    chosen = filter_of(request.url.query)
    folders = folders_of(request)
    after, before = cursor_of(request, "after"), cursor_of(request, "before")
    page = chosen.view(folders).page(PAGE_EVENTS, after, before)
    links = {
        name: "&".join(filter(None, (chosen.query, cursor_query(key, cursor))))
        for name, key, cursor in (("older", "after", page.after), ("newer", "before", page.before))
        if cursor is not None
    }
    return render(
        request,
        "events.html",
        folders=folders,
        rows=page.events,
        problems=page.problems,
        fields=chosen.fields,
        query=chosen.query,
        view=allowed_view(request.url.query),
        links=links,
        is_first=page.before is None,
        classes=SOUND_CLASSES,
        labels=LABELS,
        label_filters=LABEL_FILTERS,
        formats=tuple(FORMATS),
        utc=utc,
    )


def export(request: Request) -> Response:
    """Return the whole view as a table."""
    name = request.path_params["format"]
    if name not in get_args(TableName):
        raise HTTPException(404, f"there is no format {name!r}; use one of {', '.join(FORMATS)}")
    format: TableName = name
    chosen = filter_of(request.url.query)
    view = chosen.view(folders_of(request))
    view.require_sources()
    lines = table_lines(view, format)
    first = next(lines, "")  # an error up to here is shown as a page, not as a broken table
    if not _exports.acquire(blocking=False):
        raise HTTPException(503, "two tables are already being made: try again", {"Retry-After": "10"})
    file = f"birdedge-{chosen.fields.get('source', 'events')}{FORMATS[format].suffix}"
    file = "".join(c if c.isascii() and (c.isalnum() or c in "-._") else "_" for c in file)
    pieces = _sent(first, lines)
    next(pieces)  # from here on, its `finally` is reached whatever the client does
    return StreamingResponse(
        pieces,
        media_type={"csv": "text/csv", "jsonl": "application/x-ndjson"}.get(format, "text/plain"),
        headers={
            "Content-Disposition": f'attachment; filename="{file}"',
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        },
    )


def _sent(first: str, lines: Iterator[str]) -> Iterator[bytes]:
    """Yield a table in pieces, after an empty one."""
    try:
        yield b""
        yield _encoded(first)
        while text := "".join(islice(lines, LINES)):
            yield _encoded(text)
    finally:
        _exports.release()


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")  # as in the tables of the recorder


async def change(request: Request) -> Response:
    """Label, lock or delete the selected events, and show the view again."""
    fields = parse_qs((await request.body()).decode(errors="replace"), keep_blank_values=True)
    return await run_in_threadpool(_change, request, fields)


def _change(request: Request, fields: dict[str, list[str]]) -> Response:
    def field(name: str) -> str:
        return fields.get(name, [""])[-1]

    action, view = field("action"), allowed_view(field("view"))
    if action not in ACTIONS:
        raise HTTPException(400, f"action is {action!r}; use one of {', '.join(ACTIONS)}")
    shown = _selected(request, list(dict.fromkeys(fields.get("event", ()))))
    if action == "delete" and not field("confirmed"):
        with_clip = [row for row in shown if row.has_clip and row.mark != "locked"]
        return render(
            request,
            "delete.html",
            rows=with_clip,
            left_out=len(shown) - len(with_clip),
            view=view,
            back=field("back"),
            utc=utc,
        )
    note = field("note").strip()
    # The list has one field for all notes, and the keyboard none: where it is empty, each event keeps its own.
    keeps_notes = not note and field("back") != "event"
    _apply(action, shown, None if keeps_notes else note)
    if "application/json" in request.headers.get("accept", ""):
        again = _selected(request, [f"{row.source.name}:{row.number}" for row in shown])
        return JSONResponse({f"{row.source.name}:{row.number}": _json(row) for row in again})
    back = f"events?{view}"
    if field("back") == "event" and shown:
        back = f"events/{quote(shown[0].source.name, safe='')}/{shown[0].number}?{view}"
    return RedirectResponse(root_of(request) + back, 303)


def _apply(action: str, shown: list[ShownEvent], note: str | None) -> None:
    now_s = time.time()
    for source in dict.fromkeys(row.source for row in shown):
        rows = [row for row in shown if row.source == source]
        if action in ("lock", "unlock", "delete"):
            paths = list(
                dict.fromkeys(row.listed.clip.path for row in rows if row.has_clip and row.listed.clip)
            )
            marks: dict[str, Any] = {"lock": "locked", "unlock": "unlocked", "delete": "deleted"}
            mark_clips(source.path, paths, marks[action], now_s)
            continue
        events = [
            LabelledEvent(row.number, row.listed.event.onset_sample, row.listed.event.utc_s) for row in rows
        ]
        label: Any = "" if action == "no label" else action
        try:
            add_labels(source.path, events, label, "" if action == "no label" else note, now_s)
        except SettingsError as error:
            raise HTTPException(400, str(error)) from None


def _json(row: ShownEvent) -> dict[str, str]:
    label = row.label
    return {
        "label": label.label if label else "",
        "note": label.note if label else "",
        "mark": row.mark or "",
    }


def _selected(request: Request, items: list[str]) -> list[ShownEvent]:
    """Return the events that a form names, such as `oak:12`."""
    if not items:
        raise HTTPException(400, "no event is selected")
    if len(items) > MAX_CHANGED:
        raise HTTPException(400, f"{len(items)} events are selected; {MAX_CHANGED} can be changed at once")
    folders = {folder.name: folder for folder in folders_of(request)}
    numbers: dict[RecorderFolder, list[int]] = {}
    for item in items:
        name, _, number = item.rpartition(":")
        if name not in folders or not (number.isascii() and number.isdigit() and len(number) < 19):
            raise HTTPException(404, f"there is no event {item!r}")
        numbers.setdefault(folders[name], []).append(int(number))
    found = []
    for folder, wanted in numbers.items():
        with reading(folder.path) as db:
            rows = [row for number in wanted if (row := event_pages.event(db, number)) is not None]
        found += labelled_events(folder, rows, are_events=True)
    if len(found) < len(items):
        raise HTTPException(404, "there is no such event")
    return found


def allowed_view(query: str) -> str:
    """Return the query of a view and its cursor, without anything else in it."""
    allowed = (*NAMES, "after", "before")
    return urlencode([(name, value) for name, value in parse_qsl(query) if name in allowed])


routes = [
    Route("/events", events),
    Route("/events", change, methods=["POST"]),
    Route("/events/export/{format}", export),
]
