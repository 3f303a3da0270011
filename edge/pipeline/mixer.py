"""Mixing of the channels of a stream to mono."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import SampleError, SettingsError


class Mixer:
    """A streaming mixer: one channel, or the mean of all.

    Shape: `push(block [samples] or [samples, channels]) -> float32 [samples]`.

    Args:
        channels: Channels of the input, at least 1.
        channel: The channel to use, from 0; None for the mean of all channels.

    Attributes:
        nonfinite_samples: Samples that were NaN or infinite after mixing and were replaced by 0.

    Raises:
        SettingsError: There are no channels, or the channel does not exist.
    """

    def __init__(self, channels: int, channel: int | None = None) -> None:
        if channels < 1:
            raise SettingsError(f"{channels} channels were given: audio has at least 1")
        if channel is not None and not 0 <= channel < channels:
            raise SettingsError(
                f"channel {channel} was given, but the input has {channels}: choose 0 to {channels - 1}, "
                "or none for the mean of all"
            )
        self._channels, self._channel = channels, channel
        self.nonfinite_samples = 0

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mix; samples that are NaN or infinite are replaced by 0, because a filter would spread them.

        Raises:
            SampleError: The block has the wrong shape.
        """
        mono = self._mono(block)
        finite = np.isfinite(mono)
        if not finite.all():
            self.nonfinite_samples += int(np.count_nonzero(~finite))
            mono[~finite] = 0
        return mono

    def _mono(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        by_channel = block[:, np.newaxis] if block.ndim == 1 else block
        if by_channel.ndim != 2 or by_channel.shape[1] != self._channels:
            raise SampleError(f"a block of shape {block.shape} was given: use [samples, {self._channels}]")
        if self._channel is not None:
            return by_channel[:, self._channel].astype(np.float32)
        mono = by_channel[:, 0].astype(np.float32)
        # Summed channel by channel: the order in which numpy's mean adds depends on the block size.
        with np.errstate(over="ignore", invalid="ignore"):
            for channel in range(1, self._channels):
                mono += by_channel[:, channel]
        mono /= self._channels
        return mono
