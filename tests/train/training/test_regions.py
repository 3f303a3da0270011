"""Regions of hand-made masks have the mean of their logits and the class of their cells, and the head learns it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from birdedge.edge.grid import Grid
from birdedge.edge.models.settings import EventSettings
from birdedge.edge.sound_classes import SOUND_CLASSES
from birdedge.train.data.class_cells import BIRD, CELL_BINS, CELL_FRAMES, NOT_BIRD, UNKNOWN
from birdedge.train.training.regions import (
    Regions,
    RegionScores,
    find_regions,
    region_loss,
)

FRAMES, BINS = 64, 64
CLASSES = len(SOUND_CLASSES)
INSECT, FROG = 1, 2
LOUD, QUIET = 2.0, -2.0  # logits of 0.88 and 0.12


def a_mask(*examples: list[tuple[slice, slice]]) -> Tensor:
    """Logits `[batch, frames, bins]` with boxes of frames and bins in which the probability is 0.88."""
    logits = torch.full((len(examples), FRAMES, BINS), QUIET)
    for one, boxes in zip(logits, examples, strict=True):
        for frames, bins in boxes:
            one[frames, bins] = LOUD
    return logits


def cells_of(value: int, batch: int = 1) -> Tensor:
    return torch.full((batch, FRAMES // CELL_FRAMES, BINS // CELL_BINS), value, dtype=torch.int8)


def class_logits_of(batch: int = 1, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, CLASSES, FRAMES // CELL_FRAMES, BINS // CELL_BINS, generator=generator)


def found(
    logits: Tensor, sounds: Tensor, threshold: float = 0.5, closed: bool = False, hop_s: float = 0.008
) -> Regions:
    return find_regions(logits, class_logits_of(len(logits)), sounds, threshold, closed, hop_s)


A, B = (slice(8, 20), slice(8, 16)), (slice(40, 52), slice(8, 16))  # 3 by 2 cells each


def test_a_region_has_the_class_of_its_cells() -> None:
    sounds = torch.cat([cells_of(INSECT), cells_of(NOT_BIRD), cells_of(FROG)])
    sounds[0, 2:5, 2:4] = BIRD
    regions = found(a_mask([A, B], [A], [B]), sounds)
    assert regions.sound.tolist() == [BIRD, INSECT, NOT_BIRD, FROG]
    assert regions.logits.shape == (4, CLASSES)


@pytest.mark.parametrize(("first", "expected"), [(BIRD, [BIRD, NOT_BIRD]), (UNKNOWN, [NOT_BIRD])])
def test_noise_of_unknown_class_is_not_bird_whatever_is_next_to_it(first: int, expected: list[int]) -> None:
    sounds = cells_of(NOT_BIRD)
    sounds[0, 2:5, 2:4] = first
    assert found(a_mask([A, B]), sounds).sound.tolist() == expected


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8])
def test_the_logits_of_a_region_are_the_mean_over_its_bins(threshold: float) -> None:
    """The reference visits each bin, as the recorder does: each example has one region of any shape."""
    rng = np.random.default_rng(3)
    print("seed 3")
    logits = a_mask([], [])
    for one in logits:
        one[5:50, 9:41] = torch.from_numpy(rng.normal(0.5, 1.0, (45, 32))).float()
    regions = found(logits, cells_of(INSECT, 2), threshold)
    assert len(regions.sound) == 2
    for example in range(2):
        inside = torch.sigmoid(logits[example]) >= threshold
        of_bins = (
            class_logits_of(2)[example].repeat_interleave(CELL_FRAMES, 1).repeat_interleave(CELL_BINS, 2)
        )
        torch.testing.assert_close(regions.logits[example], of_bins[:, inside].mean(dim=1), rtol=0, atol=1e-5)


def test_only_frames_in_both_the_mask_and_the_class_map_count() -> None:
    """The lookahead is cut off the mask, and with it the last rows of its cells."""
    logits = a_mask([(slice(8, 64), slice(8, 16))])[:, :56]
    whole = class_logits_of()
    regions = find_regions(logits, whole[:, :, :12], cells_of(FROG), 0.5, closed=False)
    assert regions.sound.tolist() == [FROG]
    torch.testing.assert_close(regions.logits[0], whole[0, :, 2:12, 2:4].mean(dim=(1, 2)))


@pytest.mark.parametrize(
    ("bird_cells", "sounds"),
    [(6, [BIRD]), (3, [BIRD]), (2, []), (1, []), (0, [INSECT])],
)
def test_a_region_of_a_bird_and_noise_has_no_class_unless_half_of_it_is_bird(
    bird_cells: int, sounds: list[int]
) -> None:
    cells = cells_of(INSECT)
    cells[0, 2:5, 2:4] = torch.tensor([BIRD] * bird_cells + [INSECT] * (6 - bird_cells)).view(3, 2)
    assert found(a_mask([A]), cells).sound.tolist() == sounds


@pytest.mark.parametrize(
    ("unknown_cells", "sounds"), [(0, [BIRD, INSECT]), (1, [BIRD]), (3, [BIRD]), (4, []), (6, [])]
)
def test_regions_that_are_largely_unknown_are_left_out(unknown_cells: int, sounds: list[int]) -> None:
    cells = cells_of(INSECT)
    for rows, value in ((slice(2, 5), BIRD), (slice(10, 13), INSECT)):
        kinds = [UNKNOWN] * unknown_cells + [value] * (6 - unknown_cells)
        cells[0, rows, 2:4] = torch.tensor(kinds).view(3, 2)
    assert found(a_mask([A, B]), cells).sound.tolist() == sounds


def test_a_recording_without_known_classes_has_no_regions() -> None:
    regions = found(a_mask([A, B]), cells_of(UNKNOWN))
    assert regions.logits.shape == (0, CLASSES)
    assert found(a_mask([]), cells_of(INSECT)).logits.shape == (0, CLASSES)


def test_the_weight_of_a_region_is_the_inverse_root_of_the_number_of_regions_in_its_example() -> None:
    four = [(slice(at, at + 4), slice(0, 8)) for at in (0, 16, 32, 48)]
    unknown = (slice(60, 64), slice(40, 48))
    sounds = cells_of(INSECT, 3)
    sounds[:, 15, 10:12] = UNKNOWN
    regions = found(a_mask([*four, unknown], [], [A]), sounds)
    assert regions.weight.tolist() == [0.5, 0.5, 0.5, 0.5, 1.0]


def test_the_smallest_region_is_the_smallest_event_of_the_recorder() -> None:
    """8 Hz s: 16 bins of 62.5 Hz in one frame of 8 ms, or 8 bins in one of 16 ms."""
    assert EventSettings().min_area_hz_s == 8.0
    for hop_s, bins, count in ((0.008, 15, 0), (0.008, 16, 1), (0.016, 7, 0), (0.016, 8, 1)):
        logits = a_mask([])
        logits[0, 8, 8 : 8 + bins] = LOUD
        assert len(found(logits, cells_of(FROG), hop_s=hop_s).sound) == count


@pytest.mark.parametrize(("threshold", "count"), [(0.5, 2), (0.85, 1), (0.9, 0)])
def test_the_threshold_cuts_the_mask(threshold: float, count: int) -> None:
    logits = a_mask([A, B])
    logits[0, B[0], B[1]] = 1.0  # 0.73
    assert len(found(logits, cells_of(INSECT), threshold).sound) == count


@pytest.mark.parametrize(
    ("gap_cells", "axis", "hop_s", "joined"),
    [
        (3, 0, 0.008, True),
        (4, 0, 0.008, False),
        (1, 0, 0.016, True),
        (2, 0, 0.016, False),
        (1, 1, 0.008, True),
        (2, 1, 0.008, False),
    ],
)
def test_closing_joins_exactly_what_the_recorder_joins(
    gap_cells: int, axis: int, hop_s: float, joined: bool
) -> None:
    """Notes of 4 by 4 cells with a gap in time (axis 0) or frequency: 0.1 s and 250 Hz are bridged."""
    settings = EventSettings()
    gap, limit = (4 * hop_s, settings.gap_s) if axis == 0 else (4 * Grid().bin_hz, settings.gap_hz)
    assert (gap_cells * gap <= limit) == joined
    second = 24 + 4 * gap_cells
    first = (slice(8, 24), slice(8, 24))
    other = (
        (slice(second, second + 16), slice(8, 24))
        if axis == 0
        else (slice(8, 24), slice(second, second + 16))
    )
    logits, sounds = a_mask([first, other]), cells_of(INSECT)
    apart, together = found(logits, sounds, hop_s=hop_s), found(logits, sounds, closed=True, hop_s=hop_s)
    assert len(apart.sound) == 2
    if joined:
        # The gap does not count.
        torch.testing.assert_close(together.logits, apart.logits.mean(dim=0, keepdim=True))
    else:
        torch.testing.assert_close(together.logits, apart.logits)


def test_the_head_learns_only_from_the_cells_of_a_region_and_the_mask_from_none() -> None:
    logits, class_logits = a_mask([A]).requires_grad_(), class_logits_of().requires_grad_()
    torch.autograd.backward(region_loss(find_regions(logits, class_logits, cells_of(FROG), 0.5, closed=True)))
    assert logits.grad is None
    assert class_logits.grad is not None
    reached = class_logits.grad[0].abs().sum(dim=0) > 0
    assert torch.nonzero(reached).tolist() == [[row, column] for row in (2, 3, 4) for column in (2, 3)]


def test_cells_that_touch_at_a_corner_are_one_region_and_examples_never_touch() -> None:
    corner = [(slice(0, 8), slice(0, 8)), (slice(8, 16), slice(8, 16))]
    full = [(slice(0, FRAMES), slice(0, BINS))]
    assert len(found(a_mask(corner), cells_of(INSECT)).sound) == 1
    assert len(found(a_mask(full, full, full), cells_of(INSECT, 3), closed=True).sound) == 3


def some_regions(*sounds: int, weight: float = 1.0, seed: int = 5) -> Regions:
    logits = torch.randn(
        len(sounds), CLASSES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    return Regions(logits.requires_grad_(), torch.tensor(sounds), torch.full((len(sounds),), weight))


@pytest.mark.parametrize("sound", range(CLASSES))
def test_the_loss_falls_when_the_right_logit_rises_and_rises_with_the_others(sound: int) -> None:
    regions = some_regions(sound)
    (gradient,) = torch.autograd.grad(region_loss(regions), regions.logits)
    assert [i for i in range(CLASSES) if gradient[0, i] < 0] == [sound]
    # The softmax minus the truth, halved for one of the two sides.
    truth = torch.eye(CLASSES, dtype=torch.float64)[sound]
    torch.testing.assert_close(gradient[0], (torch.softmax(regions.logits[0], 0) - truth) / 2)


def test_for_a_sound_that_is_not_a_bird_only_the_bird_probability_counts() -> None:
    regions = some_regions(NOT_BIRD)
    loss = region_loss(regions)
    bird = regions.bird_probability.detach()
    assert bird.tolist() == torch.softmax(regions.logits, 1)[:, BIRD].tolist()
    assert loss.item() == pytest.approx(-math.log(1 - bird.item()) / 2)
    (gradient,) = torch.autograd.grad(loss, regions.logits)
    assert gradient[0, BIRD] > 0
    assert (gradient[0, 1:] < 0).all()


def test_birds_and_all_other_sounds_each_have_half_the_weight() -> None:
    """Three birds with weights 1, 2 and 3, and two others with weights 1 and 4, written out."""
    sounds, weights = (BIRD, BIRD, BIRD, INSECT, NOT_BIRD), (1.0, 2.0, 3.0, 1.0, 4.0)
    regions = some_regions(*sounds)
    regions = Regions(regions.logits, regions.sound, torch.tensor(weights))
    p = torch.softmax(regions.logits, 1).tolist()
    birds = sum(-w * math.log(p[i][BIRD]) for i, w in enumerate(weights[:3])) / 6
    others = (-math.log(p[3][INSECT]) - 4 * math.log(1 - p[4][BIRD])) / 5
    assert region_loss(regions).item() == pytest.approx((birds + others) / 2)


def test_without_regions_the_loss_is_zero_and_has_no_effect() -> None:
    regions = some_regions()
    (gradient,) = torch.autograd.grad(region_loss(regions), regions.logits)
    assert region_loss(regions).item() == 0.0
    assert gradient.shape == (0, CLASSES)


def with_probabilities(birds: list[float], others: list[float]) -> Regions:
    """Regions of two classes in which a bird has these probabilities."""
    probability = torch.tensor([*birds, *others], dtype=torch.float64)
    sound = torch.tensor(
        [BIRD] * len(birds) + [INSECT, NOT_BIRD, FROG, *[INSECT] * len(others)][: len(others)]
    )
    return Regions(
        torch.stack([probability.log(), (1 - probability).log()], 1), sound, torch.ones(len(sound))
    )


def test_the_auc_is_the_share_of_ordered_pairs_and_ties_count_half() -> None:
    batches = [([0.9, 0.5], [0.5, 0.1]), ([0.3], [0.3, 0.2, 0.9]), ([], [0.05]), ([0.05], [])]
    scores = RegionScores()
    for birds, others in batches:
        scores.add(with_probabilities(birds, others))
    pairs = list(
        itertools.product(*(itertools.chain(*(batch[side] for batch in batches)) for side in (0, 1)))
    )
    assert len(pairs) == 24
    expected = sum(1.0 if b > o else 0.5 if b == o else 0.0 for b, o in pairs) / 24
    assert scores.auc() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("birds", "others", "auc"),
    [
        ([0.8, 0.7], [0.6], 1.0),
        ([0.1], [0.6], 0.0),
        ([0.4], [0.4, 0.4], 0.5),
        ([0.9], [], 0.5),
        ([], [0.9], 0.5),
    ],
)
def test_the_auc_is_one_for_perfect_order_and_a_half_if_one_side_is_missing(
    birds: list[float], others: list[float], auc: float
) -> None:
    scores = RegionScores()
    assert scores.auc() == 0.5
    scores.add(with_probabilities(birds, others))
    assert scores.auc() == auc
