"""Clips with made-up targets, and detectors that know these targets."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.event import Event
from birdedge.edge.models.settings import EventSettings
from birdedge.train.data.stft import GRID
from birdedge.train.evaluation.detectors import Detector, events_of
from birdedge.train.evaluation.labelled_audio import MaskedClip, centres

SETTINGS = EventSettings(high_threshold=0.5, min_score=0.0)


def rectangles(seed: int, snr_db: float = math.nan) -> MaskedClip:
    """A clip of random rectangles; the ratio of its first two samples is `seed` / 8 at any level."""
    rng = np.random.default_rng(seed)
    target = np.zeros((100, 256), bool)
    for _ in range(4):
        t, b = rng.integers(0, 80), rng.integers(0, 200)
        target[t : t + 15, b : b + 30] = True
    samples = np.zeros(99 * GRID.hop + GRID.n_fft, np.float32)
    samples[:2] = seed / 8, 1.0
    times_s = centres(GRID.first_frame_s, GRID.hop_s, 100)
    frequencies_hz = centres(GRID.low_hz, GRID.bin_hz, GRID.bins)
    return MaskedClip(str(seed), samples, 32000, target, None, times_s, frequencies_hz, snr_db)


CLIPS = [rectangles(seed, snr_db) for seed, snr_db in ((1, -5.0), (2, 5.0), (3, 15.0), (4, 20.0))]


def oracle(shift_frames: int = 0) -> Detector:
    """A detector that returns the targets of CLIPS, `shift_frames` late."""

    def run(samples: NDArray[np.float32], _rate_hz: int) -> tuple[NDArray[np.float32], list[Event]]:
        clip = CLIPS[round(8 * float(samples[0] / samples[1])) - 1]
        mask = np.roll(clip.target, shift_frames, axis=0).astype(np.float32)
        return mask, events_of(mask, mask, mask, SETTINGS)

    return Detector("oracle", 0.5, run)
