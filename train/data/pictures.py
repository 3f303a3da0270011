"""Spectrograms as pictures, in the form of the BirdSoundsDenoising set, at the 256 x 256 at which it is segmented.

A picture has a row for each frequency of a two-sided spectrum, 0 Hz in the middle, and a column for each frame:
|STFT| with a symmetric Hamming window of 128 samples, hop 64, 1024 points, no padding, clipped to 0..1, at the
recording's own rate (audio2image.m, github.com/YoushanZhang/BirdSoundsDenoising).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from birdedge.edge.errors import DataError
from birdedge.train.data.labels import Bool, Float32
from birdedge.train.data.sound_bank import GRID
from birdedge.train.evaluation.labelled import resampled

Bytes = NDArray[np.uint8]
SIDE = 256
WINDOW, HOP, N_FFT = 128, 64, 1024


def read_picture(path: Path) -> Bytes:
    """Grey levels `[SIDE, SIDE]`, time first.

    Raises: DataError for a file that is no picture, or damaged.
    """
    try:
        with Image.open(path) as picture:
            return _squashed(picture.convert("L"))
    # Pillow has no error of its own for a damaged PNG.
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as a picture ({error}); fetch it again, or take it away"
        ) from error


def read_mask(path: Path) -> Bool:
    """`[SIDE, SIDE]`, time first: brighter than half of the brightest is bird, be bird 1 or 255 in the file."""
    levels = read_picture(path)
    return levels > max(int(levels.max()), 1) / 2


def draw_picture(samples: Float32) -> Bytes:
    """The picture of a sound `[n]`, `[SIDE, SIDE]`, time first.

    Raises: DataError for a sound shorter than one window.
    """
    if len(samples) < WINDOW:
        raise DataError(f"a sound of {len(samples)} samples makes no picture; it must have {WINDOW} or more")
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    half = np.abs(np.fft.rfft(windows * np.hamming(WINDOW).astype(np.float32), N_FFT, axis=1))  # 0..rate / 2
    both = half[:, np.abs(np.arange(N_FFT) - (N_FFT // 2 - 1))]
    return _squashed(Image.fromarray(np.round(np.clip(both.T, 0, 1) * 255).astype(np.uint8)))


def on_picture(mask: Float32, samples: int, sample_rate_hz: int) -> Float32:
    """A mask `[frames, bins]` of the recorder's grid as one of the picture, `[SIDE, SIDE]`, time first.

    0 where the picture reaches above the grid.
    """
    columns = (samples - WINDOW) // HOP + 1
    middle = (np.arange(SIDE) + 0.5) / SIDE  # of the picture's pixels, as a share of its side
    times_s = ((middle * columns - 0.5) * HOP + WINDOW / 2) / sample_rate_hz
    frequencies_hz = np.abs(middle - 0.5) * sample_rate_hz
    drawn = resampled(mask, times_s, frequencies_hz)
    drawn[:, frequencies_hz > GRID.low_hz + (GRID.bins - 0.5) * GRID.bin_hz] = 0
    return drawn


def _squashed(picture: Image.Image) -> Bytes:
    """Resized as the published figures were: both sides to SIDE, by Pillow's own filter."""
    return np.asarray(picture.resize((SIDE, SIDE))).T
