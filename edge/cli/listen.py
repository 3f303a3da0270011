"""`birdedge listen`: run the pipeline on a microphone, a file or a pipe, live."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from birdedge.edge.audio.stream_url import is_url
from birdedge.edge.cli.options import (
    channel_option,
    masks_option,
    min_score_option,
    quiet_option,
    start_option,
    timezone_option,
)
from birdedge.edge.errors import SettingsError
from birdedge.edge.system.stop_signals import StopSignals


@click.command()
@click.argument("source", required=False)
@click.option("--demo", is_flag=True, help="Listen to a synthetic soundscape.")
@click.option("--or-demo", is_flag=True, help="Listen to the demo if no microphone can be used.")
@click.option("--device", help="Part of the name of a microphone that `birdedge devices` prints.")
@click.option("--fast", is_flag=True, help="Read a file or the demo at full speed, not in real time.")
@click.option("--duration", "duration_s", type=float, help="Stop after this many seconds of audio.")
@click.option(
    "--rate", "rate_hz", type=int, help="Sample rate in Hz of raw PCM, or to request from the microphone."
)
@click.option("--channels", type=int, help="Channels of raw PCM or of the microphone.  [default: 1]")
@click.option(
    "--sample-format", default="s16le", show_default=True, help="Raw PCM: s16le, s24le, s32le or f32le."
)
@channel_option
@click.option("--model", help="Name of a bundled model, or an .onnx file.  [default: from the configuration]")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration in TOML.  [default: the user's, if it exists]",
)
@click.option(
    "--json/--table",
    "as_json",
    default=None,
    help="Print JSON Lines or a table.  [default: a table on a terminal]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Run as a recorder that writes a database, tables and clips here; with --fast, write only tables.",
)
@start_option
@timezone_option
@min_score_option
@masks_option
@click.option(
    "--denoised",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write the denoised audio to this .wav or .flac file as it is heard; - for raw 16-bit PCM on standard output.",
)
@click.option("--force", is_flag=True, help="Replace existing results of a file; live results get a number.")
@quiet_option
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
    start: str | None,
    timezone: str | None,
    min_score: float | None,
    masks: Path | None,
    denoised: str | None,
    force: bool,
    quiet: bool,
) -> None:
    """Listen to a microphone and print each event as it ends.

    SOURCE is an audio file, the URL of a stream (http, rtsp and others), or - for raw PCM or WAV on standard input. The
    default is the microphone, or the sources of the configuration with --out. Stop with Ctrl-C.

    \b
    Example:
      birdedge listen
      birdedge listen --device "USB Audio" --out today/
      birdedge listen dawn.flac --fast --json
      birdedge listen rtsp://camera.local/stream --out today/
      arecord -f S16_LE -r 48000 | birdedge listen -
      arecord -t raw -f S32_LE -r 48000 | birdedge listen - --rate 48000 --sample-format s32le
      birdedge listen --denoised - | aplay -f S16_LE -r 48000
    """
    if duration_s is not None and not 0 < duration_s < math.inf:
        raise SettingsError(f"--duration is {duration_s}; give seconds above 0")
    if (start or timezone) and (source in (None, "-") or is_url(source or "")):
        raise SettingsError("--start and --timezone apply to a file; leave them out, or name the file")
    if demo and source:
        raise SettingsError(f"both --demo and {source!r} were given; leave one out")
    if (demo or source) and device:
        raise SettingsError(f"--device {device!r} names a microphone; leave it out, or --demo and the file")
    is_stream = source is not None and is_url(source)
    is_file = source not in (None, "-") and not is_stream
    if (demo or is_file) and rate_hz:
        raise SettingsError(
            f"--rate {rate_hz} is for raw PCM and microphones; leave it out: a file has its own"
        )
    if is_stream and fast:
        raise SettingsError("--fast is for a file and the demo; leave it out: a stream arrives in real time")
    if (
        is_file
        and denoised not in (None, "-")
        and Path(denoised or "").resolve() == Path(source or "").resolve()
    ):
        raise SettingsError(f"--denoised would overwrite {source!r}; give another name")
    options: dict[str, Any] = {
        "device": device,
        "sample_rate_hz": rate_hz,
        "channels": channels,
        "channel": channel,
        "model": model,
        "denoised": denoised,
        "min_score": min_score,
    }
    is_recorder = out is not None and not or_demo and not (fast and (demo or source))
    with StopSignals(reloads=is_recorder) as stop:  # before the imports, which take seconds on a small board
        from birdedge.edge.recorder.config import Config, read_config
        from birdedge.edge.recorder.listening import Listener, ListenSettings

        def read() -> Config:
            given = {name: value for name, value in options.items() if value is not None}
            return replace(read_config(config), **given)

        settings = ListenSettings(
            source,
            demo,
            or_demo,
            fast,
            duration_s,
            sample_format,
            as_json,
            out,
            masks,
            denoised,
            force,
            quiet,
            start,
            timezone,
        )
        Listener(settings, read, stop).run()
