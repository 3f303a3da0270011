"""Rotation and scaling move input, target and weight together, by known amounts."""

from __future__ import annotations

import math

import pytest
import torch

from birdedge.edge.errors import SettingsError
from birdedge.train.data.augmentation import Augmentation, augment
from birdedge.train.data.batch import Batch
from birdedge.train.data.class_cells import CELL_BINS, CELL_FRAMES, UNKNOWN


def bar(frames: int = 64, bins: int = 128) -> Batch:
    """A horizontal bar of 8 frames by 48 bins in the middle; input and target are the same."""
    target = torch.zeros(8, frames, bins)
    target[:, frames // 2 - 4 : frames // 2 + 4, bins // 2 - 24 : bins // 2 + 24] = 1
    sounds = torch.zeros(8, frames // CELL_FRAMES, bins // CELL_BINS, dtype=torch.int8)
    return Batch(target[:, None].clone(), target, torch.ones_like(target), sounds)


def tilt_degrees(mask: torch.Tensor) -> float:
    """Return the direction of the shape's long side in `[frames, bins]`."""
    places = torch.nonzero(mask > 0.5).double()
    spread = torch.linalg.eigh(torch.cov((places - places.mean(dim=0)).T))
    frames, bins = spread.eigenvectors[:, 1]
    return abs((math.degrees(math.atan2(frames, bins)) + 90) % 180 - 90)


def test_without_settings_nothing_changes() -> None:
    batch = bar()
    assert augment(batch, Augmentation()) is batch


def test_input_and_target_rotate_together_up_to_the_angle() -> None:
    torch.manual_seed(1)
    x, target, *_ = augment(bar(), Augmentation(rotation_degrees=20))
    tilts = [tilt_degrees(t) for t in target]
    assert max(tilts) > 8
    assert max(tilts) < 21
    assert ((x[:, 0] > 0.5) == (target > 0.5)).double().mean() > 0.99


def test_a_rotated_bar_keeps_its_size_in_a_picture_that_is_not_square() -> None:
    torch.manual_seed(2)
    target = augment(bar(), Augmentation(rotation_degrees=30)).target
    for area in target.sum(dim=(1, 2)):
        assert area.item() == pytest.approx(8 * 48, rel=0.08)


def test_scaling_stretches_both_sides() -> None:
    torch.manual_seed(3)
    target = augment(bar(), Augmentation(scaling=0.3)).target
    areas = target.sum(dim=(1, 2)) / (8 * 48)
    assert 0.7**2 - 0.1 < areas.min() < 0.85
    assert 1.1 < areas.max() < 1.3**2 + 0.1


def test_bins_from_outside_the_example_do_not_count() -> None:
    torch.manual_seed(4)
    x, target, weight, *_ = augment(bar(), Augmentation(rotation_degrees=45))
    assert (weight[:, 32, 64] == 1).all()
    corners = weight[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.min() == 0
    assert set(weight.flatten().tolist()) == set(target.flatten().tolist()) == {0.0, 1.0}
    assert torch.isfinite(x).all()


def test_the_classes_of_moved_examples_are_unknown() -> None:
    moved = augment(bar(), Augmentation(scaling=0.3)).sounds
    assert (moved.shape, moved.dtype) == ((8, 16, 32), torch.int8)
    assert (moved == UNKNOWN).all()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"rotation_degrees": -1.0}, "rotation_degrees is -1.0; it must lie in 0..180"),
        ({"scaling": 1.0}, "scaling is 1.0; it must be at least 0 and less than 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        Augmentation(**settings)
