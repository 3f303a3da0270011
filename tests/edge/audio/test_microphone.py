"""A microphone of a real PortAudio is captured without loss, and its loss is reported.

PortAudio reads its environment when it is imported, so each capture runs in a separate process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from benchmarks.support.virtual_microphone import VirtualMicrophone
from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.errors import SettingsError
from tests.support.commands import ROOT, run_python

CAPTURE = """
import json, sys, threading, time
import numpy as np
from birdedge.edge.errors import DeviceError
from birdedge.edge.audio.microphone import Microphone

settings = json.loads(sys.argv[1])
seconds, away_s = settings.pop("seconds"), settings.pop("away_s", 0)
stop, gaps, blocks, arrivals, error = threading.Event(), [], [], [], None
microphone = Microphone(**settings)
with microphone:
    timer = threading.Timer(seconds, stop.set)
    timer.start()
    print("open", flush=True)
    try:
        for block in microphone.blocks(stop):
            gaps.append([sum(map(len, blocks)), block.gap_samples, block.gap_cause])
            blocks.append(block.samples)
            arrivals.append(block.arrived.boot_s)
            if len(blocks) == 1:
                print("captured", flush=True)
                time.sleep(away_s)
    except DeviceError as lost:
        error = [type(lost).__name__, str(lost)]
timer.cancel()
np.save(sys.argv[2], np.concatenate(blocks))
print(json.dumps({
    "error": error,
    "gaps": [gap for gap in gaps if gap[1]],
    "dropped_samples": microphone.dropped_samples,
    "overflows": microphone.overflows,
    "rate_hz": microphone.sample_rate_hz,
    "device": microphone.name,
    "max_block": max(map(len, blocks)),
    "arrived_s": arrivals[-1] - arrivals[0],
    "after_first": sum(map(len, blocks[1:])),
}))
"""


class CaptureProcess:
    """A process that captures for some seconds, or until the device is lost."""

    def __init__(self, microphone: VirtualMicrophone, folder: Path, **settings: Any) -> None:
        self._samples = folder / "captured.npy"
        self._process = subprocess.Popen(
            [sys.executable, "-c", CAPTURE, json.dumps(settings), str(self._samples)],
            env=microphone.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "open\n"
        assert self._process.stdout.readline() == "captured\n"

    def result(self) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Return the samples `[samples, channels]` and the report of the process."""
        output, _ = self._process.communicate(timeout=20)
        assert self._process.returncode == 0
        return np.load(self._samples), json.loads(output)


def lag_and_correlation(captured: NDArray[np.float32], played: NDArray[np.float32]) -> tuple[int, float]:
    """Return where the played samples start in the captured ones, and the correlation there (1: identical)."""
    size = 1 << (len(captured) + len(played) - 1).bit_length()
    product = np.fft.rfft(captured, size) * np.fft.rfft(played, size).conj()
    lag = int(np.fft.irfft(product, size)[: len(captured)].argmax())
    part = captured[lag : lag + len(played)]
    return lag, float(part @ played[: len(part)] / (np.linalg.norm(part) * np.linalg.norm(played)))


def test_a_played_chirp_is_captured_sample_for_sample(
    virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    rate_hz = virtual_microphone.sample_rate_hz
    at_s = np.arange(2 * rate_hz) / rate_hz
    chirp = (0.5 * np.sin(2 * np.pi * (500 * at_s + 2000 * at_s**2))).astype(np.float32)  # 500 to 8500 Hz
    soundfile.write(tmp_path / "chirp.wav", chirp, rate_hz, subtype="FLOAT")
    capture = CaptureProcess(virtual_microphone, tmp_path, seconds=4, sample_rate_hz=rate_hz)
    virtual_microphone.play(tmp_path / "chirp.wav")
    samples, report = capture.result()
    assert (report["error"], report["gaps"], report["dropped_samples"], report["overflows"]) == (
        None,
        [],
        0,
        0,
    )
    assert report["max_block"] <= 0.5 * rate_hz
    assert samples.shape[1] == 1
    assert 3.5 * rate_hz < len(samples) < 4.5 * rate_hz
    assert report["after_first"] / rate_hz == pytest.approx(report["arrived_s"], abs=0.3)
    lag, correlation = lag_and_correlation(samples[:, 0], chirp)
    assert correlation > 0.9999
    np.testing.assert_allclose(samples[lag : lag + len(chirp), 0], chirp, atol=1e-4)


def test_without_a_rate_the_device_chooses_and_a_tone_keeps_its_frequency(
    virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    rate_hz = virtual_microphone.sample_rate_hz
    tone = 0.5 * np.sin(2 * np.pi * 3000 * np.arange(2 * rate_hz) / rate_hz)
    soundfile.write(tmp_path / "tone.wav", tone, rate_hz)
    capture = CaptureProcess(virtual_microphone, tmp_path, seconds=3, channels=2, device_name="DEFAULT")
    virtual_microphone.play(tmp_path / "tone.wav")
    samples, report = capture.result()
    assert (report["error"], report["dropped_samples"], report["device"]) == (None, 0, "default")
    assert samples.shape[1] == 2
    for channel in samples.T:
        spectrum = np.abs(np.fft.rfft(channel * np.hanning(len(channel))))
        assert spectrum.argmax() * report["rate_hz"] / len(channel) == pytest.approx(3000, abs=1)


def test_a_slow_reader_gets_the_position_and_length_of_the_missed_audio(
    virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    rate_hz = virtual_microphone.sample_rate_hz
    capture = CaptureProcess(
        virtual_microphone, tmp_path, seconds=4, sample_rate_hz=rate_hz, ring_s=2, away_s=3
    )
    samples, report = capture.result()
    assert report["error"] is None  # a slow reader is not a lost device
    [[position, gap_samples, cause]] = report["gaps"]
    assert cause == "overrun"
    assert 2.0 * rate_hz <= position <= 2.2 * rate_hz
    assert 0.7 * rate_hz < gap_samples < 1.1 * rate_hz
    assert report["dropped_samples"] == gap_samples
    assert 3.7 * rate_hz < len(samples) + gap_samples < 4.3 * rate_hz


def test_an_unplugged_device_is_reported_lost_within_a_second(
    breakable_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    capture = CaptureProcess(breakable_microphone, tmp_path, seconds=8)
    breakable_microphone.control("unload-module", "module-null-sink")
    started_s = time.monotonic()
    _, report = capture.result()
    assert time.monotonic() - started_s < 2  # one second, and the end of the process
    assert report["error"] == ["DeviceLostError", "'default' stopped: check that it is still plugged in"]


def test_a_sound_server_that_dies_is_a_lost_device(
    breakable_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    capture = CaptureProcess(breakable_microphone, tmp_path, seconds=8)
    breakable_microphone.kill()
    started_s = time.monotonic()
    _, report = capture.result()
    assert time.monotonic() - started_s < 2
    assert report["error"][0] == "DeviceLostError"


def test_a_device_that_stays_but_delivers_nothing_counts_as_lost(
    breakable_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    capture = CaptureProcess(breakable_microphone, tmp_path, seconds=8, stall_s=1.0)
    breakable_microphone.control("suspend-sink", "birdedge", "1")
    started_s = time.monotonic()
    _, report = capture.result()
    assert 0.8 < time.monotonic() - started_s < 3
    assert report["error"] == [
        "DeviceLostError",
        "'default' delivered nothing for 1.0 s: check that it is still plugged in",
    ]


def test_a_lost_microphone_can_be_reopened(breakable_microphone: VirtualMicrophone) -> None:
    code = """
import subprocess, threading
from birdedge.edge.errors import DeviceLostError
from birdedge.edge.audio.microphone import Microphone
microphone = Microphone(stall_s=0.5)
for turn in range(2):
    with microphone:
        try:
            for _ in microphone.blocks(threading.Event()):
                subprocess.run(["pactl", "suspend-sink", "birdedge", "1"], check=True)
        except DeviceLostError:
            print("lost", turn)
    subprocess.run(["pactl", "suspend-sink", "birdedge", "0"], check=True)
"""
    assert run_python(code, breakable_microphone.environment) == "lost 0\nlost 1\n"


def test_a_device_that_refuses_to_open_is_an_error(breakable_microphone: VirtualMicrophone) -> None:
    code = """
import os, sys
from birdedge.edge.errors import DeviceError
from birdedge.edge.audio.devices import input_devices
from birdedge.edge.audio.microphone import Microphone
input_devices()
os.kill(int(sys.stdin.readline()), 9)
try:
    Microphone(sample_rate_hz=96000).open()
except DeviceError as error:
    print(error)
"""
    server = breakable_microphone.server
    assert server is not None
    printed = run_python(code, breakable_microphone.environment, f"{server.pid}\n")
    assert "'default' cannot be opened with 1 channels at 96000 Hz (Error opening InputStream: " in printed


def test_more_channels_than_the_device_has_are_refused(virtual_microphone: VirtualMicrophone) -> None:
    code = """
from birdedge.edge.errors import SettingsError
from birdedge.edge.audio.microphone import Microphone
try:
    Microphone(channels=1000).open()
except SettingsError as error:
    print(error)
"""
    printed = run_python(code, virtual_microphone.environment)
    assert printed == "1000 channels were requested from 'default': it has 32\n"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"ring_s": 1.9}, "at least 2.0 s"),
        ({"channels": 0}, "at least 1"),
        ({"sample_rate_hz": 4000}, "use 8000 to 384000 Hz"),
        ({"sample_rate_hz": 400_000}, "use 8000 to 384000 Hz"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        Microphone(**settings)
