"""Examples depend only on the seed, and their targets mark the birds in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soxr

from birdedge.train.data.annotations import Box
from birdedge.train.data.mixing import Example, draw_cutoff_hz, make_example
from birdedge.train.data.mixing_settings import Mixing
from birdedge.train.data.sound_bank import BoxedRecording, Int16, Noise, SoundBank, to_int16
from birdedge.train.data.stft import GRID
from tests.support.signals import RATE_HZ, share_of_energy
from tests.support.sound_banks import MIXED, MIXING, PLAIN, a_bird, calls_and_wind


@pytest.fixture(scope="module")
def sound_bank() -> SoundBank:
    return calls_and_wind()


def example(bank: SoundBank, mixing: Mixing, seed: int) -> Example:
    return make_example(bank, mixing, np.random.default_rng(seed))


def unlabelled_sounds(bank: SoundBank) -> list[Int16]:
    return [noise.samples for noise in bank.noises["wind"]]


def test_the_same_seed_gives_the_same_example_and_another_seed_a_different_one(sound_bank: SoundBank) -> None:
    for seed in range(6):
        a, b = example(sound_bank, MIXING, seed), example(sound_bank, MIXING, seed)
        for name in ("samples", "target", "weight", "sounds"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert not np.array_equal(a.samples, example(sound_bank, MIXING, seed + 100).samples)


@pytest.mark.parametrize("frames", [64, 256])
def test_samples_target_weight_and_spectrogram_lie_on_one_grid(sound_bank: SoundBank, frames: int) -> None:
    for seed in range(8):
        made = example(sound_bank, replace(MIXING, frames=frames), seed)
        assert made.samples.shape == ((frames - 1) * 256 + 512,)
        assert made.samples.dtype == np.float32
        assert np.abs(made.samples).max() <= 1.0
        assert made.target.shape == made.weight.shape == (frames, 256)
        assert made.target.dtype == made.weight.dtype == bool
        assert (made.sounds.shape, made.sounds.dtype) == ((frames // 4, 64), np.int8)
        assert made.log_spectrogram().shape == (frames, 256)
        assert np.isfinite(made.log_spectrogram()).all()


def test_every_bird_bin_counts_in_the_loss(sound_bank: SoundBank) -> None:
    for seed in range(12):
        made = example(sound_bank, MIXING, seed)
        assert made.weight[made.target].all()


def test_the_louder_the_bird_the_larger_its_target(sound_bank: SoundBank) -> None:
    def share(snr_db: float) -> float:
        mixing = replace(MIXED, snr_low_db=snr_db, snr_high_db=snr_db)
        return float(np.mean([example(sound_bank, mixing, seed).target.mean() for seed in range(8)]))

    assert share(20.0) > 1.3 * share(-5.0) > 0


def test_the_mix_has_the_drawn_level(sound_bank: SoundBank) -> None:
    mixing = replace(MIXED, level_low_db=-40.0, level_high_db=-40.0)
    for seed in range(6):
        rms = np.sqrt(np.mean(example(sound_bank, mixing, seed).samples ** 2))
        assert 20 * np.log10(rms) == pytest.approx(-40.0, abs=0.1)


def test_without_birds_the_target_is_empty_and_every_bin_counts(sound_bank: SoundBank) -> None:
    for seed in range(8):
        made = example(sound_bank, replace(MIXING, as_recorded=0.0, empty=1.0), seed)
        assert not made.target.any()
        assert made.weight.all()
        assert made.snr_db == -np.inf


def test_doubtful_bins_of_as_recorded_examples_are_left_out(sound_bank: SoundBank) -> None:
    mixing = replace(MIXING, as_recorded=1.0, band_limit=0.0)
    made = [example(sound_bank, mixing, seed) for seed in range(8)]
    assert all(m.snr_db == np.inf for m in made)
    assert any(m.target.any() for m in made)
    assert any(not m.weight.all() for m in made)


def test_a_band_limit_leaves_nothing_above_the_cutoff(sound_bank: SoundBank) -> None:
    mixing = replace(MIXED, band_limit=1.0, level_low_db=-30.0, level_high_db=-30.0)
    for seed in range(8):
        cutoff_hz = draw_cutoff_hz(mixing, np.random.default_rng(seed))
        assert cutoff_hz is not None
        made = example(sound_bank, mixing, seed)
        power = np.abs(np.fft.rfft(made.samples * np.hanning(len(made.samples)))) ** 2
        above = np.fft.rfftfreq(len(made.samples), 1 / 32_000) > 1.05 * cutoff_hz
        # The rest is the rounding to 16 bits, 71 dB under the mix.
        assert power[above].sum() < 10**-7.1 * power.sum()
        cutoff_bin = int(cutoff_hz / GRID.bin_hz)
        assert not made.target[:, cutoff_bin:].any()
        assert made.weight[:, cutoff_bin:].all()


@pytest.mark.parametrize(("noise_hz", "band_limit"), [(8000.0, 0.0), (8000.0, 1.0), (13_000.0, 1.0)])
def test_birds_are_limited_to_the_band_that_the_sample_rate_of_the_noise_allows(
    noise_hz: float, band_limit: float
) -> None:
    # Above 8 kHz there is only the hiss of the recorder, so the bird is loud.
    loud = replace(PLAIN, snr_low_db=50.0, snr_high_db=50.0, level_low_db=-30.0, level_high_db=-30.0)
    mixing = replace(loud, band_limit=band_limit)
    at_16_khz = np.random.default_rng(3).standard_normal(64_000).astype(np.float32)
    hiss = to_int16(soxr.resample(at_16_khz, 16_000, RATE_HZ))
    full, limited = (
        SoundBank([a_bird(10_000.0)], noises={"night": [Noise(hiss, None, cutoff_hz)]})
        for cutoff_hz in (None, noise_hz)
    )
    for seed in range(8):
        drawn_hz = draw_cutoff_hz(mixing, np.random.default_rng(seed)) or 16_000.0
        made = example(limited, mixing, seed)
        cutoff_hz = min(noise_hz, drawn_hz)
        windowed = made.samples * np.hanning(len(made.samples))
        # The rest is the rounding to 16 bits, 71 dB under the mix.
        assert share_of_energy(windowed, 1.05 * cutoff_hz, 16_000) < 10**-7.1
        assert not made.target[:, int(cutoff_hz / GRID.bin_hz) :].any()
        if drawn_hz > 12_000.0:
            heard = example(full, mixing, seed)
            assert share_of_energy(heard.samples, 9900, 10_100) > 1e-4
            assert heard.target[:, 159].any()


def test_an_unlabelled_example_is_a_crop_in_which_no_bin_counts(sound_bank: SoundBank) -> None:
    tone = to_int16(np.sin(2 * np.pi * 3000 / 32_000 * np.arange(96_000)).astype(np.float32))
    extended = replace(sound_bank, unlabelled=[tone])
    for seed in range(6):
        made = example(extended, replace(MIXING, unlabelled=1.0, band_limit=1.0), seed)
        assert np.isnan(made.snr_db)
        assert not made.target.any()
        assert not made.weight.any()
        level = made.log_spectrogram().mean(axis=0)
        assert level.argmax() == round(3000 / GRID.bin_hz) - 1


def test_the_mixes_of_a_seed_do_not_depend_on_unlabelled_and_boxed_recordings(sound_bank: SoundBank) -> None:
    boxed = BoxedRecording(sound_bank.noises["wind"][0].samples, (Box(1.0, 1.5, 2000, 3000),))
    extended = replace(sound_bank, unlabelled=unlabelled_sounds(sound_bank), boxed_recordings=[boxed])
    for seed in range(12):
        made = [example(extended, MIXING, seed), example(sound_bank, MIXING, seed)]
        made.append(example(sound_bank, replace(MIXING, unlabelled=0.5, boxed=0.5), seed))  # there are none
        for other in made[1:]:
            for name in ("samples", "target", "weight", "sounds"):
                np.testing.assert_array_equal(getattr(other, name), getattr(made[0], name))


def test_the_recipe_sets_the_share_of_unlabelled_examples(sound_bank: SoundBank) -> None:
    extended, mixing = (
        replace(sound_bank, unlabelled=unlabelled_sounds(sound_bank)),
        replace(MIXING, frames=16, unlabelled=0.25),
    )
    share = np.mean([np.isnan(example(extended, mixing, seed).snr_db) for seed in range(200)])
    assert share == pytest.approx(0.25, abs=0.08)
