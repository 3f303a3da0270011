"""A real process on a real PortAudio microphone finds the same events as in a file, and always ends with all results.

A microphone is open before the played audio starts. It also records the silence until then: the noise floor starts from
it, and frames begin anywhere in the audio. So live events are compared with the events of a file that starts with the
same silence, whose length is found by comparing masks.

Audio at the sample rate of the virtual microphone passes PulseAudio unchanged, and nothing may differ. If PulseAudio
resamples, twice and with a coarser filter than birdedge, spectra differ a little. Most events keep their times to a
frame, but a bin close to the threshold may change, which moves a faint edge by some frames or joins two events that are
`gap_s` apart. In this case the masks must be similar, and each clear event must have a counterpart.
"""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from benchmarks.support.virtual_microphone import VirtualMicrophone
from birdedge.edge.formats.mask_npz import read_mask_file
from birdedge.edge.models.checked_model import check_model
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.edge.models.settings import EventSettings
from birdedge.edge.pipeline.pipeline import Pipeline
from tests.support.commands import BIRDEDGE, ENVIRONMENT, birdedge
from tests.support.commands import events as events_of

HOP_S = check_model(DEFAULT_MODEL).card.grid.hop_s

Events = list[dict[str, Any]]
Mask = NDArray[np.uint8]  # [frames, bins]
Samples = NDArray[np.float32]  # [samples]


class Listening:
    """`birdedge listen` on a microphone in a separate process, with its tables and masks in `out`."""

    def __init__(self, microphone: VirtualMicrophone, folder: Path, *options: str) -> None:
        self.out = folder / "out"
        self._process = subprocess.Popen(
            [*BIRDEDGE, "listen", "--json", "--out", self.out, "--masks", self.out, *options],
            cwd=folder,
            env={**ENVIRONMENT, **microphone.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_until_listening(self._process)

    def end(self, number: signal.Signals) -> tuple[str, str]:
        """Send a signal, require exit code 0, and return standard output and standard error."""
        self._process.send_signal(number)
        output, log_text = self._process.communicate(timeout=20)
        assert self._process.returncode == 0, log_text
        return output, log_text

    def table(self, suffix: str) -> str:
        """Return the text of the only table with a suffix."""
        (path,) = self.out.glob(f"*{suffix}")
        return path.read_text(encoding="utf-8")

    def mask(self) -> Mask:
        """Return the mask of the only mask file."""
        (path,) = self.out.glob("*.npz")
        return read_mask_file(path).mask


def wait_until_listening(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("birdedge: listening to "), line


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s of the demo, with a call every one or two seconds."""
    folder = tmp_path_factory.mktemp("demo")
    birdedge("demo", "demo.wav", "--duration", 12, "--calls", 40, cwd=folder)
    return folder / "demo.wav"


def sorted_events(output: str) -> Events:
    return sorted(events_of(output), key=lambda event: (event["onset_s"], event["low_hz"]))


def mask_of(samples: Samples, rate_hz: int) -> Mask:
    pipeline = Pipeline(Model(), rate_hz, 1)
    return np.concatenate([pipeline.push(samples[:, np.newaxis]).mask, pipeline.flush().mask])


def as_recorded(samples: Samples, rate_hz: int, live: Mask) -> Samples:
    """Return played audio as a live mask shows it: after the silence that gives the most similar mask, and as long."""
    count = round(len(live) * HOP_S * rate_hz)

    def padded(silent_samples: int) -> Samples:
        after = max(0, count - silent_samples - len(samples))
        return np.pad(samples, (silent_samples, after))[:count]

    def difference(silent_samples: int) -> int:
        mask = mask_of(padded(silent_samples), rate_hz)
        frames = min(len(mask), len(live))
        return int(np.abs(mask[:frames].astype(int) - live[:frames]).sum())

    # First to the nearest frame by cross-correlation, then in smaller and smaller steps.
    played = mask_of(samples, rate_hz)
    size = 1 << (len(live) + len(played)).bit_length()
    product = np.fft.rfft(live / 255, size, axis=0) * np.fft.rfft(played / 255, size, axis=0).conj()
    lag_frames = int(np.fft.irfft(product.sum(axis=1), size)[: len(live)].argmax())
    best, step = round(lag_frames * HOP_S * rate_hz), 128
    differences: dict[int, int] = {}
    while step:
        for silent_samples in range(max(0, best - 3 * step), best + 3 * step + 1, step):
            differences.setdefault(silent_samples, difference(silent_samples))
        best = min(differences, key=differences.__getitem__)
        step //= 4
    return padded(best)


def mask_and_events(path: Path, folder: Path) -> tuple[Mask, Events]:
    """Return the mask and the events that `birdedge listen` finds in a file."""
    output, _ = birdedge("listen", path, "--fast", "--json", "--masks", folder, cwd=folder)
    return read_mask_file(folder / f"{path.stem}.npz").mask, sorted_events(output)


def live_mask_and_events(
    microphone: VirtualMicrophone, path: Path, folder: Path, *options: str
) -> tuple[Mask, Events]:
    """Return the mask and the events that a listening process finds in played audio."""
    listening = Listening(microphone, folder, *options)
    microphone.play(path)
    time.sleep(0.5)  # PulseAudio still holds some audio
    output, _ = listening.end(signal.SIGTERM)
    return listening.mask(), sorted_events(output)


def overlaps(event: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two events share time and frequencies."""
    return bool(
        event["onset_s"] < other["offset_s"]
        and other["onset_s"] < event["offset_s"]
        and event["low_hz"] < other["high_hz"]
        and other["low_hz"] < event["high_hz"]
    )


def test_a_microphone_gives_the_same_events_and_mask_as_the_file(
    virtual_microphone: VirtualMicrophone, demo: Path, tmp_path: Path
) -> None:
    rate_hz = virtual_microphone.sample_rate_hz
    samples = soxr.resample(soundfile.read(demo, dtype="float32")[0], 32_000, rate_hz)
    played, recorded = tmp_path / "played.wav", tmp_path / "recorded.wav"
    soundfile.write(played, samples, rate_hz, subtype="FLOAT")
    live, found = live_mask_and_events(virtual_microphone, played, tmp_path, "--rate", str(rate_hz))
    soundfile.write(recorded, as_recorded(samples, rate_hz, live), rate_hz, subtype="FLOAT")
    mask, expected = mask_and_events(recorded, tmp_path)
    assert len(expected) >= 4
    assert len(found) == len(expected)
    for event, same in zip(found, expected, strict=True):
        assert event["onset_s"] == pytest.approx(same["onset_s"], abs=1.01 * HOP_S)
        assert event["offset_s"] == pytest.approx(same["offset_s"], abs=1.01 * HOP_S)
        assert overlaps(event, same)
    # The samples are the same, so the masks are too, except for the last moments, which depend on the end of the
    # stream.
    frames = len(mask) - 25
    np.testing.assert_array_equal(live[:frames], mask[:frames])


def test_audio_resampled_by_pulseaudio_gives_a_similar_mask_and_the_same_clear_events(
    virtual_microphone: VirtualMicrophone, demo: Path, tmp_path: Path
) -> None:
    live, found = live_mask_and_events(virtual_microphone, demo, tmp_path)
    samples, rate_hz = soundfile.read(demo, dtype="float32")
    recorded = tmp_path / "recorded.wav"
    soundfile.write(recorded, as_recorded(samples, rate_hz, live), rate_hz, subtype="PCM_24")
    mask, expected = mask_and_events(recorded, tmp_path)
    frames = min(len(mask), len(live))
    one, other = mask[:frames] >= 128, live[:frames] >= 128
    assert (one & other).sum() / (one | other).sum() > 0.8
    for some, others in ((found, expected), (expected, found)):
        clear = [event for event in some if event["score"] > EventSettings().min_score + 0.01]
        assert len(clear) >= 3
        assert [event for event in clear if not any(overlaps(event, other) for other in others)] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_listening_and_all_results_are_written(
    virtual_microphone: VirtualMicrophone, demo: Path, tmp_path: Path, number: signal.Signals
) -> None:
    listening = Listening(virtual_microphone, tmp_path)
    with subprocess.Popen(["paplay", demo], env=virtual_microphone.environment) as player:
        time.sleep(5)
        output, log_text = listening.end(number)
        player.terminate()
    assert sorted_events(listening.table(".jsonl")) == sorted_events(output)
    assert len(events_of(output)) >= 1
    assert len(listening.table(".csv").splitlines()) == 1 + len(events_of(output))
    heard_s = float(log_text.rpartition(" in ")[2].split()[0])
    assert heard_s > 4
    assert len(listening.mask()) == pytest.approx(heard_s / HOP_S, abs=8)


def test_without_a_folder_a_lost_microphone_ends_listening_with_an_error(
    breakable_microphone: VirtualMicrophone, demo: Path, tmp_path: Path
) -> None:
    # With --out, capture reconnects: see tests/faults.
    listening = subprocess.Popen(
        [*BIRDEDGE, "listen", "--json"],
        cwd=tmp_path,
        env={**ENVIRONMENT, **breakable_microphone.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until_listening(listening)
    with subprocess.Popen(["paplay", demo], env=breakable_microphone.environment, stderr=subprocess.DEVNULL):
        time.sleep(5)
        breakable_microphone.kill()
    output, log_text = listening.communicate(timeout=20)
    assert listening.returncode == 1
    assert "Traceback" not in log_text
    errors = [line for line in log_text.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, log_text
    assert "check that it is still plugged in" in errors[0]
    assert len(events_of(output)) >= 1
