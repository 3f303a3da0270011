"""`birdedge listen` without its command line: choose source and sinks, then run, once or as a daemon."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.audio.sources import LimitedSource, demo_source, file_source, pipe_source
from birdedge.edge.block import Source
from birdedge.edge.errors import AudioFileError, DeviceError, OutputError, SettingsError
from birdedge.edge.formats.growing_mask import repair_latest
from birdedge.edge.formats.start_time import StartTime
from birdedge.edge.formats.tables import FORMATS
from birdedge.edge.messages import Sink
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.pipeline.timekeeper import Timekeeper, recording_clock
from birdedge.edge.recorder.config import Config
from birdedge.edge.recorder.recorder import Recorder
from birdedge.edge.sinks.background import BackgroundSink
from birdedge.edge.sinks.console import ConsoleSink, PipedSink, SummarySink
from birdedge.edge.sinks.denoised import DenoisedSink
from birdedge.edge.sinks.recording import OutputSettings, RecordingSink
from birdedge.edge.sinks.retrying import RetryingSink
from birdedge.edge.sinks.rotating import DAY_S, HOUR_S, FileSink, RotatingSink
from birdedge.edge.sinks.sink import SinkGroup
from birdedge.edge.sinks.syncing import SyncingSink
from birdedge.edge.synthesis import DEMO_S, DEMO_SEED
from birdedge.edge.system.atomic_file import Existing
from birdedge.edge.system.clock import read_clocks
from birdedge.edge.system.log import note, start_log
from birdedge.edge.system.malloc import return_freed_memory
from birdedge.edge.system.stdout import open_standard_streams
from birdedge.edge.system.stop_signals import StopSignals
from birdedge.edge.times import Stamp

PRIVATE_UMASK = 0o027  # what a recorder writes, which may hold voices, is for its user and group: 0640
FILES_CLOSE_S, STANDARD_OUTPUT_CLOSE_S = 60.0, 1.0  # how long a recorder that ends waits for what it writes


@dataclass(frozen=True)
class ListenSettings:
    """What to listen to, and where results go, as the command line says it."""

    source: str | None = (
        None  # audio file, or - for raw PCM or WAV on standard input; None for the microphone
    )
    demo: bool = False
    or_demo: bool = False  # the demo if no microphone can be used
    fast: bool = False
    duration_s: float | None = None
    sample_format: str = "s16le"  # of raw PCM
    as_json: bool | None = None  # None: a table on a terminal
    out: Path | None = None
    masks: Path | None = None
    denoised: str | None = None  # file, or - for standard output
    force: bool = False  # let the results of a file replace earlier ones; live ones get a number
    quiet: bool = False  # print no notes and no summary, and log warnings and errors only
    start: str | None = None  # of a file, see `StartTime`
    timezone: str | None = None


class Listener:
    """Listens once, or with a microphone and a folder as the recorder.

    Args:
        settings: of the command line.
        read_config: reads the configuration, overridden by the command line.
        stop: ends listening; a reload lets the recorder read its configuration again.

    Raises:
        SettingsError: events and audio were both requested on standard output, or audio on a terminal.
    """

    def __init__(
        self, settings: ListenSettings, read_config: Callable[[], Config], stop: StopSignals
    ) -> None:
        self._settings, self._read_config, self._stop = settings, read_config, stop
        self._config = read_config()
        self._hears_microphone = settings.source is None and not settings.demo
        # What the configuration says about denoised audio is about the microphone.
        self._denoised = self._config.denoised if self._hears_microphone else settings.denoised
        self._is_recorder = settings.out is not None and self._hears_microphone and not settings.or_demo
        self._console = self._console_sinks()

    def run(self) -> None:
        """Listen until the source ends or `stop` is set.

        Raises:
            BirdedgeError: the source, the model or an output cannot be used.
        """
        return_freed_memory()
        if self._is_recorder and self._settings.out is not None:
            self._record(self._settings.out)
        else:
            self._listen()

    def _listen(self) -> None:
        settings, config = self._settings, self._config
        with ExitStack() as stack:
            model = Model(config.model)
            model.set_min_score(config.min_score)
            source = self._open_source(stack)
            if settings.duration_s is not None:
                source = LimitedSource(source, round(settings.duration_s * source.sample_rate_hz))
            pipeline = Pipeline(
                model, source.sample_rate_hz, source.channels, config.channel, self._denoised is not None
            )
            is_file = settings.source not in (None, "-")
            stem = Path(source.name).stem if is_file else _now()
            outputs = OutputSettings(settings.out, tuple(FORMATS), settings.masks, settings.force)
            existing: Existing = "number"
            if is_file:
                existing = "replace" if settings.force else "refuse"
            sinks: list[Sink] = [
                stack.enter_context(RecordingSink(outputs, stem, model.card, atomic=is_file)),
                *self._console,
            ]
            if path := _audio_path(self._denoised):
                sinks.append(stack.enter_context(DenoisedSink(path, existing)))
            self._say(
                f"listening to {source.name}, {source.sample_rate_hz} Hz, {source.channels} channel(s), "
                f"with {model.card.name} ({model.card.precision}); licence of the model: {model.card.licence}"
            )
            try:
                run(source, pipeline, SinkGroup(sinks), self._stop, self._timekeeper())
            finally:
                SinkGroup(self._console).close()

    def _record(self, out: Path) -> None:
        """Run the recorder: a microphone without end, with database and clips."""
        open_standard_streams()
        start_log(logging.WARNING if self._settings.quiet else logging.INFO)
        os.umask(os.umask(0o777) | PRIVATE_UMASK)
        recorder = Recorder(self._config, out, self._read_config)
        outputs = OutputSettings(out, self._config.tables, self._settings.masks)
        sinks: list[Sink] = [
            BackgroundSink(RetryingSink(SyncingSink(sink, self._config.commit_s)), name, FILES_CLOSE_S)
            for name, sink in self._file_sinks(outputs, recorder)
        ]
        sinks += self._console
        try:
            recorder.run(sinks, self._stop, self._settings.duration_s)
        finally:
            SinkGroup(sinks).close()
        if recorder.clip_problem is not None:
            raise OutputError(recorder.clip_problem)

    def _file_sinks(self, outputs: OutputSettings, recorder: Recorder) -> list[tuple[str, FileSink]]:
        """Return the sinks of tables, masks and denoised audio by name; each may be on another disk."""

        def recording(settings: OutputSettings, stem: str, origin: Stamp | None) -> RecordingSink:
            old_files, retention = recorder.old_files, recorder.retention  # the configuration may change
            if settings.masks is not None:
                old_files.remove(settings.masks, (".npz",), retention.max_masks_gb)
            if settings.tables is not None:
                suffixes = [format.suffix for format in FORMATS.values()]
                old_files.remove(settings.tables, suffixes, retention.max_tables_gb)
            return RecordingSink(
                settings, stem, recorder.card, atomic=False, file="microphone", origin=origin
            )

        tables, masks = replace(outputs, masks=None), replace(outputs, tables=None)
        sinks: list[tuple[str, FileSink]] = [
            ("tables", RotatingSink(partial(recording, tables), DAY_S, late_events=True))
        ]
        if masks.masks is not None:
            repair_latest(masks.masks)
            sinks.append(("masks", RotatingSink(partial(recording, masks), HOUR_S)))
        if path := _audio_path(self._denoised):
            first = [path]  # the name that the user gave; the others have their time too

            def denoised(stem: str, _: Stamp | None) -> DenoisedSink:
                return DenoisedSink(first.pop() if first else path.with_stem(f"{path.stem}-{stem}"))

            sinks.append((str(path), RotatingSink(denoised, DAY_S)))
        return sinks

    def _console_sinks(self) -> list[Sink]:
        """Return the sinks of standard output and standard error."""
        terminal = sys.stdout is not None and sys.stdout.isatty()
        as_json = self._settings.as_json
        if self._denoised != "-":
            as_table = terminal if as_json is None else not as_json
            if self._is_recorder:
                return [
                    _background(ConsoleSink(as_table, None, "microphone"), optional=True),
                    *self._summary(),
                ]
            return [ConsoleSink(as_table, self._stop), *self._summary()]
        if as_json is not None:
            raise SettingsError(
                "standard output cannot take both events and the denoised audio; leave out --json and --table, or "
                "give --denoised a .wav or .flac file"
            )
        if terminal or sys.stdout is None:
            raise SettingsError(
                "the denoised audio is for a program to read; pipe it there, or give --denoised a .wav or .flac file"
            )
        self._say(
            "standard output is the bird alone, raw 16-bit PCM at the rate and channels of the source; events are "
            "not printed"
        )
        if self._is_recorder:
            return [_background(DenoisedSink(None), optional=False), *self._summary()]
        return [PipedSink(DenoisedSink(None), self._stop), *self._summary()]

    def _timekeeper(self) -> Timekeeper:
        settings = self._settings
        if settings.source is None and not settings.demo:
            return Timekeeper(read_clocks())
        start_utc_s = None
        if settings.source not in (None, "-"):
            start_utc_s = StartTime(settings.start, settings.timezone).utc_s(Path(settings.source or ""))
        return recording_clock(start_utc_s)

    def _summary(self) -> list[Sink]:
        return [] if self._settings.quiet else [SummarySink()]

    def _say(self, line: str) -> None:
        if not self._settings.quiet:
            note(line)

    def _open_source(self, stack: ExitStack) -> Source:
        settings, config = self._settings, self._config
        demo_s = max(DEMO_S, settings.duration_s or 0.0)
        if settings.demo:
            return demo_source(demo_s, DEMO_SEED, settings.fast)
        if settings.source == "-":
            if sys.stdin is None:
                raise AudioFileError("standard input is closed: pipe raw PCM or WAV into it")
            if sys.stdin.isatty():
                raise SettingsError("standard input is a terminal; pipe raw PCM or WAV into it")
            # Unbuffered: a thread that still waits within sys.stdin would crash the exit of Python.
            stdin = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115
            return pipe_source(
                stdin, config.sample_rate_hz, config.channels, settings.sample_format, self._stop
            )
        if settings.source is not None:
            file = stack.enter_context(AudioFile(settings.source))
            for warning in file.warnings:
                note(warning)
            return file_source(file, settings.fast)
        try:
            return stack.enter_context(
                Microphone(config.device, channels=config.channels, sample_rate_hz=config.sample_rate_hz)
            )
        except DeviceError as error:
            if not settings.or_demo:
                raise
            self._say(f"{error}. Listening to the demo instead.")
            return demo_source(demo_s, DEMO_SEED, settings.fast)


def _background(sink: Sink, optional: bool) -> Sink:
    """Return a sink of standard output that a daemon outlives: its reader may stop reading, or leave."""
    return BackgroundSink(RetryingSink(sink), "standard output", STANDARD_OUTPUT_CLOSE_S, optional)


def _audio_path(denoised: str | None) -> Path | None:
    """Return the file that denoised audio goes to; None for standard output, or if it is not wanted."""
    return None if denoised is None or denoised == "-" else Path(denoised)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
