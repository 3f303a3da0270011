"""The page Event: picture, sound and figures of one event or rejected region, why it is one, and its neighbours."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from birdedge.edge.clips.folder import companions, is_clip_path
from birdedge.edge.companion.event_view import ShownEvent, labelled_events
from birdedge.edge.companion.rendering import Kind, Rendering
from birdedge.edge.database import event_pages
from birdedge.edge.database.connection import reading
from birdedge.edge.database.labels import LABELS
from birdedge.edge.errors import BirdedgeError, OutputError
from birdedge.edge.models.settings import EventSettings
from birdedge.edge.web.event_filter import filter_of
from birdedge.edge.web.pages.events import allowed_view
from birdedge.edge.web.render import folders_of, render
from birdedge.edge.web.renderings import Renderings
from birdedge.edge.web.times import utc

NEIGHBOURS_S, MAX_NEIGHBOURS = 60.0, 20
AROUND_S, MAX_PICTURE_S = 3.0, 30.0
TOP_HZ = 16_000.0  # top of a picture, if the clip reaches that far
MEDIA_TYPES = {".flac": "audio/flac", ".wav": "audio/wav"}
SOUNDS: tuple[Kind, ...] = ("bird", "band")
PICTURES: tuple[Kind, ...] = ("picture", "picture_mask")


def event(request: Request) -> Response:
    """Return the page of an event or of a rejected region."""
    kind = _kind(request)
    problems = []
    try:
        shown = _shown(request)
    except OutputError as error:  # of the labels; if it comes from the events, the next line raises it
        shown, problems = _shown(request, with_labels=False), [str(error)]
    row = shown.listed
    with reading(shown.source.path) as db:
        near = event_pages.neighbours(db, row, NEIGHBOURS_S, MAX_NEIGHBOURS, "events")
        rejected = event_pages.neighbours(db, row, NEIGHBOURS_S, MAX_NEIGHBOURS, "rejected")
        chosen = filter_of(request.url.query)
        view = chosen.view([shown.source])
        wanted = view.filter_for(shown.source) if chosen.wanted.kind == kind else None
        older = event_pages.event_page(db, wanted, 1, after=row.event.id) if wanted else []
        newer = event_pages.event_page(db, wanted, 1, before=row.event.id) if wanted else []
    return render(
        request,
        "event.html",
        shown=shown,
        kind=kind,
        row=row,
        problems=problems,
        picture=_picture_span(shown),
        mask_is_kept=row.clip is not None and companions(shown.source.path / row.clip.path)[1].is_file(),
        top_hz=min(TOP_HZ, row.sample_rate_hz / 2),
        limits=_limits(row.model),
        neighbours=sorted(
            [(other, "events") for other in near] + [(other, "rejected") for other in rejected],
            key=lambda item: item[0].event.onset_s,
        ),
        older=next((other.event.id for other in older), None),
        newer=next((other.event.id for other in newer), None),
        view=allowed_view(request.url.query),
        labels=LABELS,
        utc=utc,
    )


def clip(request: Request) -> Response:
    """Return the clip unchanged from disk; a browser may request a part of it."""
    path = _clip_path(_shown(request, with_labels=True))
    return FileResponse(
        path, media_type=MEDIA_TYPES[path.suffix], headers={"Cache-Control": "private, max-age=600"}
    )


async def sound(request: Request) -> Response:
    """Return the bird alone, or the band of the event, as the recorder kept it or made from the clip."""
    kind: Kind = request.path_params["sound"]
    if kind not in SOUNDS:
        raise HTTPException(404, f"there is no sound {kind!r}; use one of {', '.join(SOUNDS)}")
    shown, path = await run_in_threadpool(_shown_and_path, request)
    denoised = companions(path)[0]
    if kind == "bird" and denoised.is_file():
        return _made(denoised)
    band = shown.listed.event
    return _made(await _render(request, shown, path, kind, low_hz=band.low_hz, high_hz=band.high_hz))


async def picture(request: Request) -> Response:
    """Return the spectrogram of the clip around the event, with the outline of the mask or without."""
    kind: Kind = request.path_params["picture"]
    if kind not in PICTURES:
        raise HTTPException(404, f"there is no picture {kind!r}; use one of {', '.join(PICTURES)}")
    shown, path = await run_in_threadpool(_shown_and_path, request)
    span = _picture_span(shown)
    assert span is not None
    return _made(await _render(request, shown, path, kind, begin_s=span["begin_s"], end_s=span["end_s"]))


async def _render(request: Request, shown: ShownEvent, path: Path, kind: Kind, **settings: float) -> Path:
    renderings: Renderings = request.app.state.renderings
    return await renderings.file(Rendering(kind, str(path), shown.listed.model, **settings))


def _made(path: Path) -> FileResponse:
    media_type = "image/png" if path.suffix == ".png" else MEDIA_TYPES[path.suffix]
    return FileResponse(path, media_type=media_type, headers={"Cache-Control": "private, max-age=600"})


def _shown_and_path(request: Request) -> tuple[ShownEvent, Path]:
    shown = _shown(request)
    return shown, _clip_path(shown)


def _kind(request: Request) -> event_pages.Kind:
    return "rejected" if request.scope["path"].split("/")[1] == "rejected" else "events"


def _shown(request: Request, *, with_labels: bool = True) -> ShownEvent:
    """Return the event that the URL names.

    Raises:
        HTTPException: There is no such source or event.
        OutputError: The database or the labels cannot be read.
    """
    name, number, kind = request.path_params["source"], request.path_params["event"], _kind(request)
    folder = next((folder for folder in folders_of(request) if folder.name == name), None)
    if folder is None:
        raise HTTPException(404, f"there is no recorder {name!r}")
    with reading(folder.path) as db:
        row = event_pages.event(db, number, kind)
    if row is None:
        raise HTTPException(404, f"there is no event {number} of {name}")
    if not with_labels:
        return ShownEvent(folder, row, None, None)
    return labelled_events(folder, [row], kind == "events")[0]


def _clip_path(shown: ShownEvent) -> Path:
    """Return the path of an event's clip, which must lie in the folder of clips even after its links are resolved.

    Raises:
        HTTPException: There is no clip.
    """
    found, clips = shown.listed.clip, shown.source.path / "clips"
    path = shown.source.path / found.path if found is not None and shown.has_clip else None
    if (
        path is None
        or not is_clip_path(path, clips)
        or not path.resolve().is_relative_to(clips.resolve())
        or not path.is_file()
    ):
        raise HTTPException(404, "there is no clip of this event: none was kept, or it was deleted")
    return path


def _picture_span(shown: ShownEvent) -> dict[str, float] | None:
    """Return the part of the clip that the picture shows, in seconds after the clip's start, and its UTC."""
    row, clip = shown.listed, shown.listed.clip
    if clip is None or not shown.has_clip:
        return None
    onset_s = (row.event.onset_sample - clip.first_sample) / row.sample_rate_hz
    begin_s = max(0.0, onset_s - AROUND_S)
    end_s = min(
        clip.samples / row.sample_rate_hz, begin_s + MAX_PICTURE_S, onset_s + row.event.duration_s + AROUND_S
    )
    return {"begin_s": begin_s, "end_s": end_s, "begin_utc_s": row.event.utc_s - (onset_s - begin_s)}


@cache
def _limits(model: str) -> EventSettings | None:
    """Return what the card of a bundled model requires of an event; None for another model."""
    from birdedge.edge.models.checked_model import check_model
    from birdedge.edge.models.names import bundled_models

    if model not in bundled_models():
        return None
    try:
        return check_model(model).card.events
    except BirdedgeError:
        return None


class _Number(IntegerConvertor):
    """A number that SQLite can store."""

    regex = "[0-9]{1,18}"


register_url_convertor("number", _Number())


def _routes(kind: str) -> list[Route]:
    base = f"/{kind}/{{source}}/{{event:number}}"
    handlers: dict[str, Any] = {
        "": event,
        "/clip": clip,
        "/sound/{sound}": sound,
        "/picture/{picture}": picture,
    }
    return [Route(base + path, handler) for path, handler in handlers.items()]


routes = [*_routes("events"), *_routes("rejected")]
