"""The kind and the class of the drawn noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from birdedge.edge.sound_classes import SOUND_CLASSES
from birdedge.train.data.class_cells import NOT_BIRD
from birdedge.train.data.mixed_noise import draw_noise
from birdedge.train.data.mixing_settings import Mixing
from birdedge.train.data.sound_bank import SoundBank
from tests.support.signals import share_of_energy
from tests.support.sound_banks import a_bank, humming

INSECT, FROG, WEATHER = (SOUND_CLASSES.index(name) for name in ("insect", "frog", "weather"))
EMPTY = Mixing(frames=64, empty=1.0, as_recorded=0.0, synthetic_noise=0.0, band_limit=0.0)


def test_a_mix_of_noise_classes_is_known_only_as_not_bird() -> None:
    bank = a_bank(a=[humming(3000.0, "insect")], b=[humming(6000.0, "frog")])
    found = set()
    for seed in range(60):
        noise, sound_class, _ = draw_noise(bank, EMPTY, np.random.default_rng(seed))
        insect, frog = (share_of_energy(noise, hz - 50, hz + 50) > 0.01 for hz in (3000.0, 6000.0))
        assert sound_class == {(True, False): INSECT, (False, True): FROG}.get((insect, frog), NOT_BIRD)
        found.add(sound_class)
    assert found == {INSECT, FROG, NOT_BIRD}


def test_a_kind_with_four_times_the_recordings_is_drawn_twice_as_often() -> None:
    bank = a_bank(few=[humming(3000.0, "insect")], many=4 * [humming(6000.0, "frog")])
    mixing = replace(EMPTY, frames=4)
    drawn = [draw_noise(bank, mixing, np.random.default_rng(seed))[1] for seed in range(1500)]
    # Seven in ten examples have one noise. In the others, each noise is drawn in the same way.
    for sound_class, share in ((INSECT, 1 / 3), (FROG, 2 / 3)):
        expected = 0.7 * share + 0.3 * share**2
        assert drawn.count(sound_class) / 1500 == pytest.approx(expected, abs=0.04)


def test_synthetic_noise_is_weather_or_insects_or_both() -> None:
    mixing = replace(EMPTY, frames=4, synthetic_noise=1.0)
    drawn = [draw_noise(SoundBank(), mixing, np.random.default_rng(seed))[1] for seed in range(1000)]
    for sound_class, share in ((WEATHER, 0.6), (INSECT, 0.15), (NOT_BIRD, 0.25)):
        assert drawn.count(sound_class) / 1000 == pytest.approx(share, abs=0.05)
