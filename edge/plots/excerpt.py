"""An excerpt of a recording, with its mask and events, for figures."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.sources import file_source
from birdedge.edge.errors import AudioFileError, SettingsError
from birdedge.edge.event import Event
from birdedge.edge.messages import EventDetected, FramesReady, Message, RegionRejected
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Consecutive frames of a recording, and the events and rejected regions that reach into them."""

    first_frame: int
    mask: NDArray[np.uint8]  # [frames, bins]
    level: NDArray[np.float32]  # [frames, bins], natural logarithm of magnitude
    events: list[Event]
    rejected: list[Event]  # each with its `reason`


def segment_excerpt(
    model: Model, path: Path, start_s: float, duration_s: float, channel: int | None = None
) -> Excerpt:
    """Segment a recording from its start, as always, and return the frames of an excerpt.

    Args:
        model: to segment with.
        path: the recording.
        start_s: of the excerpt, in the recording.
        duration_s: of the excerpt.
        channel: the one to analyse, from 0; None for the mean of all.

    Raises:
        SettingsError: a start before the recording, or no duration.
        AudioError: the file cannot be read, or ends before `start_s`.
    """
    if not (0 <= start_s < math.inf and 0 < duration_s < math.inf):
        raise SettingsError(
            f"a start of {start_s} s and a duration of {duration_s} s were given: "
            "give 0 s or more, and more than 0 s"
        )
    grid = model.card.grid
    stop = threading.Event()
    sink = _ExcerptSink(
        round(start_s / grid.hop_s),
        math.ceil((start_s + duration_s) / grid.hop_s),
        # Longer than the longest event, so that every event that reaches into the excerpt has closed.
        (start_s + duration_s + model.card.events.max_duration_s + 1.0) / grid.hop_s,
        stop,
    )
    with AudioFile(path) as file:
        run(file_source(file), Pipeline(model, file.sample_rate_hz, file.channels, channel), sink, stop)
    if sink.frames <= sink.first:
        raise AudioFileError(f"{path} is {sink.frames * grid.hop_s:.1f} s long; give a --start before that")
    return Excerpt(
        sink.first, np.concatenate(sink.masks), np.concatenate(sink.levels), sink.events, sink.rejected
    )


class _ExcerptSink:
    """Keeps the frames `[first, last)` and sets `stop` after `enough` frames."""

    def __init__(self, first: int, last: int, enough: float, stop: threading.Event) -> None:
        self.first, self.frames = first, 0
        self.masks: list[NDArray[np.uint8]] = []
        self.levels: list[NDArray[np.float32]] = []
        self.events: list[Event] = []
        self.rejected: list[Event] = []
        self._last, self._enough, self._stop = last, enough, stop

    def write(self, message: Message) -> None:
        if isinstance(message, FramesReady):
            output = message.output
            inside = slice(max(0, self.first - self.frames), max(0, self._last - self.frames))
            self.masks.append(output.mask[inside])
            self.levels.append(output.level[inside])
            self.frames += len(output.mask)
            if self.frames > self._enough:
                self._stop.set()
        elif isinstance(message, EventDetected | RegionRejected):
            event = message.event
            if event.first_frame < self._last and event.first_frame + len(event.mask) > self.first:
                (self.rejected if event.reason else self.events).append(event)

    def close(self) -> None:
        """Nothing is open."""
