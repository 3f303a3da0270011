"""Mixing of the channels of a stream to mono, and warnings about the samples.

Channels of opposite phase, as from a balanced cable with one wire swapped, cancel in their mean. The power of the mean
is compared with the power of the channels, after a first difference, which removes offsets and favours the band of
birds.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import SampleError, SettingsError

MAX_LOSS_DB = 10.0  # loss of power in the mean, beyond the 10 log10(channels) of independent channels
MAX_PEAK = 10.0  # times full scale


class Mixer:
    """A streaming mixer: one channel, or the mean of all.

    Shape: `push(block [samples] or [samples, channels]) -> float32 [samples]`.

    Args:
        channels: Channels of the input, at least 1.
        channel: The channel to use, from 0; None for the mean of all channels.
        full_scale: Value of full scale in the samples; more than 1 after amplification.

    Attributes:
        nonfinite_samples: Samples that were NaN or infinite after mixing and were replaced by 0.

    Raises:
        SettingsError: There are no channels, or the channel does not exist.
    """

    def __init__(self, channels: int, channel: int | None = None, full_scale: float = 1.0) -> None:
        if channels < 1:
            raise SettingsError(f"{channels} channels were given: audio has at least 1")
        if channel is not None and not 0 <= channel < channels:
            raise SettingsError(
                f"channel {channel} was given, but the input has {channels}: choose 0 to {channels - 1}, "
                "or none for the mean of all"
            )
        self._channels, self._channel, self._full_scale = channels, channel, full_scale
        self.nonfinite_samples = 0
        self._peak = 0.0
        self._mean_power = self._channel_power = 0.0  # sums over the samples; the latter per channel

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence for each possible problem with the samples so far."""
        sentences = []
        peak = self._peak / self._full_scale
        if peak > MAX_PEAK:
            sentences.append(f"samples reach {peak:.3g}, where 1 is full scale: export the audio again")
        allowed = self._channels * 10 ** (MAX_LOSS_DB / 10)
        if self._channel_power > allowed * self._mean_power:
            below = "lost"
            if self._mean_power > 0:
                below = f"{10 * math.log10(self._channel_power / self._mean_power):.0f} dB below them"
            sentences.append(
                f"the mean of the {self._channels} channels is {below}: they are of opposite phase; "
                f"choose one with --channel 0 to {self._channels - 1}"
            )
        return tuple(sentences)

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mix; samples that are NaN or infinite are replaced by 0, because a filter would spread them.

        Raises:
            SampleError: The block has the wrong shape.
        """
        mono = self._mono(block)
        if not len(mono):
            return mono
        with np.errstate(invalid="ignore"):
            low, high = float(mono.min()), float(mono.max())
        if not (math.isfinite(low) and math.isfinite(high)):  # NaN if any sample is
            finite = np.isfinite(mono)
            self.nonfinite_samples += int(np.count_nonzero(~finite))
            mono[~finite] = 0
            low, high = float(mono.min()), float(mono.max())
        self._peak = max(self._peak, high, -low)
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
            if self._channels > 1:
                self._compare(mono, by_channel)
        return mono

    def _compare(self, mono: NDArray[np.float32], by_channel: NDArray[np.float32]) -> None:
        mean, parts = np.diff(mono), np.diff(by_channel, axis=0)
        powers = float(np.vdot(mean, mean)), float(np.vdot(parts, parts)) / self._channels
        if all(map(math.isfinite, powers)):
            self._mean_power += powers[0]
            self._channel_power += powers[1]
