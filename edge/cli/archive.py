"""`birdedge archive`: segment very large archives, on one machine or many, resumable at any point."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from birdedge.edge.cli.archive_progress import ProgressPrinter, counted
from birdedge.edge.cli.options import (
    archive_model_option,
    channel_option,
    min_score_option,
    quiet_option,
    timezone_option,
)
from birdedge.edge.errors import ExtraMissingError, SettingsError
from birdedge.edge.system.printable import printable
from birdedge.edge.system.stdout import print_line

if TYPE_CHECKING:  # loads pyarrow
    from birdedge.edge.archive.files import FoundRecordings
    from birdedge.edge.archive.manifest import Totals
    from birdedge.edge.archive.run import Work
    from birdedge.edge.archive.worker import UnitCounts

run_argument = click.argument("run", type=click.Path(path_type=Path, file_okay=False))


@click.group(no_args_is_help=False)
def archive() -> None:
    """Segment very large archives, on one machine or many.

    A run is a folder: `plan` lists the recordings, `run` segments those that are not done, `status` shows the progress,
    and `finish` writes the tables. Any step can be interrupted, even by a power cut, and run again.

    \b
    Example:
      birdedge archive plan /data/forest --out forest-run
      birdedge archive run forest-run --jobs 8
      birdedge archive finish forest-run
    """


@archive.command()
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option(
    "--files-from",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="LIST",
    help="Also plan the files, folders and URLs in this list, one per line or separated by NUL; - for standard input. "
    "May be repeated.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="RUN",
    help="Folder of the run. Planning again with the same settings adds new recordings and keeps finished work.",
)
@click.option(
    "--replace", is_flag=True, help="Leave out recordings that were planned earlier and are not in SOURCE."
)
@click.option(
    "--site-level",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Which folder below SOURCE names the site, from 1; 0 for SOURCE itself.",
)
@timezone_option
@min_score_option
@channel_option
@archive_model_option
@quiet_option
def plan(
    sources: tuple[str, ...],
    files_from: tuple[Path, ...],
    out: Path,
    replace: bool,
    site_level: int,
    timezone: str | None,
    min_score: float | None,
    channel: int | None,
    model: str,
    quiet: bool,
) -> None:
    """List the recordings of an archive.

    SOURCE is an audio file, a folder to search for audio files, or a URL that fsspec reads, such as s3://bucket/forest/
    (needs s3fs). RUN stores the list, the settings and a copy of the model; different settings need a different RUN. A
    source that cannot be read is reported and does not stop the others; the exit code is then 1.

    \b
    Example:
      birdedge archive plan /data/forest --out forest-run
      birdedge archive plan s3://recordings/2024/ --out 2024-run --timezone Europe/Berlin
      find /data -name '*.wav' -print0 | birdedge archive plan --files-from - --out run
    """
    from hashlib import sha256

    from birdedge.edge.archive.files import FoundRecordings
    from birdedge.edge.archive.listing import planned_files
    from birdedge.edge.archive.manifest import ArchiveSettings, write_manifest
    from birdedge.edge.formats.start_time import StartTime
    from birdedge.edge.models.checked_model import check_model

    if not sources and not files_from:
        raise SettingsError("SOURCE is missing: give folders, files, URLs, or --files-from")
    StartTime(timezone=timezone)
    checked = check_model(model)
    name = Path(model).name.removesuffix(".onnx")
    settings = ArchiveSettings(
        name, sha256(checked.content).hexdigest(), channel=channel, min_score=min_score, timezone=timezone
    )
    found = FoundRecordings()
    files = counted(planned_files(sources, files_from, site_level, found), quiet)
    try:
        totals = write_manifest(out, settings, checked.content, files, keep_earlier=not replace).totals
    finally:
        for error in found.errors:
            click.echo(f"Error: {printable(error)}", err=True)
    if not quiet:
        _print_plan(totals, found)
    if found.errors:
        sys.exit(1)


@archive.command()
@run_argument
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Number of processes.")
@click.option("--shard", metavar="I/N", help="Segment only part I of N equal parts, each in its own job.")
@click.option(
    "--dask",
    "address",
    metavar="ADDRESS",
    help="Run on the Dask cluster of this scheduler, such as tcp://10.0.0.1:8786.",
)
@click.option(
    "--dask-scheduler-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Run on the Dask cluster whose scheduler wrote this file.",
)
@click.option("--retry-errors", is_flag=True, help="Also retry recordings that could not be read.")
@quiet_option
def run(
    run: Path,
    jobs: int,
    shard: str | None,
    address: str | None,
    dask_scheduler_file: Path | None,
    retry_errors: bool,
    quiet: bool,
) -> None:
    """Segment the recordings that are not done.

    A recording that cannot be read is reported and does not stop the others; the exit code is then 1. Finished work is
    kept: an interrupted command resumes when it is run again.

    \b
    Example:
      birdedge archive run forest-run --jobs 8
      birdedge archive run forest-run --shard $SLURM_ARRAY_TASK_ID/50
      birdedge archive run forest-run --dask tcp://10.0.0.1:8786
    """
    from birdedge.edge.archive.manifest import check_version, read_manifest
    from birdedge.edge.archive.parts import done_units
    from birdedge.edge.archive.progress import Progress
    from birdedge.edge.archive.run import ALL, Shard, run_here, work_of

    if sum((jobs > 1, address is not None, dask_scheduler_file is not None)) > 1:
        raise SettingsError("--jobs, --dask and --dask-scheduler-file exclude one another: give one")
    chosen = ALL if shard is None else Shard.from_text(shard)
    manifest = read_manifest(run)
    check_version(manifest.settings)
    work = work_of(manifest, done_units(run), chosen, retry_errors)
    progress = Progress(work.files, work.size_bytes)
    printer = ProgressPrinter(progress, quiet)
    scheduler = address or dask_scheduler_file
    try:
        for counts in run_here(work, jobs) if scheduler is None else _on_dask(work, scheduler):
            progress.add(counts)
            printer.print(counts.errors, counts.warnings)
    finally:
        printer.close()
    if progress.failed:
        sys.exit(1)


@archive.command()
@run_argument
@click.option("--partial", is_flag=True, help="Write the tables even if some recordings are not done.")
@click.option(
    "--raven/--no-raven", default=True, help="Write the Raven table of all recordings.  [default: raven]"
)
@quiet_option
def finish(run: Path, partial: bool, raven: bool, quiet: bool) -> None:
    """Write the tables of a run.

    RUN gets events/site=SITE/date=DATE/ with Parquet files that DuckDB, polars and Arrow read as one table,
    coverage.parquet with the seconds heard per recording and hour, and all.selections.txt, a Raven table. They replace
    the tables of an earlier call.

    \b
    Example:
      birdedge archive finish forest-run
      birdedge archive finish forest-run --partial --no-raven
    """
    from birdedge.edge.archive.finish import finish as finish_run
    from birdedge.edge.archive.manifest import read_manifest

    counts = finish_run(read_manifest(run), partial, raven)
    if not quiet:
        click.echo(
            f"{counts.files:,} file(s), {counts.heard_s / 3600:.1f} h of audio, {counts.events:,} event(s)"
            + (f", {counts.failed:,} with errors" if counts.failed else ""),
            err=True,
        )


@archive.command()
@run_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--errors", is_flag=True, help="Print the error of each recording that could not be read.")
def status(run: Path, as_json: bool, errors: bool) -> None:
    """Show the progress of a run.

    The rate covers the last ten minutes and all machines together. The exit code is 0 if all recordings are done.

    \b
    Example:
      birdedge archive status forest-run
      birdedge archive status forest-run --errors
    """
    from birdedge.edge.archive.manifest import read_manifest
    from birdedge.edge.archive.parts import done_units
    from birdedge.edge.archive.status import archive_status, error_sentences

    manifest = read_manifest(run)
    if errors:
        for sentence in error_sentences(manifest, done_units(run)):
            print_line(sentence)
        return
    now = archive_status(manifest)
    if as_json:
        values = {**asdict(manifest.settings), **asdict(now)}
        print_line(*json.dumps(values, indent=2).splitlines())
    else:
        print_line(f"model      {manifest.settings.model}", *now.lines())
    sys.exit(not now.is_complete)


def _print_plan(totals: Totals, found: FoundRecordings) -> None:
    from birdedge.edge.archive.progress import size_text

    if found.left_out:
        click.echo(f"birdedge: left out: {found.left_out_text()}", err=True)
    line = f"{totals.files:,} file(s), {size_text(totals.size_bytes)}, {totals.units:,} unit(s)"
    if totals.earlier_files:
        line += f"; {totals.earlier_files:,} planned earlier and not in SOURCE, which --replace leaves out"
    click.echo(line, err=True)


def _on_dask(work: Work, scheduler: str | Path) -> Iterator[UnitCounts]:
    try:
        from birdedge.edge.archive.dask_jobs import run_on_dask, silence_dask
    except ModuleNotFoundError as error:
        raise ExtraMissingError(
            f"--dask needs {error.name}, which is not installed: pip install 'birdedge[dask]'"
        ) from error
    silence_dask()
    yield from run_on_dask(work, scheduler, lambda line: click.echo(line, err=True))
