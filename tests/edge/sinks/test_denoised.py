"""The denoised audio of consecutive streams is one file whose times stay right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from birdedge.edge.errors import DiskError, OutputError, SettingsError
from birdedge.edge.output import DenoisedAudio
from birdedge.edge.sinks.denoised import DenoisedSink
from birdedge.edge.system.atomic_file import Existing
from tests.support.disks import no_room
from tests.support.frames import RATE_HZ, frames, stream_ended, stream_started


def audio(value: float, seconds: float = 1.0, lost_s: float = 0.0, channels: int = 1) -> DenoisedAudio:
    samples = np.full((round(seconds * RATE_HZ), channels), value, np.float32)
    return DenoisedAudio(samples, RATE_HZ, round(lost_s * RATE_HZ))


def seconds_of(path: Path) -> list[float]:
    """Return the value of each second of a file; it must not change within a second."""
    samples: NDArray[np.float64]
    samples, rate_hz = soundfile.read(path)
    assert rate_hz == RATE_HZ
    seconds = samples.reshape(-1, rate_hz)
    assert (seconds == seconds[:, :1]).all()
    return [float(value) for value in seconds[:, 0]]


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_stream_is_written_to_a_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"alone{suffix}"
    with DenoisedSink(path) as sink:
        sink.write(stream_started())
        sink.write(frames(5, denoised=audio(0.25)))
        sink.write(frames(5))  # without denoised audio
        sink.write(frames(5, denoised=audio(0.5)))
        sink.write(stream_ended(2.0))
    assert seconds_of(path) == [0.25, 0.5]


def test_audio_lost_within_a_stream_is_silence(tmp_path: Path) -> None:
    path = tmp_path / "alone.wav"
    with DenoisedSink(path) as sink:
        sink.write(stream_started())
        sink.write(frames(5, denoised=audio(0.25, lost_s=2.0)))
        sink.write(frames(5, denoised=audio(0.5)))
    assert seconds_of(path) == [0.25, 0.0, 0.0, 0.5]


def test_time_between_two_streams_is_silence(tmp_path: Path) -> None:
    path = tmp_path / "alone.wav"
    with DenoisedSink(path) as sink:
        for stream_s, value in ((1000.0, 0.25), (1004.0, 0.5), (1005.0, 0.75)):
            sink.write(stream_started(stream_s))
            sink.write(frames(5, denoised=audio(value)))
            sink.write(stream_ended(1.0, stream_s))
    assert seconds_of(path) == [0.25, 0.0, 0.0, 0.0, 0.5, 0.75]


def test_the_file_exists_from_the_start_of_the_stream_and_grows(tmp_path: Path) -> None:
    path = tmp_path / "alone.wav"
    with DenoisedSink(path) as sink:
        assert not path.exists()
        sink.write(stream_started())
        assert path.exists()
        sink.write(frames(5, denoised=audio(0.25)))
        assert seconds_of(path) == [0.25]


def test_closing_twice_or_before_the_start_does_nothing(tmp_path: Path) -> None:
    path = tmp_path / "alone.wav"
    sink = DenoisedSink(path)
    sink.close()
    assert list(tmp_path.iterdir()) == []
    sink.write(stream_started())
    sink.write(frames(5, denoised=audio(0.25)))
    sink.close()
    sink.close()
    assert seconds_of(path) == [0.25]


def test_a_file_without_audio_is_removed(tmp_path: Path) -> None:
    with DenoisedSink(tmp_path / "alone.wav") as sink:
        sink.write(stream_started())
        sink.write(stream_ended(0.0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("existing", "names"), [("replace", ["alone.wav"]), ("number", ["alone-2.wav", "alone.wav"])]
)
def test_an_earlier_file_is_replaced_only_if_asked(
    tmp_path: Path, existing: Existing, names: list[str]
) -> None:
    (tmp_path / "alone.wav").write_text("earlier")
    with DenoisedSink(tmp_path / "alone.wav", existing) as sink:
        sink.write(stream_started())
        sink.write(frames(5, denoised=audio(0.25)))
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert seconds_of(tmp_path / names[0]) == [0.25]


def test_a_file_that_could_not_be_created_is_created_later(tmp_path: Path) -> None:
    path = tmp_path / "out" / "alone.wav"
    (tmp_path / "out").touch()
    sink = DenoisedSink(path)
    for message in (stream_started(), frames(5, denoised=audio(0.25))):
        with pytest.raises(OutputError, match="cannot be written"):
            sink.write(message)
    (tmp_path / "out").unlink()
    sink.write(frames(5, denoised=audio(0.5)))
    sink.close()
    assert seconds_of(path) == [0.5]


def test_audio_that_a_full_disk_rejected_is_silence(tmp_path: Path) -> None:
    path = tmp_path / "alone.wav"
    sink = DenoisedSink(path)
    sink.write(stream_started())
    sink.write(frames(5, denoised=audio(0.25)))
    with no_room(), pytest.raises(DiskError):
        sink.write(frames(5, denoised=audio(0.5)))
    with no_room(), pytest.raises(DiskError):
        sink.write(frames(5, denoised=audio(0.625)))
    sink.write(frames(5, denoised=audio(0.75)))
    sink.close()
    heard = seconds_of(path)
    assert len(heard) == 4
    assert (heard[0], heard[2], heard[3]) == (0.25, 0.0, 0.75)
    assert heard[1] in (0.0, 0.5)  # audio that waited in memory is written once there is room


def test_more_channels_than_flac_supports_are_refused(tmp_path: Path) -> None:
    with DenoisedSink(tmp_path / "alone.flac") as sink:
        sink.write(stream_started(channels=9))
        with pytest.raises(SettingsError, match=r"name a \.wav file"):
            sink.write(frames(5, denoised=audio(0.25, channels=9)))
