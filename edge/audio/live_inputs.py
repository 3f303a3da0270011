"""The live inputs other than a microphone: network streams, standard input, files and the demo."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from itertools import chain
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.decoder import Decoder
from birdedge.edge.audio.live_stream import LiveStream, OpenStream
from birdedge.edge.audio.sources import RecordedSource, Samples, pipe_audio
from birdedge.edge.audio.stream_url import check_url, shown_url
from birdedge.edge.errors import AudioError, SettingsError, StreamLostError
from birdedge.edge.system.clock import monotonic_s

OPEN_S = 20.0  # less than the watchdog allows


def network_input(url: str, sample_rate_hz: int | None, channels: int, stop: threading.Event) -> LiveStream:
    """Return a network stream, which can be reopened when it ends or stalls.

    Args:
        url: URL of the stream.
        sample_rate_hz: Sample rate to convert to; None for the rate that the stream has when it is first opened.
        channels: Number of channels to convert to.
        stop: Ends the wait for the first samples.

    Raises:
        SettingsError: See `check_url`.
    """
    check_url(url)
    name = shown_url(url)
    rates_hz = [] if sample_rate_hz is None else [sample_rate_hz]

    def start() -> OpenStream:
        decoder = Decoder(url, rates_hz[0] if rates_hz else None, channels)
        opening = _Opening(stop, OPEN_S)
        try:
            audio = pipe_audio(cast(BinaryIO, decoder.stdout), None, channels, "f32le", opening)
        except (AudioError, SettingsError) as error:  # ffmpeg wrote nothing, or only part of a header
            reason = decoder.close()
            decoder.stdout.close()
            raise StreamLostError(f"{name!r} cannot be reached ({reason or 'no audio arrived'})") from error
        opening.clear()
        if not rates_hz:  # the rate may change later, but a stream of the recorder has only one
            rates_hz.append(audio.sample_rate_hz)

        def blocks() -> Generator[NDArray[np.float32]]:
            with decoder.stdout:
                yield from audio.read(stop)

        return OpenStream(audio.sample_rate_hz, audio.channels, blocks(), decoder.close)

    return LiveStream(name, start, may_reopen=True)


def open_pipe(
    stream: BinaryIO, sample_rate_hz: int | None, channels: int, sample_format: str, stop: threading.Event
) -> OpenStream:
    """Wait for the first samples of standard input, and return its raw PCM or WAV file as a stream.

    For the arguments and further errors, see `pipe_audio`.

    Raises:
        SampleError: It ends before its first sample.
    """
    opening = _Opening(stop)
    audio = pipe_audio(stream, sample_rate_hz, channels, sample_format, opening)
    samples = audio.read(stop)
    first = next(samples, None)
    opening.clear()
    return _open(audio, samples if first is None else chain([first], samples), opening.end)


def open_recording(source: RecordedSource, stop: threading.Event) -> OpenStream:
    """Return a paced recording as a stream."""
    return _open(source, source.read(stop))


def _open(source: RecordedSource, samples: Samples, close: Callable[[], str] = lambda: "") -> OpenStream:
    def blocks() -> Generator[NDArray[np.float32]]:
        yield from samples

    return OpenStream(source.sample_rate_hz, source.channels, blocks(), close)


class _Opening(threading.Event):
    """An event that ends the wait for the first samples; after `clear`, only `end` sets it."""

    def __init__(self, stop: threading.Event, timeout_s: float = float("inf")) -> None:
        super().__init__()
        self._stop, self._until_s = stop, monotonic_s() + timeout_s
        self.set()

    def end(self) -> str:
        """End the wait for all further samples; there is no reason to report."""
        self._until_s = float("-inf")
        self.set()
        return ""

    def is_set(self) -> bool:
        """Return whether to stop waiting."""
        return super().is_set() and (self._stop.is_set() or monotonic_s() > self._until_s)
