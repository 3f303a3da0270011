"""A causal noise floor for each bin, and the network input computed from it.

Microphone levels differ by 40 dB, and habitats by their background noise. The network therefore sees log magnitudes
relative to a floor. The floor F of a bin follows the mean level M of each group of four frames:

    F[g] = F[g-1] + a (M[g] - F[g-1]),   a = group / rise_frames if M[g] > F[g-1], else group / fall_frames

With the default constants (rise 3 s, fall 0.3 s) it falls ten times as fast as it rises, and settles near the 10 %
quantile of the level. A young floor averages what it has seen: a is at least 1/g for the g-th group, so F[1] = M[1] and
no start value is needed. Frames with digital silence do not move the floor: M is the mean of the other frames, and a is
scaled by their share. Each group is processed by itself, so every division of the stream gives the same bits.

Channel 0 of the input is the level above the floor, clipped to `min_np..max_np`; channel 1 is the shape of the floor,
that is, the floor minus its mean over the bins. Both are independent of gain.

Per-channel energy normalization (Wang et al. 2017, doi:10.1109/ICASSP.2017.7953152) is the same idea with a symmetric
average. Minimum statistics (Martin 2001, doi:10.1109/89.928915) is the classic tracker of a lower envelope.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.models.settings import InputScaling

Float32 = NDArray[np.float32]
SILENT_NP = 0.7  # a frame with digital silence looks like steady noise, which lies this far above its floor


class NetworkInput:
    """The streaming computation of the network input.

    It works on whole groups: `frames` must be a multiple of `scaling.group_frames`. There may be any number of batch
    axes.
    """

    def __init__(self, scaling: InputScaling | None = None) -> None:
        self.scaling = s = scaling or InputScaling()
        # For a group that was heard completely, once the floor is no longer young.
        frames = np.array([[s.rise_frames], [s.fall_frames]])
        self._settled_rates: Float32 = (s.group_frames / frames).astype(np.float32)
        self.reset()

    def reset(self) -> None:
        """Start a new stream; the next group sets the floor."""
        self._floor: Float32 | None = None
        self._groups = 0.0  # groups heard

    def push(
        self, frames: Float32, silent: NDArray[np.bool_] | None = None, out: Float32 | None = None
    ) -> tuple[Float32, Float32]:
        """Return the network input of these frames and the floor of each group.

        Shape: `[..., frames, bins] -> [..., 2, frames, bins], [..., frames / group_frames, bins]`.

        Args:
            frames: Log magnitudes.
            silent: `[frames]`, True for frames with digital silence; None for no such frame.
            out: Where to write the network input; None for a new array.
        """
        s = self.scaling
        grouped = frames.reshape(*frames.shape[:-2], -1, s.group_frames, frames.shape[-1])
        heard = None if silent is None or not silent.any() else ~silent.reshape(grouped.shape[-3:-1])
        # For arrays this small, mean() costs twice as much as this.
        if heard is None:
            means = np.add.reduce(grouped, axis=-2)
            means /= np.float32(s.group_frames)
            counts = [s.group_frames] * grouped.shape[-3]
        else:
            sounds = np.where(heard[..., np.newaxis], grouped, np.float32(0))
            counts = heard.sum(axis=-1).tolist()
            means = np.add.reduce(sounds, axis=-2) / np.maximum(counts, 1).astype(np.float32)[:, np.newaxis]
        floors = self._followed(means, [count / s.group_frames for count in counts], grouped)
        shape = floors - np.add.reduce(floors, axis=-1, keepdims=True) / np.float32(frames.shape[-1])
        shape = shape.clip(-s.max_shape_np, s.max_shape_np, out=shape)
        shape *= np.float32(s.gain)
        if out is None:
            out = np.empty((*frames.shape[:-2], 2, *frames.shape[-2:]), np.float32)
        pair = out.reshape(*frames.shape[:-2], 2, *grouped.shape[-3:])
        above = np.subtract(grouped, floors[..., None, :], out=pair[..., 0, :, :, :])
        above.clip(s.min_np, s.max_np, out=above)
        if heard is not None:
            above[..., ~heard, :] = np.float32(SILENT_NP)
        above *= np.float32(s.gain)
        pair[..., 1, :, :, :] = shape[..., None, :]
        return out, floors

    def _followed(self, means: Float32, weights: list[float], grouped: Float32) -> Float32:
        """Return the floor after each group; `weights` are the shares of the groups that were heard."""
        groups, *others = means.swapaxes(0, -2).shape
        levels = means.swapaxes(0, -2).reshape(groups, math.prod(others))  # the whole batch side by side
        floors, floor = np.empty_like(levels), self._floor
        step, moves = np.empty(levels.shape[1], np.float32), np.empty((2, levels.shape[1]), np.float32)
        up, down = moves
        # The cost of a group lies in the calls, not in the arithmetic.
        for group, (weight, level, moved) in enumerate(zip(weights, levels, floors, strict=True)):
            if not weight:
                # Nothing was heard yet: a flat floor at the level of the silence.
                moved[:] = grouped[..., group, :, :].mean() if floor is None else floor
                continue
            rates = self._rates(weight)
            if floor is None:
                moved[:] = level
            else:
                np.subtract(level, floor, out=step)
                np.multiply(step, rates, out=moves)
                # The minimum is the slow rise if the step is up, and the fast fall if it is down.
                np.minimum(up, down, out=step)
                np.add(step, floor, out=moved)
            floor = moved
        self._floor = None if floor is None else floor.copy()
        return floors.reshape(groups, *others).swapaxes(0, -2)

    def _rates(self, weight: float) -> Float32:
        """Return the fractions `[2, 1]` of a step up and of a step down by which the floor follows the next group."""
        s = self.scaling
        self._groups += weight
        average = weight / self._groups
        if weight == 1 and average <= s.group_frames / s.rise_frames:
            return self._settled_rates
        parts = [max(weight * s.group_frames / frames, average) for frames in (s.rise_frames, s.fall_frames)]
        return np.array(parts, np.float32)[:, np.newaxis]
