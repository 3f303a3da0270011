"""Clips hold the audio around events, sample for sample, however the stream is divided."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import soundfile

from birdedge.edge.clips.cutter import ClipCutter
from birdedge.edge.clips.folder import companions
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.errors import SettingsError
from birdedge.edge.event import Event
from birdedge.edge.formats.mask_npz import read_mask_file
from birdedge.edge.models.card import ModelCard
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.synthesis.soundscape import soundscape
from tests.support.clips import (
    RATE_HZ,
    ClipStream,
    event,
    noise,
    played,
    settings,
    spans,
    stamp_of,
)
from tests.support.waiting import wait_until


def test_events_whose_clips_touch_share_one_clip(tmp_path: Path, card: ModelCard) -> None:
    events = [event(5, 6), event(5.5, 7), event(12.9, 13.5), event(19.6, 20)]
    assert spans(played(tmp_path, card, settings(), noise(30), events)) == [
        (2.0, 16.5, (0, 1, 2)),
        (16.6, 23.0, (3,)),
    ]


def test_an_event_inside_a_longer_event_is_in_the_same_clip(tmp_path: Path, card: ModelCard) -> None:
    clips = played(tmp_path, card, settings(), noise(20), [event(7, 7.5), event(5, 9)])
    assert spans(clips) == [(2.0, 12.0, (0, 1))]


def test_a_clip_waits_for_an_open_event_that_started_within_it(tmp_path: Path, card: ModelCard) -> None:
    clips = played(tmp_path, card, settings(max_duration_s=60.0), noise(50), [event(5, 6), event(11.9, 31.9)])
    assert spans(clips) == [(2.0, 34.9, (0, 1))]


def test_activity_that_never_becomes_an_event_does_not_delay_a_clip_forever(
    tmp_path: Path, card: ModelCard
) -> None:
    stream = ClipStream(tmp_path, card, settings(max_duration_s=20.0))
    rain = event(5.5, 100)
    stream.seen_only = [event(5, 6), rain]
    stream.play(noise(30), [event(5, 6)])
    wait_until(lambda: stream.clips)
    assert spans(stream.clips) == [(2.0, 9.0, (0,))]
    stream.end([])


def test_an_event_longer_than_a_clip_continues_where_the_previous_clip_ended(
    tmp_path: Path, card: ModelCard
) -> None:
    clips = played(tmp_path, card, settings(max_duration_s=10.0), noise(40), [event(5, 6), event(5.5, 25)])
    assert spans(clips) == [(2.0, 9.0, (0,)), (9.0, 19.0, (1,)), (19.0, 28.0, (1,))]


def test_events_at_the_start_and_end_of_the_stream_get_the_available_audio(
    tmp_path: Path, card: ModelCard
) -> None:
    clips = played(tmp_path, card, settings(), noise(15), [event(0.0, 0.25), event(14.75, 15.0)])
    assert spans(clips) == [(0.0, 3.25, (0,)), (11.75, 15.0, (1,))]


@pytest.mark.parametrize(
    ("onset_s", "expected"), [(0.0, (0.0, 4.0)), (5.0, (5.0, 9.0)), (14.5, (11.0, 15.0))]
)
def test_a_short_clip_is_extended_to_min_duration(
    tmp_path: Path, card: ModelCard, onset_s: float, expected: tuple[float, float]
) -> None:
    chosen = settings(before_s=0.0, after_s=0.0, min_duration_s=4.0)
    ((*span, _),) = spans(played(tmp_path, card, chosen, noise(15), [event(onset_s, onset_s + 0.5)]))
    assert tuple(span) == expected


def test_a_stream_shorter_than_min_duration_is_one_clip(tmp_path: Path, card: ModelCard) -> None:
    assert spans(played(tmp_path, card, settings(), noise(1), [event(0.25, 0.5)])) == [(0.0, 1.0, (0,))]


def test_continuous_song_becomes_consecutive_clips(tmp_path: Path, card: ModelCard) -> None:
    events = [event(at, at + 1) for at in range(5, 35, 2)]
    audio = noise(45)
    clips = played(tmp_path, card, settings(max_duration_s=10.0), audio, events)
    assert [span[:2] for span in spans(clips)] == [(2, 12), (12, 22), (22, 32), (32, 37)]
    assert [e for c in clips for e in c.events] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    saved = np.concatenate([soundfile.read(c.path, dtype="float32", always_2d=True)[0] for c in clips])
    assert np.array_equal(saved, audio[2 * RATE_HZ : 37 * RATE_HZ])


def test_the_remainder_after_a_full_clip_has_at_least_min_duration(tmp_path: Path, card: ModelCard) -> None:
    clips = played(tmp_path, card, settings(max_duration_s=10.0), noise(30), [event(5, 9.1)])
    assert [span[:2] for span in spans(clips)] == [(2, 12), (12, 15)]


@pytest.mark.parametrize("end_s", [10.0, 12.05, 13.0])
def test_a_stream_that_ends_within_a_long_clip_is_written_to_its_end(
    tmp_path: Path, card: ModelCard, end_s: float
) -> None:
    clips = played(tmp_path, card, settings(max_duration_s=10.0), noise(end_s), [event(5, 9.9)])
    assert clips[0].first_sample == 2 * RATE_HZ
    assert spans(clips)[-1][1] == end_s
    assert sum(clip.samples for clip in clips) == round((end_s - 2) * RATE_HZ)


def test_no_hour_has_more_than_max_per_hour_clips(tmp_path: Path, card: ModelCard) -> None:
    chosen = settings(max_per_hour=2, before_s=0.0, after_s=0.0)
    stream = ClipStream(tmp_path, card, chosen)
    events = [event(at, at + 0.5) for at in (1, 11, 21, 3602, 3603.5, 3622)]
    stream.play(noise(30), events)
    stream.gap(3570, events)
    stream.play(noise(30), events)
    clips = stream.end(events)
    # The events at 3602 s and 3603.5 s share a clip.
    assert [clip.events for clip in clips] == [(0,), (1,), (3, 4), (5,)]
    assert stream.cutter.capped == 1


def test_keep_everything_writes_consecutive_files_with_their_events(tmp_path: Path, card: ModelCard) -> None:
    audio = noise(25)
    chosen = settings(keep="everything", everything_s=10.0, max_per_hour=1)
    clips = played(tmp_path, card, chosen, audio, [event(3, 4), event(23, 24)])
    assert spans(clips) == [(0, 10, (0,)), (10, 20, ()), (20, 25, (1,))]
    assert [clip.score for clip in clips] == [0.9, 0.0, 0.9]
    assert clips[1].path.name == "20261123T041510.250Z.wav"
    saved = np.concatenate([soundfile.read(c.path, dtype="float32", always_2d=True)[0] for c in clips])
    assert np.array_equal(saved, audio)


def test_keep_none_writes_nothing(tmp_path: Path, card: ModelCard) -> None:
    assert played(tmp_path / "clips", card, settings(keep="none"), noise(10), [event(3, 4)]) == []
    assert not (tmp_path / "clips").exists()


@pytest.mark.parametrize("keep", ["events", "everything"])
def test_the_clips_do_not_depend_on_the_block_sizes(tmp_path: Path, model: Model, keep: str) -> None:
    scene = soundscape(40.0, seed=5, calls_per_minute=30.0)
    audio = scene.samples[:, np.newaxis]
    chosen = settings(
        keep=keep,
        before_s=0.5,
        after_s=0.5,
        min_duration_s=1.0,
        max_duration_s=4.0,
        everything_s=7.0,
        mask=True,
    )
    found = []
    for block in (1600, 4097, 65_536):
        stream = ClipStream(tmp_path / str(block), model.card, chosen, rate_hz=32_000)
        pipeline = Pipeline(model, 32_000, 1)
        events: list[Event] = []
        for at in range(0, len(audio), block):
            piece = audio[at : at + block]
            output = pipeline.push(piece)
            stream.cutter.push(piece, output.mask, output.events)
            events += output.events
        output = pipeline.flush()
        stream.cutter.push(audio[:0], output.mask, output.events)
        stream.cutter.end()
        events += output.events
        stream.writer.close()
        assert stream.writer.failed == stream.writer.dropped == 0
        assert {number for clip in stream.clips for number in clip.events} == set(range(len(events)))
        found.append(
            [
                (
                    c.path.name,
                    c.first_sample,
                    c.samples,
                    c.events,
                    c.path.read_bytes(),
                    read_mask_file(companions(c.path)[1]).mask.tobytes(),
                )
                for c in stream.clips
            ]
        )
    assert len(found[0]) >= 5
    assert found[0] == found[1] == found[2]


def test_more_channels_than_flac_supports_are_refused(tmp_path: Path, card: ModelCard) -> None:
    writer = ClipWriter(tmp_path, settings(), lambda _: None)
    ClipCutter(settings(format="wav"), writer, card, RATE_HZ, 9, stamp_of)
    with pytest.raises(SettingsError, match="FLAC holds 8 channels and 9 are recorded; set format to wav"):
        ClipCutter(settings(format="flac"), writer, card, RATE_HZ, 9, stamp_of)
    writer.close()


@pytest.mark.parametrize("keep", ["events", "everything", "none"])
def test_memory_does_not_grow_with_activity_that_never_becomes_an_event(card: ModelCard, keep: str) -> None:
    writer = SimpleNamespace(put=lambda _: None)
    cutter = ClipCutter(settings(keep=keep), cast(ClipWriter, writer), card, RATE_HZ, 1, stamp_of)
    mask = np.zeros((125, card.grid.bins), np.uint8)
    mask[:3, 7] = 255  # for 24 ms of each second

    def play(hours: float) -> int:
        for _ in range(round(hours * 3600)):
            cutter.push(np.zeros((RATE_HZ, 1), np.float32), mask, [])
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before_bytes = play(0.1)
        assert play(1.0) - before_bytes < 20_000
    finally:
        tracemalloc.stop()
