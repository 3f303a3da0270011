"""A step trains the mask and the head together, on regions where the mask is."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from birdedge.edge.sound_classes import SOUND_CLASSES
from birdedge.train.data.batch import Batch
from birdedge.train.data.class_cells import BIRD, CELL_BINS, CELL_FRAMES
from birdedge.train.networks.baselines.segnet import SegNetConfig
from birdedge.train.networks.unet import UNetConfig
from birdedge.train.training.learner import Learner, run_batch
from birdedge.train.training.recipe import Recipe
from birdedge.train.training.regions import RegionScores, region_loss
from tests.support.training import SMALL, with_training

INSECT = 1
TINY = UNetConfig(channels=(8, 8, 12, 12), squeezed_channels=8, dilations=(1,), dropout=0.0)
RECIPE = dataclasses.replace(with_training(SMALL, average_decay=0.0), network=TINY)
FRAMES = 96


def a_scene() -> Batch:
    """Each example has a bird below 5 kHz and an insect above 10 kHz, at different times; the mask covers both."""
    generator = torch.Generator().manual_seed(1)
    x = 0.3 * torch.randn(6, 2, FRAMES, 256, generator=generator)
    target, sounds = torch.zeros(6, FRAMES, 256), torch.full((6, FRAMES // 4, 64), INSECT, dtype=torch.int8)
    for i, (bird, insect) in enumerate(zip((8, 20, 32, 44, 56, 68), (64, 12, 48, 24, 8, 36), strict=True)):
        target[i, bird : bird + 16, 40:72] = 1
        target[i, insect : insect + 12, 168:208] = 1
        sounds[i, bird // 4 : bird // 4 + 4, 10:18] = BIRD
    x += 2.5 * target[:, None]
    return Batch(x, target, torch.ones_like(target), sounds)


def new_learner(recipe: Recipe = RECIPE) -> Learner:
    torch.manual_seed(2)
    return Learner(Fabric(accelerator="cpu", precision="32-true"), recipe, None, [])


class Late(nn.Module):
    """A network whose logits are the first channel of its input; the second channel is the class logit of a bird."""

    def __init__(self, lookahead_frames: int) -> None:
        super().__init__()
        self.late = lookahead_frames

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        x = functional.pad(x, (0, 0, self.late, 0), value=9.0)[:, :, : x.shape[2]]
        bird = functional.avg_pool2d(x[:, 1:], (CELL_FRAMES, CELL_BINS))
        return x[:, 0], functional.pad(bird, (0, 0, 0, 0, 0, len(SOUND_CLASSES) - 1)), []


@pytest.mark.parametrize("lookahead_frames", [0, 8, 16])
def test_mask_class_map_and_classes_are_aligned_for_any_lookahead(lookahead_frames: int) -> None:
    scene = a_scene()
    of_bird = torch.randn(6, FRAMES, 256, generator=torch.Generator().manual_seed(3))
    batch = scene._replace(x=torch.stack([20 * scene.target - 10, of_bird], dim=1))
    recipe = dataclasses.replace(RECIPE, network=UNetConfig(lookahead_frames=lookahead_frames))
    logits, _, regions, loss = run_batch(Late(lookahead_frames), batch, recipe)
    assert logits.shape == (6, FRAMES - lookahead_frames, 256)
    assert loss.item() < 0.01
    assert regions is not None
    assert regions.sound.tolist().count(BIRD) == regions.sound.tolist().count(INSECT) == 6
    # The regions of the last example: a bird and an insect in the order of their frames.
    last = [of_bird[5, 36:48, 168:208].mean(), of_bird[5, 68:84, 40:72][: 28 - lookahead_frames].mean()]
    torch.testing.assert_close(regions.logits[-2:, BIRD], torch.stack(last), rtol=0, atol=1e-5)


def scored(learner: Learner, scene: Batch) -> tuple[float, float, float]:
    """Losses of the mask and of the regions, and the AUC of the regions, with the statistics of the batch."""
    scores = RegionScores()
    with torch.no_grad():
        _, _, regions, mask_loss = run_batch(learner.best_weights.train(), scene, RECIPE)
    assert regions is not None
    scores.add(regions)
    return mask_loss.item(), region_loss(regions).item(), scores.auc()


def test_the_head_learns_to_tell_separable_sounds_apart() -> None:
    learner, scene = new_learner(), a_scene()
    mask_before, head_before, _ = scored(learner, scene)
    for _ in range(50):
        learner.step(scene, 1e-2)
    mask_after, head_after, auc = scored(learner, scene)
    assert mask_after < 0.5 * mask_before
    assert head_after < 0.2 * head_before
    assert auc == 1.0


def test_a_region_weight_of_zero_leaves_the_head_unchanged() -> None:
    heads = {}
    for weight in (0.0, 0.5):
        learner = new_learner(with_training(RECIPE, region_weight=weight, weight_decay=0.0))
        before = learner.state_dict()["network"]["class_head.weight"].clone()
        learner.train_mode()
        learner.step(a_scene(), 1e-2)
        heads[weight] = (learner.state_dict()["network"]["class_head.weight"] - before).abs().max().item()
    assert heads[0.0] == 0.0
    assert heads[0.5] > 1e-3


def test_the_loss_of_a_step_is_the_mask_loss_plus_the_weighted_region_loss() -> None:
    losses = []
    for weight in (0.0, 0.5, 1.0):
        learner = new_learner(with_training(RECIPE, region_weight=weight))
        torch.manual_seed(5)  # the threshold of the regions
        learner.train_mode()
        losses.append(learner.step(a_scene(), 1e-9)[1].item())
    assert losses[0] < losses[1]
    assert losses[2] - losses[0] == pytest.approx(2 * (losses[1] - losses[0]), rel=1e-4)


def test_a_network_without_class_logits_has_no_regions_and_learns_its_mask() -> None:
    recipe = dataclasses.replace(RECIPE, network=SegNetConfig(channels=(8, 8, 12, 16)))
    learner, scene = new_learner(recipe), a_scene()
    losses = [learner.step(scene, 1e-2)[1].item() for _ in range(10)]
    assert run_batch(learner.best_weights, scene, recipe).regions is None
    assert losses[-1] < losses[0]
