"""Every source gives its sound in order, at its pace, until its end or a stop."""

import io
import os
import threading
import time

import numpy as np
import pytest
import soundfile

from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.sources import (
    FAST_BLOCK_SAMPLES,
    LIVE_BLOCK_S,
    demo_source,
    file_source,
    limited,
    raw_source,
)
from birdedge.edge.errors import AudioFileError, SampleError, SettingsError
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import listen
from birdedge.edge.synthesis.soundscape import soundscape

RATE_HZ = 16_000


@pytest.fixture
def stop():
    return threading.Event()


@pytest.fixture
def recording(tmp_path):
    """Ten seconds of stereo noise."""
    samples = np.random.default_rng(8).uniform(-0.5, 0.5, (10 * RATE_HZ, 2)).astype(np.float32)
    path = tmp_path / "noise.wav"
    soundfile.write(path, samples, RATE_HZ, subtype="FLOAT")
    return path, samples


def numbered(gaps_and_lengths):
    """Blocks whose samples count up, gaps included."""
    at = 0
    for gap, length in gaps_and_lengths:
        at += gap
        yield gap, np.arange(at, at + length, dtype=np.float32)[:, np.newaxis]
        at += length


def test_a_file_comes_whole_and_in_large_blocks_where_it_may_be_fast(recording, stop):
    path, samples = recording
    with AudioFile(path) as file:
        source = file_source(file, stop, fast=True)
        assert (source.sample_rate_hz, source.channels) == (RATE_HZ, 2)
        blocks = list(source.blocks)
    assert [gap for gap, _ in blocks] == [0] * len(blocks)
    assert {len(block) for _, block in blocks[:-1]} == {FAST_BLOCK_SAMPLES}
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks]), samples)


def test_a_file_is_named_by_its_absolute_path_as_raven_needs(recording, stop, monkeypatch):
    path, _ = recording
    monkeypatch.chdir(path.parent)
    with AudioFile(path.name) as file:
        assert file_source(file, stop, fast=True).name == str(path)


def test_a_file_in_real_time_comes_when_it_would_have_been_heard(recording, stop):
    path, samples = recording
    with AudioFile(path) as file:
        began_s, heard = time.monotonic(), 0
        for _, block in limited(file_source(file, stop, fast=False).blocks, RATE_HZ // 2):
            np.testing.assert_array_equal(block, samples[heard : heard + len(block)])
            heard += len(block)
            assert len(block) <= round(LIVE_BLOCK_S * RATE_HZ)
            assert time.monotonic() - began_s >= heard / RATE_HZ
    assert heard == RATE_HZ // 2


@pytest.mark.parametrize("fast", [True, False])
def test_a_stop_ends_a_file_at_the_next_block(recording, stop, fast):
    path, _ = recording
    with AudioFile(path) as file:
        blocks = file_source(file, stop, fast).blocks
        next(blocks)
        stop.set()
        began_s = time.monotonic()
        assert len(list(blocks)) == 0
        assert time.monotonic() - began_s < 1


def test_the_demo_is_the_soundscape_of_its_seed(stop):
    source = demo_source(3.0, 4, stop, fast=True)
    samples = np.concatenate([block for _, block in source.blocks])
    np.testing.assert_array_equal(samples[:, 0], soundscape(3.0, 4).samples)


def test_raw_samples_come_as_they_were_piped(recording, stop):
    _, samples = recording
    source = raw_source(io.BytesIO(samples.tobytes()), RATE_HZ, 2, "f32le", stop)
    np.testing.assert_array_equal(np.concatenate([block for _, block in source.blocks]), samples)


def test_a_stop_does_not_wait_for_a_pipe_that_stands_still(stop):
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as stream, os.fdopen(writing, "wb", buffering=0) as program:
        program.write(np.zeros(RATE_HZ, "<i2").tobytes())
        blocks = raw_source(stream, RATE_HZ, 1, "s16le", stop).blocks
        for _ in range(5):
            next(blocks)
        threading.Timer(0.2, stop.set).start()
        began_s = time.monotonic()
        list(blocks)
        assert time.monotonic() - began_s < 2


def test_an_empty_pipe_is_an_error_and_so_is_a_wrong_setting(stop):
    with pytest.raises(SampleError, match="ended after 0 bytes"):
        list(raw_source(io.BytesIO(), RATE_HZ, 1, "s16le", stop).blocks)
    with pytest.raises(SettingsError, match="did you mean 's16le'"):
        raw_source(io.BytesIO(), RATE_HZ, 1, "s16", stop)


@pytest.mark.parametrize("samples", [1, 99, 100, 101, 250, 300])
def test_a_limit_counts_samples_to_the_last_one(samples):
    blocks = list(limited(numbered([(0, 100), (0, 100), (0, 100)]), samples))
    np.testing.assert_array_equal(np.concatenate([block for _, block in blocks])[:, 0], np.arange(samples))


def test_a_limit_counts_what_was_lost_too():
    blocks = list(limited(numbered([(0, 100), (50, 100), (0, 100)]), 200))
    assert [(gap, len(block)) for gap, block in blocks] == [(0, 100), (50, 50)]
    assert list(limited(numbered([(0, 100), (150, 100)]), 200))[1:] == []


def test_a_limit_takes_nothing_more_from_a_source_that_is_full():
    def source():
        yield 0, np.zeros((100, 1), np.float32)
        raise AssertionError("asked for more")

    assert len(list(limited(source(), 100))) == 1


def test_listening_tells_the_pipeline_of_gaps_and_flushes_at_the_end():
    model = Model()
    pipeline = Pipeline(model, 32_000, 1)
    found = list(listen(pipeline, numbered([(0, 5000), (3000, 5000)])))
    assert (pipeline.heard_samples, pipeline.lost_samples) == (10_000, 3000)
    assert abs(sum(len(f.mask) for f in found) - model.card.grid.frames(13_000)) <= 1


def test_an_error_of_the_source_comes_after_all_that_was_heard_before_it():
    def source():
        yield 0, np.zeros((5000, 1), np.float32)
        raise AudioFileError("damaged")

    model, heard = Model(), []
    listening = listen(Pipeline(model, 32_000, 1), source())
    with pytest.raises(AudioFileError, match="damaged"):
        heard.extend(len(found.mask) for found in listening)
    assert sum(heard) == model.card.grid.frames(5000)
