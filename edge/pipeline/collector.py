"""A sink that keeps everything in memory."""

from __future__ import annotations

import numpy as np

from birdedge.edge.event import Event
from birdedge.edge.grid import Grid
from birdedge.edge.messages import EventDetected, FramesReady, Message
from birdedge.edge.output import PipelineOutput


class Collector:
    """Keeps the frames and events of a stream.

    Attributes:
        events: all events so far.
        frames: all frames so far, as the pipeline returned them.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.frames: list[PipelineOutput] = []

    def write(self, message: Message) -> None:
        """Keep frames and events."""
        if isinstance(message, EventDetected):
            self.events.append(message.event)
        elif isinstance(message, FramesReady):
            self.frames.append(message.output)

    def close(self) -> None:
        """Do nothing: no file is open."""

    def output(self) -> PipelineOutput:
        """Return everything as one output, without denoised audio; the frames of gaps are empty."""
        gaps = [((0, output.empty_frames), (0, 0)) for output in self.frames]
        silence = np.log(Grid().magnitude_floor)
        return PipelineOutput(
            np.concatenate([np.pad(o.mask, gap) for o, gap in zip(self.frames, gaps, strict=True)]),
            np.concatenate(
                [
                    np.pad(o.level, gap, constant_values=silence)
                    for o, gap in zip(self.frames, gaps, strict=True)
                ]
            ),
            self.events,
            rejected=[region for output in self.frames for region in output.rejected],
        )
