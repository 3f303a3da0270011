"""Synthetic calls have the band, duration and modulation of their kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.errors import SettingsError
from birdedge.edge.synthesis.calls import KINDS, synthesize_call
from tests.support.signals import share_of_energy

BANDS_HZ = {
    "whistle": (950, 9000),
    "trill": (1200, 9500),
    "harmonic": (500, 14000),
    "buzz": (1500, 8500),
    "chirps": (1300, 9500),
    "two-tone": (550, 4600),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_is_in_the_band_of_its_kind_and_starts_and_ends_in_silence(kind: str) -> None:
    for seed in range(20):
        call = synthesize_call(np.random.default_rng(seed), kind)
        assert call.kind == kind
        assert call.samples.dtype == np.float32
        assert np.abs(call.samples).max() == 1
        assert 0.1 <= len(call.samples) / 32000 <= 2.5, seed
        assert share_of_energy(call.samples, *BANDS_HZ[kind]) > 0.99, seed
        assert np.abs(call.samples[[0, -1]]).max() < 1e-3, seed


def envelope_peak_hz(samples: NDArray[Any], low_hz: float, high_hz: float) -> float:
    envelope = samples.astype(np.float64) ** 2
    spectrum = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(envelope)), 1 << 19))
    frequency_hz = np.fft.rfftfreq(1 << 19, 1 / 32000)
    band = (low_hz <= frequency_hz) & (frequency_hz <= high_hz)
    return float(frequency_hz[band][spectrum[band].argmax()])


def test_a_trill_repeats_its_note_and_a_buzz_beats_faster() -> None:
    for seed in range(10):
        trill = synthesize_call(np.random.default_rng(seed), "trill").samples
        buzz = synthesize_call(np.random.default_rng(seed), "buzz").samples
        assert 6.5 < envelope_peak_hz(trill, 5, 300) < 46, seed
        assert 55 < envelope_peak_hz(buzz, 30, 300) < 215, seed


def test_the_kind_is_random_by_default() -> None:
    rng = np.random.default_rng(5)
    assert {synthesize_call(rng).kind for _ in range(60)} == set(KINDS)


def test_the_error_for_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"'song' is unknown; use one of whistle, .*two-tone"):
        synthesize_call(np.random.default_rng(0), "song")


@pytest.mark.parametrize("rate_hz", [16000, 31999])
def test_a_sample_rate_too_low_for_the_partials_is_refused(rate_hz: int) -> None:
    with pytest.raises(SettingsError, match=f"at {rate_hz} Hz, since their partials reach 14 kHz"):
        synthesize_call(np.random.default_rng(0), "trill", rate_hz)
