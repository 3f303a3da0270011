"""Bird masks: from the energy of clean recordings, and as the closed shapes a person paints around them.

All arrays are `[frames, bins]` on the recorder's grid; magnitudes are linear unless a name ends in `_db`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

PEAK_RANGE_DB = 35.0  # a call is visible down to this far below its loudest bin


@dataclass(frozen=True)
class Paint:
    """The painted convention: the gaps a person fills, and the margin between the energy and the painted line."""

    gap_frames: int = 6
    gap_bins: int = 5
    margin_frames: int = 2
    margin_bins: int = 1


def paint(tight: Bool, style: Paint | None = None) -> Bool:
    """Return closed shapes around a tight mask, as a person paints them."""
    style = style or Paint()
    if not tight.any():
        return tight
    frames, bins = style.margin_frames, style.margin_bins
    # Time first, then frequency: a box would join notes that only come near each other at a corner.
    closed = close_gaps(close_gaps(tight, style.gap_frames, 0), style.gap_bins, 1)
    # The union of two boxes has rounded corners.
    return _spread(closed, frames, bins // 2) | _spread(closed, frames // 2, bins)


def close_gaps(mask: Bool, gap: int, axis: int) -> Bool:
    """Return the mask with gaps of up to `gap` filled along one axis."""
    padding = [(0, 0), (0, 0)]
    padding[axis] = (gap, gap)
    grown = ndimage.maximum_filter1d(np.pad(mask, padding).view(np.uint8), gap + 1, axis)
    # Use the same window, with an even size centred the other way, so that the ends return to their place.
    shrunk = ndimage.minimum_filter1d(grown, gap + 1, axis, origin=0 if gap % 2 == 0 else -1)
    inner = slice(gap, gap + mask.shape[axis])
    closed: Bool = (shrunk[inner] if axis == 0 else shrunk[:, inner]).view(bool)
    return closed


def _spread(mask: Bool, frames: int, bins: int) -> Bool:
    wide = ndimage.maximum_filter1d(mask.view(np.uint8), 2 * frames + 1, 0)
    spread: Bool = ndimage.maximum_filter1d(wide, 2 * bins + 1, 1).view(bool)
    return spread


def smooth_power(magnitude: Float32, frames: float, bins: float) -> Float32:
    """Return the power smoothed by a Gaussian; `frames` and `bins` are its standard deviations."""
    power: Float32 = ndimage.gaussian_filter(magnitude * magnitude, (frames, bins), truncate=2.5)
    return power


def isolated_mask(magnitude: Float32, floor_percentile: float = 5.0, range_db: float = PEAK_RANGE_DB) -> Bool:
    """Return the tight mask of an isolated call from a recording in which everything else is erased or gated away.

    A bin counts if it lies within `range_db` of the peak and 12 dB above the `floor_percentile` level. In an erased
    file, that level is the dither.
    """
    power_db = 10 * np.log10(smooth_power(magnitude, 0.6, 0.6) + 1e-12)
    floor_db = np.percentile(power_db, floor_percentile) + 12.0
    loud = power_db > max(power_db.max() - range_db, floor_db)
    tight: Bool = ndimage.binary_opening(loud, np.ones((2, 2), bool))
    return tight


def focal_mask(magnitude: Float32, low_bin: int = 6) -> tuple[Bool, Bool]:
    """Return the tight mask of the birds in a loud, clean recording, and the doubtful bins.

    A region counts if it lies 8 dB above the background of its bins with a core 18 dB above it, if it lies within 38 dB
    of the loudest sound nearby (codec artefacts lie below), and if it is too short for hum or hiss.

    Returns:
        `(tight, doubtful)`. Bins in neither are background.
    """
    power_db = 10 * np.log10(smooth_power(magnitude, 1.0, 0.8) + 1e-12)
    background_db = ndimage.gaussian_filter1d(np.percentile(power_db, 25, axis=0), 2.0)
    above = power_db - background_db
    near_peak_db = ndimage.maximum_filter(power_db, (125, 129))
    reach_db = np.maximum(near_peak_db - PEAK_RANGE_DB - 3.0, power_db.max() - 50.0)
    candidate = (above > 8.0) & (power_db > reach_db)
    candidate[:, :low_bin] = False
    candidate = ndimage.binary_opening(candidate, np.ones((2, 2), bool))
    doubtful = (above > 5.0) & (power_db > reach_db - 15.0)
    regions, count = ndimage.label(candidate, np.ones((3, 3), bool))
    if count == 0:
        return candidate, doubtful
    numbers = np.arange(1, count + 1)
    height = ndimage.maximum(above, regions, numbers)
    area = ndimage.sum_labels(candidate, regions, numbers)
    length = np.array([s[0].stop - s[0].start for s in ndimage.find_objects(regions)])
    top_bin = np.array([s[1].stop for s in ndimage.find_objects(regions)])
    max_length = np.where(top_bin < 20, 250, 625)  # hum: over 2 s below 1.25 kHz; hiss: over 5 s
    sure = np.concatenate([[False], (height > 18.0) & (area >= 12) & (length <= max_length)])
    tight = sure[regions]
    return tight, (doubtful | candidate) & ~tight
