"""The transform of whole recordings equals the recorder's, and a gate passes what its mask marks."""

from __future__ import annotations

import numpy as np
import pytest

from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.train.data.stft import GRID, gate, magnitude


@pytest.mark.parametrize("samples", [1, 511, 512, 513, 768, 769, 9000])
def test_the_magnitude_matches_the_recorder_with_the_last_frame_padded(samples: int) -> None:
    noise = np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)
    spectrogram = Spectrogram(GRID)
    expected = np.concatenate([spectrogram.push(noise), spectrogram.flush()])
    found = np.log(np.maximum(magnitude(noise), GRID.magnitude_floor))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_an_open_gate_passes_everything_but_the_mean_and_a_closed_one_passes_nothing() -> None:
    tone = np.sin(2 * np.pi * 3000 / 32_000 * np.arange(8000)).astype(np.float32)
    frames = len(magnitude(tone))
    inner = slice(GRID.n_fft, -GRID.n_fft)
    opened = gate(tone, np.ones((frames, GRID.bins), bool))
    assert opened.shape == tone.shape
    np.testing.assert_allclose(opened[inner], tone[inner], atol=1e-3)
    assert not gate(tone, np.zeros((frames, GRID.bins), bool)).any()


def test_a_gate_separates_two_tones_by_their_bins() -> None:
    low, high = (
        np.sin(2 * np.pi * hz / 32_000 * np.arange(16_000)).astype(np.float32) for hz in (1000, 6000)
    )
    mask = np.zeros((len(magnitude(low)), GRID.bins), bool)
    mask[:, 80:112] = True  # around 6 kHz
    inner = slice(GRID.n_fft, -GRID.n_fft)
    np.testing.assert_allclose(gate(low + high, mask)[inner], high[inner], atol=0.01)
