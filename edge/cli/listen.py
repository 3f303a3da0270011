"""`birdedge listen`: open a source, run the pipeline on it, print and keep what it finds."""

from __future__ import annotations

import functools
import itertools
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
from birdedge.edge.audio.sources import (
    Source,
    demo_source,
    file_source,
    limited,
    microphone_source,
    raw_source,
)
from birdedge.edge.cli.options import DEMO_S, DEMO_SEED, channel_option, masks_option, stopped_by_signals
from birdedge.edge.errors import AudioFileError, DeviceError, SettingsError
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import listen as run
from birdedge.edge.recorder.config import Config, read_config
from birdedge.edge.recorder.recorder import Recorder
from birdedge.edge.sinks.console import ConsoleSink
from birdedge.edge.sinks.recording import OutputSettings, RecordingSink, RetryingSink
from birdedge.edge.sinks.table_file import FORMATS
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
    if source and (sound_file := _sound_file(denoised)) and sound_file.resolve() == Path(source).resolve():
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
    if source is None and not demo:  # what the configuration says of the bird alone is said of the microphone
        denoised = settings.denoised
    return_freed_memory()
    stop = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(stopped_by_signals(stop))
        printer = ConsoleSink(as_json, denoised == "-", stop)
        if out is not None and source is None and not (demo or or_demo):
            reread = functools.partial(_with_options, config, **options)
            _record(settings, reread, out, masks, duration_s, printer, stop)
            return
        opened = Model(settings.model)
        sound = _open_source(stack, source, demo, or_demo, settings, fast, duration_s, sample_format, stop)
        blocks = sound.blocks
        if duration_s is not None:
            blocks = limited(blocks, round(duration_s * sound.sample_rate_hz))
        pipeline = Pipeline(
            opened, sound.sample_rate_hz, sound.channels, settings.channel, denoised is not None
        )
        # Where there is no sound at all, the error comes here, before anything is written.
        first = list(itertools.islice(blocks, 1))
        is_file = source not in (None, "-")
        stem = Path(sound.name).stem if is_file else _now()
        wanted = OutputSettings(out, tuple(FORMATS), masks, _sound_file(denoised))
        output = stack.enter_context(RecordingSink(wanted, stem, sound.name, opened.card, atomic=is_file))
        click.echo(
            f"birdedge: listening to {sound.name}, {sound.sample_rate_hz} Hz, {sound.channels} channel(s), "
            f"with {opened.card.name} ({opened.card.precision})",
            err=True,
        )
        printer.begin()
        try:
            for found in run(pipeline, itertools.chain(first, blocks), sound.set_min_block):
                output.write(found)
                printer.print(found, sound.name)
        finally:
            printer.end(pipeline)


def _record(
    settings: Config,
    reread: Callable[[], Config],
    out: Path,
    masks: Path | None,
    duration_s: float | None,
    printer: ConsoleSink,
    stop: threading.Event,
) -> None:
    """The daemon: a microphone for ever, with database and clips."""
    start_log()
    recorder = Recorder(settings, out, reread)
    signal.signal(signal.SIGHUP, lambda *_: recorder.reload(stop))
    # Two, since they may be on two disks.
    wanted = (
        OutputSettings(out, settings.tables, masks),
        OutputSettings(denoised=_sound_file(settings.denoised)),
    )
    outputs = [RetryingSink(part, _now(), "microphone", recorder.card) for part in wanted]
    printer.begin()
    try:
        for found in recorder.run(stop, duration_s):
            for output in outputs:
                output.write(found)
            printer.print(found, "microphone")
    finally:
        for output in outputs:
            output.close()
        printer.end(recorder.pipeline)


def _with_options(path: Path | None, **options: Any) -> Config:
    """The configuration, what the command line says before it."""
    return replace(read_config(path), **{name: value for name, value in options.items() if value is not None})


def _sound_file(denoised: str | None) -> Path | None:
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
    stop: threading.Event,
) -> Source:
    if demo:
        return demo_source(max(DEMO_S, duration_s or 0.0), DEMO_SEED, stop, fast)
    if source == "-":
        if settings.sample_rate_hz is None:
            raise SettingsError("raw PCM does not say its sample rate; give it with --rate")
        if sys.stdin is None:
            raise AudioFileError("standard input is closed: pipe raw PCM into it")
        # Unbuffered: a thread that still waits within sys.stdin would crash Python's exit.
        stdin = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115
        return raw_source(stdin, settings.sample_rate_hz, settings.channels, sample_format, stop)
    if source is not None:
        return file_source(stack.enter_context(AudioFile(source)), stop, fast)
    try:
        return microphone_source(
            stack.enter_context(
                Microphone(
                    settings.device, channels=settings.channels, sample_rate_hz=settings.sample_rate_hz
                )
            ),
            stop,
        )
    except DeviceError as error:
        if not or_demo:
            raise
        click.echo(f"birdedge: {error}. Until then, listen to the demo.", err=True)
        return demo_source(max(DEMO_S, duration_s or 0.0), DEMO_SEED, stop, fast)
