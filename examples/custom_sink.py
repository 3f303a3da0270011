"""Print the events of a recording with a sink of your own: `python examples/custom_sink.py dawn.flac`."""

from __future__ import annotations

import sys
import threading

from birdedge.edge import Model, Pipeline
from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.sources import file_source
from birdedge.edge.messages import EventDetected, Message
from birdedge.edge.pipeline.run import run
from birdedge.edge.sinks.sink import SinkGroup


class BandPrinter:
    """Prints the onset and the band of each event."""

    def write(self, message: Message) -> None:
        """Print an event; ignore all other messages."""
        if isinstance(message, EventDetected):
            event = message.event
            print(f"{event.onset_s:.2f} s, {event.low_hz:.0f} to {event.high_hz:.0f} Hz")

    def close(self) -> None:
        """Nothing is open."""


def main(path: str) -> None:
    """Run a recording through the pipeline into the sink, block by block, as the daemon does with a microphone."""
    sinks = SinkGroup([BandPrinter()])
    with AudioFile(path) as file:
        pipeline = Pipeline(Model(), file.sample_rate_hz, file.channels)
        run(file_source(file), pipeline, sinks, threading.Event())
    sinks.close()


if __name__ == "__main__":
    main(sys.argv[1])
