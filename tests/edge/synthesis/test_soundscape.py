"""Soundscapes are reproducible, and their masks and boxes match the calls."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.errors import SettingsError
from birdedge.edge.grid import Grid
from birdedge.edge.synthesis.calls import KINDS
from birdedge.edge.synthesis.soundscape import Soundscape, soundscape

SEEDS = range(8)
NO_NOISE: dict[str, Any] = {"wind_db": None, "rain_db": None, "insects_db": None, "hiss_db": None}


@pytest.fixture(scope="module")
def demo() -> Soundscape:
    return soundscape()


def stft_power(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return |STFT|^2 on the grid, computed frame by frame as a slow reference; `[frames, 256]`."""
    hann = np.hanning(513)[:512]
    frames = 0 if len(samples) == 0 else 1 + int(np.ceil(max(len(samples) - 512, 0) / 256))
    power = np.zeros((frames, 256))
    for t in range(frames):
        frame = samples[256 * t : 256 * t + 512].astype(np.float64)
        power[t] = np.abs(np.fft.rfft(np.pad(frame, (0, 512 - len(frame))) * hann)[1:]) ** 2
    return power


def one_call(seed: int, **settings: Any) -> Soundscape:
    """Return four seconds with a single call."""
    return soundscape(4.0, seed, calls_per_minute=15, **settings)


def test_the_same_seed_gives_the_same_bytes(demo: Soundscape) -> None:
    again = soundscape()
    assert again.samples.tobytes() == demo.samples.tobytes()
    assert again.mask.tobytes() == demo.mask.tobytes()
    assert again.truths == demo.truths


def test_another_seed_gives_different_calls_and_noise() -> None:
    a, b = soundscape(10, seed=1), soundscape(10, seed=2)
    assert a.truths != b.truths
    assert abs(np.corrcoef(a.noise_alone, b.noise_alone)[0, 1]) < 0.2


def test_the_demo_has_twenty_calls_of_all_kinds_with_pauses(demo: Soundscape) -> None:
    assert len(demo.truths) == 20
    assert {truth.kind for truth in demo.truths} == set(KINDS)
    assert [t.onset_s for t in demo.truths] == sorted(t.onset_s for t in demo.truths)
    assert 0.1 < demo.mask.any(axis=1).mean() < 0.6


def test_samples_are_the_sum_of_calls_and_noise_within_full_scale(demo: Soundscape) -> None:
    assert np.array_equal(demo.samples, demo.calls_alone + demo.noise_alone)
    assert demo.samples.dtype == demo.calls_alone.dtype == demo.noise_alone.dtype == np.float32
    assert demo.samples.shape == (60 * 32000,)
    assert np.abs(demo.samples).max() <= 1


@pytest.mark.parametrize(("n", "frames"), [(0, 0), (1, 1), (511, 1), (512, 1), (513, 2), (768, 2), (769, 3)])
def test_any_length_has_the_right_number_of_samples_and_frames(n: int, frames: int) -> None:
    # At this rate, more calls are requested than fit: the rest is omitted.
    made = soundscape(n / 32000, calls_per_minute=6000)
    assert len(made.samples) == len(made.calls_alone) == len(made.noise_alone) == n
    assert made.mask.shape == (frames, 256)
    assert np.isfinite(made.samples).all()
    assert not made.calls_alone.any()


def test_without_calls_the_mask_is_empty_and_the_noise_unchanged() -> None:
    with_calls, without = soundscape(10), soundscape(10, calls_per_minute=0)
    assert with_calls.mask.any()
    assert not without.mask.any()
    assert without.truths == ()
    assert np.array_equal(without.samples, with_calls.noise_alone)


def test_without_noise_the_calls_are_the_same_at_another_level() -> None:
    noisy, clean = one_call(3), one_call(3, **NO_NOISE)
    assert not clean.noise_alone.any()
    gain = np.abs(noisy.calls_alone).max() / np.abs(clean.calls_alone).max()
    assert np.abs(noisy.calls_alone - gain * clean.calls_alone).max() < 1e-6
    assert [t.kind for t in noisy.truths] == [t.kind for t in clean.truths]


def test_without_rain_wind_and_insects_are_unchanged() -> None:
    off = {**NO_NOISE, "calls_per_minute": 0}
    wind_alone = soundscape(2, **{**off, "wind_db": -30}).noise_alone
    insects_alone = soundscape(2, **{**off, "insects_db": -40}).noise_alone
    both = soundscape(2, **{**off, "wind_db": -30, "insects_db": -40}).noise_alone
    assert np.abs(both - wind_alone - insects_alone).max() < 1e-6


@pytest.mark.parametrize("seed", SEEDS)
def test_without_noise_the_energy_of_calls_is_inside_their_mask(seed: int) -> None:
    made = soundscape(20, seed, **NO_NOISE)
    power = stft_power(made.calls_alone)
    assert power[made.mask].sum() >= 0.95 * power.sum()
    assert made.mask.mean() < 0.1


def test_a_faint_call_next_to_a_loud_one_has_its_own_mask() -> None:
    made = soundscape(60, seed=4, snr_db=(0, 60), **NO_NOISE)
    power = stft_power(made.calls_alone)
    peaks = []
    for truth in made.truths:
        inside = power[int(truth.onset_s * 125) : int(truth.offset_s * 125)]
        peaks.append(inside[:, int(truth.low_hz / 62.5) : int(truth.high_hz / 62.5)].max())
    assert len(peaks) == 20
    assert max(peaks) / min(peaks) > 1e4  # more than the 30 dB a common peak would allow


@pytest.mark.parametrize("seed", SEEDS)
def test_the_box_of_a_call_is_the_bounding_box_of_its_mask(seed: int) -> None:
    made = one_call(seed)
    (truth,) = made.truths
    frames, bins = np.nonzero(made.mask)
    assert truth.onset_s == pytest.approx(0.008 + (frames.min() - 0.5) * 0.008)
    assert truth.offset_s == pytest.approx(0.008 + (frames.max() + 0.5) * 0.008)
    assert truth.low_hz == pytest.approx((bins.min() + 0.5) * 62.5)
    assert truth.high_hz == pytest.approx((bins.max() + 1.5) * 62.5)


def test_the_mask_is_within_the_union_of_the_boxes_and_touches_their_ends(demo: Soundscape) -> None:
    grid = Grid()
    outside = demo.mask.copy()
    for truth in demo.truths:
        t0, t1 = (round((s - grid.first_frame_s) / grid.hop_s + 0.5) for s in (truth.onset_s, truth.offset_s))
        b0, b1 = (round((f - grid.low_hz) / grid.bin_hz + 0.5) for f in (truth.low_hz, truth.high_hz))
        assert demo.mask[t0, b0:b1].any()
        assert demo.mask[t1 - 1, b0:b1].any()
        outside[t0:t1, b0:b1] = False
    assert not outside.any()


@pytest.mark.parametrize("requested_db", [6.0, 15.0, 30.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_call_has_the_requested_signal_to_noise_ratio(seed: int, requested_db: float) -> None:
    made = one_call(seed, snr_db=(requested_db, requested_db), wind_db=-50)
    call, noise = stft_power(made.calls_alone), stft_power(made.noise_alone)
    region = call >= call.max() / 1000
    assert 10 * np.log10(call[region].sum() / noise[region].sum()) == pytest.approx(requested_db, abs=0.1)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_bin_hidden_by_noise_is_not_bird_sound(seed: int) -> None:
    made = one_call(seed, snr_db=(0, 0))
    call = stft_power(made.calls_alone)
    # The moving average of the noise in each band hides a call.
    noise = stft_power(made.noise_alone)
    near = np.lib.stride_tricks.sliding_window_view(np.pad(noise, ((15, 15), (0, 0)), "edge"), 31, axis=0)
    inner = slice(15, len(noise) - 15)
    hidden = call[inner] < 10**-0.6 * near[inner].mean(axis=-1) * 0.999
    assert not (made.mask[inner] & hidden).any()


@pytest.mark.parametrize("noise", ["wind_db", "rain_db", "insects_db", "hiss_db"])
def test_noise_has_the_requested_level(noise: str) -> None:
    made = soundscape(5, calls_per_minute=0, **{**NO_NOISE, noise: -40})
    assert 10 * np.log10(np.mean(made.noise_alone.astype(np.float64) ** 2)) == pytest.approx(-40, abs=0.1)


def test_noise_and_calls_too_loud_for_full_scale_are_attenuated() -> None:
    made = soundscape(10, wind_db=0, rain_db=0, snr_db=(60, 60))
    assert np.abs(made.noise_alone).max() == pytest.approx(0.5, abs=1e-6)
    assert np.abs(made.calls_alone).max() == pytest.approx(0.5, abs=1e-6)


def test_at_another_sample_rate_the_mask_has_the_same_frames_and_bins() -> None:
    made = soundscape(2, sample_rate_hz=48000, calls_per_minute=30)
    assert made.samples.shape == (96000,)
    assert made.mask.shape == soundscape(2).mask.shape


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"duration_s": -1.0}, "duration_s is -1.0; give a number of 0 or more"),
        ({"duration_s": float("nan")}, "duration_s is nan"),
        ({"calls_per_minute": -1.0}, "calls_per_minute is -1.0"),
        ({"seed": -1}, "seed is -1"),
        ({"snr_db": (20.0, 6.0)}, "minimum and maximum, in that order"),
        ({"wind_db": 3.0}, "level is 3.0 dB"),
        ({"sample_rate_hz": 44100}, "44100 Hz"),
        ({"sample_rate_hz": 16000}, "16000 Hz"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        soundscape(**{"duration_s": 1.0, **settings})


def test_a_minute_takes_less_than_six_seconds_of_one_core() -> None:
    started = time.process_time()
    soundscape(60)
    assert time.process_time() - started < 6
