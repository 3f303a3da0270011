"""Audio from a network stream, a pipe or a file, which a thread captures in real time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.capture_buffer import RING_S, CaptureBuffer
from birdedge.edge.audio.overrun import OverrunDetector
from birdedge.edge.block import Block
from birdedge.edge.errors import (
    AudioError,
    DeviceLostError,
    StreamLostError,
    StreamStalledError,
)
from birdedge.edge.system.clock import monotonic_s, read_clocks
from birdedge.edge.times import ClockReading

STALL_S = 10.0  # a television transmitter or a camera that reconnects can take some seconds
# A server may send faster than real time: what it had buffered, or a whole file. That audio waits. A sample clock
# that is fast by less than this is followed, and a backlog is caught up over time.
MAX_PACE = 1.0005
CLOSE_S = 1.0  # a thread that has stopped reading takes nothing from the next reader
STREAM_RING_S = STALL_S + RING_S  # what a stalled network held back arrives at once
# A network delivers less evenly than a device: a camera's video delays its audio by some tenths of a second.
STEADY_S, STEP_S = 2.0, 0.5


@dataclass(frozen=True)
class OpenStream:
    """Audio that has been opened.

    Attributes:
        blocks: The samples `[samples, channels]`; may wait for them.
        close: Ends that wait from another thread, and returns why there are no more samples, if that is known.
    """

    sample_rate_hz: int
    channels: int
    blocks: Generator[NDArray[np.float32]]
    close: Callable[[], str] = lambda: ""


class LiveStream:
    """An input that is not a microphone. A `Source` once it is open.

    Audio that arrives faster than real time waits at its origin. Audio that is read too slowly is lost and counted, as
    with a microphone. So is audio that its origin skipped, if that was more than half a second at once.

    Args:
        name: Name for logs, tables and status.
        start: Opens the audio; called each time the stream is opened.
        may_reopen: Whether `start` can be called again; a stream that ends is then lost until it is reopened.
            Otherwise it has ended for good, `close` leaves it open, and what arrives before the next `open` is dropped.
        stall_s: How long nothing may arrive before the stream counts as stalled.
        ring_s: How long the reader may pause before samples are dropped.
        read: Reads the clocks.

    Attributes:
        sample_rate_hz, channels: Sample rate and channels, once open.
        overflows: Always 0: a stream does not report its losses.
        is_hardware: False: a constant value is silence, and not a broken device.
        has_ended: Whether it was heard to its end.
    """

    is_hardware = False
    overflows = 0
    sample_rate_hz: int
    channels: int
    _buffer: CaptureBuffer

    def __init__(
        self,
        name: str,
        start: Callable[[], OpenStream],
        *,
        may_reopen: bool,
        stall_s: float = STALL_S,
        ring_s: float = STREAM_RING_S,
        read: Callable[[], ClockReading] = read_clocks,
    ) -> None:
        self.name = name
        self.has_ended = False
        self._start, self._may_reopen = start, may_reopen
        self._stall_s, self._ring_s, self._read = stall_s, ring_s, read
        self._capture: _CaptureThread | None = None

    @property
    def delivered_samples(self) -> int:
        """Samples that arrived since it was opened: read, waiting or lost."""
        return self._buffer.delivered_samples

    @property
    def waiting_samples(self) -> int:
        """Samples that arrived and were not yet read."""
        return self._buffer.waiting_samples

    def open(self) -> None:
        """Open the stream, or continue one that stayed open.

        Raises:
            StreamLostError: The stream cannot be reached.
            AudioError, SettingsError: The stream holds no usable audio.
        """
        if self._capture is not None:
            self._capture.forget_delay()
            self._buffer.discard()
            return
        opened = self._start()
        self.sample_rate_hz, self.channels = opened.sample_rate_hz, opened.channels
        self._buffer = CaptureBuffer(self.sample_rate_hz, self.channels, self._ring_s, self._read)
        self._capture = _CaptureThread(opened, self._buffer)

    def close(self) -> None:
        """Close the stream if it can be reopened; closing twice does nothing."""
        if self._may_reopen:
            self.end()

    def end(self) -> None:
        """Close the stream, even if it cannot be reopened."""
        if self._capture is not None:
            self._capture.close()
            self._capture = None

    def set_min_block(self, samples: int) -> None:
        """See `CaptureBuffer.set_min_block`."""
        self._buffer.set_min_block(samples)

    def blocks(self, stop: threading.Event) -> Iterator[Block]:
        """Yield audio as it arrives, each block at most 0.5 s long.

        Ends at most 0.5 s after `stop` is set, with what had arrived, or when the stream has ended for good.

        Raises:
            StreamLostError: The stream ended and can be reopened; raised after everything that arrived.
            StreamStalledError: Nothing arrived for `stall_s`.
            AudioError: What arrived cannot be used.
        """
        try:
            yield from self._buffer.blocks(stop, self._loss)
        except StreamLostError:
            if self._may_reopen:
                raise
            self.has_ended = True
            if self._capture is not None and self._capture.error is not None:
                raise self._capture.error from None

    def _loss(self, silent_s: float) -> DeviceLostError | None:
        capture = self._capture
        assert capture is not None
        if capture.has_ended:
            reason = str(capture.error or "") or (capture.close() if self._may_reopen else "")
            return StreamLostError(f"{self.name!r} ended{f' ({reason})' if reason else ''}")
        if silent_s >= self._stall_s:
            return StreamStalledError(f"{self.name!r} delivered nothing for {silent_s:.1f} s")
        return None


class _CaptureThread:
    """A thread that moves what arrives into the buffer, no faster than real time, and counts what did not arrive."""

    def __init__(self, opened: OpenStream, buffer: CaptureBuffer) -> None:
        self.error: AudioError | None = None
        self.has_ended = False
        self._opened, self._buffer = opened, buffer
        self._closing = threading.Event()
        self.forget_delay()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def forget_delay(self) -> None:
        """Count no loss before the next block: the reader knows how long the pause was."""
        self._overruns = OverrunDetector(self._opened.sample_rate_hz, STEADY_S, STEP_S)

    def close(self) -> str:
        self._closing.set()
        reason = self._opened.close()
        self._thread.join(CLOSE_S)
        return reason

    def _run(self) -> None:
        began_s, heard = monotonic_s(), 0
        try:
            for block in self._opened.blocks:
                heard += len(block)
                due_s = began_s + heard / self._opened.sample_rate_hz / MAX_PACE
                if self._closing.wait(max(0.0, due_s - monotonic_s())):
                    return
                lost_samples = self._overruns.lost_samples(len(block), monotonic_s(), 0.0, overflowed=False)
                self._buffer.write(block, lost_samples)
        except AudioError as error:
            self.error = error
        except (OSError, ValueError) as error:  # the pipe was closed meanwhile
            self.error = StreamLostError(str(error))
        finally:
            self._opened.blocks.close()
            self.has_ended = True
            self._buffer.wake()
