"""Every source yields its audio in order, at its pace, until its end or a stop."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.sources import (
    FAST_BLOCK_SAMPLES,
    LIVE_BLOCK_S,
    LimitedSource,
    array_source,
    demo_source,
    file_source,
    pipe_source,
)
from birdedge.edge.block import Block, Source
from birdedge.edge.errors import AudioFileError, SampleError, SettingsError
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.collector import Collector
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.synthesis.soundscape import soundscape
from tests.support.sources import ScriptedSource

RATE_HZ = 16_000
Samples = NDArray[np.float32]


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def recording(tmp_path: Path) -> tuple[Path, Samples]:
    """Ten seconds of stereo noise."""
    samples = np.random.default_rng(8).uniform(-0.5, 0.5, (10 * RATE_HZ, 2)).astype(np.float32)
    path = tmp_path / "noise.wav"
    soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")
    return path, samples


def numbered(gaps_and_lengths: list[tuple[int, int]]) -> Iterator[Block]:
    """Yield blocks whose samples count up, gaps included."""
    at = 0
    for gap, length in gaps_and_lengths:
        at += gap
        samples = np.arange(at, at + length, dtype=np.float32)[:, np.newaxis]
        yield Block(samples, gap, "overrun" if gap else None)
        at += length


def limited(blocks: Iterable[Block], max_samples: int, stop: threading.Event) -> list[Block]:
    return list(LimitedSource(ScriptedSource(blocks), max_samples).blocks(stop))


def joined(blocks: Iterable[Block]) -> Samples:
    return np.concatenate([block.samples for block in blocks])


def test_a_fast_file_is_yielded_whole_in_large_blocks(
    recording: tuple[Path, Samples], stop: threading.Event
) -> None:
    path, samples = recording
    with AudioFile(path) as file:
        source = file_source(file, fast=True)
        assert (source.sample_rate_hz, source.channels) == (RATE_HZ, 2)
        blocks = list(source.blocks(stop))
    assert {(block.gap_samples, block.gap_cause, block.arrived) for block in blocks} == {(0, None, None)}
    assert {len(block.samples) for block in blocks[:-1]} == {FAST_BLOCK_SAMPLES}
    np.testing.assert_array_equal(joined(blocks), samples)


def test_a_file_is_named_by_its_absolute_path_for_raven(
    recording: tuple[Path, Samples], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = recording
    monkeypatch.chdir(path.parent)
    with AudioFile(path.name) as file:
        assert file_source(file).name == str(path)


def test_a_file_in_real_time_is_yielded_when_it_would_have_been_heard(
    recording: tuple[Path, Samples], stop: threading.Event
) -> None:
    path, samples = recording
    with AudioFile(path) as file:
        started_s, heard = time.monotonic(), 0
        for block in LimitedSource(file_source(file, fast=False), RATE_HZ // 2).blocks(stop):
            length = len(block.samples)
            np.testing.assert_array_equal(block.samples, samples[heard : heard + length])
            heard += length
            assert length <= round(LIVE_BLOCK_S * RATE_HZ)
            assert time.monotonic() - started_s >= heard / RATE_HZ
    assert heard == RATE_HZ // 2


@pytest.mark.parametrize("fast", [True, False])
def test_a_stop_ends_a_file_at_the_next_block(
    recording: tuple[Path, Samples], stop: threading.Event, fast: bool
) -> None:
    path, _ = recording
    with AudioFile(path) as file:
        blocks = file_source(file, fast).blocks(stop)
        next(blocks)
        stop.set()
        started_s = time.monotonic()
        assert list(blocks) == []
        assert time.monotonic() - started_s < 1


def test_the_demo_yields_the_soundscape_of_its_seed(stop: threading.Event) -> None:
    source = demo_source(3.0, 4, fast=True)
    assert (source.name, source.sample_rate_hz, source.channels) == ("demo", 32_000, 1)
    np.testing.assert_array_equal(joined(source.blocks(stop))[:, 0], soundscape(3.0, 4).samples)


@pytest.mark.parametrize("channels", [0, 1, 2])
def test_an_array_is_yielded_unchanged(channels: int, stop: threading.Event) -> None:
    length = FAST_BLOCK_SAMPLES + 1
    shape = (length, channels) if channels else (length,)
    samples = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
    source = array_source(samples, RATE_HZ, "noise")
    assert (source.name, source.sample_rate_hz, source.channels) == ("noise", RATE_HZ, max(1, channels))
    np.testing.assert_array_equal(joined(source.blocks(stop)), samples.reshape(length, -1))


def test_an_array_in_real_time_takes_as_long_as_its_audio(stop: threading.Event) -> None:
    started_s = time.monotonic()
    blocks = list(array_source(np.zeros(RATE_HZ // 4, np.float32), RATE_HZ, fast=False).blocks(stop))
    assert time.monotonic() - started_s >= 0.25
    assert {len(block.samples) for block in blocks} == {round(LIVE_BLOCK_S * RATE_HZ)}


def test_raw_samples_are_yielded_as_they_were_piped(
    recording: tuple[Path, Samples], stop: threading.Event
) -> None:
    _, samples = recording
    source = pipe_source(io.BytesIO(samples.tobytes()), RATE_HZ, 2, "f32le", threading.Event())
    assert (source.name, source.sample_rate_hz, source.channels) == ("stdin", RATE_HZ, 2)
    np.testing.assert_array_equal(joined(source.blocks(stop)), samples)


def test_a_stop_does_not_wait_for_a_pipe_that_delivers_nothing(stop: threading.Event) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as stream, os.fdopen(writing, "wb", buffering=0) as program:
        program.write(np.zeros(RATE_HZ, "<i2").tobytes())
        blocks = pipe_source(stream, RATE_HZ, 1, "s16le", stop).blocks(stop)
        for _ in range(5):
            next(blocks)
        threading.Timer(0.2, stop.set).start()
        started_s = time.monotonic()
        list(blocks)
        assert time.monotonic() - started_s < 2


def test_an_empty_pipe_and_an_unknown_format_are_errors(stop: threading.Event) -> None:
    with pytest.raises(SampleError, match="ended after 0 bytes"):
        list(pipe_source(io.BytesIO(), RATE_HZ, 1, "s16le", threading.Event()).blocks(stop))
    with pytest.raises(SettingsError, match="did you mean 's16le'"):
        pipe_source(io.BytesIO(), RATE_HZ, 1, "s16", threading.Event())


@pytest.mark.parametrize("samples", [1, 99, 100, 101, 250, 300])
def test_a_limit_is_exact_to_the_sample(samples: int, stop: threading.Event) -> None:
    blocks = limited(numbered([(0, 100), (0, 100), (0, 100)]), samples, stop)
    np.testing.assert_array_equal(joined(blocks)[:, 0], np.arange(samples))


def test_a_limit_counts_lost_samples_too(stop: threading.Event) -> None:
    blocks = limited(numbered([(0, 100), (50, 100), (0, 100)]), 200, stop)
    assert [(block.gap_samples, len(block.samples)) for block in blocks] == [(0, 100), (50, 50)]
    assert blocks[1].gap_cause == "overrun"
    assert len(limited(numbered([(0, 100), (150, 100)]), 200, stop)) == 1


def test_a_limited_source_passes_markers_without_audio(stop: threading.Event) -> None:
    marker = Block(np.zeros((0, 1), np.float32), gap_cause="device lost")
    first, second = numbered([(0, 100), (50, 100)])
    assert limited([first, marker, second], 1000, stop) == [first, marker, second]


def test_a_limited_source_reads_nothing_beyond_its_limit(stop: threading.Event) -> None:
    def endless() -> Iterator[Block]:
        yield Block(np.zeros((100, 1), np.float32))
        raise AssertionError("took more")

    assert len(limited(endless(), 100, stop)) == 1


def test_a_limited_source_is_otherwise_the_same_as_its_source(stop: threading.Event) -> None:
    inner = ScriptedSource([])
    source: Source = LimitedSource(inner, 100)
    assert (source.name, source.sample_rate_hz, source.channels) == ("script", 32_000, 1)
    source.set_min_block(17)
    assert inner.min_blocks == [17]
    stop.set()
    assert list(source.blocks(stop)) == []


def test_a_recording_ignores_the_minimum_block(stop: threading.Event) -> None:
    source = array_source(np.zeros(100, np.float32), RATE_HZ)
    source.set_min_block(10_000)
    assert len(joined(source.blocks(stop))) == 100


def test_gaps_reach_the_pipeline_and_the_end_is_flushed(stop: threading.Event) -> None:
    model, collector = Model(), Collector()
    pipeline = Pipeline(model, 32_000, 1)
    run(ScriptedSource(numbered([(0, 5000), (3000, 5000)])), pipeline, collector, stop)
    assert (pipeline.heard_samples, pipeline.lost_samples, pipeline.gaps) == (10_000, 3000, 1)
    assert abs(len(collector.output().mask) - model.card.grid.frames(13_000)) <= 1


def test_an_error_of_the_source_is_raised_after_the_audio_before_it_is_analysed(
    stop: threading.Event,
) -> None:
    def damaged() -> Iterator[Block]:
        yield Block(np.zeros((5000, 1), np.float32))
        raise AudioFileError("damaged")

    model, collector = Model(), Collector()
    with pytest.raises(AudioFileError, match="damaged"):
        run(ScriptedSource(damaged()), Pipeline(model, 32_000, 1), collector, stop)
    assert len(collector.output().mask) == model.card.grid.frames(5000)
