"""Where BirdNET is sure of a bird, has birdedge an event? And the reverse; in recordings neither is told about.

Of the test split, which our network has not learned from; BirdNET may have, since much of it is of xeno-canto. It
chooses among all its species, of any place and season.
"""

from __future__ import annotations

import json
import math
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.peers import birdnet
from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.sources import FAST_BLOCK_SAMPLES
from birdedge.edge.event import Event
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import listen
from birdedge.train.data.recordings import read_index
from birdedge.train.data.splits import held_out_recordings
from birdedge.train.evaluation.intervals import interval

SURE = 0.5
WINDOW_S = birdnet.WINDOW_SAMPLES / birdnet.SAMPLE_RATE_HZ
KINDS = {"birds": "focal recordings of birds", "soundscapes": "soundscapes", "noise": "no birds"}
COLUMNS = ("windows", "sure", "sure_with_event", "with_event", "events", "events_where_sure")


def measure_agreement(data: Path) -> dict[str, Any]:
    """By kind of recording the sums of COLUMNS, and shares or hourly counts with their intervals.

    Raises:
        DataError: the folder has no index.
        subprocess.CalledProcessError: BirdNET cannot be had.
    """
    recordings = held_out_recordings(read_index(data), "test")
    command, model = birdnet.prepare(), Model()
    figures = {}
    for kind in KINDS:
        paths = [r.path for r in recordings if r.kind == kind]
        rows = [
            row
            for path, scores in zip(paths, _scores(command, paths), strict=True)
            if (row := counts(np.array(scores) >= SURE, _events(model, path)))[0]
        ]
        figures[kind] = summary(rows)
    return figures


def counts(sure: NDArray[np.bool_], events: Sequence[Event]) -> tuple[int, ...]:
    """COLUMNS of a recording; `sure` by window. An event is in each window that it touches."""
    windows = [slice(int(e.onset_s // WINDOW_S), int(e.offset_s // WINDOW_S) + 1) for e in events]
    windows = [w for w in windows if w.start < len(sure)]  # what is left at the end is no whole window
    heard = np.zeros(len(sure), bool)
    for window in windows:
        heard[window] = True
    confirmed = sum(bool(sure[window].any()) for window in windows)
    return len(sure), int(sure.sum()), int((sure & heard).sum()), int(heard.sum()), len(windows), confirmed


def summary(rows: Sequence[tuple[int, ...]]) -> dict[str, Any]:
    """The sums, and the figures that stand on the page with their intervals over the recordings."""
    table = np.array(rows, np.float64).reshape(-1, len(COLUMNS))
    column = {name: place for place, name in enumerate(COLUMNS)}
    figures: dict[str, Any] = {"recordings": len(table)}
    figures |= {name: int(table[:, place].sum()) for name, place in column.items()}
    for name, part, whole, scale in (
        ("sure_found", "sure_with_event", "sure", 1.0),
        ("events_confirmed", "events_where_sure", "events", 1.0),
        ("windows_with_event", "with_event", "windows", 1.0),
        ("sure_per_hour", "sure", "windows", 3600 / WINDOW_S),
        ("with_event_per_hour", "with_event", "windows", 3600 / WINDOW_S),
        ("events_per_hour", "events", "windows", 3600 / WINDOW_S),
    ):
        places = [column[part], column[whole]]

        def share(sums: NDArray[np.float64], scale: float = scale) -> Any:
            with np.errstate(divide="ignore", invalid="ignore"):
                return scale * sums[..., 0] / sums[..., 1]

        sums = table[:, places].sum(axis=0)
        value = float(share(sums))
        bounds = interval(table[:, places], share)
        if bounds is not None and sums[0] in (
            0,
            sums[1],
        ):  # none or all: drawing recordings anew tells nothing
            bounds = [scale * bound for bound in wilson(*sums)]
        figures[name] = value if np.isfinite(value) else None
        figures[f"{name}_interval"] = bounds
    return figures


def wilson(part: float, whole: float) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    z = 1.96
    share, spread = part / whole, z * z / whole
    half = z * math.sqrt((share * (1 - share) + spread / 4) / whole)
    return (share + spread / 2 - half) / (1 + spread), (share + spread / 2 + half) / (1 + spread)


def _scores(command: list[str], paths: Sequence[Path]) -> list[list[float]]:
    """BirdNET's likeliest bird in each window, by recording."""
    with tempfile.TemporaryDirectory() as folder:
        copies = []
        for path in paths:
            with AudioFile(path) as file:
                mono = np.concatenate([block.mean(axis=1) for block in file.blocks()])
                samples = soxr.resample(mono, file.sample_rate_hz, birdnet.SAMPLE_RATE_HZ)
            copies.append(f"{folder}/{len(copies)}.wav")
            soundfile.write(copies[-1], samples, birdnet.SAMPLE_RATE_HZ, subtype="PCM_16")
        done = subprocess.run([*command, *copies], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _events(model: Model, path: Path) -> list[Event]:
    with AudioFile(path) as file:
        pipeline = Pipeline(model, file.sample_rate_hz, file.channels)
        blocks = ((0, block) for block in file.blocks(FAST_BLOCK_SAMPLES))
        return [event for found in listen(pipeline, blocks) for event in found.events]
