"""A network in training: optimizer, average of the weights and teachers, on one device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from birdedge.train.data.batch import Batch
from birdedge.train.data.mixing import CELL_FRAMES
from birdedge.train.networks.registry import build_network
from birdedge.train.training.checkpoint import Checkpoint
from birdedge.train.training.distillation import mean_probability
from birdedge.train.training.hardware import compile_model
from birdedge.train.training.losses import mask_loss, teacher_loss
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
    """The network of a recipe with all that changes while it learns."""

    def __init__(
        self, fabric: Fabric, recipe: Recipe, initial: Checkpoint | None, teachers: Sequence[Checkpoint]
    ) -> None:
        self._fabric, self._recipe = fabric, recipe
        self._network: Any = build_network(recipe.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if initial is not None:
            self._network.load_state_dict(initial.network.state_dict())
        self._optimizer = make_optimizer(recipe.training, self._network)
        self._model, self._fabric_optimizer = fabric.setup(self._network, self._optimizer)
        self._called: Any = self._model  # compiled, or as it is
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
        logits, regions, loss = run_batch(self._called, batch, self._recipe, threshold, closed)
        if self._teachers:
            share = self._recipe.training.teacher_share
            taught = teacher_loss(logits, mean_probability(self._teachers, batch.x), batch.weight)
            loss = (1 - share) * loss + share * taught
        if regions is not None:
            loss = loss + self._recipe.training.region_weight * region_loss(regions)
        self._fabric.backward(loss)
        self._fabric.clip_gradients(self._model, self._fabric_optimizer, max_norm=MAX_GRADIENT_NORM)
        self._fabric_optimizer.step()
        self._fabric_optimizer.zero_grad(set_to_none=True)
        self._average.update_parameters(self._network)
        return logits, loss

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


def run_batch(
    model: nn.Module, batch: Batch, recipe: Recipe, threshold: float = 0.5, closed: bool = False
) -> tuple[Tensor, Regions | None, Tensor]:
    """Return logits without the lookahead, from the first frame on, the regions, and the loss of the mask.

    Row t of the network's output is the mask of frame t - lookahead.

    Args:
        model: The network.
        batch: Labelled examples.
        recipe: Its loss and lookahead apply.
        threshold: See `find_regions`; a network without class logits has no regions.
        closed: Likewise.
    """
    lookahead = recipe.network.lookahead_frames
    logits, class_logits, _ = model(batch.x.to(memory_format=torch.channels_last))
    logits = logits[:, lookahead:].float()
    frames = batch.target.shape[1] - lookahead
    loss = mask_loss(recipe.training.loss, logits, batch.target[:, :frames], batch.weight[:, :frames])
    if class_logits is None:
        return logits, None, loss
    class_logits = class_logits[:, :, lookahead // CELL_FRAMES :]
    return logits, find_regions(logits, class_logits, batch.sounds, threshold, closed), loss
