"""A sink with a thread of its own, so that a slow disk or a stopped reader stalls neither capture nor analysis."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import replace

import numpy as np

from birdedge.edge.messages import AudioHeard, EventDetected, FramesReady, Message, RegionRejected
from birdedge.edge.sinks.retrying import RetryingSink

MAX_WAITING_BYTES = (
    8_000_000  # half a minute of frames with denoised audio at 48 kHz, or four minutes without
)
MESSAGE_BYTES = 1000  # approximate size of a message without arrays
FRAMES_AT_ONCE = 125  # one second: waking the thread costs more than its work

log = logging.getLogger(__name__)


class BackgroundSink:
    """Passes messages to a sink in a thread; `write` returns at once.

    If too much is waiting, frames are passed on empty, like those of a gap, so that later frames keep their time, and
    other messages are dropped. The sink receives only what tables, masks and audio need: no microphone audio, no event
    masks, and no `AudioHeard` or `RegionRejected`.

    A sink that writes no frames receives them empty, one second at a time.

    Args:
        sink: writes the messages.
        name: what it writes, for the log.
        close_s: how long `close` waits for the sink.
        optional: whether results may be lost without harm: the sink then has no `problem`, only log lines.
        writes_frames: whether it writes masks or denoised audio.

    Raises:
        Exception: from `write` and `close`: the error that the sink raised in the thread.
    """

    def __init__(
        self,
        sink: RetryingSink,
        name: str,
        close_s: float,
        optional: bool = False,
        writes_frames: bool = True,
    ) -> None:
        self._sink, self._name, self._close_s, self._optional = sink, name, close_s, optional
        self._writes_frames = writes_frames
        self._waiting: deque[Message] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._closing = False
        self._failure: Exception | None = None
        self._too_slow: str | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str | None:
        """Why results are left out at present; None if they are not."""
        if self._optional:
            return None
        return self._too_slow or self._sink.problem

    def write(self, message: Message) -> None:
        """Queue a message."""
        self._raise_failure()
        if isinstance(message, AudioHeard | RegionRejected):
            return
        message = _without_what_no_output_needs(message)
        with self._changed:
            share = 0.5 if isinstance(message, FramesReady) else 1.0  # frames leave room for events
            is_full = self._waiting_bytes + _bytes(message) > share * MAX_WAITING_BYTES
            if is_full and self._too_slow is None:
                self._too_slow = (
                    f"{self._name} cannot be written as fast as results arrive: check its disk or reader"
                )
                log.error("%s", self._too_slow)
            if isinstance(message, FramesReady) and (is_full or not self._writes_frames):
                message = _emptied(message)
                if self._waiting and (joined := _joined(self._waiting[-1], message)) is not None:
                    self._waiting_bytes -= _bytes(self._waiting.pop())
                    message = joined
            elif is_full:
                return
            self._waiting.append(message)
            self._waiting_bytes += _bytes(message)
            if self._writes_frames or not _may_wait(message):
                self._changed.notify()

    def close(self) -> None:
        """Let the sink write the waiting messages, and close it; return after `close_s` at the latest."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(self._close_s)
        if self._thread.is_alive():
            log.error("%s: %d message(s) could not be written at the end", self._name, len(self._waiting))
        self._raise_failure()

    def _run(self) -> None:
        try:
            while (message := self._next()) is not None:
                self._sink.write(message)
        except Exception as error:  # raised again in the recorder's thread, and ends the recorder
            self._failure = error
        try:
            self._sink.close()
        except Exception as error:
            self._failure = self._failure or error

    def _next(self) -> Message | None:
        with self._changed:
            while not self._waiting and not self._closing:
                self._too_slow = None
                self._changed.wait()
            if not self._waiting:
                return None
            message = self._waiting.popleft()
            self._waiting_bytes -= _bytes(message)
            return message

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure


def _without_what_no_output_needs(message: Message) -> Message:
    match message:
        case FramesReady(output=output):
            bins = output.level.shape[1]
            return replace(
                message,
                audio=np.zeros((0, message.audio.shape[1]), np.float32),
                output=replace(
                    output, level=np.zeros((0, bins), np.float32), events=[], rejected=[], voice=None
                ),
            )
        case EventDetected(event=event):
            return replace(message, event=event.without_mask())
        case _:
            return message


def _may_wait(message: Message) -> bool:
    return isinstance(message, FramesReady) and message.output.empty_frames < FRAMES_AT_ONCE


def _bytes(message: Message) -> int:
    if not isinstance(message, FramesReady):
        return MESSAGE_BYTES
    denoised = message.output.denoised
    return MESSAGE_BYTES + message.output.mask.nbytes + (denoised.samples.nbytes if denoised else 0)


def _emptied(message: FramesReady) -> FramesReady:
    """Return the message with frames without sound, and silence, of the same length."""
    output = message.output
    denoised = output.denoised
    if denoised is not None:
        lost_samples = len(denoised.samples) + denoised.lost_samples
        denoised = replace(denoised, samples=denoised.samples[:0].copy(), lost_samples=lost_samples)
    frames = len(output.mask) + output.empty_frames
    return replace(
        message,
        output=replace(output, mask=output.mask[:0].copy(), denoised=denoised, empty_frames=frames),
    )


def _joined(earlier: Message, later: FramesReady) -> FramesReady | None:
    """Return two emptied messages as one; None if the earlier one has content."""
    if not isinstance(earlier, FramesReady) or len(earlier.output.mask):
        return None
    before, after = earlier.output.denoised, later.output.denoised
    if before is not None and len(before.samples):
        return None
    denoised = after or before
    if before is not None and after is not None:
        denoised = replace(after, lost_samples=before.lost_samples + after.lost_samples)
    frames = earlier.output.empty_frames + later.output.empty_frames
    return replace(
        later,
        first_frame=earlier.first_frame,
        output=replace(later.output, denoised=denoised, empty_frames=frames),
    )
