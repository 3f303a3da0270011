"""How cost grows: with sample rate, channels, birds and hours. With files and processes: archive.py."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from benchmarks.report.markdown import markdown_table
from benchmarks.report.statistics import shown, spread
from benchmarks.studies.soak import segmented
from birdedge.edge.audio.sources import FAST_BLOCK_SAMPLES
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.synthesis.soundscape import soundscape

TITLE = "How cost grows"
RATES_HZ = (16_000, 32_000, 44_100, 48_000, 96_000, 192_000)
CHANNELS = (1, 2, 4, 8)
CALLS_PER_MINUTE = (0, 20, 60, 120)
SCENE_S = 20.0
SCENE_RATE_HZ, FILE_RATE_HZ = 48_000, 32_000
DAY_MINUTES = 24 * 60
MAX_SLOPE_BYTES_PER_H = 1e6

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
    mb = ("resident_first_bytes", "resident_last_bytes", "max_resident_bytes")
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
    ]
    return "\n".join(lines)


def aims(figures: Figures) -> list[tuple[str, str, bool]]:
    """See results.py."""
    longest = figures["length"][-1]
    if longest["minutes"] != DAY_MINUTES:
        return []
    slope = longest["resident_slope_bytes_per_h"]
    aim = f"memory flat over a file of {DAY_MINUTES / 60:g} h: below 1 MB more an hour of sound"
    return [(aim, f"{slope / 1e6:+.2f} MB", slope < MAX_SLOPE_BYTES_PER_H)]


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
