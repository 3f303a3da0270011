"""The recorder's other commands. Each opens, calls one thing of edge/, and prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from birdedge.edge.audio.sources import file_name
from birdedge.edge.cli.listen import DEMO_S, DEMO_SEED
from birdedge.edge.cli.options import archive_model_option, channel_option, masks_option
from birdedge.edge.errors import SettingsError
from birdedge.edge.formats.tables import FORMATS
from birdedge.edge.system.stdout import print_line

if TYPE_CHECKING:  # what loads onnxruntime waits until it is needed
    from birdedge.edge.archive.segment import FileResult


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
@archive_model_option
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
    from birdedge.edge.archive.processes import segment_files
    from birdedge.edge.formats.jsonl import event_json
    from birdedge.edge.sinks.recording import OutputSettings
    from birdedge.edge.sinks.table_file import combined_raven

    paths = _recordings(files)
    if out is not None and "raven" in formats and any(path.stem.casefold() == "all" for path in paths):
        raise SettingsError(
            "all.selections.txt is the table of all files; rename the recording that is called 'all'"
        )
    wanted = OutputSettings(out, formats or ("csv",), masks)
    totals = _Totals()
    with click.progressbar(length=_total_ms(paths), label=f"{len(paths)} file(s)", file=sys.stderr) as bar:
        results = segment_files(model, paths, wanted, jobs, channel, lambda s: bar.update(round(s * 1000)))
        whole = _whole(results, totals)
        if out is not None:
            rows = ((file_name(r.path), r.duration_s, r.events) for r in whole)
            combined_raven(out / "all.selections.txt", rows)
        else:
            for result in whole:
                lines = () if masks else (event_json(e, file_name(result.path)) for e in result.events)
                if not all(print_line(line) for line in lines):
                    return
    click.echo(
        f"{totals.files - totals.failed} of {totals.files} file(s), {totals.heard_s:.1f} s of sound, "
        f"{totals.events} event(s)",
        err=True,
    )
    if totals.failed:
        sys.exit(1)


@dataclass
class _Totals:
    files: int = 0
    failed: int = 0
    events: int = 0
    heard_s: float = 0.0


def _whole(results: Iterator[FileResult], totals: _Totals) -> Iterator[FileResult]:
    """Those that could be read, one at a time since an archive has no end; of the others it says why not."""
    for result in results:
        totals.files += 1
        totals.events += len(result.events)
        totals.heard_s += result.duration_s
        if result.error:
            totals.failed += 1
            click.echo(f"\nError: {result.error}", err=True)
        else:
            yield result


@click.command()
@click.option("--json", "as_json", is_flag=True, help="JSON, for scripts.")
def devices(as_json: bool) -> None:
    """List the microphones; the default has a star.

    \b
    Example:
      birdedge devices
    """
    from birdedge.edge.audio.devices import input_devices

    found = input_devices()
    if as_json:
        keys = ("name", "host_api", "channels", "default_rate_hz", "is_default")
        print_line(json.dumps([{key: getattr(d, key) for key in keys} for d in found], ensure_ascii=False))
        return
    if not found:
        print_line("no microphone")
    for d in found:
        mark = "*" if d.is_default else " "
        print_line(f"{mark} {d.name}  ({d.host_api}, {d.channels} ch, {d.default_rate_hz} Hz)")


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
@archive_model_option
def plot(
    file: Path, output: Path | None, start_s: float, duration_s: float, channel: int | None, model: str
) -> None:
    """Draw a recording's spectrogram with its mask and events as PNG.

    \b
    Example:
      birdedge plot dawn.wav --start 60 --duration 30
    """
    from birdedge.edge.models.model import Model
    from birdedge.edge.plots.excerpt import segment_excerpt
    from birdedge.edge.plots.figure import draw

    output = output or Path(f"{file.stem}.png")
    opened = Model(model)
    excerpt = segment_excerpt(opened, file, start_s, duration_s, channel)
    grid = opened.card.grid
    draw(
        output,
        excerpt.level * np.float32(20 / np.log(10)),
        excerpt.mask.astype(np.float32) / np.float32(255),
        excerpt.events,
        grid.hop_s,
        grid.first_frame_s + excerpt.first_frame * grid.hop_s,
        grid.low_hz,
        grid.bin_hz,
        file.name,
        opened.card.threshold,
    )
    print_line(f"{output}: {len(excerpt.events)} event(s)")


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
    from birdedge.edge.synthesis.demo import write_demo

    truths = write_demo(output, duration_s, seed, calls_per_minute)
    print_line(f"{output}: {duration_s:g} s, {truths} call(s)")


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
