"""Parts of a recording: with all frames for a figure, or with every region and the position of the mask's peak."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.archive.segment import reading_warnings
from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.sources import file_source
from birdedge.edge.errors import AudioFileError, SettingsError
from birdedge.edge.event import Event
from birdedge.edge.messages import EventDetected, FramesReady, Message, RegionRejected
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run

Bytes = NDArray[np.uint8]
Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Consecutive frames of a recording, and the events and rejected regions that overlap them."""

    first_frame: int
    mask: Bytes  # [frames, bins]
    level: Float32  # [frames, bins], natural logarithm of magnitude
    events: list[Event]
    rejected: list[Event]  # each with its `reason`
    warnings: tuple[str, ...]  # problems found in the recording, although it was read


@dataclass(frozen=True, eq=False)
class JudgedRegions:
    """The regions that overlap a part of a recording, and where its mask is highest."""

    regions: list[Event]  # by onset; those that are not events have a `reason`
    duration_s: float  # of the part
    highest: float  # probability of the mask in the part
    highest_s: float  # its time, from the start of the recording
    highest_hz: float
    warnings: tuple[str, ...]  # problems found in the recording, although it was read


def segment_excerpt(
    model: Model, path: Path, start_s: float, duration_s: float, channel: int | None = None
) -> Excerpt:
    """Segment a recording from its start, as usual, and return the frames of an excerpt.

    Args:
        model: The model to segment with.
        path: The recording.
        start_s: Start of the excerpt in the recording.
        duration_s: Duration of the excerpt.
        channel: The channel to analyse, from 0; None for the mean of all.

    Raises:
        SettingsError: The start is before the recording, or the duration is not positive.
        AudioError: The file cannot be read, or ends before `start_s`.
    """
    masks: list[Bytes] = []
    levels: list[Float32] = []

    def keep(_first_frame: int, mask: Bytes, level: Float32) -> None:
        masks.append(mask)
        levels.append(level)

    part = _read_part(model, path, start_s, duration_s, channel, keep, "a --start")
    events = [region for region in part.regions if not region.reason]
    rejected = [region for region in part.regions if region.reason]
    return Excerpt(part.first, np.concatenate(masks), np.concatenate(levels), events, rejected, part.warnings)


def judged_regions(
    model: Model,
    path: Path,
    start_s: float = 0.0,
    duration_s: float | None = None,
    channel: int | None = None,
) -> JudgedRegions:
    """Segment a recording from its start, as usual, and return every region of a part of it.

    Args:
        model: The model to segment with.
        path: The recording.
        start_s: Start of the part in the recording.
        duration_s: Duration of the part; None or infinity for the rest of the recording.
        channel: The channel to analyse, from 0; None for the mean of all.

    Raises:
        SettingsError: The start is before the recording, or the duration is not positive.
        AudioError: The file cannot be read, or ends before `start_s`.
    """
    highest, place = -1, (0, 0)  # frame and bin

    def keep(first_frame: int, mask: Bytes, _level: Float32) -> None:
        nonlocal highest, place
        if len(mask) and mask.max() > highest:
            frame, bin_ = divmod(int(mask.argmax()), mask.shape[1])
            highest, place = int(mask[frame, bin_]), (first_frame + frame, bin_)

    length_s = None if duration_s == math.inf else duration_s
    part = _read_part(model, path, start_s, length_s, channel, keep, "a time")
    grid, read_s = model.card.grid, part.frames * model.card.grid.hop_s
    end_s = read_s if length_s is None else min(read_s, start_s + length_s)
    return JudgedRegions(
        sorted(part.regions, key=lambda region: (region.onset_s, region.low_hz)),
        end_s - part.first * grid.hop_s,
        highest / 255,
        grid.first_frame_s + place[0] * grid.hop_s,
        grid.low_hz + place[1] * grid.bin_hz,
        part.warnings,
    )


def _read_part(
    model: Model,
    path: Path,
    start_s: float,
    duration_s: float | None,
    channel: int | None,
    keep: Callable[[int, Bytes, Float32], None],
    needed: str,
) -> _PartSink:
    """Segment a recording from its start until a part of it, and the regions that overlap the part, are complete.

    Args:
        model: The model to segment with.
        path: The recording.
        start_s: Start of the part in the recording.
        duration_s: Duration of the part; None for the rest of the recording.
        channel: The channel to analyse, from 0; None for the mean of all.
        keep: Receives consecutive frames of the part: the number of the first one, their mask and their level.
        needed: What the error asks for if the recording ends before the part.
    """
    length_s = math.inf if duration_s is None else duration_s
    if not (0 <= start_s < math.inf and (duration_s is None or 0 < duration_s < math.inf)):
        raise SettingsError(
            f"a start of {start_s} s and a duration of {duration_s} s were given: "
            "give a start of 0 s or more and a duration above 0 s"
        )
    hop_s, stop = model.card.grid.hop_s, threading.Event()
    # Longer than the longest event, so that every region that overlaps the part has closed.
    enough = (start_s + length_s + model.card.events.max_duration_s + 1.0) / hop_s
    # Rounded first, so that 1.6 s and 3.2 s end at 4.8 s, not a little later.
    last = None if duration_s is None else math.ceil(round((start_s + length_s) / hop_s, 6))
    sink = _PartSink(round(start_s / hop_s), last, enough, stop, keep)
    with AudioFile(path) as file:
        pipeline = Pipeline(model, file.sample_rate_hz, file.channels, channel)
        run(file_source(file), pipeline, sink, stop)
        sink.warnings = reading_warnings(file, pipeline)
    if sink.frames <= sink.first:
        raise AudioFileError(f"{path} is {sink.frames * hop_s:.1f} s long; give {needed} before that")
    return sink


class _PartSink:
    """A sink that passes on frames `[first, last)`, keeps their regions, and sets `stop` after `enough` frames."""

    def __init__(
        self,
        first: int,
        last: int | None,
        enough: float,
        stop: threading.Event,
        keep: Callable[[int, Bytes, Float32], None],
    ) -> None:
        self.first, self.frames = first, 0
        self.regions: list[Event] = []
        self.warnings: tuple[str, ...] = ()
        self._last, self._enough, self._stop, self._keep = last, enough, stop, keep

    def write(self, message: Message) -> None:
        if isinstance(message, FramesReady):
            output = message.output
            begin = max(0, self.first - self.frames)
            inside = slice(begin, None if self._last is None else max(0, self._last - self.frames))
            self._keep(self.frames + begin, output.mask[inside], output.level[inside])
            self.frames += len(output.mask)
            if self.frames > self._enough:
                self._stop.set()
        elif isinstance(message, EventDetected | RegionRejected):
            region = message.event
            before_end = self._last is None or region.first_frame < self._last
            if before_end and region.first_frame + len(region.mask) > self.first:
                self.regions.append(region)

    def close(self) -> None:
        """Do nothing: nothing is open."""
