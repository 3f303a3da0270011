"""The real process hears a real PortAudio microphone as it hears the file, and ends well however it ends."""

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

from birdedge.edge.mask_file import read_mask_file
from birdedge.edge.model import Model
from birdedge.edge.pipeline import Pipeline

ROOT = Path(__file__).parents[1]
BIRDEDGE = (sys.executable, "-m", "birdedge")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
HOP = 256
FRAME_S = 0.008


class Listening:
    """`birdedge listen` on a microphone, its tables and masks in `out`."""

    def __init__(self, microphone, folder):
        self.out = folder / "out"
        self._process = subprocess.Popen(
            [*BIRDEDGE, "listen", "--json", "--out", self.out, "--masks", self.out],
            cwd=folder,
            env={**ENVIRONMENT, **microphone.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
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
    """Twenty seconds with a call every two or so."""
    path = tmp_path_factory.mktemp("demo") / "demo.wav"
    command = [*BIRDEDGE, "demo", path, "--duration", "20", "--calls", "30"]
    subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True, timeout=30)
    return path


def events(output):
    listed = [json.loads(line) for line in output.splitlines()]
    return sorted(listed, key=lambda event: (event["onset_s"], event["low_hz"]))


def mask_of(samples):
    pipeline = Pipeline(Model(), 32_000, 1)
    return np.concatenate([pipeline.push(samples[:, np.newaxis]).mask, pipeline.flush().mask])


def difference(mask, other):
    frames = min(len(mask), len(other))
    return int(np.abs(mask[:frames].astype(int) - other[:frames]).sum())


def samples_before(live, sound):
    """How many samples of silence the microphone heard before the sound: to a frame by correlating the masks,
    then, since frames may begin anywhere in the sound, to 32 samples by trying."""
    alone = mask_of(sound)
    size = 1 << (len(live) + len(alone)).bit_length()
    product = np.fft.rfft(live / 255, size, axis=0) * np.fft.rfft(alone / 255, size, axis=0).conj()
    frames = int(np.fft.irfft(product.sum(axis=1), size)[: len(live)].argmax())
    tries = [frames * HOP + samples for samples in range(-HOP - 64, HOP + 65, 32)]
    return min(
        (before for before in tries if before >= 0),
        key=lambda before: difference(live, mask_of(np.pad(sound, (before, 8000)))),
    )


def without_partner(some, others):
    """Clear events of one list that the other lacks, a frame and the last digit allowed for."""
    return [
        event
        for event in some
        if not any(
            abs(event["onset_s"] - other["onset_s"]) <= FRAME_S + 1e-3
            and abs(event["offset_s"] - other["offset_s"]) <= FRAME_S + 1e-3
            and event["low_hz"] < other["high_hz"]
            and event["high_hz"] > other["low_hz"]
            for other in others
        )
    ]


def test_the_microphone_hears_the_events_of_the_file(virtual_microphone, demo, tmp_path):
    listening = Listening(virtual_microphone, tmp_path)
    print(listening.greeting)
    virtual_microphone.play(demo)
    time.sleep(0.5)  # what PulseAudio still holds
    code, output, said = listening.end(signal.SIGTERM)
    assert code == 0, said
    live = listening.mask()
    sound, rate_hz = soundfile.read(demo, dtype="float32")
    before = samples_before(live, sound)
    padded = tmp_path / "padded.wav"
    soundfile.write(
        padded, np.pad(sound, (before, len(live) * HOP - before - len(sound))), rate_hz, subtype="PCM_24"
    )
    done = subprocess.run(
        [*BIRDEDGE, "listen", padded, "--fast", "--json", "--masks", tmp_path],
        env=ENVIRONMENT,
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    same = read_mask_file(tmp_path / "padded.npz").mask
    a, b = events(output), events(done.stdout)
    print(before, len(live), len(same), len(a), len(b), difference(live, same) / same.sum())
    for e in a:
        print("live", e)
    for e in b:
        print("file", e)
    print("missing", without_partner(b, a), "extra", without_partner(a, b))
