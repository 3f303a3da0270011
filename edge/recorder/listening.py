"""`birdedge listen` without its command line: choose source and sinks, then run, once or as a recorder."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.live_inputs import network_input
from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.audio.sources import LimitedSource, demo_source, file_source, pipe_source
from birdedge.edge.audio.stream_url import is_url, shown_url
from birdedge.edge.block import Source
from birdedge.edge.errors import DeviceError, SettingsError
from birdedge.edge.formats.start_time import StartTime
from birdedge.edge.formats.tables import FORMATS
from birdedge.edge.messages import Sink
from birdedge.edge.models.checked_model import check_model
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.pipeline.timekeeper import Timekeeper, recording_clock
from birdedge.edge.recorder.config import Config
from birdedge.edge.recorder.daemon import RecorderDaemon, audio_path, background
from birdedge.edge.recorder.inputs import input_maker, standard_input
from birdedge.edge.recorder.source_settings import SourceSettings
from birdedge.edge.sinks.console import ConsoleSink, PipedSink, SummarySink
from birdedge.edge.sinks.denoised import DenoisedSink
from birdedge.edge.sinks.recording import OutputSettings, RecordingSink
from birdedge.edge.sinks.recording_time import RecordingTimeSink
from birdedge.edge.sinks.sink import SinkGroup
from birdedge.edge.synthesis import DEMO_S, DEMO_SEED
from birdedge.edge.system.atomic_file import Existing
from birdedge.edge.system.clock import read_clocks
from birdedge.edge.system.log import note
from birdedge.edge.system.malloc import return_freed_memory
from birdedge.edge.system.stop_signals import StopSignals

NAMELESS = "source"  # the source of the command line, which uses the recorder's own folder


@dataclass(frozen=True)
class ListenSettings:
    """What to listen to, and where results go, as given on the command line."""

    source: str | None = (
        None  # audio file, URL, or - for raw PCM or WAV on standard input; None for the microphone
    )
    demo: bool = False
    or_demo: bool = False  # listen to the demo if no microphone can be used
    fast: bool = False
    duration_s: float | None = None
    sample_format: str = "s16le"  # format of raw PCM
    as_json: bool | None = None  # None: a table on a terminal
    out: Path | None = None
    masks: Path | None = None
    denoised: str | None = None  # file, or - for standard output
    force: bool = False  # let the results of a file replace earlier ones; live results get a number
    quiet: bool = False  # print no notes and no summary, and log warnings and errors only
    start: str | None = None  # start time of a file, see `StartTime`
    timezone: str | None = None

    @property
    def is_recorder(self) -> bool:
        """Whether it runs without end, with database and clips. A recorder runs in real time."""
        is_fast = self.fast and (self.demo or self.source is not None)
        return self.out is not None and not self.or_demo and not is_fast


class Listener:
    """Listens once, or as a recorder: with a folder, in real time.

    Args:
        settings: the settings of the command line.
        read_config: reads the configuration, overridden by the command line.
        stop: ends listening; a reload makes the recorder read its configuration again.

    Raises:
        SettingsError: events and audio were both requested on standard output, or audio on a terminal.
    """

    def __init__(
        self, settings: ListenSettings, read_config: Callable[[], Config], stop: StopSignals
    ) -> None:
        self._settings, self._read_config, self._stop = settings, read_config, stop
        self._config = read_config()
        self._hears_microphone = settings.source is None and not settings.demo
        # In the configuration, `denoised` applies to the microphone only.
        self._denoised = self._config.denoised if self._hears_microphone else settings.denoised
        self._is_recorder = settings.is_recorder
        self._is_file = settings.source not in (None, "-") and not is_url(settings.source or "")
        self._check_standard_output()

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
            is_file = self._is_file
            stem = Path(source.name).stem if is_file else _now()
            console = self._console_sinks(None)
            outputs = OutputSettings(settings.out, tuple(FORMATS), settings.masks, settings.force)
            existing: Existing = "number"
            if is_file:
                existing = "replace" if settings.force else "refuse"
            sinks: list[Sink] = [
                stack.enter_context(RecordingSink(outputs, stem, model.card, atomic=is_file)),
                *console,
            ]
            if path := audio_path(self._denoised):
                sinks.append(stack.enter_context(DenoisedSink(path, existing)))
            self._say(
                f"listening to {source.name}, {source.sample_rate_hz} Hz, {source.channels} channel(s), "
                f"with {model.card.name} ({model.card.precision}); licence of the model: {model.card.licence}"
            )
            try:
                run(source, pipeline, SinkGroup(sinks), self._stop, self._timekeeper())
            finally:
                SinkGroup(console).close()

    def _record(self, out: Path) -> None:
        """Record the source that the command line names, or all sources of the configuration."""
        settings, config = self._settings, self._config
        if config.source and self._hears_microphone and config.device is None:
            self._daemon(out).run_all()
            return
        source = _heard(settings)
        make_input = input_maker(source, config, self._stop, open_now=True)  # an error here leaves no files
        files: list[Sink] | None = None
        with ExitStack() as stack:
            if source.path is not None:
                model = check_model(config.model)
                outputs = OutputSettings(out, tuple(FORMATS), settings.masks, settings.force)
                recording = RecordingSink(outputs, Path(source.path).stem, model.card, atomic=True)
                files = [self._in_recording(stack.enter_context(recording))]
                if path := audio_path(self._denoised):
                    existing: Existing = "replace" if settings.force else "refuse"
                    files.append(stack.enter_context(DenoisedSink(path, existing)))
            config = replace(config, denoised=self._denoised)
            self._daemon(out).run_one(config, _label(source), make_input, files)

    def _daemon(self, out: Path) -> RecorderDaemon:
        settings = self._settings
        return RecorderDaemon(
            *(out, settings.masks, self._read_config, self._stop, settings.duration_s),
            *(self._console_sinks, settings.quiet),
        )

    def _console_sinks(self, name: str | None) -> list[Sink]:
        """Return the sinks of standard output and standard error; without a name, they use the source's own name."""
        if self._denoised != "-":
            as_json = self._settings.as_json
            as_table = _is_terminal() if as_json is None else not as_json
            if self._is_recorder:
                return [
                    background(self._in_recording(ConsoleSink(as_table, None, name)), is_audio=False),
                    *self._summary(),
                ]
            return [ConsoleSink(as_table, self._stop), *self._summary()]
        if self._is_recorder:
            return [background(DenoisedSink(None), is_audio=True), *self._summary()]
        return [PipedSink(DenoisedSink(None), self._stop), *self._summary()]

    def _check_standard_output(self) -> None:
        if self._denoised != "-":
            return
        if self._settings.as_json is not None:
            raise SettingsError(
                "standard output cannot take both events and the denoised audio; leave out --json and --table, or "
                "give --denoised a .wav or .flac file"
            )
        if _is_terminal() or sys.stdout is None:
            raise SettingsError(
                "the denoised audio is meant for another program; pipe it to one, or give --denoised a .wav or .flac "
                "file"
            )
        self._say(
            "standard output carries the bird alone, as raw 16-bit PCM at the rate and channels of the source; events "
            "are not printed"
        )

    def _in_recording(self, sink: Sink) -> Sink:
        """Give a sink the times within the file, if the source is a file."""
        return RecordingTimeSink(sink, self._start_utc_s()) if self._is_file else sink

    def _timekeeper(self) -> Timekeeper:
        if self._hears_microphone or is_url(self._settings.source or ""):
            return Timekeeper(read_clocks())
        return recording_clock(self._start_utc_s())

    def _start_utc_s(self) -> float | None:
        settings = self._settings
        if not self._is_file:
            return None
        return StartTime(settings.start, settings.timezone).utc_s(Path(settings.source or ""))

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
            return pipe_source(
                standard_input(), config.sample_rate_hz, config.channels, settings.sample_format, self._stop
            )
        if settings.source is not None and is_url(settings.source):
            stream = network_input(settings.source, config.sample_rate_hz, config.channels, self._stop)
            stack.callback(stream.close)
            stream.open()
            return stream
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


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _heard(settings: ListenSettings) -> SourceSettings:
    """Return the source that the command line names."""
    source = settings.source
    if source is not None and is_url(source):
        return SourceSettings(NAMELESS, url=source)
    path = None if source == "-" else source
    is_pipe = source == "-"
    return SourceSettings(
        NAMELESS, path=path, stdin=is_pipe, demo=settings.demo, sample_format=settings.sample_format
    )


def _label(source: SourceSettings) -> str | None:
    """Return the name of a source in tables and JSON; None for its own name, such as a file's."""
    if source.url is not None:
        return shown_url(source.url)
    if source.path is not None:
        return None
    return "stdin" if source.stdin else "demo" if source.demo else "microphone"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
