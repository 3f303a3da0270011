"""The memory estimate is above the memory that a recorder takes, and follows its settings."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from birdedge.edge.audio.capture_buffer import RING_S
from birdedge.edge.audio.live_stream import STREAM_RING_S
from birdedge.edge.audio.ring_buffer import SampleRing
from birdedge.edge.clips.clip import CutClip
from birdedge.edge.clips.cutter import ClipCutter
from birdedge.edge.clips.file import write_clip
from birdedge.edge.clips.settings import MAX_WAITING, ClipSettings
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.errors import SettingsError
from birdedge.edge.models.card import ModelCard
from birdedge.edge.recorder.config import Config
from birdedge.edge.recorder.memory import BASE_MB, WAITING_MB, check_memory, max_memory_mb
from birdedge.edge.recorder.source_settings import SourceSettings
from tests.support.frames import stamp
from tests.support.models import short_frames_card


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return short_frames_card()


class FirstClip:
    """Writes the first clip, queues as many others as may wait, and drops the rest."""

    def __init__(self) -> None:
        self.waiting: list[CutClip] = []

    def put(self, clip: CutClip) -> None:
        if len(self.waiting) <= MAX_WAITING:
            self.waiting.append(clip)


def taken_mb(folder: Path, config: Config, card: ModelCard) -> float:
    """Return the most memory that the ring, the cutter and the clips take when the disk is too slow."""
    rate_hz, channels = config.sample_rate_hz or 48_000, config.channels
    block = np.random.default_rng(1).uniform(-0.1, 0.1, (rate_hz, channels)).astype(np.float32)
    mask = np.full((125, card.grid.bins), 200, np.uint8)
    writer = FirstClip()
    tracemalloc.start()
    try:
        ring = SampleRing(round(RING_S * rate_hz), channels)
        cutter = ClipCutter(config.clips, cast(ClipWriter, writer), card, rate_hz, channels, stamp)
        for _ in range(round(7 * config.clips.everything_s)):
            ring.write(block)
            cutter.push(block, mask, [])
        write_clip(writer.waiting[0], folder, config.clips, {})
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"mask": True},
        {"denoised": True},
        {"picture": True},
        {"denoised": True, "mask": True, "picture": True},
    ],
)
@pytest.mark.parametrize(("rate_hz", "channels"), [(48_000, 1), (96_000, 2)])
def test_the_estimate_is_close_to_the_memory_in_use(
    tmp_path: Path, card: ModelCard, rate_hz: int, channels: int, parts: dict[str, Any]
) -> None:
    clips = ClipSettings(keep="everything", everything_s=20.0, min_free_mb=0.0, **parts)
    config = Config(sample_rate_hz=rate_hz, channels=channels, clips=clips)
    estimate_mb = max_memory_mb(config, card) - BASE_MB - WAITING_MB
    taken = taken_mb(tmp_path, config, card)
    assert 0.6 * estimate_mb < taken < 1.1 * estimate_mb


def test_without_clips_only_the_ring_counts(card: ModelCard) -> None:
    config = Config(clips=ClipSettings(keep="none"))
    assert max_memory_mb(config, card) == pytest.approx(BASE_MB + WAITING_MB, abs=2)


def test_the_ring_of_a_stream_holds_what_a_stalled_network_sends_at_once(card: ModelCard) -> None:
    config = Config(channels=2, clips=ClipSettings(keep="none"))
    microphone, file = SourceSettings("oak"), SourceSettings("pond", path="pond.wav")
    more_mb = max_memory_mb(replace(config, source=(file,)), card) - max_memory_mb(
        replace(config, source=(microphone,)), card
    )
    assert more_mb == pytest.approx((STREAM_RING_S - RING_S) * 2 * 48_000 * 4 / 1e6)


def test_the_defaults_fit_and_clips_of_ten_minutes_in_many_channels_do_not(card: ModelCard) -> None:
    assert check_memory(Config(), card, 300) < 200
    config = Config(channels=8, clips=ClipSettings(keep="everything", everything_s=600.0))
    with pytest.raises(SettingsError, match=r"need up to \d{4} MB of memory"):
        check_memory(config, card, 300)
    assert check_memory(replace(config, clips=ClipSettings(keep="none")), card, 300) < 200
