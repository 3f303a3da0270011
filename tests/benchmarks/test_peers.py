"""Peers: what is counted is right, what the page says follows from it, and what cannot be had is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import peers
from benchmarks.peers import agreement, birdnet, classical, environments, silero_vad
from benchmarks.peers.costs import BIRDNET, COMMANDS, FILE, LIVE, NETWORK, SILERO, Worker, measure_costs
from birdedge.edge.event import Event
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.train.evaluation.classical import energy_threshold, noisereduce_gate

ROOT = Path(__file__).parents[2]
COUNTS = dict.fromkeys(agreement.COLUMNS, 0)


def event(onset_s: float, offset_s: float) -> Event:
    mask = np.full((1, 1), 255, np.uint8)
    return Event(onset_s, offset_s, 1000.0, 2000.0, 1500.0, 0.97, 100.0, 20.0, 0, 0, mask)


def costs(**values: float) -> dict[str, Any]:
    titles = {"network": NETWORK, "file": FILE, "live": LIVE, "birdnet": BIRDNET, "silero": SILERO}
    given = {titles.get(name, name): [0.9 * value, value, 1.1 * value] for name, value in values.items()}
    return {"rounds": 3, "duration_s": 60.0, "cpu_s_per_s": given, "left_out": {}, "settings": {}}


def figures(**values: float) -> dict[str, Any]:
    missing = {"left_out": "no recordings"}
    return {"not_installed": {}, "costs": costs(**values), "masks": missing, "agreement": missing}


def wav(path: Path, samples: Sequence[float], sample_rate_hz: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate_hz)
        file.writeframes((32767 * np.asarray(samples)).astype("<i2").tobytes())
    return path


def test_an_event_is_in_every_window_that_it_touches_and_in_none_that_is_not_whole() -> None:
    sure = np.array([True, False, True, False])
    events = [event(1.0, 2.0), event(2.9, 3.1), event(4.0, 5.0), event(12.5, 13.0)]
    # The second reaches into both windows, the third is alone in one BirdNET is not sure of, the last is too late.
    assert agreement.counts(sure, events) == (4, 2, 1, 2, 3, 2)


def test_shares_have_intervals_over_recordings_and_none_or_all_has_one_that_tells_how_few() -> None:
    row = agreement.summary([(10, 4, 4, 5, 6, 0), (10, 2, 2, 9, 3, 0), (10, 3, 3, 1, 2, 0)])
    assert row["windows"] == 30
    assert row["sure_found"] == 1.0
    low, high = row["sure_found_interval"]
    assert low == pytest.approx(9 / (9 + 1.96**2))  # Wilson's bound where all succeeded
    assert high == pytest.approx(1.0)
    assert row["events_confirmed"] == 0.0
    assert row["events_confirmed_interval"][1] == pytest.approx(1.96**2 / (11 + 1.96**2))
    low, high = row["windows_with_event_interval"]
    assert low < row["windows_with_event"] == 0.5 < high
    assert row["events_per_hour"] == pytest.approx(11 / 30 * 1200)


def test_what_does_not_exist_is_no_figure() -> None:
    row = agreement.summary([(10, 0, 0, 1, 1, 0)])
    assert row["sure_found"] is None
    assert row["sure_found_interval"] is None


def test_the_page_says_by_itself_who_is_cheaper_and_whether_the_aim_is_reached() -> None:
    text = peers.section(figures(network=4, file=8, live=10, birdnet=16, silero=5, librosa=9))
    assert "takes 0.50 (0.50 to 0.50) of the CPU of BirdNET's inference alone, where at most 0.25" in text
    assert "aimed at: missed." in text
    assert "Silero VAD takes less CPU than our pipeline: 0.62" in text
    assert "librosa takes less" not in text
    assert "takes 2.00 (2.00 to 2.00) times what Silero VAD takes" in text
    assert "Left out: no recordings." in text
    assert "aimed at: reached." in peers.section(figures(network=1, file=2, live=3, birdnet=8))
    assert [reached for *_, reached in peers.aims(figures(network=1, file=2, live=3, birdnet=8))] == [True]
    assert not peers.aims(figures(network=1, file=2, live=3))


def test_the_page_tells_where_another_mask_is_better_and_who_hears_birds_in_noise() -> None:
    found = figures(network=4, file=8, live=10)
    found["masks"] = {
        name: {
            "threshold": 0.5,
            "setting": {"std": std},
            "sets": {
                key: {"recordings": 3, "iou": iou, "iou_interval": [0.1, 0.9]} for key in peers.page.SETS
            },
        }
        for name, std, iou in (("birdedge-int8", 1, 0.4), ("scikit-maad", 2, 0.5), ("noisereduce", 3, 0.3))
    }
    found["masks"]["median-threshold"] = {"left_out": "it needs scipy"}
    noise = agreement.summary([(100, 0, 0, 3, 4, 0), (100, 1, 0, 0, 0, 0)])
    found["agreement"] = dict.fromkeys(agreement.KINDS, noise)
    found["not_installed"] = {"librosa": "No matching distribution found for librosa"}
    text = peers.section(found)
    assert "- mixes: the best of the others is scikit-maad, 10.0 points ABOVE ours." in text
    assert "- median-threshold is left out: it needs scipy." in text
    assert "| no birds (2) | 200 | 1 | 0: 0.0 % [0.0..79.3] | 3: 1.5 %" in text
    assert "BirdNET is sure in 6 [" in text
    assert "BirdNET errs less." in text
    assert "Left out: librosa (No matching distribution found for librosa)." in text


def test_the_plot_is_a_picture(tmp_path: Path) -> None:
    peers.plot(figures(network=4, file=8, live=10, birdnet=16), tmp_path / "costs.png")
    assert (tmp_path / "costs.png").read_bytes().startswith(b"\x89PNG")


def test_ours_is_measured_where_no_peer_is_installed() -> None:
    found = measure_costs(rounds=2, duration_s=9.0, chosen={}, folders={})
    spent = found["cpu_s_per_s"]
    assert set(spent) == {NETWORK, FILE, LIVE, *COMMANDS}
    assert all(len(values) == 2 and min(values) > 0 for values in (spent[NETWORK], spent[FILE], spent[LIVE]))
    assert min(spent[NETWORK]) < min(spent[FILE])
    assert not found["left_out"]


def test_a_worker_gives_the_cpu_time_of_a_run_and_no_other(tmp_path: Path) -> None:
    program = tmp_path / "spin.py"
    program.write_text(
        "import time\n"
        "def load(samples, sample_rate_hz, seconds):\n"
        "    assert (len(samples), sample_rate_hz) == (3, 8000)\n"
        "    def run():\n"
        "        end = time.process_time() + float(seconds)\n"
        "        while time.process_time() < end: pass\n"
        "    return run\n"
    )
    sound = wav(tmp_path / "sound.wav", [0.0, 0.5, -0.5], 8000)
    script = str(Path(peers.__file__).with_name("worker.py"))
    with Worker([sys.executable, script, str(program), str(sound), "0.05"]) as worker:
        assert worker.cpu_s() == pytest.approx(0.05, rel=0.2)
        assert worker.cpu_s() == pytest.approx(0.05, rel=0.2)
    with pytest.raises(subprocess.CalledProcessError) as failed:
        Worker([sys.executable, script, str(program), str(sound), "soon"])
    assert environments.reason(failed.value) == "ValueError: could not convert string to float: 'soon'"


def test_the_classical_masks_that_are_timed_are_those_that_are_scored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = soundscape(2.0, seed=3).samples
    setting = {"stationary": True, "n_std_thresh_stationary": 1.5}
    timed = classical.load(samples, 32_000, "noisereduce", json.dumps(setting))()
    assert np.array_equal(timed, noisereduce_gate(samples, **setting))
    # librosa lives in its own environment; its two functions, as it documents them.
    fake = types.SimpleNamespace(
        stft=lambda y, n_fft, hop_length, **_: (
            np.fft.rfft(
                np.lib.stride_tricks.sliding_window_view(y, n_fft)[::hop_length]
                * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft))
            ).T
        ),
        amplitude_to_db=lambda s, ref, amin, top_db: np.maximum(
            (level_db := 20 * np.log10(np.maximum(amin, s) / ref(s))), level_db.max() - top_db
        ),
    )
    monkeypatch.setitem(sys.modules, "librosa", fake)
    whole = samples[: 512 + 256 * 200]
    assert classical.librosa_energy(whole) == pytest.approx(energy_threshold(whole), abs=1e-3)


def test_silero_vad_hears_every_window_with_what_was_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = []

    class Session:
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def run(self, _: None, given: dict[str, Any]) -> tuple[Any, Any]:
            heard.append({name: np.array(value) for name, value in given.items()})
            return None, given["state"] + 1

    monkeypatch.setattr(silero_vad.onnxruntime, "InferenceSession", Session)
    samples = np.arange(2000, dtype=np.float32)
    silero_vad.load(samples, 16_000, "model.onnx")()
    assert len(heard) == 3
    assert np.array_equal(heard[1]["input"][0], samples[512 - 64 : 1024])
    assert [float(window["state"].mean()) for window in heard] == [0, 1, 2]
    assert not heard[0]["input"][0, :64].any()


def test_birdnet_is_asked_for_birds_alone_in_whole_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interpreter:
        def __init__(self, **_: Any) -> None: ...
        def allocate_tensors(self) -> None: ...
        def invoke(self) -> None: ...
        def get_input_details(self) -> list[dict[str, int]]:
            return [{"index": 0}]

        get_output_details = get_input_details

        def set_tensor(self, _: int, window: Any) -> None:
            assert window.shape == (1, birdnet.WINDOW_SAMPLES)
            self.loud = window.max() > 0.1

        def get_tensor(self, _: int) -> Any:
            return np.array([[9.0, 8.0, 7.0, 2.0 if self.loud else -2.0]], np.float32)

    monkeypatch.setitem(sys.modules, "ai_edge_litert", types.ModuleType("ai_edge_litert"))
    fake = types.SimpleNamespace(Interpreter=Interpreter)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", fake)
    (tmp_path / "x_Labels.txt").write_text(
        "Dog_Dog\nAcris crepitans_Northern Cricket Frog\nPower tools_Power tools\nTurdus merula_Eurasian Blackbird\n"
    )
    sound = np.concatenate([np.full(birdnet.WINDOW_SAMPLES, level) for level in (0.0, 0.5)] + [np.ones(9)])
    path = wav(tmp_path / "sound.wav", sound, birdnet.SAMPLE_RATE_HZ)
    birdnet.main(str(tmp_path / "x_Model_FP32.tflite"), str(path), str(path))
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first == second == pytest.approx([1 / (1 + np.exp(2)), 1 / (1 + np.exp(-2))])


def test_a_peer_that_cannot_be_installed_is_left_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(environments, "PEERS", {"owl": environments.Packages(("no-such-owl==1.0",))})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    found = peers.measure(quick=True, data=None)
    assert found == {
        "left_out": "no peer could be installed: No matching distribution found for no-such-owl==1.0"
    }


def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(environments, "PEERS", {"none": environments.Packages(("pip",))})  # which is there
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = environments.prepare("none")
    assert (folder / "bin" / "python").exists()
    monkeypatch.setattr(environments, "_pip", lambda *_: pytest.fail("pip was asked again"))
    assert environments.prepare("none") == folder


def test_a_folder_without_recordings_is_said_in_a_sentence_before_anything_is_installed(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "benchmarks.peers", "--data", str(tmp_path)]
    environment = {**os.environ, "PIP_NO_INDEX": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {tmp_path} holds no index.tsv; ")
    assert done.stderr.count("\n") == 1
