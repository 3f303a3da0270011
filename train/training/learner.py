"""A network in training: optimizer, average of the weights and teachers, on one device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from birdedge.train.data.batch import Batch
from birdedge.train.data.class_cells import CELL_FRAMES
from birdedge.train.networks.registry import build_network
from birdedge.train.training.checkpoint import Checkpoint
from birdedge.train.training.distillation import mean_probabilities
from birdedge.train.training.hardware import compile_model
from birdedge.train.training.losses import class_teacher_loss, mask_loss, teacher_loss
from birdedge.train.training.optimization import averaging, make_optimizer
from birdedge.train.training.recipe import Recipe
from birdedge.train.training.regions import (
    HIGH_THRESHOLD,
    LOW_THRESHOLD,
    Regions,
    find_regions,
    region_loss,
)

MAX_GRADIENT_NORM = 5.0


class Learner:
    """The network of a recipe with all state that changes during training."""

    def __init__(
        self, fabric: Fabric, recipe: Recipe, initial: Checkpoint | None, teachers: Sequence[Checkpoint]
    ) -> None:
        self._fabric, self._recipe = fabric, recipe
        self._network: Any = build_network(recipe.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if initial is not None:
            self._network.load_state_dict(initial.network.state_dict())
        self._optimizer = make_optimizer(recipe.training, self._network)
        self._model, self._fabric_optimizer = fabric.setup(self._network, self._optimizer)
        self._called: Any = self._model  # compiled if `compile` succeeded
        self._teachers = [
            fabric.setup_module(t.network).to(memory_format=torch.channels_last) for t in teachers
        ]
        decay = recipe.training.average_decay
        self._average = AveragedModel(self._network, multi_avg_fn=averaging(decay), use_buffers=True)

    @property
    def best_weights(self) -> nn.Module:
        """The network to validate and keep: with averaged weights, unless the recipe has no average."""
        return self._average.module if self._recipe.training.average_decay else self._network

    @property
    def learning_rate(self) -> float:
        """The learning rate of the last step."""
        return float(self._optimizer.param_groups[0]["lr"])

    def compile(self, batch: Batch, say: Callable[[str], None]) -> None:
        """Compile training steps for batches of this shape, if that works."""
        self._called = compile_model(self._fabric, self._model, batch, say)

    def train_mode(self) -> None:
        """Turn on dropout and the statistics of batch norm."""
        self._model.train()

    def step(self, batch: Batch, learning_rate: float) -> tuple[Tensor, Tensor]:
        """Take one optimizer step, update the average, and return logits and loss."""
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        threshold = float(torch.empty(1).uniform_(LOW_THRESHOLD, HIGH_THRESHOLD))
        closed = bool(torch.rand(1) < 0.5)
        logits, class_logits, regions, loss = run_batch(self._called, batch, self._recipe, threshold, closed)
        class_loss = region_loss(regions) if regions is not None else 0 * loss
        if self._teachers:
            share = self._recipe.training.teacher_share
            probability, classes = mean_probabilities(self._teachers, *self._teacher_input(batch))
            loss = (1 - share) * loss + share * teacher_loss(logits, probability, batch.weight)
            if class_logits is not None and classes is not None:
                taught = class_teacher_loss(class_logits, classes, probability)
                class_loss = (1 - share) * class_loss + share * taught
        loss = loss + self._recipe.training.region_weight * class_loss
        self._fabric.backward(loss)
        self._fabric.clip_gradients(self._model, self._fabric_optimizer, max_norm=MAX_GRADIENT_NORM)
        self._fabric_optimizer.step()
        self._fabric_optimizer.zero_grad(set_to_none=True)
        self._average.update_parameters(self._network)
        return logits, loss

    @staticmethod
    def _teacher_input(batch: Batch) -> tuple[Tensor, int]:
        """Return the network input of the teachers, and how many of their frames are one of the student's."""
        finer = batch.teacher_x
        if not isinstance(finer, Tensor):
            return batch.x, 1
        return finer, finer.shape[2] // batch.x.shape[2]

    def state_dict(self) -> dict[str, Any]:
        """Return the state from which training continues unchanged."""
        return {
            "network": self._network.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "average": self._average.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Set the state that `state_dict` returned."""
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._average.load_state_dict(state["average"])


class BatchResult(NamedTuple):
    """The outputs of a network for a batch, from the first frame on, without the lookahead."""

    logits: Tensor  # of the mask, [batch, frames - lookahead, bins]
    class_logits: Tensor | None  # [batch, classes, (frames - lookahead) / 4, bins / 4]
    regions: Regions | None
    mask_loss: Tensor


def run_batch(
    model: nn.Module, batch: Batch, recipe: Recipe, threshold: float = 0.5, closed: bool = False
) -> BatchResult:
    """Return the outputs of a network for a batch; without a class map, there are no class logits and no regions.

    Row t of the network's output is the mask of frame t - lookahead.

    Args:
        model: The network.
        batch: Labelled examples.
        recipe: Supplies the loss and the lookahead.
        threshold: See `find_regions`.
        closed: See `find_regions`.
    """
    lookahead = recipe.network.lookahead_frames
    logits, class_logits, _ = model(batch.x.to(memory_format=torch.channels_last))
    logits = logits[:, lookahead:].float()
    frames = batch.target.shape[1] - lookahead
    loss = mask_loss(recipe.training.loss, logits, batch.target[:, :frames], batch.weight[:, :frames])
    if class_logits is None:
        return BatchResult(logits, None, None, loss)
    class_logits = class_logits[:, :, lookahead // CELL_FRAMES :]
    regions = find_regions(logits, class_logits, batch.sounds, threshold, closed, recipe.grid.hop_s)
    return BatchResult(logits, class_logits, regions, loss)
