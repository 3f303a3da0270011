"""Tests of the classical masks: the timed functions are the scored ones."""

from __future__ import annotations

import json
import sys
import types

import numpy as np
import pytest

from benchmarks.peers import classical
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.train.evaluation.classical import energy_threshold, noisereduce_gate


def test_the_timed_masks_equal_the_scored_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = soundscape(2.0, seed=3).samples
    timed = classical.load(
        samples, 32_000, "noisereduce", json.dumps({"stationary": True, "n_std_thresh_stationary": 1.5})
    )()
    scored = noisereduce_gate(samples, stationary=True, n_std_thresh_stationary=1.5)
    assert np.array_equal(timed, scored)
    # librosa is only installed in its own environment, so its two functions are written out here as it documents them.
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
    whole_frames = samples[: 512 + 256 * 200]
    assert classical.librosa_energy(whole_frames) == pytest.approx(energy_threshold(whole_frames), abs=1e-3)
