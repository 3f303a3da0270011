"""Classical baselines: masks without a trained network, with settings chosen on validation mixes.

Each sees a whole recording, which no recorder can. Each has a few settings, used as in its documentation; the setting
and the threshold with the highest pooled IoU on the validation mixes are chosen.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import soxr
from scipy import ndimage

from birdedge.edge.errors import ExtraMissingError
from birdedge.edge.event import Event
from birdedge.edge.models.settings import EventSettings
from birdedge.edge.pipeline.region import NEPER_DB
from birdedge.train.data.labels import Float32
from birdedge.train.data.stft import GRID
from birdedge.train.evaluation.classical import energy_threshold, noisereduce_gate, scikit_maad
from birdedge.train.evaluation.detectors import Detector, events_of, log_spectrogram
from birdedge.train.evaluation.labelled_audio import MaskedClip, resampled
from birdedge.train.training.metrics import STEPS, MaskScores

TOP_DB = 40.0  # above the median: certainly a sound
MIN_SAMPLES = 4096  # the packages need several of their own windows
Setting = dict[str, Any]


def median_threshold(samples: Float32, smoothing: tuple[float, float]) -> Float32:
    """Return decibels above the median of each bin, scaled so that TOP_DB is 1, as `[frames, bins]`.

    `smoothing` is the standard deviation of a Gaussian in frames and bins.
    """
    level_db = log_spectrogram(samples, GRID.sample_rate_hz) * np.float32(NEPER_DB)
    above = ndimage.gaussian_filter(level_db - np.median(level_db, axis=0), smoothing)
    return np.asarray(np.clip(above / TOP_DB, 0.0, 1.0), np.float32)


BASELINES: dict[str, tuple[Callable[..., Float32], list[Setting]]] = {
    "energy-threshold": (energy_threshold, [{}]),
    "median-threshold": (
        median_threshold,
        [{"smoothing": smoothing} for smoothing in ((1.0, 1.0), (2.0, 1.5), (3.0, 2.0), (5.0, 2.0))],
    ),
    "scikit-maad": (
        scikit_maad,
        [
            {"background": background, "bin_std": bin_std, "bin_per": bin_per}
            for background, stds in (
                ("median_equalizer", (2.0, 3.0, 4.0, 6.0, 8.0)),
                ("remove_background", (1.0, 1.5)),
            )
            for bin_std in stds
            for bin_per in (0.25, 0.5)
        ],
    ),
    "noisereduce": (
        noisereduce_gate,
        [
            *({"stationary": True, "n_std_thresh_stationary": n} for n in (1.0, 1.5, 2.0, 3.0)),
            *({"stationary": False, "thresh_n_mult_nonstationary": n} for n in (1.0, 2.0, 4.0)),
        ],
    ),
}


def tuned_baseline(name: str, clips: Sequence[MaskedClip]) -> Detector:
    """Return a baseline of BASELINES with the setting and threshold that fit `clips` best.

    All regions at the threshold are events: without a probability there is nothing to select them by.

    Raises:
        ExtraMissingError: The package of the baseline is not installed.
    """
    function, settings = BASELINES[name]
    tried = ((_scores(function, setting, clips), setting) for setting in settings)
    scores, setting = max(tried, key=lambda one: one[0].iou(one[0].best_threshold()))
    curve = scores.iou_curve()[1:]
    # Take the middle of equally good thresholds: a mask of zeros and ones has 255 of them.
    threshold = int(np.median(np.flatnonzero(curve == curve.max()) + 1)) / (STEPS - 1)
    events = EventSettings(low_threshold=threshold, high_threshold=threshold, min_score=0.0, max_fill=0.0)

    def run(samples: Float32, sample_rate_hz: int) -> tuple[Float32, list[Event]]:
        if sample_rate_hz != GRID.sample_rate_hz:
            samples = soxr.resample(samples, sample_rate_hz, GRID.sample_rate_hz)
        mask = _mask(function, samples, setting)
        level = log_spectrogram(samples, GRID.sample_rate_hz)
        floor = np.broadcast_to(np.median(level, axis=0), level.shape)
        return mask, events_of(mask, level, floor, events)

    return Detector(name, threshold, run, setting)


def _scores(function: Callable[..., Float32], setting: Setting, clips: Sequence[MaskedClip]) -> MaskScores:
    scores = MaskScores()
    for clip in clips:
        mask = _mask(function, clip.samples, setting)
        scores.add(resampled(mask, clip.times_s, clip.frequencies_hz), clip.target, clip.weight)
    return scores


def _mask(function: Callable[..., Float32], samples: Float32, setting: Setting) -> Float32:
    frames = GRID.frames(len(samples))
    if not samples.any():
        return np.zeros((frames, GRID.bins), np.float32)  # the packages divide by the level
    longer = np.pad(samples, (0, max(0, MIN_SAMPLES - len(samples))))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the packages warn about silent bins
            return function(longer, **setting)[:frames]
    except ModuleNotFoundError as error:
        raise ExtraMissingError(
            f"this baseline needs {error.name}, which is not installed: pip install 'birdedge[evaluate]'"
        ) from error
