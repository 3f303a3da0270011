"""A microphone of a real PortAudio is heard without loss, and its absence or its end is told.

PortAudio reads its environment as it is imported, so each capture runs in a process of its own.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.audio.devices import stable_name
from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.errors import SettingsError

ROOT = Path(__file__).parents[3]

CAPTURE = """
import json, sys, threading, time
import numpy as np
from birdedge.edge.errors import DeviceError
from birdedge.edge.audio.microphone import Microphone

settings = json.loads(sys.argv[1])
seconds, away_s = settings.pop("seconds"), settings.pop("away_s", 0)
stop, gaps, blocks, error = threading.Event(), [], [], None
microphone = Microphone(**settings)
with microphone:
    timer = threading.Timer(seconds, stop.set)
    timer.start()
    print("open", flush=True)
    try:
        for gap_samples, block in microphone.blocks(stop):
            gaps.append([sum(map(len, blocks)), gap_samples])
            blocks.append(block)
            if len(blocks) == 1:
                print("heard", flush=True)
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
    "device": microphone.device.name,
    "max_block": max(map(len, blocks)),
}))
"""


class Recording:
    """A process that captures until its seconds are over or the device is lost."""

    def __init__(self, microphone, folder, **settings):
        self._samples = folder / "captured.npy"
        self._process = subprocess.Popen(
            [sys.executable, "-c", CAPTURE, json.dumps(settings), str(self._samples)],
            env=microphone.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout.readline() == "open\n"
        assert self._process.stdout.readline() == "heard\n"

    def result(self):
        """The samples [samples, channels] and what the process said of them."""
        output, _ = self._process.communicate(timeout=20)
        assert self._process.returncode == 0
        return np.load(self._samples), json.loads(output)


def run_python(code, environment, said=""):
    process = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=ROOT,
        input=said,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def lag_and_correlation(captured, played):
    """Where in the captured samples the played ones begin, and how alike they are there (1: the same)."""
    size = 1 << (len(captured) + len(played) - 1).bit_length()
    product = np.fft.rfft(captured, size) * np.fft.rfft(played, size).conj()
    lag = int(np.fft.irfft(product, size)[: len(captured)].argmax())
    part = captured[lag : lag + len(played)]
    return lag, float(part @ played[: len(part)] / (np.linalg.norm(part) * np.linalg.norm(played)))


def test_a_played_chirp_is_captured_sample_for_sample(virtual_microphone, tmp_path):
    rate_hz = virtual_microphone.sample_rate_hz
    at_s = np.arange(2 * rate_hz) / rate_hz
    chirp = (0.5 * np.sin(2 * np.pi * (500 * at_s + 2000 * at_s**2))).astype(np.float32)  # 500 to 8500 Hz
    soundfile.write(tmp_path / "chirp.wav", chirp, rate_hz, subtype="FLOAT")
    capture = Recording(virtual_microphone, tmp_path, seconds=4, sample_rate_hz=rate_hz)
    virtual_microphone.play(tmp_path / "chirp.wav")
    samples, said = capture.result()
    assert (said["error"], said["gaps"], said["dropped_samples"], said["overflows"]) == (None, [], 0, 0)
    assert said["max_block"] <= 0.5 * rate_hz
    assert samples.shape[1] == 1
    assert 3.5 * rate_hz < len(samples) < 4.5 * rate_hz
    lag, correlation = lag_and_correlation(samples[:, 0], chirp)
    assert correlation > 0.9999
    np.testing.assert_allclose(samples[lag : lag + len(chirp), 0], chirp, atol=1e-4)


def test_without_a_rate_the_device_chooses_and_the_tone_keeps_its_frequency(virtual_microphone, tmp_path):
    rate_hz = virtual_microphone.sample_rate_hz
    tone = 0.5 * np.sin(2 * np.pi * 3000 * np.arange(2 * rate_hz) / rate_hz)
    soundfile.write(tmp_path / "tone.wav", tone, rate_hz)
    capture = Recording(virtual_microphone, tmp_path, seconds=3, channels=2, name="DEFAULT")
    virtual_microphone.play(tmp_path / "tone.wav")
    samples, said = capture.result()
    assert (said["error"], said["dropped_samples"], said["device"]) == (None, 0, "default")
    for channel in samples.T:
        spectrum = np.abs(np.fft.rfft(channel * np.hanning(len(channel))))
        assert spectrum.argmax() * said["rate_hz"] / len(channel) == pytest.approx(3000, abs=1)


def test_a_reader_that_was_away_learns_where_and_how_much_it_missed(virtual_microphone, tmp_path):
    rate_hz = virtual_microphone.sample_rate_hz
    capture = Recording(virtual_microphone, tmp_path, seconds=4, sample_rate_hz=rate_hz, ring_s=2, away_s=3)
    samples, said = capture.result()
    assert said["error"] is None  # a slow reader is not a lost device
    [[position, gap_samples]] = said["gaps"]
    assert 2.0 * rate_hz <= position <= 2.2 * rate_hz
    assert 0.7 * rate_hz < gap_samples < 1.1 * rate_hz
    assert said["dropped_samples"] == gap_samples
    assert 3.7 * rate_hz < len(samples) + gap_samples < 4.3 * rate_hz


def test_an_unplugged_device_is_lost_within_a_second(breakable_microphone, tmp_path):
    capture = Recording(breakable_microphone, tmp_path, seconds=8)
    breakable_microphone.control("unload-module", "module-null-sink")
    began_s = time.monotonic()
    _, said = capture.result()
    assert time.monotonic() - began_s < 2  # one second, and the end of the process
    assert said["error"] == ["DeviceLostError", "'default' stopped: check that it is still plugged in"]


def test_a_sound_server_that_dies_is_a_lost_device(breakable_microphone, tmp_path):
    capture = Recording(breakable_microphone, tmp_path, seconds=8)
    breakable_microphone.kill()
    began_s = time.monotonic()
    _, said = capture.result()
    assert time.monotonic() - began_s < 2
    assert said["error"][0] == "DeviceLostError"


def test_a_device_that_stays_but_delivers_nothing_is_lost(breakable_microphone, tmp_path):
    capture = Recording(breakable_microphone, tmp_path, seconds=8, stall_s=1.0)
    breakable_microphone.control("suspend-sink", "birdedge", "1")
    began_s = time.monotonic()
    _, said = capture.result()
    assert 0.8 < time.monotonic() - began_s < 3
    assert said["error"] == [
        "DeviceLostError",
        "'default' delivered nothing for 1.0 s: check that it is still plugged in",
    ]


def test_a_lost_microphone_opens_again(breakable_microphone):
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


def test_a_device_that_refuses_to_open_is_told(breakable_microphone):
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
    said = run_python(code, breakable_microphone.environment, said=f"{breakable_microphone.server.pid}\n")
    assert "'default' cannot be opened with 1 channels at 96000 Hz (Error opening InputStream: " in said


def test_the_inputs_are_listed_with_one_default(virtual_microphone):
    code = """
import json
from dataclasses import asdict
from birdedge.edge.audio.devices import input_devices
print(json.dumps([asdict(device) for device in input_devices()]))
"""
    devices = json.loads(run_python(code, virtual_microphone.environment))
    assert [device["name"] for device in devices if device["is_default"]] == ["default"]
    default = next(device for device in devices if device["is_default"])
    assert (default["host_api"], default["default_rate_hz"]) == ("ALSA", 44_100)
    assert default["channels"] >= 2


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"name": "wren"}, r"DeviceNotFoundError: no microphone is called 'wren': choose one of .*'default'"),
        ({"name": "u"}, r"DeviceNotFoundError: \d+ microphones match 'u': choose one of .*'default'"),
        ({"name": "Puls"}, r"opened 'pulse'"),
        ({"channels": 1000}, r"SettingsError: 1000 channels were asked of 'default': it has 32"),
    ],
)
def test_a_device_is_found_by_name_or_the_names_are_listed(virtual_microphone, settings, sentence):
    code = f"""
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.audio.microphone import Microphone
try:
    with Microphone(**{settings!r}) as microphone:
        print("opened", repr(microphone.device.name))
except BirdedgeError as error:
    print(type(error).__name__ + ": " + str(error))
"""
    assert re.match(sentence, run_python(code, virtual_microphone.environment))


def test_no_microphone_at_all_is_told(virtual_microphone, tmp_path):
    environment = {**virtual_microphone.environment, "PULSE_SERVER": f"unix:{tmp_path / 'absent'}"}
    code = """
from birdedge.edge.errors import DeviceNotFoundError
from birdedge.edge.audio.devices import input_devices
from birdedge.edge.audio.microphone import Microphone
if input_devices():
    print("this machine has a sound card")
else:
    try:
        Microphone().open()
    except DeviceNotFoundError as error:
        print(error)
"""
    said = run_python(code, environment)
    if said == "this machine has a sound card\n":
        pytest.skip("shown only on a machine without a sound card")
    assert said == "no microphone was found: plug one in, or listen to a file or standard input\n"


def test_a_machine_without_portaudio_is_told_what_to_install():
    # sounddevice asks ctypes where the library is: answer as a machine does that has none.
    code = """
import ctypes.util
ctypes.util.find_library = lambda name: None
from birdedge.edge.errors import PortAudioMissingError
from birdedge.edge.audio.devices import input_devices
try:
    input_devices()
except PortAudioMissingError as error:
    print(error)
"""
    assert "apt install libportaudio2" in run_python(code, dict(os.environ))


@pytest.mark.parametrize(
    ("portaudio_name", "stable"),
    [
        ("USB Audio Device: - (hw:1,0)", "USB Audio Device: -"),
        ("384kHz AudioMoth USB Microphone: Audio (hw:12,3)", "384kHz AudioMoth USB Microphone: Audio"),
        ("pulse", "pulse"),
        ("Mic (hw:1,0) array", "Mic (hw:1,0) array"),
    ],
)
def test_the_name_leaves_out_the_card_number(portaudio_name, stable):
    assert stable_name(portaudio_name) == stable


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"ring_s": 1.9}, "at least 2.0 s"),
        ({"channels": 0}, "at least 1"),
        ({"sample_rate_hz": 4000}, "use 8000 to 384000 Hz"),
    ],
)
def test_impossible_settings_are_refused(settings, sentence):
    with pytest.raises(SettingsError, match=sentence):
        Microphone(**settings)
