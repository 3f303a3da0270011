"""A view of events as AOEF files in a ZIP archive, for Whombat.

It runs in its own process, `python -m birdedge.edge.companion.aoef_export`, which ends when the file is written: the
export needs numpy for outlines and reads each clip, and the companion does neither.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from birdedge import __version__
from birdedge.edge.companion.event_view import View
from birdedge.edge.companion.folders import RecorderFolder
from birdedge.edge.database.connection import reading
from birdedge.edge.database.event_pages import EventFilter
from birdedge.edge.database.run_queries import latest_run
from birdedge.edge.errors import BirdedgeError, DataError
from birdedge.edge.system.printable import printable

NICENESS = 10
LEFT_OUT = "left_out.txt"  # in the ZIP archive: a sentence for each clip that cannot be read


def export_command(view: View) -> list[str]:
    """Return the command that exports a view; the output path must be appended to it."""
    described = {
        "sources": [(source.name, str(source.path)) for source in view.sources],
        "wanted": asdict(view.wanted),
        "label": view.label,
    }
    return [sys.executable, "-m", __name__, json.dumps(described)]


def export(view: View, path: Path) -> None:
    """Write the files of a view to a ZIP archive; paths of clips are relative to the folder above all recorders.

    Raises:
        DataError: No event of the view has a clip that can be read.
        OutputError: A database or the archive cannot be read or written.
    """
    from birdedge.edge.companion.aoef_events import clip_recordings
    from birdedge.edge.formats.aoef_files import AoefFiles, AoefSettings
    from birdedge.edge.formats.aoef_recordings import add_recordings
    from birdedge.edge.system.atomic_file import output_errors

    audio_folder = Path(os.path.commonpath([str(source.path) for source in view.sources] or ["/"]))
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        with AoefFiles(Path(folder), AoefSettings(audio_folder.name, *found_by(view.sources))) as files:
            problems = list(add_recordings(files, clip_recordings(view), audio_folder))
            if not files.recordings:
                raise DataError(
                    problems[0] if problems else "no event of this view has a clip: Whombat needs the audio"
                )
        with output_errors(path), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(Path(folder).iterdir()):
                archive.write(file, file.name)
            if problems:
                archive.writestr(LEFT_OUT, "".join(f"{printable(problem)}\n" for problem in problems))


def found_by(sources: Sequence[RecorderFolder]) -> tuple[str, str]:
    """Return the model of the recorders that found the events, and its version of birdedge.

    Raises:
        OutputError: A database cannot be read.
    """
    for source in sources:
        with reading(source.path) as db:
            run = latest_run(db)
        if run is not None:
            return run.model, run.version
    return "birdedge", __version__


def main(arguments: list[str]) -> None:
    """Export the view in the first argument to the path in the second; a problem is one line on standard error."""
    os.nice(NICENESS)
    described: dict[str, Any] = json.loads(arguments[0])
    sources = [RecorderFolder(name, Path(path)) for name, path in described["sources"]]
    view = View(sources, EventFilter(**described["wanted"]), described["label"])
    try:
        export(view, Path(arguments[1]))
    except BirdedgeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
