"""The name, the metadata and the row of a clip have the time of its event, however far the crystal is off."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from birdedge.edge.clips.clip import Clip
from birdedge.edge.clips.cutter import ClipCutter
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.formats.guano import read_guano
from birdedge.edge.models.card import ModelCard
from birdedge.edge.pipeline.timekeeper import Timekeeper
from birdedge.edge.times import ClockReading
from tests.support.clips import GRID, RATE_HZ, STREAM_START, event, settings

BOOT_S = 50.0
LENGTH_S = 1200
FRAMES_PER_S = 125


def reading(elapsed_s: float) -> ClockReading:
    return ClockReading(BOOT_S + elapsed_s, STREAM_START.timestamp() + elapsed_s, True)


@pytest.mark.parametrize("drift", [900e-6, -900e-6])  # as far off in 20 minutes as 50 ppm is in 6 hours
def test_a_clip_has_the_time_of_its_event(tmp_path: Path, card: ModelCard, drift: float) -> None:
    clips: list[Clip] = []
    keeper = Timekeeper(reading(0.0))
    keeper.begin_stream(RATE_HZ)
    writer = ClipWriter(tmp_path, settings(), clips.append)
    cutter = ClipCutter(settings(), writer, card, RATE_HZ, 1, keeper.stamp)
    late = event(LENGTH_S - 20.0, LENGTH_S - 19.0)
    second, frames = np.zeros((RATE_HZ, 1), np.float32), np.zeros((FRAMES_PER_S, GRID.bins), np.uint8)
    for end_s in range(1, LENGTH_S + 1):
        keeper.arrived(end_s * RATE_HZ, reading(end_s / (1 + drift)))
        cutter.push(second, frames, [late] if end_s == LENGTH_S - 18 else [])
    cutter.end()
    writer.close()
    (clip,) = clips
    true_s = STREAM_START.timestamp() + clip.first_sample / RATE_HZ / (1 + drift)
    nominal_s = STREAM_START.timestamp() + clip.first_sample / RATE_HZ
    assert abs(true_s - nominal_s) > 1.0
    stated = datetime.fromisoformat(read_guano(clip.path)["Timestamp"])
    assert stated.timestamp() == pytest.approx(true_s, abs=0.1)
    assert clip.path.name.startswith(f"{stated:%Y%m%dT%H%M%S}.{stated.microsecond // 1000:03}Z")
    assert clip.stamp is not None
    assert clip.stamp.boot_s == pytest.approx(BOOT_S + true_s - STREAM_START.timestamp(), abs=0.1)
    onset = keeper.stamp(round(late.onset_s * RATE_HZ))
    before_s = (onset.sample - clip.first_sample) / RATE_HZ
    assert onset.boot_s - clip.stamp.boot_s == pytest.approx(before_s, abs=0.01)
