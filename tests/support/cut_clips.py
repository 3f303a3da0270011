"""Clips of silence or noise that are ready to be written."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from birdedge.edge.clips.clip import Clip, CutClip
from birdedge.edge.clips.file import write_clip
from birdedge.edge.clips.settings import ClipSettings
from birdedge.edge.event import Event
from birdedge.edge.models.card import ModelCard
from birdedge.edge.times import Stamp
from tests.support.streams import event

RATE_HZ = 8000
STREAM_START = datetime(2026, 11, 23, 4, 15, 0, 250_000, UTC)
WAV = ClipSettings(format="wav", min_free_mb=0.0)  # does not depend on the disk of the test machine


def cut_clip(
    card: ModelCard, at_s: float = 0.0, seconds: float = 1.0, events: dict[int, Event] | None = None
) -> CutClip:
    """Return a clip of noise that starts `at_s` seconds after the start of a stream."""
    first_sample = round(at_s * RATE_HZ)
    utc_s = STREAM_START.timestamp() + at_s
    samples = np.random.default_rng(3).integers(-9000, 9000, (round(seconds * RATE_HZ), 1)).astype(np.int16)
    stamp = Stamp(first_sample, at_s, 100.0 + at_s, utc_s, 0.2, True)
    mask = np.zeros((round(seconds / 0.008), card.grid.bins), np.uint8)
    found = {0: event(at_s)} if events is None else events
    return CutClip(stamp, RATE_HZ, samples, 0, found, "USB Audio", card, mask, 0.008)


def written(folder: Path, card: ModelCard, at_s: float = 0.0, seconds: float = 1.0) -> Clip:
    """Write a clip as the recorder does, but without a row."""
    return write_clip(cut_clip(card, at_s, seconds), folder, WAV, {})
