"""Spectrogram pictures of the BirdSoundsDenoising set, at the 256 x 256 pixels used for segmentation.

A picture has a row per frequency of a two-sided spectrum, 0 Hz in the middle, and a column per frame: |STFT| with a
symmetric Hamming window of 128 samples, hop 64, 1024 points, no padding, clipped to 0..1, at the recording's own rate
(audio2image.m, github.com/YoushanZhang/BirdSoundsDenoising). Arrays have time first.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from birdedge.edge.errors import DataError
from birdedge.train.data.labels import Bool, Float32

Bytes = NDArray[np.uint8]
SIDE = 256
WINDOW, HOP, N_FFT = 128, 64, 1024


def read_picture(path: Path) -> Bytes:
    """Return the grey levels of a picture file.

    Shape: `[SIDE, SIDE]`.

    Raises:
        DataError: The file is damaged or not a picture.
    """
    try:
        with Image.open(path) as picture:
            return _resized(picture.convert("L"))
    # Pillow has no error class of its own for a damaged PNG.
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as a picture ({error}); fetch it again or delete it"
        ) from error


def read_mask(path: Path) -> Bool:
    """Return the bird pixels: those brighter than half the brightest, so that birds may be stored as 1 or as 255.

    Shape: `[SIDE, SIDE]`.
    """
    levels = read_picture(path)
    return levels > max(int(levels.max()), 1) / 2


def draw_picture(samples: Float32) -> Bytes:
    """Return the picture of `samples [n]`.

    Shape: `[SIDE, SIDE]`.

    Raises:
        DataError: There are fewer samples than one window.
    """
    if len(samples) < WINDOW:
        raise DataError(f"{len(samples)} samples are too few for a picture; give at least {WINDOW}")
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    half = np.abs(np.fft.rfft(windows * np.hamming(WINDOW).astype(np.float32), N_FFT, axis=1))  # 0..rate / 2
    both = half[:, np.abs(np.arange(N_FFT) - (N_FFT // 2 - 1))]
    return _resized(Image.fromarray(np.round(np.clip(both.T, 0, 1) * 255).astype(np.uint8)))


def _resized(picture: Image.Image) -> Bytes:
    """Return the picture resized to SIDE by Pillow's default filter, as for the published figures."""
    return np.asarray(picture.resize((SIDE, SIDE))).T
