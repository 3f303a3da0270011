"""A causal estimate of the background level of each bin, and the network's input made from it.

Microphones differ by 40 dB, forests by their hiss. What a bird adds is seen best as decibels above what the
bin held before, so the network's input is the log magnitude less a floor that falls fast and rises slowly (it
settles near the 10 % quantile of the level). The floor moves once a group of four frames, by a fixed rule on
that group alone, so it is the same for any division of the stream. Per-channel energy normalization (Wang et
al. 2017, doi:10.1109/ICASSP.2017.7953152) does the same with a symmetric average.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.models.settings import InputScaling

Float32 = NDArray[np.float32]


class NetworkInput:
    """Makes two channels of the frames: level above the floor, and the floor's shape over the bins.

    Works on whole groups: `frames` must be a multiple of `scaling.group_frames`. Any number of batch axes.
    """

    def __init__(self, scaling: InputScaling | None = None) -> None:
        self.scaling = scaling or InputScaling()
        self.reset()

    def reset(self) -> None:
        """Forget the floor: the next group sets it."""
        self._floor: Float32 | None = None
        self._groups = 0

    def push(self, frames: Float32) -> tuple[Float32, Float32]:
        """The network's input and the floor it was made with.

        Shape: `[..., frames, bins] -> [..., 2, frames, bins], [..., frames / group_frames, bins]`.
        """
        s = self.scaling
        grouped = frames.reshape(*frames.shape[:-2], -1, s.group_frames, frames.shape[-1])
        # Sums, limits and so on are written out: of so few numbers mean() and clip() cost twice as much.
        means = np.add.reduce(grouped, axis=-2) / np.float32(s.group_frames)  # [..., groups, bins]
        floors = np.empty_like(means)
        for group in range(means.shape[-2]):
            floors[..., group, :] = self._follow(means[..., group, :])
        colour = floors - np.add.reduce(floors, axis=-1, keepdims=True) / np.float32(frames.shape[-1])
        colour = np.minimum(np.maximum(colour, np.float32(-s.max_shape_np)), np.float32(s.max_shape_np))
        pair = np.empty((*frames.shape[:-2], 2, *grouped.shape[-3:]), np.float32)
        above = np.subtract(grouped, floors[..., None, :], out=pair[..., 0, :, :, :])
        np.maximum(above, np.float32(s.min_np), out=above)
        np.minimum(above, np.float32(s.max_np), out=above)
        pair[..., 1, :, :, :] = colour[..., None, :]
        pair *= np.float32(s.gain)
        return pair.reshape(*frames.shape[:-2], 2, *frames.shape[-2:]), floors

    def _follow(self, level: Float32) -> Float32:
        s = self.scaling
        self._groups += 1
        if self._floor is None:
            self._floor = level.copy()
            return self._floor
        # Young floors average what little they have seen; old ones fall fast and rise slowly.
        youngest = 1.0 / self._groups
        rise = np.float32(max(s.group_frames / s.rise_frames, youngest))
        fall = np.float32(max(s.group_frames / s.fall_frames, youngest))
        step = level - self._floor
        # The smaller of both is the slow rise where the step is up, and the fast fall where it is down.
        self._floor = self._floor + np.minimum(step * rise, step * fall)
        return self._floor
