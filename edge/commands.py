"""The recorder's commands. Each opens, calls one thing of edge/, and prints."""

from __future__ import annotations

import itertools
import json
import math
import os
import signal
import sys
import threading
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np

from birdedge.edge import event_table
from birdedge.edge.audio_file import AudioFile
from birdedge.edge.errors import AudioFileError, DeviceError, OutputError, SettingsError
from birdedge.edge.model import DEFAULT_MODEL
from birdedge.edge.sources import (
    Source,
    demo_source,
    file_name,
    file_source,
    limited,
    microphone_source,
    raw_source,
)
from birdedge.edge.tables import FORMATS

model_option = click.option(
    "--model", default=DEFAULT_MODEL, show_default=True, help="A bundled model's name, or a .onnx file."
)
channel_option = click.option(
    "--channel", type=int, default=None, help="The channel to listen to, from 0; the mean of all by default."
)
masks_option = click.option(
    "--masks",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the mask of each recording (.npz) here.",
)
DEMO_S, DEMO_SEED = 60.0, 20


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
@click.option(
    "--channels", type=int, default=1, show_default=True, help="Channels of raw PCM or the microphone."
)
@click.option(
    "--sample-format", default="s16le", show_default=True, help="Raw PCM: s16le, s24le, s32le or f32le."
)
@channel_option
@model_option
@click.option(
    "--json/--table", "as_json", default=None, help="JSON Lines or a readable table; a table on a terminal."
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write tables in all formats here."
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
    channels: int,
    sample_format: str,
    channel: int | None,
    model: str,
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
    from birdedge.edge.listening import listen as run
    from birdedge.edge.model import Model
    from birdedge.edge.pipeline import Pipeline
    from birdedge.edge.recording_output import RecordingOutput, Wanted
    from birdedge.edge.tables import event_json

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
    opened = Model(model)
    stop = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(_stopped_by_signals(stop))
        sound = _open_source(
            stack, source, demo, or_demo, device, fast, duration_s, rate_hz, channels, sample_format, stop
        )
        blocks = sound.blocks
        if duration_s is not None:
            blocks = limited(blocks, round(duration_s * sound.sample_rate_hz))
        pipeline = Pipeline(opened, sound.sample_rate_hz, sound.channels, channel)
        # Where there is no sound at all, the error comes here, before anything is written.
        first = list(itertools.islice(blocks, 1))
        is_file = source not in (None, "-")
        stem = Path(sound.name).stem if is_file else datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
        wanted = Wanted(out, tuple(FORMATS), masks)
        output = stack.enter_context(RecordingOutput(wanted, stem, sound.name, opened.card, atomic=is_file))
        click.echo(
            f"birdedge: listening to {sound.name}, {sound.sample_rate_hz} Hz, {sound.channels} channel(s), "
            f"with {opened.card.name} ({opened.card.precision})",
            err=True,
        )
        if not as_json:
            _print(event_table.header())
        count = 0
        try:
            for found in run(pipeline, itertools.chain(first, blocks)):
                output.write(found)
                for event in found.events:
                    if not _print(event_json(event, sound.name) if as_json else event_table.row(event)):
                        stop.set()
                count += len(found.events)
        finally:
            heard_s = pipeline.heard_samples / sound.sample_rate_hz
            click.echo(
                f"birdedge: {count} event(s) in {heard_s:.1f} s of sound{_troubles(pipeline)}", err=True
            )


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write a table for each file here."
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(list(FORMATS)),
    help="Table format; may be given several times.  [default: csv]",
)
@masks_option
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes to work in.")
@channel_option
@model_option
def segment(
    files: tuple[Path, ...],
    out: Path | None,
    formats: tuple[str, ...],
    masks: Path | None,
    jobs: int,
    channel: int | None,
    model: str,
) -> None:
    """Segment recordings at full speed.

    A folder stands for the recordings in it. Events go to tables in --out, with one Raven table of all files
    (all.selections.txt), or as JSON Lines to standard output. A file that cannot be read is reported, the
    others go on, and the exit code is 1.

    \b
    Example:
      birdedge segment dawn.wav
      birdedge segment archive/ --out tables/ --format raven --format csv --jobs 4
    """
    from birdedge.edge.archive import Segmentation, segment_files
    from birdedge.edge.recording_output import Wanted
    from birdedge.edge.tables import combined_raven, event_json

    paths = _recordings(files)
    wanted = Wanted(out, formats or ("csv",), masks)
    done: list[Segmentation] = []
    with click.progressbar(length=_total_ms(paths), label=f"{len(paths)} file(s)", file=sys.stderr) as bar:
        for result in segment_files(
            model, paths, wanted, jobs, channel, lambda s: bar.update(round(s * 1000))
        ):
            done.append(result)
            if result.error:
                click.echo(f"\nError: {result.error}", err=True)
            elif out is None and masks is None:
                for event in result.events:
                    if not _print(event_json(event, file_name(result.path))):
                        return
    failed = sum(d.error is not None for d in done)
    if out is not None and failed < len(done):
        combined_raven(
            out / "all.selections.txt",
            [(file_name(d.path), d.duration_s, d.events) for d in done if not d.error],
        )
    events, heard_s = sum(len(d.events) for d in done), sum(d.duration_s for d in done)
    click.echo(
        f"{len(done) - failed} of {len(done)} file(s), {heard_s:.1f} s of sound, {events} event(s)", err=True
    )
    if failed:
        sys.exit(1)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="JSON, for scripts.")
def devices(as_json: bool) -> None:
    """List the microphones; the default has a star.

    \b
    Example:
      birdedge devices
    """
    from birdedge.edge.microphone import input_devices

    found = input_devices()
    if as_json:
        keys = ("name", "host_api", "channels", "default_rate_hz", "is_default")
        _print(json.dumps([{key: getattr(d, key) for key in keys} for d in found], ensure_ascii=False))
        return
    if not found:
        _print("no microphone")
    for d in found:
        mark = "*" if d.is_default else " "
        _print(f"{mark} {d.name}  ({d.host_api}, {d.channels} ch, {d.default_rate_hz} Hz)")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The PNG.  [default: FILE's name with .png]"
)
@click.option(
    "--start", "start_s", type=float, default=0.0, show_default=True, help="Seconds into the recording."
)
@click.option(
    "--duration", "duration_s", type=float, default=120.0, show_default=True, help="Seconds to draw."
)
@channel_option
@model_option
def plot(
    file: Path, output: Path | None, start_s: float, duration_s: float, channel: int | None, model: str
) -> None:
    """Draw a recording's spectrogram with its mask and events as PNG.

    \b
    Example:
      birdedge plot dawn.wav --start 60 --duration 30
    """
    from birdedge.edge.figure import draw
    from birdedge.edge.model import Model
    from birdedge.edge.window import segment_window

    output = output or Path(f"{file.stem}.png")
    opened = Model(model)
    window = segment_window(opened, file, start_s, duration_s, channel)
    grid = opened.card.grid
    draw(
        output,
        window.level * np.float32(20 / np.log(10)),
        window.mask.astype(np.float32) / np.float32(255),
        window.events,
        grid.hop_s,
        grid.first_frame_s + window.first_frame * grid.hop_s,
        grid.low_hz,
        grid.bin_hz,
        file.name,
        opened.card.threshold,
    )
    _print(f"{output}: {len(window.events)} event(s)")


@click.command()
@click.argument("model", default=DEFAULT_MODEL)
@click.option("--json", "as_json", is_flag=True, help="The whole card as JSON.")
def inspect(model: str, as_json: bool) -> None:
    """Print the card of a model: what it hears, what it costs, how well it was measured to do.

    \b
    Example:
      birdedge inspect
      birdedge inspect mine.onnx --json
    """
    from birdedge.edge.card_page import card_page
    from birdedge.edge.model import Model

    opened = Model(model)
    _print(opened.card.to_json() if as_json else card_page(opened.card, opened.path))


@click.command()
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--duration", "duration_s", type=float, default=DEMO_S, show_default=True, help="Seconds.")
@click.option(
    "--seed", type=int, default=DEMO_SEED, show_default=True, help="Another seed, another soundscape."
)
@click.option(
    "--calls", "calls_per_minute", type=float, default=20.0, show_default=True, help="Bird calls a minute."
)
def demo(output: Path, duration_s: float, seed: int, calls_per_minute: float) -> None:
    """Write the demo soundscape to a WAV file, and what is in it beside it (.truth.csv).

    \b
    Example:
      birdedge demo demo.wav
    """
    from birdedge.edge.demo_file import write_demo

    truths = write_demo(output, duration_s, seed, calls_per_minute)
    _print(f"{output}: {duration_s:g} s, {truths} call(s)")


def _open_source(
    stack: ExitStack,
    source: str | None,
    demo: bool,
    or_demo: bool,
    device: str | None,
    fast: bool,
    duration_s: float | None,
    rate_hz: int | None,
    channels: int,
    sample_format: str,
    stop: threading.Event,
) -> Source:
    if demo:
        return demo_source(duration_s or DEMO_S, DEMO_SEED, stop, fast)
    if source == "-":
        if rate_hz is None:
            raise SettingsError("raw PCM does not say its sample rate; give it with --rate")
        if sys.stdin is None:
            raise AudioFileError("standard input is closed: pipe raw PCM into it")
        # Unbuffered: a thread that still waits within sys.stdin would crash Python's exit.
        stdin = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115
        return raw_source(stdin, rate_hz, channels, sample_format, stop)
    if source is not None:
        return file_source(stack.enter_context(AudioFile(source)), stop, fast)
    from birdedge.edge.microphone import Microphone

    try:
        return microphone_source(
            stack.enter_context(Microphone(device, channels=channels, sample_rate_hz=rate_hz)), stop
        )
    except DeviceError as error:
        if not or_demo:
            raise
        click.echo(f"birdedge: {error}. Until then, listen to the demo.", err=True)
        return demo_source(duration_s or DEMO_S, DEMO_SEED, stop, fast)


class _stopped_by_signals(AbstractContextManager[None]):
    """Ctrl-C and SIGTERM set `stop`; a second one ends the program at once."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, _frame: object) -> None:
        if self._stop.is_set():
            os._exit(128 + number)
        self._stop.set()


def _recordings(given: tuple[Path, ...]) -> list[Path]:
    """Files as given; folders replaced by the recordings in them."""
    paths: list[Path] = []
    for path in given:
        if path.is_dir():
            inside = sorted(
                p for p in path.rglob("*") if p.suffix.lower() in (".wav", ".flac", ".ogg", ".mp3")
            )
            if not inside:
                raise SettingsError(f"{path} holds no WAV, FLAC, OGG or MP3 file; give a folder that does")
            paths += inside
        else:
            paths.append(path)
    return paths


def _total_ms(paths: list[Path]) -> int:
    """Length of all recordings that say it, for the progress bar."""
    import soundfile

    total_s = 0.0
    for path in filter(Path.is_file, paths):  # to ask a pipe would be to wait for it
        try:
            total_s += soundfile.info(path).duration
        except (soundfile.LibsndfileError, OSError, TypeError):
            continue
    return round(total_s * 1000)


def _troubles(pipeline: object) -> str:
    counts = ((getattr(pipeline, f"nonfinite_{what}"), what) for what in ("samples", "chunks"))
    return "".join(f", {n} {what} that were no numbers" for n, what in counts if n)


def _print(line: str) -> bool:
    """A line on standard output, there at once; False where whoever read it has had enough (`| head`)."""
    try:
        print(line, flush=True)
        return True
    except OSError as error:
        # What is still in the buffer would raise again as Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return False
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error
