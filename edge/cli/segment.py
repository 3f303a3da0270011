"""`birdedge segment`: segment recordings at full speed."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from birdedge.edge.cli.options import (
    archive_model_option,
    channel_option,
    force_option,
    masks_option,
    min_score_option,
    quiet_option,
    start_option,
    timezone_option,
)
from birdedge.edge.errors import SettingsError
from birdedge.edge.formats.tables import FORMATS, TableName
from birdedge.edge.system.printable import printable
from birdedge.edge.system.stdout import print_line

if TYPE_CHECKING:  # loads onnxruntime
    from birdedge.edge.archive.segment import FileResult
    from birdedge.edge.system.atomic_file import Existing


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, readable=False))  # checked one by one
@click.option(
    "--files-from",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="LIST",
    help="Also segment the files and folders in this list, one per line or separated by NUL; - for standard "
    "input. May be repeated.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write a table per file to this folder."
)
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(list(FORMATS)),
    help="Table format; may be repeated.  [default: csv]",
)
@masks_option
@click.option("--skip-existing", is_flag=True, help="Keep existing results, and write only the missing ones.")
@force_option
@quiet_option
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Number of processes.")
@start_option
@timezone_option
@min_score_option
@channel_option
@archive_model_option
def segment(
    files: tuple[Path, ...],
    files_from: tuple[Path, ...],
    out: Path | None,
    formats: tuple[TableName, ...],
    masks: Path | None,
    skip_existing: bool,
    force: bool,
    quiet: bool,
    jobs: int,
    start: str | None,
    timezone: str | None,
    min_score: float | None,
    channel: int | None,
    model: str,
) -> None:
    """Segment recordings at full speed.

    FILES are audio files, or folders to search for audio files. In a folder, links are followed once, and hidden files,
    trash and system folders are skipped. Events are written to tables in --out, together with one Raven table of all
    files (all.selections.txt), or as JSON Lines to standard output. A file or folder that cannot be read is reported
    and does not stop the others; the exit code is then 1. Use --skip-existing to resume an interrupted command.

    \b
    Example:
      birdedge segment dawn.wav
      birdedge segment archive/ --out tables/ --format raven --format csv --jobs 4
      find archive/ -name '*.wav' -newer last-run -print0 | birdedge segment --files-from - --out tables/
    """
    from birdedge.edge.archive.files import find_recordings, read_list, total_duration_s
    from birdedge.edge.archive.processes import segment_files
    from birdedge.edge.audio.sources import file_name
    from birdedge.edge.formats.jsonl import event_json
    from birdedge.edge.formats.start_time import StartTime
    from birdedge.edge.sinks.recording import OutputSettings
    from birdedge.edge.sinks.table_file import combined_raven, holds_only

    if not files and not files_from:
        raise SettingsError("FILES is missing: give audio files, folders, or --files-from")
    found = find_recordings([*files, *chain.from_iterable(map(read_list, files_from))])
    paths = found.paths
    if found.left_out and not quiet:
        click.echo(f"birdedge: left out: {found.left_out_text()}", err=True)
    for error in found.errors:
        click.echo(f"Error: {error}", err=True)
    if out is not None and "raven" in formats and any(path.stem.casefold() == "all" for path in paths):
        raise SettingsError("all.selections.txt is the table of all files; rename the recording 'all'")
    _check_options(skip_existing, force, out or masks, start, len(paths))
    settings = OutputSettings(out, formats or ("csv",), masks, force, skip_existing)
    start_time = StartTime(start, timezone)
    totals = _Totals()
    total_ms = round(1000 * total_duration_s(paths))
    progress_file = io.StringIO() if quiet else sys.stderr
    with click.progressbar(length=total_ms, label=f"{len(paths)} file(s)", file=progress_file) as bar:
        results = segment_files(
            model,
            paths,
            settings,
            jobs,
            channel,
            lambda s: bar.update(round(s * 1000)),
            min_score,
            start_time,
        )
        readable = _report(results, totals, quiet)
        if out is not None:
            rows = ((file_name(r.path), r.duration_s, r.events, r.start_utc_s) for r in readable)
            combined = out / "all.selections.txt"
            existing: Existing = "number"
            if force or (skip_existing and holds_only(combined, map(file_name, paths))):
                existing = "replace"
            combined_raven(combined, rows, existing, channel)
        else:
            for result in readable:
                lines = (
                    ()
                    if masks
                    else (event_json(e, file_name(result.path), result.start_utc_s) for e in result.events)
                )
                if not all(print_line(line) for line in lines):
                    return
    if not quiet:
        click.echo(
            f"{totals.files - totals.failed} of {totals.files} file(s), {totals.audio_s:.1f} s of audio, "
            f"{totals.events} event(s)"
            + (f", {totals.silent_s:.1f} s of digital silence" if totals.silent_s >= 0.05 else "")
            + (f", {totals.skipped} skipped" if totals.skipped else ""),
            err=True,
        )
    if totals.failed or found.errors:
        sys.exit(1)


def _check_options(
    skip_existing: bool, force: bool, folder: Path | None, start: str | None, recordings: int
) -> None:
    if skip_existing and (force or folder is None):
        raise SettingsError("--skip-existing keeps the results in --out or --masks: give one, and no --force")
    if start is not None and recordings > 1:
        raise SettingsError(
            f"--start {start} applies to one recording, and {recordings} were given; give one"
        )


@dataclass
class _Totals:
    files: int = 0
    failed: int = 0
    skipped: int = 0
    events: int = 0
    audio_s: float = 0.0
    silent_s: float = 0.0


def _report(results: Iterator[FileResult], totals: _Totals, quiet: bool) -> Iterator[FileResult]:
    """Count the results, print the errors, and yield the other results one at a time."""
    for result in results:
        totals.files += 1
        totals.skipped += result.skipped
        totals.events += len(result.events)
        totals.audio_s += result.duration_s
        totals.silent_s += result.silent_s
        for warning in result.warnings:
            click.echo(f"\nWarning: {warning}", err=True)
        if result.error:
            totals.failed += 1
            click.echo(f"{'' if quiet else chr(10)}Error: {printable(result.error)}", err=True)
        else:
            yield result
