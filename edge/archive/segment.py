"""Segment many recordings at full speed, in one process or several."""

from __future__ import annotations

import multiprocessing
import signal
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from birdedge.edge.archive.names import unique_stems
from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.sources import FAST_BLOCK_SAMPLES, file_name
from birdedge.edge.errors import BirdedgeError, OutputError
from birdedge.edge.event import Event
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.sinks.recording import OutputSettings, RecordingSink

NO_MASK = np.zeros((0, 0), np.uint8)
_COLUMNS = tuple(field.name for field in fields(Event) if field.name != "mask")
_ROW = struct.Struct("8d2q")  # of these columns


class Events:
    """The events of a file without their masks, which are written by then: 80 bytes each, since a day has thousands."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._rows = bytearray()
        self.add(events)

    def add(self, events: Iterable[Event]) -> None:
        """More of them."""
        for event in events:
            self._rows += _ROW.pack(*(getattr(event, name) for name in _COLUMNS))

    def __len__(self) -> int:
        return len(self._rows) // _ROW.size

    def __iter__(self) -> Iterator[Event]:
        return (Event(*(*values, NO_MASK)) for values in _ROW.iter_unpack(self._rows))


@dataclass(frozen=True)
class FileResult:
    """What became of one file: its events, or why there are none."""

    path: Path
    duration_s: float
    events: Events
    error: str | None = None


def segment_file(
    model: Model,
    path: Path,
    stem: str,
    wanted: OutputSettings,
    channel: int | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> FileResult:
    """Segments one recording; `progress` is told the seconds of each block done.

    Raises:
        AudioError: the file cannot be read to its end; nothing of it is written.
        OutputError: a result cannot be written.
    """
    events = Events()
    with AudioFile(path) as file:
        pipeline = Pipeline(model, file.sample_rate_hz, file.channels, channel)
        with RecordingSink(wanted, stem, file_name(path), model.card, atomic=True) as output:
            for block in file.blocks(FAST_BLOCK_SAMPLES):
                found = pipeline.push(block)
                output.write(found)
                events.add(found.events)
                progress(len(block) / file.sample_rate_hz)
            found = pipeline.flush()
            output.write(found)
            events.add(found.events)
        duration_s = pipeline.heard_samples / file.sample_rate_hz
    return FileResult(path, duration_s, events)


def segment_files(
    model: str | Path,
    paths: Sequence[Path],
    wanted: OutputSettings,
    jobs: int = 1,
    channel: int | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Iterator[FileResult]:
    """Segments recordings in the order given; one that cannot be read is reported in its `error`.

    `progress` is told seconds of sound done; with several jobs, a file at a time.

    Raises:
        ModelError: the model cannot be used.
        OutputError: a result cannot be written: so would be all that follow.
    """
    stems = unique_stems(paths)
    if jobs == 1:
        opened = Model(model)
        for path, stem in stems.items():
            yield _reported(opened, path, stem, wanted, channel, progress)
        return
    Model(model)  # so that a wrong model is one error, not one a process
    # Spawned, not forked: threads of the parent's libraries do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, _open_model, (model,)) as pool:
        tasks = deque(pool.submit(_in_process, path, stem, wanted, channel) for path, stem in stems.items())
        try:
            while tasks:
                done = tasks.popleft().result()  # which keeps nothing of what is done
                progress(done.duration_s)
                yield done
        finally:
            pool.shutdown(cancel_futures=True)


_model: Model  # of a worker process


def _open_model(name_or_path: str | Path) -> None:
    global _model
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends the workers
    _model = Model(name_or_path)


def _in_process(path: Path, stem: str, wanted: OutputSettings, channel: int | None) -> FileResult:
    return _reported(_model, path, stem, wanted, channel, lambda _: None)


def _reported(
    model: Model,
    path: Path,
    stem: str,
    wanted: OutputSettings,
    channel: int | None,
    progress: Callable[[float], None],
) -> FileResult:
    try:
        return segment_file(model, path, stem, wanted, channel, progress)
    except OutputError:
        raise
    except BirdedgeError as error:
        return FileResult(path, 0.0, Events(), str(error))
