"""How cost grows: with sample rate, channels, birds, hours, files and processes."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.cost import process_cost
from benchmarks.markdown import markdown_table
from benchmarks.soak import segmented
from benchmarks.spread import shown, spread
from birdedge.edge.model import Model
from birdedge.edge.pipeline import Pipeline
from birdedge.edge.soundscape import soundscape
from birdedge.edge.sources import FAST_BLOCK_SAMPLES

TITLE = "How cost grows"
RATES_HZ = (16_000, 32_000, 44_100, 48_000, 96_000, 192_000)
CHANNELS = (1, 2, 4, 8)
CALLS_PER_MINUTE = (0, 20, 60, 120)
SCENE_S = 20.0
SCENE_RATE_HZ, FILE_RATE_HZ = 48_000, 32_000
DAY_MINUTES = 24 * 60
LEAST_GAIN = 1.8  # of two processes over one
LARGEST_SLOPE_BYTES_PER_H = 1e6

Figures = dict[str, Any]
Float32 = NDArray[np.float32]


def measure(quick: bool, data: Path | None) -> Figures:  # noqa: ARG001 - every part is asked alike
    """Each question in turn; when quick, of less sound, and 20 minutes in place of a day.

    Raises:
        subprocess.CalledProcessError, click.ClickException: `birdedge segment` failed.
    """
    rounds = 3 if quick else 9
    scene = soundscape(SCENE_S, sample_rate_hz=SCENE_RATE_HZ).samples[:, np.newaxis]
    rates = {rate_hz: (soxr.resample(scene, SCENE_RATE_HZ, rate_hz), rate_hz) for rate_hz in RATES_HZ}
    channels = {count: (np.repeat(scene, count, axis=1), SCENE_RATE_HZ) for count in CHANNELS}
    calls = {
        count: (
            soundscape(SCENE_S, calls_per_minute=count, sample_rate_hz=SCENE_RATE_HZ).samples[:, np.newaxis],
            SCENE_RATE_HZ,
        )
        for count in CALLS_PER_MINUTE
    }
    return {
        "sample_rate_hz": pipeline_costs(rates, rounds),
        "channels": pipeline_costs(channels, rounds),
        "calls_per_minute": pipeline_costs(calls, rounds),
        "length": [length(minutes) for minutes in ((20,) if quick else (60, DAY_MINUTES))],
        "files": files((1, 20) if quick else (1, 10, 100), 120.0 if quick else 600.0),
        "processes": processes(4, 60.0, 1) if quick else processes(8, 300.0, 3),
    }


def pipeline_costs(sounds: Mapping[int, tuple[Float32, int]], rounds: int) -> list[Figures]:
    """CPU seconds a second of sound from samples to events, in alternating rounds.

    Shape: `sounds` gives for each value `[n, channels]` and its sample rate in Hz.
    """
    model = Model()
    costs: dict[int, list[float]] = {value: [] for value in sounds}
    events = {}
    for _ in range(rounds):
        for value, (samples, rate_hz) in sounds.items():
            pipeline = Pipeline(model, rate_hz, samples.shape[1])
            began_s, found = time.process_time(), 0
            for at in range(0, len(samples), FAST_BLOCK_SAMPLES):
                found += len(pipeline.push(samples[at : at + FAST_BLOCK_SAMPLES]).events)
            found += len(pipeline.flush().events)
            sound_s = len(samples) / rate_hz
            costs[value].append((time.process_time() - began_s) / sound_s)
            events[value] = 60 * found / sound_s
    return [
        {"value": value, "cpu_s_per_s": spread(costs[value]), "events_per_minute": events[value]}
        for value in sounds
    ]


def length(minutes: int) -> Figures:
    """`birdedge segment` on one file of so many minutes."""
    with tempfile.TemporaryDirectory() as folder:
        return {"minutes": minutes, **segmented(Path(folder), minutes, FILE_RATE_HZ)}


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
        "CPU ms a second of sound from samples to events, within one process, median (least to most) of alternating "
        "rounds; the network always hears 32 kHz, mono.",
        "",
    ]
    for key, head in (
        ("sample_rate_hz", "sample rate, Hz"),
        ("channels", "channels, of which it hears the mean"),
        ("calls_per_minute", "bird calls a minute that sounded"),
    ):
        rows = [
            (f"{row['value']}", shown(row["cpu_s_per_s"], 1e3), f"{row['events_per_minute']:.0f}")
            for row in figures[key]
        ]
        lines += [*markdown_table((head, "CPU ms a second of sound", "events a minute found"), rows), ""]
    mb = ("resident_first_bytes", "resident_last_bytes", "resident_most_bytes")
    lines += [
        "One long file, read as a stream by `birdedge segment`:",
        "",
        *markdown_table(
            (
                "hours",
                "times real time",
                "events",
                "resident MB warm, at the end, at most",
                "MB more an hour of sound",
            ),
            [
                (
                    f"{row['minutes'] / 60:.3g}",
                    f"{row['speed']:.0f}",
                    f"{row['events']}",
                    ", ".join(f"{row[name] / 1e6:.0f}" for name in mb),
                    f"{row['resident_slope_bytes_per_h'] / 1e6:+.2f}",
                )
                for row in figures["length"]
            ],
        ),
        "",
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
    longest, gain = figures["length"][-1], figures["processes"]["gain"]["median"]
    found = [("an archive on two processes, 1.8 times one at least", f"{gain:.2f}", gain >= LEAST_GAIN)]
    if longest["minutes"] == DAY_MINUTES:
        slope = longest["resident_slope_bytes_per_h"]
        aim = f"memory flat over a file of {DAY_MINUTES / 60:g} h: below 1 MB more an hour of sound"
        found.append((aim, f"{slope / 1e6:+.2f} MB", slope < LARGEST_SLOPE_BYTES_PER_H))
    return found


def plot(figures: Figures, path: Path) -> None:
    """Three questions side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    labels = {
        "sample_rate_hz": "sample rate, kHz",
        "channels": "channels",
        "calls_per_minute": "calls a minute",
    }
    for axes, (key, label) in zip(figure.subplots(1, 3, sharey=True), labels.items(), strict=True):
        values = [row["value"] / (1000 if key == "sample_rate_hz" else 1) for row in figures[key]]
        costs = [row["cpu_s_per_s"] for row in figures[key]]
        middle, least, most = (
            np.array([1e3 * cost[name] for cost in costs]) for name in ("median", "least", "most")
        )
        axes.errorbar(values, middle, yerr=[middle - least, most - middle], marker="o", capsize=3)
        axes.set_xlabel(label)
    figure.axes[0].set_ylim(bottom=0)  # of all, and now that the dearest is drawn
    figure.axes[0].set_ylabel("CPU ms a second of sound")
    figure.savefig(path, dpi=100)
