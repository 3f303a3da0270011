"""A view of events as a table, in the formats of the recorder's own tables.

The times of a row with a clip count from the start of that file, so that a program finds the audio. The times of a row
without a clip count from midnight UTC of its day, and its file is called `microphone`, as in the recorder's own tables.
In Raven's sequence of files, the clips come first, in order, and then the days of events without a clip. Audacity's
labels name no files, so they all count from midnight UTC of the first day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from birdedge.edge.companion.event_view import ShownEvent, View
from birdedge.edge.formats import raven
from birdedge.edge.formats.tables import FORMATS, TableName

if TYPE_CHECKING:  # an Event loads numpy
    from birdedge.edge.event import Event

DAY_S = 86_400.0
WITHOUT_CLIP = "microphone"


def table_lines(view: View, format: TableName) -> Iterator[str]:
    """Yield the text of a table: its header and each event of a view.

    Raises:
        OutputError: A database cannot be read.
    """
    if format == "raven":
        lines = raven.sequence_lines(chain(_clips(view.by_source()), _days(view.everything())))
        yield next(lines, raven.HEADER)
        yield from lines
        return
    yield FORMATS[format].header
    begin_utc_s = None
    for number, shown in enumerate(view.everything(), 1):
        if format == "audacity":
            begin_utc_s = _midnight_utc_s(shown) if begin_utc_s is None else begin_utc_s
            file, start_utc_s = WITHOUT_CLIP, begin_utc_s
        else:
            file, start_utc_s = place_of(shown)
        yield FORMATS[format].event_lines(_event(shown, start_utc_s), file, number, None, start_utc_s)


def _clips(events: Iterable[ShownEvent]) -> Iterator[raven.Recording]:
    """Yield each clip with its events, which are consecutive: their clip is the first that holds their onset."""
    with_clip = (shown for shown in events if shown.has_clip)
    for file, group in groupby(with_clip, key=lambda shown: place_of(shown)[0]):
        first = next(group)
        start_utc_s, clip = place_of(first)[1], first.listed.clip
        assert clip is not None
        length_s = clip.samples / first.listed.sample_rate_hz
        yield (
            file,
            length_s,
            (_event(shown, place_of(shown)[1]) for shown in chain([first], group)),
            start_utc_s,
        )


def _days(events: Iterable[ShownEvent]) -> Iterator[raven.Recording]:
    """Yield each day with its events that have no clip."""
    without_clip = (shown for shown in events if not shown.has_clip)
    for start_utc_s, group in groupby(without_clip, key=_midnight_utc_s):
        yield WITHOUT_CLIP, DAY_S, (_event(shown, _midnight_utc_s(shown)) for shown in group), start_utc_s


def place_of(shown: ShownEvent) -> tuple[str, float]:
    """Return the file that holds an event, and the UTC of its start."""
    row, clip = shown.listed, shown.listed.clip
    if clip is None or not shown.has_clip:
        return WITHOUT_CLIP, _midnight_utc_s(shown)
    before_s = (row.event.onset_sample - clip.first_sample) / row.sample_rate_hz
    return str(shown.source.path / clip.path), row.event.utc_s - before_s


def _midnight_utc_s(shown: ShownEvent) -> float:
    return shown.listed.event.utc_s // DAY_S * DAY_S


def _event(shown: ShownEvent, start_utc_s: float) -> Event:
    """Return an event whose times count from `start_utc_s`."""
    return event_at(shown, shown.listed.event.utc_s - start_utc_s)


def event_at(shown: ShownEvent, onset_s: float) -> Event:
    """Return an event that begins at `onset_s`, with all fields that the writers of tables read."""
    row: dict[str, Any] = shown.listed.event._asdict()
    times = {"onset_s": onset_s, "offset_s": onset_s + row["duration_s"]}
    return cast("Event", SimpleNamespace(**(row | times)))
