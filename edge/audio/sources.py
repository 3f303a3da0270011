"""Where sound comes from: each gives `(gap_samples, block [samples, channels])` until its end or a stop."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.audio.pcm import raw_blocks

Blocks = Iterator[tuple[int, NDArray[np.float32]]]
LIVE_BLOCK_S = 0.05
FAST_BLOCK_SAMPLES = 65_536


@dataclass(frozen=True)
class Source:
    """Sound and what must be known of it before the first block."""

    name: str  # as tables name the recording
    sample_rate_hz: int
    channels: int
    blocks: Blocks
    set_min_block: Callable[[int], None] = lambda _samples: None  # with fewer the reader can do nothing


def microphone_source(microphone: Microphone, stop: threading.Event) -> Source:
    """An open microphone; stopping still gives what had arrived."""
    return Source(
        microphone.device.name,
        microphone.sample_rate_hz,
        microphone.channels,
        microphone.blocks(stop),
        microphone.set_min_block,
    )


def file_source(file: AudioFile, stop: threading.Event, fast: bool) -> Source:
    """An open recording, as fast as it goes or at the pace it was recorded."""
    block_samples = FAST_BLOCK_SAMPLES if fast else round(LIVE_BLOCK_S * file.sample_rate_hz)
    blocks = _until(stop, ((0, block) for block in file.blocks(block_samples)))
    if not fast:
        blocks = _paced(blocks, file.sample_rate_hz)
    return Source(file_name(file.path), file.sample_rate_hz, file.channels, blocks)


def demo_source(duration_s: float, seed: int, stop: threading.Event, fast: bool) -> Source:
    """The soundscape that birdedge makes itself."""
    from birdedge.edge.synthesis.soundscape import soundscape  # memory that the daemon need not have

    scene = soundscape(duration_s, seed)
    step = FAST_BLOCK_SAMPLES if fast else round(LIVE_BLOCK_S * scene.sample_rate_hz)
    pieces = (scene.samples[at : at + step, np.newaxis] for at in range(0, len(scene.samples), step))
    blocks = _until(stop, ((0, piece) for piece in pieces))
    return Source("demo", scene.sample_rate_hz, 1, blocks if fast else _paced(blocks, scene.sample_rate_hz))


def raw_source(
    stream: BinaryIO, sample_rate_hz: int, channels: int, sample_format: str, stop: threading.Event
) -> Source:
    """Raw PCM from a pipe. A thread waits for the sound, so that stopping need not wait for it."""
    block_samples = max(1, round(LIVE_BLOCK_S * sample_rate_hz))
    blocks = raw_blocks(stream, sample_rate_hz, channels, sample_format, block_samples)
    arrived: queue.Queue[NDArray[np.float32] | Exception | None] = queue.Queue(maxsize=64)

    def read() -> None:
        try:
            for block in blocks:
                arrived.put(block)
            arrived.put(None)
        except Exception as error:
            arrived.put(error)

    def take() -> Blocks:
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
            yield 0, block

    return Source("stdin", sample_rate_hz, channels, take())


def limited(blocks: Blocks, samples: int) -> Blocks:
    """The first so many samples, gaps counted."""
    left = samples
    for gap, block in blocks:
        left -= gap
        if left <= 0:
            return
        yield gap, block[:left]
        left -= len(block)
        if left <= 0:
            return


def _until(stop: threading.Event, blocks: Blocks) -> Blocks:
    for item in blocks:
        if stop.is_set():
            return
        yield item


def _paced(blocks: Blocks, sample_rate_hz: int) -> Blocks:
    """Gives each block when its last sample would have been heard."""
    began_s, heard = time.monotonic(), 0
    for gap, block in blocks:
        heard += len(block)
        early_s = began_s + heard / sample_rate_hz - time.monotonic()
        # Not stop.wait(): a signal that came within it could not set `stop`, and all would stand still.
        time.sleep(max(0.0, early_s))
        yield gap, block


def file_name(path: str | Path) -> str:
    """How a table names a recording: by its absolute path, so that Raven finds the sound."""
    return str(Path(path).absolute())
