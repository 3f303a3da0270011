"""Agreement of birdedge's events with BirdNET's detections.

The recordings are the test split, on which birdedge was not trained. BirdNET may have been, because many are from
xeno-canto. It chooses among all its species, of any place and season.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.peers import birdnet
from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.sources import file_source
from birdedge.edge.event import Event
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.collector import Collector
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.train.data.recordings import read_index
from birdedge.train.data.splits import held_out_recordings
from birdedge.train.evaluation.intervals import interval, wilson

MIN_SCORE = 0.5  # of a BirdNET detection
WINDOW_S = birdnet.WINDOW_SAMPLES / birdnet.SAMPLE_RATE_HZ
KINDS = {"birds": "focal recordings of birds", "soundscapes": "soundscapes", "noise": "no birds"}


class Counts(NamedTuple):
    """Windows and events of one recording."""

    windows: int
    birdnet: int  # windows with a BirdNET detection
    both: int  # of those, windows with an event
    birdedge: int  # windows with an event
    events: int
    events_confirmed: int  # events that touch a window with a BirdNET detection


class Ratio(NamedTuple):
    """A figure of the page: one sum over recordings divided by another."""

    name: str
    part: str
    whole: str
    scale: float = 1.0


RATIOS = (
    Ratio("birdnet_matched_share", "both", "birdnet"),
    Ratio("events_confirmed_share", "events_confirmed", "events"),
    Ratio("birdedge_share", "birdedge", "windows"),
    Ratio("birdnet_per_hour", "birdnet", "windows", 3600 / WINDOW_S),
    Ratio("birdedge_per_hour", "birdedge", "windows", 3600 / WINDOW_S),
    Ratio("events_per_hour", "events", "windows", 3600 / WINDOW_S),
)


def measure_agreement(data: Path) -> dict[str, dict[str, Any]]:
    """Return the summary of the recordings by kind.

    Raises:
        DataError: The folder has no index.
        subprocess.CalledProcessError: BirdNET could not be installed or failed.
    """
    recordings = held_out_recordings(read_index(data), "test")
    command, model = birdnet.prepare(), Model()
    figures = {}
    for kind in KINDS:
        paths = [r.path for r in recordings if r.kind == kind]
        rows = [
            counts(np.array(scores) >= MIN_SCORE, birdedge_events(model, path))
            for path, scores in zip(paths, birdnet_scores(command, paths), strict=True)
        ]
        figures[kind] = summary([row for row in rows if row.windows])
    return figures


def counts(detected: NDArray[np.bool_], events: Sequence[Event]) -> Counts:
    """Count windows and events of one recording.

    Args:
        detected: Whether BirdNET detects a bird, `[windows]`.
        events: Events. Each counts in every window that it touches; one after the last whole window does not count.
    """
    touched = [slice(int(e.onset_s // WINDOW_S), int(e.offset_s // WINDOW_S) + 1) for e in events]
    touched = [windows for windows in touched if windows.start < len(detected)]
    has_event = np.zeros(len(detected), bool)
    for windows in touched:
        has_event[windows] = True
    return Counts(
        windows=len(detected),
        birdnet=int(detected.sum()),
        both=int((detected & has_event).sum()),
        birdedge=int(has_event.sum()),
        events=len(touched),
        events_confirmed=sum(bool(detected[windows].any()) for windows in touched),
    )


def summary(rows: Sequence[Counts]) -> dict[str, Any]:
    """Return the sums of the counts, and the `RATIOS` with their intervals over recordings.

    A ratio is None if its denominator is zero.
    """
    table = np.array(rows, np.float64).reshape(-1, len(Counts._fields))
    column = {name: index for index, name in enumerate(Counts._fields)}
    figures: dict[str, Any] = {"recordings": len(table)}
    figures |= {name: int(table[:, index].sum()) for name, index in column.items()}
    for ratio in RATIOS:
        columns = table[:, [column[ratio.part], column[ratio.whole]]]

        def value(sums: NDArray[np.float64], scale: float = ratio.scale) -> Any:
            with np.errstate(divide="ignore", invalid="ignore"):
                return scale * sums[..., 0] / sums[..., 1]

        part, whole = columns.sum(axis=0)
        overall = float(value(np.array([part, whole])))
        bounds = interval(columns, value)
        if bounds is not None and part in (0, whole):  # all resamples are equal if none or all succeed
            bounds = [ratio.scale * bound for bound in wilson(part, whole)]
        figures[ratio.name] = overall if np.isfinite(overall) else None
        figures[f"{ratio.name}_interval"] = bounds
    return figures


def birdnet_scores(command: Sequence[str], paths: Sequence[Path], padded: bool = False) -> list[list[float]]:
    """Return BirdNET's highest score of a bird in each whole window, by recording.

    Args:
        command: BirdNET's command, see `birdnet.prepare`.
        paths: Recordings.
        padded: Whether an incomplete last window is padded with zeros.

    Raises:
        subprocess.CalledProcessError: BirdNET failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        copies: list[str] = []
        for path in paths:
            with AudioFile(path) as file:
                mono = np.concatenate([block.mean(axis=1) for block in file.blocks()])
                samples = soxr.resample(mono, file.sample_rate_hz, birdnet.SAMPLE_RATE_HZ)
            if padded:
                samples = np.pad(samples, (0, -len(samples) % birdnet.WINDOW_SAMPLES))
            copies.append(f"{folder}/{len(copies)}.wav")
            soundfile.write(copies[-1], samples, birdnet.SAMPLE_RATE_HZ, subtype="PCM_16")
        process = subprocess.run([*command, *copies], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in process.stdout.splitlines()]


def birdedge_events(model: Model, path: Path) -> list[Event]:
    """Return the events of a recording, as birdedge finds them with its shipped thresholds."""
    with AudioFile(path) as file:
        pipeline = Pipeline(model, file.sample_rate_hz, file.channels)
        collector = Collector()
        run(file_source(file), pipeline, collector, threading.Event())
    return collector.events
