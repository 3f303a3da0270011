"""`birdedge listen`: open a source, run the pipeline on it, print and keep what it finds."""

from __future__ import annotations

import functools
import itertools
import logging
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

from birdedge.edge import event_table
from birdedge.edge.audio_file import AudioFile
from birdedge.edge.config import Config, read_config
from birdedge.edge.console import channel_option, masks_option, print_line, stopped_by_signals
from birdedge.edge.errors import AudioFileError, DeviceError, OutputError, SettingsError
from birdedge.edge.journal import start_log
from birdedge.edge.listening import listen as run
from birdedge.edge.memory import return_freed_memory
from birdedge.edge.microphone import Microphone
from birdedge.edge.model import Model
from birdedge.edge.pipeline import Found, Pipeline
from birdedge.edge.recorder import Recorder
from birdedge.edge.recording_output import RecordingOutput, Wanted
from birdedge.edge.sources import (
    Source,
    demo_source,
    file_source,
    limited,
    microphone_source,
    raw_source,
)
from birdedge.edge.tables import FORMATS, event_json

DEMO_S, DEMO_SEED = 60.0, 20
log = logging.getLogger(__name__)


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
) -> None:
    """Listen to a microphone and print each bird sound as it ends.

    SOURCE is an audio file, or - for raw PCM on standard input; without it, the microphone. Ctrl-C ends it.

    \b
    Example:
      birdedge listen
      birdedge listen --device "USB Audio" --out today/
      birdedge listen dawn.flac --fast --json
      arecord -f S16_LE -r 48000 | birdedge listen - --rate 48000
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
    if as_json is None:
        as_json = sys.stdout is None or not sys.stdout.isatty()
    options = {
        "device": device,
        "sample_rate_hz": rate_hz,
        "channels": channels,
        "channel": channel,
        "model": model,
    }
    settings = _with_options(config, **options)
    return_freed_memory()
    stop = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(stopped_by_signals(stop))
        if out is not None and source is None and not (demo or or_demo):
            reread = functools.partial(_with_options, config, **options)
            _record(settings, reread, out, masks, duration_s, as_json, stop)
            return
        opened = Model(settings.model)
        sound = _open_source(stack, source, demo, or_demo, settings, fast, duration_s, sample_format, stop)
        blocks = sound.blocks
        if duration_s is not None:
            blocks = limited(blocks, round(duration_s * sound.sample_rate_hz))
        pipeline = Pipeline(opened, sound.sample_rate_hz, sound.channels, settings.channel)
        # Where there is no sound at all, the error comes here, before anything is written.
        first = list(itertools.islice(blocks, 1))
        is_file = source not in (None, "-")
        stem = Path(sound.name).stem if is_file else _now()
        wanted = Wanted(out, tuple(FORMATS), masks)
        output = stack.enter_context(RecordingOutput(wanted, stem, sound.name, opened.card, atomic=is_file))
        click.echo(
            f"birdedge: listening to {sound.name}, {sound.sample_rate_hz} Hz, {sound.channels} channel(s), "
            f"with {opened.card.name} ({opened.card.precision})",
            err=True,
        )
        if not as_json:
            print_line(event_table.header())
        count = 0
        try:
            for found in run(pipeline, itertools.chain(first, blocks), sound.want):
                output.write(found)
                count += _print_events(found, sound.name, as_json, stop)
        finally:
            click.echo(f"birdedge: {count} event(s) in {_heard(pipeline)}", err=True)


def _record(
    settings: Config,
    reread: Callable[[], Config],
    out: Path,
    masks: Path | None,
    duration_s: float | None,
    as_json: bool,
    stop: threading.Event,
) -> None:
    """The daemon: a microphone for ever, with database and clips."""
    start_log()
    recorder = Recorder(settings, out, reread)
    signal.signal(signal.SIGHUP, lambda *_: recorder.reload(stop))
    wanted = Wanted(out, settings.tables, masks)
    count = 0
    if not as_json:
        print_line(event_table.header())
    with RecordingOutput(wanted, _now(), "microphone", recorder.card, atomic=False) as output:
        try:
            told = ""
            for found in recorder.run(stop, duration_s):
                try:
                    output.write(found)
                    told = ""
                except OutputError as error:  # the database keeps what a table cannot take
                    if str(error) != told:
                        told = str(error)
                        log.error("%s", told)
                count += _print_events(found, "microphone", as_json, stop)
        finally:
            heard = _heard(recorder.pipeline) if recorder.pipeline else "no sound"
            click.echo(f"birdedge: {count} event(s) in {heard}", err=True)


def _with_options(path: Path | None, **options: Any) -> Config:
    """The configuration, what the command line says before it."""
    return replace(read_config(path), **{name: value for name, value in options.items() if value is not None})


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")


def _print_events(found: Found, name: str, as_json: bool, stop: threading.Event) -> int:
    """Their number; sets `stop` where nobody reads them any more."""
    for event in found.events:
        if not print_line(event_json(event, name) if as_json else event_table.row(event)):
            stop.set()
    return len(found.events)


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


def _heard(pipeline: Pipeline) -> str:
    """How much sound there was, and all that was wrong with it."""
    rate_hz = pipeline.sample_rate_hz
    parts = [f"{pipeline.heard_samples / rate_hz:.1f} s of sound"]
    if pipeline.lost_samples:
        parts.append(f"{pipeline.lost_samples / rate_hz:.3f} s lost in {pipeline.gaps} gap(s)")
    for count, what in ((pipeline.nonfinite_samples, "sample(s)"), (pipeline.nonfinite_chunks, "chunk(s)")):
        if count:
            parts.append(f"{count} {what} that were no numbers")
    return ", ".join(parts)
