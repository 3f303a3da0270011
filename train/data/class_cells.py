"""The plane of classes of an example: a class of sound for each cell of 4 frames and 4 bins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from birdedge.train.data.labels import Bool
from birdedge.train.data.stft import GRID
from birdedge.train.networks.unet import CLASS_BINS, TIME_STRIDE

Int8 = NDArray[np.int8]
CELL_FRAMES, CELL_BINS = TIME_STRIDE, CLASS_BINS  # the plane of classes has the cells of the class map
BIRD, UNKNOWN, NOT_BIRD = 0, -1, -2  # classes of a cell; the others are indices into SOUND_CLASSES


def unknown_cells(frames: int) -> Int8:
    """Return the plane of an example whose classes are all unknown."""
    return np.full((frames // CELL_FRAMES, GRID.bins // CELL_BINS), UNKNOWN, np.int8)


def classified(target: Bool, weight: Bool, sound_class: int) -> Int8:
    """Return BIRD where a cell touches the target, UNKNOWN where a bin has no weight, and elsewhere the class."""
    rows, columns = (n // size for n, size in zip(target.shape, (CELL_FRAMES, CELL_BINS), strict=True))
    shape = rows, CELL_FRAMES, columns, CELL_BINS
    known = np.where(weight.reshape(shape).all(axis=(1, 3)), sound_class, UNKNOWN)
    return np.where(target.reshape(shape).any(axis=(1, 3)), BIRD, known).astype(np.int8)
