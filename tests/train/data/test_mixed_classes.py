"""The classes of an example state where its birds are, what its noise is, and which cells are unknown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from birdedge.edge.sound_classes import SOUND_CLASSES
from birdedge.train.data.annotations import Box
from birdedge.train.data.class_cells import BIRD, CELL_BINS, CELL_FRAMES, NOT_BIRD, UNKNOWN, Int8
from birdedge.train.data.labels import Bool
from birdedge.train.data.mixing import Example, make_example
from birdedge.train.data.mixing_settings import Mixing
from birdedge.train.data.sound_bank import BoxedRecording, FocalRecording, SoundBank, to_int16
from birdedge.train.data.stft import GRID, magnitude
from tests.support.signals import RATE_HZ
from tests.support.sound_banks import a_bank, humming

INSECT = SOUND_CLASSES.index("insect")
EMPTY = Mixing(frames=64, empty=1.0, as_recorded=0.0, synthetic_noise=0.0, band_limit=0.0)
MIXED = replace(EMPTY, empty=0.0, synthetic_bird=1.0, frames=128)
BOXED = Mixing(frames=128, boxed=1.0, band_limit=0.0, level_low_db=-20.0, level_high_db=-20.0)


INSECTS = a_bank(insects=[humming(4000.0, "insect")])


def example(bank: SoundBank, mixing: Mixing, seed: int) -> Example:
    return make_example(bank, mixing, np.random.default_rng(seed))


@pytest.mark.parametrize("sound_class", [*SOUND_CLASSES[1:], None])
def test_without_birds_every_cell_has_the_class_of_the_noise(sound_class: str | None) -> None:
    expected = NOT_BIRD if sound_class is None else SOUND_CLASSES.index(sound_class)
    for seed in range(4):  # a noise may be added to itself
        made = example(a_bank(any=[humming(3000.0, sound_class)]), EMPTY, seed)
        assert made.sounds.shape == (16, 64)
        assert (made.sounds == expected).all()


def classes_of(target: Bool, weight: Bool, noise_class: int) -> Int8:
    """The classes, cell by cell."""
    cells = np.full((len(target) // CELL_FRAMES, GRID.bins // CELL_BINS), noise_class, np.int8)
    for row, column in np.ndindex(cells.shape):
        bins = np.s_[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        if target[bins].any():
            cells[row, column] = BIRD
        elif not weight[bins].all():
            cells[row, column] = UNKNOWN
    return cells


@pytest.mark.parametrize("band_limit", [0.0, 1.0])
def test_a_cell_is_bird_where_the_target_is_and_unknown_where_a_bin_has_no_weight(band_limit: float) -> None:
    found = set()
    for seed in range(12):
        made = example(INSECTS, replace(MIXED, band_limit=band_limit), seed)
        np.testing.assert_array_equal(made.sounds, classes_of(made.target, made.weight, INSECT))
        found |= set(made.sounds.ravel().tolist())
    assert found == {BIRD, UNKNOWN, INSECT}


def test_a_recording_without_class_labels_has_unknown_classes() -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 64_000).astype(np.int16)
    tight = np.zeros((249, GRID.bins), bool)
    tight[50:200, 40:60] = True
    bank = SoundBank(
        focal_recordings=[FocalRecording(noise, tight, np.zeros_like(tight))], unlabelled=[noise]
    )
    focal = example(bank, replace(EMPTY, as_recorded=1.0), 1)
    assert focal.target.any()
    unlabelled = example(bank, replace(EMPTY, unlabelled=1.0), 1)
    assert np.isnan(unlabelled.snr_db)
    for made in (focal, unlabelled):
        assert (made.sounds == UNKNOWN).all()


def bursts(duration_s: float, *boxes: Box) -> BoxedRecording:
    """A silent recording except for a tone in the middle of each box."""
    at_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    samples = np.zeros(len(at_s))
    for box in boxes:
        inside = (box.onset_s <= at_s) & (at_s < box.offset_s)
        samples += inside * np.sin(np.pi * (box.low_hz + box.high_hz) * at_s)
    return BoxedRecording(to_int16(samples.astype(np.float32)), boxes)


EARLY, NEXT, LATE = (
    Box(0.1, 0.5, 3700.0, 4300.0),
    Box(0.6, 0.8, 2100.0, 2700.0),
    Box(1.8, 2.4, 8100.0, 8700.0),
)


@pytest.mark.parametrize(
    ("duration_s", "boxes"),
    [
        (3.0, [EARLY]),
        (3.0, [LATE]),
        (3.0, [EARLY, NEXT]),
        (3.0, [EARLY, NEXT, LATE]),
        (0.6, [EARLY]),
        (2.4, [LATE]),
    ],
    ids=["early", "late", "two", "three", "shorter than the crop", "at the end"],
)
def test_the_energy_of_a_boxed_sound_lies_in_its_cells(duration_s: float, boxes: list[Box]) -> None:
    bank = SoundBank(boxed_recordings=[bursts(duration_s, *boxes)])
    for seed in range(12):
        made = example(bank, BOXED, seed)
        assert set(np.unique(made.sounds)) == {BIRD, UNKNOWN}
        power = magnitude(made.samples)[: BOXED.frames] ** 2
        bird = np.kron(made.sounds == BIRD, np.ones((CELL_FRAMES, CELL_BINS))) > 0
        assert power[bird].sum() > 0.9 * power.sum()
        # A box of 600 Hz touches up to 4 columns of 250 Hz, and one of 0.6 s up to 19 rows of 32 ms.
        assert (made.sounds == BIRD).any(axis=0).sum() <= 4 * len(boxes)
        assert (made.sounds == BIRD).any(axis=1).sum() <= 33
        assert made.snr_db == np.inf
        assert not made.target.any()
        assert not made.weight.any()


def test_the_cells_of_a_box_cover_its_time_and_band() -> None:
    """In a recording that is not longer than the crop, 0.32 to 0.64 s from its start are the rows 10 to 19."""
    box = Box(0.32, 0.64, 2000.0, 2900.0)
    expected = np.full((32, 64), UNKNOWN)
    expected[10:20, 8:12] = BIRD
    bank = SoundBank(boxed_recordings=[bursts(1.0, box)])
    from_the_start = [
        made for made in (example(bank, BOXED, seed) for seed in range(20)) if (made.sounds == expected).all()
    ]
    assert len(from_the_start) > 3


def test_a_box_longer_than_the_crop_fills_its_rows() -> None:
    bank = SoundBank(boxed_recordings=[bursts(4.0, Box(0.5, 3.8, 2000.0, 2900.0))])
    for seed in range(6):
        made = example(bank, BOXED, seed)
        assert (made.sounds[:, 8:12] == BIRD).all()
        assert (np.delete(made.sounds, np.s_[8:12], axis=1) == UNKNOWN).all()


def test_the_recipe_sets_the_share_of_boxed_examples() -> None:
    bank = replace(INSECTS, boxed_recordings=[bursts(1.0, EARLY)])
    mixing = replace(EMPTY, frames=16, boxed=0.25)
    share = np.mean([example(bank, mixing, seed).snr_db == np.inf for seed in range(200)])
    assert share == pytest.approx(0.25, abs=0.08)
