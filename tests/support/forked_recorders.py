"""Recorders that start at once and are killed: `python -m tests.support.forked_recorders`.

Python, model and audio are loaded once. For each folder on standard input, a recorder is forked that hears about thirty
seconds of audio per second. Standard output has a line "ready", then for each recorder its process number, a line of
JSON for each event (seconds of the monotonic clock, sample of the onset, lowest frequency in Hz), and "killed".

Files are written slowly, so that many kills hit a half-written file.
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from unittest.mock import patch

from birdedge.edge.block import Block
from birdedge.edge.clips.cutter import ClipCutter
from birdedge.edge.clips.settings import ClipSettings
from birdedge.edge.clips.sink import ClipSink
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.database.writer import DatabaseWriter
from birdedge.edge.messages import EventDetected, Message
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.pipeline.timekeeper import Timekeeper
from birdedge.edge.recorder.clip_index import DatabaseClipIndex
from birdedge.edge.sinks.sink import SinkGroup
from birdedge.edge.synthesis.soundscape import Soundscape, soundscape
from birdedge.edge.system.clock import read_clocks

BLOCK_SAMPLES, BLOCK_PAUSE_S = 3200, 1 / 300
PIECE_BYTES, PIECE_PAUSE_S = 4096, 1 / 500  # of a file
SETTINGS = ClipSettings(
    before_s=0.2, after_s=0.2, min_duration_s=0.5, max_duration_s=5.0, mask=True, min_free_mb=0.0
)


class SlowFile(io.FileIO):
    """A file that takes a few milliseconds per page."""

    def write(self, data: Any) -> int:
        """Write all data, piece by piece."""
        with memoryview(data).cast("B") as view:
            for at in range(0, len(view), PIECE_BYTES):
                super().write(view[at : at + PIECE_BYTES])
                time.sleep(PIECE_PAUSE_S)
            return len(view)


def open_slowly(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> IO[Any] | io.FileIO:
    """Stand in for `Path.open`."""
    if mode in {"wb", "xb"}:
        return SlowFile(path, mode)
    return open(path, mode, *arguments, **options)  # noqa: PTH123  Path.open is this function


class RepeatedScene:
    """A live source that repeats a soundscape faster than real time."""

    name, channels = "microphone", 1

    def __init__(self, scene: Soundscape) -> None:
        self.sample_rate_hz = scene.sample_rate_hz
        self._samples = scene.samples

    def blocks(self, stop: threading.Event) -> Iterator[Block]:
        sample = 0
        while not stop.is_set():
            at = sample % len(self._samples)
            block = self._samples[at : at + BLOCK_SAMPLES, None]
            sample += len(block)
            yield Block(block, arrived=read_clocks())
            time.sleep(BLOCK_PAUSE_S)

    def set_min_block(self, samples: int) -> None:
        """Ignore the request: blocks have one length."""


class EventPrinter:
    """Prints each event with the time at which it was printed."""

    def write(self, message: Message) -> None:
        if isinstance(message, EventDetected):
            event = [message.onset.sample, message.event.low_hz]
            line = json.dumps([time.monotonic(), *event]) + "\n"
            # In one write: a kill between a line and its line end would join two lines.
            os.write(sys.stdout.fileno(), line.encode())

    def close(self) -> None:
        """Nothing is open."""


def record(folder: Path, model: Model, scene: Soundscape) -> None:
    """Record until this process is killed."""
    source = RepeatedScene(scene)
    rate_hz, channels = source.sample_rate_hz, source.channels
    database = DatabaseWriter(folder, "boot", model.card.name, site=str(os.getpid()), commit_s=0.2)
    timekeeper = Timekeeper(read_clocks(), database.utc)
    writer = ClipWriter(folder / "clips", SETTINGS, DatabaseClipIndex(folder, database.submit).written)
    cutter = ClipCutter(SETTINGS, writer, model.card, rate_hz, channels, timekeeper.stamp)
    sinks = SinkGroup([database, ClipSink(cutter), EventPrinter()])
    run(source, Pipeline(model, rate_hz, channels), sinks, threading.Event(), timekeeper)


def main() -> None:
    """Fork a recorder for each line on standard input, and wait until it is killed."""
    model, scene = Model("birdedge-int8"), soundscape(20.0, seed=7, calls_per_minute=60)
    print("ready", flush=True)
    for line in sys.stdin:
        if os.fork() == 0:
            print(os.getpid(), flush=True)
            record(Path(line.strip()), model, scene)
        os.wait()
        print("killed", flush=True)


if __name__ == "__main__":
    with patch.object(Path, "open", open_slowly):
        main()
