"""What an archive costs: many files, and several processes."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.parts.cost import process_cost
from benchmarks.report.markdown import markdown_table
from benchmarks.report.statistics import shown, spread
from birdedge.edge.synthesis.soundscape import soundscape

TITLE = "An archive: many files, several processes"
FILE_RATE_HZ = 32_000
MIN_GAIN = 1.8  # of two processes over one

Figures = dict[str, Any]


def measure(quick: bool, data: Path | None) -> Figures:  # noqa: ARG001 - every part is asked alike
    """Files and processes in turn; when quick, of less sound.

    Raises:
        subprocess.CalledProcessError: `birdedge segment` failed.
    """
    return {
        "files": files((1, 20) if quick else (1, 10, 100), 120.0 if quick else 600.0),
        "processes": processes(4, 60.0, 1) if quick else processes(8, 900.0, 3),
    }


def files(counts: tuple[int, ...], sound_s: float) -> list[Figures]:
    """`birdedge segment` on the same length of sound, cut into so many files."""
    found = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            _write_archive(Path(folder) / "archive", count, sound_s / count)
            found.append({"files": count, "sound_s": sound_s, **_segment(Path(folder), 1)})
    return found


def processes(count: int, file_s: float, repeats: int) -> Figures:
    """Seconds of sound a second that one process gets through in an archive, and that two do, in turns."""
    speeds: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        _write_archive(Path(folder) / "archive", count, file_s)
        for _ in range(repeats):
            for jobs, values in speeds.items():
                values.append(count * file_s / _segment(Path(folder), jobs)["wall_s"])
    return {
        "files": count,
        "file_s": file_s,
        "processors": os.cpu_count(),
        "speed": {str(jobs): spread(values) for jobs, values in speeds.items()},
        "gain": spread([two / one for one, two in zip(*speeds.values(), strict=True)]),
    }


def _write_archive(folder: Path, count: int, file_s: float) -> None:
    folder.mkdir()
    scene = soundscape(60.0, sample_rate_hz=FILE_RATE_HZ).samples
    for number in range(count):
        sound = np.resize(np.roll(scene, -number * len(scene) // count), round(file_s * FILE_RATE_HZ))
        soundfile.write(folder / f"{number:03d}.wav", sound, FILE_RATE_HZ, subtype="PCM_16")


def _segment(folder: Path, jobs: int) -> Figures:
    command = [sys.executable, "-m", "birdedge", "segment", str(folder / "archive"), "--jobs", str(jobs)]
    return process_cost([*command, "--out", str(folder / "tables")])


def section(figures: Figures) -> str:
    """A table a question."""
    lines = [
        f"{figures['files'][0]['sound_s'] / 60:g} min of sound in one file or many, tables of each written; "
        "start included:",
        "",
        *markdown_table(
            ("files", "CPU s", "seconds", "resident MB, at most"),
            [
                (
                    f"{row['files']}",
                    f"{row['cpu_s']:.2f}",
                    f"{row['wall_s']:.2f}",
                    f"{row['peak_bytes'] / 1e6:.0f}",
                )
                for row in figures["files"]
            ],
        ),
        "",
    ]
    archive = figures["processes"]
    speeds = [(jobs, shown(speed, digits=0)) for jobs, speed in archive["speed"].items()]
    lines += [
        f"An archive of {archive['files']} files of {archive['file_s']:g} s, `birdedge segment --jobs`, "
        f"start included, on {archive['processors']} processors: two processes do {shown(archive['gain'])} "
        "times what one does.",
        "",
        *markdown_table(("processes", "times real time"), speeds),
    ]
    return "\n".join(lines)


def aims(figures: Figures) -> list[tuple[str, str, bool]]:
    """See results.py."""
    gain = figures["processes"]["gain"]["median"]
    return [("an archive on two processes, 1.8 times one at least", f"{gain:.2f}", gain >= MIN_GAIN)]
