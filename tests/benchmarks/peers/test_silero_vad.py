"""Tests of the windows that are passed to Silero VAD."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest

from benchmarks.peers import silero_vad


def test_each_window_gets_the_samples_and_the_state_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = []

    class Session:
        def __init__(self, *_: Any, **__: Any) -> None: ...

        def run(self, _: None, inputs: dict[str, Any]) -> tuple[Any, Any]:
            windows.append({name: np.array(value) for name, value in inputs.items()})
            return None, inputs["state"] + 1

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    samples = np.arange(2000, dtype=np.float32)
    silero_vad.load(samples, 16_000, "model.onnx")()
    assert len(windows) == 3
    assert np.array_equal(windows[1]["input"][0], samples[512 - 64 : 1024])
    assert [float(window["state"].mean()) for window in windows] == [0, 1, 2]
    assert not windows[0]["input"][0, :64].any()
