"""A bird is drawn at its pitch, and mixed at its signal-to-noise ratio."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from birdedge.train.data.labels import PEAK_RANGE_DB, smooth_power
from birdedge.train.data.mixed_birds import SPOT, draw_bird, mix_birds
from birdedge.train.data.mixed_noise import draw_noise
from birdedge.train.data.sound_bank import SoundBank
from birdedge.train.data.stft import magnitude
from tests.support.signals import RATE_HZ, share_of_energy
from tests.support.sound_banks import MIXED, PLAIN, a_bird, calls_and_wind


@pytest.fixture(scope="module")
def sound_bank() -> SoundBank:
    return calls_and_wind()


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 15.0])
def test_the_bird_has_the_stated_snr_inside_its_own_mask(sound_bank: SoundBank, snr_db: float) -> None:
    mixing = replace(MIXED, snr_low_db=snr_db, snr_high_db=snr_db, reverb=0.0)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        (noise, _, _), bird = draw_noise(sound_bank, mixing, rng), draw_bird(sound_bank, mixing, rng)
        total, _, _, _, stated_db = mix_birds(noise, [bird], mixing, rng)
        assert stated_db == snr_db
        power = smooth_power(magnitude(total - noise), *SPOT)
        core = power > power.max() * 10 ** (-PEAK_RANGE_DB / 10)
        # The noise is smoothed over 50 ms.
        background = smooth_power(magnitude(noise), 4.0, 3.0)
        assert 10 * np.log10(power[core].mean() / background[core].mean()) == pytest.approx(snr_db, abs=0.1)


@pytest.mark.parametrize(
    ("deep", "low_hz", "high_hz"), [(0.0, 4000.0, 4000.0), (1.0, 4000 * 2**-1.6, 4000 * 2**-0.6)]
)
def test_a_deep_bird_is_pitched_down_by_0_6_to_1_6_octaves(
    deep: float, low_hz: float, high_hz: float
) -> None:
    mixing, pitches_hz = replace(PLAIN, deep=deep), []
    for seed in range(30):
        bird = draw_bird(SoundBank([a_bird(4000.0)]), mixing, np.random.default_rng(seed)).direct
        power = np.abs(np.fft.rfft(bird)) ** 2
        pitches_hz.append(power.argmax() * RATE_HZ / len(bird))
    assert low_hz - 10 < min(pitches_hz) < low_hz + 100
    assert high_hz - 300 < max(pitches_hz) < high_hz + 10


def test_the_recipe_sets_the_share_of_deep_birds() -> None:
    bank, deep = SoundBank([a_bird(4000.0)]), 0
    mixing = replace(PLAIN, deep=0.25)
    for seed in range(200):
        deep += share_of_energy(draw_bird(bank, mixing, np.random.default_rng(seed)).direct, 0, 3000) > 0.5
    assert deep / 200 == pytest.approx(0.25, abs=0.08)
