"""The clips of a view of events, each with its events, their outlines and what people said about them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from birdedge.edge.clips.folder import companions
from birdedge.edge.companion.event_tables import event_at, place_of
from birdedge.edge.companion.event_view import ShownEvent, View
from birdedge.edge.event import Event
from birdedge.edge.formats.aoef import AoefEvent
from birdedge.edge.formats.event_shape import shaped_events
from birdedge.edge.formats.mask_npz import read_mask_file


def clip_recordings(view: View, tolerance: float = 0.0) -> Iterator[tuple[Path, float, list[AoefEvent]]]:
    """Yield each clip that holds an event of a view, with the UTC of its start and its events.

    An event has its outline if the recorder kept the mask of its clip, and otherwise its box. Events without a clip are
    left out: there is nothing to look at.

    Raises:
        OutputError: A database cannot be read, or the labels.
        DataError: A mask file is malformed.
    """
    with_clip = (shown for shown in view.by_source() if shown.has_clip)
    for file, group in groupby(with_clip, key=lambda shown: place_of(shown)[0]):
        shown = list(group)
        start_utc_s = place_of(shown[0])[1]
        mask_file = companions(Path(file))[1]
        mask = read_mask_file(mask_file) if mask_file.exists() else None
        shaped = shaped_events([_event(one) for one in shown], mask, tolerance)
        yield (
            Path(file),
            start_utc_s,
            [
                event._replace(label=one.label.label, note=one.label.note) if one.label else event
                for event, one in zip(shaped, shown, strict=True)
            ],
        )


def _event(shown: ShownEvent) -> Event:
    """Return an event with times by its samples: what identifies it must not change with the clock."""
    row, clip = shown.listed, shown.listed.clip
    assert clip is not None
    return event_at(shown, (row.event.onset_sample - clip.first_sample) / row.sample_rate_hz)
