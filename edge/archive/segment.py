"""Segment recordings at full speed."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from birdedge.edge.archive.event_buffer import EventBuffer
from birdedge.edge.archive.files import total_duration_s
from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.sources import file_name, file_source
from birdedge.edge.errors import BirdedgeError, DataError, OutputError
from birdedge.edge.event import Event
from birdedge.edge.formats.event_reader import read_events, read_named_events
from birdedge.edge.formats.raven import path_cell
from birdedge.edge.formats.start_time import FROM_RECORDING, StartTime
from birdedge.edge.formats.tables import FORMATS, TableName
from birdedge.edge.mask import Mask
from birdedge.edge.messages import EventDetected, FramesReady, Message
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import ARCHIVE_MODEL
from birdedge.edge.pipeline.collector import Collector
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.pipeline.timekeeper import recording_clock
from birdedge.edge.sinks.recording import OutputSettings, RecordingSink
from birdedge.edge.sinks.sink import SinkGroup

Progress = Callable[[float], None]  # receives the seconds of audio processed since the last call


@dataclass(frozen=True, eq=False)
class FileResult:
    """The result of one recording: its events, or the reason why there are none."""

    path: Path
    duration_s: float
    events: EventBuffer | list[Event]
    mask: Mask | None = None  # only from `segment`
    error: str | None = None
    skipped: bool = False  # all its results existed; the events come from an earlier table
    silent_s: float = 0.0  # digital silence in it
    start_utc_s: float | None = None  # of its first sample, in seconds since 1970; None if it is unknown
    warnings: tuple[str, ...] = ()  # problems found although it was read: a sentence each


def segment(
    path: str | Path, model: Model | str | Path = ARCHIVE_MODEL, channel: int | None = None
) -> FileResult:
    """Segment one recording and return its events and its mask, in memory.

    Args:
        path: A WAV, FLAC, OGG or MP3 file.
        model: An open model, the name of a bundled one, or the path of a model file.
        channel: The channel to analyse, from 0; None for the mean of all.

    Returns:
        Events, each with its own mask, and the mask of the recording: 32 kB per second of audio.

    Raises:
        AudioError: The file cannot be read.
        ModelError: The model cannot be used.
        SettingsError: The channel does not exist.
    """
    opened = model if isinstance(model, Model) else Model(model)
    collector = Collector()
    with AudioFile(path) as file:
        pipeline = Pipeline(opened, file.sample_rate_hz, file.channels, channel)
        run(file_source(file), pipeline, collector, threading.Event())
    grid, threshold = opened.card.grid, opened.card.threshold
    mask = Mask(collector.output().mask, grid.hop_s, grid.first_frame_s, grid.low_hz, grid.bin_hz, threshold)
    heard_s, silent_s = (
        n / pipeline.sample_rate_hz for n in (pipeline.heard_samples, pipeline.silent_samples)
    )
    warnings = reading_warnings(file, pipeline)
    return FileResult(Path(path), heard_s, collector.events, mask, silent_s=silent_s, warnings=warnings)


def segment_file(
    model: Model,
    path: Path,
    stem: str,
    outputs: OutputSettings,
    channel: int | None = None,
    progress: Progress = lambda _: None,
    start_time: StartTime = FROM_RECORDING,
) -> FileResult:
    """Segment one recording and write its results, named by `stem`. The returned events have no masks.

    Raises:
        AudioError: The file cannot be read to its end; none of its results is written.
        OutputError: A result cannot be written.
    """
    with AudioFile(path) as file, RecordingSink(outputs, stem, model.card, atomic=True) as recording:
        pipeline = Pipeline(model, file.sample_rate_hz, file.channels, channel)
        events = _EventSink(file.sample_rate_hz, progress)
        start_utc_s = start_time.utc_s(path)
        sinks = SinkGroup([recording, events])
        run(file_source(file), pipeline, sinks, threading.Event(), recording_clock(start_utc_s))
        heard_s, silent_s = (
            n / file.sample_rate_hz for n in (pipeline.heard_samples, pipeline.silent_samples)
        )
        return FileResult(
            path,
            heard_s,
            events.events,
            silent_s=silent_s,
            start_utc_s=start_utc_s,
            warnings=reading_warnings(file, pipeline),
        )


def segment_or_report(
    model: Model,
    path: Path,
    stem: str,
    outputs: OutputSettings,
    channel: int | None,
    progress: Progress,
    start_time: StartTime = FROM_RECORDING,
) -> FileResult:
    """Do what `segment_file` does, but report a recording that cannot be read in the `error` of its result.

    With `skip_existing`, only missing results are written; a recording whose results all exist is not read. A table
    that names another recording is an error of this one.
    """
    try:
        missing = outputs.missing(stem) if outputs.skip_existing else outputs
        if outputs.skip_existing:
            _refuse_tables_of_another(path, outputs, stem)
        if outputs.skip_existing and not any(missing.paths(stem)):
            duration_s = total_duration_s([path])
            progress(duration_s)
            events = EventBuffer(_earlier_events(outputs, stem))
            return FileResult(path, duration_s, events, skipped=True, start_utc_s=start_time.utc_s(path))
        return segment_file(model, path, stem, missing, channel, progress, start_time)
    except BirdedgeError as error:
        of_this_name = isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ENAMETOOLONG
        if isinstance(error, OutputError) and not of_this_name:
            raise
        return FileResult(path, 0.0, EventBuffer(), error=str(error))


def _refuse_tables_of_another(path: Path, outputs: OutputSettings, stem: str) -> None:
    """Raise an error if an existing table names another recording; an Audacity table names none."""
    if outputs.tables is None:
        return
    for format in outputs.formats:
        table = outputs.tables / (stem + FORMATS[format].suffix)
        name = _named_recording(table, format)
        if name and not _is_name_of(name, path):
            raise DataError(
                f"{table} is the table of {name}, not of {path}: give another --out, or --force to replace it"
            )


def _named_recording(table: Path, format: TableName) -> str:
    """Return the recording that a table names; empty if it is missing or malformed, or has no events."""
    with suppress(DataError):
        return next(read_named_events(table, format), ("", None))[0]
    return ""


def _is_name_of(name: str, path: Path) -> bool:
    if path_cell(name) == path_cell(file_name(path)):
        return True
    try:
        return Path(name).samefile(path)  # by another path, such as a link
    except (OSError, ValueError):
        return False


def _earlier_events(outputs: OutputSettings, stem: str) -> Iterator[Event]:
    if outputs.tables and outputs.formats:
        # The other formats have more columns than Audacity's.
        name = min(outputs.formats, key=lambda name: name == "audacity")
        yield from read_events(outputs.tables / (stem + FORMATS[name].suffix), name)


def reading_warnings(file: AudioFile, pipeline: Pipeline) -> tuple[str, ...]:
    """Return the problems found in a recording that was read to its end: a sentence each, with its path."""
    counts = [
        f"{count} {unit} that are NaN or infinite, or far out of range"
        for count, unit in (
            (pipeline.nonfinite_samples, "sample(s)"),
            (pipeline.nonfinite_chunks, "chunk(s)"),
        )
        if count
    ]
    return (*file.warnings, *(f"{file.path}: {text}" for text in (*counts, *pipeline.warnings)))


class _EventSink:
    """A sink that keeps the events and reports progress."""

    def __init__(self, sample_rate_hz: int, progress: Progress) -> None:
        self.events = EventBuffer()
        self._sample_rate_hz, self._progress = sample_rate_hz, progress

    def write(self, message: Message) -> None:
        if isinstance(message, EventDetected):
            self.events.append(message.event)
        elif isinstance(message, FramesReady) and len(message.audio):
            self._progress(len(message.audio) / self._sample_rate_hz)

    def close(self) -> None:
        """Do nothing: nothing is open."""
