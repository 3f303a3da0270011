"""Masks of noisereduce, scikit-maad and librosa, by the functions that `birdedge evaluate` scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birdedge.train.data.stft import GRID
from birdedge.train.evaluation.classical import (
    ENERGY_RANGE_DB,
    MIN_MAGNITUDE,
    noisereduce_gate,
    scikit_maad,
)

Float32 = NDArray[np.float32]


def librosa_energy(samples: Float32) -> Float32:
    """Return the mask of `energy_threshold`, which is scored, as librosa itself computes it, `[frames, bins]`."""
    import librosa

    magnitude = np.abs(librosa.stft(samples, n_fft=GRID.n_fft, hop_length=GRID.hop, center=False))[1:]
    level_db = librosa.amplitude_to_db(magnitude, ref=np.max, amin=MIN_MAGNITUDE, top_db=ENERGY_RANGE_DB)
    return np.asarray(1 + level_db.T / ENERGY_RANGE_DB, np.float32)


MASKS: dict[str, Callable[..., Float32]] = {
    "noisereduce": noisereduce_gate,
    "scikit-maad": scikit_maad,
    "librosa": librosa_energy,
}


def load(samples: Float32, sample_rate_hz: int, name: str, setting: str) -> Callable[[], Float32]:
    """Return a function that computes a mask once (see worker.py); `setting` holds keyword arguments as JSON."""
    assert sample_rate_hz == GRID.sample_rate_hz
    mask, keywords = MASKS[name], dict[str, Any](json.loads(setting))
    return lambda: mask(samples, **keywords)
