"""Masks by numpy, scikit-maad and noisereduce, from a whole recording and without training.

Values are 0..1 but not probabilities. Nothing here imports torch, because each also runs in an environment with only
its own package (benchmarks/peers).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from birdedge.train.data.labels import Float32
from birdedge.train.data.stft import GRID, magnitude

ENERGY_RANGE_DB = 80.0  # librosa's default
MIN_MAGNITUDE = 1e-5  # librosa's default


def energy_threshold(samples: Float32) -> Float32:
    """Return decibels below the loudest bin, as librosa's `amplitude_to_db(..., ref=np.max)`: 1 is 0 dB, 0 is 80 dB."""
    level_db = 20 * np.log10(np.maximum(magnitude(samples), MIN_MAGNITUDE))
    return np.asarray(np.clip(1 + (level_db - level_db.max()) / ENERGY_RANGE_DB, 0.0, 1.0), np.float32)


def scikit_maad(samples: Float32, background: str, bin_std: float, bin_per: float) -> Float32:
    """Return the ROI mask of scikit-maad, made as in its documentation; a bin is 0 or 1.

    The background is removed and the spectrogram smoothed before a relative double threshold (Ulloa et al. 2021,
    doi:10.1111/2041-210X.13711).
    """
    from maad import rois, sound, util

    padded = np.pad(samples, (0, -(len(samples) - GRID.n_fft) % GRID.hop))
    power, *_ = sound.spectrogram(
        padded, GRID.sample_rate_hz, nperseg=GRID.n_fft, noverlap=GRID.n_fft - GRID.hop
    )
    if background == "median_equalizer":
        clean_db = util.power2dB(sound.median_equalizer(power))
    else:
        clean_db, *_ = sound.remove_background(util.power2dB(power, db_range=96) + 96)
    mask = rois.create_mask(sound.smooth(clean_db, std=1.2), "relative", bin_std=bin_std, bin_per=bin_per)
    # Its bins are 0..255, ours 1..256.
    return np.pad(mask[1:].T.astype(np.float32), ((0, 0), (0, GRID.bins + 1 - len(mask))))


def noisereduce_gate(samples: Float32, **setting: Any) -> Float32:
    """Return the share of each bin's magnitude that the spectral gate of noisereduce keeps.

    Sainburg et al. 2020, doi:10.1371/journal.pcbi.1008228.
    """
    from noisereduce import reduce_noise

    gated = reduce_noise(y=samples, sr=GRID.sample_rate_hz, **setting)
    before, after = magnitude(samples), magnitude(np.asarray(gated, np.float32))
    kept = np.divide(after, before, out=np.zeros_like(before), where=before > 0)
    return np.asarray(np.clip(np.nan_to_num(kept), 0.0, 1.0), np.float32)
