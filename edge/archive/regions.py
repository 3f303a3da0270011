"""Every region of the mask of a recording: the events, and what was rejected."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from pathlib import Path

from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.sources import file_source
from birdedge.edge.errors import AudioFileError, SettingsError
from birdedge.edge.event import Event
from birdedge.edge.grid import Grid
from birdedge.edge.messages import EventDetected, FramesReady, Message, RegionRejected
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run


@dataclass(frozen=True, eq=False)
class JudgedRegions:
    """The regions that reach into a part of a recording, and where its mask is highest."""

    regions: list[Event]  # by onset; those that are not events have a `reason`
    duration_s: float  # of the part
    highest: float  # probability of the mask in the part
    highest_s: float  # where that is, from the start of the recording
    highest_hz: float


def judged_regions(
    model: Model,
    path: Path,
    start_s: float = 0.0,
    duration_s: float | None = None,
    channel: int | None = None,
) -> JudgedRegions:
    """Segment a recording from its start, as always, and return every region of a part of it.

    Args:
        model: to segment with.
        path: the recording.
        start_s: of the part, in the recording.
        duration_s: of the part; None for the rest of the recording.
        channel: the one to analyse, from 0; None for the mean of all.

    Raises:
        SettingsError: a start before the recording, or no duration.
        AudioError: the file cannot be read, or ends before `start_s`.
    """
    length_s = math.inf if duration_s is None else duration_s
    if not (0 <= start_s < math.inf and length_s > 0):
        raise SettingsError(
            f"a start of {start_s} s and a duration of {duration_s} s were given: "
            "give 0 s or more, and more than 0 s"
        )
    grid, stop = model.card.grid, threading.Event()
    # Longer than the longest event, so that every region that reaches into the part has closed.
    enough_s = start_s + length_s + model.card.events.max_duration_s + 1.0
    sink = _RegionSink(grid, start_s, start_s + length_s, enough_s, stop)
    with AudioFile(path) as file:
        run(file_source(file), Pipeline(model, file.sample_rate_hz, file.channels, channel), sink, stop)
    if sink.frames <= sink.first:
        raise AudioFileError(f"{path} is {sink.frames * grid.hop_s:.1f} s long; give a time before that")
    return sink.result()


class _RegionSink:
    """Keeps the regions of the frames `[first, last)`, and sets `stop` after `enough_s`."""

    def __init__(
        self, grid: Grid, start_s: float, end_s: float, enough_s: float, stop: threading.Event
    ) -> None:
        self.first, self.frames = round(start_s / grid.hop_s), 0
        self._last = end_s / grid.hop_s
        self._grid, self._enough_s, self._stop = grid, enough_s, stop
        self._regions: list[Event] = []
        self._highest = -1
        self._place = 0, 0  # frame and bin

    def write(self, message: Message) -> None:
        if isinstance(message, FramesReady):
            mask = message.output.mask
            begin = max(0, self.first - self.frames)
            end = min(len(mask), max(0, math.ceil(min(self._last - self.frames, len(mask)))))
            if begin < end and mask[begin:end].max() > self._highest:
                frame, place = divmod(int(mask[begin:end].argmax()), mask.shape[1])
                self._highest = int(mask[begin + frame, place])
                self._place = self.frames + begin + frame, place
            self.frames += len(mask)
            if self.frames * self._grid.hop_s > self._enough_s:
                self._stop.set()
        elif isinstance(message, EventDetected | RegionRejected):
            region = message.event
            if region.first_frame < self._last and region.first_frame + len(region.mask) > self.first:
                self._regions.append(region)

    def result(self) -> JudgedRegions:
        """Return what was kept."""
        grid, (frame, place) = self._grid, self._place
        last = min(self._last, self.frames)
        return JudgedRegions(
            sorted(self._regions, key=lambda region: (region.onset_s, region.low_hz)),
            (last - self.first) * grid.hop_s,
            self._highest / 255,
            grid.first_frame_s + frame * grid.hop_s,
            grid.low_hz + place * grid.bin_hz,
        )

    def close(self) -> None:
        """Nothing is open."""
