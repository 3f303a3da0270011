"""PNG image of a clip, made without matplotlib, which a recorder lacks: the spectrogram with the mask outlined.

A pixel is one hop wide and one bin high. Time runs to the right, frequency upwards from the first bin.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.formats.png import indexed_png
from birdedge.edge.grid import Grid
from birdedge.edge.pipeline.denoise import CHUNK_FRAMES
from birdedge.edge.pipeline.mask_interpolation import (
    binary_mask_near,
    centred_windows,
    frame_positions,
    hop_samples,
    interpolate,
)
from birdedge.edge.plots.contrast import contrast_db

SHADES = 64
OUTLINE = SHADES  # palette index after the shades
OUTLINE_COLOUR = (79, 227, 255)
DARK_TO_BRIGHT = ((0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191))


def clip_picture(
    samples: NDArray[np.int16],
    sample_rate_hz: int,
    mask: NDArray[np.uint8],
    grid: Grid,
    first_frame_s: float,
    threshold: float,
) -> bytes:
    """Return a PNG of a clip.

    Args:
        samples: Shape `[samples, channels]`; the spectrogram shows the mean of the channels.
        sample_rate_hz: Sample rate of the clip, which may differ from the grid's.
        mask: 255 x probability, `[frames, bins]`.
        grid: Times and frequencies of the mask's frames and bins.
        first_frame_s: Centre of the mask's first frame, in seconds after the first sample.
        threshold: Probability from which a bin counts as bird sound.
    """
    hop = hop_samples(sample_rate_hz, grid)
    bins = slice(1, min(grid.bins, hop) + 1)
    hann = (0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop)).astype(np.float32)
    channels = [centred_windows(samples[:, channel], hop) for channel in range(samples.shape[1])]
    scaled = hann / (32768 * len(channels))
    level_db = np.empty((len(channels[0]), bins.stop - 1), np.float32)
    inside = np.empty(level_db.shape, bool)
    for at in range(0, len(level_db), CHUNK_FRAMES):
        part = slice(at, at + CHUNK_FRAMES)
        mean = sum(channel[part] * scaled for channel in channels)
        level_db[part] = 20 * np.log10(np.abs(np.fft.rfft(mean, axis=1)[:, bins]) + grid.magnitude_floor)
        numbers = np.arange(at, at + len(level_db[part]))
        shape, since = binary_mask_near(
            mask, frame_positions(numbers, sample_rate_hz, grid, first_frame_s), threshold
        )
        values = interpolate(shape.astype(np.float32), since, sample_rate_hz, grid)
        inside[part] = values[:, bins] > 0.5
    darkest_db, brightest_db = contrast_db(level_db[::4])
    level_db -= darkest_db
    level_db *= (SHADES - 1) / (brightest_db - darkest_db)
    pixels = np.clip(level_db, 0, SHADES - 1, out=level_db).astype(np.uint8)
    pixels[inside & ~_eroded(inside)] = OUTLINE
    return indexed_png(np.flipud(pixels.T), _palette())


def _eroded(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels whose four neighbours are all inside."""
    around = np.pad(inside, 1)
    eroded: NDArray[np.bool_] = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    return eroded


def _palette() -> NDArray[np.uint8]:
    """Return the shades from dark to bright, then the outline; shape `[SHADES + 1, 3]`."""
    anchors = np.linspace(0, SHADES - 1, len(DARK_TO_BRIGHT))
    shades = np.array([np.interp(np.arange(SHADES), anchors, c) for c in zip(*DARK_TO_BRIGHT, strict=True)]).T
    return np.vstack([shades, OUTLINE_COLOUR]).astype(np.uint8)
