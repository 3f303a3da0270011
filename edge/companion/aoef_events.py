"""The clips of a view of events, each with its events, their outlines, labels and notes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from birdedge.edge.clips.folder import companions
from birdedge.edge.companion.event_tables import event_at, place_of
from birdedge.edge.companion.event_view import ShownEvent, View
from birdedge.edge.event import Event
from birdedge.edge.formats.aoef_recordings import FoundRecording


def clip_recordings(view: View) -> Iterator[FoundRecording]:
    """Yield each clip that holds an event of a view, with its events.

    An event has its outline if the recorder kept the mask of its clip, and otherwise its box. Events without a clip are
    skipped: there is nothing to look at.

    Raises:
        OutputError: A database or the labels cannot be read.
    """
    with_clip = (shown for shown in view.by_source() if shown.has_clip)
    for file, group in groupby(with_clip, key=lambda shown: place_of(shown)[0]):
        shown = list(group)
        mask_file = companions(Path(file))[1]
        yield FoundRecording(
            Path(file),
            place_of(shown[0])[1],
            [_event(one) for one in shown],
            mask_file if mask_file.exists() else None,
            [(one.label.label, one.label.note) if one.label else ("", "") for one in shown],
        )


def _event(shown: ShownEvent) -> Event:
    """Return an event with times from its samples: its identity must not change with the clock."""
    row, clip = shown.listed, shown.listed.clip
    assert clip is not None
    return event_at(shown, (row.event.onset_sample - clip.first_sample) / row.sample_rate_hz)
