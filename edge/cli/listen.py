"""`birdedge listen`: run the pipeline on a microphone, a file or a pipe, live."""

from __future__ import annotations

import functools
import math
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.audio.sources import LimitedSource, demo_source, file_source, raw_source
from birdedge.edge.block import Source
from birdedge.edge.cli.options import DEMO_S, DEMO_SEED, channel_option, masks_option, stopped_by_signals
from birdedge.edge.errors import AudioFileError, DeviceError, SettingsError
from birdedge.edge.formats.tables import FORMATS
from birdedge.edge.messages import Sink
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.recorder.config import Config, read_config
from birdedge.edge.recorder.recorder import Recorder
from birdedge.edge.sinks.console import ConsoleSink, PipedSink, SummarySink
from birdedge.edge.sinks.denoised import DenoisedSink
from birdedge.edge.sinks.recording import OutputSettings, RecordingSink
from birdedge.edge.sinks.retrying import RetryingSink
from birdedge.edge.sinks.sink import SinkGroup
from birdedge.edge.system.log import start_log
from birdedge.edge.system.malloc import return_freed_memory


@click.command()
@click.argument("source", required=False)
@click.option("--demo", is_flag=True, help="Listen to a soundscape that birdedge makes itself.")
@click.option("--or-demo", is_flag=True, help="Listen to the demo where no microphone can be used.")
@click.option("--device", help="Part of the microphone's name, as `birdedge devices` prints it.")
@click.option("--fast", is_flag=True, help="Read a file or the demo as fast as it goes, not in real time.")
@click.option("--duration", "duration_s", type=float, help="Stop after so many seconds of sound.")
@click.option(
    "--rate", "rate_hz", type=int, help="Sample rate in Hz: of raw PCM, or to ask of the microphone."
)
@click.option("--channels", type=int, help="Channels of raw PCM or the microphone.  [default: 1]")
@click.option(
    "--sample-format", default="s16le", show_default=True, help="Raw PCM: s16le, s24le, s32le or f32le."
)
@channel_option
@click.option("--model", help="A bundled model's name, or a .onnx file.  [default: the configuration's]")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration, in TOML.  [default: the user's own, if there is one]",
)
@click.option(
    "--json/--table", "as_json", default=None, help="JSON Lines or a readable table; a table on a terminal."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write tables here; of a microphone clips and a database too, and listen for ever, whatever happens to it.",
)
@masks_option
@click.option(
    "--denoised",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Add the bird alone to this .wav or .flac file as it is heard; - for raw 16-bit PCM on standard output.",
)
def listen(
    source: str | None,
    demo: bool,
    or_demo: bool,
    device: str | None,
    fast: bool,
    duration_s: float | None,
    rate_hz: int | None,
    channels: int | None,
    sample_format: str,
    channel: int | None,
    model: str | None,
    config: Path | None,
    as_json: bool | None,
    out: Path | None,
    masks: Path | None,
    denoised: str | None,
) -> None:
    """Listen to a microphone and print each bird sound as it ends.

    SOURCE is an audio file, or - for raw PCM on standard input; without it, the microphone. Ctrl-C ends it.

    \b
    Example:
      birdedge listen
      birdedge listen --device "USB Audio" --out today/
      birdedge listen dawn.flac --fast --json
      arecord -f S16_LE -r 48000 | birdedge listen - --rate 48000
      birdedge listen --denoised - | aplay -f S16_LE -r 48000
    """
    if duration_s is not None and not 0 < duration_s < math.inf:
        raise SettingsError(f"--duration is {duration_s}; give seconds above 0")
    if demo and source:
        raise SettingsError(f"both --demo and {source!r} were given; leave one out")
    if (demo or source) and device:
        raise SettingsError(f"--device {device!r} names a microphone; leave it out, or --demo and the file")
    if (demo or source not in (None, "-")) and rate_hz:
        raise SettingsError(
            f"--rate {rate_hz} is for raw PCM and microphones; leave it out: a file says its own"
        )
    if source and (audio_path := _audio_path(denoised)) and audio_path.resolve() == Path(source).resolve():
        raise SettingsError(f"--denoised would write over {source!r} itself; give another name")
    options = {
        "device": device,
        "sample_rate_hz": rate_hz,
        "channels": channels,
        "channel": channel,
        "model": model,
        "denoised": denoised,
    }
    settings = _with_options(config, **options)
    if source is None and not demo:  # the configuration's setting is for the microphone
        denoised = settings.denoised
    return_freed_memory()
    stop = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(stopped_by_signals(stop))
        is_recorder = out is not None and source is None and not (demo or or_demo)
        console = _console(as_json, denoised == "-", stop, "microphone" if is_recorder else None)
        if is_recorder and out is not None:
            read_again = functools.partial(_with_options, config, **options)
            _record(settings, read_again, out, masks, duration_s, console, stop)
            return
        opened = Model(settings.model)
        audio = _open_source(stack, source, demo, or_demo, settings, fast, duration_s, sample_format)
        if duration_s is not None:
            audio = LimitedSource(audio, round(duration_s * audio.sample_rate_hz))
        pipeline = Pipeline(
            opened, audio.sample_rate_hz, audio.channels, settings.channel, denoised is not None
        )
        is_file = source not in (None, "-")
        stem = Path(audio.name).stem if is_file else _now()
        sinks: list[Sink] = [
            stack.enter_context(
                RecordingSink(OutputSettings(out, tuple(FORMATS), masks), stem, opened.card, atomic=is_file)
            ),
            *console,
        ]
        if path := _audio_path(denoised):
            sinks.append(stack.enter_context(DenoisedSink(path, replace=is_file)))
        click.echo(
            f"birdedge: listening to {audio.name}, {audio.sample_rate_hz} Hz, {audio.channels} channel(s), "
            f"with {opened.card.name} ({opened.card.precision})",
            err=True,
        )
        try:
            run(audio, pipeline, SinkGroup(sinks), stop)
        finally:
            SinkGroup(console).close()


def _record(
    settings: Config,
    read_again: Callable[[], Config],
    out: Path,
    masks: Path | None,
    duration_s: float | None,
    console: list[Sink],
    stop: threading.Event,
) -> None:
    """Run the daemon: a microphone without end, with database and clips."""
    start_log()
    recorder = Recorder(settings, out, read_again)
    signal.signal(signal.SIGHUP, lambda *_: recorder.reload(stop))
    outputs = OutputSettings(out, settings.tables, masks)
    sinks: list[Sink] = [
        RetryingSink(RecordingSink(outputs, _now(), recorder.card, atomic=False, file="microphone"))
    ]
    if path := _audio_path(settings.denoised):  # perhaps on another disk
        sinks.append(RetryingSink(DenoisedSink(path)))
    sinks += console
    try:
        recorder.run(sinks, stop, duration_s)
    finally:
        SinkGroup(sinks).close()


def _console(as_json: bool | None, audio: bool, stop: threading.Event, name: str | None) -> list[Sink]:
    """Return the sinks of standard output and standard error.

    Raises:
        SettingsError: events and audio were both requested, or audio on a terminal.
    """
    terminal = sys.stdout is not None and sys.stdout.isatty()
    if not audio:
        return [ConsoleSink(terminal if as_json is None else not as_json, stop, name), SummarySink()]
    if as_json is not None:
        raise SettingsError(
            "standard output cannot take both events and the denoised audio; leave out --json and --table, or give "
            "--denoised a .wav or .flac file"
        )
    if terminal or sys.stdout is None:
        raise SettingsError(
            "the denoised audio is for a program to read; pipe it there, or give --denoised a .wav or .flac file"
        )
    click.echo(
        "birdedge: standard output is the bird alone, raw 16-bit PCM at the rate and channels of the source; "
        "events are not printed",
        err=True,
    )
    return [PipedSink(DenoisedSink(None), stop), SummarySink()]


def _with_options(path: Path | None, **options: Any) -> Config:
    """Return the configuration, overridden by the command line."""
    return replace(read_config(path), **{name: value for name, value in options.items() if value is not None})


def _audio_path(denoised: str | None) -> Path | None:
    return None if denoised is None or denoised == "-" else Path(denoised)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")


def _open_source(
    stack: ExitStack,
    source: str | None,
    demo: bool,
    or_demo: bool,
    settings: Config,
    fast: bool,
    duration_s: float | None,
    sample_format: str,
) -> Source:
    if demo:
        return demo_source(max(DEMO_S, duration_s or 0.0), DEMO_SEED, fast)
    if source == "-":
        if settings.sample_rate_hz is None:
            raise SettingsError("raw PCM does not state its sample rate; give it with --rate")
        if sys.stdin is None:
            raise AudioFileError("standard input is closed: pipe raw PCM into it")
        # Unbuffered: a thread that still waits within sys.stdin would crash the exit of Python.
        stdin = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115
        return raw_source(stdin, settings.sample_rate_hz, settings.channels, sample_format)
    if source is not None:
        return file_source(stack.enter_context(AudioFile(source)), fast)
    try:
        return stack.enter_context(
            Microphone(settings.device, channels=settings.channels, sample_rate_hz=settings.sample_rate_hz)
        )
    except DeviceError as error:
        if not or_demo:
            raise
        click.echo(f"birdedge: {error}. Listening to the demo instead.", err=True)
        return demo_source(max(DEMO_S, duration_s or 0.0), DEMO_SEED, fast)
