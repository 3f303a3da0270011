"""The optimizer, its learning rate over a run, and the average of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from birdedge.train.training.recipe import Training


def make_optimizer(settings: Training, network: nn.Module) -> torch.optim.Optimizer:
    """Return the recipe's optimizer over all weights of a network."""
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(network.parameters(), rate, momentum=0.9, weight_decay=decay)
    if settings.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), rate, weight_decay=decay)
    return torch.optim.AdamW(network.parameters(), rate, weight_decay=decay)


def learning_rate(settings: Training, epoch: float) -> float:
    """Return the learning rate: linear warm-up, then half a cosine down to 0; `epoch` counts from 0, with fractions."""
    if epoch < settings.warmup_epochs:
        return settings.learning_rate * (epoch + 0.01) / settings.warmup_epochs
    share = (epoch - settings.warmup_epochs) / max(settings.epochs - settings.warmup_epochs, 1e-9)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


def averaging(decay: float) -> Callable[..., None]:
    """Return an exponential moving average whose memory is shorter at the start, to drop the first weights soon."""

    def update(averages: list[Tensor], values: list[Tensor], updates: Tensor | int) -> None:
        seen = float(updates)
        follow = get_ema_multi_avg_fn(min(decay, (1.0 + seen) / (10.0 + seen)))  # type: ignore[no-untyped-call]
        follow(averages, values, updates)

    return update
