"""Learning what a region of the mask is: a loss over the mean class logits of the regions that the network draws.

The recorder judges a region by the mean of its class logits, so that mean is trained. The regions come from the current
mask of each step, cut at a random threshold, with gaps closed or left open, since the recorder does both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from birdedge.edge.models.settings import EventSettings
from birdedge.train.data.class_cells import BIRD, CELL_BINS, CELL_FRAMES, NOT_BIRD, UNKNOWN
from birdedge.train.data.stft import GRID
from birdedge.train.training.metrics import roc_auc

MIN_BIRD_SHARE, MIN_NOISE_SHARE = 0.5, 0.9  # of a region with a class; mixed regions are skipped
TOUCHING = np.zeros((3, 3, 3), bool)  # cells of one example that touch, including at corners
TOUCHING[1] = True
LOW_THRESHOLD, HIGH_THRESHOLD = 0.3, 0.8


@dataclass(frozen=True, eq=False)
class Regions:
    """The regions of a batch whose class is known."""

    logits: Tensor  # [regions, classes], the means over each region
    sound: Tensor  # [regions], a class or NOT_BIRD
    weight: Tensor  # [regions], 1 / sqrt(regions of the example)

    @property
    def bird_probability(self) -> Tensor:
        """The probability of a bird."""
        return torch.softmax(self.logits, dim=1)[:, BIRD]


def find_regions(
    logits: Tensor,
    class_logits: Tensor,
    sounds: Tensor,
    threshold: float,
    closed: bool,
    hop_s: float = GRID.hop_s,
) -> Regions:
    """Return the regions of a mask with a known class.

    Args:
        logits: Logits of the mask, `[batch, frames, bins]`.
        class_logits: Logits of the classes, `[batch, classes, frames / 4, bins / 4]`.
        sounds: Classes of the cells, `[batch, frames / 4, bins / 4]`.
        threshold: The probability from which a bin belongs to a region.
        closed: Whether gaps are closed that the recorder bridges.
        hop_s: Seconds between frames.
    """
    settings, cell_s, cell_hz = EventSettings(), CELL_FRAMES * hop_s, CELL_BINS * GRID.bin_hz
    min_cells = settings.min_area_hz_s / (cell_s * cell_hz)
    steps = min(logits.shape[1] // CELL_FRAMES, class_logits.shape[2])
    above = (torch.sigmoid(logits[:, : steps * CELL_FRAMES].detach()) >= threshold).float()
    share = functional.avg_pool2d(above, (CELL_FRAMES, CELL_BINS))
    inside = share.cpu().numpy() > 0
    closing = np.ones((1, 1 + int(settings.gap_s / cell_s), 1 + int(settings.gap_hz / cell_hz)), bool)
    joined = ndimage.binary_closing(inside, closing) | inside if closed else inside
    numbers, count = ndimage.label(joined, TOUCHING)
    region = torch.from_numpy(numbers[inside].astype(np.int64) - 1).to(logits.device)
    place = torch.from_numpy(inside).to(logits.device)
    cell_weight = share[place]
    sound = sounds[:, :steps][place]
    total = _sums(region, cell_weight, count)
    bird = _sums(region, cell_weight * (sound == BIRD), count)
    noise = _sums(region, cell_weight * ((sound != BIRD) & (sound != UNKNOWN)), count)
    is_bird = bird >= MIN_BIRD_SHARE * total
    kept = (total >= min_cells) & (is_bird | (noise >= MIN_NOISE_SHARE * total))
    cells = class_logits[:, :, :steps].permute(0, 2, 3, 1)[place]
    means = torch.zeros(count, cells.shape[1], device=logits.device)
    means = means.index_add(0, region, cells.float() * cell_weight[:, None]) / total.clamp(min=1e-6)[:, None]
    example = torch.from_numpy(_example_of(numbers, count)).to(logits.device)[kept]
    noise_class = torch.where(sounds == UNKNOWN, NOT_BIRD, sounds).flatten(1).amax(dim=1).long()
    class_of_example = torch.where(noise_class == BIRD, NOT_BIRD, noise_class)
    found = torch.where(is_bird[kept], BIRD, class_of_example[example])
    per_example = torch.bincount(example, minlength=len(logits)).float()
    return Regions(means[kept], found, per_example[example].rsqrt())


def region_loss(regions: Regions) -> Tensor:
    """Return the cross-entropy of the classes; birds and all others each get half the weight.

    If a region is only known not to be a bird, the cross-entropy is that of "not a bird".
    """
    total = regions.logits.sum() * 0
    log_odds = torch.log_softmax(regions.logits, dim=1)
    not_bird = torch.logsumexp(log_odds[:, BIRD + 1 :], dim=1)
    known = regions.sound.clamp(min=0)[:, None]
    entropy = -torch.where(regions.sound == NOT_BIRD, not_bird, log_odds.gather(1, known)[:, 0])
    for side in (regions.sound == BIRD, regions.sound != BIRD):
        if side.any():
            weight = regions.weight[side]
            total = total + 0.5 * (entropy[side] * weight).sum() / weight.sum()
    return total


class RegionScores:
    """The bird probabilities of regions with a known class, collected batch by batch."""

    def __init__(self) -> None:
        self._bird: list[Tensor] = []
        self._other: list[Tensor] = []

    def add(self, regions: Regions) -> None:
        """Add the regions of a batch."""
        probability, is_bird = regions.bird_probability.detach(), regions.sound == BIRD
        self._bird.append(probability[is_bird].cpu())
        self._other.append(probability[~is_bird].cpu())

    def auc(self) -> float:
        """Return the area under the ROC curve: how often a bird has a higher probability than something else."""
        bird, other = (np.concatenate([np.zeros(0), *parts]) for parts in (self._bird, self._other))
        if not len(bird) or not len(other):
            return 0.5
        scores, place = np.unique(np.concatenate([bird, other]), return_inverse=True)
        counts = (np.bincount(part, minlength=len(scores)) for part in np.split(place, [len(bird)]))
        return float(roc_auc(*counts))


def _sums(region: Tensor, values: Tensor, count: int) -> Tensor:
    return torch.zeros(count, device=values.device).index_add(0, region, values)


def _example_of(numbers: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Return the example of each region."""
    first = ndimage.find_objects(numbers, count)
    return np.array([place[0].start for place in first], np.int64)
