"""A short gap is silence in a clip, and a long gap ends it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.formats.guano import read_guano
from birdedge.edge.models.card import ModelCard
from tests.support.clips import (
    RATE_HZ,
    ClipStream,
    event,
    noise,
    settings,
    spans,
)


@pytest.mark.parametrize("keep", ["events", "everything"])
def test_a_short_gap_is_silence_in_the_clip_and_is_counted(
    tmp_path: Path, card: ModelCard, keep: str
) -> None:
    audio, events = noise(30), [event(8, 9), event(12, 13)]
    stream = ClipStream(tmp_path, card, settings(keep=keep, everything_s=60.0))
    stream.play(audio[: 10 * RATE_HZ], events)
    stream.gap(1.5, events)
    stream.play(audio[10 * RATE_HZ :], events)
    (clip,) = stream.end(events)
    start_s, end_s, numbers = spans([clip])[0]
    assert (start_s, end_s, numbers) == ((5.0, 16.0, (0, 1)) if keep == "events" else (0.0, 31.5, (0, 1)))
    gap = np.zeros((round(1.5 * RATE_HZ), 1), np.float32)
    heard = np.concatenate([audio[: 10 * RATE_HZ], gap, audio[10 * RATE_HZ :]])
    saved = soundfile.read(clip.path, dtype="float32", always_2d=True)[0]
    assert np.array_equal(saved, heard[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)])
    assert clip.lost_samples == len(gap)
    assert read_guano(clip.path)["birdedge|Lost Samples"] == str(len(gap))


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        ("events", [(5.0, 10.0, (0,)), (3610.0, 3614.5, (1,))]),
        ("everything", [(0.0, 10.0, (0,)), (3610.0, 3640.0, (1,))]),
    ],
)
def test_a_long_gap_ends_the_clip_and_is_in_no_clip(
    tmp_path: Path, card: ModelCard, keep: str, expected: list[tuple[float, float, tuple[int, ...]]]
) -> None:
    events = [event(8, 9.9), event(3611, 3611.5)]
    stream = ClipStream(tmp_path, card, settings(keep=keep))
    stream.play(noise(10), events)
    stream.gap(3600, events)
    stream.play(noise(30), events)
    clips = stream.end(events)
    assert spans(clips) == expected
    assert [clip.lost_samples for clip in clips] == [0, 0]
