"""The real process hears a real PortAudio microphone as it hears the file, and ends well however it ends.

A microphone is open before the sound begins, and silence is part of what it hears: the floor of the network's
input starts from it, and frames begin anywhere in the sound. So its events are compared with those of a file that
begins with as much silence; how much is found by trying, from the masks alone.

Where the sound is played at the rate of the virtual microphone, PulseAudio hands every sample on, and nothing may
differ. Where PulseAudio resamples, twice and with a coarser filter than ours, the spectrum differs a little: most
events keep their times to a frame, but a bin at the threshold may fall to either side of it, which moves a faint
edge by some frames, or joins two events that a pause of just `gap_s` divides. There the masks must agree, and each
clear event must have its like.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from birdedge.edge.formats.mask_npz import read_mask_file
from birdedge.edge.models.model import Model
from birdedge.edge.models.settings import EventSettings
from birdedge.edge.pipeline.pipeline import Pipeline

ROOT = Path(__file__).parents[1]
BIRDEDGE = (sys.executable, "-m", "birdedge")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
HOP_S = 0.008


class Listening:
    """`birdedge listen` on a microphone, its tables and masks in `out`."""

    def __init__(self, microphone, folder, *options):
        self.out = folder / "out"
        self._process = subprocess.Popen(
            [*BIRDEDGE, "listen", "--json", "--out", self.out, "--masks", self.out, *options],
            cwd=folder,
            env={**ENVIRONMENT, **microphone.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        self.greeting = self._process.stderr.readline()
        assert self.greeting.startswith("birdedge: listening to "), self.greeting

    def end(self, number=None):
        """Its exit code, its output and what it said, a signal sent or not."""
        if number is not None:
            self._process.send_signal(number)
        output, said = self._process.communicate(timeout=20)
        return self._process.returncode, output, said

    def table(self, suffix):
        (path,) = self.out.glob(f"*{suffix}")
        return path.read_text(encoding="utf-8")

    def mask(self):
        (path,) = self.out.glob("*.npz")
        return read_mask_file(path).mask


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Twelve seconds with a call every second or two, as `birdedge demo` writes them."""
    path = tmp_path_factory.mktemp("demo") / "demo.wav"
    command = [*BIRDEDGE, "demo", path, "--duration", "12", "--calls", "40"]
    subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True, timeout=30)
    return path


def events(output):
    listed = [json.loads(line) for line in output.splitlines()]
    return sorted(listed, key=lambda event: (event["onset_s"], event["low_hz"]))


def mask_of(samples, rate_hz):
    pipeline = Pipeline(Model(), rate_hz, 1)
    return np.concatenate([pipeline.push(samples[:, np.newaxis]).mask, pipeline.flush().mask])


def heard_by_a_microphone(sound, rate_hz, live):
    """The sound with the silence before it with which its mask is most like the live one, as long as that."""
    samples = round(len(live) * HOP_S * rate_hz)

    def padded(before):
        return np.pad(sound, (before, max(0, samples - before - len(sound))))[:samples]

    def difference(before):
        mask = mask_of(padded(before), rate_hz)
        frames = min(len(mask), len(live))
        return int(np.abs(mask[:frames].astype(int) - live[:frames]).sum())

    alone = mask_of(sound, rate_hz)
    size = 1 << (len(live) + len(alone)).bit_length()
    product = np.fft.rfft(live / 255, size, axis=0) * np.fft.rfft(alone / 255, size, axis=0).conj()
    lag_frames = int(np.fft.irfft(product.sum(axis=1), size)[: len(live)].argmax())
    best, step = round(lag_frames * HOP_S * rate_hz), 128
    tried: dict[int, int] = {}
    while step:
        for before in range(max(0, best - 3 * step), best + 3 * step + 1, step):
            tried.setdefault(before, difference(before))
        best = min(tried, key=tried.__getitem__)
        step //= 4
    return padded(best)


def mask_and_events(path, folder):
    """What `birdedge listen` finds in a file."""
    done = subprocess.run(
        [*BIRDEDGE, "listen", path, "--fast", "--json", "--masks", folder],
        env=ENVIRONMENT,
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return read_mask_file(folder / f"{path.stem}.npz").mask, events(done.stdout)


def heard_live(microphone, path, folder, *options):
    """The mask and the events of the sound played to a listening process."""
    listening = Listening(microphone, folder, *options)
    microphone.play(path)
    time.sleep(0.5)  # what PulseAudio still holds
    code, output, said = listening.end(signal.SIGTERM)
    assert code == 0, said
    return listening.mask(), events(output)


def overlaps(event, other):
    """Whether two events share time and band."""
    return (
        event["onset_s"] < other["offset_s"]
        and other["onset_s"] < event["offset_s"]
        and event["low_hz"] < other["high_hz"]
        and other["low_hz"] < event["high_hz"]
    )


def test_the_microphone_hears_the_events_of_the_file(virtual_microphone, demo, tmp_path):
    rate_hz = virtual_microphone.sample_rate_hz
    sound = soxr.resample(soundfile.read(demo, dtype="float32")[0], 32_000, rate_hz)
    soundfile.write(tmp_path / "played.wav", sound, rate_hz, subtype="FLOAT")
    live, found = heard_live(virtual_microphone, tmp_path / "played.wav", tmp_path, "--rate", str(rate_hz))
    heard = heard_by_a_microphone(sound, rate_hz, live)
    soundfile.write(tmp_path / "heard.wav", heard, rate_hz, subtype="FLOAT")
    mask, expected = mask_and_events(tmp_path / "heard.wav", tmp_path)
    assert len(expected) >= 4
    assert len(found) == len(expected)
    for event, same in zip(found, expected, strict=True):
        assert event["onset_s"] == pytest.approx(same["onset_s"], abs=1.01 * HOP_S)
        assert event["offset_s"] == pytest.approx(same["offset_s"], abs=1.01 * HOP_S)
        assert overlaps(event, same)
    # Sample for sample, so bit for bit; but the last moments, which end with the signal.
    frames = len(mask) - 25
    np.testing.assert_array_equal(live[:frames], mask[:frames])


def test_resampled_by_pulseaudio_the_sound_is_heard_alike(virtual_microphone, demo, tmp_path):
    live, found = heard_live(virtual_microphone, demo, tmp_path)
    sound, rate_hz = soundfile.read(demo, dtype="float32")
    heard = heard_by_a_microphone(sound, rate_hz, live)
    soundfile.write(tmp_path / "heard.wav", heard, rate_hz, subtype="PCM_24")
    mask, expected = mask_and_events(tmp_path / "heard.wav", tmp_path)
    frames = min(len(mask), len(live))
    one, other = mask[:frames] >= 128, live[:frames] >= 128
    assert (one & other).sum() / (one | other).sum() > 0.8
    min_score = EventSettings().min_score_of
    for some, others in ((found, expected), (expected, found)):
        clear = [event for event in some if event["score"] > min_score(event["area_hz_s"]) + 0.01]
        assert len(clear) >= 3
        assert [event for event in clear if not any(overlaps(event, other) for other in others)] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_listening_with_all_that_was_heard(virtual_microphone, demo, tmp_path, number):
    listening = Listening(virtual_microphone, tmp_path)
    with subprocess.Popen(["paplay", demo], env=virtual_microphone.environment) as player:
        time.sleep(5)
        code, output, said = listening.end(number)
        player.terminate()
    assert code == 0, said
    assert events(listening.table(".jsonl")) == events(output)
    assert len(events(output)) >= 1
    assert len(listening.table(".csv").splitlines()) == 1 + len(events(output))
    heard_s = float(said.rpartition(" in ")[2].split()[0])
    assert heard_s > 4
    assert len(listening.mask()) == pytest.approx(heard_s / HOP_S, abs=8)


def test_without_a_folder_a_lost_microphone_ends_listening_in_a_sentence(
    breakable_microphone, demo, tmp_path
):
    """With --out it is listened to for ever: tests/faults."""
    listening = subprocess.Popen(
        [*BIRDEDGE, "listen", "--json"],
        cwd=tmp_path,
        env={**ENVIRONMENT, **breakable_microphone.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert listening.stderr is not None
    assert listening.stderr.readline().startswith("birdedge: listening to ")
    with subprocess.Popen(["paplay", demo], env=breakable_microphone.environment, stderr=subprocess.DEVNULL):
        time.sleep(5)
        breakable_microphone.kill()
    output, said = listening.communicate(timeout=20)
    assert listening.returncode == 1
    assert "Traceback" not in said
    errors = [line for line in said.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, said
    assert "check that it is still plugged in" in errors[0]
    assert len(events(output)) >= 1
