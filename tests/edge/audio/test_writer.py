"""A growing audio file is valid at any moment, keeps correct time, and survives disk errors."""

from __future__ import annotations

import logging
import os
import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from birdedge.edge.audio.writer import MAX_SILENCE_S, AudioWriter
from birdedge.edge.errors import DiskError, OutputError, SettingsError
from birdedge.edge.output import DenoisedAudio

RATE_HZ = 8_000
KINDS = ("wav", "flac")
Int16 = NDArray[np.int16]


def noise(samples: int, channels: int = 1) -> Int16:
    print("seed 2")
    return np.random.default_rng(2).integers(-32768, 32768, (samples, channels)).astype(np.int16)


def sound(samples: Int16, lost_samples: int = 0) -> DenoisedAudio:
    return DenoisedAudio(samples.astype(np.float32) / np.float32(32768), RATE_HZ, lost_samples)


def read(path: Path) -> Int16:
    found: Int16 = soundfile.read(path, dtype="int16", always_2d=True)[0]
    return found


@contextmanager
def files_may_not_grow(size_bytes: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_samples_are_read_back_bit_for_bit(tmp_path: Path, kind: str, channels: int) -> None:
    samples = noise(30_000, channels)
    with closing(AudioWriter(tmp_path / f"a.{kind}")) as output:
        for at in range(0, len(samples), 700):
            output.write(sound(samples[at : at + 700]))
    assert np.array_equal(read(tmp_path / f"a.{kind}"), samples)
    assert soundfile.info(tmp_path / f"a.{kind}").samplerate == RATE_HZ


@pytest.mark.parametrize(("kind", "late_samples"), [("wav", 0), ("flac", 4_096)])
def test_the_file_is_readable_at_any_moment(tmp_path: Path, kind: str, late_samples: int) -> None:
    path, samples = tmp_path / f"a.{kind}", noise(30_000)
    output = AudioWriter(path)
    for at in range(0, len(samples), 700):
        output.write(sound(samples[at : at + 700]))
        written = min(at + 700, len(samples))
        if written > late_samples:
            found = read(path)
            assert written - late_samples <= len(found) <= written
            assert np.array_equal(found, samples[: len(found)])
    output.close()


@pytest.mark.parametrize("kind", KINDS)
def test_lost_samples_become_silence_of_the_same_length(tmp_path: Path, kind: str) -> None:
    samples, lost = noise(2_000), round(MAX_SILENCE_S * RATE_HZ)
    with closing(AudioWriter(tmp_path / f"a.{kind}")) as output:
        output.write(sound(samples[:1_000], lost))
        output.write(sound(samples[:0]))
        output.write(sound(samples[1_000:]))
    found = read(tmp_path / f"a.{kind}")
    assert np.array_equal(found[:1_000], samples[:1_000])
    assert not found[1_000:-1_000].any()
    assert np.array_equal(found[-1_000:], samples[1_000:])
    assert len(found) == 2_000 + lost


def test_a_gap_of_more_than_a_minute_is_omitted_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    samples = noise(2_000)
    with closing(AudioWriter(tmp_path / "a.wav")) as output, caplog.at_level(logging.WARNING):
        output.write(sound(samples[:1_000], round(MAX_SILENCE_S * RATE_HZ)))
        output.write(sound(samples[:0], RATE_HZ))
        output.write(sound(samples[1_000:]))
    assert np.array_equal(read(tmp_path / "a.wav"), samples)
    assert caplog.messages == [f"{tmp_path}/a.wav: omitted a gap of 61.0 s at 0.1 s"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("room_bytes", [0, 60, 20_000])
def test_a_failing_disk_loses_only_the_samples_of_that_time(
    tmp_path: Path, kind: str, room_bytes: int
) -> None:
    path, samples = tmp_path / f"a.{kind}", noise(60_000)
    output, failed = AudioWriter(path), []
    for at in range(0, len(samples), 1_000):
        if 20_000 <= at < 40_000:
            with files_may_not_grow(room_bytes):
                try:
                    output.write(sound(samples[at : at + 1_000]))
                except DiskError as error:
                    failed.append(str(error))
        else:
            output.write(sound(samples[at : at + 1_000]))
    output.close()
    found = read(path)
    assert len(failed) >= 10
    assert all("cannot be written (File too large)" in sentence for sentence in failed)
    assert len(found) == len(samples)
    assert np.array_equal(found[:20_000], samples[:20_000])
    assert np.array_equal(found[40_000:], samples[40_000:])
    heard = found[20_000:40_000].any(axis=1)
    assert np.array_equal(found[20_000:40_000][heard], samples[20_000:40_000][heard])


def test_an_existing_file_is_numbered_replaced_or_refused(tmp_path: Path) -> None:
    for number, name in enumerate(("a.wav", "a-2.wav", "a-3.wav"), 1):
        with closing(AudioWriter(tmp_path / "a.wav")) as output:
            output.write(sound(noise(100 * number)))
        assert output.path == tmp_path / name
    with closing(AudioWriter(tmp_path / "a.wav", existing="replace")) as output:
        output.write(sound(noise(50)))
    with pytest.raises(OutputError, match=r"a\.wav exists already; give another name, or --force"):
        AudioWriter(tmp_path / "a.wav", existing="refuse")
    sizes = [len(read(path)) for path in (tmp_path / "a.wav", tmp_path / "a-2.wav", tmp_path / "a-3.wav")]
    assert sizes == [50, 200, 300]


def test_a_file_without_samples_is_deleted(tmp_path: Path) -> None:
    output = AudioWriter(tmp_path / "a.wav")
    assert (tmp_path / "a.wav").exists()
    output.write(sound(noise(0), 100))
    output.close()
    assert not (tmp_path / "a.wav").exists()


def test_a_changed_sample_rate_ends_the_file_with_an_error(tmp_path: Path) -> None:
    with closing(AudioWriter(tmp_path / "a.wav")) as output:
        output.write(sound(noise(100)))
        with pytest.raises(OutputError, match=r"has 8000 Hz and 1 channel\(s\) and ends here"):
            output.write(DenoisedAudio(np.zeros((10, 1), np.float32), 16_000))
    assert len(read(tmp_path / "a.wav")) == 100


def test_more_channels_than_flac_allows_are_an_error(tmp_path: Path) -> None:
    with (
        closing(AudioWriter(tmp_path / "a.flac")) as output,
        pytest.raises(
            SettingsError, match=r"FLAC allows at most 8 channels and the source has 9; name a \.wav file"
        ),
    ):
        output.write(sound(noise(10, 9)))


def test_an_impossible_path_is_an_error_immediately(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written") as caught:
        AudioWriter(tmp_path / "file" / "a.wav")
    assert not isinstance(caught.value, DiskError)
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208
