"""Tests of BirdNET's scores: only birds count, in whole windows."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from benchmarks.peers import birdnet


def test_the_score_of_a_window_is_that_of_its_likeliest_bird(
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
    windows = [np.full(birdnet.WINDOW_SAMPLES, level) for level in (0.0, 0.5)]
    path = tmp_path / "recording.wav"
    soundfile.write(path, np.concatenate([*windows, np.ones(9)]), birdnet.SAMPLE_RATE_HZ, subtype="PCM_16")
    birdnet.main(str(tmp_path / "x_Model_FP32.tflite"), str(path), str(path))
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first == second == pytest.approx([1 / (1 + np.exp(2)), 1 / (1 + np.exp(-2))])
