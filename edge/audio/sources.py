"""Sources that are not a microphone: files, the demo, raw PCM from a pipe, arrays."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.pcm import ByteStream, raw_blocks
from birdedge.edge.audio.pipe import PipeReader, WavSamples, read_wav_header
from birdedge.edge.block import Block, Source
from birdedge.edge.errors import SettingsError

LIVE_BLOCK_S = 0.05
FAST_BLOCK_SAMPLES = 65_536
MAX_QUEUED_BLOCKS = 64

log = logging.getLogger(__name__)

Samples = Iterator[NDArray[np.float32]]


@dataclass(frozen=True)
class RecordedSource:
    """A source without gaps and without a clock.

    Attributes:
        name, sample_rate_hz, channels: See `Source`.
        read: Starts the audio; called once, by `blocks`, with the event that stops it.
    """

    name: str
    sample_rate_hz: int
    channels: int
    read: Callable[[threading.Event], Samples]

    def blocks(self, stop: threading.Event) -> Iterator[Block]:
        """Yield the audio until its end, or until `stop` is set."""
        for samples in self.read(stop):
            if stop.is_set():
                return
            yield Block(samples)

    def set_min_block(self, samples: int) -> None:
        """Do nothing: a recording never waits."""


@dataclass(frozen=True)
class LimitedSource:
    """The first `max_samples` of another source, gaps included."""

    source: Source
    max_samples: int

    @property
    def name(self) -> str:
        """The name of the source."""
        return self.source.name

    @property
    def sample_rate_hz(self) -> int:
        """The sample rate of the source."""
        return self.source.sample_rate_hz

    @property
    def channels(self) -> int:
        """The channels of the source."""
        return self.source.channels

    def blocks(self, stop: threading.Event) -> Iterator[Block]:
        """Yield the blocks of the source until the limit."""
        left = self.max_samples
        for block in self.source.blocks(stop):
            left -= block.gap_samples
            if left <= 0 and block.gap_samples:
                return
            yield block if len(block.samples) <= left else replace(block, samples=block.samples[:left])
            left -= len(block.samples)
            if left <= 0:
                return

    def set_min_block(self, samples: int) -> None:
        """Pass the minimum on to the source."""
        self.source.set_min_block(samples)


def file_source(file: AudioFile, fast: bool = True) -> RecordedSource:
    """Return an open audio file as a source, at full speed or in real time."""
    rate_hz = file.sample_rate_hz
    block_samples = FAST_BLOCK_SAMPLES if fast else round(LIVE_BLOCK_S * rate_hz)
    return RecordedSource(
        file_name(file.path),
        rate_hz,
        file.channels,
        lambda _stop: _paced(file.blocks(block_samples), None if fast else rate_hz),
    )


def array_source(
    samples: NDArray[np.float32], sample_rate_hz: int, name: str = "", fast: bool = True
) -> RecordedSource:
    """Return samples in memory `[samples]` or `[samples, channels]` as a source."""
    columns = samples if samples.ndim == 2 else samples[:, np.newaxis]
    step = FAST_BLOCK_SAMPLES if fast else round(LIVE_BLOCK_S * sample_rate_hz)
    return RecordedSource(
        name,
        sample_rate_hz,
        columns.shape[1],
        lambda _stop: _paced(
            (columns[at : at + step] for at in range(0, len(columns), step)), None if fast else sample_rate_hz
        ),
    )


def repeated(source: RecordedSource) -> RecordedSource:
    """Return a source that restarts at its end and never ends."""

    def read(stop: threading.Event) -> Samples:
        while True:
            yield from source.read(stop)

    return replace(source, read=read)


def demo_source(duration_s: float, seed: int, fast: bool) -> RecordedSource:
    """Return the synthetic soundscape as a source."""
    from birdedge.edge.synthesis.soundscape import soundscape  # the daemon never needs it, which saves memory

    scene = soundscape(duration_s, seed)
    return array_source(scene.samples, scene.sample_rate_hz, "demo", fast)


def pipe_source(
    stream: BinaryIO, sample_rate_hz: int | None, channels: int, sample_format: str, stop: threading.Event
) -> RecordedSource:
    """Return the raw PCM or the WAV file in a pipe as a source; see `pipe_audio`.

    A thread waits for what follows the first bytes, so that stopping does not have to wait.
    """
    audio = pipe_audio(stream, sample_rate_hz, channels, sample_format, stop)
    return replace(audio, read=lambda stop: _read_in_thread(audio.read(stop), stop))


def pipe_audio(
    stream: BinaryIO, sample_rate_hz: int | None, channels: int, sample_format: str, stop: threading.Event
) -> RecordedSource:
    """Wait for the first bytes of a pipe, and return its raw PCM or WAV file as a source.

    Args:
        stream: Standard input.
        sample_rate_hz: Sample rate of raw PCM; None is allowed for a WAV file, whose header takes precedence.
        channels: Channels of raw PCM.
        sample_format: Sample format of raw PCM.
        stop: Ends the wait.

    Raises:
        SettingsError: A rate, channel count or format that is not allowed, or no rate for raw PCM.
        AudioFileError: The pipe holds a file that cannot be read from a pipe.
    """
    pipe = PipeReader(stream, stop)
    header = read_wav_header(pipe)
    samples: ByteStream = pipe
    if header is not None and header.sample_format is not None:
        given = sample_rate_hz or header.sample_rate_hz, channels, sample_format
        sample_rate_hz, channels, sample_format = header.sample_rate_hz, header.channels, header.sample_format
        if given != (sample_rate_hz, channels, sample_format):
            log.warning(
                "standard input is a WAV file; its header takes precedence: %d Hz, %d channel(s), %s",
                *(sample_rate_hz, channels, sample_format),
            )
        samples = WavSamples(pipe, header.data_bytes)
    if sample_rate_hz is None:
        raise SettingsError("raw PCM does not state its sample rate; give it with --rate")
    block_samples = max(1, round(LIVE_BLOCK_S * sample_rate_hz))
    blocks = raw_blocks(samples, sample_rate_hz, channels, sample_format, block_samples)
    return RecordedSource("stdin", sample_rate_hz, channels, lambda _stop: blocks)


def _read_in_thread(blocks: Samples, stop: threading.Event) -> Samples:
    arrived: queue.Queue[NDArray[np.float32] | Exception | None] = queue.Queue(MAX_QUEUED_BLOCKS)

    def read() -> None:
        try:
            for block in blocks:
                arrived.put(block)
            arrived.put(None)
        except Exception as error:
            arrived.put(error)

    threading.Thread(target=read, daemon=True).start()
    while not stop.is_set():
        try:
            block = arrived.get(timeout=LIVE_BLOCK_S)
        except queue.Empty:
            continue
        if isinstance(block, Exception):
            raise block
        if block is None:
            return
        yield block


def _paced(blocks: Samples, sample_rate_hz: int | None) -> Samples:
    """Yield each block when its last sample would have been heard; at once if there is no rate."""
    if sample_rate_hz is None:
        yield from blocks
        return
    began_s, heard = time.monotonic(), 0
    for block in blocks:
        heard += len(block)
        early_s = began_s + heard / sample_rate_hz - time.monotonic()
        # Not stop.wait(): a signal that arrives within it could not set `stop`.
        time.sleep(max(0.0, early_s))
        yield block


def file_name(path: str | Path) -> str:
    """Return the absolute path, which names a recording in tables so that Raven finds the audio."""
    return str(Path(path).absolute())
