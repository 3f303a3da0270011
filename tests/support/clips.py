"""A stream played into a real clip cutter and writer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.clips.clip import Clip, CutClip
from birdedge.edge.clips.cutter import ClipCutter
from birdedge.edge.clips.settings import ClipSettings
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.event import Event
from birdedge.edge.grid import Grid
from birdedge.edge.models.card import ModelCard
from birdedge.edge.times import Stamp

RATE_HZ = 8000
BLOCK_S = 0.1
GRID = Grid()
STREAM_START = datetime(2026, 11, 23, 4, 15, 0, 250_000, UTC)
Audio = NDArray[np.float32]


def settings(**changes: Any) -> ClipSettings:
    """Return settings for WAV files that do not depend on the free disk space of the test machine."""
    return replace(ClipSettings(format="wav", min_free_mb=0.0), **changes)


def event(onset_s: float, offset_s: float, score: float = 0.9) -> Event:
    """Return an event from 2000 to 3000 Hz."""
    first, last = round(onset_s / GRID.hop_s), round(offset_s / GRID.hop_s)
    mask = np.full((last - first, 16), 255, np.uint8)
    return Event(onset_s, offset_s, 2000.0, 3000.0, 2500.0, score, 800.0, 12.0, first, 31, mask)


def noise(seconds: float, channels: int = 1, rate_hz: int = RATE_HZ) -> Audio:
    """Return noise with the values of a 16-bit microphone, `[samples, channels]`."""
    print("seed 3")
    values = np.random.default_rng(3).integers(-32768, 32768, (round(seconds * rate_hz), channels))
    return (values / 32768).astype(np.float32)


def stamp_of(sample: int, rate_hz: int = RATE_HZ) -> Stamp:
    """Return the stamp of a sample of the stream."""
    elapsed_s = sample / rate_hz
    return Stamp(sample, elapsed_s, elapsed_s, STREAM_START.timestamp() + elapsed_s, 0.2, True)


class PacedWriter(ClipWriter):
    """A writer that waits for each clip, because a stream that plays faster than real time would fill its queue."""

    def put(self, clip: CutClip) -> None:
        """Write a clip."""
        before = self.written + self.failed
        super().put(clip)
        while self.written + self.failed == before:
            time.sleep(0.001)


class ClipStream:
    """A stream that pushes each event when the pipeline would close it.

    Attributes:
        clips: The clips that were written.
        seen_only: Events that are in the mask but are never pushed.
    """

    def __init__(
        self,
        folder: Path,
        card: ModelCard,
        clip_settings: ClipSettings,
        channels: int = 1,
        rate_hz: int = RATE_HZ,
        on_clip: Callable[[Clip], None] = lambda _: None,
    ) -> None:
        self.clips: list[Clip] = []
        self.seen_only: list[Event] = []
        self._on_clip = on_clip
        self.writer = PacedWriter(folder, clip_settings, self._written, {"Loc Position": "47.1 -8.5"})
        stamp = partial(stamp_of, rate_hz=rate_hz)
        self.cutter = ClipCutter(clip_settings, self.writer, card, rate_hz, channels, stamp, "USB Audio")
        self.channels, self._rate_hz = channels, rate_hz
        self._samples = self._frames = 0
        self._pushed: list[Event] = []

    def play(self, audio: Audio, events: list[Event]) -> None:
        """Push audio in blocks, with the events that close within it."""
        step = round(BLOCK_S * self._rate_hz)
        for at in range(0, len(audio), step):
            block = audio[at : at + step]
            self._samples += len(block)
            now_s = self._samples / self._rate_hz
            self.cutter.push(block, self._mask(now_s - 0.1, events), self._closed(events, now_s - 0.3))

    def gap(self, seconds: float, events: list[Event]) -> None:
        """Push a gap."""
        closed = self._closed(events, self._samples / self._rate_hz)
        samples = round(seconds * self._rate_hz)
        self._samples += samples
        self.cutter.gap(samples, self._mask(self._samples / self._rate_hz, events), closed)

    def end(self, events: list[Event]) -> list[Clip]:
        """End the stream, and return its clips; no clip may have failed."""
        now_s = self._samples / self._rate_hz
        rest = np.zeros((0, self.channels), np.float32)
        self.cutter.push(rest, self._mask(now_s, events), self._closed(events, now_s))
        self.cutter.end()
        self.writer.close()
        assert self.writer.problem is None
        return self.clips

    def _written(self, clip: Clip) -> None:
        self.clips.append(clip)
        self._on_clip(clip)

    def _mask(self, end_s: float, events: list[Event]) -> NDArray[np.uint8]:
        frames = np.zeros((max(0, int(end_s / GRID.hop_s) - self._frames), GRID.bins), np.uint8)
        for e in [*events, *self.seen_only]:
            at = e.first_frame - self._frames
            frames[max(0, at) : max(0, at + len(e.mask)), e.first_bin : e.first_bin + 16] = 255
        self._frames += len(frames)
        return frames

    def _closed(self, events: list[Event], now_s: float) -> list[Event]:
        closed = [e for e in events if e.offset_s <= now_s and e not in self._pushed]
        self._pushed += closed
        return closed


def played(
    folder: Path, card: ModelCard, clip_settings: ClipSettings, audio: Audio, events: list[Event]
) -> list[Clip]:
    """Play a whole stream, and return its clips."""
    stream = ClipStream(folder, card, clip_settings, audio.shape[1])
    stream.play(audio, events)
    return stream.end(events)


def written_once(folder: Path, card: ModelCard, clip_settings: ClipSettings) -> ClipWriter:
    """Play a stream with one event from 3 to 4 s, and return the writer, which may have failed."""
    stream = ClipStream(folder, card, clip_settings)
    stream.play(noise(10), [event(3, 4)])
    stream.cutter.end()
    stream.writer.close()
    return stream.writer


def spans(clips: list[Clip]) -> list[tuple[float, float, tuple[int, ...]]]:
    """Return the start, the end and the events of each clip."""
    return [(c.first_sample / RATE_HZ, (c.first_sample + c.samples) / RATE_HZ, c.events) for c in clips]
