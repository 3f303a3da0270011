"""Clips hold the sound around events, sample by sample, whole or not at all, and no disk stops who listens."""

from __future__ import annotations

import errno
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from PIL import Image

from birdedge.edge.clips.clip import Clip, CutClip
from birdedge.edge.clips.cutter import ClipCutter
from birdedge.edge.clips.fields import read_clip
from birdedge.edge.clips.folder import clips_in, companions
from birdedge.edge.clips.history import AudioHistory
from birdedge.edge.clips.settings import ClipSettings
from birdedge.edge.clips.writer import MAX_WAITING, ClipWriter
from birdedge.edge.errors import SampleError, SettingsError
from birdedge.edge.event import Event
from birdedge.edge.formats.guano import read_guano
from birdedge.edge.formats.mask_npz import read_mask_file
from birdedge.edge.grid import Grid
from birdedge.edge.models.card import ModelCard
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.denoise import denoise
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import listen
from birdedge.edge.synthesis.soundscape import soundscape

RATE_HZ = 8000
GRID = Grid()
BEGAN = datetime(2026, 11, 23, 4, 15, 0, 250_000, UTC)
Sound = NDArray[np.float32]


@pytest.fixture(scope="module")
def model() -> Model:
    return Model("birdedge-int8")


@pytest.fixture(scope="module")
def card(model: Model) -> ModelCard:
    return model.card


def settings(**changes: float | str | bool) -> ClipSettings:
    """WAV, and no floor, so that a test machine's disk decides nothing."""
    return ClipSettings(**{"format": "wav", "min_free_mb": 0.0} | changes)


def event(onset_s: float, offset_s: float, score: float = 0.9) -> Event:
    """A sound from 2000 to 3000 Hz."""
    first, last = round(onset_s / GRID.hop_s), round(offset_s / GRID.hop_s)
    mask = np.full((last - first, 16), 255, np.uint8)
    return Event(onset_s, offset_s, 2000.0, 3000.0, 2500.0, score, 800.0, 12.0, first, 31, mask)


def noise(seconds: float, channels: int = 1, rate_hz: int = RATE_HZ) -> Sound:
    """What a 16-bit microphone gives."""
    print("seed 3")
    values = np.random.default_rng(3).integers(-32768, 32768, (round(seconds * rate_hz), channels))
    return (values / 32768).astype(np.float32)


class Recorder:
    """A stream played into a real cutter and writer; events are told when they would close."""

    def __init__(
        self, folder: Path, card: ModelCard, asked: ClipSettings, channels: int = 1, rate_hz: int = RATE_HZ
    ) -> None:
        self.clips: list[Clip] = []
        self.writer = ClipWriter(folder, asked, self.clips.append, {"Loc Position": "47.1 -8.5"})
        self.cutter = ClipCutter(asked, self.writer, card, rate_hz, channels, self.utc_of, "USB Audio")
        self.card, self.rate_hz = card, rate_hz
        self.heard = self.frames = 0
        self.told: list[Event] = []
        self.mask_of: list[Event] = []  # sound that is seen and becomes no event

    def utc_of(self, sample: int) -> datetime:
        return BEGAN + timedelta(seconds=sample / self.rate_hz)

    def mask(self, end_s: float, events: list[Event]) -> NDArray[np.uint8]:
        frames = np.zeros((max(0, int(end_s / GRID.hop_s) - self.frames), GRID.bins), np.uint8)
        for e in [*events, *self.mask_of]:
            at = e.first_frame - self.frames
            frames[max(0, at) : max(0, at + len(e.mask)), e.first_bin : e.first_bin + 16] = 255
        self.frames += len(frames)
        return frames

    def due(self, events: list[Event], now_s: float) -> list[Event]:
        """Those that have closed by now and were not told before."""
        due = [e for e in events if e.offset_s <= now_s and e not in self.told]
        self.told += due
        return due

    def play(self, sound: Sound, events: list[Event], block_s: float = 0.1) -> None:
        step = round(block_s * self.rate_hz)
        for at in range(0, len(sound), step):
            block = sound[at : at + step]
            self.heard += len(block)
            now_s = self.heard / self.rate_hz
            self.cutter.push(block, self.mask(now_s - 0.1, events), self.due(events, now_s - 0.3))
            self.wait()

    def gap(self, seconds: float, events: list[Event]) -> None:
        due = self.due(events, self.heard / self.rate_hz)
        samples = round(seconds * self.rate_hz)
        self.heard += samples
        self.cutter.gap(samples, self.mask(self.heard / self.rate_hz, events), due)
        self.wait()

    def end(self, events: list[Event]) -> list[Clip]:
        now_s = self.heard / self.rate_hz
        self.cutter.flush(self.mask(now_s, events), self.due(events, now_s))
        self.writer.close()
        assert self.writer.last_error is None
        return self.clips

    def wait(self) -> None:
        """Sound that comes a hundred times as fast as life would find the queue full."""
        while not self.writer._waiting.empty():
            time.sleep(0.001)


def played(
    folder: Path,
    card: ModelCard,
    asked: ClipSettings,
    sound: Sound,
    events: list[Event],
    block_s: float = 0.1,
) -> list[Clip]:
    recorder = Recorder(folder, card, asked, sound.shape[1])
    recorder.play(sound, events, block_s)
    return recorder.end(events)


def spans(clips: list[Clip]) -> list[tuple[float, float, tuple[int, ...]]]:
    """From when to when, and the events."""
    return [(c.first_sample / RATE_HZ, (c.first_sample + c.samples) / RATE_HZ, c.events) for c in clips]


# What becomes a clip


@pytest.mark.parametrize("kind", ["flac", "wav"])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_clip_is_the_sound_from_before_to_after_its_event_bit_for_bit(
    tmp_path: Path, card: ModelCard, kind: str, channels: int
) -> None:
    sound = noise(20, channels)
    (clip,) = played(tmp_path, card, settings(format=kind), sound, [event(8.0, 9.5)])
    assert spans([clip]) == [(5.0, 12.5, (0,))]
    saved, rate_hz = soundfile.read(clip.path, dtype="float32", always_2d=True)
    assert rate_hz == RATE_HZ
    assert np.array_equal(saved, sound[5 * RATE_HZ : round(12.5 * RATE_HZ)])
    assert (clip.utc, clip.lost_samples, clip.score) == (BEGAN + timedelta(seconds=5), 0, 0.9)
    assert clip.size_bytes == clip.path.stat().st_size


def test_a_clip_says_what_it_is_in_its_name_and_its_guano_fields(tmp_path: Path, card: ModelCard) -> None:
    (clip,) = played(tmp_path, card, settings(), noise(20), [event(8.0, 9.5, 0.9), event(9.0, 9.75, 0.97)])
    assert clip.path == tmp_path / "2026-11-23" / "20261123T041505.250Z_2000-3000Hz_0.97.wav"
    fields = read_guano(clip.path)
    assert next(iter(fields)) == "GUANO|Version"
    assert fields["Timestamp"] == "2026-11-23T04:15:05.250Z"
    assert (fields["Length"], fields["Samplerate"]) == ("7.750", "8000")
    assert (fields["Make"], fields["Model"], fields["Loc Position"]) == ("birdedge", "USB Audio", "47.1 -8.5")
    assert (fields["birdedge|Low Hz"], fields["birdedge|High Hz"]) == ("2000.0", "3000.0")
    assert (fields["birdedge|Score"], fields["birdedge|Model"]) == ("0.9700", "birdedge-int8")
    events = json.loads(fields["birdedge|Events"])
    assert [(e["number"], e["onset_s"], e["offset_s"], e["score"]) for e in events] == [
        (0, 3.0, 4.5, 0.9),
        (1, 4.0, 4.75, 0.97),
    ]


@pytest.mark.parametrize("kind", ["flac", "wav"])
def test_a_clip_that_is_found_again_says_all_that_was_told_of_it(
    tmp_path: Path, card: ModelCard, kind: str
) -> None:
    asked = settings(format=kind, denoised=True, mask=True, picture=True)
    clips = played(tmp_path, card, asked, noise(30), [event(8.0, 9.5, 0.9), event(20.0, 21.0, 0.97)])
    assert len(clips) == 2
    (tmp_path / "2026-11-23" / f"noise.{kind}").write_bytes(b"no sound")
    soundfile.write(tmp_path / "2026-11-23" / "other.wav", noise(1), RATE_HZ)
    found = [read_clip(path) for path in sorted(clips_in(tmp_path))]
    assert found == [*clips, None, None]


def test_events_whose_clips_touch_are_one_clip_and_others_are_not(tmp_path: Path, card: ModelCard) -> None:
    events = [event(5, 6), event(5.5, 7), event(12.9, 13.5), event(19.6, 20)]
    assert spans(played(tmp_path, card, settings(), noise(30), events)) == [
        (2.0, 16.5, (0, 1, 2)),
        (16.6, 23.0, (3,)),
    ]


def test_an_event_within_another_that_closes_first_is_in_the_same_clip(
    tmp_path: Path, card: ModelCard
) -> None:
    clips = played(tmp_path, card, settings(), noise(20), [event(7, 7.5), event(5, 9)])
    assert spans(clips) == [(2.0, 12.0, (0, 1))]


def test_a_clip_waits_for_an_event_that_began_within_it(tmp_path: Path, card: ModelCard) -> None:
    clips = played(tmp_path, card, settings(max_duration_s=60.0), noise(50), [event(5, 6), event(11.9, 31.9)])
    assert spans(clips) == [(2.0, 34.9, (0, 1))]


def test_sound_that_never_becomes_an_event_holds_no_clip_back_for_ever(
    tmp_path: Path, card: ModelCard
) -> None:
    recorder = Recorder(tmp_path, card, settings(max_duration_s=20.0))
    rain = event(5.5, 100)
    recorder.mask_of = [event(5, 6), rain]
    recorder.play(noise(30), [event(5, 6)])
    while not recorder.clips:
        time.sleep(0.001)
    assert spans(recorder.clips) == [(2.0, 9.0, (0,))]
    recorder.end([])


def test_an_event_longer_than_the_longest_clip_begins_where_the_clip_before_ended(
    tmp_path: Path, card: ModelCard
) -> None:
    clips = played(tmp_path, card, settings(max_duration_s=10.0), noise(40), [event(5, 6), event(5.5, 25)])
    assert spans(clips) == [(2.0, 9.0, (0,)), (9.0, 19.0, (1,)), (19.0, 28.0, (1,))]


def test_events_at_the_very_start_and_the_very_end_have_what_sound_there_is(
    tmp_path: Path, card: ModelCard
) -> None:
    clips = played(tmp_path, card, settings(), noise(15), [event(0.0, 0.25), event(14.75, 15.0)])
    assert spans(clips) == [(0.0, 3.25, (0,)), (11.75, 15.0, (1,))]


@pytest.mark.parametrize(
    ("onset_s", "expected"), [(0.0, (0.0, 4.0)), (5.0, (5.0, 9.0)), (14.5, (11.0, 15.0))]
)
def test_a_short_clip_is_given_more_sound(
    tmp_path: Path, card: ModelCard, onset_s: float, expected: tuple[float, float]
) -> None:
    asked = settings(before_s=0.0, after_s=0.0, min_duration_s=4.0)
    ((*span, _),) = spans(played(tmp_path, card, asked, noise(15), [event(onset_s, onset_s + 0.5)]))
    assert tuple(span) == expected


def test_a_stream_shorter_than_the_shortest_clip_is_a_clip(tmp_path: Path, card: ModelCard) -> None:
    assert spans(played(tmp_path, card, settings(), noise(1), [event(0.25, 0.5)])) == [(0.0, 1.0, (0,))]


def test_singing_without_end_becomes_clips_that_follow_one_another(tmp_path: Path, card: ModelCard) -> None:
    events = [event(at, at + 1) for at in range(5, 35, 2)]
    sound = noise(45)
    clips = played(tmp_path, card, settings(max_duration_s=10.0), sound, events)
    assert [span[:2] for span in spans(clips)] == [(2, 12), (12, 22), (22, 32), (32, 37)]
    assert [e for c in clips for e in c.events] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    saved = np.concatenate([soundfile.read(c.path, dtype="float32", always_2d=True)[0] for c in clips])
    assert np.array_equal(saved, sound[2 * RATE_HZ : 37 * RATE_HZ])


def test_the_rest_after_the_longest_clip_is_no_splinter(tmp_path: Path, card: ModelCard) -> None:
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


def test_an_hour_has_no_more_clips_than_its_share(tmp_path: Path, card: ModelCard) -> None:
    asked = settings(max_per_hour=2, before_s=0.0, after_s=0.0)
    recorder = Recorder(tmp_path, card, asked)
    events = [event(at, at + 0.5) for at in (1, 11, 21, 3602, 3603.5, 3622)]
    recorder.play(noise(30), events)
    recorder.gap(3570, events)
    recorder.play(noise(30), events)
    clips = recorder.end(events)
    # That of 3603.5 is one with that of 3602.
    assert [clip.events for clip in clips] == [(0,), (1,), (3, 4), (5,)]
    assert recorder.cutter.capped == 1


def test_everything_is_kept_in_files_without_a_seam_that_say_what_they_show(
    tmp_path: Path, card: ModelCard
) -> None:
    sound = noise(25)
    asked = settings(keep="everything", everything_s=10.0, max_per_hour=1)
    clips = played(tmp_path, card, asked, sound, [event(3, 4), event(23, 24)])
    assert spans(clips) == [(0, 10, (0,)), (10, 20, ()), (20, 25, (1,))]
    assert [clip.score for clip in clips] == [0.9, 0.0, 0.9]
    assert clips[1].path.name == "20261123T041510.250Z.wav"
    saved = np.concatenate([soundfile.read(c.path, dtype="float32", always_2d=True)[0] for c in clips])
    assert np.array_equal(saved, sound)


def test_with_none_nothing_is_kept(tmp_path: Path, card: ModelCard) -> None:
    assert played(tmp_path / "clips", card, settings(keep="none"), noise(10), [event(3, 4)]) == []
    assert not (tmp_path / "clips").exists()


@pytest.mark.parametrize("keep", ["events", "everything"])
def test_a_short_gap_is_silence_within_the_clip_and_counted(
    tmp_path: Path, card: ModelCard, keep: str
) -> None:
    sound, events = noise(30), [event(8, 9), event(12, 13)]
    recorder = Recorder(tmp_path, card, settings(keep=keep, everything_s=60.0))
    recorder.play(sound[: 10 * RATE_HZ], events)
    recorder.gap(1.5, events)
    recorder.play(sound[10 * RATE_HZ :], events)
    (clip,) = recorder.end(events)
    start_s, end_s, numbers = spans([clip])[0]
    assert (start_s, end_s, numbers) == ((5.0, 16.0, (0, 1)) if keep == "events" else (0.0, 31.5, (0, 1)))
    gap = np.zeros((round(1.5 * RATE_HZ), 1), np.float32)
    stream = np.concatenate([sound[: 10 * RATE_HZ], gap, sound[10 * RATE_HZ :]])
    saved = soundfile.read(clip.path, dtype="float32", always_2d=True)[0]
    assert np.array_equal(saved, stream[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)])
    assert clip.lost_samples == len(gap)
    assert read_guano(clip.path)["birdedge|Lost Samples"] == str(len(gap))


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        ("events", [(5.0, 10.0, (0,)), (3610.0, 3614.5, (1,))]),
        ("everything", [(0.0, 10.0, (0,)), (3610.0, 3640.0, (1,))]),
    ],
)
def test_a_long_gap_ends_a_clip_and_is_in_none(
    tmp_path: Path, card: ModelCard, keep: str, expected: list[tuple[float, float, tuple[int, ...]]]
) -> None:
    events = [event(8, 9.9), event(3611, 3611.5)]
    recorder = Recorder(tmp_path, card, settings(keep=keep))
    recorder.play(noise(10), events)
    recorder.gap(3600, events)
    recorder.play(noise(30), events)
    clips = recorder.end(events)
    assert spans(clips) == expected
    assert [clip.lost_samples for clip in clips] == [0, 0]


@pytest.mark.parametrize("keep", ["events", "everything"])
def test_the_pipeline_gives_the_same_clips_for_any_blocks(tmp_path: Path, model: Model, keep: str) -> None:
    scene = soundscape(40.0, seed=5, calls_per_minute=30.0)
    sound = scene.samples[:, np.newaxis]
    asked = settings(
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
        recorder = Recorder(tmp_path / str(block), model.card, asked, rate_hz=32_000)
        pipeline = Pipeline(model, 32_000, 1)
        blocks = [(0, sound[at : at + block]) for at in range(0, len(sound), block)]
        events = []
        for (_, piece), given in zip([*blocks, (0, None)], listen(pipeline, iter(blocks)), strict=True):
            events += given.events
            if piece is None:
                recorder.cutter.flush(given.mask, given.events)
            else:
                recorder.cutter.push(piece, given.mask, given.events)
            recorder.wait()
        recorder.writer.close()
        assert recorder.writer.failed == recorder.writer.dropped == 0
        assert {number for clip in recorder.clips for number in clip.events} == set(range(len(events)))
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
                for c in recorder.clips
            ]
        )
    assert len(found[0]) >= 5
    assert found[0] == found[1] == found[2]


# What lies beside a clip


def test_mask_picture_and_the_bird_alone_lie_beside_the_clip_on_request(
    tmp_path: Path, card: ModelCard
) -> None:
    t = np.arange(20 * RATE_HZ) / RATE_HZ
    inside, outside = 0.25 * np.sin(2 * np.pi * 2500 * t), 0.25 * np.sin(2 * np.pi * 600 * t)
    sound = (inside + outside).astype(np.float32)[:, np.newaxis]
    asked = settings(denoised=True, mask=True, picture=True)
    (clip,) = played(tmp_path, card, asked, sound, [event(8, 10)])
    denoised, mask, picture = companions(clip.path)
    assert sorted(clip.path.parent.iterdir()) == sorted((clip.path, denoised, mask, picture))
    assert clip.size_bytes == sum(file.stat().st_size for file in clip.path.parent.iterdir())

    masks = read_mask_file(mask)
    frames, bins = np.nonzero(masks.mask)
    times_s = masks.first_frame_s + frames * masks.hop_s
    assert 0 <= masks.first_frame_s < masks.hop_s
    assert abs(len(masks.mask) * masks.hop_s - 8.0) < masks.hop_s
    assert (times_s.min(), times_s.max()) == pytest.approx((3.0, 5.0), abs=0.01)
    assert (masks.low_hz + bins.min() * masks.bin_hz, masks.low_hz + bins.max() * masks.bin_hz) == (
        2000.0,
        2937.5,
    )

    alone = soundfile.read(denoised)[0]
    assert read_guano(denoised) == read_guano(clip.path)
    assert len(alone) == clip.samples
    middle, silence = alone[round(3.5 * RATE_HZ) : round(4.5 * RATE_HZ)], alone[: round(2.9 * RATE_HZ)]
    assert np.abs(silence).max() == 0
    level = np.abs(np.fft.rfft(middle)) / (len(middle) / 2)  # 1 Hz a bin
    assert level[2500] == pytest.approx(0.25, abs=0.005)
    assert level[600] < 1e-3

    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape == (64, 1001, 3)  # a row each bin up to 4 kHz, a column each hop
    rows, columns = np.nonzero(np.all(pixels == (79, 227, 255), axis=2))
    assert (columns.min() * 0.008, columns.max() * 0.008) == pytest.approx((3.0, 5.0), abs=0.02)
    assert ((64 - rows.max()) * 62.5, (64 - rows.min()) * 62.5) == pytest.approx((2000, 2937.5), abs=63)
    tone = pixels[:, 100].astype(int).sum(axis=1)
    assert set(np.argsort(tone)[-2:]) <= {64 - 40, 64 - 9, 64 - 10}  # 2500 Hz; 600 Hz lies between two bins


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 32_000, 44_100, 48_000, 96_000])
def test_what_lies_inside_the_mask_passes_and_what_lies_outside_does_not_at_any_rate(rate_hz: int) -> None:
    t = np.arange(2 * rate_hz) / rate_hz
    tones_hz = {2500: True, 1000: False, 3600: False}
    sound = sum(0.2 * np.sin(2 * np.pi * hz * t) for hz in tones_hz)
    both = np.stack([sound, -0.5 * sound], axis=1).astype(np.float32)
    mask = np.zeros((250, GRID.bins), np.uint8)
    mask[100:200, 32:48] = 255  # 0.8 to 1.6 s, 2062 to 3062 Hz
    alone = denoise(both, rate_hz, mask, GRID)
    assert alone.shape == both.shape
    np.testing.assert_allclose(alone[:, 1], -0.5 * alone[:, 0], atol=1e-6)
    middle = alone[rate_hz : rate_hz + rate_hz // 2, 0]
    level = np.abs(np.fft.rfft(middle)) / (len(middle) / 2)  # 2 Hz a bin
    assert {hz: level[hz // 2] > 0.199 for hz in tones_hz} == tones_hz
    assert max(level[500], level[1800]) < 0.2 * 10 ** (-60 / 20)
    assert np.abs(alone[: round(0.7 * rate_hz)]).max() == 0
    assert np.abs(alone[round(1.7 * rate_hz) :]).max() == 0


def test_a_full_mask_gives_the_sound_back_and_an_empty_one_silence() -> None:
    sound = noise(3, rate_hz=32_000)
    sound -= sound.mean()
    frames = GRID.frames(len(sound))
    full = denoise(sound, 32_000, np.full((frames, 256), 255, np.uint8), GRID)
    inner = slice(1024, -1024)  # the first half frame has no mask
    error = full[inner] - sound[inner]
    assert np.sqrt((error**2).mean()) < 0.06 * np.sqrt((sound**2).mean())  # bin 0 is no bird
    assert not denoise(sound, 32_000, np.zeros((frames, 256), np.uint8), GRID).any()
    assert not denoise(sound, 32_000, np.zeros((0, 256), np.uint8), GRID).any()


def test_the_mask_is_found_where_it_says_it_begins() -> None:
    sound = noise(2, rate_hz=32_000)
    mask = np.zeros((250, 256), np.uint8)
    mask[100:110] = 255
    early, late = (
        denoise(sound, 32_000, mask, GRID),
        denoise(sound, 32_000, mask, GRID, 0.5 + GRID.first_frame_s),
    )
    first = [int(np.nonzero(a)[0].min()) for a in (early, late)]
    assert (
        first[1] - first[0] == 16_000 + (-16_000) % 256 - 256 * ((-16_000) % 256 > 0)
        or abs(first[1] - first[0] - 16_000) <= 256
    )


@pytest.mark.parametrize("length", [0, 1, 255, 256, 257, 131_071, 131_072, 131_073])
def test_denoising_keeps_the_length_and_equals_one_plain_overlap_add(length: int) -> None:
    sound = noise(5, rate_hz=32_000)[:length]
    print("seed 4")
    mask = np.random.default_rng(4).integers(0, 256, (700, 256)).astype(np.uint8)
    # Frame t centred on 256 t, so that no frame must be read between two.
    alone = denoise(sound, 32_000, mask, GRID, first_frame_s=0.0)
    assert alone.shape == sound.shape
    soft = plainly_softened(mask >= 128)
    padded = np.pad(sound[:, 0], 1024)
    expected = np.zeros(len(padded))
    hann = np.hanning(513)[:512]
    for frame in range(length // 256 + 2):
        at = slice(768 + 256 * frame, 1280 + 256 * frame)
        if at.stop > len(padded):
            break
        spectrum = np.fft.rfft(padded[at] * hann)
        spectrum[1:] *= soft[frame]
        spectrum[0] = 0
        expected[at] += np.fft.irfft(spectrum)
    np.testing.assert_allclose(alone[:, 0], expected[1024 : 1024 + length], atol=2e-5)


def plainly_softened(shape: NDArray[np.bool_]) -> NDArray[np.float64]:
    weights = np.exp(-0.5 * np.arange(-3, 4) ** 2)
    weights /= weights.sum()
    padded = np.pad(shape.astype(float), 3, mode="symmetric")
    rows, columns = shape.shape
    return sum(
        weights[i] * weights[j] * padded[i : i + rows, j : j + columns] for i in range(7) for j in range(7)
    )


# What the disk does


def write(folder: Path, card: ModelCard, asked: ClipSettings, at_s: float = 0.0) -> ClipWriter:
    """One clip through a writer of its own."""
    recorder = Recorder(folder, card, asked)
    recorder.utc_of = lambda _: BEGAN + timedelta(seconds=at_s)  # type: ignore[method-assign]
    recorder.cutter._utc_of = recorder.utc_of
    recorder.play(noise(10), [event(3, 4)])
    recorder.cutter.flush(np.zeros((0, 256), np.uint8), [])
    return recorder.writer


def test_a_second_clip_of_the_same_moment_overwrites_nothing(tmp_path: Path, card: ModelCard) -> None:
    for _ in range(3):
        writer = write(tmp_path, card, settings())
        writer.close()
    stem = "20261123T041500.250Z_2000-3000Hz_0.90"
    names = sorted(path.name for path in (tmp_path / "2026-11-23").iterdir())
    assert names == [f"{stem}.wav", f"{stem}_2.wav", f"{stem}_3.wav"]


def test_who_listens_never_waits_for_a_disk_that_hangs(tmp_path: Path, card: ModelCard) -> None:
    moves, listed = threading.Event(), []

    def hang(clip: Clip) -> None:
        listed.append(clip)
        moves.wait(60)

    asked = settings(before_s=0.0, after_s=0.0)
    writer = ClipWriter(tmp_path, asked, hang)
    cutter = ClipCutter(asked, writer, card, RATE_HZ, 1, lambda s: BEGAN + timedelta(seconds=s / RATE_HZ))
    began_s = time.monotonic()
    for number in range(12):
        at_s = 10.0 * number
        cutter.push(noise(10), np.zeros((1250, 256), np.uint8), [event(at_s + 1, at_s + 2)])
        while number == 0 and not listed:
            time.sleep(0.001)
    cutter.flush(np.zeros((0, 256), np.uint8), [])
    assert time.monotonic() - began_s < 10
    assert writer.dropped == 12 - 1 - MAX_WAITING
    moves.set()
    writer.close()
    assert (writer.written, len(listed), writer.failed) == (1 + MAX_WAITING, 1 + MAX_WAITING, 0)


def test_a_clip_that_was_written_is_no_longer_in_memory(tmp_path: Path, card: ModelCard) -> None:
    writer = ClipWriter(tmp_path, settings(), lambda _: None)
    samples = np.zeros((RATE_HZ, 1), np.int16)
    held = weakref.ref(samples)
    mask = np.zeros((0, 256), np.uint8)
    writer.put(CutClip(BEGAN, RATE_HZ, 0, samples, 0, {}, "", card, mask, 0.0))
    del samples
    until_s = time.monotonic() + 10
    while held() is not None and time.monotonic() < until_s:
        time.sleep(0.01)
    assert held() is None
    assert writer.written == 1
    writer.close()


def test_closing_gives_up_on_a_disk_that_hangs(tmp_path: Path, card: ModelCard) -> None:
    moves = threading.Event()
    recorder = Recorder(tmp_path, card, settings())
    recorder.writer._tell = lambda _: moves.wait(60)
    recorder.play(noise(10), [event(3, 4)])
    began_s = time.monotonic()
    recorder.writer.close(0.2)
    assert time.monotonic() - began_s < 5
    moves.set()


def test_a_disk_under_its_floor_takes_no_clip_and_says_why(tmp_path: Path, card: ModelCard) -> None:
    free_mb = shutil.disk_usage(tmp_path).free / 1e6
    writer = write(tmp_path, card, settings(min_free_mb=free_mb + 1e6, mask=True, picture=True))
    writer.close()
    assert (writer.written, writer.failed) == (0, 1)
    assert writer.paused is not None
    assert writer.paused == writer.last_error
    assert writer.paused.endswith("MB must stay free: free disk space, or lower min_free_mb")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_stops_clips_until_it_can_be(tmp_path: Path, card: ModelCard) -> None:
    folder = tmp_path / "clips"
    folder.write_text("no folder")
    recorder = Recorder(folder, card, settings())
    events = [event(3, 4), event(15, 16)]
    recorder.play(noise(12), events)
    while not recorder.writer.failed:
        time.sleep(0.001)
    assert recorder.writer.paused is not None
    assert "cannot be written" in recorder.writer.paused
    folder.unlink()
    recorder.play(noise(12), events)
    recorder.cutter.flush(np.zeros((0, 256), np.uint8), [])
    recorder.writer.close()
    assert (recorder.writer.written, recorder.writer.failed, recorder.writer.paused) == (1, 1, None)
    assert [clip.events for clip in recorder.clips] == [(1,)]


def test_a_file_that_may_not_grow_leaves_nothing_of_the_clip(tmp_path: Path, card: ModelCard) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        writer = write(tmp_path, card, settings(mask=True, picture=True))
        writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert writer.failed == 1
    assert writer.paused is not None
    assert f"({os.strerror(errno.EFBIG)})" in writer.paused
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        os.geteuid()
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True
        ).returncode
    ):
        pytest.skip("a small disk is a tmpfs, which only root may mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_stops_clips_and_room_brings_them_back(small_disk: Path, card: ModelCard) -> None:
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(bytes(4 << 20))
    recorder = Recorder(small_disk / "clips", card, settings())
    events = [event(3, 4), event(15, 16)]
    recorder.play(noise(12), events)
    while not recorder.writer.failed:
        time.sleep(0.001)
    assert recorder.writer.paused is not None
    ballast.unlink()
    recorder.play(noise(12), events)
    recorder.cutter.flush(np.zeros((0, 256), np.uint8), [])
    recorder.writer.close()
    assert (recorder.writer.written, recorder.writer.paused) == (1, None)
    assert len(soundfile.read(recorder.clips[0].path)[0]) == recorder.clips[0].samples


def test_a_disk_without_room_for_all_of_a_clip_keeps_none_of_it(small_disk: Path, card: ModelCard) -> None:
    (small_disk / "ballast").write_bytes(bytes(1_900_000))
    writer = write(small_disk, card, settings(denoised=True, mask=True, picture=True))
    writer.close()
    assert writer.failed == 1
    assert [path.name for path in small_disk.rglob("*") if path.is_file()] == ["ballast"]


def test_a_read_only_disk_stops_clips_and_is_used_again_when_it_can_be(
    small_disk: Path, card: ModelCard
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    writer = write(small_disk, card, settings())
    writer.close()
    assert writer.paused is not None
    assert "(Read-only file system)" in writer.paused
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    writer = write(small_disk, card, settings())
    writer.close()
    assert (writer.written, writer.paused) == (1, None)


def test_a_callback_that_fails_does_not_stop_the_next_clip(tmp_path: Path, card: ModelCard) -> None:
    told = []

    def tell(clip: Clip) -> None:
        told.append(clip)
        if len(told) == 1:
            raise RuntimeError("the index is locked")

    recorder = Recorder(tmp_path, card, settings(before_s=0.0, after_s=0.0))
    recorder.writer._tell = tell
    events = [event(3, 4), event(10, 11)]
    recorder.play(noise(20), events)
    recorder.writer.close()
    assert (recorder.writer.written, recorder.writer.failed, recorder.writer.paused) == (2, 1, None)
    assert recorder.writer.last_error == "the index is locked"


def test_tidying_is_done_between_clips_and_its_failure_stops_none(tmp_path: Path, card: ModelCard) -> None:
    threads = []

    def tidy() -> None:
        threads.append(threading.current_thread())
        raise RuntimeError("cannot tidy")

    asked = settings()
    writer = ClipWriter(tmp_path, asked, lambda _: None, tidy=tidy)
    cutter = ClipCutter(asked, writer, card, RATE_HZ, 1, lambda _: BEGAN)
    cutter.push(noise(10), np.zeros((1250, 256), np.uint8), [event(3, 4)])
    cutter.flush(np.zeros((0, 256), np.uint8), [])
    writer.close()
    assert (writer.written, writer.failed, writer.last_error) == (1, 0, "cannot tidy")
    assert len(threads) == 2
    assert threading.main_thread() not in threads


WRITES_FOR_EVER = """
    import resource, signal, sys
    from datetime import UTC, datetime
    from pathlib import Path
    import numpy as np
    from birdedge.edge.clips.writer import ClipWriter
    from birdedge.edge.clips.cutter import ClipCutter
    from birdedge.edge.clips.settings import ClipSettings
    from birdedge.edge.models.model import Model

    kind, max_bytes = sys.argv[2], int(sys.argv[3])
    asked = ClipSettings(
        keep="everything", format=kind, everything_s=5.0, min_free_mb=0, mask=True, picture=True, denoised=True
    )
    writer = ClipWriter(Path(sys.argv[1]), asked, lambda clip: print(clip.path, flush=True))
    card = Model("birdedge-int8").card
    cutter = ClipCutter(asked, writer, card, 8000, 2, lambda _: datetime(2026, 11, 23, tzinfo=UTC))
    random = np.random.default_rng(1)
    sound = random.uniform(-1, 1, (8000, 2)).astype(np.float32)
    mask = random.integers(0, 256, (125, 256)).astype(np.uint8)
    if max_bytes:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # which kills; Python would make it an error
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))
    while True:
        cutter.push(sound, mask, [])
"""


def writing(tmp_path: Path, kind: str, max_bytes: int) -> subprocess.Popen[str]:
    """A process that writes clips of 160 kB without end; the kernel kills it when a file grows beyond the limit."""
    program = tmp_path / "writes.py"
    program.write_text(textwrap.dedent(WRITES_FOR_EVER))
    command = [sys.executable, program, tmp_path / "clips", kind, str(max_bytes)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def whole_clips(folder: Path, kind: str) -> int:
    """How many clips there are, each with all that belongs to it, and no file torn."""
    clips = [path for path in folder.iterdir() if path.suffix == f".{kind}" and ".denoised." not in path.name]
    assert all(file.exists() for path in clips for file in companions(path))
    for path in folder.iterdir():
        if path.suffix == ".npz":
            assert len(read_mask_file(path).mask) > 0
        elif path.suffix == ".png":
            with Image.open(path) as image:
                image.load()
        elif path.suffix == f".{kind}":
            assert len(soundfile.read(path)[0]) == 5 * 8000
            assert read_guano(path)["Length"] == "5.000"
        else:
            assert path.suffix == ".part"
    return len(clips)


@pytest.mark.parametrize("kind", ["wav", "flac"])
@pytest.mark.parametrize("max_bytes", [1, 60_000, 120_000])
def test_a_process_killed_in_the_middle_of_a_file_leaves_nothing_under_its_name(
    tmp_path: Path, kind: str, max_bytes: int
) -> None:
    process = writing(tmp_path, kind, max_bytes)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGXFSZ
    folder = tmp_path / "clips" / "2026-11-23"
    assert whole_clips(folder, kind) == 0
    assert any(path.suffix == ".part" and path.stat().st_size == max_bytes for path in folder.iterdir())


def test_a_process_killed_at_any_time_leaves_whole_clips_only(tmp_path: Path) -> None:
    print("seed 8")
    wait = random.Random(8)
    for number in range(5):
        process = writing(tmp_path, "wav", 0)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        assert whole_clips(tmp_path / "clips" / "2026-11-23", "wav") > number


def test_what_a_power_cut_left_is_removed_when_clips_are_written_again(
    tmp_path: Path, card: ModelCard
) -> None:
    (tmp_path / "2026-11-22").mkdir()
    torn = tmp_path / "2026-11-22" / ".birdedge-0011223344556677.part"
    torn.write_bytes(b"half a clip")
    other = tmp_path / "2026-11-22" / "notes.part"
    other.write_text("mine")
    write(tmp_path, card, settings()).close()
    assert not torn.exists()
    assert other.exists()


# What is remembered


@pytest.mark.parametrize("seed", range(3))
def test_the_last_sound_is_what_was_heard_with_silence_for_gaps(seed: int) -> None:
    print(f"seed {seed}")
    draw = np.random.default_rng(seed)
    history = AudioHistory(1000, 2)
    stream, lost = np.zeros((0, 2), np.int16), np.zeros(0, bool)
    for _ in range(100):
        size = int(draw.integers(0, 1500 if draw.random() < 0.1 else 200))
        if draw.random() < 0.2:
            history.gap(size)
            stream, lost = np.pad(stream, ((0, size), (0, 0))), np.pad(lost, (0, size), constant_values=True)
        else:
            block = draw.integers(-32768, 32768, (size, 2)).astype(np.int16)
            history.push(block.astype(np.float32) / 32768)
            stream, lost = np.concatenate([stream, block]), np.pad(lost, (0, size))
        assert (history.first, history.end) == (max(0, len(stream) - 1000), len(stream))
        first = int(draw.integers(history.first, history.end + 1))
        samples = int(draw.integers(0, history.end - first + 1))
        assert np.array_equal(history.cut(first, samples), stream[first : first + samples])
        assert history.lost(first, samples) == lost[first : first + samples].sum()


def test_what_is_no_number_or_too_loud_is_silence_or_clipped() -> None:
    history = AudioHistory(8, 1)
    values = [np.nan, np.inf, -np.inf, 1.0, -1.0, 1.5, -1.5, 0.5]
    history.push(np.array(values, np.float32)[:, np.newaxis])
    assert history.cut(0, 8).ravel().tolist() == [0, 32767, -32768, 32767, -32768, 32767, -32768, 16384]


@pytest.mark.parametrize(("first", "samples"), [(4, 3), (5, 11), (16, 0), (-1, 1), (6, -1)])
def test_sound_that_is_not_held_is_refused(first: int, samples: int) -> None:
    history = AudioHistory(10, 1)
    history.push(np.zeros((15, 1), np.float32))
    with pytest.raises(SampleError, match="of a stream were requested and 5 to 15 are held"):
        history.cut(first, samples)


def test_a_block_of_another_shape_is_refused() -> None:
    with pytest.raises(SampleError, match=r"block of shape \(4, 1\) was given: use \[samples, 2\]"):
        AudioHistory(10, 2).push(np.zeros((4, 1), np.float32))


# What may be set


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"keep": "all"}, "keep is 'all'; it must be one of events, everything, none"),
        ({"format": "mp3"}, "format is 'mp3'; it must be one of flac, wav"),
        ({"before_s": -1.0}, "before_s is -1.0; it must not be negative"),
        ({"max_per_hour": -1}, "max_per_hour is -1; it must not be negative"),
        ({"min_free_mb": float("nan")}, "min_free_mb is nan; it must not be negative"),
        (
            {"min_duration_s": 70.0},
            "min_duration_s 70.0 and max_duration_s 30.0 must lie in 0.1..600 s, and min_duration_s at most max_duration_s",
        ),
        (
            {"before_s": 40.0, "after_s": 30.0},
            "before_s 40.0 and after_s 30.0 leave no room for an event in max_duration_s 30.0; "
            "make them shorter, or max_duration_s longer",
        ),
        ({"everything_s": 3600.0}, "everything_s is 3600.0; it must lie in 1..600 s"),
    ],
)
def test_a_setting_out_of_range_is_one_sentence(changes: dict[str, float | str], sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ClipSettings(**changes)
    assert str(caught.value) == sentence


def test_more_channels_than_flac_holds_are_refused_before_they_are_recorded(
    tmp_path: Path, card: ModelCard
) -> None:
    writer = ClipWriter(tmp_path, settings(), lambda _: None)
    ClipCutter(settings(format="wav"), writer, card, RATE_HZ, 9, lambda _: BEGAN)
    with pytest.raises(SettingsError, match="FLAC holds 8 channels and 9 are recorded; set format to wav"):
        ClipCutter(settings(format="flac"), writer, card, RATE_HZ, 9, lambda _: BEGAN)
    writer.close()
