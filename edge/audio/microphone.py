"""A live microphone through PortAudio: it delivers audio, or raises."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.capture_buffer import RING_S, CaptureBuffer
from birdedge.edge.audio.devices import (
    InputDevice,
    find_input_device,
    portaudio,
    stream_closed,
    stream_opening,
)
from birdedge.edge.audio.overrun import OverrunDetector
from birdedge.edge.block import Block
from birdedge.edge.errors import DeviceError, DeviceLostError, SettingsError
from birdedge.edge.sample_rates import MAX_RATE_HZ, MIN_RATE_HZ
from birdedge.edge.system.clock import monotonic_s, read_clocks
from birdedge.edge.times import ClockReading

PIECE_S = 0.064  # half of a network call's audio: a callback costs more than the samples that it carries
# How late the callback may run on a busy machine before the device itself loses samples.
# With more, PulseAudio delivers two pieces at a time.
DEVICE_BUFFER_S = 3 * PIECE_S
MIN_RING_S = 2.0


class Microphone:
    """A microphone that is opened in a `with` statement and reopened after a loss. A `Source` once it is open.

    Args:
        device_name: See `find_input_device`.
        channels: Channels to capture, at least 1.
        sample_rate_hz: Sample rate to capture; None for the rate of the device, which loses nothing.
        ring_s: How long the reader may pause before samples are dropped, at least 2.
        stall_s: How long the device may deliver nothing before it counts as lost.
        read: Reads the clocks.

    Attributes:
        device: The device in use, once open.
        sample_rate_hz: The rate that it delivers, once open.
        overflows: How often PortAudio reported that samples were lost before they reached the ring.
        is_hardware: True: a constant value, or a rate other than its own, means that it is broken.
        has_ended: Always False.

    Raises:
        SettingsError: A ring shorter than 2 s, no channels, or a rate outside 8000 to 384000 Hz.
    """

    device: InputDevice
    sample_rate_hz: int
    is_hardware = True
    has_ended = False
    _buffer: CaptureBuffer
    _overruns: OverrunDetector

    def __init__(
        self,
        device_name: str | None = None,
        *,
        channels: int = 1,
        sample_rate_hz: int | None = None,
        ring_s: float = RING_S,
        stall_s: float = 2.0,
        read: Callable[[], ClockReading] = read_clocks,
    ) -> None:
        if ring_s < MIN_RING_S:
            raise SettingsError(f"a ring of {ring_s} s was given: give at least {MIN_RING_S} s")
        if channels < 1:
            raise SettingsError(f"{channels} channels were given: a microphone has at least 1")
        if sample_rate_hz is not None and not MIN_RATE_HZ <= sample_rate_hz <= MAX_RATE_HZ:
            raise SettingsError(
                f"a sample rate of {sample_rate_hz} Hz was given: use {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"
            )
        self._device_name = device_name
        self._read = read
        self.channels = channels
        self.overflows = 0
        self._min_block_samples = 1
        self._asked_rate_hz = sample_rate_hz
        self._ring_s, self._stall_s = ring_s, stall_s
        self._stream: Any = None

    @property
    def name(self) -> str:
        """The name of the open device."""
        return self.device.name

    @property
    def dropped_samples(self) -> int:
        """Samples lost since the microphone was opened: before the ring, or because the ring was full."""
        return self._buffer.dropped_samples

    @property
    def delivered_samples(self) -> int:
        """Samples that the device heard since it was opened: read, waiting or lost."""
        return self._buffer.delivered_samples

    @property
    def waiting_samples(self) -> int:
        """Samples that were captured and not yet read."""
        return self._buffer.waiting_samples

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Find the device and start capturing into an empty ring.

        Raises:
            PortAudioMissingError, DeviceNotFoundError: See `find_input_device`.
            SettingsError: More channels than the device has.
            DeviceError: The device cannot be opened, for example because another program uses it.
        """
        with stream_opening(self):
            self._open()

    def _open(self) -> None:
        self.device = find_input_device(self._device_name)
        if self.channels > self.device.channels:
            raise SettingsError(
                f"{self.channels} channels were requested from {self.device.name!r}: it has {self.device.channels}"
            )
        self.sample_rate_hz = self._asked_rate_hz or self.device.default_rate_hz
        self._buffer = CaptureBuffer(self.sample_rate_hz, self.channels, self._ring_s, self._read)
        self._buffer.set_min_block(self._min_block_samples)
        self._overruns = OverrunDetector(self.sample_rate_hz)
        sounddevice = portaudio()
        try:
            self._stream = sounddevice.InputStream(
                device=self.device.index,
                channels=self.channels,
                samplerate=self.sample_rate_hz,
                dtype="float32",
                latency=DEVICE_BUFFER_S,
                blocksize=round(PIECE_S * self.sample_rate_hz),
                callback=self._capture,
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            self._close()
            raise DeviceError(
                f"{self.device.name!r} cannot be opened with {self.channels} channels at "
                f"{self.sample_rate_hz} Hz ({error.args[0]}): close the program that uses it, "
                "or choose another rate"
            ) from error

    def close(self) -> None:
        """Stop capturing; closing twice does nothing."""
        if self._stream is not None:
            self._close()
            stream_closed(self)

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def set_min_block(self, samples: int) -> None:
        """Let the reader sleep until this many samples wait, at most 0.5 s of them."""
        self._min_block_samples = samples
        self._buffer.set_min_block(samples)

    def blocks(self, stop: threading.Event) -> Iterator[Block]:
        """Yield audio as it arrives, each block at most 0.5 s long.

        Ends at most 0.5 s after `stop` is set, with what had arrived.

        Raises:
            DeviceLostError: The device stopped or delivered nothing for `stall_s`; raised after all that arrived.
        """
        return self._buffer.blocks(stop, self._loss)

    def _loss(self, silent_s: float) -> DeviceLostError | None:
        if not self._stream.active:
            lost = "stopped"
        elif silent_s >= self._stall_s:
            lost = f"delivered nothing for {silent_s:.1f} s"
        else:
            return None
        return DeviceLostError(f"{self.device.name!r} {lost}: check that it is still plugged in")

    def _capture(self, block: NDArray[np.float32], _frames: int, time: Any, status: Any) -> None:
        waited_s, overflowed = time.currentTime - time.inputBufferAdcTime, bool(status.input_overflow)
        self.overflows += overflowed
        lost_samples = self._overruns.lost_samples(len(block), monotonic_s(), waited_s, overflowed)
        self._buffer.write(block, lost_samples)
