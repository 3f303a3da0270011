"""Measure `birdedge archive`: its speed by number of processes, its memory by number of files, and its tables.

`python -m benchmarks.studies.archives`

Runs with one process and with two alternate on the same recordings, and their parts are compared byte by byte. If other
programs use the machine, wall time says little, so the CPU time per hour of audio is compared too. Memory is measured
for the command itself, with workers that do nothing. The figures are written to archives.json, from which the
documentation prints them.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import numpy as np
import soundfile

from benchmarks.report.circumstances import circumstances
from benchmarks.report.markdown import markdown_table
from benchmarks.support.command_cost import CommandCost, command_cost
from birdedge.edge.archive.manifest import ArchiveSettings, read_manifest, write_manifest
from birdedge.edge.archive.parts import PARTS, RecordingRow, part_paths, write_part
from birdedge.edge.archive.units import PlannedFile
from birdedge.edge.event import Event
from birdedge.edge.mask import NO_MASK
from birdedge.edge.synthesis.soundscape import soundscape

FIGURES = Path(__file__).with_name("archives.json")
RATE_HZ, FILE_S = 48_000, 300
BYTES_PER_S = 2 * RATE_HZ  # 16 bits, mono
FILE_BYTES = FILE_S * BYTES_PER_S
FILES_PER_FOLDER = 1000
EVENTS_PER_PART = 250  # 1000 per hour of audio
ARCHIVE_BYTES = 20e12
# The driver of a run whose workers do nothing: `python -c IDLE_RUN RUN`.
IDLE_RUN = """
import sys
from pathlib import Path
from benchmarks.studies import archives
from birdedge.edge.archive import run
from birdedge.edge.archive.manifest import read_manifest
from birdedge.edge.archive.parts import done_units
run.open_run, run.do_unit = archives.nothing, archives.idle_unit
folder = Path(sys.argv[1])
for counts in run.run_here(run.work_of(read_manifest(folder), done_units(folder)), 2):
    pass
"""


def nothing(*_: object) -> None:
    """Open no model."""


def idle_unit(_run: Path, _fingerprint: str, unit: Any) -> int:
    """Return at once."""
    return len(unit.files)


def speed(folder: Path, files: int, repeats: int) -> dict[str, Any]:
    """Run an archive with one process and with two, in alternation."""
    (folder / "oak").mkdir()
    scene = soundscape(60.0, sample_rate_hz=RATE_HZ).samples
    for number in range(files):
        samples = np.resize(np.roll(scene, -number * 997), FILE_S * RATE_HZ)
        soundfile.write(folder / "oak" / f"20240501_{number:02}0000.wav", samples, RATE_HZ, subtype="PCM_16")
    costs: dict[str, list[dict[str, float]]] = {"1": [], "2": []}
    parts = set[str]()
    for _ in range(repeats):
        for jobs, measured in costs.items():
            _command("plan", folder / "oak", "--out", folder / "run")
            measured.append(asdict(_command("run", folder / "run", "--jobs", jobs)))
            content = [path.read_bytes() for path in sorted((folder / "run" / PARTS).rglob("*.parquet"))]
            parts.add(sha256(b"".join(content)).hexdigest())
            shutil.rmtree(folder / "run")
    return {"files": files, "audio_s": files * FILE_S, "costs": costs, "same_bytes": len(parts) == 1}


def memory(folder: Path, count: int) -> dict[str, Any]:
    """Plan a number of files, run them without work, and show the status when all are done."""
    _link_files(folder / "archive", count)
    plan = _command("plan", folder / "archive", "--out", folder / "run")
    shutil.rmtree(folder / "archive")
    idle = command_cost([sys.executable, "-c", IDLE_RUN, str(folder / "run")])
    for unit in read_manifest(folder / "run").units():
        done, _ = part_paths(folder / "run", unit.key)
        done.parent.mkdir(parents=True, exist_ok=True)
        done.touch()
    status = _command("status", folder / "run")
    shutil.rmtree(folder / "run")
    return {"files": count, "plan": asdict(plan), "run": asdict(idle), "status": asdict(status)}


def tables(folder: Path, parts: int) -> dict[str, Any]:
    """Finish a run of synthetic parts."""
    files = [
        PlannedFile(f"/archive/oak{n // 1000}/{n}.wav", f"oak{n // 1000}", 3 * FILE_BYTES, "1")
        for n in range(parts)
    ]
    manifest = write_manifest(folder / "run", ArchiveSettings("synthetic", ""), b"", files)
    for number, unit in enumerate(manifest.units()):
        row = RecordingRow(unit.files[0].path, 1.7e9 + 900.0 * number, 900.0, events=_events(number))
        write_part(folder / "run", unit.key, [row], manifest.settings.fingerprint)
    cost = _command("finish", folder / "run")
    sizes = {
        name: sum(path.stat().st_size for path in (folder / "run").rglob(pattern))
        for name, pattern in (("events", "part-*.parquet"), ("raven", "all.selections.txt"))
    }
    shutil.rmtree(folder / "run")
    return {"parts": parts, "events": parts * EVENTS_PER_PART, "finish": asdict(cost), "bytes": sizes}


def _command(*arguments: object) -> CommandCost:
    return command_cost([sys.executable, "-m", "birdedge", "archive", *map(str, arguments)])


def _link_files(folder: Path, count: int) -> None:
    """Make files that take no space: in each folder, links to one sparse file."""
    for first in range(0, count, FILES_PER_FOLDER):
        inside = folder / f"site{first // FILES_PER_FOLDER:04}"
        inside.mkdir(parents=True)
        sparse = inside / f"{first:07}.wav"
        with sparse.open("wb") as file:
            file.truncate(FILE_BYTES)
        for number in range(first + 1, min(count, first + FILES_PER_FOLDER)):
            os.link(sparse, inside / f"{number:07}.wav")


def _events(seed: int) -> list[Event]:
    """Return events of a quarter of an hour, with numbers as varied as in real events."""
    draw = np.random.default_rng(seed)
    onsets_s = np.sort(draw.integers(0, 112_500, EVENTS_PER_PART)) * 0.008
    lows_hz = draw.integers(16, 120, EVENTS_PER_PART) * 62.5
    scores, sizes = draw.uniform(0.95, 1.0, EVENTS_PER_PART), draw.uniform(1.0, 30.0, EVENTS_PER_PART)
    return [
        Event(
            onset_s,
            onset_s + 0.5,
            low_hz,
            low_hz + 1000.0,
            low_hz + 500.0,
            score,
            20 * size,
            size,
            0,
            0,
            NO_MASK,
        )
        for onset_s, low_hz, score, size in zip(onsets_s, lows_hz, scores, sizes, strict=True)
    ]


def archives_table() -> str:
    """Return the stored figures as text and tables."""
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    return "\n".join([*_speed_lines(figures), *_memory_lines(figures), *_table_lines(figures)])


def _speed_lines(figures: dict[str, Any]) -> list[str]:
    run = figures["speed"]
    costs = run["costs"]
    best_s = {jobs: min(cost["wall_s"] for cost in costs[jobs]) for jobs in costs}
    cpu_s = {jobs: _cpu_s_per_h(run, jobs) for jobs in costs}
    rows = [
        (
            jobs,
            f"{best_s[jobs]:.1f}",
            f"{run['audio_s'] / best_s[jobs]:.0f}",
            f"{cpu_s[jobs]:.1f}",
            f"{max(cost['cpu_s'] / cost['wall_s'] for cost in costs[jobs]):.2f}",
        )
        for jobs in costs
    ]
    bytes_text = "the same bytes" if run["same_bytes"] else "DIFFERENT BYTES"
    return [
        f"Measured on {figures['machine']}, {figures['date']}, with a load of {figures['load_before']:.1f} from other "
        f"programs: {run['files']} recordings of {FILE_S} s at 48 kHz, start-up included, the best of "
        f"{len(costs['1'])} run(s) each. All runs wrote {bytes_text}.",
        "",
        *markdown_table(
            ("processes", "wall s", "times real time", "CPU s per hour of audio", "processors obtained"), rows
        ),
        "",
        f"Speedup of two processes by wall time: {best_s['1'] / best_s['2']:.2f}. By CPU time, which other programs "
        f"disturb less, it would be {2 * cpu_s['1'] / cpu_s['2']:.2f} on two free processors.",
        "",
    ]


def _memory_lines(figures: dict[str, Any]) -> list[str]:
    steps = "plan", "run", "status"
    rows = [
        (
            f"{row['files']:,}",
            *(f"{row[step]['peak_bytes'] / 1e6:.0f} MB, {row[step]['wall_s']:.1f} s" for step in steps),
        )
        for row in figures["memory"]
    ]
    return [
        "Maximum resident memory and wall time of the command itself, by number of files of 5 minutes:",
        "",
        *markdown_table(
            ("files", "`plan`", "`run`, with workers that do nothing", "`status`, all done"), rows
        ),
        "",
    ]


def _table_lines(figures: dict[str, Any]) -> list[str]:
    made = figures["tables"]
    finish, sizes = made["finish"], made["bytes"]
    archive_h = ARCHIVE_BYTES / BYTES_PER_S / 3600
    cpu_s = _cpu_s_per_h(figures["speed"], "2")
    core_h, scale = archive_h * cpu_s / 3600, archive_h * 4 / made["parts"]
    return [
        f"`finish` on {made['parts']:,} parts with {made['events']:,} events takes {finish['wall_s']:.0f} s and at "
        f"most {finish['peak_bytes'] / 1e6:.0f} MB. An event takes {sizes['events'] / made['events']:.0f} bytes in "
        f"Parquet and {sizes['raven'] / made['events']:.0f} in the Raven table.",
        "",
        f"Extrapolated, 20 TB of 48 kHz, 16-bit mono audio are {archive_h:,.0f} hours in "
        f"{ARCHIVE_BYTES / FILE_BYTES:,.0f} files of 5 minutes and take {core_h:,.0f} core hours: "
        f"{core_h / 64:.0f} hours on 64 cores. That requires reading {64 * BYTES_PER_S * 3600 / cpu_s / 1e6:,.0f} "
        f"MB/s; from a disk that delivers 200 MB/s, reading alone takes {ARCHIVE_BYTES / 200e6 / 3600:.0f} hours, "
        "whatever the number of cores. At 1,000 events per hour of audio, `finish` takes "
        f"{finish['wall_s'] * scale / 3600:.1f} hours, the Raven table {sizes['raven'] * scale / 1e9:.1f} GB and the "
        f"Parquet events {sizes['events'] * scale / 1e9:.1f} GB. None of this was measured: neither 20 TB, nor more "
        "than two processes, nor network storage, nor a cluster of several machines.",
        "",
    ]


def _cpu_s_per_h(run: dict[str, Any], jobs: str) -> float:
    """Return the CPU time per hour of audio with a number of processes."""
    cpu_s: float = min(cost["cpu_s"] for cost in run["costs"][jobs]) / run["audio_s"] * 3600
    return cpu_s


@click.command()
@click.option(
    "--files", default=40, show_default=True, help="Recordings of 5 minutes whose analysis is measured."
)
@click.option("--repeats", default=2, show_default=True, help="Runs with each number of processes.")
@click.option("--planned", default=1_000_000, show_default=True, help="Files whose planning is measured.")
@click.option("--parts", default=4000, show_default=True, help="Parts from which tables are made.")
def main(files: int, repeats: int, planned: int, parts: int) -> None:
    """Measure archive runs.

    \b
    Example:
      python -m benchmarks.studies.archives
    """
    figures = circumstances("python -m benchmarks.studies.archives")
    for name, measure in (
        ("speed", lambda folder: speed(folder, files, repeats)),
        (
            "memory",
            lambda folder: [memory(folder, count) for count in (planned // 100, planned // 10, planned)],
        ),
        ("tables", lambda folder: tables(folder, parts)),
    ):
        with tempfile.TemporaryDirectory() as folder:
            click.echo(f"{name} ...", err=True)
            figures[name] = measure(Path(folder))
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    click.echo(archives_table())


if __name__ == "__main__":
    main()
