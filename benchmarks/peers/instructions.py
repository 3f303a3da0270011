"""Instructions of birdedge and of tools that follow a stream, per second of audio, counted by valgrind.

CPU time is measured on one processor. valgrind presents a different one to every program, with AVX2 and without VNNI
and AVX-512, so its counts compare the tools on older processors. They are not times.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from benchmarks.peers.costs import (
    BIRDNET,
    FILE,
    LIGHT,
    LIVE,
    SILERO,
    SMALL,
    command,
    contenders,
    write_scene,
)
from benchmarks.report.results import Skipped
from benchmarks.support import valgrind

SHORT_S, LONG_S = 6.0, 30.0  # whole BirdNET windows; the second has 12 more calls of our network, for 24.6 s
TITLES = (FILE, LIGHT, SMALL, LIVE, BIRDNET, SILERO)


class InstructionFigures(TypedDict):
    """Counts of each tool whose environment exists."""

    audio_s: float  # the difference in length of the two recordings
    instructions_per_s: dict[str, float]  # per second of audio, by title


def measure_instructions(folders: Mapping[str, Path]) -> InstructionFigures | Skipped:
    """Count the instructions of birdedge and of the tools whose environment is in `folders`.

    Raises:
        subprocess.CalledProcessError: A tool failed under valgrind.
    """
    if reason := valgrind.unavailable():
        return {"skipped": reason}
    rows = {
        title: row
        for title, row in contenders({}).items()
        if title in TITLES and (not row.environment or row.environment in folders)
    }
    rates_hz = {row.sample_rate_hz for row in rows.values()}
    audio_s = LONG_S - SHORT_S
    with tempfile.TemporaryDirectory() as long, tempfile.TemporaryDirectory() as short:
        recordings = [
            write_scene(Path(folder), length_s, rates_hz)[0]
            for folder, length_s in ((long, LONG_S), (short, SHORT_S))
        ]
        counts = {}
        for title, row in rows.items():
            whole, start = (
                instructions(command(row, recording[row.sample_rate_hz], folders)) for recording in recordings
            )
            counts[title] = (whole - start) / audio_s
    return {"audio_s": audio_s, "instructions_per_s": counts}


def instructions(worker: list[str]) -> int:
    """Return the instructions of a worker that processes its recording once, including its start.

    Raises:
        subprocess.CalledProcessError: The worker failed.
    """
    (count,) = valgrind.count_instructions(worker).instructions.values()
    return count
