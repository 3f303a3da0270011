"""A long recording of generated birds and weather, and `birdedge segment` on it."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.support.process_samples import ProcessFigures, process_figures, watch_process
from birdedge.edge.synthesis.soundscape import soundscape

ROOT = Path(__file__).parents[2]
SCENE_S, MAX_SCENES = 60.0, 5
Int16 = NDArray[np.int16]


class LongRecordingFigures(ProcessFigures):
    """Figures of `birdedge segment` on a long recording."""

    audio_s: float
    times_real_time: float  # start-up included
    events: int


def scenes(minutes: float, sample_rate_hz: int) -> Iterator[Int16]:
    """Yield scenes of one minute without end, `[samples]` each; at most `MAX_SCENES` differ."""
    seeds = range(min(math.ceil(60 * minutes / SCENE_S), MAX_SCENES))
    generated = [soundscape(SCENE_S, seed, sample_rate_hz=sample_rate_hz).samples for seed in seeds]
    return itertools.cycle([np.round(samples * 32767).astype(np.int16) for samples in generated])


def segment_long_recording(folder: Path, minutes: float, sample_rate_hz: int) -> LongRecordingFigures:
    """Write a recording into `folder`, run `birdedge segment` on it, and return the figures.

    Raises:
        subprocess.CalledProcessError: `birdedge segment` failed.
    """
    path, log, table = folder / "long.wav", folder / "log", folder / "events"
    _write(path, minutes, sample_rate_hz)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "birdedge", "segment", str(path)]
    start_s = time.monotonic()
    with (
        log.open("wb") as errors,
        table.open("wb") as events,
        subprocess.Popen(command, env=environment, stdout=events, stderr=errors) as process,
    ):
        samples = list(watch_process(process, log, 0.05))
    times_real_time = 60 * minutes / (time.monotonic() - start_s)
    return {
        **process_figures(samples, times_real_time),
        "audio_s": 60 * minutes,
        "times_real_time": times_real_time,
        "events": len(table.read_text(encoding="utf-8").splitlines()),
    }


def _write(path: Path, minutes: float, sample_rate_hz: int) -> None:
    left = round(60 * minutes * sample_rate_hz)
    # RF64, because WAV ends at 4 GB.
    with soundfile.SoundFile(path, "w", sample_rate_hz, 1, "PCM_16", format="RF64") as file:
        for scene in scenes(minutes, sample_rate_hz):
            file.write(scene[:left])
            left -= len(scene)
            if left <= 0:
                break
