"""Cost of an archive: many files, and several processes."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import soundfile

from benchmarks.report.markdown import markdown_table
from benchmarks.report.statistics import Summary, format_summary, summarize
from benchmarks.report.targets import Target
from benchmarks.support.command_cost import CommandCost, command_cost
from birdedge.edge.synthesis.soundscape import soundscape

TITLE = "Archive: many files, several processes"
FILE_RATE_HZ = 32_000
MIN_SPEEDUP = 1.8  # of two processes over one


class ProcessesFigures(TypedDict):
    """One archive, segmented by one process and by two."""

    files: int
    file_s: float
    processors: int | None
    times_real_time: dict[str, Summary]  # by number of processes
    speedup: Summary


class ArchiveFigures(TypedDict):
    """Cost by number of files, and speed by number of processes."""

    files: list[dict[str, Any]]  # files, audio_s, cpu_s, wall_s, peak_bytes
    processes: ProcessesFigures


def measure(quick: bool, data: Path | None) -> ArchiveFigures:  # noqa: ARG001 - all parts have this signature
    """Measure files, then processes; on less audio if `quick`.

    Raises:
        subprocess.CalledProcessError: `birdedge segment` failed.
    """
    return {
        "files": files((1, 20) if quick else (1, 10, 100), 120.0 if quick else 600.0),
        "processes": processes(4, 60.0, 1) if quick else processes(8, 900.0, 3),
    }


def files(counts: tuple[int, ...], audio_s: float) -> list[dict[str, Any]]:
    """Run `birdedge segment` on the same length of audio, split into each number of files."""
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            _write_archive(Path(folder) / "archive", count, audio_s / count)
            rows.append({"files": count, "audio_s": audio_s, **asdict(_segment(Path(folder), 1))})
    return rows


def processes(count: int, file_s: float, repeats: int) -> ProcessesFigures:
    """Segment an archive of `count` files by one process and by two, in alternation."""
    speeds: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        _write_archive(Path(folder) / "archive", count, file_s)
        for _ in range(repeats):
            for jobs, values in speeds.items():
                values.append(count * file_s / _segment(Path(folder), jobs).wall_s)
    return {
        "files": count,
        "file_s": file_s,
        "processors": os.cpu_count(),
        "times_real_time": {str(jobs): summarize(values) for jobs, values in speeds.items()},
        "speedup": summarize([two / one for one, two in zip(*speeds.values(), strict=True)]),
    }


def _write_archive(folder: Path, count: int, file_s: float) -> None:
    folder.mkdir()
    scene = soundscape(60.0, sample_rate_hz=FILE_RATE_HZ).samples
    for number in range(count):
        samples = np.resize(np.roll(scene, -number * len(scene) // count), round(file_s * FILE_RATE_HZ))
        soundfile.write(folder / f"{number:03d}.wav", samples, FILE_RATE_HZ, subtype="PCM_16")


def _segment(folder: Path, jobs: int) -> CommandCost:
    command = [sys.executable, "-m", "birdedge", "segment", str(folder / "archive"), "--jobs", str(jobs)]
    return command_cost([*command, "--out", str(folder / "tables"), "--force"])


def section(figures: ArchiveFigures) -> str:
    """Return a table by number of files and one by number of processes."""
    archive = figures["processes"]
    return "\n".join(
        [
            f"{figures['files'][0]['audio_s'] / 60:g} min of audio in one file or many, with a table written for each; "
            "start-up included:",
            "",
            *markdown_table(
                ("files", "CPU s", "wall s", "max resident MB"),
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
            f"`birdedge segment --jobs` on {archive['files']} files of {archive['file_s']:g} s, with "
            f"{archive['processors']} cores, start-up included. Speedup of two processes over one: "
            f"{format_summary(archive['speedup'])}.",
            "",
            *markdown_table(
                ("processes", "times real time"),
                [
                    (jobs, format_summary(speed, digits=0))
                    for jobs, speed in archive["times_real_time"].items()
                ],
            ),
        ]
    )


def targets(figures: ArchiveFigures) -> list[Target]:
    """Return the target for two processes."""
    speedup = figures["processes"]["speedup"]["median"]
    return [
        Target(
            "speedup of two processes on an archive",
            f"at least {MIN_SPEEDUP:g}",
            f"{speedup:.2f}",
            speedup >= MIN_SPEEDUP,
        )
    ]
