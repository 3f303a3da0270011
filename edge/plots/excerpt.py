"""A part of a recording with its mask and events, for pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.sources import FAST_BLOCK_SAMPLES
from birdedge.edge.errors import AudioFileError, SettingsError
from birdedge.edge.event import Event
from birdedge.edge.models.model import Model
from birdedge.edge.output import PipelineOutput
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import listen


@dataclass(frozen=True, eq=False)
class Window:
    """Frames `first_frame` and on; events that reach into them."""

    first_frame: int
    mask: NDArray[np.uint8]  # [frames, bins]
    level: NDArray[np.float32]  # [frames, bins], natural logarithm of magnitude
    events: list[Event]


def segment_window(
    model: Model, path: Path, start_s: float, duration_s: float, channel: int | None = None
) -> Window:
    """Segments from the recording's start, as always, and keeps the frames in `start_s` and `duration_s`
    after it.

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
    first, last = round(start_s / grid.hop_s), math.ceil((start_s + duration_s) / grid.hop_s)
    kept: list[PipelineOutput] = []
    events: list[Event] = []
    at = 0
    with AudioFile(path) as file:
        pipeline = Pipeline(model, file.sample_rate_hz, file.channels, channel)
        # Longer than the longest event: so that all that reach into the window have closed.
        enough_s = start_s + duration_s + model.card.events.max_duration_s + 1.0
        for found in listen(pipeline, ((0, block) for block in file.blocks(FAST_BLOCK_SAMPLES))):
            inside = slice(max(0, first - at), max(0, last - at))
            kept.append(PipelineOutput(found.mask[inside], found.level[inside], []))
            events += [
                e for e in found.events if e.first_frame < last and e.first_frame + len(e.mask) > first
            ]
            at += len(found.mask)
            if at * grid.hop_s > enough_s:
                break
    if at <= first:
        raise AudioFileError(f"{path} is {at * grid.hop_s:.1f} s long; give a --start before that")
    return Window(
        first, np.concatenate([f.mask for f in kept]), np.concatenate([f.level for f in kept]), events
    )
