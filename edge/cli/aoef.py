"""`birdedge aoef`: write events for Whombat and soundevent."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from birdedge import __version__
from birdedge.edge.cli.options import NumberRange, force_option, quiet_option, timezone_option
from birdedge.edge.errors import DataError, ExtraMissingError, SettingsError
from birdedge.edge.system.printable import printable

if TYPE_CHECKING:  # loads numpy
    from birdedge.edge.companion.folders import RecorderFolder
    from birdedge.edge.formats.aoef_recordings import FoundRecording

RUN = "manifest.parquet"


class _Source(NamedTuple):
    """The recordings of a source with their events, and the model that found them."""

    recordings: Iterable[FoundRecording]
    model: str
    version: str


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Output folder.",
)
@click.option(
    "--audio-folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder that contains all recordings; paths are relative to it.  [default: SOURCE, if a recorder's folder]",
)
@click.option(
    "--masks",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of the mask files that `segment --masks` wrote along with the tables, for exact outlines.",
)
@click.option(
    "--simplify",
    type=NumberRange(0, 100),
    default=0.0,
    metavar="CELLS",
    help="Leave out vertices within this many frames or bins of the outline, such as 1.  [default: exact outlines]",
)
@click.option(
    "--dataset",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A data set that Whombat exported: its recordings keep their UUIDs, and no dataset.json is written.",
)
@click.option("--name", help="Name of the data set and the project.  [default: the name of SOURCE]")
@click.option(
    "--clip",
    "clip_s",
    type=NumberRange(1, 86_400),
    default=60.0,
    show_default=True,
    help="Length of a task in seconds; longer recordings become several tasks.",
)
@timezone_option
@force_option
@quiet_option
def aoef(
    source: Path,
    out: Path,
    audio_folder: Path | None,
    masks: Path | None,
    simplify: float,
    dataset: Path | None,
    name: str | None,
    clip_s: float,
    timezone: str | None,
    force: bool,
    quiet: bool,
) -> None:
    """Write events for Whombat and soundevent.

    SOURCE is a recorder's folder (`birdedge listen --out SOURCE`), a run of `birdedge archive`, or a table or folder of
    tables that `birdedge segment` wrote. The command writes dataset.json and annotation_project.json, which Whombat
    imports in this order, and model_run.json, which holds the scores. The format is AOEF. A recording that cannot be
    read is reported and does not stop the others; the exit code is then 1.

    \b
    Example:
      birdedge aoef today/ --out aoef/
      birdedge aoef tables/ --masks masks/ --audio-folder /data/forest --out aoef/
      birdedge aoef forest-run --audio-folder /data/forest --dataset exported.json --out aoef/
    """
    from birdedge.edge.formats.aoef_files import AoefFiles, AoefSettings
    from birdedge.edge.formats.aoef_reader import read_known_recordings
    from birdedge.edge.formats.aoef_recordings import add_recordings

    found = _opened(source, masks, audio_folder, timezone)
    known = None if dataset is None else read_known_recordings(dataset)
    settings = AoefSettings(
        name or source.resolve().name, found.model, found.version, clip_s, with_dataset=dataset is None
    )
    failed = 0
    with AoefFiles(out, settings, "replace" if force else "refuse") as files:
        for problem in add_recordings(files, found.recordings, audio_folder or source, known, simplify):
            failed += 1
            click.echo(f"Error: {printable(problem)}", err=True)
        if not files.recordings:
            raise DataError(f"{source} has no recording with events to write: nothing was written")
    if not quiet:
        click.echo(f"{files.recordings:,} recording(s), {files.events:,} event(s)", err=True)
    if failed:
        sys.exit(1)


def _opened(source: Path, masks: Path | None, audio_folder: Path | None, timezone: str | None) -> _Source:
    """Return the recordings of a source: a recorder's folder, an archive run or tables."""
    from birdedge.edge.companion.folders import find_folders

    if not source.exists():
        raise DataError(f"{source} does not exist: give a recorder's folder, an archive run, or tables")
    folders = find_folders([source]) if source.is_dir() else ()
    if masks is not None and (folders or (source / RUN).is_file()):
        raise SettingsError(f"--masks is for tables, and {source} has none: leave it out")
    if folders:
        return _of_recorders(folders)
    if audio_folder is None:
        raise SettingsError("--audio-folder is missing: give the folder above all recordings")
    if (source / RUN).is_file():
        return _of_run(source)
    return _of_tables(source, masks, audio_folder, timezone)


def _of_recorders(folders: Sequence[RecorderFolder]) -> _Source:
    from birdedge.edge.companion.aoef_events import clip_recordings
    from birdedge.edge.companion.aoef_export import found_by
    from birdedge.edge.companion.event_view import View
    from birdedge.edge.database.event_pages import EventFilter

    return _Source(clip_recordings(View(folders, EventFilter())), *found_by(folders))


def _of_run(source: Path) -> _Source:
    try:
        from birdedge.edge.archive.aoef_events import run_recordings
        from birdedge.edge.archive.manifest import read_manifest
    except ModuleNotFoundError as error:
        raise ExtraMissingError(
            f"an archive run needs {error.name}, which is not installed: pip install 'birdedge[archive]'"
        ) from error
    manifest = read_manifest(source)
    return _Source(run_recordings(manifest), manifest.settings.model, manifest.settings.version)


def _of_tables(source: Path, masks: Path | None, audio_folder: Path, timezone: str | None) -> _Source:
    from birdedge.edge.formats.start_time import StartTime
    from birdedge.edge.formats.table_recordings import table_recordings

    recordings = table_recordings(source, audio_folder, StartTime(timezone=timezone), masks)
    return _Source(recordings, "birdedge", __version__)
