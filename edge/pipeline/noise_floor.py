"""A causal noise floor for each bin, and the network input computed from it.

Microphone levels differ by 40 dB, and habitats by their background noise. The network therefore sees log magnitudes
relative to a floor. The floor F of a bin follows the mean level M of each group of four frames:

    F[g] = F[g-1] + a (M[g] - F[g-1]),   a = group / rise_frames if M[g] > F[g-1], else group / fall_frames

With the default constants (rise 3 s, fall 0.3 s) it falls ten times as fast as it rises, and settles near the 10 %
quantile of the level. A young floor averages what it has seen: a is at least 1/g for the g-th group, so F[1] = M[1] and
no start value is needed. Frames with digital silence do not move the floor: M is the mean of the others, and a is
smaller by their share. Each group is processed by itself, so every division of the stream gives the same bits.

Channel 0 of the input is the level above the floor, clipped to `min_np..max_np`; channel 1 is the shape of the floor,
that is the floor less its mean over the bins. Both are independent of gain.

Per-channel energy normalization (Wang et al. 2017, doi:10.1109/ICASSP.2017.7953152) is the same idea with a symmetric
average. Minimum statistics (Martin 2001, doi:10.1109/89.928915) is the classic tracker of a lower envelope.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.models.settings import InputScaling

Float32 = NDArray[np.float32]
SILENT_NP = 0.7  # a frame with digital silence looks as steady noise does: that lies as far above its floor


class NetworkInput:
    """The streaming computation of the network input.

    It works on whole groups: `frames` must be a multiple of `scaling.group_frames`. There may be any number of batch
    axes.
    """

    def __init__(self, scaling: InputScaling | None = None) -> None:
        self.scaling = scaling or InputScaling()
        self.reset()

    def reset(self) -> None:
        """Start a new stream; the next group sets the floor."""
        self._floor: Float32 | None = None
        self._groups = 0.0  # heard

    def push(self, frames: Float32, silent: NDArray[np.bool_] | None = None) -> tuple[Float32, Float32]:
        """Return the network input of these frames and the floor of each group.

        Shape: `[..., frames, bins] -> [..., 2, frames, bins], [..., frames / group_frames, bins]`.

        Args:
            frames: Log magnitudes.
            silent: `[frames]`, True for frames with digital silence; None for no such frame.
        """
        s = self.scaling
        grouped = frames.reshape(*frames.shape[:-2], -1, s.group_frames, frames.shape[-1])
        heard = None if silent is None or not silent.any() else ~silent.reshape(grouped.shape[-3:-1])
        # For arrays this small, mean() and clip() cost twice as much as these.
        if heard is None:
            means = np.add.reduce(grouped, axis=-2)
            means /= np.float32(s.group_frames)
            counts = [s.group_frames] * grouped.shape[-3]
        else:
            sounds = np.where(heard[..., np.newaxis], grouped, np.float32(0))
            counts = heard.sum(axis=-1).tolist()
            means = np.add.reduce(sounds, axis=-2) / np.maximum(counts, 1).astype(np.float32)[:, np.newaxis]
        floors = np.empty_like(means)
        for group, count in enumerate(counts):
            if count:
                self._follow(means[..., group, :], count / s.group_frames)
            # Nothing was heard yet: a flat floor at the level of the silence.
            floors[..., group, :] = grouped[..., group, :, :].mean() if self._floor is None else self._floor
        shape = floors - np.add.reduce(floors, axis=-1, keepdims=True) / np.float32(frames.shape[-1])
        shape = np.minimum(np.maximum(shape, np.float32(-s.max_shape_np)), np.float32(s.max_shape_np))
        pair = np.empty((*frames.shape[:-2], 2, *grouped.shape[-3:]), np.float32)
        above = np.subtract(grouped, floors[..., None, :], out=pair[..., 0, :, :, :])
        np.maximum(above, np.float32(s.min_np), out=above)
        np.minimum(above, np.float32(s.max_np), out=above)
        if heard is not None:
            above[..., ~heard, :] = np.float32(SILENT_NP)
        pair[..., 1, :, :, :] = shape[..., None, :]
        pair *= np.float32(s.gain)
        return pair.reshape(*frames.shape[:-2], 2, *frames.shape[-2:]), floors

    def _follow(self, level: Float32, weight: float) -> None:
        """Move the floor towards the level of a group, of which `weight` was heard."""
        s = self.scaling
        self._groups += weight
        if self._floor is None:
            self._floor = level.copy()
            return
        average = weight / self._groups
        rise = np.float32(max(weight * s.group_frames / s.rise_frames, average))
        fall = np.float32(max(weight * s.group_frames / s.fall_frames, average))
        step = level - self._floor
        # The minimum is the slow rise if the step is up, and the fast fall if it is down.
        fallen = step * fall
        step *= rise
        np.minimum(step, fallen, out=step)
        step += self._floor
        self._floor = step
